/*
 * The admin's door: a SOCK_STREAM socket that root and the service's own user
 * may use.  A request is words with a NUL behind each, up to the end of what is
 * sent; the reply is text, behind it one byte, the exit status as a digit, and
 * with that byte a descriptor, if the word has one.
 */
#ifndef BANTERD_STORE_ADMIN_H
#define BANTERD_STORE_ADMIN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ADMIN_SUFFIX      ".admin" /* of the socket's path */
#define ADMIN_REQUEST_MAX 1024     /* bytes */
#define ADMIN_WORDS_MAX   4

struct admin;
struct event_base;

/* A request; it may be replied to at once or later.  words end with NULL; they
 * are overwritten when this returns. */
typedef void admin_request_fn(void *arg, uint64_t id, char *words[]);

/* Listens at path.  Returns NULL after logging why; the caller owes
 * admin_free(), which removes what is at path. */
struct admin *admin_new(struct event_base *base, const char *path,
    admin_request_fn *request, void *arg);
void admin_free(struct admin *a);

/* Replies, if whoever asked is still there.  Takes fd over, -1 for none. */
void admin_reply(struct admin *a, uint64_t id, const char *text, size_t len,
    int status, int fd);

/* Replies with what more() writes, called again and again as it is read: that
 * returns 1 if there is more, 0 if that was all, -1 after a failure.  arg is
 * freed by free(3), at once if nobody is there. */
typedef int admin_more_fn(void *arg, FILE *out);
void admin_stream(struct admin *a, uint64_t id, admin_more_fn *more, void *arg);

#endif
