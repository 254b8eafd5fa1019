#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "banterd/store/aside.h"
#include "banterd/store/backup.h"
#include "banterd/store/copy.h"
#include "banterd/store/erase.h"
#include "banterd/store/export.h"
#include "banterd/store/file.h"
#include "banterd/store/keeper.h"
#include "banterd/store/offline.h"

#define RESTORE_TEMP ".restore"
#define ADMIN        UINT64_MAX /* who asks; no peer has that number */

static int
say_not(const char *path, const char *why)
{
	fprintf(stderr, "banter-store: %s: %s\n", path, why);
	return WORDS_NOT_DONE;
}

/* ---- one name ---- */

static void
on_answer(void *arg, uint64_t asker, const struct store_message *m)
{
	enum store_result *result = arg;

	(void)asker;
	*result = m->result;
}

static int
ask_of(struct file *f, enum word word, const char *name, const char *password)
{
	enum store_result result = STORE_FAILED;
	struct store_message m;
	const char *wrong = words_question(word, name, password, &m);
	struct keeper k;
	time_t t = time(NULL);

	if (wrong != NULL) {
		fprintf(stderr, "banter-store: %s %s\n", name, wrong);
		return WORDS_NOT_DONE;
	}
	keeper_init(&k, f, NULL, NULL);
	k.answer = on_answer;
	k.arg = &result;
	k.questions.time = t > 0 ? (uint64_t)t : 0;
	question_ask_as_admin(&k.questions, ADMIN, &m);
	store_message_wipe(&m);
	keeper_settle(&k);
	keeper_free(&k);
	while (file_tidy(f))
		;
	return words_result(
	    word, name, result, result == STORE_OK ? stdout : stderr);
}

/* ---- a backup, and back again ---- */

static int
backup(struct file *f, const char *to)
{
	struct backup *b;
	const char *error = NULL;
	int more = 1, fd = copy_make(to);

	if (fd == -1)
		return say_not(to, strerror(errno));
	close(fd);
	b = backup_begin(f, to, &error);
	while (b != NULL && more == 1)
		more = backup_step(b, &error);
	if (error == NULL && !copy_sync_directory(to))
		error = strerror(errno);
	if (error == NULL)
		return WORDS_DONE;
	(void)unlink(to);
	return say_not(to, error);
}

/* Returns false after saying why. */
static bool
copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY), out;
	bool done;

	if (in == -1) {
		(void)say_not(from, strerror(errno));
		return false;
	}
	(void)unlink(to);
	out = copy_make(to);
	done = out != -1 && copy_give(out, to) && copy_all(in, out);
	if (!done)
		(void)say_not(to, strerror(errno));
	if (out != -1)
		close(out);
	close(in);
	return done;
}

/* What lies beside a file that is open, or was not closed. */
static bool
has_log(const char *path)
{
	char wal[PATH_MAX];
	int n = snprintf(wal, sizeof(wal), "%s-wal", path);

	return n > 0 && (size_t)n < sizeof(wal) && access(wal, F_OK) == 0;
}

/* The copy is examined, brought to the schema of today, and closed again, so
 * that it is all in one file. */
static bool
prepare(const char *from, const char *temp)
{
	struct file *f;
	bool good;

	if (has_log(from)) {
		(void)say_not(from,
		    "is open, or was not closed; banter-store backup makes a whole one");
		return false;
	}
	if (!copy_file(from, temp))
		return false;
	if ((f = file_open(temp, FILE_LOOK)) == NULL)
		return false;
	good = words_check(f, stderr) == WORDS_DONE && file_begin(f) &&
	    file_renumber(f) && file_commit(f);
	file_close(f);
	return good;
}

static bool
replace(const char *file, const char *temp)
{
	char aside[PATH_MAX];

	if (access(file, F_OK) == 0) {
		if (!aside_put(file, "replaced", aside, sizeof(aside))) {
			(void)say_not(file, strerror(errno));
			return false;
		}
		printf("what was there is %s now\n", aside);
	}
	if (rename(temp, file) == 0 && copy_sync_directory(file))
		return true;
	(void)say_not(file, strerror(errno));
	return false;
}

