/* The remnant: all of it comes back, or nothing does. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/state/remnant.h"
#include "shown.h"
#include "unit.h"

#define LARGE 3000000

/* ---- calls that fail ---- */

/* So many calls work, then one fails; -1: none does. */
static int left = -1;
static size_t most = SIZE_MAX; /* that one write takes */

static bool
may_call(int error)
{
	if (left == -1 || left-- > 0)
		return true;
	left = -1;
	errno = error;
	return false;
}

void *__real_calloc(size_t, size_t);
void *__real_malloc(size_t);
int __real_ftruncate(int, off_t);
ssize_t __real_pwrite(int, const void *, size_t, off_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_malloc(size_t);
int __wrap_ftruncate(int, off_t);
ssize_t __wrap_pwrite(int, const void *, size_t, off_t);

void *
__wrap_calloc(size_t n, size_t size)
{
	return may_call(ENOMEM) ? __real_calloc(n, size) : NULL;
}

void *
__wrap_malloc(size_t n)
{
	return may_call(ENOMEM) ? __real_malloc(n) : NULL;
}

int
__wrap_ftruncate(int fd, off_t size)
{
	return may_call(ENOSPC) ? __real_ftruncate(fd, size) : -1;
}

ssize_t
__wrap_pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	if (!may_call(ENOSPC))
		return -1;
	return __real_pwrite(fd, bytes, n < most ? n : most, at);
}

/* ---- a remnant ---- */

static int fd;
static char *large;

static void
setup(void)
{
	size_t i;

	fd = remnant_make();
	ck_assert_int_ne(fd, -1);
	large = malloc(LARGE);
	ck_assert_ptr_nonnull(large);
	for (i = 0; i < LARGE; i++)
		large[i] = (char)(i % 251);
}

static void
teardown(void)
{
	free(large);
	close(fd);
}

static off_t
size(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return st.st_size;
}

static void
put(struct remnant *r, const char *key, const char *record)
{
	remnant_put(r, key, strlen(key), record, strlen(record));
}

/* Three records, of which one is empty. */
static bool
write_small(void)
{
	struct remnant *r = remnant_begin(fd);

	if (r == NULL)
		return false;
	put(r, "b", "a secret");
	put(r, "a", "");
	put(r, "b", "2");
	return remnant_end(r);
}

static void
holds(const char *want)
{
	struct shown s = { .most = 100 };

	ck_assert(remnant_each(fd, shown_add, &s));
	ck_assert_str_eq(s.text, want);
}

static bool
nobody(
    void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	(void)arg;
	(void)record;
	ck_abort_msg("told a record of %zu bytes, key %.*s", len, (int)key_len,
	    (const char *)key);
	return false;
}

static void
is_refused(void)
{
	if (remnant_each(fd, nobody, NULL) || errno != EINVAL)
		ck_abort_msg("wrong is not refused");
}

START_TEST(empty)
{
	struct remnant *r;
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFREG | 0600);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert(remnant_each(fd, nobody, NULL));
	ck_assert(remnant_wipe(fd));
	r = remnant_begin(fd);
	ck_assert_ptr_nonnull(r);
	ck_assert(remnant_end(r));
	ck_assert(remnant_each(fd, nobody, NULL));
	ck_assert_int_gt(size(), 0);
}
END_TEST

START_TEST(in_the_order_of_writing)
{
	struct shown s = { .most = 2 };

	ck_assert(write_small());
	holds("b=a secret a= b=2 ");
	holds("b=a secret a= b=2 ");
	ck_assert(remnant_each(fd, shown_add, &s));
	ck_assert_str_eq(s.text, "b=a secret a= ");
}
END_TEST

/* The format: who reads it may be the next version. */
START_TEST(format)
{
	static const unsigned char want[] = { 'b', 'a', 'n', 't', 'e', 'r', 'd',
		'\n', 1, 0, 0, 0, 1, 0, 0, 0, 13, 1, 0, 0, 0, 0, 0, 0, 0x8f,
		0xfc, 0xe1, 0x17, 0x1b, 0x76, 0xef, 0x2f, 3, 5, 1, 0, 0, 'k',
		'e', 'y', 0, 1, 2, 3, 4 };
	unsigned char record[261], got[400];
	struct remnant *r = remnant_begin(fd);
	size_t i;

	for (i = 0; i < sizeof(record); i++)
		record[i] = (unsigned char)i;
	remnant_put(r, "key", 3, record, sizeof(record));
	ck_assert(remnant_end(r));
	ck_assert_int_eq(pread(fd, got, sizeof(got), 0), 40 + 261);
	unit_bytes("remnant", got, sizeof(want), want, sizeof(want));
}
END_TEST

/* ---- large ones ---- */

/* Records of all lengths around that of a buffer, and one of some MB. */
static size_t
length_of(unsigned i)
{
	return i == 50 ? LARGE : 65536 - 20 + i;
}

