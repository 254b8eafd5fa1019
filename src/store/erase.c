#include <string.h>
#include <strings.h>
#include <time.h>

#include <bsd/string.h>

#include "banterd/base/store_message.h"
#include "banterd/store/erase.h"
#include "banterd/store/file.h"
#include "banterd/store/lines.h"
#include "banterd/store/notes.h"

#define STEP_US       4000
#define LOOK_AT_CLOCK 64 /* lines between two looks */

struct found {
	struct erase *e;
	uint64_t ids[ERASE_LINES];
	unsigned n, lines;
	uint64_t until; /* us */
};

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

bool
erase_begin(struct erase *e, struct file *f, const char *name)
{
	char copy[sizeof(e->name)]; /* it may be that of e */

	strlcpy(copy, name, sizeof(copy));
	memset(e, 0, sizeof(*e));
	e->file = f;
	memcpy(e->name, copy, sizeof(e->name));
	return lines_last(f, &e->last);
}

static bool
look_at(void *arg, const struct store_message *row)
{
	struct found *found = arg;

	if (row->line > found->e->last)
		return false;
	found->e->next = row->line + 1;
	if (strcasecmp(row->name, found->e->name) == 0)
		found->ids[found->n++] = row->line;
	return found->n < ERASE_LINES &&
	    (++found->lines % LOOK_AT_CLOCK != 0 || now_us() < found->until);
}

static int
erase_lines(struct erase *e)
{
	struct found found = { .e = e, .until = now_us() + STEP_US };
	int end = lines_scan_up(e->file, NULL, e->next, look_at, &found);
	unsigned i;

	if (end == -1 || (found.n > 0 && !file_begin(e->file)))
		return -1;
	for (i = 0; i < found.n; i++) {
		if (!lines_remove(e->file, found.ids[i]))
			return -1;
	}
	e->lines += found.n;
	if (end == 0 || e->next > e->last)
		e->phase = ERASE_THE_NOTES;
	return 1;
}

static int
erase_notes(struct erase *e)
{
	unsigned removed;

	if (!file_begin(e->file) ||
	    !notes_erase(e->file, e->name, ERASE_LINES, &removed))
		return -1;
	e->notes += removed;
	if (removed == 0)
		e->phase = ERASE_TIDIES;
	return 1;
}

int
erase_step(struct erase *e)
{
	int more;

	switch (e->phase) {
	case ERASE_THE_LINES:
		return erase_lines(e);
	case ERASE_THE_NOTES:
		return erase_notes(e);
	case ERASE_TIDIES:
		if (file_tidy(e->file))
			return 1;
		if (!file_is_well(e->file))
			return -1;
		e->phase = ERASE_SCRUBS;
		e->page = 1;
		return 1;
	case ERASE_SCRUBS:
		if ((more = file_scrub(e->file, &e->page)) == 0)
			e->phase = ERASE_DONE;
		return more;
	case ERASE_DONE:
		break;
	}
	return 0;
}
