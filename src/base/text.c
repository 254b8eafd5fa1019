#include <ctype.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "banterd/base/text.h"
#include "banterd/base/unicode.h"

#define REPLACEMENT  "\xef\xbf\xbd" /* U+FFFD */
#define NO_CHARACTER '\xff'         /* is in none */

/* Keys, as bytes. */
#define CTRL_U '\x15'
#define CTRL_W '\x17'
#define ESC    '\x1b'
#define DEL    '\x7f'

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool
is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * The length of the UTF-8 sequence that begins at s, or 0 if none does.  The
 * ranges are those of the table in RFC 3629, section 4: no overlong forms, no
 * surrogates, nothing above U+10FFFF.
 */
static size_t
utf8_sequence(const unsigned char *s, size_t len)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t i, n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	switch (s[0]) {
	case 0xe0:
		low = 0xa0;
		break;
	case 0xed:
		high = 0x9f;
		break;
	case 0xf0:
		low = 0x90;
		break;
	case 0xf4:
		high = 0x8f;
		break;
	}
	if (len < n || s[1] < low || s[1] > high)
		return 0;
	for (i = 2; i < n; i++) {
		if (!is_continuation(s[i]))
			return 0;
	}
	return n;
}

/* The code point of the valid sequence of n bytes at s. */
static uint32_t
utf8_point(const unsigned char *s, size_t n)
{
	uint32_t point;
	size_t i;

	if (n == 1)
		return s[0];
	point = s[0] & (0x7fU >> n);
	for (i = 1; i < n; i++)
		point = point << 6 | (s[i] & 0x3f);
	return point;
}

/* The same byte eight times. */
#define EIGHT(byte) ((byte)*UINT64_C(0x0101010101010101))

/* Whether the eight bytes at s are printable ASCII: the highest bit is then in
 * none of them, and neither subtraction nor addition makes it. */
static bool
are_plain(const char *s)
{
	uint64_t w;

	memcpy(&w, s, sizeof(w));
	return ((w | (w - EIGHT(' ')) | (w + EIGHT(DEL - '~'))) &
		   EIGHT(0x80)) == 0;
}

/* How many bytes are printable ASCII: most of what is said. */
static size_t
plain_length(const char *s, size_t len)
{
	size_t n = 0;

	while (len - n >= sizeof(uint64_t) && are_plain(s + n))
		n += sizeof(uint64_t);
	while (n < len && s[n] >= ' ' && s[n] <= '~')
		n++;
	return n;
}

/*
 * Whether the sequence of n bytes at s (0: there is none) may stay.  *marks is
 * how many combining marks stand on the character before it.
 */
static bool
may_stay(const unsigned char *s, size_t n, unsigned *marks)
{
	enum unicode_kind kind = UNICODE_FORBIDDEN;

	if (n > 0)
		kind = unicode_kind(utf8_point(s, n));
	if (kind == UNICODE_JOINER)
		return true;
	if (kind != UNICODE_MARK) {
		*marks = 0;
		return kind != UNICODE_FORBIDDEN;
	}
	if (*marks == TEXT_MARKS_MAX)
		return false;
	++*marks;
	return true;
}

static size_t
append(char *out, size_t len, const char *what, size_t n)
{
	memmove(out + len, what, n);
	return len + n;
}

/* Cleans text without keys.  It may be the last third of out: what is written
 * never gets beyond what was read. */
static size_t
replace(const char *raw, size_t len, char *out)
{
	size_t i, n, o = 0;
	unsigned marks = 0;
	const unsigned char *s;

	for (i = 0; i < len; i += n) {
		if ((n = plain_length(raw + i, len - i)) > 0) {
			o = append(out, o, raw + i, n);
			marks = 0;
			continue;
		}
		s = (const unsigned char *)raw + i;
		n = utf8_sequence(s, len - i);
		if (may_stay(s, n, &marks))
			o = append(out, o, raw + i, n);
		else
			o = append(out, o, REPLACEMENT, 3);
		if (n == 0)
			n = 1;
	}
	out[o] = '\0';
	return o;
}

/* ---- keys ---- */

/* How many bytes from s on are first to last. */
static size_t
span(const char *s, size_t len, char first, char last)
{
	size_t n;

	for (n = 0; n < len && s[n] >= first && s[n] <= last; n++)
		;
	return n;
}

static bool
is_final(char c)
{
	return c >= '@' && c <= '~';
}

/* The length of the escape sequence that begins with the ESC at s, or 0 if no
 * whole one does: what an arrow or a function key sends. */
