#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <utf8proc.h>

#include "banterd/base/text.h"
#include "banterd/store/search.h"

#define FROM "from:"

/* Case is folded as Unicode does it in full, so that a letter with a mark is
 * the same however it is written. */
#define FOLDING (UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD)

/* Bytes in any order of memory; the text of the line grows it. */
struct bytes {
	char *p;
	size_t len, size;
};

struct word {
	char *folded;
	size_t len;
	bool is_name; /* who said it */
	bool is_ascii;
};

struct search {
	struct word words[SEARCH_WORDS_MAX];
	size_t n;
	bool any_text; /* a word that is no name */
	bool all_ascii;
	struct bytes line; /* the folded one */
	int32_t *points;   /* of it, on the way */
	size_t points_size;
};

static bool
is_ascii(const char *p, size_t len)
{
	size_t i;
	unsigned char all = 0;

	for (i = 0; i < len; i++)
		all |= (unsigned char)p[i];
	return all < 0x80;
}

static void
fold_ascii(char *to, const char *from, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = (char)(from[i] +
		    (from[i] >= 'A' && from[i] <= 'Z' ? 'a' - 'A' : 0));
}

static bool
reserve(struct bytes *b, size_t size)
{
	char *larger;

	if (b->p != NULL && size <= b->size)
		return true;
	if ((larger = realloc(b->p, size)) == NULL)
		return false;
	b->p = larger;
	b->size = size;
	return true;
}

/* Folds what is UTF-8.  Returns -1 if it is not, or memory is out. */
static int
fold_unicode(struct search *s, const char *text, size_t len)
{
	int32_t *larger;
	ssize_t n;
	size_t size = len + 64;

	for (;;) {
		if (s->points == NULL || size > s->points_size) {
			larger = reallocarray(
			    s->points, size, sizeof(*s->points));
			if (larger == NULL)
				return -1;
			s->points = larger;
			s->points_size = size;
		}
		/* One more, for the byte that utf8proc_reencode() ends with. */
		n = utf8proc_decompose((const utf8proc_uint8_t *)text,
		    (utf8proc_ssize_t)len, s->points,
		    (utf8proc_ssize_t)s->points_size - 1, FOLDING);
		if (n < 0)
			return -1;
		if ((size_t)n < s->points_size)
			break;
		size = (size_t)n + 1;
	}
	n = utf8proc_reencode(s->points, n, FOLDING);
	if (n < 0 || !reserve(&s->line, (size_t)n + 1))
		return -1;
	memcpy(s->line.p, s->points, (size_t)n);
	s->line.len = (size_t)n;
	return 0;
}

/* Sets s->line to the folded text. */
static bool
fold(struct search *s, const char *text, size_t len)
{
	if (!is_ascii(text, len) && fold_unicode(s, text, len) == 0)
		return true;
	if (!reserve(&s->line, len + 1))
		return false;
	fold_ascii(s->line.p, text, len);
	s->line.len = len;
	return true;
}

/* ---- words ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
add_word(struct search *s, const char *text, size_t len, bool is_name)
{
	struct word *w = &s->words[s->n];

	if (len == 0 || s->n == SEARCH_WORDS_MAX)
		return true;
	if (!fold(s, text, len) ||
	    (w->folded = malloc(s->line.len + 1)) == NULL)
		return false;
	memcpy(w->folded, s->line.p, s->line.len);
	w->folded[s->line.len] = '\0';
	w->len = s->line.len;
	w->is_name = is_name;
	w->is_ascii = is_ascii(w->folded, w->len);
	if (!is_name) {
		s->any_text = true;
		s->all_ascii = s->all_ascii && w->is_ascii;
	}
	s->n++;
	return true;
}

static bool
add_words(struct search *s, const char *text, size_t len)
{
	const size_t from = sizeof(FROM) - 1;
	size_t at = 0, begin;
	bool quoted;

	while (at < len) {
		if (is_blank(text[at])) {
			at++;
			continue;
		}
		quoted = text[at] == '"';
		begin = at += quoted;
		while (at < len &&
		    (quoted ? text[at] != '"' : !is_blank(text[at])))
			at++;
		if (!quoted && at - begin > from &&
		    strncasecmp(text + begin, FROM, from) == 0) {
			if (!add_word(s, text + begin + from, at - begin - from,
				true))
				return false;
		} else if (!add_word(s, text + begin, at - begin, false))
			return false;
		at += quoted;
	}
	return true;
}

struct search *
search_new(const char *text, size_t len)
{
	struct search *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->all_ascii = true;
	if (add_words(s, text, len))
		return s;
	search_free(s);
	return NULL;
}

void
search_free(struct search *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->n; i++)
		free(s->words[i].folded);
	free(s->line.p);
	free(s->points);
	free(s);
}

bool
search_is_empty(const struct search *s)
{
	return s->n == 0;
}

/* ---- lines ---- */

bool
search_is_by(const struct search *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->words[i].is_name &&
		    strcasecmp(s->words[i].folded, name) != 0)
			return false;
	}
	return true;
}

/* A text of ASCII has nothing else in it, folded or not. */
bool
search_finds_text(struct search *s, const char *text, size_t len)
{
	const struct word *w;
	size_t i;

	if (!s->any_text)
		return true;
	if ((!s->all_ascii && is_ascii(text, len)) || !fold(s, text, len))
		return false;
	for (i = 0; i < s->n; i++) {
		w = &s->words[i];
		if (!w->is_name &&
		    memmem(s->line.p, s->line.len, w->folded, w->len) == NULL)
			return false;
	}
	return true;
}
