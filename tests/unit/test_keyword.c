/* Each keyword of the configuration file: good values and bad ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/config/keyword.h"
#include "conf_file.h"
#include "unit.h"

/* ---- numbers ---- */

static const struct number {
	const char *name;
	unsigned min, max, usual;
} numbers[] = {
	{ "history", 0, 10000, 50 },
	{ "max-clients", 1, 1000000, 1000 },
	{ "max-per-host", 1, 1000000, 50 },
	{ "max-rooms", 1, 100000, 500 },
	{ "max-joined", 1, 1000, 20 },
	{ "max-line", 64, 16384, 1024 },
	{ "stall-timeout", 1, 86400, 60 },
	{ "login-timeout", 1, 86400, 30 },
	{ "shutdown-grace", 0, 3600, 5 },
};

static void
number_is_good(const struct number *k, unsigned value)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %u\n", k->name, value);
	conf_good(text, value == k->usual ? "" : text);
}

static void
number_is_wrong(const struct number *k, const char *value, const char *why)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %s\n", k->name, value);
	conf_wrong(text,
	    "conf:1: %s: \"%s\" is %s, expected a number from %u to %u\n",
	    k->name, value, why, k->min, k->max);
}

static void
check_number(const struct number *k)
{
	char value[32], text[64];

	number_is_good(k, k->min);
	number_is_good(k, k->min + 1);
	number_is_good(k, k->usual);
	number_is_good(k, k->max - 1);
	number_is_good(k, k->max);
	snprintf(value, sizeof(value), "%d", (int)k->min - 1);
	number_is_wrong(k, value, "too small");
	snprintf(value, sizeof(value), "%u", k->max + 1);
	number_is_wrong(k, value, "too large");
	number_is_wrong(k, "99999999999999999999", "too large");
	number_is_wrong(k, "x", "invalid");
	number_is_wrong(k, "5x", "invalid");
	number_is_wrong(k, "5.5", "invalid");
	number_is_wrong(k, "0x10", "invalid");
	conf_wrong(
	    k->name, "conf:1: %s has no value, expected a number\n", k->name);
	snprintf(text, sizeof(text), "%s %u %u", k->name, k->max, k->max);
	conf_wrong(text,
	    "conf:1: %s has more than one value, expected a number\n", k->name);
}

START_TEST(all_numbers)
{
	check_number(&numbers[_i]);
}
END_TEST

START_TEST(send_queue)
{
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{ "4095", "too small" },
		{ "3K", "too small" },
		{ "0M", "too small" },
		{ "-1", "too small" },
		{ "1073741825", "too large" },
		{ "1048577K", "too large" },
		{ "1025M", "too large" },
		{ "K", "invalid" },
		{ "256KB", "invalid" },
		{ "256G", "invalid" },
		{ "1.5M", "invalid" },
		{ "x", "invalid" },
	};
	char text[64];
	size_t i;

	conf_good("send-queue 4096", "send-queue 4096\n");
	conf_good("send-queue 4097", "send-queue 4097\n");
	conf_good("send-queue 4K", "send-queue 4096\n");
	conf_good("send-queue 4k", "send-queue 4096\n");
	conf_good("send-queue 256K", "");
	conf_good("send-queue 1M", "send-queue 1048576\n");
	conf_good("send-queue 2m", "send-queue 2097152\n");
	conf_good("send-queue 1024M", "send-queue 1073741824\n");
	conf_good("send-queue 1073741824", "send-queue 1073741824\n");
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "send-queue %s", wrong[i].text);
		conf_wrong(text,
		    "conf:1: send-queue: \"%s\" is %s, expected a size from "
		    "4K to 1024M\n",
		    wrong[i].text, wrong[i].why);
	}
	conf_wrong("send-queue",
	    "conf:1: send-queue has no value, expected a size such as "
	    "256K\n");
}
END_TEST

/* A long value is not cut to one that would do. */
START_TEST(send_queue_long)
{
	conf_good("send-queue 000000000010000", "send-queue 10000\n");
	conf_wrong("send-queue 000000000010000X",
	    "conf:1: send-queue: \"000000000010000X\" is invalid, expected a "
	    "size from 4K to 1024M\n");
}
END_TEST

