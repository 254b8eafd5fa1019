/* Records: each kind of field, and what is read of one that is none. */
#include <stdlib.h>
#include <string.h>

#include "banterd/base/record.h"
#include "unit.h"

/* ---- memory ---- */

static int left = -1; /* so many allocations work, then one fails; -1: none */

void *__real_malloc(size_t);
void *__real_realloc(void *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_realloc(void *, size_t);

static bool
may_allocate(void)
{
	return left == -1 || left-- > 0;
}

void *
__wrap_malloc(size_t n)
{
	return may_allocate() ? __real_malloc(n) : NULL;
}

void *
__wrap_realloc(void *p, size_t n)
{
	return may_allocate() ? __real_realloc(p, n) : NULL;
}

/* ---- what is written ---- */

static struct record r;

static void
setup(void)
{
	left = -1;
	memset(&r, 0, sizeof(r));
}

static void
teardown(void)
{
	record_free(&r);
	ck_assert_ptr_null(r.bytes);
	ck_assert_uint_eq(r.size, 0);
}

static struct record_reader
all(void)
{
	return record_reader(r.bytes, r.len);
}

/* It is a format: these bytes, on any machine. */
START_TEST(as_bytes)
{
	record_put_u8(&r, 0xfe);
	record_put_u16(&r, 0x0102);
	record_put_u32(&r, 0x03040506);
	record_put_u64(&r, 0x0708090a0b0c0d0eULL);
	record_put_bytes(&r, "a\0b", 3);
	record_put_text(&r, "text");
	record_put_text(&r, "");
	record_put_text(&r, NULL);
	record_put_bytes(&r, NULL, 0);
	ck_assert(!r.failed);
	unit_bytes("record", r.bytes, r.len,
	    BYTES("\xfe"
		  "\x02\x01"
		  "\x06\x05\x04\x03"
		  "\x0e\x0d\x0c\x0b\x0a\x09\x08\x07"
		  "\3\0\0\0a\0b"
		  "\4\0\0\0text"
		  "\0\0\0\0"
		  "\xff\xff\xff\xff"
		  "\0\0\0\0"));
}
END_TEST

START_TEST(numbers)
{
	static const uint64_t of[] = { 0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff,
		0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, INT64_MAX, UINT64_MAX - 1, UINT64_MAX };
	struct record_reader in;
	size_t i;

	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		record_put_u8(&r, (uint8_t)of[i]);
		record_put_u16(&r, (uint16_t)of[i]);
		record_put_u32(&r, (uint32_t)of[i]);
		record_put_u64(&r, of[i]);
	}
	ck_assert_uint_eq(r.len, 15 * i);
	in = all();
	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		ck_assert_uint_eq(record_get_u8(&in), (uint8_t)of[i]);
		ck_assert_uint_eq(record_get_u16(&in), (uint16_t)of[i]);
		ck_assert_uint_eq(record_get_u32(&in), (uint32_t)of[i]);
		ck_assert(!record_is_whole(&in));
		ck_assert_uint_eq(record_get_u64(&in), of[i]);
	}
	ck_assert(record_is_whole(&in));
	ck_assert_uint_eq(record_get_u8(&in), 0);
	ck_assert(!record_is_whole(&in));
}
END_TEST

START_TEST(texts)
{
	static const char *const of[] = { "", "a", NULL, "h\xc3\xa9", "\xff",
		"a longer text than the others are" };
	struct record_reader in;
	char *text;
	size_t i;

	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		record_put_text(&r, of[i]);
	in = all();
	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		text = record_get_text(&in);
		if (of[i] == NULL)
			ck_assert_ptr_null(text);
		else
			ck_assert_str_eq(text, of[i]);
		free(text);
		ck_assert(!in.failed);
	}
	ck_assert(record_is_whole(&in));
}
END_TEST

