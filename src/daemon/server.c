#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "banterd/daemon/server.h"

/* Descriptors beside those of clients: standard ones, the loop's, the log,
 * files that are read, the spare one; and listeners. */
#define OTHER_DESCRIPTORS 20

#define TIMER_GRAIN_MS 10    /* two wake-ups are not closer */
#define TURN_MS        8     /* for those who have more to say */
#define MAX_RECORDS    16384 /* of descriptors, made ahead */
#define STATUS_MS      1000  /* between two words to the manager */
#define STOP_TICK_MS   20    /* between looks at who has all */
#define TRIM_FREED     64    /* clients gone, before memory is given back */
#define TRIM_MS        1000  /* so many ms later; */
#define TRIM_FEW_MS    10000 /* for fewer, so many */
#define STOP_ROUNDS    16    /* of reading what arrived before TERM */

static void on_signal(evutil_socket_t, short, void *);
static void on_timer(evutil_socket_t, short, void *);
static void on_watchdog(evutil_socket_t, short, void *);

static const int handled_signals[SERVER_SIGNALS] = { SIGHUP, SIGUSR1, SIGUSR2,
	SIGTERM, SIGINT };

/* ---- time ---- */

static uint64_t
monotonic_ms(void)
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
	struct timeval tv;

	if (ms >= srv->timer_due)
		return;
	wait = ms > now + TIMER_GRAIN_MS ? ms - now : TIMER_GRAIN_MS;
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	if (evtimer_add(srv->timer, &tv) == 0)
		srv->timer_due = ms;
}

void
server_await(struct server *srv, struct client *c, uint64_t ms)
{
	if (!c->is_waiting) {
		TAILQ_INSERT_TAIL(&srv->waiting, c, waiting);
		c->is_waiting = true;
	}
	server_wake_at(srv, ms);
}

/*
 * Gives freed memory back to the system.  Left to itself the C library keeps
 * what lies below the last piece in use (malloc_trim(3)).
 */
static uint64_t
trim(struct server *srv, uint64_t now)
{
	if (srv->trim_at == 0)
		return UINT64_MAX;
	if (now < srv->trim_at)
		return srv->trim_at;
	srv->trim_at = 0;
	srv->freed = 0;
	malloc_trim(0);
	return UINT64_MAX;
}

static void
want_trim(struct server *srv)
{
	uint64_t at;

	if (srv->freed == 0)
		return;
	at = server_now(srv) +
	    (srv->freed < TRIM_FREED ? TRIM_FEW_MS : TRIM_MS);
	if (srv->trim_at != 0 && srv->trim_at <= at)
		return;
	srv->trim_at = at;
	server_wake_at(srv, at);
}

static uint64_t
tick_logs(struct server *srv, uint64_t now)
{
	return earlier(log_burst_tick(&srv->log_burst, now),
	    log_burst_tick(&srv->password_burst, now));
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct server *srv = arg;
	uint64_t now, next, due;
	struct client *c, *tmp;

	(void)fd;
	(void)what;
	srv->timer_due = UINT64_MAX;
	now = server_now(srv);
	next = acl_hosts_tick(&srv->hosts, now);
	TAILQ_FOREACH_SAFE(c, &srv->waiting, waiting, tmp) {
		due = client_tick(c, now);
		next = earlier(next, due);
		if (due == UINT64_MAX && c->state != CLIENT_GONE) {
			TAILQ_REMOVE(&srv->waiting, c, waiting);
			c->is_waiting = false;
		}
	}
	registry_tick(&srv->registry);
	next = earlier(next, srv->registry.due);
	next = earlier(next, trim(srv, now));
	next = earlier(next, tick_logs(srv, now));
	if (srv->stopping) {
		if (now >= srv->stop_by)
			srv->done = true;
		next = earlier(next, now + STOP_TICK_MS);
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
	struct timeval tv = { .tv_sec = (time_t)(half / 1000),
		.tv_usec = (suseconds_t)(half % 1000 * 1000) };

	if (half == 0)
		return true;
	srv->watchdog = event_new(srv->base, -1, EV_PERSIST, on_watchdog, srv);
	return srv->watchdog != NULL && event_add(srv->watchdog, &tv) == 0;
}

static void
tell_status(struct server *srv)
{
	unsigned clients = srv->registry.nusers, rooms = srv->registry.nrooms;
	uint64_t now;

	if (srv->notify.fd == -1 ||
	    (clients == srv->status_clients && rooms == srv->status_rooms))
		return;
	now = server_now(srv);
	if (now - srv->status_at < STATUS_MS) {
		server_wake_at(srv, srv->status_at + STATUS_MS);
		return;
	}
	notify_status(&srv->notify, clients, rooms);
	srv->status_at = now;
	srv->status_clients = clients;
	srv->status_rooms = rooms;
}

/* ---- the beginning ---- */

static bool
add_signals(struct server *srv)
{
	size_t i;

	(void)signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < SERVER_SIGNALS; i++) {
		srv->signals[i] = evsignal_new(
		    srv->base, handled_signals[i], on_signal, srv);
		if (srv->signals[i] == NULL ||
		    event_add(srv->signals[i], NULL) == -1)
			return false;
	}
	return true;
}

