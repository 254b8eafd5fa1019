#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "banterd/store/aside.h"
#include "banterd/store/copy.h"

#define SIZE_OF_DATE 32

static const char *const parts[] = { "", "-wal", "-shm" };

#define PARTS (sizeof(parts) / sizeof(parts[0]))

bool
aside_rename_part(const char *from, const char *to, const char *part)
{
	char old[PATH_MAX], new[PATH_MAX];
	int n = snprintf(old, sizeof(old), "%s%s", from, part);
	int m = snprintf(new, sizeof(new), "%s%s", to, part);

	if (n < 0 || m < 0 || (size_t)n >= sizeof(old) ||
	    (size_t)m >= sizeof(new)) {
		errno = ENAMETOOLONG;
		return false;
	}
	return rename(old, new) == 0 || errno == ENOENT;
}

/* Of a path that nobody has yet: two in one second are two. */
bool
aside_find(const char *path, const char *what, char *aside, size_t size)
{
	char date[SIZE_OF_DATE], more[16] = "";
	time_t now = time(NULL);
	struct tm tm;
	int n, i;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return false;
	for (i = 1; i < INT_MAX; i++) {
		if (i > 1)
			(void)snprintf(more, sizeof(more), "-%d", i);
		n = snprintf(aside, size, "%s.%s-%s%s", path, what, date, more);
		if (n < 0 || (size_t)n >= size) {
			errno = ENAMETOOLONG;
			return false;
		}
		if (access(aside, F_OK) == -1)
			return true;
	}
	errno = EEXIST;
	return false;
}

/* The log of a file goes first: without its file it is nothing, and must never
 * be another one's. */
bool
aside_put(const char *path, const char *what, char *aside, size_t size)
{
	size_t i;

	if (!aside_find(path, what, aside, size))
		return false;
	for (i = PARTS; i-- > 0;) {
		if (!aside_rename_part(path, aside, parts[i]))
			return false;
	}
	return true;
}

int
aside_lock(const char *path)
{
	char lock[PATH_MAX];
	int n = snprintf(lock, sizeof(lock), "%s.lock", path);
	int fd, error;

	if (n < 0 || (size_t)n >= sizeof(lock)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1 ||
	    (copy_give(fd, lock) && flock(fd, LOCK_EX | LOCK_NB) == 0))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}
