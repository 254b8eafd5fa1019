/* What banterd and banter-store say to each other: each kind comes through, and
 * nothing that is damaged does harm. */
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "banterd/base/record.h"
#include "banterd/base/store_message.h"
#include "unit.h"

static struct record r;

static void
teardown(void)
{
	record_free(&r);
}

/* One with all fields, of which each kind takes its own. */
static struct store_message
full(enum store_kind kind)
{
	struct store_message m = { .kind = kind,
		.result = STORE_FAILED,
		.protocol = STORE_PROTOCOL,
		.names_per_host = UINT32_MAX,
		.name_expiry = UINT64_MAX,
		.epoch = UINT64_MAX - 1,
		.number = UINT64_MAX - 2,
		.owner = UINT64_MAX - 3,
		.when = UINT64_MAX - 4,
		.name = "Alice.of-the_24-letters1",
		.host = "fe80::1%eth0",
		.password = "pass word \xff",
		.new_password = "",
		.since = 1,
		.until = UINT64_MAX,
		.line = UINT64_MAX - 5,
		.keep = STORE_KEEP_NONE,
		.count = UINT32_MAX,
		.flags = STORE_ACTION | STORE_KEYED,
		.room = "#dev",
		.from = "bob",
		.text = "said",
		.text_len = 4,
		.list = "12345678",
		.list_len = 8,
		.state = "sta\0te",
		.state_len = 6 };

	return m;
}

/* What follows it: a batch is tested by itself. */
static enum store_kind
kind_after(enum store_kind kind)
{
	kind++;
	return kind == STORE_BATCH ? kind + 1 : kind;
}

/* Written, read, and written again, it is the same. */
static void
comes_through(const struct store_message *m)
{
	struct store_message got;
	struct record again = { .failed = false };

	ck_assert(store_message_write(m, &r));
	ck_assert(store_message_read(&got, r.bytes, r.len));
	ck_assert_uint_eq(got.kind, m->kind);
	ck_assert(store_message_write(&got, &again));
	unit_bytes("again", again.bytes, again.len, r.bytes, r.len);
	record_free(&again);
}

START_TEST(each_kind)
{
	struct store_message m;
	enum store_kind kind;

	for (kind = STORE_HELLO; kind < STORE_KINDS; kind = kind_after(kind)) {
		m = full(kind);
		comes_through(&m);
		ck_assert_uint_le(r.len, STORE_MESSAGE_MAX);
	}
}
END_TEST

/* The fields are those that were written. */
START_TEST(fields)
{
	struct store_message m = full(STORE_PASSWD), got;

	strlcpy(m.new_password, "new", sizeof(m.new_password));
	ck_assert(store_message_write(&m, &r));
	ck_assert(store_message_read(&got, r.bytes, r.len));
	ck_assert_str_eq(got.name, m.name);
	ck_assert_str_eq(got.host, m.host);
	ck_assert_str_eq(got.password, m.password);
	ck_assert_str_eq(got.new_password, "new");
	ck_assert_uint_eq(got.number, m.number);
	ck_assert_uint_eq(got.owner, 0);
	store_message_wipe(&got);
	ck_assert_str_eq(got.password, "");
	ck_assert_str_eq(got.new_password, "");
}
END_TEST

START_TEST(longest)
{
	static char state[STORE_STATE_MAX + 1];
	struct store_message m = full(STORE_ITEM_STATE), got;

	m.state = state;
	m.state_len = STORE_STATE_MAX;
	comes_through(&m);
	m.state_len++;
	ck_assert(store_message_write(&m, &r));
	ck_assert(!store_message_read(&got, r.bytes, r.len));
	m = full(STORE_LOGIN);
	memset(m.password, 'x', STORE_PASSWORD_MAX);
	comes_through(&m);
}
END_TEST

/* Too short, too long, and with each bit the other way. */
START_TEST(damaged)
{
	struct store_message m, got;
	enum store_kind kind;
	size_t i;

	for (kind = STORE_HELLO; kind < STORE_KINDS; kind = kind_after(kind)) {
		m = full(kind);
		ck_assert(store_message_write(&m, &r));
		for (i = 0; i < r.len; i++) {
			if (store_message_read(&got, r.bytes, i))
				ck_abort_msg(
				    "kind %u, %zu bytes", (unsigned)kind, i);
		}
		for (i = 0; i < 8 * r.len; i++) {
			r.bytes[i / 8] ^= (unsigned char)(1U << i % 8);
			if (store_message_read(&got, r.bytes, r.len) &&
			    got.kind != STORE_BATCH &&
			    (got.kind >= STORE_KINDS ||
				got.result >= STORE_RESULTS ||
				got.state_len > STORE_STATE_MAX ||
				got.text_len > STORE_TEXT_MAX ||
				got.list_len > STORE_LIST_MAX))
				ck_abort_msg(
				    "kind %u, bit %zu", (unsigned)kind, i);
			r.bytes[i / 8] ^= (unsigned char)(1U << i % 8);
		}
		record_put_u8(&r, 0);
		ck_assert(!store_message_read(&got, r.bytes, r.len));
	}
}
END_TEST

