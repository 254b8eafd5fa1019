#include <string.h>
#include <time.h>

#include <bsd/string.h>

#include "banterd/base/store_message.h"
#include "banterd/store/export.h"
#include "banterd/store/file.h"
#include "banterd/store/lines.h"

#define PIECE_US      4000
#define PIECE_MAX     (128 << 10) /* bytes, and the line that goes beyond */
#define LOOK_AT_CLOCK 32          /* lines between two looks */

struct piece {
	struct export *e;
	FILE *out;
	uint64_t until; /* us */
	size_t bytes;
	unsigned lines;
};

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int
export_begin(struct export *e, struct file *f, const char *room, uint64_t since,
    bool json)
{
	bool any;

	memset(e, 0, sizeof(*e));
	e->file = f;
	e->since = since;
	e->json = json;
	if (strlcpy(e->room, room, sizeof(e->room)) >= sizeof(e->room))
		return 0;
	if (!lines_any_before(f, e->room, INT64_MAX, &any))
		return -1;
	return any;
}

static void
put_date(FILE *out, uint64_t s, const char *between, const char *end)
{
	time_t at = (time_t)s;
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	if (s <= UINT32_MAX * 64ULL)
		(void)gmtime_r(&at, &tm);
	fprintf(out, "%04d-%02d-%02d%s%02d:%02d:%02d%s", tm.tm_year + 1900,
	    tm.tm_mon + 1, tm.tm_mday, between, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, end);
}

/* As RFC 8259 has it. */
static void
put_string(FILE *out, const char *text, size_t len)
{
	size_t i;

	(void)putc('"', out);
	for (i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			fprintf(out, "\\%c", text[i]);
		else if ((unsigned char)text[i] < ' ' || text[i] == '\x7f')
			fprintf(out, "\\u%04x", (unsigned)text[i]);
		else
			(void)putc(text[i], out);
	}
	(void)putc('"', out);
}

static void
put_json(FILE *out, const struct store_message *row)
{
	fprintf(out, "{\"time\":\"");
	put_date(out, row->when, "T", "Z");
	fprintf(out, "\",\"room\":");
	put_string(out, row->room, strlen(row->room));
	fprintf(out, ",\"from\":");
	put_string(out, row->name, strlen(row->name));
	fprintf(out, ",\"action\":%s,\"text\":",
	    (row->flags & STORE_ACTION) != 0 ? "true" : "false");
	put_string(out, row->text, row->text_len);
	fprintf(out, "}\n");
}

static void
put_text(FILE *out, const struct store_message *row)
{
	bool done = (row->flags & STORE_ACTION) != 0;
	const char *text = row->text;
	size_t i;

	put_date(out, row->when, " ", " ");
	fprintf(out, "[%s] %s%s%s ", row->room, done ? "* " : "", row->name,
	    done ? "" : ":");
	/* No file from elsewhere has a line look as two. */
	for (i = 0; i < row->text_len; i++)
		(void)putc((unsigned char)text[i] < ' ' || text[i] == '\x7f' ?
			'?' :
			text[i],
		    out);
	(void)putc('\n', out);
}

static bool
put_line(void *arg, const struct store_message *row)
{
	struct piece *p = arg;

	p->e->next = row->line + 1;
	if (row->when >= p->e->since) {
		if (p->e->json)
			put_json(p->out, row);
		else
			put_text(p->out, row);
		p->bytes += row->text_len + sizeof(row->room);
	}
	return p->bytes < PIECE_MAX &&
	    (++p->lines % LOOK_AT_CLOCK != 0 || now_us() < p->until);
}

int
export_step(struct export *e, FILE *out)
{
	struct piece p = { .e = e, .out = out, .until = now_us() + PIECE_US };

	return lines_scan_up(e->file, e->room, e->next, put_line, &p);
}

bool
export_date(const char *text, uint64_t *s)
{
	struct tm tm;
	char again[16];
	time_t at;

	memset(&tm, 0, sizeof(tm));
	if (strptime(text, "%Y-%m-%d", &tm) == NULL)
		return false;
	at = timegm(&tm);
	if (strftime(again, sizeof(again), "%Y-%m-%d", &tm) == 0 ||
	    strcmp(again, text) != 0)
		return false;
	*s = at > 0 ? (uint64_t)at : 0;
	return true;
}
