/* Addresses, and networks that are allowed or denied. */
#include <arpa/inet.h>
#include <sys/un.h>

#include <stdio.h>
#include <string.h>

#include "banterd/base/network.h"
#include "address.h"
#include "unit.h"

static bool
allows(struct acl *acl, const char *text)
{
	struct address a = address_of(text);

	return acl_allows(acl, &a);
}

START_TEST(address_texts)
{
	static const char *const rows[][2] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "::ffff:192.0.2.7", "192.0.2.7" },
		{ "::1", "::1" },
		{ "2001:db8::5", "2001:db8::5" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
		    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" },
	};
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char buf[ADDRESS_TEXT_SIZE];
	struct address a;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		a = address_of(rows[i][0]);
		ck_assert_str_eq(address_text(&a, buf), rows[i][1]);
	}
	ck_assert(!address_from_socket(&a, (struct sockaddr *)&sun));
}
END_TEST

/* A link-local address is somebody else's on each interface. */
START_TEST(interfaces)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_scope_id = if_nametoindex("lo") };
	char buf[ADDRESS_TEXT_SIZE];
	struct address a;

	ck_assert_uint_ne(sin6.sin6_scope_id, 0);
	ck_assert_int_eq(inet_pton(AF_INET6, "fe80::1", &sin6.sin6_addr), 1);
	ck_assert(address_from_socket(&a, (struct sockaddr *)&sin6));
	ck_assert_str_eq(address_text(&a, buf), "fe80::1%lo");
	ck_assert(address_is_link_local(&a));
	/* an interface that is gone by now */
	sin6.sin6_scope_id = UINT32_MAX;
	ck_assert(address_from_socket(&a, (struct sockaddr *)&sin6));
	ck_assert_str_eq(address_text(&a, buf), "fe80::1%4294967295");
	/* others have none, whatever the kernel says */
	ck_assert_int_eq(
	    inet_pton(AF_INET6, "2001:db8::1", &sin6.sin6_addr), 1);
	ck_assert(address_from_socket(&a, (struct sockaddr *)&sin6));
	ck_assert_str_eq(address_text(&a, buf), "2001:db8::1");
	ck_assert(!address_is_link_local(&a));
}
END_TEST

/* Whether one rule lets in fe80::1 on lo. */
static bool
lets_in(const char *network, bool allow)
{
	struct acl acl = TAILQ_HEAD_INITIALIZER(acl);
	struct address a = address_of("fe80::1");
	bool allowed;

	a.scope = if_nametoindex("lo");
	ck_assert_ptr_null(acl_add(&acl, network, allow));
	ck_assert_ptr_null(acl_add(&acl, "all", !allow));
	allowed = acl_allows(&acl, &a);
	acl_free(&acl);
	return allowed;
}

