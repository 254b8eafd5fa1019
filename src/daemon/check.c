#include <sys/wait.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "banterd/config/loader.h"
#include "banterd/daemon/check.h"
#include "banterd/system/privileges.h"

#define SERVICE_USER "banterd" /* messages name it, too */

/* As systemd would, with all groups. */
static bool
become(const struct passwd *pw)
{
	return initgroups(pw->pw_name, pw->pw_gid) == 0 &&
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == 0 &&
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == 0;
}

static void
tell_error(config_report *report, void *arg)
{
	char message[256];

	snprintf(message, sizeof(message),
	    "cannot check as user banterd, as whom the service runs: %s",
	    strerror(errno));
	report(arg, message);
}

/* In the process of its own; returns its status. */
static int
check_as(const struct passwd *pw, const char *path, bool optional,
    config_report *report, void *arg)
{
	struct config *conf;

	if (!become(pw)) {
		tell_error(report, arg);
		return 1;
	}
	conf = config_load(NULL, path, optional, report, arg);
	if (conf == NULL)
		report(arg,
		    "The service runs as user banterd, who finds this wrong; expected files that it can read.");
	config_free(conf);
	return conf == NULL ? 1 : 0;
}

bool
check_for_service(const struct config *conf, const char *path, bool optional,
    config_report *report, void *arg)
{
	const struct passwd *pw;
	int status;
	pid_t pid;

	if (geteuid() != 0 || conf->user != NULL)
		return true;
	if (!privileges_account(SERVICE_USER, &pw)) {
		tell_error(report, arg);
		return false;
	}
	if (pw == NULL || pw->pw_uid == 0)
		return true;
	if ((pid = fork()) == 0)
		_exit(check_as(pw, path, optional, report, arg));
	if (pid == -1 || waitpid(pid, &status, 0) == -1) {
		tell_error(report, arg);
		return false;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
