#include <sys/un.h>

#include <arpa/inet.h>

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/config/config.h"

static bool
parse_unix(struct config_listen *l, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		return false;
	memcpy(&l->addr, &sun, sizeof(sun));
	l->addrlen = sizeof(sun);
	return true;
}

/* Numbers only: a name could mean another address tomorrow. */
static bool
parse_inet(struct config_listen *l, const char *text)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV },
			*ai;
	const char *port, *errstr;
	struct in_addr in4;
	char host[128];

	if ((port = strrchr(text, ':')) == NULL || port == text)
		return false;
	strtonum(port + 1, 0, 65535, &errstr);
	if (errstr != NULL || (size_t)(port - text) >= sizeof(host))
		return false;
	strlcpy(host, text, (size_t)(port - text) + 1);
	if (host[0] == '[') {
		if (port[-1] != ']')
			return false;
		host[port - text - 1] = '\0';
		memmove(host, host + 1, strlen(host));
	} else if (inet_pton(AF_INET, host, &in4) != 1)
		return false;
	if (getaddrinfo(host, port + 1, &hints, &ai) != 0)
		return false;
	memcpy(&l->addr, ai->ai_addr, ai->ai_addrlen);
	l->addrlen = ai->ai_addrlen;
	freeaddrinfo(ai);
	return true;
}

bool
config_listen_add(struct config_listens *list, const char *text, mode_t mode)
{
	struct config_listen *l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return false;
	l->mode = mode;
	if (!(text[0] == '/' ? parse_unix(l, text) : parse_inet(l, text)) ||
	    (l->text = strdup(text)) == NULL) {
		free(l);
		return false;
	}
	TAILQ_INSERT_TAIL(list, l, next);
	return true;
}

void
config_listens_free(struct config_listens *list)
{
	struct config_listen *l;

	while ((l = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, l, next);
		free(l->text);
		free(l);
	}
}

static int
room_cmp(struct config_room *a, struct config_room *b)
{
	return strcasecmp(a->name, b->name);
}

RB_PROTOTYPE(config_room_tree, config_room, by_name, room_cmp)
RB_GENERATE(config_room_tree, config_room, by_name, room_cmp)

struct config_room *
config_room_add(struct config *conf, const char *name)
{
	struct config_room *room;

	if ((room = calloc(1, sizeof(*room))) == NULL)
		return NULL;
	strlcpy(room->name, name, sizeof(room->name));
	if (RB_INSERT(config_room_tree, &conf->rooms_by_name, room) != NULL) {
		free(room);
		errno = EEXIST;
		return NULL;
	}
	TAILQ_INSERT_TAIL(&conf->rooms, room, next);
	return room;
}

void
config_warn(const struct config *conf)
{
	if (conf->motd_missing)
		log_warning("motd %s is not there; nothing of it is shown",
		    conf->motd_path);
}

void
config_free(struct config *conf)
{
	struct config_motd *m;
	struct config_room *room;

	if (conf == NULL)
		return;
	while ((room = TAILQ_FIRST(&conf->rooms)) != NULL) {
		TAILQ_REMOVE(&conf->rooms, room, next);
		free(room->topic);
		free(room->key);
		free(room);
	}
	while ((m = STAILQ_FIRST(&conf->motd)) != NULL) {
		STAILQ_REMOVE_HEAD(&conf->motd, next);
		free(m);
	}
	config_listens_free(&conf->listens);
	acl_free(&conf->acl);
	free(conf->server_name);
	free(conf->motd_path);
	if (conf->password != NULL)
		explicit_bzero(conf->password, strlen(conf->password));
	free(conf->password);
	free(conf->default_room);
	free(conf->log_target);
	free(conf->user);
	free(conf);
}
