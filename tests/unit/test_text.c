/* Cleaning text, and names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/base/text.h"
#include "unit.h"

#define BAD "\xef\xbf\xbd" /* U+FFFD */

/* Buffers of just the promised size, so that the sanitizer sees a byte more. */
static void
check_clean(const char *raw, size_t len, const char *want, size_t want_len)
{
	char *in = malloc(len > 0 ? len : 1), *what = unit_show(raw, len);
	char *out = malloc(TEXT_CLEANED_SIZE(len));
	size_t n;

	memcpy(in, raw, len);
	n = text_clean(in, len, out);
	ck_assert_int_eq(out[n], '\0');
	unit_bytes(what, out, n, want, want_len);
	free(in);
	free(what);
	free(out);
}

static const struct {
	const char *raw;
	size_t len;
	const char *want;
	size_t want_len;
} cleaned[] = {
	{ BYTES(""), BYTES("") },
	{ BYTES("hello"), BYTES("hello") },
	{ BYTES(" two  blanks "), BYTES(" two  blanks ") },
	{ BYTES("a\tb"), BYTES("a\tb") },
	{ BYTES("~ !"), BYTES("~ !") },

	/* control characters */
	{ BYTES("a\0b"), BYTES("a" BAD "b") },
	{ BYTES("a\rb"), BYTES("a" BAD "b") },
	{ BYTES("a\nb"), BYTES("a" BAD "b") },
	{ BYTES("\x1b]0;owned\x07"), BYTES(BAD "]0;owned" BAD) },
	{ BYTES("\xc2\x80"), BYTES(BAD) },
	{ BYTES("\xc2\x9b"
		"2J"),
	    BYTES(BAD "2J") },
	{ BYTES("\xc2\x9f"), BYTES(BAD) },
	{ BYTES("\xc2\xa0"), BYTES("\xc2\xa0") },

	/* line separators and bidi controls, and their neighbours */
	{ BYTES("\xe2\x80\xa7"), BYTES("\xe2\x80\xa7") },
	{ BYTES("\xe2\x80\xa8"), BYTES(BAD) },
	{ BYTES("\xe2\x80\xa9"), BYTES(BAD) },
	{ BYTES("\xe2\x80\xaa"), BYTES(BAD) },
	{ BYTES("\xe2\x80\xae"), BYTES(BAD) },
	{ BYTES("\xe2\x80\xaf"), BYTES("\xe2\x80\xaf") },
	{ BYTES("\xe2\x81\x9f"), BYTES("\xe2\x81\x9f") },
	{ BYTES("\xe2\x81\xa0"), BYTES(BAD) },
	{ BYTES("\xe2\x81\xa6"), BYTES(BAD) },
	{ BYTES("\xe2\x81\xa9"), BYTES(BAD) },
	{ BYTES("\xe2\x81\xaf"), BYTES(BAD) },
	{ BYTES("\xe2\x81\xb0"), BYTES("\xe2\x81\xb0") },

	/* whole characters of each length */
	{ BYTES("\x7e\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	    BYTES("\x7e\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") },
	{ BYTES("\xef\xbf\xbd"), BYTES(BAD) },

	/* bytes that begin nothing */
	{ BYTES("\x80"), BYTES(BAD) },
	{ BYTES("\xbf\xbf"), BYTES(BAD BAD) },
	{ BYTES("\xf5\x80\x80\x80"), BYTES(BAD BAD BAD BAD) },
	{ BYTES("\xf8\x88\x80\x80\x80"), BYTES(BAD BAD BAD BAD BAD) },
	{ BYTES("\xfe"), BYTES(BAD) },
	{ BYTES("\xff\xff"), BYTES(BAD BAD) },

	/* overlong forms, and the shortest right ones */
	{ BYTES("\xc0\x80"), BYTES(BAD BAD) },
	{ BYTES("\xc1\xbf"), BYTES(BAD BAD) },
	{ BYTES("\xe0\x80\x80"), BYTES(BAD BAD BAD) },
	{ BYTES("\xe0\x9f\xbf"), BYTES(BAD BAD BAD) },
	{ BYTES("\xe0\xa0\x80"), BYTES("\xe0\xa0\x80") },
	{ BYTES("\xf0\x80\x80\x8a"), BYTES(BAD BAD BAD BAD) },
	{ BYTES("\xf0\x8f\xbf\xbf"), BYTES(BAD BAD BAD BAD) },
	{ BYTES("\xf0\x90\x80\x80"), BYTES("\xf0\x90\x80\x80") },

	/* surrogates, and past U+10FFFF */
	{ BYTES("\xed\x9f\xbf"), BYTES("\xed\x9f\xbf") },
	{ BYTES("\xed\xa0\x80"), BYTES(BAD BAD BAD) },
	{ BYTES("\xed\xbf\xbf"), BYTES(BAD BAD BAD) },
	{ BYTES("\xee\x80\x80"), BYTES("\xee\x80\x80") },
	{ BYTES("\xf4\x8f\xbf\xbf"), BYTES("\xf4\x8f\xbf\xbf") },
	{ BYTES("\xef\xbf\xbe\xef\xbf\xbf"), BYTES(BAD BAD) },
	{ BYTES("\xf4\x90\x80\x80"), BYTES(BAD BAD BAD BAD) },

	/* cut short, by the end or by something else */
	{ BYTES("\xc3"), BYTES(BAD) },
	{ BYTES("\xc3("), BYTES(BAD "(") },
	{ BYTES("\xe2\x82"), BYTES(BAD BAD) },
	{ BYTES("\xe2\x82"
		"A"),
	    BYTES(BAD BAD "A") },
	{ BYTES("\xf0\x9f\x98"), BYTES(BAD BAD BAD) },
	{ BYTES("\xf0\x9f\x98\xc3\xa9"), BYTES(BAD BAD BAD "\xc3\xa9") },
	{ BYTES("\xe2\xe2\x82\xac"), BYTES(BAD "\xe2\x82\xac") },
	{ BYTES("\xc3\xa9\xa9"), BYTES("\xc3\xa9" BAD) },

	/* erasing */
	{ BYTES("helo\blo"), BYTES("hello") },
	{ BYTES("helo\x7flo"), BYTES("hello") },
	{ BYTES("\bx"), BYTES("x") },
	{ BYTES("ab\b\b\b\bc"), BYTES("c") },
	{ BYTES("a\xc3\xa9\b"), BYTES("a") },
	{ BYTES("a\xe2\x82\xac\x7f"), BYTES("a") },
	{ BYTES("a\xf0\x9f\x98\x80\b"), BYTES("a") },
	{ BYTES("a\xff\b"), BYTES("a") },
	{ BYTES("a\x01\b"), BYTES("a") },
	{ BYTES("a\t\b"), BYTES("a") },
	{ BYTES("\xe2\x82\b\b"), BYTES("") },
	/* what is left and right of it makes no character */
	{ BYTES("\xe2\x82x\b\xac"), BYTES(BAD BAD BAD) },
	{ BYTES("\xff\xff\xff\x7f\xff\xff"), BYTES(BAD BAD BAD BAD) },
	{ BYTES("a\b"), BYTES("") },

	/* Ctrl-W: the word */
	{ BYTES("say wrod\x17word"), BYTES("say word") },
	{ BYTES("say wrod \t \x17word"), BYTES("say word") },
	{ BYTES("a.b-c\x17x"), BYTES("x") },
	{ BYTES("a\tb\x17x"), BYTES("a\tx") },
	{ BYTES("one two\x17\x17x"), BYTES("x") },
	{ BYTES("\x17x"), BYTES("x") },
	{ BYTES("  \x17x"), BYTES("x") },
	{ BYTES("a \xe2\x82\xac\xff\x01\x17x"), BYTES("a x") },
	/* Ctrl-U: the line */
	{ BYTES("no, not\x15yes"), BYTES("yes") },
	{ BYTES("\x15x"), BYTES("x") },
	{ BYTES("a b\x15"), BYTES("") },
	{ BYTES("ab\x15\bc"), BYTES("c") },
	/* Ctrl-D: nothing at the beginning, else a character */
	{ BYTES("\x04"), BYTES("") },
	{ BYTES("\x04\x04/quit"), BYTES("/quit") },
	{ BYTES("ab\x15\x04x"), BYTES("x") },
	{ BYTES("a\x04"), BYTES("a" BAD) },
	{ BYTES("a\x04\bx"), BYTES("ax") },

	/* CSI */
	{ BYTES("\x1b[2J"), BYTES("") },
	{ BYTES("a\x1b[Db"), BYTES("ab") },
	{ BYTES("a\x1b[D\x1b[C\x1b[3~b"), BYTES("ab") },
	{ BYTES("\x1b[1;31mred\x1b[0m"), BYTES("red") },
	{ BYTES("\x1b[?25h\x1b[<=>0:1 !/@x"), BYTES("x") },
	{ BYTES("\x1b[0 q\x1b[/~\x1b[/@x"), BYTES("x") },
	/* of Linux's console, and what is like it */
	{ BYTES("a\x1b[[Ab\x1b[[Ec"), BYTES("abc") },
	{ BYTES("\x1b[[F\x1b[[@\x1b[["), BYTES("F@") },
	{ BYTES("\x1b[1[A"), BYTES("A") },
	/* SS3 */
	{ BYTES("a\x1bOA\x1bOPb"), BYTES("ab") },
	{ BYTES("\x1bO@\x1bO~\x1bOOO"), BYTES("O") },
	/* none, or not a whole one */
	{ BYTES("\x1b"), BYTES(BAD) },
	{ BYTES("\x1b["), BYTES(BAD "[") },
	{ BYTES("\x1b[1;"), BYTES(BAD "[1;") },
	{ BYTES("\x1b[1 "), BYTES(BAD "[1 ") },
	{ BYTES("\x1b[ 1m"), BYTES(BAD "[ 1m") },
	{ BYTES("\x1b[\xc3\xa9"), BYTES(BAD "[\xc3\xa9") },
	{ BYTES("\x1b[\x80"), BYTES(BAD "[" BAD) },
	{ BYTES("\x1bO"), BYTES(BAD "O") },
	{ BYTES("\x1bO?"), BYTES(BAD "O?") },
	{ BYTES("\x1bO1P"), BYTES(BAD "O1P") },
	{ BYTES("\x1b\x1b[Dx"), BYTES(BAD "x") },
	{ BYTES("\x1b[\x1b[Dx"), BYTES(BAD "[x") },
	{ BYTES("\x1b"
		"c"),
	    BYTES(BAD "c") },
	/* in the order in which they were typed */
	{ BYTES("ab\x1b[D\bc"), BYTES("ac") },
	{ BYTES("ab c\x1b[D\x17x"), BYTES("ab x") },
	{ BYTES("a\x1b[\bD"), BYTES("a" BAD "D") },
	{ BYTES("a\x1b[x\x7f"
		"D"),
	    BYTES("D") },
	{ BYTES("\x1bx\b[D"), BYTES(BAD "[D") },
	{ BYTES("\x1b\b[D"), BYTES("[D") },
	{ BYTES("\xe2\x82\x1b[D\xac"), BYTES(BAD BAD BAD) },
};

START_TEST(clean_table)
{
	size_t i;

	for (i = 0; i < sizeof(cleaned) / sizeof(cleaned[0]); i++)
		check_clean(cleaned[i].raw, cleaned[i].len, cleaned[i].want,
		    cleaned[i].want_len);
}
END_TEST

START_TEST(clean_every_ascii)
{
	char c;

	for (c = 0; c < 0x7f; c++) {
		if (c == '\b' || c == 0x04 || c == 0x15 || c == 0x17)
			check_clean(&c, 1, "", 0);
		else if (c < 0x20 && c != '\t')
			check_clean(&c, 1, BAD, 3);
		else
			check_clean(&c, 1, &c, 1);
	}
	check_clean("\x7f", 1, "", 0);
}
END_TEST

/* Printable ASCII is taken eight bytes at a time; what is none is found
 * wherever it stands. */
START_TEST(clean_among_plain)
{
	static const char xs[] = "xxxxxxxxxxxxxxxxxxxx";
	const int len = sizeof(xs) - 1;
	char raw[sizeof(xs)], want[3 * sizeof(xs)];
	int c, at, n;

	for (c = 0; c <= 0xff; c++) {
		if (c == 0x04 || c == 0x15 || c == 0x17)
			continue;
		for (at = 0; at < len; at++) {
			memcpy(raw, xs, sizeof(xs));
			raw[at] = (char)c;
			if (c == '\b' || c == 0x7f)
				n = sprintf(
				    want, "%.*s", len - 2 + (at == 0), xs);
			else if (c == '\t' || (c >= ' ' && c <= '~'))
				n = sprintf(want, "%s", raw);
			else
				n = sprintf(
				    want, "%.*s" BAD "%s", at, xs, xs + at + 1);
			check_clean(raw, (size_t)len, want, (size_t)n);
		}
	}
}
END_TEST

static size_t
encode(unsigned u, char *out)
{
	if (u < 0x80) {
		out[0] = (char)u;
		return 1;
	}
	if (u < 0x800) {
		out[0] = (char)(0xc0 | u >> 6);
		out[1] = (char)(0x80 | (u & 0x3f));
		return 2;
	}
	if (u < 0x10000) {
		out[0] = (char)(0xe0 | u >> 12);
		out[1] = (char)(0x80 | (u >> 6 & 0x3f));
		out[2] = (char)(0x80 | (u & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | u >> 18);
	out[1] = (char)(0x80 | (u >> 12 & 0x3f));
	out[2] = (char)(0x80 | (u >> 6 & 0x3f));
	out[3] = (char)(0x80 | (u & 0x3f));
	return 4;
}

/* As the design names them. */
static const char *
wanted_of(unsigned u, const char *itself)
{
	static const struct {
		unsigned first, last;
	} bad[] = { { 0x80, 0x9f }, { 0x202a, 0x202e }, { 0x2066, 0x2069 },
		{ 0x2028, 0x2029 }, { 0x200b, 0x200b }, { 0x2060, 0x2065 },
		{ 0x206a, 0x206f }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb },
		{ 0xfffe, 0xfffe }, { 0xffff, 0xffff }, { 0x115f, 0x115f },
		{ 0x1160, 0x1160 }, { 0x3164, 0x3164 }, { 0xffa0, 0xffa0 },
		{ 0xe0000, 0xe007f } };
	size_t i;

	if (u >= 0xd800 && u <= 0xdfff)
		return BAD BAD BAD;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (u >= bad[i].first && u <= bad[i].last)
			return BAD;
	}
	return itself;
}

START_TEST(clean_every_character)
{
	char raw[5], out[TEXT_CLEANED_SIZE(4)];
	unsigned u;
	size_t n;

	for (u = 0x80; u <= 0x10ffff; u++) {
		n = encode(u, raw);
		raw[n] = '\0';
		text_clean(raw, n, out);
		if (strcmp(out, wanted_of(u, raw)) != 0)
			ck_abort_msg("U+%04X", u);
	}
}
END_TEST

/* ---- combining marks ---- */

#define ACUTE  "\xcc\x81" /* U+0301 */
#define ACUTE4 ACUTE ACUTE ACUTE ACUTE
#define ACUTE8 ACUTE4 ACUTE4
#define ZWJ    "\xe2\x80\x8d"                         /* U+200D */
#define VS16   "\xef\xb8\x8f"                         /* U+FE0F */
#define VS256  "\xf3\xa0\x87\xaf"                     /* U+E01EF */
#define RLM    "\xe2\x80\x8f"                         /* U+200F */
#define THAI   "\xe0\xb8\x81\xe0\xb8\xb4\xe0\xb9\x88" /* two marks */

START_TEST(clean_marks)
{
	static const struct {
		const char *raw, *want;
	} rows[] = {
		{ "e" ACUTE8, "e" ACUTE8 },
		{ "e" ACUTE8 ACUTE, "e" ACUTE8 BAD },
		{ "e" ACUTE8 ACUTE4 "x", "e" ACUTE8 BAD BAD BAD BAD "x" },
		{ ACUTE8 ACUTE, ACUTE8 BAD },
		/* on each character */
		{ "e" ACUTE8 "e" ACUTE8, "e" ACUTE8 "e" ACUTE8 },
		{ "e" ACUTE8 "\xc3\xa9" ACUTE, "e" ACUTE8 "\xc3\xa9" ACUTE },
		{ "e" ACUTE8 "\x01" ACUTE, "e" ACUTE8 BAD ACUTE },
		{ "e" ACUTE8 "\x80" ACUTE, "e" ACUTE8 BAD ACUTE },
		{ "e" ACUTE8 "\t" ACUTE, "e" ACUTE8 "\t" ACUTE },
		{ THAI THAI THAI THAI THAI, THAI THAI THAI THAI THAI },
		/* what is not seen is no mark, and parts none */
		{ "e" VS16 ZWJ ACUTE8, "e" VS16 ZWJ ACUTE8 },
		{ "e" ACUTE4 ZWJ ACUTE4 RLM ACUTE,
		    "e" ACUTE4 ZWJ ACUTE4 RLM BAD },
		{ "e" ACUTE8 VS256 VS16 ACUTE, "e" ACUTE8 VS256 VS16 BAD },
		{ VS16 VS16 VS16 VS16 VS16 VS16 VS16 VS16 VS16,
		    VS16 VS16 VS16 VS16 VS16 VS16 VS16 VS16 VS16 },
		/* one that was erased is none */
		{ "e" ACUTE8 "\b" ACUTE, "e" ACUTE8 },
		{ "e" ACUTE8 ACUTE "\b\x7f" ACUTE ACUTE, "e" ACUTE8 BAD },
		{ "e" ACUTE8 "x\b" ACUTE, "e" ACUTE8 BAD },
		{ "e" ACUTE8 "\x1b[C" ACUTE, "e" ACUTE8 BAD },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_clean(rows[i].raw, strlen(rows[i].raw), rows[i].want,
		    strlen(rows[i].want));
}
END_TEST

/* ---- blanks ---- */

START_TEST(blanks)
{
	static const struct {
		const char *text;
		size_t want;
	} rows[] = {
		{ "", 0 },
		{ "a b", 0 },
		{ " a", 1 },
		{ "\t \t/x", 3 },
		{ "   ", 3 },
		{ "\xc2\xa0/x", 2 },                 /* U+00A0 */
		{ "\xe3\x80\x80\xe2\x80\x83/x", 6 }, /* U+3000, U+2003 */
		{ RLM ZWJ VS16 " /x", 10 },
		{ "\xc2\xa1", 0 },
		{ BAD "/x", 0 },
		{ ACUTE, 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_uint_eq(text_blanks(rows[i].text), rows[i].want);
}
END_TEST

/* What comes out needs no more cleaning, whatever went in. */
START_TEST(clean_random_bytes)
{
	unsigned long long state = 1;
	char raw[24], once[TEXT_CLEANED_SIZE(sizeof(raw))];
	char twice[TEXT_CLEANED_SIZE(sizeof(once))];
	size_t i, len, n, m;
	int round;

	for (round = 0; round < 20000; round++) {
		len = unit_random(&state) % (sizeof(raw) + 1);
		for (i = 0; i < len; i++) {
			raw[i] = (char)unit_random(&state);
			if (unit_random(&state) % 2 == 0)
				raw[i] = (char)(raw[i] | 0x80);
		}
		n = text_clean(raw, len, once);
		if (n > 3 * len || strlen(once) != n)
			ck_abort_msg("%zu bytes of %zu", n, len);
		m = text_clean(once, n, twice);
		unit_bytes("again", twice, m, once, n);
	}
}
END_TEST

START_TEST(erase_last_table)
{
	static const struct {
		const char *text;
		size_t len, want;
	} rows[] = {
		{ BYTES(""), 0 },
		{ BYTES("a"), 0 },
		{ BYTES("ab"), 1 },
		{ BYTES("a\t"), 1 },
		{ BYTES("a\xc3\xa9"), 1 },
		{ BYTES("a\xe2\x82\xac"), 1 },
		{ BYTES("a\xf0\x9f\x98\x80"), 1 },
		/* no whole character at the end: one byte */
		{ BYTES("\x80"), 0 },
		{ BYTES("a\xff"), 1 },
		{ BYTES("a\xe2\x82"), 2 },
		{ BYTES("\xc3\xa9\xa9"), 2 },
		{ BYTES("\xed\xa0\x80"), 2 },
		{ BYTES("\x80\x80\x80\x80\x80"), 4 },
		{ BYTES("\xf0\x9f\x98\x80\x80"), 4 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_uint_eq(
		    text_erase_last(rows[i].text, rows[i].len), rows[i].want);
}
END_TEST

START_TEST(apply_keys_table)
{
	static const struct {
		const char *raw;
		size_t len;
		const char *want;
		size_t want_len;
	} rows[] = {
		{ BYTES(""), BYTES("") },
		{ BYTES("abc"), BYTES("abc") },
		{ BYTES("abx\bc"), BYTES("abc") },
		{ BYTES("\b\x7f"), BYTES("") },
		{ BYTES("\xc3\xa9\bx"), BYTES("x") },
		{ BYTES("\xff\xff\b"), BYTES("\xff") },
		{ BYTES("a\1\2\b"), BYTES("a\1") },
		{ BYTES("a bc\x17"
			"d\x1b[D\x1bOA"),
		    BYTES("a d") },
		{ BYTES("ab\x15\x04"
			"c"),
		    BYTES("c") },
	};
	char buf[16];
	size_t i, n;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(buf, rows[i].raw, rows[i].len);
		n = text_apply_keys(buf, 0, rows[i].len);
		unit_bytes("applied", buf, n, rows[i].want, rows[i].want_len);
	}
	/* what is known to have none is not looked at, but can be erased */
	memcpy(buf, "ab\bX\b\bd", 7);
	n = text_apply_keys(buf, 3, 7);
	unit_bytes("from the fourth byte on", buf, n, BYTES("abd"));
	memcpy(buf, "ab\x15\x04", 4);
	ck_assert_uint_eq(text_apply_keys(buf, 2, 4), 0);
}
END_TEST

/* Early (telnet's EC does it) comes to the same as at the end, whatever was
 * begun before it. */
START_TEST(keys_early_or_late)
{
	static const char *const pieces[] = { "a", "\xc3\xa9", "\xe2\x82\xac",
		"\xf0\x9f\x98\x80", "\xff", "\x1b", "\b", "\x7f", ACUTE4, ZWJ,
		"\x17", "\x15", "\x04", " ", "\x1b[", "[A", "\x1bO", "\xe2\x82",
		"\xac", "1" };
	char raw[128], early[TEXT_CLEANED_SIZE(128)];
	char first[64], second[64], late[TEXT_CLEANED_SIZE(128)];
	unsigned long long state = 7;
	size_t i, n;
	int round;

	for (round = 0; round < 20000; round++) {
		first[0] = second[0] = '\0';
		for (i = unit_random(&state) % 7; i > 0; i--)
			strcat(first, pieces[unit_random(&state) % 20]);
		for (i = unit_random(&state) % 7; i > 0; i--)
			strcat(second, pieces[unit_random(&state) % 20]);
		n = (size_t)sprintf(raw, "%s\b%s", first, second);
		text_clean(raw, n, late);

		strcpy(raw, first);
		n = text_apply_keys(raw, 0, strlen(first));
		n = text_erase_last(raw, n);
		strcpy(raw + n, second);
		text_clean(raw, n + strlen(second), early);
		ck_assert_str_eq(early, late);

		n = text_apply_keys(raw, n, n + strlen(second));
		text_clean(raw, n, early);
		ck_assert_str_eq(early, late);
	}
}
END_TEST

#define X24 "abcdefghijklmnopqrstuvwx"
#define X32 X24 "yz012345"

START_TEST(nicks)
{
	static const char *const good[] = { "a", "Z", "alice", "a1", "a_-.b",
		"a.", "guest7", X24 };
	static const char *const reserved[] = { "you", "YOU", "server",
		"Server" };
	static const char *const bad[] = { "", "1a", "_a", "-a", ".a", "#a",
		"a b", "a:", "a,", "@a", "a\t", "\xc3\xa9", "a\xc3\xa9", "a*",
		"a)", X24 "y", X32 };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(text_is_nick(good[i]), "%s", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!text_is_nick(bad[i]), "%s", bad[i]);
	for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		ck_assert_msg(text_is_reserved(reserved[i]), "%s", reserved[i]);
	ck_assert(!text_is_reserved("your"));
	ck_assert(!text_is_reserved("You_"));
	ck_assert_uint_eq(strlen(X24), NICK_MAX);
}
END_TEST

START_TEST(rooms)
{
	static const char *const good[] = { "#a", "#1", "#_", "#-", "#.",
		"#dev", "#2026.11-x_y", "#" X32 };
	static const char *const bad[] = { "", "#", "dev", "##dev", "#a b",
		"#a#", "#a,b", "#\xc3\xa9", "#a\n", "#" X32 "6", "&a" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(text_is_room(good[i]), "%s", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!text_is_room(bad[i]), "%s", bad[i]);
	ck_assert_uint_eq(strlen("#" X32), ROOM_MAX);
}
END_TEST

/* Each byte in a name's second place. */
START_TEST(name_bytes)
{
	char nick[3] = "ax", room[4] = "#ax";
	int c;
	bool want;

	for (c = 1; c < 256; c++) {
		nick[1] = room[2] = (char)c;
		want = strchr("abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.",
			   c) != NULL;
		ck_assert_msg(text_is_nick(nick) == want, "nick, byte %d", c);
		ck_assert_msg(text_is_room(room) == want, "room, byte %d", c);
	}
}
END_TEST

START_TEST(words)
{
	const char *text = "hi, bob.x! (-a_1)";
	size_t n;

	ck_assert_ptr_eq(text_next_word(text, &n), text);
	ck_assert_uint_eq(n, 2);
	ck_assert_ptr_eq(text_next_word(text + 2, &n), text + 4);
	ck_assert_uint_eq(n, 5);
	ck_assert_ptr_eq(text_next_word(text + 9, &n), text + 12);
	ck_assert_uint_eq(n, 4);
	ck_assert_ptr_null(text_next_word(text + 16, &n));
	ck_assert_ptr_null(text_next_word("\xc3\xa9 !", &n));
}
END_TEST

START_TEST(secrets)
{
	ck_assert(text_same_secret("open sesame", "open sesame"));
	ck_assert(text_same_secret("x", "x"));
	ck_assert(!text_same_secret("open sesame", ""));
	ck_assert(!text_same_secret("open sesame", "open sesam"));
	ck_assert(!text_same_secret("open sesame", "open sesame "));
	ck_assert(!text_same_secret("open sesame", "Open sesame"));
	ck_assert(!text_same_secret("open sesame", "open sesamf"));
	ck_assert(!text_same_secret("aa", "a"));
	ck_assert(!text_same_secret("a", "aa"));
	ck_assert(!text_same_secret("a", "a\x80"));
}
END_TEST

START_TEST(cuts)
{
	/* a, e acute, euro sign, b: 1 + 2 + 3 + 1 bytes */
	const char *text = "a\xc3\xa9\xe2\x82\xac"
			   "b";
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 6, 7, 7, 7 };
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ck_assert_uint_eq(text_cut(text, 7, i), want[i]);
	ck_assert_uint_eq(text_cut("", 0, 0), 0);
}
END_TEST

UNIT_MAIN("text", NULL, NULL, clean_table, clean_every_ascii, clean_among_plain,
    clean_every_character, clean_marks, blanks, clean_random_bytes,
    erase_last_table, apply_keys_table, keys_early_or_late, nicks, rooms,
    name_bytes, words, secrets, cuts)
