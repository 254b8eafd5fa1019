/*
 * A message between banterd and banter-store: whatever the bytes are, it is
 * none, or one whose fields are within their bounds and that is written again
 * as it was read.  So is each item of a batch, and all of them make that batch
 * again; and what a list has, as far as it is one, makes that list again.
 */
#include <stdlib.h>
#include <string.h>

#include "banterd/base/record.h"
#include "banterd/base/store_message.h"
#include "fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* What lies in a message is within what was read. */
static void
check_inside(const void *p, size_t len, size_t max, const uint8_t *data,
    size_t size, const char *what)
{
	const uint8_t *at = p;

	if (len == 0)
		return;
	FUZZ_CHECK(len <= max, "too much of a %s", what);
	FUZZ_CHECK(at >= data && at <= data + size &&
		len <= (size_t)(data + size - at),
	    "a %s from elsewhere", what);
}

static void
check_bounds(const struct store_message *m, const uint8_t *data, size_t size)
{
	FUZZ_CHECK(m->kind > 0 && m->kind < STORE_KINDS, "no kind");
	FUZZ_CHECK(m->result < STORE_RESULTS, "no result");
	FUZZ_CHECK(m->name[0] == '\0' || text_is_nick(m->name), "no name");
	FUZZ_CHECK(m->from[0] == '\0' || text_is_nick(m->from), "from no name");
	FUZZ_CHECK(m->room[0] == '\0' || text_is_room(m->room), "no room");
	FUZZ_CHECK(strlen(m->host) < sizeof(m->host), "host without an end");
	FUZZ_CHECK(strlen(m->password) <= STORE_PASSWORD_MAX &&
		strlen(m->new_password) <= STORE_PASSWORD_MAX,
	    "password without an end");
	check_inside(
	    m->state, m->state_len, STORE_STATE_MAX, data, size, "state");
	check_inside(m->text, m->text_len, STORE_TEXT_MAX, data, size, "text");
	check_inside(m->list, m->list_len, STORE_LIST_MAX, data, size, "list");
	FUZZ_CHECK(
	    m->text_len == 0 || memchr(m->text, '\0', m->text_len) == NULL,
	    "a text with a NUL");
}

static void
check_owners(const struct store_message *m)
{
	struct record again = { .failed = false };
	uint64_t owner;
	size_t at = 0;

	while (store_list_next_owner(m, &at, &owner)) {
		store_list_put_owner(&again, owner);
		FUZZ_CHECK(again.len == at, "an owner of another length");
	}
	FUZZ_CHECK(again.len == m->list_len / sizeof(owner) * sizeof(owner),
	    "owners that are left out");
	FUZZ_CHECK(
	    again.len == 0 || memcmp(again.bytes, m->list, again.len) == 0,
	    "other owners than were read");
	record_free(&again);
}

/* Whether a room has a key is any byte but 0, and is written as 1: so what is
 * compared are the rooms. */
static void
check_rooms(const struct store_message *m)
{
	struct record again = { .failed = false };
	struct store_message copy = { .kind = m->kind };
	struct store_room room, same;
	size_t at = 0, at_same = 0, n = 0;

	while (store_list_next_room(m, &at, &room)) {
		FUZZ_CHECK(text_is_room(room.name), "a list of no rooms");
		store_list_put_room(&again, &room);
		FUZZ_CHECK(again.len == at, "a room of another length");
		n++;
	}
	copy.list = again.bytes;
	copy.list_len = again.len;
	for (at = 0; n > 0; n--) {
		FUZZ_CHECK(store_list_next_room(m, &at, &room) &&
			store_list_next_room(&copy, &at_same, &same),
		    "fewer rooms than before");
		FUZZ_CHECK(strcmp(room.name, same.name) == 0 &&
			room.is_keyed == same.is_keyed &&
			room.since == same.since,
		    "another room than was read");
	}
	FUZZ_CHECK(!store_list_next_room(&copy, &at_same, &same),
	    "more rooms than before");
	record_free(&again);
}

static void
check_written(const struct store_message *m, const uint8_t *data, size_t size)
{
	struct record again = { .failed = false };

	if (!store_message_write(m, &again))
		abort();
	FUZZ_CHECK(again.len == size && memcmp(again.bytes, data, size) == 0,
	    "written otherwise than it was read");
	record_free(&again);
}

/* Of any kind but a batch. */
static void
check_message(const struct store_message *m, const uint8_t *data, size_t size)
{
	check_bounds(m, data, size);
	check_owners(m);
	check_rooms(m);
	check_written(m, data, size);
}

/* Where a batch ends in what is no item, what is before that is as it was. */
static void
check_batch(const uint8_t *data, size_t size)
{
	struct record again = { .failed = false };
	struct record item = { .failed = false };
	struct store_message m;
	size_t at = 0, before;

	store_batch_begin(&again);
	for (before = 1; store_batch_next(data, size, &at, &m); before = at) {
		FUZZ_CHECK(at > before + sizeof(uint32_t) && at <= size,
		    "an item from elsewhere");
		before += sizeof(uint32_t);
		check_message(&m, data + before, at - before);
		if (!store_message_write(&m, &item))
			abort();
		FUZZ_CHECK(store_batch_add(&again, item.bytes, item.len),
		    "an item that did fit does not");
	}
	FUZZ_CHECK(m.kind == 0 || (m.kind == STORE_BATCH && at == size),
	    "a batch that ends elsewhere");
	FUZZ_CHECK(again.len == at && memcmp(again.bytes, data, at) == 0,
	    "a batch written otherwise than it was read");
	record_free(&again);
	record_free(&item);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_message m;

	/* no packet is longer */
	if (size > STORE_MESSAGE_MAX || !store_message_read(&m, data, size))
		return 0;
	if (m.kind == STORE_BATCH)
		check_batch(data, size);
	else
		check_message(&m, data, size);
	store_message_wipe(&m);
	return 0;
}
