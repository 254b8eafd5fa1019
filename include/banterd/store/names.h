/*
 * The names that are registered, and up to where an epoch's items are kept:
 * every statement about them.  What writes is to be called within a
 * transaction, after file_begin().
 */
#ifndef BANTERD_STORE_NAMES_H
#define BANTERD_STORE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/base/store_message.h"
#include "banterd/store/hash.h"

struct file;

#define NAMES_MAX        10000 /* in all */
#define NAMES_PER_HOST_S 86400 /* the day of names_per_host */
#define NAMES_EPOCHS     8     /* of which the last item is remembered */

struct name {
	uint64_t owner;
	char name[NICK_MAX + 1]; /* as it was registered */
	char hash[HASH_SIZE];
	char host[ADDRESS_TEXT_SIZE]; /* whence; "" for the admin */
	uint64_t registered, seen;    /* s since 1970; seen 0: never here */
	uint64_t here;                /* the epoch of a login since which nobody
				       * left; 0: is not here */
	bool by_admin;                /* never expires */
	unsigned char state[STORE_STATE_MAX];
	size_t state_len;
};

/* STORE_OK, STORE_UNKNOWN or STORE_FAILED. */
enum store_result names_find(struct file *f, const char *name, struct name *n);

/* How many there are.  Returns false after a failure. */
bool names_count(struct file *f, uint64_t *count);

/* Whether one more may be registered from that host: STORE_OK, STORE_TAKEN,
 * STORE_FULL, STORE_TOO_MANY or STORE_FAILED. */
enum store_result names_may_add(struct file *f, const char *name,
    const char *host, uint32_t per_host, uint64_t now);

/* Registers one, and sets its owner.  A name of the admin's is not here. */
bool names_add(struct file *f, struct name *n);

bool names_set_hash(struct file *f, uint64_t owner, const char *hash);
bool names_remove(struct file *f, uint64_t owner);

/* Is here from now on; has that state; was here last then.  An owner whom
 * nobody knows any more is no failure. */
bool names_login(struct file *f, uint64_t owner, uint64_t epoch, uint64_t now);
bool names_state(struct file *f, uint64_t owner, const void *state, size_t len);
bool names_left(struct file *f, uint64_t owner, uint64_t when);

/* The last item of an epoch that is kept, 0 for none; sets it. */
bool names_last_kept(struct file *f, uint64_t epoch, uint64_t *number);
bool names_kept(struct file *f, uint64_t epoch, uint64_t number);

/* An epoch says hello, and is the last one that did from now on; whether
 * another one was.  Begins a transaction if it has to. */
bool names_begin_epoch(struct file *f, uint64_t epoch, bool *is_other);

/* Calls back with each, in the order of names; without its state. */
typedef void names_each_fn(void *arg, const struct name *n);
bool names_each(struct file *f, names_each_fn *each, void *arg);

/* Removes up to max that nobody has used since then (s), and calls back with
 * each; sets how many it were. */
bool names_expire(struct file *f, uint64_t before, unsigned max,
    unsigned *removed, names_each_fn *each, void *arg);

/* Whether names_expire() would find one. */
bool names_any_expired(struct file *f, uint64_t before, bool *any);

#endif
