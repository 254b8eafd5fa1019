#include <sys/epoll.h>
#include <sys/syscall.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loadgen.h"

#define MAX_EVENTS 512

/* Ends the server, and waits until it has ended. */
static void
pause_end(const struct load *l, int sig)
{
	struct pollfd pfd = { .events = POLLIN };

	pfd.fd = (int)syscall(SYS_pidfd_open, l->proc.pid, 0);
	if (pfd.fd == -1 || kill(l->proc.pid, sig) == -1)
		die("process %d: %s", (int)l->proc.pid, strerror(errno));
	if (poll(&pfd, 1, l->patience) != 1)
		die("the server doesn't end");
	close(pfd.fd);
}

/* Until each has heard a line; how many have. */
static uint32_t
pause_read(struct load *l, int ep)
{
	struct epoll_event evs[MAX_EVENTS];
	int n = epoll_wait(ep, evs, MAX_EVENTS, l->patience);
	uint32_t before = l->ndone;

	if (n == -1)
		die("epoll_wait: %s", strerror(errno));
	if (n == 0)
		die("LOST: only %u of %u lines came", l->ndone, l->nclient);
	for (int i = 0; i < n; i++)
		crowd_read(l, evs[i].data.ptr);
	return l->ndone - before;
}

/*
 * Each of a pair says a line when the server has ended; whoever starts it
 * again, the other one has to hear it.  Times are since the signal.
 */
void
pause_server(struct load *l, int sig)
{
	uint64_t start = now_ns(), ended, said, first = 0, last = 0;
	int ep = crowd_watch(l);

	if (l->room_size != 2)
		die("a pause needs rooms of two");
	pause_end(l, sig);
	ended = now_ns();
	round_begin(l, l->nclient);
	for (uint32_t i = 0; i < l->nclient; i++)
		round_say_as(l, &l->client[i]);
	said = now_ns();
	while (l->ndone < l->nclient) {
		if (pause_read(l, ep) == 0)
			continue;
		last = now_ns();
		if (first == 0)
			first = last;
	}
	close(ep);
	round_forget(l);
	printf("{\"ended_ns\": %llu, \"said_ns\": %llu, \"first_ns\": %llu, "
	       "\"last_ns\": %llu}\n",
	    (unsigned long long)(ended - start),
	    (unsigned long long)(said - start),
	    (unsigned long long)(first - start),
	    (unsigned long long)(last - start));
}

/* What comes is of the server that has come after it. */
void
pause_next(struct load *l, int pid)
{
	proc_close(&l->proc);
	if (proc_open(&l->proc, pid) == -1)
		die("no process %d", pid);
	printf("{}\n");
}
