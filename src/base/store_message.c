#include <string.h>

#include <bsd/string.h>

#include "banterd/base/record.h"
#include "banterd/base/store_message.h"

/* The fields, in the order in which they are written. */
#define PROTOCOL     1U
#define EPOCH        2U
#define LIMITS       4U
#define NUMBER       8U
#define RESULT       16U
#define NAME         32U
#define OWNER        64U
#define WHEN         128U
#define HOST         256U
#define PASSWORD     512U
#define NEW_PASSWORD 1024U
#define STATE        2048U
#define LINE         4096U
#define FLAGS        8192U
#define ROOM         16384U
#define FROM         32768U
#define TEXT         65536U
#define COUNT        131072U
#define KEEP         262144U
#define SPAN         524288U
#define LIST         1048576U
#define ANY_OWNER    2097152U /* it may be 0 */
#define ANY_ROOM     4194304U /* it may be empty */

static const unsigned fields_of[STORE_KINDS] = {
	[STORE_HELLO] = PROTOCOL | EPOCH | LIMITS | KEEP,
	[STORE_LIMITS] = LIMITS | KEEP,
	[STORE_ROOM_KEEP] = ROOM | KEEP,
	[STORE_ITEM_STATE] = NUMBER | OWNER | STATE | LIST,
	[STORE_ITEM_LEFT] = NUMBER | OWNER | WHEN,
	[STORE_REGISTER] = NUMBER | NAME | PASSWORD | HOST,
	[STORE_LOGIN] = NUMBER | NAME | PASSWORD | HOST,
	[STORE_PASSWD] = NUMBER | NAME | PASSWORD | NEW_PASSWORD | HOST,
	[STORE_UNREGISTER] = NUMBER | NAME | PASSWORD | HOST,
	[STORE_ITEM_LINE] = NUMBER | ROOM | NAME | OWNER | ANY_OWNER | WHEN |
	    FLAGS | TEXT,
	[STORE_ITEM_JOIN] = NUMBER | OWNER | ROOM | WHEN | FLAGS,
	[STORE_ITEM_PART] = NUMBER | OWNER | ROOM,
	[STORE_ITEM_SHOWN] = NUMBER | OWNER | ROOM | ANY_ROOM | LINE,
	[STORE_ITEM_READ] = NUMBER | OWNER | LINE,
	[STORE_SEEN] = NUMBER | NAME,
	[STORE_NOTE] = NUMBER | OWNER | FROM | NAME | WHEN | FLAGS | TEXT,
	[STORE_NOTES] = NUMBER | OWNER,
	[STORE_CATCHUP] = NUMBER | OWNER | ROOM | ANY_ROOM | COUNT,
	[STORE_HISTORY] = NUMBER | OWNER | ANY_OWNER | LIST | COUNT | SPAN,
	[STORE_FIND] = NUMBER | OWNER | ANY_OWNER | LIST | COUNT | TEXT,
	[STORE_ERASED] = NUMBER,
	[STORE_WELCOME] = PROTOCOL | NUMBER,
	[STORE_REFUSED] = PROTOCOL,
	[STORE_NAME] = NAME | OWNER | FLAGS,
	[STORE_NAMES_END] = 0,
	[STORE_FORGOTTEN] = NAME | OWNER,
	[STORE_KEPT] = NUMBER,
	[STORE_ROW] = NUMBER | LINE | ROOM | ANY_ROOM | NAME | OWNER |
	    ANY_OWNER | WHEN | FLAGS | TEXT,
	[STORE_ERASE] = NUMBER | NAME,
	[STORE_ANSWER] = NUMBER | RESULT | NAME | OWNER | ANY_OWNER | WHEN |
	    COUNT | STATE,
};

/* What lines have, and what asks for them. */
static void
put_words(const struct store_message *m, unsigned fields, struct record *r)
{
	if ((fields & LINE) != 0)
		record_put_u64(r, m->line);
	if ((fields & FLAGS) != 0)
		record_put_u8(r, m->flags);
	if ((fields & ROOM) != 0)
		record_put_text(r, m->room);
	if ((fields & FROM) != 0)
		record_put_text(r, m->from);
	if ((fields & TEXT) != 0)
		record_put_bytes(r, m->text, m->text_len);
	if ((fields & COUNT) != 0)
		record_put_u32(r, m->count);
	if ((fields & KEEP) != 0)
		record_put_u32(r, m->keep);
	if ((fields & SPAN) != 0) {
		record_put_u64(r, m->since);
		record_put_u64(r, m->until);
	}
	if ((fields & LIST) != 0)
		record_put_bytes(r, m->list, m->list_len);
}

