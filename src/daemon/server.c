#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "banterd/base/deadline.h"
#include "banterd/daemon/server.h"
#include "banterd/state/vault.h"
#include "banterd/net/timer.h"

/* Descriptors beside those of clients and listeners: standard ones, the loop's,
 * the log, the opener's, the spare one; and files that are read. */
#define OTHER_DESCRIPTORS 19

/* What keeping takes: its own ones; and of those in flight, which count as much
 * by themselves, some are so twice for a moment. */
#define KEEPING_DESCRIPTORS (10 + VAULT_SLACK)

#define TIMER_GRAIN_MS 10    /* two wake-ups are not closer */
#define MAX_FD_SLOTS   16384 /* made ahead */

/* ---- time ---- */

/* What a machine sleeps it does not count: then nobody could say anything. */
uint64_t
server_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
server_now(struct server *srv)
{
	if (!srv->clock_is_fresh) {
		srv->registry.now = srv->clock();
		srv->registry.wall = time(NULL);
		srv->clock_is_fresh = true;
	}
	return srv->registry.now;
}

void
server_wake_at(struct server *srv, uint64_t ms)
{
	uint64_t now = server_now(srv), wait;

	if (ms >= srv->timer_due)
		return;
	wait = ms > now + TIMER_GRAIN_MS ? ms - now : TIMER_GRAIN_MS;
	if (timer_add(srv->timer, wait) == 0)
		srv->timer_due = ms;
}

/* ---- descriptors ---- */

void
server_fit_descriptors(struct server *srv)
{
	rlim_t others = SERVER_CLOSING + OTHER_DESCRIPTORS +
	    listeners_count(&srv->listeners) +
	    (srv->keep != NULL ? KEEPING_DESCRIPTORS : 0);
	rlim_t want = srv->conf->max_clients + others;
	struct rlimit rl;

	srv->max_clients = srv->conf->max_clients;
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	if (rl.rlim_cur < want) {
		rl.rlim_cur = want < rl.rlim_max ? want : rl.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &rl) == -1 &&
		    getrlimit(RLIMIT_NOFILE, &rl) == -1)
			return;
	}
	if (rl.rlim_cur >= want)
		return;
	srv->max_clients = rl.rlim_cur > others ?
	    (unsigned)(rl.rlim_cur - others) :
	    1;
	log_warning(
	    "max-clients %u lowered to %u, which the limit of %llu open files allows",
	    srv->conf->max_clients, srv->max_clients,
	    (unsigned long long)rl.rlim_cur);
}

static void
on_nothing(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/*
 * libevent keeps a slot for every descriptor number it has ever seen.  Made as
 * clients come, these slots lie between the clients in memory, and hold on to
 * nearly every page when the clients have gone.
 */
void
server_preallocate_fd_slots(struct server *srv)
{
	unsigned i, n = 0, want = srv->max_clients + SERVER_CLOSING;
	struct event *ev;
	int fd, *fds;

	if (want > MAX_FD_SLOTS)
		want = MAX_FD_SLOTS;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds = calloc(want, sizeof(*fds));
	ev = event_new(srv->base, -1, EV_READ, on_nothing, NULL);
	while (fd != -1 && fds != NULL && ev != NULL && n < want &&
	    (fds[n] = fcntl(fd, F_DUPFD_CLOEXEC, 0)) != -1) {
		if (event_assign(ev, srv->base, fds[n++], EV_READ, on_nothing,
			NULL) == -1 ||
		    event_add(ev, NULL) == -1)
			break;
		event_del(ev);
	}
	for (i = 0; i < n; i++)
		close(fds[i]);
	if (fd != -1)
		close(fd);
	if (ev != NULL)
		event_free(ev);
	free(fds);
}
