#include <sys/mman.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "banterd/config/loader.h"
#include "banterd/daemon/admit.h"
#include "banterd/daemon/reload.h"
#include "rig.h"

struct rig rig;

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "rig: %s\n", what);
	abort();
}

static uint64_t
rig_clock(void)
{
	return rig.now;
}

static void
complain(void *arg, const char *message)
{
	(void)arg;
	must(false, message);
}

static void
write_config(const char *config)
{
	static const char name[] = "server-name box\n";

	must(ftruncate(rig.conf_fd, 0) == 0 &&
		lseek(rig.conf_fd, 0, SEEK_SET) == 0 &&
		dprintf(rig.conf_fd, "%s%s", name, config) ==
		    (int)(strlen(name) + strlen(config)),
	    "no configuration");
}

void
rig_start(const char *config)
{
	struct config *conf;

	memset(&rig, 0, sizeof(rig));
	/* As signals_reset() has it; a fuzzer has handlers of its own. */
	(void)signal(SIGPIPE, SIG_IGN);
	must(log_open("/dev/null") == 0, "no log");
	/* A file without a name leaves none behind. */
	rig.conf_fd = memfd_create("conf", MFD_CLOEXEC);
	must(rig.conf_fd != -1 && fchmod(rig.conf_fd, 0600) == 0, "no file");
	snprintf(rig.conf_path, sizeof(rig.conf_path), "/proc/self/fd/%d",
	    rig.conf_fd);
	write_config(config);
	conf = config_load(NULL, rig.conf_path, false, complain, NULL);
	must(conf != NULL && loop_init(&rig.srv, conf, rig.conf_path, false),
	    "no daemon");
	/* A reload opens nothing, either. */
	rig.srv.sockets_passed = true;
	rig.now = server_now(&rig.srv);
	rig.srv.clock = rig_clock;
}

void
rig_stop(void)
{
	loop_free(&rig.srv);
	close(rig.conf_fd);
}

bool
rig_reload(const char *config)
{
	write_config(config);
	return reload(&rig.srv);
}

int
rig_connect(const struct address *address, int send_buffer)
{
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		 fds) == 0,
	    "no socket pair");
	if (send_buffer != 0)
		must(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &send_buffer,
			 sizeof(send_buffer)) == 0,
		    "no send buffer");
	rig.runs = true;
	admit(&rig.srv, fds[0], address);
	rig.runs = false;
	return fds[1];
}

void
rig_turn(void)
{
	rig.runs = true;
	loop_turn(&rig.srv, false);
	rig.runs = false;
}

/* The timer of the loop counts real time. */
static void
move_clock(uint64_t to)
{
	rig.now = to;
	rig.srv.clock_is_fresh = false;
	if (rig.srv.timer_due <= rig.now) {
		evtimer_del(rig.srv.timer);
		event_active(rig.srv.timer, EV_TIMEOUT, 0);
		rig.wakes++;
	}
}

void
rig_let_pass(uint64_t ms)
{
	uint64_t until = rig.now + ms;

	while (rig.srv.timer_due < until) {
		move_clock(MIN(MAX(rig.srv.timer_due, rig.now + 10), until));
		if (rig.now == until)
			return;
		rig_turn();
	}
	move_clock(until);
}

void
rig_stand_still(uint64_t ms)
{
	move_clock(rig.now + ms);
}
