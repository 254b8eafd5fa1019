#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/libutil.h>
#include <bsd/string.h>

#include "banterd/base/files.h"
#include "banterd/base/nearest.h"
#include "banterd/config/keyword.h"
#include "banterd/config/loader.h"
#include "banterd/config/reader.h"

#define MAX_MOTD_SIZE 65536L /* bytes */

/* What some editors begin a text with: U+FEFF in UTF-8. */
static const char bom[3] = { '\xef', '\xbb', '\xbf' };

static size_t
bom_length(const char *text, size_t len)
{
	return len >= sizeof(bom) && memcmp(text, bom, sizeof(bom)) == 0 ?
	    sizeof(bom) :
	    0;
}

static void
unknown_keyword(struct reader *r, const char *word)
{
	const char *meant = nearest(word, strlen(word), keyword_name);

	if (meant != NULL)
		reader_complain(r,
		    "unknown keyword \"%s\", expected one of banterd.conf(5); did you mean %s?",
		    word, meant);
	else
		reader_complain(r,
		    "unknown keyword \"%s\", expected one of banterd.conf(5)",
		    word);
}

static void
read_line(struct reader *r, char *line)
{
	const struct keyword *k;
	struct words w;
	unsigned wrong;
	size_t *seen;

	if (!reader_split(r, line, &w) || w.n == 0)
		return;
	if ((k = keyword_find(w.word[0])) == NULL) {
		unknown_keyword(r, w.word[0]);
		return;
	}
	seen = &r->seen[k - keywords];
	if (!k->many && *seen > 0) {
		reader_complain(r,
		    "%s was given before in line %zu, expected it once",
		    k->name, *seen);
		return;
	}
	wrong = r->wrong;
	k->set(r, k, &w);
	if (r->wrong == wrong)
		*seen = r->line;
}

static void
read_lines(struct reader *r, FILE *f)
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

/*
 * A file without what other systems' editors put at its beginning, and before
 * the end of each line.
 */
struct plain_file {
	FILE *f;
	char head[sizeof(bom)]; /* of the file, if that is no BOM */
	size_t at, end;         /* of head, what was not read yet */
	int last;               /* byte; EOF: none yet */
	FILE *copy;             /* of what is read */
};

static void
begin_plain(struct plain_file *p, FILE *f)
{
	p->f = f;
	p->end = fread(p->head, 1, sizeof(p->head), f);
	p->at = bom_length(p->head, p->end);
	p->last = EOF;
}

static int
next_byte(struct plain_file *p)
{
	return p->at < p->end ? (unsigned char)p->head[p->at++] : getc(p->f);
}

static void
unread_byte(struct plain_file *p, int ch)
{
	if (p->at > 0 && p->at < p->end)
		p->at--;
	else
		(void)ungetc(ch, p->f);
}

/* As of fopencookie(3). */
static ssize_t
read_plain(void *arg, char *buf, size_t size)
{
	struct plain_file *p = arg;
	int ch, following;
	size_t n = 0;

	while (n < size && (ch = next_byte(p)) != EOF) {
		if (ch == '\r' && (following = next_byte(p)) != EOF) {
			if (following == '\n')
				ch = following;
			else
				unread_byte(p, following);
		}
		buf[n++] = (char)ch;
		p->last = ch;
	}
	if (fwrite(buf, 1, n, p->copy) != n)
		return -1;
	return ferror(p->f) ? -1 : (ssize_t)n;
}

/* Of a device, or the shell's <(...), nobody is still writing a line. */
static void
note_unfinished(struct config *conf, const struct plain_file *p)
{
	struct stat st;

	if (fstat(fileno(p->f), &st) == -1 || !S_ISREG(st.st_mode))
		return;
	conf->empty = p->last == EOF;
	conf->cut = p->last != EOF && p->last != '\n';
}

