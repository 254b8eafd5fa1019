#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadgen.h"

#define NICK     "c%05u"
#define ROOM     "#r%04u"
#define NICK_LEN 6
#define ID_LEN   8

#define STARTS(s, len, lit) \
	((len) >= sizeof(lit) - 1 && memcmp((s), lit, sizeof(lit) - 1) == 0)

/* What people say: with the line's number before it, 50 to 60 bytes. */
static const char *phrases[] = {
	"has anyone seen the key to the meeting room?",
	"the build is green again, thank you all, go on",
	"lunch at half past twelve, who comes along?",
	"I'd rather wait until Monday with the release",
	"could someone look at the printer upstairs please",
	"that's the third time today; restarting it now",
	"the numbers look right to me, ship it, I'd say",
	"who has the notes from yesterday's call with Bob?",
	"back in ten minutes, the kettle is on, carry on",
	"no, the other one: the patch that Carol sent me",
	"works here, and it's faster than it was before",
	"the backup finished at four, no errors this time",
	"please don't reboot box seven until I am done",
	"is the wiki slow for you too, or is it just me?",
	"good morning all, the train was late once again",
	"found it: a comma in line forty of the config",
};

static void
wire_send(struct client *c, const char *s, int len)
{
	crowd_send(c, s, (size_t)len);
}

void
wire_enter(struct load *l, struct client *c)
{
	char buf[160];
	int n = 0;

	c->state = CLIENT_ENTERING;
	switch (l->dialect) {
	case DIALECT_BANTER:
		if (l->entry == ENTRY_NOTHING)
			return;
		n = snprintf(buf, sizeof(buf), "%s/nick " NICK "\r\n",
		    l->entry == ENTRY_JOIN ? "" : "/leave\r\n", c->id);
		if (!l->private)
			n += snprintf(buf + n, sizeof(buf) - (size_t)n,
			    "/join " ROOM "\r\n", c->room);
		break;
	case DIALECT_IRC:
		n = snprintf(buf, sizeof(buf),
		    "NICK " NICK "\r\nUSER " NICK " 0 * :bench\r\n", c->id,
		    c->id);
		break;
	case DIALECT_FLOOR:
		c->state = CLIENT_IN;
		n = snprintf(buf, sizeof(buf), ROOM "\r\n", c->room);
		break;
	}
	wire_send(c, buf, n);
}

void
wire_leave(struct load *l, struct client *c)
{
	char buf[64];
	int n;

	c->state = CLIENT_LEAVING;
	if (l->dialect == DIALECT_IRC)
		n = snprintf(buf, sizeof(buf), "PART " ROOM "\r\n", c->room);
	else if (l->entry == ENTRY_NOTHING)
		n = snprintf(buf, sizeof(buf), "/leave\r\n");
	else
		n = snprintf(buf, sizeof(buf), "/leave " ROOM "\r\n", c->room);
	wire_send(c, buf, n);
}

/* Lets c say line number id, and notes in ln how it must arrive. */
void
wire_say(struct load *l, struct client *c, uint32_t id, struct line *ln)
{
	const char *what = phrases[id % (sizeof(phrases) / sizeof(*phrases))];
	uint32_t to = c->id - c->seat;
	char target[16], text[96], out[256];
	int n = 0, len = 0;

	snprintf(text, sizeof(text), "%08x %s", id, what);
	if (l->private)
		snprintf(target, sizeof(target), NICK, to);
	else
		snprintf(target, sizeof(target), ROOM, c->room);
	if (l->dialect == DIALECT_IRC) {
		/* The speaker's address, before it, isn't ours to know. */
		len = snprintf(ln->text, sizeof(ln->text), " PRIVMSG %s :%s",
		    target, text);
		n = snprintf(out, sizeof(out), "%s\r\n", ln->text + 1);
	} else {
		len = snprintf(ln->text, sizeof(ln->text), "[%s] " NICK ": %s",
		    l->private ? "private" : target, c->id, text);
		if (l->dialect == DIALECT_FLOOR)
			n = snprintf(out, sizeof(out), "%s\r\n", ln->text);
		else if (l->private)
			n = snprintf(
			    out, sizeof(out), "/msg %s %s\r\n", target, text);
		else
			n = snprintf(out, sizeof(out), "%s\r\n", text);
	}
	ln->len = (uint32_t)len;
	wire_send(c, out, n);
}

/* The number that begins a text of ours. */
static uint32_t
wire_id(const char *s, size_t len)
{
	char hex[ID_LEN + 1], *end;
	unsigned long id;

	if (len < ID_LEN)
		die("a line was cut short: %.*s", (int)len, s);
	memcpy(hex, s, ID_LEN);
	hex[ID_LEN] = '\0';
	id = strtoul(hex, &end, 16);
	if (*end != '\0')
		die("a line has no number: %.*s", (int)len, s);
	return (uint32_t)id;
}

