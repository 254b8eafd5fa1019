/*
 * Notes: what registered people left for registered people who were not here.
 * What writes is to be called after file_begin().
 */
#ifndef BANTERD_STORE_NOTES_H
#define BANTERD_STORE_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/base/store_message.h"
#include "banterd/store/lines.h"

#define NOTES_FROM_MAX 5  /* that wait, from each to each */
#define NOTES_MAX      50 /* that wait for one */

struct file;

/* Keeps one, of STORE_NOTE, for that reader; hidden: only that there was one,
 * to be counted until the reader comes.  STORE_OK, STORE_MANY_NOTES, which may
 * have written something too, or STORE_FAILED. */
enum store_result notes_add(struct file *f, uint64_t reader,
    const struct store_message *m, bool hidden);
bool notes_forget_hidden(struct file *f, uint64_t reader);

/* The numbers of those for a reader, up to max, oldest first; calls back with
 * one of them, as lines_get() does. */
bool notes_of(
    struct file *f, uint64_t reader, uint64_t *ids, size_t max, size_t *n);
int notes_get(struct file *f, uint64_t id, lines_each_fn *each, void *arg);

/* A reader has read theirs, up to that number. */
bool notes_read(struct file *f, uint64_t reader, uint64_t id);

/* Removes up to max of somebody's, by the name that they had then; sets how
 * many it were. */
bool notes_erase(
    struct file *f, const char *name, unsigned max, unsigned *removed);

#endif
