#include <stdlib.h>
#include <string.h>

#include "banterd/base/store_message.h"
#include "banterd/store/outcome.h"

struct outcome {
	TAILQ_ENTRY(outcome) next;
	uint64_t asker;
	bool needs_commit;
	struct store_message message;
	unsigned char state[]; /* of it */
};

bool
outcome_add(struct outcomes *o, uint64_t asker, const struct store_message *m,
    bool needs_commit)
{
	struct outcome *new = calloc(1, sizeof(*new) + m->state_len);

	if (new == NULL)
		return false;
	new->asker = asker;
	new->needs_commit = needs_commit;
	new->message = *m;
	if (m->state_len > 0)
		memcpy(new->state, m->state, m->state_len);
	new->message.state = new->state;
	TAILQ_INSERT_TAIL(o, new, next);
	return true;
}

static void
fail(struct outcome *o)
{
	const struct store_message failed = { .kind = STORE_ANSWER,
		.result = STORE_FAILED,
		.number = o->message.number };

	o->message = failed;
}

void
outcome_settle(struct outcomes *o, bool committed,
    void (*deliver)(void *arg, uint64_t asker, const struct store_message *m),
    void *arg)
{
	struct outcome *first;

	while ((first = TAILQ_FIRST(o)) != NULL) {
		TAILQ_REMOVE(o, first, next);
		if (first->needs_commit && !committed &&
		    first->asker != OUTCOME_ALL)
			fail(first);
		if (!first->needs_commit || committed ||
		    first->asker != OUTCOME_ALL)
			deliver(arg, first->asker, &first->message);
		free(first);
	}
}
