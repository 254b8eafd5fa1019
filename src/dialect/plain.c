#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "banterd/base/text.h"
#include "banterd/dialect/plain.h"

/* A time that there is no calendar for is the first one. */
static struct tm
local_time(time_t when)
{
	static const struct tm first = { .tm_mday = 1 };
	struct tm tm;

	return localtime_r(&when, &tm) == NULL ? first : tm;
}

size_t
plain_stamp(time_t when, time_t now, char *text)
{
	struct tm tm = local_time(when), today = local_time(now);
	bool is_today = tm.tm_year == today.tm_year &&
	    tm.tm_yday == today.tm_yday;

	if (is_today ||
	    strftime(text, PLAIN_STAMP_MAX + 1, "%Y-%m-%d %H:%M ", &tm) == 0)
		(void)strftime(text, PLAIN_STAMP_MAX + 1, "%H:%M ", &tm);
	return strlen(text);
}

/* How each kind reads; less: where no reason is given, or it was only one. */
static const struct form {
	const char *form, *less;
} forms[] = {
	[EVENT_SAY] = { "[{room}] {who}: {text}", NULL },
	[EVENT_ACTION] = { "[{room}] * {who} {text}", NULL },
	[EVENT_PRIVATE] = { "[private] {who}: {text}", NULL },
	[EVENT_PRIVATE_ACTION] = { "[private] * {who} {text}", NULL },
	[EVENT_JOIN] = { "[{room}] -- {who} joined", NULL },
	[EVENT_LEAVE] = { "[{room}] -- {who} left ({text})",
	    "[{room}] -- {who} left" },
	[EVENT_RENAME] = { "[{room}] -- {who} is now {whom}", NULL },
	[EVENT_TOPIC] = { "[{room}] -- {who} set the topic: {text}",
	    "[{room}] -- {who} cleared the topic" },
	[EVENT_KICK] = { "[{room}] -- {who} kicked {whom} ({text})",
	    "[{room}] -- {who} kicked {whom}" },
	[EVENT_JOINS] = { "[{room}] -- {count} people joined",
	    "[{room}] -- 1 person joined" },
	[EVENT_LEAVES] = { "[{room}] -- {count} people left",
	    "[{room}] -- 1 person left" },
	[EVENT_FIRST_NAMES] = { "[{room}] -- {count} people took a name",
	    "[{room}] -- 1 person took a name" },
	[EVENT_KICKED] = { "! {who} kicked you from {room} ({text})",
	    "! {who} kicked you from {room}" },
	[EVENT_INVITED] = { "* {who} lets you into {room} again: /join {room}",
	    NULL },
	[EVENT_IN_ROOM] = { "* You are in {room} now.", NULL },
	[EVENT_IN_NO_ROOM] = { "* You are in no room now; /join ROOM to enter one.",
	    NULL },
	[EVENT_RUNS_ROOM] = { "* You run {room} now: /kick and /op are yours.",
	    NULL },
	[EVENT_PUBLIC_ROOM] = { "* {room} is the server's room now: nobody runs it.",
	    NULL },
	[EVENT_IS_AWAY] = { "* {who} is away: {text}", NULL },
	[EVENT_REPLY] = { "{text}", NULL },
};

static const char *
choose_form(const struct chat_event *ev)
{
	const struct form *f = &forms[ev->kind];
	bool is_less = ev->count > 0 ? ev->count == 1 : ev->text == NULL;

	return f->less != NULL && is_less ? f->less : f->form;
}

/* The value of a place in a form; number has space for one. */
static const char *
value_of(const struct chat_event *ev, const char *place, char number[16])
{
	switch (place[1]) {
	case 'r':
		return ev->room;
	case 'w':
		return place[4] == 'm' ? ev->whom : ev->who;
	case 't':
		return ev->text;
	default: /* count */
		snprintf(number, 16, "%u", ev->count);
		return number;
	}
}

/* Appends to what has len bytes by now, as far as there is space, and returns
 * its new length. */
static size_t
append(char *text, size_t len, size_t size, const char *more, size_t n)
{
	n = text_cut(more, n, size - len);
	memcpy(text + len, more, n);
	return len + n;
}

size_t
plain_render(const struct chat_event *ev, char *text, size_t size)
{
	const char *form, *place, *value;
	char number[16];
	size_t len = 0;

	for (form = choose_form(ev); *form != '\0';) {
		place = strchrnul(form, '{');
		len = append(text, len, size, form, (size_t)(place - form));
		if (*place == '\0')
			break;
		value = value_of(ev, place, number);
		len = append(text, len, size, value, strlen(value));
		form = strchr(place, '}') + 1;
	}
	return len;
}
