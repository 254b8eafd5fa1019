#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

#include "banterd/system/syslog.h"

/* A priority, a time, a tag, a number; and a message. */
#define MESSAGE_SIZE (128 + 4 * 1024)

/* Neither connecting nor sending waits.  Returns -1 with errno set. */
static int
connect_as(const char *path, int type)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, save_errno;

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return -1;
}

bool
syslog_socket_open(struct syslog_socket *s)
{
	if (s->fd != -1)
		return true;
	s->stream = false;
	s->fd = connect_as(s->path, SOCK_DGRAM);
	if (s->fd == -1 && errno == EPROTOTYPE) {
		s->stream = true;
		s->fd = connect_as(s->path, SOCK_STREAM);
	}
	return s->fd != -1;
}

void
syslog_socket_close(struct syslog_socket *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}

/* "<PRIORITY>Nov 22 10:32:01 TAG[PID]: MESSAGE" (RFC 3164, without a host);
 * returns its length. */
static size_t
format(
    char *buf, size_t size, int priority, const char *tag, const char *message)
{
	time_t now = time(NULL);
	char stamp[32] = "";
	struct tm tm;
	int n;

	if (localtime_r(&now, &tm) != NULL)
		(void)strftime(stamp, sizeof(stamp), "%h %e %T ", &tm);
	n = snprintf(buf, size, "<%d>%s%s[%d]: %s", priority, stamp, tag,
	    (int)getpid(), message);
	return n < 0 ? 0 : n < (int)size ? (size_t)n : size - 1;
}

/* Returns false with errno set; EAGAIN: it is connected, but takes nothing. */
static bool
send_once(struct syslog_socket *s, const char *buf, size_t len)
{
	ssize_t n;

	if (!syslog_socket_open(s))
		return false;
	len += s->stream ? 1 : 0;
	n = send(s->fd, buf, len, MSG_NOSIGNAL);
	if (n == (ssize_t)len)
		return true;
	/* What follows a part of a message would be taken for the rest. */
	if (n != -1)
		errno = EMSGSIZE;
	if (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM)
		syslog_socket_close(s);
	return false;
}

bool
syslog_socket_send(
    struct syslog_socket *s, int priority, const char *tag, const char *message)
{
	char buf[MESSAGE_SIZE];
	size_t len = format(buf, sizeof(buf), priority, tag, message);
	bool connected = s->fd != -1;

	if (send_once(s, buf, len))
		return true;
	/* The daemon it was connected to may be gone, and another one there. */
	return connected && s->fd == -1 && send_once(s, buf, len);
}
