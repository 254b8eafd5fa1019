#include <ctype.h>
#include <string.h>

#include "banterd/net/http.h"

enum {
	STATE_START,
	STATE_METHOD, /* in a word of the characters of a token */
	STATE_BEFORE, /* in the blanks before the target */
	STATE_OPEN, /* in a word that is no target as long as no colon comes */
	STATE_TARGET,
	STATE_VERSION, /* in a word that may be the version, or before it */
	STATE_OVER,    /* in the blanks after the version */
	STATE_OTHER,   /* in a word that is not the version */
	STATE_NONE     /* this is no request line */
};

#define VERSION "HTTP/1.1" /* a digit stands for any */

/* RFC 9110, section 5.6.2. */
static bool
is_token(char c)
{
	return isalnum((unsigned char)c) ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes one more byte of a word that may be the version. */
static uint8_t
version(struct http *h, char c)
{
	char want = VERSION[h->matched];

	if (want == '\0' ||
	    (want == '1' ? !isdigit((unsigned char)c) : c != want))
		return STATE_OTHER;
	h->matched++;
	return STATE_VERSION;
}

/* A blank between two words, or after the last one. */
static uint8_t
blank(struct http *h)
{
	if (h->state == STATE_METHOD || h->state == STATE_BEFORE)
		return STATE_BEFORE;
	if (h->state == STATE_START || h->state == STATE_OPEN)
		return STATE_NONE;
	if (http_is_request(h))
		return STATE_OVER;
	h->matched = 0;
	return STATE_VERSION;
}

/* Any other byte. */
static uint8_t
letter(struct http *h, char c)
{
	switch (h->state) {
	case STATE_START:
	case STATE_METHOD:
		return is_token(c) ? STATE_METHOD : STATE_NONE;
	case STATE_BEFORE:
		return c == '/' || c == '*' ? STATE_TARGET : STATE_OPEN;
	case STATE_OPEN:
		return c == ':' ? STATE_TARGET : STATE_OPEN;
	case STATE_OVER:
		h->matched = 0;
		return version(h, c);
	case STATE_VERSION:
		return version(h, c);
	default:
		return h->state;
	}
}

void
http_scan(struct http *h, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && h->state != STATE_NONE; i++) {
		if (p[i] == '\r' || p[i] == '\n')
			return;
		h->state = is_blank(p[i]) ? blank(h) : letter(h, p[i]);
	}
}

bool
http_is_request(const struct http *h)
{
	return (h->state == STATE_VERSION || h->state == STATE_OVER) &&
	    VERSION[h->matched] == '\0';
}

bool
http_is_none(const struct http *h)
{
	return h->state == STATE_NONE;
}

bool
http_is_possible(const struct http *h)
{
	return h->state <= STATE_NONE && h->matched < sizeof(VERSION);
}
