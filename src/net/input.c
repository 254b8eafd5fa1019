#include <string.h>

#include "banterd/base/record.h"
#include "banterd/net/input.h"

static void
translate(const struct linebuf_event *line, struct input_event *ev)
{
	switch (line->what) {
	case LINEBUF_NOTHING:
		ev->kind = INPUT_NOTHING;
		break;
	case LINEBUF_LINE:
		ev->kind = INPUT_LINE;
		ev->line = line->line;
		ev->len = line->len;
		break;
	case LINEBUF_TOO_LONG:
		ev->kind = INPUT_TOO_LONG;
		break;
	case LINEBUF_NO_MEMORY:
		ev->kind = INPUT_NO_MEMORY;
		break;
	}
}

/* ---- how a connection begins ---- */

static const char mark[] = "\xef\xbb\xbf"; /* U+FEFF */

#define MARK_LEN  (sizeof(mark) - 1)
#define MARK_OVER (MARK_LEN + 1)

/*
 * Returns how many of the n bytes at p (at least 1) end a U+FEFF with which the
 * connection begins.  What has come of it before is in the unfinished line, for
 * it might have been something else.
 */
static size_t
drop_mark(struct input *in, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && in->mark < MARK_LEN && p[i] == mark[in->mark]; i++)
		in->mark++;
	if (in->mark == MARK_LEN) {
		input_clear(in);
		return i;
	}
	if (i < n)
		in->mark = MARK_OVER;
	return 0;
}

/* What came of the first line, or of n bytes of it.  That it is too long is
 * told as soon as it is known to be no request. */
static void
look_at_first(struct input *in, const char *p, size_t n, bool ended,
    struct input_event *ev)
{
	http_scan(&in->http, p, n);
	in->begun = ended;
	if (ev->kind == INPUT_TOO_LONG) {
		in->too_long = true;
		ev->kind = INPUT_NOTHING;
	}
	if (ended && http_is_request(&in->http))
		ev->kind = INPUT_HTTP;
	else if (in->too_long && (ended || http_is_none(&in->http))) {
		in->too_long = false;
		ev->kind = INPUT_TOO_LONG;
	}
}

/* A program's request is not edited: to its reader this is another byte. */
static void
erase_character(struct input *in, struct input_event *ev)
{
	linebuf_erase_character(&in->line);
	if (in->mark > 0)
		in->mark = MARK_OVER;
	if (!in->begun)
		look_at_first(in, "\x7f", 1, false, ev);
}

/* ---- what comes ---- */

/* Returns how many bytes were used. */
static size_t
take_text(struct input *in, unsigned max, const char *p, size_t n,
    struct input_event *ev)
{
	struct linebuf_event line;
	size_t used;

	if (in->mark != MARK_OVER && (used = drop_mark(in, p, n)) > 0)
		return used;
	used = linebuf_take(&in->line, max, p, n, &line);
	translate(&line, ev);
	in->lost = in->lost && ev->kind != INPUT_LINE;
	if (!in->begun)
		look_at_first(in, p, used, line.ended, ev);
	return used;
}

/* Returns how many bytes of a text were not used. */
static size_t
take(struct input *in, unsigned max, const struct telnet_event *t,
    struct input_event *ev)
{
	switch (t->kind) {
	case TELNET_TEXT:
		return t->len -
		    take_text(in, max, (const char *)t->text, t->len, ev);
	case TELNET_REPLY:
		ev->kind = INPUT_REPLY;
		memcpy(ev->reply, t->reply, sizeof(ev->reply));
		break;
	case TELNET_ARE_YOU_THERE:
		ev->kind = INPUT_ARE_YOU_THERE;
		break;
	case TELNET_ERASE_CHARACTER:
		erase_character(in, ev);
		break;
	case TELNET_ERASE_LINE:
	case TELNET_INTERRUPT:
		input_clear(in);
		break;
	case TELNET_STRAY_END: /* what was lost was its SB */
		if (in->lost)
			input_clear(in);
		break;
	case TELNET_END:
		break;
	}
	return 0;
}

/*
 * Of so many bytes used, how many are of no line; before is how the unfinished
 * one was, and text is how many were text.  The first max bytes of a line that
 * is given up are its own.
 */
static size_t
count_lineless(const struct input *in, unsigned max,
    const struct linebuf *before, size_t used, size_t text,
    const struct input_event *ev)
{
	size_t in_lines = in->line.counted;

	if (ev->kind == INPUT_LINE)
		in_lines += before->counted + text;
	else if (ev->kind == INPUT_TOO_LONG || ev->kind == INPUT_NO_MEMORY ||
	    (in->line.discarding && !before->discarding))
		in_lines += max;
	used += before->counted;
	return used > in_lines ? used - in_lines : 0;
}

size_t
input_next(struct input *in, unsigned max, const unsigned char *p, size_t n,
    struct input_event *ev)
{
	const unsigned char *at = p;
	size_t left = n, had, unused, text;
	struct linebuf_event line;
	struct linebuf before;
	struct telnet_event t;

