#include <string.h>

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

/* Returns how many bytes of a text were not used. */
static size_t
take(struct input *in, unsigned max, const struct telnet_event *t,
    struct input_event *ev)
{
	struct linebuf_event line;
	size_t used;

	switch (t->kind) {
	case TELNET_TEXT:
		used = linebuf_take(
		    &in->line, max, (const char *)t->text, t->len, &line);
		translate(&line, ev);
		return t->len - used;
	case TELNET_REPLY:
		ev->kind = INPUT_REPLY;
		memcpy(ev->reply, t->reply, sizeof(ev->reply));
		break;
	case TELNET_ARE_YOU_THERE:
		ev->kind = INPUT_ARE_YOU_THERE;
		break;
	case TELNET_ERASE_CHARACTER:
		linebuf_erase_character(&in->line);
		break;
	case TELNET_ERASE_LINE:
	case TELNET_INTERRUPT:
		linebuf_clear(&in->line);
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
input_release(struct input *in)
{
	linebuf_release(&in->line);
}

void
input_clear(struct input *in)
{
	linebuf_clear(&in->line);
}
