/* Text to lines, however it is cut. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/net/linebuf.h"
#include "unit.h"

/* What came of an input: each line in <>, each lost one as "<too long>". */
struct transcript {
	char text[8192];
	size_t len;
	unsigned ended;
};

static void
note(struct transcript *t, const struct linebuf_event *ev)
{
	int n = 0;

	t->ended += ev->ended;
	switch (ev->what) {
	case LINEBUF_NOTHING:
		break;
	case LINEBUF_LINE:
		ck_assert(ev->ended);
		ck_assert_uint_le(t->len + ev->len + 2, sizeof(t->text));
		t->text[t->len++] = '<';
		memcpy(t->text + t->len, ev->line, ev->len);
		t->len += ev->len;
		t->text[t->len++] = '>';
		break;
	case LINEBUF_TOO_LONG:
		n = snprintf(t->text + t->len, 16, "<too long>");
		break;
	case LINEBUF_NO_MEMORY:
		n = snprintf(t->text + t->len, 16, "<no memory>");
		break;
	}
	t->len += (size_t)n;
}

/* One piece, in a buffer of just its size. */
static void
play_piece(struct linebuf *lb, unsigned max, struct transcript *t,
    const char *p, size_t len)
{
	char *copy = malloc(len);
	struct linebuf_event ev;
	size_t from, used;

	memcpy(copy, p, len);
	for (from = 0; from < len; from += used) {
		used = linebuf_take(lb, max, copy + from, len - from, &ev);
		ck_assert(used > 0 || ev.what != LINEBUF_NOTHING);
		ck_assert_uint_le(used, len - from);
		note(t, &ev);
		linebuf_release(lb);
	}
	free(copy);
}

static void
play(struct transcript *t, unsigned max, const char *p, size_t len, size_t how)
{
	struct linebuf lb = { 0 };
	struct linebuf_event ev;
	size_t from, n;

	t->len = t->ended = 0;
	for (from = 0; from < len; from += n) {
		n = unit_piece(how, from, len);
		play_piece(&lb, max, t, p + from, n);
	}
	linebuf_end(&lb, &ev);
	note(t, &ev);
	linebuf_clear(&lb);
}

/* Whole, one byte at a time, and cut at each point: always the same. */
static void
check(
    unsigned max, const char *raw, size_t len, const char *want, unsigned ended)
{
	char *what = unit_show(raw, len), *title;
	struct transcript t;
	size_t how;

	for (how = 0; how <= len; how++) {
		play(&t, max, raw, len, how);
		ck_assert_int_ne(
		    asprintf(&title, "%s, cut %zu", what, how), -1);
		unit_bytes(title, t.text, t.len, want, strlen(want));
		ck_assert_msg(t.ended == ended, "%s: %u ended, not %u", title,
		    t.ended, ended);
		free(title);
	}
	free(what);
}

static const struct {
	const char *raw;
	size_t len;
	const char *want;
	unsigned ended;
} table[] = {
	{ BYTES("a\n"), "<a>", 1 },
	{ BYTES("a\r\n"), "<a>", 1 },
	{ BYTES("a\r\0"), "<a>", 1 },
	{ BYTES("a\nb\r\nc\r\0d\n"), "<a><b><c><d>", 4 },
	{ BYTES("\n\r\n\r\0"), "<><><>", 3 },
	{ BYTES("a\n\nb\n"), "<a><><b>", 3 },
	/* a CR alone ends a line */
	{ BYTES("a\rb\n"), "<a><b>", 2 },
	{ BYTES("a\rb\rc\r"), "<a><b><c>", 3 },
	{ BYTES("\rb\r\n"), "<><b>", 2 },
	/* only one LF or NUL belongs to it, and only right after it */
	{ BYTES("a\r\r\n"), "<a><>", 2 },
	{ BYTES("a\r\r\0"), "<a><>", 2 },
	{ BYTES("\r\r\r\n"), "<><><>", 3 },
	{ BYTES("a\r\n\nb\n"), "<a><><b>", 3 },
	{ BYTES("a\r\0\nb\n"), "<a><><b>", 3 },
	{ BYTES("a\r \nb\n"), "<a>< ><b>", 3 },
	/* LF CR is two ends */
	{ BYTES("a\n\rb\n"), "<a><><b>", 3 },
	{ BYTES("a\n\r\nb\n"), "<a><><b>", 3 },
	/* the last line counts without its end, too */
	{ BYTES("a"), "<a>", 1 },
	{ BYTES("a\nb"), "<a><b>", 2 },
	{ BYTES("a\r"), "<a>", 1 },
	{ BYTES("a\n"), "<a>", 1 },
	{ BYTES("\r"), "<>", 1 },
	{ BYTES("a\n\r"), "<a><>", 2 },
	/* Ctrl-D before the end of input is none of it */
	{ BYTES("\x04"), "", 0 },
	{ BYTES("a\n\x04\x04"), "<a>", 1 },
	{ BYTES("a\x04\x04"), "<a>", 1 },
	{ BYTES("a\x04\n"), "<a\x04>", 1 },
	{ BYTES("\x04\n\x04"), "<\x04>", 1 },
	{ BYTES("\x04 a"), "<\x04 a>", 1 },
};

