/* Hosts: their connections, their failures, what those who left have spent. */
#include <arpa/inet.h>

#include <string.h>

#include "banterd/base/deadline.h"
#include "banterd/net/host.h"
#include "unit.h"

/* An address as it comes from a socket of its family. */
static struct address
address(const char *text)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct address a;

	if (inet_pton(AF_INET, text, &sin.sin_addr) == 1)
		ck_assert(address_from_socket(&a, (struct sockaddr *)&sin));
	else {
		ck_assert_int_eq(inet_pton(AF_INET6, text, &sin6.sin6_addr), 1);
		ck_assert(address_from_socket(&a, (struct sockaddr *)&sin6));
	}
	return a;
}

static struct host *
enter(struct hosts *hosts, const char *text)
{
	struct address a = address(text);
	struct host *host = host_enter(hosts, &a);

	ck_assert_ptr_nonnull(host);
	return host;
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
	host_leave(&hosts, a, 0);
	host_leave(&hosts, a, 0);
	ck_assert_uint_eq(a->clients, 1);
	host_leave(&hosts, a, 0);
	host_leave(&hosts, b, 0);
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

/* Everybody who comes through a UNIX socket is one host, of its own. */
START_TEST(this_machine)
{
	struct hosts hosts;
	struct host *local;

	hosts_init(&hosts);
	local = host_enter(&hosts, NULL);
	ck_assert_ptr_nonnull(local);
	ck_assert_ptr_eq(host_enter(&hosts, NULL), local);
	ck_assert_uint_eq(local->clients, 2);
	ck_assert_ptr_ne(enter(&hosts, "127.0.0.1"), local);
	ck_assert_ptr_ne(enter(&hosts, "2001:db8::1"), local);
	hosts_free(&hosts);
}
END_TEST

START_TEST(wrong_passwords)
{
	struct hosts hosts;
	struct host *a;

	hosts_init(&hosts);
	ck_assert_uint_eq(hosts_tick(&hosts, 1000), NEVER);
	a = enter(&hosts, "192.0.2.1");
	ck_assert_uint_eq(host_fail(a, 1000), 1);
	ck_assert_uint_eq(host_fail(a, 3000), 2);
	/* coming again does not help */
	ck_assert_uint_eq(host_leave(&hosts, a, 3000), 3000 + HOST_TICK_MS);
	ck_assert_uint_eq(hosts_tick(&hosts, 3000 + HOST_EXPIRY_MS - 1),
	    3000 + HOST_EXPIRY_MS - 1 + HOST_TICK_MS);
	ck_assert_ptr_eq(enter(&hosts, "192.0.2.1"), a);
	ck_assert_uint_eq(host_fail(a, 3000 + HOST_EXPIRY_MS - 1), 3);
	/* but time does, after the last one */
	ck_assert_uint_eq(host_fail(a, 3000 + 2 * HOST_EXPIRY_MS - 1), 1);
	host_leave(&hosts, a, 0);
	ck_assert_uint_eq(hosts_tick(&hosts, 3000 + 3 * HOST_EXPIRY_MS), NEVER);
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
	host_leave(&hosts, a, 9999);
	ck_assert_uint_ne(hosts_tick(&hosts, 9999 + HOST_EXPIRY_MS - 1), NEVER);
	ck_assert_ptr_eq(enter(&hosts, "192.0.2.1"), a);
	host_leave(&hosts, a, 9999);
	ck_assert_uint_eq(hosts_tick(&hosts, 9999 + HOST_EXPIRY_MS), NEVER);
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

UNIT_MAIN("host", NULL, NULL, hosts_count, hosts_by_64, this_machine,
    wrong_passwords, deficits, deficit_above_the_most)
