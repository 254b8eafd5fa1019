#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

#include "banterd/config/config.h"
#include "banterd/config/loader.h"
#include "banterd/net/socket.h"
#include "banterd/system/log.h"
#include "banterd/system/signals.h"
#include "banterd/daemon/opener.h"

#define KNOWN_LOGS 2 /* the one in force, and one that a reload tries */
#define FIRST_FD   3 /* after the standard ones */
#define STEP_MS    5 /* between two looks whether it has ended */

/*
 * A question and its answer are a datagram each.  They are numbered: an answer
 * that could not be received must not be taken for that to the next question.
 */
struct request {
	uint32_t number;
	unsigned char what; /* enum file_kind */
	char path[PATH_MAX];
};

struct answer {
	uint32_t number;
	int error; /* errno; 0: a descriptor comes with it */
};

/* What the process knows. */
struct service {
	const char *conf_path;
	char logs[KNOWN_LOGS][PATH_MAX]; /* that it has opened, newest first */
	struct config_listens
	    sockets; /* of UNIX, in any configuration so far */
};

/* ---- one answer, and a descriptor with it (unix(7), SCM_RIGHTS) ---- */

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

/* fd may be -1: then none comes with it. */
static bool
send_datagram(int to, struct answer *answer, int fd)
{
	struct iovec iov = { answer, sizeof(*answer) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
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
	return sendmsg(to, &msg, MSG_NOSIGNAL) != -1;
}

/* fd may be -1, with errno set.  Returns false if no answer could be sent. */
static bool
send_answer(int to, uint32_t number, int fd)
{
	struct answer answer = { number, fd == -1 ? errno : 0 };

	if (send_datagram(to, &answer, fd))
		return true;
	if (fd == -1)
		return false;
	/* The daemon waits: it is told why at least. */
	answer.error = errno;
	return send_datagram(to, &answer, -1);
}

/* Returns the descriptor, or -1 with why there is none in answer->error; false
 * if there is no answer any more. */
static bool
receive_answer(int from, struct answer *answer, int *fd)
{
	struct iovec iov = { answer, sizeof(*answer) };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *cmsg;
	ssize_t n;

	*fd = -1;
	if ((n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC)) != sizeof(*answer)) {
		if (n != -1)
			errno = EPIPE;
		return false;
	}
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(cmsg), sizeof(*fd));
	else if (answer->error == 0)
		answer->error = EMFILE; /* what the kernel drops it for */
	return true;
}

/* ---- the process ---- */

/*
 * Opens it with what has to be so for a file that root opens in a directory
 * of somebody else: if the daemon is in the wrong hands, what stands at that
 * path may be a link, to any file.  Where root alone makes files, a link
 * (/dev/stdout is one) is what root wants.
 */
static int
open_log(const char *path)
{
	const char *name = strrchr(path, '/');
	char directory[PATH_MAX] = ".";
	struct stat st;
	int flags = FILE_LOG_FLAGS, at, fd, save_errno;

	if (name != NULL)
		(void)snprintf(directory, sizeof(directory), "%.*s",
		    (int)(name - path) + 1, path);
	at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at == -1)
		return -1;
	if (fstat(at, &st) == -1 || st.st_uid != 0 ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		flags |= O_NOFOLLOW;
	fd = openat(at, name != NULL ? name + 1 : path, flags, FILE_LOG_MODE);
	save_errno = errno;
	close(at);
	errno = save_errno;
	return fd;
}

