/* Hosts: their connections, their failures, what those who left have spent. */
#include <stdio.h>
#include <string.h>

#include "banterd/base/record.h"
#include "banterd/net/host.h"
#include "address.h"
#include "unit.h"

static struct host *
enter_at(struct hosts *hosts, const char *text, uint64_t now)
{
	struct address a = address_of(text);
	struct host *host = host_enter(hosts, &a, now);

	ck_assert_ptr_nonnull(host);
	return host;
}

static struct host *
enter(struct hosts *hosts, const char *text)
{
	return enter_at(hosts, text, 0);
}

START_TEST(hosts_count)
{
	struct hosts hosts;
	struct host *a, *b;

	hosts_init(&hosts);
	a = enter(&hosts, "192.0.2.1");
	ck_assert_uint_eq(a->clients, 1);
	ck_assert_ptr_eq(enter(&hosts, "192.0.2.1"), a);
	ck_assert_ptr_eq(enter(&hosts, "::ffff:192.0.2.1"), a);
	ck_assert_uint_eq(a->clients, 3);
	b = enter(&hosts, "192.0.2.2");
	ck_assert_ptr_ne(a, b);
	ck_assert_uint_eq(b->clients, 1);
	host_leave(a, 0);
	host_leave(a, 0);
	ck_assert_uint_eq(a->clients, 1);
	host_leave(a, 0);
	host_leave(b, 0);
	ck_assert(RB_EMPTY(&hosts.tree)); /* nothing stays behind */
	hosts_free(&hosts);
}
END_TEST

/* Privacy addresses change the lower half of an IPv6 address. */
START_TEST(hosts_by_64)
{
	struct hosts hosts;
	struct host *a;

	hosts_init(&hosts);
	a = enter(&hosts, "2001:db8:1:2::1");
	ck_assert_ptr_eq(enter(&hosts, "2001:db8:1:2:ffff:ffff:ffff:ffff"), a);
	ck_assert_uint_eq(a->clients, 2);
	ck_assert_ptr_ne(enter(&hosts, "2001:db8:1:3::1"), a);
	ck_assert_ptr_ne(enter(&hosts, "2001:db8:1:1:ffff::1"), a);
	/* IPv4 addresses are hosts each, although they share a /64 */
	ck_assert_ptr_ne(enter(&hosts, "::1"), enter(&hosts, "192.0.2.1"));
	hosts_free(&hosts);
}
END_TEST

/* All hosts of a link are in fe80::/64. */
START_TEST(link_local)
{
	struct address a = address_of("fe80::1"), b = a,
		       c = address_of("fe80::2");
	struct hosts hosts;
	struct host *host;

	hosts_init(&hosts);
	a.scope = c.scope = 1;
	b.scope = 2;
	host = host_enter(&hosts, &a, 0);
	ck_assert_ptr_eq(host_enter(&hosts, &a, 0), host);
	ck_assert_ptr_ne(host_enter(&hosts, &b, 0), host);
	ck_assert_ptr_ne(host_enter(&hosts, &c, 0), host);
	ck_assert_uint_eq(host->clients, 2);
	hosts_free(&hosts);
}
END_TEST

static struct host *
enter_account(struct hosts *hosts, uid_t uid)
{
	struct address a;

	address_of_account(&a, uid);
	return host_enter(hosts, &a, 0);
}

/* Whoever comes through a UNIX socket is of the host that their account is. */
START_TEST(this_machine)
{
	struct hosts hosts;
	struct host *local;

	hosts_init(&hosts);
	local = enter_account(&hosts, 1000);
	ck_assert_ptr_nonnull(local);
	ck_assert_ptr_eq(enter_account(&hosts, 1000), local);
	ck_assert_uint_eq(local->clients, 2);
	ck_assert_ptr_ne(enter_account(&hosts, 0), local);
	ck_assert_ptr_ne(enter(&hosts, "127.0.0.1"), local);
	ck_assert_ptr_ne(enter(&hosts, "2001:db8::1"), local);
	hosts_free(&hosts);
}
END_TEST

/* Forgets all that has expired, a few at a time. */
static void
expire(struct hosts *hosts, uint64_t now)
{
	unsigned before;

	do {
		before = hosts->nidle;
		hosts_expire(hosts, now);
	} while (hosts->nidle < before);
}

