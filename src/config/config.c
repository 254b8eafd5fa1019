#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/libutil.h>
#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/config/keyword.h"
#include "banterd/daemon/opener.h"

#define MAX_MOTD_SIZE 65536L /* bytes */

void
reader_complain(struct reader *r, const char *fmt, ...)
{
	char message[1024];
	va_list ap;
	int n;

	if (r->line > 0)
		n = snprintf(
		    message, sizeof(message), "%s:%zu: ", r->path, r->line);
	else
		n = snprintf(message, sizeof(message), "%s: ", r->path);
	if (n < 0 || (size_t)n >= sizeof(message))
		n = 0;
	va_start(ap, fmt);
	(void)vsnprintf(message + n, sizeof(message) - (size_t)n, fmt, ap);
	va_end(ap);
	r->wrong++;
	r->report(r->report_arg, message);
}

void
reader_replace(struct reader *r, char **field, const char *text)
{
	char *copy;

	if ((copy = strdup(text)) == NULL) {
		reader_complain(r, "%s", strerror(errno));
		return;
	}
	free(*field);
	*field = copy;
}

static bool
parse_unix(struct config_listen *l, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		return false;
	memcpy(&l->addr, &sun, sizeof(sun));
	l->addrlen = sizeof(sun);
	return true;
}

/* Numbers only: a name could mean another address tomorrow. */
static bool
parse_inet(struct config_listen *l, const char *text)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV },
			*ai;
	const char *port, *errstr;
	struct in_addr in4;
	char host[128];

	if ((port = strrchr(text, ':')) == NULL || port == text)
		return false;
	strtonum(port + 1, 0, 65535, &errstr);
	if (errstr != NULL || (size_t)(port - text) >= sizeof(host))
		return false;
	strlcpy(host, text, (size_t)(port - text) + 1);
	if (host[0] == '[') {
		if (port[-1] != ']')
			return false;
		host[port - text - 1] = '\0';
		memmove(host, host + 1, strlen(host));
	} else if (inet_pton(AF_INET, host, &in4) != 1)
		return false;
	if (getaddrinfo(host, port + 1, &hints, &ai) != 0)
		return false;
	memcpy(&l->addr, ai->ai_addr, ai->ai_addrlen);
	l->addrlen = ai->ai_addrlen;
	freeaddrinfo(ai);
	return true;
}

bool
config_listen_add(struct config_listens *list, const char *text, mode_t mode)
{
	struct config_listen *l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return false;
	l->mode = mode;
	if (!(text[0] == '/' ? parse_unix(l, text) : parse_inet(l, text)) ||
	    (l->text = strdup(text)) == NULL) {
		free(l);
		return false;
	}
	TAILQ_INSERT_TAIL(list, l, next);
	return true;
}

void
config_listens_free(struct config_listens *list)
{
	struct config_listen *l;

	while ((l = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, l, next);
		free(l->text);
		free(l);
	}
}

/*
 * One word in double quotes, where \" and \\ stand for themselves.  Returns
 * where the rest of the line begins, or NULL if the quotes are not closed.
 */
static char *
quoted_word(char *p, char **word)
{
	char *to = *word = p;

	for (; *p != '"'; p++) {
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		if (*p == '\0')
			return NULL;
		*to++ = *p;
	}
	p++;
	*to = '\0';
	return p;
}

/*
 * Whether the '#' at p begins a comment.  It does not where the word before
 * it takes a room, unless nothing follows it directly.
 */
static bool
is_comment(const char *p, const struct words *w)
{
	if (w->n == 1 &&
	    (strcmp(w->word[0], "room") == 0 ||
		strcmp(w->word[0], "default-room") == 0))
		return p[1] == '\0' || p[1] == ' ' || p[1] == '\t';
	return true;
}

/* Splits a line in place.  False after a complaint. */
static bool
split(struct reader *r, char *p, struct words *w)
{
	bool quoted;

	for (w->n = 0;;) {
		p += strspn(p, " \t\r");
		if (*p == '\0' || (*p == '#' && is_comment(p, w)))
			return true;
		if (w->n == KEYWORD_MAX_WORDS) {
			reader_complain(r,
			    "too many words, expected at most %d",
			    KEYWORD_MAX_WORDS);
			return false;
		}
		quoted = *p == '"';
		if (quoted)
			p = quoted_word(p + 1, &w->word[w->n]);
		else {
			w->word[w->n] = p;
			p += strcspn(p, " \t\r");
		}
		if (p == NULL || (quoted && strchr(" \t\r", *p) == NULL)) {
			reader_complain(r,
			    "%s, expected \"...\" around the whole "
			    "value",
			    p == NULL ?
				"a double quote is not closed" :
				"something follows a closing double quote");
			return false;
		}
		w->n++;
		if (*p != '\0')
			*p++ = '\0';
	}
}