/* A rule without an interface means all of them. */
START_TEST(rules_of_interfaces)
{
	static const char *const inside[] = { "fe80::1", "fe80::1%lo",
		"fe80::%lo/10", "fe80::%lo/64", "fe80::/64" };
	static const char *const outside[] = { "fe80::1%lo2",
		"fe80::1%eth-none", "fe80::2%lo", "fe80::%l/10",
		"fe80::%lo/128" };
	size_t i;

	for (i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		ck_assert_msg(lets_in(inside[i], true), "%s", inside[i]);
		ck_assert_msg(!lets_in(inside[i], false), "%s", inside[i]);
	}
	for (i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		ck_assert_msg(!lets_in(outside[i], true), "%s", outside[i]);
}
END_TEST

/* One "deny" rule: who is inside, and who is just outside. */
static const struct {
	const char *network, *inside, *outside;
} edges[] = {
	{ "192.0.2.7", "192.0.2.7", "192.0.2.6" },
	{ "192.0.2.7", "192.0.2.7", "192.0.2.8" },
	{ "192.0.2.7/32", "192.0.2.7", "192.0.2.6" },
	{ "10.9.0.0/16", "10.9.0.0", "10.8.255.255" },
	{ "10.9.0.0/16", "10.9.255.255", "10.10.0.0" },
	{ "10.9.7.7/16", "10.9.0.1", "10.10.0.1" },
	{ "10.0.0.0/8", "10.255.255.255", "11.0.0.0" },
	{ "10.0.0.0/9", "10.127.255.255", "10.128.0.0" },
	{ "192.0.2.128/25", "192.0.2.128", "192.0.2.127" },
	{ "192.0.2.4/31", "192.0.2.5", "192.0.2.6" },
	{ "128.0.0.0/1", "255.255.255.255", "127.255.255.255" },
	{ "0.0.0.0/0", "203.0.113.9", "2001:db8::1" },
	{ "0.0.0.0/0", "0.0.0.0", "::1" },
	{ "::/0", "2001:db8::1", "203.0.113.9" },
	{ "::/0", "::1", "127.0.0.1" },
	{ "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::" },
	{ "2001:db8::/32",
	    "2001:db8::", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::" },
	{ "2001:db8::5", "2001:db8::5", "2001:db8::4" },
	{ "2001:db8::5/128", "2001:db8::5", "2001:db8::6" },
	{ "2001:db8::4/127", "2001:db8::5", "2001:db8::6" },
	{ "::1", "::1", "::2" },
	/* an IPv4 address is the same as IPv6 maps it, on both sides */
	{ "192.0.2.0/24", "::ffff:192.0.2.9", "::ffff:192.0.3.9" },
	{ "::ffff:192.0.2.0/120", "192.0.2.9", "192.0.3.9" },
	{ "::ffff:0:0/96", "192.0.2.9", "2001:db8::1" },
	{ "::ffff:0:0/96", "::ffff:192.0.2.9", "::fffe:192.0.2.9" },
};

START_TEST(prefix_edges)
{
	struct acl acl;
	size_t i;

	for (i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		TAILQ_INIT(&acl);
		ck_assert_ptr_null(acl_add(&acl, edges[i].network, false));
		ck_assert_msg(!allows(&acl, edges[i].inside), "%s in %s",
		    edges[i].inside, edges[i].network);
		ck_assert_msg(allows(&acl, edges[i].outside), "%s not in %s",
		    edges[i].outside, edges[i].network);
		acl_free(&acl);
	}
}
END_TEST

START_TEST(no_rules)
{
	struct acl acl = TAILQ_HEAD_INITIALIZER(acl);

	ck_assert(allows(&acl, "192.0.2.1"));
	ck_assert(allows(&acl, "2001:db8::1"));
}
END_TEST

START_TEST(first_match_wins)
{
	struct acl acl;

	TAILQ_INIT(&acl);
	acl_add(&acl, "10.9.1.0/24", true);
	acl_add(&acl, "10.9.0.0/16", false);
	acl_add(&acl, "10.9.2.0/24", true); /* too late */
	ck_assert(allows(&acl, "10.9.1.5"));
	ck_assert(!allows(&acl, "10.9.2.5"));
	ck_assert(!allows(&acl, "10.9.3.5"));
	ck_assert(allows(&acl, "10.10.0.1"));
	ck_assert(allows(&acl, "2001:db8::1"));
	acl_free(&acl);
}
END_TEST

START_TEST(all)
{
	struct acl acl;

	TAILQ_INIT(&acl);
	acl_add(&acl, "192.168.0.0/16", true);
	acl_add(&acl, "fe80::/10", true);
	acl_add(&acl, "all", false);
	ck_assert(allows(&acl, "192.168.1.1"));
	ck_assert(allows(&acl, "::ffff:192.168.1.1"));
	ck_assert(allows(&acl, "febf::1"));
	ck_assert(!allows(&acl, "fec0::1"));
	ck_assert(!allows(&acl, "192.169.1.1"));
	ck_assert(!allows(&acl, "::1"));
	acl_free(&acl);
}
END_TEST

START_TEST(wrong_networks)
{
	static const char address_wrong[] = "is not an IPv4 or IPv6 address";
	static const char *const no_address[] = { "", "/8", "box", "10.9",
		"10.9.0.0.0", "256.0.0.1", "10.9.0.0 ", "2001:db8:::1", ":",
		"[::1]", "ALL", "10.9.0.0:80", "1.2.3.4.5.6.7.8.9.0.1.2.3.4.5",
		"2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0001" };
	static const char *const v4_prefix[] = { "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/", "10.0.0.0/x", "10.0.0.0/8x", "10.0.0.0/255.0.0.0",
		"10.0.0.0/99999999999999999999" };
	static const char *const v6_prefix[] = { "::/129", "::/-1", "::/",
		"::/1/2" };
	static const char *const no_name[] = { "fe80::1%", "fe80::1%/64",
		"fe80::1%an-interfaces-name" };
	static const char *const not_local[] = { "10.0.0.1%eth0", "::1%lo",
		"2001:db8::1%eth0", "fec0::1%eth0", "fe80::%eth0/9",
		"::%eth0/0" };
	struct acl acl;
	size_t i;

	TAILQ_INIT(&acl);
	for (i = 0; i < sizeof(no_name) / sizeof(no_name[0]); i++)
		ck_assert_str_eq(acl_add(&acl, no_name[i], true),
		    "has no interface's name after the %");
	for (i = 0; i < sizeof(not_local) / sizeof(not_local[0]); i++)
		ck_assert_str_eq(acl_add(&acl, not_local[i], true),
		    "names an interface, which is for link-local addresses (fe80::/10) alone");
	for (i = 0; i < sizeof(no_address) / sizeof(no_address[0]); i++)
		ck_assert_str_eq(
		    acl_add(&acl, no_address[i], true), address_wrong);
	for (i = 0; i < sizeof(v4_prefix) / sizeof(v4_prefix[0]); i++)
		ck_assert_str_eq(acl_add(&acl, v4_prefix[i], true),
		    "has a wrong prefix length (0 to 32)");
	for (i = 0; i < sizeof(v6_prefix) / sizeof(v6_prefix[0]); i++)
		ck_assert_str_eq(acl_add(&acl, v6_prefix[i], true),
		    "has a wrong prefix length (0 to 128)");
	ck_assert(TAILQ_EMPTY(&acl));
}
END_TEST

/* What an admin is warned of. */
START_TEST(rules_in_vain)
{
	static const struct {
		const char *rules[4]; /* '-' denies, '+' allows */
		bool unreached, open;
	} rows[] = {
		{ { NULL }, false, false },
		{ { "+10.0.0.0/8", "-all" }, false, false },
		{ { "-all", "+10.0.0.0/8" }, true, false },
		{ { "-all", "+fd00::/8" }, true, false },
		{ { "-0.0.0.0/0", "+fd00::/8" }, false, false },
		{ { "-0.0.0.0/0", "+10.0.0.1" }, true, false },
		{ { "-::/0", "+10.0.0.1" }, false, false },
		{ { "-::/1", "+fd00::/8", "-::/0", "+fe80::1" }, true, false },
		{ { "+10.0.0.0/8" }, false, true },
		{ { "+all" }, false, true },
	};
	struct acl acl = TAILQ_HEAD_INITIALIZER(acl);
	size_t i, j;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (j = 0; j < 4 && rows[i].rules[j] != NULL; j++)
			ck_assert_ptr_null(acl_add(&acl, rows[i].rules[j] + 1,
			    rows[i].rules[j][0] == '+'));
		ck_assert_msg(
		    acl_has_unreached(&acl) == rows[i].unreached, "row %zu", i);
		ck_assert_msg(
		    acl_keeps_nobody_out(&acl) == rows[i].open, "row %zu", i);
		acl_free(&acl);
	}
}
END_TEST

UNIT_MAIN("network", NULL, NULL, address_texts, interfaces, rules_of_interfaces,
    prefix_edges, no_rules, first_match_wins, all, wrong_networks,
    rules_in_vain)
