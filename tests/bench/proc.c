#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proc.h"

#define MS         1000000ULL
#define LOOK_GAP   (MS / 10) /* between two looks at a sleeper */
#define START_WAIT (20 * MS)
#define REST_WAIT  (60000 * MS)

uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

void
nap_ns(uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / (1000 * MS)),
		.tv_nsec = (long)(ns % (1000 * MS)) };

	nanosleep(&ts, NULL);
}

static int
task_open(pid_t pid, const char *tid, const char *file)
{
	char path[512];

	snprintf(
	    path, sizeof(path), "/proc/%d/task/%s/%s", (int)pid, tid, file);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int
proc_open(struct proc *p, pid_t pid)
{
	char path[64];
	struct dirent *e;
	DIR *d;

	memset(p, 0, sizeof(*p));
	p->pid = pid;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL && p->ntask < PROC_TASKS) {
		struct task *t = &p->task[p->ntask];

		if (e->d_name[0] == '.')
			continue;
		t->schedstat = task_open(pid, e->d_name, "schedstat");
		t->stat = task_open(pid, e->d_name, "stat");
		if (t->schedstat != -1 && t->stat != -1) {
			p->ntask++;
			continue;
		}
		if (t->schedstat != -1)
			close(t->schedstat);
		if (t->stat != -1)
			close(t->stat);
	}
	closedir(d);
	return p->ntask > 0 ? 0 : -1;
}

void
proc_close(struct proc *p)
{
	for (int i = 0; i < p->ntask; i++) {
		close(p->task[i].schedstat);
		close(p->task[i].stat);
	}
	p->ntask = 0;
}

void
proc_cpu(const struct proc *p, struct proc_cpu *cpu)
{
	memset(cpu, 0, sizeof(*cpu));
	for (int i = 0; i < p->ntask; i++) {
		char buf[128];
		ssize_t n = pread(
		    p->task[i].schedstat, buf, sizeof(buf) - 1, 0);
		unsigned long long ran, waited, slices;

		if (n <= 0)
			continue;
		buf[n] = '\0';
		if (sscanf(buf, "%llu %llu %llu", &ran, &waited, &slices) != 3)
			continue;
		cpu->ran += ran;
		cpu->slices += slices;
	}
}

/* The state is the letter after the command's name, which is in brackets. */
static bool
proc_asleep(const struct proc *p)
{
	for (int i = 0; i < p->ntask; i++) {
		char buf[512];
		ssize_t n = pread(p->task[i].stat, buf, sizeof(buf) - 1, 0);
		const char *s;

		if (n <= 0)
			continue; /* the thread has ended */
		buf[n] = '\0';
		s = strrchr(buf, ')');
		if (s != NULL && s[1] == ' ' && s[2] != 'S')
			return false;
	}
	return true;
}

bool
proc_rest(struct proc *p, const struct proc_cpu *since)
{
	uint64_t start = now_ns(), step = LOOK_GAP, passed;
	struct proc_cpu a, b;

	/* Most of the wait is slept through at once, going by the last one. */
	if (p->nap > 4 * LOOK_GAP)
		nap_ns(p->nap - p->nap / 4);
	for (;;) {
		nap_ns(step);
		passed = now_ns() - start;
		if (passed > REST_WAIT)
			return false;
		step = passed / 16 > LOOK_GAP ? passed / 16 : LOOK_GAP;
		if (!proc_asleep(p))
			continue;
		proc_cpu(p, &a);
		if (a.slices == since->slices && passed < START_WAIT)
			continue;
		nap_ns(LOOK_GAP);
		proc_cpu(p, &b);
		if (a.ran == b.ran && a.slices == b.slices && proc_asleep(p))
			break;
	}
	p->nap = passed;
	return true;
}
