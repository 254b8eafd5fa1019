#include <string.h>

#include <bsd/string.h>

#include "banterd/base/record.h"
#include "banterd/base/store_message.h"
#include "banterd/chat/room.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/questions.h"
#include "banterd/daemon/refill.h"
#include "banterd/daemon/server.h"

static void
ask(struct server *srv, struct questions *qs, struct room *room)
{
	struct store_message m = { .kind = STORE_HISTORY,
		.count = srv->conf->history };
	struct store_room asked = { .is_keyed = room->key != NULL, .since = 1 };
	struct record list = { 0 };
	struct question *q;

	strlcpy(asked.name, room->name, sizeof(asked.name));
	store_list_put_room(&list, &asked);
	m.list = list.bytes;
	m.list_len = list.len;
	if (!list.failed && questions_add(qs, NULL, &m) &&
	    (q = questions_find(qs, m.number)) != NULL) {
		strlcpy(q->room, room->name, sizeof(q->room));
		/* What is said meanwhile comes after it. */
		room->history.next_number += srv->conf->history;
	}
	record_free(&list);
}

void
refill_ask(struct server *srv, struct questions *qs)
{
	struct room *room;

	if (srv->conf->history == 0)
		return;
	RB_FOREACH(room, room_tree, &srv->registry.rooms) {
		if (room->permanent && room->history.next_number == 0 &&
		    config_keep_of(srv->conf, room->name) != CONFIG_KEEP_NONE)
			ask(srv, qs, room);
	}
}

void
refill_row(struct server *srv, const char *name, const struct store_message *m)
{
	struct room *room = room_find(&srv->registry, name);
	struct chat_event ev = { .kind = (m->flags & STORE_ACTION) != 0 ?
		    EVENT_ACTION :
		    EVENT_SAY,
		.time = (time_t)m->when,
		.who = m->name };
	char text[STORE_TEXT_MAX + 1];

	if (room == NULL || !room->permanent)
		return;
	memcpy(text, m->text, m->text_len);
	text[m->text_len] = '\0';
	ev.text = text;
	room_refill(&srv->registry, room, &ev);
	if (srv->keep != NULL)
		keep_forget_words(srv->keep); /* it is not in the journal */
}
