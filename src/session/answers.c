#include <string.h>
#include <strings.h>

#include <bsd/string.h>

#include "banterd/base/record.h"
#include "banterd/chat/member.h"
#include "banterd/dialect/plain.h"
#include "banterd/session/account.h"
#include "banterd/session/belongings.h"
#include "banterd/session/login.h"
#include "banterd/session/answers.h"
#include "banterd/session/client.h"
#include "banterd/session/handler.h"
#include "banterd/session/words.h"

/* ---- coming and going ---- */

/* Who is ignored by name is so from now on. */
static void
tell_ignoring(struct client *c)
{
	struct registry *reg = c->ctx->registry;
	const struct account *a;
	unsigned i;

	TAILQ_FOREACH(a, &c->ctx->accounts, next) {
		for (i = 0; i < a->nignored; i++) {
			if (a->ignored[i] == c->user.owner && a->client != c)
				(void)user_ignore(
				    reg, &a->client->user, &c->user);
		}
	}
}

/* c goes on as who is logged in elsewhere; that connection ends. */
static void
take_place_of(struct client *c, struct client *old)
{
	struct account *a;

	user_exit(c->ctx->registry, &c->user);
	member_move(c->ctx->registry, &c->user, &old->user);
	c->set_time = old->set_time;
	c->hinted |= old->hinted;
	client_end_unheard(c);
	c->unheard = old->unheard;
	old->unheard = NULL;
	if ((a = old->account) != NULL) {
		c->account->nignored = a->nignored;
		memcpy(c->account->ignored, a->ignored, sizeof(a->ignored));
		account_free(old->ctx, a);
		old->account = NULL;
	}
	client_refuse(old, "! You logged in elsewhere.");
	client_moved(c);
}

static void
leave_all(struct client *c)
{
	while (c->user.nrooms > 0)
		member_leave(c->ctx->registry, &c->user,
		    c->user.rooms[c->user.nrooms - 1].room, NULL);
}

static bool
come_back(struct client *c, const struct store_message *m)
{
	struct record_reader r = record_reader(m->state, m->state_len);

	c->user.owner = m->owner;
	if (user_take_name(c->ctx->registry, &c->user, m->name) != CHAT_OK) {
		/* cannot be, but for somebody who registers it just now */
		c->user.owner = 0;
		client_tell(c, ACCOUNT_NOT_NOW);
		return false;
	}
	c->user.is_guest = false;
	client_changed(c, CHANGED_USER);
	client_tell(c, ACCOUNT_NOW, c->user.name);
	tell_ignoring(c); /* before they see it join */
	if (m->state_len > 0)
		belongings_import_state(c, &r);
	return true;
}

static void
log_in(struct client *c, const struct store_message *m)
{
	struct user *there = user_find(c->ctx->registry, m->name);

	if (there == &c->user)
		there = NULL;
	if (there != NULL && there->owner != m->owner)
		login_registered(c->ctx, m->name, m->owner);
	leave_all(c);
	if (there != NULL && there->owner == m->owner) {
		take_place_of(c, client_of_user(there));
		client_tell(c, ACCOUNT_NOW, c->user.name);
	} else if (!come_back(c, m))
		return;
	login_note(c, "logged in");
	if (c->user.current != NULL)
		tell_joined(c, c->user.current);
	if (m->count > 0)
		client_tell(c,
		    m->count == 1 ?
			"* %u line since you left: /catchup shows it." :
			"* %u lines since you left: /catchup shows them.",
		    m->count);
	words_ask_notes(c);
}

/* ---- answers ---- */

