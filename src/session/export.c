#include <stdlib.h>
#include <string.h>

#include "banterd/base/deadline.h"
#include "banterd/chat/member.h"
#include "banterd/net/conn.h"
#include "banterd/session/belongings.h"
#include "banterd/session/login.h"
#include "banterd/session/client.h"
#include "banterd/session/export.h"
#include "banterd/session/slow.h"

#define SET_TIME    1U
#define HAS_ADDRESS 2U
#define HAS_PLACE   4U
#define HAS_QUIT    8U
#define IS_FULL     16U
#define HAS_NAME    32U

/* ---- in any case ---- */

static unsigned
flags_of(const struct client *c)
{
	return (c->set_time ? SET_TIME : 0) |
	    (c->has_address ? HAS_ADDRESS : 0) | (c->counted ? HAS_PLACE : 0) |
	    (c->has_quit ? HAS_QUIT : 0) | (c->out.full ? IS_FULL : 0) |
	    (c->user.id != 0 ? HAS_NAME : 0);
}

static void
export_rate(const struct client *c, struct record *r)
{
	record_put_u32(r, c->rate.refilled);
	record_put_u32(r, (uint32_t)c->rate.tokens);
	record_put_u16(r, c->rate.unpaid);
}

static void
import_rate(struct client *c, struct record_reader *r)
{
	c->rate.refilled = record_get_u32(r);
	c->rate.tokens = (int32_t)record_get_u32(r);
	c->rate.unpaid = record_get_u16(r);
}

static void
export_deadlines(const struct client *c, struct record *r)
{
	record_put_u64(r, c->resumes_at);
	record_put_u64(r, c->stalls_at);
	record_put_u64(r, c->looks_at);
	record_put_u64(r, c->ends_at);
	record_put_u32(r, c->full_unsent);
}

static void
import_deadlines(struct client *c, struct record_reader *r)
{
	c->resumes_at = record_get_u64(r);
	c->stalls_at = record_get_u64(r);
	c->looks_at = record_get_u64(r);
	c->ends_at = record_get_u64(r);
	c->full_unsent = record_get_u32(r);
}

/* To look through what is pending is done once, however often this is asked. */
static void
export_input(const struct client *c, struct record *r)
{
	const struct conn *conn = c->out.conn;
	const unsigned char *pending;
	uint64_t *shape;
	size_t n;

	pending = conn_pending(conn, &n);
	if (n == 0) {
		record_put_u64(r, input_shape(&c->input));
		return;
	}
	shape = conn_pending_note(conn);
	if (*shape == 0)
		*shape = input_shape_after(&c->input, pending, n);
	record_put_u64(r, *shape);
}

static bool
import_input(struct client *c, struct record_reader *r)
{
	return input_return(&c->input, record_get_u64(r)) && !r->failed;
}

void
client_export(const struct client *c, struct record *r)
{
	record_put_u8(r, c->state);
	record_put_u8(r, c->wrong_passwords);
	record_put_u8(r, c->hinted);
	record_put_u8(r, (uint8_t)flags_of(c));
	export_rate(c, r);
	export_deadlines(c, r);
	address_export(&c->address, r);
	record_put_u32(r, c->out.skipped);
	export_input(c, r);
	conn_export(c->out.conn, r);
	belongings_export(c, r);
	if (c->user.id != 0)
		export_user(&c->user, r);
}

/* Whether it can be so: who has not given the password has no name yet, and who
 * is leaving has none any more. */
static bool
is_possible(const struct client *c, unsigned flags)
{
	return c->state < CLIENT_GONE &&
	    ((flags & HAS_NAME) != 0) == (c->state == CLIENT_CHAT);
}

bool
client_import(struct imported *im, struct client *c, struct record_reader *r)
{
	unsigned flags;

	c->state = record_get_u8(r);
	c->wrong_passwords = record_get_u8(r);
	c->hinted = record_get_u8(r);
	flags = record_get_u8(r);
	c->set_time = (flags & SET_TIME) != 0;
	c->has_address = (flags & HAS_ADDRESS) != 0;
	/* Where there was no memory for that before, there is now. */
	c->counted = (flags & HAS_PLACE) != 0 || c->state <= CLIENT_CHAT;
	c->has_quit = (flags & HAS_QUIT) != 0;
	c->out.full = (flags & IS_FULL) != 0;
	import_rate(c, r);
	import_deadlines(c, r);
	address_import(&c->address, r);
	c->out.skipped = record_get_u32(r);
	if (!import_input(c, r) || !conn_import(c->out.conn, r) ||
	    !belongings_import(c, r) || !is_possible(c, flags))
		return false;
	if ((flags & HAS_NAME) != 0 && !import_user(im, &c->user, r))
		return false;
	if (record_is_whole(r))
		return true;
	if (c->user.id != 0)
		member_withdraw(im->reg, &c->user);
	return false;
}

