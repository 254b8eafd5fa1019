/* Listening sockets that go on in another process. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "banterd/net/listener.h"
#include "banterd/system/log.h"
#include "conf_file.h"
#include "unit.h"

static struct event_base *base;
static struct listeners ls;
static struct config_listens wanted;
static unsigned came, opened, closed;

static void
on_accepted(void *owner, int fd, const struct address *address)
{
	(void)owner;
	(void)address;
	came++;
	close(fd);
}

static uint64_t
now(void *owner)
{
	(void)owner;
	return 1000;
}

static void
on_opened(void *owner, struct listener *l)
{
	ck_assert_ptr_eq(owner, &ls);
	l->stored_as = ++opened;
}

static void
on_closed(void *owner, const struct listener *l)
{
	ck_assert_ptr_eq(owner, &ls);
	ck_assert_ptr_nonnull(l->text);
	closed++;
}

static const struct listener_ops ops = {
	.accepted = on_accepted,
	.now = now,
	.opened = on_opened,
	.closed = on_closed,
};

static void
begin(void)
{
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	listeners_init(&ls, base, &ops, &ls);
}

static void
end(void)
{
	listeners_close(&ls);
	event_base_free(base);
}

static void
setup(void)
{
	came = opened = closed = 0;
	ck_assert_int_eq(log_open("/dev/null"), 0);
	TAILQ_INIT(&wanted);
	memset(&ls, 0, sizeof(ls));
	begin();
}

static void
teardown(void)
{
	config_listens_free(&wanted);
	end();
	ck_assert_int_eq(log_open("stderr"), 0);
}

static void
want(const char *text, mode_t mode)
{
	ck_assert_ptr_null(config_listen_add(&wanted, text, mode));
}

static bool
apply(void)
{
	bool ok = listeners_apply(&ls, &wanted, false);

	config_listens_free(&wanted);
	return ok;
}

static struct listener *
first(void)
{
	return TAILQ_FIRST(&ls.list);
}

/* The next process, which has the first listener, under that number. */
static void
next_one(unsigned stored_as)
{
	int fd = dup(first()->fd);

	ls.are_handed_over = true;
	end();
	memset(&ls, 0, sizeof(ls));
	begin();
	ck_assert(listener_return(&ls, fd, stored_as));
}

static in_port_t
port_of(const struct listener *l)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	ck_assert_int_eq(getsockname(l->fd, (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

/* Somebody connects, and comes in. */
static void
is_served(void)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	unsigned before = came;
	int fd;

	ck_assert_int_eq(
	    getsockname(first()->fd, (struct sockaddr *)&ss, &len), 0);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&ss, len), 0);
	ck_assert_int_ne(event_base_loop(base, EVLOOP_ONCE), -1);
	ck_assert_uint_eq(came, before + 1);
	close(fd);
}

/* A path in the test's directory. */
static const char *
here(const char *name)
{
	static char path[PATH_MAX + 32];

	ck_assert_ptr_nonnull(getcwd(path, PATH_MAX));
	strcat(strcat(path, "/"), name);
	return path;
}

/* A line with port 0 has the port that it had. */
START_TEST(any_port)
{
	in_port_t port;

	want("127.0.0.1:0", 0);
	ck_assert(apply());
	ck_assert_uint_eq(opened, 1);
	port = port_of(first());
	next_one(4);
	ck_assert_uint_eq(closed, 0);
	ck_assert(first()->unclaimed);
	ck_assert_uint_eq(first()->stored_as, 4);
	want("127.0.0.1:0", 0);
	ck_assert(apply());
	ck_assert_uint_eq(listeners_count(&ls), 1);
	ck_assert_uint_eq(opened, 1);
	ck_assert_uint_eq(port_of(first()), port);
	ck_assert(!first()->unclaimed);
	is_served();
	/* another such line has a port of its own */
	want("127.0.0.1:0", 0);
	want("127.0.0.1:0", 0);
	ck_assert(apply());
	is_served();
	/* and once more */
	next_one(1);
	want("127.0.0.1:0", 0);
	ck_assert(apply());
	ck_assert_uint_eq(port_of(first()), port);
}
END_TEST

/* With a port, it is found by that. */
START_TEST(one_port)
{
	in_port_t port;
	char text[32];

	want("127.0.0.1:0", 0);
	ck_assert(apply());
	port = port_of(first());
	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	next_one(1);
	want(text, 0);
	ck_assert(apply());
	ck_assert_uint_eq(listeners_count(&ls), 1);
	ck_assert_uint_eq(opened, 1);
	is_served();
}
END_TEST

/* Who waits in its backlog is no matter of one process. */
START_TEST(backlog)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	want("127.0.0.1:0", 0);
	ck_assert(apply());
	ck_assert_int_eq(
	    getsockname(first()->fd, (struct sockaddr *)&sin, &len), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sin, len), 0);
	next_one(1);
	want("127.0.0.1:0", 0);
	ck_assert(apply());
	ck_assert_int_ne(event_base_loop(base, EVLOOP_ONCE), -1);
	ck_assert_uint_eq(came, 1);
	close(fd);
}
END_TEST

/* What is not wanted any more goes, and its owner is told. */
START_TEST(unwanted)
{
	want("127.0.0.1:0", 0);
	ck_assert(apply());
	next_one(7);
	want(here("sock"), 0600);
	ck_assert(apply());
	ck_assert_uint_eq(listeners_count(&ls), 1);
	ck_assert_uint_eq(closed, 1);
	ck_assert_uint_eq(opened, 2);
	ck_assert(apply()); /* nothing */
	ck_assert_uint_eq(listeners_count(&ls), 0);
	ck_assert_uint_eq(closed, 2);
	ck_assert_int_eq(access(here("sock"), F_OK), -1);
}
END_TEST

