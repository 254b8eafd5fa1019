#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>
#include <event2/event.h>

#include "banterd/net/conn.h"
#include "banterd/net/listener.h"
#include "banterd/system/log.h"

#define BACKLOG 1024 /* the kernel lowers it to its somaxconn */
#define ACCEPTS 64   /* in one turn of the loop */

/* A peer that is gone is found within two minutes: after 60 silent seconds, 4
 * probes 15 seconds apart (tcp(7)); or when what we sent is not acknowledged
 * for CONN_PEER_TIMEOUT. */
#define KEEPALIVE_IDLE     60 /* seconds */
#define KEEPALIVE_INTERVAL 15 /* seconds */
#define KEEPALIVE_PROBES   4

/*
 * The kernel's share of a slow reader's output, in bytes.  Left to itself it
 * grows to megabytes for each, and then a thousand of them use up what TCP may
 * have on this machine.
 */
#define KERNEL_RECEIVE_BUFFER (32 << 10) /* the same for input that waits */
#define KERNEL_SEND_BUFFER    (64 << 10)

/* How long a listener is suspended when there are no descriptors. */
static const struct timeval pause_time = { 1, 0 };

static void on_accept(evutil_socket_t, short, void *);
static void on_resume(evutil_socket_t, short, void *);

static int
open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void
listeners_init(struct listeners *ls, struct event_base *base,
    const struct listener_ops *ops, void *owner)
{
	TAILQ_INIT(&ls->list);
	ls->base = base;
	ls->ops = ops;
	ls->owner = owner;
	ls->spare_fd = open_spare();
}

/* ---- opening ---- */

static bool
set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/*
 * Options that an accepted socket inherits, so that accepting one costs no
 * call for each.  The urgent byte stays in the stream: telnet sends the second
 * half of IAC DM as one (RFC 854, "Synch").
 */
static bool
set_inherited(int fd, int family)
{
	if (!set_option(fd, SOL_SOCKET, SO_SNDBUF, KERNEL_SEND_BUFFER) ||
	    !set_option(fd, SOL_SOCKET, SO_RCVBUF, KERNEL_RECEIVE_BUFFER))
		return false;
	if (family == AF_UNIX)
		return true;
	return set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1) &&
	    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
	    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
	    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE) &&
	    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL) &&
	    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES) &&
	    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, CONN_PEER_TIMEOUT);
}

void
listener_remove_dead(const struct config_listen *l)
{
	const struct sockaddr_un *sun = (const void *)&l->addr;
	struct stat st;
	int fd;

	if (sun->sun_family != AF_UNIX || lstat(sun->sun_path, &st) == -1 ||
	    !S_ISSOCK(st.st_mode))
		return;
	/* A datagram is not what anybody there takes (EPROTOTYPE), so that who
	 * lives is not disturbed; and it waits for no backlog. */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	if (connect(fd, (const struct sockaddr *)sun, l->addrlen) == -1 &&
	    errno == ECONNREFUSED)
		(void)unlink(sun->sun_path);
	close(fd);
}

static int
bind_unix(int fd, const struct config_listen *l)
{
	const struct sockaddr_un *sun = (const void *)&l->addr;
	struct stat st;
	mode_t mask;
	int result;

	listener_remove_dead(l);
	mask = umask(~l->mode & 0777);
	result = bind(fd, (const struct sockaddr *)&l->addr, l->addrlen);
	umask(mask);
	/* "Address in use" would be true, and no help. */
	if (result == -1 && errno == EADDRINUSE &&
	    lstat(sun->sun_path, &st) == 0 && !S_ISSOCK(st.st_mode))
		errno = ENOTSOCK;
	return result;
}

static int
bind_inet(int fd, const struct config_listen *l)
{
	if (!set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1))
		return -1;
	/* So that 0.0.0.0 and [::] may both be listened on. */
	if (l->addr.ss_family == AF_INET6 &&
	    !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
		return -1;
	return bind(fd, (const struct sockaddr *)&l->addr, l->addrlen);
}

/* socket, bind, listen.  Returns the descriptor, or -1 with errno set. */
static int
open_socket(const struct config_listen *l)
{
	int family = l->addr.ss_family, fd, save_errno;

	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if ((family == AF_UNIX ? bind_unix : bind_inet)(fd, l) == -1 ||
	    !set_inherited(fd, family) || listen(fd, BACKLOG) == -1) {
		save_errno = errno;
		close(fd);
		errno = save_errno;
		return -1;
	}
	return fd;
}

