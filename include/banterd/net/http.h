/*
 * Whether a line is an HTTP request line (RFC 9112, section 3), found out
 * while it comes: "POST /path HTTP/1.1".  Holds two bytes of state, however
 * long the line is.  Knows no sockets.
 */
#ifndef BANTERD_NET_HTTP_H
#define BANTERD_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is the state before a line. */
struct http {
	uint8_t state;   /* which part of the line we are in */
	uint8_t matched; /* bytes of the version, such as HTTP/1.1 */
};

/* Reads the next n bytes of the line, which may have its end among them. */
void http_scan(struct http *h, const char *p, size_t n);

/* Whether what was read is a request line. */
bool http_is_request(const struct http *h);

/* Whether http_scan() can have left it so. */
bool http_is_possible(const struct http *h);

/* Whether it is none, whatever follows. */
bool http_is_none(const struct http *h);

#endif
