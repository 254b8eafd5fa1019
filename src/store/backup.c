#include <stdlib.h>

#include <sqlite3.h>

#include "banterd/store/backup.h"
#include "banterd/store/file.h"

#define BACKUP_PAGES 64 /* copied in one step */

struct backup {
	sqlite3 *to;
	sqlite3_backup *copy;
};

void
backup_cancel(struct backup *b)
{
	if (b == NULL)
		return;
	(void)sqlite3_backup_finish(b->copy);
	(void)sqlite3_close_v2(b->to);
	free(b);
}

struct backup *
backup_begin(struct file *f, const char *to, const char **error)
{
	struct sqlite3 *from = file_connection(f);
	struct backup *b = calloc(1, sizeof(*b));
	int rc = SQLITE_NOMEM;

	if (b != NULL && from != NULL)
		rc = sqlite3_open_v2(to, &b->to,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
			SQLITE_OPEN_EXRESCODE,
		    NULL);
	if (rc == SQLITE_OK) {
		b->copy = sqlite3_backup_init(b->to, "main", from, "main");
		rc = b->copy != NULL ? SQLITE_OK : sqlite3_errcode(b->to);
	}
	if (rc == SQLITE_OK)
		return b;
	*error = sqlite3_errstr(rc);
	backup_cancel(b);
	return NULL;
}

int
backup_step(struct backup *b, const char **error)
{
	int rc = sqlite3_backup_step(b->copy, BACKUP_PAGES);

	/* Locked: somebody writes just now. */
	if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return 1;
	if (rc == SQLITE_DONE)
		rc = sqlite3_backup_finish(b->copy);
	else
		(void)sqlite3_backup_finish(b->copy);
	b->copy = NULL;
	if (rc == SQLITE_OK)
		rc = sqlite3_close(b->to);
	else
		(void)sqlite3_close_v2(b->to);
	b->to = NULL;
	free(b);
	if (rc == SQLITE_OK)
		return 0;
	*error = sqlite3_errstr(rc);
	return -1;
}
