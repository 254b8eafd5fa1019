/*
 * telnet.c and linebuf.c, as client.c uses them: whatever the cuts of the
 * input, the same lines come out; and they are those of a decoder that reads
 * one byte after the other.
 *
 * The first two bytes of the input choose the longest line and the cuts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/net/linebuf.h"
#include "banterd/net/telnet.h"
#include "banterd/base/text.h"
#include "fuzz.h"

#define MAX_INPUT 4096

/* What came out, as text that can be compared. */
struct record {
	char *text;
	size_t len, size;
};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void
note(struct record *r, char kind, const void *what, size_t len)
{
	if (r->len + len + 8 > r->size) {
		r->size = 2 * (r->size + len + 64);
		if ((r->text = realloc(r->text, r->size)) == NULL)
			abort();
	}
	r->len += (size_t)sprintf(r->text + r->len, "%c%05zu", kind, len);
	if (len > 0)
		memcpy(r->text + r->len, what, len);
	r->len += len;
}

static void
note_line(struct record *r, const struct linebuf_event *ev)
{
	if (ev->what == LINEBUF_LINE) {
		FUZZ_CHECK(ev->ended, "a line that has not ended");
		note(r, 'L', ev->line, ev->len);
	} else if (ev->what == LINEBUF_TOO_LONG)
		note(r, 'T', NULL, 0);
	else
		FUZZ_CHECK(ev->what == LINEBUF_NOTHING, "no memory?");
}

/* ---- the code under test ---- */

struct decoder {
	struct telnet telnet;
	struct linebuf line;
	unsigned max;
	unsigned ended;
	struct record record;
};

static size_t
take_text(struct decoder *d, const struct telnet_event *ev)
{
	struct linebuf_event line;
	size_t used;

	used = linebuf_take(
	    &d->line, d->max, (const char *)ev->text, ev->len, &line);
	FUZZ_CHECK(used <= ev->len, "used more than there is");
	FUZZ_CHECK(used > 0, "nothing used");
	note_line(&d->record, &line);
	d->ended += line.ended;
	if (line.what == LINEBUF_LINE)
		linebuf_release(&d->line);
	return used;
}

static void
take_other(struct decoder *d, const struct telnet_event *ev)
{
	switch (ev->kind) {
	case TELNET_REPLY:
		note(&d->record, 'R', ev->reply, 3);
		break;
	case TELNET_ARE_YOU_THERE:
		note(&d->record, 'Y', NULL, 0);
		break;
	case TELNET_ERASE_CHARACTER:
		linebuf_erase_character(&d->line);
		break;
	case TELNET_ERASE_LINE:
	case TELNET_INTERRUPT:
		linebuf_clear(&d->line);
		break;
	default:
		break;
	}
}

/* As take_some() in client.c: after each event only what was used is gone. */
static void
decode_piece(struct decoder *d, const uint8_t *p, size_t len)
{
	const unsigned char *rest;
	struct telnet_event ev;
	size_t left, used;

	while (len > 0) {
		rest = p;
		left = len;
		telnet_next(&d->telnet, &rest, &left, &ev);
		used = 0;
		if (ev.kind == TELNET_TEXT)
			used = take_text(d, &ev);
		else
			take_other(d, &ev);
		if (ev.kind == TELNET_TEXT)
			left += ev.len - used;
		p += len - left;
		len = left;
		FUZZ_CHECK(
		    d->line.len <= d->line.counted && d->line.counted <= d->max,
		    "%u of %u bytes, at most %u", d->line.len, d->line.counted,
		    d->max);
	}
}

/* Each piece has memory of its own, so that looking past it is seen. */
static void
decode(struct decoder *d, const uint8_t *p, size_t len, uint8_t cuts)
{
	struct linebuf_event ev;
	size_t n;
	uint8_t *piece;

	for (; len > 0; p += n, len -= n) {
		if (cuts == 0)
			n = len;
		else {
			n = 1 + cuts % 16;
			cuts = (uint8_t)(cuts * 5 + 16);
		}
		n = n < len ? n : len;
		if ((piece = malloc(n)) == NULL)
			abort();
		memcpy(piece, p, n);
		decode_piece(d, piece, n);
		free(piece);
	}
	linebuf_end(&d->line, &ev);
	note_line(&d->record, &ev);
	d->ended += ev.ended;
	linebuf_clear(&d->line);
}

