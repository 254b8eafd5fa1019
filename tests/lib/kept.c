#include <sys/mman.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "banterd/daemon/admit.h"
#include "banterd/daemon/takeover.h"
#include "kept.h"
#include "unit.h"

struct kept_fixture kept;

/* ---- the manager ---- */

static int
find_held(const char *name)
{
	int i;

	for (i = 0; i < kept.nstore; i++) {
		if (strcmp(kept.store[i].name, name) == 0)
			return i;
	}
	return -1;
}

int
kept_held(const char *name)
{
	int i = find_held(name);

	return i != -1 ? kept.store[i].fd : -1;
}

static void
let_go(const char *name)
{
	int i;

	while ((i = find_held(name)) != -1) {
		close(kept.store[i].fd);
		kept.store[i] = kept.store[--kept.nstore];
	}
}

static void
hold(const char *name, int fd)
{
	struct kept_descriptor *d = &kept.store[kept.nstore++];

	ck_assert_int_le(kept.nstore, 16);
	ck_assert_int_ne(fd, -1);
	d->fd = fd;
	strlcpy(d->name, name, sizeof(d->name));
}

static int
descriptor_in(struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (cmsg != NULL)
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/* Does what the server has told it to do. */
static void
run_manager(void)
{
	static const char store[] = "FDSTORE=1\nFDPOLL=0\nFDNAME=",
			  forget[] = "FDSTOREREMOVE=1\nFDNAME=";
	char text[256], control[64];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	for (;;) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		n = recvmsg(
		    kept.manager, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n == -1)
			return;
		text[n] = '\0';
		if (strncmp(text, store, strlen(store)) == 0)
			hold(text + strlen(store), descriptor_in(&msg));
		else if (strncmp(text, forget, strlen(forget)) == 0)
			let_go(text + strlen(forget));
	}
}

/* What it passes to the next server: as systemd does, a copy of each. */
static void
pass(struct notify_passed *passed)
{
	int i;

	run_manager();
	memset(passed, 0, sizeof(*passed));
	passed->list = calloc(16, sizeof(*passed->list));
	ck_assert_ptr_nonnull(passed->list);
	for (i = 0; i < kept.nstore; i++) {
		passed->list[i].fd = dup(kept.store[i].fd);
		passed->list[i].name = kept.store[i].name;
		ck_assert_int_ne(passed->list[i].fd, -1);
	}
	passed->n = kept.nstore;
}

static void
close_passed(struct notify_passed *passed)
{
	int i;

	for (i = 0; i < passed->n; i++) {
		if (passed->list[i].fd != -1)
			close(passed->list[i].fd);
	}
	notify_passed_free(passed);
}

/* ---- the log ---- */

static void
open_log(void)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", kept.log);
	ck_assert_int_eq(log_open(path), 0);
}

void
kept_forget_log(void)
{
	ck_assert_int_eq(ftruncate(kept.log, 0), 0);
}

unsigned
kept_logged(const char *text)
{
	static char log[1 << 20];
	ssize_t n = pread(kept.log, log, sizeof(log) - 1, 0);
	const char *at = log;
	unsigned times = 0;

	ck_assert_int_ge(n, 0);
	log[n] = '\0';
	for (; (at = strstr(at, text)) != NULL; at += strlen(text))
		times++;
	return times;
}

void
kept_nothing_is_wrong(void)
{
	ck_assert_uint_eq(kept_logged("cannot"), 0);
	ck_assert_uint_eq(kept_logged("lost"), 0);
	ck_assert_uint_eq(kept_logged("error"), 0);
	ck_assert_uint_eq(kept_logged("warning"), 0);
}

/* ---- servers ---- */

/* The rig is there; the server begins with what the manager passes, as main()
 * has it. */
static void
begin(void)
{
	struct notify notify = { .fd = dup(kept.daemon) };
	struct notify_passed passed;

	pass(&passed);
	open_log();
	rig.runs = true;
	kept.keep = keep_new(&notify, &passed);
	if (kept.keep == NULL)
		keep_refuse(&notify, &passed);
	rig.srv.notify = notify;
	if (kept.keep != NULL)
		keep_attach(kept.keep, &rig.srv);
	while (kept.nearly > 0)
		admit_listener_ops.accepted(
		    &rig.srv, kept.early[--kept.nearly], NULL);
	takeover(&rig.srv);
	rig.runs = false;
	close_passed(&passed);
	run_manager();
}

