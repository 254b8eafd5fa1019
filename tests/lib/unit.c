#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define CASE_TIMEOUT 60 /* seconds: sanitizers on a busy machine are slow */

int
unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

TCase *
unit_case(Suite *suite, const char *name, SFun setup, SFun teardown)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, CASE_TIMEOUT);
	tcase_add_checked_fixture(tc, setup, teardown);
	suite_add_tcase(suite, tc);
	return tc;
}

void
unit_tests(TCase *tc, const TTest *const tests[])
{
	for (; *tests != NULL; tests++)
		tcase_add_test(tc, *tests);
}

int
unit_main(
    const char *name, SFun setup, SFun teardown, const TTest *const tests[])
{
	Suite *s = suite_create(name);
	TCase *tc = unit_case(s, name, setup, teardown);

	unit_tests(tc, tests);
	return unit_run(s);
}

char *
unit_show(const void *bytes, size_t len)
{
	const unsigned char *s = bytes;
	char *text = malloc(4 * len + 1), *to = text;
	size_t i;

	ck_assert_ptr_nonnull(text);
	for (i = 0; i < len; i++) {
		if (s[i] == '\n')
			to += sprintf(to, "\\n");
		else if (s[i] == '\r')
			to += sprintf(to, "\\r");
		else if (s[i] < 0x20 || s[i] >= 0x7f || s[i] == '\\')
			to += sprintf(to, "\\x%02x", s[i]);
		else
			*to++ = (char)s[i];
	}
	*to = '\0';
	return text;
}

void
unit_bytes(const char *what, const void *got, size_t got_len, const void *want,
    size_t want_len)
{
	char *shown_got, *shown_want;

	if (got_len == want_len && memcmp(got, want, want_len) == 0)
		return;
	shown_got = unit_show(got, got_len);
	shown_want = unit_show(want, want_len);
	ck_abort_msg(
	    "%s:\n   got \"%s\"\nwanted \"%s\"", what, shown_got, shown_want);
}

void
unit_fails_with(bool done, int error)
{
	ck_assert(!done);
	ck_assert_int_eq(errno, error);
}

size_t
unit_piece(size_t how, size_t from, size_t len)
{
	if (how == 1)
		return 1;
	if (how > 1 && from < how - 1)
		return how - 1 < len ? how - 1 : len - from;
	return len - from;
}

unsigned
unit_random(unsigned long long *state)
{
	/* xorshift64: George Marsaglia, "Xorshift RNGs", 2003 */
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (unsigned)(*state >> 16);
}
