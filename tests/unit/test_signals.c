/* What becomes of signals from outside, whatever was inherited. */
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "banterd/system/signals.h"
#include "conf_file.h"
#include "unit.h"

static struct sigaction
action(int number)
{
	struct sigaction sa;

	ck_assert_int_eq(sigaction(number, NULL, &sa), 0);
	return sa;
}

static bool
is_blocked(int number)
{
	sigset_t set;

	ck_assert_int_eq(sigprocmask(SIG_BLOCK, NULL, &set), 0);
	return sigismember(&set, number) == 1;
}

/* As bad as it can be: everything blocked, everything ignored. */
static void
inherit(void)
{
	sigset_t all;
	int number;

	sigfillset(&all);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, &all, NULL), 0);
	for (number = 1; number <= SIGRTMAX; number++) {
		if (number != SIGKILL && number != SIGSTOP)
			(void)signal(number, SIG_IGN);
	}
}

START_TEST(set_anew)
{
	static const int deadly[] = { SIGTERM, SIGINT, SIGQUIT, SIGALRM,
		SIGXCPU, SIGCHLD, SIGTSTP, SIGCONT, SIGWINCH };
	static const int harmless[] = { SIGPIPE, SIGXFSZ, SIGTTOU };
	size_t i;

	inherit();
	ck_assert(signals_reset());
	for (i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		ck_assert(action(deadly[i]).sa_handler == SIG_DFL);
		ck_assert(!is_blocked(deadly[i]));
	}
	ck_assert(action(SIGRTMIN).sa_handler == SIG_DFL);
	ck_assert(action(SIGRTMAX).sa_handler == SIG_DFL);
	ck_assert(!is_blocked(SIGRTMAX));
	for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		ck_assert(action(harmless[i]).sa_handler == SIG_IGN);
}
END_TEST

/* A sanitizer has its own handlers of what the process causes itself. */
START_TEST(own_faults_are_left_alone)
{
	const struct sigaction before = action(SIGSEGV);

	ck_assert(signals_reset());
	ck_assert(action(SIGSEGV).sa_handler == before.sa_handler);
}
END_TEST

/* What is for a daemon that runs neither ends one that starts, nor is lost. */
static volatile sig_atomic_t heard;

static void
hear(int number)
{
	heard += number == SIGHUP ? 1 : number == SIGUSR1 ? 10 : 100;
}

START_TEST(held_until_there_are_handlers)
{
	static const int held[] = { SIGHUP, SIGUSR1, SIGUSR2 };
	size_t i;

	ck_assert(signals_reset());
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(raise(held[i]), 0);
		(void)signal(held[i], hear);
	}
	ck_assert_int_eq(heard, 0);
	signals_unblock();
	ck_assert_int_eq(heard, 111);
	signals_block();
	for (i = 0; i < SIGNALS_HANDLED; i++)
		ck_assert(is_blocked(signals_handled(i)));
	ck_assert(!is_blocked(SIGQUIT));
}
END_TEST

START_TEST(file_at_its_limit)
{
	struct rlimit limit, before;
	char text[200] = "";
	ssize_t first, second;
	int fd, error;

	ck_assert(signals_reset());
	fd = open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	/* Check's own files have to grow. */
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 100;
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	first = write(fd, text, sizeof(text));
	second = write(fd, text, sizeof(text));
	error = errno;
	(void)setrlimit(RLIMIT_FSIZE, &before);
	ck_assert_int_eq(first, 100);
	ck_assert_int_eq(second, -1);
	ck_assert_int_eq(error, EFBIG);
	close(fd);
}
END_TEST

START_TEST(not_meant_for_it)
{
	size_t i;

	inherit();
	ck_assert(signals_reset());
	signals_ignore_handled();
	for (i = 0; i < SIGNALS_HANDLED; i++) {
		ck_assert(!is_blocked(signals_handled(i)));
		ck_assert_int_eq(raise(signals_handled(i)), 0);
	}
	ck_assert(action(SIGQUIT).sa_handler == SIG_DFL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("signals");
	TCase *tc = unit_case(suite, "signals", NULL, NULL);

	tcase_add_unchecked_fixture(tc, conf_setup, conf_teardown);
	UNIT_TESTS(tc, set_anew, own_faults_are_left_alone,
	    held_until_there_are_handlers, file_at_its_limit, not_meant_for_it);
	return unit_run(suite);
}
