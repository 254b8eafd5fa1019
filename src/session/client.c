/* A client's life: how it comes, what it waits for, how it goes. */
#include <sys/param.h>
#include <sys/socket.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "banterd/session/client.h"
#include "banterd/daemon/server.h"

#define MAX_WRONG_PASSWORDS 3
#define LINGER_MS           2000   /* for their FIN after ours */
#define WRONG_PAUSE_MS      500ULL /* for each wrong password of its host, */
#define WRONG_PAUSES        10     /* up to so many */

struct client *
client_of_user(struct user *u)
{
	return (
	    struct client *)(void *)((char *)u - offsetof(struct client, user));
}

const char *
client_text(const struct client *c, char *buf)
{
	char address[ADDRESS_TEXT_SIZE];

	snprintf(buf, CLIENT_TEXT_SIZE, "%s%s%s",
	    c->user.id != 0 ? c->user.name : "", c->user.id != 0 ? " at " : "",
	    c->has_address ? address_text(&c->address, address) : "local");
	return buf;
}

void
client_tell(struct client *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	user_vtell(&c->server->registry, &c->user, fmt, ap);
	va_end(ap);
}

/* ---- coming ---- */

struct client *
client_new(struct server *srv, int fd, const struct address *address)
{
	struct client *c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->readable = event_new(
	    srv->base, fd, EV_READ | EV_PERSIST, client_readable, c);
	if (c->readable == NULL) {
		free(c);
		return NULL;
	}
	output_open(srv->output, &c->out, fd);
	c->server = srv;
	if (address != NULL) {
		c->has_address = true;
		c->address = *address;
	}
	c->refilled = server_now(srv);
	TAILQ_INSERT_TAIL(&srv->clients, c, next);
	return c;
}

void
client_set_reading(struct client *c, bool on)
{
	if (c->reading == on)
		return;
	if ((on ? event_add(c->readable, NULL) : event_del(c->readable)) == 0)
		c->reading = on;
	else if (on)
		client_drop(c, "connection lost");
}

/* In so many ms, what c is doing (login, closing, lingering) is over. */
static void
set_end(struct client *c, uint64_t ms)
{
	c->ends_at = server_now(c->server) + ms;
	server_await(c->server, c, c->ends_at);
}

/* To come again is no way around it: the pause is for all of a host. */
static void
pause_for_wrong(struct client *c, unsigned tries)
{
	if (tries > 0)
		client_pause(c, WRONG_PAUSE_MS * MIN(tries, WRONG_PAUSES));
}

void
client_welcome(struct client *c)
{
	const struct config *conf = c->server->conf;
	const struct config_motd *m;

	client_tell(c, "* Welcome to banter on %s.", conf->server_name);
	STAILQ_FOREACH(m, &conf->motd, next)
		client_tell(c, "* %s", m->text);
	if (conf->password == NULL)
		client_enter(c);
	else {
		client_tell(c, "* A password is needed: /pass PASSWORD");
		c->state = CLIENT_LOGIN;
		set_end(c, conf->login_timeout * 1000ULL);
		pause_for_wrong(
		    c, acl_host_tries(c->host, server_now(c->server)));
	}
	if (c->state <= CLIENT_CHAT)
		client_set_reading(c, true);
}

void
client_refuse(struct client *c, const char *line)
{
	client_tell(c, "%s", line);
	client_close(c, NULL);
}

/* The default room lets everybody in, whatever its key. */
static struct room *
enter_default_room(struct client *c)
{
	struct registry *reg = &c->server->registry;
	const char *name = c->server->conf->default_room;
	struct room *room;

	if (name == NULL || (room = room_find(reg, name)) == NULL ||
	    room_join(reg, &c->user, name, room->key) != ROOM_OK)
		return NULL;
	return room;
}

