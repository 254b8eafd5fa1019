/* The configuration file as a whole: what a line is, and what is wrong. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf_file.h"
#include "unit.h"

START_TEST(no_file)
{
	struct config *conf = conf_load(true);

	ck_assert_ptr_nonnull(conf);
	ck_assert_str_eq(conf_messages, "");
	config_free(conf);
	ck_assert_ptr_null(conf_load(false));
	ck_assert_str_eq(conf_messages, "conf: No such file or directory\n");
}
END_TEST

/* Optional means that it may be missing, not that it may be bad. */
START_TEST(no_file_but_something)
{
	ck_assert_int_eq(symlink("conf", "conf"), 0);
	ck_assert_ptr_null(conf_load(true));
	ck_assert_str_eq(
	    conf_messages, "conf: Too many levels of symbolic links\n");
	ck_assert_int_eq(unlink("conf"), 0);
}
END_TEST

static void
ignore(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

START_TEST(a_directory)
{
	ck_assert_int_eq(mkdir("conf", 0700), 0);
	ck_assert_ptr_null(conf_load(true));
	ck_assert_int_eq(rmdir("conf"), 0);
	ck_assert_str_eq(
	    conf_messages, "conf: is a directory, expected a file\n");
}
END_TEST

START_TEST(defaults)
{
	const struct config_listen *l;
	struct config *conf;

	conf_good("", "");
	conf_good("\n\n  \t\n\r\n# nothing\n   # at all", "");
	conf_write("conf", "", 0, 0644);
	conf = conf_load(false);
	ck_assert_ptr_nonnull(conf);
	l = TAILQ_FIRST(&conf->listens);
	ck_assert_str_eq(l->text, "127.0.0.1:5531");
	l = TAILQ_NEXT(l, next);
	ck_assert_str_eq(l->text, "[::1]:5531");
	ck_assert_ptr_null(TAILQ_NEXT(l, next));
	ck_assert(conf->listens_default);
	ck_assert_str_eq(conf->default_room, "#lobby");
	ck_assert_str_eq(conf->log_target, "stderr");
	ck_assert_int_eq(conf->log_level, LOG_LEVEL_INFO);
	ck_assert_ptr_null(conf->motd_path);
	ck_assert_ptr_null(conf->password);
	ck_assert_ptr_null(conf->user);
	ck_assert_uint_eq(conf->history, 50);
	ck_assert_uint_eq(conf->max_clients, 1000);
	ck_assert_uint_eq(conf->max_per_host, 50);
	ck_assert_uint_eq(conf->max_rooms, 500);
	ck_assert_uint_eq(conf->max_joined, 20);
	ck_assert_uint_eq(conf->max_line, 1024);
	ck_assert_uint_eq(conf->rate_burst, 20);
	ck_assert_uint_eq(conf->rate_per_second, 5);
	ck_assert_uint_eq(conf->send_queue, 256 * 1024);
	ck_assert_uint_eq(conf->stall_timeout, 60);
	ck_assert_uint_eq(conf->login_timeout, 30);
	ck_assert_uint_eq(conf->shutdown_grace, 5);
	config_free(conf);
}
END_TEST

START_TEST(host_name)
{
	char host[256];
	struct config *conf;

	ck_assert_int_eq(gethostname(host, sizeof(host)), 0);
	host[strcspn(host, ".")] = '\0';
	conf_write("conf", "", 0, 0600);
	conf = conf_load(false);
	ck_assert_str_eq(conf->server_name, host);
	config_free(conf);
}
END_TEST

START_TEST(blanks_and_comments)
{
	conf_good("history 7", "history 7\n");
	conf_good("  \thistory\t \t7  \t\n", "history 7\n");
	conf_good("history 7\r\n", "history 7\n");
	conf_good("history 7 # lines", "history 7\n");
	conf_good("history 7 #", "history 7\n");
	conf_good("history 7 #\"", "history 7\n");
	conf_good("#history 8\nhistory 7\n", "history 7\n");
	/* within a word it begins no comment */
	conf_good("server-name box#2\n", "server-name box#2\n");
}
END_TEST

START_TEST(quotes)
{
	conf_good("server-name \"my box\"", "server-name my box\n");
	conf_good("server-name \"box\"", "server-name box\n");
	conf_good("\"server-name\" box", "server-name box\n");
	conf_good("server-name \"a # b\"", "server-name a # b\n");
	conf_good("server-name \"a \\\"b\\\" c\"", "server-name a \"b\" c\n");
	conf_good("server-name \"a\\\\b\"", "server-name a\\b\n");
	conf_good("server-name \"a\\b\"", "server-name a\\b\n");
	conf_good("server-name \"ends\\\\\"", "server-name ends\\\n");
	conf_good("server-name \"box\" # mine", "server-name box\n");
	conf_good("server-name \"box\"\r\n", "server-name box\n");
	/* in the middle of a word it is a character like others */
	conf_good("server-name a\"b", "server-name a\"b\n");
	conf_wrong("server-name \"my box\n",
	    "conf:1: a double quote is not closed, expected \"...\" around "
	    "the whole value\n");
	conf_wrong("server-name \"",
	    "conf:1: a double quote is not closed, expected \"...\" around "
	    "the whole value\n");
	conf_wrong("server-name \"a\\\"\n",
	    "conf:1: a double quote is not closed, expected \"...\" around "
	    "the whole value\n");
	conf_wrong("server-name \"my\"box\n",
	    "conf:1: something follows a closing double quote, expected "
	    "\"...\" around the whole value\n");
	conf_wrong("server-name \"my\"#box\n",
	    "conf:1: something follows a closing double quote, expected "
	    "\"...\" around the whole value\n");
	conf_wrong("server-name \"\"\n",
	    "conf:1: server-name has a value of 0 bytes, expected 1 to 64\n");
	conf_wrong("\"\" 5\n",
	    "conf:1: unknown keyword \"\", expected one of "
	    "banterd.conf(5)\n");
}
END_TEST

START_TEST(continued_lines)
{
	conf_good("history \\\n7\n", "history 7\n");
	conf_good("his\\\ntory 7\n", "history 7\n");
	conf_good("server-name \"my \\\nbox\"\n", "server-name my box\n");
	conf_good("history 7\\", "history 7\n");
	conf_good("# a comment \\\nhistory 8\nhistory 7\n", "history 7\n");
	/* a line has the number of its last piece */
	conf_wrong("history \\\n\\\nx\nhistory y\n",
	    "conf:3: history: \"x\" is invalid, expected a number from 0 to "
	    "10000\n"
	    "conf:4: history: \"y\" is invalid, expected a number from 0 to "
	    "10000\n");
}
END_TEST

/* A '#' begins a room's name only where one is expected. */
START_TEST(room_names)
{
	conf_good("default-room #dev", "default-room #dev\n");
	conf_good("default-room \"#dev\"", "default-room #dev\n");
	conf_good("default-room #dev # here", "default-room #dev\n");
	conf_good("default-room #dev #here", "default-room #dev\n");
	conf_good("default-room none #dev", "default-room none\n");
	conf_good("room #dev # here", "rooms #dev <none> <none>\n");
	conf_good("room #dev topic \"#1\"", "rooms #dev <#1> <none>\n");
	conf_wrong("default-room # a comment",
	    "conf:1: default-room has no value, expected a room such as "
	    "#lobby, or none\n");
	conf_wrong("default-room #",
	    "conf:1: default-room has no value, expected a room such as "
	    "#lobby, or none\n");
	conf_wrong("room #dev topic #1",
	    "conf:1: room: topic has no value, expected 1 to 256 bytes\n");
}
END_TEST

START_TEST(all_wrong_lines)
{
	conf_wrong("listen 0.0.0.0\n"
		   "\n"
		   "histroy 5 # a slip\n"
		   "history many\n"
		   "max-clients 10\n"
		   "room dev\n"
		   "rate 20\n"
		   "server-name \"box\n"
		   "max-clients 20\n",
	    "conf:1: listen: \"0.0.0.0\" has no port, expected ADDR:PORT or "
	    "[ADDR]:PORT\n"
	    "conf:3: unknown keyword \"histroy\", expected one of "
	    "banterd.conf(5); did you mean history?\n"
	    "conf:4: history: \"many\" is invalid, expected a number from 0 "
	    "to 10000\n"
	    "conf:6: room: \"dev\" is not a room's name, expected # and 1-32 "
	    "letters, digits, _ - .\n"
	    "conf:7: rate has 1 value, expected BURST and LINES-PER-SECOND, "
	    "or off\n"
	    "conf:8: a double quote is not closed, expected \"...\" around "
	    "the whole value\n"
	    "conf:9: max-clients was given before in line 5, expected it "
	    "once\n");
}
END_TEST

START_TEST(keywords_are_exact)
{
	conf_wrong("HISTORY 5\n",
	    "conf:1: unknown keyword \"HISTORY\", expected one of "
	    "banterd.conf(5); did you mean history?\n");
	conf_wrong("history= 5\n",
	    "conf:1: unknown keyword \"history=\", expected one of "
	    "banterd.conf(5); did you mean history?\n");
	conf_wrong("port 5531\n",
	    "conf:1: unknown keyword \"port\", expected one of "
	    "banterd.conf(5)\n");
	conf_wrong("server-nam box\nusr nobody\n",
	    "conf:1: unknown keyword \"server-nam\", expected one of "
	    "banterd.conf(5); did you mean server-name?\n"
	    "conf:2: unknown keyword \"usr\", expected one of "
	    "banterd.conf(5); did you mean user?\n");
}
END_TEST

START_TEST(many_words)
{
	conf_wrong("z b c d e f g h i j k l m n o p\n",
	    "conf:1: unknown keyword \"z\", expected one of "
	    "banterd.conf(5)\n");
	conf_wrong("z b c d e f g h i j k l m n o p q\n",
	    "conf:1: too many words, expected at most 16\n");
	conf_wrong("z b c d e f g h i j k l m n o p # q\n",
	    "conf:1: unknown keyword \"z\", expected one of "
	    "banterd.conf(5)\n");
}
END_TEST

START_TEST(nul_byte)
{
	conf_write("conf", BYTES("history 5\nhistory\0 7\n"), 0600);
	ck_assert_ptr_null(conf_load(false));
	ck_assert_str_eq(conf_messages, "conf:2: a NUL byte, expected text\n");
}
END_TEST

START_TEST(long_keyword)
{
	char text[4096];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	conf_write("conf", text, strlen(text), 0600);
	ck_assert_ptr_null(conf_load(false));
	ck_assert_ptr_nonnull(
	    strstr(conf_messages, "conf:1: unknown keyword \"xxx"));
}
END_TEST

/* With a password others may not read the file. */
START_TEST(password_modes)
{
	static const struct {
		mode_t mode;
		bool good;
	} rows[] = { { 0400, true }, { 0600, true }, { 0640, true },
		{ 0660, true }, { 0644, false }, { 0604, false },
		{ 0666, false }, { 0664, false } };
	struct config *conf;
	char want[128];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)unlink("conf");
		conf_write("conf", BYTES("password x\n"), rows[i].mode);
		conf = conf_load(false);
		ck_assert_msg(
		    (conf != NULL) == rows[i].good, "%04o", rows[i].mode);
		config_free(conf);
		snprintf(want, sizeof(want),
		    "conf:1: has a password but can be read by others (mode "
		    "%04o), expected 0640 or 0600\n",
		    rows[i].mode);
		ck_assert_str_eq(conf_messages, rows[i].good ? "" : want);
	}
	/* without one they may */
	conf_write("conf", BYTES("history 5\n"), 0644);
	conf = conf_load(false);
	ck_assert_ptr_nonnull(conf);
	config_free(conf);
}
END_TEST

