/*
 * Questions to the store that wait for their answers, in the order in which
 * they were asked.
 */
#ifndef BANTERD_DAEMON_QUESTIONS_H
#define BANTERD_DAEMON_QUESTIONS_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/record.h"
#include "banterd/base/store_message.h"
#include "banterd/base/text.h"

struct client;

/* The most that wait. */
#define QUESTIONS_MAX 2000

struct question {
	TAILQ_ENTRY(question) next;
	uint64_t number;
	enum store_kind kind;
	struct client *client;   /* NULL: nobody waits (any more) */
	char room[ROOM_MAX + 1]; /* it is for that one's history; or empty */
	bool is_sent;
	struct record message; /* there may be a password in it */
};

struct questions {
	TAILQ_HEAD(, question) list;
	unsigned n;
	uint64_t last; /* the number of the last one */
};

void questions_init(struct questions *qs);
void questions_free(struct questions *qs);

/* Adds one, and sets its number.  False: there are too many, or memory is out.
 */
bool questions_add(
    struct questions *qs, struct client *c, struct store_message *m);

/* NULL: there is none of that number. */
struct question *questions_find(const struct questions *qs, uint64_t number);
void questions_end(struct questions *qs, struct question *q);

/* Nobody waits for the answers to c's any more; what was not sent is not asked.
 */
void questions_forget(struct questions *qs, const struct client *c);

/* Whether to ask it twice is the same as to ask it once. */
bool question_may_be_repeated(const struct question *q);

#endif
