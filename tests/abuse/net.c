#include <sys/resource.h>
#include <sys/un.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net.h"

void
net_die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

void
net_parse(struct target *t, const char *text)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *ai;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char host[64];
	const char *colon;

	memset(t, 0, sizeof(*t));
	if (text[0] == '/' && strlen(text) < sizeof(sun.sun_path)) {
		strcpy(sun.sun_path, text);
		memcpy(&t->addr, &sun, sizeof(sun));
		t->addrlen = sizeof(sun);
		return;
	}
	errno = EINVAL;
	if ((colon = strrchr(text, ':')) == NULL ||
	    (size_t)(colon - text) >= sizeof(host))
		net_die(text);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (host[0] == '[') {
		host[strlen(host) - 1] = '\0';
		memmove(host, host + 1, strlen(host));
	}
	if (getaddrinfo(host, colon + 1, &hints, &ai) != 0)
		net_die(text);
	memcpy(&t->addr, ai->ai_addr, ai->ai_addrlen);
	t->addrlen = ai->ai_addrlen;
	freeaddrinfo(ai);
}

static int
bind_source(int fd, unsigned source)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int one = 1;

	sin.sin_addr.s_addr = htonl(0x7f000000u | (source & 0xffff));
	/* The port is chosen at connect(): the same one serves many
	 * connections that differ elsewhere (ip(7)). */
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
		sizeof(one)) == -1)
		return -1;
	return bind(fd, (struct sockaddr *)&sin, sizeof(sin));
}

int
net_connect(const struct target *t, unsigned source, int rcvbuf)
{
	int family = t->addr.ss_family, one = 1, save_errno, fd;

	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (family != AF_UNIX)
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if ((rcvbuf > 0 &&
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf,
		    sizeof(rcvbuf)) == -1) ||
	    (family == AF_INET && source != 0 && bind_source(fd, source) == -1))
		goto failed;
	if (connect(fd, (const struct sockaddr *)&t->addr, t->addrlen) == 0 ||
	    errno == EINPROGRESS)
		return fd;
failed:
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return -1;
}

uint64_t
net_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void
net_raise_nofile(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		net_die("getrlimit");
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		net_die("setrlimit");
}
