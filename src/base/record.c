#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/base/record.h"

#define NO_TEXT UINT32_MAX /* as the length of a text that is NULL */

/* ---- writing ---- */

void
record_begin(struct record *r)
{
	r->len = 0;
	r->failed = false;
}

void
record_free(struct record *r)
{
	free(r->bytes);
	memset(r, 0, sizeof(*r));
}

static bool
reserve(struct record *r, size_t n)
{
	unsigned char *bytes;
	size_t size = r->size == 0 ? 512 : r->size;

	if (r->failed || n > UINT32_MAX) {
		r->failed = true;
		return false;
	}
	if (r->len + n <= r->size)
		return true;
	while (size < r->len + n)
		size *= 2;
	if ((bytes = realloc(r->bytes, size)) == NULL) {
		r->failed = true;
		return false;
	}
	r->bytes = bytes;
	r->size = size;
	return true;
}

static void
put_number(struct record *r, uint64_t n, size_t width)
{
	if (!reserve(r, width))
		return;
	n = htole64(n);
	memcpy(r->bytes + r->len, &n, width);
	r->len += width;
}

void
record_put_u8(struct record *r, uint8_t n)
{
	put_number(r, n, sizeof(n));
}

void
record_put_u16(struct record *r, uint16_t n)
{
	put_number(r, n, sizeof(n));
}

void
record_put_u32(struct record *r, uint32_t n)
{
	put_number(r, n, sizeof(n));
}

void
record_put_u64(struct record *r, uint64_t n)
{
	put_number(r, n, sizeof(n));
}

void
record_put_bytes(struct record *r, const void *p, size_t n)
{
	record_put_u32(r, (uint32_t)n);
	if (n == 0 || !reserve(r, n))
		return;
	if (p == NULL) {
		r->failed = true;
		return;
	}
	memcpy(r->bytes + r->len, p, n);
	r->len += n;
}

void
record_put_text(struct record *r, const char *text)
{
	if (text == NULL)
		record_put_u32(r, NO_TEXT);
	else
		record_put_bytes(r, text, strlen(text));
}

/* ---- reading ---- */

struct record_reader
record_reader(const void *p, size_t n)
{
	struct record_reader r = { .at = p, .left = n };

	return r;
}

/* The next n bytes; NULL if there are fewer. */
static const unsigned char *
take(struct record_reader *r, size_t n)
{
	const unsigned char *at = r->at;

	if (r->failed || n > r->left) {
		r->failed = true;
		return NULL;
	}
	r->at += n;
	r->left -= n;
	return at;
}

static uint64_t
get_number(struct record_reader *r, size_t width)
{
	const unsigned char *p = take(r, width);
	uint64_t n = 0;

	while (p != NULL && width-- > 0)
		n = n << 8 | p[width];
	return n;
}

uint8_t
record_get_u8(struct record_reader *r)
{
	return (uint8_t)get_number(r, sizeof(uint8_t));
}

uint16_t
record_get_u16(struct record_reader *r)
{
	return (uint16_t)get_number(r, sizeof(uint16_t));
}

uint32_t
record_get_u32(struct record_reader *r)
{
	return (uint32_t)get_number(r, sizeof(uint32_t));
}

uint64_t
record_get_u64(struct record_reader *r)
{
	return get_number(r, sizeof(uint64_t));
}

const void *
record_get_bytes(struct record_reader *r, size_t *n)
{
	const unsigned char *p;

	*n = record_get_u32(r);
	if ((p = take(r, *n)) == NULL)
		*n = 0;
	return p;
}

/* A text has no NUL in it: who wrote it had it end with one. */
static const unsigned char *
get_text(struct record_reader *r, uint32_t len)
{
	const unsigned char *p = take(r, len);

	if (p != NULL && memchr(p, '\0', len) != NULL) {
		r->failed = true;
		return NULL;
	}
	return p;
}

char *
record_get_text(struct record_reader *r)
{
	uint32_t len = record_get_u32(r);
	const unsigned char *p;
	char *text;

	if (r->failed || len == NO_TEXT || (p = get_text(r, len)) == NULL)
		return NULL;
	if ((text = malloc(len + 1UL)) == NULL) {
		r->failed = true;
		return NULL;
	}
	memcpy(text, p, len);
	text[len] = '\0';
	return text;
}

void
record_get_name(struct record_reader *r, char *buf, size_t size)
{
	uint32_t len = record_get_u32(r);
	const unsigned char *p;

	buf[0] = '\0';
	if (len >= size)
		r->failed = true;
	if ((p = get_text(r, len)) == NULL)
		return;
	memcpy(buf, p, len);
	buf[len] = '\0';
}

bool
record_is_whole(const struct record_reader *r)
{
	return !r->failed && r->left == 0;
}
