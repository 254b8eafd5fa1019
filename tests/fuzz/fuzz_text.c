/* text.c against a plain and slow reading of what its header promises. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "banterd/base/text.h"
#include "fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static size_t
encode(long point, char *out)
{
	size_t n = 0;

	if (point < 0x80)
		out[n++] = (char)point;
	else if (point < 0x800)
		out[n++] = (char)(0xc0 | point >> 6);
	else if (point < 0x10000)
		out[n++] = (char)(0xe0 | point >> 12);
	else
		out[n++] = (char)(0xf0 | point >> 18);
	if (point >= 0x10000)
		out[n++] = (char)(0x80 | (point >> 12 & 0x3f));
	if (point >= 0x800)
		out[n++] = (char)(0x80 | (point >> 6 & 0x3f));
	if (point >= 0x80)
		out[n++] = (char)(0x80 | (point & 0x3f));
	return n;
}

/* The length of the escape sequence at s; 0: there is no whole one. */
static size_t
sequence_slowly(const uint8_t *s, size_t len)
{
	bool parameters = true;
	size_t i;

	if (len < 3 || s[0] != 0x1b || (s[1] != '[' && s[1] != 'O'))
		return 0;
	if (len > 3 && memcmp(s + 1, "[[", 2) == 0 && s[3] >= 'A' &&
	    s[3] <= 'E')
		return 4;
	for (i = 2; i < len && (i == 2 || s[1] == '['); i++) {
		if (s[i] >= 0x40 && s[i] <= 0x7e)
			return i + 1;
		if (s[i] < 0x20 || s[i] > 0x3f || (s[i] >= 0x30 && !parameters))
			return 0;
		parameters = s[i] >= 0x30;
	}
	return 0;
}

static bool
is_blank_point(long point)
{
	return point == ' ' || point == '\t';
}

/* Types a point to the n there are; returns how many there are then. */
static size_t
type_slowly(long *points, size_t n, long point)
{
	switch (point) {
	case 0x08:
	case 0x7f:
		return n - (n > 0);
	case 0x15:
		return 0;
	case 0x17:
		for (; n > 0 && is_blank_point(points[n - 1]); n--)
			;
		for (; n > 0 && !is_blank_point(points[n - 1]); n--)
			;
		return n;
	case 0x04:
		if (n == 0)
			return 0;
		break;
	}
	points[n] = point == -1 || fuzz_is_forbidden(point) ? 0xfffd : point;
	return n + 1;
}

/* Cleaning, one code point after the other.  Nothing that begins before cut
 * ends behind it. */
static size_t
clean_slowly(const uint8_t *raw, size_t len, size_t cut, char *out)
{
	size_t i, n, left, npoints = 0, o = 0;
	unsigned marks = 0;
	long point, *points;

	if ((points = calloc(len + 1, sizeof(*points))) == NULL)
		abort();
	for (i = 0; i < len; i += n) {
		left = (i < cut ? cut : len) - i;
		if ((n = sequence_slowly(raw + i, left)) > 0)
			continue;
		point = fuzz_decode(raw + i, left, &n);
		npoints = type_slowly(points, npoints, point);
	}
	/* only now: a mark that was erased is none */
	for (i = 0; i < npoints; i++) {
		if (fuzz_is_one_too_many(points[i], &marks))
			points[i] = 0xfffd;
		o += encode(points[i], out + o);
	}
	free(points);
	return o;
}

static void
check_clean(const uint8_t *raw, size_t len)
{
	size_t size = TEXT_CLEANED_SIZE(len), n, again;
	char *out = malloc(size), *slow = malloc(size + 1);
	char *twice = malloc(TEXT_CLEANED_SIZE(size));

	if (out == NULL || slow == NULL || twice == NULL)
		abort();
	n = text_clean((const char *)raw, len, out);
	FUZZ_CHECK(n < size && out[n] == '\0', "no NUL at the end");
	FUZZ_CHECK(
	    n == clean_slowly(raw, len, 0, slow) && memcmp(out, slow, n) == 0,
	    "cleaned to something else");
	FUZZ_CHECK(fuzz_is_clean(out, n), "cleaned, and not clean");
	again = text_clean(out, n, twice);
	FUZZ_CHECK(again == n && memcmp(out, twice, n) == 0,
	    "cleaning what is clean changed it");
	free(out);
	free(slow);
	free(twice);
}

