#include <sys/un.h>

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/config/keyword.h"
#include "banterd/system/privileges.h"

static void set_listen(
    struct reader *, const struct keyword *, const struct words *);
static void set_room(
    struct reader *, const struct keyword *, const struct words *);
static void set_default_room(
    struct reader *, const struct keyword *, const struct words *);
static void set_network(
    struct reader *, const struct keyword *, const struct words *);
static void set_string(
    struct reader *, const struct keyword *, const struct words *);
static void set_number(
    struct reader *, const struct keyword *, const struct words *);
static void set_size(
    struct reader *, const struct keyword *, const struct words *);
static void set_password(
    struct reader *, const struct keyword *, const struct words *);
static void set_user(
    struct reader *, const struct keyword *, const struct words *);
static void set_rate(
    struct reader *, const struct keyword *, const struct words *);
static void set_log_target(
    struct reader *, const struct keyword *, const struct words *);
static void set_log_level(
    struct reader *, const struct keyword *, const struct words *);
static void set_store(
    struct reader *, const struct keyword *, const struct words *);
static void set_expiry(
    struct reader *, const struct keyword *, const struct words *);
static void set_keep(
    struct reader *, const struct keyword *, const struct words *);
static void set_operators(
    struct reader *, const struct keyword *, const struct words *);

#define ROOM_TEXT_MAX 256 /* bytes of a topic or key */
#define MAX_SECONDS   (100LL * 365 * 86400)

#define FIELD(f) offsetof(struct config, f)

const struct keyword keywords[] = {
	{ "listen", true, set_listen, 0, 0, 0 },
	{ "server-name", false, set_string, FIELD(server_name), 1, 64 },
	{ "motd", false, set_string, FIELD(motd_path), 1, 4096 },
	{ "password", false, set_password, FIELD(password), 1, 256 },
	{ "default-room", false, set_default_room, 0, 0, 0 },
	{ "room", true, set_room, 0, 0, 0 },
	{ "history", false, set_number, FIELD(history), 0, 10000 },
	{ "allow", true, set_network, 0, 0, 0 },
	{ "deny", true, set_network, 0, 0, 0 },
	{ "max-clients", false, set_number, FIELD(max_clients), 1, 1000000 },
	{ "max-per-host", false, set_number, FIELD(max_per_host), 1, 1000000 },
	{ "max-rooms", false, set_number, FIELD(max_rooms), 1, 100000 },
	{ "max-joined", false, set_number, FIELD(max_joined), 1, 1000 },
	{ "max-line", false, set_number, FIELD(max_line), CONFIG_MAX_LINE_MIN,
	    CONFIG_MAX_LINE_MAX },
	{ "rate", false, set_rate, 0, 1, 1000000 },
	{ "send-queue", false, set_size, FIELD(send_queue), 4 << 10, 1 << 30 },
	{ "stall-timeout", false, set_number, FIELD(stall_timeout), 1, 86400 },
	{ "login-timeout", false, set_number, FIELD(login_timeout), 1, 86400 },
	{ "shutdown-grace", false, set_number, FIELD(shutdown_grace), 0, 3600 },
	{ "log-target", false, set_log_target, FIELD(log_target), 1, 4096 },
	{ "log-level", false, set_log_level, 0, 0, 0 },
	{ "user", false, set_user, 0, 0, 0 },
	{ "store", false, set_store, 0, 0, 0 },
	{ "names-per-host", false, set_number, FIELD(names_per_host), 1,
	    10000 },
	{ "name-expiry", false, set_expiry, 0, 0, 0 },
	{ "keep", false, set_keep, 0, 0, 0 },
	{ "operators", false, set_operators, 0, 0, 0 },
};

_Static_assert(sizeof(keywords) / sizeof(keywords[0]) == READER_KEYWORDS,
    "READER_KEYWORDS says how many there are");

/* The only value of a line, or NULL after a complaint. */
static const char *
only_value(struct reader *r, const struct words *w, const char *expected)
{
	if (w->n == 2)
		return w->word[1];
	reader_complain(r, "%s has %s, expected %s", w->word[0],
	    w->n < 2 ? "no value" : "more than one value", expected);
	return NULL;
}

