#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "banterd/store/file.h"
#include "banterd/store/hash.h"
#include "banterd/store/members.h"
#include "banterd/store/names.h"
#include "banterd/store/notes.h"
#include "banterd/store/question.h"
#include "banterd/store/throttle.h"
#include "banterd/system/log.h"

bool
question_is(enum store_kind kind)
{
	return kind == STORE_REGISTER || kind == STORE_LOGIN ||
	    kind == STORE_PASSWD || kind == STORE_UNREGISTER ||
	    kind == STORE_SEEN || kind == STORE_NOTE;
}

#define MISSED_MAX 10000 /* lines that are counted at a login */

/* ---- answers ---- */

static void
count(struct questions *q, enum store_result result)
{
	q->wrong += result == STORE_WRONG;
	q->throttled += result == STORE_THROTTLED;
	q->busy += result == STORE_BUSY;
}

/* One without more than the result. */
static void
refuse(struct questions *q, uint64_t asker, uint64_t number,
    enum store_result result)
{
	const struct store_message m = {
		.kind = STORE_ANSWER, .number = number, .result = result
	};

	count(q, result);
	q->ops->answer(q->arg, asker, &m, false);
}

/* What they missed; of a file that cannot be read just now, nothing. */
static uint32_t
count_missed(struct questions *q, uint64_t owner)
{
	uint32_t missed;

	if (!members_count_missed(q->file, owner, MISSED_MAX, &missed))
		return 0;
	return missed;
}

static void
answer(struct questions *q, const struct hash_job *job, const struct name *n,
    bool needs_commit)
{
	struct store_message m = { .kind = STORE_ANSWER,
		.number = job->question.number,
		.result = STORE_OK,
		.owner = n->owner };

	strlcpy(m.name, n->name, sizeof(m.name));
	if (job->question.kind == STORE_LOGIN) {
		m.when = n->seen;
		m.state = n->state;
		m.state_len = n->state_len;
		m.count = count_missed(q, n->owner);
	}
	q->ops->answer(q->arg, job->asker, &m, needs_commit);
}

static void
tell_all(struct questions *q, enum store_kind kind, const struct name *n)
{
	struct store_message m = { .kind = kind,
		.owner = n->owner,
		.flags = kind == STORE_NAME && n->by_admin ? STORE_BY_ADMIN :
							     0 };

	strlcpy(m.name, n->name, sizeof(m.name));
	q->ops->tell_all(q->arg, &m);
}

/* ---- before the hash ---- */

static struct hash_job *
new_job(struct questions *q, uint64_t asker, const struct store_message *m)
{
	struct hash_job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		refuse(q, asker, m->number, STORE_FAILED);
		return NULL;
	}
	job->asker = asker;
	job->question = *m;
	return job;
}

/* It was not tried. */
static void
untry(struct questions *q, const struct hash_job *job)
{
	if (job->hash[0] != '\0')
		throttle_right(
		    q->throttle, job->question.name, job->question.host);
}

static void
put(struct questions *q, struct hash_job *job)
{
	if (q->pool == NULL) {
		hash_do(job);
		question_hashed(q, job);
		return;
	}
	if (hash_pool_put(q->pool, job))
		return;
	untry(q, job);
	refuse(q, job->asker, job->question.number, STORE_BUSY);
	hash_job_free(job);
}

static void
ask_register(struct questions *q, uint64_t asker, uint64_t epoch,
    const struct store_message *m)
{
	enum store_result result = names_may_add(
	    q->file, m->name, m->host, q->names_per_host, q->time);
	struct hash_job *job;

	if (result == STORE_OK && m->password[0] == '\0')
		result = STORE_WRONG;
	if (result == STORE_OK && !file_is_well(q->file))
		result = STORE_FAILED;
	if (result != STORE_OK) {
		refuse(q, asker, m->number, result);
		return;
	}
	if ((job = new_job(q, asker, m)) == NULL)
		return;
	job->epoch = epoch;
	job->make = true;
	strlcpy(job->question.new_password, m->password,
	    sizeof(job->question.new_password));
	put(q, job);
}

