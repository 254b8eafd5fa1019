/*
 * Logging.  One line a message, to stderr, syslog or a file; an error in any
 * case to stderr as well.  Every message passes through strnvis(3) whole, so
 * nothing a client sends can forge a line or reach the admin's terminal raw.
 * No line waits for whoever takes it: what cannot be written at once is lost,
 * counted, and told by the next line that can.  Its settings are the one
 * hidden global of the program.
 */
#ifndef BANTERD_SYSTEM_LOG_H
#define BANTERD_SYSTEM_LOG_H

#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* The names of the levels, in their order, with a NULL at the end. */
extern const char *const log_level_names[];

/*
 * Sends the log to target from now on: "stderr", "syslog", or a file's path
 * (appended to, made with mode 0640).  Returns 0; or -1 with errno set, and
 * the log goes where it went before.
 */
int log_open(const char *target);

/* Has log files opened by files from now on. */
struct files;
void log_set_files(const struct files *files);

/* Has syslog's socket be another one than the system's from now on, for a
 * test; path has to stay. */
void log_set_syslog(const char *path);

/* Opens the log file again, under its name.  Returns as log_open() does. */
int log_reopen(void);

/* What errno after log_open() or log_reopen() says, for people. */
const char *log_open_error(int error);

/* Messages above level (less grave) are left out from now on. */
void log_set_level(enum log_level level);

/* How many lines could not be written since the start (a full disk, a pipe
 * that nobody reads, a syslog daemon that is stuck). */
uint64_t log_lost(void);

/* At most this many lines a second from one log_burst; the rest are counted
 * and told in one line when the second is over. */
#define LOG_BURST_LINES 20

struct log_burst {
	enum log_level level;
	uint64_t since; /* ms: when this second began */
	unsigned lines; /* written in it */
	unsigned held;  /* held back in it */
};

#define LOG_PRINTF(f, a) __attribute__((__format__(__printf__, f, a)))

void log_error(const char *fmt, ...) LOG_PRINTF(1, 2);
void log_warning(const char *fmt, ...) LOG_PRINTF(1, 2);
void log_notice(const char *fmt, ...) LOG_PRINTF(1, 2);
void log_info(const char *fmt, ...) LOG_PRINTF(1, 2);
void log_debug(const char *fmt, ...) LOG_PRINTF(1, 2);

/* Logs at the level of b, but no more than LOG_BURST_LINES a second; now is in
 * ms. */
void log_burst(struct log_burst *b, uint64_t now, const char *fmt, ...)
    LOG_PRINTF(3, 4);

/* Tells how many lines were held back, once their second is over.  Returns when
 * (ms) to call again, NEVER for never. */
uint64_t log_burst_tick(struct log_burst *b, uint64_t now);

#endif
