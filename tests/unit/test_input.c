/* Input: bytes to lines, with telnet in between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/net/input.h"
#include "unit.h"

#define MAX_LINE 64

/* What came of all of the bytes, as text: a line as it is and an LF; others as
 * a word in <>. */
static char got[4096];
static size_t got_len;

static void
note(const char *bytes, size_t n)
{
	ck_assert_uint_lt(got_len + n, sizeof(got));
	memcpy(got + got_len, bytes, n);
	got_len += n;
}

static void
note_event(struct input *in, const struct input_event *ev)
{
	switch (ev->kind) {
	case INPUT_NOTHING:
		break;
	case INPUT_LINE:
		note(ev->line, ev->len);
		note("\n", 1);
		input_release(in);
		break;
	case INPUT_TOO_LONG:
		note("<long>", 6);
		break;
	case INPUT_NO_MEMORY:
		note("<memory>", 8);
		break;
	case INPUT_HTTP:
		note("<http>", 6);
		break;
	case INPUT_REPLY:
		note("<", 1);
		note((const char *)ev->reply, 3);
		note(">", 1);
		break;
	case INPUT_ARE_YOU_THERE:
		note("<ayt>", 5);
		break;
	}
}

static void
feed(struct input *in, const char *raw, size_t n)
{
	const unsigned char *p = (const unsigned char *)raw;
	struct input_event ev;
	size_t used;

	while (n > 0) {
		used = input_next(in, MAX_LINE, p, n, &ev);
		ck_assert_uint_le(used, n);
		if (ev.kind == INPUT_NOTHING)
			ck_assert_uint_eq(used, n);
		note_event(in, &ev);
		p += used;
		n -= used;
	}
}

/* Whatever the pieces are in which raw comes, want comes of it. */
static void
check(const char *raw, size_t len, const char *want, size_t want_len)
{
	struct input in;
	struct input_event ev;
	size_t how, from, n;

	for (how = 0; how <= len; how++) {
		memset(&in, 0, sizeof(in));
		got_len = 0;
		for (from = 0; from < len; from += n) {
			n = unit_piece(how, from, len);
			feed(&in, raw + from, n);
		}
		input_end(&in, &ev);
		note_event(&in, &ev);
		unit_bytes("got", got, got_len, want, want_len);
		input_clear(&in);
	}
}

START_TEST(lines)
{
	check(BYTES("one\ntwo\r\nthree\r\0\nlast"),
	    BYTES("one\ntwo\nthree\n\nlast\n"));
	check(BYTES(""), BYTES(""));
	check(BYTES("\n"), BYTES("\n"));
	check(BYTES("one\n\x04"), BYTES("one\n"));
	check(BYTES("\xff\xfb\x18\x04"), BYTES("<\xff\xfe\x18>"));
}
END_TEST

/* One call goes on until there is something to hear of. */
START_TEST(entered_once)
{
	static const unsigned char raw[] = "a\xff\xf1"
					   "b\xff\xf0"
					   "c\nd";
	struct input in = { 0 };
	struct input_event ev;
	size_t used;

	used = input_next(&in, MAX_LINE, raw, sizeof(raw) - 1, &ev);
	ck_assert_int_eq(ev.kind, INPUT_LINE);
	unit_bytes("line", ev.line, ev.len, "abc", 3);
	ck_assert_uint_eq(used, sizeof(raw) - 2);
	input_clear(&in);
}
END_TEST

START_TEST(telnet)
{
	check(BYTES("\xff\xfb\x18ho\xff\xfd\x03w\r\n"),
	    BYTES("<\xff\xfe\x18><\xff\xfc\x03>how\n"));
	check(BYTES("a\xff\xf6"
		    "b\n"),
	    BYTES("<ayt>ab\n"));
	check(BYTES("abX\xff\xf7"
		    "c\nabc\xff\xf8"
		    "d\nabc\xff\xf4"
		    "e\n"),
	    BYTES("abc\nd\ne\n"));
	check(BYTES("a\xff\xfa\x18xterm\n\xff\xf0"
		    "b\n"),
	    BYTES("ab\n"));
}
END_TEST

