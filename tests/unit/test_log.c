/* The log: forged lines, levels, targets, prefixes. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/system/log.h"
#include "conf_file.h"
#include "unit.h"

static char content[65536];

static const char *
content_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	ck_assert_int_ne(fd, -1);
	n = read(fd, content, sizeof(content) - 1);
	ck_assert_int_ge(n, 0);
	content[n] = '\0';
	close(fd);
	return content;
}

static void
assert_matches(const char *text, const char *pattern)
{
	regex_t re;

	ck_assert_int_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&re, text, 0, NULL, 0) == 0, "\"%s\" is not %s",
	    text, pattern);
	regfree(&re);
}

/* The log is a fresh file; nothing is in it. */
static void
setup(void)
{
	(void)unlink("log");
	(void)unlink("log.1");
	unsetenv("JOURNAL_STREAM");
	ck_assert_int_eq(log_open("log"), 0);
	log_set_level(LOG_LEVEL_DEBUG);
}

/* What a line of the file says, without its time. */
static const char *
last_message(void)
{
	const char *text = content_of("log"), *end = strrchr(text, '\n');

	ck_assert_ptr_nonnull(end);
	ck_assert_ptr_eq(strchr(text, '\n'), end); /* one line */
	ck_assert_int_eq(end[1], '\0');
	content[end - text] = '\0';
	assert_matches(text,
	    "^[0-9]{4}-[0-9]{2}-[0-9]{2} "
	    "[0-9]{2}:[0-9]{2}:[0-9]{2} ");
	ck_assert_int_eq(truncate("log", 0), 0);
	return text + sizeof("2026-11-22 10:32:01 ") - 1;
}

START_TEST(levels_and_prefix)
{
	log_error("a %d", 1);
	ck_assert_str_eq(last_message(), "error: a 1");
	log_warning("b");
	ck_assert_str_eq(last_message(), "warning: b");
	log_notice("c");
	ck_assert_str_eq(last_message(), "notice: c");
	log_info("d");
	ck_assert_str_eq(last_message(), "info: d");
	log_debug("e");
	ck_assert_str_eq(last_message(), "debug: e");
}
END_TEST

START_TEST(level_filters)
{
	static void (*const say[])(const char *, ...) = { log_error,
		log_warning, log_notice, log_info, log_debug };
	int level, i, lines;
	const char *p;

	for (level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		log_set_level((enum log_level)level);
		for (i = 0; i < 5; i++)
			say[i]("x");
		lines = 0;
		for (p = content_of("log"); *p != '\0'; p++)
			lines += *p == '\n';
		ck_assert_int_eq(lines, level + 1);
		ck_assert_int_eq(truncate("log", 0), 0);
	}
}
END_TEST

