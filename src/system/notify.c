#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/system/log.h"
#include "banterd/system/notify.h"

#define LISTEN_FDS_START 3    /* sd_listen_fds(3) */
#define MAX_PASSED       1024 /* sockets; no service has as many */

static bool
reach_manager(const struct notify *n)
{
	return connect(n->fd, (const struct sockaddr *)&n->to, n->tolen) == 0;
}

static void
tell_failure(void)
{
	log_debug("notify: %s", strerror(errno));
}

/*
 * One datagram to the service manager.  Its socket may be another one by now,
 * made anew at the same place; a datagram socket can be connected again
 * (connect(2)).  Returns false if its queue is full.
 */
static bool LOG_PRINTF(2, 3) notify_send(struct notify *n, const char *fmt, ...)
{
	const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	char text[128];
	va_list ap;
	int len;

	if (n->fd == -1)
		return true;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (send(n->fd, text, (size_t)len, flags) != -1)
		return true;
	if (errno != EAGAIN && reach_manager(n) &&
	    send(n->fd, text, (size_t)len, flags) != -1)
		return true;
	tell_failure();
	return errno != EAGAIN;
}

/* A leading '@' stands for the NUL of an abstract address (sd_notify(3)).
 * Returns false for an address of a kind that is not known here. */
static bool
set_manager(struct notify *n, const char *path)
{
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(n->to.sun_path))
		return false;
	memset(&n->to, 0, sizeof(n->to));
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, path, len);
	if (path[0] == '@')
		n->to.sun_path[0] = '\0';
	n->tolen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

static void
connect_to_manager(struct notify *n, const char *path)
{
	if (!set_manager(n, path)) {
		log_warning(
		    "NOTIFY_SOCKET is \"%s\", expected a path from / on, or @ and a name, of at most 107 bytes; the service manager is told nothing",
		    path);
		return;
	}
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd != -1 && reach_manager(n))
		return;
	log_warning("cannot reach the service manager at %s: %s", path,
	    strerror(errno));
	notify_close(n);
}

/* A number out of the environment; 0 if there is none. */
static long long
env_number(const char *name)
{
	const char *value = getenv(name), *errstr;

	if (value == NULL)
		return 0;
	return strtonum(value, 0, INT64_MAX, &errstr);
}

/* Whether the variable, which names a process, is absent or names us. */
static bool
is_for_us(const char *name)
{
	return getenv(name) == NULL || env_number(name) == getpid();
}

