/*
 * What SQLite leaves behind: where it moves rows from page to page, copies stay
 * in the space between a page's pointers and its rows, which secure_delete does
 * not overwrite.  Nothing is ever read from there; it is overwritten here, in
 * place, which no crash can turn into damage.
 */
#ifndef BANTERD_STORE_SCRUB_H
#define BANTERD_STORE_SCRUB_H

#include <stdbool.h>
#include <stdint.h>

struct sqlite3;

#define SCRUB_PAGES 512 /* looked at in one step */

/* Moves the whole log of the file at path into it, cuts it to nothing, and
 * scrubs the pages that were in it.  Returns what SQLite does. */
int scrub_checkpoint(struct sqlite3 *db, const char *path);

/* Scrubs SCRUB_PAGES from *page on, which is 1 at first, while the log is
 * empty.  Returns what SQLite does; *page is 0 after the last one. */
int scrub_step(struct sqlite3 *db, uint32_t *page);

#endif
