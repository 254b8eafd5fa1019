#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <unistd.h>

#include "banterd/base/memfd.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

int
memfd_make(const char *name)
{
	int error, fd;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	if (fd == -1 && errno == EINVAL) /* Linux before 6.3 */
		fd = memfd_create(name, MFD_CLOEXEC);
	if (fd == -1 || fchmod(fd, S_IRUSR | S_IWUSR) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}
