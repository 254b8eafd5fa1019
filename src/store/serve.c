#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>
#include <event2/event.h>

#include "banterd/base/store_message.h"
#include "banterd/store/admin.h"
#include "banterd/store/aside.h"
#include "banterd/store/backup.h"
#include "banterd/store/copy.h"
#include "banterd/store/door.h"
#include "banterd/store/export.h"
#include "banterd/store/file.h"
#include "banterd/store/hash.h"
#include "banterd/store/keeper.h"
#include "banterd/store/serve.h"
#include "banterd/store/throttle.h"
#include "banterd/store/words.h"
#include "banterd/system/log.h"
#include "banterd/system/notify.h"
#include "banterd/system/signals.h"

#define PEERS_MAX   16
#define TICK_S      1
#define SOCKET_NAME "store" /* of the one that is passed */
#define BACKUP_TEMP ".backup"

/* What an admin waits for: at most one word of a kind that takes a while. */
struct asked {
	uint64_t id;
	enum word word;
	char name[NICK_MAX + 1];
};

#define ASKED_MAX 16

struct service {
	struct keeper keeper;
	struct event_base *base;
	struct file *file;
	struct throttle *throttle;
	struct hash_pool *pool;
	struct door *door;
	struct admin *admin;
	struct notify notify;
	struct event *signals[SIGNALS_HANDLED], *hashed, *tick, *backup_step,
	    *step;
	struct log_burst burst; /* of what peers do */
	uint64_t next_peer;
	uint64_t watchdog_at;          /* ms */
	struct asked asked[ASKED_MAX]; /* id 0: free */
	struct backup *backup;         /* that is being made, or NULL */
	uint64_t backup_for;
	char backup_path[PATH_MAX];
	char status[96]; /* last told */
	bool stop;
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
look_at_clock(struct service *s)
{
	time_t t = time(NULL);

	s->keeper.questions.now = now_ms();
	s->keeper.questions.time = t > 0 ? (uint64_t)t : 0;
}

/* ---- peers ---- */

static void
on_message(void *arg, struct peer *p, const struct store_message *m)
{
	struct service *s = arg;

	look_at_clock(s);
	keeper_message(&s->keeper, p, m);
}

static void
on_broken(void *arg, struct peer *p, const char *why)
{
	struct service *s = arg;

	if (why != NULL)
		log_burst(&s->burst, now_ms(), "banterd %llu is left: %s",
		    (unsigned long long)p->id, why);
}

static void
on_peer(void *arg, int fd)
{
	static const struct peer_ops ops = { on_message, on_broken };
	struct service *s = arg;
	struct peer *p, *each;
	unsigned n = 0;

	TAILQ_FOREACH(each, &s->keeper.peers, next)
		n++;
	if (n >= PEERS_MAX) {
		log_burst(&s->burst, now_ms(),
		    "another banterd is refused: there are %d already",
		    PEERS_MAX);
		close(fd);
		return;
	}
	p = peer_new(s->base, fd, ++s->next_peer, &ops, s);
	if (p == NULL) {
		log_burst(&s->burst, now_ms(), "cannot take a banterd: %s",
		    strerror(errno));
		return;
	}
	TAILQ_INSERT_TAIL(&s->keeper.peers, p, next);
}

static void
on_hashed(evutil_socket_t fd, short what, void *arg)
{
	struct service *s = arg;
	struct hash_job *job;

	(void)fd;
	(void)what;
	look_at_clock(s);
	while ((job = hash_pool_take(s->pool)) != NULL)
		question_hashed(&s->keeper.questions, job);
}

/* ---- the admin ---- */

static void
reply(struct service *s, uint64_t id, const char *text, int status)
{
	admin_reply(s->admin, id, text, strlen(text), status, -1);
}

/* Replies with what a function of words.c writes. */
static void
reply_written(
    struct service *s, uint64_t id, int (*write_to)(struct file *f, FILE *out))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int status;

	if (out == NULL) {
		reply(s, id, "out of memory\n", WORDS_NOT_DONE);
		return;
	}
	status = write_to(s->file, out);
	if (fclose(out) == 0)
		admin_reply(s->admin, id, text, len, status, -1);
	else
		reply(s, id, "no memory for it\n", WORDS_NOT_DONE);
	free(text);
}

static struct asked *
find_asked(struct service *s, uint64_t id)
{
	unsigned i;

	for (i = 0; i < ASKED_MAX; i++) {
		if (s->asked[i].id == id)
			return &s->asked[i];
	}
	return NULL;
}