START_TEST(tables)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check(1024, table[i].raw, table[i].len, table[i].want,
		    table[i].ended);
}
END_TEST

/* A NUL that follows no CR is part of the line. */
START_TEST(lone_nul)
{
	struct transcript t;
	size_t how;

	for (how = 0; how <= 4; how++) {
		play(&t, 1024, BYTES("a\0b\n"), how);
		unit_bytes("NUL", t.text, t.len, BYTES("<a\0b>"));
	}
}
END_TEST

/* At the limit, one below, one above; with each way to end a line. */
START_TEST(limit)
{
	check(8, BYTES("1234567\n"), "<1234567>", 1);
	check(8, BYTES("12345678\n"), "<12345678>", 1);
	check(8, BYTES("12345678\r\n"), "<12345678>", 1);
	check(8, BYTES("12345678\r\0"), "<12345678>", 1);
	check(8, BYTES("12345678"), "<12345678>", 1);
	check(8, BYTES("12345678\r"), "<12345678>", 1);
	check(8, BYTES("123456789\n"), "<too long>", 1);
	check(8, BYTES("123456789\r\n"), "<too long>", 1);
	check(8, BYTES("123456789\r\0"), "<too long>", 1);
	check(8, BYTES("123456789"), "<too long>", 1);
	check(8, BYTES("12345678\rx\n"), "<12345678><x>", 2);
	check(8, BYTES("123456789\rx\r"), "<too long><x>", 2);
}
END_TEST

/* Told once, thrown away up to its end, and the next one is whole. */
START_TEST(too_long_and_on)
{
	check(4, BYTES("a\n12345678901234567890\nb\n"), "<a><too long><b>", 3);
	check(4, BYTES("12345\r\rx\r\nb\n"), "<too long><><x><b>", 4);
	check(4, BYTES("12345678\rb\r12345\r"), "<too long><b><too long>", 3);
	check(4, BYTES("12345\n12345\nb"), "<too long><too long><b>", 3);
	check(4, BYTES("12345\r\nb\r\n"), "<too long><b>", 2);
	check(4, BYTES("12345\r\0b\r\0"), "<too long><b>", 2);
}
END_TEST

/* Nobody knows whether more comes after a CR: the line does not wait for it,
 * nor does it cost memory to remember. */
START_TEST(cr_does_not_wait)
{
	struct linebuf lb = { 0 };
	struct linebuf_event ev;

	ck_assert_uint_eq(linebuf_take(&lb, 64, "hello\r", 6, &ev), 6);
	ck_assert_int_eq(ev.what, LINEBUF_LINE);
	unit_bytes("line", ev.line, ev.len, BYTES("hello"));
	ck_assert_ptr_null(lb.buf);
	ck_assert_uint_eq(linebuf_take(&lb, 64, "\n", 1, &ev), 1);
	ck_assert_int_eq(ev.what, LINEBUF_NOTHING);
	ck_assert(!ev.ended);
	ck_assert_uint_eq(linebuf_take(&lb, 64, "\n", 1, &ev), 1);
	ck_assert_int_eq(ev.what, LINEBUF_LINE);
	/* what drops the line after it is not the end of that */
	linebuf_take(&lb, 64, "a\r", 2, &ev);
	linebuf_clear(&lb);
	linebuf_take(&lb, 64, "\0", 1, &ev);
	ck_assert_int_eq(ev.what, LINEBUF_NOTHING);
	linebuf_end(&lb, &ev);
	ck_assert(!ev.ended);
}
END_TEST

START_TEST(largest_limit)
{
	static char raw[65536 + 1];
	struct linebuf lb = { 0 };
	struct linebuf_event ev;

	memset(raw, 'x', sizeof(raw));
	raw[65535] = '\n';
	ck_assert_uint_eq(linebuf_take(&lb, 65535, raw, 1, &ev), 1);
	ck_assert_uint_eq(linebuf_take(&lb, 65535, raw + 1, 65535, &ev), 65535);
	ck_assert_int_eq(ev.what, LINEBUF_LINE);
	ck_assert_uint_eq(ev.len, 65535);
	raw[65535] = 'x';
	raw[65536] = '\n';
	ck_assert_uint_eq(linebuf_take(&lb, 65535, raw, 1, &ev), 1);
	linebuf_take(&lb, 65535, raw + 1, 65536, &ev);
	ck_assert_int_eq(ev.what, LINEBUF_TOO_LONG);
	linebuf_clear(&lb);
}
END_TEST

