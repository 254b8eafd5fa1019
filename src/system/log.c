#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LIBBSD_OPENBSD_VIS
#include <bsd/string.h>
#include <bsd/vis.h>

#include "banterd/base/deadline.h"
#include "banterd/base/files.h"
#include "banterd/system/log.h"
#include "banterd/system/sink.h"
#include "banterd/system/syslog.h"

#define BURST_MS  1000
#define LINE_SIZE 1024 /* of a message before strnvis(3) */
#define TAG       "banterd"

const char *const log_level_names[] = { "error", "warning", "notice", "info",
	"debug", NULL };

static const int syslog_priority[] = { LOG_ERR, LOG_WARNING, LOG_NOTICE,
	LOG_INFO, LOG_DEBUG };

enum target { TO_STDERR, TO_SYSLOG, TO_FILE };

static struct {
	enum log_level level;
	enum target target;
	struct sink standard_error;
	struct sink file;
	char *path; /* of the file */
	struct syslog_socket syslog;
	uint64_t lost;
	uint64_t untold;           /* of these, since a line could be written */
	const struct files *files; /* NULL: by itself */
} settings = { .level = LOG_LEVEL_INFO,
	.standard_error = SINK_CLOSED,
	.file = SINK_CLOSED,
	.syslog = { .path = _PATH_LOG, .fd = -1 } };

static bool write_to_stderr(enum log_level level, const char *message);

void
log_set_files(const struct files *files)
{
	settings.files = files;
}

void
log_set_syslog(const char *path)
{
	syslog_socket_close(&settings.syslog);
	settings.syslog.path = path;
}

/* The target is another one from now on; what the one before needed is given
 * back. */
static void
switch_to(enum target target)
{
	settings.target = target;
	if (target != TO_FILE) {
		sink_close(&settings.file);
		free(settings.path);
		settings.path = NULL;
	}
	if (target != TO_SYSLOG)
		syslog_socket_close(&settings.syslog);
}

static int
open_file(const char *path)
{
	char *copy;
	int fd;

	if ((copy = strdup(path)) == NULL)
		return -1;
	fd = files_open(settings.files, FILE_LOG, path);
	if (fd == -1) {
		free(copy);
		return -1;
	}
	free(settings.path);
	settings.path = copy;
	sink_own(&settings.file, fd);
	return 0;
}

/* It may come later, at boot: that is no reason not to start. */
static void
open_syslog(void)
{
	char message[LINE_SIZE];

	if (syslog_socket_open(&settings.syslog))
		return;
	(void)snprintf(message, sizeof(message),
	    "no syslog daemon at %s (%s); what is logged is lost until there is one",
	    settings.syslog.path, strerror(errno));
	(void)write_to_stderr(LOG_LEVEL_WARNING, message);
}

int
log_open(const char *target)
{
	if (strcmp(target, "syslog") == 0) {
		switch_to(TO_SYSLOG);
		open_syslog();
	} else if (strcmp(target, "stderr") == 0) {
		switch_to(TO_STDERR);
		sink_standard_error(&settings.standard_error);
	} else {
		if (open_file(target) == -1)
			return -1;
		switch_to(TO_FILE);
	}
	return 0;
}

int
log_reopen(void)
{
	int fd;

	if (settings.target != TO_FILE)
		return 0;
	fd = files_open(settings.files, FILE_LOG, settings.path);
	if (fd == -1)
		return -1;
	sink_reopen(&settings.file, fd);
	return 0;
}

const char *
log_open_error(int error)
{
	return error == ENXIO ? "a FIFO that nobody reads, or a socket" :
				strerror(error);
}

void
log_set_level(enum log_level level)
{
	settings.level = level;
}

uint64_t
log_lost(void)
{
	return settings.lost;
}

/*
 * Whether stderr is the journal's: it says so by device and inode, since a
 * child that redirects its stderr inherits the variable (systemd.exec(5)).
 */
static bool
stderr_is_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	char *end;

	if (env == NULL || fstat(STDERR_FILENO, &st) == -1)
		return false;
	dev = strtoull(env, &end, 10);
	if (*end != ':')
		return false;
	ino = strtoull(end + 1, &end, 10);
	return *end == '\0' && dev == (unsigned long long)st.st_dev &&
	    ino == (unsigned long long)st.st_ino;
}