START_TEST(rate)
{
	conf_good("rate 20 5", "");
	conf_good("rate 1 1", "rate 1 1\n");
	conf_good("rate 1000000 1000000", "rate 1000000 1000000\n");
	conf_good("rate off", "rate off\n");
	conf_wrong("rate",
	    "conf:1: rate has 0 values, expected BURST and "
	    "LINES-PER-SECOND, or off\n");
	conf_wrong("rate on",
	    "conf:1: rate has 1 value, expected BURST and "
	    "LINES-PER-SECOND, or off\n");
	conf_wrong("rate 20 5 off",
	    "conf:1: rate has 3 values, expected BURST and "
	    "LINES-PER-SECOND, or off\n");
	conf_wrong("rate 0 5",
	    "conf:1: rate: \"0\" is too small, expected a number from 1 to "
	    "1000000\n");
	conf_wrong("rate 20 0",
	    "conf:1: rate: \"0\" is too small, expected a number from 1 to "
	    "1000000\n");
	conf_wrong("rate 20 1000001",
	    "conf:1: rate: \"1000001\" is too large, expected a number from "
	    "1 to 1000000\n");
	conf_wrong("rate off 5",
	    "conf:1: rate: \"off\" is invalid, expected a number from 1 to "
	    "1000000\n");
}
END_TEST

/* ---- strings ---- */

static const struct string {
	const char *name;
	size_t max;
} strings[] = {
	{ "server-name", 64 },
	{ "password", 256 },
};

static char *
line_of(const struct string *k, char c, size_t len)
{
	char *text = malloc(strlen(k->name) + len + 3), *p = text;

	p += sprintf(p, "%s ", k->name);
	memset(p, c, len);
	p[len] = '\n';
	p[len + 1] = '\0';
	return text;
}

START_TEST(all_strings)
{
	const struct string *k = &strings[_i];
	static const char *const unclean[] = { "a\x1b[1m", "\xc3", "\"a\bb\"",
		"a\x15" };
	char *text, bad[256];
	size_t i;

	text = line_of(k, 'x', 1);
	conf_good(text, text);
	free(text);
	text = line_of(k, 'y', k->max);
	conf_good(text, text);
	free(text);
	text = line_of(k, 'z', k->max + 1);
	conf_wrong(text,
	    "conf:1: %s has a value of %zu bytes, expected 1 to %zu\n", k->name,
	    k->max + 1, k->max);
	free(text);
	snprintf(bad, sizeof(bad), "%s \"\"", k->name);
	conf_wrong(bad,
	    "conf:1: %s has a value of 0 bytes, expected 1 to %zu\n", k->name,
	    k->max);
	conf_wrong(k->name,
	    "conf:1: %s has no value, expected one value (in double quotes "
	    "if it has spaces)\n",
	    k->name);
	snprintf(bad, sizeof(bad), "%s a b", k->name);
	conf_wrong(bad,
	    "conf:1: %s has more than one value, expected one value (in "
	    "double quotes if it has spaces)\n",
	    k->name);
	for (i = 0; i < sizeof(unclean) / sizeof(unclean[0]); i++) {
		snprintf(bad, sizeof(bad), "%s %s", k->name, unclean[i]);
		conf_wrong(bad,
		    "conf:1: %s has a value with control or invisible characters or bad "
		    "UTF-8, expected plain text\n",
		    k->name);
	}
}
END_TEST

/* What is meant for another kind of log must not make a file of that name. */
START_TEST(log_target)
{
	static const char *const wrong[] = { "stdout", "Syslog", "STDERR",
		"banterd.log", "./log", "journal", "-", "stderr/" };
	static char text[4200];
	size_t i;

	conf_good("log-target syslog\n", "log-target syslog\n");
	conf_good("log-target stderr\n", "");
	conf_good("log-target \"/a b\"\n", "log-target /a b\n");
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "log-target %s\n", wrong[i]);
		conf_wrong(text,
		    "conf:1: log-target: \"%s\" is no target, expected stderr, syslog or a file's path that begins with /\n",
		    wrong[i]);
	}
	snprintf(text, sizeof(text), "log-target /%04095d\n", 0);
	conf_good(text, text);
	snprintf(text, sizeof(text), "log-target /%04096d\n", 0);
	conf_wrong(text,
	    "conf:1: log-target has a value of 4097 bytes, expected 1 to 4096\n");
	conf_wrong("log-target \"\"\n",
	    "conf:1: log-target has a value of 0 bytes, expected 1 to 4096\n");
	conf_wrong("log-target\n",
	    "conf:1: log-target has no value, expected one value (in double quotes if it has spaces)\n");
	conf_wrong("log-target /a\x1b\n",
	    "conf:1: log-target has a value with control or invisible characters or bad UTF-8, expected plain text\n");
}
END_TEST

