/*
 * What somebody has beside a connection who is logged in, or has something to
 * do with that: what they have asked the store, the password that they type,
 * whom they ignore.
 */
#ifndef BANTERD_SESSION_ACCOUNT_H
#define BANTERD_SESSION_ACCOUNT_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/store_message.h"

struct client;
struct session_context;

/* So long, in ms, an answer may take. */
#define ACCOUNT_PATIENCE_MS 10000

/* The most people that are ignored whatever they do, by their names. */
#define ACCOUNT_IGNORED_MAX 100

/* The most rooms that are kept for somebody, or searched at once. */
#define ACCOUNT_ROOMS_MAX 64

/* What several have to say; each with a name, the first with it twice. */
#define ACCOUNT_REGISTERED \
	"! %s belongs to someone. Is it you? /login %s PASSWORD"
#define ACCOUNT_LOGOUT_FIRST "! You are %s; /logout first."
#define ACCOUNT_UNKNOWN      "! Nobody called %s is registered here."

#define ACCOUNT_NOW "* You are now %s."
#define ACCOUNT_NOT_NOW \
	"! Nothing can be kept just now; ask whoever runs this server."

/* And of what is none. */
#define ACCOUNT_NO_PASSWORD \
	"! A password is one word of 1 to 128 bytes; nothing was done."

/* Whose password is typed next; the line is not carried out. */
enum account_prompt {
	PROMPT_NONE,
	PROMPT_REGISTER,
	PROMPT_LOGIN,
	PROMPT_PASSWD,
	PROMPT_PASSWD_NEW,
	PROMPT_UNREGISTER,
	PROMPT_KINDS
};

/* What somebody has who is logged in, or who has something to do with it. */
struct account {
	TAILQ_ENTRY(account) next; /* the context's */
	struct client *client;
	uint64_t question;    /* that waits for its answer; 0: none does */
	uint64_t gives_up_at; /* ms */
	enum store_kind kind; /* of the question */
	enum account_prompt prompt;
	char name[NICK_MAX + 1];               /* that this is about */
	char password[STORE_PASSWORD_MAX + 1]; /* PROMPT_PASSWD_NEW: the old */
	uint64_t ignored[ACCOUNT_IGNORED_MAX]; /* owners of names */
	unsigned nignored;
	uint64_t written; /* a checksum of its state; 0: nothing was */
	/* Of a question with rows: the room it is about, or none; how many have
	 * been shown; it is a day's; one did not fit. */
	char about[ROOM_MAX + 1];
	unsigned rows;
	bool has_span, is_cut;
	bool was_prompted; /* the line that waits is a password */
	bool owes_notes;   /* those for them are to be asked for */
};

/* Makes one of c's, in the list of all; NULL: no memory.  And frees it, if
 * there is one; there may be a password in it. */
struct account *account_new(struct session_context *ctx, struct client *c);
void account_free(struct session_context *ctx, struct account *a);

#endif
