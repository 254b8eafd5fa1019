/*
 * What the attacker and the honest pair share: addresses, time, and a way out
 * when something that must work does not.
 */
#ifndef ABUSE_NET_H
#define ABUSE_NET_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

struct target {
	struct sockaddr_storage addr;
	socklen_t addrlen;
};

/* Prints what failed, and errno, and exits with 2. */
void net_die(const char *what) __attribute__((__noreturn__));

/* Reads 127.0.0.1:5531, [::1]:5531 or /path; exits with 2 for anything else. */
void net_parse(struct target *t, const char *text);

/*
 * Begins to connect a socket that does not block; if rcvbuf is not 0, that is
 * its receive buffer.  With IPv4, source (if not 0) is the last two bytes of
 * the address in 127.0.0.0/16 that it comes from.  Returns -1 with errno set.
 */
int net_connect(const struct target *t, unsigned source, int rcvbuf);

/* Nanoseconds of a clock that only goes forward. */
uint64_t net_now(void);

/* Raises the limit of descriptors as far as it goes. */
void net_raise_nofile(void);

#endif
