/* Input that goes on in another process, cut anywhere: with what had come of
 * the line, and without. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/base/record.h"
#include "banterd/net/input.h"
#include "unit.h"

#define MAX_LINE 64

static const struct {
	const char *raw;
	size_t len;
} inputs[] = {
	{ BYTES("one\ntwo\r\nthree\rfour\r\0five\n") },
	{ BYTES("\r\n\n\r\r\n") },
	{ BYTES("\xef\xbb\xbfone\ntwo\n") },
	{ BYTES("\xef\xbbone\n\xef\xbb\xbftwo\n") },
	{ BYTES("\xff\xfb\x01\xff\xfd\x06\xff\xf6one\ntw\xff\xf1o\n") },
	{ BYTES("\xff\xfa\x18\x01xterm\xff\xff\n\xff\xf0one\n") },
	{ BYTES("abc\xff\xf7\xff\xf7xyz\nh\xc3\xa9\xff\xf7i\n") },
	{ BYTES("away\xff\xf8one\ntwo\xff\xf4three\n") },
	{ BYTES("one\x7f\x7f\bxy\nw\x15q\n") },
	{ BYTES("GET / HTTP/1.1\r\nHost: x\r\n\r\n") },
	{ BYTES("POST /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.0\nrest\n") },
	{ BYTES("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxx\nshort\nyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
		"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\nshort\n") },
	{ BYTES("h\xc3\xa9\xe2\x82\xac\xff\xff\n") },
};
#define N_INPUTS ((int)(sizeof(inputs) / sizeof(inputs[0])))

/* What comes of input: each line with an LF, and the other kinds. */
struct heard {
	char text[4096];
	size_t len;
};

static void
hear(struct heard *h, const void *bytes, size_t n)
{
	ck_assert_uint_lt(h->len + n, sizeof(h->text));
	memcpy(h->text + h->len, bytes, n);
	h->len += n;
}

static void
hear_event(struct heard *h, struct input *in, const struct input_event *ev)
{
	switch (ev->kind) {
	case INPUT_NOTHING:
		break;
	case INPUT_LINE:
		hear(h, ev->line, ev->len);
		hear(h, "\n", 1);
		input_release(in);
		break;
	case INPUT_REPLY:
		hear(h, ev->reply, 3);
		break;
	default:
		hear(h, "<x>\n", 4);
		h->text[h->len - 3] = (char)('a' + ev->kind);
		break;
	}
}

static void
feed(struct heard *h, struct input *in, const char *raw, size_t n)
{
	const unsigned char *p = (const unsigned char *)raw;
	struct input_event ev;
	size_t used;

	for (; n > 0; n -= used, p += used) {
		used = input_next(in, MAX_LINE, p, n, &ev);
		hear_event(h, in, &ev);
	}
}

/* Another process's, of which only that is known. */
static bool
import(struct input *in, const struct record *r, const struct record *rest)
{
	struct record_reader from = record_reader(r->bytes, r->len);

	memset(in, 0, sizeof(*in));
	if (!input_return(in, record_get_u64(&from)) || !record_is_whole(&from))
		return false;
	if (rest == NULL)
		return true;
	from = record_reader(rest->bytes, rest->len);
	return input_import_rest(in, UINT16_MAX, &from) &&
	    record_is_whole(&from);
}

static void export(
    const struct input *in, struct record *r, struct record *rest)
{
	record_begin(r);
	record_begin(rest);
	record_put_u64(r, input_shape(in));
	input_export_rest(in, rest);
	ck_assert(!r->failed && !rest->failed);
}

/* ---- in good order ---- */

/* One process after another, each with a few bytes. */
START_TEST(cut_in_three)
{
	const char *raw = inputs[_i].raw;
	const size_t len = inputs[_i].len;
	struct record r = { .len = 0 }, rest = { .len = 0 };
	struct heard want = { .len = 0 }, got;
	struct input in = { .mark = 0 };
	size_t a, b;

	feed(&want, &in, raw, len);
	input_clear(&in);
	for (a = 0; a <= len; a++) {
		for (b = a; b <= len; b++) {
			memset(&in, 0, sizeof(in));
			got.len = 0;
			feed(&got, &in, raw, a);
			export(&in, &r, &rest);
			input_clear(&in);
			ck_assert(import(&in, &r, &rest));
			feed(&got, &in, raw + a, b - a);
			export(&in, &r, &rest);
			input_clear(&in);
			ck_assert(import(&in, &r, &rest));
			feed(&got, &in, raw + b, len - b);
			input_clear(&in);
			unit_bytes(
			    "cut", got.text, got.len, want.text, want.len);
		}
	}
	record_free(&r);
	record_free(&rest);
}
END_TEST

