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
	kernel.sending = conns.sending != NULL ? *conns.sending : 0;
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

/* The backlog that all connections say they have; UINT32_MAX: the true one. */
static uint32_t said_backlog = UINT32_MAX;

uint32_t __real_conn_backlog(const struct conn *);
uint32_t __wrap_conn_backlog(const struct conn *);

uint32_t
__wrap_conn_backlog(const struct conn *c)
{
	return said_backlog != UINT32_MAX ? said_backlog :
					    __real_conn_backlog(c);
}

/* ---- queues and those who read them ---- */

struct event_base *base;
struct conns conns;
struct fanout *out;
struct fanout_queue queues[N_QUEUES];
struct fanout_queue *const q = &queues[0];
char got[4 << 20];
size_t got_len;
unsigned backlogs, breaks;
uint32_t told_skipped;

static int readers[N_QUEUES];

static void
ignore_input(void *owner, const unsigned char *p, size_t n)
{
	(void)owner;
	(void)p;
	(void)n;
}

static void
count_backlog(void *owner)
{
	(void)owner;
	backlogs++;
}

static void
hear_drained(void *owner)
{
	fanout_send(out, owner);
	told_skipped += fanout_end_skipping(out, owner);
}

static void
count_break(void *owner)
{
	(void)owner;
	breaks++;
}

static const struct conn_ops ops = {
	.readable = ignore_input,
	.backlogged = count_backlog,
	.drained = hear_drained,
	.broken = count_break,
};

void
queues_setup(void)
{
	int i, fds[2], size = 1 << 20;

	memset(&kernel, 0, sizeof(kernel));
	kernel.takes = SIZE_MAX;
	said_backlog = UINT32_MAX;
	base = event_base_new();
	out = fanout_new(1 << 20);
	backlogs = breaks = told_skipped = 0;
	ck_assert(base != NULL && out != NULL);
	conns.base = base;
	conns.ops = &ops;
	conns.sending = NULL;
	conns.low_water = fanout_low_water(out);
	for (i = 0; i < N_QUEUES; i++) {
		ck_assert_int_eq(
		    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
		    0);
		setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		readers[i] = fds[0];
		memset(&queues[i], 0, sizeof(queues[i]));
		queues[i].conn = conn_new(
		    &conns, fds[1], &queues[i], ++conns.made);
		ck_assert_ptr_nonnull(queues[i].conn);
	}
}

void
queues_teardown(void)
{
	int i;

	for (i = 0; i < N_QUEUES; i++) {
		fanout_forget(out, &queues[i]);
		conn_free(queues[i].conn);
		close(readers[i]);
	}
	fanout_free(out);
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

void
queues_drained_to(int i, uint32_t left)
{
	said_backlog = left;
	hear_drained(&queues[i]);
}

bool
queues_append(struct fanout_queue *to, const char *text, size_t len,
    enum fanout_policy policy)
{
	struct fanout_line line = { .text = text, .len = (uint32_t)len };

	return fanout_append(out, to, &line, policy, FANOUT_URGENT);
}

void
queues_add(struct fanout_queue *to, const char *text)
{
	ck_assert(queues_append(to, text, strlen(text), FANOUT_ALWAYS));
}
