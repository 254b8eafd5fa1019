#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "banterd/client.h"
#include "banterd/command.h"
#include "banterd/server.h"

#define MAX_WRONG_PASSWORDS 3
#define LINGER_MS           2000 /* for their FIN after ours */
#define LINE_COST           1000 /* thousandths of a line */

static void on_readable(struct bufferevent *, void *);
static void on_written(struct bufferevent *, void *);
static void on_event(struct bufferevent *, short, void *);

static unsigned
min_unsigned(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct client *
client_of_user(struct user *u)
{
	return (
	    struct client *)(void *)((char *)u - offsetof(struct client, user));
}

struct client *
client_of_queue(struct output_queue *q)
{
	return (
	    struct client *)(void *)((char *)q - offsetof(struct client, out));
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
	c->out.bev = bufferevent_socket_new(srv->base, fd, 0);
	if (c->out.bev == NULL) {
		free(c);
		return NULL;
	}
	bufferevent_setcb(c->out.bev, on_readable, on_written, on_event, c);
	bufferevent_setwatermark(
	    c->out.bev, EV_WRITE, srv->output->limit / 2, 0);
	c->server = srv;
	if (address != NULL) {
		c->has_address = true;
		c->address = *address;
	}
	c->refilled = server_now(srv);
	TAILQ_INSERT_TAIL(&srv->clients, c, next);
	return c;
}

static void
set_reading(struct client *c, bool on)
{
	if (c->reading == on)
		return;
	if ((on ? bufferevent_enable : bufferevent_disable)(
		c->out.bev, EV_READ) == 0)
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
	}
	if (c->state <= CLIENT_CHAT)
		set_reading(c, true);
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
	log_info_burst(&srv->log_burst, server_now(srv), "%s connected",
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
	struct server *srv = c->server;

	bufferevent_setwatermark(
	    c->out.bev, EV_WRITE, srv->output->limit / 2, 0);
	if (c->state >= CLIENT_CLOSING)
		return;
	if (c->has_address && !acl_allows(&srv->conf->acl, &c->address)) {
		client_tell(c, CLIENT_NOT_ALLOWED);
		client_close(c, "not allowed");
	} else if (c->state == CLIENT_LOGIN && srv->conf->password == NULL)
		client_enter(c);
}

/* ---- going ---- */

static void
refill(struct client *c, uint64_t now)
{
	const struct config *conf = c->server->conf;
	uint64_t gain = (now - c->refilled) * conf->rate_per_second;
	uint64_t full = (uint64_t)conf->rate_burst * LINE_COST;

	c->tokens = (uint32_t)earlier(c->tokens + gain, full);
	c->refilled = now;
}

/*
 * A newcomer begins with a full burst, less what others of its host have spent
 * of theirs lately and taken away with them: to come again is no way around
 * the rate.
 */
void
client_take_place(struct client *c, struct acl_host *host)
{
	struct server *srv = c->server;
	uint32_t burst = srv->conf->rate_burst * LINE_COST;

	c->host = host;
	c->counted = true;
	srv->nclients++;
	c->tokens = burst -
	    min_unsigned(burst,
		acl_host_debt(
		    host, srv->conf->rate_per_second, server_now(srv)));
}

/* All that c is owed has left, or is dropped: another may come. */
static void
give_up_place(struct client *c)
{
	struct server *srv = c->server;
	uint32_t burst = srv->conf->rate_burst * LINE_COST;

	if (!c->counted)
		return;
	if (srv->conf->rate_burst > 0) {
		refill(c, server_now(srv));
		(void)acl_host_debt(
		    c->host, srv->conf->rate_per_second, server_now(srv));
		acl_host_owe(
		    c->host, burst - min_unsigned(burst, c->tokens), burst);
	}
	server_wake_at(
	    srv, acl_host_leave(&srv->hosts, c->host, server_now(srv)));
	c->host = NULL;
	c->counted = false;
	srv->nclients--;
	srv->nleaving++;
}

static void
set_gone(struct client *c)
{
	struct server *srv = c->server;

	bufferevent_disable(c->out.bev, EV_READ | EV_WRITE);
	c->reading = false;
	c->state = CLIENT_GONE;
	TAILQ_REMOVE(&srv->clients, c, next);
	if (c->is_waiting)
		TAILQ_REMOVE(&srv->waiting, c, waiting);
	c->is_waiting = false;
	output_forget(srv->output, &c->out);
	give_up_place(c);
	TAILQ_INSERT_TAIL(&srv->gone, c, next);
}

static void
leave(struct client *c, const char *reason)
{
	struct server *srv = c->server;
	char text[CLIENT_TEXT_SIZE];

	if (c->user.id == 0)
		return;
	log_info_burst(&srv->log_burst, server_now(srv), "%s left%s%s%s",
	    client_text(c, text), c->lost ? " (" : "",
	    c->lost ? "connection lost" : "", c->lost ? ")" : "");
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
static void
linger(struct client *c)
{
	give_up_place(c);
	if (c->eof || c->out.error != 0 || is_crowded(c->server) ||
	    shutdown(bufferevent_getfd(c->out.bev), SHUT_WR) == -1) {
		set_gone(c);
		return;
	}
	c->state = CLIENT_LINGERING;
	set_end(c, LINGER_MS);
	set_reading(c, true);
}

void
client_close(struct client *c, const char *reason)
{
	struct server *srv = c->server;

	if (c->state >= CLIENT_CLOSING)
		return;
	leave(c, reason);
	c->state = CLIENT_CLOSING;
	c->resumes_at = c->stalls_at = 0;
	set_end(c, srv->conf->stall_timeout * 1000ULL);
	set_reading(c, false);
	output_send(srv->output, &c->out);
	if (output_unsent(&c->out) == 0 || c->out.error != 0)
		linger(c);
}

void
client_drop(struct client *c, const char *reason)
{
	if (c->state == CLIENT_GONE)
		return;
	leave(c, reason);
	set_gone(c);
}

void
client_free(struct client *c)
{
	struct server *srv = c->server;
	int fd = bufferevent_getfd(c->out.bev);

	bufferevent_free(c->out.bev);
	close(fd);
	srv->nleaving--;
	linebuf_clear(&c->line);
	free(c);
}

void
client_wrong_password(struct client *c)
{
	struct server *srv = c->server;
	unsigned tries;
	char text[CLIENT_TEXT_SIZE];

	tries = acl_host_wrong(c->host, server_now(srv));
	log_notice("wrong password from %s", client_text(c, text));
	if (++c->wrong_passwords >= MAX_WRONG_PASSWORDS)
		client_refuse(c, "! Wrong password, the third time; goodbye.");
	else {
		client_tell(c, "! Wrong password; /pass PASSWORD");
		client_pause(c, 500ULL * min_unsigned(tries, 10));
	}
}

/* ---- one line ---- */

static void
run_line(struct client *c, const char *raw, size_t len)
{
	char text[TEXT_CLEANED_SIZE(CONFIG_MAX_LINE_MAX)];

	if (text_clean(raw, len, text) == 0)
		return;
	c->user.last_line = server_now(c->server);
	command_line(c, text);
}

static void
pay_for_line(struct client *c)
{
	c->server->stats.lines_in++;
	if (c->server->conf->rate_burst > 0)
		c->tokens -= min_unsigned(c->tokens, LINE_COST);
}

static void
run_event(struct client *c, const struct linebuf_event *ev)
{
	const struct config *conf = c->server->conf;

	/* What is thrown away was paid for when it became too long. */
	if (ev->what != LINEBUF_NOTHING)
		pay_for_line(c);
	switch (ev->what) {
	case LINEBUF_NOTHING:
		break;
	case LINEBUF_LINE:
		run_line(c, ev->line, ev->len);
		linebuf_release(&c->line);
		break;
	case LINEBUF_TOO_LONG:
		client_tell(c,
		    "! Line too long (limit %u bytes); it was not "
		    "sent.",
		    conf->max_line);
		break;
	case LINEBUF_NO_MEMORY:
		client_tell(c,
		    "! The server is out of memory; your line was "
		    "not sent.");
		break;
	}
}

/* ---- input ---- */

/* Carries out one telnet event; returns how much of a text was used. */
static size_t
take_event(struct client *c, const struct telnet_event *ev)
{
	struct linebuf_event line;
	size_t used;

	switch (ev->kind) {
	case TELNET_TEXT:
		used = linebuf_take(&c->line, c->server->conf->max_line,
		    (const char *)ev->text, ev->len, &line);
		run_event(c, &line);
		return used;
	case TELNET_REPLY:
		registry_send(&c->server->registry, &c->user,
		    (const char *)ev->reply, sizeof(ev->reply), LINE_RAW);
		break;
	case TELNET_ARE_YOU_THERE:
		pay_for_line(c);
		client_tell(c, "* Yes.");
		break;
	case TELNET_ERASE_CHARACTER:
		linebuf_erase_character(&c->line);
		break;
	case TELNET_ERASE_LINE:
	case TELNET_INTERRUPT:
		linebuf_clear(&c->line);
		break;
	case TELNET_END:
		break;
	}
	return 0;
}

/* Takes one telnet event's worth of input; false if there is none. */
static bool
take_some(struct client *c, struct evbuffer *input)
{
	struct evbuffer_iovec chunk;
	struct telnet_event ev;
	const unsigned char *p;
	size_t len, used;

	if (evbuffer_peek(input, -1, NULL, &chunk, 1) < 1 || chunk.iov_len == 0)
		return false;
	p = chunk.iov_base;
	len = chunk.iov_len;
	telnet_next(&c->telnet, &p, &len, &ev);
	used = take_event(c, &ev);
	if (ev.kind == TELNET_TEXT)
		len += ev.len - used;
	evbuffer_drain(input, chunk.iov_len - len);
	return true;
}

/* From now on the send queue is full; if nothing moves, c has stalled. */
static void
watch_stall(struct client *c)
{
	if (c->stalls_at != 0 || c->state >= CLIENT_CLOSING)
		return;
	c->full_unsent = output_unsent(&c->out);
	c->stalls_at = server_now(c->server) +
	    c->server->conf->stall_timeout * 1000ULL;
	server_await(c->server, c, c->stalls_at);
}

/*
 * Whether c may have another line carried out.  If not, it is known when to
 * ask again: at resumes_at, or when its send queue has drained.
 */
static bool
may_go_on(struct client *c)
{
	const struct config *conf = c->server->conf;
	uint64_t now = server_now(c->server);

	if (c->resumes_at > now && !c->server->stopping)
		return false;
	c->resumes_at = 0;
	if (c->out.error == 0 &&
	    output_unsent(&c->out) >= c->server->output->limit) {
		output_send(c->server->output, &c->out);
		if (output_unsent(&c->out) >= c->server->output->limit) {
			watch_stall(c);
			return false;
		}
	}
	if (conf->rate_burst == 0 || c->server->stopping)
		return true;
	refill(c, now);
	if (c->tokens >= LINE_COST)
		return true;
	c->server->stats.slowed++;
	client_pause(c, (LINE_COST - c->tokens) / conf->rate_per_second + 1);
	return false;
}

void
client_pause(struct client *c, uint64_t ms)
{
	c->resumes_at = server_now(c->server) + ms;
	server_await(c->server, c, c->resumes_at);
}

/* The last line counts without a newline, too; but not if the connection broke
 * in the middle of it. */
static void
end_of_input(struct client *c)
{
	struct linebuf_event ev;

	if (!c->lost) {
		linebuf_end(&c->line, &ev);
		run_event(c, &ev);
	}
	client_close(c, c->lost ? "connection lost" : NULL);
}

void
client_input(struct client *c)
{
	struct evbuffer *input = bufferevent_get_input(c->out.bev);
	bool more = true, go = true;

	while (c->state <= CLIENT_CHAT && (go = may_go_on(c)) &&
	    (more = take_some(c, input)))
		;
	if (c->state >= CLIENT_CLOSING) {
		evbuffer_drain(input, evbuffer_get_length(input));
		return;
	}
	if (c->lost || (!more && c->eof))
		end_of_input(c);
	else if (!c->eof)
		set_reading(c, go);
}

/* ---- events ---- */

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	c->server->stats.bytes_in += evbuffer_get_length(
	    bufferevent_get_input(bev));
	client_input(c);
}

static void
tell_skipped(struct client *c, uint32_t n)
{
	if (n == 1)
		client_tell(c, "* 1 line skipped; /history shows it.");
	else
		client_tell(c, "* %u lines skipped; /history shows them.", n);
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;
	uint32_t skipped;

	(void)bev;
	skipped = output_drained(c->server->output, &c->out);
	if (!c->out.backlogged)
		c->server->freed++;
	if (skipped > 0) {
		tell_skipped(c, skipped);
		output_send(c->server->output, &c->out);
	}
	if (!c->out.full)
		c->stalls_at = 0;
	if (c->state == CLIENT_CLOSING && output_unsent(&c->out) == 0)
		linger(c);
	else if (c->state <= CLIENT_CHAT && !c->reading)
		client_input(c);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;

	(void)bev;
	if ((what & BEV_EVENT_ERROR) != 0)
		c->lost = true;
	if ((what & BEV_EVENT_READING) != 0) {
		c->eof = true;
		c->reading = false;
	} else {
		c->out.error = EPIPE;
		client_broken(c);
		return;
	}
	if (c->state == CLIENT_LINGERING)
		set_gone(c);
	else if (c->state <= CLIENT_CHAT)
		client_input(c);
}

void
client_broken(struct client *c)
{
	c->lost = true;
	if (c->state >= CLIENT_CLOSING)
		set_gone(c);
	else if (c->out.error == ENOMEM)
		client_drop(c, "connection lost");
	else
		client_input(c);
}

bool
client_deliver(struct user *u, struct line *line)
{
	struct client *c = client_of_user(u);
	struct server *srv = c->server;
	bool queued;

	queued = output_add(srv->output, &c->out, line, srv->registry.wall);
	if (c->out.full)
		watch_stall(c);
	return queued;
}

uint32_t
client_room_left(const struct client *c)
{
	uint32_t unsent = output_unsent(&c->out);
	uint32_t limit = c->server->output->limit;

	return unsent < limit ? limit - unsent : 0;
}

/* ---- time ---- */

static void
check_stall(struct client *c)
{
	uint32_t unsent = output_unsent(&c->out);

	c->stalls_at = 0;
	if (!c->out.full && unsent < c->server->output->limit)
		return;
	if (unsent < c->full_unsent) {
		watch_stall(c);
		return;
	}
	c->server->stats.stalled++;
	client_drop(c, "stalled");
}

/* Whether the connection broke while nobody read from it. */
static bool
is_reset(const struct client *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(bufferevent_getfd(c->out.bev), SOL_SOCKET, SO_ERROR,
		   &error, &len) == 0 &&
	    error != 0;
}

/* Whether the other side's kernel has all that we sent. */
static bool
is_acknowledged(const struct client *c)
{
	int unsent = 0;

	return ioctl(bufferevent_getfd(c->out.bev), SIOCOUTQ, &unsent) == 0 &&
	    unsent == 0;
}

static void
time_is_over(struct client *c)
{
	c->ends_at = 0;
	if (c->state == CLIENT_LOGIN)
		client_refuse(c, "! No password came in time; goodbye.");
	else if (c->state >= CLIENT_CLOSING)
		set_gone(c);
}

uint64_t
client_tick(struct client *c, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	if (c->resumes_at != 0 && now >= c->resumes_at) {
		c->lost = c->lost || is_reset(c);
		client_input(c);
	}
	if (c->state != CLIENT_GONE && c->stalls_at != 0 && now >= c->stalls_at)
		check_stall(c);
	if (c->state != CLIENT_GONE && c->ends_at != 0 && now >= c->ends_at)
		time_is_over(c);
	if (c->state == CLIENT_LINGERING && c->server->stopping &&
	    is_acknowledged(c))
		set_gone(c);
	if (c->state == CLIENT_GONE)
		return UINT64_MAX;
	if (c->resumes_at != 0)
		next = c->resumes_at;
	if (c->stalls_at != 0)
		next = earlier(next, c->stalls_at);
	if (c->ends_at != 0)
		next = earlier(next, c->ends_at);
	return next;
}
