/*
 * Configuration files for tests: written, read, and what came of them.
 */
#ifndef TESTS_CONF_FILE_H
#define TESTS_CONF_FILE_H

#include <sys/types.h>

#include "banterd/config/config.h"
#include "banterd/config/loader.h"
#include "banterd/system/log.h"

/* A fixture, outside the test's own process: an empty directory to be in,
 * which goes with all that is in it. */
void conf_setup(void);
void conf_teardown(void);

/* Writes a file in that directory. */
void conf_write(const char *name, const char *text, size_t len, mode_t mode);

/* Reads the file "conf"; what is wrong with it is in conf_messages, each
 * message with a newline. */
struct config *conf_load(bool optional);
extern char conf_messages[16384];

/* Writes all that a configuration says, a line for each setting. */
#define CONF_DUMP_SIZE (1 << 18)
void conf_dump(const struct config *conf, char *to);

/* A file of that text is good, and differs from the defaults in these lines of
 * what conf_dump() writes (want, each with a newline; "" for in nothing). */
void conf_good(const char *text, const char *want);

/* A file of that text is wrong, and that (as of printf(3)) is all that is said
 * of it. */
void conf_wrong(const char *text, const char *want, ...) LOG_PRINTF(2, 3);

#endif