/*
 * Raises the soft limit of descriptors to what max-clients needs, and lowers
 * srv->max_clients to what the limit then allows.
 */
static void
fit_descriptors(struct server *srv)
{
	rlim_t want = (rlim_t)srv->conf->max_clients + SERVER_LEAVING +
	    OTHER_DESCRIPTORS;
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
	srv->max_clients = rl.rlim_cur > SERVER_LEAVING + OTHER_DESCRIPTORS ?
	    (unsigned)(rl.rlim_cur - SERVER_LEAVING - OTHER_DESCRIPTORS) :
	    1;
	log_warning("max-clients %u lowered to %u, which the limit of %llu "
		    "open files allows",
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
 * libevent keeps a record of every descriptor number it has ever seen.  Made
 * as clients come, these records lie between the clients in memory, and hold
 * on to nearly every page when the clients have gone.  So they are made before
 * anybody comes, one after another.
 */
static void
make_records(struct server *srv)
{
	unsigned i, n = 0, want = srv->max_clients + SERVER_LEAVING;
	struct event *ev;
	int fd, *fds;

	if (want > MAX_RECORDS)
		want = MAX_RECORDS;
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

bool
server_init(struct server *srv, struct config *conf, const char *conf_path,
    bool conf_optional)
{
	memset(srv, 0, sizeof(*srv));
	srv->conf = conf;
	srv->conf_path = conf_path;
	srv->conf_optional = conf_optional;
	srv->clock = monotonic_ms;
	srv->timer_due = UINT64_MAX;
	srv->notify.fd = -1;
	srv->log_burst.level = LOG_LEVEL_INFO;
	srv->password_burst.level = LOG_LEVEL_NOTICE;
	TAILQ_INIT(&srv->fixed_listens);
	TAILQ_INIT(&srv->clients);
	TAILQ_INIT(&srv->gone);
	TAILQ_INIT(&srv->waiting);
	TAILQ_INIT(&srv->ready);
	acl_hosts_init(&srv->hosts);
	listeners_init(&srv->listeners);
	registry_init(&srv->registry, client_deliver);
	srv->started = server_now(srv);
	fit_descriptors(srv);
	if ((srv->base = event_base_new()) == NULL ||
	    (srv->output = output_new(
		 srv->base, &client_output_events, conf->send_queue)) == NULL ||
	    (srv->timer = evtimer_new(srv->base, on_timer, srv)) == NULL ||
	    !add_signals(srv) || !registry_configure(&srv->registry, conf)) {
		log_error("cannot start: %s", strerror(errno));
		return false;
	}
	return true;
}

/* "a:b:c": the name of each passed socket, for the log. */
static bool
adopt_sockets(struct server *srv, struct notify_sockets *passed)
{
	char *rest = passed->names, *name;
	bool ok = true;
	int i;

	for (i = 0; i < passed->n; i++) {
		name = strsep(&rest, ":");
		if (!listener_adopt(srv, passed->first + i,
			name == NULL ? "unnamed" : name))
			ok = false;
	}
	return ok;
}

/* Only of the default ones may some not open: there may be no IPv6. */
static bool
open_listeners(struct server *srv, const struct config *conf)
{
	if (!TAILQ_EMPTY(&srv->fixed_listens))
		return listeners_apply(srv, &srv->fixed_listens, false);
	return listeners_apply(srv, &conf->listens, conf->listens_default);
}

bool
server_listen(struct server *srv)
{
	struct notify_sockets passed = notify_sockets();
	bool ok;

	srv->sockets_passed = passed.n > 0;
	if (srv->sockets_passed)
		ok = adopt_sockets(srv, &passed);
	else
		ok = open_listeners(srv, srv->conf);
	free(passed.names);
	if (ok)
		make_records(srv);
	return ok;
}

/* ---- who comes in ---- */

/* Why a newcomer is turned away, as the line for it; NULL if it is not.  Its
 * host is counted in *host. */
static const char *
why_refused(
    struct server *srv, const struct address *address, struct acl_host **host)
{
	*host = NULL;
	if (address != NULL && !acl_allows(&srv->conf->acl, address))
		return CLIENT_NOT_ALLOWED;
	if (srv->nclients >= srv->max_clients)
		return "! The server is full; try again later.";
	if ((*host = acl_host_enter(&srv->hosts, address)) == NULL)
		return "! The server is full; try again later.";
	if (address == NULL || (*host)->clients <= srv->conf->max_per_host)
		return NULL;
	(void)acl_host_leave(&srv->hosts, *host, server_now(srv));
	*host = NULL;
	return "! Too many connections from your address.";
}

/* A last word to a socket that will not become a client. */
static void
send_off(int fd, const char *line)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "%s\r\n", line);

	(void)send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

void
server_admit(struct server *srv, int fd, const struct address *address)
{
	struct acl_host *host;
	struct client *c = NULL;
	const char *refusal = why_refused(srv, address, &host);
	char text[ADDRESS_TEXT_SIZE];

	srv->stats.accepted++;
	if (refusal != NULL) {
		srv->stats.refused++;
		log_burst(&srv->log_burst, server_now(srv),
		    "%s turned away: %s",
		    address == NULL ? "local" : address_text(address, text),
		    refusal + 2);
	}
	if (refusal == NULL || srv->nleaving < SERVER_LEAVING)
		c = client_new(srv, fd, address);
	if (c == NULL) {
		if (host != NULL)
			server_wake_at(srv,
			    acl_host_leave(&srv->hosts, host, server_now(srv)));
		send_off(fd,
		    refusal != NULL ? refusal :
				      "! The server is full; try again later.");
	} else if (refusal != NULL) {
		srv->nleaving++;
		client_refuse(c, refusal);
	} else {
		client_take_place(c, host);
		client_welcome(c);
	}
}

/* ---- signals ---- */

static void
report_to_log(void *arg, const char *message)
{
	(void)arg;
	log_error("%s", message);
}

/* The log goes first: what is wrong after that is found in the new one. */
static bool
apply(struct server *srv, struct config *conf)
{
	if (strcmp(conf->log_target, srv->conf->log_target) != 0 &&
	    log_open(conf->log_target) == -1) {
		log_error(
		    "cannot log to %s: %s", conf->log_target, strerror(errno));
		return false;
	}
	if (!srv->sockets_passed && !open_listeners(srv, conf)) {
		(void)log_open(srv->conf->log_target);
		return false;
	}
	return true;
}

bool
server_reload(struct server *srv)
{
	struct config *conf;
	struct client *c, *next;

	conf = config_load_by(srv->opener, srv->conf_path, srv->conf_optional,
	    report_to_log, NULL);
	if (conf == NULL || !apply(srv, conf)) {
		config_free(conf);
		log_error("not reloaded; the old configuration stays in "
			  "force");
		return false;
	}
	config_free(srv->conf);
	srv->conf = conf;
	if (!srv->verbose)
		log_set_level(conf->log_level);
	fit_descriptors(srv);
	output_set_limit(srv->output, conf->send_queue);
	if (!registry_configure(&srv->registry, conf))
		log_error("out of memory; some rooms could not be set up");
	TAILQ_FOREACH_SAFE(c, &srv->clients, next, next)
		client_reconfigure(c);
	config_warn(conf);
	log_notice("reloaded %s", srv->conf_path);
	return true;
}

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
		server_log_stats(srv);
		break;
	case SIGUSR2:
		if (log_reopen() == -1)
			log_error("cannot open the log file again: %s",
			    strerror(errno));
		else
			log_notice("log file opened again");
		break;
	default:
		if (srv->stop_wanted)
			srv->done = true;
		srv->stop_wanted = true;
		break;
	}
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
		client_input(c);
	for (i = 0; i < STOP_ROUNDS; i++) {
		before = srv->stats.bytes_in;
		do
			server_turn(srv, false);
		while (!TAILQ_EMPTY(&srv->ready) && srv->clock() < until &&
		    !srv->done);
		if (srv->stats.bytes_in == before || srv->clock() >= until ||
		    srv->done)
			break;
	}
}