/* ---- the slow decoder ---- */

struct slow {
	uint8_t line[MAX_INPUT];
	size_t len, counted, max;
	bool cr, discarding;
	int state, verb; /* 0: text, 1: IAC, 2: option, 3: SB, 4: SB IAC */
	unsigned ended;
	struct record record;
};

static void
slow_clear(struct slow *s)
{
	s->len = s->counted = 0;
	s->discarding = false;
}

static void
slow_end(struct slow *s)
{
	if (!s->discarding)
		note(&s->record, 'L', s->line, s->len);
	s->ended++;
	slow_clear(s);
}

static void
slow_add(struct slow *s, uint8_t c)
{
	if (s->discarding)
		return;
	if (++s->counted > s->max) {
		note(&s->record, 'T', NULL, 0);
		slow_clear(s);
		s->discarding = true;
		return;
	}
	s->line[s->len++] = c;
}

static void
slow_text(struct slow *s, uint8_t c)
{
	bool belongs_to_cr = s->cr && (c == '\n' || c == '\0');

	s->cr = c == '\r';
	if (belongs_to_cr)
		return;
	if (c == '\n' || c == '\r')
		slow_end(s);
	else
		slow_add(s, c);
}

static void
slow_command(struct slow *s, uint8_t c)
{
	s->state = 0;
	if (c == 255)
		slow_text(s, c);
	else if (c == 250)
		s->state = 3;
	else if (c > 250) {
		s->state = 2;
		s->verb = c;
	} else if (c == 246)
		note(&s->record, 'Y', NULL, 0);
	else if (c == 247) {
		s->len = text_apply_erasures((char *)s->line, 0, s->len);
		s->len = text_erase_last((char *)s->line, s->len);
	} else if (c == 248 || c == 244 || c == 243 || c == 238)
		slow_clear(s);
}

static void
slow_option(struct slow *s, uint8_t c)
{
	uint8_t reply[3] = { 255, 0, c };

	s->state = 0;
	if (s->verb == 251)
		reply[1] = 254;
	else if (s->verb == 253)
		reply[1] = c == 6 ? 251 : 252;
	else
		return;
	note(&s->record, 'R', reply, 3);
}

static void
slow_byte(struct slow *s, uint8_t c)
{
	switch (s->state) {
	case 1:
		slow_command(s, c);
		break;
	case 2:
		slow_option(s, c);
		break;
	case 3:
		s->state = c == 255 ? 4 : 3;
		break;
	case 4:
		s->state = c == 240 ? 0 : 3;
		break;
	default:
		if (c == 255)
			s->state = 1;
		else
			slow_text(s, c);
		break;
	}
}

static void
decode_slowly(struct slow *s, const uint8_t *p, size_t len)
{
	for (; len > 0; p++, len--)
		slow_byte(s, *p);
	if (s->len > 0 || s->discarding)
		slow_end(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t whole = 0, bytes = 16;
	struct fuzz_input in = { data, size };
	unsigned max = 1 + fuzz_byte(&in);
	uint8_t cuts[3] = { whole, bytes, fuzz_byte(&in) };
	static struct slow slow;
	struct decoder d;
	size_t i;

	if (in.left > MAX_INPUT)
		return 0;
	memset(&slow, 0, sizeof(slow));
	slow.max = max;
	decode_slowly(&slow, in.p, in.left);
	for (i = 0; i < 3; i++) {
		memset(&d, 0, sizeof(d));
		d.max = max;
		decode(&d, in.p, in.left, cuts[i]);
		FUZZ_CHECK(d.record.len == slow.record.len &&
			(d.record.len == 0 ||
			    memcmp(d.record.text, slow.record.text,
				d.record.len) == 0),
		    "cut %u: got\n%.*s\nexpected\n%.*s", cuts[i],
		    (int)d.record.len, d.record.text, (int)slow.record.len,
		    slow.record.text);
		FUZZ_CHECK(d.ended == slow.ended, "%u lines ended, not %u",
		    d.ended, slow.ended);
		free(d.record.text);
	}
	free(slow.record.text);
	return 0;
}