/* A line that is held comes again. */
START_TEST(held)
{
	struct record r = { .len = 0 }, rest = { .len = 0 };
	struct input in = { .mark = 0 };
	struct input_event ev;

	(void)input_next(
	    &in, MAX_LINE, (const unsigned char *)"held\r", 5, &ev);
	ck_assert(input_hold(&in, MAX_LINE, &ev));
	export(&in, &r, &rest);
	input_clear(&in);
	ck_assert(import(&in, &r, &rest));
	ck_assert(input_is_held(&in));
	/* and once more, into one whose lines are shorter */
	export(&in, &r, &rest);
	input_clear(&in);
	ck_assert(import(&in, &r, &rest));
	ck_assert_uint_eq(input_next(&in, 2, NULL, 0, &ev), 0);
	ck_assert_int_eq(ev.kind, INPUT_LINE);
	unit_bytes("line", ev.line, ev.len, BYTES("held"));
	ck_assert(input_hold(&in, 2, &ev));
	(void)input_next(&in, 2, NULL, 0, &ev);
	unit_bytes("line", ev.line, ev.len, BYTES("held"));
	input_release(&in);
	ck_assert(!input_is_held(&in));
	(void)input_next(
	    &in, MAX_LINE, (const unsigned char *)"\nnext\n", 6, &ev);
	unit_bytes("line", ev.line, ev.len, BYTES("next"));
	input_clear(&in);
	/* without the rest it is gone, and was whole */
	ck_assert(import(&in, &r, NULL));
	(void)input_next(
	    &in, MAX_LINE, (const unsigned char *)"\nnext\n", 6, &ev);
	unit_bytes("line", ev.line, ev.len, BYTES("next"));
	record_free(&r);
	record_free(&rest);
}
END_TEST

/* Half a line that is longer than lines may be now. */
START_TEST(shorter_lines)
{
	struct record r = { .len = 0 }, rest = { .len = 0 };
	struct input in = { .mark = 0 };
	struct heard got = { .len = 0 };
	struct input_event ev;

	feed(&got, &in, BYTES("a line of twenty-two b"));
	export(&in, &r, &rest);
	input_clear(&in);
	ck_assert(import(&in, &r, &rest));
	(void)input_next(&in, 8, (const unsigned char *)"ytes\n", 5, &ev);
	ck_assert_int_eq(ev.kind, INPUT_TOO_LONG);
	input_clear(&in);
	record_free(&r);
	record_free(&rest);
}
END_TEST

/* ---- after a fault ---- */

/* What comes after it are the last of the lines: none is less than it was. */
START_TEST(without_the_rest)
{
	const char *raw = inputs[_i].raw;
	const size_t len = inputs[_i].len;
	struct record r = { .len = 0 }, rest = { .len = 0 };
	struct heard want = { .len = 0 }, got, before;
	struct input in = { .mark = 0 };
	size_t a, n;

	feed(&want, &in, raw, len);
	input_clear(&in);
	for (a = 0; a <= len; a++) {
		memset(&in, 0, sizeof(in));
		before.len = got.len = 0;
		feed(&before, &in, raw, a);
		export(&in, &r, &rest);
		input_clear(&in);
		ck_assert(import(&in, &r, NULL));
		feed(&got, &in, raw + a, len - a);
		input_clear(&in);
		ck_assert_uint_le(before.len + got.len, want.len);
		n = want.len - got.len;
		unit_bytes("after", got.text, got.len, want.text + n, got.len);
		ck_assert(n == 0 || got.len == 0 || want.text[n - 1] == '\n' ||
		    n == before.len);
	}
	record_free(&r);
	record_free(&rest);
}
END_TEST