bool
store_message_write(const struct store_message *m, struct record *r)
{
	unsigned fields = fields_of[m->kind];

	record_begin(r);
	record_put_u8(r, (uint8_t)m->kind);
	if ((fields & PROTOCOL) != 0)
		record_put_u32(r, m->protocol);
	if ((fields & EPOCH) != 0)
		record_put_u64(r, m->epoch);
	if ((fields & LIMITS) != 0) {
		record_put_u32(r, m->names_per_host);
		record_put_u64(r, m->name_expiry);
	}
	if ((fields & NUMBER) != 0)
		record_put_u64(r, m->number);
	if ((fields & RESULT) != 0)
		record_put_u8(r, (uint8_t)m->result);
	if ((fields & NAME) != 0)
		record_put_text(r, m->name);
	if ((fields & OWNER) != 0)
		record_put_u64(r, m->owner);
	if ((fields & WHEN) != 0)
		record_put_u64(r, m->when);
	if ((fields & HOST) != 0)
		record_put_text(r, m->host);
	if ((fields & PASSWORD) != 0)
		record_put_text(r, m->password);
	if ((fields & NEW_PASSWORD) != 0)
		record_put_text(r, m->new_password);
	if ((fields & STATE) != 0)
		record_put_bytes(r, m->state, m->state_len);
	put_words(m, fields, r);
	return !r->failed;
}

static void
get_words(
    struct store_message *m, unsigned fields, struct record_reader *reader)
{
	if ((fields & LINE) != 0)
		m->line = record_get_u64(reader);
	if ((fields & FLAGS) != 0)
		m->flags = record_get_u8(reader);
	if ((fields & ROOM) != 0)
		record_get_name(reader, m->room, sizeof(m->room));
	if ((fields & FROM) != 0)
		record_get_name(reader, m->from, sizeof(m->from));
	if ((fields & TEXT) != 0)
		m->text = record_get_bytes(reader, &m->text_len);
	if ((fields & COUNT) != 0)
		m->count = record_get_u32(reader);
	if ((fields & KEEP) != 0)
		m->keep = record_get_u32(reader);
	if ((fields & SPAN) != 0) {
		m->since = record_get_u64(reader);
		m->until = record_get_u64(reader);
	}
	if ((fields & LIST) != 0)
		m->list = record_get_bytes(reader, &m->list_len);
}

static void
get_fields(
    struct store_message *m, unsigned fields, struct record_reader *reader)
{
	if ((fields & PROTOCOL) != 0)
		m->protocol = record_get_u32(reader);
	if ((fields & EPOCH) != 0)
		m->epoch = record_get_u64(reader);
	if ((fields & LIMITS) != 0) {
		m->names_per_host = record_get_u32(reader);
		m->name_expiry = record_get_u64(reader);
	}
	if ((fields & NUMBER) != 0)
		m->number = record_get_u64(reader);
	if ((fields & RESULT) != 0)
		m->result = record_get_u8(reader);
	if ((fields & NAME) != 0)
		record_get_name(reader, m->name, sizeof(m->name));
	if ((fields & OWNER) != 0)
		m->owner = record_get_u64(reader);
	if ((fields & WHEN) != 0)
		m->when = record_get_u64(reader);
	if ((fields & HOST) != 0)
		record_get_name(reader, m->host, sizeof(m->host));
	if ((fields & PASSWORD) != 0)
		record_get_name(reader, m->password, sizeof(m->password));
	if ((fields & NEW_PASSWORD) != 0)
		record_get_name(
		    reader, m->new_password, sizeof(m->new_password));
	if ((fields & STATE) != 0)
		m->state = record_get_bytes(reader, &m->state_len);
	get_words(m, fields, reader);
}

static bool
is_possible_text(const struct store_message *m)
{
	return m->text_len <= STORE_TEXT_MAX &&
	    (m->text_len == 0 || memchr(m->text, '\0', m->text_len) == NULL);
}

