/* Giving up root, with system calls that say what the test wants. */
#include <sys/prctl.h>
#include <sys/types.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/system/log.h"
#include "banterd/system/privileges.h"
#include "conf_file.h"
#include "unit.h"

/* ---- the system ---- */

static struct {
	uid_t euid;
	const char *accounts; /* " name=UID" of each that there is */
	int lookup_error;
	const char *failing; /* the call that fails, with EAGAIN */
	const char *gift;    /* setuid(0): back to root, if not NULL */
	char calls[256];
} sys;

uid_t __wrap_geteuid(void);
struct passwd *__wrap_getpwnam(const char *);
int __wrap_setgroups(size_t, const gid_t *);
int __wrap_setresgid(gid_t, gid_t, gid_t);
int __wrap_setresuid(uid_t, uid_t, uid_t);
int __wrap_setuid(uid_t);
int __wrap_prctl(int, ...);

static int
call(const char *name, const char *arguments)
{
	size_t len = strlen(sys.calls);

	snprintf(sys.calls + len, sizeof(sys.calls) - len, "%s(%s) ", name,
	    arguments);
	if (sys.failing != NULL && strcmp(sys.failing, name) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return 0;
}

static int
call_with_ids(const char *name, unsigned a, unsigned b, unsigned c)
{
	char arguments[64];

	snprintf(arguments, sizeof(arguments), "%u %u %u", a, b, c);
	return call(name, arguments);
}

uid_t
__wrap_geteuid(void)
{
	return sys.euid;
}

struct passwd *
__wrap_getpwnam(const char *name)
{
	static struct passwd pw;
	static char known[32];
	char wanted[40];
	const char *found;

	snprintf(known, sizeof(known), "%s", name);
	snprintf(wanted, sizeof(wanted), " %s=", name);
	errno = sys.lookup_error;
	if (sys.lookup_error != 0 ||
	    (found = strstr(sys.accounts, wanted)) == NULL)
		return NULL;
	pw.pw_name = known;
	pw.pw_uid = (uid_t)strtoul(found + strlen(wanted), NULL, 10);
	pw.pw_gid = pw.pw_uid + 1000;
	return &pw;
}

int
__wrap_setgroups(size_t n, const gid_t *groups)
{
	ck_assert_uint_eq(n, 1);
	return call_with_ids("setgroups", (unsigned)n, groups[0], 0);
}

int
__wrap_setresgid(gid_t a, gid_t b, gid_t c)
{
	return call_with_ids("setresgid", a, b, c);
}

int
__wrap_setresuid(uid_t a, uid_t b, uid_t c)
{
	return call_with_ids("setresuid", a, b, c);
}

int
__wrap_setuid(uid_t uid)
{
	ck_assert_uint_eq(uid, 0);
	return sys.gift != NULL ? 0 : -1;
}

int
__wrap_prctl(int option, ...)
{
	va_list ap;

	ck_assert_int_eq(option, PR_SET_NO_NEW_PRIVS);
	va_start(ap, option);
	ck_assert_int_eq(va_arg(ap, int), 1);
	va_end(ap);
	return call("prctl", "");
}

/* ---- the tests ---- */

#define DROPPED(id)                                             \
	"setgroups(1 1" id " 0) setresgid(1" id " 1" id " 1" id \
	") setresuid(" id " " id " " id ") "

static void
setup(void)
{
	conf_setup();
	memset(&sys, 0, sizeof(sys));
	sys.accounts = " alice=100 nobody=200 toor=0";
	ck_assert_int_eq(log_open("./log"), 0);
}

static void
teardown(void)
{
	ck_assert_int_eq(log_open("stderr"), 0);
	conf_teardown();
}

/* What was logged, without times. */
static void
check_log(const char *want)
{
	char got[1024] = "", line[512];
	FILE *log = fopen("./log", "r");

	ck_assert_ptr_nonnull(log);
	while (fgets(line, sizeof(line), log) != NULL)
		strcat(got, line + strlen("2026-01-01 00:00:00 "));
	fclose(log);
	ck_assert_str_eq(got, want);
}

START_TEST(not_root)
{
	sys.euid = 1000;
	ck_assert(privileges_drop("alice"));
	ck_assert_str_eq(sys.calls, "prctl() ");
	check_log("");
}
END_TEST

START_TEST(named_user)
{
	ck_assert(privileges_drop("alice"));
	ck_assert_str_eq(sys.calls, DROPPED("100") "prctl() ");
	check_log("notice: running as user alice\n");
}
END_TEST

START_TEST(banterd_or_nobody)
{
	ck_assert(privileges_drop(NULL));
	ck_assert_str_eq(sys.calls, DROPPED("200") "prctl() ");
	sys.calls[0] = '\0';
	sys.accounts = " nobody=200 banterd=300";
	ck_assert(privileges_drop(NULL));
	ck_assert_str_eq(sys.calls, DROPPED("300") "prctl() ");
	check_log("notice: running as user nobody\n"
		  "notice: running as user banterd\n");
}
END_TEST

/* Nothing is given up for one who is not there, or is root. */
START_TEST(no_such_user)
{
	ck_assert(!privileges_drop("bob"));
	ck_assert(!privileges_drop("toor"));
	sys.accounts = " alice=100";
	ck_assert(!privileges_drop(NULL));
	ck_assert_str_eq(sys.calls, "");
	check_log("error: there is no user bob to run as; the keyword user "
		  "names one\n"
		  "error: user toor is root, expected an account without "
		  "privileges\n"
		  "error: there is no user banterd or nobody to run as; the "
		  "keyword user names one\n");
}
END_TEST

/* "There is none" and "nobody knows" are two things: for want of memory
 * the daemon must not become another. */
START_TEST(look_up_fails)
{
	sys.lookup_error = ENOMEM;
	ck_assert(!privileges_drop(NULL));
	ck_assert(!privileges_drop("alice"));
	sys.lookup_error = ENOENT;
	ck_assert(!privileges_drop("alice"));
	ck_assert_str_eq(sys.calls, "");
	check_log("error: cannot look up user banterd: Cannot allocate memory\n"
		  "error: cannot look up user alice: Cannot allocate memory\n"
		  "error: there is no user alice to run as; the keyword user "
		  "names one\n");
}
END_TEST

static const struct {
	const char *name, *calls, *log;
} failures[] = {
	{ "setgroups", "setgroups(1 1100 0) ", "become user alice" },
	{ "setresgid", "setgroups(1 1100 0) setresgid(1100 1100 1100) ",
	    "become user alice" },
	{ "setresuid", DROPPED("100"), "become user alice" },
	{ "prctl", DROPPED("100") "prctl() ", "give up gaining privileges" },
};

START_TEST(one_call_fails)
{
	char want[256];

	sys.failing = failures[_i].name;
	ck_assert(!privileges_drop("alice"));
	ck_assert_str_eq(sys.calls, failures[_i].calls);
	snprintf(want, sizeof(want),
	    "%serror: cannot %s: Resource temporarily unavailable\n",
	    strcmp(sys.failing, "prctl") == 0 ?
		"notice: running as user alice\n" :
		"",
	    failures[_i].log);
	check_log(want);
}
END_TEST

START_TEST(way_back_to_root)
{
	sys.gift = "root";
	ck_assert(!privileges_drop("alice"));
	ck_assert_str_eq(sys.calls, DROPPED("100"));
	check_log("error: could not give up being root\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("privileges");
	TCase *tc = unit_case(suite, "privileges", setup, teardown);

	UNIT_TESTS(tc, not_root, named_user, banterd_or_nobody, no_such_user,
	    look_up_fails, way_back_to_root);
	tcase_add_loop_test(tc, one_call_fails, 0,
	    (int)(sizeof(failures) / sizeof(failures[0])));
	return unit_run(suite);
}
