#include <sys/param.h>

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "banterd/base/deadline.h"
#include "banterd/chat/listed.h"
#include "banterd/chat/room.h"
#include "banterd/daemon/admit.h"
#include "banterd/daemon/items.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/loop.h"
#include "banterd/daemon/opener.h"
#include "banterd/daemon/reload.h"
#include "banterd/daemon/server.h"
#include "banterd/daemon/stats.h"
#include "banterd/daemon/store.h"
#include "banterd/net/timer.h"
#include "banterd/session/login.h"
#include "banterd/session/talk.h"
#include "banterd/system/signals.h"

#define LATE_MS      100   /* a timer is not; then we were stopped, */
#define TURN_MS      8     /* for those who have more to say */
#define STATUS_MS    1000  /* between two words to the manager */
#define STOP_TICK_MS 20    /* between looks at who has all */
#define STOP_ROUNDS  16    /* of reading what arrived before TERM */
#define TRIM_FREED   64    /* clients gone, before memory is given back */
#define TRIM_MS      1000  /* so many ms later; */
#define TRIM_FEW_MS  10000 /* for fewer, so many */

/* ---- the timer ---- */

/*
 * Gives freed memory back to the system.  Left to itself the C library keeps
 * what lies below the last piece in use (malloc_trim(3)).
 */
static uint64_t
trim(struct server *srv, uint64_t ms)
{
	if (srv->trim_at == 0)
		return NEVER;
	if (ms < srv->trim_at)
		return srv->trim_at;
	srv->trim_at = 0;
	srv->freed = srv->conns.freed = 0;
	malloc_trim(0);
	return NEVER;
}

static void
want_trim(struct server *srv)
{
	unsigned freed = srv->freed + srv->conns.freed;
	uint64_t at;

	if (freed == 0)
		return;
	at = server_now(srv) + (freed < TRIM_FREED ? TRIM_FEW_MS : TRIM_MS);
	if (srv->trim_at != 0 && srv->trim_at <= at)
		return;
	srv->trim_at = at;
	server_wake_at(srv, at);
}

static uint64_t
tick_logs(struct server *srv, uint64_t ms)
{
	return earlier(log_burst_tick(&srv->session.log_burst, ms),
	    log_burst_tick(&srv->session.password_burst, ms));
}

/* What is due is done when the turn has dealt with the sockets. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct server *srv = arg;

	(void)fd;
	(void)what;
	srv->timer_fired = true;
}

/*
 * Whether what is due has to wait a little.  A timer that comes late tells that
 * the daemon was stopped (SIGSTOP, a machine that stood still): what people
 * sent meanwhile was in time, and is heard before anything is over.
 */
static bool
has_to_catch_up(struct server *srv, uint64_t ms)
{
	uint64_t late = ms - MIN(ms, srv->timer_due);

	if (late > LATE_MS && srv->caught_up_at == 0)
		srv->caught_up_at = ms + SERVER_CATCH_UP_MS;
	return ms < srv->caught_up_at;
}

static uint64_t
tick_clients(struct server *srv, uint64_t ms)
{
	uint64_t due, next = NEVER;
	struct client *c, *tmp;

	TAILQ_FOREACH_SAFE(c, &srv->waiting, waiting, tmp) {
		due = talk_tick(c, ms);
		next = earlier(next, due);
		if (due == NEVER && c->state != CLIENT_GONE) {
			TAILQ_REMOVE(&srv->waiting, c, waiting);
			c->is_waiting = false;
		}
	}
	return next;
}

/* Does what is due, and has the timer come again for the rest. */
static void
tick(struct server *srv)
{
	uint64_t ms = server_now(srv), next;
	bool wait = has_to_catch_up(srv, ms);

	srv->timer_fired = false;
	srv->timer_due = NEVER;
	if (wait) {
		server_wake_at(srv, srv->caught_up_at);
		return;
	}
	srv->session.was_stopped = srv->caught_up_at != 0;
	srv->caught_up_at = 0;
	next = tick_clients(srv, ms);
	srv->session.was_stopped = false;
	rooms_tick(&srv->registry);
	next = earlier(next, srv->registry.due);
	next = earlier(next, trim(srv, ms));
	next = earlier(next, tick_logs(srv, ms));
	next = earlier(next, store_tick(srv->store, ms));
	if (srv->keep != NULL)
		next = earlier(next, keep_tick(srv->keep, ms));
	if (srv->session.stopping) {
		if (ms >= srv->stop_by)
			srv->done = true;
		next = earlier(next, ms + STOP_TICK_MS);
	}
	server_wake_at(srv, next);
}

