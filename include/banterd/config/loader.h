/*
 * The configuration file, read whole into a fresh struct or not at all.
 */
#ifndef BANTERD_CONFIG_LOADER_H
#define BANTERD_CONFIG_LOADER_H

#include "banterd/config/config.h"

struct files;

/*
 * Reads the file at path, and the motd that it names, opened by files (or by
 * itself if that is NULL); how is the sum of
 * CONFIG_OPTIONAL and CONFIG_SERVING, as wanted.  Every wrong
 * line is told to report.  Returns a configuration that the caller owes
 * config_free(), or NULL if anything was wrong.
 */
struct config *config_load(const struct files *files, const char *path,
    unsigned how, config_report *report, void *arg);

#endif
