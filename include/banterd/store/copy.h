/*
 * Copies of plain files, whole and on the disk.
 */
#ifndef BANTERD_STORE_COPY_H
#define BANTERD_STORE_COPY_H

#include <stdbool.h>

/* Makes a file of mode 0600 that was not there; returns its descriptor, or -1
 * with errno set. */
int copy_make(const char *path);

/* Copies all of a file; returns false with errno set. */
bool copy_all(int from, int to);

/* What was written, renamed or removed in path's directory is on the disk. */
bool copy_sync_directory(const char *path);

/* Run by root, gives the file to whom its directory belongs. */
bool copy_give(int fd, const char *path);

#endif
