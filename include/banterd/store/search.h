/*
 * The words that somebody looks for: without case in every script, parts of
 * words too, and all of them.  A word is what is between blanks, or in double
 * quotes; from:NAME is who said it.  Everything else means itself.
 */
#ifndef BANTERD_STORE_SEARCH_H
#define BANTERD_STORE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#define SEARCH_WORDS_MAX 32 /* more are not looked for */

struct search;

/* Returns NULL when memory is out; the caller owes search_free(). */
struct search *search_new(const char *text, size_t len);
void search_free(struct search *s);

/* Whether there is nothing to look for. */
bool search_is_empty(const struct search *s);

/* Whether a line is by whom it is to be; whether its text has all the words. */
bool search_is_by(const struct search *s, const char *name);
bool search_finds_text(struct search *s, const char *text, size_t len);

#endif
