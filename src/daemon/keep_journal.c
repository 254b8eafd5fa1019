/* What each line changes: to the journal. */
#include "banterd/chat/export.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/server.h"
#include "banterd/session/export.h"

/* Bytes of a record of the journal, beside the name and the text. */
#define SAID_BYTES ((size_t)64)

/* What does not go in is there when it is written anew. */
static void
add_bytes(struct keep *k, enum keep_kind kind, uint64_t number, const void *p,
    size_t n)
{
	struct keep_key key;

	keep_make_key(&key, kind, number);
	if (!journal_append(k->journal, key.bytes, key.len, p, n))
		k->is_full = true;
}

static void
add(struct keep *k, enum keep_kind kind, uint64_t number)
{
	if (k->record.failed)
		k->is_full = true;
	else
		add_bytes(k, kind, number, k->record.bytes, k->record.len);
}

void
keep_add_spent(struct keep *k, const struct client *c)
{
	record_begin(&k->record);
	client_export_spent(c, &k->record);
	add(k, KEEP_SPENT, conn_number(c->out.conn));
}

/* With the number of the oldest that is not forgotten: what is kept of those
 * before does not come back, whatever the next limit is. */
void
keep_write_said(
    struct keep *k, const struct room *room, const struct history_entry *entry)
{
	record_begin(&k->record);
	record_put_u64(&k->record, TAILQ_FIRST(&room->history.list)->number);
	export_said(entry, &k->record);
}

static void
add_said(
    struct keep *k, const struct room *room, const struct history_entry *entry)
{
	keep_write_said(k, room, entry);
	add(k, KEEP_SAID, room->number);
}

/* What is new of it. */
void
keep_add_said(struct keep *k, struct room *room)
{
	struct history *h = &room->history;
	const struct history_entry *entry, *first = NULL;

	if (k->no_history)
		return;
	TAILQ_FOREACH_REVERSE(entry, &h->list, history_entries, next)
	{
		if (entry->number < h->kept)
			break;
		first = entry;
	}
	for (entry = first; entry != NULL; entry = TAILQ_NEXT(entry, next))
		add_said(k, room, entry);
	h->kept = h->next_number;
}

void
keep_add_item(struct keep *k, const struct outbox_item *item)
{
	add_bytes(k, KEEP_ITEM, item->number, item->bytes, item->len);
	k->is_dirty = true;
}

/* Returns false if not all of it fits, or memory is out; then the old journal
 * stays. */
static bool
write_journal(struct keep *k)
{
	const struct history_entry *entry;
	const struct outbox_item *item;
	struct room *room;
	struct client *c;

	k->is_full = false;
	if (!journal_begin_anew(k->journal))
		return false;
	RB_FOREACH(room, room_tree, &k->srv->registry.rooms) {
		room->history.kept = room->history.next_number;
		if (k->no_history)
			continue;
		TAILQ_FOREACH(entry, &room->history.list, next)
			add_said(k, room, entry);
	}
	TAILQ_FOREACH(c, &k->srv->clients, next)
		keep_add_spent(k, c);
	TAILQ_FOREACH(item, &k->srv->outbox.list, next)
		keep_add_item(k, item);
	return journal_end_anew(k->journal, !k->is_full) && !k->is_full;
}

static void
forget_history(struct keep *k)
{
	if (!k->no_history)
		log_warning(
		    "what was said in the rooms is too much to be kept: a fault would lose it");
	k->no_history = true;
}

/* What was said in all rooms, and is still to be kept, as it is in the journal,
 * about; bytes. */
static size_t
said_bytes(const struct keep *k)
{
	struct room *room;
	size_t bytes = k->srv->outbox.bytes;

	RB_FOREACH(room, room_tree, &k->srv->registry.rooms)
		bytes += room->history.bytes + room->history.n * SAID_BYTES;
	return bytes;
}

void
keep_forget_words(struct keep *k)
{
	k->is_full = true;
	k->is_dirty = true;
}

void
keep_tidy_journal(struct keep *k)
{
	if (!k->is_full && !journal_is_grown(k->journal))
		return;
	if (said_bytes(k) > JOURNAL_LIVE_MAX)
		forget_history(k);
	else
		k->no_history = false;
	if (write_journal(k))
		return;
	forget_history(k);
	(void)write_journal(k);
	k->is_full = false;
}
