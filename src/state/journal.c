#include <sys/param.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/state/journal.h"
#include "banterd/base/memfd.h"

#define MAGIC     0x6c6e726a2d746e62ULL /* "bnt-jrnl" */
#define HEAD_SIZE 4096U
#define HALF_SIZE ((JOURNAL_SIZE - HEAD_SIZE) / 2 & ~(size_t)4095)
#define ALIGNMENT 8U
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* glibc has it since 2.35 */
#endif

#define READY 16384U /* bytes of a half whose memory is had at once */

/* What stands at the beginning of the memory. */
struct head {
	uint64_t magic;
	uint64_t active; /* which half it is: 0 or 1 */
	uint64_t end[2]; /* of what was added to each; bytes */
};

/* What stands before a key and a record, which follow it without a gap; the
 * next one is aligned. */
struct prefix {
	uint32_t key_len, len;
};

/* Written anew it is through this, to the file: a page of the map that nobody
 * has touched costs ten times as much. */
struct buffer {
	size_t at, used; /* where in the half it goes; bytes in it */
	bool failed;
	unsigned char bytes[16384];
};

struct journal {
	int fd;
	struct head *head;
	unsigned char *halves[2];
	struct buffer *buffer; /* NULL: is not written anew now */
	size_t base;  /* bytes that were not out of date when it was, at most */
	size_t ready; /* of the active half up to here there is memory */
};

_Static_assert(sizeof(struct head) == 32 && sizeof(struct prefix) == 8,
    "it has explicit widths and no padding: a format");

int
journal_make(void)
{
	const struct head head = { .magic = MAGIC };
	int fd = memfd_make("banterd-journal"), save_errno;

	if (fd == -1)
		return -1;
	if (write(fd, &head, sizeof(head)) == (ssize_t)sizeof(head) &&
	    ftruncate(fd, (off_t)JOURNAL_SIZE) == 0)
		return fd;
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return -1;
}

static bool
is_journal(const struct head *head)
{
	return head->magic == MAGIC && head->active <= 1 &&
	    head->end[head->active] <= HALF_SIZE;
}

static struct journal *
use(int fd, struct head *head)
{
	struct journal *j;

	if ((j = calloc(1, sizeof(*j))) == NULL)
		return NULL;
	j->fd = fd;
	j->head = head;
	j->halves[0] = (unsigned char *)head + HEAD_SIZE;
	j->halves[1] = j->halves[0] + HALF_SIZE;
	return j;
}

