/* What was meant by a name that was mistyped. */
#include <string.h>

#include "banterd/base/nearest.h"
#include "unit.h"

/* Longer than any word that is compared. */
#define LONG_NAME "abcdefghijklmnopqrstuvwxyzabcdefghijkl"

static const char *
name_at(size_t place)
{
	static const char *const names[] = { "nick", "join", "leave", "msg",
		"m", "me", "who", "whois", "history", "log-level", "log-target",
		LONG_NAME, NULL };

	return names[place];
}

static const char *
nobody_at(size_t place)
{
	(void)place;
	return NULL;
}

/* Fails unless word is nearest to want. */
static void
meant(const char *word, const char *want)
{
	char behind[64]; /* no more than the word's bytes are looked at */
	const char *got;

	ck_assert_uint_lt(strlen(word), sizeof(behind));
	memset(behind, 'x', sizeof(behind));
	memcpy(behind, word, strlen(word));
	got = nearest(behind, strlen(word), name_at);
	ck_assert_msg(got == want ||
		(got != NULL && want != NULL && strcmp(got, want) == 0),
	    "%s: %s", word, got);
}

START_TEST(one_mistake)
{
	meant("mgs", "msg");
	meant("smg", "msg");
	meant("msgg", "msg");
	meant("ms", "msg");
	meant("mag", "msg");
	meant("wo", "who");
	meant("jion", "join");
	meant("ljoin", "join");
	meant("loglevel", "log-level");
	meant("log_target", "log-target");
}
END_TEST

/* A short word may have one, a longer one two; the letters exchanged may not be
 * changed again. */
START_TEST(how_many)
{
	meant("xyg", NULL);
	meant("gsm", NULL);
	meant("xeavx", "leave");
	meant("leavexx", "leave");
	meant("leavexxx", NULL);
	meant("xxavx", NULL);
	meant("hsitroy", "history");
	meant("mssgg", "msg");
}
END_TEST

/* All of a word can't be wrong. */
START_TEST(nothing_right)
{
	meant("x", NULL);
	meant("xe", "me");
	meant("xx", NULL);
	meant("", NULL);
}
END_TEST

START_TEST(in_any_case)
{
	meant("NICK", "nick");
	meant("Mgs", "msg");
	meant("LOG-LEVLE", "log-level");
	meant("WHO", "who");
	meant("HI", "history");
}
END_TEST

/* The only longer name counts more than one that is nearer. */
START_TEST(the_beginning)
{
	meant("h", "history");
	meant("hist", "history");
	meant("whoi", "whois");
	meant("wh", "who");
	meant("log-", NULL);
	meant("log-l", "log-level");
}
END_TEST

START_TEST(the_first_of_equals)
{
	meant("mx", "m");
	meant("xmsg", "msg");
	meant("log-lrvet", "log-level");
}
END_TEST

START_TEST(long_ones)
{
	meant("abcdefghijklmnopqrstuvwxyzabcdef", LONG_NAME);
	meant("abcdefghijklmnopqrstuvwxyzabcdefg", NULL);
	meant("abcdefghijklmnopqrstuvwxyzabcdxx", LONG_NAME);
	meant("historyhistoryhistoryhistoryhistoryhistory", NULL);
	ck_assert_ptr_null(nearest("nick", 4, nobody_at));
}
END_TEST

UNIT_MAIN("nearest", NULL, NULL, one_mistake, how_many, nothing_right,
    in_any_case, the_beginning, the_first_of_equals, long_ones)
