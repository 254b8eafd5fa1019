/* The plain dialect: how each event reads. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/dialect/plain.h"
#include "unit.h"

static const struct {
	struct chat_event ev;
	const char *want;
} events[] = {
	{ { .kind = EVENT_SAY, .room = "#dev", .who = "ann", .text = "hi all" },
	    "[#dev] ann: hi all" },
	{ { .kind = EVENT_ACTION,
	      .room = "#dev",
	      .who = "ann",
	      .text = "waves" },
	    "[#dev] * ann waves" },
	{ { .kind = EVENT_PRIVATE, .who = "ann", .text = "psst" },
	    "[private] ann: psst" },
	{ { .kind = EVENT_PRIVATE_ACTION, .who = "ann", .text = "nods" },
	    "[private] * ann nods" },
	{ { .kind = EVENT_JOIN, .room = "#dev", .who = "ann" },
	    "[#dev] -- ann joined" },
	{ { .kind = EVENT_LEAVE, .room = "#dev", .who = "ann" },
	    "[#dev] -- ann left" },
	{ { .kind = EVENT_LEAVE, .room = "#dev", .who = "ann", .text = "bye" },
	    "[#dev] -- ann left (bye)" },
	{ { .kind = EVENT_RENAME, .room = "#dev", .who = "ann", .whom = "bob" },
	    "[#dev] -- ann is now bob" },
	{ { .kind = EVENT_TOPIC,
	      .room = "#dev",
	      .who = "ann",
	      .text = "release" },
	    "[#dev] -- ann set the topic: release" },
	{ { .kind = EVENT_TOPIC, .room = "#dev", .who = "ann" },
	    "[#dev] -- ann cleared the topic" },
	{ { .kind = EVENT_KICK, .room = "#dev", .who = "ann", .whom = "bob" },
	    "[#dev] -- ann kicked bob" },
	{ { .kind = EVENT_KICK,
	      .room = "#dev",
	      .who = "ann",
	      .whom = "bob",
	      .text = "noise" },
	    "[#dev] -- ann kicked bob (noise)" },
	{ { .kind = EVENT_JOINS, .room = "#dev", .count = 1 },
	    "[#dev] -- 1 person joined" },
	{ { .kind = EVENT_JOINS, .room = "#dev", .count = 2 },
	    "[#dev] -- 2 people joined" },
	{ { .kind = EVENT_LEAVES, .room = "#dev", .count = 1 },
	    "[#dev] -- 1 person left" },
	{ { .kind = EVENT_LEAVES, .room = "#dev", .count = 2 },
	    "[#dev] -- 2 people left" },
	{ { .kind = EVENT_FIRST_NAMES, .room = "#dev", .count = 1 },
	    "[#dev] -- 1 person took a name" },
	{ { .kind = EVENT_FIRST_NAMES, .room = "#dev", .count = 4294967295 },
	    "[#dev] -- 4294967295 people took a name" },
	{ { .kind = EVENT_KICKED, .room = "#dev", .who = "ann" },
	    "! ann kicked you from #dev" },
	{ { .kind = EVENT_KICKED,
	      .room = "#dev",
	      .who = "ann",
	      .text = "noise" },
	    "! ann kicked you from #dev (noise)" },
	{ { .kind = EVENT_INVITED, .room = "#dev", .who = "ann" },
	    "* ann lets you into #dev again: /join #dev" },
	{ { .kind = EVENT_IN_ROOM, .room = "#dev" }, "* You are in #dev now." },
	{ { .kind = EVENT_IN_NO_ROOM },
	    "* You are in no room now; /join ROOM to enter one." },
	{ { .kind = EVENT_RUNS_ROOM, .room = "#dev" },
	    "* You run #dev now: /kick and /op are yours." },
	{ { .kind = EVENT_PUBLIC_ROOM, .room = "#dev" },
	    "* #dev is the server's room now: nobody runs it." },
	{ { .kind = EVENT_IS_AWAY, .who = "ann", .text = "lunch" },
	    "* ann is away: lunch" },
	{ { .kind = EVENT_REPLY, .text = "! No." }, "! No." },
	/* What people write means nothing to the form it comes in. */
	{ { .kind = EVENT_SAY, .room = "#a", .who = "x", .text = "{who} %s" },
	    "[#a] x: {who} %s" },
	{ { .kind = EVENT_SAY, .room = "#a", .who = "x", .text = "" },
	    "[#a] x: " },
	/* For eyes these are how it is delivered, not what it says. */
	{ { .kind = EVENT_SAY,
	      .many = true,
	      .replayed = true,
	      .bell = true,
	      .number = 7,
	      .time = 3600,
	      .room = "#a",
	      .who = "x",
	      .text = "y" },
	    "[#a] x: y" },
};

