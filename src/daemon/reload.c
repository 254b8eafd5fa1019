#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "banterd/chat/listed.h"
#include "banterd/config/loader.h"
#include "banterd/daemon/admit.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/reload.h"
#include "banterd/daemon/server.h"
#include "banterd/daemon/store.h"
#include "banterd/session/talk.h"

/* Sockets that the manager made, not those that an earlier process did. */
static bool
is_managers(const struct notify_descriptor *d)
{
	return d->fd != -1 && keep_listener_number(d->name) == 0;
}

static bool
adopt_sockets(struct server *srv, const struct notify_passed *passed)
{
	bool ok = true;
	int i;

	for (i = 0; i < passed->n; i++) {
		if (is_managers(&passed->list[i]) &&
		    !listener_adopt(&srv->listeners, passed->list[i].fd,
			passed->list[i].name))
			ok = false;
	}
	return ok;
}

/* Those of an earlier process; where the manager's replace them, their ends
 * here are closed by listeners_apply(). */
static void
return_listeners(struct server *srv, const struct notify_passed *passed)
{
	const struct notify_descriptor *d;
	unsigned number;
	int i;

	for (i = 0; i < passed->n; i++) {
		d = &passed->list[i];
		number = d->fd == -1 ? 0 : keep_listener_number(d->name);
		if (number == 0)
			continue;
		if (!listener_return(
			&srv->listeners, d->fd, srv->keep != NULL ? number : 0))
			close(d->fd);
		else if (srv->keep != NULL)
			keep_return_listener(srv->keep,
			    TAILQ_LAST(&srv->listeners.list, listener_list));
	}
}

static bool
has_managers_sockets(const struct notify_passed *passed)
{
	int i;

	for (i = 0; i < passed->n; i++) {
		if (is_managers(&passed->list[i]))
			return true;
	}
	return false;
}

/* Who has written a listen line is told why it does nothing. */
static void
warn_of_replaced(struct server *srv, const struct config *conf)
{
	const struct config_listen *l;

	if (conf->listens_default)
		return;
	TAILQ_FOREACH(l, &conf->listens, next) {
		if (!listeners_serve(&srv->listeners, l))
			log_warning(
			    "listen %s does nothing: the service manager passes the sockets; add ListenStream=%s to its socket unit, and restart both",
			    l->text, l->text);
	}
}

static bool
apply_listens(
    struct server *srv, const struct config_listens *wanted, bool some)
{
	bool ok = listeners_apply(&srv->listeners, wanted, some);

	srv->listens_are_old = !ok && srv->listens_are_old;
	if (srv->owes_listeners)
		admit_store_listeners(srv);
	return ok;
}

/* Only of the default ones may some not open: there may be no IPv6. */
static bool
open_listeners(struct server *srv, const struct config *conf)
{
	if (!TAILQ_EMPTY(&srv->fixed_listens))
		return apply_listens(srv, &srv->fixed_listens, false);
	return apply_listens(srv, &conf->listens, conf->listens_default);
}

/* What is listened on, by the configuration in force.  With people who are
 * kept, an address that cannot be had is no reason to end. */
static bool
listen_as_configured(struct server *srv)
{
	struct config_listens none;

	TAILQ_INIT(&none);
	if (srv->sockets_passed)
		return apply_listens(srv, &none, true);
	if (open_listeners(srv, srv->conf))
		return true;
	if (srv->keep == NULL || TAILQ_EMPTY(&srv->listeners.list))
		return false;
	srv->listens_are_old = true;
	log_error(
	    "the listen lines of before stay in force, until a reload or a restart can have those of the file");
	return true;
}

bool
reload_listen(struct server *srv, const struct notify_passed *passed)
{
	bool ok = passed->n >= 0;

	srv->sockets_passed = has_managers_sockets(passed);
	return_listeners(srv, passed);
	if (ok && srv->sockets_passed)
		ok = adopt_sockets(srv, passed);
	ok = ok && listen_as_configured(srv);
	if (ok && srv->sockets_passed)
		warn_of_replaced(srv, srv->conf);
	if (ok) {
		server_fit_descriptors(srv);
		server_preallocate_fd_slots(srv);
	}
	return ok;
}

