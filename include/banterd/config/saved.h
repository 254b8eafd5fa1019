/*
 * A configuration as it is kept: the text of its file and of its motd, to be
 * read again when the file is not good any more.
 */
#ifndef BANTERD_CONFIG_SAVED_H
#define BANTERD_CONFIG_SAVED_H

#include "banterd/base/record.h"
#include "banterd/config/config.h"

void config_export(const struct config *conf, struct record *r);

/* Reads it as config_load() would, path being the name of its file.  Returns
 * NULL if that is not possible, after telling report what is wrong with the
 * text. */
struct config *config_import(struct record_reader *r, const char *path,
    config_report *report, void *arg);

#endif