START_TEST(user)
{
	conf_good("user nobody", "user nobody\n");
	conf_wrong(
	    "user", "conf:1: user has no value, expected an account's name\n");
	conf_wrong("user nobody root",
	    "conf:1: user has more than one value, expected an account's "
	    "name\n");
	conf_wrong("user root",
	    "conf:1: user: \"root\" is root, expected an account without "
	    "privileges\n");
	conf_wrong("user no-such-account-here",
	    "conf:1: user: there is no account \"no-such-account-here\", "
	    "expected one without privileges\n");
}
END_TEST

/* /pass takes no blanks before it. */
START_TEST(password_that_nobody_can_type)
{
	static const char wrong[] =
	    "conf:1: password begins with a blank, expected what can be typed "
	    "after /pass\n";

	conf_wrong("password \" x\"", "%s", wrong);
	conf_wrong("password \"\tx\"", "%s", wrong);
}
END_TEST

START_TEST(utf8_string)
{
	conf_good("server-name \"k\xc3\xbc"
		  "che\"",
	    "server-name k\xc3\xbc"
	    "che\n");
}
END_TEST

START_TEST(log_levels)
{
	conf_good("log-level error", "log-level error\n");
	conf_good("log-level warning", "log-level warning\n");
	conf_good("log-level notice", "log-level notice\n");
	conf_good("log-level info", "");
	conf_good("log-level debug", "log-level debug\n");
	conf_wrong(
	    "log-level", "conf:1: log-level has no value, expected a level\n");
	conf_wrong("log-level info debug",
	    "conf:1: log-level has more than one value, expected a level\n");
	conf_wrong("log-level loud",
	    "conf:1: log-level: \"loud\" is no level, expected error, "
	    "warning, notice, info or debug\n");
	conf_wrong("log-level Info",
	    "conf:1: log-level: \"Info\" is no level, expected error, "
	    "warning, notice, info or debug\n");
}
END_TEST

/* ---- rooms ---- */

#define X32 "abcdefghijklmnopqrstuvwxyz012345"

START_TEST(default_room)
{
	conf_good("default-room #lobby", "");
	conf_good("default-room none", "default-room none\n");
	conf_good("default-room #" X32, "default-room #" X32 "\n");
	conf_wrong("default-room #" X32 "6",
	    "conf:1: default-room: \"#" X32 "6\" is not a room's name, "
	    "expected # and 1-32 letters, digits, _ - . or none\n");
	conf_wrong("default-room lobby",
	    "conf:1: default-room: \"lobby\" is not a room's name, expected "
	    "# and 1-32 letters, digits, _ - . or none\n");
	conf_wrong("default-room None",
	    "conf:1: default-room: \"None\" is not a room's name, expected "
	    "# and 1-32 letters, digits, _ - . or none\n");
	conf_wrong("default-room",
	    "conf:1: default-room has no value, expected a room such as "
	    "#lobby, or none\n");
	conf_wrong("default-room #a b",
	    "conf:1: default-room has more than one value, expected a room "
	    "such as #lobby, or none\n");
}
END_TEST

