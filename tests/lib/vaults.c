#include <sys/param.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/base/deadline.h"
#include "unit.h"
#include "vaults.h"

#define MIRROR 1024 /* messages */

struct calls calls = { .fail_from = UINT_MAX };
bool is_watched = true;
unsigned most_flying;
int ends[VAULT_ENDS];
struct vault *v;
uint64_t now;
unsigned top;
unsigned long long seed;
int files[N_FILES];
struct vault_item *items;
bool living[N_NUMBERS];
unsigned found[N_NUMBERS], order[N_NUMBERS], nfound;

static ino_t inodes[N_FILES];

/* ---- what is in the pairs, and calls that fail ---- */

struct message {
	unsigned n;
	uint64_t numbers[VAULT_BATCH];
};

static struct {
	struct pair {
		struct message messages[MIRROR];
		unsigned first, n;
	} pairs[VAULT_ENDS / 2];
	unsigned flying[N_NUMBERS]; /* how often a number is in flight */
	unsigned total;
} mirror;

static struct pair *
pair_of(int fd)
{
	return &mirror.pairs[fd == ends[2] || fd == ends[3]];
}

ssize_t __real_sendmsg(int, const struct msghdr *, int);
ssize_t __real_recvmsg(int, struct msghdr *, int);
ssize_t __real_recv(int, void *, size_t, int);
ssize_t __wrap_sendmsg(int, const struct msghdr *, int);
ssize_t __wrap_recvmsg(int, struct msghdr *, int);
ssize_t __wrap_recv(int, void *, size_t, int);

static bool
fails(void)
{
	calls.n++;
	if (calls.n < calls.fail_from || calls.n > calls.fail_to)
		return false;
	errno = calls.fault;
	return true;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct iovec *iov = msg->msg_iov;
	struct pair *pair = pair_of(fd);
	struct message *m;
	ssize_t len;
	unsigned i;

	if (fails())
		return -1;
	len = __real_sendmsg(fd, msg, flags);
	if (len == -1 || !is_watched)
		return len;
	m = &pair->messages[(pair->first + pair->n++) % MIRROR];
	m->n = (unsigned)(iov->iov_len / sizeof(m->numbers[0]));
	memcpy(m->numbers, iov->iov_base, iov->iov_len);
	for (i = 0; i < m->n; i++)
		mirror.flying[m->numbers[i]]++;
	mirror.total += m->n;
	most_flying = MAX(most_flying, mirror.total);
	return len;
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return fails() ? -1 : __real_recvmsg(fd, msg, flags);
}

static bool
waits(const struct vault_item *item)
{
	return item->is_in && item->message == NULL;
}

/* Whoever lives is in what stays in the pair, or waits to be. */
ssize_t
__wrap_recv(int fd, void *buf, size_t size, int flags)
{
	struct pair *pair = pair_of(fd);
	const struct message *m;
	ssize_t len;
	unsigned i;

	if (fails())
		return -1;
	len = __real_recv(fd, buf, size, flags);
	if (len == -1 || !is_watched || pair->n == 0 || (flags & MSG_PEEK) != 0)
		return len;
	m = &pair->messages[pair->first++ % MIRROR];
	pair->n--;
	for (i = 0; i < m->n; i++)
		if (--mirror.flying[m->numbers[i]] == 0 &&
		    living[m->numbers[i]] && !waits(&items[m->numbers[i]]))
			ck_abort_msg("%u is lost", (unsigned)m->numbers[i]);
	mirror.total -= m->n;
	return len;
}

/* ---- the fixture ---- */

static void
open_files(void)
{
	struct stat st;
	int i, pair[2];

	for (i = 0; i < N_FILES; i++) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		close(pair[1]);
		files[i] = pair[0];
		ck_assert_int_eq(fstat(files[i], &st), 0);
		inodes[i] = st.st_ino;
	}
}

void
vaults_setup(void)
{
	now = 5000;
	seed = SEED;
	ck_assert(vault_make(ends));
	v = vault_new(ends);
	ck_assert_ptr_nonnull(v);
	items = calloc(N_NUMBERS, sizeof(*items));
	ck_assert_ptr_nonnull(items);
	open_files();
}

void
vaults_teardown(void)
{
	int i;

	vault_free(v);
	free(items);
	for (i = 0; i < N_FILES; i++)
		close(files[i]);
	for (i = 0; i < VAULT_ENDS; i++)
		close(ends[i]);
}

