#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>
#include <event2/event.h>

#include "banterd/net/listener.h"
#include "banterd/net/socket.h"
#include "banterd/net/timer.h"
#include "banterd/system/log.h"

#define ACCEPTS 64 /* in one turn of the loop */

#define WARN_MS 60000 /* between two warnings of one listener */

#define PAUSE_MS 1000 /* a listener is suspended that cannot accept */

static bool accept_one(struct listener *);
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

/* An abstract name (unix(7)) begins with a NUL, for which '@' stands.  buf
 * keeps what it has for one without a name. */
static void
unix_text(
    const struct sockaddr_un *sun, socklen_t addrlen, char *buf, size_t size)
{
	size_t len = addrlen - offsetof(struct sockaddr_un, sun_path), i;

	if (sun->sun_path[0] != '\0')
		len = strnlen(sun->sun_path, len);
	if (len == 0 || len >= size) /* it has no name */
		return;
	memcpy(buf, sun->sun_path, len);
	buf[len] = '\0';
	for (i = 0; i < len; i++) {
		if (buf[i] == '\0')
			buf[i] = '@';
	}
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
		unix_text(sun, len, buf, size);
	else if (getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host),
		     port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(buf, size,
		    ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/*
 * Its file goes first: as long as the socket is open, no new file gets its
 * inode, and so no other daemon's socket is taken for it.
 */
static void
listener_close(struct listeners *ls, struct listener *l)
{
	const struct sockaddr_un *sun = (const void *)&l->addr;

	if (!ls->are_handed_over) {
		if (!l->lost)
			log_notice("no longer listening on %s", l->text);
		if (l->addr.ss_family == AF_UNIX && !l->passed)
			socket_remove_file(sun->sun_path, l->dev, l->ino);
		if (ls->ops->closed != NULL)
			ls->ops->closed(ls->owner, l);
	}
	TAILQ_REMOVE(&ls->list, l, next);
	if (l->accepts != NULL)
		event_free(l->accepts);
	if (l->resumes != NULL)
		event_free(l->resumes);
	close(l->fd);
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
	    (l = listener_add(ls, fd)) == NULL) {
		log_error(
		    "passed socket %d (%s): %s", fd, name, strerror(errno));
		return false;
	}
	socket_set_inherited(fd, ss.ss_family);
	l->addr = ss;
	l->addrlen = len;
	l->passed = true;
	return true;
}

/* Whether who connects to that address of b reaches a, too. */
static bool
covers(const struct listener *a, const struct config_listen *b)
{
	const struct sockaddr_un *sun = (const void *)&a->addr,
				 *wanted = (const void *)&b->addr;
	int v6only = 0;
	socklen_t len = sizeof(v6only);

	if (b->addr.ss_family == AF_UNIX)
		return a->addr.ss_family == AF_UNIX &&
		    strncmp(sun->sun_path, wanted->sun_path,
			sizeof(sun->sun_path)) == 0;
	if (sockaddr_port(&a->addr) != sockaddr_port(&b->addr))
		return false;
	if (a->addr.ss_family == b->addr.ss_family)
		return sockaddr_is_wildcard(&a->addr) ||
		    memcmp(&a->addr, &b->addr, b->addrlen) == 0;
	/* [::] may take IPv4, too. */
	return sockaddr_is_wildcard(&a->addr) &&
	    getsockopt(a->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len) == 0 &&
	    v6only == 0;
}

bool
listeners_serve(const struct listeners *ls, const struct config_listen *wanted)
{
	const struct listener *l;

	TAILQ_FOREACH(l, &ls->list, next) {
		if (covers(l, wanted))
			return true;
	}
	return false;
}

/* ---- of an earlier process ---- */

/* As config_listen_add() has it. */
static void
normalize_unix(struct listener *l)
{
	struct sockaddr_un *sun = (void *)&l->addr;
	struct stat st;

	l->addrlen = sizeof(*sun);
	if (lstat(sun->sun_path, &st) == -1)
		return;
	l->mode = st.st_mode & 0777;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
}

bool
listener_return(struct listeners *ls, int fd, unsigned stored_as)
{
	struct listener *l;

	if (!listener_adopt(ls, fd, "of an earlier process"))
		return false;
	l = TAILQ_LAST(&ls->list, listener_list);
	l->passed = false;
	l->unclaimed = true;
	l->stored_as = stored_as;
	/* What the system allows may be another by now (net.core.somaxconn). */
	(void)listen(fd, SOCKET_BACKLOG);
	if (l->addr.ss_family == AF_UNIX)
		normalize_unix(l);
	return true;
}

/* Whether the line asks for any port of that address. */
static bool
is_any_port_of(const struct listener *l, const struct config_listen *wanted)
{
	struct sockaddr_storage addr = wanted->addr;

	if (addr.ss_family != l->addr.ss_family || addr.ss_family == AF_UNIX ||
	    sockaddr_port(&addr) != 0)
		return false;
	sockaddr_set_port(&addr, sockaddr_port(&l->addr));
	return memcmp(&addr, &l->addr, l->addrlen) == 0;
}

/* A line with port 0 gets the port that it had. */
static void
claim_any_port(struct listeners *ls, const struct config_listens *wanted)
{
	const struct config_listen *w;
	struct listener *l;

	TAILQ_FOREACH(w, wanted, next) {
		TAILQ_FOREACH(l, &ls->list, next) {
			if (!l->unclaimed || !is_any_port_of(l, w))
				continue;
			l->addr = w->addr;
			l->unclaimed = false;
			break;
		}
	}
}

/* ---- what the configuration wants ---- */

static struct listener *
find_open(struct listeners *ls, const struct config_listen *wanted)
{
	struct listener *l;

	TAILQ_FOREACH(l, &ls->list, next) {
		if (!l->passed && !l->lost && l->addrlen == wanted->addrlen &&
		    memcmp(&l->addr, &wanted->addr, l->addrlen) == 0)
			return l;
	}
	return NULL;
}

/* Who waits to be accepted would be reset when it no longer listens. */
static void
accept_waiting(struct listener *l)
{
	int i;

	for (i = 0; i <= SOCKET_BACKLOG && accept_one(l); i++)
		;
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
		    sockaddr_port(&l->addr) != sockaddr_port(&wanted->addr))
			continue;
		accept_waiting(l);
		if (shutdown(l->fd, SHUT_RD) == 0)
			l->made_way = made = true;
	}
	return made;
}

