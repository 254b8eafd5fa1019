#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "banterd/base/deadline.h"
#include "banterd/base/record.h"
#include "banterd/chat/member.h"
#include "banterd/net/host.h"
#include "banterd/session/login.h"
#include "banterd/session/client.h"
#include "banterd/session/handler.h"

/* What somebody reads who has to type a password unseen. */
#define ASK_PASSWORD     "* Password:"
#define ASK_NEW_PASSWORD "* New password:"

/* ---- who has one ---- */

static struct account *
account_of(struct client *c)
{
	if (c->account == NULL)
		c->account = account_new(c->ctx, c);
	if (c->account == NULL)
		client_tell(c, CLIENT_NO_MEMORY);
	return c->account;
}

/* A guest who has nothing to do with it any more needs none. */
static void
tidy(struct client *c)
{
	if (c->user.owner == 0 && !login_is_asking(c) &&
	    !login_is_prompting(c)) {
		account_free(c->ctx, c->account);
		c->account = NULL;
	}
}

bool
login_is_asking(const struct client *c)
{
	return c->account != NULL && c->account->question != 0;
}

bool
login_is_prompting(const struct client *c)
{
	return c->account != NULL && c->account->prompt != PROMPT_NONE;
}

/* ---- asking ---- */

/* By which tries are counted: the same that counts them here. */
static void
put_host(const struct client *c, struct store_message *m)
{
	struct address net;
	char text[ADDRESS_TEXT_SIZE];

	if (c->host == NULL)
		return;
	net.in6 = c->host->net;
	net.scope = c->host->scope;
	strlcpy(m->host, address_text(&net, text), sizeof(m->host));
}

void
login_ask(struct client *c, struct store_message *m)
{
	struct session_context *ctx = c->ctx;
	struct account *a = account_of(c);
	enum session_asked asked;

	if (a == NULL)
		return;
	put_host(c, m);
	asked = ctx->ops->ask(ctx->daemon, c, m);
	store_message_wipe(m);
	if (asked == SESSION_ASKED) {
		a->question = m->number;
		a->kind = m->kind;
		a->rows = 0;
		a->is_cut = a->was_prompted = false;
		strlcpy(a->name, m->name, sizeof(a->name));
		a->gives_up_at = session_now(ctx) + ACCOUNT_PATIENCE_MS;
		ctx->ops->arm_deadline(ctx->daemon, c, a->gives_up_at);
		return;
	}
	client_tell(c,
	    asked == SESSION_NO_STORE ? "! Nothing is kept on this server." :
					ACCOUNT_NOT_NOW);
	tidy(c);
}

void
login_ask_about(struct client *c, struct store_message *m, const char *room)
{
	struct account *a = account_of(c);

	if (a == NULL)
		return;
	strlcpy(a->about, room, sizeof(a->about));
	a->has_span = m->since != 0;
	login_ask(c, m);
}

bool
login_require(struct client *c)
{
	if (c->user.owner == 0)
		client_tell(c,
		    "! You are not logged in: /login NAME PASSWORD, or /register PASSWORD.");
	return c->user.owner != 0;
}

/* While it waited the name may have become somebody's, or nobody's. */
static void
check_owner(struct client *c)
{
	char name[NICK_MAX + 1];
	uint64_t owner;

	if (c->state != CLIENT_CHAT)
		return;
	strlcpy(name, c->user.name, sizeof(name));
	owner = names_owner(&c->ctx->registry->names, name);
	if (c->user.owner != 0 && owner != c->user.owner)
		login_forgotten(c->ctx, name);
	else if (c->user.owner == 0 && owner != 0)
		login_registered(c->ctx, name, owner);
}

void
login_go_on(struct client *c)
{
	if (c->account != NULL)
		c->account->question = 0;
	check_owner(c);
	tidy(c);
	if (c->state > CLIENT_CHAT)
		return;
	input_drop_held(&c->input);
	c->ctx->ops->mark_runnable(c->ctx->daemon, c);
}

void
login_give_up(struct client *c)
{
	client_tell(c, CLIENT_NO_MEMORY);
	login_go_on(c);
}

/* Whether nobody is told, and nothing comes twice, if it is asked once more. */
static bool
may_ask_again(const struct account *a)
{
	return a->rows == 0 &&
	    (a->kind == STORE_LOGIN || a->kind == STORE_SEEN ||
		a->kind == STORE_CATCHUP || a->kind == STORE_HISTORY ||
		a->kind == STORE_FIND);
}

void
login_hand_over(struct client *c)
{
	const struct account *a = c->account;

	if (!login_is_asking(c) || (may_ask_again(a) && !a->was_prompted))
		return;
	if (a->rows > 0)
		client_tell(c, "* There is more; ask again.");
	else if (a->kind == STORE_NOTE)
		client_tell(c,
		    "! The server was restarted meanwhile; %s may have that note, or not.",
		    a->name);
	else if (a->kind != STORE_NOTES)
		client_tell(c,
		    "! The server was restarted meanwhile; look whether that was done, and try again.");
	login_go_on(c);
}

uint64_t
login_tick(struct client *c, uint64_t now)
{
	struct account *a = c->account;

	if (!login_is_asking(c))
		return NEVER;
	if (now < a->gives_up_at)
		return a->gives_up_at;
	if (a->kind != STORE_NOTES)
		client_tell(c, "! That took too long; try again.");
	c->ctx->ops->forget(c->ctx->daemon, c);
	login_go_on(c);
	return NEVER;
}

/* ---- passwords that are typed ---- */

