/*
 * What the unit tests share.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <sys/types.h>

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

/* Runs a suite; returns what main() is to return. */
int unit_run(Suite *suite);

/* Adds a new TCase to the suite; the fixtures, one before and one after each
 * test, may be NULL. */
TCase *unit_case(Suite *suite, const char *name, SFun setup, SFun teardown);

/* Adds tests, in their order, up to a NULL; UNIT_TESTS(tc, one, another). */
void unit_tests(TCase *tc, const TTest *const tests[]);
#define UNIT_TESTS(tc, ...) \
	unit_tests((tc), (const TTest *const[]){ __VA_ARGS__, NULL })

/* The main() of a program of one case with these tests. */
int unit_main(
    const char *name, SFun setup, SFun teardown, const TTest *const tests[]);
#define UNIT_MAIN(name, setup, teardown, ...)                         \
	int main(void)                                                \
	{                                                             \
		const TTest *const tests[] = { __VA_ARGS__, NULL };   \
                                                                      \
		return unit_main((name), (setup), (teardown), tests); \
	}

/* A string literal with NULs in it: its bytes, and how many. */
#define BYTES(literal) (literal), (sizeof(literal) - 1)

/*
 * Where a loop goes round a hundred thousand times, fail with ck_abort_msg():
 * each assertion that holds costs a system call.
 */

/* Fails unless got is the bytes in want; what says which row of a table. */
void unit_bytes(const char *what, const void *got, size_t got_len,
    const void *want, size_t want_len);

/* Fails unless something was not done, with that errno. */
void unit_fails_with(bool done, int error);

/* Writes bytes as text that can be read, such as "a\xff\r\n", into a buffer
 * that the caller owes free(). */
char *unit_show(const void *bytes, size_t len);

/* Where a piece of input is cut: how is 0 for not at all, 1 for after each
 * byte, else after how - 1 bytes.  Returns the length of the piece at from.
 * With how from 0 to len each way is tried. */
size_t unit_piece(size_t how, size_t from, size_t len);

/* The next of a row of numbers that is the same in every run. */
unsigned unit_random(unsigned long long *state);

#endif
