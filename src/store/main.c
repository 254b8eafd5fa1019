#include <sys/stat.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/readpassphrase.h>
#include <bsd/string.h>

#include "banterd/base/store_message.h"
#include "banterd/store/ask.h"
#include "banterd/store/export.h"
#include "banterd/store/offline.h"
#include "banterd/store/serve.h"
#include "banterd/store/words.h"
#include "banterd/system/log.h"
#include "banterd/system/signals.h"

#define FILE_NAME "banter.db" /* in $STATE_DIRECTORY */

struct options {
	const char *socket; /* -s */
	const char *file;   /* -F */
	bool verbose;       /* -v */
	const char *since;  /* --since, of an export */
	bool json;          /* --json */
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: banter-store serve [-v] [-s SOCKET] [FILE]\n"
	    "       banter-store [-s SOCKET] WORD [ARGUMENT]\n"
	    "       banter-store -F FILE WORD [ARGUMENT]\n"
	    "       banter-store -V | -h\n"
	    "\n"
	    "  serve           is the service; FILE is banter.db of\n"
	    "                  $STATE_DIRECTORY unless it is given\n"
	    "  names           lists the names that are registered\n"
	    "  forget NAME     has a name be free again, with all of it\n"
	    "  register NAME   registers one that never expires\n"
	    "  passwd NAME     sets another password\n"
	    "  check           looks whether the file is whole\n"
	    "  backup COPY     makes a copy that was not there\n"
	    "  restore COPY    puts it in the place of FILE (needs -F)\n"
	    "  export ROOM [--since YYYY-MM-DD] [--json]\n"
	    "                  writes what was said there\n"
	    "  erase NAME      erases all that was said under that name\n"
	    "\n"
	    "  -F FILE    open the file itself, while nobody serves it\n"
	    "  -s SOCKET  the service's, not " SERVE_SOCKET "\n"
	    "  -v         log everything\n"
	    "  -V         show the version\n"
	    "  -h         show this\n");
}

/* Returns -1 to go on, else the exit status. */
static int
parse_options(int argc, char *argv[], struct options *o)
{
	static const struct option words[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "since", required_argument, NULL, 'S' },
		{ "json", no_argument, NULL, 'J' },
		{ 0 },
	};
	int ch;

	while ((ch = getopt_long(argc, argv, "F:hs:vV", words, NULL)) != -1) {
		switch (ch) {
		case 'F':
			o->file = optarg;
			break;
		case 'J':
			o->json = true;
			break;
		case 'S':
			o->since = optarg;
			break;
		case 'h':
			usage(stdout);
			return WORDS_DONE;
		case 's':
			o->socket = optarg;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'V':
			puts("banter-store " BANTERD_VERSION);
			return WORDS_DONE;
		default:
			usage(stderr);
			return WORDS_USAGE;
		}
	}
	return -1;
}

static int
wrong_usage(void)
{
	usage(stderr);
	return WORDS_USAGE;
}

/* ---- the service ---- */

static int
start_service(const struct options *o, int argc, char *argv[])
{
	const char *directory = getenv("STATE_DIRECTORY");
	char path[PATH_MAX];
	int n;

	if (argc > 1 || o->file != NULL)
		return wrong_usage();
	if (argc == 1)
		return serve(argv[0], o->socket);
	if (directory == NULL) {
		fprintf(stderr,
		    "banter-store: there is no STATE_DIRECTORY in the environment, so that a FILE is needed\n");
		return WORDS_USAGE;
	}
	n = snprintf(path, sizeof(path), "%s/" FILE_NAME, directory);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		log_error("%s: %s", directory, strerror(ENAMETOOLONG));
		return WORDS_NOT_DONE;
	}
	return serve(path, o->socket);
}

/* ---- words ---- */

#define PASSWORD_SIZE 256 /* more than is taken */

