/* Passwords, and the threads that look at them. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "banterd/store/hash.h"
#include "unit.h"

static char known[HASH_SIZE];

static void
setup(void)
{
	ck_assert(hash_make("secret", known));
}

static struct hash_job *
job_of(const char *password, const char *hash)
{
	struct hash_job *job = calloc(1, sizeof(*job));

	ck_assert_ptr_nonnull(job);
	strlcpy(
	    job->question.password, password, sizeof(job->question.password));
	strlcpy(job->hash, hash, sizeof(job->hash));
	return job;
}

static bool
is_right(const char *password, const char *hash)
{
	struct hash_job *job = job_of(password, hash);
	bool right;

	hash_do(job);
	right = job->is_right;
	ck_assert(!job->failed);
	ck_assert_str_eq(job->question.password, "");
	hash_job_free(job);
	return right;
}

START_TEST(right_and_wrong)
{
	char other[HASH_SIZE];

	ck_assert(is_right("secret", known));
	ck_assert(!is_right("Secret", known));
	ck_assert(!is_right("secret2", known));
	ck_assert(!is_right("", known));
	ck_assert(hash_make("secret", other));
	ck_assert_str_ne(other, known);
	ck_assert(strncmp(known, "$y$j9T$", 7) == 0);
}
END_TEST

/* What a file from elsewhere may have. */
START_TEST(affordable)
{
	static const char *const not [] = { "", "*", "!", "x", "$y$", "$y$j9T",
		"$y$jET$abc$", "$y$j/T$abc$", "$y$jAT$abc$", "$gy$j9T$abc$x",
		"$6$abc$", "$2b$31$abcdefghijklmnopqrstuu", "$7$zzzz$x",
		"$y$$x" };
	size_t i;

	for (i = 0; i < sizeof(not ) / sizeof(not [0]); i++) {
		ck_assert_msg(!hash_is_affordable(not [i]), "%s", not [i]);
		if (not [i][0] != '\0')
			ck_assert(!is_right("secret", not [i]));
	}
	ck_assert(hash_is_affordable(known));
	ck_assert(hash_is_affordable("$y$j75$abc$"));
}
END_TEST

START_TEST(another_password)
{
	struct hash_job *job = job_of("secret", known);

	job->make = true;
	strlcpy(job->question.new_password, "new",
	    sizeof(job->question.new_password));
	hash_do(job);
	ck_assert(job->is_right);
	ck_assert(is_right("new", job->made));
	hash_job_free(job);
	job = job_of("wrong", known);
	job->make = true;
	hash_do(job);
	ck_assert(!job->is_right);
	ck_assert_str_eq(job->made, "");
	hash_job_free(job);
}
END_TEST

static struct hash_job *
wait_for_one(struct hash_pool *pool)
{
	struct pollfd pfd = { .fd = hash_pool_fd(pool), .events = POLLIN };
	struct hash_job *job;

	while ((job = hash_pool_take(pool)) == NULL)
		ck_assert_int_eq(poll(&pfd, 1, 30000), 1);
	return job;
}

START_TEST(threads)
{
	struct hash_pool *pool = hash_pool_new();
	struct hash_job *job;
	unsigned i, right = 0;

	ck_assert_ptr_nonnull(pool);
	for (i = 0; i < 20; i++) {
		job = job_of(i % 2 == 0 ? "secret" : "wrong", known);
		job->asker = i;
		ck_assert(hash_pool_put(pool, job));
	}
	for (i = 0; i < 20; i++) {
		job = wait_for_one(pool);
		ck_assert(job->is_right == (job->asker % 2 == 0));
		right += job->is_right;
		hash_job_free(job);
	}
	ck_assert_uint_eq(right, 10);
	ck_assert_uint_eq(hash_pool_waiting(pool), 0);
	ck_assert_ptr_null(hash_pool_take(pool));
	hash_pool_free(pool);
}
END_TEST

/* So many wait, and no more; what waits at the end is freed. */
START_TEST(full)
{
	struct hash_pool *pool = hash_pool_new();
	struct hash_job *job;
	unsigned n = 0;

	ck_assert_ptr_nonnull(pool);
	for (;;) {
		job = job_of("wrong", known);
		if (!hash_pool_put(pool, job))
			break;
		n++;
	}
	ck_assert_uint_ge(n, HASH_QUEUE_MAX);
	ck_assert_uint_le(n, HASH_QUEUE_MAX + 50);
	hash_job_free(job);
	hash_pool_free(pool);
	hash_pool_free(NULL);
}
END_TEST

UNIT_MAIN("hash", setup, NULL, right_and_wrong, affordable, another_password,
    threads, full)
