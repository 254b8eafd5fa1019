#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/config/reader.h"

void
reader_complain(struct reader *r, const char *fmt, ...)
{
	char message[1024];
	va_list ap;
	int n;

	if (r->line > 0)
		n = snprintf(
		    message, sizeof(message), "%s:%zu: ", r->path, r->line);
	else
		n = snprintf(message, sizeof(message), "%s: ", r->path);
	if (n < 0 || (size_t)n >= sizeof(message))
		n = 0;
	va_start(ap, fmt);
	(void)vsnprintf(message + n, sizeof(message) - (size_t)n, fmt, ap);
	va_end(ap);
	r->wrong++;
	r->report(r->report_arg, message);
}

void
reader_replace(struct reader *r, char **field, const char *text)
{
	char *copy;

	if ((copy = strdup(text)) == NULL) {
		reader_complain(r, "%s", strerror(errno));
		return;
	}
	free(*field);
	*field = copy;
}

/*
 * One word in double quotes, where \" and \\ stand for themselves.  Returns
 * where the rest of the line begins, or NULL if the quotes are not closed.
 */
static char *
quoted_word(char *p, char **word)
{
	char *to = *word = p;

	for (; *p != '"'; p++) {
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		if (*p == '\0')
			return NULL;
		*to++ = *p;
	}
	p++;
	*to = '\0';
	return p;
}

/*
 * Whether the '#' at p begins a comment.  It does not where the word before
 * it takes a room, unless nothing follows it directly.
 */
static bool
is_comment(const char *p, const struct words *w)
{
	if (w->n == 1 &&
	    (strcmp(w->word[0], "room") == 0 ||
		strcmp(w->word[0], "default-room") == 0))
		return p[1] == '\0' || p[1] == ' ' || p[1] == '\t';
	return true;
}

bool
reader_split(struct reader *r, char *p, struct words *w)
{
	bool quoted;

	for (w->n = 0;;) {
		p += strspn(p, " \t\r");
		if (*p == '\0' || (*p == '#' && is_comment(p, w)))
			return true;
		if (w->n == READER_MAX_WORDS) {
			reader_complain(r,
			    "too many words, expected at most %d",
			    READER_MAX_WORDS);
			return false;
		}
		quoted = *p == '"';
		if (quoted)
			p = quoted_word(p + 1, &w->word[w->n]);
		else {
			w->word[w->n] = p;
			p += strcspn(p, " \t\r");
		}
		if (p == NULL || (quoted && strchr(" \t\r", *p) == NULL)) {
			reader_complain(r,
			    "%s, expected \"...\" around the whole value",
			    p == NULL ?
				"a double quote is not closed" :
				"something follows a closing double quote");
			return false;
		}
		w->n++;
		if (*p != '\0')
			*p++ = '\0';
	}
}