static bool
ask_password(char *password)
{
	char again[PASSWORD_SIZE];
	const int flags = RPP_ECHO_OFF | RPP_REQUIRE_TTY;
	bool good;

	if (readpassphrase("Password: ", password, PASSWORD_SIZE, flags) ==
		NULL ||
	    readpassphrase("Once more: ", again, sizeof(again), flags) ==
		NULL) {
		fprintf(
		    stderr, "banter-store: no password: %s\n", strerror(errno));
		explicit_bzero(again, sizeof(again));
		return false;
	}
	good = strcmp(password, again) == 0;
	explicit_bzero(again, sizeof(again));
	if (!good)
		fprintf(stderr, "banter-store: these are two passwords\n");
	return good;
}

/* Byte by byte: none of it is to stay in a buffer of stdio's. */
static bool
read_line(char *password)
{
	size_t n = 0;
	ssize_t got = 0;
	char c;

	while (n < PASSWORD_SIZE - 1 &&
	    (got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
		password[n++] = c;
	password[n] = '\0';
	if (got != -1 && strlen(password) == n)
		return true;
	fprintf(stderr, "banter-store: standard input has no password\n");
	return false;
}

/* Asks, once it is known that it can be asked. */
static int
say(const struct options *o, enum word word, char *argv[], const char *argument,
    const char *secret)
{
	struct store_message m = { .kind = 0 };
	const char *wrong = NULL;

	if (words_is_question(word))
		wrong = words_question(word, argument, secret, &m);
	store_message_wipe(&m);
	if (wrong != NULL) {
		fprintf(stderr, "banter-store: %s %s\n", argument, wrong);
		return WORDS_NOT_DONE;
	}
	return o->file != NULL ?
	    offline(o->file, word, argument, secret) :
	    ask(o->socket, word, argv[0], argument, secret);
}

static int
say_export(const struct options *o, const char *room)
{
	uint64_t since = 0;

	if (o->since != NULL && !export_date(o->since, &since)) {
		fprintf(stderr,
		    "banter-store: %s: is no day; expected YYYY-MM-DD\n",
		    o->since);
		return WORDS_USAGE;
	}
	if (o->file != NULL)
		return offline_export(o->file, room, since, o->json);
	return ask_export(o->socket, room, since, o->json);
}

static int
say_word(const struct options *o, int argc, char *argv[])
{
	enum word word = words_find(argv[0]);
	char password[PASSWORD_SIZE] = "";
	const char *argument = argc > 1 ? argv[1] : NULL, *secret = NULL;
	int status = WORDS_NOT_DONE;

	if (word == WORD_NONE || argc - 1 != words_arguments(word))
		return wrong_usage();
	if (word == WORD_EXPORT)
		return say_export(o, argument);
	if (o->since != NULL || o->json)
		return wrong_usage();
	if (word == WORD_RESTORE && o->file == NULL) {
		fprintf(stderr,
		    "banter-store: restore needs -F FILE, and that nobody serves it\n");
		return WORDS_USAGE;
	}
	if (words_need_password(word))
		secret = password;
	if (secret == NULL ||
	    (isatty(STDIN_FILENO) ? ask_password(password) :
				    read_line(password)))
		status = say(o, word, argv, argument, secret);
	explicit_bzero(password, sizeof(password));
	return status;
}

int
main(int argc, char *argv[])
{
	struct options o = { .socket = SERVE_SOCKET };
	int status;

	if (!signals_reset()) {
		log_error("cannot reset signals: %s", strerror(errno));
		return WORDS_NOT_DONE;
	}
	umask(077);
	if ((status = parse_options(argc, argv, &o)) != -1)
		return status;
	if (o.verbose)
		log_set_level(LOG_LEVEL_DEBUG);
	argc -= optind;
	argv += optind;
	if (argc == 0)
		return wrong_usage();
	if (strcmp(argv[0], "serve") == 0)
		return start_service(&o, argc - 1, argv + 1);
	return say_word(&o, argc, argv);
}