/* Of bytes there is no copy. */
START_TEST(bytes_lie_in_it)
{
	struct record_reader in;
	const void *p;
	size_t n;

	record_put_bytes(&r, "a\0b", 3);
	record_put_bytes(&r, "", 0);
	in = all();
	p = record_get_bytes(&in, &n);
	unit_bytes("bytes", p, n, BYTES("a\0b"));
	ck_assert_ptr_eq(p, r.bytes + 4);
	(void)record_get_bytes(&in, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert(record_is_whole(&in));
	ck_assert_ptr_null(record_get_bytes(&in, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert(in.failed);
}
END_TEST

START_TEST(names)
{
	struct record_reader in;
	char name[4];

	record_put_text(&r, "abc");
	record_put_text(&r, "");
	in = all();
	record_get_name(&in, name, sizeof(name));
	ck_assert_str_eq(name, "abc");
	record_get_name(&in, name, sizeof(name));
	ck_assert_str_eq(name, "");
	ck_assert(record_is_whole(&in));
}
END_TEST

/* A text, as a name of at most 3 bytes. */
static bool
is_name(const void *bytes, size_t len)
{
	struct record_reader in;
	char name[5] = "????";

	record_begin(&r);
	record_put_bytes(&r, bytes, len);
	in = all();
	record_get_name(&in, name, sizeof(name) - 1);
	ck_assert_int_eq(name[4], '\0'); /* not written to */
	if (in.failed)
		ck_assert_str_eq(name, "");
	return record_is_whole(&in);
}

START_TEST(no_names)
{
	struct record_reader in;
	char name[4] = "abc";

	ck_assert(is_name(BYTES("abc")));
	ck_assert(!is_name(BYTES("abcd")));
	ck_assert(!is_name(BYTES("abcdefghijklmnopqrstuvwxyz")));
	ck_assert(!is_name(BYTES("\0")));
	ck_assert(!is_name(BYTES("a\0b")));
	ck_assert(!is_name(BYTES("ab\0")));
	record_begin(&r);
	record_put_text(&r, NULL);
	in = all();
	record_get_name(&in, name, sizeof(name));
	ck_assert_str_eq(name, "");
	ck_assert(in.failed);
}
END_TEST

/* Nor are there NULs in a text. */
START_TEST(no_texts)
{
	static const struct {
		const char *bytes;
		size_t len;
	} of[] = { { BYTES("\0") }, { BYTES("a\0") }, { BYTES("a\0b") },
		{ BYTES("\0a") } };
	struct record_reader in;
	size_t i;

	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		record_begin(&r);
		record_put_bytes(&r, of[i].bytes, of[i].len);
		in = all();
		ck_assert_ptr_null(record_get_text(&in));
		ck_assert(in.failed);
	}
}
END_TEST

/* ---- too short ---- */

/* Reads one of each. */
static void
read_all(struct record_reader *in)
{
	char name[8];
	size_t n;

	(void)record_get_u8(in);
	(void)record_get_u16(in);
	(void)record_get_u32(in);
	(void)record_get_u64(in);
	(void)record_get_bytes(in, &n);
	free(record_get_text(in));
	record_get_name(in, name, sizeof(name));
}

/* From there on nothing is read, not what would still fit, either. */
START_TEST(too_short)
{
	struct record_reader in;
	unsigned char *copy;
	size_t len;

	record_put_u8(&r, 1);
	record_put_u16(&r, 2);
	record_put_u32(&r, 3);
	record_put_u64(&r, 4);
	record_put_bytes(&r, "bytes", 5);
	record_put_text(&r, "text");
	record_put_text(&r, "name");
	for (len = 0; len <= r.len; len++) {
		/* the sanitizer knows where this one ends */
		copy = malloc(len + (len == 0));
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, r.bytes, len);
		in = record_reader(copy, len);
		read_all(&in);
		ck_assert(record_is_whole(&in) == (len == r.len));
		ck_assert(in.failed == (len < r.len));
		free(copy);
	}
	in = record_reader("\1\2", 2);
	ck_assert_uint_eq(record_get_u32(&in), 0);
	ck_assert_uint_eq(record_get_u8(&in), 0);
	ck_assert(!record_is_whole(&in));
	in = record_reader(NULL, 0);
	ck_assert(record_is_whole(&in));
	ck_assert_ptr_null(record_get_text(&in));
	ck_assert(!record_is_whole(&in));
}
END_TEST

/* A length that nothing can have. */
START_TEST(huge_lengths)
{
	static const uint32_t of[] = { 5, 0x7fffffff, 0x80000000, 0xfffffffb,
		0xfffffffe, 0xffffffff };
	struct record_reader in;
	char name[8];
	size_t i, n;

	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		record_begin(&r);
		record_put_u32(&r, of[i]);
		record_put_u32(&r, 0);
		in = all();
		ck_assert_ptr_null(record_get_bytes(&in, &n));
		ck_assert_uint_eq(n, 0);
		ck_assert(in.failed);
		in = all();
		ck_assert_ptr_null(record_get_text(&in));
		ck_assert(in.failed == (of[i] != UINT32_MAX)); /* none */
		in = all();
		record_get_name(&in, name, sizeof(name));
		ck_assert_str_eq(name, "");
		ck_assert(in.failed);
	}
}
END_TEST

