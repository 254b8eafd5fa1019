#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "banterd/base/text.h"
#include "banterd/store/check.h"
#include "banterd/store/file.h"
#include "banterd/store/lines.h"
#include "banterd/store/members.h"
#include "banterd/store/names.h"

static bool
check_structure(
    struct file *f, void (*report)(void *arg, const char *what), void *arg)
{
	static const char *const questions[] = { "PRAGMA integrity_check(100)",
		"PRAGMA foreign_key_check" };
	sqlite3 *db = file_connection(f);
	const char *text;
	sqlite3_stmt *stmt;
	bool good = true;
	size_t i;
	int rc, step;

	for (i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		rc = sqlite3_prepare_v2(db, questions[i], -1, &stmt, NULL);
		if (rc != SQLITE_OK) {
			report(arg, sqlite3_errmsg(db));
			return false;
		}
		while ((step = file_step(f, stmt)) == 1) {
			text = (const char *)sqlite3_column_text(stmt, 0);
			if (text != NULL && strcmp(text, "ok") == 0)
				continue;
			report(arg, text != NULL ? text : "(nothing)");
			good = false;
		}
		if (step == -1)
			report(arg, sqlite3_errmsg(db));
		(void)sqlite3_finalize(stmt);
		good = good && step == 0;
	}
	return good;
}

struct check {
	void (*report)(void *arg, const char *what);
	void *arg;
	uint64_t count;
	bool good;
};

static void
check_one(void *arg, const struct name *n)
{
	struct check *check = arg;
	char text[256];
	const char *wrong = NULL;

	check->count++;
	if (!text_is_nick(n->name))
		wrong = "is no name";
	else if (!hash_is_affordable(n->hash))
		wrong =
		    "has a password that is none of yescrypt, or costs too much";
	else if (n->owner == 0 || n->owner > INT64_MAX)
		wrong = "has an owner that cannot be";
	else if (n->registered > INT64_MAX || n->seen > INT64_MAX)
		wrong = "has a time that cannot be";
	if (wrong == NULL)
		return;
	(void)snprintf(text, sizeof(text), "the name \"%s\" (owner %llu) %s",
	    n->name, (unsigned long long)n->owner, wrong);
	check->report(check->arg, text);
	check->good = false;
}

static bool
check_names(
    struct file *f, void (*report)(void *arg, const char *what), void *arg)
{
	struct check check = { report, arg, 0, true };

	if (!names_each(f, check_one, &check)) {
		report(arg, "the names cannot be read");
		return false;
	}
	if (check.count > NAMES_MAX) {
		report(arg, "there are more names than there may be");
		return false;
	}
	return check.good;
}

bool
check_all(
    struct file *f, void (*report)(void *arg, const char *what), void *arg)
{
	bool good = check_structure(f, report, arg);

	good = check_names(f, report, arg) && good;
	good = lines_check(f, report, arg) && good;
	return members_check(f, report, arg) && good;
}
