#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>
#include <event2/event.h>

#include "banterd/store/door.h"
#include "banterd/system/log.h"

#define BACKLOG 16
#define TURN    16 /* connections accepted in a turn of the loop */
#define PAUSE_S 1  /* after one could not be accepted */

struct door {
	int fd;
	bool made; /* the file is ours */
	dev_t dev;
	ino_t ino; /* of it */
	struct sockaddr_un sun;
	struct event *readable, *pause;
	door_accepted_fn *accepted;
	void *arg;
};

/* Out of descriptors, say: whoever waits there waits on. */
static void
suspend(struct door *d)
{
	const struct timeval pause = { .tv_sec = PAUSE_S };

	log_warning(
	    "cannot accept at %s: %s", d->sun.sun_path, strerror(errno));
	if (event_add(d->pause, &pause) != -1)
		(void)event_del(d->readable);
}

static void
on_pause_end(evutil_socket_t fd, short what, void *arg)
{
	struct door *d = arg;

	(void)fd;
	(void)what;
	(void)event_add(d->readable, NULL);
}

static void
on_readable(evutil_socket_t listening, short what, void *arg)
{
	struct door *d = arg;
	unsigned i;
	int fd;

	(void)what;
	for (i = 0; i < TURN; i++) {
		fd = accept4(
		    listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd != -1)
			d->accepted(d->arg, fd);
		else if (errno != ECONNABORTED && errno != EINTR)
			break;
	}
	if (i < TURN && errno != EAGAIN)
		suspend(d);
}

void
door_close(struct door *d)
{
	struct stat st;

	if (d == NULL)
		return;
	if (d->readable != NULL)
		event_free(d->readable);
	if (d->pause != NULL)
		event_free(d->pause);
	if (d->made && lstat(d->sun.sun_path, &st) == 0 &&
	    st.st_dev == d->dev && st.st_ino == d->ino)
		(void)unlink(d->sun.sun_path);
	if (d->fd != -1)
		close(d->fd);
	free(d);
}

static struct door *
allocate(int fd, door_accepted_fn *accepted, void *arg)
{
	struct door *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		log_error("cannot listen: %s", strerror(errno));
		if (fd != -1)
			close(fd);
		return NULL;
	}
	d->fd = fd;
	d->accepted = accepted;
	d->arg = arg;
	return d;
}

/* The last step of both ways. */
static struct door *
begin(struct door *d, struct event_base *base)
{
	d->readable = event_new(
	    base, d->fd, EV_READ | EV_PERSIST, on_readable, d);
	d->pause = evtimer_new(base, on_pause_end, d);
	if (d->readable != NULL && d->pause != NULL &&
	    event_add(d->readable, NULL) != -1)
		return d;
	log_error("cannot wait for connections at %s", d->sun.sun_path);
	door_close(d);
	return NULL;
}

/* ---- made ---- */

/* A datagram disturbs nobody who lives there: it is not what is taken. */
static void
remove_dead(const struct sockaddr_un *sun, socklen_t len)
{
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return;
	if (connect(fd, (const struct sockaddr *)sun, len) == -1 &&
	    errno == ECONNREFUSED && lstat(sun->sun_path, &st) == 0 &&
	    S_ISSOCK(st.st_mode))
		(void)unlink(sun->sun_path);
	close(fd);
}

static bool
make(struct door *d, int type, mode_t mode)
{
	const socklen_t len = sizeof(d->sun);
	struct stat st;
	mode_t mask;
	int result;

	remove_dead(&d->sun, len);
	d->fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd == -1)
		return false;
	mask = umask(~mode & 0777);
	result = bind(d->fd, (const struct sockaddr *)&d->sun, len);
	umask(mask);
	if (result == -1 || lstat(d->sun.sun_path, &st) == -1)
		return false;
	d->made = true;
	d->dev = st.st_dev;
	d->ino = st.st_ino;
	return listen(d->fd, BACKLOG) == 0;
}

struct door *
door_open(struct event_base *base, const char *path, int type, mode_t mode,
    door_accepted_fn *accepted, void *arg)
{
	struct door *d = allocate(-1, accepted, arg);

	if (d == NULL)
		return NULL;
	d->sun.sun_family = AF_UNIX;
	if (strlcpy(d->sun.sun_path, path, sizeof(d->sun.sun_path)) >=
	    sizeof(d->sun.sun_path))
		errno = ENAMETOOLONG;
	else if (make(d, type, mode))
		return begin(d, base);
	log_error("cannot listen at %s: %s", path, strerror(errno));
	door_close(d);
	return NULL;
}

/* ---- passed ---- */

static bool
fits(int fd, int type)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len) == 0 &&
	    value == type &&
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 &&
	    value == 1;
}

struct door *
door_adopt(struct event_base *base, int fd, int type,
    door_accepted_fn *accepted, void *arg)
{
	struct door *d = allocate(fd, accepted, arg);
	socklen_t len = sizeof(d->sun) - 1;

	if (d == NULL)
		return NULL;
	if (getsockname(fd, (struct sockaddr *)&d->sun, &len) == 0 &&
	    d->sun.sun_family == AF_UNIX && d->sun.sun_path[0] == '/' &&
	    fits(fd, type) && fcntl(fd, F_SETFD, FD_CLOEXEC) != -1 &&
	    fcntl(fd, F_SETFL, O_NONBLOCK) != -1)
		return begin(d, base);
	log_error(
	    "the socket that was passed is none that listens at a path, of SOCK_SEQPACKET");
	door_close(d);
	return NULL;
}

const char *
door_path(const struct door *d)
{
	return d->sun.sun_path;
}
