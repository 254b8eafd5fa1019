/* The vault: what is in flight when, and what the kernel refuses. */
#include <sys/param.h>
#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "banterd/base/deadline.h"
#include "unit.h"
#include "vaults.h"

/* ---- one after the other, and in batches ---- */

START_TEST(in_batches)
{
	unsigned i;

	ck_assert(vault_due(v) == NEVER);
	vaults_add(0, 3 * VAULT_BATCH + 1);
	ck_assert_uint_eq(vault_waiting(v), 3 * VAULT_BATCH + 1);
	ck_assert_uint_eq(vault_messages(v), 0);
	vaults_flush();
	ck_assert_uint_eq(calls.n, 4);
	ck_assert_uint_eq(vault_waiting(v), 0);
	ck_assert_uint_eq(vault_messages(v), 4);
	vaults_flush();
	ck_assert_uint_eq(calls.n, 4);
	ck_assert(vault_due(v) == NEVER);
	vaults_check(true);
	for (i = 0; i < nfound; i++)
		if (order[i] != i)
			ck_abort_msg("%u is at %u", order[i], i);
}
END_TEST

START_TEST(removed_before_it_is_sent)
{
	vaults_add(0, 3);
	vaults_remove(1, 1);
	vaults_remove(1, 1);
	vaults_remove(7, 1); /* has never been in */
	ck_assert(!items[1].is_in);
	ck_assert_uint_eq(vault_waiting(v), 2);
	vaults_flush();
	ck_assert_uint_eq(vault_dead(v), 0);
	vaults_check(true);
	vaults_remove(0, 1);
	vaults_remove(0, 1);
	ck_assert_uint_eq(vault_dead(v), 1);
	vaults_add(0, 1);
	vaults_flush();
	vaults_settle();
	vaults_check(true);
	ck_assert_uint_eq(nfound, 2);
}
END_TEST

START_TEST(empty)
{
	vaults_flush();
	ck_assert(vault_tick(v, now) == NEVER);
	vaults_look();
	ck_assert_uint_eq(nfound, 0);
	ck_assert(vaults_succeed());
	ck_assert_uint_eq(vault_messages(v), 0);
}
END_TEST

/* ---- the turn ---- */

/* What the peer of a socket sees: bytes, 0 for its end, or nothing yet. */
static ssize_t
seen_by(int peer)
{
	char byte;

	return read(peer, &byte, 1);
}

static void
begin_to_leave(int pair[2], bool says_so)
{
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	vault_add(v, &items[0], pair[0], 0);
	vaults_add(1, 2);
	vaults_flush();
	if (says_so)
		shutdown(pair[0], SHUT_RDWR);
	close(pair[0]);
	vaults_remove(0, 1);
}

START_TEST(closed_by_the_turn)
{
	uint64_t due;
	int pair[2];

	begin_to_leave(pair, false);
	ck_assert_uint_eq(vault_dead(v), 1);
	due = vault_due(v);
	ck_assert(due == now + VAULT_DEAD_MS);
	ck_assert(vault_tick(v, due - 1) == due);
	ck_assert_int_eq(seen_by(pair[1]), -1);
	ck_assert(vault_tick(v, due) == NEVER);
	ck_assert_int_eq(seen_by(pair[1]), 0);
	ck_assert_uint_eq(vault_dead(v), 0);
	ck_assert_uint_eq(vault_messages(v), 1);
	vaults_check(true);
	close(pair[1]);
}
END_TEST

START_TEST(shut_down_at_once)
{
	int pair[2];

	begin_to_leave(pair, true);
	ck_assert_int_eq(seen_by(pair[1]), 0);
	close(pair[1]);
}
END_TEST

/* For who is gone it is turned as far as they lie, and no further; who lives
 * there is with the old ones then. */
START_TEST(turned_as_far_as_needed)
{
	unsigned i;

	for (i = 0; i < 6; i++) {
		vaults_add(10 * i, 10);
		vaults_flush();
	}
	vaults_remove(10, 10); /* all of one */
	vaults_remove(25, 1);
	calls.n = 0;
	now += VAULT_DEAD_MS;
	ck_assert(vault_tick(v, now) == NEVER);
	ck_assert_uint_eq(calls.n, 1 + 3); /* one is sent, three are dropped */
	ck_assert_uint_eq(vault_messages(v), 4);
	vaults_check(true);
	ck_assert_uint_eq(order[0], 0);
	ck_assert_uint_eq(order[19 - 1], 29);
	ck_assert_uint_eq(order[19], 30);
}
END_TEST

