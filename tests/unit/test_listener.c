/* Listening sockets: what an accept that fails says, options that are not
 * there, files that are somebody else's by now. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>

#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "banterd/net/listener.h"
#include "banterd/net/socket.h"
#include "banterd/system/log.h"
#include "conf_file.h"
#include "unit.h"

/* ---- the system ---- */

static int accept_error; /* of each accept4(2), if not 0, */
static int failing;      /* this many times */
static unsigned accepts; /* calls */
static bool without_options;

int __real_accept4(int, struct sockaddr *, socklen_t *, int);
int __wrap_accept4(int, struct sockaddr *, socklen_t *, int);
int __real_setsockopt(int, int, int, const void *, socklen_t);
int __wrap_setsockopt(int, int, int, const void *, socklen_t);

int
__wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	accepts++;
	if (accept_error != 0 && failing > 0) {
		failing--;
		errno = accept_error;
		return -1;
	}
	return __real_accept4(fd, sa, len, flags);
}

int
__wrap_setsockopt(
    int fd, int level, int option, const void *value, socklen_t len)
{
	if (without_options && level != IPPROTO_IPV6) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return __real_setsockopt(fd, level, option, value, len);
}

/* ---- listeners and their owner ---- */

static struct event_base *base;
static struct listeners ls;
static struct config_listens wanted;
static unsigned came, turned;
static bool closing;
static uint64_t ms;

static void
on_accepted(void *owner, int fd, const struct address *address)
{
	(void)owner;
	(void)address;
	came++;
	close(fd);
}

static void
on_turned_away(void *owner)
{
	(void)owner;
	turned++;
}

static bool
is_closing(void *owner)
{
	(void)owner;
	return closing;
}

static uint64_t
now(void *owner)
{
	(void)owner;
	return ms;
}

static const struct listener_ops ops = {
	.accepted = on_accepted,
	.turned_away = on_turned_away,
	.is_closing = is_closing,
	.now = now,
};

static void
setup(void)
{
	accept_error = 0;
	failing = INT_MAX;
	accepts = came = turned = 0;
	without_options = closing = false;
	ms = 1000000;
	(void)unlink("log");
	ck_assert_int_eq(log_open("log"), 0);
	log_set_level(LOG_LEVEL_DEBUG);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	listeners_init(&ls, base, &ops, NULL);
	TAILQ_INIT(&wanted);
}

static void
teardown(void)
{
	config_listens_free(&wanted);
	listeners_close(&ls);
	event_base_free(base);
	ck_assert_int_eq(log_open("stderr"), 0);
}

static void
want(const char *text)
{
	config_listens_free(&wanted);
	ck_assert_ptr_null(config_listen_add(&wanted, text, 0600));
}

static bool
apply(const char *text)
{
	want(text);
	return listeners_apply(&ls, &wanted, false);
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

/* How often the log says that. */
static unsigned
logged(const char *what)
{
	char text[8192], *p = text;
	int fd = open("log", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	unsigned times = 0;

	close(fd);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	for (; (p = strstr(p, what)) != NULL; p += strlen(what))
		times++;
	return times;
}

/* Connects to the listener that is there; blocks never. */
static int
connect_to(const struct listener *l)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	int fd;

	ck_assert_int_eq(getsockname(l->fd, (struct sockaddr *)&ss, &len), 0);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

static void
turn(void)
{
	ck_assert_int_ne(
	    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), -1);
}

/* ---- accepting ---- */

/* Somebody who is gone again keeps nobody else out. */
START_TEST(their_own_failure)
{
	static const int errors[] = { EINTR, ECONNABORTED, EPROTO, ENETDOWN,
		ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET, ENOPROTOOPT,
		EOPNOTSUPP };
	size_t i;
	int fd;

	ck_assert(apply(here("sock")));
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		accept_error = errors[i];
		failing = 1;
		fd = connect_to(TAILQ_FIRST(&ls.list));
		turn();
		ck_assert_msg(came == i + 1, "%s", strerror(errors[i]));
		close(fd);
	}
	ck_assert_uint_eq(logged("cannot accept"), 0);
}
END_TEST

