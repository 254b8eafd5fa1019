#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "banterd/store/copy.h"

#define PIECE (64 << 10)

int
copy_make(const char *path)
{
	return open(path,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
	    0600);
}

static bool
write_all(int to, const char *bytes, size_t n)
{
	ssize_t written;

	while (n > 0) {
		written = write(to, bytes, n);
		if (written == -1 && errno == EINTR)
			continue;
		if (written == -1)
			return false;
		bytes += written;
		n -= (size_t)written;
	}
	return true;
}

bool
copy_all(int from, int to)
{
	char piece[PIECE];
	ssize_t n;

	for (;;) {
		n = read(from, piece, sizeof(piece));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (!write_all(to, piece, (size_t)n))
			return false;
	}
	return n == 0 && fsync(to) == 0;
}

/* "" of "file", "/" of "/file". */
static int
open_directory(const char *path)
{
	const char *name = strrchr(path, '/');
	char directory[PATH_MAX] = ".";
	int n;

	if (name != NULL) {
		n = snprintf(directory, sizeof(directory), "%.*s",
		    (int)(name - path) + 1, path);
		if (n < 0 || (size_t)n >= sizeof(directory)) {
			errno = ENAMETOOLONG;
			return -1;
		}
	}
	return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool
copy_sync_directory(const char *path)
{
	int fd = open_directory(path), error;
	bool done;

	if (fd == -1)
		return false;
	/* Some file systems cannot. */
	done = fsync(fd) == 0 || errno == EINVAL;
	error = errno;
	close(fd);
	errno = error;
	return done;
}

bool
copy_give(int fd, const char *path)
{
	struct stat st;
	int directory, result;

	if (geteuid() != 0)
		return true;
	if ((directory = open_directory(path)) == -1)
		return false;
	result = fstat(directory, &st);
	close(directory);
	return result == 0 && fchown(fd, st.st_uid, st.st_gid) == 0;
}
