/*
 * The command parser: three people in a room, of whom one types the lines of
 * the input.  What is not speech gets at least one answer, speech none; a
 * mistyped command reaches nobody else; no line is longer than it may be or
 * holds a control character.
 */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "banterd/session/command.h"
#include "banterd/daemon/server.h"
#include "fuzz.h"

#define PEOPLE   3
#define MAX_LINE 1024

static struct server server;

/* What the line that is being carried out had as its consequence. */
static struct {
	const struct user *speaker;
	unsigned answers; /* "* " and "! " to the speaker */
	unsigned heard;   /* lines to others */
	bool unknown;     /* "! There is no command" to the speaker */
} seen;

static bool
is_answer(const struct line *line)
{
	return line->kind == LINE_REPLY && line->len > 4 &&
	    (line->text[0] == '*' || line->text[0] == '!') &&
	    line->text[1] == ' ';
}

static bool
on_deliver(struct user *u, struct line *line)
{
	static const char unknown[] = "! There is no command /";

	FUZZ_CHECK(line->len >= 2 && line->len <= LINE_SIZE_MAX &&
		memcmp(line->text + line->len - 2, "\r\n", 2) == 0,
	    "a line of %u bytes", line->len);
	FUZZ_CHECK(fuzz_is_clean(line->text, line->len - 2),
	    "a line that is not clean: %.*s", (int)line->len, line->text);
	if (u != seen.speaker) {
		seen.heard++;
		return true;
	}
	seen.answers += is_answer(line);
	if (strncmp(line->text, unknown, sizeof(unknown) - 1) == 0)
		seen.unknown = true;
	return true;
}

static void
on_report(void *arg, const char *message)
{
	(void)arg;
	FUZZ_CHECK(false, "%s", message);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char text[] = "rate off\nlog-target /dev/null\n"
				   "room #dev topic \"t\" key k\n";
	struct config *conf;
	char path[32];
	int fd;

	(void)argc;
	(void)argv;
	fd = fuzz_file(text, sizeof(text) - 1, path);
	conf = config_load(path, false, on_report, NULL);
	close(fd);
	log_set_level(LOG_LEVEL_ERROR);
	if (!server_init(&server, conf, "/nowhere", false))
		abort();
	server.registry.deliver = on_deliver;
	return 0;
}

static struct client *
arrive(void)
{
	struct client *c;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == -1 ||
	    (c = client_new(&server, fds[0], NULL)) == NULL)
		abort();
	close(fds[1]);
	client_take_place(c, acl_host_enter(&server.hosts, NULL));
	client_enter(c);
	return c;
}

/* Whether a line is chat, /me, /msg or /reply, of which success is silent. */
static bool
is_speech(const char *text)
{
	static const char *const words[] = { "me", "msg", "m", "reply", "r" };
	size_t i, len;

	if (text[0] != '/' || text[1] == '/')
		return true;
	text++;
	len = strcspn(text, " \t");
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i]) == len &&
		    strncasecmp(text, words[i], len) == 0)
			return true;
	}
	return false;
}

static void
run_line(struct client *c, const char *raw, size_t len)
{
	char text[TEXT_CLEANED_SIZE(MAX_LINE)];
	char typed[sizeof(text)];
	bool speech;

	if (text_clean(raw, len, text) == 0)
		return;
	strcpy(typed, text);
	speech = is_speech(text);
	memset(&seen, 0, sizeof(seen));
	seen.speaker = &c->user;
	command_line(c, text);
	FUZZ_CHECK(speech || seen.answers > 0, "no answer to: %s", typed);
	FUZZ_CHECK(!seen.unknown || (!speech && seen.heard == 0),
	    "no command, and others were told: %s", typed);
	FUZZ_CHECK(!speech || seen.answers == 0 || seen.heard == 0 ||
		c->user.id == 0 || seen.answers == 1,
	    "speech was answered: %s", typed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size, *eol;
	struct client *people[PEOPLE];
	size_t i, n;

	server.registry.next_guest = 0;
	server.clock_is_fresh = false;
	for (i = 0; i < PEOPLE; i++)
		people[i] = arrive();
	for (; p < end; p += n + 1) {
		eol = memchr(p, '\n', (size_t)(end - p));
		n = eol == NULL ? (size_t)(end - p) : (size_t)(eol - p);
		/* A digit in front says who types the line. */
		i = n > 0 && *p >= '0' && *p <= '2' ? (size_t)(*p - '0') : 0;
		if (n <= MAX_LINE && people[i]->state == CLIENT_CHAT)
			run_line(people[i], p + (i > 0), n - (i > 0));
	}
	for (i = 0; i < PEOPLE; i++)
		client_drop(people[i], NULL);
	server_turn(&server, false);
	FUZZ_CHECK(server.nclients == 0 && server.registry.nusers == 0 &&
		server.registry.nrooms == 2,
	    "%u clients, %u people, %u rooms are left", server.nclients,
	    server.registry.nusers, server.registry.nrooms);
	return 0;
}
