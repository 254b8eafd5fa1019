/*
 * A vault and its pairs, files to put into it, and a kernel that refuses what
 * the test says: for programs with sendmsg, recvmsg and recv wrapped.  Who
 * lives must be in flight all the time; where the vault drops the last message
 * that somebody is in, the test fails.
 */
#ifndef TESTS_VAULTS_H
#define TESTS_VAULTS_H

#include <sys/types.h>

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "banterd/state/vault.h"

#define N_FILES   8
#define N_NUMBERS (1 << 18)
#define SEED      88172645463325252ULL

/* Calls that the test counts, and those that fail. */
struct calls {
	unsigned n; /* since somebody set it to 0 */
	unsigned fail_from, fail_to;
	int fault; /* errno */
};

extern struct calls calls;
extern bool is_watched;      /* see above; false where others send, too */
extern unsigned most_flying; /* descriptors, since somebody set it to 0 */

extern int ends[VAULT_ENDS];
extern struct vault *v;
extern uint64_t now;
extern unsigned top; /* numbers below it have been added */
extern unsigned long long seed;
extern int files[N_FILES];
extern struct vault_item *items; /* of each number */
extern bool living[N_NUMBERS];   /* has been in flight, and not been removed */

/* What was found in the pairs: how often each number, and in which order. */
extern unsigned found[N_NUMBERS], order[N_NUMBERS], nfound;

/* A fixture. */
void vaults_setup(void);
void vaults_teardown(void);

/* Whether a descriptor is that of this number's file. */
bool vaults_is_file_of(int fd, uint64_t number);

/* Adds numbers, sends them, removes them. */
void vaults_add(unsigned from, unsigned n);
void vaults_flush(void);
/* Returns whether the last one may be in flight still. */
bool vaults_remove(unsigned from, unsigned n);

/* Some hundred calls of all kinds, at random. */
void vaults_come_and_go(unsigned steps);

/* Looks what another process would find, which stays as it is; and whether
 * those are found who are in flight, or, where nobody who is gone is left there
 * and no turn was broken off, exactly these. */
void vaults_look(void);
void vaults_check(bool exactly);

/* Lets time pass until nothing is due, and nothing waits. */
void vaults_settle(void);

/* Another process goes on with what this one has left: v is its vault from
 * here on, and items are its items, of those living.  Returns as
 * vault_take_over(). */
bool vaults_succeed(void);

/* The main() of a program of these tests.  It skips them (77) where SO_PEEK_OFF
 * is unknown: qemu's emulation of a process lacks it, and with it nothing that
 * is in a pair can be looked at. */
int vaults_main(const char *name, const TTest *const tests[]);
#define VAULTS_MAIN(name, ...)                                      \
	int main(void)                                              \
	{                                                           \
		const TTest *const tests[] = { __VA_ARGS__, NULL }; \
                                                                    \
		return vaults_main((name), tests);                  \
	}

#endif