/* Whatever a client sends, it is one line, and harmless to a terminal. */
START_TEST(forged_lines)
{
	static const char *const rows[][2] = {
		{ "x\n2026-11-22 10:32:01 error: forged",
		    "info: x\\n2026-11-22 10:32:01 error: forged" },
		{ "x\r\ny", "info: x\\r\\ny" },
		{ "\x1b[2J", "info: \\^[[2J" },
		{ "a\\nb", "info: a\\\\nb" },
		{ "a\bb\a", "info: a\\bb\\a" },
		{ "\x7f", "info: \\^?" },
		{ "caf\xc3\xa9", "info: caf\\M-C\\M-)" },
		{ "\x9b"
		  "2J",
		    "info: \\M^[2J" },
		{ "%s%n", "info: %s%n" },
		{ "plain text, #dev", "info: plain text, #dev" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		log_info("%s", rows[i][0]);
		ck_assert_str_eq(last_message(), rows[i][1]);
	}
}
END_TEST

/* No byte reaches the file raw but printable ASCII, blank and TAB. */
START_TEST(every_byte)
{
	char text[2] = { 0, 0 };
	const char *p;
	int c;

	for (c = 1; c < 256; c++) {
		text[0] = (char)c;
		log_info("%s", text);
		for (p = last_message(); *p != '\0'; p++)
			ck_assert_msg((*p >= ' ' && *p < 0x7f) || *p == '\t',
			    "byte %d", c);
	}
}
END_TEST

/* A long one is cut, and is still one line. */
START_TEST(long_message)
{
	static char text[8192];
	const char *message;

	memset(text, '\1', sizeof(text) - 1);
	log_info("%s", text);
	message = last_message();
	ck_assert_uint_ge(strlen(message), 1024);
	ck_assert_uint_le(strlen(message), 8192);
}
END_TEST

START_TEST(errno_is_kept)
{
	errno = EADDRINUSE;
	log_info("x");
	ck_assert_int_eq(errno, EADDRINUSE);
}
END_TEST

START_TEST(file_mode)
{
	struct stat st;

	umask(0);
	(void)unlink("log");
	ck_assert_int_eq(log_open("log"), 0);
	ck_assert_int_eq(stat("log", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
}
END_TEST

START_TEST(appends)
{
	conf_write("log", BYTES("before\n"), 0600);
	ck_assert_int_eq(log_open("log"), 0);
	log_info("after");
	assert_matches(content_of("log"), "^before\n.* info: after\n$");
}
END_TEST

/* logrotate renames the file, then asks to open it again. */
START_TEST(reopens)
{
	log_info("one");
	ck_assert_int_eq(rename("log", "log.1"), 0);
	log_info("two");
	ck_assert_int_eq(log_reopen(), 0);
	log_info("three");
	assert_matches(content_of("log.1"), "one\n.*two\n$");
	ck_assert_str_eq(last_message(), "info: three");
}
END_TEST

/* If that fails, the old file goes on. */
START_TEST(reopen_fails)
{
	ck_assert_int_eq(rename("log", "log.1"), 0);
	ck_assert_int_eq(symlink("log", "log"), 0);
	ck_assert_int_eq(log_reopen(), -1);
	ck_assert_int_eq(errno, ELOOP);
	log_info("still");
	assert_matches(content_of("log.1"), "still\n$");
	ck_assert_int_eq(unlink("log"), 0);
}
END_TEST

START_TEST(open_fails)
{
	ck_assert_int_eq(log_open("not-there/log"), -1);
	ck_assert_int_eq(errno, ENOENT);
	log_info("still");
	ck_assert_str_eq(last_message(), "info: still");
}
END_TEST

/* ---- stderr ---- */

/* Has stderr be the file "err", and the log go there. */
static void
to_stderr(void)
{
	int fd = open("err", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
	ck_assert_int_eq(log_open("stderr"), 0);
	ck_assert_int_eq(log_reopen(), 0); /* is nothing to it */
}

static void
set_journal(long long dev_more, long long ino_more, const char *tail)
{
	struct stat st;
	char text[128];

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(text, sizeof(text), "%lld:%lld%s",
	    (long long)st.st_dev + dev_more, (long long)st.st_ino + ino_more,
	    tail);
	setenv("JOURNAL_STREAM", text, 1);
}

START_TEST(journal_prefix)
{
	to_stderr();
	set_journal(0, 0, "");
	log_error("a");
	log_warning("b");
	log_notice("c\nd");
	log_info("e");
	log_debug("f");
	ck_assert_str_eq(
	    content_of("err"), "<3>a\n<4>b\n<5>c\\nd\n<6>e\n<7>f\n");
}
END_TEST

/* A variable that speaks of another stream is none. */
START_TEST(not_the_journal)
{
	static const char *const values[] = { "", ":", "1", "1:2x", "x:y" };
	size_t i;

	to_stderr();
	log_notice("a");
	assert_matches(content_of("err"), "^[0-9]{4}-.* notice: a\n$");
	for (i = 0; i < 3 + sizeof(values) / sizeof(values[0]); i++) {
		if (i < 3)
			set_journal(i == 0, i == 1, i == 2 ? "x" : "");
		else
			setenv("JOURNAL_STREAM", values[i - 3], 1);
		ck_assert_int_eq(truncate("err", 0), 0);
		log_notice("a");
		assert_matches(content_of("err"), "^[0-9]{4}-.* notice: a\n$");
	}
}
END_TEST

START_TEST(file_is_not_the_journal)
{
	to_stderr();
	set_journal(0, 0, "");
	ck_assert_int_eq(log_open("log"), 0);
	log_notice("a");
	ck_assert_str_eq(last_message(), "notice: a");
	ck_assert_str_eq(content_of("err"), "");
}
END_TEST

/* A pipe that nobody reads must not stop the daemon; the loss is counted. */
START_TEST(full_pipe)
{
	static char junk[4096];
	int fds[2], i;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	while (write(fds[1], junk, sizeof(junk)) > 0)
		;
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, 0), 0);
	ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(log_open("stderr"), 0);
	ck_assert_uint_eq(log_lost(), 0);
	for (i = 0; i < 3; i++)
		log_info("lost");
	ck_assert_uint_eq(log_lost(), 3);
}
END_TEST

START_TEST(full_disk)
{
	ck_assert_int_eq(log_open("/dev/full"), 0);
	log_info("lost");
	ck_assert_uint_eq(log_lost(), 1);
	ck_assert_int_eq(log_open("log"), 0);
	log_info("kept");
	ck_assert_uint_eq(log_lost(), 1);
	assert_matches(content_of("log"),
	    "^.{20}warning: log lines lost before this one: 1\n"
	    ".{20}info: kept\n$");
	ck_assert_int_eq(truncate("log", 0), 0);
	log_info("told once");
	ck_assert_str_eq(last_message(), "info: told once");
}
END_TEST

/* Half of a page is not space enough for a line of more than a page. */
START_TEST(nearly_full_pipe)
{
	static char page[4096], text[2000];
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETPIPE_SZ, 8192), 8192);
	ck_assert_int_eq(write(fds[1], page, sizeof(page)), 4096);
	ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(log_open("stderr"), 0);
	memset(text, '\200', sizeof(text) - 1);
	log_info("%s", text);
	ck_assert_uint_eq(log_lost(), 0);
	ck_assert_int_eq(read(fds[0], page, sizeof(page)), 4096);
	ck_assert_int_gt(read(fds[0], page, sizeof(page)), 2000);
}
END_TEST

