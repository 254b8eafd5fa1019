/*
 * Preloaded into a server, counts its allocations in a file that whoever
 * measures reads meanwhile: BENCH_MALLOC_FILE, at least 8 bytes long.
 */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * glibc's own names for its allocator: no look-up, so no recursion.
 * NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
 */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static _Atomic uint64_t early; /* until the file is mapped */
static _Atomic uint64_t *count = &early;

__attribute__((constructor)) static void
count_begin(void)
{
	const char *path = getenv("BENCH_MALLOC_FILE");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd == -1)
		_exit(127);
	p = mmap(
	    NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		_exit(127);
	close(fd);
	count = p;
}

void *
malloc(size_t size)
{
	atomic_fetch_add(count, 1);
	return __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	atomic_fetch_add(count, 1);
	return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	atomic_fetch_add(count, 1);
	return __libc_realloc(p, size);
}

void *
memalign(size_t align, size_t size)
{
	atomic_fetch_add(count, 1);
	return __libc_memalign(align, size);
}

void *
aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

int
posix_memalign(void **p, size_t align, size_t size)
{
	*p = memalign(align, size);
	return *p != NULL ? 0 : ENOMEM;
}
