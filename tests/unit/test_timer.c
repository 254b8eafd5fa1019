/* A time to wait, as libevent understands it. */
#include <stdint.h>
#include <time.h>

#include <event2/event.h>

#include "banterd/net/timer.h"
#include "unit.h"

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
on_time(evutil_socket_t fd, short what, void *times)
{
	(void)fd;
	(void)what;
	++*(unsigned *)times;
}

/* Not before its time; that it comes at all, the test's own end looks after. */
static void
check_wait(
    struct event_base *base, struct event *ev, unsigned *times, uint64_t ms)
{
	uint64_t start = now_ms();

	*times = 0;
	ck_assert_int_eq(timer_add(ev, ms), 0);
	while (*times == 0)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	/* libevent's clock is as coarse as a tick of the kernel */
	ck_assert_uint_ge(now_ms() - start + 10, ms);
	ck_assert_uint_lt(now_ms() - start, ms + 60000);
}

START_TEST(waits)
{
	static const uint64_t ms[] = { 0, 1, 40, 150, 1020 };
	struct event_base *base = event_base_new();
	unsigned times;
	struct event *ev = evtimer_new(base, on_time, &times);
	size_t i;

	for (i = 0; i < sizeof(ms) / sizeof(ms[0]); i++)
		check_wait(base, ev, &times, ms[i]);
	event_free(ev);
	event_base_free(base);
}
END_TEST

/* A persistent one comes again and again, at the same distance. */
START_TEST(persistent)
{
	struct event_base *base = event_base_new();
	unsigned times = 0;
	struct event *ev = event_new(base, -1, EV_PERSIST, on_time, &times);
	uint64_t start = now_ms();

	ck_assert_int_eq(timer_add(ev, 50), 0);
	while (times < 3)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_uint_ge(now_ms() - start + 10, 150);
	event_free(ev);
	event_base_free(base);
}
END_TEST

UNIT_MAIN("timer", NULL, NULL, waits, persistent)