/* Whether the password that is stored can be compared with. */
static bool
is_sound(const struct name *n)
{
	if (hash_is_affordable(n->hash))
		return true;
	log_warning(
	    "the password of %s is stored in a way that is not tried; banter-store passwd %s sets another",
	    n->name, n->name);
	return false;
}

/* What has to be right before a password is looked at. */
static enum store_result
look_up(struct questions *q, const struct store_message *m, struct name *n)
{
	enum store_result result = names_find(q->file, m->name, n);

	if (result != STORE_OK)
		return result;
	if (m->kind != STORE_LOGIN && !file_is_well(q->file))
		return STORE_FAILED;
	if (!throttle_try(q->throttle, m->name, m->host, q->now))
		return STORE_THROTTLED;
	return is_sound(n) ? STORE_OK : STORE_WRONG;
}

static void
ask_with_password(struct questions *q, uint64_t asker, uint64_t epoch,
    const struct store_message *m)
{
	struct hash_job *job;
	struct name n;
	enum store_result result = look_up(q, m, &n);

	if (result != STORE_OK)
		refuse(q, asker, m->number, result);
	else if ((job = new_job(q, asker, m)) != NULL) {
		job->epoch = epoch;
		job->owner = n.owner;
		job->make = m->kind == STORE_PASSWD;
		strlcpy(job->hash, n.hash, sizeof(job->hash));
		put(q, job);
	}
	explicit_bzero(n.hash, sizeof(n.hash));
}

static void
ask_seen(struct questions *q, uint64_t asker, const struct store_message *m)
{
	struct store_message reply = { .kind = STORE_ANSWER,
		.number = m->number };
	struct name n;

	reply.result = names_find(q->file, m->name, &n);
	if (reply.result == STORE_OK) {
		reply.when = n.seen;
		strlcpy(reply.name, n.name, sizeof(reply.name));
		explicit_bzero(n.hash, sizeof(n.hash));
	}
	q->ops->answer(q->arg, asker, &reply, false);
}

/* Who is ignored leaves none, and is told the same. */
static enum store_result
leave_note(struct questions *q, uint64_t reader, const struct store_message *m)
{
	unsigned char ignored[STORE_LIST_MAX];
	size_t len;

	if (!members_ignored(q->file, reader, ignored, sizeof(ignored), &len))
		return STORE_FAILED;
	/* Who is ignored is not to know: theirs are counted as others' are. */
	return file_begin(q->file) ?
	    notes_add(
		q->file, reader, m, members_is_in(ignored, len, m->owner)) :
	    STORE_FAILED;
}

static void
ask_note(struct questions *q, uint64_t asker, const struct store_message *m)
{
	struct store_message reply = { .kind = STORE_ANSWER,
		.number = m->number };
	struct store_message note = *m;
	struct name n;

	if (note.when > q->time)
		note.when = q->time;
	reply.result = names_find(q->file, m->name, &n);
	if (reply.result == STORE_OK) {
		strlcpy(reply.name, n.name, sizeof(reply.name));
		explicit_bzero(n.hash, sizeof(n.hash));
		reply.result = leave_note(q, n.owner, &note);
	}
	q->ops->answer(q->arg, asker, &reply, true);
}

void
question_ask(struct questions *q, uint64_t asker, uint64_t epoch,
    const struct store_message *m)
{
	q->asked++;
	switch (m->kind) {
	case STORE_REGISTER:
		ask_register(q, asker, epoch, m);
		break;
	case STORE_PASSWD:
		if (m->new_password[0] == '\0') {
			refuse(q, asker, m->number, STORE_WRONG);
			break;
		}
		/* FALLTHROUGH */
	case STORE_LOGIN:
	case STORE_UNREGISTER:
		ask_with_password(q, asker, epoch, m);
		break;
	case STORE_SEEN:
		ask_seen(q, asker, m);
		break;
	case STORE_NOTE:
		ask_note(q, asker, m);
		break;
	default:
		break;
	}
}

