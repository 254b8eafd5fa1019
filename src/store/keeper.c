#include <string.h>
#include <strings.h>

#include <bsd/string.h>

#include "banterd/base/store_message.h"
#include "banterd/store/file.h"
#include "banterd/store/keeper.h"
#include "banterd/store/lines.h"
#include "banterd/store/members.h"
#include "banterd/store/names.h"
#include "banterd/store/notes.h"
#include "banterd/system/log.h"

#define EXPIRE_STEP   32   /* names that go in one transaction */
#define STEP_MAX_MS   1000 /* until it is looked whether there is one */
#define ERASE_STEP_MS 2
#define TIDY_STEP_MS  50

/* ---- what is said ---- */

static struct peer *
find_peer(struct keeper *k, uint64_t id)
{
	struct peer *p;

	TAILQ_FOREACH(p, &k->peers, next) {
		if (p->id == id)
			return p;
	}
	return NULL;
}

static void
deliver(void *arg, uint64_t asker, const struct store_message *m)
{
	struct keeper *k = arg;
	struct peer *p;

	if (asker == OUTCOME_ALL) {
		TAILQ_FOREACH(p, &k->peers, next) {
			if (p->greeted)
				peer_send(p, m);
		}
	} else if ((p = find_peer(k, asker)) != NULL)
		peer_send(p, m);
	else if (k->answer != NULL)
		k->answer(k->arg, asker, m);
}

/* Whoever misses something of what is said comes again, and hears all. */
static void
end_all(struct keeper *k)
{
	struct peer *p;

	TAILQ_FOREACH(p, &k->peers, next)
		p->ended = true;
}

static void
add_answer(
    void *arg, uint64_t asker, const struct store_message *m, bool needs_commit)
{
	struct keeper *k = arg;
	struct peer *p;

	if (outcome_add(&k->outcomes, asker, m, needs_commit))
		return;
	if ((p = find_peer(k, asker)) != NULL)
		p->ended = true;
}

static void
add_for_all(void *arg, const struct store_message *m)
{
	struct keeper *k = arg;

	if (!outcome_add(&k->outcomes, OUTCOME_ALL, m, true))
		end_all(k);
}

static int
has_room(void *arg, uint64_t asker)
{
	struct peer *p = find_peer(arg, asker);

	if (p == NULL || p->ended)
		return -1;
	return peer_has_room(p);
}

/* What is known without a commit. */
static void
send_row(void *arg, uint64_t asker, const struct store_message *m)
{
	struct peer *p = find_peer(arg, asker);

	if (p != NULL)
		peer_send(p, m);
}

/* ---- the end of a turn ---- */

static void
settle_items(struct keeper *k, bool committed)
{
	struct store_message kept = { .kind = STORE_KEPT };
	struct peer *p;

	TAILQ_FOREACH(p, &k->peers, next) {
		if (p->items == 0)
			continue;
		kept.number = p->items;
		if (committed && !p->behind)
			peer_send(p, &kept);
		else
			p->behind = true;
		p->items = 0;
	}
}

static void
free_ended(struct keeper *k)
{
	struct peer *p, *next;

	TAILQ_FOREACH_SAFE(p, &k->peers, next, next) {
		if (!p->ended)
			continue;
		TAILQ_REMOVE(&k->peers, p, next);
		peer_free(p);
	}
}

static bool
commit(struct keeper *k)
{
	struct file *f = k->questions.file;
	bool committed = !file_is_writing(f) || file_commit(f);

	settle_items(k, committed);
	outcome_settle(&k->outcomes, committed, deliver, k);
	return committed;
}

static void
answer_erase(struct keeper *k, uint64_t asker, enum store_result result)
{
	const struct store_message m = { .kind = STORE_ANSWER,
		.result = result };

	if (k->answer != NULL)
		k->answer(k->arg, asker, &m);
}

/* ---- erasing ---- */

static void
remember_erased(struct keeper *k, const char *name)
{
	struct erased *e = &k->erased[k->nerased++ % ERASED_RECENTLY];

	strlcpy(e->name, name, sizeof(e->name));
	e->time = k->questions.time;
}

/* A banterd that was not there, or did not answer, may still send them. */
static bool
was_erased(const struct keeper *k, const struct store_message *line)
{
	unsigned i;

	for (i = 0; i < ERASED_RECENTLY; i++) {
		if (line->when <= k->erased[i].time &&
		    strcasecmp(line->name, k->erased[i].name) == 0)
			return true;
	}
	return false;
}

void
keeper_erase(struct keeper *k, uint64_t asker, const char *name)
{
	struct store_message m = { .kind = STORE_ERASE };
	struct erasing *e = &k->erasing;
	struct peer *p;

	if (e->asker != 0) {
		answer_erase(k, asker, STORE_BUSY);
		return;
	}
	(void)commit(k);
	e->asker = asker;
	e->deadline = k->questions.now + ERASE_WAIT_MS;
	e->is_partial = false;
	strlcpy(e->erase.name, name, sizeof(e->erase.name));
	strlcpy(m.name, name, sizeof(m.name));
	m.number = ++e->number;
	TAILQ_FOREACH(p, &k->peers, next) {
		if (!p->greeted)
			continue;
		p->erase = m.number;
		peer_send(p, &m);
	}
}

