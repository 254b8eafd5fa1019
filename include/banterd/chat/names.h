/*
 * Names that are registered, and whose each is; a person who is somebody else
 * can't have one.
 */
#ifndef BANTERD_CHAT_NAMES_H
#define BANTERD_CHAT_NAMES_H

#include <bsd/sys/tree.h>

#include <stdbool.h>
#include <stdint.h>

/* One of them. */
struct registered {
	RB_ENTRY(registered) entry;
	uint64_t owner; /* not 0; no other registration ever has it */
	bool is_listed; /* since names_begin_list() */
	bool by_admin;  /* has registered it */
	char name[];
};
RB_HEAD(registered_tree, registered);
RB_PROTOTYPE(registered_tree, registered, entry, registered_cmp)

struct names {
	struct registered_tree tree;
	unsigned n;
};

void names_init(struct names *names);
void names_free(struct names *names);

/* Whose that name is, in any case; 0: nobody's.  And whether the admin has
 * registered it. */
uint64_t names_owner(const struct names *names, const char *name);
bool names_is_by_admin(const struct names *names, const char *name);

/* That name, which is short enough, is that owner's from now on.  False: no
 * memory. */
bool names_put(
    struct names *names, const char *name, uint64_t owner, bool by_admin);

/* It is not any more.  False: it was not. */
bool names_remove(struct names *names, const char *name, uint64_t owner);

/* A list of all names begins: each is put again.  At its end what was not is
 * removed, after gone (may be NULL) was told. */
typedef void names_gone(void *arg, const struct registered *r);
void names_begin_list(struct names *names);
void names_end_list(struct names *names, names_gone *gone, void *arg);

#endif