static void
ignore_report(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

/* As it is now.  The daemon waits for an answer, and people for the daemon. */
static struct config *
read_config(const struct service *s)
{
	return config_load(NULL, s->conf_path, CONFIG_OPTIONAL | CONFIG_SERVING,
	    ignore_report, NULL);
}

/* Whether the configuration, as it is now, names this motd or log. */
static bool
is_configured(const struct service *s, enum file_kind what, const char *path)
{
	const char *configured;
	struct config *conf;
	bool same;

	conf = read_config(s);
	if (conf == NULL)
		return false;
	configured = what == FILE_MOTD ? conf->motd_path : conf->log_target;
	same = configured != NULL && strcmp(path, configured) == 0;
	config_free(conf);
	return same;
}

/*
 * A log that was opened before may be opened again, though the configuration
 * names another by now: it is in force until a reload succeeds.
 */
static bool
is_log(const struct service *s, const char *path)
{
	int i;

	if (path[0] == '\0' || strcmp(path, "stderr") == 0 ||
	    strcmp(path, "syslog") == 0)
		return false; /* no files */
	for (i = 0; i < KNOWN_LOGS; i++) {
		if (strcmp(path, s->logs[i]) == 0)
			return true;
	}
	return is_configured(s, FILE_LOG, path);
}

/* The one opened longest ago is forgotten: a reload that fails opens the one
 * in force again, and so that one is never it. */
static void
remember_log(struct service *s, const char *path)
{
	int i;

	for (i = 0; i < KNOWN_LOGS - 1 && strcmp(path, s->logs[i]) != 0; i++)
		;
	memmove(s->logs[1], s->logs[0], (size_t)i * sizeof(s->logs[0]));
	strlcpy(s->logs[0], path, sizeof(s->logs[0]));
}

/* A daemon that is no longer root cannot remove what was made by it as root. */
static void
note_sockets(struct service *s)
{
	const struct config_listen *l, *noted;
	struct config *conf;

	conf = read_config(s);
	if (conf == NULL)
		return;
	TAILQ_FOREACH(l, &conf->listens, next) {
		TAILQ_FOREACH(noted, &s->sockets, next) {
			if (strcmp(noted->text, l->text) == 0)
				break;
		}
		if (noted == NULL && l->addr.ss_family == AF_UNIX)
			(void)config_listen_add(&s->sockets, l->text, l->mode);
	}
	config_free(conf);
}

static int
open_requested(struct service *s, const struct request *request)
{
	const char *path = request->path;
	bool allowed = false;

	switch (request->what) {
	case FILE_CONFIG:
		allowed = strcmp(path, s->conf_path) == 0;
		if (allowed)
			note_sockets(s);
		break;
	case FILE_MOTD:
		allowed = is_configured(s, FILE_MOTD, path);
		break;
	case FILE_LOG:
		if ((allowed = is_log(s, path)))
			remember_log(s, path);
		break;
	}
	if (!allowed) {
		errno = EACCES;
		return -1;
	}
	return request->what == FILE_LOG ?
	    open_log(path) :
	    files_open(NULL, request->what, path);
}

static void
remove_sockets(const struct config_listens *listens)
{
	const struct config_listen *l;

	TAILQ_FOREACH(l, listens, next)
		socket_remove_dead(l);
}

/* Returns false if the next question is none, or cannot be answered. */
static bool
answer_one(struct service *s, int from)
{
	struct request request;
	bool sent;
	int fd;

	memset(&request, 0, sizeof(request));
	if (recv(from, &request, sizeof(request), 0) <= 0 ||
	    request.path[sizeof(request.path) - 1] != '\0')
		return false;
	fd = open_requested(s, &request);
	sent = send_answer(from, request.number, fd);
	if (fd != -1)
		close(fd);
	return sent;
}

static void
serve(struct service *s, int from, const struct config_listens *listens)
{
	TAILQ_INIT(&s->sockets);
	note_sockets(s);
	while (answer_one(s, from))
		;
	/* If that was not its end, the daemon is to know that nobody answers.
	 */
	close(from);
	remove_sockets(listens);
	remove_sockets(&s->sockets);
	config_listens_free(&s->sockets);
}

/* Sockets that the service manager passed are not the opener's to keep. */
static void
keep_only(int fd)
{
	if (fd > FIRST_FD)
		(void)close_range(FIRST_FD, (unsigned)fd - 1, 0);
	(void)close_range(fd < FIRST_FD ? FIRST_FD : (unsigned)fd + 1, ~0U, 0);
}

bool
opener_start(struct opener *o, const char *conf_path,
    const struct config_listens *listens)
{
	static struct service service; /* of the new process alone */
	int fds[2], save_errno;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
		return false;
	switch (pid = fork()) {
	case -1:
		save_errno = errno;
		close(fds[0]);
		close(fds[1]);
		errno = save_errno;
		return false;
	case 0:
		close(fds[0]);
		keep_only(fds[1]);
		signals_ignore_handled();
		service.conf_path = conf_path;
		serve(&service, fds[1], listens);
		_exit(0);
	}
	close(fds[1]);
	o->fd = fds[0];
	o->pid = pid;
	return true;
}

/* Whether there is none to wait for any more. */
static bool
has_ended(const struct opener *o)
{
	pid_t pid;

	if (o->pid == 0)
		return true;
	pid = waitpid(o->pid, NULL, WNOHANG);
	return pid == o->pid || (pid == -1 && errno != EINTR);
}

void
opener_stop(struct opener *o)
{
	int waited = 0;

	if (o->fd != -1)
		close(o->fd);
	o->fd = -1;
	while (!has_ended(o)) {
		if (waited >= OPENER_PATIENCE_MS) {
			log_warning(
			    "the process that opens files for banterd does not end; it is not waited for");
			break;
		}
		(void)poll(NULL, 0, STEP_MS);
		waited += STEP_MS;
	}
	o->pid = 0;
}

void
opener_reap(struct opener *o)
{
	int status;

	if (o->pid == 0 || waitpid(o->pid, &status, WNOHANG) != o->pid)
		return;
	o->pid = 0;
	log_error(
	    "the process that opens files for banterd has ended (%s %d); nothing can be reloaded until banterd is started again",
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* ---- who asks ---- */

/* Waits for an answer, as long as o is patient. */
static bool
is_answered(const struct opener *o)
{
	struct pollfd pfd = { .fd = o->fd, .events = POLLIN };
	struct timespec ts = { .tv_sec = o->patience_ms / 1000,
		.tv_nsec = o->patience_ms % 1000 * 1000000L };
	sigset_t all;
	int n;

	if (o->patience_ms == 0)
		return true;
	/* A hail of signals does not make it longer. */
	sigfillset(&all);
	n = ppoll(&pfd, 1, &ts, &all);
	if (n == 0)
		errno = ETIMEDOUT;
	return n == 1;
}

/* Returns false with errno set if there is no answer. */
static bool
ask(struct opener *o, const struct request *request, size_t size,
    struct answer *answer, int *fd)
{
	if (send(o->fd, request, size, MSG_NOSIGNAL | MSG_DONTWAIT) == -1)
		return false;
	for (;;) {
		if (!is_answered(o) || !receive_answer(o->fd, answer, fd)) {
			if (errno == EINTR)
				continue;
			return false;
		}
		if (answer->number == request->number)
			return true;
		/* What came too late for an earlier question. */
		if (*fd != -1)
			close(*fd);
	}
}

static int
opener_open(void *opener, enum file_kind what, const char *path)
{
	struct opener *o = opener;
	struct request request;
	struct answer answer;
	size_t len = strlen(path);
	int fd, save_errno;

	if (o->fd == -1)
		return files_open(NULL, what, path);
	if (len >= sizeof(request.path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	request.number = ++o->asked;
	request.what = (unsigned char)what;
	memcpy(request.path, path, len + 1);
	if (!ask(o, &request, offsetof(struct request, path) + len + 1, &answer,
		&fd)) {
		save_errno = errno;
		log_error(
		    "no answer from the process that opens files for banterd: %s",
		    strerror(errno));
		errno = save_errno;
		return -1;
	}
	errno = answer.error;
	return fd;
}

struct files
opener_files(struct opener *o)
{
	struct files files = { .open = opener_open, .arg = o };

	return files;
}