static void
read_line(struct reader *r, char *line)
{
	const struct keyword *k;
	struct words w;
	size_t *seen;

	if (!split(r, line, &w) || w.n == 0)
		return;
	if ((k = keyword_find(w.word[0])) == NULL) {
		reader_complain(r,
		    "unknown keyword \"%s\", expected one of "
		    "banterd.conf(5)",
		    w.word[0]);
		return;
	}
	seen = &r->seen[k - keywords];
	if (!k->many && *seen > 0) {
		reader_complain(r,
		    "%s was given before in line %zu, expected it "
		    "once",
		    k->name, *seen);
		return;
	}
	*seen = r->line;
	k->set(r, k, &w);
}

static void
read_file(struct reader *r, FILE *f)
{
	/* A backslash at the end of a line goes on with the next one. */
	const char delim[3] = { '\\', '\\', '\0' };
	size_t len;
	char *line;

	while ((line = fparseln(f, &len, &r->line, delim, 0)) != NULL) {
		if (strlen(line) != len)
			reader_complain(r, "a NUL byte, expected text");
		else
			read_line(r, line);
		free(line);
	}
	/* fparseln(3) ends in the same way when memory is out. */
	if (!feof(f))
		reader_complain(r, "%s", strerror(ferror(f) ? errno : ENOMEM));
	r->line = 0;
}

static FILE *
open_to_read(struct reader *r, enum opener_file what, const char *path)
{
	int fd = opener_open(r->opener, what, path);
	FILE *f;

	if (fd == -1)
		return NULL;
	if ((f = fdopen(fd, "r")) == NULL)
		close(fd);
	return f;
}

static void
add_motd_line(struct reader *r, const char *line, size_t len)
{
	struct config_motd *m;

	if ((m = malloc(sizeof(*m) + TEXT_CLEANED_SIZE(len))) == NULL) {
		reader_complain(r, "%s", strerror(errno));
		return;
	}
	text_clean(line, len, m->text);
	STAILQ_INSERT_TAIL(&r->conf->motd, m, next);
}

/* A motd file that is not there is no mistake: then there is no motd. */
static FILE *
open_motd(struct reader *r, const char *path)
{
	struct stat st;
	FILE *f;

	if ((f = open_to_read(r, OPENER_MOTD, path)) == NULL) {
		if (errno == ENOENT)
			r->conf->motd_missing = true;
		else
			reader_complain(
			    r, "motd %s: %s", path, strerror(errno));
		return NULL;
	}
	/* Of a pipe or a device there may be no end. */
	if (fstat(fileno(f), &st) == -1)
		reader_complain(r, "motd %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		reader_complain(
		    r, "motd %s is not a file, expected a text file", path);
	else
		return f;
	(void)fclose(f);
	return NULL;
}

static void
read_motd(struct reader *r, const char *path)
{
	size_t size = 0;
	ssize_t total = 0;
	char *line = NULL;
	ssize_t len;
	FILE *f;

	if ((f = open_motd(r, path)) == NULL)
		return;
	while ((len = getline(&line, &size, f)) > 0 && total <= MAX_MOTD_SIZE) {
		total += len;
		len -= (ssize_t)(line[len - 1] == '\n');
		len -= (ssize_t)(len > 0 && line[len - 1] == '\r');
		add_motd_line(r, line, (size_t)len);
	}
	if (total > MAX_MOTD_SIZE)
		reader_complain(r,
		    "motd %s is too long, expected at most %ld bytes", path,
		    MAX_MOTD_SIZE);
	else if (!feof(f))
		reader_complain(r, "motd %s: %s", path,
		    strerror(ferror(f) ? errno : ENOMEM));
	free(line);
	(void)fclose(f);
}

/* The server's name where the file gives none: the host's, to the dot. */
static void
default_server_name(struct reader *r)
{
	char name[256], cleaned[TEXT_CLEANED_SIZE(sizeof(name))];

	if (gethostname(name, sizeof(name)) == -1)
		strlcpy(name, "banterd", sizeof(name));
	name[sizeof(name) - 1] = '\0';
	name[strcspn(name, ".")] = '\0';
	text_clean(name, strlen(name), cleaned);
	reader_replace(r, &r->conf->server_name, cleaned);
}