/* Nobody reads the FIFO: that is said, and not waited for. */
START_TEST(fifo_without_reader)
{
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(log_open("fifo"), -1);
	ck_assert_str_eq(
	    log_open_error(errno), "a FIFO that nobody reads, or a socket");
	ck_assert_str_eq(log_open_error(EACCES), strerror(EACCES));
	log_info("still");
	ck_assert_str_eq(last_message(), "info: still");
	ck_assert_int_eq(rename("log", "log.1"), 0);
	ck_assert_int_eq(rename("fifo", "log"), 0);
	ck_assert_int_eq(log_reopen(), -1);
	ck_assert_int_eq(errno, ENXIO);
	ck_assert_int_eq(unlink("log"), 0);
}
END_TEST

/* ---- syslog ---- */

static int syslog_fd;

static void
start_syslog(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "dev" };

	(void)unlink("dev");
	syslog_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(
	    bind(syslog_fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	log_set_syslog("dev");
}

static void
syslog_has(const char *priority, const char *message)
{
	char text[8192];
	ssize_t n = recv(syslog_fd, text, sizeof(text) - 1, 0);

	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_msg(
	    strncmp(text, priority, strlen(priority)) == 0, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, " banterd["));
	ck_assert_str_eq(strstr(text, "]: ") + 3, message);
}

START_TEST(to_syslog)
{
	start_syslog();
	to_stderr();
	ck_assert_int_eq(log_open("syslog"), 0);
	ck_assert_int_eq(log_reopen(), 0); /* is nothing to it */
	log_warning("b");
	syslog_has("<28>", "b");
	log_notice("c\nd");
	syslog_has("<29>", "c\\nd");
	log_info("e");
	syslog_has("<30>", "e");
	log_debug("f");
	syslog_has("<31>", "f");
	ck_assert_str_eq(content_of("err"), "");
	log_error("a");
	syslog_has("<27>", "a");
	assert_matches(content_of("err"), "^.{20}error: a\n$");
}
END_TEST

