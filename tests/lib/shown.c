#include <stdio.h>

#include "shown.h"
#include "unit.h"

bool
shown_add(
    void *arg, const void *key, size_t key_len, const void *record, size_t len)
{
	struct shown *s = arg;

	s->len += (size_t)snprintf(s->text + s->len, sizeof(s->text) - s->len,
	    "%.*s=%.*s ", (int)key_len, (const char *)key, (int)len,
	    len > 0 ? (const char *)record : "");
	ck_assert_uint_lt(s->len, sizeof(s->text));
	return --s->most > 0;
}
