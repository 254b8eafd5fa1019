#include <fcntl.h>
#include <stddef.h>

#include "banterd/base/files.h"

int
files_open(const struct files *files, enum file_kind kind, const char *path)
{
	if (files != NULL)
		return files->open(files->arg, kind, path);
	if (kind == FILE_LOG)
		return open(path, FILE_LOG_FLAGS, FILE_LOG_MODE);
	/* A FIFO that nobody writes to is no reason to wait. */
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}