/* ---- memory ---- */

/* It grows, and is used again. */
START_TEST(long_ones)
{
	static char bytes[100000];
	struct record_reader in;
	const void *p;
	size_t i, n, size = 0;
	int times;

	for (times = 0; times < 3; times++) {
		record_begin(&r);
		ck_assert_uint_eq(r.len, 0);
		for (i = 0; i < sizeof(bytes); i += 9973) {
			memset(bytes, (int)i, i);
			record_put_bytes(&r, bytes, i);
		}
		in = all();
		for (i = 0; i < sizeof(bytes); i += 9973) {
			memset(bytes, (int)i, i);
			p = record_get_bytes(&in, &n);
			ck_assert_uint_eq(n, i);
			ck_assert(n == 0 || memcmp(p, bytes, n) == 0);
		}
		ck_assert(record_is_whole(&in));
		ck_assert(times == 0 || r.size == size);
		size = r.size;
	}
}
END_TEST

START_TEST(no_memory)
{
	left = 0;
	record_put_u8(&r, 1);
	record_put_text(&r, "text");
	ck_assert(r.failed);
	ck_assert_uint_eq(r.len, 0);
	/* what follows is not a record that lacks something */
	left = -1;
	record_put_u32(&r, 1);
	ck_assert(r.failed);
	ck_assert_uint_eq(r.len, 0);
	record_begin(&r);
	record_put_u32(&r, 1);
	ck_assert(!r.failed);
	ck_assert_uint_eq(r.len, 4);
}
END_TEST

START_TEST(no_memory_to_grow)
{
	static const char bytes[1000];

	record_put_u8(&r, 1);
	left = 0;
	record_put_bytes(&r, bytes, sizeof(bytes));
	left = -1;
	ck_assert(r.failed);
	record_put_u8(&r, 2);
	ck_assert(r.failed);
	record_begin(&r);
	record_put_bytes(&r, bytes, sizeof(bytes));
	ck_assert(!r.failed);
}
END_TEST

START_TEST(no_memory_for_a_text)
{
	struct record_reader in;
	char *text;

	record_put_text(&r, "text");
	in = all();
	left = 0;
	text = record_get_text(&in);
	left = -1;
	ck_assert_ptr_null(text);
	ck_assert(in.failed);
	ck_assert(!record_is_whole(&in));
}
END_TEST

UNIT_MAIN("record", setup, teardown, as_bytes, numbers, texts, bytes_lie_in_it,
    names, no_names, no_texts, too_short, huge_lengths, long_ones, no_memory,
    no_memory_to_grow, no_memory_for_a_text)