/* A line that comes in one piece is not copied; nor does it cost memory. */
START_TEST(no_copy)
{
	const char *raw = "hello\r\n";
	struct linebuf lb = { 0 };
	struct linebuf_event ev;

	ck_assert_uint_eq(linebuf_take(&lb, 64, raw, 7, &ev), 7);
	ck_assert_int_eq(ev.what, LINEBUF_LINE);
	ck_assert_ptr_eq(ev.line, raw);
	ck_assert_ptr_null(lb.buf);
}
END_TEST

START_TEST(memory_given_back)
{
	struct linebuf lb = { 0 };
	struct linebuf_event ev;

	linebuf_take(&lb, 64, "hel", 3, &ev);
	ck_assert_ptr_nonnull(lb.buf);
	linebuf_release(&lb); /* not yet dealt with: stays */
	ck_assert_ptr_nonnull(lb.buf);
	linebuf_take(&lb, 64, "lo\n", 3, &ev);
	unit_bytes("line", ev.line, ev.len, BYTES("hello"));
	linebuf_release(&lb);
	ck_assert_ptr_null(lb.buf);
	/* nor does a line that is thrown away keep any */
	linebuf_take(&lb, 4, "abc", 3, &ev);
	linebuf_take(&lb, 4, "de", 2, &ev);
	ck_assert_int_eq(ev.what, LINEBUF_TOO_LONG);
	ck_assert_ptr_null(lb.buf);
}
END_TEST

/* Types, with 'E' for telnet's EC and 'C' for EL or IP. */
static void
check_edit(unsigned max, const char *typed, const char *want)
{
	struct transcript t = { .len = 0 };
	struct linebuf lb = { 0 };

	for (; *typed != '\0'; typed++) {
		if (*typed == 'E')
			linebuf_erase_character(&lb);
		else if (*typed == 'C')
			linebuf_clear(&lb);
		else
			play_piece(&lb, max, &t, typed, 1);
	}
	unit_bytes("edited", t.text, t.len, want, strlen(want));
	linebuf_clear(&lb);
}

START_TEST(edits)
{
	check_edit(64, "abEc\n", "<ac>");
	check_edit(64, "EEab\n", "<ab>");
	check_edit(64, "abEEEc\n", "<c>");
	check_edit(64, "abEE\n", "<>");
	check_edit(64,
	    "a\xc3\xa9"
	    "Eb\n",
	    "<ab>");
	check_edit(64,
	    "a\xe2\x82\xac"
	    "EEb\n",
	    "<b>");
	/* a BS that was typed erases before EC does */
	check_edit(64, "abc\bEd\n", "<ad>");
	/* as do Ctrl-W and Ctrl-U, and an arrow is gone */
	check_edit(64, "ab cde\x17xEd\n", "<ab d>");
	check_edit(64, "abEc\x15xEd\n", "<d>");
	check_edit(64, "ab\x1b[DEd\n", "<ad>");
	/* what is begun is not ended after it */
	check_edit(64, "a\x1b[ED\n",
	    "<a\xff"
	    "D>");
	check_edit(64, "a\xe2\x82xE\xac\n", "<a\xff\xff\xac>");
	check_edit(64, "abCcd\n", "<cd>");
	check_edit(64, "C\n", "<>");
	check_edit(64, "ab\nCcd\n", "<ab><cd>");
	/* erased bytes count: a line is never kept longer than the limit */
	check_edit(4, "abcdE\n", "<abc>");
	check_edit(4, "abcdEe\n", "<too long>");
	check_edit(4, "abcdCefgh\n", "<efgh>");
}
END_TEST

START_TEST(random_cuts)
{
	static const char bytes[] = "\r\r\n\0abcdef\r\n";
	unsigned long long state = 11;
	struct transcript whole, cut;
	char raw[24];
	size_t i, how;
	int round;

	for (round = 0; round < 500; round++) {
		for (i = 0; i < sizeof(raw); i++)
			raw[i] =
			    bytes[unit_random(&state) % (sizeof(bytes) - 1)];
		play(&whole, 5, raw, sizeof(raw), 0);
		for (how = 1; how <= sizeof(raw); how++) {
			play(&cut, 5, raw, sizeof(raw), how);
			unit_bytes(
			    "cut", cut.text, cut.len, whole.text, whole.len);
			ck_assert_uint_eq(cut.ended, whole.ended);
		}
	}
}
END_TEST

UNIT_MAIN("linebuf", NULL, NULL, tables, lone_nul, limit, too_long_and_on,
    cr_does_not_wait, largest_limit, no_copy, memory_given_back, edits,
    random_cuts)
