#include <sys/param.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "banterd/chat/history.h"

void
history_init(struct history *h)
{
	memset(h, 0, sizeof(*h));
	TAILQ_INIT(&h->list);
}

static size_t
bytes_of(const struct history_entry *entry)
{
	return strlen(entry->who) + strlen(entry->text);
}

static void
forget(struct history *h, struct history_entry *entry)
{
	TAILQ_REMOVE(&h->list, entry, next);
	if (entry == h->returned)
		h->returned = NULL;
	h->n--;
	h->bytes -= bytes_of(entry);
	free(entry);
}

static void
forget_first(struct history *h)
{
	/* The last one is not the first any more (TAILQ_REMOVE).
	 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	forget(h, TAILQ_FIRST(&h->list));
}

void
history_erase(struct history *h, const char *name)
{
	struct history_entry *entry, *next;

	TAILQ_FOREACH_SAFE(entry, &h->list, next, next) {
		if (strcasecmp(entry->who, name) == 0)
			forget(h, entry);
	}
}

void
history_trim(struct history *h, unsigned limit)
{
	while (h->n > limit)
		forget_first(h);
}

void
history_forget(struct history *h, uint64_t oldest)
{
	while (h->n > 0 && TAILQ_FIRST(&h->list)->number < oldest)
		forget_first(h);
}

/* NULL: no memory. */
static struct history_entry *
make_entry(const struct chat_event *ev, uint64_t speaker)
{
	size_t who_size = strlen(ev->who) + 1, text_size = strlen(ev->text) + 1;
	struct history_entry *entry;

	entry = malloc(sizeof(*entry) + who_size + text_size);
	if (entry == NULL)
		return NULL;
	entry->when = ev->time;
	entry->speaker = speaker;
	entry->kind = ev->kind;
	memcpy(entry->who, ev->who, who_size);
	entry->text = entry->who + who_size;
	memcpy(entry->who + who_size, ev->text, text_size);
	return entry;
}

void
history_add(struct history *h, const struct chat_event *ev, uint64_t speaker,
    unsigned limit)
{
	struct history_entry *entry;

	if (limit == 0)
		return;
	history_trim(h, limit - 1);
	if ((entry = make_entry(ev, speaker)) == NULL)
		return;
	TAILQ_INSERT_TAIL(&h->list, entry, next);
	h->n++;
	h->bytes += bytes_of(entry);
	entry->number = h->next_number++;
}

/* The one behind which that number comes; NULL: it is the first. */
static struct history_entry *
find_place(const struct history *h, uint64_t number)
{
	struct history_entry *before = NULL, *next = TAILQ_FIRST(&h->list);

	/* Most come one after the other. */
	if (h->returned != NULL && h->returned->number < number) {
		before = h->returned;
		next = TAILQ_NEXT(before, next);
	}
	for (; next != NULL && next->number < number;
	     next = TAILQ_NEXT(next, next))
		before = next;
	return before;
}

bool
history_return(struct history *h, uint64_t number, const struct chat_event *ev,
    uint64_t speaker)
{
	struct history_entry *entry = make_entry(ev, speaker), *before;

	if (entry == NULL)
		return false;
	entry->number = number;
	if ((before = find_place(h, number)) != NULL)
		TAILQ_INSERT_AFTER(&h->list, before, entry, next);
	else
		TAILQ_INSERT_HEAD(&h->list, entry, next);
	h->returned = entry;
	h->n++;
	h->bytes += bytes_of(entry);
	h->next_number = MAX(h->next_number, number + 1);
	h->kept = h->next_number;
	return true;
}
