/*
 * The command parser: three people in a room, of whom one types the lines of
 * the input.  What is not speech gets at least one answer, speech none; a
 * mistyped command reaches nobody else; no line is longer than it may be or
 * holds a control character.
 */
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "banterd/dialect/plain.h"
#include "banterd/session/command.h"
#include "fuzz.h"
#include "rig.h"

#define PEOPLE   3
#define MAX_LINE 1024

/* What the line that is being carried out had as its consequence. */
static struct {
	const struct user *speaker;
	unsigned answers; /* "* " and "! " to the speaker */
	unsigned heard;   /* lines to others */
	bool unknown;     /* "! There is no command" to the speaker */
} seen;

static bool
is_answer(const struct chat_event *ev, const char *text, size_t len)
{
	return ev->kind >= EVENT_KICKED && len > 2 &&
	    (text[0] == '*' || text[0] == '!') && text[1] == ' ';
}

static bool
on_deliver(struct user *u, const struct chat_event *ev)
{
	static const char unknown[] = "! There is no command /";
	static char text[CLIENT_LINE_MAX];
	size_t len = plain_render(ev, text, sizeof(text));

	FUZZ_CHECK(len <= CLIENT_LINE_MAX - 2, "a line of %zu bytes", len);
	FUZZ_CHECK(fuzz_is_clean(text, len), "a line that is not clean: %.*s",
	    (int)len, text);
	if (u != seen.speaker) {
		seen.heard++;
		return true;
	}
	seen.answers += is_answer(ev, text, len);
	if (ev->kind == EVENT_REPLY &&
	    strncmp(ev->text, unknown, sizeof(unknown) - 1) == 0)
		seen.unknown = true;
	return true;
}

static const struct registry_ops ops = { .deliver = on_deliver };

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	rig_start("rate off\nroom #dev topic \"t\" key k\n");
	log_set_level(LOG_LEVEL_ERROR);
	rig.srv.registry.ops = &ops;
	return 0;
}

static struct client *
arrive(void)
{
	close(rig_connect(NULL, 0));
	return TAILQ_LAST(&rig.srv.clients, clients);
}

/* Whether a line is chat, /me, /msg or /reply, of which success is silent. */
static bool
is_speech(const char *text)
{
	static const char *const words[] = { "me", "msg", "m", "tell", "w",
		"reply", "r" };
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
	const struct registry *reg = &rig.srv.registry;
	struct client *people[PEOPLE];
	size_t i, n;

	rig_let_pass(3600000);
	rig.srv.registry.next_guest = 0;
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
	rig_turn();
	FUZZ_CHECK(rig.srv.nclients == 0 && rig.srv.nclosing == 0 &&
		reg->nusers == 0 && reg->nrooms == 2,
	    "%u clients, %u people, %u rooms are left", rig.srv.nclients,
	    reg->nusers, reg->nrooms);
	return 0;
}
