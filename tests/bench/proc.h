/*
 * What the kernel says about the server under test: the CPU time that it has
 * used, to the nanosecond, and whether it sleeps.
 */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#define PROC_TASKS 64 /* threads of a server, at most */

struct proc {
	pid_t pid;
	int ntask;
	struct task {
		int schedstat; /* descriptors, kept open */
		int stat;
	} task[PROC_TASKS];
	uint64_t nap; /* how long the last rest took, ns */
};

/* A reading of all threads together. */
struct proc_cpu {
	uint64_t ran;    /* ns on a CPU */
	uint64_t slices; /* times that it was put on a CPU */
};

/* Opens the threads that the process has now; -1 if there are none. */
int proc_open(struct proc *, pid_t);
void proc_close(struct proc *);

/* Exact only while the process sleeps: the kernel adds up on a switch. */
void proc_cpu(const struct proc *, struct proc_cpu *);

/*
 * Sleeps until the process has run since `since` and now rests: every thread
 * asleep and no CPU time used between two looks.  If it doesn't start to run
 * within 20 ms, there was nothing to do for it.  False after a minute.
 */
bool proc_rest(struct proc *, const struct proc_cpu *since);

uint64_t now_ns(void);
void nap_ns(uint64_t);

#endif
