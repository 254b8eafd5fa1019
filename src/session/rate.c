#include <sys/param.h>

#include "banterd/config/config.h"
#include "banterd/session/rate.h"

/* A dozen options come at once from an ordinary telnet: that is no more than a
 * line, and less than a token with the bytes of the options themselves. */
#define OPTION_BYTES (RATE_BYTES / 12 - 3)

static bool
is_on(const struct config *conf)
{
	return conf->rate_burst > 0;
}

static int32_t
full(const struct config *conf)
{
	return (int32_t)(conf->rate_burst * RATE_TOKEN);
}

/* Tokens are never less than this. */
static int32_t
most_owed(const struct config *conf)
{
	uint64_t most = (uint64_t)conf->rate_per_second * RATE_DEBT_MS;

	return -(int32_t)MIN(most, (uint64_t)full(conf));
}

static void
set_tokens(struct rate *r, const struct config *conf, int64_t tokens)
{
	r->tokens = (int32_t)MAX(MIN(tokens, full(conf)), most_owed(conf));
}

static void
pay(struct rate *r, const struct config *conf, uint64_t tokens)
{
	if (is_on(conf))
		set_tokens(r, conf, r->tokens - (int64_t)(tokens * RATE_TOKEN));
}

/* What time has brought; of more than 49 days, less than that. */
static void
refill(struct rate *r, const struct config *conf, uint64_t now)
{
	uint32_t passed = (uint32_t)now - r->refilled;
	uint64_t gain = (uint64_t)passed * conf->rate_per_second;

	set_tokens(r, conf, r->tokens + (int64_t)gain);
	r->refilled = (uint32_t)now;
}

void
rate_begin(struct rate *r, const struct config *conf, uint64_t now)
{
	r->refilled = (uint32_t)now;
	r->tokens = full(conf);
}

void
rate_take_over(struct rate *r, const struct config *conf, uint32_t deficit)
{
	if (is_on(conf))
		set_tokens(r, conf, (int64_t)full(conf) - deficit);
}

uint32_t
rate_deficit(struct rate *r, const struct config *conf, uint64_t now)
{
	if (!is_on(conf))
		return 0;
	refill(r, conf, now);
	return (uint32_t)(full(conf) - r->tokens);
}

uint32_t
rate_max_deficit(const struct config *conf)
{
	return (uint32_t)(full(conf) - most_owed(conf));
}

bool
rate_allows(struct rate *r, const struct config *conf, uint64_t now)
{
	if (!is_on(conf))
		return true;
	refill(r, conf, now);
	return r->tokens >= RATE_TOKEN;
}

bool
rate_is_overdrawn(const struct rate *r, const struct config *conf)
{
	return is_on(conf) && r->tokens < 0;
}

uint64_t
rate_wait(const struct rate *r, const struct config *conf)
{
	if (r->tokens >= RATE_TOKEN)
		return 0;
	return (uint64_t)(RATE_TOKEN - r->tokens) / conf->rate_per_second + 1;
}

void
rate_pay_line(struct rate *r, const struct config *conf)
{
	pay(r, conf, 1);
}

/* Less than a token's worth is remembered, not paid: who has but one token has
 * it for a line. */
void
rate_pay_bytes(struct rate *r, const struct config *conf, size_t n)
{
	n += r->unpaid;
	r->unpaid = n % RATE_BYTES;
	pay(r, conf, n / RATE_BYTES);
}

void
rate_pay_option(struct rate *r, const struct config *conf)
{
	rate_pay_bytes(r, conf, OPTION_BYTES);
}

void
rate_pay_answer(struct rate *r, const struct config *conf, uint64_t bytes)
{
	pay(r, conf, bytes / RATE_ANSWER);
}
