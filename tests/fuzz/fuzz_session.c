/*
 * The whole server but its listeners: clients that connect, type, fall
 * silent, break off and sleep, a clock that leaps and configurations that
 * change, as the bytes of the input say.  After each step all that must be
 * true is checked; what each client is sent is compared with what the
 * registry handed out for it; and when all have left, everything, memory too,
 * is back at the start.
 *
 * The input: two bytes choose the configuration, one how it ends and how large
 * rooms seem to be; then each step is a byte
 * (low half: what; high half: who), with bytes of its own behind it.
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/daemon/stats.h"
#include "fuzz.h"
#include "rig.h"
#include "session.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
/* As in <sanitizer/allocator_interface.h>, which not every compiler brings. */
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

#define MAX_STEPS  300
#define MAX_SETTLE 1000 /* turns until those who read have all */
#define DRAIN      4000 /* turns until all must have left */
#define LINGERING  2000 /* ms until nobody's end is waited for any more */

struct session session;

static int motd_fd;
static char motd_path[32];

/* Exact with the address sanitizer; else there is nothing to compare. */
static size_t
memory_in_use(void)
{
#ifdef WITH_ASAN
	return __sanitizer_get_current_allocated_bytes();
#else
	/* The C library's own count has its caches in it. */
	return 0;
#endif
}

/* ---- configurations ---- */

static const char bare_config[] = "default-room none\nhistory 0\nrate off\n";

