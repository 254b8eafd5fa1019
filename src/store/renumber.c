#include <stdio.h>
#include <time.h>

#include "banterd/store/file.h"

#define OWNERS_SHIFT 20 /* owners of a file begin at its time, shifted */

/* Has a table's numbers go on from there, if they are not beyond it. */
static bool
renumber(struct file *f, const char *table, long long from)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
	    "DELETE FROM sqlite_sequence WHERE name = '%s' AND seq < %lld",
	    table, from);
	if (!file_execute(f, text))
		return false;
	(void)snprintf(text, sizeof(text),
	    "INSERT INTO sqlite_sequence SELECT '%s', %lld WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = '%s')",
	    table, from, table);
	return file_execute(f, text);
}

/* An owner is never given twice: not by a file that was begun anew, nor by a
 * backup that was restored.  Nor is the number of a line or note that somebody
 * was shown, unless there was more than one in each second. */
bool
file_renumber(struct file *f)
{
	long long now = (long long)time(NULL);

	return renumber(f, "names", now << OWNERS_SHIFT) &&
	    renumber(f, "lines", now) && renumber(f, "notes", now);
}