/* ---- the service manager ---- */

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	struct server *srv = arg;

	(void)fd;
	(void)what;
	notify_watchdog(&srv->notify);
}

/* The loop itself keeps the watchdog quiet: if it hangs, nobody does. */
static bool
start_watchdog(struct server *srv)
{
	uint64_t half = srv->notify.watchdog_ms / 2;

	if (half == 0)
		return true;
	srv->watchdog = event_new(srv->base, -1, EV_PERSIST, on_watchdog, srv);
	return srv->watchdog != NULL && timer_add(srv->watchdog, half) == 0;
}

/* ---- the opener ---- */

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	struct server *srv = arg;

	(void)sig;
	(void)what;
	opener_reap(srv->opener);
}

static bool
watch_opener(struct server *srv)
{
	if (srv->opener == NULL || srv->opener->pid == 0)
		return true;
	srv->child = evsignal_new(srv->base, SIGCHLD, on_child, srv);
	if (srv->child == NULL || event_add(srv->child, NULL) == -1)
		return false;
	opener_reap(srv->opener); /* it may have ended before */
	return true;
}

static void
tell_ready(struct server *srv)
{
	srv->owes_ready = !notify_ready(&srv->notify);
}

/* What is not as it should be; NULL: nothing. */
static const char *
trouble(const struct server *srv)
{
	if (srv->conf_is_old)
		return "the configuration is wrong; the last good one is in force";
	if (srv->listens_are_old)
		return "not listening as configured, the log says why";
	return NULL;
}

static void
tell_status(struct server *srv)
{
	srv->status_at = server_now(srv);
	srv->status_clients = srv->registry.nusers;
	srv->status_rooms = srv->registry.nrooms;
	srv->owes_status = !notify_status(
	    &srv->notify, trouble(srv), srv->status_clients, srv->status_rooms);
}

static bool
has_to_tell(const struct server *srv)
{
	return srv->owes_ready || srv->owes_status || srv->owes_listeners ||
	    (srv->keep != NULL && keep_owes(srv->keep)) ||
	    srv->registry.nusers != srv->status_clients ||
	    srv->registry.nrooms != srv->status_rooms;
}

/* A manager that was busy is told again, too: without a READY=1 it would end
 * the service, or wait for the end of a reload. */
static void
update_manager(struct server *srv)
{
	if (srv->notify.fd == -1 || !has_to_tell(srv))
		return;
	if (server_now(srv) - srv->status_at < STATUS_MS) {
		server_wake_at(srv, srv->status_at + STATUS_MS);
		return;
	}
	if (srv->owes_ready)
		tell_ready(srv);
	if (srv->keep != NULL)
		keep_pay(srv->keep);
	if (srv->owes_listeners)
		admit_store_listeners(srv);
	tell_status(srv);
	if (has_to_tell(srv))
		server_wake_at(srv, srv->status_at + STATUS_MS);
}

/* ---- the beginning ---- */

/* What takes long, or needs the loop itself, is left to the turn's end. */
static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct server *srv = arg;

	(void)what;
	switch (sig) {
	case SIGHUP:
		srv->reload_wanted = true;
		break;
	case SIGUSR1:
		stats_log(srv);
		break;
	case SIGUSR2:
		if (log_reopen() == -1)
			log_error("cannot open the log file again: %s",
			    log_open_error(errno));
		else
			log_notice("log file opened again");
		break;
	default:
		/* Of several, a stop is what is meant. */
		srv->hand_over_wanted = sig == SIGTERM && srv->keep != NULL &&
		    (!srv->stop_wanted || srv->hand_over_wanted);
		if (srv->stop_wanted)
			srv->done = true;
		srv->stop_wanted = true;
		break;
	}
}

static bool
add_signals(struct server *srv)
{
	size_t i;

	for (i = 0; i < SIGNALS_HANDLED; i++) {
		srv->signals[i] = evsignal_new(
		    srv->base, signals_handled(i), on_signal, srv);
		if (srv->signals[i] == NULL ||
		    event_add(srv->signals[i], NULL) == -1)
			return false;
	}
	signals_unblock();
	return true;
}

