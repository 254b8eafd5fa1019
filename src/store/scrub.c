#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "banterd/store/scrub.h"

/* See sqlite.org/fileformat.html. */
#define PAGE_MAX 65536
#define TABLE_LEAF                                                 \
	0x0d /* no other page's first byte, in a file of less than \
	      * 800 GB */
#define LEAF_HEADER  8
#define WAL_HEADER   32
#define FRAME_HEADER 24

struct scrub {
	sqlite3_file *file;
	sqlite3_int64 size; /* bytes */
	uint32_t page_size;
	bool has_written;
	unsigned char page[PAGE_MAX];
};

static uint32_t
get16(const unsigned char *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
get32(const unsigned char *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* The file's descriptor is SQLite's: another one, closed, would take its locks
 * away. */
static int
scrub_begin(struct scrub *s, sqlite3 *db)
{
	int rc;

	s->file = NULL;
	s->has_written = false;
	rc = sqlite3_file_control(
	    db, "main", SQLITE_FCNTL_FILE_POINTER, &s->file);
	if (rc != SQLITE_OK || s->file == NULL || s->file->pMethods == NULL)
		return rc != SQLITE_OK ? rc : SQLITE_MISUSE;
	if ((rc = s->file->pMethods->xFileSize(s->file, &s->size)) != SQLITE_OK)
		return rc;
	if (s->size < 512) {
		s->page_size = 0;
		return SQLITE_OK;
	}
	rc = s->file->pMethods->xRead(s->file, s->page, 100, 0);
	s->page_size = get16(s->page + 16);
	if (s->page_size == 1)
		s->page_size = PAGE_MAX;
	return rc;
}

/* What is in memory was read before. */
static int
scrub_end(struct scrub *s, sqlite3 *db)
{
	if (!s->has_written)
		return SQLITE_OK;
	(void)sqlite3_db_release_memory(db);
	return s->file->pMethods->xSync(s->file, SQLITE_SYNC_NORMAL);
}

/* The space of a page, from *from to *to; false if it has none. */
static bool
find_space(const struct scrub *s, uint32_t *from, uint32_t *to)
{
	uint32_t i;

	if (s->page[0] != TABLE_LEAF)
		return false;
	*from = LEAF_HEADER + 2 * get16(s->page + 3);
	*to = get16(s->page + 5);
	if (*to == 0)
		*to = PAGE_MAX;
	if (*to > s->page_size || *from >= *to)
		return false;
	for (i = *from; i < *to; i++) {
		if (s->page[i] != 0)
			return true;
	}
	return false;
}

/* The first page has the schema. */
static int
scrub_page(struct scrub *s, uint32_t number)
{
	sqlite3_int64 at = (sqlite3_int64)(number - 1) * s->page_size;
	uint32_t from, to;
	int rc;

	if (s->page_size < 512 || number < 2 || at + s->page_size > s->size)
		return SQLITE_OK;
	rc = s->file->pMethods->xRead(s->file, s->page, (int)s->page_size, at);
	if (rc != SQLITE_OK || !find_space(s, &from, &to))
		return rc;
	s->has_written = true;
	memset(s->page + from, 0, to - from);
	return s->file->pMethods->xWrite(
	    s->file, s->page + from, (int)(to - from), at + from);
}

int
scrub_step(struct sqlite3 *db, uint32_t *page)
{
	static struct scrub s;
	unsigned i;
	int rc = scrub_begin(&s, db);

	for (i = 0; rc == SQLITE_OK && i < SCRUB_PAGES && *page != 0; i++) {
		if (s.page_size < 512 ||
		    (sqlite3_int64)*page * s.page_size > s.size)
			*page = 0;
		else
			rc = scrub_page(&s, (*page)++);
	}
	return rc == SQLITE_OK ? scrub_end(&s, db) : rc;
}

/* ---- the log ---- */

static int
compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The pages that a log has: NULL if it has none, or cannot be read. */
static uint32_t *
pages_of_log(int fd, size_t *n)
{
	unsigned char header[WAL_HEADER];
	uint32_t *pages, page_size;
	off_t at = WAL_HEADER, size = lseek(fd, 0, SEEK_END);

	*n = 0;
	if (size <= WAL_HEADER ||
	    pread(fd, header, sizeof(header), 0) != sizeof(header))
		return NULL;
	page_size = get32(header + 8);
	if (page_size < 512 || page_size > PAGE_MAX)
		return NULL;
	pages = calloc((size_t)(size / page_size) + 1, sizeof(*pages));
	if (pages == NULL)
		return NULL;
	for (; at + FRAME_HEADER + page_size <= size;
	     at += FRAME_HEADER + page_size) {
		if (pread(fd, header, 4, at) != 4)
			break;
		pages[(*n)++] = get32(header);
	}
	qsort(pages, *n, sizeof(*pages), compare);
	return pages;
}

static uint32_t *
read_log(const char *path, size_t *n)
{
	char wal[PATH_MAX];
	int fd, len = snprintf(wal, sizeof(wal), "%s-wal", path);
	uint32_t *pages;

	*n = 0;
	if (len < 0 || (size_t)len >= sizeof(wal) ||
	    (fd = open(wal, O_RDONLY | O_CLOEXEC)) == -1)
		return NULL;
	pages = pages_of_log(fd, n);
	close(fd);
	return pages;
}

int
scrub_checkpoint(struct sqlite3 *db, const char *path)
{
	static struct scrub s;
	size_t i, n;
	uint32_t *pages = read_log(path, &n);
	int rc = sqlite3_wal_checkpoint_v2(
	    db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	if (rc == SQLITE_OK && n > 0)
		rc = scrub_begin(&s, db);
	for (i = 0; rc == SQLITE_OK && i < n; i++) {
		if (i == 0 || pages[i] != pages[i - 1])
			rc = scrub_page(&s, pages[i]);
	}
	free(pages);
	return rc == SQLITE_OK && n > 0 ? scrub_end(&s, db) : rc;
}
