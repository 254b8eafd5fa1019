/* Commands that deal with the name that is one's own. */
#include <string.h>

#include <bsd/string.h>

#include "banterd/chat/user.h"
#include "banterd/session/account.h"
#include "banterd/session/login.h"
#include "banterd/session/client.h"
#include "banterd/session/handler.h"

/* Takes a password out of the line; false after telling c that it is none. */
static bool
take_password(struct client *c, char *word, char *to)
{
	bool good = login_is_password(word);

	if (good)
		strlcpy(to, word, STORE_PASSWORD_MAX + 1);
	else
		client_tell(c, ACCOUNT_NO_PASSWORD);
	return good;
}

/* Cuts trailing blanks off, which were typed by mistake. */
static char *
without_end(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		text[--n] = '\0';
	return text;
}

/* Asks with what is behind the command, or for it. */
static void
ask_with_password(struct client *c, enum store_kind kind,
    enum account_prompt prompt, const char *name, char *password,
    const char *usage)
{
	struct store_message m = { .kind = kind };

	strlcpy(m.name, name, sizeof(m.name));
	if (*without_end(password) == '\0')
		login_prompt(c, prompt, name, usage);
	else if (take_password(c, password, m.password))
		login_ask(c, &m);
	explicit_bzero(password, strlen(password));
}

void
cmd_register(struct client *c, char *args)
{
	if (c->user.owner != 0)
		client_tell(c, "! %s is yours already.", c->user.name);
	else if (c->user.is_guest)
		client_tell(c,
		    "! A guest's name is nobody's: take one first, /nick NAME.");
	else if (config_is_operator(c->ctx->conf, c->user.name))
		client_tell(c,
		    "! %s is registered by whoever runs this server only.",
		    c->user.name);
	else
		ask_with_password(c, STORE_REGISTER, PROMPT_REGISTER,
		    c->user.name, args, "register PASSWORD");
	explicit_bzero(args, strlen(args));
}

void
cmd_login(struct client *c, char *args)
{
	const char *name = next_word(&args);

	if (c->user.owner != 0)
		client_tell(c, ACCOUNT_LOGOUT_FIRST, c->user.name);
	else if (!text_is_nick(name))
		client_tell(c, ACCOUNT_UNKNOWN, name);
	else
		ask_with_password(c, STORE_LOGIN, PROMPT_LOGIN, name, args,
		    "login NAME PASSWORD");
	explicit_bzero(args, strlen(args));
}

void
cmd_logout(struct client *c, char *args)
{
	(void)args;
	if (login_require(c))
		login_end(c);
}

void
cmd_passwd(struct client *c, char *args)
{
	struct store_message m = { .kind = STORE_PASSWD };
	char *old = next_word(&args);

	if (!login_require(c))
		;
	else if (*old == '\0' || *without_end(args) == '\0')
		login_prompt(c, PROMPT_PASSWD, c->user.name, "passwd OLD NEW");
	else if (take_password(c, old, m.password) &&
	    take_password(c, args, m.new_password)) {
		strlcpy(m.name, c->user.name, sizeof(m.name));
		login_ask(c, &m);
	}
	store_message_wipe(&m);
	explicit_bzero(old, strlen(old));
	explicit_bzero(args, strlen(args));
}

void
cmd_unregister(struct client *c, char *args)
{
	if (login_require(c))
		ask_with_password(c, STORE_UNREGISTER, PROMPT_UNREGISTER,
		    c->user.name, args, "unregister PASSWORD");
	explicit_bzero(args, strlen(args));
}

void
cmd_seen(struct client *c, char *args)
{
	struct store_message m = { .kind = STORE_SEEN };
	const char *name = next_word(&args);
	const struct user *u = user_find(c->ctx->registry, name);

	if (u != NULL)
		client_tell(c, "* %s is here.", u->name);
	else if (!text_is_nick(name))
		client_tell(c, ACCOUNT_UNKNOWN, name);
	else {
		strlcpy(m.name, name, sizeof(m.name));
		login_ask(c, &m);
	}
}