/* What came of a question of the admin's. */
static void
on_answer(void *arg, uint64_t asker, const struct store_message *m)
{
	struct service *s = arg;
	struct asked *asked = find_asked(s, asker);
	char text[256];
	FILE *out;
	int status;

	if (asked == NULL)
		return;
	out = fmemopen(text, sizeof(text), "w");
	if (out == NULL)
		reply(s, asker, "no memory\n", WORDS_NOT_DONE);
	else {
		status = words_result(asked->word, asked->name, m->result, out);
		if (fclose(out) == 0)
			reply(s, asker, text, status);
	}
	if (m->result == STORE_OK)
		log_notice("%s %s, by the admin", words_text(asked->word),
		    asked->name);
	asked->id = 0;
}

static void
ask_question(struct service *s, uint64_t id, enum word word, char *words[])
{
	struct asked *asked = find_asked(s, 0);
	struct store_message m;
	const char *wrong = words_question(word, words[1], words[2], &m);

	if (wrong != NULL || asked == NULL) {
		reply(s, id,
		    wrong != NULL ? "that is no name, or no password\n" :
				    "too much is asked; try again\n",
		    WORDS_NOT_DONE);
		return;
	}
	asked->id = id;
	asked->word = word;
	memcpy(asked->name, m.name, sizeof(asked->name));
	look_at_clock(s);
	question_ask_as_admin(&s->keeper.questions, id, &m);
	store_message_wipe(&m);
}

static void
ask_erase(struct service *s, uint64_t id, const char *name)
{
	struct asked *asked = find_asked(s, 0);

	if (!text_is_nick(name) || asked == NULL) {
		reply(s, id,
		    asked != NULL ? "that is no name\n" :
				    "too much is asked; try again\n",
		    WORDS_NOT_DONE);
		return;
	}
	asked->id = id;
	asked->word = WORD_ERASE;
	strlcpy(asked->name, name, sizeof(asked->name));
	look_at_clock(s);
	keeper_erase(&s->keeper, id, name);
}

/* ---- an export ---- */

static int
on_more(void *arg, FILE *out)
{
	return export_step(arg, out);
}

/* Where there is none, the status says so, and nothing else. */
static void
begin_export(struct service *s, uint64_t id, char *words[])
{
	struct export *e = malloc(sizeof(*e));
	uint64_t since = strtoull(words[2], NULL, 10);
	bool json = strcmp(words[3], EXPORT_JSON) == 0;

	if (e != NULL && export_begin(e, s->file, words[1], since, json) == 1) {
		admin_stream(s->admin, id, on_more, e);
		return;
	}
	free(e);
	reply(s, id, "", WORDS_NOT_DONE);
}

/* ---- a backup ---- */

static void
end_backup(struct service *s, const char *error)
{
	char text[128];
	int fd = -1;

	s->backup = NULL;
	if (error == NULL &&
	    (fd = open(s->backup_path, O_RDONLY | O_CLOEXEC)) == -1)
		error = strerror(errno);
	(void)unlink(s->backup_path);
	if (error == NULL) {
		admin_reply(s->admin, s->backup_for, "", 0, WORDS_DONE, fd);
		return;
	}
	(void)snprintf(text, sizeof(text), "the copy failed: %s\n", error);
	reply(s, s->backup_for, text, WORDS_NOT_DONE);
}

static void
arm_backup(struct service *s)
{
	const struct timeval soon = { .tv_usec = 1000 };

	if (event_add(s->backup_step, &soon) != -1)
		return;
	backup_cancel(s->backup);
	end_backup(s, "no event");
}

static void
on_backup_step(evutil_socket_t fd, short what, void *arg)
{
	struct service *s = arg;
	const char *error = NULL;
	int more = 1;

	(void)fd;
	(void)what;
	if (s->backup == NULL)
		return;
	if (!file_is_writing(s->file))
		more = backup_step(s->backup, &error);
	if (more == 1)
		arm_backup(s);
	else
		end_backup(s, error);
}

/* The copy is made where the service may write, and whoever asked gets its
 * descriptor. */
static void
begin_backup(struct service *s, uint64_t id)
{
	const char *error = NULL;
	int fd;

	if (s->backup != NULL) {
		reply(
		    s, id, "a backup is being made already\n", WORDS_NOT_DONE);
		return;
	}
	s->backup_for = id;
	(void)unlink(s->backup_path);
	if ((fd = copy_make(s->backup_path)) == -1) {
		end_backup(s, strerror(errno));
		return;
	}
	close(fd);
	s->backup = backup_begin(s->file, s->backup_path, &error);
	if (s->backup == NULL)
		end_backup(s, error);
	else
		arm_backup(s);
}

