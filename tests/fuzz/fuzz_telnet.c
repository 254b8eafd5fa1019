/*
 * input.c, and telnet.c, linebuf.c and http.c behind it: whatever the cuts of
 * the input, the same lines come out; and they are those of a decoder that
 * reads one byte after the other.
 *
 * The first two bytes of the input choose the longest line and the cuts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/net/input.h"
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
note_event(struct record *r, const struct input_event *ev)
{
	switch (ev->kind) {
	case INPUT_NOTHING:
		break;
	case INPUT_LINE:
		note(r, 'L', ev->line, ev->len);
		break;
	case INPUT_TOO_LONG:
		note(r, 'T', NULL, 0);
		break;
	case INPUT_NO_MEMORY:
		FUZZ_CHECK(false, "no memory?");
		break;
	case INPUT_HTTP:
		note(r, 'H', NULL, 0);
		break;
	case INPUT_REPLY:
		note(r, 'R', ev->reply, 3);
		break;
	case INPUT_ARE_YOU_THERE:
		note(r, 'Y', NULL, 0);
		break;
	}
}

/* ---- the code under test ---- */

struct decoder {
	struct input input;
	unsigned max;
	struct record record;
};

static void
decode_piece(struct decoder *d, const uint8_t *p, size_t len)
{
	const struct linebuf *line = &d->input.line;
	struct input_event ev;
	size_t used;

	for (; len > 0; p += used, len -= used) {
		used = input_next(&d->input, d->max, p, len, &ev);
		FUZZ_CHECK(used > 0 && used <= len, "used %zu of %zu bytes",
		    used, len);
		FUZZ_CHECK(used == len || ev.kind != INPUT_NOTHING,
		    "not all used, nothing told");
		note_event(&d->record, &ev);
		if (ev.kind == INPUT_LINE)
			input_release(&d->input);
		FUZZ_CHECK(
		    line->len <= line->counted && line->counted <= d->max,
		    "%u of %u bytes, at most %u", line->len, line->counted,
		    d->max);
	}
}

/* Each piece has memory of its own, so that looking past it is seen. */
static void
decode(struct decoder *d, const uint8_t *p, size_t len, uint8_t cuts)
{
	struct input_event ev;
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
	input_end(&d->input, &ev);
	note_event(&d->record, &ev);
	input_clear(&d->input);
}

/* ---- the slow decoder ---- */

struct slow {
	uint8_t line[MAX_INPUT];
	size_t len, counted, max;
	bool cr, discarding;
	int state, verb; /* 0: text, 1: IAC, 2: option, 3: SB, 4: SB IAC */
	char first[MAX_INPUT + 1]; /* the first line as it came, if !begun */
	size_t nfirst;
	bool begun, held; /* held: too long, and not told */
	bool marked;      /* no U+FEFF can come any more */
	struct record record;
};

/* A word at *p that ends with a blank or at the end, and the blanks behind it;
 * returns its length. */
static size_t
next_word(const char **p)
{
	size_t n = strcspn(*p, " \t");

	*p += n;
	*p += strspn(*p, " \t");
	return n;
}

/* What comes before the first blank, and whether it can be a method. */
static bool
is_method(const char *s, size_t n)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return n > 0 && strspn(s, token) >= n;
}

static bool
is_target(const char *s, size_t n)
{
	return n > 0 && (*s == '/' || *s == '*' || memchr(s + 1, ':', n - 1));
}

static bool
is_version(const char *s, size_t n)
{
	return n == 8 && memcmp(s, "HTTP/", 5) == 0 && s[5] >= '0' &&
	    s[5] <= '9' && s[6] == '.' && s[7] >= '0' && s[7] <= '9';
}

/* Whether the first line is a request; *never: and will be none, whatever
 * follows. */
static bool
is_request(const char *s, size_t len, bool *never)
{
	const char *p = s, *word;
	bool last = false;
	size_t n = next_word(&p);

	*never = len > 0 && !is_method(s, n);
	if (*never || *p == '\0')
		return false;
	word = p;
	n = next_word(&p);
	if (!is_target(word, n)) {
		*never = word[n] != '\0';
		return false;
	}
	while (*p != '\0') {
		word = p;
		n = next_word(&p);
		last = is_version(word, n);
	}
	return last;
}

static void
slow_clear(struct slow *s)
{
	s->len = s->counted = s->nfirst = 0;
	s->discarding = s->held = false;
}

static void
slow_end(struct slow *s)
{
	bool never;

	s->first[s->nfirst] = '\0';
	if (!s->begun && is_request(s->first, s->nfirst, &never))
		note(&s->record, 'H', NULL, 0);
	else if (s->held)
		note(&s->record, 'T', NULL, 0);
	else if (!s->discarding)
		note(&s->record, 'L', s->line, s->len);
	slow_clear(s);
	s->begun = s->marked = true;
}

/* It is too long: told unless it may be a request. */
static void
slow_hold(struct slow *s)
{
	bool never = true;

	s->first[s->nfirst] = '\0';
	if (!s->begun)
		(void)is_request(s->first, s->nfirst, &never);
	s->held = !never;
	if (never)
		note(&s->record, 'T', NULL, 0);
}

static void
slow_add(struct slow *s, uint8_t c)
{
	if (!s->begun) /* a string; no request has a NUL */
		s->first[s->nfirst++] = (char)(c == 0 ? 1 : c);
	if (s->held)
		slow_hold(s);
	if (s->discarding)
		return;
	if (++s->counted > s->max) {
		s->discarding = true;
		slow_hold(s);
		return;
	}
	s->line[s->len++] = c;
	if (s->begun || s->marked || s->len < 3)
		return;
	s->marked = true;
	if (memcmp(s->line, "\xef\xbb\xbf", 3) == 0)
		slow_clear(s);
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

/* EC */
static void
slow_erase(struct slow *s)
{
	s->marked |= s->len > 0;
	s->len = text_apply_keys((char *)s->line, 0, s->len);
	s->len = text_erase_last((char *)s->line, s->len);
	if (!s->begun)
		s->first[s->nfirst++] = 0x7f;
	if (s->held)
		slow_hold(s);
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
	else if (c == 247)
		slow_erase(s);
	else if (c == 248 || c == 244 || c == 243 || c == 238) {
		s->marked |= s->len > 0;
		slow_clear(s);
	}
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
	for (; s->len > 0 && s->line[s->len - 1] == 0x04; s->len--)
		;
	if (s->len > 0 || s->discarding)
		slow_end(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t whole = 0, bytes = 16;
	struct fuzz_input in = { data, size };
	unsigned max = 3 + fuzz_byte(&in);
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
		free(d.record.text);
	}
	free(slow.record.text);
	return 0;
}
