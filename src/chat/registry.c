#include <stdlib.h>
#include <string.h>

#include "banterd/base/deadline.h"
#include "banterd/chat/registry.h"

void
registry_init(struct registry *reg, const struct registry_ops *ops)
{
	memset(reg, 0, sizeof(*reg));
	RB_INIT(&reg->rooms);
	RB_INIT(&reg->ranking);
	TAILQ_INIT(&reg->pending);
	names_init(&reg->names);
	reg->due = NEVER;
	reg->ops = ops;
}

void
registry_free(struct registry *reg)
{
	free(reg->slots);
	names_free(&reg->names);
	memset(reg, 0, sizeof(*reg));
}
