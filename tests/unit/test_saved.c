/* A configuration as it is kept: the same when it is read again, whatever has
 * become of its files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/config/saved.h"
#include "conf_file.h"
#include "unit.h"

static char dumps[2][CONF_DUMP_SIZE];
static char messages[4096];
static struct record r;

static void
setup(void)
{
	(void)unlink("conf");
	(void)unlink("motd");
	messages[0] = '\0';
}

static void
teardown(void)
{
	record_free(&r);
}

static void
report(void *arg, const char *message)
{
	size_t len = strlen(messages);

	ck_assert_ptr_eq(arg, &r);
	snprintf(messages + len, sizeof(messages) - len, "%s\n", message);
}

static struct config *
import(void)
{
	struct record_reader in = record_reader(r.bytes, r.len);

	return config_import(&in, "conf", report, &r);
}

/* What is there is a configuration, and comes back as such without its files;
 * which it is compared to again. */
static void
comes_back(bool optional)
{
	struct config *before = conf_load(optional), *after;
	struct record again = { .failed = false };

	ck_assert_msg(before != NULL, "%s", conf_messages);
	record_begin(&r);
	config_export(before, &r);
	ck_assert(!r.failed);
	(void)unlink("conf");
	(void)unlink("motd");
	after = import();
	ck_assert_msg(after != NULL, "%s", messages);
	ck_assert_str_eq(messages, "");
	conf_dump(before, dumps[0]);
	conf_dump(after, dumps[1]);
	ck_assert_str_eq(dumps[1], dumps[0]);
	if (before->text != NULL)
		unit_bytes("text", after->text, after->text_len, before->text,
		    before->text_len);
	ck_assert(after->no_file == before->no_file);
	ck_assert(after->motd_missing == before->motd_missing);
	ck_assert(after->cut == before->cut);
	config_export(after, &again);
	unit_bytes("again", again.bytes, again.len, r.bytes, r.len);
	record_free(&again);
	config_free(before);
	config_free(after);
}

static void
write_conf(const char *text)
{
	conf_write("conf", text, strlen(text), 0600);
}

START_TEST(many)
{
	static const char *const of[] = {
		"", "# nothing but a remark\n", "server-name box\n",
		"server-name box", /* without an end */
		"password \"pass word\"\n",
		"password \"with \\\"quotes\\\" and \\\\\"\n",
		"password x\nrate off\nhistory 0\n",
		"history 10000\nmax-clients 1\nmax-per-host 7\n",
		"listen 127.0.0.1:5000\nlisten [::1]:5000\n",
		"listen /tmp/banter.sock mode 0600\n", "listen 127.0.0.1:0\n",
		"default-room none\n",
		"default-room #den\nroom #dev topic \"of dev\" key sesame\n",
		"room #a\nroom #b topic x\nroom #c key y\n",
		"allow 192.0.2.1\ndeny 192.0.2.0/24\ndeny fe80::/64\n",
		"deny fe80::1%nosuch0\n",
		"max-line 64\nsend-queue 8K\nstall-timeout 1\n",
		"login-timeout 5\nshutdown-grace 0\nrate 5 2\n",
		"log-level debug\n", "\r\nserver-name box\r\nhistory 3\r\n",
		"\xef\xbb\xbfserver-name box\n",
		"\xef\xbb\xbf\r\nserver-name b\xc3\xb6x\r\n",
		"server-name \\\nbox\nhistory \\\n7\n",
		"server-name box # and a remark\n\n\n",
		"motd motd\n", /* which is not there */
	};
	size_t i;

	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		write_conf(of[i]);
		comes_back(false);
	}
}
END_TEST

/* No file: the defaults. */
START_TEST(no_file)
{
	struct config *conf;

	comes_back(true);
	conf = import();
	ck_assert_ptr_nonnull(conf);
	ck_assert(conf->no_file);
	ck_assert_str_eq(conf->default_room, "#lobby");
	config_free(conf);
}
END_TEST

static void
motd_comes_back(const char *motd, size_t len)
{
	write_conf("motd motd\n");
	conf_write("motd", motd, len, 0644);
	comes_back(false);
}

START_TEST(motds)
{
	motd_comes_back("", 0);
	motd_comes_back(BYTES("one\n"));
	motd_comes_back(BYTES("one"));
	motd_comes_back(BYTES("\n\none\n\n"));
	motd_comes_back(BYTES("one\r\ntwo\r\n"));
	motd_comes_back(BYTES("one\r\r\ntwo\r"));
	motd_comes_back(BYTES("\xef\xbb\xbfone\n"));
	motd_comes_back(
	    BYTES("\xef\xbb\xbf\xef\xbb\xbfone\n\xef\xbb\xbftwo\n"));
	motd_comes_back(BYTES("\tone\x1b[1mtwo\x7f\a\n"));
	motd_comes_back(
	    BYTES("h\xc3\xa9\xff\xc3\n\xe2\x80\xa8 \xe2\x80\xae\n"));
	motd_comes_back(BYTES("a\0b\n"));
}
END_TEST

/* As long as it may be, and each byte becomes three. */
START_TEST(long_motd)
{
	static char text[65536];

	memset(text, 'x', sizeof(text));
	motd_comes_back(text, sizeof(text));
	memset(text, '\n', sizeof(text));
	motd_comes_back(text, sizeof(text));
	memset(text, 0xff, sizeof(text));
	motd_comes_back(text, sizeof(text));
}
END_TEST

/* What another version wrote, say, is wrong by this one's: that is told. */
START_TEST(wrong_text)
{
	record_put_u8(&r, 0);
	record_put_u8(&r, 0);
	record_put_bytes(&r, "history 1\nhistori 2\n", 20);
	record_put_u32(&r, 0);
	ck_assert_ptr_null(import());
	ck_assert_ptr_nonnull(strstr(messages, "conf:2: "));
	ck_assert_ptr_nonnull(strstr(messages, "histori"));
}
END_TEST

START_TEST(cut)
{
	struct config *conf;
	size_t len;

	conf_write("motd", BYTES("one\ntwo\n"), 0644);
	write_conf("motd motd\npassword x\n");
	comes_back(false);
	len = r.len;
	for (r.len = 0; r.len < len; r.len++)
		ck_assert_ptr_null(import());
	record_put_u8(&r, 0);
	ck_assert_ptr_null(import());
	r.len = len;
	ck_assert_ptr_nonnull((conf = import()));
	config_free(conf);
}
END_TEST

START_TEST(flipped)
{
	struct config *conf;
	size_t bit;

	conf_write("motd", BYTES("one\ntwo\n"), 0644);
	write_conf("motd motd\npassword x\nroom #dev key y\n");
	comes_back(false);
	for (bit = 0; bit < 8 * r.len; bit++) {
		r.bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
		conf = import();
		config_free(conf);
		messages[0] = '\0';
		r.bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("saved");
	TCase *tc = unit_case(s, "saved", setup, teardown);

	tcase_add_unchecked_fixture(tc, conf_setup, conf_teardown);
	UNIT_TESTS(
	    tc, many, no_file, motds, long_motd, wrong_text, cut, flipped);
	return unit_run(s);
}
