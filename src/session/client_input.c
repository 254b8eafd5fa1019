/* A client's input: bytes to lines, each carried out in its turn. */
#include <sys/param.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "banterd/session/client.h"
#include "banterd/session/command.h"
#include "banterd/daemon/server.h"

#define INPUT_SIZE 4096 /* bytes read at once */

/* What was read and has to wait. */
struct unread {
	uint32_t at, end; /* in bytes */
	unsigned char bytes[];
};

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
	output_count_line(c->server->output);
	if (c->server->conf->rate_burst > 0)
		c->tokens -= MIN(c->tokens, CLIENT_LINE_COST);
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

/* ---- rate ---- */

void
client_refill(struct client *c, uint64_t now)
{
	const struct config *conf = c->server->conf;
	uint64_t gain = (now - c->refilled) * conf->rate_per_second;
	uint64_t full = (uint64_t)conf->rate_burst * CLIENT_LINE_COST;

	c->tokens = (uint32_t)MIN(c->tokens + gain, full);
	c->refilled = now;
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
		output_send(&c->out);
		if (output_unsent(&c->out) >= c->server->output->limit) {
			client_watch_stall(c);
			return false;
		}
	}
	if (conf->rate_burst == 0 || c->server->stopping)
		return true;
	client_refill(c, now);
	if (c->tokens >= CLIENT_LINE_COST)
		return true;
	c->server->stats.slowed++;
	client_pause(
	    c, (CLIENT_LINE_COST - c->tokens) / conf->rate_per_second + 1);
	return false;
}

void
client_pause(struct client *c, uint64_t ms)
{
	c->resumes_at = server_now(c->server) + ms;
	server_await(c->server, c, c->resumes_at);
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

/* Takes the first thing in the n bytes at p, and says how many it used. */
static size_t
take_some(struct client *c, const unsigned char *p, size_t n)
{
	struct telnet_event ev;
	size_t left = n, used;

	telnet_next(&c->telnet, &p, &left, &ev);
	used = take_event(c, &ev);
	if (ev.kind == TELNET_TEXT)
		left += ev.len - used;
	return n - left;
}

static void
forget_unread(struct client *c)
{
	free(c->unread);
	c->unread = NULL;
}

/* To lose a part of what it said could change the rest: its connection ends. */
static void
keep_unread(struct client *c, const unsigned char *p, size_t n)
{
	if ((c->unread = malloc(sizeof(*c->unread) + n)) == NULL) {
		client_refuse(
		    c, "! The server is out of memory; try again later.");
		return;
	}
	c->unread->at = 0;
	c->unread->end = (uint32_t)n;
	memcpy(c->unread->bytes, p, n);
}

static void
take_unread(struct client *c)
{
	struct unread *u = c->unread;

	u->at += (uint32_t)take_some(c, u->bytes + u->at, u->end - u->at);
	if (u->at == u->end)
		forget_unread(c);
}

/* A line that is alone and whole is not copied. */
static void
take_new(struct client *c, const unsigned char *p, size_t n)
{
	size_t used = 0;

	c->server->stats.bytes_in += n;
	if (c->state <= CLIENT_CHAT && may_go_on(c))
		used = take_some(c, p, n);
	if (c->state <= CLIENT_CHAT && used < n)
		keep_unread(c, p + used, n - used);
}

/* Reads once, if nothing waits.  False if there is nothing to read (yet). */
static bool
read_some(struct client *c)
{
	unsigned char buf[INPUT_SIZE];
	ssize_t n;

	do
		n = recv(c->out.fd, buf, sizeof(buf), 0);
	while (n == -1 && errno == EINTR);
	if (n > 0) {
		take_new(c, buf, (size_t)n);
		return true;
	}
	if (n == -1 && errno == EAGAIN)
		return false;
	c->eof = true;
	c->lost = c->lost || n == -1;
	client_set_reading(c, false);
	return false;
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

/* Nobody is there any more.  What arrived before is carried out in its turn,
 * as far as that can be done without a pause. */
static void
go_on_lost(struct client *c)
{
	bool more;

	client_set_reading(c, false);
	more = c->unread != NULL || (!c->eof && read_some(c));
	if (more && c->state <= CLIENT_CHAT && may_go_on(c))
		server_await_turn(c->server, c);
	else {
		forget_unread(c);
		end_of_input(c);
	}
}

/* Something was carried out, or may not be yet: what comes next? */
static void
go_on(struct client *c)
{
	if (c->state >= CLIENT_CLOSING)
		forget_unread(c);
	else if (c->lost)
		go_on_lost(c);
	else if (c->unread == NULL && c->eof)
		end_of_input(c);
	else if (c->unread == NULL)
		client_set_reading(c, true);
	else if (may_go_on(c))
		server_await_turn(c->server, c);
	else
		client_set_reading(c, false);
}

void
client_input(struct client *c)
{
	if (c->unread != NULL && c->state <= CLIENT_CHAT && may_go_on(c))
		take_unread(c);
	go_on(c);
}

void
client_readable(int fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	(void)what;
	/* Its turn is coming; what follows waits in the kernel. */
	if (c->unread != NULL && c->state <= CLIENT_CHAT)
		return;
	(void)read_some(c);
	if (c->state == CLIENT_LINGERING && c->eof)
		client_gone(c);
	go_on(c);
}
