/*
 * loadgen -p PORT -P PID [-d DIALECT] [-n CLIENTS] [-r ROOMSIZE] ...
 *
 * Brings a crowd of clients into a server, says so in one line of JSON, and
 * then does what it reads from standard input, answering each command with a
 * line of JSON:
 *
 *	rest LINES INFLIGHT	readers rest while the server works: CPU time
 *	flow LINES INFLIGHT	readers read: latency, lines a second
 *	leave			everybody leaves the room
 *	wake			the sleepers wake up
 *	settle			reads until it is quiet
 *	visits N RESTS		more come and go one by one; 1: at rest between
 *	churn SECONDS N		N more come each second, and go soon after
 *	pause SIGNAL		ends the server when each has said a line
 *	next PID		the server that has come after it
 *	close			everybody hangs up
 *
 * Whatever goes wrong, a lost line above all, ends it with status 1.
 */
#include <sys/resource.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loadgen.h"

void
die(const char *fmt, ...)
{
	va_list ap;

	fputs("loadgen: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void *
need(void *p)
{
	if (p == NULL)
		die("out of memory");
	return p;
}

static void
usage(void)
{
	fputs("usage: loadgen -p PORT -P PID [-d banter|irc|floor] "
	      "[-e room|join|nothing]\n"
	      "               [-n CLIENTS] [-r ROOMSIZE] [-s SLEEPERS] "
	      "[-w WINDOW] [-q QUIET_MS] [-t SECONDS] [-bm]\n",
	    stderr);
	exit(2);
}

static uint32_t
number(const char *s, uint32_t max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || n > max)
		usage();
	return (uint32_t)n;
}

/* Which of these words s is. */
static unsigned
word(const char *s, const char *const *words)
{
	for (unsigned i = 0; words[i] != NULL; i++)
		if (strcmp(s, words[i]) == 0)
			return i;
	usage();
	return 0;
}

static void
options(struct load *l, int argc, char *argv[])
{
	static const char *const dialects[] = { "banter", "irc", "floor",
		NULL };
	static const char *const entries[] = { "room", "join", "nothing",
		NULL };
	pid_t pid = 0;
	int ch;

	while ((ch = getopt(argc, argv, "bd:e:mn:p:P:q:r:s:t:w:")) != -1)
		switch (ch) {
		case 'b':
			l->narrow = true;
			break;
		case 'd':
			l->dialect = word(optarg, dialects);
			break;
		case 'e':
			l->entry = word(optarg, entries);
			break;
		case 'm':
			l->private = true;
			break;
		case 'n':
			l->nclient = number(optarg, 99999);
			break;
		case 'p':
			l->addr.sin_port = htons(
			    (in_port_t)number(optarg, 65535));
			break;
		case 'P':
			pid = (pid_t)number(optarg, INT32_MAX);
			break;
		case 'q':
			l->settle = (int)number(optarg, 60000);
			break;
		case 'r':
			l->room_size = number(optarg, 99999);
			break;
		case 's':
			l->nsleeper = number(optarg, 99999);
			break;
		case 't':
			l->patience = (int)number(optarg, 3600) * 1000;
			break;
		case 'w':
			l->window = number(optarg, 99999);
			break;
		default:
			usage();
		}
	if (l->room_size == 0)
		l->room_size = l->nclient;
	if (pid == 0 || l->addr.sin_port == 0 || optind != argc ||
	    l->room_size < 2 + l->nsleeper || l->window == 0 ||
	    l->nclient % l->room_size != 0 || (l->private && l->room_size != 2))
		usage();
	if (proc_open(&l->proc, pid) == -1)
		die("no process %d", (int)pid);
}

/* A descriptor for each client; root may raise the hard limit too. */
static void
raise_limit(rlim_t want)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		die("getrlimit: %s", strerror(errno));
	if (rl.rlim_cur >= want)
		return;
	rl.rlim_cur = want;
	if (rl.rlim_max < want)
		rl.rlim_max = want;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		die("can't open %lu descriptors: %s", (unsigned long)want,
		    strerror(errno));
}

/*
 * Runs a phase in which everybody reads, and prints what it took: the time
 * until all had done it, and all CPU time and lines until it was quiet.
 */
static void
phase(struct load *l, void (*run)(struct load *))
{
	struct proc_cpu before, after;
	uint64_t lines = l->lines_in, bytes = l->bytes_in, start, wall;
	int ep;

	proc_cpu(&l->proc, &before);
	start = now_ns();
	run(l);
	wall = now_ns() - start;
	ep = crowd_watch(l);
	crowd_settle(l, ep);
	close(ep);
	proc_cpu(&l->proc, &after);
	printf("{\"clients\": %u, \"wall_ns\": %llu, \"cpu_ns\": %llu, "
	       "\"lines\": %llu, \"bytes\": %llu}\n",
	    l->nclient, (unsigned long long)wall,
	    (unsigned long long)(after.ran - before.ran),
	    (unsigned long long)(l->lines_in - lines),
	    (unsigned long long)(l->bytes_in - bytes));
}

static void
close_all(struct load *l)
{
	for (uint32_t i = 0; i < l->nclient; i++)
		crowd_close(&l->client[i]);
}

static void
nothing(struct load *l)
{
	(void)l;
}

static void
command(struct load *l, const char *cmd)
{
	uint32_t lines, inflight;
	int arg;

	if (sscanf(cmd, "rest %u %u", &lines, &inflight) == 2 && inflight > 0)
		round_rest(l, lines, inflight);
	else if (sscanf(cmd, "flow %u %u", &lines, &inflight) == 2 &&
	    inflight > 0 && lines > 0)
		round_flow(l, lines, inflight);
	else if (sscanf(cmd, "visits %u %d", &lines, &arg) == 2)
		visit_each(l, lines, arg == 1);
	else if (sscanf(cmd, "churn %u %u", &lines, &inflight) == 2)
		visit_churn(l, lines, inflight);
	else if (sscanf(cmd, "pause %d", &arg) == 1)
		pause_server(l, arg);
	else if (sscanf(cmd, "next %d", &arg) == 1)
		pause_next(l, arg);
	else if (strcmp(cmd, "leave\n") == 0)
		phase(l, crowd_leave);
	else if (strcmp(cmd, "settle\n") == 0)
		phase(l, nothing);
	else if (strcmp(cmd, "close\n") == 0)
		phase(l, close_all);
	else if (strcmp(cmd, "wake\n") == 0)
		round_wake(l);
	else
		die("unknown command: %s", cmd);
}

int
main(int argc, char *argv[])
{
	static struct load l = { .addr.sin_family = AF_INET,
		.nclient = 10,
		.window = 1000,
		.settle = 1500,
		.patience = 30000 };
	char cmd[128];

	l.addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	options(&l, argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	raise_limit(l.nclient + 1000);
	crowd_make(&l);
	phase(&l, crowd_enter);
	while (fgets(cmd, sizeof(cmd), stdin) != NULL)
		command(&l, cmd);
	return 0;
}
