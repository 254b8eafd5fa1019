/*
 * The floor of the bench: the least that a program can do to pass lines on to
 * the members of rooms.  It checks nothing, keeps nothing and promises
 * nothing.  A client's first line names its room; each further line goes as
 * it is to the others in that room.
 *
 *	floor [-g] PORT		-g: gather the lines of one turn of the loop,
 *				and send each member all of them at once
 */
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_EVENTS 1024
#define MAX_SAID   64 /* lines of one turn */

struct room {
	struct room *next;
	struct room *next_dirty;
	bool is_dirty; /* will be flushed at the turn's end */
	int *member;   /* descriptors */
	size_t nmember;
	char name[64];
	/* What was said in this turn, and by whom. */
	char *out;
	size_t outlen;
	size_t nsaid;
	struct said {
		int fd;
		size_t len;
	} said[MAX_SAID];
};

static struct room *rooms, *dirty, **room_of; /* room_of[fd] */
static bool gather;

static void
room_enter(int fd, const char *name)
{
	struct room *r;

	for (r = rooms; r != NULL && strcmp(r->name, name) != 0; r = r->next)
		;
	if (r == NULL) {
		if ((r = calloc(1, sizeof(*r))) == NULL)
			err(1, NULL);
		snprintf(r->name, sizeof(r->name), "%.63s", name);
		r->next = rooms;
		rooms = r;
	}
	r->member = reallocarray(r->member, r->nmember + 1, sizeof(int));
	if (r->member == NULL)
		err(1, NULL);
	r->member[r->nmember++] = fd;
	room_of[fd] = r;
}

static void
room_leave(int fd)
{
	struct room *r = room_of[fd];

	for (size_t i = 0; r != NULL && i < r->nmember; i++)
		if (r->member[i] == fd)
			r->member[i] = r->member[--r->nmember];
	room_of[fd] = NULL;
	close(fd);
}

/* What a kernel's buffer doesn't take is lost: only sleepers come to that. */
static void
room_flush(struct room *r)
{
	struct iovec iov[MAX_SAID];

	for (size_t m = 0; m < r->nmember; m++) {
		struct msghdr msg = { .msg_iov = iov };
		char *p = r->out;

		for (size_t i = 0; i < r->nsaid; p += r->said[i++].len) {
			struct iovec *v = &iov[msg.msg_iovlen];

			if (r->said[i].fd == r->member[m])
				continue;
			if (msg.msg_iovlen > 0 &&
			    (char *)v[-1].iov_base + v[-1].iov_len == p) {
				v[-1].iov_len += r->said[i].len;
				continue;
			}
			v->iov_base = p;
			v->iov_len = r->said[i].len;
			msg.msg_iovlen++;
		}
		if (msg.msg_iovlen == 1)
			(void)send(r->member[m], iov[0].iov_base,
			    iov[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else if (msg.msg_iovlen > 1)
			(void)sendmsg(
			    r->member[m], &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	r->nsaid = r->outlen = 0;
}

static void
room_say(struct room *r, int fd, const char *line, size_t len)
{
	if (!gather) {
		for (size_t m = 0; m < r->nmember; m++)
			if (r->member[m] != fd)
				(void)send(r->member[m], line, len,
				    MSG_DONTWAIT | MSG_NOSIGNAL);
		return;
	}
	if (r->nsaid == MAX_SAID)
		room_flush(r);
	if (!r->is_dirty) {
		r->is_dirty = true;
		r->next_dirty = dirty;
		dirty = r;
	}
	if ((r->out = realloc(r->out, r->outlen + len)) == NULL)
		err(1, NULL);
	memcpy(r->out + r->outlen, line, len);
	r->outlen += len;
	r->said[r->nsaid++] = (struct said){ .fd = fd, .len = len };
}

static void
client_read(int fd)
{
	static char buf[65536];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	char *p = buf, *lf;

	if (n <= 0) {
		room_leave(fd);
		return;
	}
	for (; (lf = memchr(p, '\n', (size_t)(buf + n - p))) != NULL;
	     p = lf + 1) {
		if (room_of[fd] != NULL) {
			room_say(room_of[fd], fd, p, (size_t)(lf + 1 - p));
			continue;
		}
		*lf = '\0';
		room_enter(fd, p);
	}
	if (p != buf + n)
		errx(1, "a line came in pieces");
}

static int
door_open(const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons((in_port_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	/* The port may be held for us by a socket that does not listen. */
	if (s == -1 ||
	    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(s, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    listen(s, SOMAXCONN) == -1)
		err(1, "port %s", port);
	return s;
}

int
main(int argc, char *argv[])
{
	struct epoll_event ev = { .events = EPOLLIN }, evs[MAX_EVENTS];
	struct rlimit rl;
	int ep, door, n;

	gather = argc > 1 && strcmp(argv[1], "-g") == 0;
	if (argc != 2 + gather || getrlimit(RLIMIT_NOFILE, &rl) == -1)
		errx(2, "usage: floor [-g] PORT");
	door = door_open(argv[argc - 1]);
	room_of = calloc(rl.rlim_cur, sizeof(*room_of));
	ep = epoll_create1(0);
	ev.data.fd = door;
	if (room_of == NULL || ep == -1 ||
	    epoll_ctl(ep, EPOLL_CTL_ADD, door, &ev) == -1)
		err(1, NULL);
	while (
	    (n = epoll_wait(ep, evs, MAX_EVENTS, -1)) > 0 || errno == EINTR) {
		for (int i = 0; i < n; i++) {
			if (evs[i].data.fd != door) {
				client_read(evs[i].data.fd);
				continue;
			}
			if ((ev.data.fd = accept(door, NULL, NULL)) == -1 ||
			    epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev) == -1)
				err(1, "accept");
		}
		for (; dirty != NULL; dirty = dirty->next_dirty) {
			dirty->is_dirty = false;
			room_flush(dirty);
		}
	}
	err(1, "epoll_wait");
}
