#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/base/files.h"
#include "banterd/base/memfd.h"
#include "banterd/config/loader.h"
#include "banterd/config/saved.h"

/* A file that lies in a record. */
struct saved {
	const void *text;
	size_t len;
};

void
config_export(const struct config *conf, struct record *r)
{
	const struct config_motd *m;
	size_t lines = 0;

	record_put_u8(r, conf->no_file);
	record_put_u8(r, conf->motd_missing);
	record_put_bytes(r, conf->text, conf->text_len);
	STAILQ_FOREACH(m, &conf->motd, next)
		lines++;
	record_put_u32(r, (uint32_t)lines);
	STAILQ_FOREACH(m, &conf->motd, next)
		record_put_text(r, m->text);
}

/* A file without a name, from its beginning on.  Returns -1 with errno set. */
static int
open_text(const void *text, size_t len)
{
	int fd = memfd_make("banterd-conf");

	if (fd == -1)
		return -1;
	if (write(fd, text, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	close(fd);
	errno = EIO;
	return -1;
}

/* The motd is added later, as it is: where a byte is not what it should be, it
 * has become three, and may be longer than a file may. */
static int
open_saved(void *arg, enum file_kind kind, const char *path)
{
	const struct saved *s = arg;

	(void)path;
	if (kind == FILE_CONFIG)
		return open_text(s->text, s->len);
	errno = ENOENT;
	return -1;
}

static bool
add_motd_line(struct config *conf, const void *text, size_t len)
{
	struct config_motd *m;

	if ((m = malloc(sizeof(*m) + len + 1)) == NULL)
		return false;
	memcpy(m->text, text, len);
	m->text[len] = '\0';
	STAILQ_INSERT_TAIL(&conf->motd, m, next);
	return true;
}

static bool
import_motd(struct config *conf, struct record_reader *r)
{
	uint32_t n = record_get_u32(r);
	const void *text;
	size_t len;

	for (; n > 0 && !r->failed; n--) {
		text = record_get_bytes(r, &len);
		if (text == NULL || memchr(text, '\0', len) != NULL ||
		    !add_motd_line(conf, text, len))
			return false;
	}
	return record_is_whole(r);
}

struct config *
config_import(
    struct record_reader *r, const char *path, config_report *report, void *arg)
{
	bool no_file = record_get_u8(r) != 0;
	bool motd_missing = record_get_u8(r) != 0;
	struct saved s;
	const struct files files = { .open = open_saved, .arg = &s };
	struct config *conf;

	s.text = record_get_bytes(r, &s.len);
	if (r->failed)
		return NULL;
	conf = config_load(&files, path, CONFIG_SERVING, report, arg);
	if (conf == NULL)
		return NULL;
	conf->no_file = no_file;
	conf->motd_missing = motd_missing;
	if (import_motd(conf, r))
		return conf;
	config_free(conf);
	return NULL;
}
