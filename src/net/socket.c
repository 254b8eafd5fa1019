#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "banterd/net/conn.h"
#include "banterd/net/socket.h"
#include "banterd/system/log.h"

/* A peer that is gone is found within two minutes: after CONN_IDLE at most (see
 * conn.c), 4 probes CONN_ASK_AGAIN apart (tcp(7)); or when what we sent is not
 * acknowledged for CONN_PEER_TIMEOUT. */
#define KEEPALIVE_PROBES 4

/*
 * The kernel's share of a slow reader's output, in bytes.  Left to itself it
 * grows to megabytes for each, and then a thousand of them use up what TCP may
 * have on this machine.
 */
#define KERNEL_RECEIVE_BUFFER (32 << 10) /* the same for input that waits */
#define KERNEL_SEND_BUFFER    (64 << 10)

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
static const struct inherited {
	const char *name;
	int level, option, value;
	bool inet; /* not for a UNIX socket */
} inherited[] = {
	{ "SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, KERNEL_SEND_BUFFER, false },
	{ "SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, KERNEL_RECEIVE_BUFFER, false },
	{ "SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, 1, true },
	{ "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1, true },
	{ "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1, true },
	{ "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, CONN_IDLE, true },
	{ "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, CONN_ASK_AGAIN, true },
	{ "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES, true },
	{ "TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, CONN_PEER_TIMEOUT,
	    true },
};

void
socket_set_inherited(int fd, int family)
{
	const struct inherited *o;
	size_t i;

	for (i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++) {
		o = &inherited[i];
		if (o->inet && family == AF_UNIX)
			continue;
		if (!set_option(fd, o->level, o->option, o->value))
			log_debug("socket %d has no %s: %s", fd, o->name,
			    strerror(errno));
	}
}

void
socket_remove_file(const char *path, dev_t dev, ino_t ino)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_dev == dev &&
	    st.st_ino == ino)
		(void)unlink(path);
}

void
socket_remove_dead(const struct config_listen *l)
{
	const struct sockaddr_un *sun = (const void *)&l->addr;
	int file, fd;
	struct stat st;

	if (sun->sun_family != AF_UNIX)
		return;
	/* As long as it is open, no new file gets its inode. */
	file = open(sun->sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (file == -1)
		return;
	/* A datagram is not what anybody there takes (EPROTOTYPE), so that who
	 * lives is not disturbed; and it waits for no backlog. */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd != -1 && fstat(file, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    connect(fd, (const struct sockaddr *)sun, l->addrlen) == -1 &&
	    errno == ECONNREFUSED)
		socket_remove_file(sun->sun_path, st.st_dev, st.st_ino);
	if (fd != -1)
		close(fd);
	close(file);
}

static int
bind_unix(int fd, const struct config_listen *l)
{
	const struct sockaddr_un *sun = (const void *)&l->addr;
	struct stat st;
	mode_t mask;
	int result;

	socket_remove_dead(l);
	mask = umask(~l->mode & 0777);
	result = bind(fd, (const struct sockaddr *)&l->addr, l->addrlen);
	umask(mask);
	/* "Address in use" would be true, and no help. */
	if (result == -1 && errno == EADDRINUSE &&
	    lstat(sun->sun_path, &st) == 0 && !S_ISSOCK(st.st_mode))
		errno = ENOTSOCK;
	return result;
}

/* One that this machine does not have: it may come later (ip(7), IP_FREEBIND).
 */
static int
bind_early(int fd, const struct config_listen *l)
{
	if (!set_option(fd, IPPROTO_IP, IP_FREEBIND, 1) ||
	    bind(fd, (const struct sockaddr *)&l->addr, l->addrlen) == -1)
		return -1;
	log_warning("the address of %s is not there yet", l->text);
	return 0;
}

static int
bind_inet(int fd, const struct config_listen *l, bool may_be_early)
{
	/* If it cannot be set, bind(2) tells whether that matters. */
	(void)set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* So that 0.0.0.0 and [::] may both be listened on. */
	if (l->addr.ss_family == AF_INET6 &&
	    !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
		return -1;
	if (bind(fd, (const struct sockaddr *)&l->addr, l->addrlen) == 0)
		return 0;
	return may_be_early && errno == EADDRNOTAVAIL ? bind_early(fd, l) : -1;
}

int
socket_open(const struct config_listen *l, bool may_be_early)
{
	int family = l->addr.ss_family, fd, save_errno, result;

	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	socket_set_inherited(fd, family);
	result = family == AF_UNIX ? bind_unix(fd, l) :
				     bind_inet(fd, l, may_be_early);
	if (result == -1 || listen(fd, SOCKET_BACKLOG) == -1) {
		save_errno = errno;
		close(fd);
		errno = save_errno;
		return -1;
	}
	return fd;
}