static bool
is_next(
    void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	unsigned *i = arg;

	unit_bytes("key", key, key_len, "a key of the greatest length: 32",
	    DATABASE_KEY_MAX);
	unit_bytes("record", record, len, large, length_of((*i)++));
	return true;
}

static bool
write_large(void)
{
	struct remnant *r = remnant_begin(fd);
	unsigned i;

	if (r == NULL)
		return false;
	for (i = 0; i < 100; i++)
		remnant_put(r, "a key of the greatest length: 32",
		    DATABASE_KEY_MAX, large, length_of(i));
	return remnant_end(r);
}

START_TEST(large_ones)
{
	unsigned i = 0;

	ck_assert(write_large());
	ck_assert(remnant_each(fd, is_next, &i));
	ck_assert_uint_eq(i, 100);
}
END_TEST

START_TEST(written_in_pieces)
{
	unsigned i = 0;

	most = 10007;
	ck_assert(write_large());
	ck_assert(remnant_each(fd, is_next, &i));
	ck_assert_uint_eq(i, 100);
	ck_assert(remnant_wipe(fd));
	most = 1;
	ck_assert(write_small());
	holds("b=a secret a= b=2 ");
}
END_TEST

/* ---- what cannot be written ---- */

START_TEST(records_that_are_none)
{
	static const char key[DATABASE_KEY_MAX + 1];
	struct remnant *r;

	r = remnant_begin(fd);
	remnant_put(r, key, 0, "", 0);
	put(r, "a", "1");
	unit_fails_with(remnant_end(r), EINVAL);
	is_refused();
	r = remnant_begin(fd);
	remnant_put(r, key, sizeof(key), "", 0);
	unit_fails_with(remnant_end(r), EINVAL);
	is_refused();
}
END_TEST

/* Whatever fails: nothing, or what was there before it began. */
static void
each_call_fails(bool (*write_it)(void), const char *what)
{
	unsigned failures = 0;
	bool done = false, failed;
	int i;

	for (i = 0; !done && i < 1000; i++) {
		ck_assert(write_small());
		left = i;
		done = write_it();
		failed = left == -1;
		left = -1;
		ck_assert(done != failed);
		if (done)
			break;
		failures++;
		ck_assert(errno == ENOSPC || errno == ENOMEM);
		if (size() > 0)
			is_refused();
		ck_assert(remnant_wipe(fd));
	}
	if (!done || failures < 5)
		ck_abort_msg("%s: %u failures", what, failures);
}

START_TEST(writing_fails)
{
	each_call_fails(write_small, "small");
	holds("b=a secret a= b=2 ");
	each_call_fails(write_large, "large");
}
END_TEST

/* Somebody dies, or gives up: after however many bytes. */
START_TEST(is_not_finished)
{
	struct remnant *r = remnant_begin(fd);

	is_refused();
	remnant_put(r, "a", 1, large, 200000);
	is_refused();
	ck_assert(remnant_end(r));
	ck_assert(write_small());
	r = remnant_begin(fd);
	is_refused();
	ck_assert(remnant_end(r));
	ck_assert(remnant_each(fd, nobody, NULL));
}
END_TEST

START_TEST(reading_fails)
{
	struct shown s = { .most = 100 };
	int i;

	ck_assert(write_small());
	for (i = 0; i < 2; i++) {
		left = i;
		unit_fails_with(remnant_each(fd, nobody, NULL), ENOMEM);
	}
	ck_assert(remnant_each(fd, shown_add, &s));
	unit_fails_with(remnant_each(-1, nobody, NULL), EBADF);
	unit_fails_with(remnant_wipe(-1), EBADF);
	ck_assert_ptr_null(remnant_begin(-1));
}
END_TEST

/* ---- damage ---- */

static unsigned char good[256];
static size_t good_len;

static void
write_bytes(const unsigned char *from, size_t len)
{
	if (ftruncate(fd, 0) == -1 || pwrite(fd, from, len, 0) != (ssize_t)len)
		ck_abort_msg("cannot write: %s", strerror(errno));
}

static void
read_good(void)
{
	ck_assert(write_small());
	good_len = (size_t)size();
	ck_assert_int_eq(pread(fd, good, sizeof(good), 0), size());
}

START_TEST(each_byte_is_wrong)
{
	unsigned char bytes[sizeof(good)];
	unsigned i, flip;

	read_good();
	memcpy(bytes, good, sizeof(good));
	for (i = 0; i < good_len; i++) {
		for (flip = 1; flip < 256; flip++) {
			bytes[i] = (unsigned char)(good[i] ^ flip);
			write_bytes(bytes, good_len);
			is_refused();
		}
		bytes[i] = good[i];
	}
	write_bytes(bytes, good_len);
	holds("b=a secret a= b=2 ");
}
END_TEST