/* Reads a number between min and max, complaining otherwise. */
static bool
number(struct reader *r, const char *keyword, const char *text, long long min,
    long long max, unsigned *to)
{
	const char *errstr;
	long long n;

	n = strtonum(text, min, max, &errstr);
	if (errstr != NULL) {
		reader_complain(r,
		    "%s: \"%s\" is %s, expected a number from %lld to %lld",
		    keyword, text, errstr, min, max);
		return false;
	}
	*to = (unsigned)n;
	return true;
}

static void
set_number(struct reader *r, const struct keyword *k, const struct words *w)
{
	unsigned *field = (unsigned *)(void *)((char *)r->conf + k->offset);
	const char *value;

	if ((value = only_value(r, w, "a number")) != NULL)
		number(r, k->name, value, k->min, k->max, field);
}

/* A number of bytes, with an optional K or M. */
static void
set_size(struct reader *r, const struct keyword *k, const struct words *w)
{
	unsigned *field = (unsigned *)(void *)((char *)r->conf + k->offset);
	const char *value, *errstr;
	long long n, unit = 1;
	char digits[16];
	size_t len;

	if ((value = only_value(r, w, "a size such as 256K")) == NULL)
		return;
	len = strlcpy(digits, value, sizeof(digits));
	if (len >= sizeof(digits))
		digits[0] = '\0'; /* no number, whatever follows */
	else if (len > 0) {
		if (digits[len - 1] == 'K' || digits[len - 1] == 'k')
			unit = 1 << 10;
		else if (digits[len - 1] == 'M' || digits[len - 1] == 'm')
			unit = 1 << 20;
		if (unit > 1)
			digits[len - 1] = '\0';
	}
	n = strtonum(
	    digits, (k->min + unit - 1) / unit, k->max / unit, &errstr);
	if (errstr != NULL) {
		reader_complain(r,
		    "%s: \"%s\" is %s, expected a size from %lldK to %lldM",
		    k->name, value, errstr, k->min >> 10, k->max >> 20);
		return;
	}
	*field = (unsigned)(n * unit);
}

/* A string of k->min to k->max bytes without control characters. */
static void
set_string(struct reader *r, const struct keyword *k, const struct words *w)
{
	char **field = (char **)(void *)((char *)r->conf + k->offset);
	const char *value;
	char cleaned[TEXT_CLEANED_SIZE(4096)];
	size_t len;

	if ((value = only_value(r, w,
		 "one value (in double quotes if it has spaces)")) == NULL)
		return;
	len = strlen(value);
	if ((long long)len < k->min || (long long)len > k->max) {
		reader_complain(r,
		    "%s has a value of %zu bytes, expected %lld to %lld",
		    k->name, len, k->min, k->max);
		return;
	}
	text_clean(value, len, cleaned);
	if (strcmp(value, cleaned) != 0) {
		reader_complain(r,
		    "%s has a value with control or invisible characters or bad UTF-8, expected plain text",
		    k->name);
		return;
	}
	reader_replace(r, field, value);
}

/* /pass could not say one that begins with a blank. */
static void
set_password(struct reader *r, const struct keyword *k, const struct words *w)
{
	if (w->n == 2 && (w->word[1][0] == ' ' || w->word[1][0] == '\t'))
		reader_complain(r,
		    "password begins with a blank, expected what can be typed after /pass");
	else
		set_string(r, k, w);
}

/* Any other word would be the name of a file, and nobody would look there. */
static void
set_log_target(struct reader *r, const struct keyword *k, const struct words *w)
{
	const char *value = w->word[1];

	if (w->n == 2 && value[0] != '/' && value[0] != '\0' &&
	    strcmp(value, "stderr") != 0 && strcmp(value, "syslog") != 0)
		reader_complain(r,
		    "log-target: \"%s\" is no target, expected stderr, syslog or a file's path that begins with /",
		    value);
	else
		set_string(r, k, w);
}