/* The floors below the daemon, and what each is told by. */
static bool
connect_floors(struct server *srv)
{
	registry_init(&srv->registry, &talk_registry_ops);
	srv->registry.owner = &srv->session;
	hosts_init(&srv->hosts);
	listeners_init(&srv->listeners, srv->base, &admit_listener_ops, srv);
	srv->conns.base = srv->base;
	srv->conns.ops = &talk_conn_ops;
	srv->conns.low_water = fanout_low_water(srv->fanout);
	srv->session.ops = &server_session_ops;
	srv->session.daemon = srv;
	srv->session.registry = &srv->registry;
	srv->session.fanout = srv->fanout;
	srv->session.conns = &srv->conns;
	srv->session.conf = srv->conf;
	srv->session.log_burst.level = LOG_LEVEL_INFO;
	srv->session.password_burst.level = LOG_LEVEL_NOTICE;
	return talk_init(&srv->session) &&
	    listed_configure(&srv->registry, srv->conf);
}

bool
loop_init(struct server *srv, struct config *conf, const char *conf_path,
    bool conf_optional)
{
	memset(srv, 0, sizeof(*srv));
	srv->conf = conf;
	srv->conf_path = conf_path;
	srv->conf_optional = conf_optional;
	srv->clock = server_clock;
	srv->timer_due = NEVER;
	srv->notify.fd = -1;
	srv->listeners.spare_fd = -1; /* until connect_floors() */
	TAILQ_INIT(&srv->fixed_listens);
	TAILQ_INIT(&srv->clients);
	TAILQ_INIT(&srv->gone);
	TAILQ_INIT(&srv->newcomers);
	TAILQ_INIT(&srv->waiting);
	TAILQ_INIT(&srv->runnable);
	TAILQ_INIT(&srv->unstored);
	TAILQ_INIT(&srv->session.accounts);
	if ((srv->base = event_base_new()) == NULL ||
	    (srv->fanout = fanout_new(conf->send_queue)) == NULL ||
	    (srv->timer = evtimer_new(srv->base, on_timer, srv)) == NULL ||
	    (srv->store = store_new(srv)) == NULL || !connect_floors(srv) ||
	    !add_signals(srv)) {
		log_error("cannot start: %s", strerror(errno));
		return false;
	}
	srv->max_clients = conf->max_clients; /* until it is known of what else
					       * there are descriptors */
	srv->started = server_now(srv);
	return true;
}

/* ---- turns ---- */

/* Who is gone is freed, and the loop is woken for what is due later. */
static void
finish_turn(struct server *srv)
{
	struct fanout_queue *q;
	struct client *c;

	items_put_changed(srv);
	fanout_flush(srv->fanout);
	if (srv->keep != NULL)
		keep_commit(srv->keep);
	store_flush(srv->store);
	while ((q = fanout_next_broken(srv->fanout)) != NULL)
		talk_broken(client_of_queue(q));
	while ((c = TAILQ_FIRST(&srv->gone)) != NULL) {
		TAILQ_REMOVE(&srv->gone, c, next);
		client_free(c);
		srv->nclosing--;
		srv->freed++;
	}
	want_trim(srv);
	server_wake_at(srv, srv->registry.due);
	server_wake_at(srv, tick_logs(srv, server_now(srv)));
	update_manager(srv);
	stats_go_on(srv);
}

/*
 * Who has sent much at once takes turns with the others: one line, then the
 * next one's.  What that says leaves together, but nobody waits for it longer
 * than TURN_MS.
 */
static void
serve_runnable(struct server *srv)
{
	uint64_t began = srv->clock();
	struct client *c;

	while ((c = TAILQ_FIRST(&srv->runnable)) != NULL &&
	    srv->clock() - began < TURN_MS) {
		TAILQ_REMOVE(&srv->runnable, c, runnable);
		c->is_runnable = false;
		talk_run(c);
	}
}

static void
run_events(struct server *srv, bool wait)
{
	if (event_base_loop(
		srv->base, EVLOOP_ONCE | (wait ? 0 : EVLOOP_NONBLOCK)) == -1) {
		log_error("the event loop failed: %s", strerror(errno));
		srv->done = srv->failed = true;
	}
}

void
loop_turn(struct server *srv, bool wait)
{
	srv->clock_is_fresh = false;
	wait = wait && TAILQ_EMPTY(&srv->runnable) &&
	    !fanout_is_owing(srv->fanout);
	run_events(srv, wait);
	/* A process that was stopped comes back from epoll_wait(2) without a
	 * look at the sockets (EINTR). */
	if (srv->timer_fired)
		run_events(srv, false);
	serve_runnable(srv);
	if (srv->timer_fired)
		tick(srv);
	finish_turn(srv);
}

/* ---- the end ---- */

static uint64_t
progress(const struct server *srv)
{
	return srv->conns.bytes_in + srv->session.lines_in;
}

/* Reads and carries out what had arrived when the server was told to stop;
 * half of the time that is left belongs to what has to leave. */