void
notify_init(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET");

	memset(n, 0, sizeof(*n));
	n->fd = -1;
	if (path != NULL)
		connect_to_manager(n, path);
	if (n->fd != -1 && is_for_us("WATCHDOG_PID"))
		n->watchdog_ms = (uint64_t)env_number("WATCHDOG_USEC") / 1000;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void
notify_close(struct notify *n)
{
	if (n->fd != -1)
		close(n->fd);
	n->fd = -1;
}

bool
notify_ready(struct notify *n)
{
	return notify_send(n, "READY=1");
}

/* The time tells the manager which reload this is the beginning of. */
void
notify_reloading(struct notify *n)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	(void)notify_send(n, "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

/*
 * The service manager has no word for a reload that failed.  The service's own
 * reload command waits at a FIFO to hear it; where nobody waits there is none,
 * or it cannot be opened.
 */
void
notify_reloaded(bool ok)
{
	const char *directory = getenv("RUNTIME_DIRECTORY");
	const char *word = ok ? "ok\n" : "failed\n";
	char path[PATH_MAX];
	int fd, len;

	if (directory == NULL)
		return;
	len = snprintf(path, sizeof(path), "%s/reload", directory);
	if (len < 0 || (size_t)len >= sizeof(path))
		return;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return;
	if (write(fd, word, strlen(word)) == -1)
		log_warning("%s: %s", path, strerror(errno));
	close(fd);
}

void
notify_stopping(struct notify *n)
{
	(void)notify_send(n, "STOPPING=1");
}

void
notify_watchdog(struct notify *n)
{
	(void)notify_send(n, "WATCHDOG=1");
}

bool
notify_status(
    struct notify *n, const char *but, unsigned clients, unsigned rooms)
{
	return notify_send(n, "STATUS=%s%s%u client%s in %u room%s",
	    but != NULL ? but : "", but != NULL ? ": " : "", clients,
	    clients == 1 ? "" : "s", rooms, rooms == 1 ? "" : "s");
}

bool
notify_status_text(struct notify *n, const char *text)
{
	return notify_send(n, "STATUS=%s", text);
}

/* ---- the store ---- */

/* One datagram with a descriptor (unix(7), SCM_RIGHTS).  Returns false with
 * errno set. */
static bool
send_descriptor(const struct notify *n, const char *text, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = "" };
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(n->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) != -1;
}

/* Whether a manager whose queue was full takes something now. */
static bool
wait_for_manager(const struct notify *n)
{
	struct pollfd pfd = { .fd = n->fd, .events = POLLOUT };

	return errno == EAGAIN && n->patience_ms > 0 &&
	    poll(&pfd, 1, n->patience_ms) == 1;
}

/* FDPOLL=0: the manager is not to look whether its end has come. */
bool
notify_store(struct notify *n, int fd, const char *name)
{
	char text[64];

	if (n->fd == -1)
		return true;
	(void)snprintf(
	    text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	if (send_descriptor(n, text, fd))
		return true;
	if ((wait_for_manager(n) || (errno != EAGAIN && reach_manager(n))) &&
	    send_descriptor(n, text, fd))
		return true;
	tell_failure();
	return false;
}

bool
notify_unstore(struct notify *n, const char *name)
{
	return notify_send(n, "FDSTOREREMOVE=1\nFDNAME=%s", name) ||
	    (wait_for_manager(n) &&
		notify_send(n, "FDSTOREREMOVE=1\nFDNAME=%s", name));
}

/* ---- what is passed ---- */

/* How many sockets are passed; -1 after logging that this is no number. */
static int
count_passed(void)
{
	const char *value = getenv("LISTEN_FDS"), *errstr = NULL;
	int n = 0;

	if (value != NULL)
		n = (int)strtonum(value, 0, MAX_PASSED, &errstr);
	if (errstr == NULL)
		return n;
	log_error("LISTEN_FDS is \"%s\", expected a number from 0 to %d", value,
	    MAX_PASSED);
	return -1;
}

/* "a:b:c": a name for each. */
static void
fill_list(struct notify_passed *passed)
{
	char *rest = passed->names, *name;
	int i;

	for (i = 0; i < passed->n; i++) {
		name = strsep(&rest, ":");
		passed->list[i].fd = LISTEN_FDS_START + i;
		passed->list[i].name = name == NULL ? "unnamed" : name;
	}
}

static void
read_passed(struct notify_passed *passed)
{
	const char *names = getenv("LISTEN_FDNAMES");

	if ((passed->n = count_passed()) <= 0)
		return;
	passed->list = calloc((size_t)passed->n, sizeof(*passed->list));
	if (names != NULL)
		passed->names = strdup(names);
	if (passed->list == NULL || (names != NULL && passed->names == NULL)) {
		log_error("passed sockets: %s", strerror(errno));
		notify_passed_free(passed);
		passed->n = -1;
		return;
	}
	fill_list(passed);
}

struct notify_passed
notify_passed(void)
{
	struct notify_passed passed = { .n = 0 };

	if (getenv("LISTEN_PID") != NULL && is_for_us("LISTEN_PID"))
		read_passed(&passed);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return passed;
}

void
notify_passed_free(struct notify_passed *passed)
{
	free(passed->list);
	free(passed->names);
	memset(passed, 0, sizeof(*passed));
}
