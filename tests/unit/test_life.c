/* The life of a daemon: a page that outlives each process. */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "banterd/state/life.h"
#include "unit.h"

static int fd;

static void
setup(void)
{
	fd = life_make();
	ck_assert_int_ne(fd, -1);
}

static void
teardown(void)
{
	close(fd);
}

static struct life *
must_open(void)
{
	struct life *life = life_open(fd);

	ck_assert_ptr_nonnull(life);
	return life;
}

START_TEST(begins)
{
	struct life *life = must_open();
	struct stat st;
	int i;

	ck_assert_uint_eq(life->format, LIFE_FORMAT);
	ck_assert_uint_eq(life->end, LIFE_RUNNING);
	ck_assert_uint_eq(life->faults, 0);
	ck_assert_uint_eq(life->sending, 0);
	for (i = 0; i < LIFE_COUNTERS; i++)
		ck_assert_uint_eq(life->counters[i], 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	life_close(life);
}
END_TEST

/* What is stored is there at once, for whoever opens it. */
START_TEST(stays)
{
	struct life *life = must_open(), *other;

	life->end = LIFE_HANDED_OVER;
	life->faults = 2;
	life->sending = 7;
	life->counters[LIFE_SKIPPED] = UINT64_MAX;
	other = must_open();
	life_close(life);
	ck_assert_uint_eq(other->end, LIFE_HANDED_OVER);
	ck_assert_uint_eq(other->faults, 2);
	ck_assert_uint_eq(other->sending, 7);
	ck_assert_uint_eq(other->counters[LIFE_SKIPPED], UINT64_MAX);
	life_close(other);
}
END_TEST

/* The numbers of the fields are a format, and none may move. */
START_TEST(layout)
{
	static const char magic[] = "bnt-life";
	struct life *life = must_open();
	unsigned char page[40 + 8 * LIFE_COUNTERS];

	ck_assert_uint_eq(sizeof(*life), sizeof(page));
	ck_assert_int_eq(LIFE_COUNTERS, 16);
	life->end = 0x0102;
	life->faults = 0x0304;
	life->sending = 0x0506;
	life->reading = 0x090a;
	life->counters[0] = 0x0708;
	ck_assert_int_eq(
	    pread(fd, page, sizeof(page), 0), (ssize_t)sizeof(page));
	unit_bytes("magic", page, 8, magic, 8);
	ck_assert_int_eq(page[8], LIFE_FORMAT);
	unit_bytes("rest", page + 12, 36,
	    BYTES("\2\1\0\0\4\3\0\0\0\0\0\0\6\5\0\0\0\0\0\0"
		  "\xa\x9\0\0\0\0\0\0\x8\7\0\0\0\0\0\0"));
	life_close(life);
}
END_TEST

static void
is_none(int error)
{
	errno = 0;
	ck_assert_ptr_null(life_open(fd));
	ck_assert_int_eq(errno, error);
}

START_TEST(others)
{
	struct life *life = must_open(), old = *life;

	life->format = LIFE_FORMAT + 1;
	is_none(EINVAL);
	life->format = 0;
	is_none(EINVAL);
	*life = old;
	life->magic++;
	is_none(EINVAL);
	*life = old;
	ck_assert_int_eq(ftruncate(fd, sizeof(*life) - 1), 0);
	is_none(EINVAL);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	is_none(EINVAL);
	ck_assert_int_eq(ftruncate(fd, sizeof(*life) + 1), 0);
	is_none(EINVAL);
	ck_assert_int_eq(munmap(life, sizeof(*life)), 0);
}
END_TEST

START_TEST(no_file)
{
	close(fd);
	fd = -1;
	is_none(EBADF);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	is_none(EINVAL);
}
END_TEST

UNIT_MAIN("life", setup, teardown, begins, stays, layout, others, no_file)