static void
read_the_rest(struct server *srv)
{
	uint64_t before, until = (server_now(srv) + srv->stop_by) / 2;
	struct client *c, *next;
	int i;

	TAILQ_FOREACH_SAFE(c, &srv->clients, next, next)
		talk_run(c);
	for (i = 0; i < STOP_ROUNDS; i++) {
		before = progress(srv);
		do
			loop_turn(srv, false);
		while (!TAILQ_EMPTY(&srv->runnable) && srv->clock() < until &&
		    !srv->done);
		/* What is carried out makes space for what is to be read; at
		 * first that may be no line. */
		if ((i > 0 && progress(srv) == before) ||
		    srv->clock() >= until || srv->done)
			break;
	}
}

void
loop_stop(struct server *srv)
{
	struct client *c, *next;

	log_notice("going down");
	srv->owes_ready = false;
	notify_stopping(&srv->notify);
	srv->session.stopping = true;
	srv->stop_by = server_now(srv) + srv->conf->shutdown_grace * 1000ULL;
	listeners_close(&srv->listeners);
	read_the_rest(srv);
	srv->registry.closing = true;
	TAILQ_FOREACH_SAFE(c, &srv->clients, next, next) {
		if (c->state >= CLIENT_CLOSING)
			continue;
		client_tell(c, CLIENT_GOING_DOWN);
		client_close(c, NULL);
	}
	server_wake_at(srv, server_now(srv) + STOP_TICK_MS);
}

/* The last turn is finished; nothing that has arrived since is read.  Returns
 * false if it is not possible. */
static bool
hand_over(struct server *srv)
{
	struct client *c;

	if (!srv->hand_over_wanted)
		return false;
	TAILQ_FOREACH(c, &srv->clients, next)
		login_hand_over(c);
	while (fanout_is_owing(srv->fanout))
		finish_turn(srv);
	return keep_hand_over(srv->keep);
}

static void
reload_now(struct server *srv)
{
	bool ok;

	srv->reload_wanted = false;
	notify_reloading(&srv->notify);
	ok = reload(srv);
	tell_ready(srv);
	notify_reloaded(ok);
	finish_turn(srv);
}

void
loop_run(struct server *srv)
{
	if (!start_watchdog(srv))
		log_warning("no memory for the watchdog");
	if (!watch_opener(srv))
		log_warning("no memory to watch who opens files");
	store_configure(srv->store);
	tell_status(srv);
	tell_ready(srv);
	update_manager(srv); /* of what it did not take */
	while (!srv->done) {
		loop_turn(srv, true);
		if (srv->reload_wanted && !srv->session.stopping)
			reload_now(srv);
		if (srv->stop_wanted && !srv->session.stopping) {
			if (hand_over(srv)) {
				srv->done = true;
				break;
			}
			loop_stop(srv);
		}
		if (srv->session.stopping && TAILQ_EMPTY(&srv->clients) &&
		    store_is_settled(srv->store))
			srv->done = true;
	}
	/* It has ended; one in the last moment changes nothing any more. */
	signals_block();
	/* What the loop cannot go on with, the next process may. */
	if (srv->keep != NULL)
		(srv->failed ? keep_leave : keep_stop)(srv->keep);
	log_notice("stopped");
}

void
loop_free(struct server *srv)
{
	struct client *c;
	size_t i;

	srv->registry.closing = true;
	admit_forget_newcomers(srv);
	while ((c = TAILQ_FIRST(&srv->clients)) != NULL)
		client_drop(c, NULL);
	while ((c = TAILQ_FIRST(&srv->gone)) != NULL) {
		TAILQ_REMOVE(&srv->gone, c, next);
		client_free(c);
	}
	store_free(srv->store);
	listeners_close(&srv->listeners);
	for (i = 0; i < SIGNALS_HANDLED; i++) {
		if (srv->signals[i] != NULL)
			event_free(srv->signals[i]);
	}
	if (srv->timer != NULL)
		event_free(srv->timer);
	if (srv->watchdog != NULL)
		event_free(srv->watchdog);
	if (srv->child != NULL)
		event_free(srv->child);
	if (srv->base != NULL)
		event_base_free(srv->base);
	rooms_free(&srv->registry);
	registry_free(&srv->registry);
	talk_free(&srv->session);
	hosts_free(&srv->hosts);
	config_listens_free(&srv->fixed_listens);
	config_free(srv->conf);
	fanout_free(srv->fanout);
	notify_close(&srv->notify);
	memset(srv, 0, sizeof(*srv));
}
