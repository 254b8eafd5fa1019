/* Who finds what another process has left in the vault. */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "vaults.h"

/* ---- those who come after ---- */

START_TEST(taken_over)
{
	unsigned i;

	vaults_add(0, 300);
	vaults_flush();
	vaults_add(300, 3);
	vaults_flush();
	vaults_remove(100, 50);
	vaults_remove(302, 1);
	calls.n = 0;
	ck_assert(vaults_succeed());
	ck_assert_uint_eq(calls.n, 3);
	ck_assert_uint_eq(vault_messages(v), 3);
	ck_assert_uint_eq(vault_dead(v), 51);
	ck_assert(vault_due(v) == now + VAULT_DEAD_MS);
	for (i = 0; i < top; i++) {
		ck_assert(items[i].is_in == living[i]);
		if (!living[i])
			continue;
		if (fcntl(items[i].fd, F_GETFD) != FD_CLOEXEC)
			ck_abort_msg("%u outlives an exec", i);
		if (items[i].number != i || !vaults_is_file_of(items[i].fd, i))
			ck_abort_msg("%u is another", i);
	}
	vaults_settle();
	ck_assert_uint_eq(vault_messages(v), 2);
	vaults_check(true);
	vaults_come_and_go(10);
	vaults_settle();
	vaults_check(true);
}
END_TEST

START_TEST(taken_over_again_and_again)
{
	unsigned i;

	vaults_come_and_go(20);
	for (i = 0; i < 3; i++) {
		ck_assert(vaults_succeed());
		vaults_check(false);
	}
	vaults_settle();
	vaults_check(true);
	ck_assert_uint_gt(nfound, 100);
}
END_TEST

/* Who dies between sending them again and dropping the old message leaves them
 * twice. */
START_TEST(twice_in_flight)
{
	vaults_add(0, 10);
	vaults_flush();
	vaults_add(10, 10);
	vaults_flush();
	vaults_remove(12, 1);
	calls.fault = ENOMEM;
	calls.n = 0;
	calls.fail_from = calls.fail_to = 2;
	now += VAULT_DEAD_MS;
	ck_assert(vault_tick(v, now) == now + VAULT_RETRY_MS);
	ck_assert(vault_tick(v, now + 1) == now + VAULT_RETRY_MS);
	ck_assert_uint_eq(calls.n, 2);
	vaults_look();
	ck_assert_uint_eq(found[0], 2);
	ck_assert_uint_eq(nfound, 20 + 19);
	ck_assert(vaults_succeed());
	ck_assert_uint_eq(vault_dead(v), 20);
	vaults_check(false);
	vaults_settle();
	vaults_check(true);
	ck_assert_uint_eq(nfound, 19);
}
END_TEST

/* What cannot be looked at for a moment is looked at again. */
START_TEST(failing_look)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		vaults_add(10 * i, 10);
		vaults_flush();
	}
	calls.fault = ENOMEM;
	calls.fail_from = calls.fail_to = calls.n + 2;
	ck_assert(vaults_succeed());
	vaults_check(true);
	ck_assert_uint_eq(nfound, 30);
	/* then it is lost, with all that is behind it left */
	calls.fail_from = calls.n + 2;
	calls.fail_to = calls.n + 3;
	errno = 0;
	ck_assert(!vaults_succeed());
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert(items[9].is_in && !items[10].is_in);
	ck_assert(!items[19].is_in && items[20].is_in);
	ck_assert_uint_eq(vault_dead(v), 10);
	vaults_remove(10, 10);
	vaults_settle();
	vaults_check(true);
	ck_assert_uint_eq(nfound, 20);
}
END_TEST

/* ---- what no vault has sent ---- */

static const struct odd {
	size_t len;
	unsigned nfds;
	int type;
} odd[] = {
	{ 8, 0, 0 },                  /* a number without a descriptor */
	{ 16, 1, SCM_RIGHTS },        /* too few */
	{ 8, 2, SCM_RIGHTS },         /* too many */
	{ 7, 1, SCM_RIGHTS },         /* half a number */
	{ 9, 1, SCM_RIGHTS },         /* and one and a bit */
	{ 8 * 254, 253, SCM_RIGHTS }, /* more numbers than can be */
	{ 9000, 3, SCM_RIGHTS },      /* more than is looked at */
	{ 12, 1, SCM_CREDENTIALS },   /* something else */
};