START_TEST(wrong_passwords)
{
	struct hosts hosts;
	struct host *a;

	hosts_init(&hosts);
	a = enter(&hosts, "192.0.2.1");
	ck_assert_uint_eq(host_fail(a, 1000), 1);
	ck_assert_uint_eq(host_fail(a, 3000), 2);
	/* coming again does not help */
	host_leave(a, 3000);
	ck_assert_uint_eq(hosts.nidle, 1);
	expire(&hosts, 3000 + HOST_EXPIRY_MS - 1);
	ck_assert_ptr_eq(enter(&hosts, "192.0.2.1"), a);
	ck_assert_uint_eq(hosts.nidle, 0);
	ck_assert_uint_eq(host_fail(a, 3000 + HOST_EXPIRY_MS - 1), 3);
	/* but time does, after the last one */
	ck_assert_uint_eq(host_fail(a, 3000 + 2 * HOST_EXPIRY_MS - 1), 1);
	host_leave(a, 0);
	expire(&hosts, 3000 + 3 * HOST_EXPIRY_MS);
	ck_assert(RB_EMPTY(&hosts.tree));
	hosts_free(&hosts);
}
END_TEST

/* What has expired is so for who comes, whether somebody has looked or not. */
START_TEST(expired_unseen)
{
	struct address a = address_of("192.0.2.9");
	struct hosts hosts;
	struct host *host, *other;
	unsigned i;
	char text[16];

	hosts_init(&hosts);
	/* more that lie before it than one look finds */
	for (i = 1; i <= 9; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i);
		other = enter(&hosts, text);
		ck_assert_uint_eq(host_fail(other, 1000), 1);
		host_deficit(other, 5, 1000);
		host_raise_deficit(other, 20000, 20000);
		host_leave(other, 1000);
	}
	host = host_enter(&hosts, &a, 1000 + HOST_EXPIRY_MS);
	ck_assert_uint_eq(host_failures(host, 1000 + HOST_EXPIRY_MS), 0);
	ck_assert_uint_eq(host->deficit, 0);
	hosts_free(&hosts);
}
END_TEST

static struct host *
enter_nth(struct hosts *hosts, unsigned n)
{
	char text[16];

	snprintf(text, sizeof(text), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255,
	    n & 255);
	return enter_at(hosts, text, 1000);
}

/* The nth host comes, spends (with fails: fails), and goes. */
static void
visit(struct hosts *hosts, unsigned n, bool fails)
{
	struct host *host = enter_nth(hosts, n);

	if (fails)
		host_fail(host, 1000);
	host_deficit(host, 5, 1000);
	host_raise_deficit(host, 1000, 20000);
	host_leave(host, 1000);
}

/* However many come and go, so many are remembered: the last of them, and those
 * who have failed for longer than those who have not. */
START_TEST(bounded)
{
	struct hosts hosts;
	struct host *host;
	unsigned i;

	hosts_init(&hosts);
	visit(&hosts, 0, true);
	for (i = 1; i <= 3 * HOSTS_IDLE_MAX; i++)
		visit(&hosts, i, false);
	ck_assert_uint_eq(hosts.nidle, HOSTS_IDLE_MAX);
	host = enter_nth(&hosts, 0);
	ck_assert_uint_eq(host->failures, 1);
	host_leave(host, 1000);
	host = enter_nth(&hosts, 2 * HOSTS_IDLE_MAX + 2);
	ck_assert_uint_eq(host->deficit, 1000); /* the oldest that is there */
	host_leave(host, 1000);
	host = enter_nth(&hosts, 2 * HOSTS_IDLE_MAX + 1);
	ck_assert_uint_eq(host->deficit, 0);
	host_leave(host, 1000);
	/* those who have failed are not without end, either */
	for (i = 0; i <= 2 * HOSTS_IDLE_MAX; i++)
		visit(&hosts, 1U << 16 | i, true);
	ck_assert_uint_eq(hosts.nidle, HOSTS_IDLE_MAX);
	expire(&hosts, 1000 + HOST_EXPIRY_MS);
	ck_assert(RB_EMPTY(&hosts.tree));
	hosts_free(&hosts);
}
END_TEST

/* A host is remembered as long as there are rooms that it has made. */
START_TEST(rooms)
{
	struct hosts hosts;
	struct host *a;
	int i;

	hosts_init(&hosts);
	a = enter(&hosts, "192.0.2.1");
	for (i = 0; i < HOST_ROOMS_MAX; i++)
		ck_assert(host_take_room(a));
	ck_assert(!host_take_room(a));
	host_leave(a, 1000);
	ck_assert_uint_eq(hosts.nidle, 0);
	ck_assert_ptr_eq(enter(&hosts, "192.0.2.1"), a);
	ck_assert(!host_take_room(a));
	host_give_room_back(a, 1000);
	ck_assert(host_take_room(a));
	host_leave(a, 1000);
	for (i = 0; i < HOST_ROOMS_MAX; i++) {
		ck_assert(!RB_EMPTY(&hosts.tree));
		host_give_room_back(a, 1000);
	}
	ck_assert(RB_EMPTY(&hosts.tree));
	hosts_free(&hosts);
}
END_TEST

