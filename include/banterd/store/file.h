/*
 * The one file, and the one connection to it: opened, brought to its schema,
 * written in transactions, put aside if it is damaged.  What goes wrong with it
 * is logged here, once, and again when it works.
 */
#ifndef BANTERD_STORE_FILE_H
#define BANTERD_STORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_SCHEMA         1          /* user_version */
#define FILE_APPLICATION    0x62616e74 /* application_id: "bant" */
#define FILE_WAL_MAX        (8 << 20)  /* bytes it is cut down to */
#define FILE_STATEMENTS_MAX 96         /* that stay prepared */

/* Where those of each begin. */
#define FILE_OF_NAMES   0
#define FILE_OF_LINES   32
#define FILE_OF_MEMBERS 48
#define FILE_OF_NOTES   80

struct file;
struct sqlite3;
struct sqlite3_stmt;

enum file_mode {
	FILE_SERVE, /* made if there is none; a damaged one is put aside */
	FILE_MAKE,  /* made if there is none; has to be whole */
	FILE_LOOK   /* has to be there, and to be whole */
};

/* What came of a look at a file that did not work. */
enum file_change {
	FILE_SAME,  /* it does not */
	FILE_WORKS, /* it does */
	FILE_OTHER  /* it does, but it is another one than before */
};

/* Returns NULL after logging why; the caller owes file_close().  path has to
 * stay. */
struct file *file_open(const char *path, enum file_mode mode);
void file_close(struct file *f);

/* The statement of that index, below FILE_STATEMENTS_MAX, to be bound and
 * stepped; NULL after a failure. */
struct sqlite3_stmt *file_statement(
    struct file *f, unsigned index, const char *sql);

/* Steps a statement.  Returns 1 for a row, 0 for the end, -1 for a failure. */
int file_step(struct file *f, struct sqlite3_stmt *stmt);

/* Steps one that has no rows; it can be bound again. */
bool file_run(struct file *f, struct sqlite3_stmt *stmt);

/* Runs one without values.  Returns false after a failure. */
bool file_execute(struct file *f, const char *sql);

/*
 * All that is written between these is kept, or nothing is.  file_begin() does
 * nothing within a transaction; returns false if nothing can be written.
 * file_commit() returns true once the disk has it; else all of it is undone.
 */
bool file_begin(struct file *f);
bool file_commit(struct file *f);
void file_rollback(struct file *f);
bool file_is_writing(const struct file *f);

/* Whether what was done last with it failed, and it was not written since. */
bool file_is_well(const struct file *f);

/* What is wrong with it, for people; NULL: nothing. */
const char *file_trouble(const struct file *f);

/* Looks whether the file is still that at its path, and tries to write to one
 * that did not work; damage is mended by a new one. */
enum file_change file_retry(struct file *f);

/* Something was erased: it leaves the file and its log by file_tidy(), which is
 * to be called now and then outside of transactions, and does a part of it.
 * Returns whether there is more to do. */
void file_erased(struct file *f);
bool file_tidy(struct file *f);

/* Removes what SQLite left of rows that it moved, from page *page on, which is
 * 1 at first; outside of transactions.  Returns 1 if there is more, 0 if that
 * was all, -1 after a failure. */
int file_scrub(struct file *f, uint32_t *page);

/* Bytes of it; seconds since 1970 of the last commit, 0: none yet. */
uint64_t file_size(const struct file *f);
uint64_t file_synced(const struct file *f);
const char *file_path(const struct file *f);

/* Has the numbers of owners, lines and notes begin where no other file's have
 * been. */
bool file_renumber(struct file *f);

/* For who copies it; NULL while it could not be opened again. */
struct sqlite3 *file_connection(struct file *f);

#endif