static void
set_log_level(struct reader *r, const struct keyword *k, const struct words *w)
{
	const char *value;
	unsigned i;

	(void)k;
	if ((value = only_value(r, w, "a level")) == NULL)
		return;
	for (i = 0; log_level_names[i] != NULL; i++) {
		if (strcmp(value, log_level_names[i]) == 0) {
			r->conf->log_level = (enum log_level)i;
			return;
		}
	}
	reader_complain(r,
	    "log-level: \"%s\" is no level, expected error, warning, notice, info or debug",
	    value);
}

/* Whether the daemon can become that; false after a complaint. */
static bool
is_account(struct reader *r, const struct keyword *k, const char *name)
{
	const struct passwd *pw;

	if (!privileges_account(name, &pw))
		reader_complain(r, "%s: cannot look for account \"%s\": %s",
		    k->name, name, strerror(errno));
	else if (pw == NULL)
		reader_complain(r,
		    "%s: there is no account \"%s\", expected one without privileges",
		    k->name, name);
	else if (pw->pw_uid == 0)
		reader_complain(r,
		    "%s: \"%s\" is root, expected an account without privileges",
		    k->name, name);
	else
		return true;
	return false;
}

/* A look-up may take as long as a name server does; a daemon that serves
 * people, and becomes nobody else any more, does without. */
static void
set_user(struct reader *r, const struct keyword *k, const struct words *w)
{
	const char *value;

	if ((value = only_value(r, w, "an account's name")) == NULL)
		return;
	if ((r->how & CONFIG_SERVING) != 0 || is_account(r, k, value))
		reader_replace(r, &r->conf->user, value);
}

static void
set_rate(struct reader *r, const struct keyword *k, const struct words *w)
{
	unsigned burst, per_second;

	if (w->n == 2 && strcmp(w->word[1], "off") == 0) {
		r->conf->rate_burst = 0;
		return;
	}
	if (w->n != 3) {
		reader_complain(r,
		    "rate has %d value%s, expected BURST and LINES-PER-SECOND, or off",
		    w->n - 1, w->n == 2 ? "" : "s");
		return;
	}
	if (number(r, k->name, w->word[1], k->min, k->max, &burst) &&
	    number(r, k->name, w->word[2], k->min, k->max, &per_second)) {
		r->conf->rate_burst = burst;
		r->conf->rate_per_second = per_second;
	}
}

/* Reads a time such as 90d, in seconds; false if it is none. */
static bool
seconds(const char *text, unsigned *to)
{
	static const struct {
		char unit;
		unsigned seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
		{ 'y', 365 * 86400 } };
	size_t i, len = strlen(text);
	const char *errstr;
	char digits[16];
	long long n;

	if (len < 2 || len >= sizeof(digits))
		return false;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (text[len - 1] != units[i].unit)
			continue;
		strlcpy(digits, text, len);
		n = strtonum(
		    digits, 1, MAX_SECONDS / units[i].seconds, &errstr);
		*to = (unsigned)n * units[i].seconds;
		return errstr == NULL;
	}
	return false;
}

static void
set_expiry(struct reader *r, const struct keyword *k, const struct words *w)
{
	const char *value;

	if ((value = only_value(r, w, "a time such as 1y, or never")) == NULL)
		return;
	if (strcmp(value, "never") == 0)
		r->conf->name_expiry = 0;
	else if (!seconds(value, &r->conf->name_expiry))
		reader_complain(r,
		    "%s: \"%s\" is no time, expected one such as 1y, 90d, or never",
		    k->name, value);
}

/* How long lines are kept; false after a complaint. */
static bool
keep_time(struct reader *r, const char *keyword, const char *text, unsigned *to)
{
	if (strcmp(text, "none") == 0)
		*to = CONFIG_KEEP_NONE;
	else if (strcmp(text, "forever") == 0)
		*to = CONFIG_KEEP_ALL;
	else if (!seconds(text, to)) {
		reader_complain(r,
		    "%s: \"%s\" is no time, expected one such as 90d, forever or none",
		    keyword, text);
		return false;
	}
	return true;
}