/* Whether those that were told have done so, or had the time. */
static bool
is_erased_elsewhere(struct keeper *k)
{
	struct erasing *e = &k->erasing;
	struct peer *p;

	TAILQ_FOREACH(p, &k->peers, next) {
		if (p->ended || p->erase != e->number || p->erased == e->number)
			continue;
		if (k->questions.now < e->deadline)
			return false;
		e->is_partial = true;
	}
	return true;
}

/* Returns the ms until the next step. */
static uint64_t
erase_on(struct keeper *k)
{
	struct erasing *e = &k->erasing;
	struct file *f = k->questions.file;
	int step;

	if (e->asker == 0)
		return STEP_MAX_MS;
	if (e->deadline != 0) {
		if (!is_erased_elsewhere(k))
			return ERASE_STEP_MS;
		e->deadline = 0;
		remember_erased(k, e->erase.name);
		step = erase_begin(&e->erase, f, e->erase.name) ? 1 : -1;
	} else
		step = erase_step(&e->erase);
	if (file_is_writing(f) && !commit(k))
		step = -1;
	if (step == 1)
		return ERASE_STEP_MS;
	answer_erase(k, e->asker,
	    step == -1        ? STORE_FAILED :
		e->is_partial ? STORE_THROTTLED :
				STORE_OK);
	e->asker = 0;
	return STEP_MAX_MS;
}

static uint64_t
soonest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What takes long goes on when all that is new is on the disk. */
static void
go_on(struct keeper *k)
{
	struct file *f = k->questions.file;

	k->step_in = erase_on(k);
	if (file_is_well(f))
		k->step_in = soonest(k->step_in,
		    keep_step(
			&k->keep, f, k->questions.time, k->questions.now));
	if (file_is_writing(f))
		(void)commit(k);
	if (k->questions.now >= k->tidy_at) {
		k->tidy_at = k->questions.now +
		    (file_tidy(f) ? TIDY_STEP_MS : STEP_MAX_MS);
	}
	k->step_in = soonest(k->step_in, k->tidy_at - k->questions.now);
	if (inquiries_run(&k->inquiries))
		k->step_in = 0;
}

void
keeper_settle(struct keeper *k)
{
	(void)commit(k);
	go_on(k);
	free_ended(k);
}

/* ---- messages ---- */

static void
refuse_peer(struct peer *p, const char *why)
{
	log_warning("a banterd is refused: %s", why);
	p->ended = true;
}

static void
set_limits(struct keeper *k, const struct store_message *m)
{
	k->questions.names_per_host = m->names_per_host;
	k->name_expiry = m->name_expiry;
	keep_say(&k->keep, m->keep, k->questions.now);
}

static void
send_name(void *arg, const struct name *n)
{
	struct store_message m = { .kind = STORE_NAME,
		.owner = n->owner,
		.flags = n->by_admin ? STORE_BY_ADMIN : 0 };

	memcpy(m.name, n->name, sizeof(m.name));
	peer_send(arg, &m);
}

/* After another epoch nobody is here.  Where that cannot be written, nothing
 * can, and it is looked at again when it can. */
static void
begin_epoch(struct keeper *k, uint64_t epoch)
{
	struct file *f = k->questions.file;
	bool is_other;

	if (names_begin_epoch(f, epoch, &is_other) && is_other)
		(void)members_all_left(f);
	(void)commit(k);
}

/* Nothing that is not certain yet is told to who comes new. */
static void
welcome(struct keeper *k, struct peer *p, const struct store_message *m)
{
	struct store_message reply = { .kind = STORE_WELCOME,
		.protocol = STORE_PROTOCOL };
	const struct store_message names_end = { .kind = STORE_NAMES_END };
	struct file *f = k->questions.file;

	if (m->protocol != STORE_PROTOCOL) {
		reply.kind = STORE_REFUSED;
		peer_send(p, &reply);
		refuse_peer(p, "it speaks another protocol; update both");
		return;
	}
	(void)commit(k);
	if (file_is_well(f))
		begin_epoch(k, m->epoch);
	if (!names_last_kept(f, m->epoch, &reply.number)) {
		refuse_peer(p, "the file cannot be read");
		return;
	}
	set_limits(k, m);
	peer_send(p, &reply);
	if (!names_each(f, send_name, p)) {
		refuse_peer(p, "the names cannot be read now");
		return;
	}
	peer_send(p, &names_end);
	p->greeted = true;
	p->epoch = m->epoch;
}

static bool
keep_line(struct keeper *k, const struct store_message *m)
{
	struct store_message line = *m;

	if (keep_of(&k->keep, m->room) == STORE_KEEP_NONE)
		return true;
	if (line.when > k->questions.time)
		line.when = k->questions.time;
	return was_erased(k, m) || lines_add(k->questions.file, &line);
}

