#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "banterd/store/admin.h"
#include "banterd/store/ask.h"
#include "banterd/store/copy.h"
#include "banterd/store/export.h"

/* What is replied. */
struct reply {
	char *text;
	size_t len;
	int fd; /* that came with it; -1: none */
};

static int
connect_to(const char *socket_path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, n;

	n = snprintf(
	    sun.sun_path, sizeof(sun.sun_path), "%s" ADMIN_SUFFIX, socket_path);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	n = errno;
	close(fd);
	errno = n;
	return -1;
}

static bool
send_word(int fd, const char *word)
{
	return word == NULL ||
	    send(fd, word, strlen(word) + 1, MSG_NOSIGNAL) ==
	    (ssize_t)strlen(word) + 1;
}

/* Returns as recvmsg(2); a descriptor that comes is kept. */
static ssize_t
receive_piece(int from, char *piece, size_t size, struct reply *r)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { piece, size };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *cmsg;
	ssize_t n;

	do
		n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	cmsg = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS && r->fd == -1)
		memcpy(&r->fd, CMSG_DATA(cmsg), sizeof(r->fd));
	return n;
}

/* All of it, up to the end.  Returns false with errno set. */
static bool
receive(int from, struct reply *r)
{
	char piece[4096];
	FILE *out = open_memstream(&r->text, &r->len);
	ssize_t n;

	if (out == NULL)
		return false;
	while ((n = receive_piece(from, piece, sizeof(piece), r)) > 0)
		(void)fwrite(piece, 1, (size_t)n, out);
	return fclose(out) == 0 && n == 0;
}

/* The last byte is the status; the text is what is before it. */
static int
finish(const char *socket_path, const struct reply *r)
{
	int status;

	if (r->len == 0 || r->text[r->len - 1] < '0' ||
	    r->text[r->len - 1] > '2') {
		fprintf(stderr,
		    "banter-store: the one at %s ended before it had replied\n",
		    socket_path);
		return WORDS_NOT_DONE;
	}
	status = r->text[r->len - 1] - '0';
	(void)fwrite(
	    r->text, 1, r->len - 1, status == WORDS_DONE ? stdout : stderr);
	return status;
}

/* Puts the descriptor's file where it belongs. */
static bool
take(int from, int to, const char *path)
{
	if (from != -1 && lseek(from, 0, SEEK_SET) == 0 && copy_all(from, to) &&
	    copy_sync_directory(path))
		return true;
	fprintf(stderr, "banter-store: %s: %s\n", path,
	    from == -1 ? "nothing was copied" : strerror(errno));
	return false;
}

static int
talk(int fd, const char *socket_path, const char *name, const char *argument,
    const char *password, struct reply *r)
{
	if (send_word(fd, name) && send_word(fd, argument) &&
	    send_word(fd, password) && shutdown(fd, SHUT_WR) == 0 &&
	    receive(fd, r))
		return finish(socket_path, r);
	fprintf(stderr, "banter-store: cannot ask at %s: %s\n", socket_path,
	    strerror(errno));
	return WORDS_NOT_DONE;
}

static int
backup(int fd, const char *socket_path, const char *name, const char *path)
{
	struct reply r = { .fd = -1 };
	int status = WORDS_NOT_DONE, to = copy_make(path);

	if (to == -1) {
		fprintf(
		    stderr, "banter-store: %s: %s\n", path, strerror(errno));
		return WORDS_NOT_DONE;
	}
	if (talk(fd, socket_path, name, NULL, NULL, &r) == WORDS_DONE &&
	    take(r.fd, to, path))
		status = WORDS_DONE;
	else
		(void)unlink(path);
	if (r.fd != -1)
		close(r.fd);
	close(to);
	free(r.text);
	return status;
}

static int
cannot_ask(const char *socket_path)
{
	fprintf(stderr,
	    "banter-store: nobody answers at %s%s (%s); -F FILE opens the file itself\n",
	    socket_path, ADMIN_SUFFIX, strerror(errno));
	return WORDS_NOT_DONE;
}

/* ---- an export ---- */

/* Prints what comes but for the last byte, which is the status; returns that,
 * or 0 if it did not come. */
static char
print_all(int from)
{
	char piece[64 << 10];
	char last = '\0';
	ssize_t n;

	for (;;) {
		n = recv(from, piece, sizeof(piece), 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (last != '\0')
			(void)putchar(last);
		(void)fwrite(piece, 1, (size_t)n - 1, stdout);
		last = piece[n - 1];
	}
	if (n != 0)
		last = '\0';
	return last;
}

static int
finish_export(const char *socket_path, const char *room, char status)
{
	if (fflush(stdout) == EOF || ferror(stdout)) {
		fprintf(stderr, "banter-store: standard output: %s\n",
		    strerror(errno));
		return WORDS_NOT_DONE;
	}
	if (status == '0')
		return WORDS_DONE;
	if (status == '1')
		fprintf(stderr,
		    "banter-store: of %s nothing is kept, or not all of it can be read\n",
		    room);
	else
		fprintf(stderr,
		    "banter-store: the one at %s ended before it had replied\n",
		    socket_path);
	return WORDS_NOT_DONE;
}

int
ask_export(const char *socket_path, const char *room, uint64_t since, bool json)
{
	char digits[24];
	int status = WORDS_NOT_DONE, fd = connect_to(socket_path);

	if (fd == -1)
		return cannot_ask(socket_path);
	(void)snprintf(
	    digits, sizeof(digits), "%llu", (unsigned long long)since);
	if (send_word(fd, words_text(WORD_EXPORT)) && send_word(fd, room) &&
	    send_word(fd, digits) &&
	    send_word(fd, json ? EXPORT_JSON : EXPORT_TEXT) &&
	    shutdown(fd, SHUT_WR) == 0)
		status = finish_export(socket_path, room, print_all(fd));
	else
		(void)cannot_ask(socket_path);
	close(fd);
	return status;
}

int
ask(const char *socket_path, enum word word, const char *name,
    const char *argument, const char *password)
{
	struct reply r = { .fd = -1 };
	int status, fd = connect_to(socket_path);

	if (fd == -1)
		return cannot_ask(socket_path);
	if (word == WORD_BACKUP)
		status = backup(fd, socket_path, name, argument);
	else {
		status = talk(fd, socket_path, name, argument, password, &r);
		free(r.text);
	}
	close(fd);
	return status;
}