/* What is pending is lost, too: it is as if that had come already. */
START_TEST(pending)
{
	const char *raw = inputs[_i].raw;
	const size_t len = inputs[_i].len;
	struct heard ignored;
	struct input in, later;
	size_t a, b;

	for (a = 0; a <= len; a++) {
		for (b = a; b <= len; b++) {
			ignored.len = 0;
			memset(&in, 0, sizeof(in));
			memset(&later, 0, sizeof(later));
			feed(&ignored, &in, raw, a);
			feed(&ignored, &later, raw, b);
			later.too_long = false;
			in.too_long = false;
			ck_assert_uint_eq(
			    input_shape_after(
				&in, (const unsigned char *)raw + a, b - a),
			    input_shape(&later));
			input_clear(&in);
			input_clear(&later);
		}
	}
}
END_TEST

/* ---- records that are none ---- */

/* Whatever it is, it takes no more than it may. */
static void
try(const struct record *r, const struct record *rest)
{
	struct heard got = { .len = 0 };
	struct input in;

	if (import(&in, r, rest)) {
		feed(&got, &in, BYTES("what\xff\xf7 comes\nthen"));
		feed(&got, &in, BYTES(" GET / HTTP/1.0\n\xef\xbb\xbfx\n"));
	}
	input_clear(&in);
}

START_TEST(flipped)
{
	struct record r = { .len = 0 }, rest = { .len = 0 };
	struct heard got = { .len = 0 };
	struct input in = { .mark = 0 };
	struct input_event ev;
	size_t bit;

	feed(&got, &in, BYTES("one\nhalf a l"));
	if (_i == 1) {
		(void)input_next(
		    &in, MAX_LINE, (const unsigned char *)"ine\n", 4, &ev);
		ck_assert(input_hold(&in, MAX_LINE, &ev));
	}
	export(&in, &r, &rest);
	input_clear(&in);
	for (bit = 0; bit < 8 * r.len; bit++) {
		r.bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
		try(&r, &rest);
		try(&r, NULL);
		r.bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
	}
	for (bit = 0; bit < 8 * rest.len; bit++) {
		rest.bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
		try(&r, &rest);
		rest.bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
	}
	for (; rest.len > 0; rest.len--)
		try(&r, &rest);
	for (; r.len > 0; r.len--)
		try(&r, NULL);
	record_free(&r);
	record_free(&rest);
}
END_TEST

/* A line that no line can be. */
START_TEST(impossible)
{
	static const struct {
		unsigned discarding, held, counted, edited, len;
		bool possible;
	} of[] = { { 0, 0, 0, 0, 0, true }, { 0, 0, 9, 3, 9, true },
		{ 0, 0, 12, 0, 9, true }, { 0, 0, 12, 12, 9, true },
		{ 1, 0, 0, 0, 0, true }, { 0, 1, 0, 0, 9, true },
		{ 0, 1, 0, 0, 0, true }, { 0, 1, 0, 0, 16384, true },
		{ 0, 0, 3, 0, 9, false }, { 1, 0, 9, 0, 9, false },
		{ 1, 1, 0, 0, 9, false }, { 0, 1, 0, 0, 65536, false } };
	static char text[65536];
	struct record r = { .len = 0 };
	struct record_reader from;
	struct linebuf lb;
	size_t i;

	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		record_begin(&r);
		record_put_u8(&r, (uint8_t)of[i].discarding);
		record_put_u8(&r, (uint8_t)of[i].held);
		record_put_u16(&r, (uint16_t)of[i].counted);
		record_put_u16(&r, (uint16_t)of[i].edited);
		record_put_bytes(&r, text, of[i].len);
		from = record_reader(r.bytes, r.len);
		memset(&lb, 0, sizeof(lb));
		ck_assert_msg(linebuf_import_rest(&lb, UINT16_MAX, &from) ==
			of[i].possible,
		    "%zu", i);
		linebuf_clear(&lb);
	}
	record_free(&r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("input_kept");
	TCase *tc = unit_case(s, "input", NULL, NULL);

	tcase_add_loop_test(tc, cut_in_three, 0, N_INPUTS);
	tcase_add_loop_test(tc, without_the_rest, 0, N_INPUTS);
	tcase_add_loop_test(tc, pending, 0, N_INPUTS);
	tcase_add_loop_test(tc, flipped, 0, 2);
	UNIT_TESTS(tc, held, shorter_lines, impossible);
	return unit_run(s);
}