START_TEST(room)
{
	char text[400], want[400], long_text[258];

	conf_good("room #dev", "rooms #dev <none> <none>\n");
	conf_good("room #dev topic release", "rooms #dev <release> <none>\n");
	conf_good("room #dev topic \"release on friday\" key hush",
	    "rooms #dev <release on friday> <hush>\n");
	conf_good("room #dev key hush topic x", "rooms #dev <x> <hush>\n");
	conf_good("room #b\nroom #a key k\n",
	    "rooms #b <none> <none> #a <none> <k>\n");
	conf_wrong("room",
	    "conf:1: room: \"\" is not a room's name, expected # and 1-32 "
	    "letters, digits, _ - .\n");
	conf_wrong("room \"#a b\"",
	    "conf:1: room: \"#a b\" is not a room's name, expected # and "
	    "1-32 letters, digits, _ - .\n");
	conf_wrong("room #dev\nroom #DEV\n",
	    "conf:2: room: #DEV was given before, expected each room "
	    "once\n");
	conf_wrong("room #dev colour red",
	    "conf:1: room: unknown word \"colour\", expected topic, key "
	    "or keep (a topic of several words stands in double quotes)\n");
	conf_wrong("room #dev topic",
	    "conf:1: room: topic has no value, expected 1 to 256 bytes\n");
	conf_wrong("room #dev topic x key",
	    "conf:1: room: key has no value, expected 1 to 256 bytes\n");
	conf_wrong("room #dev key \"\"",
	    "conf:1: room: key has no value, expected 1 to 256 bytes\n");
	conf_wrong("room #dev topic \"\"",
	    "conf:1: room: topic has no value, expected 1 to 256 bytes\n");
	conf_wrong("room #dev topic a\x1b",
	    "conf:1: room: topic has control or invisible characters or bad UTF-8, "
	    "expected plain text\n");
	conf_wrong("room #dev key \xc3",
	    "conf:1: room: key has control or invisible characters or bad UTF-8, "
	    "expected plain text\n");
	conf_wrong("room #dev key \"a b\"",
	    "conf:1: room: \"a b\" is not a key, expected one word without "
	    "spaces\n");
	memset(long_text, 'x', 257);
	long_text[256] = long_text[257] = '\0';
	snprintf(text, sizeof(text), "room #dev topic %s", long_text);
	snprintf(want, sizeof(want), "rooms #dev <%s> <none>\n", long_text);
	conf_good(text, want);
	long_text[256] = 'x';
	snprintf(text, sizeof(text), "room #dev topic %s", long_text);
	conf_wrong(text,
	    "conf:1: room: topic has too long a value, expected 1 to 256 "
	    "bytes\n");
}
END_TEST

/* ---- networks and addresses ---- */

START_TEST(networks)
{
	conf_good("deny 10.9.0.0/16", "acl deny 10.9.0.0/112\n");
	conf_good("allow 192.0.2.7", "acl allow 192.0.2.7/128\n");
	conf_good("allow 2001:db8::/32", "acl allow 2001:db8::/32\n");
	conf_good("allow 10.9.1.0/24\ndeny 10.9.0.0/16\ndeny all\n",
	    "acl allow 10.9.1.0/120 deny 10.9.0.0/112 deny 0.0.0.0/96 deny "
	    "::/0\n");
	conf_wrong("deny",
	    "conf:1: deny has no value, expected a network such as "
	    "10.9.0.0/16, an address, or all\n");
	conf_wrong("allow 10.0.0.1 10.0.0.2",
	    "conf:1: allow has more than one value, expected a network such "
	    "as 10.9.0.0/16, an address, or all\n");
	conf_wrong("deny box",
	    "conf:1: deny: \"box\" is not an IPv4 or IPv6 address, expected "
	    "a network such as 10.9.0.0/16, an address, or all\n");
	conf_wrong("allow 10.0.0.0/33",
	    "conf:1: allow: \"10.0.0.0/33\" has a wrong prefix length (0 to "
	    "32), expected a network such as 10.9.0.0/16, an address, or "
	    "all\n");
	conf_wrong("deny ::/129",
	    "conf:1: deny: \"::/129\" has a wrong prefix length (0 to 128), "
	    "expected a network such as 10.9.0.0/16, an address, or all\n");
}
END_TEST

