/*
 * What is to be said once the file is committed; or that it was not.
 */
#ifndef BANTERD_STORE_OUTCOME_H
#define BANTERD_STORE_OUTCOME_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

struct outcome;
struct store_message;

TAILQ_HEAD(outcomes, outcome);

#define OUTCOME_ALL 0 /* an asker: everybody */

/* Copies the message.  Returns false when memory is out. */
bool outcome_add(struct outcomes *o, uint64_t asker,
    const struct store_message *m, bool needs_commit);

/* Calls back with each in its order, and frees it.  Of what was not committed
 * an answer is STORE_FAILED, and what is for everybody is dropped. */
void outcome_settle(struct outcomes *o, bool committed,
    void (*deliver)(void *arg, uint64_t asker, const struct store_message *m),
    void *arg);

#endif
