#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/chat/listed.h"
#include "banterd/config/loader.h"
#include "banterd/daemon/reload.h"
#include "banterd/daemon/server.h"

/* "a:b:c": the name of each passed socket, for the log. */
static bool
adopt_sockets(struct server *srv, struct notify_sockets *passed)
{
	char *rest = passed->names, *name;
	bool ok = true;
	int i;

	for (i = 0; i < passed->n; i++) {
		name = strsep(&rest, ":");
		if (!listener_adopt(&srv->listeners, passed->first + i,
			name == NULL ? "unnamed" : name))
			ok = false;
	}
	return ok;
}

/* Only of the default ones may some not open: there may be no IPv6. */
static bool
open_listeners(struct server *srv, const struct config *conf)
{
	if (!TAILQ_EMPTY(&srv->fixed_listens))
		return listeners_apply(
		    &srv->listeners, &srv->fixed_listens, false);
	return listeners_apply(
	    &srv->listeners, &conf->listens, conf->listens_default);
}

bool
reload_listen(struct server *srv)
{
	struct notify_sockets passed = notify_sockets();
	bool ok;

	srv->sockets_passed = passed.n > 0;
	if (passed.n < 0)
		ok = false;
	else if (srv->sockets_passed)
		ok = adopt_sockets(srv, &passed);
	else
		ok = open_listeners(srv, srv->conf);
	free(passed.names);
	if (ok)
		server_preallocate_fd_slots(srv);
	return ok;
}

static void
report_to_log(void *arg, const char *message)
{
	(void)arg;
	log_error("%s", message);
}

struct config *
reload_config(const struct files *files, const char *path, bool optional)
{
	return config_load(files, path, optional, report_to_log, NULL);
}

bool
reload_log(const char *target)
{
	if (log_open(target) != -1)
		return true;
	log_error("cannot log to %s: %s", target, strerror(errno));
	return false;
}

/* The log goes first: what is wrong after that is found in the new one. */
static bool
apply(struct server *srv, struct config *conf)
{
	if (strcmp(conf->log_target, srv->conf->log_target) != 0 &&
	    !reload_log(conf->log_target))
		return false;
	if (!srv->sockets_passed && !open_listeners(srv, conf)) {
		(void)log_open(srv->conf->log_target);
		return false;
	}
	return true;
}

bool
reload(struct server *srv)
{
	struct config *conf;
	struct client *c, *next;

	conf = reload_config(srv->files, srv->conf_path, srv->conf_optional);
	if (conf == NULL || !apply(srv, conf)) {
		config_free(conf);
		log_error("not reloaded; the old configuration stays in force");
		return false;
	}
	config_free(srv->conf);
	srv->conf = conf;
	srv->session.conf = conf;
	if (!srv->verbose)
		log_set_level(conf->log_level);
	server_fit_descriptors(srv);
	fanout_set_limit(srv->fanout, conf->send_queue);
	srv->conns.low_water = fanout_low_water(srv->fanout);
	if (!listed_configure(&srv->registry, conf))
		log_error("out of memory; some rooms could not be set up");
	TAILQ_FOREACH_SAFE(c, &srv->clients, next, next)
		client_reconfigure(c);
	config_warn(conf);
	log_notice("reloaded %s", srv->conf_path);
	return true;
}
