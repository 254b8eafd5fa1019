#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

#define BURST_MS  1000
#define LINE_SIZE 1024 /* of a message before strnvis(3) */

const char *const log_level_names[] = { "error", "warning", "notice", "info",
	"debug", NULL };

static const int syslog_priority[] = { LOG_ERR, LOG_WARNING, LOG_NOTICE,
	LOG_INFO, LOG_DEBUG };

static struct {
	enum log_level level;
	int fd;     /* -1: syslog */
	char *path; /* of the log file, else NULL */
	uint64_t lost;
	const struct files *files; /* NULL: by itself */
} settings = { .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO };

void
log_set_files(const struct files *files)
{
	settings.files = files;
}

int
log_open(const char *target)
{
	char *path = NULL;
	int fd = STDERR_FILENO;

	if (strcmp(target, "syslog") == 0) {
		openlog("banterd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
		fd = -1;
	} else if (strcmp(target, "stderr") != 0) {
		if ((path = strdup(target)) == NULL)
			return -1;
		fd = files_open(settings.files, FILE_LOG, path);
		if (fd == -1) {
			free(path);
			return -1;
		}
	}
	if (settings.path != NULL)
		close(settings.fd);
	free(settings.path);
	settings.path = path;
	settings.fd = fd;
	return 0;
}

int
log_reopen(void)
{
	int fd;

	if (settings.path == NULL)
		return 0;
	fd = files_open(settings.files, FILE_LOG, settings.path);
	if (fd == -1)
		return -1;
	close(settings.fd);
	settings.fd = fd;
	return 0;
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
prefix(char *buf, size_t size, enum log_level level)
{
	struct tm tm;
	time_t now;
	size_t n;

	if (settings.path == NULL && stderr_is_journal())
		return snprintf(buf, size, "<%d>", syslog_priority[level]);
	now = time(NULL);
	if (localtime_r(&now, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	n = strftime(buf, size, "%Y-%m-%d %H:%M:%S ", &tm);
	return (int)n +
	    snprintf(buf + n, size - n, "%s: ", log_level_names[level]);
}

/*
 * One line, whole or not at all.  A pipe that nobody reads must not stop the
 * daemon, and the descriptor is shared with others, so it is asked first
 * whether it would take the line instead of being made non-blocking.
 */
static void
write_line(const char *line, size_t len)
{
	struct pollfd pfd = { .fd = settings.fd, .events = POLLOUT };

	if (poll(&pfd, 1, 0) != 1 || (pfd.revents & POLLOUT) == 0 ||
	    write(settings.fd, line, len) != (ssize_t)len)
		settings.lost++;
}

static void
make_safe(char *to, const char *raw, size_t size)
{
	/* libbsd's strnvis(3) takes memory. */
	if (strnvis(to, raw, size, VIS_NL | VIS_CSTYLE) == -1)
		strlcpy(to, "(out of memory: this line is lost)", size);
}

static void LOG_PRINTF(2, 0)
    log_vmessage(enum log_level level, const char *fmt, va_list ap)
{
	char raw[LINE_SIZE], line[64 + 4 * LINE_SIZE];
	int save_errno = errno, n;
	size_t len;

	if (level > settings.level)
		return;
	(void)vsnprintf(raw, sizeof(raw), fmt, ap);
	if (settings.fd == -1) {
		make_safe(line, raw, sizeof(line));
		syslog(syslog_priority[level], "%s", line);
	} else {
		n = prefix(line, sizeof(line), level);
		make_safe(line + n, raw, sizeof(line) - (size_t)n - 1);
		len = strlen(line);
		line[len++] = '\n';
		write_line(line, len);
	}
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