/* A wildcard takes the place of an address of before. */
START_TEST(wildcard_now)
{
	char text[32];

	want("127.0.0.1:0", 0);
	ck_assert(apply());
	snprintf(text, sizeof(text), "0.0.0.0:%u", port_of(first()));
	next_one(1);
	want(text, 0);
	ck_assert(apply());
	ck_assert_uint_eq(listeners_count(&ls), 1);
	ck_assert_uint_eq(opened, 2);
	ck_assert_uint_eq(closed, 1);
	is_served();
}
END_TEST

/* A UNIX socket is the same one, with its file, which gets another mode. */
START_TEST(unix_socket)
{
	struct stat before, after;

	want(here("sock"), 0600);
	ck_assert(apply());
	ck_assert_int_eq(stat("sock", &before), 0);
	next_one(1);
	ck_assert_int_eq(stat("sock", &after), 0);
	ck_assert_uint_eq(after.st_ino, before.st_ino);
	want(here("sock"), 0660);
	ck_assert(apply());
	ck_assert_uint_eq(listeners_count(&ls), 1);
	ck_assert_uint_eq(opened, 1);
	ck_assert_int_eq(stat("sock", &after), 0);
	ck_assert_uint_eq(after.st_ino, before.st_ino);
	ck_assert_uint_eq(after.st_mode & 0777, 0660);
	is_served();
	/* handed over it stays; at a true end it goes */
	next_one(1);
	ck_assert_int_eq(access("sock", F_OK), 0);
	listeners_close(&ls);
	ck_assert_int_eq(access("sock", F_OK), -1);
}
END_TEST

/* Somebody removed the file meanwhile: there is a new one. */
START_TEST(file_is_gone)
{
	want(here("sock"), 0600);
	ck_assert(apply());
	ck_assert_int_eq(unlink("sock"), 0);
	next_one(1);
	want(here("sock"), 0600);
	ck_assert(apply());
	ck_assert_uint_eq(listeners_count(&ls), 1);
	ck_assert_int_eq(access("sock", F_OK), 0);
	ck_assert_uint_eq(closed, 1);
	is_served();
}
END_TEST

START_TEST(no_listener)
{
	int pair[2], fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert(!listener_return(&ls, fd, 1));
	ck_assert_int_ne(fcntl(fd, F_GETFD), -1); /* still open */
	close(fd);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert(!listener_return(&ls, pair[0], 1));
	close(pair[0]);
	close(pair[1]);
	ck_assert_uint_eq(listeners_count(&ls), 0);
	ck_assert_uint_eq(closed, 0);
}
END_TEST

/* An address that is not there: now, or early. */
START_TEST(early)
{
	want("192.0.2.1:0", 0);
	ck_assert(!apply());
	ck_assert_uint_eq(opened, 0);
	ls.may_be_early = true;
	want("192.0.2.1:0", 0);
	ck_assert(apply());
	ck_assert_uint_eq(opened, 1);
	/* what cannot be had for another reason is not had by that */
	want("192.0.2.1:0", 0);
	want("/nosuch/directory/sock", 0600);
	ck_assert(!apply());
	ck_assert_uint_eq(listeners_count(&ls), 1);
	ck_assert_uint_eq(opened, 1);
	next_one(1);
	want("192.0.2.1:0", 0);
	ck_assert(apply());
	ck_assert_uint_eq(opened, 1);
}
END_TEST

/* IPv6 has such addresses, too. */
START_TEST(early_v6)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return; /* not on this machine */
	close(fd);
	ls.may_be_early = true;
	want("[2001:db8::1]:0", 0);
	ck_assert(apply());
	ck_assert_uint_eq(opened, 1);
}
END_TEST

/* Who waits at one that is not wanted any more is not reset. */
START_TEST(waiting)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	int fd[3], i;
	char byte;

	want("127.0.0.1:0", 0);
	ck_assert(apply());
	ck_assert_int_eq(
	    getsockname(first()->fd, (struct sockaddr *)&ss, &len), 0);
	for (i = 0; i < 3; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(
		    connect(fd[i], (struct sockaddr *)&ss, len), 0);
	}
	want("127.0.0.2:0", 0);
	ck_assert(apply());
	ck_assert_uint_eq(came, 3);
	ck_assert_uint_eq(closed, 1);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(recv(fd[i], &byte, 1, 0), 0);
		close(fd[i]);
	}
}
END_TEST

/* How many may wait is as the system allows now: for one that listens tcp_info
 * has it in this field (net/ipv4/tcp.c, tcp_get_info()). */
START_TEST(queue)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	want("127.0.0.1:0", 0);
	ck_assert(apply());
	ck_assert_int_eq(listen(first()->fd, 1), 0);
	next_one(1);
	ck_assert_int_eq(
	    getsockopt(first()->fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	if (len == sizeof(info)) /* an emulator knows some of it */
		ck_assert_uint_gt(info.tcpi_sacked, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("listener_kept");
	TCase *tc = unit_case(s, "listener", setup, teardown);

	tcase_add_unchecked_fixture(tc, conf_setup, conf_teardown);
	UNIT_TESTS(tc, any_port, one_port, backlog, unwanted, wildcard_now,
	    unix_socket, file_is_gone, no_listener, early, early_v6, waiting,
	    queue);
	return unit_run(s);
}
