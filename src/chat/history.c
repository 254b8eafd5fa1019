#include <stdlib.h>
#include <string.h>

#include "banterd/chat/history.h"

void
history_init(struct history *h)
{
	STAILQ_INIT(&h->list);
	h->n = 0;
}

void
history_trim(struct history *h, unsigned limit)
{
	struct past *past;

	while (h->n > limit) {
		past = STAILQ_FIRST(&h->list);
		STAILQ_REMOVE_HEAD(&h->list, next);
		h->n--;
		free(past);
	}
}

void
history_add(struct history *h, const struct chat_event *ev, uint64_t speaker,
    unsigned limit)
{
	size_t who_size = strlen(ev->who) + 1, text_size = strlen(ev->text) + 1;
	struct past *past;

	if (limit == 0)
		return;
	history_trim(h, limit - 1);
	past = malloc(sizeof(*past) + who_size + text_size);
	if (past == NULL)
		return;
	past->when = ev->time;
	past->speaker = speaker;
	past->kind = ev->kind;
	memcpy(past->who, ev->who, who_size);
	past->text = past->who + who_size;
	memcpy(past->who + who_size, ev->text, text_size);
	STAILQ_INSERT_TAIL(&h->list, past, next);
	h->n++;
}
