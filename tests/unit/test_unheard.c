/* Who wrote in private to somebody whose host may be gone: when they are told,
 * over a TCP that is as the test says. */
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <stdio.h>
#include <string.h>

#include "banterd/session/unheard.h"
#include "daemon.h"
#include "unit.h"

#define TOLD "* a has not answered for 20 s; they may be gone.\n"

/* What the kernel knows of a's host; nobody else's is asked for. */
static struct tcp {
	uint64_t heard_at; /* ms: when it answered last */
	unsigned unacked, probes;
	int idle;        /* s: TCP_KEEPIDLE, as set last; 0: never */
	unsigned asked;  /* how often it was set */
	unsigned looked; /* how often TCP_INFO was asked for */
} tcp;

int __real_getsockopt(int, int, int, void *, socklen_t *);
int __wrap_getsockopt(int, int, int, void *, socklen_t *);
int __real_setsockopt(int, int, int, const void *, socklen_t);
int __wrap_setsockopt(int, int, int, const void *, socklen_t);

int
__wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	struct tcp_info *info = value;

	if (level != IPPROTO_TCP || option != TCP_INFO)
		return __real_getsockopt(fd, level, option, value, len);
	memset(info, 0, *len);
	info->tcpi_last_ack_recv = (uint32_t)(rig.now - tcp.heard_at);
	info->tcpi_unacked = tcp.unacked;
	info->tcpi_probes = (uint8_t)tcp.probes;
	tcp.looked++;
	return 0;
}

int
__wrap_setsockopt(
    int fd, int level, int option, const void *value, socklen_t len)
{
	if (level != IPPROTO_TCP || option != TCP_KEEPIDLE)
		return __real_setsockopt(fd, level, option, value, len);
	memcpy(&tcp.idle, value, sizeof(tcp.idle));
	tcp.asked++;
	return 0;
}

static struct peer *a, *b;
static int idle_of_a; /* s: as a came */

/* The clock stands at a whole second: looks are then. */
static void
setup(void)
{
	daemon_start("");
	daemon_advance(1000 - rig.now % 1000);
	a = daemon_person("a");
	idle_of_a = tcp.idle;
	b = daemon_person("b");
	daemon_forget();
	memset(&tcp, 0, sizeof(tcp));
	tcp.heard_at = rig.now;
}

/* a's host takes nothing any more, and there is something on its way to it. */
static void
cut(void)
{
	a->asleep = true;
	tcp.unacked = 1;
}

/* All has arrived. */
static void
answer(void)
{
	tcp.heard_at = rig.now;
	tcp.unacked = tcp.probes = 0;
	a->asleep = false;
	daemon_settle();
}

START_TEST(told_after_20_seconds)
{
	cut();
	daemon_ask(b, "/msg a hello", "");
	daemon_advance(UNHEARD_MS - 1);
	daemon_heard(b, "");
	ck_assert_uint_eq(tcp.looked, 0);
	daemon_advance(1);
	daemon_heard(b, TOLD);
	daemon_advance(60000);
	daemon_heard(b, "");
}
END_TEST

/* Each who waits, once, whatever they wrote with and how often. */
START_TEST(all_are_told)
{
	struct peer *p[10];
	char name[8];
	size_t i;

	daemon_do(a, "/msg b hi");
	cut();
	daemon_do(b, "/reply hello");
	daemon_do(b, "/msg a /me waves");
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "p%zu", i);
		p[i] = daemon_person(name);
		daemon_do(p[i], "/msg a hello");
	}
	daemon_hang_up(p[0]);
	daemon_all("/set quiet on");
	daemon_advance(UNHEARD_MS);
	daemon_heard(b, TOLD);
	for (i = 1; i < 10; i++)
		daemon_heard(p[i], TOLD);
}
END_TEST

START_TEST(answered)
{
	daemon_do(b, "/msg a hello");
	ck_assert_ptr_nonnull(a->c->unheard);
	daemon_advance(UNHEARD_MS);
	daemon_heard(b, "");
	ck_assert_ptr_null(a->c->unheard);
	rig.wakes = 0;
	daemon_advance(600000);
	ck_assert_uint_eq(rig.wakes, 0);
}
END_TEST

/* For each of many messages the kernel is not asked. */
START_TEST(costs_nothing)
{
	int i;

	ck_assert(daemon_reload("rate off\n"));
	for (i = 0; i < 200; i++)
		daemon_do(b, "/msg a hello");
	ck_assert_uint_eq(tcp.looked, 0);
	daemon_advance(UNHEARD_MS);
	ck_assert_uint_eq(tcp.looked, 1);
}
END_TEST

/* What had an answer is not blamed on what left a moment ago. */
START_TEST(has_just_left)
{
	daemon_do(b, "/msg a hello");
	daemon_advance(1000);
	answer();
	daemon_advance(18000);
	cut();
	daemon_do(b, "in the room");
	daemon_advance(1000);
	daemon_heard(b, "");
	daemon_advance(UNHEARD_MS - 1);
	daemon_heard(b, "");
	daemon_advance(1);
	daemon_heard(b, TOLD);
}
END_TEST