/* The oldest of those who are gone counts. */
START_TEST(due_for_the_oldest)
{
	vaults_add(0, 3);
	vaults_flush();
	vaults_remove(0, 1);
	now += VAULT_DEAD_MS - 1;
	vaults_remove(1, 1);
	ck_assert(vault_due(v) == now + 1);
	vault_tick(v, now + 1);
	ck_assert_uint_eq(vault_dead(v), 0);
	ck_assert_uint_eq(vault_messages(v), 1);
	ck_assert(vault_due(v) == NEVER);
}
END_TEST

/* Whoever lives in the same message, or in one before it, keeps it there; else
 * what is dead in front goes. */
START_TEST(soon_gone)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	vault_add(v, &items[0], pair[0], 0);
	vaults_flush();
	ck_assert(!vaults_remove(0, 1));
	close(pair[0]);
	ck_assert_int_eq(seen_by(pair[1]), 0);
	close(pair[1]);
	ck_assert_uint_eq(vault_messages(v), 0);
	ck_assert(vault_due(v) == NEVER);

	vaults_add(1, 2);
	vaults_flush();
	vaults_add(3, 1);
	vaults_flush();
	ck_assert(vaults_remove(3, 1));
	ck_assert(vaults_remove(2, 1));
	ck_assert_uint_eq(vault_dead(v), 2);
	ck_assert(!vaults_remove(1, 1));
	ck_assert_uint_eq(vault_messages(v), 1); /* the other's end was told */
	vaults_add(4, 1);
	vaults_flush();
	ck_assert(!vaults_remove(4, 1));
	ck_assert_uint_eq(vault_messages(v), 0);
	ck_assert_uint_eq(vault_dead(v), 0);
}
END_TEST

/* So nobody who waits is left behind for them. */
START_TEST(no_dead_at_the_end)
{
	vaults_add(0, 2);
	vaults_flush();
	vaults_add(2, 2);
	vaults_flush();
	now += VAULT_DEAD_MS;
	vaults_remove(1, 1);
	vaults_remove(3, 1);
	vault_flush_last(v);
	ck_assert_uint_eq(vault_dead(v), 0);
	vaults_check(true);
	ck_assert_uint_eq(nfound, 2);
	vaults_remove(0, 1);
	vault_flush_last(v);
	ck_assert_uint_eq(vault_dead(v), 0);
}
END_TEST

/* Of the old ones, and of those who were never in, nobody can say that. */
START_TEST(may_be_held)
{
	vaults_add(0, 2);
	vaults_flush();
	vaults_remove(0, 1);
	now += VAULT_DEAD_MS;
	vault_tick(v, now);
	ck_assert_uint_eq(vault_messages(v), 1);
	ck_assert(vaults_remove(1, 1));
	ck_assert(!vaults_remove(1, 1));
	vaults_add(2, 1);
	ck_assert(vaults_remove(2, 1));
	vaults_add(3, 1);
	vaults_flush();
	items[3].is_twice = true;
	ck_assert(vaults_remove(3, 1));
}
END_TEST

START_TEST(small_messages_are_gathered)
{
	unsigned i;

	for (i = 0; i < VAULT_MESSAGES; i++) {
		vaults_add(7 * i, 7);
		vaults_flush();
	}
	ck_assert(vault_due(v) == NEVER);
	vaults_add(7 * i, 1);
	vaults_flush();
	ck_assert_uint_eq(vault_messages(v), VAULT_MESSAGES + 1);
	ck_assert(vault_due(v) <= now);
	most_flying = 0;
	ck_assert(vault_tick(v, now) == NEVER);
	ck_assert_uint_eq(
	    vault_messages(v), howmany(7 * VAULT_MESSAGES + 1, VAULT_BATCH));
	ck_assert_uint_le(most_flying, 7 * VAULT_MESSAGES + 1 + VAULT_SLACK);
	vaults_check(true);
}
END_TEST

