/*
 * Whether a file is what it has to be.
 */
#ifndef BANTERD_STORE_CHECK_H
#define BANTERD_STORE_CHECK_H

#include <stdbool.h>

struct file;

/* Tells each thing that is wrong with a file that is open, with its structure
 * or with what is in it.  Returns false if there was one, or if it could not be
 * found out. */
bool check_all(
    struct file *f, void (*report)(void *arg, const char *what), void *arg);

#endif
