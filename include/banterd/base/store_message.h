/*
 * What banterd and banter-store say to each other: a message is one packet of a
 * SOCK_SEQPACKET socket.  Its first byte is its kind, the rest are the fields
 * that the kind has, as record.h writes them.  Both sides read what the other
 * one has written as if a stranger had.
 *
 *	banterd             banter-store
 *	HELLO          -->              once, at first
 *	ROOM_KEEP ...  -->              after it, and after LIMITS
 *	               <--  WELCOME     or REFUSED, and the end
 *	               <--  NAME ...    each that is registered,
 *	               <--  NAMES_END   and that was all of them
 *	BATCH          -->              items: what is to be kept, in order
 *	               <--  KEPT        up to that number it is
 *	LOGIN ...      -->              a question, at any time
 *	               <--  ROW ...     to some: a line each
 *	               <--  ANSWER      to the question of its number
 *	               <--  NAME        another one
 *	               <--  FORGOTTEN   one less
 *	               <--  ERASE       what somebody said is to go
 *	ERASED         -->              from banterd it is gone
 *
 * What a question says of now holds for all items before it.
 */
#ifndef BANTERD_BASE_STORE_MESSAGE_H
#define BANTERD_BASE_STORE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/base/network.h"
#include "banterd/base/text.h"

struct record;

/* A new number for each change that the other side would not understand. */
#define STORE_PROTOCOL 1

#define STORE_PASSWORD_MAX 128        /* bytes */
#define STORE_STATE_MAX    4096       /* bytes of what a person has */
#define STORE_TEXT_MAX     (48 << 10) /* bytes of a line */
#define STORE_LIST_MAX     4096       /* bytes of a list of owners or rooms */
#define STORE_MESSAGE_MAX  (64 << 10) /* bytes of the longest packet */

enum store_kind {
	/* from banterd */
	STORE_HELLO = 1,  /* protocol; epoch: all items of one are in one order;
			   * names_per_host, name_expiry, keep */
	STORE_LIMITS,     /* the last three: from now on; no ROOM_KEEP */
	STORE_ROOM_KEEP,  /* room, keep: of that one */
	STORE_BATCH,      /* items */
	STORE_ITEM_STATE, /* number, owner, state, list (owners that they
			   * ignore): has that from now on */
	STORE_ITEM_LEFT,  /* number, owner, when: was here last then; misses
			   * what is said in their rooms from now on */
	STORE_ITEM_LINE,  /* number, room, name, owner (0: a guest's), when,
			   * flags, text: was said */
	STORE_ITEM_JOIN,  /* number, owner, room, when, flags: is in it, and
			   * misses  nothing from now on */
	STORE_ITEM_PART,  /* number, owner, room: is not in it any more */
	STORE_ITEM_SHOWN, /* number, owner, room (empty: all), line: has been
			   * shown what they missed, up to that one */
	STORE_ITEM_READ,  /* number, owner, line: has read their notes, up to
			   * that one */
	STORE_REGISTER,   /* number, name, password, host */
	STORE_LOGIN,      /* number, name, password, host */
	STORE_PASSWD,     /* number, name, password, new_password, host */
	STORE_UNREGISTER, /* number, name, password, host */
	STORE_SEEN,       /* number, name */
	STORE_NOTE,       /* number, owner, from, name, when, flags, text: for
			   * name, by owner, whose name is from */
	STORE_NOTES,      /* number, owner: those for them, oldest first */
	STORE_CATCHUP,    /* number, owner, room (empty: all), count: what they
			   * missed, oldest first */
	STORE_HISTORY, /* number, owner, list (one room), count, since, until:
			* the last that was said, and between these if they
			* are not 0 (until not included); oldest first */
	STORE_FIND,    /* number, owner, list (rooms), count, text: what has
			* these words, newest first */
	STORE_ERASED,  /* number: of an ERASE */
	/* from banter-store */
	STORE_WELCOME,   /* protocol; number: of the epoch's last item kept */
	STORE_REFUSED,   /* protocol, which it speaks */
	STORE_NAME,      /* name, owner, flags: is registered */
	STORE_NAMES_END, /* nothing */
	STORE_FORGOTTEN, /* name, owner: is not any more */
	STORE_KEPT,      /* number: all items up to that one are */
	STORE_ROW,       /* number, line, room, name, owner, when, flags, text:
			  * to CATCHUP, HISTORY, FIND; NOTES: without a room */
	STORE_ERASE,     /* number, name: all that was said under that name */
	STORE_ANSWER,    /* number, result, name, owner, when, count, state */
	STORE_KINDS
};

