/* The journal: what was added is there, for whoever comes after. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/state/journal.h"
#include "shown.h"
#include "unit.h"

/* Where things stand in the memory: as the head of journal.c says. */
#define AT_MAGIC  0
#define AT_ACTIVE 8
#define AT_END    16
#define AT_FIRST  4096 /* record: the length of its key, then its own */

/* ---- calls that fail ---- */

static bool fails;

void *__real_calloc(size_t, size_t);
void *__wrap_calloc(size_t, size_t);
int __real_ftruncate(int, off_t);
int __wrap_ftruncate(int, off_t);
ssize_t __real_write(int, const void *, size_t);
ssize_t __wrap_write(int, const void *, size_t);

void *
__wrap_calloc(size_t n, size_t size)
{
	errno = ENOMEM;
	return fails ? NULL : __real_calloc(n, size);
}

int
__wrap_ftruncate(int fd, off_t size)
{
	errno = EFBIG;
	return fails ? -1 : __real_ftruncate(fd, size);
}

static bool write_fails;

ssize_t
__wrap_write(int fd, const void *buf, size_t size)
{
	errno = ENOSPC;
	return write_fails ? -1 : __real_write(fd, buf, size);
}

/* ---- a journal ---- */

static int fd;
static struct journal *j;

static void
open_journal(void)
{
	j = journal_open(fd);
	ck_assert_ptr_nonnull(j);
}

static void
reopen(void)
{
	journal_close(j);
	open_journal();
}

static void
setup(void)
{
	fd = journal_make();
	ck_assert_int_ne(fd, -1);
	open_journal();
}

static void
teardown(void)
{
	journal_close(j);
	close(fd);
}

static bool
add(const char *key, const char *record)
{
	return journal_append(j, key, strlen(key), record, strlen(record));
}

/* What is in it, as "key=record key=record "; and whether it is whole. */
static struct shown shown;
static bool
look(unsigned most)
{
	shown = (struct shown){ .most = most };
	return journal_each(j, shown_add, &shown);
}

static void
holds(const char *what)
{
	ck_assert(look(1000));
	ck_assert_str_eq(shown.text, what);
}

static off_t
memory(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return st.st_blocks * 512;
}

/* An emulator says so, but gives nothing back. */
static bool
can_give_back(void)
{
	char *page;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    (off_t)JOURNAL_SIZE - 4096);
	ck_assert_ptr_ne(page, MAP_FAILED);
	*page = 1;
	ck_assert_int_eq(madvise(page, 4096, MADV_REMOVE), 0);
	ck_assert_int_eq(munmap(page, 4096), 0);
	return memory() <= 4096;
}

/* ---- what was added ---- */

START_TEST(begins)
{
	struct stat st;

	holds("");
	ck_assert_uint_eq(journal_used(j), 0);
	ck_assert(!journal_is_grown(j));
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_le(memory(), 4096);
}
END_TEST

START_TEST(in_the_order_of_adding)
{
	ck_assert(add("b", "1") && add("a", "22") && add("b", "") &&
	    add("long key", "a longer record"));
	holds("b=1 a=22 b= long key=a longer record ");
	reopen();
	holds("b=1 a=22 b= long key=a longer record ");
	ck_assert(add("c", "3"));
	ck_assert(look(3));
	ck_assert_str_eq(shown.text, "b=1 a=22 b= ");
	holds("b=1 a=22 b= long key=a longer record c=3 ");
}
END_TEST

static bool
is_of_all_bytes(
    void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	unit_bytes("key", key, key_len, arg, DATABASE_KEY_MAX);
	unit_bytes("record", record, len, arg, 256);
	return true;
}

