/*
 * Keeping: what has to be there for the next process, whatever happens to this
 * one (-k).  Connections lie in the vault, what they and the rooms are in the
 * database, what each line changes in the journal; before anything leaves that
 * somebody can see, what led to it is committed.  The service manager holds the
 * descriptors of all that.
 */
#ifndef BANTERD_DAEMON_KEEP_H
#define BANTERD_DAEMON_KEEP_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/record.h"
#include "banterd/chat/room.h"
#include "banterd/state/database.h"
#include "banterd/state/journal.h"
#include "banterd/state/life.h"
#include "banterd/state/vault.h"
#include "banterd/system/notify.h"

struct client;
struct config;
struct listener;
struct server;

/* Kinds of records, each the first byte of its key.  They are read in this
 * order: who comes later needs what came before. */
enum keep_kind {
	KEEP_CONFIG = 1, /* that is in force; alone */
	KEEP_LISTENER,   /* by its number: which file it has */
	KEEP_HOST,       /* by address and scope */
	KEEP_ROOM,       /* by the room's number; so the next ones */
	KEEP_TALLIES,
	KEEP_BANS,
	KEEP_SAID,   /* in the journal, or the remnant */
	KEEP_CLIENT, /* by the connection's number; so the next ones */
	KEEP_IGNORED,
	KEEP_AWAY,
	KEEP_UNHEARD,
	KEEP_SPENT, /* in the journal */
	KEEP_REST,  /* in the remnant */
	KEEP_EPOCH, /* of what the store has to keep; alone */
	KEEP_ITEM,  /* one of that, by its number; in the journal */
	KEEP_NAME   /* that is registered, by its owner's number */
};

struct keep_key {
	unsigned char bytes[DATABASE_KEY_MAX];
	size_t len;
};

/* What descriptors the manager holds beside listeners, by these names. */
enum keep_descriptor {
	KEEP_YOUNG_IN, /* the ends of the vault, as vault_make() makes them */
	KEEP_YOUNG_OUT,
	KEEP_VAULT_IN,
	KEEP_VAULT_OUT,
	KEEP_DATABASE,
	KEEP_JOURNAL,
	KEEP_REMNANT,
	KEEP_LIFE,
	KEEP_DESCRIPTORS
};
extern const char *const keep_names[KEEP_DESCRIPTORS];

/* How this process begins. */
enum keep_start {
	KEEP_FRESH,     /* nothing was passed */
	KEEP_HANDED,    /* the last one handed over in good order */
	KEEP_FAULT,     /* it ended by a fault */
	KEEP_FORGOTTEN, /* what it kept cannot be used */
};

/* What is kept of a client. */
struct kept {
	struct vault_item item;
	struct client *client;     /* NULL: none has come for it yet */
	TAILQ_ENTRY(kept) changed; /* in keep.changed if changes is not 0 */
	unsigned changes;
	unsigned stored; /* records in the database: bits of keep_kind */
};
TAILQ_HEAD(kept_list, kept);

struct keep {
	struct server *srv;
	struct notify *notify; /* the server's */
	int fds[KEEP_DESCRIPTORS];
	enum keep_start start;
	struct life *life;
	struct database *db;
	struct journal *journal;
	struct vault *vault;
	struct kept_list changed;
	TAILQ_HEAD(, room) changed_rooms;
	struct record record; /* the one being written */
	int failed;           /* errno of what did not go in; 0 */
	bool is_dirty;        /* there is something to commit */
	bool has_begun;       /* what was taken over is complete */
	bool is_full;         /* the journal; it has to be written anew */
	bool no_history;      /* what was said does not fit into it */
	bool is_broken;       /* nothing is kept any more */
	bool told_refused;    /* that the vault does not take all */
	uint64_t lines_at_start;
	unsigned last_listener; /* the highest number of a name */
	unsigned *forgotten;    /* listeners that the manager has to let go */
	size_t nforgotten;
	bool owed[KEEP_DESCRIPTORS]; /* the manager does not hold them yet */
};

/*
 * Takes out of passed what an earlier process kept, and begins anew where that
 * is nothing, or cannot be used: then those connections are closed with a word.
 * Nobody's but the manager's is touched.  Returns what the caller owes
 * keep_free(), or NULL after logging why nothing is kept.
 */
struct keep *keep_new(struct notify *notify, struct notify_passed *passed);