/* Which file a UNIX socket has; none if that is gone already. */
static void
note_file(struct listener *l)
{
	const struct sockaddr_un *sun = (const void *)&l->addr;
	struct stat st;

	if (l->addr.ss_family != AF_UNIX || lstat(sun->sun_path, &st) == -1)
		return;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
}

/*
 * Whether there is no way to a UNIX socket any more: its file was removed (by
 * who cleans up, say), or another one has its place.
 */
static bool
is_lost(const struct listener *l)
{
	const struct sockaddr_un *sun = (const void *)&l->addr;
	struct stat st;

	if (l->addr.ss_family != AF_UNIX || l->passed)
		return false;
	if (lstat(sun->sun_path, &st) == -1)
		return errno == ENOENT || errno == ENOTDIR;
	return st.st_dev != l->dev || st.st_ino != l->ino;
}

static void
find_lost(struct listeners *ls)
{
	struct listener *l;

	TAILQ_FOREACH(l, &ls->list, next) {
		if (!l->lost && is_lost(l)) {
			log_warning(
			    "the socket %s is not there any more", l->text);
			l->lost = true;
		}
	}
}

static bool
open_wanted(struct listeners *ls, const struct config_listen *wanted)
{
	struct listener *l;
	int fd;

	if (find_open(ls, wanted) != NULL)
		return true;
	fd = socket_open(wanted, ls->may_be_early);
	if (fd == -1 && errno == EADDRINUSE && make_way(ls, wanted))
		fd = socket_open(wanted, ls->may_be_early);
	if (fd == -1)
		return false;
	if ((l = listener_add(ls, fd)) == NULL) {
		close(fd);
		return false;
	}
	l->addr = wanted->addr;
	l->addrlen = wanted->addrlen;
	l->mode = wanted->mode;
	note_file(l);
	l->keep = true;
	l->fresh = true;
	if (ls->ops->opened != NULL)
		ls->ops->opened(ls->owner, l);
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
		if (l->keep || l->passed)
			continue;
		if (!l->made_way)
			accept_waiting(l);
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
		if (l->made_way && listen(l->fd, SOCKET_BACKLOG) == -1)
			log_error("cannot listen on %s again: %s", l->text,
			    strerror(errno));
	}
}

unsigned
listeners_count(const struct listeners *ls)
{
	const struct listener *l;
	unsigned n = 0;

	TAILQ_FOREACH(l, &ls->list, next)
		n++;
	return n;
}

bool
listeners_apply(
    struct listeners *ls, const struct config_listens *wanted, bool lenient)
{
	const struct config_listen *w;
	struct listener *l;
	unsigned opened = 0, failed = 0;

	find_lost(ls);
	claim_any_port(ls, wanted);
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
		(void)timer_add(l->resumes, PAUSE_MS);
}

/* A warning a minute, however often; what stands for good is not news. */
static void
warn(struct listener *l, int error)
{
	uint64_t now = l->listeners->ops->now(l->listeners->owner);

	l->failures++;
	if (l->warned_at != 0 && now - l->warned_at < WARN_MS)
		return;
	if (l->failures > 1)
		log_warning(
		    "cannot accept on %s: %s (%u times since the last warning)",
		    l->text, strerror(error), l->failures);
	else
		log_warning(
		    "cannot accept on %s: %s", l->text, strerror(error));
	l->warned_at = now;
	l->failures = 0;
}

/* For a second newcomers wait in its backlog. */
static void
suspend(struct listener *l, int error)
{
	warn(l, error);
	if (timer_add(l->resumes, PAUSE_MS) == 0)
		event_del(l->accepts);
}

/*
 * No descriptor is left.  One is kept for this: it is given up to take the
 * newcomer and to turn it away with a word.  Returns false if there was nobody.
 */
static bool
turn_away(struct listener *l)
{
	static const char full[] = LISTENER_FULL "\r\n";
	struct listeners *ls = l->listeners;
	bool nobody = false;
	int fd;

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
	return !nobody;
}

/* It waits in the backlog for a descriptor of those who have gone, or is turned
 * away. */
static void
out_of_descriptors(struct listener *l, int error)
{
	struct listeners *ls = l->listeners;

	if (!ls->ops->is_closing(ls->owner) && turn_away(l))
		suspend(l, error);
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
	case EAGAIN:
		return false;
	case EINTR:
	/* This one is gone again (accept(2), "Error handling"). */
	case ECONNABORTED:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENETDOWN:
	case ENETUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case EPROTO:
		return true;
	case EMFILE:
	case ENFILE:
		out_of_descriptors(l, errno);
		return false;
	default:
		suspend(l, errno);
		return false;
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