#define N_EVENTS (sizeof(events) / sizeof(events[0]))

START_TEST(reads)
{
	char text[128];
	size_t i, len;

	for (i = 0; i < N_EVENTS; i++) {
		memset(text, '~', sizeof(text));
		len = plain_render(&events[i].ev, text, sizeof(text));
		unit_bytes(events[i].want, text, len, events[i].want,
		    strlen(events[i].want));
		ck_assert_int_eq(text[len], '~');
	}
}
END_TEST

/* In a buffer that is too small as in one that is just large enough: nothing
 * is written behind it. */
START_TEST(fits)
{
	size_t i, size, len;
	char *text;

	for (i = 0; i < N_EVENTS; i++) {
		for (size = 1; size <= strlen(events[i].want); size++) {
			text = malloc(size);
			ck_assert_ptr_nonnull(text);
			len = plain_render(&events[i].ev, text, size);
			unit_bytes(
			    events[i].want, text, len, events[i].want, size);
			free(text);
		}
	}
}
END_TEST

/* One character after another: of one, two, three and four bytes. */
START_TEST(cut_between_characters)
{
	static const struct chat_event ev = { .kind = EVENT_SAY,
		.room = "#a",
		.who = "x",
		.text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z" };
	static const struct {
		size_t size;
		const char *want;
	} cuts[] = {
		{ 8, "[#a] x: " },
		{ 9, "[#a] x: a" },
		{ 10, "[#a] x: a" },
		{ 11, "[#a] x: a\xc3\xa4" },
		{ 12, "[#a] x: a\xc3\xa4" },
		{ 13, "[#a] x: a\xc3\xa4" },
		{ 14, "[#a] x: a\xc3\xa4\xe2\x82\xac" },
		{ 15, "[#a] x: a\xc3\xa4\xe2\x82\xac" },
		{ 16, "[#a] x: a\xc3\xa4\xe2\x82\xac" },
		{ 17, "[#a] x: a\xc3\xa4\xe2\x82\xac" },
		{ 18, "[#a] x: a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ 19, "[#a] x: a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z" },
		{ 20, "[#a] x: a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z" },
	};
	char text[32];
	size_t i, len;

	for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		len = plain_render(&ev, text, cuts[i].size);
		unit_bytes(
		    "cut", text, len, cuts[i].want, strlen(cuts[i].want));
	}
}
END_TEST

START_TEST(stamps)
{
	static const struct {
		const char *zone;
		time_t when, now;
		const char *want;
	} times[] = {
		{ "UTC", 0, 86399, "00:00 " },
		{ "UTC", 0, 86400, "1970-01-01 00:00 " },
		{ "UTC", 86399, 86399, "23:59 " },
		{ "UTC", 86399, 86400, "1970-01-01 23:59 " },
		{ "UTC", 37959, 0, "10:32 " },
		{ "UTC", 37979, 37980, "10:32 " },
		{ "UTC", 37980, 37980, "10:33 " },
		{ "UTC", 37980, 37980 + 365 * 86400, "1970-01-01 10:33 " },
		{ "XYZ-5:30", 37959, 66599, "16:02 " },
		{ "XYZ-5:30", 37959, 66600, "1970-01-01 16:02 " },
	};
	char text[PLAIN_STAMP_MAX + 1];
	size_t i;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		setenv("TZ", times[i].zone, 1);
		tzset();
		memset(text, '~', sizeof(text));
		ck_assert_uint_eq(
		    plain_stamp(times[i].when, times[i].now, text),
		    strlen(times[i].want));
		ck_assert_str_eq(text, times[i].want);
	}
	/* The last second of 31 bits, and the first after it: no 32-bit
	 * machine may stop there. */
	(void)plain_stamp(
	    (time_t)INT64_C(2147483647), (time_t)INT64_C(2147483647), text);
	ck_assert_str_eq(text, "08:44 ");
	(void)plain_stamp(
	    (time_t)INT64_C(2147483700), (time_t)INT64_C(2147483700), text);
	ck_assert_str_eq(text, "08:45 ");
	/* No calendar has that year; a time there is all the same. */
	ck_assert_uint_eq(plain_stamp((time_t)INT64_MAX, 0, text),
	    strlen("1900-01-01 00:00 "));
	/* What takes more than four digits has no date. */
	ck_assert_uint_eq(plain_stamp((time_t)INT64_C(999999999999), 0, text),
	    strlen("01:46 "));
}
END_TEST

UNIT_MAIN("plain", NULL, NULL, reads, fits, cut_between_characters, stamps)
