/* Telnet out of a byte stream, however it is cut. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/net/telnet.h"
#include "unit.h"

/* What came of an input: its text, and in braces what was found in it. */
struct transcript {
	char text[8192];
	size_t len;
};

static void
note(struct transcript *t, const void *bytes, size_t len)
{
	ck_assert_uint_le(t->len + len, sizeof(t->text));
	memcpy(t->text + t->len, bytes, len);
	t->len += len;
}

static void
note_event(struct transcript *t, const struct telnet_event *ev)
{
	char reply[16];

	switch (ev->kind) {
	case TELNET_TEXT:
		ck_assert_uint_ge(ev->len, 1);
		note(t, ev->text, ev->len);
		break;
	case TELNET_REPLY:
		snprintf(reply, sizeof(reply), "{%02x %02x %02x}", ev->reply[0],
		    ev->reply[1], ev->reply[2]);
		note(t, reply, strlen(reply));
		break;
	case TELNET_ARE_YOU_THERE:
		note(t, "{ayt}", 5);
		break;
	case TELNET_ERASE_CHARACTER:
		note(t, "{ec}", 4);
		break;
	case TELNET_ERASE_LINE:
		note(t, "{el}", 4);
		break;
	case TELNET_INTERRUPT:
		note(t, "{ip}", 4);
		break;
	case TELNET_STRAY_END:
	case TELNET_END:
		break;
	}
}

/* Decodes one piece, in a buffer of just its size. */
static void
play_piece(struct telnet *tn, struct transcript *t, const char *p, size_t len)
{
	unsigned char *copy = malloc(len);
	const unsigned char *in = copy;
	struct telnet_event ev;

	memcpy(copy, p, len);
	do {
		telnet_next(tn, &in, &len, &ev);
		note_event(t, &ev);
	} while (ev.kind != TELNET_END);
	ck_assert_uint_eq(len, 0);
	free(copy);
}

static void
play(struct transcript *t, const char *p, size_t len, size_t how)
{
	struct telnet tn = { 0 };
	size_t from, n;

	t->len = 0;
	for (from = 0; from < len; from += n) {
		n = unit_piece(how, from, len);
		play_piece(&tn, t, p + from, n);
	}
}

/* Whole, one byte at a time, and cut at each point: always the same. */
static void
check(const char *raw, size_t len, const char *want, size_t want_len)
{
	char *what = unit_show(raw, len), *title;
	struct transcript t;
	size_t how;

	for (how = 0; how <= len; how++) {
		play(&t, raw, len, how);
		ck_assert_int_ne(
		    asprintf(&title, "%s, cut %zu", what, how), -1);
		unit_bytes(title, t.text, t.len, want, want_len);
		free(title);
	}
	free(what);
}

#define IAC  "\xff"
#define DONT "\xfe"
#define DO   "\xfd"
#define WONT "\xfc"
#define WILL "\xfb"
#define SB   "\xfa"
#define SE   "\xf0"

