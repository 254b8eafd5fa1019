/*
 * Passwords: yescrypt, as libxcrypt has it, in threads of its own, for one
 * takes as long as thousands of messages.  A job is the asker's until it is
 * put, the pool's until it is taken, and then the asker's again.
 */
#ifndef BANTERD_STORE_HASH_H
#define BANTERD_STORE_HASH_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "banterd/base/store_message.h"

#define HASH_SIZE      128 /* bytes of a hash, with its NUL */
#define HASH_THREADS   2
#define HASH_QUEUE_MAX 1000 /* jobs that wait for a thread */

struct hash_job {
	TAILQ_ENTRY(hash_job) next;
	/* what is to be done */
	char hash[HASH_SIZE];          /* to compare password with, or "" */
	struct store_message question; /* password, new_password */
	bool make;                     /* a hash of new_password, unless
					* password was wrong */
	/* what came of it */
	bool is_right;        /* the password is that of hash */
	bool failed;          /* neither right nor wrong: memory was out */
	char made[HASH_SIZE]; /* or "" */
	/* the asker's own */
	uint64_t asker, epoch, owner;
	bool by_admin;
};

/* A hash that is to be, of the password; returns false with errno set. */
bool hash_make(const char *password, char made[HASH_SIZE]);

/* Whether one looks at it at all: it is yescrypt's, and asks for no more than
 * one that is made here does. */
bool hash_is_affordable(const char *hash);

/* Does a job at once. */
void hash_do(struct hash_job *job);

/* Overwrites what is secret in it, and frees it. */
void hash_job_free(struct hash_job *job);

struct hash_pool;

/* Starts the threads.  Returns NULL with errno set; the caller owes
 * hash_pool_free(), which ends them and frees all jobs. */
struct hash_pool *hash_pool_new(void);
void hash_pool_free(struct hash_pool *pool);

/* Readable as long as there are jobs to be taken. */
int hash_pool_fd(const struct hash_pool *pool);

/* Returns false if too many wait; the job is the caller's then. */
bool hash_pool_put(struct hash_pool *pool, struct hash_job *job);

/* The next job that is done, or NULL. */
struct hash_job *hash_pool_take(struct hash_pool *pool);

/* How many wait for a thread. */
unsigned hash_pool_waiting(struct hash_pool *pool);

#endif