static int
restore(const char *file, const char *from)
{
	char temp[PATH_MAX];
	int n = snprintf(temp, sizeof(temp), "%s" RESTORE_TEMP, file);

	if (n < 0 || (size_t)n >= sizeof(temp))
		return say_not(file, strerror(ENAMETOOLONG));
	if (prepare(from, temp) && replace(file, temp)) {
		printf("%s is restored from %s\n", file, from);
		return WORDS_DONE;
	}
	(void)unlink(temp);
	return WORDS_NOT_DONE;
}

/* ---- words that people said ---- */

static int
erase(struct file *f, const char *name)
{
	struct erase e;
	int step;

	if (!text_is_nick(name))
		return say_not(name, "that is no name");
	step = erase_begin(&e, f, name) ? 1 : -1;
	while (step == 1) {
		step = erase_step(&e);
		if (file_is_writing(f) && !file_commit(f))
			step = -1;
	}
	return words_result(WORD_ERASE, name,
	    step == 0 ? STORE_OK : STORE_FAILED, step == 0 ? stdout : stderr);
}

static int
export_all(struct file *f, const char *room, uint64_t since, bool json)
{
	struct export e;
	int step = export_begin(&e, f, room, since, json);

	if (step == 0)
		return say_not(room, "nothing is kept of it");
	while (step == 1)
		step = export_step(&e, stdout);
	if (step == -1)
		return say_not(room, "cannot be read");
	if (fflush(stdout) == EOF || ferror(stdout))
		return say_not("standard output", strerror(errno));
	return WORDS_DONE;
}

/* ---- words ---- */

/* Where there is no file, an empty one that whoever serves it can open. */
static bool
make_file(const char *path)
{
	int fd = copy_make(path);
	bool done = fd != -1 ? copy_give(fd, path) : errno == EEXIST;

	if (!done)
		(void)say_not(path, strerror(errno));
	if (fd != -1)
		close(fd);
	return done;
}

static int
look(const char *path, enum word word, const char *argument,
    const char *password)
{
	struct file *f = NULL;
	int status;

	if (word != WORD_REGISTER)
		f = file_open(path, FILE_LOOK);
	else if (make_file(path))
		f = file_open(path, FILE_MAKE);
	if (f == NULL)
		return WORDS_NOT_DONE;
	switch (word) {
	case WORD_NAMES:
		status = words_names(f, stdout);
		break;
	case WORD_CHECK:
		status = words_check(f, stdout);
		break;
	case WORD_BACKUP:
		status = backup(f, argument);
		break;
	case WORD_ERASE:
		status = erase(f, argument);
		break;
	default:
		status = ask_of(f, word, argument, password);
	}
	file_close(f);
	return status;
}

/* Returns the lock, or -1 after saying why not. */
static int
lock_file(const char *file)
{
	int lock = aside_lock(file);

	if (lock == -1)
		(void)say_not(file,
		    errno == EWOULDBLOCK ?
			"a banter-store is running on it; ask that one, without -F, or stop it" :
			strerror(errno));
	return lock;
}

int
offline_export(const char *file, const char *room, uint64_t since, bool json)
{
	int status = WORDS_NOT_DONE, lock = lock_file(file);
	struct file *f;

	if (lock == -1)
		return WORDS_NOT_DONE;
	if ((f = file_open(file, FILE_LOOK)) != NULL)
		status = export_all(f, room, since, json);
	file_close(f);
	close(lock);
	return status;
}

int
offline(const char *file, enum word word, const char *argument,
    const char *password)
{
	int status, lock = lock_file(file);

	if (lock == -1)
		return WORDS_NOT_DONE;
	if (word == WORD_RESTORE)
		status = restore(file, argument);
	else
		status = look(file, word, argument, password);
	close(lock);
	return status;
}
