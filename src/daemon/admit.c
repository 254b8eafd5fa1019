#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "banterd/daemon/admit.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/server.h"

/* Who comes through a UNIX socket is of the host that their account is. */
static struct address
account_of(int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	struct address account;

	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	address_of_account(&account, peer.uid);
	return account;
}

/* Why a newcomer is turned away, as the line for it; NULL if it is not.  Its
 * host is counted in *host. */
static const char *
why_refused(struct server *srv, int fd, const struct address *address,
    struct host **host)
{
	struct address account;

	*host = NULL;
	if (address != NULL && !acl_allows(&srv->conf->acl, address))
		return CLIENT_NOT_ALLOWED;
	if (srv->nclients >= srv->max_clients)
		return LISTENER_FULL;
	if (address == NULL)
		account = account_of(fd);
	*host = host_enter(
	    &srv->hosts, address != NULL ? address : &account, server_now(srv));
	if (*host == NULL)
		return LISTENER_FULL;
	if (address == NULL || (*host)->clients <= srv->conf->max_per_host)
		return NULL;
	host_leave(*host, server_now(srv));
	*host = NULL;
	return "! Too many connections from your address.";
}

/* A last word to a socket that will not become a client. */
static void
send_off(int fd, const char *line)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "%s\r\n", line);

	(void)send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void
count_refusal(
    struct server *srv, const struct address *address, const char *refusal)
{
	char text[ADDRESS_TEXT_SIZE];

	srv->refused++;
	log_burst(&srv->session.log_burst, server_now(srv),
	    "%s turned away: %s",
	    address == NULL ? "local" : address_text(address, text),
	    refusal + 2);
}

/*
 * A newcomer begins with a full burst, less what others of its host have spent
 * of theirs lately and taken away with them: to come again is no way around
 * the rate.  Those who come through UNIX sockets are no host's, and owe nothing
 * for each other.
 */
static void
take_place(struct server *srv, struct client *c, struct host *host)
{
	c->host = host;
	c->counted = true;
	srv->nclients++;
	if (c->has_address)
		rate_take_over(&c->rate, srv->conf,
		    host_deficit(
			host, srv->conf->rate_per_second, server_now(srv)));
}

void
admit(struct server *srv, int fd, const struct address *address)
{
	struct host *host;
	struct client *c = NULL;
	const char *refusal = why_refused(srv, fd, address, &host);

	srv->accepted++;
	if (refusal != NULL)
		count_refusal(srv, address, refusal);
	if (refusal == NULL || srv->nclosing < SERVER_CLOSING)
		c = client_new(&srv->session, fd, address);
	if (c == NULL) {
		if (host != NULL)
			host_leave(host, server_now(srv));
		send_off(fd, refusal != NULL ? refusal : LISTENER_FULL);
		return;
	}
	TAILQ_INSERT_TAIL(&srv->clients, c, next);
	if (srv->keep != NULL && !keep_add(srv->keep, c))
		log_burst(&srv->session.log_burst, server_now(srv),
		    "no memory to keep a connection; a fault would end it");
	if (refusal != NULL) {
		srv->nclosing++;
		client_refuse(c, refusal);
	} else {
		take_place(srv, c, host);
		client_welcome(c);
	}
}

void
admit_release_place(struct server *srv, struct client *c)
{
	uint64_t now = server_now(srv);

	if (!c->counted)
		return;
	if (srv->conf->rate_burst > 0 && c->has_address) {
		(void)host_deficit(c->host, srv->conf->rate_per_second, now);
		host_raise_deficit(c->host,
		    rate_deficit(&c->rate, srv->conf, now),
		    rate_max_deficit(srv->conf));
	}
	host_leave(c->host, now);
	c->host = NULL;
	c->counted = false;
	srv->nclients--;
	srv->nclosing++;
}

/* Where there is no memory for its host, it has no place, but is served. */
void
admit_return(struct server *srv, struct client *c)
{
	struct address account;

	TAILQ_INSERT_TAIL(&srv->clients, c, next);
	if (c->counted) {
		if (!c->has_address)
			account = account_of(conn_descriptor(c->out.conn));
		c->host = host_enter(&srv->hosts,
		    c->has_address ? &c->address : &account, server_now(srv));
		c->counted = c->host != NULL;
	}
	if (c->counted)
		srv->nclients++;
	else
		srv->nclosing++;
}

void
admit_store_listeners(struct server *srv)
{
	struct listener *l;

	srv->owes_listeners = false;
	TAILQ_FOREACH(l, &srv->listeners.list, next) {
		if (l->passed || l->stored_as != 0)
			continue;
		if (!keep_listener(srv->keep, l))
			srv->owes_listeners = true;
	}
}

/* It is stored when those that it replaces are not any more: the manager holds
 * no more than so many. */
static void
on_opened(void *owner, struct listener *l)
{
	struct server *srv = owner;

	(void)l;
	srv->owes_listeners = srv->keep != NULL;
}

static void
on_closed(void *owner, const struct listener *l)
{
	struct server *srv = owner;

	if (srv->keep != NULL)
		keep_forget_listener(srv->keep, l);
}

/* They would get the places, and the numbers, of people who are to be back. */
static void
hold(struct server *srv, int fd, const struct address *address)
{
	struct newcomer *n;

	if ((n = calloc(1, sizeof(*n))) == NULL) {
		send_off(fd, LISTENER_FULL);
		return;
	}
	n->fd = fd;
	n->has_address = address != NULL;
	if (address != NULL)
		n->address = *address;
	TAILQ_INSERT_TAIL(&srv->newcomers, n, next);
}

static void
let_go(struct server *srv, struct newcomer *n)
{
	TAILQ_REMOVE(&srv->newcomers, n, next);
	free(n);
}

void
admit_newcomers(struct server *srv)
{
	struct newcomer *n, *next;

	TAILQ_FOREACH_SAFE(n, &srv->newcomers, next, next) {
		admit(srv, n->fd, n->has_address ? &n->address : NULL);
		let_go(srv, n);
	}
}

void
admit_forget_newcomers(struct server *srv)
{
	struct newcomer *n, *next;

	TAILQ_FOREACH_SAFE(n, &srv->newcomers, next, next) {
		send_off(n->fd, CLIENT_GOING_DOWN);
		let_go(srv, n);
	}
}

static void
on_accepted(void *owner, int fd, const struct address *address)
{
	struct server *srv = owner;

	if (srv->keep != NULL && !srv->keep->has_begun)
		hold(srv, fd, address);
	else
		admit(srv, fd, address);
}

static void
on_turned_away(void *owner)
{
	struct server *srv = owner;

	srv->refused++;
}

static bool
is_closing(void *owner)
{
	const struct server *srv = owner;

	return !TAILQ_EMPTY(&srv->gone);
}

static uint64_t
on_now(void *owner)
{
	return server_now(owner);
}

const struct listener_ops admit_listener_ops = {
	.accepted = on_accepted,
	.turned_away = on_turned_away,
	.is_closing = is_closing,
	.now = on_now,
	.opened = on_opened,
	.closed = on_closed,
};
