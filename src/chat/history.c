#include <stdlib.h>
#include <string.h>

#include "banterd/chat/history.h"

void
history_init(struct history *h)
{
	TAILQ_INIT(&h->list);
	h->n = 0;
}

void
history_trim(struct history *h, unsigned limit)
{
	struct history_entry *entry;

	while (h->n > limit) {
		entry = TAILQ_FIRST(&h->list);
		TAILQ_REMOVE(&h->list, entry, next);
		h->n--;
		free(entry);
	}
}

void
history_add(struct history *h, const struct chat_event *ev, uint64_t speaker,
    unsigned limit)
{
	size_t who_size = strlen(ev->who) + 1, text_size = strlen(ev->text) + 1;
	struct history_entry *entry;

	if (limit == 0)
		return;
	history_trim(h, limit - 1);
	entry = malloc(sizeof(*entry) + who_size + text_size);
	if (entry == NULL)
		return;
	entry->when = ev->time;
	entry->speaker = speaker;
	entry->kind = ev->kind;
	memcpy(entry->who, ev->who, who_size);
	entry->text = entry->who + who_size;
	memcpy(entry->who + who_size, ev->text, text_size);
	TAILQ_INSERT_TAIL(&h->list, entry, next);
	h->n++;
}
