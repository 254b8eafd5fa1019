#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "banterd/system/signals.h"

enum decision {
	HANDLED,       /* by the loop; deadly before that */
	HANDLED_LATER, /* likewise, but held back until then: who sends it
			* speaks to a daemon that runs already, or will soon */
	IGNORED,       /* the call that it is sent for fails, which is enough */
	LEFT_ALONE     /* the process causes it itself, and a sanitizer has a
			* handler for it; or it cannot be changed */
};

/* All others do what they do by default. */
static const struct {
	int number;
	enum decision decision;
} table[] = {
	/* SIGNALS_HANDLED of them, first */
	{ SIGHUP, HANDLED_LATER },
	{ SIGUSR1, HANDLED_LATER },
	{ SIGUSR2, HANDLED_LATER },
	{ SIGTERM, HANDLED },
	{ SIGINT, HANDLED },
	{ SIGPIPE, IGNORED }, /* a peer, or who reads the log, is gone */
	{ SIGXFSZ, IGNORED }, /* a log at its size limit */
	{ SIGTTOU, IGNORED }, /* a log on the terminal of somebody else */
	{ SIGSEGV, LEFT_ALONE },
	{ SIGBUS, LEFT_ALONE },
	{ SIGFPE, LEFT_ALONE },
	{ SIGILL, LEFT_ALONE },
	{ SIGTRAP, LEFT_ALONE },
	{ SIGABRT, LEFT_ALONE },
	{ SIGSYS, LEFT_ALONE },
	{ SIGKILL, LEFT_ALONE },
	{ SIGSTOP, LEFT_ALONE },
};

#define ROWS (sizeof(table) / sizeof(table[0]))

int
signals_handled(size_t i)
{
	return table[i].number;
}

/* What is in the table of a signal, or ROWS. */
static size_t
find_row(int number)
{
	size_t i;

	for (i = 0; i < ROWS && table[i].number != number; i++)
		;
	return i;
}

static bool
reset_one(int number)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	size_t row = find_row(number);

	if (row < ROWS && table[row].decision == LEFT_ALONE)
		return true;
	if (row < ROWS && table[row].decision == IGNORED)
		sa.sa_handler = SIG_IGN;
	/* EINVAL: the C library keeps it for itself. */
	return sigaction(number, &sa, NULL) != -1 || errno == EINVAL;
}

bool
signals_reset(void)
{
	sigset_t set;
	size_t i;
	int number;

	sigemptyset(&set);
	for (i = 0; i < ROWS; i++) {
		if (table[i].decision == HANDLED_LATER)
			sigaddset(&set, table[i].number);
	}
	if (sigprocmask(SIG_SETMASK, &set, NULL) == -1)
		return false;
	for (number = 1; number <= SIGRTMAX; number++) {
		if (!reset_one(number))
			return false;
	}
	return true;
}

void
signals_unblock(void)
{
	sigset_t set;

	sigemptyset(&set);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
}

void
signals_block(void)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < SIGNALS_HANDLED; i++)
		sigaddset(&set, table[i].number);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

void
signals_ignore_handled(void)
{
	size_t i;

	for (i = 0; i < SIGNALS_HANDLED; i++)
		(void)signal(table[i].number, SIG_IGN);
	signals_unblock();
}
