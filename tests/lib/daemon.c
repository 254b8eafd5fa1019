#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "banterd/config/loader.h"
#include "banterd/daemon/admit.h"
#include "banterd/daemon/reload.h"
#include "daemon.h"
#include "unit.h"

#define MAX_TURNS 10000 /* until nothing moves; more is a loop */

struct daemon_fixture fixture;

static uint64_t
daemon_clock(void)
{
	return fixture.now;
}

static void
complain(void *arg, const char *message)
{
	(void)arg;
	ck_abort_msg("%s", message);
}

static void
write_config(const char *config)
{
	static const char name[] = "server-name box\n";

	ck_assert_int_eq(ftruncate(fixture.conf_fd, 0), 0);
	ck_assert_int_ne(pwrite(fixture.conf_fd, name, strlen(name), 0), -1);
	ck_assert_int_ne(pwrite(fixture.conf_fd, config, strlen(config),
			     (off_t)strlen(name)),
	    -1);
}

void
daemon_start(const char *config)
{
	struct config *conf;
	int i;

	ck_assert_int_eq(log_open("/dev/null"), 0);
	memset(&fixture, 0, sizeof(fixture));
	for (i = 0; i < DAEMON_PEERS; i++)
		fixture.peers[i].fd = -1;
	/* A file without a name leaves none behind. */
	fixture.conf_fd = memfd_create("conf", MFD_CLOEXEC);
	ck_assert_int_ne(fixture.conf_fd, -1);
	ck_assert_int_eq(fchmod(fixture.conf_fd, 0600), 0);
	snprintf(fixture.conf_path, sizeof(fixture.conf_path),
	    "/proc/self/fd/%d", fixture.conf_fd);
	write_config(config);
	conf = config_load(NULL, fixture.conf_path, false, complain, NULL);
	ck_assert_ptr_nonnull(conf);
	ck_assert(loop_init(&fixture.srv, conf, fixture.conf_path, false));
	/* A reload opens nothing, either. */
	fixture.srv.sockets_passed = true;
	fixture.now = server_now(&fixture.srv);
	fixture.srv.clock = daemon_clock;
}

void
daemon_stop(void)
{
	int i;

	loop_free(&fixture.srv);
	for (i = 0; i < DAEMON_PEERS; i++) {
		if (fixture.peers[i].fd != -1)
			close(fixture.peers[i].fd);
		free(fixture.peers[i].got);
	}
	close(fixture.conf_fd);
}

bool
daemon_reload(const char *config)
{
	bool ok;

	write_config(config);
	ok = reload(&fixture.srv);
	daemon_settle();
	return ok;
}

/* ---- comings and goings ---- */

static struct address
parse_address(const char *text)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct address a;

	if (inet_pton(AF_INET, text, &sin.sin_addr) == 1)
		address_from_socket(&a, (struct sockaddr *)&sin);
	else {
		ck_assert_int_eq(inet_pton(AF_INET6, text, &sin6.sin6_addr), 1);
		address_from_socket(&a, (struct sockaddr *)&sin6);
	}
	return a;
}

struct peer *
daemon_connect(const char *address)
{
	struct peer *p = fixture.peers;
	struct address a;
	int fds[2];

	while (p->fd != -1)
		p++;
	ck_assert(p < fixture.peers + DAEMON_PEERS);
	ck_assert_int_eq(
	    socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
	    0);
	if (fixture.send_buffer != 0)
		ck_assert_int_eq(
		    setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF,
			&fixture.send_buffer, sizeof(fixture.send_buffer)),
		    0);
	p->fd = fds[0];
	p->asleep = p->closed = false;
	p->len = 0;
	if (address != NULL)
		a = parse_address(address);
	admit(&fixture.srv, fds[1], address != NULL ? &a : NULL);
	p->c = TAILQ_LAST(&fixture.srv.clients, clients);
	daemon_settle();
	return p;
}

struct peer *
daemon_person(const char *name)
{
	struct peer *p = daemon_connect("192.0.2.1");
	char line[64];

	snprintf(line, sizeof(line), "/nick %s", name);
	daemon_type(p, line);
	ck_assert_str_eq(p->c->user.name, name);
	daemon_forget();
	return p;
}

