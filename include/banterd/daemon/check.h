/*
 * Whether a configuration is good for the service, too, if it was found good
 * for whoever asks (-t).
 */
#ifndef BANTERD_DAEMON_CHECK_H
#define BANTERD_DAEMON_CHECK_H

#include <stdbool.h>

#include "banterd/config/config.h"

/*
 * Root can read every file, but the service is not root's.  So root has the
 * configuration at path, which is conf, read once more by the service's
 * account, in a process of its own.  (Not if there is no such account, or if
 * the file names a user: then the daemon is started as root, and the opener
 * reads it.)  What is wrong is told to report.  Returns whether it is good.
 */
bool check_for_service(const struct config *conf, const char *path,
    bool optional, config_report *report, void *arg);

#endif