static void
report_to_log(void *arg, const char *message)
{
	(void)arg;
	log_error("%s", message);
}

struct config *
reload_config(const struct files *files, const char *path, unsigned how)
{
	return config_load(files, path, how, report_to_log, NULL);
}

bool
reload_log(const char *target)
{
	if (log_open(target) != -1)
		return true;
	log_error("cannot log to %s: %s", target, log_open_error(errno));
	return false;
}

/* glibc reads a zone again whose name has changed, and /etc/localtime; but not
 * the file that TZ names. */
static void
read_time_zone(void)
{
	static char none[] = "TZ=";
	char *zone = getenv("TZ");

	if (zone != NULL && putenv(none) == 0) {
		tzset();
		(void)putenv(zone - strlen(none)); /* takes no memory */
	}
	tzset();
}

static void
warn_of_user(const char *old, const char *new)
{
	if (strcmp(old == NULL ? "" : old, new == NULL ? "" : new) != 0)
		log_warning("user is another one now, which takes a restart");
}

/* The log goes first: what is wrong after that is found in the new one. */
static bool
apply(struct server *srv, struct config *conf)
{
	if (strcmp(conf->log_target, srv->conf->log_target) != 0 &&
	    !reload_log(conf->log_target))
		return false;
	if (!srv->sockets_passed && !open_listeners(srv, conf)) {
		(void)reload_log(srv->conf->log_target);
		return false;
	}
	return true;
}

bool
reload_is_unfinished(const char *path, const struct config *conf)
{
	const char *unfinished = config_unfinished(conf);

	if (unfinished == NULL)
		return false;
	log_error(
	    "%s: %s, expected a whole file: somebody may still be writing it",
	    path, unfinished);
	return true;
}

/*
 * A file that is gone, empty or cut may be one that is being replaced: taken
 * for a configuration, it would drop the password and let in who is denied.
 */
static struct config *
read_again(struct server *srv)
{
	unsigned how = CONFIG_SERVING;
	struct config *conf;

	if (srv->conf_optional && srv->conf->no_file)
		how |= CONFIG_OPTIONAL;
	conf = reload_config(srv->files, srv->conf_path, how);
	if (conf == NULL || !reload_is_unfinished(srv->conf_path, conf))
		return conf;
	config_free(conf);
	return NULL;
}

void
reload_rooms(struct server *srv)
{
	if (!listed_configure(&srv->registry, srv->conf))
		log_error("out of memory; some rooms could not be set up");
}

bool
reload(struct server *srv)
{
	struct config *conf;
	struct client *c, *next;

	conf = read_again(srv);
	if (conf == NULL || !apply(srv, conf)) {
		config_free(conf);
		log_error("not reloaded; the old configuration stays in force");
		return false;
	}
	warn_of_user(srv->conf->user, conf->user);
	config_free(srv->conf);
	srv->conf = conf;
	srv->session.conf = conf;
	srv->conf_is_old = false;
	srv->owes_status = true;
	if (srv->keep != NULL)
		keep_set_config(srv->keep, conf);
	read_time_zone();
	talk_forget_zone(&srv->session);
	if (!srv->verbose)
		log_set_level(conf->log_level);
	server_fit_descriptors(srv);
	fanout_set_limit(srv->fanout, conf->send_queue);
	srv->conns.low_water = fanout_low_water(srv->fanout);
	reload_rooms(srv);
	store_configure(srv->store);
	TAILQ_FOREACH_SAFE(c, &srv->clients, next, next)
		client_reconfigure(c);
	config_warn(conf);
	if (srv->sockets_passed)
		warn_of_replaced(srv, conf);
	log_notice("reloaded %s", srv->conf_path);
	return true;
}
