#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "banterd/base/deadline.h"
#include "banterd/chat/room.h"
#include "banterd/dialect/plain.h"
#include "banterd/net/host.h"
#include "banterd/session/account.h"
#include "banterd/session/login.h"
#include "banterd/session/client.h"
#include "banterd/session/command.h"
#include "banterd/session/pace.h"
#include "banterd/session/slow.h"
#include "banterd/session/talk.h"
#include "banterd/session/unheard.h"

/* ---- what it says ---- */

/* What is thrown away was paid for when it became too long. */
static void
pay(struct client *c)
{
	c->ctx->lines_in++;
	fanout_count_input(c->ctx->fanout);
	rate_pay_line(&c->rate, c->ctx->conf);
}

/* Telnet's own bytes are no event: nobody reads them. */
static void
reply_telnet(struct client *c, const unsigned char reply[3])
{
	struct fanout_line line = { .text = (const char *)reply, .len = 3 };

	rate_pay_option(&c->rate, c->ctx->conf);
	(void)fanout_append(
	    c->ctx->fanout, &c->out, &line, FANOUT_ALWAYS, FANOUT_URGENT);
}

static void
say_line(struct client *c, char *text)
{
	c->user.last_line = session_now(c->ctx);
	if (login_is_prompting(c))
		login_take_password(c, text + strspn(text, " \t"));
	else if (c->state == CLIENT_CHAT && text[0] != '/' &&
	    c->user.current != NULL) {
		(void)room_say(
		    c->ctx->registry, &c->user, c->user.current, text, false);
		command_hint(c, text);
	} else
		command_line(c, text);
}

static void
run_line(struct client *c, const struct input_event *ev)
{
	char text[TEXT_CLEANED_SIZE(CONFIG_MAX_LINE_MAX)], *line;
	bool is_blank, is_password = login_is_prompting(c);
	struct input_event held = *ev;

	text_clean(ev->line, ev->len, text);
	/* Blanks before a command would make it public. */
	line = text + text_blanks(text);
	is_blank = *line == '\0';
	if (*line != '/')
		line = text;
	/* Where there is no memory to hold it, it can't wait. */
	if (!is_blank && pace_must_wait(c, line) &&
	    input_hold(&c->input, c->ctx->conf->max_line, ev)) {
		client_pause(c, PACE_WAIT_MS);
		return;
	}
	pay(c);
	if (!is_blank || login_is_prompting(c))
		say_line(c, line);
	if (is_password) /* it is in the question, and nowhere else */
		held.len = 0;
	if (!login_is_asking(c))
		input_release(&c->input);
	else if (!input_hold(&c->input, c->ctx->conf->max_line, &held))
		login_give_up(c);
}

static void
carry_out(struct client *c, const struct input_event *ev)
{
	rate_pay_bytes(&c->rate, c->ctx->conf, ev->lineless);
	client_begin_answer(c);
	switch (ev->kind) {
	case INPUT_NOTHING:
		break;
	case INPUT_LINE:
		run_line(c, ev);
		break;
	case INPUT_TOO_LONG:
		pay(c);
		client_tell(c,
		    "! Line too long (limit %u bytes); it was not sent.",
		    c->ctx->conf->max_line);
		break;
	case INPUT_NO_MEMORY:
		pay(c);
		client_tell(c,
		    "! The server is out of memory; your line was not sent.");
		break;
	case INPUT_HTTP:
		pay(c);
		client_refuse(c,
		    "! This is a chat server, not a web server; use telnet or nc.");
		break;
	case INPUT_REPLY:
		reply_telnet(c, ev->reply);
		break;
	case INPUT_ARE_YOU_THERE:
		pay(c);
		client_tell(c, "* Yes.");
		break;
	}
	client_end_answer(c);
}

/* ---- when it may ---- */

/* Whether its own answers fill its send queue. */
static bool
is_full(const struct client *c)
{
	return conn_error(c->out.conn) == 0 &&
	    fanout_unsent(&c->out) >= c->ctx->fanout->limit;
}

/* Whether c may have another line carried out. */
static bool
may_go_on(struct client *c)
{
	bool stopping = c->ctx->stopping;
	uint64_t now = session_now(c->ctx);

	if (login_is_asking(c) || (c->resumes_at > now && !stopping))
		return false;
	if (is_full(c)) {
		fanout_send(c->ctx->fanout, &c->out);
		if (is_full(c))
			return false;
	}
	return stopping || rate_allows(&c->rate, c->ctx->conf, now);
}

/* It may not: sees to it that it is known when to ask again.  That is at
 * resumes_at, or when its send queue has drained. */
