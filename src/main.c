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
#include "banterd/daemon/loop.h"
#include "banterd/system/log.h"
#include "banterd/system/privileges.h"
#include "banterd/system/sandbox.h"
#include "banterd/system/signals.h"
#include "banterd/daemon/opener.h"
#include "banterd/daemon/reload.h"
#include "banterd/daemon/server.h"

enum exit_status {
	EXIT_ASKED = 0, /* asked to stop */
	EXIT_WRONG = 1, /* configuration, or starting up */
	EXIT_USAGE = 2
};

/* What the command line says. */
struct options {
	const char *conf_path;
	bool conf_given;               /* -f */
	bool test;                     /* -t */
	bool verbose;                  /* -v */
	struct config_listens listens; /* -l */
	struct opener opener;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: banterd [-tv] [-f FILE] [-l ADDR:PORT]...\n"
	    "       banterd -V | -h\n"
	    "\n"
	    "  -f FILE       read this configuration, not " CONFIG_PATH "\n"
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

	while ((ch = getopt_long(argc, argv, "f:hl:tvV", words, NULL)) != -1) {
		switch (ch) {
		case 'f':
			o->conf_path = optarg;
			o->conf_given = true;
			break;
		case 'h':
			usage(stdout);
			return EXIT_ASKED;
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

/* All that may fail before the first turn of the loop. */
static bool
start(struct server *srv, struct options *o, const struct files *files)
{
	struct config *conf;

	/* Still root: what only it may read, it reads by itself. */
	conf = reload_config(NULL, o->conf_path, how_to_read(o));
	if (conf == NULL || !reload_log(conf->log_target)) {
		config_free(conf);
		return false;
	}
	log_set_level(o->verbose ? LOG_LEVEL_DEBUG : conf->log_level);
	config_warn(conf);
	if (!loop_init(srv, conf, o->conf_path, !o->conf_given)) {
		loop_free(srv);
		return false;
	}
	srv->files = files;
	srv->opener = &o->opener;
	srv->verbose = o->verbose;
	TAILQ_CONCAT(&srv->fixed_listens, &o->listens, next);
	notify_init(&srv->notify);
	if (!reload_listen(srv) || !privileges_drop(conf->user)) {
		loop_free(srv);
		return false;
	}
	sandbox_enter();
	return true;
}

/* From the start to the end; returns the exit status. */
static int
serve(struct options *o)
{
	const struct files files = opener_files(&o->opener);
	struct server srv;
	bool started = false;

	log_set_files(&files);
	if (geteuid() == 0 &&
	    !opener_start(&o->opener, o->conf_path, &o->listens))
		log_error("cannot fork: %s", strerror(errno));
	else
		started = start(&srv, o, &files);
	o->opener.patience_ms = OPENER_PATIENCE_MS;
	if (started) {
		loop_run(&srv);
		started = !srv.failed;
		loop_free(&srv);
	} else
		log_error("not started");
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
