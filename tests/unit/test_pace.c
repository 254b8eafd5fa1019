/* Who speaks waits for those who read, and not for ever. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/session/pace.h"
#include "daemon.h"
#include "unit.h"

#define LINES 200
#define WORDS                                                                      \
	"a line of some length, so that a few of them fill a queue; and some more" \
	" of it; and some more of it; and some more of it; and some more of it;"   \
	" and some more of it; and some more of it; and some more of it"

static void
setup(void)
{
	daemon_start("rate off\nsend-queue 8K\n");
	fixture.send_buffer = 4096;
}

/* p says so many lines at once, each with its number. */
static void
say_at_once(struct peer *p, const char *before, unsigned n)
{
	static char text[LINES * 256];
	size_t len = 0;
	unsigned i;

	for (i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s%s %u\n", before, WORDS, i);
	daemon_send(p, text, len);
}

/* Time passes until p has said it all.  Returns how much, in ms. */
static uint64_t
wait_for(struct peer *p)
{
	uint64_t began = rig.now;

	while (
	    input_is_held(&p->c->input) || conn_has_pending(p->c->out.conn)) {
		ck_assert_uint_lt(rig.now - began, 60000);
		daemon_advance(PACE_WAIT_MS);
	}
	return rig.now - began;
}

/* p has got all of them, once and in order. */
static void
check_all(struct peer *p, const char *before)
{
	char want[512];
	const char *at = p->got;
	unsigned i;

	p->got[p->len] = '\0';
	for (i = 0; i < LINES; i++) {
		snprintf(want, sizeof(want), "%s" WORDS " %u\r\n", before, i);
		ck_assert_msg(strncmp(at, want, strlen(want)) == 0,
		    "line %u: %.90s", i, at);
		at += strlen(want);
	}
	p->len = 0;
}

/* Whoever reads loses nothing, however much is said at once. */
START_TEST(readers_lose_nothing)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *c = daemon_person("c");

	daemon_forget();
	say_at_once(a, "", LINES);
	ck_assert(input_is_held(&a->c->input));
	wait_for(a);
	check_all(b, "[#lobby] a: ");
	check_all(c, "[#lobby] a: ");
	ck_assert_uint_eq(rig.srv.fanout->skipped, 0);
}
END_TEST

/* Nor when it is a command that says it. */
START_TEST(commands_wait)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_forget();
	say_at_once(a, "/me ", LINES);
	ck_assert(input_is_held(&a->c->input));
	wait_for(a);
	check_all(b, "[#lobby] * a ");
	say_at_once(a, "/msg #lobby ", LINES);
	ck_assert(input_is_held(&a->c->input));
	wait_for(a);
	check_all(b, "[#lobby] a: ");
}
END_TEST

/* One who does not read keeps the others waiting once, not long. */
START_TEST(patience)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *sleeper = daemon_person("sleeper");

	daemon_forget();
	sleeper->asleep = true;
	say_at_once(a, "", LINES);
	ck_assert_uint_lt(wait_for(a), 10 * PACE_PATIENCE_MS);
	check_all(b, "[#lobby] a: ");
	ck_assert(sleeper->c->out.full);
	ck_assert_uint_gt(sleeper->c->out.skipped, 0);
	/* from here on nobody waits for it */
	ck_assert_uint_eq(rig.srv.fanout->skipped, sleeper->c->out.skipped);
	daemon_type(a, "hello");
	daemon_heard(b, "[#lobby] a: hello\n");
}
END_TEST

/* What is not for that room does not wait. */
START_TEST(others_go_on)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");
	struct peer *sleeper = daemon_person("sleeper");
	struct peer *c = daemon_person("c"), *d = daemon_person("d");

	daemon_do(c, "/leave");
	daemon_do(c, "/join #quiet");
	daemon_do(d, "/join #quiet");
	daemon_do(d, "/leave #lobby");
	sleeper->asleep = true;
	say_at_once(a, "", LINES);
	ck_assert(input_is_held(&a->c->input));
	daemon_forget();
	daemon_type(c, "here");
	daemon_heard(d, "[#quiet] c: here\n");
	daemon_type(b, "/msg d there");
	daemon_heard(d, "[private] b: there\n");
	daemon_type(b, "/who #quiet");
	daemon_heard(b, "* #quiet (2): @c, d\n");
}
END_TEST

/* What waits is said, or goes, with the one who said it. */
START_TEST(held_at_the_end)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_forget();
	say_at_once(a, "", LINES);
	ck_assert(input_is_held(&a->c->input));
	daemon_half_close(a);
	while (!a->closed)
		daemon_advance(PACE_WAIT_MS);
	check_all(b, "[#lobby] a: ");
	a = daemon_person("x");
	daemon_forget();
	say_at_once(a, "", LINES);
	ck_assert(input_is_held(&a->c->input));
	ck_assert(daemon_reload("deny 192.0.2.0/24\nrate off\n"));
	daemon_advance(2000);
	ck_assert_uint_eq(rig.srv.nclients, 0);
}
END_TEST

/* A stop carries it out at once. */
START_TEST(held_at_a_stop)
{
	struct peer *a = daemon_person("a"), *b = daemon_person("b");

	daemon_forget();
	say_at_once(a, "", LINES);
	ck_assert(input_is_held(&a->c->input));
	loop_stop(&rig.srv);
	daemon_settle();
	ck_assert(daemon_has(b, "* The server is going down.\r\n"));
	ck_assert_uint_eq(rig.srv.session.lines_in, LINES + 2);
}
END_TEST

UNIT_MAIN("pace", setup, daemon_stop, readers_lose_nothing, commands_wait,
    patience, others_go_on, held_at_the_end, held_at_a_stop)