/* In two words the same. */
START_TEST(two_bits_are_wrong)
{
	unsigned char bytes[sizeof(good)];
	size_t i;

	read_good();
	for (i = 0; i + 8 < good_len; i++) {
		memcpy(bytes, good, sizeof(good));
		bytes[i] ^= 0x80;
		bytes[i + 8] ^= 0x80;
		write_bytes(bytes, good_len);
		is_refused();
	}
}
END_TEST

START_TEST(each_other_length)
{
	size_t len;

	read_good();
	for (len = 1; len < sizeof(good); len++) {
		write_bytes(good, len);
		if (len == good_len)
			holds("b=a secret a= b=2 ");
		else
			is_refused();
	}
}
END_TEST

/* Of words, the last one filled up with zeros. */
static uint64_t
sum_of(uint64_t sum, const unsigned char *bytes, size_t len)
{
	uint64_t word = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		word |= (uint64_t)bytes[i] << 8 * (i % 8);
		if (i % 8 != 7 && i + 1 < len)
			continue;
		sum = (sum ^ word) * 0x100000001b3U;
		sum ^= sum >> 32;
		word = 0;
	}
	return sum;
}

/* The checksum as somebody else would make it. */
static void
write_summed(unsigned char *bytes, size_t len)
{
	uint64_t sum = sum_of(0xcbf29ce484222325U, bytes + 32, len - 32);
	size_t i;

	sum = sum_of(sum, bytes, 24);
	for (i = 0; i < 8; i++)
		bytes[24 + i] = (unsigned char)(sum >> 8 * i);
	write_bytes(bytes, len);
}

static bool
any(void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	unsigned char *sum = arg;

	for (; key_len > 0; key_len--)
		*sum ^= ((const unsigned char *)key)[key_len - 1];
	for (; len > 0; len--)
		*sum ^= ((const unsigned char *)record)[len - 1];
	return true;
}

/* Lengths and numbers that are wrong, under a checksum that is right. */
START_TEST(wrong_on_purpose)
{
	unsigned char bytes[sizeof(good)], sum = 0;
	unsigned i, flip;

	read_good();
	memcpy(bytes, good, sizeof(good));
	for (i = 0; i < good_len; i++) {
		for (flip = 1; flip < 256; flip++) {
			bytes[i] = (unsigned char)(good[i] ^ flip);
			write_summed(bytes, good_len);
			if (i < 24 || (i >= 32 && i < 32 + 5))
				is_refused();
			else
				(void)remnant_each(fd, any, &sum);
		}
		bytes[i] = good[i];
	}
	write_summed(bytes, good_len);
	unit_bytes("checksum", bytes, good_len, good, good_len);
	holds("b=a secret a= b=2 ");
}
END_TEST

START_TEST(wrong_keys)
{
	unsigned char bytes[sizeof(good)], sum = 0;
	struct remnant *r = remnant_begin(fd);
	unsigned key_len;

	remnant_put(r, "a", 1, large, 200);
	ck_assert(remnant_end(r));
	ck_assert_int_eq(pread(fd, bytes, sizeof(bytes), 0), 32 + 5 + 201);
	for (key_len = 0; key_len <= 201; key_len++) {
		bytes[32] = (unsigned char)key_len;
		bytes[33] = (unsigned char)(201 - key_len);
		write_summed(bytes, 32 + 5 + 201);
		if (key_len == 0 || key_len > DATABASE_KEY_MAX)
			is_refused();
		else
			ck_assert(remnant_each(fd, any, &sum));
	}
}
END_TEST

/* ---- overwritten ---- */

START_TEST(is_wiped)
{
	static unsigned char bytes[200000];
	struct remnant *r = remnant_begin(fd);
	size_t i, len;

	remnant_put(r, "a", 1, large, 150001);
	ck_assert(remnant_end(r));
	len = (size_t)size();
	/* It is overwritten even if it cannot be cut off. */
	left = 3; /* writes */
	unit_fails_with(remnant_wipe(fd), ENOSPC);
	ck_assert_int_eq(pread(fd, bytes, sizeof(bytes), 0), size());
	for (i = 0; i < len; i++)
		if (bytes[i] != 0)
			ck_abort_msg("byte %zu is left", i);
	is_refused();
	/* and the other way round */
	ck_assert(write_small());
	left = 0;
	unit_fails_with(remnant_wipe(fd), ENOSPC);
	ck_assert_int_eq(size(), 0);
	ck_assert(write_small());
	ck_assert(remnant_wipe(fd));
	ck_assert_int_eq(size(), 0);
	ck_assert(remnant_each(fd, nobody, NULL));
}
END_TEST

UNIT_MAIN("remnant", setup, teardown, empty, in_the_order_of_writing, format,
    large_ones, written_in_pieces, records_that_are_none, writing_fails,
    is_not_finished, reading_fails, each_byte_is_wrong, two_bits_are_wrong,
    each_other_length, wrong_on_purpose, wrong_keys, is_wiped)
