/*
 * A configuration: what banterd.conf(5) says, or the defaults.
 */
#ifndef BANTERD_CONFIG_CONFIG_H
#define BANTERD_CONFIG_CONFIG_H

#include <bsd/sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <bsd/sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "banterd/base/network.h"
#include "banterd/system/log.h"
#include "banterd/base/text.h"

#define CONFIG_PATH "/etc/banterd/banterd.conf"
#define CONFIG_PORT "5531"

#define CONFIG_SOCKET_MODE 0660 /* of a UNIX socket's file */

/* How one is read: a file that does not exist means the defaults; people are
 * served meanwhile, so that no pipe is waited for and no account looked up. */
#define CONFIG_OPTIONAL 1U
#define CONFIG_SERVING  2U

/* The range of max-line, in bytes. */
#define CONFIG_MAX_LINE_MIN 64
#define CONFIG_MAX_LINE_MAX 16384

/* One listen line. */
struct config_listen {
	TAILQ_ENTRY(config_listen) next;
	struct sockaddr_storage addr;
	socklen_t addrlen;
	mode_t mode; /* of a UNIX socket's file */
	char *text;  /* as written, for the log */
};
TAILQ_HEAD(config_listens, config_listen);

/* One room line. */
struct config_room {
	TAILQ_ENTRY(config_room) next;
	RB_ENTRY(config_room) by_name;
	char name[ROOM_MAX + 1];
	char *topic; /* or NULL */
	char *key;   /* or NULL */
	bool has_keep;
	unsigned keep; /* as of struct config */
};
TAILQ_HEAD(config_rooms, config_room);
RB_HEAD(config_room_tree, config_room);

/* One line of the motd file, cleaned. */
struct config_motd {
	STAILQ_ENTRY(config_motd) next;
	char text[];
};
STAILQ_HEAD(config_motds, config_motd);

/* Lines are kept for ever, or not at all. */
#define CONFIG_KEEP_ALL  0
#define CONFIG_KEEP_NONE UINT32_MAX

struct config {
	struct config_listens listens;
	bool listens_default; /* no listen line was given */
	struct config_rooms rooms;
	struct config_room_tree rooms_by_name; /* the same */
	struct config_motds motd;
	struct acl acl;
	char
	    *text; /* of the file, without what other systems add; NULL: none */
	size_t text_len; /* bytes */
	char *server_name;
	char *motd_path;    /* NULL: none */
	bool motd_missing;  /* there is no such file */
	bool no_file;       /* it was optional: all are defaults */
	bool empty, cut;    /* the file is, or its last line has no end */
	char *password;     /* NULL: none */
	char *default_room; /* NULL: none */
	char *log_target;
	char *user;      /* NULL: not given */
	char *store;     /* the store's socket; NULL: nothing is kept */
	char *operators; /* names with a blank before and behind each; NULL */
	enum log_level log_level;
	unsigned history; /* lines kept for each room */
	unsigned max_clients;
	unsigned max_per_host;
	unsigned max_rooms;
	unsigned max_joined;      /* rooms for each client */
	unsigned max_line;        /* bytes of an incoming line */
	unsigned rate_burst;      /* lines; 0: no limit */
	unsigned rate_per_second; /* lines */
	unsigned send_queue;      /* bytes of unsent output */
	unsigned stall_timeout;   /* seconds */
	unsigned login_timeout;   /* seconds */
	unsigned shutdown_grace;  /* seconds */
	unsigned names_per_host;  /* registered in a day */
	unsigned name_expiry;     /* seconds; 0: never */
	unsigned keep; /* seconds that lines are kept, CONFIG_KEEP_ALL or
			* CONFIG_KEEP_NONE */
};

/* Where each wrong line is told: "FILE:LINE: what is wrong, what was
 * expected", without a newline. */
typedef void config_report(void *arg, const char *message);

/* Adds a room line for that name.  Returns NULL if there is one (errno EEXIST),
 * or when memory is out. */
struct config_room *config_room_add(struct config *conf, const char *name);

/* Whether who has that name, being logged in, runs every room. */
bool config_is_operator(const struct config *conf, const char *name);

/* How long lines of that room are kept, as conf->keep. */
unsigned config_keep_of(const struct config *conf, const char *room);

/* Logs what is no mistake, and may not be meant. */
void config_warn(const struct config *conf);

/* What a file that somebody is still writing has, that a finished one has not
 * (a constant string to follow its name); NULL: nothing. */
const char *config_unfinished(const struct config *conf);

void config_free(struct config *conf);

/*
 * Parses text (ADDR:PORT, [ADDR]:PORT or a path) into a listen entry at the
 * end of list; mode is for a UNIX socket.  Returns NULL, or what is wrong with
 * text, and what was expected (a constant string to follow it).
 */
const char *config_listen_add(
    struct config_listens *list, const char *text, mode_t mode);
void config_listens_free(struct config_listens *list);

#endif
