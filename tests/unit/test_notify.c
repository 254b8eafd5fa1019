/* The service manager: what it is told, and the sockets it passes. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "banterd/system/notify.h"
#include "conf_file.h"
#include "daemon.h"
#include "unit.h"

/* ---- telling ---- */

static int manager = -1;

/* A socket that stands for the service manager; an '@' is for the NUL of an
 * abstract address. */
static void
start_manager(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	memcpy(sun.sun_path, path, strlen(path));
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(
	    bind(manager, (struct sockaddr *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) +
		    strlen(path))),
	    0);
	setenv("NOTIFY_SOCKET", path, 1);
}

static const char *
told(void)
{
	static char text[256];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	if (n == -1 && errno == EAGAIN)
		return "nothing";
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

/* The test is in a directory of its own: conf_setup() made it. */
static void
socket_in_directory(char *path, size_t size)
{
	ck_assert_ptr_nonnull(getcwd(path, size - 8));
	strcat(path, "/notify");
	(void)unlink(path);
}

static void
clear_environment(void)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	unsetenv("RUNTIME_DIRECTORY");
}

static void
check_words(const char *path)
{
	struct notify n;

	start_manager(path);
	notify_init(&n);
	ck_assert_int_ne(n.fd, -1);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_str_eq(told(), "nothing");
	(void)notify_ready(&n);
	ck_assert_str_eq(told(), "READY=1");
	notify_stopping(&n);
	ck_assert_str_eq(told(), "STOPPING=1");
	notify_watchdog(&n);
	ck_assert_str_eq(told(), "WATCHDOG=1");
	(void)notify_status(&n, NULL, 12, 3);
	ck_assert_str_eq(told(), "STATUS=12 clients in 3 rooms");
	(void)notify_status(&n, NULL, 1, 1);
	ck_assert_str_eq(told(), "STATUS=1 client in 1 room");
	(void)notify_status(&n, NULL, 0, 0);
	ck_assert_str_eq(told(), "STATUS=0 clients in 0 rooms");
	ck_assert_str_eq(told(), "nothing");
	notify_close(&n);
	ck_assert_int_eq(n.fd, -1);
	close(manager);
}

START_TEST(words)
{
	char path[128];

	socket_in_directory(path, sizeof(path));
	check_words(path);
	snprintf(path, sizeof(path), "@banter-unit-%d", getpid());
	check_words(path);
}
END_TEST

/* How a reload went is said to whoever waits at a FIFO, and to no other. */
START_TEST(reloaded)
{
	char word[16];
	int fd;

	notify_reloaded(true); /* nobody has said where */
	setenv("RUNTIME_DIRECTORY", ".", 1);
	notify_reloaded(true); /* there is none */
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(link("fifo", "reload"), 0);
	notify_reloaded(true); /* nobody waits */
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	ck_assert_int_ne(fd, -1);
	notify_reloaded(true);
	ck_assert_int_eq(read(fd, word, sizeof(word)), 3);
	ck_assert_int_eq(memcmp(word, "ok\n", 3), 0);
	notify_reloaded(false);
	ck_assert_int_eq(read(fd, word, sizeof(word)), 7);
	ck_assert_int_eq(memcmp(word, "failed\n", 7), 0);
	/* a link may lead to anything */
	ck_assert_int_eq(unlink("reload"), 0);
	ck_assert_int_eq(symlink("fifo", "reload"), 0);
	notify_reloaded(true);
	ck_assert_int_eq(read(fd, word, sizeof(word)), 0);
	close(fd);
	ck_assert_int_eq(unlink("reload") | unlink("fifo"), 0);
}
END_TEST

static long long
monotonic_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

START_TEST(reloading)
{
	char path[128];
	long long before, at;
	struct notify n;

	socket_in_directory(path, sizeof(path));
	start_manager(path);
	notify_init(&n);
	before = monotonic_usec();
	notify_reloading(&n);
	ck_assert_int_eq(
	    sscanf(told(), "RELOADING=1\nMONOTONIC_USEC=%lld", &at), 1);
	ck_assert_int_ge(at, before);
	ck_assert_int_le(at, monotonic_usec());
	notify_close(&n);
	close(manager);
}
END_TEST

START_TEST(nobody_to_tell)
{
	struct notify n;

	notify_init(&n);
	ck_assert_int_eq(n.fd, -1);
	(void)notify_ready(&n);
	notify_reloading(&n);
	notify_stopping(&n);
	notify_watchdog(&n);
	(void)notify_status(&n, NULL, 1, 1);
	notify_close(&n);
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_init(&n);
	ck_assert_int_eq(n.fd, -1);
	setenv("NOTIFY_SOCKET", "/not/there", 1);
	notify_init(&n);
	ck_assert_int_eq(n.fd, -1);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	(void)notify_ready(&n);
}
END_TEST

/* A manager that has gone, or does not read, makes nobody wait. */
START_TEST(manager_gone)
{
	char path[128];
	struct notify n;
	int i;

	socket_in_directory(path, sizeof(path));
	start_manager(path);
	notify_init(&n);
	for (i = 0; i < 10000; i++)
		notify_watchdog(&n);
	ck_assert_str_eq(told(), "WATCHDOG=1");
	close(manager);
	(void)notify_ready(&n);
	notify_close(&n);
}
END_TEST

