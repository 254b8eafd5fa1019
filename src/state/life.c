#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "banterd/state/life.h"
#include "banterd/base/memfd.h"

#define MAGIC 0x6566696c2d746e62ULL /* "bnt-life" */

_Static_assert(offsetof(struct life, counters) == 40,
    "it has explicit widths and no padding: a format");

static int
fill(int fd)
{
	const struct life life = { .magic = MAGIC, .format = LIFE_FORMAT };

	return write(fd, &life, sizeof(life)) == (ssize_t)sizeof(life) ? 0 : -1;
}

int
life_make(void)
{
	int fd = memfd_make("banterd-life"), save_errno;

	if (fd == -1 || fill(fd) == 0)
		return fd;
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return -1;
}

struct life *
life_open(int fd)
{
	struct life *life;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return NULL;
	if (st.st_size != sizeof(*life)) {
		errno = EINVAL;
		return NULL;
	}
	life = mmap(
	    NULL, sizeof(*life), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (life == MAP_FAILED)
		return NULL;
	if (life->magic == MAGIC && life->format == LIFE_FORMAT)
		return life;
	life_close(life);
	errno = EINVAL;
	return NULL;
}

void
life_close(struct life *life)
{
	(void)munmap(life, sizeof(*life));
}
