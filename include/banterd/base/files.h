/*
 * The files that the daemon opens by name: its configuration, its motd, its
 * log.  Where it may not open them itself, somebody else does.
 */
#ifndef BANTERD_BASE_FILES_H
#define BANTERD_BASE_FILES_H

enum file_kind {
	FILE_CONFIG = 'c', /* to read */
	FILE_MOTD = 'm',   /* to read */
	FILE_LOG = 'l'     /* to append to, made with mode 0640 */
};

/* How an open(2) of a log goes.  A FIFO that nobody reads is no reason to
 * wait (ENXIO). */
#define FILE_LOG_FLAGS \
	(O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define FILE_LOG_MODE 0640

/* Somebody who opens them.  open() returns a descriptor that the caller owes
 * close(), or -1 with errno set. */
struct files {
	int (*open)(void *arg, enum file_kind kind, const char *path);
	void *arg;
};

/* Opens a file by files, or by itself if that is NULL, with O_NONBLOCK; that
 * waits for nobody.  Returns as open(). */
int files_open(
    const struct files *files, enum file_kind kind, const char *path);

#endif
