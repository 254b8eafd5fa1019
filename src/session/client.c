#include <sys/param.h>

#include <stdio.h>
#include <stdlib.h>

#include "banterd/chat/member.h"
#include "banterd/net/conn.h"
#include "banterd/net/host.h"
#include "banterd/net/listener.h"
#include "banterd/session/account.h"
#include "banterd/session/client.h"

#define MAX_WRONG_PASSWORDS 3
#define ANNOUNCE_MS         5000   /* until who says nothing is announced */
#define GREETING_NAMES      10     /* the most that a newcomer is told */
#define LINGER_MS           2000   /* for their FIN after ours */
#define WRONG_PAUSE_MS      500ULL /* for each failure of its host, */
#define WRONG_PAUSES        10     /* up to so many */

struct client *
client_of_user(struct user *u)
{
	return (
	    struct client *)(void *)((char *)u - offsetof(struct client, user));
}

struct client *
client_of_queue(struct fanout_queue *q)
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
	struct chat_event ev = registry_event(c->ctx->registry, EVENT_REPLY);
	char text[CLIENT_LINE_MAX - 2]; /* without its end */
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(text)) /* not within a character */
		text[text_cut(text, sizeof(text) - 1, sizeof(text) - 4)] = '\0';
	ev.text = text;
	c->ctx->registry->ops->deliver(&c->user, &ev);
}

void
client_begin_answer(struct client *c)
{
	c->ctx->answered = c;
	c->ctx->answer = 0;
}

void
client_end_answer(struct client *c)
{
	c->ctx->answered = NULL;
	rate_pay_answer(&c->rate, c->ctx->conf, c->ctx->answer);
}

void
client_changed(struct client *c, unsigned what)
{
	c->ctx->ops->changed(c->ctx->daemon, c, what);
}

/* ---- what it waits for ---- */

/* In so many ms, what c is doing (login, arriving, closing, lingering) is over.
 */
static void
set_end(struct client *c, uint64_t ms)
{
	c->ends_at = session_now(c->ctx) + ms;
	client_changed(c, CHANGED_USER);
	c->ctx->ops->arm_deadline(c->ctx->daemon, c, c->ends_at);
}

void
client_pause(struct client *c, uint64_t ms)
{
	c->resumes_at = session_now(c->ctx) + ms;
	client_changed(c, CHANGED_USER);
	c->ctx->ops->arm_deadline(c->ctx->daemon, c, c->resumes_at);
}

void
client_set_reading(struct client *c, bool on)
{
	if (!conn_set_reading(c->out.conn, on) && on)
		client_drop(c, CLIENT_LOST);
}

/* To come again is no way around it: the pause is for all of a host. */
static void
pause_for_failures(struct client *c, unsigned failures)
{
	if (failures > 0)
		client_pause(c, WRONG_PAUSE_MS * MIN(failures, WRONG_PAUSES));
}

/* ---- coming ---- */

struct client *
client_return(struct session_context *ctx, int fd, uint64_t number)
{
	struct client *c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->out.conn = conn_new(ctx->conns, fd, c, number);
	if (c->out.conn == NULL) {
		free(c);
		return NULL;
	}
	c->ctx = ctx;
	return c;
}

struct client *
client_new(struct session_context *ctx, int fd, const struct address *address)
{
	struct client *c;

	if ((c = client_return(ctx, fd, ++ctx->conns->made)) == NULL)
		return NULL;
	if (address != NULL) {
		c->has_address = true;
		c->address = *address;
	}
	rate_begin(&c->rate, ctx->conf, session_now(ctx));
	return c;
}

void
client_welcome(struct client *c)
{
	const struct config *conf = c->ctx->conf;
	const struct config_motd *m;

	client_begin_answer(c);
	client_tell(c, "* Welcome to banter on %s.", conf->server_name);
	STAILQ_FOREACH(m, &conf->motd, next)
		client_tell(c, "* %s", m->text);
	if (conf->password == NULL)
		client_enter(c);
	else {
		client_tell(c, CLIENT_ASK_PASSWORD);
		c->state = CLIENT_LOGIN;
		set_end(c, conf->login_timeout * 1000ULL);
	}
	client_end_answer(c);
	if (c->state > CLIENT_CHAT)
		return;
	pause_for_failures(c, host_failures(c->host, session_now(c->ctx)));
	client_set_reading(c, true);
}

