#include "banterd/base/deadline.h"
#include "banterd/chat/tally.h"

bool
tally_is_over(const struct tally *t, uint64_t now)
{
	return t->told == 0 || now - t->since >= TALLY_MS;
}

bool
tally_take(struct tally *t, unsigned most, uint64_t id)
{
	if (t->told < most) {
		t->told++;
		return true;
	}
	t->held++;
	t->last = id;
	return false;
}

unsigned
tally_begin(struct tally *t, uint64_t now)
{
	unsigned held = t->held;

	t->since = now;
	t->told = t->held = 0;
	return held;
}

uint64_t
tally_due(const struct tally *t)
{
	return t->held == 0 ? NEVER : t->since + TALLY_MS;
}
