/* How many passwords may be tried. */
#include <stdio.h>

#include "banterd/store/throttle.h"
#include "unit.h"

static struct throttle *t;

static void
setup(void)
{
	t = throttle_new();
	ck_assert_ptr_nonnull(t);
}

static void
teardown(void)
{
	throttle_free(t);
}

static void
tries(unsigned n, const char *name, const char *host, uint64_t now)
{
	while (n-- > 0) {
		if (!throttle_try(t, name, host, now))
			ck_abort_msg("%u more of %s from %s", n, name, host);
	}
}

START_TEST(five_for_a_name)
{
	tries(5, "alice", "h1", 1000);
	ck_assert(!throttle_try(t, "alice", "h1", 1000));
	ck_assert(!throttle_try(t, "ALICE", "h1", 1000));
	/* Others do not pay for it. */
	tries(5, "alice", "h2", 1000);
	tries(5, "bob", "h1", 1000);
	ck_assert(!throttle_try(t, "bob", "h1", 1000));
}
END_TEST

START_TEST(a_minute)
{
	tries(4, "alice", "h1", 1000);
	tries(1, "alice", "h1", 31000);
	ck_assert(!throttle_try(t, "alice", "h1", 60999));
	tries(4, "alice", "h1", 61000);
	ck_assert(!throttle_try(t, "alice", "h1", 61000));
	ck_assert(!throttle_try(t, "alice", "h1", 90999));
	tries(1, "alice", "h1", 91000);
	ck_assert(!throttle_try(t, "alice", "h1", 91000));
}
END_TEST

/* A refusal is no try: who waits a minute may again. */
START_TEST(refused)
{
	unsigned i;

	tries(5, "alice", "h1", 1000);
	for (i = 0; i < 1000; i++)
		ck_assert(!throttle_try(t, "alice", "h1", 1000 + i * 50));
	tries(5, "alice", "h1", 61000);
}
END_TEST

START_TEST(right)
{
	unsigned i;

	for (i = 0; i < 100; i++) {
		tries(1, "alice", "h1", 1000);
		throttle_right(t, "Alice", "h1");
	}
	tries(5, "alice", "h1", 1000);
	ck_assert(!throttle_try(t, "alice", "h1", 1000));
	throttle_right(t, "alice", "h1");
	tries(1, "alice", "h1", 1000);
	ck_assert(!throttle_try(t, "alice", "h1", 1000));
	/* Nobody has tried these. */
	throttle_right(t, "bob", "h1");
	throttle_right(t, "bob", "h2");
}
END_TEST

START_TEST(thirty_from_a_host)
{
	char name[16];
	unsigned i;

	for (i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		tries(3, name, "h1", 1000);
	}
	ck_assert(!throttle_try(t, "n0", "h1", 1000));
	ck_assert(!throttle_try(t, "n9", "h1", 1000));
	tries(1, "n0", "h2", 1000);
	/* One without a wrong one is always tried, once. */
	tries(1, "alice", "h1", 1000);
	ck_assert(!throttle_try(t, "alice", "h1", 1000));
	tries(1, "bob", "h1", 1000);
	throttle_right(t, "bob", "h1");
	tries(1, "bob", "h1", 1000);
	tries(2, "n0", "h1", 61000);
}
END_TEST

/* More than there is space for: the oldest is forgotten, the newest not. */
START_TEST(many)
{
	char name[16], host[16];
	unsigned i;

	tries(5, "alice", "h1", 1);
	for (i = 0; i < THROTTLE_PAIRS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		(void)snprintf(host, sizeof(host), "h%u", i % 2000 + 2);
		tries(1, name, host, 2 + i);
	}
	tries(5, "alice", "h1", 5000);
	(void)snprintf(host, sizeof(host), "h%u", (i - 1) % 2000 + 2);
	tries(4, name, host, 5000);
	ck_assert(!throttle_try(t, name, host, 5000));
}
END_TEST

UNIT_MAIN("throttle", setup, teardown, five_for_a_name, a_minute, refused,
    right, thirty_from_a_host, many)
