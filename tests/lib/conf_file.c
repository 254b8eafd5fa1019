#include <sys/stat.h>
#include <sys/un.h>

#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_file.h"
#include "unit.h"

char conf_messages[16384];

static char directory[64];

void
conf_setup(void)
{
	snprintf(directory, sizeof(directory), "/tmp/banter-unit.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
}

void
conf_teardown(void)
{
	DIR *dir = opendir(".");
	struct dirent *entry;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		(void)unlink(entry->d_name);
	closedir(dir);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}

void
conf_write(const char *name, const char *text, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void
collect(void *arg, const char *message)
{
	size_t len = strlen(conf_messages);

	ck_assert_ptr_eq(arg, conf_messages);
	ck_assert_ptr_null(strchr(message, '\n'));
	snprintf(
	    conf_messages + len, sizeof(conf_messages) - len, "%s\n", message);
}

struct config *
conf_load(bool optional)
{
	conf_messages[0] = '\0';
	return config_load(NULL, "conf", optional, collect, conf_messages);
}

/* ---- a configuration as text ---- */

static void say(char **to, const char *fmt, ...) LOG_PRINTF(2, 3);

static void
say(char **to, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*to += vsprintf(*to, fmt, ap);
	va_end(ap);
}

static void
dump_listens(char **to, const struct config *conf)
{
	const struct config_listen *l;
	const struct sockaddr_un *sun;
	char host[64], port[16];

	say(to, "listen");
	TAILQ_FOREACH(l, &conf->listens, next) {
		if (l->addr.ss_family == AF_UNIX) {
			sun = (const void *)&l->addr;
			say(to, " %s mode %04o", sun->sun_path, l->mode);
			continue;
		}
		ck_assert_int_eq(
		    getnameinfo((const struct sockaddr *)&l->addr, l->addrlen,
			host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV),
		    0);
		say(to, l->addr.ss_family == AF_INET6 ? " [%s]:%s" : " %s:%s",
		    host, port);
	}
	say(to, "%s\n", conf->listens_default ? " default" : "");
}

static void
dump_lists(char **to, const struct config *conf)
{
	const struct config_room *room;
	const struct config_motd *m;
	const struct acl_rule *rule;
	char address[ADDRESS_TEXT_SIZE];
	struct address a = { .scope = 0 };

	say(to, "rooms");
	TAILQ_FOREACH(room, &conf->rooms, next)
		say(to, " %s <%s> <%s>", room->name,
		    room->topic != NULL ? room->topic : "none",
		    room->key != NULL ? room->key : "none");
	say(to, "\nacl");
	TAILQ_FOREACH(rule, &conf->acl, next) {
		memcpy(&a.in6, rule->net, sizeof(a.in6));
		say(to, " %s %s%s%s/%u", rule->allow ? "allow" : "deny",
		    address_text(&a, address),
		    rule->interface[0] != '\0' ? "%" : "", rule->interface,
		    rule->bits);
	}
	say(to, "\nmotd lines");
	STAILQ_FOREACH(m, &conf->motd, next)
		say(to, " <%s>", m->text);
	say(to, "\n");
}

static const char *
or_none(const char *s)
{
	return s != NULL ? s : "none";
}

void
conf_dump(const struct config *conf, char *to)
{
	dump_listens(&to, conf);
	dump_lists(&to, conf);
	say(&to, "server-name %s\n", conf->server_name);
	say(&to, "motd %s\n", or_none(conf->motd_path));
	say(&to, "password %s\n", or_none(conf->password));
	say(&to, "default-room %s\n", or_none(conf->default_room));
	say(&to, "log-target %s\n", conf->log_target);
	say(&to, "log-level %s\n", log_level_names[conf->log_level]);
	say(&to, "user %s\n", or_none(conf->user));
	say(&to, "history %u\n", conf->history);
	say(&to, "max-clients %u\n", conf->max_clients);
	say(&to, "max-per-host %u\n", conf->max_per_host);
	say(&to, "max-rooms %u\n", conf->max_rooms);
	say(&to, "max-joined %u\n", conf->max_joined);
	say(&to, "max-line %u\n", conf->max_line);
	if (conf->rate_burst == 0)
		say(&to, "rate off\n");
	else
		say(&to, "rate %u %u\n", conf->rate_burst,
		    conf->rate_per_second);
	say(&to, "send-queue %u\n", conf->send_queue);
	say(&to, "stall-timeout %u\n", conf->stall_timeout);
	say(&to, "login-timeout %u\n", conf->login_timeout);
	say(&to, "shutdown-grace %u\n", conf->shutdown_grace);
}

/* The lines of one that are not the same in the other, which has as many. */
static void
differences(const char *one, const char *other, char *to)
{
	size_t n, m;

	for (; *one != '\0'; one += n, other += m) {
		n = strcspn(one, "\n") + 1;
		m = strcspn(other, "\n") + 1;
		if (n != m || memcmp(one, other, n) != 0) {
			memcpy(to, one, n);
			to += n;
		}
	}
	*to = '\0';
}

void
conf_good(const char *text, const char *want)
{
	static char defaults[16384], dump[16384], differs[16384];
	struct config *conf;

	conf_write("conf", "", 0, 0600);
	conf = conf_load(false);
	ck_assert_ptr_nonnull(conf);
	conf_dump(conf, defaults);
	config_free(conf);
	conf_write("conf", text, strlen(text), 0600);
	conf = conf_load(false);
	ck_assert_msg(conf != NULL, "\"%s\": %s", text, conf_messages);
	ck_assert_str_eq(conf_messages, "");
	conf_dump(conf, dump);
	config_free(conf);
	differences(dump, defaults, differs);
	unit_bytes(text, differs, strlen(differs), want, strlen(want));
}

void
conf_wrong(const char *text, const char *want, ...)
{
	static char wanted[16384];
	va_list ap;

	va_start(ap, want);
	vsnprintf(wanted, sizeof(wanted), want, ap);
	va_end(ap);
	conf_write("conf", text, strlen(text), 0600);
	ck_assert_msg(conf_load(false) == NULL, "\"%s\" is good", text);
	unit_bytes(
	    text, conf_messages, strlen(conf_messages), wanted, strlen(wanted));
}
