/*
 * What people ask: to register, log in, change a password, give a name back,
 * when somebody was here; and what the admin asks of the same.  Knows no
 * sockets: who asks is a number, and what came of it is called back, at once
 * or after the hash was made.
 */
#ifndef BANTERD_STORE_QUESTION_H
#define BANTERD_STORE_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/store_message.h"

struct file;
struct hash_job;
struct hash_pool;
struct throttle;

struct question_ops {
	/* The answer to one, true once the file is committed if needs_commit.
	 * m and its state are the callee's to copy. */
	void (*answer)(void *arg, uint64_t asker, const struct store_message *m,
	    bool needs_commit);
	/* For everybody, once the file is committed. */
	void (*tell_all)(void *arg, const struct store_message *m);
};

struct questions {
	struct file *file;
	struct throttle *throttle;
	struct hash_pool *pool; /* NULL: the hash is made at once */
	const struct question_ops *ops;
	void *arg;
	uint32_t names_per_host;
	uint64_t now;  /* ms, of a clock that only goes forward */
	uint64_t time; /* s since 1970 */
	/* how many there were, since the start */
	uint64_t asked, wrong, throttled, busy;
};

/* Whether a message of that kind is a question. */
bool question_is(enum store_kind kind);

/* Asks one. */
void question_ask(struct questions *q, uint64_t asker, uint64_t epoch,
    const struct store_message *m);

/* Asks as the admin, who needs no password but the new one, in
 * m->new_password, of STORE_REGISTER and STORE_PASSWD; or STORE_UNREGISTER. */
void question_ask_as_admin(
    struct questions *q, uint64_t asker, const struct store_message *m);

/* Goes on with one whose job is done, and frees it. */
void question_hashed(struct questions *q, struct hash_job *job);

#endif