/* ---- motd ---- */

static void
check_motd(const char *text, size_t len, const char *want)
{
	conf_write("motd", text, len, 0644);
	conf_good("motd motd", want);
}

START_TEST(motd)
{
	check_motd(
	    BYTES("hello\nworld\n"), "motd lines <hello> <world>\nmotd motd\n");
	check_motd(BYTES("hello\r\n\r\nworld"),
	    "motd lines <hello> <> <world>\nmotd motd\n");
	check_motd(BYTES(""), "motd motd\n");
	check_motd(BYTES("\n"), "motd lines <>\nmotd motd\n");
	check_motd(BYTES("a\x1b]1mb\xff\n"),
	    "motd lines <a\xef\xbf\xbd]1mb\xef\xbf\xbd>\nmotd motd\n");
	conf_good("motd not-there", "motd not-there\n");
	ck_assert_int_eq(symlink("loop", "loop"), 0);
	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	conf_wrong("motd pipe",
	    "conf:1: motd pipe is not a file, expected a text file\n");
	conf_wrong("motd loop",
	    "conf:1: motd loop: Too many levels of symbolic links\n");
}
END_TEST

START_TEST(motd_size)
{
	static char text[64 * 1024 + 1];
	struct config *conf;

	memset(text, 'x', sizeof(text));
	conf_write("conf", BYTES("motd motd\n"), 0600);
	conf_write("motd", text, sizeof(text) - 2, 0644);
	conf = conf_load(false);
	ck_assert_ptr_nonnull(conf);
	config_free(conf);
	conf_write("motd", text, sizeof(text) - 1, 0644);
	conf = conf_load(false);
	ck_assert_ptr_nonnull(conf);
	config_free(conf);
	conf_write("motd", text, sizeof(text), 0644);
	ck_assert_ptr_null(conf_load(false));
	ck_assert_str_eq(conf_messages,
	    "conf:1: motd motd is too long, expected at most 65536 bytes\n");
}
END_TEST