START_TEST(any_bytes)
{
	unsigned char all[256];
	unsigned i;

	for (i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	for (i = 0; i < 3; i++)
		ck_assert(
		    journal_append(j, all, DATABASE_KEY_MAX, all, sizeof(all)));
	ck_assert(journal_each(j, is_of_all_bytes, all));
}
END_TEST

/* Another process sees it without a word from this one. */
START_TEST(is_there_at_once)
{
	struct journal *mine = j;

	open_journal(); /* another map of the same memory */
	ck_assert(journal_append(mine, "a", 1, "1", 1));
	holds("a=1 ");
	journal_begin_anew(mine);
	ck_assert(journal_append(mine, "b", 1, "2", 1));
	holds("a=1 ");
	ck_assert(journal_end_anew(mine, true));
	holds("b=2 ");
	journal_close(mine);
}
END_TEST

/* ---- written anew ---- */

START_TEST(anew)
{
	unsigned i;

	for (i = 0; i < 5; i++) {
		ck_assert(add("old", "1") && add("old", "2"));
		journal_begin_anew(j);
		ck_assert(add("new", "3"));
		journal_end_anew(j, true);
		holds("new=3 ");
		ck_assert(add("more", "4"));
		holds("new=3 more=4 ");
		reopen();
		holds("new=3 more=4 ");
	}
}
END_TEST

START_TEST(not_all_of_it_anew)
{
	unsigned i;

	ck_assert(add("old", "1"));
	for (i = 0; i < 3; i++) {
		journal_begin_anew(j);
		ck_assert(add("new", "2"));
		journal_end_anew(j, false);
		holds("old=1 ");
	}
	ck_assert(add("more", "3"));
	holds("old=1 more=3 ");
}
END_TEST

/* Who dies in the middle of it leaves the old one. */
START_TEST(broken_off)
{
	ck_assert(add("old", "1"));
	journal_begin_anew(j);
	ck_assert(add("new", "a longer one"));
	reopen();
	holds("old=1 ");
	ck_assert(add("more", "2"));
	holds("old=1 more=2 ");
	journal_begin_anew(j);
	ck_assert(add("new", "3"));
	journal_end_anew(j, true);
	holds("new=3 ");
}
END_TEST

static void
add_bytes(size_t n)
{
	static char record[4096];
	size_t i;

	for (i = 0; i < n; i += sizeof(record))
		if (!journal_append(j, "k", 1, record, sizeof(record)))
			ck_abort_msg("there is no space");
}

/* It may be twice as large as it was, and some more; then its memory is given
 * back. */
START_TEST(grown)
{
	bool gives_back = can_give_back();

	add_bytes(JOURNAL_SLACK - 20000);
	ck_assert(!journal_is_grown(j));
	add_bytes(20000);
	ck_assert(journal_is_grown(j));
	journal_begin_anew(j);
	add_bytes(3 * JOURNAL_SLACK);
	journal_end_anew(j, true);
	ck_assert_uint_ge(journal_used(j), 3 * JOURNAL_SLACK);
	ck_assert(!journal_is_grown(j));
	add_bytes(4 * JOURNAL_SLACK - 20000);
	ck_assert(!journal_is_grown(j));
	add_bytes(40000);
	ck_assert(journal_is_grown(j));
	journal_begin_anew(j);
	add_bytes(3 * JOURNAL_SLACK);
	journal_end_anew(j, true);
	ck_assert(!journal_is_grown(j));
	journal_forget(j, 2 * JOURNAL_SLACK);
	ck_assert(!journal_is_grown(j));
	journal_forget(j, 2 * JOURNAL_SLACK);
	ck_assert(journal_is_grown(j));
	journal_begin_anew(j);
	journal_end_anew(j, true);
	ck_assert_uint_eq(journal_used(j), 0);
	ck_assert_int_le(memory(), gives_back ? 8192 : (off_t)JOURNAL_SIZE);
}
END_TEST

START_TEST(full)
{
	static char record[1 << 20];
	unsigned n = 0;

	ck_assert(!journal_append(j, "k", 1, record, JOURNAL_SIZE / 2));
	ck_assert(!journal_append(j, "k", 1, record, SIZE_MAX));
	holds("");
	while (journal_append(j, "k", 1, record, sizeof(record)))
		n++;
	ck_assert_uint_ge(n, JOURNAL_SIZE / 2 / (sizeof(record) + 16) - 1);
	ck_assert(!journal_append(j, "k", 1, record, sizeof(record)));
	ck_assert_uint_le(journal_used(j), JOURNAL_SIZE / 2);
	ck_assert(add("small", "1"));
	journal_begin_anew(j);
	ck_assert(add("k", "1"));
	journal_end_anew(j, true);
	holds("k=1 ");
}
END_TEST

/* ---- damage ---- */

static void
spoil(off_t at, uint64_t with, size_t width)
{
	ck_assert_int_eq(pwrite(fd, &with, width, at), (ssize_t)width);
}

static void
is_none(int error)
{
	errno = 0;
	ck_assert_ptr_null(journal_open(fd));
	ck_assert_int_eq(errno, error);
}

START_TEST(is_no_journal)
{
	spoil(AT_MAGIC, 7, 1);
	is_none(EINVAL);
	spoil(AT_MAGIC, 'b', 1);
	reopen();
	spoil(AT_ACTIVE, 2, 8);
	is_none(EINVAL);
	spoil(AT_ACTIVE, 0, 8);
	spoil(AT_END, JOURNAL_SIZE / 2, 8);
	is_none(EINVAL);
	spoil(AT_END, UINT64_MAX, 8);
	is_none(EINVAL);
	spoil(AT_END, 0, 8);
	/* that of the other half is as good as none */
	spoil(AT_END + 8, UINT64_MAX, 8);
	reopen();
	journal_begin_anew(j);
	ck_assert(add("a", "1"));
	journal_end_anew(j, true);
	holds("a=1 ");
}
END_TEST

START_TEST(is_no_memory)
{
	int file = fd;

	fd = -1;
	is_none(EBADF);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	is_none(EINVAL);
	close(fd);
	fd = memfd_create("short", MFD_CLOEXEC);
	is_none(EINVAL);
	close(fd);
	fd = file;
}
END_TEST

/* What stands before a damaged record is read, and nothing behind it. */
START_TEST(damaged_records)
{
	static const struct {
		uint32_t key_len, len;
	} wrong[] = { { 0, 2 }, { DATABASE_KEY_MAX + 1, 2 }, { 1, 4000 },
		{ UINT32_MAX, 2 }, { 1, UINT32_MAX }, { 32, 32 } };
	size_t second, i;

	ck_assert(add("a", "1"));
	second = journal_used(j);
	ck_assert(add("b", "22") && add("c", "3"));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		spoil((off_t)(AT_FIRST + second), wrong[i].key_len, 4);
		spoil((off_t)(AT_FIRST + second + 4), wrong[i].len, 4);
		ck_assert(!look(1000));
		ck_assert_str_eq(shown.text, "a=1 ");
	}
	spoil((off_t)(AT_FIRST + second), 1, 4);
	spoil((off_t)(AT_FIRST + second + 4), 2, 4);
	holds("a=1 b=22 c=3 ");
}
END_TEST