/* Whether a word has all that it needs. */
static bool
/* cppcheck-suppress constParameter ; no char ** is a const char *const * */
is_whole(enum word word, char *words[])
{
	int n = 0, needed;

	while (words[n] != NULL)
		n++;
	if (word == WORD_NONE || word == WORD_BACKUP)
		return word == WORD_BACKUP;
	needed = 1 + words_arguments(word) + words_need_password(word);
	return n >= (word == WORD_EXPORT ? needed + 2 : needed);
}

static void
on_request(void *arg, uint64_t id, char *words[])
{
	struct service *s = arg;
	enum word word = words_find(words[0]);

	switch (is_whole(word, words) ? word : WORD_NONE) {
	case WORD_NAMES:
		reply_written(s, id, words_names);
		break;
	case WORD_CHECK:
		reply_written(s, id, words_check);
		break;
	case WORD_BACKUP:
		begin_backup(s, id);
		break;
	case WORD_EXPORT:
		begin_export(s, id, words);
		break;
	case WORD_ERASE:
		ask_erase(s, id, words[1]);
		break;
	case WORD_FORGET:
	case WORD_REGISTER:
	case WORD_PASSWD:
		ask_question(s, id, word, words);
		break;
	default:
		reply(s, id, "this is no word that a running one knows\n",
		    WORDS_USAGE);
	}
}

/* ---- signals, and every second ---- */

static void
log_numbers(struct service *s)
{
	const struct questions *q = &s->keeper.questions;
	uint64_t synced = file_synced(s->file);
	time_t t = time(NULL);
	unsigned n = 0;
	struct peer *p;

	TAILQ_FOREACH(p, &s->keeper.peers, next)
		n++;
	log_notice(
	    "%llu names, up to %llu lines, %llu bytes, last sync %lld s ago, %u connections; questions: %llu, wrong passwords %llu, throttled %llu, busy %llu, waiting %u",
	    (unsigned long long)s->keeper.nnames,
	    (unsigned long long)s->keeper.nlines,
	    (unsigned long long)file_size(s->file),
	    synced > 0 ? (long long)t - (long long)synced : -1LL, n,
	    (unsigned long long)q->asked, (unsigned long long)q->wrong,
	    (unsigned long long)q->throttled, (unsigned long long)q->busy,
	    hash_pool_waiting(s->pool));
	if (file_trouble(s->file) != NULL)
		log_notice("%s %s", file_path(s->file), file_trouble(s->file));
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct service *s = arg;

	(void)what;
	if (number == SIGUSR1)
		log_numbers(s);
	else if (number == SIGTERM || number == SIGINT)
		s->stop = true;
}

static void
tell_status(struct service *s)
{
	char text[sizeof(s->status)];

	(void)snprintf(text, sizeof(text),
	    "%s%llu names, up to %llu lines, %llu KB",
	    file_is_well(s->file) ? "" : "nothing can be kept: ",
	    (unsigned long long)s->keeper.nnames,
	    (unsigned long long)s->keeper.nlines,
	    (unsigned long long)file_size(s->file) / 1024);
	if (strcmp(text, s->status) == 0)
		return;
	if (notify_status_text(&s->notify, text))
		memcpy(s->status, text, sizeof(text));
}

static void
feed_watchdog(struct service *s)
{
	uint64_t now = now_ms();

	if (s->notify.watchdog_ms == 0 || now < s->watchdog_at)
		return;
	notify_watchdog(&s->notify);
	s->watchdog_at = now + s->notify.watchdog_ms / 3;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct service *s = arg;

	(void)fd;
	(void)what;
	look_at_clock(s);
	keeper_tick(&s->keeper);
	(void)log_burst_tick(&s->burst, now_ms());
	tell_status(s);
	feed_watchdog(s);
}

/* The end of the turn does it. */
static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
arm_step(struct service *s)
{
	const struct timeval in = { .tv_sec = (time_t)(s->keeper.step_in /
					1000),
		.tv_usec = (suseconds_t)(s->keeper.step_in % 1000 * 1000) };

	(void)event_add(s->step, &in);
}

/* ---- begin and end ---- */

static bool
add_events(struct service *s)
{
	const struct timeval second = { .tv_sec = TICK_S };
	size_t i;

	for (i = 0; i < SIGNALS_HANDLED; i++) {
		s->signals[i] = evsignal_new(
		    s->base, signals_handled(i), on_signal, s);
		if (s->signals[i] == NULL ||
		    event_add(s->signals[i], NULL) == -1)
			return false;
	}
	s->hashed = event_new(
	    s->base, hash_pool_fd(s->pool), EV_READ | EV_PERSIST, on_hashed, s);
	s->tick = event_new(s->base, -1, EV_PERSIST, on_tick, s);
	s->backup_step = evtimer_new(s->base, on_backup_step, s);
	s->step = evtimer_new(s->base, on_step, s);
	return s->hashed != NULL && s->tick != NULL && s->backup_step != NULL &&
	    s->step != NULL && event_add(s->hashed, NULL) != -1 &&
	    event_add(s->tick, &second) != -1;
}

