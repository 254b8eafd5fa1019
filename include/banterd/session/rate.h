/*
 * The rate: what a client sends, and what it is answered, costs tokens.  It
 * begins with a burst of them, and time brings more.  This is the one place
 * that knows what costs how much (and it knows no clients):
 *
 *	a line, whatever comes of it        one
 *	an answer                           one more for each 8 KB
 *	bytes that make no line             one for each 1,024
 *	an answer to a telnet option        a twelfth
 *
 * "rate off" makes all of it free.  Somebody may have the next thing carried
 * out who has a whole token left.  What that costs is known afterwards, so it
 * may be more than they have; but for no debt anybody waits longer than five
 * seconds.
 */
#ifndef BANTERD_SESSION_RATE_H
#define BANTERD_SESSION_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;

/* A token, in the unit of rate.tokens and of a host's deficit. */
#define RATE_TOKEN 1000

#define RATE_ANSWER 8192 /* bytes of an answer that cost a token */
#define RATE_BYTES  1024 /* the same of input that makes no line */

/* Tokens of so many ms are the most that anybody owes; nor is it more than a
 * burst. */
#define RATE_DEBT_MS 4000

/* What one client has left. */
struct rate {
	uint32_t refilled; /* ms, the low half: when tokens was right */
	int32_t tokens;    /* in thousandths; below 0: owed */
	uint16_t unpaid;   /* bytes that made no line */
};

/* Gives a newcomer a full burst; then, takes off what its host still owes, in
 * thousandths of tokens.  now is in ms. */
void rate_begin(struct rate *r, const struct config *conf, uint64_t now);
void rate_take_over(
    struct rate *r, const struct config *conf, uint32_t deficit);

/* What was spent and has not come back at now (ms), in thousandths of tokens;
 * and the most that this can be. */
uint32_t rate_deficit(struct rate *r, const struct config *conf, uint64_t now);
uint32_t rate_max_deficit(const struct config *conf);

/* Whether something may be carried out at now (ms); if not, in how many ms it
 * may. */
bool rate_allows(struct rate *r, const struct config *conf, uint64_t now);
uint64_t rate_wait(const struct rate *r, const struct config *conf);

/* Whether more was paid than there was. */
bool rate_is_overdrawn(const struct rate *r, const struct config *conf);

/* Pays for a line; for n bytes that made none; for the answer to an option; for
 * an answer of so many bytes. */
void rate_pay_line(struct rate *r, const struct config *conf);
void rate_pay_bytes(struct rate *r, const struct config *conf, size_t n);
void rate_pay_option(struct rate *r, const struct config *conf);
void rate_pay_answer(struct rate *r, const struct config *conf, uint64_t bytes);

#endif