/* A line that is wrong gives nothing; only a good one is the first of two. */
START_TEST(wrong_and_again)
{
	conf_wrong("history many\nhistory 7\n",
	    "conf:1: history: \"many\" is invalid, expected a number from 0 "
	    "to 10000\n");
	conf_wrong("history 6\nhistory many\nhistory 7\n",
	    "conf:2: history was given before in line 1, expected it once\n"
	    "conf:3: history was given before in line 1, expected it once\n");
}
END_TEST

/* ---- -l ---- */

START_TEST(listen_texts)
{
	static const char *const good[] = { "127.0.0.1:0", "0.0.0.0:65535",
		"[::]:5531", "[::1]:1", "[2001:db8::5]:5532", "/run/a.sock" };
	static const char *const bad[] = { "", ":", ":5531", "[::1:5531",
		"::1]:5531", "[]:5531", "a.sock", "*:5531", "256.0.0.1:5531",
		"fe80::1%lo:5531", "box" };
	struct config_listens list = TAILQ_HEAD_INITIALIZER(list);
	char path[200];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_str_eq(config_listen_add(&list, bad[i], 0),
		    "is not an address, expected ADDR:PORT, [ADDR]:PORT or /PATH");
	ck_assert(TAILQ_EMPTY(&list));
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_ptr_null(config_listen_add(&list, good[i], 0));
	config_listens_free(&list);
	/* sun_path has 108 bytes with its NUL */
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	ck_assert_ptr_null(config_listen_add(&list, path, 0));
	path[107] = 'x';
	path[108] = '\0';
	ck_assert_str_eq(config_listen_add(&list, path, 0),
	    "is too long, expected a path of at most 107 bytes");
	ck_assert_str_eq(config_listen_add(&list, "[::ffff:127.0.0.1]:1", 0),
	    "is an IPv4 address, expected it as ADDR:PORT");
	ck_assert_str_eq(config_listen_add(&list, "[fe80::1]:1", 0),
	    "is an address of one link, expected [ADDR%INTERFACE]:PORT");
	config_listens_free(&list);
	ck_assert(TAILQ_EMPTY(&list));
}
END_TEST