/* Whatever else fails: the listener is suspended, and a minute has one line. */
START_TEST(any_other_failure)
{
	static const int errors[] = { EPERM, EACCES, ENOSYS, ENOBUFS, ENOMEM,
		EINVAL, EBADF, EFAULT, ENOTSOCK };
	int i, fd;

	ck_assert(apply(here("sock")));
	accept_error = errors[_i];
	fd = connect_to(TAILQ_FIRST(&ls.list));
	for (i = 0; i < 50; i++)
		turn();
	ck_assert_uint_eq(accepts, 1);
	ck_assert_uint_eq(logged("warning: cannot accept on /"), 1);
	ck_assert_uint_eq(logged(strerror(errors[_i])), 1);
	/* A second later it is tried again; the line is not. */
	while (accepts == 1)
		ck_assert_int_ne(event_base_loop(base, EVLOOP_ONCE), -1);
	ck_assert_uint_eq(logged("cannot accept"), 1);
	ms += 60000;
	while (accepts == 2)
		ck_assert_int_ne(event_base_loop(base, EVLOOP_ONCE), -1);
	ck_assert_uint_eq(logged("cannot accept"), 2);
	ck_assert_uint_eq(logged("(2 times since the last warning)"), 1);
	accept_error = 0;
	while (came == 0)
		ck_assert_int_ne(event_base_loop(base, EVLOOP_ONCE), -1);
	close(fd);
}
END_TEST
#define N_OTHER_FAILURES 9

/* Who is there without a descriptor is told; not if others are about to give
 * theirs back. */
START_TEST(no_descriptor)
{
	char word[64];
	int fd;

	ck_assert(apply(here("sock")));
	fd = connect_to(TAILQ_FIRST(&ls.list));
	closing = true;
	accept_error = EMFILE;
	failing = 3;
	turn();
	turn();
	turn();
	ck_assert_uint_eq(accepts, 3);
	ck_assert_uint_eq(turned, 0);
	ck_assert_uint_eq(logged("cannot accept"), 0);
	turn();
	ck_assert_uint_eq(came, 1);
	close(fd);
	fd = connect_to(TAILQ_FIRST(&ls.list));
	closing = false;
	failing = 1;
	turn();
	ck_assert_uint_eq(turned, 1);
	ck_assert_uint_eq(logged("cannot accept"), 1);
	ck_assert_int_gt(read(fd, word, sizeof(word)), 0);
	close(fd);
}
END_TEST

#define WAITING 100

/* A wildcard takes the place of an address.  False: somebody else has its port
 * on another address of this machine. */
static bool
makes_way(void)
{
	struct listener *l;
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	char text[32];
	int fds[WAITING];
	bool made;
	size_t i;

	ck_assert(apply("127.0.0.1:0"));
	l = TAILQ_FIRST(&ls.list);
	ck_assert_int_eq(getsockname(l->fd, (struct sockaddr *)&sin, &len), 0);
	/* as if the file had given that port */
	memcpy(&l->addr, &sin, sizeof(sin));
	for (i = 0; i < WAITING; i++)
		fds[i] = connect_to(l);
	snprintf(text, sizeof(text), "0.0.0.0:%u", ntohs(sin.sin_port));
	made = apply(text);
	for (i = 0; i < WAITING; i++)
		close(fds[i]);
	return made;
}

/* All who wait there come in. */
START_TEST(way_is_made)
{
	int i;

	for (i = 0; i < 5; i++) {
		came = 0;
		if (makes_way())
			break;
	}
	ck_assert_uint_eq(came, WAITING);
}
END_TEST

/* ---- options ---- */

/* A passed socket of another kind, as MPTCP's, is as good. */
START_TEST(no_options)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	without_options = true;
	ck_assert(listener_adopt(&ls, fd, "door"));
	ck_assert_uint_eq(logged("debug: socket "), 9);
	ck_assert_uint_eq(logged(" has no TCP_USER_TIMEOUT: "), 1);
	ck_assert(apply("127.0.0.1:0"));
	close(connect_to(TAILQ_FIRST(&ls.list)));
	turn();
	ck_assert_uint_eq(came, 1);
}
END_TEST

/* ---- files ---- */

/* Another daemon's socket, at the same path. */
static int
bind_at(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	return fd;
}

START_TEST(own_file_goes)
{
	ck_assert(apply(here("sock")));
	ck_assert_int_eq(access("sock", F_OK), 0);
	ck_assert(apply("127.0.0.1:0"));
	ck_assert_int_eq(access("sock", F_OK), -1);
	ck_assert_uint_eq(logged("no longer listening on /"), 1);
}
END_TEST

