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

#include "house.h"
#include "unit.h"

#define MAX_TURNS 10000 /* until nothing moves; more is a loop */

struct house house;

static uint64_t
house_clock(void)
{
	return house.now;
}

static void
complain(void *arg, const char *message)
{
	(void)arg;
	ck_abort_msg("%s", message);
}

/* A reload listens: where the kernel likes, as others may run these tests. */
static void
write_config(const char *config)
{
	static const char name[] = "server-name box\nlisten 127.0.0.1:0\n";

	ck_assert_int_eq(ftruncate(house.conf_fd, 0), 0);
	ck_assert_int_ne(pwrite(house.conf_fd, name, strlen(name), 0), -1);
	ck_assert_int_ne(
	    pwrite(house.conf_fd, config, strlen(config), (off_t)strlen(name)),
	    -1);
}

void
house_start(const char *config)
{
	struct config *conf;
	int i;

	ck_assert_int_eq(log_open("/dev/null"), 0);
	memset(&house, 0, sizeof(house));
	for (i = 0; i < HOUSE_SIZE; i++)
		house.peers[i].fd = -1;
	/* A file without a name leaves none behind. */
	house.conf_fd = memfd_create("conf", MFD_CLOEXEC);
	ck_assert_int_ne(house.conf_fd, -1);
	ck_assert_int_eq(fchmod(house.conf_fd, 0600), 0);
	snprintf(house.conf_path, sizeof(house.conf_path), "/proc/self/fd/%d",
	    house.conf_fd);
	write_config(config);
	conf = config_load(house.conf_path, false, complain, NULL);
	ck_assert_ptr_nonnull(conf);
	ck_assert(server_init(&house.srv, conf, house.conf_path, false));
	house.now = server_now(&house.srv);
	house.srv.clock = house_clock;
}

void
house_stop(void)
{
	int i;

	server_free(&house.srv);
	for (i = 0; i < HOUSE_SIZE; i++) {
		if (house.peers[i].fd != -1)
			close(house.peers[i].fd);
		free(house.peers[i].got);
	}
	close(house.conf_fd);
}

bool
house_reload(const char *config)
{
	bool ok;

	write_config(config);
	ok = server_reload(&house.srv);
	house_settle();
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
house_connect(const char *address)
{
	struct peer *p = house.peers;
	struct address a;
	int fds[2];

	while (p->fd != -1)
		p++;
	ck_assert(p < house.peers + HOUSE_SIZE);
	ck_assert_int_eq(
	    socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
	    0);
	if (house.send_buffer != 0)
		ck_assert_int_eq(
		    setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF,
			&house.send_buffer, sizeof(house.send_buffer)),
		    0);
	p->fd = fds[0];
	p->asleep = p->closed = false;
	p->len = 0;
	if (address != NULL)
		a = parse_address(address);
	server_admit(&house.srv, fds[1], address != NULL ? &a : NULL);
	p->c = TAILQ_LAST(&house.srv.clients, clients);
	house_settle();
	return p;
}

struct peer *
house_person(const char *name)
{
	struct peer *p = house_connect("192.0.2.1");
	char line[64];

	snprintf(line, sizeof(line), "/nick %s", name);
	house_type(p, line);
	ck_assert_str_eq(p->c->user.name, name);
	house_forget();
	return p;
}

void
house_send(struct peer *p, const char *bytes, size_t len)
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
		house_settle();
	}
}

void
house_type(struct peer *p, const char *line)
{
	char *text;

	ck_assert_int_ne(asprintf(&text, "%s\n", line), -1);
	house_send(p, text, strlen(text));
	free(text);
}

void
house_ask(struct peer *p, const char *line, const char *answer)
{
	house_type(p, line);
	house_heard(p, answer);
}

void
house_do(struct peer *p, const char *line)
{
	house_type(p, line);
	house_forget();
}

void
house_all(const char *line)
{
	int i;

	for (i = 0; i < HOUSE_SIZE; i++) {
		if (house.peers[i].fd != -1)
			house_type(&house.peers[i], line);
	}
	house_forget();
}

void
house_half_close(struct peer *p)
{
	ck_assert_int_eq(shutdown(p->fd, SHUT_WR), 0);
	house_settle();
}

void
house_hang_up(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
	p->len = 0;
	house_settle();
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
house_settle(void)
{
	struct server *srv = &house.srv;
	uint64_t in, out;
	int i, turns, still = 0;

	for (turns = 0; still < 2; turns++) {
		if (turns == MAX_TURNS)
			ck_abort_msg("the server never comes to rest");
		in = srv->stats.bytes_in;
		out = srv->output->bytes;
		server_turn(srv, false);
		still++;
		if (srv->stats.bytes_in != in || srv->output->bytes != out)
			still = 0;
		for (i = 0; i < HOUSE_SIZE; i++) {
			if (take_all(&house.peers[i]))
				still = 0;
		}
	}
}

void
house_read(struct peer *p, size_t max)
{
	ck_assert(take(p, max));
	house_settle();
}

void
house_advance(uint64_t ms)
{
	house.now += ms;
	event_active(house.srv.timer, EV_TIMEOUT, 1);
	house_settle();
}

/* ---- what is heard ---- */

void
house_got(struct peer *p, const char *bytes, size_t len)
{
	unit_bytes("got", p->got, p->len, bytes, len);
	p->len = 0;
}

void
house_heard(struct peer *p, const char *lines)
{
	char *want = malloc(2 * strlen(lines) + 1), *to = want;

	for (; *lines != '\0'; lines++) {
		if (*lines == '\n')
			*to++ = '\r';
		*to++ = *lines;
	}
	house_got(p, want, (size_t)(to - want));
	free(want);
}

unsigned
house_connections(void)
{
	const struct client *c;
	unsigned n = 0;

	TAILQ_FOREACH(c, &house.srv.clients, next)
		n++;
	return n;
}

bool
house_has(const struct peer *p, const char *text)
{
	return memmem(p->got, p->len, text, strlen(text)) != NULL;
}

void
house_forget(void)
{
	int i;

	for (i = 0; i < HOUSE_SIZE; i++)
		house.peers[i].len = 0;
}