/* Nothing is kept (any more): closes what an earlier process kept, with a word
 * to each connection, and has the manager let go of it. */
void keep_refuse(struct notify *notify, struct notify_passed *passed);

void keep_free(struct keep *k);

/* From now on srv's changes are kept, by its own notify. */
void keep_attach(struct keep *k, struct server *srv);

/* A client has come; false: memory is out. */
bool keep_add(struct keep *k, struct client *c);

/* It is gone: nothing of it is kept.  Returns whether its connection has to be
 * ended (conn_end()): to close the descriptor does not. */
bool keep_remove(struct keep *k, struct client *c);

/* Something has changed: a sum of CHANGED_... */
void keep_client_changed(struct keep *k, struct client *c, unsigned what);
void keep_room_changed(struct keep *k, struct room *room, unsigned what);

/* Something that was said is to be forgotten: the journal is written anew. */
void keep_forget_words(struct keep *k);

/* Commits all changes, and has all descriptors in the vault. */
void keep_commit(struct keep *k);

/* Does what is due at now (ms); returns when the next thing is, NEVER for
 * never. */
uint64_t keep_tick(struct keep *k, uint64_t now);

/* The configuration in force is that one now; and the one that was in force,
 * read from what is kept (NULL: there is none, or it is not good any more). */
void keep_set_config(struct keep *k, const struct config *conf);
struct config *keep_config(struct keep *k, const char *path);

/* The manager has to hold a listener, or to let go of it. */
bool keep_listener(struct keep *k, struct listener *l);

/* One of an earlier process is back: which file it had. */
void keep_return_listener(struct keep *k, struct listener *l);
void keep_forget_listener(struct keep *k, const struct listener *l);

/* Whether the manager, which was busy, has still to hold a descriptor, or to
 * let go of a listener; and tells it of as many as it takes. */
bool keep_owes(const struct keep *k);
void keep_pay(struct keep *k);

/* The number of a listener's name; 0: it is no listener's. */
unsigned keep_listener_number(const char *name);

/*
 * Hands over to the next process: writes all that is unsent and unread, too; if
 * only that is not possible, it goes on as after a fault.  Who can't be handed
 * over is told that the server is going down.  Returns false after logging why
 * it is not possible; then the others are still there, to be told the same.
 */
bool keep_hand_over(struct keep *k);

/* It stops, and nobody that is still there goes on: the next begins in good
 * order. */
void keep_stop(struct keep *k);

/* For others who have something to keep: an empty record, which keep_put() puts
 * in the place of one of that kind and number; and takes one out that may be
 * there. */
struct record *keep_record(struct keep *k);
void keep_put(struct keep *k, enum keep_kind kind, uint64_t number);
void keep_take_out(struct keep *k, enum keep_kind kind, uint64_t number);

/* The name is registered. */
void keep_name(struct keep *k, const char *name, uint64_t owner, bool by_admin);

/* ---- for keep.c ---- */

/* Adds to the journal what c's lines have cost it and where in its input it is;
 * or what was said in a room since it was told last.  The record is k->record.
 */
void keep_add_spent(struct keep *k, const struct client *c);
void keep_add_said(struct keep *k, struct room *room);

/* The same of what the store has to keep. */
struct outbox_item;
void keep_add_item(struct keep *k, const struct outbox_item *item);

/* Writes the journal anew if most of it may be out of date. */
void keep_tidy_journal(struct keep *k);

/* ---- for takeover.c and handover.c ---- */

/* Says to a connection of before that nobody knows it any more, and ends it; fd
 * stays the caller's. */
void keep_send_off(int fd);

void keep_make_key(struct keep_key *key, enum keep_kind kind, uint64_t number);
uint64_t keep_key_number(const void *key, size_t len);

/* Writes k->record: something said in a room. */
void keep_write_said(
    struct keep *k, const struct room *room, const struct history_entry *entry);

/* Writes which file a listener has that the manager holds. */
void keep_write_listener(struct keep *k, const struct listener *l);

/* Takes a record out that may be there. */
void keep_drop(struct keep *k, const struct keep_key *key);

/* What was taken over is complete: it runs. */
void keep_begin(struct keep *k);

/* Commits all there is, changed or not.  Returns false with errno set. */
bool keep_write_all(struct keep *k);

/* The process ends, and all that is kept stays as it is: connections go on in
 * the next one.  Nothing is kept from now on. */
void keep_leave(struct keep *k);

#endif
