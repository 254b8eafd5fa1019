#include <sys/prctl.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "banterd/system/log.h"
#include "banterd/system/privileges.h"

/* getpwnam(3) has many an errno for "there is none"; these are the ones for
 * "nobody knows". */
bool
privileges_account(const char *name, const struct passwd **pw)
{
	errno = 0;
	if ((*pw = getpwnam(name)) != NULL)
		return true;
	switch (errno) {
	case EINTR:
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return false;
	default:
		return true;
	}
}

static bool
look_up(const char *name, const struct passwd **pw)
{
	if (privileges_account(name, pw))
		return true;
	log_error("cannot look up user %s: %s", name, strerror(errno));
	return false;
}

/* Returns NULL after logging why. */
static const struct passwd *
find_account(const char *user)
{
	static const char *const users[] = PRIVILEGES_USERS;
	const size_t n = sizeof(users) / sizeof(users[0]);
	const struct passwd *pw = NULL;
	size_t i;

	if (user != NULL && !look_up(user, &pw))
		return NULL;
	for (i = 0; user == NULL && pw == NULL && i < n; i++) {
		if (!look_up(users[i], &pw))
			return NULL;
	}
	if (pw == NULL)
		log_error(
		    "there is no user %s to run as; the keyword user names one",
		    user == NULL ? "banterd or nobody" : user);
	return pw;
}

static bool
become(const struct passwd *pw)
{
	if (pw->pw_uid == 0) {
		log_error(
		    "user %s is root, expected an account without privileges",
		    pw->pw_name);
		return false;
	}
	if (setgroups(1, &pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1) {
		log_error(
		    "cannot become user %s: %s", pw->pw_name, strerror(errno));
		return false;
	}
	if (setuid(0) != -1) {
		log_error("could not give up being root");
		return false;
	}
	log_notice("running as user %s", pw->pw_name);
	return true;
}

bool
privileges_drop(const char *user)
{
	const struct passwd *pw;

	if (geteuid() == 0) {
		if ((pw = find_account(user)) == NULL || !become(pw))
			return false;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		log_error(
		    "cannot give up gaining privileges: %s", strerror(errno));
		return false;
	}
	return true;
}
