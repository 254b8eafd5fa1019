/*
 * The configuration loader: any file either gives a whole configuration whose
 * values are in their ranges, or complaints that name a line, never both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/config/loader.h"
#include "fuzz.h"

struct reports {
	const char *path;
	unsigned n;
};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void
on_report(void *arg, const char *message)
{
	struct reports *reports = arg;
	size_t n = strlen(reports->path);

	FUZZ_CHECK(strncmp(message, reports->path, n) == 0 &&
		message[n] == ':' && strchr(message, '\n') == NULL,
	    "a report without its file: %s", message);
	reports->n++;
}

static void
check_text(const char *what, const char *text, size_t max)
{
	if (text == NULL)
		return;
	FUZZ_CHECK(strlen(text) <= max, "%s is too long", what);
	FUZZ_CHECK(fuzz_is_clean(text, strlen(text)), "%s is not clean", what);
}

static void
check_range(const char *what, unsigned n, unsigned min, unsigned max)
{
	FUZZ_CHECK(n >= min && n <= max, "%s is %u", what, n);
}

static void
check_lists(const struct config *conf)
{
	const struct config_listen *l;
	const struct config_room *room;
	const struct config_motd *m;
	const struct acl_rule *rule;

	FUZZ_CHECK(!TAILQ_EMPTY(&conf->listens), "nowhere to listen");
	TAILQ_FOREACH(l, &conf->listens, next) {
		FUZZ_CHECK(l->addrlen > 0 && l->addrlen <= sizeof(l->addr) &&
			l->mode <= 0777 && l->text != NULL,
		    "a wrong listener");
	}
	TAILQ_FOREACH(room, &conf->rooms, next) {
		FUZZ_CHECK(text_is_room(room->name), "a wrong room");
		check_text("a topic", room->topic, 3 * 256);
		check_text("a key", room->key, 3 * 256);
		FUZZ_CHECK(room->key == NULL ||
			(room->key[0] != '\0' &&
			    strpbrk(room->key, " \t") == NULL),
		    "a key that nobody can type");
	}
	STAILQ_FOREACH(m, &conf->motd, next)
		check_text("motd", m->text, SIZE_MAX);
	TAILQ_FOREACH(rule, &conf->acl, next)
		FUZZ_CHECK(rule->bits <= 128, "a prefix of %u", rule->bits);
}

static void
check_config(const struct config *conf)
{
	check_lists(conf);
	FUZZ_CHECK(conf->server_name != NULL && conf->log_target != NULL,
	    "a name is missing");
	check_text("server-name", conf->server_name, 256);
	check_text("password", conf->password, 256);
	check_text("user", conf->user, 32);
	FUZZ_CHECK(
	    conf->default_room == NULL || text_is_room(conf->default_room),
	    "a wrong default room");
	check_range("log-level", conf->log_level, 0, LOG_LEVEL_DEBUG);
	check_range("history", conf->history, 0, 10000);
	check_range("max-clients", conf->max_clients, 1, 1000000);
	check_range("max-per-host", conf->max_per_host, 1, 1000000);
	check_range("max-rooms", conf->max_rooms, 1, 100000);
	check_range("max-joined", conf->max_joined, 1, 1000);
	check_range("max-line", conf->max_line, CONFIG_MAX_LINE_MIN,
	    CONFIG_MAX_LINE_MAX);
	check_range("rate", conf->rate_burst, 0, 1000000);
	check_range("rate", conf->rate_per_second, 1, 1000000);
	check_range("send-queue", conf->send_queue, 4 << 10, 1 << 30);
	check_range("stall-timeout", conf->stall_timeout, 1, 86400);
	check_range("login-timeout", conf->login_timeout, 1, 86400);
	check_range("shutdown-grace", conf->shutdown_grace, 0, 3600);
}

/* A motd that never ends, or whose reading has a meaning, is not for us. */
static bool
is_harmless(const uint8_t *data, size_t size)
{
	static const char *const places[] = { "/dev", "/proc", "/sys", "/run" };
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (memmem(data, size, places[i], strlen(places[i])) != NULL)
			return false;
	}
	/* An escape within the word would hide it. */
	return memmem(data, size, "motd", 4) == NULL ||
	    memchr(data, '\\', size) == NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reports reports = { 0 };
	struct config *conf;
	char path[32];
	int fd;

	if (size > 0 && !is_harmless(data, size))
		return 0;
	fd = fuzz_file(data, size, path);
	/* A file that others can read may not hold a password. */
	if (size % 4 != 0 && fchmod(fd, 0600) == -1)
		abort();
	reports.path = path;
	conf = config_load(NULL, path, false, on_report, &reports);
	FUZZ_CHECK((conf == NULL) == (reports.n > 0),
	    "%u complaints, and %s configuration", reports.n,
	    conf == NULL ? "no" : "a");
	if (conf != NULL)
		check_config(conf);
	config_free(conf);
	close(fd);
	return 0;
}