void
kept_start(const char *config)
{
	int ends[2];

	memset(&kept, 0, sizeof(kept));
	kept.log = memfd_create("log", MFD_CLOEXEC);
	ck_assert_int_ne(kept.log, -1);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	kept.manager = ends[0];
	kept.daemon = ends[1];
	daemon_start(config);
	begin();
}

void
kept_stop(void)
{
	daemon_stop();
	keep_free(kept.keep);
	run_manager();
	while (kept.nstore > 0)
		close(kept.store[--kept.nstore].fd);
	close(kept.manager);
	close(kept.daemon);
	(void)log_open("/dev/null");
	close(kept.log);
}

static void
note_numbers(void)
{
	const struct client *c;
	int i;

	memset(kept.numbers, 0, sizeof(kept.numbers));
	for (i = 0; i < DAEMON_PEERS; i++) {
		TAILQ_FOREACH(c, &rig.srv.clients, next) {
			if (fixture.peers[i].fd != -1 &&
			    fixture.peers[i].c == c)
				kept.numbers[i] = conn_number(c->out.conn);
		}
		fixture.peers[i].c = NULL;
	}
}

static void
find_clients(void)
{
	struct client *c;
	int i;

	TAILQ_FOREACH(c, &rig.srv.clients, next) {
		for (i = 0; i < DAEMON_PEERS; i++) {
			if (conn_number(c->out.conn) == kept.numbers[i])
				fixture.peers[i].c = c;
		}
	}
}

/* The process is gone. */
static void
end(void)
{
	loop_free(&rig.srv);
	keep_free(kept.keep);
	kept.keep = NULL;
	close(rig.conf_fd);
}

bool
kept_hand_over(void)
{
	bool ok = false;

	note_numbers();
	while (fanout_is_owing(rig.srv.fanout))
		rig_turn();
	rig.runs = true;
	if (kept.keep != NULL)
		ok = keep_hand_over(kept.keep);
	rig.runs = false;
	if (!ok) {
		loop_stop(&rig.srv);
		daemon_settle();
		if (kept.keep != NULL)
			keep_stop(kept.keep);
	}
	end();
	return ok;
}

void
kept_fault(void)
{
	note_numbers();
	if (rig.srv.keep != NULL)
		keep_leave(kept.keep);
	rig.srv.conns.are_handed_over = true;
	rig.srv.listeners.are_handed_over = true;
	end();
}

void
kept_succeed(const char *config)
{
	uint64_t now = rig.now;

	rig_start(config);
	rig.now = now;
	rig.srv.clock_is_fresh = false;
	begin();
	find_clients();
}

struct peer *
kept_arrive_early(void)
{
	struct peer *p = daemon_free_peer();
	int ends[2];

	ck_assert_int_lt(kept.nearly, 4);
	ck_assert_int_eq(
	    socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
	    0);
	p->fd = ends[0];
	kept.early[kept.nearly++] = ends[1];
	return p;
}

void
kept_hang_up(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
	p->len = 0;
}

void
kept_upgrade(const char *config)
{
	ck_assert(kept_hand_over());
	kept_succeed(config);
	daemon_settle();
}

void
kept_crash(const char *config)
{
	kept_fault();
	kept_succeed(config);
	daemon_settle();
}

void
kept_next(int fault, const char *config)
{
	kept.keep->life->faults = 0;
	if (fault)
		kept_crash(config);
	else
		kept_upgrade(config);
}

void
kept_talk(struct peer *a, struct peer *b)
{
	daemon_forget();
	daemon_type(a, "talk");
	ck_assert(daemon_has(b, "talk\r\n"));
	daemon_forget();
}

static bool
can_peek(void)
{
	int fds[2], zero = 0;
	bool can;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
		return false;
	can = setsockopt(
		  fds[0], SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof(zero)) == 0;
	close(fds[0]);
	close(fds[1]);
	return can;
}

int
kept_run(Suite *suite)
{
	return can_peek() ? unit_run(suite) : 77;
}