/* What is lost is counted, and told once it works again. */
START_TEST(syslog_is_stuck)
{
	unsigned i;

	start_syslog();
	ck_assert_int_eq(log_open("syslog"), 0);
	for (i = 0; log_lost() < 3; i++)
		log_info("line");
	for (i -= 3; i > 0; i--)
		syslog_has("<30>", "line");
	log_info("on");
	syslog_has("<28>", "log lines lost before this one: 3");
	syslog_has("<30>", "on");
	close(syslog_fd);
	log_info("lost");
	start_syslog();
	log_info("on");
	syslog_has("<28>", "log lines lost before this one: 1");
	syslog_has("<30>", "on");
}
END_TEST

START_TEST(syslog_is_not_there)
{
	to_stderr();
	(void)unlink("dev");
	log_set_syslog("dev");
	ck_assert_int_eq(log_open("syslog"), 0);
	assert_matches(content_of("err"),
	    "^.{20}warning: no syslog daemon at dev \\(No such file or "
	    "directory\\); what is logged is lost until there is one\n$");
	log_info("lost");
	ck_assert_uint_eq(log_lost(), 1);
}
END_TEST

/* ---- errors ---- */

START_TEST(errors_are_on_stderr_too)
{
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	to_stderr();
	ck_assert_int_eq(log_open("log"), 0);
	log_error("a");
	ck_assert_str_eq(last_message(), "error: a");
	assert_matches(content_of("err"), "^.{20}error: a\n$");
	log_warning("b");
	assert_matches(content_of("err"), "^.{20}error: a\n$");
	set_journal(0, 0, "");
	log_error("c");
	assert_matches(content_of("err"), "error: a\n<3>c\n$");
	/* It is in the log, whatever becomes of this one. */
	ck_assert_int_eq(pipe(fds), 0);
	close(fds[0]);
	ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(log_open("stderr"), 0);
	ck_assert_int_eq(log_open("log"), 0);
	log_error("d");
	ck_assert_uint_eq(log_lost(), 0);
}
END_TEST

/* But not twice. */
START_TEST(stderr_as_a_file)
{
	to_stderr();
	ck_assert_int_eq(log_open("err"), 0);
	log_error("a");
	assert_matches(content_of("err"), "^.{20}error: a\n$");
}
END_TEST

/* ---- bursts ---- */

static unsigned
lines_of_log(void)
{
	const char *p;
	unsigned n = 0;

	for (p = content_of("log"); *p != '\0'; p++)
		n += *p == '\n';
	return n;
}

START_TEST(bursts)
{
	struct log_burst b = { .level = LOG_LEVEL_INFO };
	int i;

	for (i = 0; i < LOG_BURST_LINES - 1; i++)
		log_burst(&b, 5000, "%d", i);
	ck_assert_uint_eq(lines_of_log(), LOG_BURST_LINES - 1);
	log_burst(&b, 5999, "at");
	ck_assert_uint_eq(lines_of_log(), LOG_BURST_LINES);
	log_burst(&b, 5999, "above");
	log_burst(&b, 5999, "above");
	ck_assert_uint_eq(lines_of_log(), LOG_BURST_LINES);
	/* a second after the first one */
	log_burst(&b, 6000, "again");
	ck_assert_uint_eq(lines_of_log(), LOG_BURST_LINES + 2);
	assert_matches(content_of("log"),
	    "info: 2 more lines like these held back\n.* info: again\n$");
	/* nothing held back, nothing to say */
	log_burst(&b, 8000, "later");
	ck_assert_uint_eq(lines_of_log(), LOG_BURST_LINES + 3);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("log");
	TCase *tc = unit_case(s, "log", setup, NULL);

	tcase_add_unchecked_fixture(tc, conf_setup, conf_teardown);
	UNIT_TESTS(tc, levels_and_prefix, level_filters, forged_lines,
	    every_byte, long_message, errno_is_kept, file_mode, appends,
	    reopens, reopen_fails, open_fails, journal_prefix, not_the_journal,
	    file_is_not_the_journal, full_pipe, nearly_full_pipe, full_disk,
	    fifo_without_reader, to_syslog, syslog_is_stuck,
	    syslog_is_not_there, errors_are_on_stderr_too, stderr_as_a_file,
	    bursts);
	return unit_run(s);
}