static void
tell_refused(struct client *c, const struct account *a, enum store_result why)
{
	char text[CLIENT_TEXT_SIZE];

	switch (why) {
	case STORE_WRONG:
		log_burst(&c->ctx->password_burst, session_now(c->ctx),
		    "wrong password of %s from %s", a->name,
		    client_text(c, text));
		client_tell(c, "! Wrong password.");
		break;
	case STORE_THROTTLED:
		client_tell(
		    c, "! Too many wrong passwords; try again in a minute.");
		break;
	case STORE_UNKNOWN:
		client_tell(c, ACCOUNT_UNKNOWN, a->name);
		break;
	case STORE_TAKEN:
		login_tell_registered(c, a->name);
		break;
	case STORE_TOO_MANY:
		client_tell(c,
		    "! Too many names were registered from your address today.");
		break;
	case STORE_FULL:
		client_tell(c, "! No more names can be registered here.");
		break;
	case STORE_MANY_NOTES:
		client_tell(c,
		    "! Too many notes wait for %s already; nothing was sent.",
		    a->name);
		break;
	case STORE_BUSY:
		client_tell(c, "! Too many are waiting for that; try again.");
		break;
	default:
		client_tell(c, ACCOUNT_NOT_NOW);
		break;
	}
}

static void
be_registered(struct client *c, const struct store_message *m)
{
	const struct session_context *ctx = c->ctx;
	uint16_t i;

	if (strcasecmp(c->user.name, m->name) != 0)
		return; /* cannot be: its next line waits */
	c->user.owner = m->owner;
	(void)names_put(&ctx->registry->names, c->user.name, m->owner, false);
	belongings_note_ignored(c);
	for (i = 0; i < c->user.nrooms; i++)
		ctx->ops->moved(ctx->daemon, c, c->user.rooms[i].room, true);
	client_changed(c, CHANGED_USER);
	login_note(c, "registered");
	client_tell(c, "* %s is yours now. Next time: /login %s PASSWORD",
	    c->user.name, c->user.name);
}

static void
be_unregistered(struct client *c)
{
	c->user.owner = 0;
	client_changed(c, CHANGED_USER);
	login_note(c, "unregistered");
	client_tell(c,
	    "* %s is not yours any more, and what was kept of it is gone.",
	    c->user.name);
}

static void
tell_seen(struct client *c, const struct store_message *m)
{
	char when[PLAIN_STAMP_MAX + 1];

	if (m->when == 0) {
		client_tell(c, "* %s has not been here yet.", m->name);
		return;
	}
	/* with its date, and without the blank behind it */
	when[plain_stamp((time_t)m->when, 0, when) - 1] = '\0';
	client_tell(c, "* %s was last here on %s.", m->name, when);
}

/* Whether it says whose name it is, where that is asked. */
static bool
is_possible(enum store_kind question, const struct store_message *m)
{
	return (question != STORE_LOGIN && question != STORE_REGISTER) ||
	    (m->owner != 0 && m->name[0] != '\0');
}

static void
take_answer(struct client *c, const struct store_message *m)
{
	struct account *a = c->account;
	enum store_result result = m->result;

	if (result == STORE_OK && !is_possible(a->kind, m))
		result = STORE_FAILED;
	if (result != STORE_OK) {
		if (!words_fall_back(c))
			tell_refused(c, a, result);
		return;
	}
	switch (a->kind) {
	case STORE_REGISTER:
		be_registered(c, m);
		break;
	case STORE_LOGIN:
		log_in(c, m);
		break;
	case STORE_PASSWD:
		client_tell(c, "* Your password is another one now.");
		break;
	case STORE_UNREGISTER:
		be_unregistered(c);
		break;
	case STORE_SEEN:
		tell_seen(c, m);
		break;
	default:
		words_answered(c, m);
		break;
	}
}

void
answers_take_row(struct client *c, const struct store_message *m)
{
	if (!login_is_asking(c) || c->account->question != m->number ||
	    c->state != CLIENT_CHAT)
		return;
	client_begin_answer(c);
	words_row(c, m);
	client_end_answer(c);
}

void
answers_take(struct client *c, const struct store_message *m)
{
	if (!login_is_asking(c) || c->account->question != m->number)
		return;
	c->account->question = 0;
	if (c->state == CLIENT_CHAT) {
		client_begin_answer(c);
		take_answer(c, m);
		client_end_answer(c);
	}
	if (!login_is_asking(c)) /* for something else */
		login_go_on(c);
}
