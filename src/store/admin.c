#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>
#include <bsd/sys/queue.h>
#include <event2/event.h>

#include "banterd/store/admin.h"
#include "banterd/store/door.h"
#include "banterd/system/log.h"

#define ASKERS_MAX  8
#define PATIENCE_S  10                  /* with who does not finish a request */
#define FIRST_ASKER (UINT64_C(1) << 63) /* no peer has such a number */
#define PIECE       (32 << 10)

struct asker {
	TAILQ_ENTRY(asker) next;
	struct admin *admin;
	uint64_t id;
	int fd, passed; /* -1: none */
	struct event *readable, *writable;
	char request[ADMIN_REQUEST_MAX];
	size_t len;
	char *reply;
	size_t left, at;
	admin_more_fn *more; /* NULL: reply is all of it */
	void *more_arg;
};

struct admin {
	struct event_base *base;
	struct door *door;
	admin_request_fn *request;
	void *arg;
	/* cppcheck-suppress unusedStructMember ; macros use them */
	TAILQ_HEAD(, asker) askers;
	unsigned n;
	uint64_t next_id;
};

static void
free_asker(struct asker *s)
{
	TAILQ_REMOVE(&s->admin->askers, s, next);
	s->admin->n--;
	if (s->readable != NULL)
		event_free(s->readable);
	if (s->writable != NULL)
		event_free(s->writable);
	explicit_bzero(s->request, sizeof(s->request));
	if (s->passed != -1)
		close(s->passed);
	close(s->fd);
	free(s->reply);
	free(s->more_arg);
	free(s);
}

/* ---- the reply ---- */

/* With the last byte goes the descriptor (unix(7), SCM_RIGHTS). */
static ssize_t
send_piece(struct asker *s)
{
	bool last = s->left <= PIECE;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { s->reply + s->at, last ? s->left : PIECE };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (s->passed != -1 && s->left == 1) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.space);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(s->passed));
		memcpy(CMSG_DATA(cmsg), &s->passed, sizeof(s->passed));
	} else if (s->passed != -1 && last)
		iov.iov_len--;
	return sendmsg(s->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Has the next piece of a reply written, and the status behind the last one. */
static bool
write_more(struct asker *s)
{
	FILE *out;
	int more = -1;

	free(s->reply);
	s->reply = NULL;
	s->at = s->left = 0;
	if ((out = open_memstream(&s->reply, &s->left)) == NULL)
		return false;
	more = s->more(s->more_arg, out);
	if (more != 1) {
		(void)putc(more == 0 ? '0' : '1', out);
		s->more = NULL;
	}
	return fclose(out) == 0;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct asker *s = arg;
	ssize_t n = 0;

	if (s->left == 0 && s->more != NULL && !write_more(s)) {
		free_asker(s);
		return;
	}

	(void)fd;
	(void)what;
	while (s->left > 0 && (n = send_piece(s)) != -1) {
		s->at += (size_t)n;
		s->left -= (size_t)n;
	}
	if (((n == -1 && (errno == EAGAIN || errno == EINTR)) ||
		(n != -1 && s->more != NULL)) &&
	    event_add(s->writable, NULL) != -1)
		return;
	free_asker(s);
}

static struct asker *
find(struct admin *a, uint64_t id)
{
	struct asker *s;

	TAILQ_FOREACH(s, &a->askers, next) {
		if (s->id == id)
			return s;
	}
	return NULL;
}

void
admin_reply(struct admin *a, uint64_t id, const char *text, size_t len,
    int status, int fd)
{
	struct asker *s = find(a, id);

	if (s == NULL || s->reply != NULL || s->more != NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	s->passed = fd;
	if ((s->reply = malloc(len + 1)) == NULL) {
		free_asker(s);
		return;
	}
	memcpy(s->reply, text, len);
	s->reply[len] = (char)('0' + status);
	s->left = len + 1;
	/* Not here: who calls may have it in its hands. */
	if (event_add(s->writable, NULL) == -1)
		free_asker(s);
}

void
admin_stream(struct admin *a, uint64_t id, admin_more_fn *more, void *arg)
{
	struct asker *s = find(a, id);

	if (s == NULL) {
		free(arg);
		return;
	}
	s->more = more;
	s->more_arg = arg;
	if (event_add(s->writable, NULL) == -1)
		free_asker(s);
}

/* ---- the request ---- */

/* Words with a NUL behind each.  Returns false if these are none. */
static bool
split(struct asker *s, char *words[ADMIN_WORDS_MAX + 1])
{
	size_t at, n = 0;

	if (s->len == 0 || s->request[s->len - 1] != '\0')
		return false;
	for (at = 0; at < s->len; at += strlen(s->request + at) + 1) {
		if (n == ADMIN_WORDS_MAX)
			return false;
		words[n++] = s->request + at;
	}
	words[n] = NULL;
	return true;
}

static void
carry_out(struct asker *s)
{
	static const char wrong[] = "this is no request\n";
	char *words[ADMIN_WORDS_MAX + 1];

	(void)event_del(s->readable);
	if (split(s, words))
		s->admin->request(s->admin->arg, s->id, words);
	else
		admin_reply(s->admin, s->id, wrong, sizeof(wrong) - 1, 2, -1);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct asker *s = arg;
	ssize_t n;

	if ((what & EV_TIMEOUT) != 0) {
		free_asker(s);
		return;
	}
	n = recv(
	    fd, s->request + s->len, sizeof(s->request) - s->len, MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1 || (n > 0 && s->len + (size_t)n == sizeof(s->request))) {
		free_asker(s);
		return;
	}
	s->len += (size_t)n;
	if (n > 0)
		return;
	/* It may be freed by what it asks for, if memory is out. */
	carry_out(s);
}

/* Root, or whoever this is. */
static bool
may_ask(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	    (cred.uid == 0 || cred.uid == geteuid()))
		return true;
	log_warning("somebody else than root was at the admin's socket");
	return false;
}

static void
accepted(void *arg, int fd)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct admin *a = arg;
	struct asker *s;

	if (a->n == ASKERS_MAX || !may_ask(fd) ||
	    (s = calloc(1, sizeof(*s))) == NULL) {
		close(fd);
		return;
	}
	s->admin = a;
	s->fd = fd;
	s->passed = -1;
	s->id = a->next_id++;
	TAILQ_INSERT_TAIL(&a->askers, s, next);
	a->n++;
	s->readable = event_new(
	    a->base, fd, EV_READ | EV_PERSIST, on_readable, s);
	s->writable = event_new(a->base, fd, EV_WRITE, on_writable, s);
	if (s->readable == NULL || s->writable == NULL ||
	    event_add(s->readable, &patience) == -1)
		free_asker(s);
}

struct admin *
admin_new(struct event_base *base, const char *path, admin_request_fn *request,
    void *arg)
{
	struct admin *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		log_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	TAILQ_INIT(&a->askers);
	a->base = base;
	a->request = request;
	a->arg = arg;
	a->next_id = FIRST_ASKER;
	a->door = door_open(base, path, SOCK_STREAM, 0600, accepted, a);
	if (a->door != NULL)
		return a;
	free(a);
	return NULL;
}

void
admin_free(struct admin *a)
{
	struct asker *s, *next;

	if (a == NULL)
		return;
	TAILQ_FOREACH_SAFE(s, &a->askers, next, next)
		free_asker(s);
	door_close(a->door);
	free(a);
}