/* What a line begins with; returns its length. */
static int
prefix(char *buf, size_t size, enum target target, enum log_level level)
{
	struct tm tm;
	time_t now;
	size_t n;

	if (target == TO_STDERR && stderr_is_journal())
		return snprintf(buf, size, "<%d>", syslog_priority[level]);
	now = time(NULL);
	if (localtime_r(&now, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	n = strftime(buf, size, "%Y-%m-%d %H:%M:%S ", &tm);
	return (int)n +
	    snprintf(buf + n, size - n, "%s: ", log_level_names[level]);
}

static void
make_safe(char *to, const char *raw, size_t size)
{
	/* libbsd's strnvis(3) takes memory. */
	if (strnvis(to, raw, size, VIS_NL | VIS_CSTYLE) == -1)
		strlcpy(to, "(out of memory: this line is lost)", size);
}

/* One line, with its prefix and its end. */
static bool
write_to(struct sink *sink, enum target target, enum log_level level,
    const char *message)
{
	char line[SINK_LINE_MAX + 1];
	size_t len = (size_t)prefix(line, sizeof(line), target, level);

	make_safe(line + len, message, sizeof(line) - len - 1);
	len += strlen(line + len);
	line[len++] = '\n';
	return sink_write(sink, line, len);
}

static bool
write_to_stderr(enum log_level level, const char *message)
{
	if (settings.standard_error.fd == -1)
		sink_standard_error(&settings.standard_error);
	return write_to(&settings.standard_error, TO_STDERR, level, message);
}

/* Returns false if it is lost. */
static bool
write_to_target(enum log_level level, const char *message)
{
	char safe[4 * LINE_SIZE];

	switch (settings.target) {
	case TO_FILE:
		return write_to(&settings.file, TO_FILE, level, message);
	case TO_SYSLOG:
		make_safe(safe, message, sizeof(safe));
		return syslog_socket_send(&settings.syslog,
		    LOG_DAEMON | syslog_priority[level], TAG, safe);
	default:
		return write_to_stderr(level, message);
	}
}

/* Before the first line that can be written after some could not. */
static void
tell_loss(void)
{
	char message[64];

	if (settings.untold == 0)
		return;
	(void)snprintf(message, sizeof(message),
	    "log lines lost before this one: %llu",
	    (unsigned long long)settings.untold);
	if (write_to_target(LOG_LEVEL_WARNING, message))
		settings.untold = 0;
}

/* What went wrong is also said where one looks first: on the terminal, in the
 * service's journal. */
static void
repeat_error(const char *message)
{
	if (settings.target == TO_STDERR)
		return;
	if (settings.standard_error.fd == -1)
		sink_standard_error(&settings.standard_error);
	if (settings.target == TO_FILE &&
	    sink_is_same(&settings.file, &settings.standard_error))
		return;
	(void)write_to_stderr(LOG_LEVEL_ERROR, message);
}

static void LOG_PRINTF(2, 0)
    log_vmessage(enum log_level level, const char *fmt, va_list ap)
{
	char message[LINE_SIZE];
	int save_errno = errno;

	if (level > settings.level)
		return;
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	tell_loss();
	if (!write_to_target(level, message)) {
		settings.lost++;
		settings.untold++;
	}
	if (level == LOG_LEVEL_ERROR)
		repeat_error(message);
	errno = save_errno;
}

static void LOG_PRINTF(2, 3)
    log_message(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vmessage(level, fmt, ap);
	va_end(ap);
}

#define LOG_FUNCTION(name, level)             \
	void name(const char *fmt, ...)       \
	{                                     \
		va_list ap;                   \
                                              \
		va_start(ap, fmt);            \
		log_vmessage(level, fmt, ap); \
		va_end(ap);                   \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_notice, LOG_LEVEL_NOTICE)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

uint64_t
log_burst_tick(struct log_burst *b, uint64_t now)
{
	if (b->held == 0)
		return NEVER;
	if (now - b->since < BURST_MS)
		return b->since + BURST_MS;
	log_message(b->level, "%u more lines like these held back", b->held);
	b->held = 0;
	return NEVER;
}

void
log_burst(struct log_burst *b, uint64_t now, const char *fmt, ...)
{
	va_list ap;

	if (now - b->since >= BURST_MS) {
		(void)log_burst_tick(b, now);
		b->since = now;
		b->lines = 0;
	}
	if (b->lines == LOG_BURST_LINES) {
		b->held++;
		return;
	}
	b->lines++;
	va_start(ap, fmt);
	log_vmessage(b->level, fmt, ap);
	va_end(ap);
}