void
server_stop(struct server *srv)
{
	struct client *c, *next;

	log_notice("going down");
	notify_stopping(&srv->notify);
	srv->stopping = true;
	srv->stop_by = server_now(srv) + srv->conf->shutdown_grace * 1000ULL;
	listeners_close(&srv->listeners);
	read_the_rest(srv);
	srv->registry.closing = true;
	TAILQ_FOREACH_SAFE(c, &srv->clients, next, next) {
		if (c->state >= CLIENT_CLOSING)
			continue;
		client_tell(c, "* The server is going down.");
		client_close(c, NULL);
	}
	server_wake_at(srv, server_now(srv) + STOP_TICK_MS);
}

/* ---- the loop ---- */

/* What the turn's callbacks have said leaves now, or a piece of it, and who
 * ended goes. */
static void
finish_turn(struct server *srv)
{
	struct output_queue *q;
	struct client *c;

	output_flush(srv->output);
	while ((q = output_next_broken(srv->output)) != NULL)
		client_broken(client_of_queue(q));
	while ((c = TAILQ_FIRST(&srv->gone)) != NULL) {
		TAILQ_REMOVE(&srv->gone, c, next);
		client_free(c);
		srv->freed++;
	}
	want_trim(srv);
	server_wake_at(srv, srv->registry.due);
	server_wake_at(srv, tick_logs(srv, server_now(srv)));
	tell_status(srv);
}

