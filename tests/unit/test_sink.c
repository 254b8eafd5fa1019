/* Lines to a descriptor: whole or not at all, and without waiting.  Who waits
 * is ended by the test's time limit. */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/base/files.h"
#include "banterd/system/sink.h"
#include "conf_file.h"
#include "unit.h"

/* ---- calls that fail ---- */

static bool no_truncation, no_proc;
static int other = -1; /* somebody else writes to it, behind what is torn */

int __real_ftruncate(int, off_t);
off_t __real_lseek(int, off_t, int);
int __real_open(const char *, int, ...);
int __wrap_ftruncate(int, off_t);
off_t __wrap_lseek(int, off_t, int);
int __wrap_open(const char *, int, ...);

int
__wrap_ftruncate(int fd, off_t size)
{
	if (no_truncation) {
		errno = EPERM; /* chattr +a */
		return -1;
	}
	return __real_ftruncate(fd, size);
}

off_t
__wrap_lseek(int fd, off_t offset, int whence)
{
	struct rlimit limit;

	if (other != -1) {
		(void)getrlimit(RLIMIT_FSIZE, &limit);
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_FSIZE, &limit);
		(void)!write(other, "other\n", 6);
		other = -1;
	}
	return __real_lseek(fd, offset, whence);
}

int
__wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (no_proc && strncmp(path, "/proc/", 6) == 0) {
		errno = ENOENT;
		return -1;
	}
	if ((flags & O_CREAT) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return __real_open(path, flags, mode);
}

/* ---- a file ---- */

static struct sink sink = SINK_CLOSED;

static int
open_file(void)
{
	int fd = files_open(NULL, FILE_LOG, "log");

	ck_assert_int_ne(fd, -1);
	return fd;
}

static void
setup(void)
{
	(void)unlink("log");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	sink_own(&sink, open_file());
}

static void
teardown(void)
{
	sink_close(&sink);
}

static bool
say(const char *line)
{
	return sink_write(&sink, line, strlen(line));
}

/* While no file may be larger; Check's own must be, outside. */
static bool
say_within(rlim_t size, const char *line)
{
	struct rlimit limit, before;
	bool said;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = size;
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	said = say(line);
	(void)setrlimit(RLIMIT_FSIZE, &before);
	return said;
}

static void
holds(const char *want)
{
	char text[4096];
	int fd = open("log", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text));

	ck_assert_int_ge(n, 0);
	close(fd);
	unit_bytes("log", text, (size_t)n, want, strlen(want));
}

/* Wherever the space ends: whole lines, and after them the next ones. */
START_TEST(no_space)
{
	rlim_t size;

	for (size = 5; size < 11; size++) {
		setup();
		ck_assert(say_within(size, "one2\n"));
		ck_assert(!say_within(size, "three4\n"));
		holds("one2\n");
		ck_assert(!say_within(size, "five67\n"));
		ck_assert(say("eight\n"));
		holds("one2\neight\n");
	}
}
END_TEST

/* Nor where one may only append, or another has written meanwhile. */
START_TEST(stays_torn)
{
	no_truncation = true;
	ck_assert(say_within(8, "one2\n"));
	ck_assert(!say_within(8, "three4\n"));
	holds("one2\nthr");
	ck_assert(!say_within(8, "five67\n"));
	ck_assert(!say_within(10, "eight\n")); /* torn once more */
	holds("one2\nthr\ne");
	ck_assert(!say_within(11, "nine\n")); /* an end at least */
	holds("one2\nthr\ne\n");
	ck_assert(say("nine\n"));
	ck_assert(say("ten\n"));
	holds("one2\nthr\ne\nnine\nten\n");
}
END_TEST

START_TEST(anothers_line_stays)
{
	int fd = open_file();

	other = fd;
	ck_assert(say_within(8, "one2\n"));
	ck_assert(!say_within(8, "three4\n"));
	ck_assert(say("nine\n"));
	holds("one2\nthrother\n\nnine\n");
	close(fd);
}
END_TEST

START_TEST(torn_and_opened_again)
{
	no_truncation = true;
	ck_assert(say_within(8, "one2\n"));
	ck_assert(!say_within(8, "three4\n"));
	sink_reopen(&sink, open_file());
	ck_assert(say("five\n"));
	holds("one2\nthr\nfive\n");
	/* another file has nothing that is torn */
	ck_assert(!say_within(14, "six\n"));
	ck_assert_int_eq(unlink("log"), 0);
	sink_reopen(&sink, open_file());
	ck_assert(say("seven\n"));
	holds("seven\n");
}
END_TEST