void
client_enter(struct client *c)
{
	struct server *srv = c->server;
	char text[CLIENT_TEXT_SIZE];
	struct room *room;

	c->ends_at = 0;
	if (!user_enter(&srv->registry, &c->user)) {
		client_refuse(c, "! The server is full; try again later.");
		return;
	}
	c->state = CLIENT_CHAT;
	log_burst(&srv->log_burst, server_now(srv), "%s connected",
	    client_text(c, text));
	if ((room = enter_default_room(c)) == NULL) {
		client_tell(c,
		    "* You are %s. /join ROOM to begin, /nick "
		    "NAME to be known; /help lists the rest.",
		    c->user.name);
		return;
	}
	client_tell(c,
	    "* You are %s in %s (%u here). Say something, or "
	    "/nick NAME to be known; /help lists the rest.",
	    c->user.name, room->name, room->nmembers);
	room_replay(&srv->registry, room, &c->user, srv->conf->history);
}

void
client_reconfigure(struct client *c)
{
	const struct config *conf = c->server->conf;

	if (c->state >= CLIENT_CLOSING)
		return;
	if (c->has_address && !acl_allows(&conf->acl, &c->address)) {
		client_tell(c, CLIENT_NOT_ALLOWED);
		client_close(c, "not allowed");
	} else if (c->state == CLIENT_LOGIN && conf->password == NULL)
		client_enter(c);
}

/* ---- going ---- */

/*
 * A newcomer begins with a full burst, less what others of its host have spent
 * of theirs lately and taken away with them: to come again is no way around
 * the rate.
 */
void
client_take_place(struct client *c, struct acl_host *host)
{
	struct server *srv = c->server;
	uint32_t burst = srv->conf->rate_burst * CLIENT_LINE_COST, debt;

	c->host = host;
	c->counted = true;
	srv->nclients++;
	debt = acl_host_debt(host, srv->conf->rate_per_second, server_now(srv));
	c->tokens = burst - MIN(burst, debt);
}

/* All that c is owed has left, or is dropped: another may come. */
static void
give_up_place(struct client *c)
{
	struct server *srv = c->server;
	uint32_t burst = srv->conf->rate_burst * CLIENT_LINE_COST;

	if (!c->counted)
		return;
	if (srv->conf->rate_burst > 0) {
		client_refill(c, server_now(srv));
		(void)acl_host_debt(
		    c->host, srv->conf->rate_per_second, server_now(srv));
		acl_host_owe(c->host, burst - MIN(burst, c->tokens), burst);
	}
	server_wake_at(
	    srv, acl_host_leave(&srv->hosts, c->host, server_now(srv)));
	c->host = NULL;
	c->counted = false;
	srv->nclients--;
	srv->nleaving++;
}

void
client_gone(struct client *c)
{
	struct server *srv = c->server;

	if (c->state == CLIENT_GONE)
		return;
	client_set_reading(c, false);
	c->state = CLIENT_GONE;
	TAILQ_REMOVE(&srv->clients, c, next);
	if (c->is_waiting)
		TAILQ_REMOVE(&srv->waiting, c, waiting);
	c->is_waiting = false;
	if (c->is_ready)
		TAILQ_REMOVE(&srv->ready, c, ready);
	c->is_ready = false;
	output_forget(&c->out);
	give_up_place(c);
	TAILQ_INSERT_TAIL(&srv->gone, c, next);
}

static void
leave(struct client *c, const char *reason, const char *for_log)
{
	struct server *srv = c->server;
	char text[CLIENT_TEXT_SIZE];

	if (c->user.id == 0)
		return;
	log_burst(&srv->log_burst, server_now(srv), "%s left%s%s%s",
	    client_text(c, text), for_log != NULL ? " (" : "",
	    for_log != NULL ? for_log : "", for_log != NULL ? ")" : "");
	user_exit(&srv->registry, &c->user, reason);
}

/* There are too many who leave to wait for each one's FIN. */
static bool
is_crowded(const struct server *srv)
{
	return srv->nleaving > SERVER_LEAVING && !srv->stopping;
}

