/*
 * Records as text that can be compared, for what tells them one by one: the
 * database, the journal, a remnant.
 */
#ifndef TESTS_SHOWN_H
#define TESTS_SHOWN_H

#include <stdbool.h>
#include <stddef.h>

struct shown {
	char text[4096]; /* "key=record key=record " */
	size_t len;
	unsigned most; /* how many are wanted still */
};

/* To be told each record; arg is a struct shown. */
bool shown_add(
    void *arg, const void *key, size_t key_len, const void *record, size_t len);

#endif
