#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "queues.h"
#include "unit.h"

struct kernel kernel;

ssize_t __real_send(int, const void *, size_t, int);
ssize_t __wrap_send(int, const void *, size_t, int);
ssize_t __wrap_sendmsg(int, const struct msghdr *, int);

ssize_t
__wrap_send(int fd, const void *p, size_t n, int flags)
{
	ck_assert_int_eq(flags, MSG_NOSIGNAL | MSG_DONTWAIT);
	kernel.calls++;
	errno = kernel.error;
	if (kernel.interrupt > 0) {
		kernel.interrupt--;
		errno = EINTR;
	} else if (errno == 0 && kernel.takes == 0)
		errno = EAGAIN;
	if (errno != 0)
		return -1;
	n = n < kernel.takes ? n : kernel.takes;
	kernel.takes -= n;
	return __real_send(fd, p, n, flags);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	static char flat[1 << 20];
	size_t i, n = 0;

	for (i = 0; i < msg->msg_iovlen; i++) {
		memcpy(flat + n, msg->msg_iov[i].iov_base,
		    msg->msg_iov[i].iov_len);
		n += msg->msg_iov[i].iov_len;
	}
	return __wrap_send(fd, flat, n, flags);
}

/* ---- queues and those who read them ---- */

struct event_base *base;
struct output *out;
struct output_queue queues[N_QUEUES];
struct output_queue *const q = &queues[0];
char got[4 << 20];
size_t got_len;
unsigned backlogs;
uint32_t told_skipped;

static int readers[N_QUEUES];

static void
count_backlog(struct output_queue *of)
{
	ck_assert_ptr_nonnull(of->bev);
	backlogs++;
}

static void
hear_drained(struct output_queue *of, uint32_t skipped)
{
	(void)of;
	told_skipped += skipped;
}

static const struct output_events events = {
	.backlog_begins = count_backlog,
	.drained = hear_drained,
};

void
queues_setup(void)
{
	int i, fds[2], size = 1 << 20;

	memset(&kernel, 0, sizeof(kernel));
	kernel.takes = SIZE_MAX;
	base = event_base_new();
	out = output_new(base, &events, 1 << 20);
	backlogs = told_skipped = 0;
	ck_assert(base != NULL && out != NULL);
	for (i = 0; i < N_QUEUES; i++) {
		ck_assert_int_eq(
		    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
		    0);
		setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		readers[i] = fds[0];
		memset(&queues[i], 0, sizeof(queues[i]));
		output_open(out, &queues[i], fds[1]);
	}
}

void
queues_teardown(void)
{
	int i;

	for (i = 0; i < N_QUEUES; i++) {
		output_forget(&queues[i]);
		close(queues[i].fd);
		close(readers[i]);
	}
	output_free(out);
	event_base_free(base);
}

void
queues_collect(int i)
{
	ssize_t n;

	got_len = 0;
	do {
		event_base_loop(base, EVLOOP_NONBLOCK);
		n = recv(readers[i], got + got_len, sizeof(got) - got_len, 0);
		got_len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
}

void
queues_read(int i, const char *want)
{
	queues_collect(i);
	unit_bytes("read", got, got_len, want, strlen(want));
}

bool
queues_add_kind(
    struct output_queue *to, const char *text, size_t len, enum line_kind kind)
{
	struct line line = { .text = text, .len = (uint32_t)len, .kind = kind };

	return output_add(to, &line, 0);
}

void
queues_add(struct output_queue *to, const char *text)
{
	ck_assert(queues_add_kind(to, text, strlen(text), LINE_REPLY));
}
