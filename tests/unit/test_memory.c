/* Allocations that fail: each one in turn, over a session that tries all that
 * the registry does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banterd/config/loader.h"
#include "banterd/net/host.h"
#include "banterd/net/linebuf.h"
#include "people.h"
#include "unit.h"

/* So many allocations of the units work, then one fails; -1: none does. */
static int left = -1;
static bool failed;

static bool
may_allocate(void)
{
	if (left == -1 || left-- > 0)
		return true;
	left = -1;
	failed = true;
	errno = ENOMEM;
	return false;
}

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_reallocarray(void *, size_t, size_t);
char *__real_strdup(const char *);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void *__wrap_reallocarray(void *, size_t, size_t);
char *__wrap_strdup(const char *);

void *
__wrap_malloc(size_t n)
{
	return may_allocate() ? __real_malloc(n) : NULL;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return may_allocate() ? __real_calloc(n, size) : NULL;
}

void *
__wrap_realloc(void *p, size_t n)
{
	return may_allocate() ? __real_realloc(p, n) : NULL;
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return may_allocate() ? __real_reallocarray(p, n, size) : NULL;
}

char *
__wrap_strdup(const char *s)
{
	return may_allocate() ? __real_strdup(s) : NULL;
}

/* ---- the registry ---- */

/* Two people who do everything; whatever fails, the other things go on. */
static void
session(void)
{
	struct registry *reg = &people.reg;
	struct user *a = &people.list[0].user, *b = &people.list[1].user;
	struct room *room;

	if (!user_enter(reg, a))
		return;
	if (!user_enter(reg, b))
		return;
	(void)member_rename(reg, b, "bob");
	(void)member_join(reg, a, "#one", "key");
	(void)member_join(reg, a, "#two", NULL);
	(void)member_join(reg, a, "#three", NULL);
	(void)member_join(reg, b, "#two", NULL);
	(void)member_join(reg, b, "#lobby", NULL);
	if ((room = a->current) != NULL) {
		room_say(reg, a, room, "hello", false);
		(void)room_set_topic(reg, a, room, "topic");
		room_say(reg, a, room, "hello", true);
	}
	(void)user_set_away(reg, b, "lunch");
	(void)user_message(reg, a, b, "psst", false);
	(void)user_ignore(reg, b, a);
	(void)listed_configure(reg, &people.conf);
	if (b->nrooms > 0)
		member_leave(reg, b, b->rooms[0].room, "bye");
}

/* Check allocates with each assertion, so nothing is asserted meanwhile. */
static bool
hear(struct user *u, const struct chat_event *ev)
{
	(void)u;
	(void)ev;
	return true;
}

static const struct registry_ops deaf = { .deliver = hear };

/* Everything that the session left behind is as it should be (the fixture
 * checks), and goes when all leave (the sanitizer checks). */
START_TEST(registry)
{
	people.reg.ops = &deaf;
	people_list_room("#kept", "topic", "key");
	failed = false;
	left = _i;
	session();
	left = -1;
	people_check();
	/* beyond the last one there is nothing more to fail */
	ck_assert(_i < 45 || !failed);
	/* and what failed works now */
	people_configure();
	people_join(people_enter("later"), "#new");
}
END_TEST

START_TEST(enough_allocations)
{
	int used;

	people.reg.ops = &deaf;
	left = 1000;
	session();
	used = 1000 - left;
	left = -1;
	ck_assert_int_gt(used, 15);
	ck_assert_int_lt(used, 45);
}
END_TEST

/* ---- lines ---- */

START_TEST(line)
{
	struct linebuf lb = { 0 };
	struct linebuf_event ev;

	left = 0;
	linebuf_take(&lb, 64, "hel", 3, &ev);
	ck_assert_int_eq(ev.what, LINEBUF_NO_MEMORY);
	ck_assert_ptr_null(lb.buf);
	linebuf_take(&lb, 64, "lo", 2, &ev);
	ck_assert_int_eq(ev.what, LINEBUF_NOTHING); /* told once */
	linebuf_take(&lb, 64, "!\n", 2, &ev);
	ck_assert_int_eq(ev.what, LINEBUF_NOTHING);
	ck_assert(ev.ended);
	linebuf_take(&lb, 64, "ne", 2, &ev);
	linebuf_take(&lb, 64, "xt\n", 3, &ev);
	unit_bytes("line", ev.line, ev.len, BYTES("next"));
	linebuf_clear(&lb);
}
END_TEST

/* ---- networks ---- */

START_TEST(network)
{
	struct acl acl = TAILQ_HEAD_INITIALIZER(acl);
	struct hosts hosts;
	struct address a = { .scope = 0 };

	left = 0;
	ck_assert_str_eq(
	    acl_add(&acl, "10.0.0.0/8", true), "does not fit into memory");
	ck_assert(TAILQ_EMPTY(&acl));
	hosts_init(&hosts);
	left = 0;
	ck_assert_ptr_null(host_enter(&hosts, &a, 0));
	ck_assert_ptr_nonnull(host_enter(&hosts, &a, 0));
	hosts_free(&hosts);
}
END_TEST

/* ---- configuration ---- */

static void
count(void *arg, const char *message)
{
	(void)message;
	++*(unsigned *)arg;
}

/* Without a file it is the defaults, or nothing and a word about it. */
START_TEST(config)
{
	unsigned messages = 0;
	struct config *conf;

	left = _i;
	failed = false;
	conf = config_load(NULL, "/not/there", true, count, &messages);
	left = -1;
	ck_assert((conf == NULL) == failed);
	ck_assert((messages > 0) == failed);
	config_free(conf);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("memory");
	TCase *tc = unit_case(s, "registry", people_setup, people_teardown);

	tcase_add_loop_test(tc, registry, 0, 46);
	tcase_add_test(tc, enough_allocations);
	tc = unit_case(s, "others", NULL, NULL);
	UNIT_TESTS(tc, line, network);
	tcase_add_loop_test(tc, config, 0, 12);
	return unit_run(s);
}
