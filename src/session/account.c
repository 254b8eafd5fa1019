#include <stdlib.h>

#include <bsd/stdlib.h>

#include "banterd/session/account.h"
#include "banterd/session/context.h"

struct account *
account_new(struct session_context *ctx, struct client *c)
{
	struct account *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->client = c;
	TAILQ_INSERT_TAIL(&ctx->accounts, a, next);
	return a;
}

void
account_free(struct session_context *ctx, struct account *a)
{
	if (a == NULL)
		return;
	TAILQ_REMOVE(&ctx->accounts, a, next);
	freezero(a, sizeof(*a));
}
