/*
 * Who is in which room, since which line, and what they missed there: gaps,
 * each from a line to a line.  What writes is to be called after file_begin();
 * an owner whom nobody knows any more is no failure.
 */
#ifndef BANTERD_STORE_MEMBERS_H
#define BANTERD_STORE_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/base/text.h"

#define MEMBERS_PARTED_MAX 1000 /* rooms that one owner is not in any more */
#define GAP_OPEN           INT64_MAX /* ends with what is not said yet */

struct file;
struct store_message;

/* Is in a room, and misses nothing from now on; is not in it; misses what is
 * said from now on, in all rooms; does so whoever is there; was shown up to a
 * line what they missed, in a room or all ("" for that). */
bool members_join(struct file *f, uint64_t owner, const char *room);

/* The room is another one of that name: what was said behind a key before now
 * is not for them. */
bool members_begin_anew(struct file *f, uint64_t owner, const char *room);
bool members_part(struct file *f, uint64_t owner, const char *room);
bool members_left(struct file *f, uint64_t owner);
bool members_all_left(struct file *f);
bool members_shown(
    struct file *f, uint64_t owner, const char *room, uint64_t line);

/* Those whom an owner ignores: a list of STORE_ITEM_STATE; as it was set.  Up
 * to size bytes of it, and how many it has. */
bool members_ignore(
    struct file *f, uint64_t owner, const void *list, size_t len);
bool members_ignored(
    struct file *f, uint64_t owner, void *list, size_t size, size_t *len);

/* The line from which on an owner may read a room with a key: UINT64_MAX if
 * they never came in. */
bool members_first(
    struct file *f, uint64_t owner, const char *room, uint64_t *first);

struct gap {
	char room[ROOM_MAX + 1];
	uint64_t since, until; /* GAP_OPEN */
	uint64_t first; /* what was said behind a key before is none of it */
};

/* The gaps of an owner in a room or all (""), by room and from the oldest on;
 * the caller owes free(), of NULL where n is 0. */
bool members_gaps(struct file *f, uint64_t owner, const char *room,
    struct gap **gaps, size_t *n);

/* Calls back with the number and the owner of each line of a gap until that
 * returns false.  Returns 1 if it did, 0 after the last one, -1 after a
 * failure. */
typedef bool members_line_fn(void *arg, uint64_t line, uint64_t owner);
int members_missed(
    struct file *f, const struct gap *gap, members_line_fn *each, void *arg);

/* Whether a list of members_ignored() has an owner. */
bool members_is_in(const void *list, size_t len, uint64_t owner);

/* How many lines an owner missed, at most max, or fewer than there are if very
 * many are between them that are not counted. */
bool members_count_missed(
    struct file *f, uint64_t owner, uint32_t max, uint32_t *count);

/* Tells each thing that cannot be.  Returns false if there was one. */
bool members_check(
    struct file *f, void (*report)(void *arg, const char *what), void *arg);

#endif
