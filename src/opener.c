#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/config.h"
#include "banterd/listener.h"
#include "banterd/opener.h"

#define LOG_MODE 0640

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
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

static void
ignore_report(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

/* A request names a kind of file; which one it is, the configuration says. */
static int
open_requested(char what, const char *conf_path)
{
	const char *path = NULL;
	struct config *conf;
	int fd = -1, save_errno = EACCES;

	if (what == OPENER_CONFIG)
		return open_file(OPENER_CONFIG, conf_path);
	conf = config_load(conf_path, true, ignore_report, NULL);
	if (conf != NULL)
		path = what == OPENER_MOTD ? conf->motd_path : conf->log_target;
	if (path != NULL) {
		fd = open_file((enum opener_file)what, path);
		save_errno = errno;
	}
	config_free(conf);
	errno = save_errno;
	return fd;
}

static void
remove_sockets(const struct config_listens *listens)
{
	const struct config_listen *l;

	TAILQ_FOREACH (l, listens, next)
		listener_remove_dead(l);
}

static void
serve(int from, const char *conf_path, const struct config_listens *listens)
{
	struct config *conf;
	char what;
	int fd;

	while (read(from, &what, 1) == 1) {
		fd = open_requested(what, conf_path);
		send_result(from, fd);
		if (fd != -1)
			close(fd);
	}
	remove_sockets(listens);
	conf = config_load(conf_path, true, ignore_report, NULL);
	if (conf != NULL)
		remove_sockets(&conf->listens);
	config_free(conf);
}

/* What stops, or speaks to, the daemon is not meant for its opener. */
static void
ignore_signals(void)
{
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
}

bool
opener_start(struct opener *o, const char *conf_path,
    const struct config_listens *listens)
{
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
		ignore_signals();
		serve(fds[1], conf_path, listens);
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
	char request = (char)what;

	if (o == NULL || o->fd == -1)
		return open_file(what, path);
	if (send(o->fd, &request, 1, MSG_NOSIGNAL) != 1)
		return -1;
	return receive_result(o->fd);
}