void
server_await_turn(struct server *srv, struct client *c)
{
	if (c->is_ready)
		return;
	TAILQ_INSERT_TAIL(&srv->ready, c, ready);
	c->is_ready = true;
}

/*
 * Who has sent much at once takes turns with the others: one line, then the
 * next one's.  What that says leaves together, but nobody waits for it longer
 * than TURN_MS.
 */
static void
serve_ready(struct server *srv)
{
	uint64_t began = srv->clock();
	struct client *c;

	while ((c = TAILQ_FIRST(&srv->ready)) != NULL &&
	    srv->clock() - began < TURN_MS) {
		TAILQ_REMOVE(&srv->ready, c, ready);
		c->is_ready = false;
		client_input(c);
	}
}

void
server_turn(struct server *srv, bool wait)
{
	srv->clock_is_fresh = false;
	wait = wait && TAILQ_EMPTY(&srv->ready) &&
	    TAILQ_EMPTY(&srv->output->dirty);
	if (event_base_loop(
		srv->base, EVLOOP_ONCE | (wait ? 0 : EVLOOP_NONBLOCK)) == -1) {
		log_error("the event loop failed: %s", strerror(errno));
		srv->done = srv->failed = true;
	}
	serve_ready(srv);
	finish_turn(srv);
}

static void
reload(struct server *srv)
{
	bool ok;

	srv->reload_wanted = false;
	notify_reloading(&srv->notify);
	ok = server_reload(srv);
	notify_ready(&srv->notify);
	notify_reloaded(ok);
	finish_turn(srv);
}

/* It has ended; a signal in the last moment changes nothing any more. */
static void
block_signals(void)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < SERVER_SIGNALS; i++)
		sigaddset(&set, handled_signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void
server_run(struct server *srv)
{
	if (!start_watchdog(srv))
		log_warning("no memory for the watchdog");
	notify_ready(&srv->notify);
	while (!srv->done) {
		server_turn(srv, true);
		if (srv->reload_wanted && !srv->stopping)
			reload(srv);
		if (srv->stop_wanted && !srv->stopping)
			server_stop(srv);
		if (srv->stopping && TAILQ_EMPTY(&srv->clients))
			srv->done = true;
	}
	block_signals();
	log_notice("stopped");
}

void
server_free(struct server *srv)
{
	struct client *c;
	size_t i;

	srv->registry.closing = true;
	while ((c = TAILQ_FIRST(&srv->clients)) != NULL)
		client_drop(c, NULL);
	while ((c = TAILQ_FIRST(&srv->gone)) != NULL) {
		TAILQ_REMOVE(&srv->gone, c, next);
		client_free(c);
	}
	listeners_close(&srv->listeners);
	for (i = 0; i < SERVER_SIGNALS; i++) {
		if (srv->signals[i] != NULL)
			event_free(srv->signals[i]);
	}
	if (srv->timer != NULL)
		event_free(srv->timer);
	if (srv->watchdog != NULL)
		event_free(srv->watchdog);
	if (srv->base != NULL)
		event_base_free(srv->base);
	registry_free(&srv->registry);
	acl_hosts_free(&srv->hosts);
	config_listens_free(&srv->fixed_listens);
	config_free(srv->conf);
	output_free(srv->output);
	notify_close(&srv->notify);
	memset(srv, 0, sizeof(*srv));
}
