/*
 * A connection: the sole owner of a descriptor, of its events, its pending
 * input, its backlog and its end.  Only conn.c reads or writes a descriptor or
 * a bufferevent, and only conn.c knows what is in a struct conn.
 *
 * Bare, as nearly all are nearly always, it is a read event, a direct recv and
 * a direct send.  As long as the kernel refuses something there is a
 * bufferevent beside these: its output is the backlog, which it sends when it
 * can.  What is read and cannot be taken yet is pending input.
 */
#ifndef BANTERD_NET_CONN_H
#define BANTERD_NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct event_base;
struct iovec;
struct record;
struct record_reader;

/* So long, in ms, what is sent to a peer may be without acknowledgement. */
#define CONN_PEER_TIMEOUT 110000

/* So long, in s, it may be idle at most before the kernel asks whether it is
 * there; and between two questions without an answer. */
#define CONN_IDLE      60
#define CONN_ASK_AGAIN 15

/* What the owner of a connection is told.  It may do anything but free it. */
struct conn_ops {
	/*
	 * Input has come: n bytes at p, or none any more (n 0: see
	 * conn_has_ended()).  What the owner does not take it has to keep, with
	 * conn_keep(), before it returns.
	 */
	void (*readable)(void *owner, const unsigned char *p, size_t n);
	/* The kernel refused something, and a backlog begins.  Nothing may be
	 * sent to anybody here. */
	void (*backlogged)(void *owner);
	/* It took so much of the backlog that this is at the low-water mark, or
	 * below. */
	void (*drained)(void *owner);
	/* The backlog can't be sent (conn_error()).  What else breaks a
	 * connection is seen by conn_write(), and by conn_has_ended(). */
	void (*broken)(void *owner);
};

/* What all connections share. */
struct conns {
	struct event_base *base; /* its owner's */
	const struct conn_ops *ops;
	uint32_t low_water; /* bytes of a backlog; set before one begins */
	uint64_t bytes_in;  /* read since the start */
	unsigned nbacklogs; /* connections that have one */
	uint64_t bytes_out; /* sent, or in a backlog that is not dropped yet */
	unsigned freed;     /* bufferevents, since somebody set it to 0 */
	uint64_t made;      /* connections, ever: their numbers */
	/* They stay open for another process, which goes on with them. */
	bool are_handed_over;
	/* Whose output is being sent, or perhaps in part: its number, or 0; and
	 * whose input was taken, perhaps up to the middle of a line, and the
	 * owner is not done with it.  NULL: nobody wants to know. */
	volatile uint64_t *sending, *reading;
};

/* Makes a connection of a connected, non-blocking socket that is not read yet.
 * No other one ever has its number, which is the next of conns->made, or the
 * one that it had in an earlier process.  Returns NULL when memory is out; then
 * fd is still the caller's. */
struct conn *conn_new(
    struct conns *conns, int fd, void *owner, uint64_t number);
uint64_t conn_number(const struct conn *c);
int conn_descriptor(const struct conn *c);

/* Closes the descriptor, and frees all of it. */
void conn_free(struct conn *c);

/* Nothing is read or sent any more; what is buffered is dropped. */
void conn_stop(struct conn *c);

/* Has the peer see the end of one that was stopped now, though somebody else
 * holds the descriptor, too: then conn_free() alone does not show it. */
void conn_end(struct conn *c);

/* Has the owner told of input, or not: then TCP makes the peer wait.  Returns
 * false when memory is out. */
bool conn_set_reading(struct conn *c, bool on);
bool conn_is_reading(const struct conn *c);

/* Reads once, and tells the owner as if the loop had said that there is
 * something.  There must be no pending input. */
void conn_read(struct conn *c);

/* In readable: the last n of the bytes are to be pending input.  Returns false
 * when memory is out. */
bool conn_keep(struct conn *c, const unsigned char *p, size_t n);

/* Whether there is pending input.  As long as there is, the owner is told of no
 * other; it asks for it with conn_offer(), which calls readable. */
bool conn_has_pending(const struct conn *c);
const unsigned char *conn_pending(const struct conn *c, size_t *n);
void conn_offer(struct conn *c);

/* Something that the owner knows of it, however much of it was taken since; 0
 * until the owner sets it.  Only where there is some. */
uint64_t *conn_pending_note(const struct conn *c);

void conn_drop_pending(struct conn *c);

/* Whether the input so far is within none of telnet's commands; what is text
 * for who goes on with it. */
void conn_set_plain(struct conn *c, bool plain);

/* Whether the input is at its end: the peer's FIN came, or reading failed. */
bool conn_has_ended(const struct conn *c);

/* errno of what broke the connection, or 0.  conn_probe() asks the kernel
 * first, for one that is not read. */
int conn_error(const struct conn *c);
int conn_probe(struct conn *c);

/* Sends total bytes in n pieces, behind the backlog if there is one.  Returns
 * false if the connection is broken. */
bool conn_write(
    struct conn *c, const struct iovec *iov, size_t n, size_t total);

/* Bytes of the backlog; and of what the kernel has and the peer's has not. */
uint32_t conn_backlog(const struct conn *c);
uint32_t conn_unacknowledged(const struct conn *c);

/* Whether the other side's kernel has answered nothing for so many ms, though
 * it should have.  One that is asked (see below) should within 20 seconds. */
bool conn_peer_is_silent(const struct conn *c, uint64_t ms);

/* Has the kernel ask now, and every few seconds, whether the peer is there, or
 * (as at the beginning) only when it was not heard of for long. */
void conn_set_asking(struct conn *c, bool on);

/* Says FIN.  Returns false if that was not possible. */
bool conn_shutdown(struct conn *c);

/* Whether so little was ever sent that the peer's program, too, has all that
 * its kernel has, though its terminal may be paused. */
bool conn_has_sent_little(const struct conn *c);

/* Has its end be a reset. */
void conn_end_by_reset(struct conn *c);

/*
 * What outlives the process in any case; and what does besides in one that
 * hands over: the pending input and the backlog.  Each is written and read
 * here; false: it cannot be read, or memory is out.
 */
void conn_export(const struct conn *c, struct record *r);
bool conn_import(struct conn *c, struct record_reader *r);
void conn_export_rest(const struct conn *c, struct record *r);
bool conn_import_rest(struct conn *c, struct record_reader *r);

/* The process before has ended by a fault: what was sent since conn_export() is
 * not known, and the backlog is lost.  was_sending as conns.sending. */
void conn_note_fault(struct conn *c, bool was_sending);

/* Whether half a line may have been sent, by a process before; until something
 * is sent by this one. */
bool conn_may_have_half_line(const struct conn *c);

#endif