START_TEST(anothers_file_stays)
{
	int fd;

	ck_assert(apply(here("sock")));
	ck_assert_int_eq(unlink("sock"), 0);
	fd = bind_at("sock");
	listeners_close(&ls);
	ck_assert_int_eq(access("sock", F_OK), 0);
	close(fd);
	ck_assert_int_eq(unlink("sock"), 0);
}
END_TEST

/* What a cleaner took is made again, and works. */
START_TEST(swept_away)
{
	int fd;

	ck_assert(apply(here("sock")));
	ck_assert(apply(here("sock")));
	ck_assert_uint_eq(logged("listening on"), 1);
	ck_assert_int_eq(unlink("sock"), 0);
	ck_assert(apply(here("sock")));
	ck_assert_uint_eq(logged("warning: the socket /"), 1);
	ck_assert_uint_eq(logged("is not there any more"), 1);
	ck_assert_uint_eq(logged("notice: listening on"), 2);
	ck_assert_uint_eq(logged("no longer"), 0);
	ck_assert_ptr_null(TAILQ_NEXT(TAILQ_FIRST(&ls.list), next));
	fd = connect_to(TAILQ_FIRST(&ls.list));
	turn();
	ck_assert_uint_eq(came, 1);
	close(fd);
	listeners_close(&ls);
	ck_assert_int_eq(access("sock", F_OK), -1);
}
END_TEST

/* Another daemon has the path: the reload fails, both go on. */
START_TEST(taken_over)
{
	int fd;

	ck_assert(apply(here("sock")));
	ck_assert_int_eq(unlink("sock"), 0);
	fd = bind_at("sock");
	ck_assert(!apply(here("sock")));
	ck_assert_ptr_nonnull(TAILQ_FIRST(&ls.list));
	ck_assert_int_eq(access("sock", F_OK), 0);
	close(fd); /* it was killed: its socket is dead */
	ck_assert(apply(here("sock")));
	ck_assert_ptr_null(TAILQ_NEXT(TAILQ_FIRST(&ls.list), next));
}
END_TEST

START_TEST(dead_and_alive)
{
	const struct config_listen *l;
	int fd;

	want(here("sock"));
	l = TAILQ_FIRST(&wanted);
	fd = bind_at("sock");
	socket_remove_dead(l);
	ck_assert_int_eq(access("sock", F_OK), 0);
	close(fd);
	socket_remove_dead(l);
	ck_assert_int_eq(access("sock", F_OK), -1);
	socket_remove_dead(l);
	ck_assert_int_eq(symlink("log", "sock"), 0);
	socket_remove_dead(l);
	ck_assert_int_eq(unlink("sock"), 0);
	ck_assert_int_eq(mkfifo("sock", 0600), 0);
	socket_remove_dead(l);
	ck_assert_int_eq(unlink("sock"), 0);
}
END_TEST

/* ---- what is reached ---- */

static bool
serves(const char *text)
{
	want(text);
	return listeners_serve(&ls, TAILQ_FIRST(&wanted));
}

START_TEST(what_is_reached)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	char text[64];

	ck_assert(!serves("127.0.0.1:1"));
	ck_assert(apply(here("sock")));
	ck_assert(serves(here("sock")));
	ck_assert(!serves(here("other")));
	ck_assert(!serves("127.0.0.1:1"));
	ck_assert(apply("0.0.0.0:0"));
	/* as a passed one, whose address is looked up */
	ck_assert_int_eq(getsockname(TAILQ_FIRST(&ls.list)->fd,
			     (struct sockaddr *)&sin, &len),
	    0);
	memcpy(&TAILQ_FIRST(&ls.list)->addr, &sin, sizeof(sin));
	snprintf(text, sizeof(text), "0.0.0.0:%u", ntohs(sin.sin_port));
	ck_assert(serves(text));
	snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(sin.sin_port));
	ck_assert(serves(text));
	snprintf(text, sizeof(text), "[::]:%u", ntohs(sin.sin_port));
	ck_assert(!serves(text));
	ck_assert(!serves("0.0.0.0:1"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("listener");
	TCase *tc = unit_case(s, "listener", setup, teardown);

	tcase_add_unchecked_fixture(tc, conf_setup, conf_teardown);
	UNIT_TESTS(tc, their_own_failure, no_descriptor, way_is_made,
	    no_options, own_file_goes, anothers_file_stays, swept_away,
	    taken_over, dead_and_alive, what_is_reached);
	tcase_add_loop_test(tc, any_other_failure, 0, N_OTHER_FAILURES);
	return unit_run(s);
}