static void
wait_for_it(struct client *c)
{
	if (login_is_asking(c) ||
	    (c->resumes_at > session_now(c->ctx) && !c->ctx->stopping))
		return;
	c->resumes_at = 0;
	if (is_full(c)) {
		slow_watch(c);
		return;
	}
	c->ctx->slowed++;
	client_pause(c, rate_wait(&c->rate, c->ctx->conf));
}

static void
end_of_input(struct client *c)
{
	bool broken = conn_error(c->out.conn) != 0;
	struct input_event ev;

	/* The last line counts without its end, too; but not if the connection
	 * broke in the middle of it. */
	if (!broken) {
		input_end(&c->input, &ev);
		carry_out(c, &ev);
		if (login_is_asking(c))
			return;
	}
	client_close(c, broken ? CLIENT_LOST : NULL);
}

/* Something was carried out, or may not be yet: what comes next? */
static void
go_on(struct client *c)
{
	struct conn *conn = c->out.conn;
	bool broken = conn_error(conn) != 0;
	bool more = conn_has_pending(conn) || input_is_held(&c->input);

	if (c->state >= CLIENT_CLOSING)
		return;
	/* What a broken connection has left is read without being told of it.
	 */
	if (broken) {
		client_set_reading(c, false);
		more = more || !conn_has_ended(conn);
	}
	if (more && may_go_on(c))
		c->ctx->ops->mark_runnable(c->ctx->daemon, c);
	else if (broken || (!more && conn_has_ended(conn)))
		end_of_input(c);
	else if (!more)
		client_set_reading(c, true);
	else {
		/* Who waits for an answer may go meanwhile. */
		client_set_reading(c,
		    login_is_asking(c) && !conn_has_pending(conn) &&
			!conn_has_ended(conn));
		wait_for_it(c);
	}
}

/* Takes the first thing in the n bytes at p, and keeps the rest.  A line that
 * is alone and whole is not copied. */
static void
take(struct client *c, const unsigned char *p, size_t n)
{
	struct input_event ev;
	size_t used = 0;

	if (may_go_on(c)) {
		used = input_next(&c->input, c->ctx->conf->max_line, p, n, &ev);
		carry_out(c, &ev);
	}
	/* To lose a part of what it said could change the rest. */
	if (c->state <= CLIENT_CHAT && used < n &&
	    !conn_keep(c->out.conn, p + used, n - used))
		client_refuse(c, CLIENT_NO_MEMORY);
}

/* It has had our last word.  What it still sends costs, too: who sends more
 * than it can pay for is read no more. */
static void
throw_away(struct client *c, size_t n)
{
	rate_pay_bytes(&c->rate, c->ctx->conf, n);
	if (rate_is_overdrawn(&c->rate, c->ctx->conf))
		client_set_reading(c, false);
}

/* What a line does besides is told where that is done.  Where input ends within
 * a line, that is known before anything else is done: the rest of it could be a
 * line by itself to the next process, and public. */
static void
tell_changed(struct client *c, uint64_t before)
{
	bool pending = conn_has_pending(c->out.conn) ||
	    input_is_held(&c->input);
	bool same = !pending && !c->had_pending &&
	    before == input_shape(&c->input);

	c->had_pending = pending;
	conn_set_plain(c->out.conn, input_is_plain(&c->input));
	client_changed(c, same ? CHANGED_SPENT : CHANGED_INPUT);
}

static void
on_readable(void *owner, const unsigned char *p, size_t n)
{
	struct client *c = owner;
	uint64_t before = input_shape(&c->input);

	if (n > 0 && c->state <= CLIENT_CHAT)
		take(c, p, n);
	else if (n > 0 && c->state == CLIENT_LINGERING)
		throw_away(c, n);
	if (c->state == CLIENT_LINGERING && conn_has_ended(c->out.conn))
		client_gone(c);
	go_on(c);
	tell_changed(c, before);
}

void
talk_run(struct client *c)
{
	struct conn *conn = c->out.conn;
	uint64_t before = input_shape(&c->input);

	if (c->state <= CLIENT_CHAT && input_is_held(&c->input)) {
		take(c, (const unsigned char *)"", 0);
		go_on(c);
	} else if (c->state <= CLIENT_CHAT && conn_has_pending(conn))
		conn_offer(conn);
	else if (c->state <= CLIENT_CHAT && conn_error(conn) != 0 &&
	    !conn_has_ended(conn))
		conn_read(conn);
	else
		go_on(c);
	tell_changed(c, before);
}

