#include <stdlib.h>
#include <string.h>

#include "banterd/net/linebuf.h"
#include "banterd/base/text.h"

void
linebuf_clear(struct linebuf *lb)
{
	free(lb->buf);
	memset(lb, 0, sizeof(*lb));
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

/* From here to its end the line is thrown away. */
static bool
give_up(struct linebuf *lb, struct linebuf_event *ev, enum linebuf_what why)
{
	linebuf_clear(lb);
	lb->discarding = true;
	ev->what = why;
	return false;
}

/* Adds to the unfinished line.  False if it was given up just now. */
static bool
append(struct linebuf *lb, unsigned max, const char *p, size_t n,
    struct linebuf_event *ev)
{
	char *buf;

	if (lb->discarding || n == 0)
		return true;
	if (lb->counted + n > max)
		return give_up(lb, ev, LINEBUF_TOO_LONG);
	if (lb->len + n > lb->size) {
		if ((buf = realloc(lb->buf, max)) == NULL)
			return give_up(lb, ev, LINEBUF_NO_MEMORY);
		lb->buf = buf;
		lb->size = (uint16_t)max;
	}
	memcpy(lb->buf + lb->len, p, n);
	lb->len = (uint16_t)(lb->len + n);
	lb->counted = (uint16_t)(lb->counted + n);
	return true;
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
	if (append(lb, max, p, n, ev) && !lb->discarding) {
		ev->what = LINEBUF_LINE;
		ev->line = lb->buf;
		ev->len = lb->len;
	}
	lb->len = lb->edited = lb->counted = 0;
	lb->discarding = false;
}

static size_t
find_end(const char *p, size_t n)
{
	const char *cr = memchr(p, '\r', n), *lf;

	if (cr != NULL)
		n = (size_t)(cr - p);
	lf = memchr(p, '\n', n);
	return lf != NULL ? (size_t)(lf - p) : n;
}

static bool
ends_after_cr(char c)
{
	return c == '\n' || c == '\0';
}

size_t
linebuf_take(struct linebuf *lb, unsigned max, const char *p, size_t n,
    struct linebuf_event *ev)
{
	size_t len;

	memset(ev, 0, sizeof(*ev));
	if (lb->cr) {
		lb->cr = false;
		if (ends_after_cr(*p)) {
			finish(lb, max, p, 0, ev);
			return 1;
		}
		/* What follows is thrown away, too, unless it is a CR. */
		if (!append(lb, max, "\r", 1, ev))
			return *p == '\r' ? 0 : 1;
	}
	len = find_end(p, n);
	if (len < n && p[len] == '\n') {
		finish(lb, max, p, len, ev);
		return len + 1;
	}
	if (len + 1 < n && ends_after_cr(p[len + 1])) {
		finish(lb, max, p, len, ev);
		return len + 2;
	}
	if (append(lb, max, p, len, ev) && len < n) {
		lb->cr = true; /* to be seen with what follows */
		len++;
	}
	return len;
}

void
linebuf_end(struct linebuf *lb, struct linebuf_event *ev)
{
	memset(ev, 0, sizeof(*ev));
	lb->cr = false;
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
	if (ev->line != lb->buf)
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
	len = text_apply_erasures(lb->buf, lb->edited, lb->len);
	lb->len = lb->edited = (uint16_t)text_erase_last(lb->buf, len);
}
