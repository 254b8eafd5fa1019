/* -t as root: whether the service's account can read what it has to. */
#include <sys/stat.h>

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "banterd/daemon/check.h"
#include "conf_file.h"
#include "unit.h"

static bool has_account;

struct passwd *__wrap_getpwnam(const char *);
int __wrap_initgroups(const char *, gid_t);

struct passwd *
__wrap_getpwnam(const char *name)
{
	static char banterd[] = "banterd";
	static struct passwd pw = {
		.pw_name = banterd, .pw_uid = 65534, .pw_gid = 65534
	};

	return has_account && strcmp(name, banterd) == 0 ? &pw : NULL;
}

int
__wrap_initgroups(const char *name, gid_t gid)
{
	(void)name;
	return setgroups(1, &gid);
}

/* It is another process that reports: through a file. */
static void
report(void *arg, const char *message)
{
	FILE *f = fopen("report", "ae");

	(void)arg;
	ck_assert_ptr_nonnull(f);
	fprintf(f, "%s\n", message);
	(void)fclose(f);
}

static void
setup(void)
{
	has_account = true;
	conf_setup();
	ck_assert_int_eq(chmod(".", 0755), 0);
	conf_write("report", "", 0, 0666);
	conf_write("motd", BYTES("be kind\n"), 0644);
}

/* Returns what it says of that file. */
static bool
check(const char *text, mode_t mode)
{
	struct config *conf;
	bool good;

	conf_write("conf", text, strlen(text), mode);
	conf = conf_load(false);
	ck_assert_msg(conf != NULL, "%s", conf_messages);
	good = check_for_service(conf, "conf", false, report, NULL);
	config_free(conf);
	return good;
}

static void
reported(const char *want)
{
	char text[1024];
	FILE *f = fopen("report", "re");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text), f);
	(void)fclose(f);
	unit_bytes("report", text, n, want, strlen(want));
	conf_write("report", "", 0, 0666);
}

#define SERVICE \
	"The service runs as user banterd, who finds this wrong; expected files that it can read.\n"

START_TEST(what_the_service_cannot_read)
{
	if (geteuid() != 0)
		return; /* nobody else can look with others' eyes */
	ck_assert(check("motd motd\n", 0644));
	reported("");
	ck_assert(!check("motd motd\n", 0600));
	reported("conf: Permission denied\n" SERVICE);
	ck_assert_int_eq(chmod("motd", 0600), 0);
	ck_assert(!check("motd motd\n", 0644));
	reported("conf:1: motd motd: Permission denied\n" SERVICE);
}
END_TEST

/* Then it is not meant for it, or there is no service. */
START_TEST(not_the_services)
{
	has_account = false;
	ck_assert(check("motd motd\n", 0600));
	has_account = true;
	if (geteuid() == 0)
		ck_assert(check("motd motd\n", 0644));
	reported("");
}
END_TEST

UNIT_MAIN("check", setup, conf_teardown, what_the_service_cannot_read,
    not_the_services)