/* ---- with each line ---- */

void
client_export_spent(const struct client *c, struct record *r)
{
	export_rate(c, r);
	record_put_u64(r, c->user.last_line);
	record_put_u32(r, c->out.skipped);
	export_input(c, r);
}

bool
client_import_spent(struct client *c, struct record_reader *r)
{
	import_rate(c, r);
	c->user.last_line = record_get_u64(r);
	c->out.skipped = record_get_u32(r);
	return import_input(c, r) && record_is_whole(r);
}

/* ---- in good order ---- */

void
client_export_rest(const struct client *c, struct record *r)
{
	input_export_rest(&c->input, r);
	conn_export_rest(c->out.conn, r);
	belongings_export_rest(c, r);
}

/* Where not all of it can be had, it is with the input as after a fault: what
 * is left of the line is thrown away. */
bool
client_import_rest(struct client *c, struct record_reader *r)
{
	const struct input before = c->input;

	if (input_import_rest(&c->input, CONFIG_MAX_LINE_MAX, r) &&
	    conn_import_rest(c->out.conn, r) && belongings_import_rest(c, r) &&
	    record_is_whole(r))
		return true;
	input_clear(&c->input);
	c->input = before;
	conn_drop_pending(c->out.conn);
	return false;
}

/* ---- unheard ---- */

void
client_export_unheard(const struct client *c, struct record *r)
{
	record_put_u64(r, c->unheard->looks_at);
	record_put_u64(r, c->unheard->silent_at);
	record_put_u64(r, c->unheard->asked_at);
	export_ids(&c->unheard->writers, r);
}

bool
client_import_unheard(struct client *c, struct record_reader *r)
{
	if ((c->unheard = calloc(1, sizeof(*c->unheard))) == NULL)
		return false;
	c->unheard->looks_at = record_get_u64(r);
	c->unheard->silent_at = record_get_u64(r);
	c->unheard->asked_at = record_get_u64(r);
	if (import_ids(&c->unheard->writers, r) && record_is_whole(r))
		return true;
	client_end_unheard(c);
	return false;
}

/* ---- going on ---- */

void
client_note_fault(struct client *c, bool was_sending, bool was_reading)
{
	c->had_fault = true;
	conn_note_fault(c->out.conn, was_sending);
	if (was_reading)
		input_lose(&c->input);
}

/* What was half sent ends here: the next line begins a row of its own. */
static void
end_half_line(struct client *c)
{
	struct fanout_line line = { .text = "\r\n", .len = 2 };

	(void)fanout_append(
	    c->ctx->fanout, &c->out, &line, FANOUT_ALWAYS, FANOUT_URGENT);
}

void
client_tell_fault(struct client *c)
{
	bool half = conn_may_have_half_line(c->out.conn);

	if (!c->had_fault || c->state >= CLIENT_CLOSING)
		return;
	c->had_fault = false;
	if (half)
		end_half_line(c);
	client_tell(c,
	    "* The server came back after a fault; the last lines may be missing (/history shows them).");
	if (c->state == CLIENT_LOGIN)
		client_tell(c, CLIENT_ASK_PASSWORD);
	login_tell_fault(c);
	if (half) { /* once, whatever comes */
		fanout_send(c->ctx->fanout, &c->out);
		client_changed(c, CHANGED_USER);
	}
}

static void
arm_deadlines(struct client *c)
{
	uint64_t next = NEVER;

	next = earlier_if_set(next, c->resumes_at);
	next = earlier_if_set(next, c->stalls_at);
	next = earlier_if_set(next, c->looks_at);
	next = earlier_if_set(next, c->ends_at);
	if (c->unheard != NULL)
		next = earlier_if_set(next, c->unheard->looks_at);
	if (next != NEVER)
		c->ctx->ops->arm_deadline(c->ctx->daemon, c, next);
}

void
client_resume(struct client *c)
{
	arm_deadlines(c);
	conn_set_plain(c->out.conn, input_is_plain(&c->input));
	if (c->state == CLIENT_LINGERING)
		client_set_reading(c, true);
	else if (c->state == CLIENT_CLOSING && fanout_unsent(&c->out) == 0)
		client_linger(c);
	else if (c->state <= CLIENT_CHAT) {
		/* What was skipped is told once there is space again. */
		(void)slow_drained(c);
		c->ctx->ops->mark_runnable(c->ctx->daemon, c);
	}
}
