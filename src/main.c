#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIBBSD_OPENBSD_VIS
#include <bsd/vis.h>

#include "banterd/config/config.h"
#include "banterd/config/loader.h"
#include "banterd/daemon/check.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/loop.h"
#include "banterd/system/log.h"
#include "banterd/system/privileges.h"
#include "banterd/system/sandbox.h"
#include "banterd/system/signals.h"
#include "banterd/daemon/opener.h"
#include "banterd/daemon/reload.h"
#include "banterd/daemon/server.h"
#include "banterd/daemon/takeover.h"

enum exit_status {
	EXIT_ASKED = 0, /* asked to stop */
	EXIT_WRONG = 1, /* configuration, or starting up */
	EXIT_USAGE = 2
};

/* What the command line says. */
struct options {
	const char *conf_path;
	bool conf_given;               /* -f */
	bool keep;                     /* -k */
	bool test;                     /* -t */
	bool verbose;                  /* -v */
	struct config_listens listens; /* -l */
	struct opener opener;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: banterd [-ktv] [-f FILE] [-l ADDR:PORT]...\n"
	    "       banterd -V | -h\n"
	    "\n"
	    "  -f FILE       read this configuration, not " CONFIG_PATH "\n"
	    "  -k            keep connections through restarts and faults (for the\n"
	    "                service: the manager has to hold descriptors)\n"
	    "  -l ADDR:PORT  listen here (or on a socket's /PATH), whatever "
	    "FILE says\n"
	    "  -t            only check the configuration\n"
	    "  -v            log everything\n"
	    "  -V            show the version\n"
	    "  -h            show this\n");
}

/* Returns -1 to go on, else the exit status. */
static int
parse_options(int argc, char *argv[], struct options *o)
{
	static const struct option words[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	const char *wrong;
	int ch;

	while ((ch = getopt_long(argc, argv, "f:hkl:tvV", words, NULL)) != -1) {
		switch (ch) {
		case 'f':
			o->conf_path = optarg;
			o->conf_given = true;
			break;
		case 'h':
			usage(stdout);
			return EXIT_ASKED;
		case 'k':
			o->keep = true;
			break;
		case 'l':
			wrong = config_listen_add(
			    &o->listens, optarg, CONFIG_SOCKET_MODE);
			if (wrong != NULL) {
				fprintf(stderr, "banterd: -l \"%s\" %s\n",
				    optarg, wrong);
				return EXIT_USAGE;
			}
			break;
		case 't':
			o->test = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'V':
			puts("banterd " BANTERD_VERSION);
			return EXIT_ASKED;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	usage(stderr);
	return EXIT_USAGE;
}

static void
report_to_stderr(void *arg, const char *message)
{
	char safe[4 * 1024 + 1];

	(void)arg;
	strnvis(safe, message, sizeof(safe), VIS_NL | VIS_CSTYLE);
	fprintf(stderr, "%s\n", safe);
}

static unsigned
how_to_read(const struct options *o)
{
	return o->conf_given ? 0 : CONFIG_OPTIONAL;
}

static int
check_config(const struct options *o)
{
	struct config *conf;
	bool good;

	conf = config_load(
	    NULL, o->conf_path, how_to_read(o), report_to_stderr, NULL);
	if (conf == NULL)
		return EXIT_WRONG;
	config_warn(conf);
	good = check_for_service(
	    conf, o->conf_path, !o->conf_given, report_to_stderr, NULL);
	config_free(conf);
	if (!good)
		return EXIT_WRONG;
	fprintf(stderr, "%s: %s\n", o->conf_path,
	    access(o->conf_path, F_OK) == 0 ?
		"the configuration is good" :
		"there is no such file; the defaults are good");
	return EXIT_ASKED;
}

/* If one of the standard descriptors is closed, a socket would take its place,
 * and what is meant for stderr would go there. */
static bool
fill_descriptors(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* It gets the lowest number that is free, which is fd. */
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) == -1)
			return false;
	}
	return true;
}

/* What is there before the server is. */
struct before {
	struct notify notify;
	struct notify_passed passed;
	struct keep *keep; /* NULL: nothing is kept */
};

