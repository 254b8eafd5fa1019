#include "banterd/system/log.h"
#include "banterd/system/sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(NO_SECCOMP)

void
sandbox_enter(void)
{
	log_notice("no system call filter: built without one");
}

#elif !defined(HAVE_SECCOMP)

void
sandbox_enter(void)
{
	log_notice("no system call filter: built without libseccomp");
}

#elif defined(SANITIZED)

/* A sanitizer starts processes and traces its own at the end. */
void
sandbox_enter(void)
{
	log_notice("no system call filter: built with a sanitizer");
}

#else

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <seccomp.h>

/* Whatever their arguments are. */
static const int allowed[] = {
	/* the loop, and the sockets it owns */
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_ctl), SCMP_SYS(accept4), SCMP_SYS(read), SCMP_SYS(readv),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(write),
	SCMP_SYS(writev), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
	SCMP_SYS(shutdown), SCMP_SYS(close), SCMP_SYS(fcntl), SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	/* a reload: listeners, files, the log */
	SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(connect),
	SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(getsockname),
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
	SCMP_SYS(umask), SCMP_SYS(chmod), SCMP_SYS(fchmodat), SCMP_SYS(lseek),
	SCMP_SYS(ftruncate), SCMP_SYS(fstat), SCMP_SYS(stat), SCMP_SYS(lstat),
	SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(uname),
	SCMP_SYS(prlimit64), SCMP_SYS(getrlimit), SCMP_SYS(setrlimit),
	SCMP_SYS(sysinfo),
	/* what outlives the process, written anew or at its end */
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(fstatfs),
	/* memory and time */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	SCMP_SYS(time), SCMP_SYS(getrandom),
	/* signals, and the end */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(getpid),
	SCMP_SYS(gettid), SCMP_SYS(wait4), SCMP_SYS(tgkill), SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	/* some of them again, as 32-bit machines have them */
	SCMP_SYS(send), SCMP_SYS(recv), SCMP_SYS(fcntl64), SCMP_SYS(_llseek),
	SCMP_SYS(fstat64), SCMP_SYS(stat64), SCMP_SYS(lstat64),
	SCMP_SYS(fstatat64), SCMP_SYS(fstatfs64), SCMP_SYS(ftruncate64),
	SCMP_SYS(ugetrlimit), SCMP_SYS(ppoll_time64), SCMP_SYS(futex_time64),
	SCMP_SYS(clock_gettime64), SCMP_SYS(sigreturn)
};

/* What is readable, what is not acknowledged, whether it is a terminal, and
 * what the interface of a link-local address is called. */
static const unsigned long ioctls[] = { FIONREAD, SIOCOUTQ, TCGETS, SIOCGIFNAME,
	SIOCGIFINDEX };

static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };

/* Memory that can be executed is never made. */
static const int memory_calls[] = { SCMP_SYS(mmap), SCMP_SYS(mmap2),
	SCMP_SYS(mprotect) };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Returns 0, or a negative errno. */
static int
add_rules(scmp_filter_ctx filter)
{
	size_t i;
	int error = 0;

	for (i = 0; i < COUNT(allowed) && error == 0; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (i = 0; i < COUNT(families) && error == 0; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
		    SCMP_SYS(socket), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	for (i = 0; i < COUNT(ioctls) && error == 0; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
		    SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, ioctls[i], 0));
	for (i = 0; i < COUNT(memory_calls) && error == 0; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
		    memory_calls[i], 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return error;
}

/*
 * Anything else fails with EPERM.  That tells an attacker no more than being
 * killed would, and a C library with new habits does not end everybody's chat.
 */
void
sandbox_enter(void)
{
	scmp_filter_ctx filter;
	int error = -ENOMEM;

	if ((filter = seccomp_init(SCMP_ACT_ERRNO(EPERM))) != NULL) {
		if ((error = add_rules(filter)) == 0)
			error = seccomp_load(filter);
		seccomp_release(filter);
	}
	if (error == 0)
		log_notice("system call filter is on");
	else
		log_warning("no system call filter: %s", strerror(-error));
}

#endif