static bool
make_parts(struct service *s)
{
	s->throttle = throttle_new();
	s->pool = hash_pool_new();
	s->base = event_base_new();
	if (s->throttle == NULL || s->pool == NULL || s->base == NULL ||
	    !add_events(s)) {
		log_error("cannot begin: %s", strerror(errno));
		return false;
	}
	return true;
}

/* The one called "store", or else the first. */
static struct notify_descriptor *
choose_passed(const struct notify_passed *passed)
{
	int i;

	for (i = 0; i < passed->n; i++) {
		if (strcmp(passed->list[i].name, SOCKET_NAME) == 0)
			return &passed->list[i];
	}
	return passed->n > 0 ? &passed->list[0] : NULL;
}

static bool
open_doors(struct service *s, const char *socket)
{
	struct notify_passed passed = notify_passed();
	struct notify_descriptor *one = choose_passed(&passed);
	char path[PATH_MAX];

	if (one != NULL)
		s->door = door_adopt(
		    s->base, one->fd, SOCK_SEQPACKET, on_peer, s);
	else if (passed.n == 0)
		s->door = door_open(
		    s->base, socket, SOCK_SEQPACKET, 0660, on_peer, s);
	notify_passed_free(&passed);
	if (s->door == NULL)
		return false;
	(void)snprintf(
	    path, sizeof(path), "%s" ADMIN_SUFFIX, door_path(s->door));
	s->admin = admin_new(s->base, path, on_request, s);
	return s->admin != NULL;
}

static bool
begin(struct service *s, const char *file, const char *socket)
{
	int n = snprintf(
	    s->backup_path, sizeof(s->backup_path), "%s" BACKUP_TEMP, file);

	if (n < 0 || (size_t)n >= sizeof(s->backup_path)) {
		log_error("%s: %s", file, strerror(ENAMETOOLONG));
		return false;
	}
	if ((s->file = file_open(file, FILE_SERVE)) == NULL || !make_parts(s))
		return false;
	keeper_init(&s->keeper, s->file, s->throttle, s->pool);
	s->keeper.answer = on_answer;
	s->keeper.arg = s;
	look_at_clock(s);
	return open_doors(s, socket);
}

static void
run(struct service *s)
{
	signals_unblock();
	keeper_tick(&s->keeper);
	log_notice("serving %s at %s: %llu names", file_path(s->file),
	    door_path(s->door), (unsigned long long)s->keeper.nnames);
	(void)notify_ready(&s->notify);
	tell_status(s);
	feed_watchdog(s);
	while (!s->stop && event_base_loop(s->base, EVLOOP_ONCE) != -1) {
		look_at_clock(s);
		keeper_settle(&s->keeper);
		arm_step(s);
	}
	notify_stopping(&s->notify);
	log_notice("stopping");
}

static void
free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

static void
end(struct service *s)
{
	size_t i;

	if (s->file != NULL && s->keeper.questions.file != NULL)
		keeper_free(&s->keeper);
	if (s->backup != NULL) {
		backup_cancel(s->backup);
		(void)unlink(s->backup_path);
	}
	admin_free(s->admin);
	door_close(s->door);
	for (i = 0; i < SIGNALS_HANDLED; i++)
		free_event(s->signals[i]);
	free_event(s->hashed);
	free_event(s->tick);
	free_event(s->backup_step);
	free_event(s->step);
	hash_pool_free(s->pool);
	throttle_free(s->throttle);
	if (s->base != NULL)
		event_base_free(s->base);
	file_close(s->file);
	notify_close(&s->notify);
}

int
serve(const char *file, const char *socket)
{
	struct service s = { .burst = { .level = LOG_LEVEL_WARNING } };
	int lock, status = WORDS_NOT_DONE;

	notify_init(&s.notify);
	if ((lock = aside_lock(file)) == -1)
		log_error("%s cannot be served: %s", file,
		    errno == EWOULDBLOCK ? "another banter-store does" :
					   strerror(errno));
	else if (begin(&s, file, socket)) {
		run(&s);
		status = WORDS_DONE;
	}
	end(&s);
	if (lock != -1)
		close(lock);
	return status;
}
