#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <unistd.h>

#include "banterd/system/sink.h"

static mode_t
type_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == -1 ? 0 : st.st_mode & S_IFMT;
}

void
sink_close(struct sink *s)
{
	const struct sink closed = SINK_CLOSED;

	if (s->own && s->fd != -1)
		close(s->fd);
	*s = closed;
}

void
sink_own(struct sink *s, int fd)
{
	sink_close(s);
	s->fd = fd;
	s->type = type_of(fd);
	s->own = true;
}

void
sink_reopen(struct sink *s, int fd)
{
	bool torn = s->torn;
	struct stat st;

	sink_own(s, fd);
	/* It may be the same file still. */
	s->torn = torn && (fstat(fd, &st) == -1 || st.st_size > 0);
}

void
sink_standard_error(struct sink *s)
{
	int fd;

	sink_close(s);
	s->fd = STDERR_FILENO;
	s->type = type_of(STDERR_FILENO);
	/* A disk makes nobody wait for a reader, a socket is told not to. */
	s->waits = s->type != S_IFREG && s->type != S_IFSOCK;
	if (s->type != S_IFIFO && s->type != S_IFCHR)
		return;
	fd = open(
	    "/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return;
	s->fd = fd;
	s->own = true;
	s->waits = false;
}

bool
sink_is_same(const struct sink *a, const struct sink *b)
{
	struct stat one, other;

	return fstat(a->fd, &one) == 0 && fstat(b->fd, &other) == 0 &&
	    one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* A pipe that has space at all has it for a line. */
static bool
would_take(const struct sink *s)
{
	struct pollfd pfd = { .fd = s->fd, .events = POLLOUT };

	return !s->waits ||
	    (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLOUT) != 0);
}

/*
 * Takes back the n bytes that were written of a line, as a full disk takes
 * what it still can.  Not if somebody else has written behind them.
 */
static bool
take_back(const struct sink *s, ssize_t n)
{
	struct stat st;
	off_t end;

	return s->type == S_IFREG && (end = lseek(s->fd, 0, SEEK_CUR)) != -1 &&
	    fstat(s->fd, &st) == 0 && st.st_size == end &&
	    ftruncate(s->fd, end - n) == 0 &&
	    lseek(s->fd, end - n, SEEK_SET) != -1;
}

bool
sink_write(struct sink *s, const char *line, size_t len)
{
	size_t before = s->torn ? 1 : 0;
	char newline[] = "\n";
	struct iovec iov[2] = { { newline, before },
		{ (void *)(uintptr_t)line, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	if (s->type == S_IFSOCK)
		n = sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (would_take(s))
		n = writev(s->fd, iov, 2);
	else
		return false;
	if (n == (ssize_t)(before + len)) {
		s->torn = false;
		return true;
	}
	if (n > 0 && !take_back(s, n))
		s->torn = (size_t)n > before;
	return false;
}