static size_t
escape_length(const char *s, size_t len)
{
	size_t n = 2;

	if (len < 3)
		return 0;
	if (s[1] == 'O') /* SS3 */
		return is_final(s[n]) ? n + 1 : 0;
	if (s[1] != '[') /* CSI */
		return 0;
	if (len > 3 && s[2] == '[' && s[3] >= 'A' && s[3] <= 'E')
		return 4; /* F1 to F5 of Linux's console */
	n += span(s + n, len - n, '0', '?');
	n += span(s + n, len - n, ' ', '/');
	return n < len && is_final(s[n]) ? n + 1 : 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t
erase_word(const char *line, size_t len)
{
	while (len > 0 && is_blank(line[len - 1]))
		len--;
	while (len > 0 && !is_blank(line[len - 1]))
		len--;
	return len;
}

/* How many bytes at s are one key, or plain characters; 0: they are none. */
static size_t
keys_length(const char *s, size_t len)
{
	size_t n = plain_length(s, len);

	if (n > 0)
		return n;
	if (s[0] == ESC)
		return escape_length(s, len);
	return utf8_sequence((const unsigned char *)s, len);
}

/* Types the n bytes at s, which keys_length() told, to the line.  Returns its
 * new length. */
static size_t
type(char *line, size_t len, const char *s, size_t n)
{
	switch (s[0]) {
	case '\b':
	case DEL:
		return text_erase_last(line, len);
	case CTRL_W:
		return erase_word(line, len);
	case CTRL_U:
		return 0;
	case ESC:
		return len;
	case TEXT_CTRL_D:
		if (len == 0)
			return 0;
		break;
	}
	return append(line, len, s, n);
}

/*
 * Types what is in raw from the from-th byte on to the line, which has those
 * before, and may be raw itself.  A byte that belongs to no character, and an
 * ESC of no whole sequence, becomes one that can't: nothing that is erased
 * behind it, or typed later, makes something else of it.
 */
static size_t
type_all(const char *raw, size_t from, size_t len, char *line)
{
	static const char no_character = NO_CHARACTER;
	size_t i, n, o = from;

	for (i = from; i < len; i += n) {
		n = keys_length(raw + i, len - i);
		if (n > 0)
			o = type(line, o, raw + i, n);
		else {
			o = append(line, o, &no_character, 1);
			n = 1;
		}
	}
	return o;
}

size_t
text_apply_keys(char *raw, size_t from, size_t len)
{
	return type_all(raw, from, len, raw);
}

size_t
text_clean(const char *raw, size_t len, char *out)
{
	char *typed = out + 2 * len;

	if (len > 0 && plain_length(raw, len) == len) {
		out[append(out, 0, raw, len)] = '\0';
		return len;
	}
	return replace(typed, type_all(raw, 0, len, typed), out);
}

size_t
text_blanks(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	enum unicode_kind kind;
	size_t i, n;

	for (i = 0; (n = utf8_sequence(s + i, 4)) > 0; i += n) {
		kind = unicode_kind(utf8_point(s + i, n));
		if (kind != UNICODE_SPACE && kind != UNICODE_JOINER)
			break;
	}
	return i;
}

size_t
text_erase_last(const char *buf, size_t len)
{
	const unsigned char *s = (const unsigned char *)buf;
	size_t n;

	if (len == 0)
		return 0;
	for (n = 1; n < min_size(len, 4) && is_continuation(s[len - n]); n++)
		;
	if (utf8_sequence(s + len - n, n) != n)
		n = 1;
	return len - n;
}

void
text_duration(uint64_t ms, char *buf)
{
	const size_t size = TEXT_DURATION_SIZE;
	unsigned long long s = ms / 1000;

	if (s < 60)
		snprintf(buf, size, "%llus", s);
	else if (s < 3600)
		snprintf(buf, size, "%llum", s / 60);
	else if (s < 86400)
		snprintf(buf, size, "%lluh %llum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, size, "%llud %lluh", s / 86400, s / 3600 % 24);
}

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static bool
is_name(const char *s, size_t max)
{
	size_t n;

	for (n = 0; s[n] != '\0'; n++) {
		if (n == max || !is_name_char(s[n]))
			return false;
	}
	return n > 0;
}

bool
text_is_nick(const char *name)
{
	return isalpha((unsigned char)name[0]) && is_name(name, NICK_MAX);
}

/* What the server calls its reader, and itself, in its lines. */
bool
text_is_reserved(const char *name)
{
	return strcasecmp(name, "you") == 0 || strcasecmp(name, "server") == 0;
}

bool
text_is_room(const char *name)
{
	return name[0] == '#' && is_name(name + 1, ROOM_MAX - 1);
}

static size_t
name_length(const char *s)
{
	size_t n;

	for (n = 0; is_name_char(s[n]); n++)
		;
	return n;
}

const char *
text_next_word(const char *text, size_t *len)
{
	while (*text != '\0' && !is_name_char(*text))
		text++;
	*len = name_length(text);
	return *len > 0 ? text : NULL;
}

bool
text_same_secret(const char *secret, const char *guess)
{
	size_t i, n = strlen(secret), m = strlen(guess);
	unsigned char differ = n != m;

	for (i = 0; i < n; i++)
		differ |= (unsigned char)(secret[i] ^ guess[i < m ? i : m]);
	return differ == 0;
}

size_t
text_cut(const char *text, size_t len, size_t limit)
{
	if (len <= limit)
		return len;
	while (limit > 0 && is_continuation((unsigned char)text[limit]))
		limit--;
	return limit;
}
