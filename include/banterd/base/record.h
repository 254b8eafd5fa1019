/*
 * Records: plain fields written one after another, and read in the same order.
 * Numbers have their width and are little-endian, whatever the machine; there
 * are no pointers and no padding.  Who reads looks once, at the end, whether
 * all was there: what is read from a record that is too short is 0 or NULL.
 */
#ifndef BANTERD_BASE_RECORD_H
#define BANTERD_BASE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One that is written.  All zero is an empty one. */
struct record {
	unsigned char *bytes;
	size_t len, size; /* of bytes */
	bool failed;      /* memory was out: it is not whole */
};

/* Begins anew; the memory stays. */
void record_begin(struct record *r);
void record_free(struct record *r);

void record_put_u8(struct record *r, uint8_t n);
void record_put_u16(struct record *r, uint16_t n);
void record_put_u32(struct record *r, uint32_t n);
void record_put_u64(struct record *r, uint64_t n);

/* p NULL for more than none: there was no memory for them. */
void record_put_bytes(struct record *r, const void *p, size_t n);

/* Text may be NULL. */
void record_put_text(struct record *r, const char *text);

/* One that is read. */
struct record_reader {
	const unsigned char *at;
	size_t left;
	bool failed; /* it is too short, or memory was out */
};

struct record_reader record_reader(const void *p, size_t n);

uint8_t record_get_u8(struct record_reader *r);
uint16_t record_get_u16(struct record_reader *r);
uint32_t record_get_u32(struct record_reader *r);
uint64_t record_get_u64(struct record_reader *r);

/* Bytes that lie in the record, and how many. */
const void *record_get_bytes(struct record_reader *r, size_t *n);

/* A text, or NULL, that the caller owes free(). */
char *record_get_text(struct record_reader *r);

/* A text of fewer than size bytes into buf; another one is a failure. */
void record_get_name(struct record_reader *r, char *buf, size_t size);

/* Whether all of it was read, and nothing was missing. */
bool record_is_whole(const struct record_reader *r);

#endif