START_TEST(cut_off)
{
	size_t whole, end;

	ck_assert(add("a", "1"));
	whole = journal_used(j);
	ck_assert(add("b", "2"));
	for (end = whole + 1; end < 2 * whole; end++) {
		spoil(AT_END, end, 8);
		ck_assert(!look(1000));
		ck_assert_str_eq(shown.text, "a=1 ");
	}
	spoil(AT_END, whole, 8);
	holds("a=1 ");
}
END_TEST

/* ---- what fails ---- */

START_TEST(memory_fails)
{
	int other;

	fails = true;
	errno = 0;
	ck_assert_ptr_null(journal_open(fd));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(journal_make(), -1);
	ck_assert_int_eq(errno, EFBIG);
	fails = false;
	write_fails = true;
	ck_assert_int_eq(journal_make(), -1);
	ck_assert_int_eq(errno, ENOSPC);
	write_fails = false;
	other = dup(fd);
	ck_assert_int_eq(other, fd + 1); /* nothing was left open */
	close(other);
}
END_TEST

/* ---- killed ---- */

/* Adds numbers in order, and begins anew with the last ten now and then. */
static _Noreturn void
live(unsigned next)
{
	unsigned char record[64];
	unsigned i;

	for (;; next++) {
		memset(record, (int)next, sizeof(record));
		if (next % 16 == 0) {
			journal_begin_anew(j);
			for (i = next - 10; i != next; i++) {
				memset(record, (int)i, sizeof(record));
				(void)journal_append(
				    j, &i, sizeof(i), record, sizeof(record));
			}
			memset(record, (int)next, sizeof(record));
			journal_end_anew(j, true);
		}
		(void)journal_append(
		    j, &next, sizeof(next), record, sizeof(record));
	}
}

struct row {
	unsigned n, last;
};

static bool
is_next(
    void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	const unsigned char *bytes = record;
	struct row *row = arg;
	unsigned number;
	size_t i;

	ck_assert_uint_eq(key_len, sizeof(number));
	memcpy(&number, key, sizeof(number));
	if (row->n++ > 0 && number != row->last + 1)
		ck_abort_msg("%u comes after %u", number, row->last);
	row->last = number;
	ck_assert_uint_eq(len, 64);
	for (i = 0; i < len; i++)
		if (bytes[i] != (unsigned char)number)
			ck_abort_msg("%u is torn", number);
	return true;
}

START_TEST(killed)
{
	unsigned long long seed = 7;
	unsigned life, spins;
	struct row row = { .last = 999 };
	pid_t pid;

	for (life = 0; life < 200; life++) {
		pid = fork();
		ck_assert_int_ne(pid, -1);
		if (pid == 0)
			live(row.last + 1);
		for (spins = unit_random(&seed) % 50; spins > 0; spins--)
			sched_yield();
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		reopen();
		row.n = 0;
		ck_assert(journal_each(j, is_next, &row));
	}
	ck_assert_uint_gt(row.last, 1200);
}
END_TEST

UNIT_MAIN("journal", setup, teardown, begins, in_the_order_of_adding, any_bytes,
    is_there_at_once, anew, not_all_of_it_anew, broken_off, grown, full,
    is_no_journal, is_no_memory, damaged_records, cut_off, memory_fails, killed)
