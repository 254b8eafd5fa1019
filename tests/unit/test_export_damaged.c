/* People and rooms out of one registry into another: what is left of it where a
 * record is missing, or is not what was written. */
#include <sys/param.h>

#include <stdlib.h>
#include <string.h>

#include "exported.h"
#include "people.h"
#include "unit.h"

/* ---- memory ---- */

static size_t most; /* bytes asked for at once, since somebody set it to 0 */

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_reallocarray(void *, size_t, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_reallocarray(void *, size_t, size_t);

void *
__wrap_malloc(size_t n)
{
	most = MAX(most, n);
	return __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	most = MAX(most, n * size);
	return __real_calloc(n, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	most = MAX(most, n * size);
	return __real_reallocarray(p, n, size);
}

/* ---- records that are missing ---- */

/* Who ran a room has not come: then it is who is there longest. */
START_TEST(op_is_missing)
{
	size_t i;

	exported_a_little();
	exported_write();
	exported_begin_anew();
	for (i = 0; records[i].kind != USER || records[i].of != 1; i++)
		;
	records[i].r.len = 0;
	ck_assert_uint_ge(exported_read(), 1);
	ck_assert_str_eq(room_find(&people.reg, "#one")->op->name, "a");
	people_check();
}
END_TEST

/* A room has not come: whoever was in it is in their others. */
START_TEST(room_is_missing)
{
	const struct user *a = &people.list[0].user;
	size_t i;

	exported_a_little();
	exported_write();
	exported_begin_anew();
	for (i = 0;
	     memmem(records[i].r.bytes, records[i].r.len, "#one", 4) == NULL;
	     i++)
		;
	records[i].r.len--;
	ck_assert_uint_ge(exported_read(), 1);
	ck_assert_ptr_null(room_find(&people.reg, "#one"));
	ck_assert_uint_eq(people.reg.nusers, 4);
	ck_assert_uint_eq(a->nrooms, 2);
	ck_assert_ptr_nonnull(a->current);
	people_check();
	exported_begin_anew();
	records[i].r.len++;
	for (i = 0;
	     memmem(records[i].r.bytes, records[i].r.len, "#lobby", 6) == NULL;
	     i++)
		;
	records[i].r.len--;
	ck_assert_uint_ge(exported_read(), 1);
	ck_assert_uint_eq(people.reg.nusers, 4);
	ck_assert_uint_eq(a->nrooms, 2);
	ck_assert_str_eq(a->current->name, "#one");
	people_check();
}
END_TEST

/* Rooms that nobody has come into are over, those that are listed now stay. */
START_TEST(empty_rooms)
{
	struct person *a = people_enter("a");
	size_t i;

	people_join(a, "#dev");
	people_join(a, "#ops");
	exported_write();
	exported_begin_anew();
	for (i = 0; records[i].kind != USER; i++)
		;
	nrecords = i;
	people_list_room("#ops", NULL, NULL);
	(void)exported_read();
	ck_assert_ptr_null(room_find(&people.reg, "#dev"));
	ck_assert_ptr_nonnull(room_find(&people.reg, "#ops"));
	ck_assert_uint_eq(people.reg.nrooms, 2);
	people_check();
}
END_TEST

/* ---- records that are not what was written ---- */

#define HUGE (64 << 20)

/* Whatever came of it, it is consistent, and people can go on. */
static void
still_good(const char *what, size_t record, size_t where)
{
	if (most >= HUGE)
		ck_abort_msg(
		    "%s %zu at %zu takes %zu bytes", what, record, where, most);
	people_check();
}

static void
prepare(void)
{
	exported_a_little();
	exported_write();
	most = 0;
}

START_TEST(flipped)
{
	struct exported_record *rec;
	size_t i, bit;

	prepare();
	for (i = (size_t)_i; i < nrecords; i += 8) {
		rec = &records[i];
		for (bit = 0; bit < rec->r.len * 8; bit++) {
			rec->r.bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
			exported_begin_anew();
			(void)exported_read();
			still_good("flipped", i, bit);
			rec->r.bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
		}
	}
}
END_TEST

START_TEST(cut)
{
	struct exported_record *rec;
	size_t i, len;

	prepare();
	for (i = 0; i < nrecords; i++) {
		rec = &records[i];
		len = rec->r.len;
		for (rec->r.len = 0; rec->r.len < len; rec->r.len++) {
			exported_begin_anew();
			if (exported_read() == 0)
				ck_abort_msg(
				    "%zu cut to %zu is good", i, rec->r.len);
			still_good("cut", i, rec->r.len);
		}
	}
}
END_TEST

START_TEST(longer)
{
	size_t i;

	prepare();
	for (i = 0; i < nrecords; i++) {
		record_put_u8(&records[i].r, 0);
		exported_begin_anew();
		if (exported_read() == 0)
			ck_abort_msg("%zu is good", i);
		still_good("longer", i, 0);
		records[i].r.len--;
	}
}
END_TEST

/* A room without all that it was has no door that stands open. */
START_TEST(key_is_missing)
{
	const struct room *room;
	size_t i, len;

	prepare();
	for (i = 0;
	     memmem(records[i].r.bytes, records[i].r.len, "sesame", 6) == NULL;
	     i++)
		;
	for (len = records[i].r.len; records[i].r.len > 0;) {
		records[i].r.len--;
		exported_begin_anew();
		(void)exported_read();
		room = room_find(&people.reg, "#two");
		if (room != NULL)
			ck_assert_str_eq(room->key, "sesame");
	}
	records[i].r.len = len;
}
END_TEST

/* Each comes twice. */
START_TEST(twice)
{
	struct exported_record *again = &records[EXPORTED_MAX - 1];
	size_t i, j;
	struct imported im;

	prepare();
	for (i = 0; i < nrecords; i++) {
		exported_begin_anew();
		*again = records[i];
		import_begin(&im, &people.reg);
		for (j = 0; j < nrecords; j++) {
			(void)exported_read_one(&im, &records[j]);
			if (j == i && records[i].kind != USER)
				(void)exported_read_one(&im, again);
		}
		import_finish(&im);
		people_configure();
		still_good("twice", i, 0);
	}
	memset(again, 0, sizeof(*again));
}
END_TEST

/* Two rooms of one name, which nobody is in. */
START_TEST(two_of_a_name)
{
	struct person *a = people_enter("a");
	size_t i;

	people_join(a, "#one");
	people_join(a, "#two");
	exported_write();
	for (i = 0; i < nrecords; i++) {
		char *name = memmem(
		    records[i].r.bytes, records[i].r.len, "#two", 4);

		if (records[i].kind == ROOM && name != NULL)
			memcpy(name, "#ONE", 4);
		if (records[i].kind == USER)
			records[i].r.len = 0;
	}
	exported_begin_anew();
	ck_assert_uint_ge(exported_read(), 1);
	still_good("two of a name", 0, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("export_damaged");
	TCase *tc = unit_case(
	    s, "export_damaged", people_setup, exported_teardown);

	UNIT_TESTS(tc, op_is_missing, room_is_missing, empty_rooms, cut, longer,
	    key_is_missing, twice, two_of_a_name);
	tcase_add_loop_test(tc, flipped, 0, 8);
	return unit_run(s);
}