static void
look_around(struct before *b, const struct options *o)
{
	notify_init(&b->notify);
	b->passed = notify_passed();
	if (o->keep)
		b->keep = keep_new(&b->notify, &b->passed);
	if (b->keep == NULL)
		keep_refuse(&b->notify, &b->passed);
}

/* While people are here, it is read as by a reload. */
static bool
is_unfinished(
    const struct options *o, const struct before *b, const struct config *conf)
{
	return b->keep != NULL && b->keep->start != KEEP_FRESH &&
	    b->keep->start != KEEP_FORGOTTEN &&
	    reload_is_unfinished(o->conf_path, conf);
}

/*
 * Still root: what only it may read, it reads by itself.  A file that has
 * become wrong, while people are here, is no reason to disconnect them.
 */
static struct config *
read_config(const struct options *o, const struct before *b, bool *is_old)
{
	struct config *conf, *old;
	bool unfinished;

	*is_old = false;
	conf = reload_config(NULL, o->conf_path, how_to_read(o));
	unfinished = conf != NULL && is_unfinished(o, b, conf);
	if (conf != NULL && !unfinished && reload_log(conf->log_target))
		return conf;
	old = b->keep != NULL ? keep_config(b->keep, o->conf_path) : NULL;
	if (old == NULL && unfinished && reload_log(conf->log_target))
		return conf;
	config_free(conf);
	if (old == NULL)
		return NULL;
	log_error("the last good configuration stays in force");
	(void)reload_log(old->log_target);
	*is_old = true;
	return old;
}

/* All that may fail before the first turn of the loop. */
static bool
start(struct server *srv, struct options *o, const struct files *files,
    struct before *b)
{
	struct config *conf;
	bool is_old;

	if ((conf = read_config(o, b, &is_old)) == NULL) {
		notify_close(&b->notify);
		return false;
	}
	log_set_level(o->verbose ? LOG_LEVEL_DEBUG : conf->log_level);
	config_warn(conf);
	if (!loop_init(srv, conf, o->conf_path, !o->conf_given)) {
		notify_close(&b->notify);
		loop_free(srv);
		return false;
	}
	srv->conf_is_old = is_old;
	srv->files = files;
	srv->opener = &o->opener;
	srv->verbose = o->verbose;
	TAILQ_CONCAT(&srv->fixed_listens, &o->listens, next);
	srv->notify = b->notify;
	if (b->keep != NULL)
		keep_attach(b->keep, srv);
	if (!reload_listen(srv, &b->passed) || !privileges_drop(conf->user)) {
		/* The next try finds them where they are. */
		srv->listeners.are_handed_over = b->keep != NULL;
		loop_free(srv);
		return false;
	}
	takeover(srv);
	sandbox_enter();
	return true;
}

/* From the start to the end; returns the exit status. */
static int
serve(struct options *o)
{
	const struct files files = opener_files(&o->opener);
	struct before before = { .keep = NULL };
	struct server srv;
	bool started = false;

	log_set_files(&files);
	look_around(&before, o);
	if (geteuid() == 0 &&
	    !opener_start(&o->opener, o->conf_path, &o->listens))
		log_error("cannot fork: %s", strerror(errno));
	else
		started = start(&srv, o, &files, &before);
	o->opener.patience_ms = OPENER_PATIENCE_MS;
	if (started) {
		loop_run(&srv);
		started = !srv.failed;
		loop_free(&srv);
	} else
		log_error("not started");
	keep_free(before.keep);
	notify_passed_free(&before.passed);
	log_set_files(NULL);
	opener_stop(&o->opener);
	return started ? EXIT_ASKED : EXIT_WRONG;
}

int
main(int argc, char *argv[])
{
	struct options o = { .conf_path = CONFIG_PATH, .opener = { .fd = -1 } };
	int status;

	TAILQ_INIT(&o.listens);
	if (!signals_reset()) {
		log_error("cannot set signals: %s", strerror(errno));
		return EXIT_WRONG;
	}
	if (!fill_descriptors()) {
		log_error("cannot open /dev/null: %s", strerror(errno));
		return EXIT_WRONG;
	}
	tzset();
	status = parse_options(argc, argv, &o);
	if (status == -1 && o.test)
		status = check_config(&o);
	if (status == -1)
		status = serve(&o);
	config_listens_free(&o.listens);
	return status;
}