static void
send_odd(const struct odd *o)
{
	static char data[9000],
	    control[CMSG_SPACE(VAULT_BATCH_MAX * sizeof(int))];
	struct ucred self = { getpid(), getuid(), getgid() };
	struct iovec iov = { data, o->len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg = (struct cmsghdr *)(void *)control;
	size_t size = sizeof(int) * o->nfds;

	if (o->type == SCM_CREDENTIALS)
		size = sizeof(self);
	if (o->nfds > 0) {
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = o->type;
		cmsg->cmsg_len = CMSG_LEN(size);
		memset(CMSG_DATA(cmsg), 0, size); /* descriptor 0 */
		if (o->type == SCM_CREDENTIALS)
			memcpy(CMSG_DATA(cmsg), &self, size);
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(size);
	}
	ck_assert_int_eq(sendmsg(ends[0], &msg, MSG_DONTWAIT), (ssize_t)o->len);
}

START_TEST(odd_messages)
{
	const unsigned n = sizeof(odd) / sizeof(odd[0]);
	unsigned i, start;

	is_watched = false;
	for (start = 0; start < n; start++) {
		for (i = 0; i < n; i++) {
			send_odd(&odd[(start + i) % n]);
			vaults_add(top, 3);
			vaults_flush();
		}
		ck_assert(vaults_succeed()); /* the first to look at them, */
		ck_assert(vaults_succeed()); /* and not the first */
		vaults_check(true);
		ck_assert_uint_eq(nfound, top);
		vaults_settle();
		vaults_check(true);
		ck_assert_uint_eq(nfound, top);
	}
}
END_TEST

START_TEST(odd_message_alone)
{
	is_watched = false;
	send_odd(&odd[0]);
	ck_assert(vaults_succeed());
	ck_assert_uint_eq(vault_messages(v), 1);
	vaults_settle();
	ck_assert_uint_eq(vault_messages(v), 0);
}
END_TEST

START_TEST(too_few_descriptors)
{
	static const struct odd overlong = { 8 * 254, 253, SCM_RIGHTS };
	struct rlimit limit, old;

	is_watched = false;
	send_odd(&overlong); /* leaves none behind */
	vaults_add(0, 10);
	vaults_flush();
	vaults_add(10, 2);
	vaults_flush();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = (rlim_t)dup(0) + 3;
	close((int)limit.rlim_cur - 3);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	errno = 0;
	ck_assert(!vaults_succeed());
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert(items[2].is_in && !items[3].is_in && !items[11].is_in);
	ck_assert_uint_eq(vault_dead(v), 3 + 9);
	memset(living + 3, 0, 9);
	vaults_settle();
	vaults_check(true);
	ck_assert_uint_eq(nfound, 3);
}
END_TEST

/* Those without data cannot be told from none, nor seen twice: nobody is lost
 * for that. */
START_TEST(empty_messages)
{
	static const struct odd nothing = { 0, 0, 0 },
				numberless = { 0, 1, SCM_RIGHTS };
	unsigned i;

	is_watched = false;
	send_odd(&nothing);
	for (i = 0; i < 10; i++) {
		vaults_add(top, 3);
		vaults_flush();
		send_odd(i < 5 ? &numberless : &nothing);
	}
	for (i = 0; i < 2; i++) {
		ck_assert(vaults_succeed());
		vaults_check(false);
		vaults_settle();
		vaults_check(false);
	}
	vaults_come_and_go(20);
	vaults_check(false);
}
END_TEST

/* ---- killed ---- */

enum state { UNKNOWN, SENT, GONE };

static struct shared {
	unsigned steps, next;
	unsigned char state[N_NUMBERS]; /* enum state */
} * shared;

static struct vault_item *
go_on(void *arg, uint64_t number, int fd)
{
	(void)arg;
	if (shared->state[number] == GONE || items[number].is_in)
		return NULL;
	if (!vaults_is_file_of(fd, number))
		_exit(1);
	shared->state[number] = SENT;
	return &items[number];
}

static void
come(void)
{
	unsigned n, i;

	for (n = unit_random(&seed) % 4; n > 0; n--) {
		i = shared->next;
		if (i == N_NUMBERS)
			return;
		shared->next++;
		vault_add(v, &items[i], dup(files[i % N_FILES]), i);
	}
}

static void
go(unsigned i)
{
	if (!items[i].is_in)
		return;
	shared->state[i] = GONE;
	vault_remove(v, &items[i], now);
	close(items[i].fd);
}

/* Takes over, and goes on until it is killed. */
static _Noreturn void
live(void)
{
	unsigned oldest = 0, i;

	if (!vault_take_over(v, go_on, NULL, now))
		_exit(1);
	for (;;) {
		come();
		vault_flush(v, now);
		for (i = oldest; i < shared->next; i++)
			if (items[i].message != NULL)
				shared->state[i] = SENT;
		while (oldest + 300 < shared->next)
			go(oldest++);
		if (shared->next > 0)
			go(unit_random(&seed) % shared->next);
		now += 200;
		vault_tick(v, now);
		shared->steps++;
	}
}

static void
live_and_die(void)
{
	unsigned until = shared->steps + unit_random(&seed) % 40;
	int status;
	pid_t pid;

	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0)
		live();
	while (*(volatile unsigned *)&shared->steps < until &&
	    waitpid(pid, &status, WNOHANG) == 0)
		sched_yield();
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
}

START_TEST(killed)
{
	unsigned life, i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	is_watched = false;
	for (life = 0; life < 100; life++) {
		live_and_die();
		top = shared->next;
		vaults_look();
		for (i = 0; i < top; i++) {
			living[i] = shared->state[i] == SENT;
			if (living[i] && found[i] == 0)
				ck_abort_msg("life %u: %u is lost", life, i);
		}
	}
	ck_assert(vaults_succeed());
	vaults_settle();
	vaults_check(true);
	ck_assert_uint_gt(top, 1000);
	ck_assert_uint_gt(nfound, 100);
}
END_TEST

/* What could not be looked at lies before what comes later, and nobody knows
 * of it: then nobody is out of the ring at once. */
START_TEST(hidden)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		vaults_add(i, 1);
		vaults_flush();
	}
	calls.fault = ENOMEM;
	calls.fail_from = calls.n + 2;
	calls.fail_to = calls.n + 4;
	ck_assert(!vaults_succeed());
	is_watched = false;
	ck_assert(items[0].is_in && !items[2].is_in);
	vaults_add(3, 1);
	vaults_flush();
	(void)vaults_remove(0, 1);
	ck_assert(vaults_remove(3, 1));
}
END_TEST

VAULTS_MAIN("heirs", hidden, taken_over, taken_over_again_and_again,
    twice_in_flight, too_few_descriptors, failing_look, odd_messages,
    odd_message_alone, empty_messages, killed)