START_TEST(listens)
{
	conf_good("listen 0.0.0.0:5531", "listen 0.0.0.0:5531\n");
	conf_good("listen [::]:5531\nlisten 127.0.0.1:0\n",
	    "listen [::]:5531 127.0.0.1:0\n");
	conf_good("listen /run/b.sock", "listen /run/b.sock mode 0660\n");
	conf_good(
	    "listen /run/b.sock mode 0600", "listen /run/b.sock mode 0600\n");
	conf_good("listen \"/run/my b.sock\" mode 777",
	    "listen /run/my b.sock mode 0777\n");
	conf_wrong("listen",
	    "conf:1: listen has 0 values, expected one address, or PATH mode "
	    "MODE\n");
	conf_wrong("listen 127.0.0.1 5531",
	    "conf:1: listen has 2 values, expected one address, or PATH mode "
	    "MODE\n");
	conf_wrong("listen 127.0.0.1:5531 mode 0660",
	    "conf:1: listen has 3 values, expected one address, or PATH mode "
	    "MODE\n");
	conf_wrong("listen localhost:5531",
	    "conf:1: listen: \"localhost:5531\" is a name, expected an "
	    "address in numbers: ADDR:PORT or [ADDR]:PORT\n");
	conf_wrong("listen 127.0.0.1:65536",
	    "conf:1: listen: \"127.0.0.1:65536\" has a wrong port, expected a "
	    "number from 0 to 65535 after the last colon\n");
}
END_TEST

START_TEST(socket_modes)
{
	static const char *const wrong[] = { "7777", "1660", "0999", "66",
		"00660", "rw", "0x1f", "-660" };
	char text[64];
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "listen /s mode %s", wrong[i]);
		conf_wrong(text,
		    "conf:1: listen: \"%s\" is not a file mode, expected "
		    "octal such as 0660\n",
		    wrong[i]);
	}
}
END_TEST

/* ---- all ---- */

/* Those that stand for one value may be given once, the others often. */
START_TEST(given_twice)
{
	static const char *const values[][2] = { { "listen", "127.0.0.1:0" },
		{ "server-name", "box" }, { "motd", "m" }, { "password", "x" },
		{ "default-room", "#a" }, { "room", NULL }, { "history", "5" },
		{ "allow", "all" }, { "deny", "all" }, { "max-clients", "5" },
		{ "max-per-host", "5" }, { "max-rooms", "5" },
		{ "max-joined", "5" }, { "max-line", "100" }, { "rate", "off" },
		{ "send-queue", "8K" }, { "stall-timeout", "5" },
		{ "login-timeout", "5" }, { "shutdown-grace", "4" },
		{ "log-target", "syslog" }, { "log-level", "debug" },
		{ "user", "nobody" }, { "store", "/run/x" },
		{ "names-per-host", "3" }, { "name-expiry", "3d" },
		{ "keep", "3d" }, { "operators", "alice" } };
	const struct keyword *k;
	char text[128];
	struct config *conf;
	size_t i;

	ck_assert_uint_eq(sizeof(values) / sizeof(values[0]), READER_KEYWORDS);
	for (i = 0; i < READER_KEYWORDS; i++) {
		k = keyword_find(values[i][0]);
		ck_assert_msg(k != NULL, "%s", values[i][0]);
		if (values[i][1] == NULL)
			continue;
		snprintf(text, sizeof(text), "%s %s\n# again\n%s %s\n", k->name,
		    values[i][1], k->name, values[i][1]);
		if (!k->many) {
			conf_wrong(text,
			    "conf:3: %s was given before in line 1, expected "
			    "it once\n",
			    k->name);
			continue;
		}
		conf_write("conf", text, strlen(text), 0600);
		conf = conf_load(false);
		ck_assert_msg(conf != NULL, "%s: %s", k->name, conf_messages);
		config_free(conf);
	}
	ck_assert_ptr_null(keyword_find("nothing"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keyword");
	TCase *tc = unit_case(s, "keyword", NULL, NULL);

	tcase_add_unchecked_fixture(tc, conf_setup, conf_teardown);
	tcase_add_loop_test(
	    tc, all_numbers, 0, (int)(sizeof(numbers) / sizeof(numbers[0])));
	UNIT_TESTS(tc, send_queue, send_queue_long, rate);
	tcase_add_loop_test(
	    tc, all_strings, 0, (int)(sizeof(strings) / sizeof(strings[0])));
	UNIT_TESTS(tc, log_target, user, password_that_nobody_can_type,
	    utf8_string, log_levels, default_room, room, networks, listens,
	    socket_modes, given_twice);
	return unit_run(s);
}
