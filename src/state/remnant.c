#include <sys/param.h>
#include <sys/stat.h>

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/base/memfd.h"
#include "banterd/state/remnant.h"

/*
 * The head, written when all else is there, and then records; numbers are
 * little-endian.
 *
 *	head:   8 bytes magic, 4 version, 4 number of records,
 *	        8 length of all records, 8 checksum of the above and of them
 *	record: 1 byte length of the key, 4 length of the record, key, record
 */
#define VERSION  1
#define SUMMED   24 /* of the head */
#define HEAD     32
#define HEADLINE 5 /* of a record */
#define BUFFER   65536

/* FNV-1a, but over words of 8 bytes, of which there may be 100 MB: so the upper
 * half is folded into the lower. http://www.isthe.com/chongo/tech/comp/fnv/ */
#define FNV_BASIS 0xcbf29ce484222325U
#define FNV_PRIME 0x100000001b3U

static const char magic[8] = { 'b', 'a', 'n', 't', 'e', 'r', 'd', '\n' };

struct remnant {
	int fd;
	int error;   /* of the first failure, or 0 */
	off_t at;    /* where the buffer goes */
	size_t used; /* bytes in it */
	uint32_t records;
	uint64_t checksum;
	unsigned char buffer[BUFFER];
};

struct reader {
	int fd;
	off_t at, end;     /* what is not in the buffer yet */
	size_t pos, used;  /* what is in it, and not taken yet */
	uint64_t checksum; /* of the records up to here */
	bool is_good;      /* that of all of them */
	unsigned char key[DATABASE_KEY_MAX];
	unsigned char *record;
	size_t size; /* allocated for it */
	unsigned char buffer[BUFFER];
};

/* All pieces but the last one have a multiple of 8 bytes: BUFFER. */
static uint64_t
add_to_checksum(uint64_t sum, const unsigned char *bytes, size_t n)
{
	uint64_t word;
	size_t len;

	for (; n > 0; n -= len, bytes += len) {
		word = 0;
		len = MIN(n, sizeof(word));
		memcpy(&word, bytes, len);
		sum = (sum ^ le64toh(word)) * FNV_PRIME;
		sum ^= sum >> 32;
	}
	return sum;
}

static void
put_number(unsigned char *to, uint64_t n, size_t width)
{
	for (; width > 0; width--) {
		*to++ = (unsigned char)n;
		n >>= 8;
	}
}

static uint64_t
get_number(const unsigned char *from, size_t width)
{
	uint64_t n = 0;

	while (width > 0)
		n = n << 8 | from[--width];
	return n;
}

static bool
write_at(int fd, const unsigned char *bytes, size_t len, off_t at)
{
	ssize_t n;

	while (len > 0) {
		if ((n = pwrite(fd, bytes, len, at)) == -1)
			return false;
		bytes += n;
		len -= (size_t)n;
		at += n;
	}
	return true;
}

/* ---- written ---- */

int
remnant_make(void)
{
	return memfd_make("banterd-remnant");
}

/* Until the head is written there are zeros: what is not finished is not good,
 * nor is it empty. */