void
talk_broken(struct client *c)
{
	if (c->state >= CLIENT_CLOSING)
		client_gone(c);
	else if (conn_error(c->out.conn) == ENOMEM)
		client_drop(c, CLIENT_LOST);
	else
		talk_run(c);
}

/* ---- what it hears ---- */

/* How an event reads: with a time before it, with a bell at its end. */
#define WITH_TIME 1U
#define WITH_BELL 2U

/* A time, a text, and the end of a line with a bell. */
#define RENDERED_MAX (PLAIN_STAMP_MAX + CLIENT_LINE_MAX + sizeof("\a\r\n"))

/* The event that was delivered last, as all read it who read it so. */
struct rendering {
	uint64_t number; /* the event's; 0: none */
	size_t len;      /* with the time, without the end of a line; bytes */
	time_t minute;   /* of the stamp, */
	time_t seen;     /* and that in which it was seen */
	size_t stamp_len;
	char stamp[PLAIN_STAMP_MAX + 1];
	struct fanout_line lines[4]; /* by WITH_TIME | WITH_BELL */
	char text[RENDERED_MAX];
	char text_with_bell[RENDERED_MAX]; /* it comes last: a line's first
					    * characters tell its kind */
};

_Static_assert(RENDERED_MAX <= FANOUT_ARENA_SIZE,
    "the longest line fits into an empty arena");

bool
talk_init(struct session_context *ctx)
{
	if ((ctx->rendering = calloc(1, sizeof(*ctx->rendering))) == NULL)
		return false;
	ctx->rendering->minute = -1;
	return true;
}

void
talk_forget_zone(struct session_context *ctx)
{
	ctx->rendering->minute = -1;
	ctx->rendering->number = 0;
}

void
talk_free(struct session_context *ctx)
{
	free(ctx->rendering);
}

/* What is replayed now may be of another day. */
static void
set_stamp(struct rendering *r, time_t when, time_t now)
{
	if (when / 60 == r->minute && now / 60 == r->seen)
		return;
	r->stamp_len = plain_stamp(when, now, r->stamp);
	r->minute = when / 60;
	r->seen = now / 60;
}

static void
render(struct rendering *r, const struct chat_event *ev, time_t now)
{
	set_stamp(r, ev->time, ev->dated ? 0 : ev->replayed ? now : ev->time);
	memcpy(r->text, r->stamp, r->stamp_len);
	r->len = r->stamp_len +
	    plain_render(ev, r->text + r->stamp_len, CLIENT_LINE_MAX - 2);
	memset(r->lines, 0, sizeof(r->lines));
	r->number = ev->number;
}

static void
make_line(struct rendering *r, unsigned with)
{
	const char *end = (with & WITH_BELL) != 0 ? "\a\r\n" : "\r\n";
	size_t skip = (with & WITH_TIME) != 0 ? 0 : r->stamp_len;
	char *text = r->text;

	if ((with & WITH_BELL) != 0)
		text = memcpy(r->text_with_bell, r->text, r->len);
	(void)strlcpy(text + r->len, end, sizeof("\a\r\n"));
	r->lines[with].text = text + skip;
	r->lines[with].len = (uint32_t)(r->len - skip + strlen(end));
}

/* Rendered once, however many it is delivered to. */
static struct fanout_line *
rendered_line(const struct session_context *ctx, const struct chat_event *ev,
    unsigned with)
{
	struct rendering *r = ctx->rendering;

	if (r->number != ev->number)
		render(r, ev, ctx->registry->wall);
	if (r->lines[with].text == NULL)
		make_line(r, with);
	return &r->lines[with];
}

/* What becomes of an event whose reader's send queue is full; what is not here
 * is queued all the same. */
static const enum fanout_policy policies[] = {
	[EVENT_SAY] = FANOUT_SKIP,
	[EVENT_ACTION] = FANOUT_SKIP,
	[EVENT_PRIVATE] = FANOUT_REFUSE,
	[EVENT_PRIVATE_ACTION] = FANOUT_REFUSE,
	[EVENT_JOIN] = FANOUT_SKIP,
	[EVENT_LEAVE] = FANOUT_SKIP,
	[EVENT_RENAME] = FANOUT_SKIP,
	[EVENT_TOPIC] = FANOUT_SKIP,
	[EVENT_KICK] = FANOUT_SKIP,
	[EVENT_JOINS] = FANOUT_SKIP,
	[EVENT_LEAVES] = FANOUT_SKIP,
	[EVENT_FIRST_NAMES] = FANOUT_SKIP,
	[EVENT_REPLY] = FANOUT_ALWAYS,
};