	ev->lineless = 0;
	if (in->line.held) {
		linebuf_held(&in->line, &line);
		translate(&line, ev);
		return 0;
	}
	ev->kind = INPUT_NOTHING;
	while (ev->kind == INPUT_NOTHING && left > 0) {
		had = left;
		before = in->line;
		telnet_next(&in->telnet, &at, &left, &t);
		unused = take(in, max, &t, ev);
		at -= unused;
		left += unused;
		text = t.kind == TELNET_TEXT ? t.len - unused : 0;
		ev->lineless += count_lineless(
		    in, max, &before, had - left, text, ev);
	}
	return n - left;
}

void
input_end(struct input *in, struct input_event *ev)
{
	struct linebuf_event line;

	linebuf_end(&in->line, &line);
	translate(&line, ev);
	ev->lineless = 0;
	if (!in->begun)
		look_at_first(in, "", 0, line.ended, ev);
}

bool
input_hold(struct input *in, unsigned max, const struct input_event *ev)
{
	struct linebuf_event line = { .line = ev->line, .len = ev->len };

	return linebuf_hold(&in->line, max, &line);
}

bool
input_is_held(const struct input *in)
{
	return in->line.held;
}

void
input_drop_held(struct input *in)
{
	linebuf_drop_held(&in->line);
}

void
input_release(struct input *in)
{
	linebuf_release(&in->line);
}

void
input_clear(struct input *in)
{
	linebuf_clear(&in->line);
	memset(&in->http, 0, sizeof(in->http));
	in->too_long = false;
	if (in->mark > 0)
		in->mark = MARK_OVER;
}

bool
input_is_plain(const struct input *in)
{
	return telnet_is_plain(&in->telnet);
}

bool
input_is_telnet(const struct input *in)
{
	return in->telnet.seen;
}

void
input_hide(struct input *in, bool on, unsigned char request[3])
{
	telnet_hide(&in->telnet, on, request);
}

bool
input_is_hidden(const struct input *in)
{
	return in->telnet.echoes;
}

void
input_lose(struct input *in)
{
	input_clear(in);
	linebuf_lose(&in->line);
	in->telnet.state = in->telnet.verb = 0;
	in->lost = true;
}

/* ---- what outlives the process ---- */

/* Where in what they are: a byte each, and flags in the lowest. */
#define IS_BEGUN      1U
#define IS_TOO_LONG   2U
#define IS_AFTER_CR   4U
#define IS_UNFINISHED 8U
#define IS_KNOWN      16U /* it is never 0 */
#define IS_TELNET     32U
#define IS_HIDDEN     64U /* what is typed */

uint64_t
input_shape(const struct input *in)
{
	return IS_KNOWN | (uint64_t)in->telnet.state << 56 |
	    (uint64_t)in->telnet.verb << 48 | (uint64_t)in->http.state << 40 |
	    (uint64_t)in->http.matched << 32 | (uint64_t)in->mark << 24 |
	    (in->begun ? IS_BEGUN : 0) | (in->too_long ? IS_TOO_LONG : 0) |
	    (in->line.cr ? IS_AFTER_CR : 0) |
	    (linebuf_is_unfinished(&in->line) ? IS_UNFINISHED : 0) |
	    (in->telnet.seen ? IS_TELNET : 0) |
	    (in->telnet.echoes ? IS_HIDDEN : 0);
}

static void
take_shape(struct input *in, uint64_t shape)
{
	in->telnet.state = (uint8_t)(shape >> 56);
	in->telnet.verb = (uint8_t)(shape >> 48);
	in->http.state = (uint8_t)(shape >> 40);
	in->http.matched = (uint8_t)(shape >> 32);
	in->mark = (uint8_t)(shape >> 24);
	in->begun = (shape & IS_BEGUN) != 0;
	in->too_long = (shape & IS_TOO_LONG) != 0;
	in->line.cr = (shape & IS_AFTER_CR) != 0;
	in->telnet.seen = (shape & IS_TELNET) != 0;
	in->telnet.echoes = (shape & IS_HIDDEN) != 0;
	/* Its beginning is not there any more. */
	in->line.discarding = (shape & IS_UNFINISHED) != 0;
}

bool
input_return(struct input *in, uint64_t shape)
{
	take_shape(in, shape);
	return http_is_possible(&in->http);
}

/* Where no line may have a byte, none takes memory. */
uint64_t
input_shape_after(const struct input *in, const unsigned char *p, size_t n)
{
	struct input then = *in;
	struct input_event ev;
	size_t used;

	memset(&then.line, 0, sizeof(then.line));
	then.line.cr = in->line.cr;
	then.line.discarding = linebuf_is_unfinished(&in->line);
	for (; n > 0; n -= used, p += used)
		used = input_next(&then, 0, p, n, &ev);
	then.too_long = in->too_long && !then.begun;
	return input_shape(&then);
}

void
input_export_rest(const struct input *in, struct record *r)
{
	linebuf_export_rest(&in->line, r);
}

bool
input_import_rest(struct input *in, unsigned max, struct record_reader *r)
{
	return linebuf_import_rest(&in->line, max, r);
}