static const struct {
	const char *raw;
	size_t len;
	const char *want;
	size_t want_len;
} table[] = {
	{ BYTES("hello\r\n"), BYTES("hello\r\n") },
	{ BYTES("a\0b\x80\xfe"), BYTES("a\0b\x80\xfe") },

	/* offers and requests are refused, each once */
	{ BYTES(IAC DO "\x01"), BYTES("{ff fc 01}") },
	{ BYTES(IAC WILL "\x18"), BYTES("{ff fe 18}") },
	{ BYTES(IAC WONT "\x01"), BYTES("") },
	{ BYTES(IAC DONT "\x01"), BYTES("") },
	{ BYTES("ab" IAC WILL "\x03"
		"cd" IAC DO "\x03"
		"ef"),
	    BYTES("ab{ff fe 03}cd{ff fc 03}ef") },
	{ BYTES(IAC DO IAC), BYTES("{ff fc ff}") },
	{ BYTES(IAC WILL IAC IAC IAC), BYTES("{ff fe ff}\xff") },
	{ BYTES(IAC DO SB "x"), BYTES("{ff fc fa}x") },

	/* TIMING-MARK alone is agreed to */
	{ BYTES(IAC DO "\x06"), BYTES("{ff fb 06}") },
	{ BYTES(IAC WILL "\x06"), BYTES("{ff fe 06}") },
	{ BYTES(IAC DONT "\x06" IAC WONT "\x06"), BYTES("") },

	/* what Linux telnet begins with, and what its Ctrl-C is */
	{ BYTES(IAC DO "\x03" IAC WILL "\x18" IAC WILL "\x1f" IAC WILL
		       "\x20" IAC WILL "\x21" IAC WILL "\x22" IAC WILL
		       "\x27" IAC DO "\x05"),
	    BYTES("{ff fc 03}{ff fe 18}{ff fe 1f}{ff fe 20}{ff fe 21}"
		  "{ff fe 22}{ff fe 27}{ff fc 05}") },
	{ BYTES("abc" IAC "\xf4" IAC DO "\x06"
		"d"),
	    BYTES("abc{ip}{ff fb 06}d") },

	/* single commands */
	{ BYTES(IAC "\xf6"), BYTES("{ayt}") },
	{ BYTES("ab" IAC "\xf7"
		"c"),
	    BYTES("ab{ec}c") },
	{ BYTES("ab" IAC "\xf8"
		"c"),
	    BYTES("ab{el}c") },
	{ BYTES(IAC "\xf4" IAC "\xf3" IAC "\xee"), BYTES("{ip}{ip}{ip}") },
	{ BYTES("a" IAC "\xf1"
		"b" IAC "\xf2"
		"c" IAC "\xf5"
		"d" IAC "\xf9"
		"e"),
	    BYTES("abcde") },
	{ BYTES("a" IAC "\xec"
		"b" IAC "\xed"
		"c" IAC "\xef"
		"d"),
	    BYTES("abcd") },
	{ BYTES("a" IAC SE "b"), BYTES("ab") },

	/* the byte 255 itself */
	{ BYTES("a" IAC IAC "b"),
	    BYTES("a\xff"
		  "b") },
	{ BYTES(IAC IAC IAC IAC), BYTES("\xff\xff") },
	{ BYTES(IAC IAC IAC "\xf6"), BYTES("\xff{ayt}") },

	/* nonsense after IAC */
	{ BYTES("a" IAC "bc"), BYTES("ac") },
	{ BYTES("a" IAC "\0b"), BYTES("ab") },
	{ BYTES("a" IAC "\r\nb"), BYTES("a\nb") },

	/* subnegotiations */
	{ BYTES("a" IAC SB "\x18\0xterm" IAC SE "b"), BYTES("ab") },
	{ BYTES(IAC SB IAC SE "b"), BYTES("b") },
	{ BYTES("a" IAC SB "\x1f\0\x50" IAC IAC "\0" IAC SE "b"), BYTES("ab") },
	{ BYTES("a" IAC SB "x" IAC IAC SE "y" IAC SE "b"), BYTES("ab") },
	{ BYTES("a" IAC SB "x\r\ny" IAC SE "b"), BYTES("ab") },
	{ BYTES("a" IAC SB IAC "\xf6" IAC WILL "\x01" IAC SE "b"),
	    BYTES("ab") },
	{ BYTES("a" IAC SB IAC SB IAC SE "b"), BYTES("ab") },
	{ BYTES("a" IAC SB "never ended"), BYTES("a") },

	/* not ended at all */
	{ BYTES("a" IAC), BYTES("a") },
	{ BYTES("a" IAC DO), BYTES("a") },
};

START_TEST(tables)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check(table[i].raw, table[i].len, table[i].want,
		    table[i].want_len);
}
END_TEST

START_TEST(every_option)
{
	char raw[5] = { '\xff', 0, 0, '|' }, want[16];
	int option;

	for (option = 0; option < 256; option++) {
		raw[2] = (char)option;
		raw[1] = DO[0];
		snprintf(want, sizeof(want), "{ff %s %02x}|",
		    option == 6 ? "fb" : "fc", (unsigned)option);
		check(raw, 4, want, strlen(want));
		raw[1] = WILL[0];
		snprintf(want, sizeof(want), "{ff fe %02x}|", (unsigned)option);
		check(raw, 4, want, strlen(want));
		raw[1] = WONT[0];
		check(raw, 4, "|", 1);
		raw[1] = DONT[0];
		check(raw, 4, "|", 1);
	}
}
END_TEST