/* An event as c reads it. */
static struct fanout_line *
line_for(const struct client *c, const struct chat_event *ev)
{
	unsigned with = (c->set_time || ev->replayed ? WITH_TIME : 0) |
	    (ev->bell ? WITH_BELL : 0);

	return rendered_line(c->ctx, ev, with);
}

static bool
takes(struct user *u, const struct chat_event *ev)
{
	struct client *c = client_of_user(u);

	return fanout_takes(
	    c->ctx->fanout, &c->out, line_for(c, ev), policies[ev->kind]);
}

static bool
deliver(struct user *u, const struct chat_event *ev)
{
	struct client *c = client_of_user(u);
	struct fanout_line *line = line_for(c, ev);
	bool queued, was_full = c->out.full;

	if (c == c->ctx->answered)
		c->ctx->answer += line->len;
	queued = fanout_append(c->ctx->fanout, &c->out, line,
	    policies[ev->kind], ev->many ? FANOUT_BULK : FANOUT_URGENT);
	if (c->out.full) {
		slow_watch(c);
		client_changed(c, was_full ? CHANGED_SPENT : CHANGED_USER);
	}
	return queued;
}

static void
on_drained(void *owner)
{
	struct client *c = owner;
	bool all = slow_drained(c);

	client_changed(c, CHANGED_USER);
	if (c->state == CLIENT_CLOSING && all)
		client_linger(c);
	else if (c->state <= CLIENT_CHAT && !conn_is_reading(c->out.conn))
		talk_run(c);
}

static void
on_broken(void *owner)
{
	talk_broken(owner);
}

const struct conn_ops talk_conn_ops = {
	.readable = on_readable,
	.backlogged = slow_backlogged,
	.drained = on_drained,
	.broken = on_broken,
};

/* Behind a UNIX socket or a loopback address is anybody on this machine. */
static bool
address_of(const struct user *u, struct address *a)
{
	const struct client *c = client_of_user((struct user *)(uintptr_t)u);

	if (!c->has_address || address_is_loopback(&c->address))
		return false;
	*a = c->address;
	return true;
}

/* UNIX sockets have no addresses to count by. */
static bool
room_made(struct user *by, void **maker)
{
	struct client *c = client_of_user(by);

	if (!c->has_address || c->host == NULL)
		return true;
	if (!host_take_room(c->host))
		return false;
	*maker = c->host;
	return true;
}

static void
room_gone(void *maker, uint64_t now)
{
	host_give_room_back(maker, now);
}

static void
on_user_changed(struct user *u, unsigned what)
{
	client_changed(client_of_user(u), what);
}

static void
on_room_changed(struct registry *reg, struct room *room, unsigned what)
{
	const struct session_context *ctx = reg->owner;

	ctx->ops->room_changed(ctx->daemon, room, what);
}

static void
on_said(struct registry *reg, struct room *room, const struct user *by,
    const struct chat_event *ev)
{
	const struct session_context *ctx = reg->owner;

	ctx->ops->said(ctx->daemon, room, by, ev);
}

static void
on_moved(struct user *u, struct room *room, bool in)
{
	struct client *c = client_of_user(u);

	if (u->owner != 0)
		c->ctx->ops->moved(c->ctx->daemon, c, room, in);
}

const struct registry_ops talk_registry_ops = {
	.deliver = deliver,
	.takes = takes,
	.address = address_of,
	.room_made = room_made,
	.room_gone = room_gone,
	.user_changed = on_user_changed,
	.room_changed = on_room_changed,
	.said = on_said,
	.moved = on_moved,
};

/* ---- time ---- */

uint64_t
talk_tick(struct client *c, uint64_t now)
{
	bool was_due = false;
	uint64_t next;

	if (deadline_take(&c->resumes_at, now)) {
		(void)conn_probe(c->out.conn);
		talk_run(c);
	}
	if (deadline_take(&c->stalls_at, now) && c->state != CLIENT_GONE) {
		was_due = true;
		slow_check_stall(c);
	}
	if (deadline_take(&c->looks_at, now) && c->state != CLIENT_GONE) {
		was_due = true;
		slow_look(c);
	}
	if (deadline_take(&c->ends_at, now) && c->state != CLIENT_GONE) {
		was_due = true;
		client_time_is_over(c);
	}
	if (c->state == CLIENT_GONE)
		return NEVER;
	if (was_due)
		client_changed(c, CHANGED_USER);
	next = earlier(unheard_tick(c, now), login_tick(c, now));
	next = earlier_if_set(next, c->resumes_at);
	next = earlier_if_set(next, c->stalls_at);
	next = earlier_if_set(next, c->looks_at);
	return earlier_if_set(next, c->ends_at);
}