/* The default room lets everybody in, whatever its key. */
static struct room *
enter_default_room(struct client *c)
{
	struct registry *reg = c->ctx->registry;
	const char *name = c->ctx->conf->default_room;
	struct room *room;

	if (name == NULL || (room = room_find(reg, name)) == NULL ||
	    member_enter(reg, &c->user, room) != CHAT_OK)
		return NULL;
	set_end(c, ANNOUNCE_MS);
	return room;
}

static void
tell_where(struct client *c, const struct room *room)
{
	char names[ROOM_NAMES_SIZE] = "";
	const char *topic = room->topic;

	if (room->nmembers <= GREETING_NAMES)
		(void)room_names(room, &c->user, 0, names, sizeof(names));
	client_tell(c,
	    "* You are %s in %s (%u here%s%s).%s%s%s Say something, or /nick NAME to be known; /help lists the rest, /quit leaves.",
	    c->user.name, room->name, room->nmembers,
	    names[0] != '\0' ? ": " : "", names,
	    topic != NULL ? " Topic: " : "", topic != NULL ? topic : "",
	    topic != NULL ? "." : "");
}

void
client_enter(struct client *c)
{
	struct session_context *ctx = c->ctx;
	char text[CLIENT_TEXT_SIZE];
	struct room *room;

	c->ends_at = 0;
	if (!user_enter(ctx->registry, &c->user)) {
		client_refuse(c, LISTENER_FULL);
		return;
	}
	c->state = CLIENT_CHAT;
	client_changed(c, CHANGED_USER);
	log_burst(&ctx->log_burst, session_now(ctx), "%s connected",
	    client_text(c, text));
	if ((room = enter_default_room(c)) == NULL) {
		client_tell(c,
		    "* You are %s. /join ROOM to begin, /nick NAME to be known; /help lists the rest, /quit leaves.",
		    c->user.name);
		return;
	}
	tell_where(c, room);
	room_replay(ctx->registry, room, &c->user, ctx->conf->history);
}

/* Returns how many its host has lately.  One that was taken over has none where
 * there was no memory for that. */
static unsigned
count_failure(struct client *c)
{
	return c->host != NULL ? host_fail(c->host, session_now(c->ctx)) : 1;
}

void
client_wrong_password(struct client *c)
{
	struct session_context *ctx = c->ctx;
	unsigned failures = count_failure(c);
	char text[CLIENT_TEXT_SIZE];

	client_changed(c, CHANGED_USER);
	log_burst(&ctx->password_burst, session_now(ctx),
	    "wrong password from %s", client_text(c, text));
	if (++c->wrong_passwords >= MAX_WRONG_PASSWORDS)
		client_refuse(c, "! Wrong password, the third time; goodbye.");
	else {
		client_tell(c, "! Wrong password; /pass PASSWORD");
		pause_for_failures(c, failures);
	}
}

void
client_wrong_key(struct client *c, const char *room)
{
	struct session_context *ctx = c->ctx;
	unsigned failures = count_failure(c);
	char text[CLIENT_TEXT_SIZE];

	log_burst(&ctx->password_burst, session_now(ctx),
	    "wrong key of %s from %s", room, client_text(c, text));
	pause_for_failures(c, failures);
}

void
client_reconfigure(struct client *c)
{
	const struct config *conf = c->ctx->conf;

	if (c->state >= CLIENT_CLOSING)
		return;
	if (c->has_address && !acl_allows(&conf->acl, &c->address)) {
		client_tell(c, CLIENT_NOT_ALLOWED);
		client_close(c, "not allowed");
	} else if (c->state == CLIENT_LOGIN && conf->password == NULL)
		client_enter(c);
}

/* ---- going ---- */