/* Each byte after IAC that begins nothing longer: what follows is text. */
START_TEST(every_command)
{
	char raw[4] = { '\xff', 0, '|' };
	const char *want;
	int c;

	for (c = 0; c < 256; c++) {
		if (c >= 0xfa && c <= 0xfe)
			continue;
		raw[1] = (char)c;
		want = c == 0xf6                        ? "{ayt}|" :
		    c == 0xf7                           ? "{ec}|" :
		    c == 0xf8                           ? "{el}|" :
		    c == 0xf4 || c == 0xf3 || c == 0xee ? "{ip}|" :
		    c == 0xff                           ? "\xff|" :
							  "|";
		check(raw, 3, want, strlen(want));
	}
}
END_TEST

static const unsigned char *
reply_of(const char *raw, unsigned char reply[3])
{
	const unsigned char *in = (const unsigned char *)raw;
	struct telnet tn = { 0 };
	struct telnet_event ev;
	size_t len = 3;

	telnet_next(&tn, &in, &len, &ev);
	if (ev.kind != TELNET_REPLY)
		return NULL;
	memcpy(reply, ev.reply, 3);
	return reply;
}

/* Two of our kind that speak to each other fall silent. */
START_TEST(no_loops)
{
	unsigned char a[3], b[3], c[3];
	char raw[3] = { '\xff' };
	int verb, option;

	for (verb = 0xfb; verb <= 0xfe; verb++) {
		for (option = 0; option < 256; option++) {
			raw[1] = (char)verb;
			raw[2] = (char)option;
			if (reply_of(raw, a) == NULL ||
			    reply_of((char *)a, b) == NULL)
				continue;
			ck_assert_msg(reply_of((char *)b, c) == NULL,
			    "verb %d, option %d", verb, option);
		}
	}
}
END_TEST

/* A subnegotiation of any length takes no memory and no text. */
START_TEST(endless_subnegotiation)
{
	static char junk[65536];
	struct transcript t = { .len = 0 };
	struct telnet tn = { 0 };
	int i;

	memset(junk, 'x', sizeof(junk));
	play_piece(&tn, &t, BYTES("a" IAC SB "\x18"));
	for (i = 0; i < 64; i++)
		play_piece(&tn, &t, junk, sizeof(junk));
	unit_bytes("while it goes on", t.text, t.len, "a", 1);
	play_piece(&tn, &t, BYTES(IAC SE "b"));
	unit_bytes("at its end", t.text, t.len, "ab", 2);
	ck_assert_uint_le(sizeof(tn), 4);
}
END_TEST

/* A caller that uses only part of a text gets the rest again. */
START_TEST(moving_back)
{
	const unsigned char *in = (const unsigned char *)"abcd" IAC "\xf6"
							 "e";
	struct telnet tn = { 0 };
	struct telnet_event ev;
	size_t len = 7, i;

	for (i = 0; i < 4; i++) {
		telnet_next(&tn, &in, &len, &ev);
		ck_assert_int_eq(ev.kind, TELNET_TEXT);
		ck_assert_uint_eq(ev.len, 4 - i);
		ck_assert_int_eq(ev.text[0], (int)('a' + i));
		in -= ev.len - 1;
		len += ev.len - 1;
	}
	telnet_next(&tn, &in, &len, &ev);
	ck_assert_int_eq(ev.kind, TELNET_ARE_YOU_THERE);
	telnet_next(&tn, &in, &len, &ev);
	ck_assert_int_eq(ev.kind, TELNET_TEXT);
	ck_assert_int_eq(ev.text[0], 'e');
}
END_TEST

/* Random bytes, mostly telnet's: the cuts make no difference. */
START_TEST(random_cuts)
{
	static const char bytes[] = "\xff\xff\xff\xff\xfa\xfb\xfc\xfd\xfe\xf0"
				    "\xf4\xf6\xf7\xf8\x06\x01"
				    "ab\r\n";
	unsigned long long state = 3;
	struct transcript whole, cut;
	char raw[16];
	size_t i, how;
	int round;

	for (round = 0; round < 1000; round++) {
		for (i = 0; i < sizeof(raw); i++)
			raw[i] =
			    bytes[unit_random(&state) % (sizeof(bytes) - 1)];
		play(&whole, raw, sizeof(raw), 0);
		for (how = 1; how <= sizeof(raw); how++) {
			play(&cut, raw, sizeof(raw), how);
			unit_bytes(
			    "cut", cut.text, cut.len, whole.text, whole.len);
		}
	}
}
END_TEST

UNIT_MAIN("telnet", NULL, NULL, tables, every_option, every_command, no_loops,
    endless_subnegotiation, moving_back, random_cuts)
