/*
 * Members: who comes into which room and who leaves it.  What changes both a
 * person and a room is done here.
 */
#ifndef BANTERD_CHAT_MEMBER_H
#define BANTERD_CHAT_MEMBER_H

#include "banterd/chat/room.h"

/* Enters a room, making it (with that key) if need be, and makes it current.
 * key may be NULL. */
enum chat_error member_join(
    struct registry *reg, struct user *u, const char *name, const char *key);

/* Enters a room that is open to u whatever its key, having just come: the room
 * is not told before room_announce(), nor ever, if u leaves it before that. */
enum chat_error member_enter(
    struct registry *reg, struct user *u, struct room *room);

/* Is in a room as in an earlier process; the order of the members is not made.
 * False: no memory. */
bool member_return(
    struct registry *reg, struct user *u, const struct membership *m);

/* Leaves every room and the registry, without a word to anybody: u was not
 * really there. */
void member_withdraw(struct registry *reg, struct user *u);

/* Leaves a room that u is in, telling the members "left (reason)" or, if reason
 * is NULL, "left"; the one joined before it becomes current.  An ordinary room
 * that is empty is gone afterwards. */
void member_leave(struct registry *reg, struct user *u, struct room *room,
    const char *reason);

/* Leaves every room in that way, and then the registry. */
void member_exit(struct registry *reg, struct user *u, const char *reason);

/* Puts who out of the room for BAN_MS; reason may be NULL.  They may have
 * written to it from outside.  CHAT_OK, or CHAT_NO_MEMORY. */
enum chat_error member_kick(struct registry *reg, struct user *by,
    struct room *room, struct user *who, const char *reason);

/* Lets somebody of that name in, and tells them if they were put out.  False:
 * nobody such is here, nor kept out. */
bool member_invite(struct registry *reg, const struct user *by,
    struct room *room, const char *name);

/* Takes a name that text_is_nick() has passed; whoever shares a room sees it
 * once.  Returns as user_take_name(). */
enum chat_error member_rename(
    struct registry *reg, struct user *u, const char *name);

/* Is a guest, under a guest's name; whoever shares a room sees that. */
void member_be_guest(struct registry *reg, struct user *u);

/* Has to, who is zeroed, be who from is: with that id and name, in those rooms.
 * Nobody sees it.  From is zeroed then, and nobody. */
void member_move(struct registry *reg, struct user *to, struct user *from);

#endif