static void
set_keep(struct reader *r, const struct keyword *k, const struct words *w)
{
	const char *value;

	if ((value = only_value(r, w, "a time such as 90d, forever or none")) !=
	    NULL)
		(void)keep_time(r, k->name, value, &r->conf->keep);
}

static void
set_operators(struct reader *r, const struct keyword *k, const struct words *w)
{
	char names[READER_MAX_WORDS * (NICK_MAX + 1) + 2] = " ";
	int i;

	if (w->n < 2)
		reader_complain(r,
		    "%s has no value, expected names that are registered",
		    k->name);
	for (i = 1; i < w->n; i++) {
		if (!text_is_nick(w->word[i])) {
			reader_complain(r,
			    "%s: \"%s\" is not a name, expected 1-24 letters, digits, _ - . with a letter first",
			    k->name, w->word[i]);
			return;
		}
		strlcat(names, w->word[i], sizeof(names));
		strlcat(names, " ", sizeof(names));
	}
	reader_replace(r, &r->conf->operators, names);
}

#ifdef NO_STORE

static void
set_store(struct reader *r, const struct keyword *k, const struct words *w)
{
	const char *value;

	(void)k;
	if ((value = only_value(r, w, "none")) != NULL &&
	    strcmp(value, "none") != 0)
		reader_complain(r,
		    "store: this banterd was built without it, expected none");
}

#else

static void
set_store(struct reader *r, const struct keyword *k, const struct words *w)
{
	const size_t size = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	const char *value;

	(void)k;
	if ((value = only_value(r, w, "a socket's path, or none")) == NULL)
		return;
	if (strcmp(value, "none") == 0) {
		free(r->conf->store);
		r->conf->store = NULL;
	} else if (value[0] == '/' && strlen(value) < size)
		reader_replace(r, &r->conf->store, value);
	else
		reader_complain(r,
		    "store: \"%s\" is not a socket's path, expected one of at most %zu bytes that begins with /, or none",
		    value, size - 1);
}

#endif

static void
set_network(struct reader *r, const struct keyword *k, const struct words *w)
{
	bool allow = strcmp(k->name, "allow") == 0;
	const char *value, *wrong;

	if ((value = only_value(r, w,
		 "a network such as 10.9.0.0/16, an address, or all")) == NULL)
		return;
	if ((wrong = acl_add(&r->conf->acl, value, allow)) != NULL)
		reader_complain(r,
		    "%s: \"%s\" %s, expected a network such as 10.9.0.0/16, an address, or all",
		    k->name, value, wrong);
}

static void
set_default_room(
    struct reader *r, const struct keyword *k, const struct words *w)
{
	const char *value;

	(void)k;
	if ((value = only_value(r, w, "a room such as #lobby, or none")) ==
	    NULL)
		return;
	if (strcmp(value, "none") == 0) {
		free(r->conf->default_room);
		r->conf->default_room = NULL;
	} else if (text_is_room(value))
		reader_replace(r, &r->conf->default_room, value);
	else
		reader_complain(r,
		    "default-room: \"%s\" is not a room's name, expected # and 1-32 letters, digits, _ - . or none",
		    value);
}

/* The text after "topic" or "key"; false after a complaint. */
static bool
room_text(struct reader *r, const char *option, const char *text, char **field)
{
	char cleaned[TEXT_CLEANED_SIZE(ROOM_TEXT_MAX)];
	size_t len = text == NULL ? 0 : strlen(text);

	if (len == 0 || len > ROOM_TEXT_MAX) {
		reader_complain(r, "room: %s has %s, expected 1 to %d bytes",
		    option, len == 0 ? "no value" : "too long a value",
		    ROOM_TEXT_MAX);
		return false;
	}
	text_clean(text, len, cleaned);
	if (strcmp(text, cleaned) != 0) {
		reader_complain(r,
		    "room: %s has control or invisible characters or bad UTF-8, expected plain text",
		    option);
		return false;
	}
	reader_replace(r, field, text);
	return true;
}