static bool
keep_item(struct keeper *k, const struct store_message *m)
{
	struct file *f = k->questions.file;
	uint64_t when = m->when < k->questions.time ? m->when :
						      k->questions.time;

	switch (m->kind) {
	case STORE_ITEM_STATE:
		return names_state(f, m->owner, m->state, m->state_len) &&
		    members_ignore(f, m->owner, m->list, m->list_len);
	case STORE_ITEM_LEFT:
		return names_left(f, m->owner, when) &&
		    members_left(f, m->owner);
	case STORE_ITEM_LINE:
		return keep_line(k, m);
	case STORE_ITEM_JOIN:
		return members_join(f, m->owner, m->room) &&
		    ((m->flags & STORE_ANEW) == 0 ||
			members_begin_anew(f, m->owner, m->room));
	case STORE_ITEM_PART:
		return members_part(f, m->owner, m->room);
	case STORE_ITEM_SHOWN:
		return members_shown(f, m->owner, m->room, m->line);
	case STORE_ITEM_READ:
		return notes_read(f, m->owner, m->line);
	default:
		return true;
	}
}

/* One that comes again, maybe by another way, is kept already. */
static void
take_item(struct keeper *k, struct peer *p, const struct store_message *m)
{
	struct file *f = k->questions.file;
	uint64_t last;

	if (p->behind)
		return;
	if (!file_begin(f) || !names_last_kept(f, p->epoch, &last) ||
	    (m->number > last &&
		(!keep_item(k, m) || !names_kept(f, p->epoch, m->number))))
		p->behind = true;
	if (m->number > p->items)
		p->items = m->number;
}

void
keeper_message(struct keeper *k, struct peer *p, const struct store_message *m)
{
	if (!p->greeted) {
		if (m->kind == STORE_HELLO)
			welcome(k, p, m);
		else
			refuse_peer(p, "it did not say hello");
	} else if (question_is(m->kind))
		question_ask(&k->questions, p->id, p->epoch, m);
	else if (inquiry_is(m->kind))
		inquiry_ask(&k->inquiries, p->id, m);
	else if (m->kind == STORE_LIMITS)
		set_limits(k, m);
	else if (m->kind == STORE_ROOM_KEEP) {
		if (!keep_say_room(&k->keep, m->room, m->keep))
			refuse_peer(p, "it says of too many rooms how long");
	} else if (m->kind == STORE_ERASED)
		p->erased = m->number;
	else if (m->kind >= STORE_ITEM_STATE && m->kind <= STORE_ITEM_READ &&
	    m->number > 0)
		take_item(k, p, m);
	else
		refuse_peer(p, "it sent what only a store says");
}

/* ---- now and then ---- */

static void
retry(struct keeper *k)
{
	struct peer *p;

	switch (file_retry(k->questions.file)) {
	case FILE_OTHER:
		end_all(k);
		break;
	case FILE_WORKS:
		TAILQ_FOREACH(p, &k->peers, next) {
			if (p->behind)
				p->ended = true;
		}
		break;
	case FILE_SAME:
		break;
	}
}

static void
tell_expired(void *arg, const struct name *n)
{
	struct store_message m = { .kind = STORE_FORGOTTEN, .owner = n->owner };

	log_info("the name %s has expired", n->name);
	memcpy(m.name, n->name, sizeof(m.name));
	add_for_all(arg, &m);
}

static void
expire(struct keeper *k)
{
	struct file *f = k->questions.file;
	uint64_t before;
	unsigned removed;
	bool any;

	if (k->name_expiry == 0 || k->questions.time < k->name_expiry)
		return;
	before = k->questions.time - k->name_expiry;
	if (names_any_expired(f, before, &any) && any && file_begin(f))
		(void)names_expire(
		    f, before, EXPIRE_STEP, &removed, tell_expired, k);
}

void
keeper_tick(struct keeper *k)
{
	struct file *f = k->questions.file;

	(void)commit(k);
	retry(k);
	if (file_is_well(f)) {
		expire(k);
		(void)names_count(f, &k->nnames);
		(void)lines_count(f, &k->nlines);
	}
	keeper_settle(k);
}

void
keeper_init(struct keeper *k, struct file *file, struct throttle *throttle,
    struct hash_pool *pool)
{
	static const struct question_ops ops = { add_answer, add_for_all };
	static const struct inquiry_ops inquiry_ops = { has_room, send_row };

	memset(k, 0, sizeof(*k));
	TAILQ_INIT(&k->outcomes);
	TAILQ_INIT(&k->peers);
	inquiries_init(&k->inquiries, file, &inquiry_ops, k);
	k->questions.file = file;
	k->questions.throttle = throttle;
	k->questions.pool = pool;
	k->questions.ops = &ops;
	k->questions.arg = k;
}

static void
drop(void *arg, uint64_t asker, const struct store_message *m)
{
	(void)arg;
	(void)asker;
	(void)m;
}

void
keeper_free(struct keeper *k)
{
	end_all(k);
	free_ended(k);
	outcome_settle(&k->outcomes, false, drop, NULL);
	inquiries_free(&k->inquiries);
	keep_free(&k->keep);
}