/* One that was started anew, with another socket at the same path, is told on.
 */
START_TEST(manager_anew)
{
	char path[128];
	struct notify n;
	int old, i;

	socket_in_directory(path, sizeof(path));
	start_manager(path);
	notify_init(&n);
	for (i = 0; i < 2; i++) {
		close(manager);
		ck_assert_int_eq(unlink(path), 0);
		notify_watchdog(&n); /* nobody hears it */
		start_manager(path);
		notify_watchdog(&n);
		ck_assert_str_eq(told(), "WATCHDOG=1");
		(void)notify_status(&n, NULL, 1, 1);
		ck_assert_str_eq(told(), "STATUS=1 client in 1 room");
	}
	/* full is not gone */
	for (i = 0; i < 10000; i++)
		notify_watchdog(&n);
	old = manager;
	ck_assert_int_eq(unlink(path), 0);
	start_manager(path);
	ck_assert(!notify_ready(&n));
	ck_assert(!notify_status(&n, NULL, 1, 1));
	ck_assert_str_eq(told(), "nothing");
	close(old);
	notify_close(&n);
	close(manager);
}
END_TEST

/* What is said of an address that cannot be used. */
START_TEST(addresses)
{
	static char long_path[200];
	const char *const rows[][2] = {
		{ "vsock:2:1234",
		    "expected a path from / on, or @ and a name" },
		{ "relative", "expected a path from / on, or @ and a name" },
		{ "", "expected a path from / on, or @ and a name" },
		{ long_path, "of at most 107 bytes" },
		{ "/not/there", "/not/there: No such file or directory" },
	};
	struct notify n;
	char log[1024];
	ssize_t got;
	size_t i;
	int fd;

	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[0] = '/';
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)unlink("log");
		ck_assert_int_eq(log_open("log"), 0);
		setenv("NOTIFY_SOCKET", rows[i][0], 1);
		notify_init(&n);
		ck_assert_int_eq(n.fd, -1);
		fd = open("log", O_RDONLY);
		got = read(fd, log, sizeof(log) - 1);
		close(fd);
		ck_assert_int_ge(got, 0);
		log[got] = '\0';
		ck_assert_msg(strstr(log, rows[i][1]) != NULL &&
			strstr(log, "warning: ") != NULL &&
			strstr(log, "Success") == NULL,
		    "%s: %s", rows[i][0], log);
	}
	ck_assert_int_eq(log_open("stderr"), 0);
}
END_TEST

START_TEST(watchdog)
{
	static const struct {
		const char *usec;
		int pid; /* 0: none, 1: ours, 2: another's */
		uint64_t ms;
	} rows[] = { { "30000000", 1, 30000 }, { "30000000", 0, 30000 },
		{ "30000000", 2, 0 }, { "1999", 1, 1 }, { "999", 1, 0 },
		{ "0", 1, 0 }, { "x", 1, 0 }, { "-5", 1, 0 }, { NULL, 1, 0 } };
	char path[128], pid[16];
	struct notify n;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		socket_in_directory(path, sizeof(path));
		start_manager(path);
		if (rows[i].usec != NULL)
			setenv("WATCHDOG_USEC", rows[i].usec, 1);
		snprintf(pid, sizeof(pid), "%d", getpid() + (rows[i].pid == 2));
		if (rows[i].pid > 0)
			setenv("WATCHDOG_PID", pid, 1);
		notify_init(&n);
		ck_assert_msg(n.watchdog_ms == rows[i].ms, "row %zu", i);
		ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
		ck_assert_ptr_null(getenv("WATCHDOG_PID"));
		notify_close(&n);
		close(manager);
	}
	/* without a socket there is nobody who would hear it */
	setenv("WATCHDOG_USEC", "30000000", 1);
	notify_init(&n);
	ck_assert_uint_eq(n.watchdog_ms, 0);
}
END_TEST

/* ---- passed sockets ---- */

static struct notify_passed
passed_with(const char *pid, const char *fds, const char *names)
{
	struct notify_passed s;

	if (pid != NULL)
		setenv("LISTEN_PID", pid, 1);
	if (fds != NULL)
		setenv("LISTEN_FDS", fds, 1);
	if (names != NULL)
		setenv("LISTEN_FDNAMES", names, 1);
	s = notify_passed();
	ck_assert_ptr_null(getenv("LISTEN_PID"));
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
	return s;
}

/* How many; they are let go. */
static int
count_with(const char *pid, const char *fds, const char *names)
{
	struct notify_passed s = passed_with(pid, fds, names);
	int n = s.n;

	notify_passed_free(&s);
	return n;
}

