/*
 * A daemon in which one call fails: linked with the daemon's own objects, it
 * stands in front of the C library for allocation and for the calls of the
 * loop.  Which call fails is said in a file that a test has mapped, too
 * (FAULT_FILE), so that it can choose while the daemon runs.
 *
 * Everything here is compiled without sanitizers: malloc is called before
 * they are ready.
 */
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Kinds of calls, as the test names them by number. */
enum fault_kind {
	FAULT_NONE,
	FAULT_ALLOC,
	FAULT_ACCEPT,
	FAULT_READ,
	FAULT_WRITE,
	FAULT_EPOLL_CTL,
	FAULT_EPOLL_WAIT,
	FAULT_SOCKETPAIR,
	FAULT_FORK,
	FAULT_CLOSE_RANGE,
	FAULT_SENDMSG,
	FAULT_RECVMSG,
	FAULT_SEND,
	FAULT_OPEN,
	FAULT_FDOPEN,
	FAULT_FSTAT,
	FAULT_SETGROUPS,
	FAULT_SETRESGID,
	FAULT_SETRESUID,
	FAULT_PRCTL,
	FAULT_GETPWNAM
};

/* The file; the test knows it as "=IIIiIIqI". */
struct fault_control {
	uint32_t kind;
	uint32_t at;    /* this call fails, counted from 1 */
	uint32_t count; /* and so many, together with it */
	int32_t error;  /* with this errno */
	uint32_t calls; /* of that kind, so far */
	uint32_t failed;
	int64_t time_offset; /* seconds that the wall's clock is wrong */
	uint32_t in_child;   /* in the process that it starts, not in itself */
};

int banterd_main(int argc, char *argv[]);

static struct fault_control no_control;
static struct fault_control *control = &no_control;
static bool tracing;     /* FAULT_TRACE is set */
static bool spared;      /* inside of a function that cannot stand faults */
static pid_t daemon_pid; /* the others are processes that it starts */

/* Which call it was, on stderr. */
static void
trace(void)
{
	uint32_t kind = control->kind;
	void *frames[32];
	int n;

	control->kind = FAULT_NONE;
	n = backtrace(frames, 32);
	backtrace_symbols_fd(frames, n, STDERR_FILENO);
	control->kind = kind;
}

static bool
fails(enum fault_kind kind)
{
	struct fault_control *c = control;

	if (c->kind != (uint32_t)kind || spared ||
	    (getpid() != daemon_pid) != (c->in_child != 0))
		return false;
	c->calls++;
	if (c->calls < c->at || c->calls - c->at >= c->count)
		return false;
	c->failed++;
	if (tracing)
		trace();
	errno = c->error;
	return true;
}

/* ISO C knows no way from a pointer to an object to one to a function. */
#define REAL(name) real_##name
#define FIND(name)                                             \
	do {                                                   \
		if (REAL(name) == NULL)                        \
			*(void **)(void *)&REAL(name) = dlsym( \
			    RTLD_NEXT, #name);                 \
	} while (0)

/* ---- allocation ---- */

/* Not looked up: looking up allocates. */
#if defined(FAULT_SANITIZED)
#define ALLOCATOR(name) __interceptor_##name
#else
#define ALLOCATOR(name) __libc_##name
#endif
void *ALLOCATOR(malloc)(size_t);
void *ALLOCATOR(calloc)(size_t, size_t);
void *ALLOCATOR(realloc)(void *, size_t);

void *
malloc(size_t size)
{
	return fails(FAULT_ALLOC) ? NULL : ALLOCATOR(malloc)(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails(FAULT_ALLOC) ? NULL : ALLOCATOR(calloc)(n, size);
}

void *
realloc(void *p, size_t size)
{
	return fails(FAULT_ALLOC) ? NULL : ALLOCATOR(realloc)(p, size);
}

/* A sanitizer has its own of these, which do not come by here. */
void *
reallocarray(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, total);
}

char *
strdup(const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = malloc(size);

	return copy == NULL ? NULL : memcpy(copy, s, size);
}

/*
 * ---- the loop ----
 *
 * read() is left alone: libevent reads its own wake-up socket with it, which
 * cannot fail, and ends the program if it does.  Clients are read with recv.
 */

/* The C library's own type: with _GNU_SOURCE an address may be of many. */
static int (*REAL(accept4))(int, __SOCKADDR_ARG, socklen_t *restrict, int);
static ssize_t (*REAL(recv))(int, void *, size_t, int);
static ssize_t (*REAL(write))(int, const void *, size_t);
static ssize_t (*REAL(writev))(int, const struct iovec *, int);
static ssize_t (*REAL(send))(int, const void *, size_t, int);
static ssize_t (*REAL(sendmsg))(int, const struct msghdr *, int);
static int (*REAL(connect))(int, __CONST_SOCKADDR_ARG, socklen_t);
static int (*REAL(epoll_ctl))(int, int, int, struct epoll_event *);
static int (*REAL(epoll_wait))(int, struct epoll_event *, int, int);
static time_t (*REAL(time))(time_t *);

int
accept4(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len, int flags)
{
	FIND(accept4);
	return fails(FAULT_ACCEPT) ? -1 : REAL(accept4)(fd, addr, len, flags);
}

ssize_t
recv(int fd, void *buf, size_t n, int flags)
{
	FIND(recv);
	return fails(FAULT_READ) ? -1 : REAL(recv)(fd, buf, n, flags);
}

ssize_t
write(int fd, const void *buf, size_t n)
{
	FIND(write);
	return fails(FAULT_WRITE) ? -1 : REAL(write)(fd, buf, n);
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	FIND(writev);
	return fails(FAULT_WRITE) ? -1 : REAL(writev)(fd, iov, n);
}

ssize_t
send(int fd, const void *buf, size_t n, int flags)
{
	FIND(send);
	return fails(FAULT_WRITE) || fails(FAULT_SEND) ?
	    -1 :
	    REAL(send)(fd, buf, n, flags);
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	FIND(sendmsg);
	return fails(FAULT_WRITE) || fails(FAULT_SENDMSG) ?
	    -1 :
	    REAL(sendmsg)(fd, msg, flags);
}

/* A test has a syslog daemon of its own (FAULT_SYSLOG). */
int
connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	const char *path = getenv("FAULT_SYSLOG");
	struct sockaddr_un sun;

	FIND(connect);
	if (path != NULL && len == sizeof(sun)) {
		memcpy(&sun, (const void *)addr.__sockaddr__, len);
		if (strcmp(sun.sun_path, "/dev/log") == 0) {
			snprintf(
			    sun.sun_path, sizeof(sun.sun_path), "%s", path);
			addr.__sockaddr_un__ = &sun;
		}
	}
	return REAL(connect)(fd, addr, len);
}

