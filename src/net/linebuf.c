#include <sys/param.h>

#include <stdlib.h>
#include <string.h>

#include "banterd/base/record.h"
#include "banterd/net/linebuf.h"
#include "banterd/base/text.h"

#define PART 256 /* bytes, in which the end of a line is looked for at once */

void
linebuf_clear(struct linebuf *lb)
{
	bool cr = lb->cr;

	free(lb->buf);
	memset(lb, 0, sizeof(*lb));
	lb->cr = cr; /* of the line before */
}

void
linebuf_release(struct linebuf *lb)
{
	if (lb->len > 0 || lb->buf == NULL)
		return;
	free(lb->buf);
	lb->buf = NULL;
	lb->size = 0;
}

void
linebuf_drop_held(struct linebuf *lb)
{
	if (!lb->held)
		return;
	if (lb->len > 0)
		explicit_bzero(lb->buf, lb->len);
	lb->len = 0;
	lb->held = false;
	linebuf_release(lb);
}

/* From here to its end the line is thrown away. */
static void
give_up(struct linebuf *lb, struct linebuf_event *ev, enum linebuf_what why)
{
	linebuf_clear(lb);
	lb->discarding = true;
	ev->what = why;
}

/* Adds to the unfinished line, unless it is, or has to be, given up. */
static void
append(struct linebuf *lb, unsigned max, const char *p, size_t n,
    struct linebuf_event *ev)
{
	char *buf;

	if (lb->discarding || n == 0)
		return;
	if (lb->counted + n > max) {
		give_up(lb, ev, LINEBUF_TOO_LONG);
		return;
	}
	if (lb->len + n > lb->size) {
		if ((buf = realloc(lb->buf, max)) == NULL) {
			give_up(lb, ev, LINEBUF_NO_MEMORY);
			return;
		}
		lb->buf = buf;
		lb->size = (uint16_t)max;
	}
	memcpy(lb->buf + lb->len, p, n);
	lb->len = (uint16_t)(lb->len + n);
	lb->counted = (uint16_t)(lb->counted + n);
}

/* The line ends after the n bytes at p. */
static void
finish(struct linebuf *lb, unsigned max, const char *p, size_t n,
    struct linebuf_event *ev)
{
	ev->ended = true;
	if (lb->counted == 0 && !lb->discarding && n <= max) {
		ev->what = LINEBUF_LINE;
		ev->line = p;
		ev->len = n;
		return;
	}
	append(lb, max, p, n, ev);
	if (!lb->discarding) {
		ev->what = LINEBUF_LINE;
		ev->line = lb->buf;
		ev->len = lb->len;
	}
	lb->len = lb->edited = lb->counted = 0;
	lb->discarding = false;
}

/* Where the first CR or LF is; n if there is none. */
static size_t
find_end(const char *p, size_t n)
{
	const char *cr, *lf;
	size_t at, part;

	/* For each of a thousand short lines the rest is not looked through. */
	for (at = 0; at < n; at += part) {
		part = MIN(n - at, PART);
		cr = memchr(p + at, '\r', part);
		lf = memchr(
		    p + at, '\n', cr != NULL ? (size_t)(cr - (p + at)) : part);
		if (lf != NULL || cr != NULL)
			return (size_t)((lf != NULL ? lf : cr) - p);
	}
	return n;
}

static bool
belongs_to_cr(char c)
{
	return c == '\n' || c == '\0';
}

/* The line ends with the CR before the n bytes at p.  Returns how many of them
 * belong to it; if there are none, what comes later may. */
static size_t
after_cr(struct linebuf *lb, const char *p, size_t n)
{
	lb->cr = n == 0;
	return n > 0 && belongs_to_cr(*p);
}

size_t
linebuf_take(struct linebuf *lb, unsigned max, const char *p, size_t n,
    struct linebuf_event *ev)
{
	size_t used = 0, len;

	memset(ev, 0, sizeof(*ev));
	if (lb->cr)
		used = after_cr(lb, p, n);
	len = find_end(p + used, n - used);
	if (used + len == n) {
		append(lb, max, p + used, len, ev);
		return n;
	}
	finish(lb, max, p + used, len, ev);
	used += len + 1;
	if (p[used - 1] == '\r')
		used += after_cr(lb, p + used, n - used);
	return used;
}

void
linebuf_end(struct linebuf *lb, struct linebuf_event *ev)
{
	memset(ev, 0, sizeof(*ev));
	while (lb->len > 0 && lb->buf[lb->len - 1] == TEXT_CTRL_D)
		lb->len--;
	if (lb->len > 0 || lb->discarding)
		finish(lb, UINT16_MAX, "", 0, ev);
}

bool
linebuf_hold(struct linebuf *lb, unsigned max, const struct linebuf_event *ev)
{
	char *buf;

	if (ev->len > lb->size) {
		if ((buf = realloc(lb->buf, max)) == NULL)
			return false;
		lb->buf = buf;
		lb->size = (uint16_t)max;
	}
	if (ev->line != lb->buf && ev->len > 0)
		memcpy(lb->buf, ev->line, ev->len);
	lb->len = (uint16_t)ev->len;
	lb->held = true;
	return true;
}

void
linebuf_held(struct linebuf *lb, struct linebuf_event *ev)
{
	memset(ev, 0, sizeof(*ev));
	ev->what = LINEBUF_LINE;
	ev->ended = true;
	ev->line = lb->buf;
	ev->len = lb->len;
	lb->len = 0;
	lb->held = false;
}

void
linebuf_erase_character(struct linebuf *lb)
{
	size_t len;

	if (lb->edited > lb->len)
		lb->edited = lb->len;
	len = text_apply_keys(lb->buf, lb->edited, lb->len);
	lb->len = lb->edited = (uint16_t)text_erase_last(lb->buf, len);
}

void
linebuf_lose(struct linebuf *lb)
{
	linebuf_clear(lb);
	lb->cr = false;
	lb->discarding = true;
}

/* ---- what outlives the process ---- */

bool
linebuf_is_unfinished(const struct linebuf *lb)
{
	return lb->discarding || (lb->counted > 0 && !lb->held);
}

void
linebuf_export_rest(const struct linebuf *lb, struct record *r)
{
	record_put_u8(r, lb->discarding);
	record_put_u8(r, lb->held);
	record_put_u16(r, lb->counted);
	record_put_u16(r, lb->edited);
	record_put_bytes(r, lb->buf, lb->len);
}

bool
linebuf_import_rest(struct linebuf *lb, unsigned max, struct record_reader *r)
{
	const void *p;
	size_t n;

	lb->discarding = record_get_u8(r) != 0;
	lb->held = record_get_u8(r) != 0;
	lb->counted = record_get_u16(r);
	lb->edited = record_get_u16(r);
	p = record_get_bytes(r, &n);
	if (r->failed || n > max || (lb->discarding && n > 0) ||
	    (!lb->held && n > lb->counted))
		return false;
	if (n == 0 && !lb->held)
		return true;
	if ((lb->buf = malloc(n + 1)) == NULL)
		return false;
	if (n > 0)
		memcpy(lb->buf, p, n);
	lb->size = lb->len = (uint16_t)n;
	return true;
}
