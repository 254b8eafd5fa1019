/*
 * Who keeps: what the peers send is written in one transaction for each turn
 * of the loop, and what is said of it is said when that is on the disk.
 */
#ifndef BANTERD_STORE_KEEPER_H
#define BANTERD_STORE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "banterd/store/erase.h"
#include "banterd/store/inquiry.h"
#include "banterd/store/keep.h"
#include "banterd/store/outcome.h"
#include "banterd/store/peer.h"
#include "banterd/store/question.h"

#define ERASE_WAIT_MS   5000 /* for the banterds to erase it, too */
#define ERASED_RECENTLY 16

/* What is erased, at the word of somebody who is no peer. */
struct erasing {
	struct erase erase;
	uint64_t asker;    /* 0: nothing is */
	uint64_t number;   /* of the last one */
	uint64_t deadline; /* ms; 0: the banterds have done so */
	bool is_partial;   /* one of them has not */
};

/* What was said before then (s) under a name does not come back. */
struct erased {
	char name[NICK_MAX + 1];
	uint64_t time;
};

struct keeper {
	struct questions questions;
	struct inquiries inquiries;
	struct keep keep;
	struct erasing erasing;
	struct erased erased[ERASED_RECENTLY];
	unsigned nerased; /* since the start */
	struct outcomes outcomes;
	struct peers peers;
	uint64_t name_expiry;    /* s; 0: never */
	uint64_t nnames, nlines; /* of lines: not more than that */
	uint64_t tidy_at;        /* ms */
	uint64_t step_in; /* ms, from the last turn on, to the next step of what
			   * is done by steps */
	/* An answer for somebody who is no peer. */
	void (*answer)(
	    void *arg, uint64_t asker, const struct store_message *m);
	void *arg;
};

/* file, throttle and pool stay the caller's. */
void keeper_init(struct keeper *k, struct file *file, struct throttle *throttle,
    struct hash_pool *pool);

/* What a peer has sent. */
void keeper_message(
    struct keeper *k, struct peer *p, const struct store_message *m);

/* The end of a turn: commits, says what came of it, goes a step on with what is
 * done by steps, and frees peers that have ended.  Sets step_in. */
void keeper_settle(struct keeper *k);

/* Erases what was said under a name; answers it when it is gone, STORE_BUSY
 * while another one is erased, with STORE_THROTTLED if a banterd did not say
 * that it has done so. */
void keeper_erase(struct keeper *k, uint64_t asker, const char *name);

/* Now and then, as every second: tries again what did not work, removes names
 * that expired, gives back what was erased. */
void keeper_tick(struct keeper *k);

/* Frees all peers. */
void keeper_free(struct keeper *k);

#endif
