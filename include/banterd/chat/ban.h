/*
 * Bans: who was put out of a room, and stays out for a while.  Who that is, is
 * told by the name they had, by their connection, and by their address where
 * that can only be theirs.
 */
#ifndef BANTERD_CHAT_BAN_H
#define BANTERD_CHAT_BAN_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/network.h"
#include "banterd/base/text.h"
#include "banterd/chat/user.h"

#define BAN_MS   (10ULL * 60 * 1000) /* how long one holds */
#define BANS_MAX 64                  /* in a room; the oldest ends early */

struct ban {
	TAILQ_ENTRY(ban) next;
	uint64_t until; /* ms */
	uint64_t id;    /* of the user */
	bool has_address;
	struct address address;
	char name[NICK_MAX + 1]; /* "": it concerns no name any more */
};
TAILQ_HEAD(ban_list, ban);

/* Those of a room, the oldest first. */
struct bans {
	struct ban_list list;
	unsigned n;
	struct id_set invited; /* who may come in whatever stands there */
};

void bans_init(struct bans *bans);
void bans_free(struct bans *bans);

/* Keeps u out from now (ms) on; address is NULL where it says nothing.  False:
 * no memory. */
bool bans_add(struct bans *bans, const struct user *u,
    const struct address *address, uint64_t now);

/* Adds one that was there in an earlier process.  False: no memory. */
bool bans_return(struct bans *bans, const struct ban *ban);

/* One that keeps u out, who comes from that address (or NULL); NULL: u may
 * come. now is in ms. */
const struct ban *bans_find(struct bans *bans, const struct user *u,
    const struct address *address, uint64_t now);

/* Whether it keeps u out for the address alone. */
bool ban_is_by_address(const struct ban *ban, const struct user *u);

/*
 * Lets somebody of that name in: u, if they are here (else NULL).  What does
 * not concern them stays: whoever was kicked under that name and has another
 * one now, and who else comes from an address.  Returns the id of who that is;
 * 0: nobody such is here, nor kept out, or memory is out.  now is in ms.
 */
uint64_t bans_lift(struct registry *reg, struct bans *bans, const char *name,
    const struct user *u, uint64_t now);

#endif