static unsigned
max_unsigned(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

static void
note_limits(void)
{
	const struct config *conf = rig.srv.conf;
	const struct config_room *room;
	struct limits *l = &session.limits;
	unsigned listed = conf->default_room != NULL;

	TAILQ_FOREACH(room, &conf->rooms, next)
		listed++;
	l->max_clients = max_unsigned(l->max_clients, conf->max_clients);
	l->max_per_host = max_unsigned(l->max_per_host, conf->max_per_host);
	l->max_rooms = max_unsigned(l->max_rooms, conf->max_rooms);
	l->max_joined = max_unsigned(l->max_joined, conf->max_joined);
	l->send_queue = max_unsigned(l->send_queue, conf->send_queue);
	/* The past is cut to what is in force now. */
	l->history = conf->history;
	l->listed += listed;
}

static void
reconfigure(const char *text)
{
	FUZZ_CHECK(rig_reload(text), "not reloaded: %s", text);
	note_limits();
}

static void
reload_chosen(uint8_t a, uint8_t b)
{
	static const char *const rates[] = { "off", "20 5", "1 1", "3 1000" };
	static const char *const queues[] = { "4K", "8K", "64K", "256K" };
	static const char *const lines[] = { "1024", "64", "1024", "16384" };
	static const char *const pasts[] = { "50", "0", "2", "1000" };
	char text[1024];

	snprintf(text, sizeof(text),
	    "rate %s\nsend-queue %s\n"
	    "max-line %s\nhistory %s\nlogin-timeout 5\nstall-timeout %d\n"
	    "%s%s%s%s%s%s%s%s%s",
	    rates[a & 3], queues[a >> 2 & 3], lines[a >> 4 & 3],
	    pasts[b >> 6 & 3], a >> 6 & 1 ? 60 : 5,
	    a >> 7 & 1 ? "password \"pw w\"\n" : "",
	    b & 1 ? "default-room none\n" : "default-room #Lobby\n",
	    b & 2 ? "room #dev topic \"release\" key k\nroom #ops\n" : "",
	    b & 4 ? "max-rooms 2\nmax-joined 2\n" : "",
	    b & 8 ? "max-clients 3\nmax-per-host 2\n" : "",
	    b & 16 ? "deny 10.0.0.0/24\ndeny fd00::/64\n" : "",
	    b & 32 ? "motd " : "", b & 32 ? motd_path : "", b & 32 ? "\n" : "");
	reconfigure(text);
}

/* ---- turns ---- */

static void
turn(void)
{
	size_t i;

	do
		rig_turn();
	while (fanout_is_owing(rig.srv.fanout));
	peers_sync();
	for (i = 0; i < PEERS; i++)
		peer_read(&session.peers[i]);
	check_server(&rig.srv, &session.limits);
}

/* Turns until those who read have all that is theirs. */
static void
settle(void)
{
	int i, owed;
	size_t j;

	for (i = 0; i < MAX_SETTLE; i++) {
		turn();
		for (j = 0, owed = 0; j < PEERS; j++)
			owed += session.peers[j].fd != -1 &&
			    !session.peers[j].asleep &&
			    session.peers[j].len > 0;
		if (owed == 0)
			return;
	}
	FUZZ_CHECK(false, "one who reads does not get what is theirs");
}

/* ---- what people type ---- */

static const char *const phrases[] = { "hello\n", "/nick %n\n", "/join %r\n",
	"/join %r k\n", "/leave\n", "/leave %r bye\n", "/msg %n psst %t\n",
	"/msg %r hi\n", "/reply yes %t\n", "/me waves\n", "/who\n", "/who %r\n",
	"/rooms\n", "/whois %n\n", "/topic %t\n", "/topic\n", "/history\n",
	"/history 2\n", "/away %t\n", "/away\n", "/back\n", "/ignore %n\n",
	"/ignore\n", "/unignore %n\n", "/kick %n %t\n", "/op %n\n",
	"/set time on\n", "/set time off\n", "/set quiet on\n",
	"/set bell on\n", "/set\n", "/pass pw w\n", "/pass wrong\n", "/help\n",
	"/help join\n", "/quit %t\n", "/quit\n", "/nosuch %t\n", "//slash\n",
	"%n: %t\n", "\n", "/join %n %t\n", "\xff\xf6", "\xff\xfd\x06",
	"\xff\xfb\x01\xff\xfd\x03", "ab\xff\xf7", "ab\xff\xf8", "\xff\xfa\x18",
	"\xff\xf0", "abc\r", "\b\x7f", "\xe2\x82", "\xff\xff",
	"\x1b[31m\xc2\x9b\n", "/kick %n\n", "/join %r\nhi\n/leave\n",
	"/nick %n\n/join %r\n%t\n/quit\n", "unfinished %t" };

static const char *const nicks[] = { "ann", "Bob", "guest1", "guest2", "ANN",
	"guest3", "x", "abcdefghijklmnopqrstuvwx" };
static const char *const rooms[] = { "#lobby", "#a", "b", "#dev", "#ops", "#A",
	"c", "#abcdefghijklmnopqrstuvwxyz012345" };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Fills in %n, %r and %t. */
static size_t
make_phrase(struct fuzz_input *in, char *buf, size_t size)
{
	const char *p = phrases[fuzz_byte(in) % COUNT(phrases)];
	uint8_t with = fuzz_byte(in);
	const uint8_t *text;
	size_t len = 0, n;

	for (; *p != '\0'; p++) {
		if (*p != '%') {
			buf[len++] = *p;
			continue;
		}
		p++;
		if (*p == 'n')
			len += (size_t)snprintf(
			    buf + len, size - len, "%s", nicks[with & 7]);
		else if (*p == 'r')
			len += (size_t)snprintf(
			    buf + len, size - len, "%s", rooms[with >> 3 & 7]);
		else {
			n = fuzz_take(in, with >> 4, &text);
			if (n > 0)
				memcpy(buf + len, text, n);
			len += n;
		}
	}
	return len;
}

/* Much at once: so many lines of such a length. */
static void
send_much(struct peer *p, uint8_t n, uint8_t length)
{
	static char buf[16384];
	size_t len = 0, i, width = 1 + 8 * (size_t)length;

	for (i = 0; i < n && len + width + 1 < sizeof(buf); i++) {
		memset(buf + len, (n & 1) != 0 ? 'y' : 0x80, width);
		len += width;
		buf[len++] = '\n';
	}
	peer_send(p, buf, len);
}

/* ---- steps ---- */

#define AFTER_LEAP 100 /* ms until what is due then is done */
static const uint64_t leaps[] = { 1, 10, 100, 999, 1000, 2000, 5000, 10000,
	30000, 60000, 61000, 3600000, 500, 250, 1001, 86400000 };

enum step {
	STEP_PHRASE,
	STEP_PHRASE_2,
	STEP_PHRASE_3,
	STEP_PHRASE_CUT,
	STEP_BYTES,
	STEP_MUCH,
	STEP_CONNECT,
	STEP_HALF_CLOSE,
	STEP_CLOSE,
	STEP_SLEEP,
	STEP_WAKE,
	STEP_CLOCK,
	STEP_RELOAD,
	STEP_DEAF,
	STEP_SILENT, /* no turn after the next step */
	STEP_TURNS
};

static void
step_phrase(struct peer *p, struct fuzz_input *in, bool cut)
{
	char buf[256];
	size_t len = make_phrase(in, buf, sizeof(buf)), at = len;

	if (cut && len > 0)
		at = fuzz_byte(in) % len;
	peer_send(p, buf, at);
	if (at < len) {
		turn();
		peer_send(p, buf + at, len - at);
	}
}

static void
step_bytes(struct peer *p, struct fuzz_input *in)
{
	const uint8_t *bytes;
	size_t n = fuzz_take(in, fuzz_byte(in), &bytes);

	peer_send(p, bytes, n);
}

static void
run_step(enum step what, struct peer *p, struct fuzz_input *in)
{
	uint8_t a;

	switch (what) {
	case STEP_PHRASE:
	case STEP_PHRASE_2:
	case STEP_PHRASE_3:
	case STEP_PHRASE_CUT:
		step_phrase(p, in, what == STEP_PHRASE_CUT);
		break;
	case STEP_BYTES:
		step_bytes(p, in);
		break;
	case STEP_MUCH:
		a = fuzz_byte(in);
		send_much(p, a, fuzz_byte(in));
		break;
	case STEP_CONNECT:
		peer_close(p);
		break;
	case STEP_HALF_CLOSE:
		if (p->fd != -1)
			shutdown(p->fd, SHUT_WR);
		break;
	case STEP_CLOSE:
		peer_close(p);
		break;
	case STEP_SLEEP:
		p->asleep = p->has_slept = true;
		break;
	case STEP_WAKE:
		p->asleep = false;
		break;
	case STEP_CLOCK:
		/* Nothing that is there is too late after a leap. */
		settle();
		rig_stand_still(leaps[fuzz_byte(in) % COUNT(leaps)]);
		settle();
		rig_let_pass(AFTER_LEAP);
		break;
	case STEP_RELOAD:
		a = fuzz_byte(in);
		reload_chosen(a, fuzz_byte(in));
		break;
	case STEP_DEAF:
		p->has_slept = true;
		if (p->fd != -1)
			shutdown(p->fd, SHUT_RD);
		break;
	case STEP_SILENT:
		break;
	case STEP_TURNS:
		if ((fuzz_byte(in) & 7) == 7)
			stats_log(&rig.srv);
		turn();
		turn();
		break;
	}
}

static void
play(struct fuzz_input *in)
{
	bool silent = false;
	struct peer *p;
	uint8_t byte;
	enum step what;
	int i;

	for (i = 0; i < MAX_STEPS && in->left > 0; i++) {
		byte = fuzz_byte(in);
		what = byte & 15;
		p = &session.peers[byte >> 4 & (PEERS - 1)];
		/* Whoever is to do something comes first. */
		if (p->fd == -1 && p->c == NULL && what <= STEP_CONNECT)
			peer_connect(p, fuzz_byte(in));
		run_step(what, p, in);
		if (!silent)
			turn();
		silent = what == STEP_SILENT;
	}
}

/* ---- the end ---- */

static void
drain(void)
{
	int i;

	for (i = 0; !TAILQ_EMPTY(&rig.srv.clients); i++) {
		FUZZ_CHECK(i < DRAIN, "somebody never leaves");
		if (i % 8 == 7)
			rig_let_pass(6000);
		turn();
	}
}

static void
all_leave(void)
{
	size_t i;

	for (i = 0; i < PEERS; i++)
		peer_close(&session.peers[i]);
	reconfigure(bare_config);
	drain();
	/* Sums, penalties and memory to be given back are all due. */
	for (i = 0; i < 3; i++) {
		rig_let_pass(2 * HOST_EXPIRY_MS);
		turn();
	}
	for (i = 0; i < 3 * PEERS; i++)
		hosts_expire(&rig.srv.hosts, rig.now);
	check_empty(&rig.srv);
}

/* The other end: everybody who reads is told, and all that is theirs comes. */
static void
server_stops(void)
{
	int i;
	size_t j;

	settle();
	loop_stop(&rig.srv);
	for (i = 0; i < 64; i++)
		turn();
	for (j = 0; j < PEERS; j++) {
		FUZZ_CHECK(session.peers[j].len == 0 ||
			session.peers[j].has_slept || session.peers[j].fd == -1,
		    "%zu bytes were not sent before the end",
		    session.peers[j].len);
		peer_close(&session.peers[j]);
	}
	for (i = 0; i < 8; i++)
		turn();
	/* The end of one who has sent more than it may is not seen. */
	rig_let_pass(LINGERING);
	turn();
	FUZZ_CHECK(TAILQ_EMPTY(&rig.srv.clients), "somebody stays");
}

/* ---- the beginning ---- */

static void
start_server(void)
{
	rig_start(bare_config);
	rig.srv.registry.ops = &peer_registry_ops;
	check_begin(&rig.srv);
	session.number = 0;
	note_limits();
}

/* What libevent, stdio and the registry keep for good, they get now. */
static void
warm_up(void)
{
	size_t i, round;
	int spare;

	for (round = 0; round < 2; round++) {
		spare = dup(motd_fd);
		if (round == 0)
			close(spare);
		for (i = 0; i < PEERS; i++)
			peer_connect(&session.peers[i], 2);
		turn();
		all_leave();
		if (round == 1)
			close(spare);
	}
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char motd[] = "Be kind.\n\n\x1b[31mred\n";
	size_t i;

	(void)argc;
	(void)argv;
	setenv("TZ", "UTC", 1);
	motd_fd = fuzz_file(motd, sizeof(motd) - 1, motd_path);
	for (i = 0; i < PEERS; i++) {
		session.peers[i].fd = -1;
		session.peers[i].expected = mmap(NULL, MAX_EXPECTED,
		    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (session.peers[i].expected == MAP_FAILED)
			abort();
	}
	start_server();
	warm_up();
	return 0;
}

/*
 * libevent keeps 16 bytes for each descriptor number that it has seen, for
 * good; an input may reach a few that warm_up() did not.
 */
#define NEW_DESCRIPTORS 16

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t a = fuzz_byte(&in), b = fuzz_byte(&in), end = fuzz_byte(&in);
	size_t before = memory_in_use();

	memset(&session.limits, 0, sizeof(session.limits));
	rig_let_pass(3600000);
	rig.srv.registry.next_guest = 0;
	session.crowded = (end & 1) != 0;
	reload_chosen(a, b);
	play(&in);
	if (end == 255) {
		server_stops();
		rig_stop();
		start_server();
		warm_up();
		return 0;
	}
	all_leave();
	FUZZ_CHECK(memory_in_use() <= before + NEW_DESCRIPTORS * 16,
	    "%zu bytes in use, %zu before anybody came", memory_in_use(),
	    before);
	return 0;
}