/* A line that is held comes again, before anything else. */
START_TEST(held)
{
	static const char *const pieces[] = { "one\ntwo\n", "o", "ne\n",
		"two\n" };
	const unsigned char *p;
	struct input in = { 0 };
	struct input_event ev;
	size_t used;
	int i;

	for (i = 0; i < 2; i++) {
		if (i == 1) { /* it has come in pieces */
			p = (const unsigned char *)pieces[1];
			used = input_next(&in, MAX_LINE, p, 1, &ev);
			ck_assert_int_eq(ev.kind, INPUT_NOTHING);
		}
		p = (const unsigned char *)pieces[2 * i];
		used = input_next(&in, MAX_LINE, p, strlen(pieces[2 * i]), &ev);
		ck_assert(input_hold(&in, MAX_LINE, &ev));
		ck_assert(input_is_held(&in));
		ck_assert_uint_eq(
		    input_next(&in, MAX_LINE, p + used, 4, &ev), 0);
		ck_assert_int_eq(ev.kind, INPUT_LINE);
		unit_bytes("line", ev.line, ev.len, "one", 3);
		ck_assert(input_hold(&in, MAX_LINE, &ev)); /* once more */
		(void)input_next(&in, MAX_LINE, NULL, 0, &ev);
		unit_bytes("line", ev.line, ev.len, "one", 3);
		ck_assert(!input_is_held(&in));
		input_release(&in);
		if (i == 0) {
			used = input_next(&in, MAX_LINE, p + used, 4, &ev);
			ck_assert_uint_eq(used, 4);
			unit_bytes("line", ev.line, ev.len, "two", 3);
			input_release(&in);
		}
	}
	ck_assert_ptr_null(in.line.buf);
}
END_TEST

START_TEST(too_long)
{
	char raw[200];

	memset(raw, 'x', sizeof(raw));
	raw[MAX_LINE] = '\n';
	raw[MAX_LINE + 1 + MAX_LINE + 1] = '\n';
	strcpy(raw + 2 * MAX_LINE + 3, "next\n");
	got_len = 0;
	check(raw, strlen(raw),
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n<long>next\n",
	    MAX_LINE + 12);
}
END_TEST

/* Told as soon as it is known, whatever becomes of the line after that. */
START_TEST(too_long_for_a_request)
{
	char raw[MAX_LINE + 20];

	memset(raw, 'x', sizeof(raw));
	strcpy(raw + MAX_LINE + 1, "\xff\xf7\xff\xf8next\n");
	got_len = 0;
	check(raw, strlen(raw), "<long>next\n", 11);
}
END_TEST

/* A U+FEFF is dropped where a connection begins, and nowhere else. */
#define MARK "\xef\xbb\xbf"

START_TEST(byte_order_mark)
{
	char raw[3 + MAX_LINE + 1];

	check(BYTES(MARK "/msg bob hi\n"), BYTES("/msg bob hi\n"));
	check(BYTES(MARK "\n" MARK "a\n"), BYTES("\n" MARK "a\n"));
	check(BYTES(MARK MARK "a\n"), BYTES(MARK "a\n"));
	check(BYTES("\n" MARK "a\n"), BYTES("\n" MARK "a\n"));
	check(BYTES("a" MARK "b\n"), BYTES("a" MARK "b\n"));
	check(BYTES(MARK), BYTES(""));
	check(BYTES(MARK "a"), BYTES("a\n"));
	/* it is no part of the line */
	memset(raw, 'x', sizeof(raw));
	memcpy(raw, MARK, 3);
	raw[sizeof(raw) - 1] = '\n';
	check(raw, sizeof(raw), raw + 3, MAX_LINE + 1);
	/* a part of one is text */
	check(BYTES("\xef\xbb"), BYTES("\xef\xbb\n"));
	check(BYTES("\xef\xbb\n"), BYTES("\xef\xbb\n"));
	check(BYTES("\xef\xbb\xbe\n"), BYTES("\xef\xbb\xbe\n"));
	check(BYTES("\xef\xef\xbb\xbf\n"), BYTES("\xef\xef\xbb\xbf\n"));
	/* telnet's commands before, in and behind it */
	check(BYTES("\xff\xfb\x18" MARK "a\n"), BYTES("<\xff\xfe\x18>a\n"));
	check(BYTES("\xef\xff\xf1\xbb\xff\xf1\xbf\xff\xf1"
		    "a\n"),
	    BYTES("a\n"));
	check(BYTES(MARK "ab\xff\xf7\xff\xf7\xff\xf7"
			 "c\n"),
	    BYTES("c\n"));
	check(BYTES("\xef\xbb\xff\xf7\xbf\n"), BYTES("\xff\xbf\n"));
	check(BYTES("\xef\xbb\xff\xf8\xbf\n"), BYTES("\xbf\n"));
}
END_TEST

