#include <sys/un.h>

#include <arpa/inet.h>

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/config/config.h"

#define NO_MEMORY "does not fit into memory"

static const char *
parse_unix(struct config_listen *l, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	_Static_assert(sizeof(sun.sun_path) == 108, "a message says so");
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		return "is too long, expected a path of at most 107 bytes";
	memcpy(&l->addr, &sun, sizeof(sun));
	l->addrlen = sizeof(sun);
	return NULL;
}

/* What the kernel would not take. */
static const char *
check_v6(const struct sockaddr_in6 *sin6)
{
	if (sin6->sin6_family != AF_INET6)
		return NULL;
	if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr))
		return "is an IPv4 address, expected it as ADDR:PORT";
	if (IN6_IS_ADDR_LINKLOCAL(&sin6->sin6_addr) && sin6->sin6_scope_id == 0)
		return "is an address of one link, expected [ADDR%INTERFACE]:PORT";
	return NULL;
}

/* Whether a text is an address alone, with brackets or without. */
static bool
is_portless(const char *text)
{
	struct in6_addr in;

	return inet_pton(AF_INET, text, &in) == 1 ||
	    inet_pton(AF_INET6, text, &in) == 1 ||
	    (text[0] == '[' && text[strlen(text) - 1] == ']');
}

/* What is wrong with a text that is no ADDR:PORT: what may be meant by it. */
static const char *
why_no_address(const char *text)
{
	const char *port = strrchr(text, ':'), *errstr = NULL;

	if (is_portless(text))
		return "has no port, expected ADDR:PORT or [ADDR]:PORT";
	if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0')
		return "is a port without an address, expected ADDR:PORT, [ADDR]:PORT or /PATH";
	if (port != NULL && strchr(text, ':') == port &&
	    isalpha((unsigned char)text[0]))
		return "is a name, expected an address in numbers: ADDR:PORT or [ADDR]:PORT";
	if (port != NULL && port != text)
		strtonum(port + 1, 0, 65535, &errstr);
	if (errstr != NULL)
		return "has a wrong port, expected a number from 0 to 65535 after the last colon";
	return "is not an address, expected ADDR:PORT, [ADDR]:PORT or /PATH";
}

/* Numbers only: a name could mean another address tomorrow. */
static const char *
parse_inet(struct config_listen *l, const char *text)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV },
			*ai;
	const char *port, *errstr;
	struct in_addr in4;
	char host[128];
	int error;

	if ((port = strrchr(text, ':')) == NULL || port == text)
		return why_no_address(text);
	strtonum(port + 1, 0, 65535, &errstr);
	if (errstr != NULL || (size_t)(port - text) >= sizeof(host))
		return why_no_address(text);
	strlcpy(host, text, (size_t)(port - text) + 1);
	if (host[0] == '[') {
		if (port[-1] != ']')
			return why_no_address(text);
		host[port - text - 1] = '\0';
		memmove(host, host + 1, strlen(host));
	} else if (inet_pton(AF_INET, host, &in4) != 1)
		return why_no_address(text);
	error = getaddrinfo(host, port + 1, &hints, &ai);
	if (error != 0)
		return error == EAI_MEMORY ? NO_MEMORY : why_no_address(text);
	memcpy(&l->addr, ai->ai_addr, ai->ai_addrlen);
	l->addrlen = ai->ai_addrlen;
	freeaddrinfo(ai);
	return check_v6((const void *)&l->addr);
}

/* The kernel gives a port to an address or to all addresses, not to both. */
static bool
excludes(const struct config_listen *a, const struct config_listen *b)
{
	return a->addr.ss_family == b->addr.ss_family &&
	    sockaddr_port(&a->addr) != 0 &&
	    sockaddr_port(&a->addr) == sockaddr_port(&b->addr) &&
	    sockaddr_is_wildcard(&a->addr) != sockaddr_is_wildcard(&b->addr);
}

static const char *
check_others(const struct config_listens *list, const struct config_listen *l)
{
	const struct config_listen *other;

	TAILQ_FOREACH(other, list, next) {
		if (excludes(l, other))
			return "cannot be had with another one of that port, expected all addresses (0.0.0.0, [::]) or single ones";
	}
	return NULL;
}

const char *
config_listen_add(struct config_listens *list, const char *text, mode_t mode)
{
	struct config_listen *l;
	const char *wrong;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return NO_MEMORY;
	l->mode = mode;
	wrong = (text[0] == '/' ? parse_unix : parse_inet)(l, text);
	if (wrong == NULL)
		wrong = check_others(list, l);
	if (wrong == NULL && (l->text = strdup(text)) == NULL)
		wrong = NO_MEMORY;
	if (wrong != NULL) {
		free(l);
		return wrong;
	}
	TAILQ_INSERT_TAIL(list, l, next);
	return NULL;
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

const char *
config_unfinished(const struct config *conf)
{
	if (conf->empty)
		return "is empty";
	return conf->cut ? "has a last line without an end" : NULL;
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

bool
config_is_operator(const struct config *conf, const char *name)
{
	size_t len = strlen(name);
	const char *p = conf->operators;

	for (; p != NULL && p[1] != '\0'; p = strchr(p + 1, ' ')) {
		if (strncasecmp(p + 1, name, len) == 0 && p[1 + len] == ' ')
			return true;
	}
	return false;
}

unsigned
config_keep_of(const struct config *conf, const char *room)
{
	struct config_room key, *found;

	if (strlcpy(key.name, room, sizeof(key.name)) >= sizeof(key.name))
		return conf->keep;
	found = RB_FIND(config_room_tree,
	    (struct config_room_tree *)(uintptr_t)&conf->rooms_by_name, &key);
	return found != NULL && found->has_keep ? found->keep : conf->keep;
}

void
config_warn(const struct config *conf)
{
	if (config_unfinished(conf) != NULL)
		log_warning(
		    "the configuration %s; a reload takes no such file, since somebody may still be writing it",
		    config_unfinished(conf));
	if (acl_has_unreached(&conf->acl))
		log_warning(
		    "an allow or deny line says nothing: one before it is for all addresses, and the first that matches counts");
	if (acl_keeps_nobody_out(&conf->acl))
		log_warning(
		    "the allow lines keep nobody out; deny all behind them does that");
	if (conf->motd_missing)
		log_warning("motd %s is not there%s; nothing of it is shown",
		    conf->motd_path,
		    conf->motd_path[0] == '/' ?
			"" :
			", seen from where banterd was started");
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
	if (conf->text != NULL)
		explicit_bzero(conf->text, conf->text_len);
	free(conf->text);
	free(conf->default_room);
	free(conf->log_target);
	free(conf->user);
	free(conf->store);
	free(conf->operators);
	free(conf);
}