/* Where a socket really listens, as text: the port may have been 0. */
static void
socket_text(int fd, char *buf, size_t size)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	char host[NI_MAXHOST], port[NI_MAXSERV];
	const struct sockaddr_un *sun = (const void *)&ss;

	(void)strlcpy(buf, "?", size);
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return;
	if (ss.ss_family == AF_UNIX)
		snprintf(buf, size, "%.*s", (int)sizeof(sun->sun_path),
		    sun->sun_path);
	else if (getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host),
		     port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(buf, size,
		    ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static void
listener_close(struct listeners *ls, struct listener *l)
{
	const struct sockaddr_un *sun = (const void *)&l->addr;

	log_notice("no longer listening on %s", l->text);
	TAILQ_REMOVE(&ls->list, l, next);
	if (l->accepts != NULL)
		event_free(l->accepts);
	if (l->resumes != NULL)
		event_free(l->resumes);
	close(l->fd);
	if (l->addr.ss_family == AF_UNIX && !l->passed)
		(void)unlink(sun->sun_path);
	free(l->text);
	free(l);
}

/* Takes over a listening descriptor.  Returns false (and closes nothing) when
 * memory is out. */
static struct listener *
listener_add(struct listeners *ls, int fd)
{
	struct listener *l;
	char text[NI_MAXHOST + NI_MAXSERV + 4];

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return NULL;
	socket_text(fd, text, sizeof(text));
	l->listeners = ls;
	l->fd = fd;
	l->text = strdup(text);
	l->accepts = event_new(
	    ls->base, fd, EV_READ | EV_PERSIST, on_accept, l);
	l->resumes = evtimer_new(ls->base, on_resume, l);
	if (l->text == NULL || l->accepts == NULL || l->resumes == NULL ||
	    event_add(l->accepts, NULL) == -1) {
		if (l->accepts != NULL)
			event_free(l->accepts);
		if (l->resumes != NULL)
			event_free(l->resumes);
		free(l->text);
		free(l);
		errno = ENOMEM;
		return NULL;
	}
	TAILQ_INSERT_TAIL(&ls->list, l, next);
	log_notice("listening on %s", l->text);
	return l;
}

bool
listener_adopt(struct listeners *ls, int fd, const char *name)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss), intlen = sizeof(int);
	struct listener *l;
	int type = 0, listens = 0;

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &intlen) == -1) {
		log_error(
		    "passed descriptor %d (%s) is not a socket", fd, name);
		return false;
	}
	if (type != SOCK_STREAM ||
	    (ss.ss_family != AF_INET && ss.ss_family != AF_INET6 &&
		ss.ss_family != AF_UNIX)) {
		log_error(
		    "passed socket %d (%s) is of the wrong kind, expected a stream socket of IPv4, IPv6 or UNIX",
		    fd, name);
		return false;
	}
	intlen = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &intlen) ==
		-1 ||
	    !listens) {
		log_error("passed socket %d (%s) does not listen", fd, name);
		return false;
	}
	if (evutil_make_socket_nonblocking(fd) == -1 ||
	    evutil_make_socket_closeonexec(fd) == -1 ||
	    !set_inherited(fd, ss.ss_family) ||
	    (l = listener_add(ls, fd)) == NULL) {
		log_error(
		    "passed socket %d (%s): %s", fd, name, strerror(errno));
		return false;
	}
	l->passed = true;
	return true;
}

/* ---- what the configuration wants ---- */

static struct listener *
find_open(struct listeners *ls, const struct config_listen *wanted)
{
	struct listener *l;

	TAILQ_FOREACH(l, &ls->list, next) {
		if (!l->passed && l->addrlen == wanted->addrlen &&
		    memcmp(&l->addr, &wanted->addr, l->addrlen) == 0)
			return l;
	}
	return NULL;
}

static in_port_t
port_of(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *sin = (const void *)ss;
	const struct sockaddr_in6 *sin6 = (const void *)ss;

	return ss->ss_family == AF_INET ? sin->sin_port : sin6->sin6_port;
}

/*
 * A wildcard and an address cannot both listen on one port.  So those of ours
 * that have wanted's port, and are not wanted any more, stop listening.  They
 * stay bound: roll_back() can have them listen again.
 */
static bool
make_way(struct listeners *ls, const struct config_listen *wanted)
{
	struct listener *l;
	bool made = false;

	if (wanted->addr.ss_family == AF_UNIX)
		return false;
	TAILQ_FOREACH(l, &ls->list, next) {
		if (l->keep || l->passed || l->made_way ||
		    l->addr.ss_family != wanted->addr.ss_family ||
		    port_of(&l->addr) != port_of(&wanted->addr))
			continue;
		/* Who is in its backlog would be reset. */
		on_accept(l->fd, EV_READ, l);
		if (shutdown(l->fd, SHUT_RD) == 0)
			l->made_way = made = true;
	}
	return made;
}