/* Blanks are neither more nor less than what is blank one by one. */
static void
check_blanks(const uint8_t *raw, size_t len)
{
	char *out = malloc(TEXT_CLEANED_SIZE(len));
	size_t i, n, used;

	if (out == NULL)
		abort();
	text_clean((const char *)raw, len, out);
	n = text_blanks(out);
	for (i = 0; i < n; i += used) {
		(void)fuzz_decode((const uint8_t *)out + i, n - i, &used);
		FUZZ_CHECK(text_blanks(out + i) == n - i, "blanks of %zu", n);
		FUZZ_CHECK(
		    (uint8_t)out[i] > 0x7f || out[i] == ' ' || out[i] == '\t',
		    "a blank that is none");
	}
	FUZZ_CHECK(out[n] != ' ' && out[n] != '\t', "a blank left over");
	free(out);
}

static size_t
erase_slowly(const uint8_t *s, size_t len)
{
	size_t n, used;

	for (n = 2; n <= 4 && n <= len; n++) {
		if (fuzz_decode(s + len - n, n, &used) != -1 && used == n)
			return len - n;
	}
	return len - (len > 0);
}

/* Keys that are applied when the first cut bytes have come, and again, or not,
 * when all have. */
static void
check_keys(const uint8_t *raw, size_t len, size_t cut)
{
	size_t size = TEXT_CLEANED_SIZE(len), n, all;
	char *typed = malloc(len + 1), *out = malloc(size);
	char *slow = malloc(size + 1);

	if (typed == NULL || out == NULL || slow == NULL)
		abort();
	FUZZ_CHECK(
	    text_erase_last((const char *)raw, len) == erase_slowly(raw, len),
	    "the last character is another one");
	if (cut > 0)
		memcpy(typed, raw, cut);
	n = text_apply_keys(typed, 0, cut);
	if (cut < len)
		memcpy(typed + n, raw + cut, len - cut);
	all = clean_slowly(raw, len, cut, slow);
	FUZZ_CHECK(text_clean(typed, n + len - cut, out) == all &&
		memcmp(out, slow, all) == 0,
	    "applied at %zu otherwise", cut);
	n = text_apply_keys(typed, n, n + len - cut);
	FUZZ_CHECK(memchr(typed, 0x1b, n) == NULL, "an ESC is left");
	FUZZ_CHECK(
	    text_clean(typed, n, out) == all && memcmp(out, slow, all) == 0,
	    "applied at %zu and at the end otherwise", cut);
	free(typed);
	free(out);
	free(slow);
}

static void
check_cut(const char *text, size_t limit)
{
	size_t len = strlen(text), n = text_cut(text, len, limit), used;

	if (!fuzz_is_clean(text, len))
		return;
	FUZZ_CHECK(n <= limit && fuzz_is_clean(text, n), "cut in a character");
	if (n < len) {
		(void)fuzz_decode((const uint8_t *)text + n, len - n, &used);
		FUZZ_CHECK(n + used > limit, "cut too early");
	}
}

static void
check_names(const char *name, const char *text)
{
	char *joined = malloc(strlen(name) + strlen(text) + 3);
	size_t i, n = strlen(name);

	if (joined == NULL)
		abort();
	FUZZ_CHECK(!(text_is_nick(name) && text_is_room(name)),
	    "both a nick and a room");
	if (text_is_nick(name) || text_is_room(name)) {
		FUZZ_CHECK(n <= ROOM_MAX && fuzz_is_clean(name, n),
		    "a name that is none");
		for (i = 0; i < n; i++)
			FUZZ_CHECK(name[i] > ' ', "a blank in a name");
	}
	if (text_is_nick(name)) {
		strcpy(joined, name);
		strcat(joined, ", ");
		strcat(joined, text);
		FUZZ_CHECK(text_next_word(joined, &i) == joined && i == n,
		    "not found in front");
	}
	FUZZ_CHECK(text_same_secret(name, text) == (strcmp(name, text) == 0),
	    "secrets compare otherwise");
	FUZZ_CHECK(text_same_secret(text, text), "not the same as itself");
	free(joined);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	char *name, *text;
	size_t limit;

	check_clean(data, size);
	check_blanks(data, size);
	limit = fuzz_byte(&in);
	check_keys(data, size, limit < size ? limit : size);
	name = fuzz_string(&in);
	text = fuzz_string(&in);
	check_cut(text, limit);
	check_names(name, text);
	free(name);
	free(text);
	return 0;
}
