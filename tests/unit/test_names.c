/* The names in their file. */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "banterd/store/aside.h"
#include "banterd/store/backup.h"
#include "banterd/store/check.h"
#include "banterd/store/copy.h"
#include "banterd/store/file.h"
#include "banterd/store/names.h"
#include "unit.h"

#define NOW 1795844102U

static char directory[] = "/tmp/banter-names-XXXXXX";
static struct file *f;

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	f = file_open("db", FILE_SERVE);
	ck_assert_ptr_nonnull(f);
}

static void
teardown(void)
{
	char command[64];

	file_close(f);
	ck_assert_int_eq(chdir("/"), 0);
	(void)snprintf(command, sizeof(command), "rm -rf %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static void
reopen(void)
{
	file_close(f);
	f = file_open("db", FILE_SERVE);
	ck_assert_ptr_nonnull(f);
}

static uint64_t
add(const char *name, uint64_t seen, uint64_t here, bool by_admin)
{
	struct name n = { .registered = seen,
		.seen = seen,
		.here = here,
		.by_admin = by_admin,
		.hash = "$y$j9T$x$y",
		.host = "h1" };

	strlcpy(n.name, name, sizeof(n.name));
	ck_assert(file_begin(f));
	ck_assert(names_add(f, &n));
	ck_assert(file_commit(f));
	ck_assert_uint_ne(n.owner, 0);
	return n.owner;
}

static void
no_report(void *arg, const char *what)
{
	ck_abort_msg("%s", what);
	(void)arg;
}

START_TEST(one)
{
	uint64_t owner = add("Alice", NOW, 7, false);
	struct name n;

	ck_assert(file_begin(f));
	ck_assert(names_state(f, owner, "st\0te", 5));
	ck_assert(file_commit(f));
	reopen();
	ck_assert_uint_eq(names_find(f, "aLICE", &n), STORE_OK);
	ck_assert_str_eq(n.name, "Alice");
	ck_assert_str_eq(n.host, "h1");
	ck_assert_str_eq(n.hash, "$y$j9T$x$y");
	ck_assert_uint_eq(n.owner, owner);
	ck_assert_uint_eq(n.here, 7);
	ck_assert_uint_eq(n.seen, NOW);
	ck_assert(!n.by_admin);
	unit_bytes("state", n.state, n.state_len, BYTES("st\0te"));
	ck_assert_uint_eq(names_find(f, "alic", &n), STORE_UNKNOWN);
	ck_assert(check_all(f, no_report, NULL));
}
END_TEST

/* What is not committed is not there. */
START_TEST(undone)
{
	struct name n = { .name = "alice", .hash = "x" };

	ck_assert(file_begin(f));
	ck_assert(names_add(f, &n));
	file_rollback(f);
	ck_assert_uint_eq(names_find(f, "alice", &n), STORE_UNKNOWN);
	add("bob", NOW, 0, false);
	/* The second one breaks all of it. */
	strlcpy(n.name, "carol", sizeof(n.name));
	ck_assert(file_begin(f));
	ck_assert(names_add(f, &n));
	strlcpy(n.name, "BOB", sizeof(n.name));
	ck_assert(!names_add(f, &n));
	ck_assert(!file_commit(f));
	ck_assert_uint_eq(names_find(f, "carol", &n), STORE_UNKNOWN);
}
END_TEST

/* No owner is given twice. */
START_TEST(owners)
{
	uint64_t first = add("alice", NOW, 0, false), second;

	ck_assert(file_begin(f));
	ck_assert(names_remove(f, first));
	ck_assert(file_commit(f));
	reopen();
	second = add("alice", NOW, 0, false);
	ck_assert_uint_gt(second, first);
	ck_assert_uint_gt(first, (uint64_t)NOW << 16);
}
END_TEST

START_TEST(how_many)
{
	add("a", NOW - 86400, 0, false);
	add("b", NOW - 86399, 0, false);
	add("c", NOW, 0, true);
	ck_assert_uint_eq(names_may_add(f, "A", "h1", 9, NOW), STORE_TAKEN);
	ck_assert_uint_eq(names_may_add(f, "d", "h1", 1, NOW), STORE_TOO_MANY);
	ck_assert_uint_eq(names_may_add(f, "d", "h1", 2, NOW), STORE_OK);
	ck_assert_uint_eq(names_may_add(f, "d", "h2", 1, NOW), STORE_OK);
	ck_assert_uint_eq(names_may_add(f, "d", "h2", 0, NOW), STORE_TOO_MANY);
}
END_TEST

static void
note(void *arg, const struct name *n)
{
	strlcat(arg, n->name, 64);
	strlcat(arg, " ", 64);
}

START_TEST(expired)
{
	char text[64] = "";
	unsigned removed;
	bool any;

	add("old2", 200, 0, false);
	add("old1", 100, 0, false);
	add("here", 100, 5, false);
	add("boss", 100, 0, true);
	add("new", 1000, 0, false);
	ck_assert(names_any_expired(f, 100, &any) && !any);
	ck_assert(names_any_expired(f, 101, &any) && any);
	ck_assert(file_begin(f));
	ck_assert(names_expire(f, 1000, 1, &removed, note, text));
	ck_assert_uint_eq(removed, 1);
	ck_assert(names_expire(f, 1000, 9, &removed, note, text));
	ck_assert(file_commit(f));
	ck_assert_str_eq(text, "old1 old2 ");
	text[0] = '\0';
	ck_assert(names_each(f, note, text));
	ck_assert_str_eq(text, "boss here new ");
}
END_TEST

START_TEST(epochs)
{
	uint64_t number, epoch, owner = add("alice", 100, 1, false);
	struct name n;

	for (epoch = 1; epoch <= NAMES_EPOCHS; epoch++) {
		ck_assert(file_begin(f));
		ck_assert(names_kept(f, epoch, 10 * epoch));
		ck_assert(file_commit(f));
	}
	ck_assert(names_last_kept(f, 1, &number));
	ck_assert_uint_eq(number, 10);
	ck_assert_uint_eq(names_find(f, "alice", &n), STORE_OK);
	ck_assert_uint_eq(n.here, 1);
	/* One more: the one that nothing was heard of for longest is forgotten,
	 * and who was here in it has left. */
	ck_assert(file_begin(f));
	ck_assert(names_kept(f, UINT64_MAX, 1));
	ck_assert(file_commit(f));
	ck_assert(names_last_kept(f, 1, &number));
	ck_assert_uint_eq(number, 0);
	ck_assert(names_last_kept(f, UINT64_MAX, &number));
	ck_assert_uint_eq(number, 1);
	ck_assert_uint_eq(names_find(f, "alice", &n), STORE_OK);
	ck_assert_uint_eq(n.here, 0);
	ck_assert(file_begin(f));
	ck_assert(names_left(f, owner, 50));
	ck_assert(file_commit(f));
	ck_assert_uint_eq(names_find(f, "alice", &n), STORE_OK);
	ck_assert_uint_eq(n.seen, 100);
}
END_TEST

/* What is erased is in none of the files any more. */
START_TEST(erased)
{
	static char marker[2000];
	uint64_t owner = add("alice", NOW, 0, false);

	memset(marker, 'Z', sizeof(marker));
	ck_assert(file_begin(f));
	ck_assert(names_state(f, owner, marker, sizeof(marker)));
	ck_assert(file_commit(f));
	ck_assert(system("cat db db-wal | grep -q ZZZZZZZZ") == 0);
	ck_assert(file_begin(f));
	ck_assert(names_remove(f, owner));
	ck_assert(file_commit(f));
	file_tidy(f);
	ck_assert(system("cat db db-wal | grep -q ZZZZZZZZ") != 0);
}
END_TEST

START_TEST(locks)
{
	int lock = aside_lock("db");

	ck_assert_int_ne(lock, -1);
	ck_assert_int_eq(aside_lock("db"), -1);
	ck_assert_int_eq(errno, EWOULDBLOCK);
	close(lock);
	lock = aside_lock("db");
	ck_assert_int_ne(lock, -1);
	close(lock);
}
END_TEST

/* Whatever is at its path: another one, or none. */
START_TEST(gone)
{
	struct name n = { .name = "bob", .hash = "x" };

	add("alice", NOW, 0, false);
	ck_assert_int_eq(rename("db", "away"), 0);
	ck_assert(file_begin(f));
	ck_assert(names_add(f, &n));
	ck_assert(!file_commit(f));
	ck_assert(!file_is_well(f));
	ck_assert_uint_eq(file_retry(f), FILE_SAME);
	ck_assert_int_eq(rename("away", "db"), 0);
	ck_assert_uint_eq(file_retry(f), FILE_WORKS);
	ck_assert(file_is_well(f));
	ck_assert_uint_eq(names_find(f, "bob", &n), STORE_UNKNOWN);
	ck_assert_uint_eq(names_find(f, "alice", &n), STORE_OK);
}
END_TEST

START_TEST(damaged)
{
	uint64_t before = add("alice", NOW, 0, false);
	struct name n;

	file_close(f);
	ck_assert_int_eq(
	    system("printf damaged | dd of=db conv=notrunc 2>/dev/null"), 0);
	ck_assert_ptr_null(file_open("db", FILE_LOOK));
	f = file_open("db", FILE_SERVE);
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(system("test -f db.damaged-*"), 0);
	ck_assert_uint_eq(names_find(f, "alice", &n), STORE_UNKNOWN);
	ck_assert_uint_ge(add("alice", NOW, 0, false), before);
}
END_TEST

START_TEST(backups)
{
	static char state[STORE_STATE_MAX];
	uint64_t owner = add("alice", NOW, 0, false);
	const char *error = NULL;
	char name[16];
	struct backup *b;
	struct name n;
	int more, fd, i;

	for (i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		owner = add(name, NOW, 0, false);
		ck_assert(file_begin(f));
		ck_assert(names_state(f, owner, state, sizeof(state)));
		ck_assert(file_commit(f));
	}
	fd = copy_make("copy");
	ck_assert_int_ne(fd, -1);
	close(fd);
	ck_assert_int_eq(copy_make("copy"), -1);
	ck_assert_ptr_nonnull((b = backup_begin(f, "copy", &error)));
	while ((more = backup_step(b, &error)) == 1)
		;
	ck_assert_int_eq(more, 0);
	ck_assert_ptr_null(backup_begin(f, "none", &error));
	ck_assert_ptr_nonnull(error);
	file_close(f);
	ck_assert_ptr_nonnull((f = file_open("copy", FILE_LOOK)));
	ck_assert_uint_eq(names_find(f, "alice", &n), STORE_OK);
	ck_assert(check_all(f, no_report, NULL));
}
END_TEST

UNIT_MAIN("names", setup, teardown, one, undone, owners, how_many, expired,
    epochs, erased, locks, gone, damaged, backups)