void
vaults_add(unsigned from, unsigned n)
{
	for (; n > 0; n--, from++)
		vault_add(v, &items[from], files[from % N_FILES], from);
	top = MAX(top, from);
}

void
vaults_flush(void)
{
	unsigned i;

	vault_flush(v, now);
	for (i = 0; i < top; i++)
		if (items[i].message != NULL)
			living[i] = true;
}

bool
vaults_remove(unsigned from, unsigned n)
{
	bool may_be_held = false;

	for (; n > 0; n--, from++) {
		living[from] = false;
		may_be_held = vault_remove(v, &items[from], now);
	}
	return may_be_held;
}

void
vaults_come_and_go(unsigned steps)
{
	unsigned i, n;

	for (i = 0; i < steps; i++) {
		n = 1 + unit_random(&seed) % (i % 16 == 0 ? 300 : 4);
		vaults_add(top, n);
		vaults_flush();
		for (n = unit_random(&seed) % 70; n > 0; n--)
			vaults_remove(unit_random(&seed) % top, 1);
		now += unit_random(&seed) % 200;
		vault_tick(v, now);
		vaults_flush();
	}
}

/* ---- what another process would find ---- */

bool
vaults_is_file_of(int fd, uint64_t number)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == inodes[number % N_FILES];
}

static struct vault_item *
note(void *arg, uint64_t number, int fd)
{
	(void)arg;
	if (number >= top || !vaults_is_file_of(fd, number))
		ck_abort_msg("number %llu comes with another's descriptor",
		    (unsigned long long)number);
	order[nfound++] = (unsigned)number;
	found[number]++;
	return NULL;
}

void
vaults_look(void)
{
	struct vault *other = vault_new(ends);
	int before = dup(ends[0]), after;

	close(before);
	memset(found, 0, top * sizeof(found[0]));
	nfound = 0;
	ck_assert_ptr_nonnull(other);
	ck_assert(vault_take_over(other, note, NULL, now));
	vault_free(other);
	after = dup(ends[0]);
	close(after);
	ck_assert_int_eq(after, before); /* it has closed them all */
}

void
vaults_check(bool exactly)
{
	unsigned i;

	vaults_look();
	for (i = 0; i < top; i++) {
		if (items[i].message != NULL && found[i] == 0)
			ck_abort_msg("%u is not found", i);
		if (exactly && found[i] != (items[i].message != NULL))
			ck_abort_msg("%u is found %u times", i, found[i]);
	}
}

void
vaults_settle(void)
{
	int i;

	for (i = 0; i < 8; i++) {
		now += MAX(VAULT_DEAD_MS, VAULT_RETRY_MS);
		vault_tick(v, now);
		vaults_flush();
	}
	ck_assert_uint_eq(vault_waiting(v), 0);
	ck_assert_int_eq(vault_refused(v), 0);
	ck_assert_uint_eq(vault_dead(v), 0);
	ck_assert(vault_due(v) == NEVER);
}

static struct vault_item *
adopt(void *arg, uint64_t number, int fd)
{
	const bool *wanted = arg;

	if (number >= top || !wanted[number] || items[number].is_in)
		return NULL;
	if (!vaults_is_file_of(fd, number))
		ck_abort_msg("another's descriptor");
	return &items[number];
}

bool
vaults_succeed(void)
{
	unsigned i;

	vault_free(v);
	for (i = 0; i < top; i++)
		if (items[i].is_in && items[i].fd != files[i % N_FILES])
			close(items[i].fd);
	memset(items, 0, top * sizeof(*items));
	v = vault_new(ends);
	ck_assert_ptr_nonnull(v);
	return vault_take_over(v, adopt, living, now);
}

int
vaults_main(const char *name, const TTest *const tests[])
{
	int pair[2], at = 0;
	bool is_known;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == -1)
		return EXIT_FAILURE;
	is_known = setsockopt(pair[1], SOL_SOCKET, SO_PEEK_OFF, &at,
		       sizeof(at)) == 0 ||
	    errno != ENOPROTOOPT;
	close(pair[0]);
	close(pair[1]);
	return is_known ?
	    unit_main(name, vaults_setup, vaults_teardown, tests) :
	    77;
}
