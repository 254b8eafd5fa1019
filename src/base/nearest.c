#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "banterd/base/nearest.h"

#define SHORT_WORD 3 /* bytes of a word that may have but one mistake */

static bool
is_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many mistakes make b of a ("optimal string alignment"); both have at most
 * NEAREST_MAX bytes. */
static size_t
mistakes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	/* [i][j]: between the first i bytes of a and the first j of b. */
	size_t n[NEAREST_MAX + 1][NEAREST_MAX + 1];
	size_t i, j;

	for (i = 0; i <= a_len; i++)
		n[i][0] = i;
	for (j = 0; j <= b_len; j++)
		n[0][j] = j;
	for (i = 1; i <= a_len; i++) {
		for (j = 1; j <= b_len; j++) {
			n[i][j] = least(
			    n[i - 1][j - 1] + !is_same(a[i - 1], b[j - 1]),
			    least(n[i - 1][j], n[i][j - 1]) + 1);
			if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) &&
			    is_same(a[i - 2], b[j - 1]))
				n[i][j] = least(n[i][j], n[i - 2][j - 2] + 1);
		}
	}
	return n[a_len][b_len];
}

/* The only name that begins with the word; NULL: none, or more than one. */
static const char *
only_longer(const char *word, size_t len, nearest_name *name_at)
{
	const char *name, *found = NULL;
	size_t i;

	for (i = 0; (name = name_at(i)) != NULL; i++) {
		if (strncasecmp(name, word, len) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = name;
	}
	return found;
}

/* The first of the names with the fewest mistakes, if these are few enough. */
static const char *
fewest_mistakes(const char *word, size_t len, nearest_name *name_at)
{
	size_t fewest = least(len, len <= SHORT_WORD ? 2 : 3); /* too many */
	const char *name, *found = NULL;
	size_t i, n;

	for (i = 0; (name = name_at(i)) != NULL; i++) {
		n = mistakes(word, len, name, least(strlen(name), NEAREST_MAX));
		if (n < fewest) {
			fewest = n;
			found = name;
		}
	}
	return found;
}

const char *
nearest(const char *word, size_t len, nearest_name *name_at)
{
	const char *name;

	if (len == 0 || len > NEAREST_MAX)
		return NULL;
	if ((name = only_longer(word, len, name_at)) != NULL)
		return name;
	return fewest_mistakes(word, len, name_at);
}
