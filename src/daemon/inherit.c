/* What an earlier process kept, and what the service manager holds of it. */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#include "banterd/config/saved.h"
#include "banterd/daemon/keep.h"
#include "banterd/net/listener.h"
#include "banterd/state/remnant.h"
#include "banterd/system/log.h"

#define LISTENER_NAME "listen"
#define PATIENCE_MS   1000 /* with a manager who is busy, at the start */

const char *const keep_names[KEEP_DESCRIPTORS] = {
	[KEEP_YOUNG_IN] = "young0",
	[KEEP_YOUNG_OUT] = "young1",
	[KEEP_VAULT_IN] = "vault0",
	[KEEP_VAULT_OUT] = "vault1",
	[KEEP_DATABASE] = "state",
	[KEEP_JOURNAL] = "journal",
	[KEEP_REMNANT] = "remnant",
	[KEEP_LIFE] = "life",
};

/* ---- by name ---- */

/* Takes the one of that name out of what was passed; of several the first, the
 * others are closed.  Returns -1 if there is none. */
static int
claim(struct notify_passed *passed, const char *name)
{
	int i, fd = -1;

	for (i = 0; i < passed->n; i++) {
		if (passed->list[i].fd == -1 ||
		    strcmp(passed->list[i].name, name) != 0)
			continue;
		if (fd == -1)
			fd = passed->list[i].fd;
		else
			close(passed->list[i].fd);
		passed->list[i].fd = -1;
	}
	if (fd != -1)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* Returns how many there are. */
static int
claim_all(struct notify_passed *passed, int fds[KEEP_DESCRIPTORS])
{
	int i, n = 0;

	for (i = 0; i < KEEP_DESCRIPTORS; i++) {
		fds[i] = claim(passed, keep_names[i]);
		n += fds[i] != -1;
	}
	return n;
}

unsigned
keep_listener_number(const char *name)
{
	const size_t len = strlen(LISTENER_NAME);
	const char *errstr;
	unsigned number;

	if (strncmp(name, LISTENER_NAME, len) != 0)
		return 0;
	number = (unsigned)strtonum(name + len, 1, UINT32_MAX, &errstr);
	return errstr == NULL ? number : 0;
}

static void
listener_name(char *buf, size_t size, unsigned number)
{
	(void)snprintf(buf, size, LISTENER_NAME "%u", number);
}

bool
keep_listener(struct keep *k, struct listener *l)
{
	char name[32];

	listener_name(name, sizeof(name), k->last_listener + 1);
	if (!notify_store(k->notify, l->fd, name))
		return false;
	l->stored_as = ++k->last_listener;
	keep_write_listener(k, l);
	return true;
}

/* As of database_found; in the order of the keys, listeners stand early. */
static bool
read_file(
    void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	struct record_reader r = record_reader(record, len);
	struct listener *l = arg;
	uint64_t dev = record_get_u64(&r), ino = record_get_u64(&r);
	unsigned char kind = *(const unsigned char *)key;

	if (kind != KEEP_LISTENER ||
	    keep_key_number(key, key_len) != l->stored_as)
		return kind <= KEEP_LISTENER;
	if (record_is_whole(&r)) {
		l->dev = (dev_t)dev;
		l->ino = (ino_t)ino;
	}
	return false;
}

void
keep_return_listener(struct keep *k, struct listener *l)
{
	if (l->addr.ss_family == AF_UNIX &&
	    (k->start == KEEP_HANDED || k->start == KEEP_FAULT))
		(void)database_each(k->db, read_file, l);
}

static bool
let_go(struct keep *k, unsigned number)
{
	char name[32];

	listener_name(name, sizeof(name), number);
	return notify_unstore(k->notify, name);
}

/* Where the manager is busy, it is told later: as long as it holds the socket,
 * who connects there waits for nobody. */
void
keep_forget_listener(struct keep *k, const struct listener *l)
{
	size_t size = k->nforgotten + 1;
	unsigned *forgotten;
	struct keep_key key;

	if (l->stored_as == 0)
		return;
	keep_make_key(&key, KEEP_LISTENER, l->stored_as);
	keep_drop(k, &key);
	if (let_go(k, l->stored_as))
		return;
	forgotten = reallocarray(k->forgotten, size, sizeof(*forgotten));
	if (forgotten == NULL) {
		log_warning("the service manager goes on holding %s", l->text);
		return;
	}
	k->forgotten = forgotten;
	k->forgotten[k->nforgotten++] = l->stored_as;
}

bool
keep_owes(const struct keep *k)
{
	int i;

	for (i = 0; i < KEEP_DESCRIPTORS; i++) {
		if (k->owed[i])
			return true;
	}
	return k->nforgotten > 0;
}

/* Whether it holds one of ours now. */
static bool
store(struct keep *k, int i)
{
	k->owed[i] = !notify_store(k->notify, k->fds[i], keep_names[i]);
	return !k->owed[i];
}

void
keep_pay(struct keep *k)
{
	int i;

	for (i = 0; i < KEEP_DESCRIPTORS; i++) {
		if (k->owed[i] && !store(k, i))
			return;
	}
	while (k->nforgotten > 0 && let_go(k, k->forgotten[k->nforgotten - 1]))
		k->nforgotten--;
}

/* Numbers that are used already. */
static void
note_listeners(struct keep *k, const struct notify_passed *passed)
{
	unsigned number;
	int i;

	for (i = 0; i < passed->n; i++) {
		number = keep_listener_number(passed->list[i].name);
		if (number > k->last_listener)
			k->last_listener = number;
	}
}

static bool
listens(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

/* What a later version may have had the manager hold, beside what is ours.
 * (Where there is none of that, it is of a socket unit, and a mistake.) */
static void
drop_unknown(struct keep *k, struct notify_passed *passed)
{
	struct notify_descriptor *d;
	int i;

	for (i = 0; i < passed->n; i++) {
		d = &passed->list[i];
		if (d->fd == -1 || listens(d->fd))
			continue;
		log_warning(
		    "the service manager holds \"%s\", which is not known here; it is to let go of it",
		    d->name);
		(void)notify_unstore(k->notify, d->name);
		close(d->fd);
		d->fd = -1;
	}
}

/* ---- what cannot be used ---- */

void
keep_send_off(int fd)
{
	static const char lost[] =
	    "! The server has lost track of this connection; please connect again.\r\n";

	(void)send(fd, lost, sizeof(lost) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_RDWR);
}

/* As of vault_taken. */
static struct vault_item *
send_off(void *arg, uint64_t number, int fd)
{
	unsigned *n = arg;

	(void)number;
	keep_send_off(fd);
	++*n;
	return NULL;
}

/* Returns how many connections there were. */
static unsigned
empty_vault(const int ends[VAULT_ENDS])
{
	struct vault *v;
	unsigned n = 0;

	if ((v = vault_new(ends)) == NULL)
		return 0;
	(void)vault_take_over(v, send_off, &n, 0);
	vault_free(v);
	return n;
}

static void
discard(struct notify *notify, const int fds[KEEP_DESCRIPTORS])
{
	unsigned n = empty_vault(fds);
	int i;

	for (i = 0; i < KEEP_DESCRIPTORS; i++) {
		if (fds[i] == -1)
			continue;
		(void)notify_unstore(notify, keep_names[i]);
		close(fds[i]);
	}
	if (n > 0)
		log_warning(
		    "%u connection%s closed that an earlier process kept", n,
		    n == 1 ? "" : "s");
}

static void
let_go_of_listeners(struct notify *notify, const struct notify_passed *passed)
{
	int i;

	for (i = 0; i < passed->n; i++) {
		if (passed->list[i].fd != -1 &&
		    keep_listener_number(passed->list[i].name) != 0)
			(void)notify_unstore(notify, passed->list[i].name);
	}
}

void
keep_refuse(struct notify *notify, struct notify_passed *passed)
{
	int fds[KEEP_DESCRIPTORS];

	notify->patience_ms = PATIENCE_MS;
	if (claim_all(passed, fds) > 0)
		discard(notify, fds);
	let_go_of_listeners(notify, passed);
	notify->patience_ms = 0;
}

/* ---- what can ---- */

/* Each life that takes over counts as one that ends by a fault, until it has
 * shown that it does not. */
static const char *
open_life(struct keep *k)
{
	if ((k->life = life_open(k->fds[KEEP_LIFE])) == NULL)
		return errno == EINVAL ? "it is of another version" :
					 strerror(errno);
	if (k->life->end == LIFE_NOT_KEPT)
		return "it is not whole";
	if (k->life->faults >= LIFE_FAULTS)
		return "each process that went on with it ended by a fault";
	k->start = k->life->end == LIFE_HANDED_OVER ? KEEP_HANDED : KEEP_FAULT;
	k->life->faults++;
	return NULL;
}

/* Returns why nothing can be taken over, or NULL. */
static const char *
open_inherited(struct keep *k)
{
	const char *why;

	if ((why = open_life(k)) != NULL)
		return why;
	if ((k->db = database_open(k->fds[KEEP_DATABASE], DATABASE_SIZE)) ==
	    NULL)
		return errno == EINVAL ? "it is damaged" : strerror(errno);
	if ((k->journal = journal_open(k->fds[KEEP_JOURNAL])) == NULL)
		return errno == EINVAL ? "its journal is damaged" :
					 strerror(errno);
	if ((k->vault = vault_new(k->fds)) == NULL)
		return strerror(errno);
	return NULL;
}

static void
close_all(struct keep *k)
{
	if (k->vault != NULL)
		vault_free(k->vault);
	if (k->db != NULL)
		database_close(k->db);
	if (k->journal != NULL)
		journal_close(k->journal);
	if (k->life != NULL)
		life_close(k->life);
	k->vault = NULL;
	k->db = NULL;
	k->journal = NULL;
	k->life = NULL;
}

/* ---- a fresh start ---- */

static bool
make_all(struct keep *k)
{
	int *fds = k->fds, i;

	for (i = 0; i < KEEP_DESCRIPTORS; i++)
		fds[i] = -1;
	return vault_make(fds) &&
	    (fds[KEEP_DATABASE] = database_make()) != -1 &&
	    (fds[KEEP_JOURNAL] = journal_make()) != -1 &&
	    (fds[KEEP_REMNANT] = remnant_make()) != -1 &&
	    (fds[KEEP_LIFE] = life_make()) != -1 &&
	    (k->life = life_open(fds[KEEP_LIFE])) != NULL &&
	    (k->db = database_open(fds[KEEP_DATABASE], DATABASE_SIZE)) !=
	    NULL &&
	    (k->journal = journal_open(fds[KEEP_JOURNAL])) != NULL &&
	    (k->vault = vault_new(fds)) != NULL;
}

static void
store_all(struct keep *k)
{
	int i;

	for (i = 0; i < KEEP_DESCRIPTORS; i++) {
		if (!store(k, i))
			log_warning(
			    "the service manager does not take %s yet: until then a fault, or a restart, would end all connections",
			    keep_names[i]);
	}
}

static void
tell_impossible(void)
{
	log_error("nothing can be kept: %s",
	    errno == EOPNOTSUPP ? "built without LMDB" : strerror(errno));
}

static bool
begin_anew(struct keep *k, struct notify_passed *passed)
{
	if (!make_all(k)) {
		tell_impossible();
		return false;
	}
	note_listeners(k, passed);
	store_all(k);
	return true;
}

static void
close_descriptors(struct keep *k)
{
	int i;

	for (i = 0; i < KEEP_DESCRIPTORS; i++) {
		if (k->fds[i] != -1)
			close(k->fds[i]);
		k->fds[i] = -1;
	}
}

/* Goes on with what was passed, or begins anew. */
static bool
begin(struct keep *k, struct notify_passed *passed)
{
	int n = claim_all(passed, k->fds);
	const char *why = "a part of it is missing";

	if (n > 0)
		drop_unknown(k, passed);
	if (n == KEEP_DESCRIPTORS && (why = open_inherited(k)) == NULL) {
		note_listeners(k, passed);
		return true;
	}
	close_all(k);
	k->start = n == 0 ? KEEP_FRESH : KEEP_FORGOTTEN;
	if (n > 0)
		log_error(
		    "cannot go on with what an earlier process kept: %s", why);
	discard(k->notify, k->fds);
	return begin_anew(k, passed);
}

struct keep *
keep_new(struct notify *notify, struct notify_passed *passed)
{
	struct keep *k;

	if (notify->fd == -1) {
		log_warning(
		    "-k needs a service manager that keeps descriptors; nothing is kept");
		return NULL;
	}
	if ((k = calloc(1, sizeof(*k))) == NULL) {
		tell_impossible();
		return NULL;
	}
	TAILQ_INIT(&k->changed);
	TAILQ_INIT(&k->changed_rooms);
	k->notify = notify;
	notify->patience_ms = PATIENCE_MS;
	if (begin(k, passed))
		return k;
	keep_free(k);
	return NULL;
}

/* It has ended in good order before it went on with anything. */
static void
take_fault_back(struct keep *k)
{
	if (k->life != NULL && k->life->faults > 0 &&
	    (k->start == KEEP_HANDED || k->start == KEEP_FAULT))
		k->life->faults--;
}

void
keep_free(struct keep *k)
{
	if (k == NULL)
		return;
	if (!k->has_begun)
		take_fault_back(k);
	close_all(k);
	close_descriptors(k);
	record_free(&k->record);
	free(k->forgotten);
	free(k);
}

/* ---- the configuration of before ---- */

struct before {
	const char *path;
	struct config *conf;
};

static void
report_to_log(void *arg, const char *message)
{
	(void)arg;
	log_error("as kept: %s", message);
}

/* As of database_found: the first record is the configuration. */
static bool
read_config(
    void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	struct record_reader r = record_reader(record, len);
	struct before *before = arg;

	if (key_len > 0 && *(const unsigned char *)key == KEEP_CONFIG)
		before->conf = config_import(
		    &r, before->path, report_to_log, NULL);
	return false;
}

struct config *
keep_config(struct keep *k, const char *path)
{
	struct before before = { .path = path };

	if (k->start == KEEP_HANDED || k->start == KEEP_FAULT)
		(void)database_each(k->db, read_config, &before);
	return before.conf;
}