/* Sets how long its lines are kept; false after a complaint. */
static bool
set_room_keep(struct reader *r, struct config_room *room, const char *text)
{
	if (room->has_keep || text == NULL) {
		reader_complain(r, "room: keep %s",
		    text == NULL ?
			"has no value, expected a time such as 90d, forever or none" :
			"was given before, expected it once");
		return false;
	}
	room->has_keep = true;
	return keep_time(r, "room", text, &room->keep);
}

/* "topic TEXT", "key WORD" and "keep TIME", in any order, after the room's
 * name.
 */
static void
set_room_options(
    struct reader *r, struct config_room *room, const struct words *w)
{
	const char *option, *text;
	char **field;
	int i;

	for (i = 2; i < w->n; i += 2) {
		option = w->word[i];
		text = i + 1 < w->n ? w->word[i + 1] : NULL;
		if (strcmp(option, "keep") == 0) {
			if (!set_room_keep(r, room, text))
				return;
			continue;
		}
		if (strcmp(option, "topic") == 0)
			field = &room->topic;
		else if (strcmp(option, "key") == 0)
			field = &room->key;
		else {
			reader_complain(r,
			    "room: unknown word \"%s\", expected topic, key or keep (a topic of several words stands in double quotes)",
			    option);
			return;
		}
		if (*field != NULL) {
			reader_complain(r,
			    "room: %s was given before, expected it once",
			    option);
			return;
		}
		if (!room_text(r, option, text, field))
			return;
		if (room->key != NULL && strpbrk(room->key, " \t") != NULL) {
			reader_complain(r,
			    "room: \"%s\" is not a key, expected one word without spaces",
			    room->key);
			return;
		}
	}
}

static void
set_room(struct reader *r, const struct keyword *k, const struct words *w)
{
	struct config_room *room;

	(void)k;
	if (w->n < 2 || !text_is_room(w->word[1])) {
		reader_complain(r,
		    "room: \"%s\" is not a room's name, expected # and 1-32 letters, digits, _ - .",
		    w->n < 2 ? "" : w->word[1]);
		return;
	}
	if ((room = config_room_add(r->conf, w->word[1])) != NULL)
		set_room_options(r, room, w);
	else if (errno == EEXIST)
		reader_complain(r,
		    "room: %s was given before, expected each room once",
		    w->word[1]);
	else
		reader_complain(r, "%s", strerror(errno));
}

/* "8-digit" octal file modes are read by hand: strtonum(3) knows no base. */
static bool
octal_mode(const char *text, mode_t *mode)
{
	size_t len = strlen(text);

	if (len < 3 || len > 4 || strspn(text, "01234567") != len)
		return false;
	*mode = (mode_t)strtoul(text, NULL, 8);
	return *mode <= 0777;
}

static void
set_listen(struct reader *r, const struct keyword *k, const struct words *w)
{
	mode_t mode = CONFIG_SOCKET_MODE;
	const char *wrong;
	bool with_mode;

	(void)k;
	with_mode = w->n == 4 && w->word[1][0] == '/' &&
	    strcmp(w->word[2], "mode") == 0;
	if (with_mode && !octal_mode(w->word[3], &mode)) {
		reader_complain(r,
		    "listen: \"%s\" is not a file mode, expected octal such as 0660",
		    w->word[3]);
		return;
	}
	if (!with_mode && w->n != 2) {
		reader_complain(r,
		    "listen has %d values, expected one address, or PATH mode MODE",
		    w->n - 1);
		return;
	}
	if ((wrong = config_listen_add(&r->conf->listens, w->word[1], mode)) !=
	    NULL)
		reader_complain(r, "listen: \"%s\" %s", w->word[1], wrong);
}

size_t
keyword_line(const struct reader *r, const char *name)
{
	return r->seen[keyword_find(name) - keywords];
}

const char *
keyword_name(size_t place)
{
	return place < READER_KEYWORDS ? keywords[place].name : NULL;
}

const struct keyword *
keyword_find(const char *name)
{
	size_t i;

	for (i = 0; i < READER_KEYWORDS; i++) {
		if (strcmp(keywords[i].name, name) == 0)
			return &keywords[i];
	}
	return NULL;
}
