#include <string.h>

#include "banterd/net/telnet.h"

/* RFC 854, "TELNET command structure"; ABORT is from RFC 1184. */
enum {
	ABORT = 238,
	SE = 240,
	BRK = 243,
	IP = 244,
	AYT = 246,
	EC = 247,
	EL = 248,
	SB = 250,
	WILL = 251,
	WONT = 252,
	DO = 253,
	DONT = 254,
	IAC = 255
};

#define ECHO_OPTION 1 /* RFC 857 */
#define TIMING_MARK 6 /* RFC 860 */

enum {
	STATE_TEXT,
	STATE_IAC,    /* after IAC */
	STATE_OPTION, /* after IAC and a verb */
	STATE_SB,     /* in a subnegotiation */
	STATE_SB_IAC  /* after IAC in a subnegotiation */
};

static const unsigned char iac_byte = IAC;

/* IAC IAC is the byte 255 itself: text, if never valid UTF-8. */
static enum telnet_kind
command(struct telnet *t, unsigned char c, struct telnet_event *ev)
{
	t->state = STATE_TEXT;
	switch (c) {
	case IAC:
		ev->text = &iac_byte;
		ev->len = 1;
		return TELNET_TEXT;
	case WILL:
	case WONT:
	case DO:
	case DONT:
		t->verb = c;
		t->state = STATE_OPTION;
		return TELNET_END;
	case SB:
		t->state = STATE_SB;
		return TELNET_END;
	case AYT:
		return TELNET_ARE_YOU_THERE;
	case EC:
		return TELNET_ERASE_CHARACTER;
	case EL:
		return TELNET_ERASE_LINE;
	case SE:
		return TELNET_STRAY_END;
	case IP:
	case BRK:
	case ABORT:
		return TELNET_INTERRUPT;
	default:
		return TELNET_END;
	}
}

/*
 * WONT and DONT say that nothing changes and get no answer: an answer could
 * begin a loop (RFC 854, "general considerations").
 */
static enum telnet_kind
option(struct telnet *t, unsigned char opt, struct telnet_event *ev)
{
	t->state = STATE_TEXT;
	ev->reply[0] = IAC;
	ev->reply[2] = opt;
	switch (t->verb) {
	case WILL:
		ev->reply[1] = DONT;
		return TELNET_REPLY;
	case DO:
		if (opt == ECHO_OPTION && t->echoes)
			return TELNET_END; /* the answer to ours */
		ev->reply[1] = opt == TIMING_MARK ? WILL : WONT;
		return TELNET_REPLY;
	default:
		return TELNET_END;
	}
}

/* One byte of a command; TELNET_END while the command goes on. */
static enum telnet_kind
step(struct telnet *t, unsigned char c, struct telnet_event *ev)
{
	t->seen = true;
	switch (t->state) {
	case STATE_IAC:
		return command(t, c, ev);
	case STATE_OPTION:
		return option(t, c, ev);
	case STATE_SB:
		if (c == IAC)
			t->state = STATE_SB_IAC;
		return TELNET_END;
	default: /* STATE_SB_IAC */
		t->state = c == SE ? STATE_TEXT : STATE_SB;
		return TELNET_END;
	}
}

void
telnet_hide(struct telnet *t, bool on, unsigned char request[3])
{
	t->echoes = on;
	request[0] = IAC;
	request[1] = on ? WILL : WONT;
	request[2] = ECHO_OPTION;
}

bool
telnet_is_plain(const struct telnet *t)
{
	return t->state == STATE_TEXT;
}

void
telnet_next(struct telnet *t, const unsigned char **in, size_t *len,
    struct telnet_event *ev)
{
	const unsigned char *iac;
	size_t n;

	for (ev->kind = TELNET_END; ev->kind == TELNET_END && *len > 0;) {
		if (t->state != STATE_TEXT) {
			ev->kind = step(t, **in, ev);
			n = 1;
		} else if (**in == IAC) {
			t->state = STATE_IAC;
			n = 1;
		} else {
			iac = memchr(*in, IAC, *len);
			n = iac == NULL ? *len : (size_t)(iac - *in);
			ev->kind = TELNET_TEXT;
			ev->text = *in;
			ev->len = n;
		}
		*in += n;
		*len -= n;
	}
}
