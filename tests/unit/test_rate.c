/* The rate: what each thing that a client sends and is answered costs it. */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "unit.h"

#define HOST  "192.0.2.1"
#define OTHER "192.0.2.2"

static struct peer *hearer;

static void
setup(void)
{
	daemon_start("rate 20 1\n");
	hearer = daemon_connect(OTHER);
}

/* Sends raw so many times. */
static void
send_often(struct peer *p, const char *raw, size_t len, unsigned times)
{
	char *all = malloc(len * times + 1);
	unsigned i;

	for (i = 0; i < times; i++)
		memcpy(all + i * len, raw, len);
	daemon_send(p, all, len * times);
	free(all);
}

/* How many lines p may say at once; the clock stands still. */
static unsigned
lines_left(struct peer *p)
{
	unsigned n = 0;
	size_t i;

	daemon_forget();
	send_often(p, BYTES("x\n"), 30);
	for (i = 0; i < hearer->len; i++)
		n += hearer->got[i] == '\n';
	daemon_forget();
	return n;
}

static void
costs(const char *raw, size_t len, unsigned times, unsigned tokens)
{
	struct peer *p = daemon_connect(HOST);
	unsigned left;

	send_often(p, raw, len, times);
	left = lines_left(p);
	if (left != 20 - tokens)
		ck_abort_msg("%u times %zu bytes, %.*s: %u lines are left",
		    times, len, (int)len, raw, left);
	daemon_advance(60000); /* all is carried out, and forgotten */
	daemon_hang_up(p);
	daemon_advance(60000);
}

/* A whole line costs one, however long it is; so does one that is too long. */
START_TEST(lines)
{
	char line[1026];

	memset(line, 'x', sizeof(line));
	line[1024] = '\n';
	costs(line, 1025, 3, 3);
	line[1024] = 'x';
	line[1025] = '\n';
	costs(line, 1026, 1, 1);
	costs(BYTES("\n"), 5, 5);
	costs(BYTES("/nonsense\n"), 2, 2);
	costs(BYTES("\xff\xf6"), 3, 3); /* are you there */
}
END_TEST

/* Bytes that make no line cost one for each 1,024. */
START_TEST(no_lines)
{
	costs(BYTES("\xff\xf1"), 511, 0);
	costs(BYTES("\xff\xf1"), 512, 1);
	costs(BYTES("\xff\xf1"), 4 * 512, 4);
	costs(BYTES("\xff\xfc\x01"), 1024, 3);
	costs(BYTES("a\xff\xf1"), 512, 1); /* the line may yet come */
	costs(BYTES("a\xff\xf7"), 512, 1);
	costs(BYTES("a\xff\xf8"), 1024, 3); /* it does not come any more */
	costs(BYTES("abcdefgh\xff\xf4"), 512, 5);
	costs(BYTES("\xff\xfa\x1f[0123456789\xff\xf0"), 256, 4);
}
END_TEST

/* What follows of a line that is too long makes none. */
START_TEST(too_long)
{
	char x[1000];

	memset(x, 'x', sizeof(x));
	costs(x, sizeof(x), 1, 0);
	costs(x, sizeof(x), 2, 1);
	costs(x, sizeof(x), 3, 2);
	costs(x, sizeof(x), 10, 9);
}
END_TEST

/* The negotiation of an ordinary telnet is free; a flood is not. */
START_TEST(options)
{
	costs(BYTES("\xff\xfd\x01"), 12, 0);
	costs(BYTES("\xff\xfb\x01"), 12, 0);
	costs(BYTES("\xff\xfd\x06"), 13, 1);
	costs(BYTES("\xff\xfd\x01\xff\xfb\x03"), 60, 9);
}
END_TEST

/* It is not delayed even by the narrowest rate; nor is the line after it. */
START_TEST(a_dozen_options)
{
	struct peer *p;
	unsigned i;

	ck_assert(daemon_reload("rate 1 1\n"));
	p = daemon_connect(HOST);
	daemon_forget();
	send_often(p, BYTES("\xff\xfd\x03\xff\xfb\x18"), 6);
	ck_assert_uint_eq(p->len, 36);
	for (i = 0; i < 36; i += 3)
		ck_assert_int_eq(p->got[i], '\xff');
	daemon_type(p, "hello");
	daemon_heard(hearer, "[#lobby] guest2: hello\n");
}
END_TEST

/* Options without end are answered as fast as the rate allows. */
START_TEST(options_without_end)
{
	struct peer *p = daemon_connect(HOST);
	int i;

	daemon_forget();
	send_often(p, BYTES("\xff\xfd\x01"), 1000);
	ck_assert_uint_eq(p->len / 3, 20 * RATE_BYTES / 85 + 1);
	ck_assert(!conn_is_reading(p->c->out.conn));
	daemon_forget();
	daemon_advance(1001);
	ck_assert_uint_ge(p->len / 3, 12);
	ck_assert_uint_le(p->len / 3, 13);
	for (i = 0; i < 10; i++)
		daemon_advance(10000);
	daemon_forget();
	daemon_type(p, "at last");
	daemon_heard(hearer, "[#lobby] guest2: at last\n");
}
END_TEST

/* ---- answers ---- */

/* Says so many lines of 1,000 bytes in #lobby, which fill a history. */
static void
say_much(unsigned n)
{
	struct peer *p;
	char line[1001];

	ck_assert(daemon_reload("rate off\n"));
	p = daemon_connect("192.0.2.3");
	memset(line, 'x', 1000);
	line[1000] = '\n';
	send_often(p, line, 1001, n);
	daemon_hang_up(p);
	ck_assert(daemon_reload("rate 20 1\n"));
}

