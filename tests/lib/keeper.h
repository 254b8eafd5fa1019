/*
 * A fixture: a store of names that does what a test says, and the daemon of
 * daemon.h that has found it.
 */
#ifndef TESTS_KEEPER_H
#define TESTS_KEEPER_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/store_message.h"

struct heard {
	TAILQ_ENTRY(heard) next;
	size_t len;
	unsigned char bytes[];
};

struct keeper {
	char path[64];
	int listener, fd;         /* -1: none */
	TAILQ_HEAD(, heard) list; /* what was read and not looked at yet */
	struct heard *last;
	struct store_message heard; /* what the daemon has said last */
	bool tells_notes;           /* else there are none */
	bool tells_before;          /* else nothing was said before */
};
extern struct keeper keeper;

/* The store listens, and a daemon with these lines of configuration besides is
 * there; it has not looked for it yet. */
void keeper_start(const char *config);
void keeper_stop(void);

/* The daemon finds it, and is welcomed: all its items up to that number are
 * kept.  The names that are registered then are told, up to a NULL: the first
 * one's owner is 1, the next one's is 2. */
void keeper_found(uint64_t number, const char *const *names);

/* The connection ends, and the daemon sees that. */
void keeper_lose(void);

/* The daemon has come again. */
void keeper_accept(void);

/* What the daemon has said next, of a batch one item after the other; false:
 * nothing.  Whoever asks for notes is told that there are none. */
bool keeper_hears(void);

/* The same, once the daemon has sent what it need not send at once. */
bool keeper_hears_all(void);

/* The next thing it has said is of that kind. */
void keeper_heard(enum store_kind kind);

/* Nothing is left that was not heard. */
void keeper_heard_all(void);

/* Says that, and lets the daemon deal with it. */
void keeper_say(struct store_message m);

/* A line of the answer to what was heard last; and the answer. */
void keeper_row(struct store_message m);
void keeper_answer(enum store_result result);
void keeper_answer_with(struct store_message m);

#endif