static void
read_file(struct reader *r, FILE *f)
{
	const cookie_io_functions_t from_plain = { .read = read_plain };
	struct plain_file p;
	FILE *plain;

	p.copy = open_memstream(&r->conf->text, &r->conf->text_len);
	if (p.copy == NULL) {
		reader_complain(r, "%s", strerror(errno));
		return;
	}
	begin_plain(&p, f);
	if ((plain = fopencookie(&p, "r", from_plain)) == NULL)
		reader_complain(r, "%s", strerror(errno));
	else {
		read_lines(r, plain);
		(void)fclose(plain);
	}
	if (fclose(p.copy) == EOF)
		reader_complain(r, "%s", strerror(errno));
	note_unfinished(r->conf, &p);
}

static FILE *
open_to_read(struct reader *r, enum file_kind what, const char *path)
{
	int fd = files_open(r->files, what, path);
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

	if ((f = open_to_read(r, FILE_MOTD, path)) == NULL) {
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
	size_t size = 0, skip;
	ssize_t len, total = 0;
	char *line = NULL;
	FILE *f;

	if ((f = open_motd(r, path)) == NULL)
		return;
	while ((len = getline(&line, &size, f)) > 0 && total <= MAX_MOTD_SIZE) {
		skip = total == 0 ? bom_length(line, (size_t)len) : 0;
		total += len;
		len -= (ssize_t)(line[len - 1] == '\n');
		len -= (ssize_t)(len > 0 && line[len - 1] == '\r');
		add_motd_line(r, line + skip, (size_t)len - skip);
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
	RB_INIT(&conf->rooms_by_name);
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
	conf->names_per_host = 10;
	conf->name_expiry = 365 * 86400;
	conf->keep = 90 * 86400;
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
	if (config_listen_add(&r->conf->listens, "127.0.0.1:" CONFIG_PORT,
		CONFIG_SOCKET_MODE) != NULL ||
	    config_listen_add(&r->conf->listens, "[::1]:" CONFIG_PORT,
		CONFIG_SOCKET_MODE) != NULL)
		reader_complain(r, "%s", strerror(ENOMEM));
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
		    "has a password but can be read by others (mode %04o), expected 0640 or 0600",
		    st.st_mode & 07777);
	r->line = 0;
}

/*
 * What is no file is read as it comes (-f /dev/stdin), and that is waited for:
 * at the start, but not while people are served.  Returns false after a
 * complaint.
 */
static bool
wait_for_content(struct reader *r, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct stat st;

	if (fstat(fd, &st) == -1) {
		reader_complain(r, "%s", strerror(errno));
		return false;
	}
	if (S_ISREG(st.st_mode))
		return true;
	if (S_ISDIR(st.st_mode)) {
		reader_complain(r, "is a directory, expected a file");
		return false;
	}
	if ((r->how & CONFIG_SERVING) != 0) {
		if (!S_ISFIFO(st.st_mode))
			return true;
		reader_complain(r,
		    "is a pipe, which cannot be read again; expected a file");
		return false;
	}
	if (poll(&pfd, 1, -1) != -1 && fcntl(fd, F_SETFL, 0) != -1)
		return true;
	reader_complain(r, "%s", strerror(errno));
	return false;
}

static void
read_config(struct reader *r, FILE *f)
{
	if (wait_for_content(r, fileno(f))) {
		read_file(r, f);
		check_secret(r, f);
	}
	(void)fclose(f);
}

struct config *
config_load(const struct files *files, const char *path, unsigned how,
    config_report *report, void *arg)
{
	struct reader r = { .path = path,
		.files = files,
		.how = how,
		.report = report,
		.report_arg = arg };
	FILE *f;

	if ((r.conf = calloc(1, sizeof(*r.conf))) == NULL) {
		reader_complain(&r, "%s", strerror(errno));
		return NULL;
	}
	set_defaults(&r);
	if ((f = open_to_read(&r, FILE_CONFIG, path)) != NULL)
		read_config(&r, f);
	else if ((how & CONFIG_OPTIONAL) != 0 && errno == ENOENT)
		r.conf->no_file = true;
	else
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