START_TEST(passed)
{
	struct notify_passed s;
	char ours[16], other[16];

	snprintf(ours, sizeof(ours), "%d", getpid());
	snprintf(other, sizeof(other), "%d", getppid());
	s = passed_with(ours, "2", "tcp:unix");
	ck_assert_int_eq(s.n, 2);
	ck_assert_int_eq(s.list[0].fd, 3);
	ck_assert_str_eq(s.list[0].name, "tcp");
	ck_assert_int_eq(s.list[1].fd, 4);
	ck_assert_str_eq(s.list[1].name, "unix");
	notify_passed_free(&s);
	s = passed_with(ours, "2", "one");
	ck_assert_int_eq(s.n, 2);
	ck_assert_str_eq(s.list[1].name, "unnamed");
	notify_passed_free(&s);
	s = passed_with(ours, "1", NULL);
	ck_assert_int_eq(s.n, 1);
	ck_assert_str_eq(s.list[0].name, "unnamed");
	notify_passed_free(&s);
	ck_assert_int_eq(count_with(other, "2", "a:b"), 0);
	ck_assert_int_eq(count_with(NULL, "2", NULL), 0);
	ck_assert_int_eq(count_with(ours, NULL, NULL), 0);
	ck_assert_int_eq(count_with(ours, "0", NULL), 0);
	ck_assert_int_eq(count_with("x", "2", NULL), 0);
	/* none is meant, or somebody else is; but this is wrong */
	ck_assert_int_eq(count_with(ours, "-1", NULL), -1);
	ck_assert_int_eq(count_with(ours, "x", NULL), -1);
	ck_assert_int_eq(count_with(ours, "", NULL), -1);
	ck_assert_int_eq(count_with(ours, "1025", NULL), -1);
	ck_assert_int_eq(count_with(ours, "3000000000", NULL), -1);
	ck_assert_int_eq(count_with(other, "-1", NULL), 0);
	ck_assert_int_eq(count_with(ours, "1024", NULL), 1024);
}
END_TEST

static const struct kind {
	int family, type;
	bool listens;
	const char *log; /* what is said of descriptor %d (name) */
} kinds[] = {
	{ AF_INET, SOCK_STREAM, true, "listening on 127.0.0.1:" },
	{ AF_INET6, SOCK_STREAM, true, "listening on [::1]:" },
	{ AF_UNIX, SOCK_STREAM, true, "listening on " },
	{ AF_INET, SOCK_STREAM, false, "does not listen" },
	{ AF_INET, SOCK_DGRAM, false,
	    "is of the wrong kind, expected a stream socket of IPv4, IPv6 or "
	    "UNIX" },
	{ AF_INET6, SOCK_DGRAM, false, "is of the wrong kind" },
	{ AF_UNIX, SOCK_DGRAM, false, "is of the wrong kind" },
	{ AF_UNIX, SOCK_SEQPACKET, true, "is of the wrong kind" },
	{ AF_UNSPEC, 0, false, "is not a socket" },
};

static int
make_socket(const struct kind *k)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct sockaddr *sa = (void *)&sun;
	socklen_t len = sizeof(sun);
	int fd;

	if (k->family == AF_UNSPEC)
		return open("/dev/null", O_RDONLY);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "sock");
	(void)unlink("sock");
	if (k->family == AF_INET) {
		sa = (void *)&sin;
		len = sizeof(sin);
	} else if (k->family == AF_INET6) {
		sa = (void *)&sin6;
		len = sizeof(sin6);
	}
	fd = socket(k->family, k->type, 0);
	if (bind(fd, sa, len) == -1) {
		/* a machine without IPv6 */
		ck_assert_int_eq(k->family, AF_INET6);
		return -1;
	}
	if (k->listens)
		ck_assert_int_eq(listen(fd, 5), 0);
	return fd;
}

/* A wrong kind of socket is refused, with a clear line. */
START_TEST(kinds_of_sockets)
{
	const struct kind *k = &kinds[_i];
	char log[4096], name[64];
	int fd, log_fd;
	ssize_t n;
	bool good = k->log[0] == 'l';

	if ((fd = make_socket(k)) == -1)
		return;
	daemon_start("");
	(void)unlink("log");
	ck_assert_int_eq(log_open("log"), 0);
	ck_assert(listener_adopt(&rig.srv.listeners, fd, "door") == good);
	log_fd = open("log", O_RDONLY);
	n = read(log_fd, log, sizeof(log) - 1);
	close(log_fd);
	ck_assert_int_ge(n, 0);
	log[n] = '\0';
	ck_assert_msg(strstr(log, k->log) != NULL, "%s", log);
	snprintf(name, sizeof(name), " %d (door) ", fd);
	ck_assert(good || strstr(log, name) != NULL);
	ck_assert(good ==
	    ((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 &&
		(fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0));
	if (!good)
		close(fd);
	daemon_stop();
	/* a passed socket's file is the manager's */
	ck_assert(k->family != AF_UNIX || access("sock", F_OK) == 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("notify");
	TCase *tc = unit_case(s, "notify", clear_environment, NULL);

	tcase_add_unchecked_fixture(tc, conf_setup, conf_teardown);
	UNIT_TESTS(tc, words, reloading, reloaded, nobody_to_tell, manager_gone,
	    manager_anew, addresses, watchdog, passed);
	tcase_add_loop_test(
	    tc, kinds_of_sockets, 0, (int)(sizeof(kinds) / sizeof(kinds[0])));
	return unit_run(s);
}