int
epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	FIND(epoll_ctl);
	return fails(FAULT_EPOLL_CTL) ? -1 :
					REAL(epoll_ctl)(epfd, op, fd, event);
}

int
epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	FIND(epoll_wait);
	return fails(FAULT_EPOLL_WAIT) ?
	    -1 :
	    REAL(epoll_wait)(epfd, events, max, timeout);
}

time_t
time(time_t *t)
{
	time_t now;

	FIND(time);
	now = REAL(time)(NULL) + (time_t)control->time_offset;
	if (t != NULL)
		*t = now;
	return now;
}

/* ---- root, and the process that stays it ---- */

#define FAILING(kind, type, name, parameters, arguments)              \
	static type(*REAL(name)) parameters;                          \
                                                                      \
	type name parameters                                          \
	{                                                             \
		FIND(name);                                           \
		return fails(kind) ? (type)-1 : REAL(name) arguments; \
	}

FAILING(FAULT_SOCKETPAIR, int, socketpair, (int d, int t, int p, int fds[2]),
    (d, t, p, fds))
FAILING(FAULT_FORK, pid_t, fork, (void), ())
FAILING(FAULT_CLOSE_RANGE, int, close_range,
    (unsigned first, unsigned last, int flags), (first, last, flags))
FAILING(FAULT_RECVMSG, ssize_t, recvmsg, (int fd, struct msghdr *msg, int how),
    (fd, msg, how))
FAILING(FAULT_FSTAT, int, fstat, (int fd, struct stat *st), (fd, st))
FAILING(FAULT_SETGROUPS, int, setgroups, (size_t n, const gid_t *groups),
    (n, groups))
FAILING(FAULT_SETRESGID, int, setresgid, (gid_t a, gid_t b, gid_t c), (a, b, c))
FAILING(FAULT_SETRESUID, int, setresuid, (uid_t a, uid_t b, uid_t c), (a, b, c))

static struct passwd *(*REAL(getpwnam))(const char *);
static FILE *(*REAL(fdopen))(int, const char *);
static int (*REAL(open))(const char *, int, ...);
static int (*REAL(openat))(int, const char *, int, ...);
static int (*REAL(prctl))(int, ...);

/* glibc 2.36 looks into what it had no memory to make. */
struct passwd *
getpwnam(const char *name)
{
	struct passwd *pw;

	FIND(getpwnam);
	if (fails(FAULT_GETPWNAM))
		return NULL;
	spared = true;
	pw = REAL(getpwnam)(name);
	spared = false;
	return pw;
}

FILE *
fdopen(int fd, const char *mode)
{
	FIND(fdopen);
	return fails(FAULT_FDOPEN) ? NULL : REAL(fdopen)(fd, mode);
}

/* The mode is there only if a file may be made: else it is nobody's. */
static mode_t
mode_in(int flags, va_list ap)
{
	return (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
}

int
open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_in(flags, ap);
	va_end(ap);
	FIND(open);
	return fails(FAULT_OPEN) ? -1 : REAL(open)(path, flags, mode);
}

int
openat(int fd, const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_in(flags, ap);
	va_end(ap);
	FIND(openat);
	return fails(FAULT_OPEN) ? -1 : REAL(openat)(fd, path, flags, mode);
}

/* As fortified headers have it where no file may be made. */
int __open_2(const char *, int);
int __openat_2(int, const char *, int);

int
__open_2(const char *path, int flags)
{
	return open(path, flags);
}

int
__openat_2(int fd, const char *path, int flags)
{
	return openat(fd, path, flags);
}

int
prctl(int option, ...)
{
	unsigned long a[4];
	va_list ap;
	int i;

	va_start(ap, option);
	for (i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	FIND(prctl);
	return fails(FAULT_PRCTL) ? -1 :
				    REAL(prctl)(option, a[0], a[1], a[2], a[3]);
}

int
main(int argc, char *argv[])
{
	const char *path = getenv("FAULT_FILE");
	void *p, *frame[1];
	int fd;

	if (path != NULL) {
		if ((fd = open(path, O_RDWR | O_CLOEXEC)) == -1 ||
		    (p = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, 0)) == MAP_FAILED) {
			perror(path);
			return 3;
		}
		close(fd);
		tracing = getenv("FAULT_TRACE") != NULL;
		/* The first time it loads a library, which the daemon's own
		 * filter of system calls will not have. */
		if (tracing)
			(void)backtrace(frame, 1);
		daemon_pid = getpid();
		control = p;
	}
	return banterd_main(argc, argv);
}