static bool
open_wanted(struct listeners *ls, const struct config_listen *wanted)
{
	struct listener *l;
	int fd;

	if (find_open(ls, wanted) != NULL)
		return true;
	fd = open_socket(wanted);
	if (fd == -1 && errno == EADDRINUSE && make_way(ls, wanted))
		fd = open_socket(wanted);
	if (fd == -1)
		return false;
	if ((l = listener_add(ls, fd)) == NULL) {
		close(fd);
		return false;
	}
	l->addr = wanted->addr;
	l->addrlen = wanted->addrlen;
	l->mode = wanted->mode;
	l->keep = true;
	l->fresh = true;
	return true;
}

/* A UNIX socket that stays may have got another mode. */
static void
set_modes(struct listeners *ls, const struct config_listens *wanted)
{
	const struct config_listen *w;
	struct listener *l;

	TAILQ_FOREACH(w, wanted, next) {
		l = find_open(ls, w);
		if (l == NULL || l->addr.ss_family != AF_UNIX ||
		    l->mode == w->mode)
			continue;
		if (chmod(w->text, w->mode) == 0)
			l->mode = w->mode;
		else
			log_error("cannot give %s the mode %04o: %s", w->text,
			    (unsigned)w->mode, strerror(errno));
	}
}

/* Closes the listeners that are not to be kept. */
static void
sweep(struct listeners *ls)
{
	struct listener *l, *next;

	TAILQ_FOREACH_SAFE(l, &ls->list, next, next) {
		if (!l->keep && !l->passed)
			listener_close(ls, l);
	}
}

/* One could not be opened: the new ones go again, the old ones stay. */
static void
roll_back(struct listeners *ls)
{
	struct listener *l;

	TAILQ_FOREACH(l, &ls->list, next)
		l->keep = !l->fresh;
	sweep(ls);
	TAILQ_FOREACH(l, &ls->list, next) {
		if (l->made_way && listen(l->fd, BACKLOG) == -1)
			log_error("cannot listen on %s again: %s", l->text,
			    strerror(errno));
	}
}

bool
listeners_apply(
    struct listeners *ls, const struct config_listens *wanted, bool lenient)
{
	const struct config_listen *w;
	struct listener *l;
	unsigned opened = 0, failed = 0;

	TAILQ_FOREACH(l, &ls->list, next)
		l->keep = l->fresh = l->made_way = false;
	TAILQ_FOREACH(w, wanted, next) {
		if ((l = find_open(ls, w)) != NULL)
			l->keep = true;
	}
	TAILQ_FOREACH(w, wanted, next) {
		if (open_wanted(ls, w)) {
			opened++;
			continue;
		}
		failed++;
		(lenient ? log_warning : log_error)(
		    "cannot listen on %s: %s", w->text, strerror(errno));
	}
	if (failed > 0 && (!lenient || opened == 0)) {
		roll_back(ls);
		return false;
	}
	sweep(ls);
	set_modes(ls, wanted);
	return true;
}

void
listeners_close(struct listeners *ls)
{
	struct listener *l, *next;

	TAILQ_FOREACH_SAFE(l, &ls->list, next, next)
		listener_close(ls, l);
	if (ls->spare_fd != -1)
		close(ls->spare_fd);
	ls->spare_fd = -1;
}

/* ---- accepting ---- */

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	if (event_add(l->accepts, NULL) == -1)
		(void)evtimer_add(l->resumes, &pause_time);
}

/*
 * No descriptor is left.  One is kept for this: it is given up to take the
 * newcomer and to turn it away with a word.  Then the listener is suspended for
 * a second, and newcomers wait in its backlog.
 */
static void
out_of_descriptors(struct listener *l)
{
	static const char full[] = LISTENER_FULL "\r\n";
	struct listeners *ls = l->listeners;
	int fd, error = errno;
	bool nobody = false;

	if (ls->spare_fd != -1) {
		close(ls->spare_fd);
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		/* It wants a descriptor before it looks who is there. */
		nobody = fd == -1 && errno == EAGAIN;
		if (fd != -1) {
			(void)send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL);
			close(fd);
			ls->ops->turned_away(ls->owner);
		}
	}
	ls->spare_fd = open_spare();
	if (nobody)
		return;
	log_warning("cannot accept: %s", strerror(error));
	if (evtimer_add(l->resumes, &pause_time) == 0)
		event_del(l->accepts);
}

/* Accepts one; false if there is nobody, or no way to. */
static bool
accept_one(struct listener *l)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr *sa = (struct sockaddr *)&ss;
	struct address address;
	socklen_t len = sizeof(ss);
	int fd;

	fd = accept4(l->fd, sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1) {
		l->listeners->ops->accepted(l->listeners->owner, fd,
		    address_from_socket(&address, sa) ? &address : NULL);
		return true;
	}
	switch (errno) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		out_of_descriptors(l);
		return false;
	case EAGAIN:
		return false;
	default:
		/* This one is gone again (accept(2), "Error handling"). */
		return true;
	}
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	int i;

	(void)fd;
	(void)what;
	for (i = 0; i < ACCEPTS && accept_one(l); i++)
		;
}
