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

struct user;

#define BAN_MS   (10ULL * 60 * 1000) /* how long one holds */
#define BANS_MAX 256                 /* in a room; the oldest ends early */

struct ban {
	TAILQ_ENTRY(ban) next;
	uint64_t until; /* ms */
	uint64_t id;    /* of the user */
	bool has_address;
	struct address address;
	char name[NICK_MAX + 1];
};
TAILQ_HEAD(ban_list, ban);

/* Those of a room, the oldest first. */
struct bans {
	struct ban_list list;
	unsigned n;
};

void bans_init(struct bans *bans);
void bans_free(struct bans *bans);

/* Keeps u out from now (ms) on; address is NULL where it says nothing.  False:
 * no memory. */
bool bans_add(struct bans *bans, const struct user *u,
    const struct address *address, uint64_t now);

/* For how long u, who comes from that address (or NULL), has to stay out still;
 * in ms, 0 if they need not.  now is in ms. */
uint64_t bans_left(struct bans *bans, const struct user *u,
    const struct address *address, uint64_t now);

/* Ends all that keep out somebody of that name, or u (may be NULL), who comes
 * from that address (or NULL).  Returns the id of one whom that lets in; 0:
 * there was none.  now is in ms. */
uint64_t bans_lift(struct bans *bans, const char *name, const struct user *u,
    const struct address *address, uint64_t now);

#endif