struct remnant *
remnant_begin(int fd)
{
	struct remnant *r;

	if (!remnant_wipe(fd) || ftruncate(fd, HEAD) == -1 ||
	    (r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	r->fd = fd;
	r->at = HEAD;
	r->checksum = FNV_BASIS;
	return r;
}

static void
flush(struct remnant *r)
{
	r->checksum = add_to_checksum(r->checksum, r->buffer, r->used);
	if (r->error == 0 && !write_at(r->fd, r->buffer, r->used, r->at))
		r->error = errno;
	r->at += (off_t)r->used;
	r->used = 0;
}

static void
append(struct remnant *r, const void *bytes, size_t len)
{
	const unsigned char *from = bytes;
	size_t n;

	while (len > 0) {
		n = MIN(len, BUFFER - r->used);
		memcpy(r->buffer + r->used, from, n);
		r->used += n;
		from += n;
		len -= n;
		if (r->used == BUFFER)
			flush(r);
	}
}

void
remnant_put(struct remnant *r, const void *key, size_t key_len,
    const void *record, size_t len)
{
	unsigned char headline[HEADLINE];

	if (r->error != 0)
		return;
	if (key_len == 0 || key_len > DATABASE_KEY_MAX || len > UINT32_MAX ||
	    r->records == UINT32_MAX) {
		r->error = EINVAL;
		return;
	}
	put_number(headline, key_len, 1);
	put_number(headline + 1, len, 4);
	append(r, headline, sizeof(headline));
	append(r, key, key_len);
	append(r, record, len);
	r->records++;
}

void
remnant_fail(struct remnant *r, int error)
{
	if (r->error == 0)
		r->error = error;
}

static void
write_head(struct remnant *r)
{
	unsigned char head[HEAD];

	memcpy(head, magic, sizeof(magic));
	put_number(head + 8, VERSION, 4);
	put_number(head + 12, r->records, 4);
	put_number(head + 16, (uint64_t)(r->at - HEAD), 8);
	put_number(head + SUMMED, add_to_checksum(r->checksum, head, SUMMED),
	    HEAD - SUMMED);
	if (!write_at(r->fd, head, HEAD, 0))
		r->error = errno;
}

bool
remnant_end(struct remnant *r)
{
	int error;

	flush(r);
	if (r->error == 0)
		write_head(r);
	error = r->error;
	explicit_bzero(r->buffer, sizeof(r->buffer));
	free(r);
	errno = error;
	return error == 0;
}

/* ---- read ---- */

static bool
refuse(void)
{
	errno = EINVAL;
	return false;
}

static bool
refill(struct reader *r)
{
	size_t n = (size_t)MIN(r->end - r->at, BUFFER);
	ssize_t got;

	if ((got = pread(r->fd, r->buffer, n, r->at)) == -1)
		return false;
	if (got == 0 || (size_t)got < n)
		return refuse();
	if (!r->is_good)
		r->checksum = add_to_checksum(r->checksum, r->buffer, n);
	r->at += got;
	r->pos = 0;
	r->used = n;
	return true;
}

static bool
take(struct reader *r, void *bytes, size_t len)
{
	unsigned char *to = bytes;
	size_t n;

	while (len > 0) {
		if (r->used == 0 && !refill(r))
			return false;
		n = MIN(len, r->used);
		memcpy(to, r->buffer + r->pos, n);
		r->pos += n;
		r->used -= n;
		to += n;
		len -= n;
	}
	return true;
}

/* Memory for a record of so many bytes, if these can be there at all. */
static bool
fit_record(struct reader *r, size_t len)
{
	if ((uint64_t)(r->end - r->at) + r->used < len)
		return refuse();
	if (len <= r->size)
		return true;
	if (r->record != NULL)
		explicit_bzero(r->record, r->size);
	free(r->record);
	r->size = 0;
	if ((r->record = malloc(len)) == NULL)
		return false;
	r->size = len;
	return true;
}

static bool
take_record(struct reader *r, size_t *key_len, size_t *len)
{
	unsigned char headline[HEADLINE];

	if (!take(r, headline, sizeof(headline)))
		return false;
	*key_len = (size_t)get_number(headline, 1);
	*len = (size_t)get_number(headline + 1, 4);
	if (*key_len == 0 || *key_len > sizeof(r->key))
		return refuse();
	return take(r, r->key, *key_len) && fit_record(r, *len) &&
	    take(r, r->record, *len);
}

static bool
ignore(
    void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	(void)arg;
	(void)key;
	(void)key_len;
	(void)record;
	(void)len;
	return true;
}

/* From the first record on; they have to end where the memory does. */
static bool
tell(struct reader *r, uint32_t records, database_found *found, void *arg)
{
	size_t key_len, len;

	r->at = HEAD;
	r->used = 0;
	r->checksum = FNV_BASIS;
	for (; records > 0; records--) {
		if (!take_record(r, &key_len, &len))
			return false;
		if (!found(arg, r->key, key_len, r->record, len))
			return true;
	}
	return r->at == r->end && r->used == 0 ? true : refuse();
}

/* Nobody is told anything before all of it is known to be good. */
static bool
read_all(struct reader *r, database_found *found, void *arg)
{
	unsigned char head[HEAD];
	uint32_t records;

	if (!take(r, head, sizeof(head)))
		return false;
	records = (uint32_t)get_number(head + 12, 4);
	if (memcmp(head, magic, sizeof(magic)) != 0 ||
	    get_number(head + 8, 4) != VERSION ||
	    get_number(head + 16, 8) != (uint64_t)(r->end - HEAD))
		return refuse();
	if (!tell(r, records, ignore, NULL))
		return false;
	if (get_number(head + SUMMED, HEAD - SUMMED) !=
	    add_to_checksum(r->checksum, head, SUMMED))
		return refuse();
	r->is_good = true;
	return tell(r, records, found, arg);
}

static void
free_reader(struct reader *r)
{
	if (r->record != NULL)
		explicit_bzero(r->record, r->size);
	free(r->record);
	explicit_bzero(r->buffer, sizeof(r->buffer));
	free(r);
}

bool
remnant_each(int fd, database_found *found, void *arg)
{
	struct reader *r;
	struct stat st;
	bool is_read;
	int error;

	if (fstat(fd, &st) == -1)
		return false;
	if (st.st_size == 0)
		return true;
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return false;
	r->fd = fd;
	r->end = st.st_size;
	is_read = read_all(r, found, arg);
	error = errno;
	free_reader(r);
	errno = error;
	return is_read;
}

/* ---- overwritten ---- */

static bool
overwrite(int fd)
{
	static unsigned char zeros[BUFFER];
	struct stat st;
	off_t at;
	size_t n;

	if (fstat(fd, &st) == -1)
		return false;
	for (at = 0; at < st.st_size; at += (off_t)n) {
		n = (size_t)MIN(st.st_size - at, BUFFER);
		if (!write_at(fd, zeros, n, at))
			return false;
	}
	return true;
}

bool
remnant_wipe(int fd)
{
	bool is_overwritten = overwrite(fd);
	int error = errno;

	if (ftruncate(fd, 0) == -1)
		return false;
	errno = error;
	return is_overwritten;
}
