#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "banterd/config.h"
#include "banterd/listener.h"
#include "banterd/opener.h"

#define LOG_MODE     0640
#define REQUEST_SIZE (PATH_MAX + 1)
#define KNOWN_LOGS   2 /* the one in force, and one that a reload tries */
#define KEPT_FD      3 /* the process keeps 0 to 2, and this one */

/* What the process knows. */
struct service {
	const char *conf_path;
	char logs[KNOWN_LOGS][PATH_MAX]; /* that it has opened, newest first */
};

/* ---- one descriptor, or an errno, over a socket (unix(7), SCM_RIGHTS) ---- */

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static void
send_result(int to, int fd)
{
	int error = fd == -1 ? errno : 0;
	struct iovec iov = { &error, sizeof(error) };
	union control control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	memset(&control, 0, sizeof(control));
	if (fd != -1) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.space);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	(void)sendmsg(to, &msg, MSG_NOSIGNAL);
}

static int
receive_result(int from)
{
	int error = EIO, fd = -1;
	struct iovec iov = { &error, sizeof(error) };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *cmsg;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) != sizeof(error)) {
		errno = EIO;
		return -1;
	}
	cmsg = CMSG_FIRSTHDR(&msg);
	if (error == 0 && cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	errno = error;
	return fd;
}

/* ---- the process ---- */

static int
open_file(enum opener_file what, const char *path)
{
	if (what == OPENER_LOG)
		return open(path,
		    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
		    LOG_MODE);
	/* O_NONBLOCK: a FIFO that nobody writes to is no reason to wait. */
	return open(path,
	    O_RDONLY | O_CLOEXEC | O_NOCTTY |
		(what == OPENER_MOTD ? O_NONBLOCK : 0));
}

static void
ignore_report(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

/* Whether the configuration, as it is now, names this file. */
static bool
is_configured(const struct service *s, enum opener_file what, const char *path)
{
	const char *configured = NULL;
	struct config *conf;
	bool same;

	if (what == OPENER_CONFIG)
		return strcmp(path, s->conf_path) == 0;
	conf = config_load(s->conf_path, true, ignore_report, NULL);
	if (conf != NULL)
		configured = what == OPENER_MOTD ? conf->motd_path :
						   conf->log_target;
	same = configured != NULL && strcmp(path, configured) == 0;
	config_free(conf);
	return same;
}

/*
 * A request is the kind of file and its path.  A log that was opened before
 * may be opened again, though the configuration names another by now: it is
 * in force until a reload succeeds.
 */
static int
open_requested(struct service *s, const char *request)
{
	enum opener_file what = (enum opener_file)request[0];
	const char *path = request + 1;
	int i;

	for (i = 0; i < KNOWN_LOGS && what == OPENER_LOG; i++) {
		if (strcmp(path, s->logs[i]) == 0)
			return open_file(what, path);
	}
	if (!is_configured(s, what, path)) {
		errno = EACCES;
		return -1;
	}
	if (what == OPENER_LOG) {
		memcpy(s->logs[1], s->logs[0], sizeof(s->logs[0]));
		strlcpy(s->logs[0], path, sizeof(s->logs[0]));
	}
	return open_file(what, path);
}

static void
remove_sockets(const struct config_listens *listens)
{
	const struct config_listen *l;

	TAILQ_FOREACH(l, listens, next)
		listener_remove_dead(l);
}

static void
serve(struct service *s, int from, const struct config_listens *listens)
{
	struct config *conf;
	char request[REQUEST_SIZE + 1];
	ssize_t n;
	int fd;

	while ((n = read(from, request, REQUEST_SIZE)) > 0) {
		request[n] = '\0';
		fd = open_requested(s, request);
		send_result(from, fd);
		if (fd != -1)
			close(fd);
	}
	remove_sockets(listens);
	conf = config_load(s->conf_path, true, ignore_report, NULL);
	if (conf != NULL)
		remove_sockets(&conf->listens);
	config_free(conf);
}

/* What stops, or speaks to, the daemon is not meant for its opener. */
static void
ignore_signals(void)
{
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGUSR1, SIG_IGN);
	(void)signal(SIGUSR2, SIG_IGN);
}

bool
opener_start(struct opener *o, const char *conf_path,
    const struct config_listens *listens)
{
	static struct service service; /* of the new process alone */
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
		return false;
	switch (fork()) {
	case -1:
		close(fds[0]);
		close(fds[1]);
		return false;
	case 0:
		close(fds[0]);
		(void)dup2(fds[1], KEPT_FD);
		(void)close_range(KEPT_FD + 1, ~0U, 0);
		ignore_signals();
		service.conf_path = conf_path;
		serve(&service, KEPT_FD, listens);
		_exit(0);
	}
	close(fds[1]);
	o->fd = fds[0];
	return true;
}

void
opener_stop(struct opener *o)
{
	if (o->fd != -1)
		close(o->fd);
	o->fd = -1;
}

int
opener_open(struct opener *o, enum opener_file what, const char *path)
{
	char request[REQUEST_SIZE];
	size_t len = strlen(path) + 1;

	if (o == NULL || o->fd == -1)
		return open_file(what, path);
	if (len >= sizeof(request)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	request[0] = (char)what;
	memcpy(request + 1, path, len);
	if (send(o->fd, request, 1 + len, MSG_NOSIGNAL) == -1)
		return -1;
	return receive_result(o->fd);
}