static void
set_defaults(struct reader *r)
{
	struct config *conf = r->conf;

	TAILQ_INIT(&conf->listens);
	TAILQ_INIT(&conf->rooms);
	STAILQ_INIT(&conf->motd);
	TAILQ_INIT(&conf->acl);
	conf->log_level = LOG_LEVEL_INFO;
	conf->history = 50;
	conf->max_clients = 1000;
	conf->max_per_host = 50;
	conf->max_rooms = 500;
	conf->max_joined = 20;
	conf->max_line = 1024;
	conf->rate_burst = 20;
	conf->rate_per_second = 5;
	conf->send_queue = 256 << 10;
	conf->stall_timeout = 60;
	conf->login_timeout = 30;
	conf->shutdown_grace = 5;
	default_server_name(r);
	reader_replace(r, &conf->default_room, "#lobby");
	reader_replace(r, &conf->log_target, "stderr");
}

static void
default_listens(struct reader *r)
{
	if (!TAILQ_EMPTY(&r->conf->listens))
		return;
	r->conf->listens_default = true;
	if (!config_listen_add(&r->conf->listens, "127.0.0.1:" CONFIG_PORT,
		CONFIG_SOCKET_MODE) ||
	    !config_listen_add(
		&r->conf->listens, "[::1]:" CONFIG_PORT, CONFIG_SOCKET_MODE))
		reader_complain(r, "%s", strerror(errno));
}

static void
check_secret(struct reader *r, FILE *f)
{
	struct stat st;

	if (r->conf->password == NULL)
		return;
	r->line = keyword_line(r, "password");
	if (fstat(fileno(f), &st) == -1)
		reader_complain(r, "%s", strerror(errno));
	else if ((st.st_mode & S_IROTH) != 0)
		reader_complain(r,
		    "has a password but can be read by others (mode "
		    "%04o), expected 0640 or 0600",
		    st.st_mode & 07777);
	r->line = 0;
}

void
config_warn(const struct config *conf)
{
	if (conf->motd_missing)
		log_warning("motd %s is not there; nothing of it is shown",
		    conf->motd_path);
}

struct config *
config_load(const char *path, bool optional, config_report *report, void *arg)
{
	return config_load_by(NULL, path, optional, report, arg);
}

struct config *
config_load_by(struct opener *opener, const char *path, bool optional,
    config_report *report, void *arg)
{
	struct reader r = { .path = path,
		.opener = opener,
		.report = report,
		.report_arg = arg };
	FILE *f;

	if ((r.conf = calloc(1, sizeof(*r.conf))) == NULL) {
		reader_complain(&r, "%s", strerror(errno));
		return NULL;
	}
	set_defaults(&r);
	if ((f = open_to_read(&r, OPENER_CONFIG, path)) != NULL) {
		read_file(&r, f);
		check_secret(&r, f);
		(void)fclose(f);
	} else if (!optional || errno != ENOENT)
		reader_complain(&r, "%s", strerror(errno));
	default_listens(&r);
	/* The opener reads only what a good file names. */
	r.line = keyword_line(&r, "motd");
	if (r.conf->motd_path != NULL && r.wrong == 0)
		read_motd(&r, r.conf->motd_path);
	if (r.wrong > 0) {
		config_free(r.conf);
		return NULL;
	}
	return r.conf;
}

void
config_free(struct config *conf)
{
	struct config_motd *m;
	struct config_room *room;

	if (conf == NULL)
		return;
	while ((room = TAILQ_FIRST(&conf->rooms)) != NULL) {
		TAILQ_REMOVE(&conf->rooms, room, next);
		free(room->topic);
		free(room->key);
		free(room);
	}
	while ((m = STAILQ_FIRST(&conf->motd)) != NULL) {
		STAILQ_REMOVE_HEAD(&conf->motd, next);
		free(m);
	}
	config_listens_free(&conf->listens);
	acl_free(&conf->acl);
	free(conf->server_name);
	free(conf->motd_path);
	if (conf->password != NULL)
		explicit_bzero(conf->password, strlen(conf->password));
	free(conf->password);
	free(conf->default_room);
	free(conf->log_target);
	free(conf->user);
	free(conf);
}