static void
hide(struct client *c, bool on)
{
	unsigned char request[3];
	struct fanout_line line = { .text = (const char *)request,
		.len = sizeof(request) };

	if (on == input_is_hidden(&c->input))
		return;
	input_hide(&c->input, on, request);
	(void)fanout_append(
	    c->ctx->fanout, &c->out, &line, FANOUT_ALWAYS, FANOUT_URGENT);
	client_changed(c, CHANGED_USER);
}

static void
begin_prompt(struct client *c, enum account_prompt prompt)
{
	c->account->prompt = prompt;
	client_tell(
	    c, prompt == PROMPT_PASSWD_NEW ? ASK_NEW_PASSWORD : ASK_PASSWORD);
	hide(c, true);
	client_changed(c, CHANGED_USER);
}

void
login_prompt(struct client *c, enum account_prompt prompt, const char *name,
    const char *usage)
{
	if (!input_is_telnet(&c->input)) {
		client_tell(c, "! /%.*s needs more: /%s",
		    (int)strcspn(usage, " "), usage, usage);
		return;
	}
	if (account_of(c) == NULL)
		return;
	strlcpy(c->account->name, name, sizeof(c->account->name));
	begin_prompt(c, prompt);
}

static void
end_prompt(struct client *c)
{
	c->account->prompt = PROMPT_NONE;
	explicit_bzero(c->account->password, sizeof(c->account->password));
	hide(c, false);
	client_changed(c, CHANGED_USER);
}

static void
ask_with(struct client *c, enum account_prompt prompt, const char *password)
{
	static const enum store_kind kinds[PROMPT_KINDS] = {
		[PROMPT_REGISTER] = STORE_REGISTER,
		[PROMPT_LOGIN] = STORE_LOGIN,
		[PROMPT_PASSWD_NEW] = STORE_PASSWD,
		[PROMPT_UNREGISTER] = STORE_UNREGISTER,
	};
	struct account *a = c->account;
	struct store_message m = { .kind = kinds[prompt] };

	strlcpy(m.name, a->name, sizeof(m.name));
	strlcpy(m.password,
	    prompt == PROMPT_PASSWD_NEW ? a->password : password,
	    sizeof(m.password));
	if (prompt == PROMPT_PASSWD_NEW)
		strlcpy(m.new_password, password, sizeof(m.new_password));
	end_prompt(c);
	login_ask(c, &m);
	if (login_is_asking(c))
		a->was_prompted = true;
	tidy(c);
}

void
login_tell_fault(struct client *c)
{
	if (!login_is_prompting(c))
		return;
	if (c->account->prompt == PROMPT_PASSWD_NEW)
		c->account->prompt = PROMPT_PASSWD;
	client_tell(c, ASK_PASSWORD);
}

void
login_take_password(struct client *c, const char *text)
{
	struct account *a = c->account;
	enum account_prompt prompt = a->prompt;

	if (!login_is_password(text)) {
		end_prompt(c);
		client_tell(c,
		    *text == '\0' ?
			"! No password was given; nothing was done." :
			ACCOUNT_NO_PASSWORD);
		tidy(c);
	} else if (prompt == PROMPT_PASSWD) {
		strlcpy(a->password, text, sizeof(a->password));
		begin_prompt(c, PROMPT_PASSWD_NEW);
	} else
		ask_with(c, prompt, text);
}

bool
login_is_password(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= STORE_PASSWORD_MAX &&
	    strpbrk(text, " \t") == NULL;
}

/* ---- names that become somebody's, or nobody's ---- */

void
login_tell_registered(struct client *c, const char *name)
{
	client_tell(c, ACCOUNT_REGISTERED, name, name);
}

static void
be_guest(struct client *c)
{
	member_be_guest(c->ctx->registry, &c->user);
	client_tell(c, ACCOUNT_NOW, c->user.name);
}

/* Whoever has the name, and is not its owner, gets another one. */
static void
evict(struct session_context *ctx, const char *name, uint64_t owner)
{
	struct user *u = user_find(ctx->registry, name);
	struct client *c;

	if (u == NULL || u->owner == owner)
		return;
	c = client_of_user(u);
	/* They may be the one. */
	if (login_is_asking(c) && c->account->kind == STORE_REGISTER)
		return;
	login_tell_registered(c, name);
	be_guest(c);
}

void
login_registered(struct session_context *ctx, const char *name, uint64_t owner)
{
	evict(ctx, name, owner);
}

void
login_forgotten(struct session_context *ctx, const char *name)
{
	struct user *u = user_find(ctx->registry, name);
	struct client *c;

	if (u == NULL || u->owner == 0)
		return;
	c = client_of_user(u);
	/* Their own answer says so in a moment. */
	if (login_is_asking(c) && c->account->kind == STORE_UNREGISTER)
		return;
	u->owner = 0;
	client_changed(c, CHANGED_USER);
	client_tell(c, "* %s is nobody's any more; you still have it.", name);
	tidy(c);
}

void
login_check_all(struct session_context *ctx)
{
	const struct account *a;
	struct account *next;
	struct user *u;

	TAILQ_FOREACH_SAFE(a, &ctx->accounts, next, next) {
		u = &a->client->user;
		if (u->owner != 0 &&
		    names_owner(&ctx->registry->names, u->name) != u->owner)
			login_forgotten(ctx, u->name);
	}
}

/* ---- going ---- */

void
login_note(struct client *c, const char *how)
{
	char text[CLIENT_TEXT_SIZE];

	log_burst(&c->ctx->log_burst, session_now(c->ctx), "%s %s",
	    client_text(c, text), how);
}

void
login_end(struct client *c)
{
	client_end_login(c);
	login_note(c, "logged out"); /* by the name that they had */
	be_guest(c);
	tidy(c);
}