void
daemon_send(struct peer *p, const char *bytes, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = send(p->fd, bytes, len, MSG_NOSIGNAL);
		if (n == -1) {
			/* Where the server rests, the pipe fills. */
			ck_assert_int_eq(errno, EAGAIN);
			n = 0;
		}
		bytes += n;
		len -= (size_t)n;
		daemon_settle();
	}
}

void
daemon_type(struct peer *p, const char *line)
{
	char *text;

	ck_assert_int_ne(asprintf(&text, "%s\n", line), -1);
	daemon_send(p, text, strlen(text));
	free(text);
}

void
daemon_ask(struct peer *p, const char *line, const char *answer)
{
	daemon_type(p, line);
	daemon_heard(p, answer);
}

void
daemon_do(struct peer *p, const char *line)
{
	daemon_type(p, line);
	daemon_forget();
}

void
daemon_all(const char *line)
{
	int i;

	for (i = 0; i < DAEMON_PEERS; i++) {
		if (fixture.peers[i].fd != -1)
			daemon_type(&fixture.peers[i], line);
	}
	daemon_forget();
}

void
daemon_half_close(struct peer *p)
{
	ck_assert_int_eq(shutdown(p->fd, SHUT_WR), 0);
	daemon_settle();
}

void
daemon_hang_up(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
	p->len = 0;
	daemon_settle();
}

/* ---- turns of the loop ---- */

/* Reads up to max bytes for p; true if there was something. */
static bool
take(struct peer *p, size_t max)
{
	ssize_t n;

	if (p->size - p->len < max + 1) {
		p->size = p->size + max + 65536;
		p->got = realloc(p->got, p->size);
		ck_assert_ptr_nonnull(p->got);
	}
	n = recv(p->fd, p->got + p->len, max, 0);
	if (n == -1 && errno == EAGAIN)
		return false;
	if (n <= 0)
		p->closed = true;
	else
		p->len += (size_t)n;
	p->got[p->len] = '\0';
	return true;
}

static bool
take_all(struct peer *p)
{
	return p->fd != -1 && !p->asleep && !p->closed && take(p, 65536);
}

void
daemon_settle(void)
{
	struct server *srv = &fixture.srv;
	uint64_t in, out;
	int i, turns, still = 0;

	for (turns = 0; still < 2; turns++) {
		if (turns == MAX_TURNS)
			ck_abort_msg("the server never comes to rest");
		in = srv->conns.bytes_in;
		out = srv->fanout->bytes;
		loop_turn(srv, false);
		still++;
		if (srv->conns.bytes_in != in || srv->fanout->bytes != out)
			still = 0;
		for (i = 0; i < DAEMON_PEERS; i++) {
			if (take_all(&fixture.peers[i]))
				still = 0;
		}
	}
}

void
daemon_read(struct peer *p, size_t max)
{
	ck_assert(take(p, max));
	daemon_settle();
}

void
daemon_advance(uint64_t ms)
{
	fixture.now += ms;
	event_active(fixture.srv.timer, EV_TIMEOUT, 1);
	daemon_settle();
}

/* ---- what is heard ---- */

void
daemon_got(struct peer *p, const char *bytes, size_t len)
{
	unit_bytes("got", p->got, p->len, bytes, len);
	p->len = 0;
}

void
daemon_heard(struct peer *p, const char *lines)
{
	char *want = malloc(2 * strlen(lines) + 1), *to = want;

	for (; *lines != '\0'; lines++) {
		if (*lines == '\n')
			*to++ = '\r';
		*to++ = *lines;
	}
	daemon_got(p, want, (size_t)(to - want));
	free(want);
}

unsigned
daemon_connections(void)
{
	const struct client *c;
	unsigned n = 0;

	TAILQ_FOREACH(c, &fixture.srv.clients, next)
		n++;
	return n;
}

bool
daemon_has(const struct peer *p, const char *text)
{
	return memmem(p->got, p->len, text, strlen(text)) != NULL;
}

void
daemon_forget(void)
{
	int i;

	for (i = 0; i < DAEMON_PEERS; i++)
		fixture.peers[i].len = 0;
}
