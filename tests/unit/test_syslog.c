/* The syslog daemon: what it is sent, stuck, restarted, not there. */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "banterd/system/syslog.h"
#include "conf_file.h"
#include "unit.h"

static int daemon_fd = -1; /* what stands for it */
static struct syslog_socket sys;

static void
start_daemon(int type)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "dev" };

	(void)unlink("dev");
	daemon_fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ne(daemon_fd, -1);
	ck_assert_int_eq(
	    bind(daemon_fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(daemon_fd, 0), 0);
}

static void
stop_daemon(void)
{
	if (daemon_fd != -1)
		close(daemon_fd);
	daemon_fd = -1;
	(void)unlink("dev");
}

static void
setup(void)
{
	sys.path = "dev";
	sys.fd = -1;
	(void)signal(SIGPIPE, SIG_IGN);
}

static void
teardown(void)
{
	syslog_socket_close(&sys);
	stop_daemon();
}

static bool
say(const char *message)
{
	return syslog_socket_send(&sys, LOG_DAEMON | LOG_NOTICE, "x", message);
}

/* The next datagram, with a NUL at its end; "" if there is none. */
static const char *
received(int fd)
{
	static char text[8192];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	if (n == -1) {
		ck_assert_int_eq(errno, EAGAIN);
		n = 0;
	}
	text[n] = '\0';
	return text;
}

static void
receives(const char *message)
{
	const char *text = received(daemon_fd), *rest = strstr(text, "]: ");

	ck_assert_msg(rest != NULL && strcmp(rest + 3, message) == 0,
	    "\"%s\" does not say %s", text, message);
}

START_TEST(form)
{
	const char *text;
	char pattern[128];
	regex_t re;

	start_daemon(SOCK_DGRAM);
	ck_assert(syslog_socket_send(
	    &sys, LOG_DAEMON | LOG_ERR, "banterd", "it is %s"));
	text = received(daemon_fd);
	snprintf(pattern, sizeof(pattern),
	    "^<27>[A-Z][a-z][a-z] [ 123][0-9] "
	    "[0-9]{2}:[0-9]{2}:[0-9]{2} banterd\\[%d\\]: it is %%s$",
	    (int)getpid());
	ck_assert_int_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(
	    regexec(&re, text, 0, NULL, 0) == 0, "%s: %s", pattern, text);
	regfree(&re);
	ck_assert_str_eq(received(daemon_fd), "");
}
END_TEST

/* Its socket is full; who waited for it would be killed by a time limit. */
static unsigned
fill(void)
{
	unsigned n = 0;

	while (say("again"))
		n++;
	ck_assert_uint_gt(n, 0);
	ck_assert(!say("lost"));
	return n;
}

START_TEST(stuck)
{
	unsigned n;

	start_daemon(SOCK_DGRAM);
	for (n = fill(); n > 0; n--)
		receives("again");
	ck_assert(say("it goes on"));
	receives("it goes on");
}
END_TEST

START_TEST(restarted)
{
	start_daemon(SOCK_DGRAM);
	ck_assert(say("one"));
	receives("one");
	stop_daemon();
	ck_assert(!say("two"));
	ck_assert(!say("three"));
	start_daemon(SOCK_DGRAM);
	ck_assert(say("four"));
	receives("four");
	/* between two messages */
	stop_daemon();
	start_daemon(SOCK_DGRAM);
	ck_assert(say("five"));
	receives("five");
	/* by whoever found it stuck */
	fill();
	stop_daemon();
	start_daemon(SOCK_DGRAM);
	ck_assert(say("six"));
	receives("six");
}
END_TEST

START_TEST(not_there)
{
	char path[200];

	ck_assert(!syslog_socket_open(&sys));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert(!say("lost"));
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	sys.path = path;
	ck_assert(!syslog_socket_open(&sys));
	ck_assert_int_eq(errno, ENAMETOOLONG);
	start_daemon(SOCK_DGRAM);
	sys.path = "dev";
	ck_assert(syslog_socket_open(&sys));
	ck_assert(say("there"));
	receives("there");
}
END_TEST

/* Some listen for streams: a NUL ends each message. */
START_TEST(stream)
{
	const char *text;
	int fd;

	start_daemon(SOCK_STREAM);
	ck_assert(say("one"));
	ck_assert(say("two"));
	fd = accept(daemon_fd, NULL, NULL);
	ck_assert_int_ne(fd, -1);
	text = received(fd);
	ck_assert_ptr_nonnull(strstr(text, "]: one"));
	text += strlen(text) + 1;
	ck_assert_ptr_nonnull(strstr(text, "]: two"));
	ck_assert_int_eq(text[strlen(text) + 1], '\0');
	fill();
	close(fd);
	/* full, gone, and there again */
	ck_assert(say("three"));
	fd = accept(daemon_fd, NULL, NULL);
	ck_assert_int_ne(fd, -1);
	ck_assert_ptr_nonnull(strstr(received(fd), "]: three"));
	close(fd);
}
END_TEST

/* Nobody accepts, and the backlog is full. */
START_TEST(stream_stuck)
{
	int i;

	start_daemon(SOCK_STREAM);
	for (i = 0; i < 3; i++) {
		sys.fd = -1; /* it stays open */
		(void)say("one");
	}
	ck_assert(!syslog_socket_open(&sys));
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert(!say("lost"));
}
END_TEST

START_TEST(long_message)
{
	static char text[8000];

	memset(text, 'x', sizeof(text) - 1);
	start_daemon(SOCK_DGRAM);
	ck_assert(say(text));
	ck_assert_uint_gt(strlen(received(daemon_fd)), 4096);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("syslog");
	TCase *tc = unit_case(suite, "syslog", setup, teardown);

	tcase_add_unchecked_fixture(tc, conf_setup, conf_teardown);
	UNIT_TESTS(tc, form, stuck, restarted, not_there, stream, stream_stuck,
	    long_message);
	return unit_run(suite);
}