/* [#r0001] c00002: text, or [private] c00002: text, or [#r0001] -- text */
static void
wire_bracket(struct load *l, struct client *c, const char *s, size_t len)
{
	size_t head = l->private ? sizeof("[private] ") - 1 :
				   sizeof("[#r0000] ") - 1;
	const char *end = memchr(s, ']', len);

	if (end != NULL && STARTS(end, len - (size_t)(end - s), "] -- "))
		return;
	head += NICK_LEN + sizeof(": ") - 1;
	if (len < head)
		die("a line was cut short: %.*s", (int)len, s);
	round_heard(l, c, wire_id(s + head, len - head), s, len);
}

/* The last line that a newcomer to banterd waits for. */
static bool
wire_arrived(const struct load *l, const char *s, size_t len)
{
	if (l->entry == ENTRY_NOTHING)
		return STARTS(s, len, "* You are ");
	if (l->private)
		return STARTS(s, len, "* You are now c");
	return STARTS(s, len, "* You are in #r");
}

static void
wire_banter(struct load *l, struct client *c, const char *s, size_t len)
{
	if (len > 0 && s[0] == '[') {
		wire_bracket(l, c, s, len);
		return;
	}
	if (STARTS(s, len, "! "))
		die("c%05u was refused: %.*s", c->id, (int)len, s);
	if (!STARTS(s, len, "* "))
		return;
	if (memmem(s, len, " lines skipped;", 15) != NULL ||
	    memmem(s, len, " line skipped;", 14) != NULL) {
		c->skipped += strtoul(s + 2, NULL, 10);
		return;
	}
	if (c->state == CLIENT_LEAVING)
		c->state = CLIENT_OUT;
	else if (c->state == CLIENT_ENTERING && wire_arrived(l, s, len))
		c->state = CLIENT_IN;
}

static void
wire_numeric(
    struct load *l, struct client *c, const char *s, size_t len, int numeric)
{
	char buf[64];
	int n;

	if (numeric == 1 && (l->entry == ENTRY_NOTHING || l->private))
		c->state = CLIENT_IN;
	else if (numeric == 1) {
		n = snprintf(buf, sizeof(buf), "JOIN " ROOM "\r\n", c->room);
		wire_send(c, buf, n);
	} else if (numeric == 366 && c->state == CLIENT_ENTERING)
		c->state = CLIENT_IN;
	else if (numeric >= 400 && numeric != 422) /* 422: no MOTD */
		die("c%05u was refused: %.*s", c->id, (int)len, s);
}

static void
wire_irc(struct load *l, struct client *c, const char *s, size_t len)
{
	char nick[16];
	const char *verb, *text;
	size_t left;

	if (STARTS(s, len, "PING ")) {
		char pong[512];
		int n = snprintf(
		    pong, sizeof(pong), "PONG %.*s\r\n", (int)(len - 5), s + 5);

		wire_send(c, pong, n);
		return;
	}
	if (STARTS(s, len, "ERROR "))
		die("c%05u was refused: %.*s", c->id, (int)len, s);
	verb = memchr(s, ' ', len);
	if (len == 0 || s[0] != ':' || verb == NULL)
		return;
	left = len - (size_t)(verb - s);
	if (STARTS(verb, left, " PRIVMSG ")) {
		uint32_t id;

		text = memmem(verb, left, " :", 2);
		if (text == NULL)
			die("a line was cut short: %.*s", (int)len, s);
		text += 2;
		id = wire_id(text, len - (size_t)(text - s));
		if (id < l->nline) {
			snprintf(nick, sizeof(nick), ":" NICK "!",
			    l->line[id].speaker);
			if (memcmp(s, nick, NICK_LEN + 2) != 0)
				die("not its speaker: %.*s", (int)len, s);
		}
		round_heard(l, c, id, verb, left);
	} else if (left > 4 && verb[1] >= '0' && verb[1] <= '9') {
		wire_numeric(l, c, s, len, atoi(verb + 1));
	} else if (c->state == CLIENT_LEAVING && STARTS(verb, left, " PART ")) {
		snprintf(nick, sizeof(nick), ":" NICK "!", c->id);
		if (memcmp(s, nick, NICK_LEN + 2) == 0)
			c->state = CLIENT_OUT;
	}
}

/* One line, whole, without its end. */
void
wire_line(struct load *l, struct client *c, const char *s, size_t len)
{
	l->lines_in++;
	if (l->dialect == DIALECT_IRC)
		wire_irc(l, c, s, len);
	else
		wire_banter(l, c, s, len);
}
