/*
 * The vault: where the clients' descriptors live on whatever happens to the
 * process.  Each is in flight (unix(7), SCM_RIGHTS) in a pair of sockets, both
 * ends of which the service manager holds as well: sent into one, read by
 * nobody.  The next process takes them out of it.
 *
 * A pair holds 184 messages of VAULT_BATCH descriptors (where
 * net.core.wmem_max is 212992, as usual), and some more that are smaller, so it
 * is used as a ring: what is alive in the oldest messages is sent again, and
 * then these are received without their descriptors, which closes them.  There
 * are two pairs: who comes is sent into the young one, and who still lives when
 * that is turned is sent on to the old one.  So people who come and go cost
 * nothing for those who stay.  Knows no clients, only numbers.
 *
 * A descriptor in flight counts for its owner (RLIMIT_NOFILE, the soft one),
 * and its socket stays open for the peer until it is out of the ring: who
 * closes it has to say shutdown(2) before, unless vault_remove() has it out.
 */
#ifndef BANTERD_STATE_VAULT_H
#define BANTERD_STATE_VAULT_H

#include <bsd/sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

/* Descriptors in one message.  The kernel takes more (VAULT_BATCH_MAX, its
 * SCM_MAX_FD), but the numbers of these are what fits into 2 KB of its memory
 * with what it adds; one more, and it takes 4. */
#define VAULT_BATCH     216
#define VAULT_BATCH_MAX 253

/* A ring is turned when there are more messages in it than that, or when the
 * descriptor of one who is gone has lain in it for so many ms, and as many
 * again for each so many who live in it.  But if there are so many descriptors
 * that full messages alone would be more than half of that, it is when there
 * are more than twice as many as these.  So a pair is not full with 19,000. */
#define VAULT_MESSAGES 150
#define VAULT_DEAD_MS  1000
#define VAULT_MANY     2000

/* So long, in ms, what could not be sent waits before it is tried again. */
#define VAULT_RETRY_MS 1000

/* While it is turned, so many descriptors more than there are may be in
 * flight. */
#define VAULT_SLACK (2 * VAULT_BATCH)

#define VAULT_ENDS 4

struct vault;
struct vault_message;

/* One descriptor, its owner's to keep; zeroed before vault_add(). */
struct vault_item {
	/* in its message, or in those that wait to be sent */
	TAILQ_ENTRY(vault_item) next;
	struct vault_message *message; /* NULL: waits, or is in no vault */
	uint64_t number; /* whose it is, and never anybody else's */
	int fd;
	bool is_in;    /* in the vault, or waiting */
	bool is_twice; /* and perhaps in another message, too */
};

/* Makes the pairs: two ends of the young one, two of the old one, the first of
 * which is sent into, the second received from.  Returns false with errno set,
 * and makes none then. */
bool vault_make(int ends[VAULT_ENDS]);

/* Returns a vault of these ends, which the caller still owns; or NULL when
 * memory is out.  An end that is -1 is as good as a pair that fails.  The
 * caller owes vault_free(). */
struct vault *vault_new(const int ends[VAULT_ENDS]);

/* Frees it, and leaves in the pairs what is there.  The items are not touched,
 * and in no vault any more, whatever they say. */
void vault_free(struct vault *v);

/* The descriptor is to be in flight from the next vault_flush() on. */
void vault_add(
    struct vault *v, struct vault_item *item, int fd, uint64_t number);

/* Its owner is gone; now is in ms.  An item that is in no vault may be given.
 * Returns whether the descriptor may be in flight for a while: then to close it
 * ends nothing, and its owner has to say shutdown(2). */
bool vault_remove(struct vault *v, struct vault_item *item, uint64_t now);

/* Sends what was added since the last time, in as few messages as possible; if
 * the pair is full, it is emptied before.  What the kernel refuses waits,
 * with all that comes after it, and is tried again later (VAULT_RETRY_MS). */
void vault_flush(struct vault *v, uint64_t now);

/* The same at the end: what has to wait is tried, too, once more. */
void vault_flush_last(struct vault *v);

/* Turns what is due at now (ms), and tries what had to wait.
 * Returns when to call again, NEVER for never. */
uint64_t vault_tick(struct vault *v, uint64_t now);

/* When vault_tick() wants to be called, after anything above; 0: at once. */
uint64_t vault_due(const struct vault *v);

/* How many wait to be sent: they would not outlive the process.  refused is
 * what errno the kernel refused the last one with, 0 after one was taken. */
unsigned vault_waiting(const struct vault *v);
int vault_refused(const struct vault *v);

/* How many messages there are in both, and descriptors of those who are
 * gone. */
unsigned vault_messages(const struct vault *v);
unsigned vault_dead(const struct vault *v);

/*
 * Somebody else has filled it, and v is as vault_new() has made it: tells each
 * descriptor in it to taken, which returns the item that it belongs to from now
 * on (a zeroed one, which the vault fills in), or NULL: then it is closed, and
 * out of its ring when that is turned next.  Sends and receives nothing: who
 * dies in between leaves the pair as it was.  A number may come twice, if who
 * filled it died while turning the ring; who had been removed may still come.
 * What no vault has sent is dropped.  Returns false with errno set if not all
 * could be taken (EMFILE: for want of descriptors); what could is told, and the
 * rest is dropped with the dead.
 */
typedef struct vault_item *vault_taken(void *arg, uint64_t number, int fd);
bool vault_take_over(
    struct vault *v, vault_taken *taken, void *arg, uint64_t now);

#endif