/* What those who left have spent shrinks with time. */
START_TEST(deficits)
{
	struct hosts hosts;
	struct host *a;

	hosts_init(&hosts);
	a = enter(&hosts, "192.0.2.1");
	ck_assert_uint_eq(host_deficit(a, 5, 1000), 0);
	host_raise_deficit(a, 3000, 20000);
	ck_assert_uint_eq(host_deficit(a, 5, 1000), 3000);
	ck_assert_uint_eq(host_deficit(a, 5, 1100), 2500);
	ck_assert_uint_eq(host_deficit(a, 5, 1599), 5);
	ck_assert_uint_eq(host_deficit(a, 5, 1600), 0);
	ck_assert_uint_eq(host_deficit(a, 5, 9999), 0);
	host_raise_deficit(a, 19999, 20000);
	ck_assert_uint_eq(a->deficit, 19999);
	/* a client's own debt has that of those before it in it */
	host_raise_deficit(a, 1, 20000);
	ck_assert_uint_eq(a->deficit, 19999);
	host_raise_deficit(a, 20000, 20000);
	ck_assert_uint_eq(a->deficit, 20000);
	/* it is remembered when the last one has gone, for a minute */
	host_leave(a, 9999);
	expire(&hosts, 9999 + HOST_EXPIRY_MS - 1);
	ck_assert_ptr_eq(enter_at(&hosts, "192.0.2.1", 9999), a);
	host_leave(a, 9999);
	expire(&hosts, 9999 + HOST_EXPIRY_MS);
	ck_assert(RB_EMPTY(&hosts.tree));
	hosts_free(&hosts);
}
END_TEST

/* A burst that a reload made smaller is the most from then on. */
START_TEST(deficit_above_the_most)
{
	struct hosts hosts;
	struct host *a;

	hosts_init(&hosts);
	a = enter(&hosts, "192.0.2.1");
	host_deficit(a, 5, 1000);
	host_raise_deficit(a, 20000, 20000);
	host_raise_deficit(a, 5000, 5000);
	ck_assert_uint_eq(a->deficit, 5000);
	hosts_free(&hosts);
}
END_TEST

/* ---- what outlives the process ---- */

/* Who keeps it: what it was told last. */
static struct keeper {
	struct record r; /* of the host that has changed last */
	unsigned changes, forgotten;
} keeper;

static void
on_changed(void *owner, const struct host *host, bool forgotten)
{
	ck_assert_ptr_eq(owner, &keeper);
	if (forgotten) {
		keeper.forgotten++;
		return;
	}
	keeper.changes++;
	record_begin(&keeper.r);
	host_export(host, &keeper.r);
}

static void
init_kept(struct hosts *hosts)
{
	hosts_init(hosts);
	hosts->changed = on_changed;
	hosts->owner = &keeper;
}

static bool
import_kept(struct hosts *hosts)
{
	struct record_reader r = record_reader(keeper.r.bytes, keeper.r.len);

	return host_import(hosts, &r);
}

/* Failures and deficits go on in another process; nobody is told of others. */
START_TEST(kept)
{
	struct hosts hosts;
	struct host *a;

	init_kept(&hosts);
	a = enter_at(&hosts, "2001:db8::1", 1000);
	host_leave(enter_at(&hosts, "192.0.2.1", 1000), 1000);
	ck_assert_uint_eq(keeper.changes, 0);
	ck_assert_uint_eq(keeper.forgotten, 1);
	ck_assert_uint_eq(host_fail(a, 2000), 1);
	ck_assert_uint_eq(keeper.changes, 1);
	host_deficit(a, 5, 3000);
	ck_assert_uint_eq(keeper.changes, 1);
	host_raise_deficit(a, 4000, 20000);
	ck_assert_uint_eq(keeper.changes, 2);
	host_leave(a, 3000);
	ck_assert_uint_eq(keeper.forgotten, 1);
	hosts_free(&hosts);
	init_kept(&hosts);
	ck_assert(import_kept(&hosts));
	hosts_import_finish(&hosts, 3500);
	ck_assert_uint_eq(hosts.nidle, 1);
	a = enter_at(&hosts, "2001:db8::2", 4000);
	ck_assert_uint_eq(host_failures(a, 4000), 1);
	ck_assert_uint_eq(host_deficit(a, 1, 5000), 2000);
	ck_assert_uint_eq(host_fail(a, 5000), 2);
	ck_assert_uint_eq(keeper.changes, 3);
	/* each that has something is told */
	(void)host_fail(enter_at(&hosts, "192.0.2.7", 5000), 5000);
	(void)enter_at(&hosts, "192.0.2.8", 5000);
	keeper.changes = 0;
	hosts_tell_all(&hosts);
	ck_assert_uint_eq(keeper.changes, 2);
	record_free(&keeper.r);
	hosts_free(&hosts);
}
END_TEST