/* A window that is shut (Ctrl-S) is probed, less and less often. */
START_TEST(pauses)
{
	cut();
	tcp.unacked = 0;
	tcp.probes = 1;
	daemon_do(b, "/msg a hello");
	daemon_advance(600000);
	daemon_heard(b, "");
	ck_assert_ptr_nonnull(a->c->unheard);
	tcp.probes = 2; /* the first had no answer */
	daemon_advance(UNHEARD_MS);
	daemon_heard(b, TOLD);
}
END_TEST

START_TEST(told_at_once)
{
	struct peer *c = daemon_person("c");

	cut();
	daemon_do(b, "/msg a hello");
	daemon_advance(UNHEARD_MS);
	daemon_heard(b, TOLD);
	daemon_advance(5000);
	daemon_ask(c, "/msg a hello", TOLD);
	daemon_ask(b, "/msg a still there?", TOLD);
	/* back, and the next thing is on its way */
	answer();
	daemon_forget();
	daemon_advance(60000);
	cut();
	daemon_ask(c, "/msg a hello", "");
	daemon_advance(UNHEARD_MS - 1);
	daemon_heard(c, "");
	daemon_advance(1);
	daemon_heard(c, TOLD);
	daemon_heard(b, "");
}
END_TEST

/* Who was not heard because the daemon stood still gets the time anew. */
START_TEST(stood_still)
{
	cut();
	daemon_do(b, "/msg a hello");
	rig_stand_still(40000);
	daemon_settle();
	daemon_advance(100);
	daemon_heard(b, "");
	daemon_advance(UNHEARD_MS - 100);
	daemon_heard(b, "");
	daemon_advance(1000);
	daemon_heard(b, TOLD);
}
END_TEST

START_TEST(gone_meanwhile)
{
	cut();
	daemon_do(b, "/msg a hello");
	daemon_hang_up(a);
	daemon_forget();
	daemon_advance(UNHEARD_MS);
	daemon_heard(b, "");
}
END_TEST

START_TEST(unix_socket)
{
	struct peer *u = daemon_connect(NULL);

	daemon_do(u, "/nick u");
	u->asleep = true;
	daemon_do(b, "/msg u hello");
	ck_assert_ptr_null(u->c->unheard);
}
END_TEST

/* The kernel would ask all who came in one second at once, and drop what is
 * more than net.core.netdev_max_backlog of that. */
START_TEST(asked_one_after_the_other)
{
	int sum[CONN_IDLE + 1] = { 0 };
	unsigned i;

	for (i = 0; i < 60; i++) {
		daemon_connect("192.0.2.1");
		ck_assert_int_gt(tcp.idle, 20);
		ck_assert_int_le(tcp.idle, CONN_IDLE);
		sum[tcp.idle]++;
	}
	for (i = 0; i <= CONN_IDLE; i++)
		ck_assert_int_le(sum[i], 2);
}
END_TEST

/* To whom a does not listen nothing is on its way; the kernel asks instead. */
START_TEST(ignored)
{
	struct peer *c = daemon_person("c");

	tcp.asked = 0;
	daemon_do(a, "/ignore b");
	daemon_do(b, "/msg a hello");
	ck_assert_int_ge(tcp.idle, 1);
	ck_assert_int_lt(tcp.idle + CONN_ASK_AGAIN, UNHEARD_MS / 1000);
	daemon_do(b, "/msg a hello");
	daemon_do(c, "/msg a hello");
	ck_assert_uint_eq(tcp.asked, 1);
	tcp.probes = 2;
	daemon_advance(UNHEARD_MS);
	daemon_heard(b, TOLD);
	daemon_heard(c, TOLD);
	ck_assert_int_eq(tcp.idle, idle_of_a);
	daemon_ask(b, "/msg a hello", TOLD);
	/* back */
	answer();
	daemon_advance(1000);
	daemon_ask(b, "/msg a hello", "");
	ck_assert_int_ne(tcp.idle, idle_of_a);
	daemon_advance(UNHEARD_MS);
	daemon_heard(b, "");
	ck_assert_int_eq(tcp.idle, idle_of_a);
	ck_assert_ptr_null(a->c->unheard);
}
END_TEST

/* The question has as much time as a message has. */
START_TEST(ignored_later)
{
	daemon_do(a, "/ignore b");
	daemon_do(b, "/msg a hello");
	daemon_advance(10000);
	answer();
	daemon_do(b, "/msg a hello");
	tcp.probes = 1;
	daemon_advance(10000);
	daemon_heard(b, "");
	tcp.probes = 2;
	daemon_advance(UNHEARD_MS);
	daemon_heard(b, TOLD);
}
END_TEST

UNIT_MAIN("unheard", setup, daemon_stop, told_after_20_seconds, all_are_told,
    answered, costs_nothing, has_just_left, pauses, told_at_once, stood_still,
    gone_meanwhile, unix_socket, asked_one_after_the_other, ignored,
    ignored_later)
