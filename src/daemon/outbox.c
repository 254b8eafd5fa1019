#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/stdlib.h>

#include "banterd/base/store_message.h"
#include "banterd/daemon/outbox.h"

void
outbox_init(struct outbox *o)
{
	memset(o, 0, sizeof(*o));
	TAILQ_INIT(&o->list);
	o->next = 1;
	do
		arc4random_buf(&o->epoch, sizeof(o->epoch));
	while (o->epoch == 0);
}

static void
remove_item(struct outbox *o, struct outbox_item *item)
{
	if (o->unsent != NULL && item->number >= o->unsent->number)
		o->nunsent--;
	if (item == o->unsent)
		o->unsent = TAILQ_NEXT(item, next);
	TAILQ_REMOVE(&o->list, item, next);
	o->n--;
	o->bytes -= item->len;
	free(item);
}

void
outbox_free(struct outbox *o)
{
	while (o->n > 0)
		remove_item(o, TAILQ_FIRST(&o->list));
	record_free(&o->record);
}

/* NULL: there is no place for it, or no memory. */
static struct outbox_item *
append(struct outbox *o, uint64_t number, const void *p, size_t n)
{
	struct outbox_item *item;

	if (o->n >= OUTBOX_ITEMS || n > OUTBOX_BYTES - o->bytes ||
	    (item = malloc(sizeof(*item) + n)) == NULL)
		return NULL;
	item->number = number;
	item->len = n;
	memcpy(item->bytes, p, n);
	TAILQ_INSERT_TAIL(&o->list, item, next);
	if (o->unsent == NULL)
		o->unsent = item;
	o->nunsent++;
	o->n++;
	o->bytes += n;
	o->next = number + 1;
	return item;
}

const struct outbox_item *
outbox_add(struct outbox *o, struct store_message *m)
{
	const struct outbox_item *item = NULL;
	struct store_message read;

	m->number = o->next;
	/* What the store would not understand would be sent for ever. */
	if (store_message_write(m, &o->record) &&
	    store_message_read(&read, o->record.bytes, o->record.len))
		item = append(o, m->number, o->record.bytes, o->record.len);
	if (item == NULL)
		o->lost++;
	return item;
}

void
outbox_drop(struct outbox *o, uint64_t number)
{
	struct outbox_item *item;

	while ((item = TAILQ_FIRST(&o->list)) != NULL && item->number <= number)
		remove_item(o, item);
}

void
outbox_erase(struct outbox *o, const char *name)
{
	struct outbox_item *item, *next;
	struct store_message m;

	TAILQ_FOREACH_SAFE(item, &o->list, next, next) {
		if (store_message_read(&m, item->bytes, item->len) &&
		    m.kind == STORE_ITEM_LINE && strcasecmp(m.name, name) == 0)
			remove_item(o, item);
	}
}

void
outbox_rewind(struct outbox *o)
{
	o->unsent = TAILQ_FIRST(&o->list);
	o->nunsent = o->n;
}

unsigned
outbox_batch(const struct outbox *o, struct record *batch)
{
	const struct outbox_item *item;
	unsigned n = 0;

	store_batch_begin(batch);
	for (item = o->unsent; item != NULL; item = TAILQ_NEXT(item, next)) {
		if (!store_batch_add(batch, item->bytes, item->len))
			break;
		n++;
	}
	return n;
}

void
outbox_sent(struct outbox *o, unsigned n)
{
	o->nunsent -= n;
	for (; n > 0; n--)
		o->unsent = TAILQ_NEXT(o->unsent, next);
}

/* What the journal has twice comes once. */
bool
outbox_import(struct outbox *o, uint64_t number, const void *p, size_t n)
{
	const struct outbox_item *last = TAILQ_LAST(&o->list, outbox_items);
	struct store_message m;
	uint64_t next = o->next;

	if (!store_message_read(&m, p, n) || m.number != number ||
	    m.kind < STORE_ITEM_STATE || m.kind > STORE_ITEM_READ)
		return false;
	if (last != NULL && last->number >= number)
		return true;
	if (append(o, number, p, n) == NULL)
		return false;
	if (o->next < next)
		o->next = next;
	return true;
}