/* What has expired meanwhile is forgotten, and its keeper is told. */
START_TEST(kept_too_long)
{
	struct hosts hosts;

	init_kept(&hosts);
	(void)host_fail(enter_at(&hosts, "192.0.2.1", 1000), 1000);
	hosts_free(&hosts);
	init_kept(&hosts);
	ck_assert(import_kept(&hosts));
	hosts_import_finish(&hosts, 1000 + HOST_EXPIRY_MS);
	ck_assert(RB_EMPTY(&hosts.tree));
	ck_assert_uint_eq(keeper.forgotten, 1);
	record_free(&keeper.r);
	hosts_free(&hosts);
}
END_TEST

/* Those of whom somebody has come before that are not idle; whoever makes rooms
 * and has gone is not, either. */
START_TEST(kept_with_people)
{
	struct address maker = address_of("192.0.2.9"),
		       nobody = address_of("192.0.2.10");
	struct hosts hosts;
	struct host *a, *b;

	init_kept(&hosts);
	(void)host_fail(enter_at(&hosts, "192.0.2.1", 1000), 1000);
	hosts_free(&hosts);
	init_kept(&hosts);
	ck_assert(import_kept(&hosts));
	b = host_find_or_make(&hosts, &maker);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_eq(host_find_or_make(&hosts, &maker), b);
	ck_assert(host_take_room(b));
	ck_assert_ptr_nonnull(host_find_or_make(&hosts, &nobody));
	a = enter_at(&hosts, "192.0.2.1", 2000);
	ck_assert_uint_eq(host_failures(a, 2000), 1);
	hosts_import_finish(&hosts, 2000);
	ck_assert_uint_eq(hosts.nidle, 0);
	ck_assert(!a->is_idle && !b->is_idle);
	host_give_room_back(b, 3000);
	ck_assert_ptr_eq(RB_ROOT(&hosts.tree), a); /* alone */
	host_leave(a, 3000);
	ck_assert_uint_eq(hosts.nidle, 1);
	record_free(&keeper.r);
	hosts_free(&hosts);
}
END_TEST

/* A record that is none, or of which a part is missing. */
START_TEST(kept_damaged)
{
	struct address a = address_of("fe80::1");
	struct hosts hosts;
	struct host *host;
	size_t len, bit;

	a.scope = 3;
	init_kept(&hosts);
	host = host_enter(&hosts, &a, 1000);
	ck_assert_ptr_nonnull(host);
	(void)host_fail(host, 1000);
	hosts_free(&hosts);
	init_kept(&hosts);
	len = keeper.r.len;
	for (keeper.r.len = 0; keeper.r.len < len; keeper.r.len++)
		ck_assert(!import_kept(&hosts));
	for (bit = 0; bit < 8 * len; bit++) {
		keeper.r.bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
		(void)import_kept(&hosts);
		keeper.r.bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
	}
	ck_assert(import_kept(&hosts));
	hosts_import_finish(&hosts, 2000);
	host = host_enter(&hosts, &a, 2000);
	ck_assert_uint_eq(host->failures, 1);
	hosts_expire(&hosts, UINT64_MAX);
	record_put_u8(&keeper.r, 0);
	ck_assert(!import_kept(&hosts));
	record_free(&keeper.r);
	hosts_free(&hosts);
}
END_TEST

/* One that was idle before is forgotten for those that are now, whichever is
 * looked at next. */
START_TEST(kept_too_many)
{
	struct hosts hosts;
	struct host *host;
	unsigned i;

	hosts_init(&hosts);
	visit(&hosts, HOSTS_IDLE_MAX + 1, false);
	for (i = 1; i <= HOSTS_IDLE_MAX; i++) {
		host = enter_nth(&hosts, i);
		host_deficit(host, 5, 1000);
		host_raise_deficit(host, 1000, 20000);
		host->clients = 0; /* as one that was read back */
	}
	hosts_import_finish(&hosts, 1000);
	ck_assert_uint_eq(hosts.nidle, HOSTS_IDLE_MAX);
	hosts_free(&hosts);
}
END_TEST

UNIT_MAIN("host", NULL, NULL, hosts_count, hosts_by_64, link_local,
    this_machine, wrong_passwords, expired_unseen, bounded, rooms, deficits,
    deficit_above_the_most, kept, kept_too_long, kept_with_people, kept_damaged,
    kept_too_many)