/* Each is told what is wrong with it. */
START_TEST(almost_addresses)
{
	static const char no_port[] =
	    "has no port, expected ADDR:PORT or [ADDR]:PORT";
	static const char wrong_port[] =
	    "has a wrong port, expected a number from 0 to 65535 after the last colon";
	static const char a_name[] =
	    "is a name, expected an address in numbers: ADDR:PORT or [ADDR]:PORT";
	static const char only_port[] =
	    "is a port without an address, expected ADDR:PORT, [ADDR]:PORT or /PATH";
	static const struct {
		const char *text, *wrong;
	} rows[] = {
		{ "0.0.0.0", no_port },
		{ "::1", no_port },
		{ "[::1]", no_port },
		{ "::1:5531", no_port },
		{ "127.0.0.1:", wrong_port },
		{ "127.0.0.1:x", wrong_port },
		{ "127.0.0.1:65536", wrong_port },
		{ "127.0.0.1:-1", wrong_port },
		{ "[::1]5531", wrong_port },
		{ "localhost:5531", a_name },
		{ "box:", a_name },
		{ "5531", only_port },
	};
	struct config_listens list = TAILQ_HEAD_INITIALIZER(list);
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_str_eq(
		    config_listen_add(&list, rows[i].text, 0), rows[i].wrong);
	ck_assert(TAILQ_EMPTY(&list));
}
END_TEST

