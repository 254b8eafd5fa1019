/*
 * Telnet (RFC 854, 855, 860) out of a byte stream.  Knows no sockets: bytes
 * go in, events come out.  Holds four bytes of state, whatever comes.
 */
#ifndef BANTERD_NET_TELNET_H
#define BANTERD_NET_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What telnet_next() found. */
enum telnet_kind {
	TELNET_END,   /* nothing more in this input */
	TELNET_TEXT,  /* bytes of text */
	TELNET_REPLY, /* the other side is owed the three bytes of reply */
	TELNET_ARE_YOU_THERE,   /* AYT */
	TELNET_ERASE_CHARACTER, /* EC */
	TELNET_ERASE_LINE,      /* EL */
	TELNET_INTERRUPT,       /* IP, BRK, ABORT: drop the unfinished line */
	TELNET_STRAY_END        /* SE without an SB */
};

/* Between two inputs: all zero is the state of a new connection. */
struct telnet {
	uint8_t state; /* where in a command we are */
	uint8_t verb;  /* WILL, WONT, DO or DONT before its option */
	bool seen;     /* there was a command: the other side speaks telnet */
	bool echoes;   /* it was told that we do: what is typed is hidden */
};

struct telnet_event {
	enum telnet_kind kind;
	const unsigned char *text; /* TELNET_TEXT: into the input */
	size_t len;                /* of text, in bytes, at least 1 */
	unsigned char reply[3];    /* TELNET_REPLY */
};

/*
 * Takes the next event out of the *len bytes at *in and moves both on.  After
 * TELNET_TEXT the caller may move them back to any point inside that text.
 * Commands may be cut anywhere between two inputs.  Each offer and request is
 * refused once; DO TIMING-MARK alone is agreed to, and DO ECHO where that is
 * the answer to telnet_hide().
 */
void telnet_next(struct telnet *t, const unsigned char **in, size_t *len,
    struct telnet_event *ev);

/* The option ECHO (RFC 857): says that what is typed is echoed by us, which it
 * never is, and so is not shown to anybody; or that this is over.  Three bytes
 * to be sent. */
void telnet_hide(struct telnet *t, bool on, unsigned char request[3]);

/* Whether it is within no command. */
bool telnet_is_plain(const struct telnet *t);

#endif