/*
 * All of its output has left.  Closing a socket that has unread input would
 * send a reset, which can destroy our last lines on their way (RFC 1122,
 * 4.2.2.13), so we say FIN and wait a little for theirs.
 */
void
client_linger(struct client *c)
{
	give_up_place(c);
	if (c->eof || c->out.error != 0 || is_crowded(c->server) ||
	    shutdown(c->out.fd, SHUT_WR) == -1) {
		client_gone(c);
		return;
	}
	c->state = CLIENT_LINGERING;
	set_end(c, LINGER_MS);
	client_set_reading(c, true);
}

static void
end(struct client *c, const char *reason, const char *for_log)
{
	struct server *srv = c->server;

	if (c->state >= CLIENT_CLOSING)
		return;
	leave(c, reason, for_log);
	c->state = CLIENT_CLOSING;
	c->resumes_at = c->stalls_at = 0;
	set_end(c, srv->conf->stall_timeout * 1000ULL);
	client_set_reading(c, false);
	output_send(&c->out);
	if (output_unsent(&c->out) == 0 || c->out.error != 0)
		client_linger(c);
}

void
client_close(struct client *c, const char *reason)
{
	end(c, reason, reason);
}

void
client_quit(struct client *c, const char *reason)
{
	end(c, reason, NULL);
}

void
client_drop(struct client *c, const char *reason)
{
	if (c->state == CLIENT_GONE)
		return;
	leave(c, reason, reason);
	client_gone(c);
}

void
client_free(struct client *c)
{
	struct server *srv = c->server;

	output_forget(&c->out); /* of what it was told after it had gone */
	event_free(c->readable);
	close(c->out.fd);
	srv->nleaving--;
	linebuf_clear(&c->line);
	free(c->unread);
	free(c);
}

void
client_wrong_password(struct client *c)
{
	struct server *srv = c->server;
	unsigned tries;
	char text[CLIENT_TEXT_SIZE];

	tries = acl_host_wrong(c->host, server_now(srv));
	log_burst(&srv->password_burst, server_now(srv),
	    "wrong password from %s", client_text(c, text));
	if (++c->wrong_passwords >= MAX_WRONG_PASSWORDS)
		client_refuse(c, "! Wrong password, the third time; goodbye.");
	else {
		client_tell(c, "! Wrong password; /pass PASSWORD");
		pause_for_wrong(c, tries);
	}
}

/* ---- time ---- */

static void
time_is_over(struct client *c)
{
	c->ends_at = 0;
	if (c->state == CLIENT_LOGIN)
		client_refuse(c, "! No password came in time; goodbye.");
	else if (c->state >= CLIENT_CLOSING)
		client_gone(c);
}

static bool
is_due(uint64_t at, uint64_t now)
{
	return at != 0 && now >= at;
}

static uint64_t
sooner(uint64_t next, uint64_t at)
{
	return at != 0 ? earlier(next, at) : next;
}

uint64_t
client_tick(struct client *c, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	if (is_due(c->resumes_at, now)) {
		c->lost = c->lost || client_is_reset(c);
		client_input(c);
	}
	if (is_due(c->stalls_at, now) && c->state != CLIENT_GONE)
		client_check_stall(c);
	if (is_due(c->looks_at, now) && c->state != CLIENT_GONE)
		client_look(c);
	if (is_due(c->ends_at, now) && c->state != CLIENT_GONE)
		time_is_over(c);
	if (c->state == CLIENT_LINGERING && c->server->stopping &&
	    client_has_all(c))
		client_gone(c);
	if (c->state == CLIENT_GONE)
		return UINT64_MAX;
	next = sooner(next, c->resumes_at);
	next = sooner(next, c->stalls_at);
	next = sooner(next, c->looks_at);
	return sooner(next, c->ends_at);
}