/* What came of a question.  Only with STORE_OK do the other fields of an answer
 * mean something: REGISTER: name, owner; LOGIN: name as it was registered,
 * owner, when (here last; 0: never), state, count (lines that they missed);
 * PASSWD, UNREGISTER: name, owner; SEEN: name, when; CATCHUP, FIND: count (of
 * more that there are); NOTE: name. */
enum store_result {
	STORE_OK,
	STORE_WRONG,      /* password */
	STORE_THROTTLED,  /* too many wrong ones: not even tried */
	STORE_UNKNOWN,    /* no such name is registered */
	STORE_TAKEN,      /* it is registered */
	STORE_TOO_MANY,   /* were registered from that host lately */
	STORE_FULL,       /* no more names at all */
	STORE_BUSY,       /* too many questions wait */
	STORE_FAILED,     /* it cannot be kept or read just now */
	STORE_MANY_NOTES, /* wait for them, of this one or in all */
	STORE_RESULTS
};

/* Of a line: it was done, not said; the room had a key; of a note in a row: who
 * wrote it had more to say, which was not kept. */
#define STORE_ACTION 1U
#define STORE_KEYED  2U
#define STORE_MORE   4U

/* Of an ITEM_JOIN: they have made the room, which may have had a key before;
 * of a NAME: the admin has registered it. */
#define STORE_ANEW     8U
#define STORE_BY_ADMIN 16U

#define STORE_KEEP_ALL  0
#define STORE_KEEP_NONE UINT32_MAX

/* A room that is asked about.  Of one with a key, and of lines that were said
 * while it had one, is read what was said since since; if that is 0, since the
 * owner came in for the first time, and nothing of it for nobody. */
struct store_room {
	char name[ROOM_MAX + 1];
	bool is_keyed;
	uint64_t since; /* seconds since 1970 */
};

/* One message.  What its kind has not is 0. */
struct store_message {
	enum store_kind kind;
	enum store_result result;
	uint32_t protocol;
	uint32_t names_per_host; /* registered from one host a day */
	uint64_t name_expiry;    /* seconds; 0: never */
	uint64_t epoch;          /* not 0 */
	uint64_t number; /* of a question, or of an item; an epoch's first item
			  * is 1 */
	uint64_t owner;  /* of a name; no other registration ever has it, though
			  * it be of the same name; not 0 */
	uint64_t when;   /* seconds since 1970, UTC */
	uint64_t since, until;
	uint64_t line;  /* lines have numbers that only grow; notes others */
	uint32_t keep;  /* seconds that lines are kept; STORE_KEEP_ALL, or
			 * STORE_KEEP_NONE */
	uint32_t count; /* HISTORY and the others: of rows, at most */
	uint8_t flags;  /* STORE_ACTION and the other */
	char room[ROOM_MAX + 1];
	char from[NICK_MAX + 1];
	const void *text; /* without a NUL, not ended by one */
	size_t text_len;  /* bytes, at most STORE_TEXT_MAX */
	const void *list; /* owners or rooms: see below */
	size_t list_len;  /* bytes, at most STORE_LIST_MAX */
	char name[NICK_MAX + 1];
	char host[ADDRESS_TEXT_SIZE]; /* by which failures are counted, in any
				       * form */
	char password[STORE_PASSWORD_MAX + 1];
	char new_password[STORE_PASSWORD_MAX + 1];
	const void *state; /* banterd's own; within what was read */
	size_t state_len;  /* bytes, at most STORE_STATE_MAX */
};

/* Writes a message to r, which is begun anew.  Returns false when memory is
 * out. */
bool store_message_write(const struct store_message *m, struct record *r);

/* Reads the n bytes at p, which have to stay as long as m->state.  Returns
 * false if it is no message. */
bool store_message_read(struct store_message *m, const void *p, size_t n);

/* Batches: begins one; adds an item that was written (false: it does not fit,
 * and is not in it); and reads the next item of one that was read, at *at,
 * which is 0 at first (false: there is none any more, or if m->kind is 0, it is
 * none).
 */
void store_batch_begin(struct record *r);
bool store_batch_add(struct record *r, const void *item, size_t n);
bool store_batch_next(
    const void *batch, size_t n, size_t *at, struct store_message *m);

/* Lists: adds an owner or a room to one that is begun as a record; and reads
 * the next one of m, at *at, which is 0 at first (false: there is none any
 * more, or none that is one). */
void store_list_put_owner(struct record *r, uint64_t owner);
void store_list_put_room(struct record *r, const struct store_room *room);
bool store_list_next_owner(
    const struct store_message *m, size_t *at, uint64_t *owner);
bool store_list_next_room(
    const struct store_message *m, size_t *at, struct store_room *room);

/* Overwrites the passwords. */
void store_message_wipe(struct store_message *m);

#endif