/* One more for each 8 KB. */
START_TEST(answers)
{
	static const struct {
		const char *line;
		int cost;
	} asked[] = { { "/history 7", 1 }, { "/history 8", 2 },
		{ "/history", 3 }, { "/help", 1 } };
	struct peer *p;
	size_t i;

	say_much(20);
	p = daemon_connect(HOST);
	for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		daemon_advance(60000);
		daemon_type(p, asked[i].line);
		ck_assert_int_eq(
		    p->c->rate.tokens, (20 - asked[i].cost) * RATE_TOKEN);
	}
}
END_TEST

/* What others say is no answer. */
START_TEST(others)
{
	struct peer *p = daemon_connect(HOST);

	say_much(40);
	daemon_forget();
	ck_assert_uint_eq(lines_left(p), 20);
}
END_TEST

/* A newcomer pays for what it is shown, and so does who joins a room. */
START_TEST(replayed)
{
	struct peer *p;

	say_much(40);
	p = daemon_connect(HOST);
	ck_assert_int_eq(p->c->rate.tokens, 15 * RATE_TOKEN);
	daemon_type(p, "/leave");
	daemon_advance(60000);
	daemon_type(p, "/join #lobby");
	ck_assert_int_eq(p->c->rate.tokens, 14 * RATE_TOKEN);
}
END_TEST

/* ---- debt ---- */

/* An answer may cost more than there is, but nobody owes for long. */
START_TEST(debt)
{
	struct peer *p;

	say_much(50);
	ck_assert(daemon_reload("rate 3 1\n"));
	p = daemon_connect(HOST); /* 50 KB cost 6 */
	daemon_forget();
	daemon_send(p, BYTES("1\n2\n"));
	daemon_heard(hearer, "");
	daemon_advance(3999); /* three of debt, and one for the line */
	daemon_heard(hearer, "");
	daemon_advance(2);
	daemon_heard(hearer, "[#lobby] guest3: 1\n");
	daemon_advance(1001);
	daemon_heard(hearer, "[#lobby] guest3: 2\n");
}
END_TEST

START_TEST(debt_of_seconds)
{
	struct peer *p;

	say_much(50);
	ck_assert(daemon_reload("rate 5 1\n"));
	p = daemon_connect(HOST);
	daemon_advance(60000);
	daemon_do(p, "/history");   /* six, and one for the line */
	daemon_type(p, "/history"); /* waits for three seconds */
	daemon_advance(3001);
	ck_assert(daemon_has(p, "* The last 50 lines of #lobby:"));
	daemon_do(p, "1"); /* for five: four of debt, and one */
	daemon_advance(4998);
	daemon_heard(hearer, "");
	daemon_advance(3);
	daemon_heard(hearer, "[#lobby] guest3: 1\n");
}
END_TEST

/* It is no way out of it to come again. */
START_TEST(debt_of_a_host)
{
	struct peer *p;

	ck_assert(daemon_reload("rate 3 1\n"));
	p = daemon_connect(HOST);
	send_often(p, BYTES("\xff\xf1"), 4096); /* half of it is not read */
	ck_assert(!conn_is_reading(p->c->out.conn));
	daemon_hang_up(p);
	daemon_advance(4000); /* the rest */
	p = daemon_connect(HOST);
	daemon_forget();
	daemon_type(p, "1");
	daemon_heard(hearer, "");
	daemon_advance(3001);
	daemon_heard(hearer, "[#lobby] guest3: 1\n");
}
END_TEST

/* ---- nothing is lost ---- */

START_TEST(half_close)
{
	struct peer *p = daemon_connect(HOST);
	int i;

	daemon_forget();
	send_often(p, BYTES("\xff\xfd\x01\xff\xf1"), 1000);
	ck_assert_int_eq(send(p->fd, "last words", 10, 0), 10);
	daemon_half_close(p);
	daemon_heard(hearer, "");
	for (i = 0; i < 100 && !p->closed; i++)
		daemon_advance(1000);
	ck_assert_uint_eq(p->len, 3000);
	daemon_heard(
	    hearer, "[#lobby] guest2: last words\n[#lobby] -- guest2 left\n");
}
END_TEST

START_TEST(stopping)
{
	struct peer *p = daemon_connect(HOST);

	daemon_forget();
	send_often(p, BYTES("\xff\xfd\x01"), 1000);
	ck_assert_int_eq(send(p->fd, "last\n", 5, 0), 5);
	loop_stop(&rig.srv);
	daemon_settle();
	ck_assert_uint_gt(p->len, 3000);
	ck_assert(daemon_has(hearer, "[#lobby] guest2: last\r\n"));
}
END_TEST

START_TEST(off)
{
	struct peer *p;

	ck_assert(daemon_reload("rate off\n"));
	p = daemon_connect(HOST);
	send_often(p, BYTES("\xff\xf1"), 40000);
	send_often(p, BYTES("\xff\xfd\x01"), 4000);
	ck_assert_uint_eq(lines_left(p), 30);
}
END_TEST

/* Who goes on after /quit is read no faster than before it. */
START_TEST(after_the_end)
{
	struct peer *p = daemon_connect(HOST);
	char x[4096] = "/quit\n";
	int i;

	for (i = 0; i < 16 && send(p->fd, x, sizeof(x), 0) > 0; i++)
		daemon_settle();
	ck_assert_uint_eq(daemon_connections(), 2);
	ck_assert(!conn_is_reading(p->c->out.conn));
	ck_assert(daemon_has(p, "* Bye.\r\n"));
	daemon_advance(2000);
	ck_assert_uint_eq(daemon_connections(), 1);
}
END_TEST

UNIT_MAIN("rate", setup, daemon_stop, lines, no_lines, too_long, options,
    a_dozen_options, options_without_end, answers, others, replayed, debt,
    debt_of_seconds, debt_of_a_host, half_close, stopping, off, after_the_end)