/* A start would not get both of them. */
START_TEST(address_and_all)
{
	static const struct {
		const char *first, *second;
		bool good;
	} rows[] = {
		{ "127.0.0.1:1", "0.0.0.0:1", false },
		{ "0.0.0.0:1", "127.0.0.1:1", false },
		{ "[::1]:1", "[::]:1", false },
		{ "[::]:1", "[::1]:1", false },
		{ "0.0.0.0:1", "0.0.0.0:1", true },
		{ "0.0.0.0:1", "[::]:1", true },
		{ "0.0.0.0:1", "[::1]:1", true },
		{ "127.0.0.1:1", "0.0.0.0:2", true },
		{ "127.0.0.1:1", "127.0.0.2:1", true },
		{ "127.0.0.1:0", "0.0.0.0:0", true },
		{ "/run/a", "0.0.0.0:1", true },
	};
	struct config_listens list = TAILQ_HEAD_INITIALIZER(list);
	const char *wrong;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_ptr_null(config_listen_add(&list, rows[i].first, 0));
		wrong = config_listen_add(&list, rows[i].second, 0);
		ck_assert_msg((wrong == NULL) == rows[i].good, "%s, %s",
		    rows[i].first, rows[i].second);
		config_listens_free(&list);
	}
	conf_wrong("listen 127.0.0.1:1\nlisten 0.0.0.0:1\n",
	    "conf:2: listen: \"0.0.0.0:1\" cannot be had with another one of that port, expected all addresses (0.0.0.0, [::]) or single ones\n");
}
END_TEST

/* ---- of other editors, and half-written ---- */

START_TEST(byte_order_mark)
{
	conf_good("\xef\xbb\xbfhistory 7\r\n", "history 7\n");
	conf_good("\xef\xbb\xbf", "");
	conf_good("\xef\xbb\xbf# \xef\xbb\xbf\n", "");
	conf_good("server-name \\\r\nbox\r\nhistory 7\r\n",
	    "server-name box\nhistory 7\n");
	conf_good("\r\nhistory 7\n", "history 7\n");
	conf_wrong("\xef\xbb\xbfhistory x\r\n",
	    "conf:1: history: \"x\" is invalid, expected a number from 0 to 10000\n");
	/* one of two bytes is none */
	conf_wrong("\xef\xbb",
	    "conf:1: unknown keyword \"\xef\xbb\", expected one of banterd.conf(5)\n");
	conf_wrong("z\rb\n",
	    "conf:1: unknown keyword \"z\", expected one of banterd.conf(5)\n");
	check_motd(BYTES("\xef\xbb\xbfhello\r\n\xef\xbb\xbf\r\n"),
	    "motd lines <hello> <\xef\xbf\xbd>\nmotd motd\n");
}
END_TEST

START_TEST(unfinished)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "is empty" },
		{ "\xef\xbb\xbf", "is empty" },
		{ "history 7", "has a last line without an end" },
		{ "history 7\nhist", "has a last line without an end" },
		{ "# a", "has a last line without an end" },
		{ "\r", "has a last line without an end" },
		{ "\n", NULL },
		{ "history 7\n", NULL },
		{ "history 7\r\n", NULL },
	};
	struct config *conf;
	const char *got;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		conf_write("conf", rows[i].text, strlen(rows[i].text), 0600);
		if ((conf = conf_load(false)) == NULL)
			continue; /* that says enough */
		got = config_unfinished(conf);
		ck_assert_msg((got == NULL) == (rows[i].want == NULL) &&
			(got == NULL || strcmp(got, rows[i].want) == 0),
		    "row %zu: %s", i, got == NULL ? "NULL" : got);
		config_free(conf);
	}
	/* of no file somebody writes a line */
	conf = config_load(NULL, "/dev/null", false, ignore, NULL);
	ck_assert_ptr_nonnull(conf);
	ck_assert_ptr_null(config_unfinished(conf));
	config_free(conf);
	ck_assert_int_eq(unlink("conf"), 0);
	conf = conf_load(true);
	ck_assert_ptr_nonnull(conf);
	ck_assert(conf->no_file);
	ck_assert_ptr_null(config_unfinished(conf));
	config_free(conf);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("config");
	TCase *tc = unit_case(s, "config", NULL, NULL);

	tcase_add_unchecked_fixture(tc, conf_setup, conf_teardown);
	UNIT_TESTS(tc, no_file, no_file_but_something, a_directory, defaults,
	    host_name, blanks_and_comments, quotes, continued_lines, room_names,
	    all_wrong_lines, keywords_are_exact, many_words, nul_byte,
	    long_keyword, password_modes, motd, motd_size, listen_texts,
	    almost_addresses, wrong_and_again, address_and_all, byte_order_mark,
	    unfinished);
	return unit_run(s);
}