/* "2> file" may be shared with others, and does not append. */
START_TEST(standard_error_is_a_file)
{
	int fd = open("log", O_RDWR | O_TRUNC | O_CLOEXEC);

	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	sink_standard_error(&sink);
	ck_assert(say_within(8, "one2\n"));
	ck_assert(!say_within(8, "three4\n"));
	ck_assert_int_eq(write(fd, "other\n", 6), 6);
	ck_assert(say("five\n"));
	holds("one2\nother\nfive\n");
	close(fd);
}
END_TEST

/* ---- pipes ---- */

static char long_line[SINK_LINE_MAX + 1];

/* A pipe of two pages; which of its ends are wanted is in fds. */
static void
open_pipe(int fds[2])
{
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETPIPE_SZ, 8192), 8192);
	ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	memset(long_line, 'x', SINK_LINE_MAX - 1);
	long_line[SINK_LINE_MAX - 1] = '\n';
}

static void
fills_up(const int fds[2])
{
	static char text[8192];
	ssize_t n;
	int i, lines = 0;

	sink_standard_error(&sink);
	while (say(long_line))
		lines++;
	ck_assert_int_eq(lines, 2);
	ck_assert(!say(long_line));
	/* It is as it was for all who share it. */
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
	for (i = 0; i < 2; i++) {
		n = read(fds[0], text, SINK_LINE_MAX);
		unit_bytes("pipe", text, (size_t)n, long_line, SINK_LINE_MAX);
	}
	ck_assert(say("on\n"));
	ck_assert_int_eq(read(fds[0], text, sizeof(text)), 3);
}

START_TEST(pipe_fills_up)
{
	int fds[2];

	open_pipe(fds);
	fills_up(fds);
}
END_TEST

START_TEST(pipe_without_proc)
{
	int fds[2];

	no_proc = true;
	open_pipe(fds);
	fills_up(fds);
}
END_TEST

START_TEST(pipe_is_closed)
{
	int fds[2];

	open_pipe(fds);
	close(fds[0]);
	sink_standard_error(&sink);
	ck_assert(!say("lost\n"));
}
END_TEST

/* A FIFO as log file: its reader comes and goes. */
START_TEST(fifo)
{
	char text[16];
	int reader;

	ck_assert_int_eq(unlink("log"), 0);
	ck_assert_int_eq(mkfifo("log", 0600), 0);
	ck_assert_int_eq(files_open(NULL, FILE_LOG, "log"), -1);
	ck_assert_int_eq(errno, ENXIO);
	reader = open("log", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	sink_own(&sink, open_file());
	ck_assert(say("one\n"));
	ck_assert_int_eq(read(reader, text, sizeof(text)), 4);
	close(reader);
	ck_assert(!say("two\n"));
	reader = open("log", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert(say("three\n"));
	ck_assert_int_eq(read(reader, text, sizeof(text)), 6);
	while (say("many\n"))
		;
	close(reader);
}
END_TEST

/* ---- a socket: the journal's ---- */

START_TEST(socket_fills_up)
{
	char text[SINK_LINE_MAX];
	int fds[2];
	unsigned lines = 0;

	memset(long_line, 'x', SINK_LINE_MAX - 1);
	long_line[SINK_LINE_MAX - 1] = '\n';
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	sink_standard_error(&sink);
	while (say(long_line))
		lines++;
	ck_assert_uint_gt(lines, 1);
	ck_assert(!say(long_line));
	for (; lines > 0; lines--) {
		ck_assert_int_eq(recv(fds[0], text, sizeof(text), MSG_WAITALL),
		    SINK_LINE_MAX);
		unit_bytes(
		    "line", text, SINK_LINE_MAX, long_line, SINK_LINE_MAX);
	}
	ck_assert(say("on\n"));
	ck_assert_int_eq(recv(fds[0], text, sizeof(text), 0), 3);
	close(fds[0]);
	ck_assert(!say("lost\n"));
}
END_TEST

START_TEST(the_same)
{
	struct sink one = SINK_CLOSED;
	int fd = open("log", O_RDWR | O_CLOEXEC);

	sink_own(&one, fd);
	ck_assert(sink_is_same(&one, &sink));
	sink_own(&one, open("/dev/null", O_RDWR | O_CLOEXEC));
	ck_assert(!sink_is_same(&one, &sink));
	sink_close(&one);
	ck_assert(!sink_is_same(&one, &sink));
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sink");
	TCase *tc = unit_case(suite, "sink", setup, teardown);

	tcase_add_unchecked_fixture(tc, conf_setup, conf_teardown);
	UNIT_TESTS(tc, no_space, stays_torn, anothers_line_stays,
	    torn_and_opened_again, standard_error_is_a_file, pipe_fills_up,
	    pipe_without_proc, pipe_is_closed, fifo, socket_fills_up, the_same);
	return unit_run(suite);
}