void
client_end_login(struct client *c)
{
	struct session_context *ctx = c->ctx;

	if (c->user.owner == 0)
		return;
	ctx->ops->logged_out(ctx->daemon, c);
	c->user.owner = 0;
}

static void
leave(struct client *c, const char *reason, const char *for_log)
{
	struct session_context *ctx = c->ctx;
	char text[CLIENT_TEXT_SIZE];

	if (c->user.id == 0)
		return;
	if (!ctx->conns->are_handed_over)
		log_burst(&ctx->log_burst, session_now(ctx), "%s left%s%s%s",
		    client_text(c, text), for_log != NULL ? " (" : "",
		    for_log != NULL ? for_log : "", for_log != NULL ? ")" : "");
	client_end_login(c);
	member_exit(ctx->registry, &c->user, reason);
}

/* From CLIENT_LOGIN and CLIENT_CHAT to CLIENT_CLOSING. */
static void
end(struct client *c, const char *reason, const char *for_log)
{
	if (c->state >= CLIENT_CLOSING)
		return;
	leave(c, reason, for_log);
	c->state = CLIENT_CLOSING;
	c->resumes_at = c->stalls_at = 0;
	set_end(c, c->ctx->conf->stall_timeout * 1000ULL);
	client_set_reading(c, false);
	conn_drop_pending(c->out.conn);
	fanout_send(c->ctx->fanout, &c->out);
	if (fanout_unsent(&c->out) == 0 || conn_error(c->out.conn) != 0)
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
	c->has_quit = true;
	end(c, reason, NULL);
}

void
client_refuse(struct client *c, const char *line)
{
	client_tell(c, "%s", line);
	client_close(c, NULL);
}

/*
 * Closing a socket that has unread input would send a reset, which can destroy
 * our last lines on their way (RFC 1122, 4.2.2.13), so we say FIN and wait a
 * little for theirs.
 */
void
client_linger(struct client *c)
{
	struct session_context *ctx = c->ctx;
	struct conn *conn = c->out.conn;

	ctx->ops->release_place(ctx->daemon, c);
	if (conn_has_ended(conn) || conn_error(conn) != 0 ||
	    ctx->ops->is_crowded(ctx->daemon) || !conn_shutdown(conn)) {
		client_gone(c);
		return;
	}
	c->state = CLIENT_LINGERING;
	c->looks_at = session_now(ctx) + CLIENT_LINGER_LOOK_MS;
	ctx->ops->arm_deadline(ctx->daemon, c, c->looks_at);
	set_end(c, LINGER_MS);
	client_set_reading(c, true);
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
client_gone(struct client *c)
{
	if (c->state == CLIENT_GONE)
		return;
	c->state = CLIENT_GONE;
	fanout_forget(c->ctx->fanout, &c->out);
	conn_stop(c->out.conn);
	c->ctx->ops->release_place(c->ctx->daemon, c);
	c->ctx->ops->gone(c->ctx->daemon, c);
}

void
client_time_is_over(struct client *c)
{
	if (c->state == CLIENT_LOGIN)
		client_refuse(c, "! No password came in time; goodbye.");
	else if (c->state == CLIENT_CHAT && c->user.nrooms > 0)
		room_announce(
		    c->ctx->registry, c->user.rooms[0].room, &c->user);
	else if (c->state >= CLIENT_CLOSING)
		client_gone(c);
}

void
client_moved(struct client *c)
{
	c->ends_at = 0;
	if (c->user.is_unannounced)
		set_end(c, ANNOUNCE_MS);
	client_changed(
	    c, CHANGED_USER | CHANGED_IGNORED | CHANGED_AWAY | CHANGED_UNHEARD);
}

void
client_end_unheard(struct client *c)
{
	if (c->unheard != NULL)
		id_set_clear(&c->unheard->writers);
	free(c->unheard);
	c->unheard = NULL;
}

void
client_free(struct client *c)
{
	/* of what it was told after it had gone */
	fanout_forget(c->ctx->fanout, &c->out);
	conn_free(c->out.conn);
	input_clear(&c->input);
	client_end_unheard(c);
	account_free(c->ctx, c->account);
	free(c);
}