struct journal *
journal_open(int fd)
{
	struct journal *j = NULL;
	struct stat st;
	void *p;

	if (fstat(fd, &st) == -1)
		return NULL;
	if (st.st_size != (off_t)JOURNAL_SIZE) {
		errno = EINVAL;
		return NULL;
	}
	p = mmap(NULL, JOURNAL_SIZE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (!is_journal(p))
		errno = EINVAL;
	else
		j = use(fd, p);
	if (j == NULL)
		(void)munmap(p, JOURNAL_SIZE);
	return j;
}

void
journal_close(struct journal *j)
{
	(void)munmap(j->head, JOURNAL_SIZE);
	free(j->buffer);
	free(j);
}

static size_t
size_of(const struct prefix *prefix)
{
	size_t size = sizeof(*prefix) + prefix->key_len + prefix->len;

	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* Where the half begins that is not the active one, in the file. */
static off_t
other_half(const struct journal *j)
{
	return (off_t)(HEAD_SIZE + (1 - j->head->active) * HALF_SIZE);
}

static void
flush(struct journal *j)
{
	struct buffer *b = j->buffer;
	size_t done = 0;
	ssize_t n;

	while (!b->failed && done < b->used) {
		n = pwrite(j->fd, b->bytes + done, b->used - done,
		    other_half(j) + (off_t)(b->at + done));
		b->failed = n <= 0;
		done += b->failed ? 0 : (size_t)n;
	}
	b->at += b->used;
	b->used = 0;
}

static void
buffer(struct journal *j, const void *p, size_t n)
{
	struct buffer *b = j->buffer;
	const unsigned char *from = p;
	size_t part;

	for (; n > 0; n -= part, from += part) {
		if (b->used == sizeof(b->bytes))
			flush(j);
		part = MIN(n, sizeof(b->bytes) - b->used);
		memcpy(b->bytes + b->used, from, part);
		b->used += part;
	}
}

static bool
fits(size_t used, const struct prefix *prefix, size_t len)
{
	return len <= HALF_SIZE && size_of(prefix) <= HALF_SIZE - used;
}

static bool
append_anew(struct journal *j, const struct prefix *prefix, const void *key,
    const void *record)
{
	static const unsigned char gap[ALIGNMENT];
	size_t size = sizeof(*prefix) + prefix->key_len + prefix->len;

	if (!fits(j->buffer->at + j->buffer->used, prefix, prefix->len))
		return false;
	buffer(j, prefix, sizeof(*prefix));
	buffer(j, key, prefix->key_len);
	buffer(j, record, prefix->len);
	buffer(j, gap, size_of(prefix) - size);
	return true;
}

/* Has the memory for what comes after the used bytes: to get it page by page,
 * as each is touched, costs many times as much.  Where that is not possible, it
 * is got so. */
static void
get_ready(struct journal *j, size_t used)
{
	size_t from = MAX(j->ready, used - used % READY);
	size_t n = MIN(READY, HALF_SIZE - from);

	(void)madvise(
	    j->halves[j->head->active] + from, n, MADV_POPULATE_WRITE);
	j->ready = from + n;
}

bool
journal_append(struct journal *j, const void *key, size_t key_len,
    const void *record, size_t len)
{
	const struct prefix prefix = { (uint32_t)key_len, (uint32_t)len };
	uint64_t *end = &j->head->end[j->head->active];
	unsigned char *at = j->halves[j->head->active] + *end;

	if (len > HALF_SIZE)
		return false;
	if (j->buffer != NULL)
		return append_anew(j, &prefix, key, record);
	if (!fits((size_t)*end, &prefix, len))
		return false;
	if (*end + size_of(&prefix) > j->ready)
		get_ready(j, (size_t)*end);
	memcpy(at, &prefix, sizeof(prefix));
	memcpy(at + sizeof(prefix), key, key_len);
	if (len > 0)
		memcpy(at + sizeof(prefix) + key_len, record, len);
	/* Who dies before this has added nothing. */
	__atomic_store_n(end, *end + size_of(&prefix), __ATOMIC_RELEASE);
	return true;
}

size_t
journal_used(const struct journal *j)
{
	return (size_t)j->head->end[j->head->active];
}

bool
journal_is_grown(const struct journal *j)
{
	return journal_used(j) > 2 * j->base + JOURNAL_SLACK;
}

void
journal_forget(struct journal *j, size_t bytes)
{
	j->base -= MIN(bytes, j->base);
}

bool
journal_begin_anew(struct journal *j)
{
	return (j->buffer = calloc(1, sizeof(*j->buffer))) != NULL;
}

bool
journal_end_anew(struct journal *j, bool whole)
{
	unsigned writing = 1 - (unsigned)j->head->active;

	flush(j);
	whole = whole && !j->buffer->failed;
	if (whole) {
		j->head->end[writing] = j->buffer->at;
		__atomic_store_n(&j->head->active, writing, __ATOMIC_RELEASE);
	}
	free(j->buffer);
	j->buffer = NULL;
	/* The memory of the other half is given back; if not, it is used
	 * again. */
	(void)madvise(j->halves[1 - j->head->active], HALF_SIZE, MADV_REMOVE);
	j->base = journal_used(j);
	j->ready = 0;
	return whole;
}

/* The next record of so many bytes; false if it is none. */
static bool
is_record(const struct prefix *prefix, size_t left)
{
	return prefix->key_len <= DATABASE_KEY_MAX && prefix->key_len > 0 &&
	    prefix->len <= left && size_of(prefix) <= left;
}

bool
journal_each(struct journal *j, database_found *found, void *arg)
{
	const unsigned char *at = j->halves[j->head->active];
	size_t left = journal_used(j);
	struct prefix prefix;

	while (left > 0) {
		if (left < sizeof(prefix))
			return false;
		memcpy(&prefix, at, sizeof(prefix));
		if (!is_record(&prefix, left))
			return false;
		if (!found(arg, at + sizeof(prefix), prefix.key_len,
			at + sizeof(prefix) + prefix.key_len, prefix.len))
			return true;
		at += size_of(&prefix);
		left -= size_of(&prefix);
	}
	return true;
}
