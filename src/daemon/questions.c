#include <stdlib.h>
#include <string.h>

#include "banterd/daemon/questions.h"

void
questions_init(struct questions *qs)
{
	memset(qs, 0, sizeof(*qs));
	TAILQ_INIT(&qs->list);
}

void
questions_free(struct questions *qs)
{
	struct question *q;

	/* The last one is not the first any more (TAILQ_REMOVE). */
	while ((q = TAILQ_FIRST(&qs->list)) != NULL)
		questions_end(qs, q); /* NOLINT(clang-analyzer-unix.Malloc) */
}

bool
questions_add(struct questions *qs, struct client *c, struct store_message *m)
{
	struct question *q;

	if (qs->n >= QUESTIONS_MAX || (q = calloc(1, sizeof(*q))) == NULL)
		return false;
	m->number = ++qs->last;
	q->number = m->number;
	q->kind = m->kind;
	q->client = c;
	TAILQ_INSERT_TAIL(&qs->list, q, next);
	qs->n++;
	if (store_message_write(m, &q->message))
		return true;
	questions_end(qs, q);
	return false;
}

struct question *
questions_find(const struct questions *qs, uint64_t number)
{
	struct question *q;

	TAILQ_FOREACH(q, &qs->list, next) {
		if (q->number == number)
			break;
	}
	return q;
}

void
questions_end(struct questions *qs, struct question *q)
{
	TAILQ_REMOVE(&qs->list, q, next);
	qs->n--;
	if (q->message.bytes != NULL)
		explicit_bzero(q->message.bytes, q->message.len);
	record_free(&q->message);
	free(q);
}

void
questions_forget(struct questions *qs, const struct client *c)
{
	struct question *q, *next;

	TAILQ_FOREACH_SAFE(q, &qs->list, next, next) {
		if (q->client != c)
			continue;
		q->client = NULL;
		if (!q->is_sent)
			questions_end(qs, q);
	}
}

bool
question_may_be_repeated(const struct question *q)
{
	return q->client != NULL &&
	    (q->kind == STORE_LOGIN || q->kind == STORE_SEEN);
}