START_TEST(impossible)
{
	struct store_message m, got;

	m = full(STORE_HELLO);
	m.epoch = 0;
	ck_assert(store_message_write(&m, &r));
	ck_assert(!store_message_read(&got, r.bytes, r.len));
	m = full(STORE_NAME);
	m.owner = 0;
	ck_assert(store_message_write(&m, &r));
	ck_assert(!store_message_read(&got, r.bytes, r.len));
	m = full(STORE_SEEN);
	strlcpy(m.name, "a b", sizeof(m.name));
	ck_assert(store_message_write(&m, &r));
	ck_assert(!store_message_read(&got, r.bytes, r.len));
	m = full(STORE_ANSWER);
	m.name[0] = '\0';
	comes_through(&m);
	m = full(STORE_ITEM_JOIN);
	strlcpy(m.room, "dev", sizeof(m.room));
	ck_assert(store_message_write(&m, &r));
	ck_assert(!store_message_read(&got, r.bytes, r.len));
	m = full(STORE_ITEM_LINE);
	m.text = "a\0b";
	ck_assert(store_message_write(&m, &r));
	ck_assert(!store_message_read(&got, r.bytes, r.len));
	m = full(STORE_ITEM_LINE);
	m.owner = 0;
	comes_through(&m);
	m = full(STORE_CATCHUP);
	m.room[0] = '\0';
	comes_through(&m);
	ck_assert(!store_message_read(&got, "", 0));
	ck_assert(!store_message_read(&got, "\0", 1));
}
END_TEST

/* All of it is in one packet, in its order. */
START_TEST(batches)
{
	struct record batch = { 0 };
	struct store_message m = full(STORE_ITEM_LEFT), got;
	unsigned n = 0, i;
	size_t at = 0;

	store_batch_begin(&batch);
	do {
		m.number = ++n;
		ck_assert(store_message_write(&m, &r));
	} while (store_batch_add(&batch, r.bytes, r.len));
	ck_assert_uint_le(batch.len, STORE_MESSAGE_MAX);
	ck_assert_uint_gt(n, 1000);
	ck_assert(store_message_read(&got, batch.bytes, batch.len));
	ck_assert_int_eq(got.kind, STORE_BATCH);
	for (i = 1; store_batch_next(batch.bytes, batch.len, &at, &got); i++) {
		if (got.number != i)
			ck_abort_msg("%u", i);
	}
	ck_assert_uint_eq(i, n);
	ck_assert_int_eq(got.kind, STORE_BATCH);
	/* cut, and with something else in it */
	at = 0;
	while (store_batch_next(batch.bytes, batch.len - 1, &at, &got))
		;
	ck_assert_int_eq(got.kind, 0);
	m = full(STORE_SEEN);
	ck_assert(store_message_write(&m, &r));
	store_batch_begin(&batch);
	ck_assert(store_batch_add(&batch, r.bytes, r.len));
	at = 0;
	ck_assert(!store_batch_next(batch.bytes, batch.len, &at, &got));
	ck_assert_int_eq(got.kind, 0);
	record_free(&batch);
}
END_TEST

START_TEST(lists)
{
	const struct store_room dev = {
		.name = "#dev", .is_keyed = true, .since = 7
	};
	struct record list = { 0 };
	struct store_message m = { .kind = STORE_FIND };
	struct store_room room;
	uint64_t owner;
	size_t at = 0;

	store_list_put_room(&list, &dev);
	store_list_put_room(&list, &dev);
	m.list = list.bytes;
	m.list_len = list.len;
	ck_assert(store_list_next_room(&m, &at, &room));
	ck_assert(store_list_next_room(&m, &at, &room));
	ck_assert_str_eq(room.name, "#dev");
	ck_assert(room.is_keyed);
	ck_assert_uint_eq(room.since, 7);
	ck_assert(!store_list_next_room(&m, &at, &room));
	at = 0;
	m.list_len = list.len - 1;
	ck_assert(store_list_next_room(&m, &at, &room));
	ck_assert(!store_list_next_room(&m, &at, &room));
	record_begin(&list);
	store_list_put_owner(&list, 9);
	m.list = list.bytes;
	m.list_len = list.len;
	at = 0;
	ck_assert(store_list_next_owner(&m, &at, &owner));
	ck_assert_uint_eq(owner, 9);
	ck_assert(!store_list_next_owner(&m, &at, &owner));
	record_free(&list);
}
END_TEST

UNIT_MAIN("store_message", NULL, teardown, each_kind, fields, longest, damaged,
    impossible, batches, lists)