static bool
is_possible_room(const struct store_message *m, unsigned fields)
{
	return (fields & ROOM) == 0 || text_is_room(m->room) ||
	    ((fields & ANY_ROOM) != 0 && m->room[0] == '\0');
}

/* Whether its fields can be so.  An answer may have no name. */
static bool
is_possible(const struct store_message *m)
{
	unsigned fields = fields_of[m->kind];

	if (m->result >= STORE_RESULTS || m->state_len > STORE_STATE_MAX ||
	    m->list_len > STORE_LIST_MAX || !is_possible_text(m) ||
	    !is_possible_room(m, fields))
		return false;
	if ((fields & FROM) != 0 && !text_is_nick(m->from))
		return false;
	if ((fields & EPOCH) != 0 && m->epoch == 0)
		return false;
	if (m->kind == STORE_ANSWER)
		return m->name[0] == '\0' || text_is_nick(m->name);
	return ((fields & NAME) == 0 || text_is_nick(m->name)) &&
	    ((fields & OWNER) == 0 || (fields & ANY_OWNER) != 0 ||
		m->owner != 0);
}

bool
store_message_read(struct store_message *m, const void *p, size_t n)
{
	struct record_reader reader = record_reader(p, n);
	unsigned kind = record_get_u8(&reader);

	memset(m, 0, sizeof(*m));
	if (kind == 0 || kind >= STORE_KINDS)
		return false;
	m->kind = kind;
	if (kind == STORE_BATCH) /* see store_batch_next() */
		return n > 1;
	get_fields(m, fields_of[kind], &reader);
	return record_is_whole(&reader) && is_possible(m);
}

/* ---- batches ---- */

void
store_batch_begin(struct record *r)
{
	record_begin(r);
	record_put_u8(r, STORE_BATCH);
}

bool
store_batch_add(struct record *r, const void *item, size_t n)
{
	if (r->failed || n + sizeof(uint32_t) > STORE_MESSAGE_MAX - r->len)
		return false;
	record_put_bytes(r, item, n);
	return !r->failed;
}

bool
store_batch_next(
    const void *batch, size_t n, size_t *at, struct store_message *m)
{
	struct record_reader reader;
	const void *item;
	size_t len;

	memset(m, 0, sizeof(*m));
	if (*at == 0)
		*at = 1; /* its kind */
	if (*at >= n) {
		m->kind = STORE_BATCH;
		return false;
	}
	reader = record_reader((const unsigned char *)batch + *at, n - *at);
	item = record_get_bytes(&reader, &len);
	if (reader.failed || !store_message_read(m, item, len) ||
	    m->kind < STORE_ITEM_STATE || m->kind > STORE_ITEM_READ) {
		m->kind = 0;
		return false;
	}
	*at = n - reader.left;
	return true;
}

/* ---- lists ---- */

void
store_list_put_owner(struct record *r, uint64_t owner)
{
	record_put_u64(r, owner);
}

void
store_list_put_room(struct record *r, const struct store_room *room)
{
	record_put_text(r, room->name);
	record_put_u8(r, room->is_keyed);
	record_put_u64(r, room->since);
}

static struct record_reader
rest_of_list(const struct store_message *m, size_t at)
{
	return record_reader(
	    (const unsigned char *)m->list + at, m->list_len - at);
}

bool
store_list_next_owner(
    const struct store_message *m, size_t *at, uint64_t *owner)
{
	struct record_reader reader;

	if (*at >= m->list_len)
		return false;
	reader = rest_of_list(m, *at);
	*owner = record_get_u64(&reader);
	*at = m->list_len - reader.left;
	return !reader.failed;
}

bool
store_list_next_room(
    const struct store_message *m, size_t *at, struct store_room *room)
{
	struct record_reader reader;

	if (*at >= m->list_len)
		return false;
	reader = rest_of_list(m, *at);
	record_get_name(&reader, room->name, sizeof(room->name));
	room->is_keyed = record_get_u8(&reader) != 0;
	room->since = record_get_u64(&reader);
	*at = m->list_len - reader.left;
	return !reader.failed && text_is_room(room->name);
}

void
store_message_wipe(struct store_message *m)
{
	explicit_bzero(m->password, sizeof(m->password));
	explicit_bzero(m->new_password, sizeof(m->new_password));
}