/* A connection that begins with an HTTP request: the first line is told as
 * such, however it comes. */
static void
check_request(const char *line)
{
	char raw[512];
	int n = snprintf(raw, sizeof(raw), "%s\r\nHost: box\r\n", line);

	check(raw, (size_t)n, BYTES("<http>Host: box\n"));
	check(line, strlen(line), BYTES("<http>"));
}

START_TEST(http)
{
	static const char *const requests[] = { "GET / HTTP/1.1",
		"POST /a/b?c=d HTTP/1.0", "OPTIONS * HTTP/1.1",
		"PRI * HTTP/2.0", "CONNECT box:80 HTTP/1.1",
		"GET http://box:5531/ HTTP/1.1", "M-SEARCH * HTTP/1.1",
		"x /HTTP/1.1 HTTP/1.1", "GET  /\t HTTP/1.1 ",
		"GET /a b HTTP/1.1 HTTP/1.1", MARK "GET / HTTP/1.1" };
	static const char *const others[] = { "GET lost HTTP",
		"GET lost HTTP/1.1", "GET / HTTP", "GET / HTTP/",
		"GET / http/1.1", "GET / HTTP/1.", "GET / HTTP/ 1.1",
		"GET / HTTP/x.1", "GET / HTTP/1.10", "GET / HTTP/1.1x",
		"GET / xHTTP/1.1", "GET / HTTP/1.1 x", "GET /",
		" GET / HTTP/1.1", "GET HTTP/1.1", "/ HTTP/1.1",
		"/GET / HTTP/1.1", "deploy: / HTTP/1.1", "GET", "HTTP/1.1" };
	char raw[64];
	size_t i, n;

	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		check_request(requests[i]);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		n = (size_t)snprintf(raw, sizeof(raw), "%s\n", others[i]);
		check(raw, n, raw, n);
	}
	/* any but the first line */
	check(BYTES("\nGET / HTTP/1.1\n"), BYTES("\nGET / HTTP/1.1\n"));
}
END_TEST

/* Longer than a line may be: it is told at its end which of the two it is. */
START_TEST(long_http)
{
	char path[300];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	memcpy(path, "GET /", 5);
	check(path, strlen(path), BYTES("<long>"));
	memcpy(path + sizeof(path) - 10, " HTTP/1.1", 9);
	check_request(path);
	memcpy(path, "GET x", 5);
	check(path, strlen(path), BYTES("<long>"));
	memset(path, 'M', 200);
	memcpy(path + 200, " /", 2);
	check_request(path);
	/* told before its end if it can't become one */
	path[100] = ':';
	strcpy(path + sizeof(path) - 10, "\xff\xf6\n");
	check(path, strlen(path), BYTES("<long><ayt>"));
}
END_TEST

/* Who edits the line is a person. */
START_TEST(edited_http)
{
	check(BYTES("GET / HTTP/1.1\xff\xf7\n"), BYTES("GET / HTTP/1.\n"));
	check(BYTES("GET / HTTP/1.1\xff\xf8\n"), BYTES("\n"));
	check(BYTES("x\xff\xf4GET / HTTP/1.1\n"), BYTES("<http>"));
}
END_TEST

UNIT_MAIN("input", NULL, NULL, lines, entered_once, telnet, held, too_long,
    too_long_for_a_request, byte_order_mark, http, long_http, edited_http)