/* ---- after it ---- */

static void
do_register(struct questions *q, const struct hash_job *job)
{
	const struct store_message *m = &job->question;
	enum store_result result;
	struct name n = { .registered = q->time, .by_admin = job->by_admin };

	result = names_may_add(q->file, m->name, m->host,
	    job->by_admin ? UINT32_MAX : q->names_per_host, q->time);
	if (result != STORE_OK) {
		refuse(q, job->asker, m->number, result);
		return;
	}
	if (!job->by_admin) {
		n.seen = q->time;
		n.here = job->epoch;
	}
	strlcpy(n.name, m->name, sizeof(n.name));
	strlcpy(n.host, m->host, sizeof(n.host));
	strlcpy(n.hash, job->made, sizeof(n.hash));
	if (!file_begin(q->file) || !names_add(q->file, &n)) {
		refuse(q, job->asker, m->number, STORE_FAILED);
		return;
	}
	tell_all(q, STORE_NAME, &n);
	answer(q, job, &n, true);
}

/* One who is let in is here, if that can be written or not. */
static void
do_login(struct questions *q, const struct hash_job *job, struct name *n)
{
	if (file_is_well(q->file) && file_begin(q->file))
		(void)(names_login(q->file, n->owner, job->epoch, q->time) &&
		    notes_forget_hidden(q->file, n->owner));
	answer(q, job, n, false);
}

static void
do_change(struct questions *q, const struct hash_job *job, struct name *n)
{
	bool done = file_begin(q->file);

	if (job->question.kind == STORE_PASSWD)
		done = done && names_set_hash(q->file, n->owner, job->made);
	else
		done = done && names_remove(q->file, n->owner);
	if (!done) {
		refuse(q, job->asker, job->question.number, STORE_FAILED);
		return;
	}
	if (job->question.kind == STORE_UNREGISTER)
		tell_all(q, STORE_FORGOTTEN, n);
	answer(q, job, n, true);
}

/* Whether the name is still that whose password was looked at. */
static enum store_result
look_again(struct questions *q, const struct hash_job *job, struct name *n)
{
	enum store_result result;

	result = names_find(q->file, job->question.name, n);
	if (result != STORE_OK || job->by_admin)
		return result;
	if (n->owner != job->owner)
		return STORE_UNKNOWN;
	return strcmp(n->hash, job->hash) == 0 ? STORE_OK : STORE_WRONG;
}

static void
carry_out(struct questions *q, const struct hash_job *job)
{
	enum store_result result;
	struct name n;

	if (job->question.kind == STORE_REGISTER) {
		do_register(q, job);
		return;
	}
	if ((result = look_again(q, job, &n)) != STORE_OK)
		refuse(q, job->asker, job->question.number, result);
	else if (job->question.kind == STORE_LOGIN)
		do_login(q, job, &n);
	else
		do_change(q, job, &n);
	explicit_bzero(n.hash, sizeof(n.hash));
}

void
question_hashed(struct questions *q, struct hash_job *job)
{
	if (job->failed || job->is_right)
		untry(q, job);
	if (job->failed)
		refuse(q, job->asker, job->question.number, STORE_FAILED);
	else if (job->hash[0] != '\0' && !job->is_right)
		refuse(q, job->asker, job->question.number, STORE_WRONG);
	else
		carry_out(q, job);
	hash_job_free(job);
}

void
question_ask_as_admin(
    struct questions *q, uint64_t asker, const struct store_message *m)
{
	struct hash_job *job = new_job(q, asker, m);

	if (job == NULL)
		return;
	job->by_admin = true;
	job->make = m->kind != STORE_UNREGISTER;
	if (job->make)
		put(q, job);
	else
		question_hashed(q, job);
}