/* What one gets where net.core.wmem_max is as usual. */
static void
set_usual_space(void)
{
	int size = 212992;

	ck_assert_int_eq(
	    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

/* As many as the header promises, in messages that take the most space for
 * what is in them: there is room until they are gathered.  And if they are more
 * full messages than the limit, they are not turned for ever. */
START_TEST(very_many)
{
	const unsigned size = VAULT_BATCH / 2 + 1;
	unsigned n = 0;

	set_usual_space();
	for (; n < 19000; n += size) {
		vaults_add(n, size);
		vault_flush(v, now);
	}
	if (vault_refused(v) == ETOOMANYREFS)
		return; /* not root */
	ck_assert(vault_due(v) == NEVER);
	for (; vault_due(v) == NEVER; n++) {
		vaults_add(n, 1);
		vault_flush(v, now);
	}
	ck_assert_int_eq(vault_refused(v), 0);
	ck_assert_uint_gt(vault_messages(v), VAULT_MESSAGES);
	ck_assert(vault_tick(v, now) == NEVER);
	ck_assert_uint_eq(vault_messages(v), howmany(n, VAULT_BATCH));
	for (; n < (VAULT_MESSAGES + 2) * VAULT_BATCH; n += VAULT_BATCH) {
		vaults_add(n, VAULT_BATCH);
		vault_flush(v, now);
	}
	ck_assert_uint_gt(vault_messages(v), VAULT_MESSAGES);
	ck_assert(vault_due(v) == NEVER);
	vaults_flush();
	vaults_check(true);
}
END_TEST

/* Those who stay are not sent again for those who come and go. */
START_TEST(old_and_young)
{
	unsigned i;

	vaults_add(0, 3 * VAULT_BATCH);
	vaults_flush();
	vaults_remove(3 * VAULT_BATCH - 1, 1);
	now = vault_due(v);
	vault_tick(v, now);
	ck_assert_uint_eq(vault_messages(v), 3);
	for (i = 0; i < 500; i++) {
		vaults_add(top, 1);
		vaults_flush();
		vaults_remove(top - 1, 1);
		now += 100;
		calls.n = 0;
		vault_tick(v, now);
		/* none is sent, at most those of a second are dropped */
		ck_assert_uint_le(calls.n, VAULT_DEAD_MS / 100 + 1);
	}
	vaults_settle();
	ck_assert_uint_eq(vault_messages(v), 3);
	vaults_check(true);
	vaults_remove(5, 1);
	vaults_settle();
	vaults_check(true);
}
END_TEST

/* However long people come and go, it stays small. */
START_TEST(churn)
{
	unsigned present[300], cycle, i;

	for (i = 0; i < 300; i++)
		present[i] = i;
	vaults_add(0, 300);
	vaults_flush();
	for (cycle = 0; cycle < 10000; cycle++) {
		i = unit_random(&seed) % 300;
		vaults_remove(present[i], 1);
		present[i] = 300 + cycle;
		vaults_add(present[i], 1);
		vault_flush(v, now);
		living[present[i]] = true;
		now += 5;
		if (vault_due(v) <= now)
			vault_tick(v, now);
		if (vault_messages(v) > 2 * VAULT_MESSAGES ||
		    vault_dead(v) > 2 * (VAULT_DEAD_MS / 5 + 1))
			ck_abort_msg("%u messages, %u dead", vault_messages(v),
			    vault_dead(v));
	}
	vaults_settle();
	vaults_check(true);
	ck_assert_uint_eq(nfound, 300);
}
END_TEST

/* ---- what the kernel refuses ---- */

START_TEST(refused_and_tried_again)
{
	calls.fault = ETOOMANYREFS;
	calls.fail_from = 1;
	calls.fail_to = 2;
	vaults_add(0, 2);
	vaults_flush();
	ck_assert_uint_eq(calls.n, 1);
	ck_assert_uint_eq(vault_waiting(v), 2);
	ck_assert_int_eq(vault_refused(v), ETOOMANYREFS);
	ck_assert(vault_due(v) == now + VAULT_RETRY_MS);
	vaults_add(2, 1);
	vaults_flush(); /* waits as well */
	ck_assert(
	    vault_tick(v, now + VAULT_RETRY_MS - 1) == now + VAULT_RETRY_MS);
	ck_assert_uint_eq(calls.n, 1);
	now += VAULT_RETRY_MS;
	ck_assert(vault_tick(v, now) == now + VAULT_RETRY_MS);
	ck_assert_uint_eq(calls.n, 2);
	ck_assert_uint_eq(vault_waiting(v), 3);
	now += VAULT_RETRY_MS;
	ck_assert(vault_tick(v, now) == NEVER);
	ck_assert_uint_eq(vault_waiting(v), 0);
	ck_assert_int_eq(vault_refused(v), 0);
	vaults_check(true);
}
END_TEST

static void
set_space(int end, int size)
{
	ck_assert_int_eq(
	    setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

/* Where no more may be in flight it is because of those who are gone: they make
 * room, though somebody lives between them. */
START_TEST(as_many_as_may_be)
{
	unsigned i;

	for (i = 0; i < 20; i++) {
		vaults_add(10 * i, 10);
		vaults_flush();
		vaults_remove(10 * i + 1, 9);
	}
	now += VAULT_DEAD_MS;
	calls.fault = ETOOMANYREFS;
	calls.fail_from = calls.fail_to = calls.n + 1;
	vault_tick(v, now);
	ck_assert_uint_eq(vault_dead(v), 0);
	ck_assert_uint_eq(vault_waiting(v), 0);
	vaults_check(true);
	ck_assert_uint_eq(nfound, 20);
}
END_TEST

/* At the end nobody waits for the next time. */
START_TEST(refused_before_the_end)
{
	calls.fault = ETOOMANYREFS;
	calls.fail_from = calls.fail_to = calls.n + 1;
	vaults_add(0, 2);
	vaults_flush();
	vaults_add(2, 1);
	vaults_flush();
	ck_assert_uint_eq(vault_waiting(v), 3);
	vault_flush_last(v);
	ck_assert_uint_eq(vault_waiting(v), 0);
	vaults_check(true);
	ck_assert_uint_eq(nfound, 3);
}
END_TEST

/* Where the young pair is full, they move on. */
START_TEST(full_pair_is_emptied)
{
	unsigned n;

	set_space(ends[0], 1);
	for (n = 0; n < VAULT_MESSAGES; n++) {
		vaults_add(n, 1);
		vaults_flush();
		ck_assert_uint_eq(vault_waiting(v), 0);
	}
	ck_assert_uint_lt(vault_messages(v), VAULT_MESSAGES / 2);
	vaults_check(true);
	ck_assert_uint_eq(nfound, n);
}
END_TEST

/* Adds one a message, until there is nowhere to move on to.  In the old pair
 * there is what nobody has sent. */
static unsigned
fill_pairs(void)
{
	unsigned n = 0;

	set_space(ends[0], 1);
	while (send(ends[2], "strange", 7, MSG_DONTWAIT) != -1)
		continue;
	for (; vault_waiting(v) == 0; n++) {
		ck_assert_uint_lt(n, VAULT_MESSAGES);
		vaults_add(n, 1);
		vaults_flush();
	}
	ck_assert_int_eq(vault_refused(v), EAGAIN);
	ck_assert_uint_gt(n, 2);
	return n;
}

static void
empty_old_pair(void)
{
	char buf[16];

	is_watched = false;
	while (recv(ends[3], buf, sizeof(buf), MSG_DONTWAIT) != -1)
		continue;
	is_watched = true;
}

START_TEST(full_pair_is_turned)
{
	unsigned n = fill_pairs();

	empty_old_pair();
	now += VAULT_RETRY_MS - VAULT_DEAD_MS / 2;
	vaults_remove(0, 1);
	now += VAULT_DEAD_MS / 2;
	ck_assert(vault_due(v) == now);
	vault_tick(v, now);
	ck_assert_uint_eq(vault_waiting(v), 0);
	ck_assert_uint_eq(vault_dead(v), 0);
	vaults_check(true);
	ck_assert_uint_eq(nfound, n - 1);
}
END_TEST

/* Who can't be moved on stays in flight, and leaves room when it goes. */
START_TEST(full_pairs)
{
	unsigned n = fill_pairs();

	now += VAULT_RETRY_MS;
	ck_assert(vault_tick(v, now) == now + VAULT_RETRY_MS);
	ck_assert_uint_eq(vault_waiting(v), 1);
	vaults_check(true);
	ck_assert_uint_eq(nfound, n - 1);
	vaults_remove(0, 1);
	now += VAULT_RETRY_MS;
	ck_assert(vault_tick(v, now) == NEVER);
	vaults_flush();
	ck_assert_uint_eq(vault_waiting(v), 0);
	vaults_check(true);
	ck_assert_uint_eq(nfound, n - 1);
}
END_TEST

/* Calls fail, n in a row from the one at on: whoever is in flight stays it, and
 * in the end everybody is.  Returns false if there are not so many calls. */
static bool
fail_at(unsigned at, unsigned n, int error)
{
	bool failed;

	seed = SEED;
	top = 0;
	calls.fault = error;
	calls.n = 0;
	calls.fail_from = at;
	calls.fail_to = at + n - 1;
	vaults_come_and_go(40);
	failed = calls.n >= at;
	calls.fail_from = UINT_MAX;
	vaults_check(false);
	vaults_settle();
	vaults_check(true);
	vaults_remove(0, top);
	vaults_settle();
	return failed;
}

START_TEST(each_call_fails)
{
	static const int errors[] = { EAGAIN, ETOOMANYREFS };
	unsigned at, error;

	for (error = 0; error < 2; error++) {
		for (at = 1; fail_at(at, 1, errors[error]); at++)
			continue;
		ck_assert_uint_gt(at, 50);
		for (at = 1; fail_at(at, 3, errors[error]); at++)
			continue;
	}
}
END_TEST

VAULTS_MAIN("vault", in_batches, removed_before_it_is_sent, empty,
    closed_by_the_turn, shut_down_at_once, turned_as_far_as_needed,
    due_for_the_oldest, soon_gone, may_be_held, no_dead_at_the_end,
    small_messages_are_gathered, very_many, old_and_young, churn,
    refused_and_tried_again, refused_before_the_end, as_many_as_may_be,
    full_pair_is_emptied, full_pair_is_turned, full_pairs, each_call_fails)
