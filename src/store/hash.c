#include <sys/eventfd.h>

#include <crypt.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "banterd/base/text.h"
#include "banterd/store/hash.h"

#define PREFIX       "$y$"
#define DEFAULT_COST 5 /* crypt(5); 0 asks for whatever is the default */

TAILQ_HEAD(hash_jobs, hash_job);

struct hash_pool {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	struct hash_jobs waiting, done;
	unsigned nwaiting;
	bool ending;
	int fd; /* eventfd(2): how many were done since it was read */
	unsigned nthreads;
	pthread_t threads[HASH_THREADS];
};

/* ---- one ---- */

/* Returns false with errno set. */
static bool
hash_with(const char *password, const char *setting, char made[HASH_SIZE])
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *hash;
	bool done;

	if (data == NULL)
		return false;
	hash = crypt_rn(password, setting, data, sizeof(*data));
	done = hash != NULL && strlcpy(made, hash, HASH_SIZE) < HASH_SIZE;
	if (hash != NULL && !done)
		errno = ERANGE;
	explicit_bzero(data, sizeof(*data));
	free(data);
	return done;
}

bool
hash_make(const char *password, char made[HASH_SIZE])
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	made[0] = '\0';
	if (crypt_gensalt_rn(PREFIX, 0, NULL, 0, setting, sizeof(setting)) ==
	    NULL)
		return false;
	return hash_with(password, setting, made);
}

/* The length of what says how much it asks for: "$y$j9T$". */
static size_t
cost_length(const char *setting)
{
	const char *end;

	if (strncmp(setting, PREFIX, strlen(PREFIX)) != 0)
		return 0;
	end = strchr(setting + strlen(PREFIX), '$');
	return end == NULL ? 0 : (size_t)(end - setting) + 1;
}

bool
hash_is_affordable(const char *hash)
{
	static const char salt[] = "0123456789abcdef";
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	size_t len = cost_length(hash);
	unsigned long cost;

	for (cost = 0; len > 0 && cost <= DEFAULT_COST; cost++) {
		if (crypt_gensalt_rn(PREFIX, cost, salt, sizeof(salt) - 1,
			setting, sizeof(setting)) != NULL &&
		    cost_length(setting) == len &&
		    memcmp(setting, hash, len) == 0)
			return true;
	}
	return false;
}

static void
compare(struct hash_job *job)
{
	char made[HASH_SIZE];

	if (!hash_is_affordable(job->hash))
		return;
	if (!hash_with(job->question.password, job->hash, made))
		job->failed = errno == ENOMEM || errno == EAGAIN;
	else
		job->is_right = text_same_secret(job->hash, made);
	explicit_bzero(made, sizeof(made));
}

void
hash_do(struct hash_job *job)
{
	if (job->hash[0] != '\0')
		compare(job);
	if (job->make && !job->failed &&
	    (job->hash[0] == '\0' || job->is_right))
		job->failed = !hash_make(job->question.new_password, job->made);
	store_message_wipe(&job->question);
}

void
hash_job_free(struct hash_job *job)
{
	if (job == NULL)
		return;
	explicit_bzero(job, sizeof(*job));
	free(job);
}

/* ---- the threads ---- */

/* Waits for a job; NULL: that was all. */
static struct hash_job *
next_job(struct hash_pool *pool)
{
	struct hash_job *job = NULL;

	pthread_mutex_lock(&pool->mutex);
	while (!pool->ending && TAILQ_EMPTY(&pool->waiting))
		pthread_cond_wait(&pool->cond, &pool->mutex);
	if (!pool->ending) {
		job = TAILQ_FIRST(&pool->waiting);
		TAILQ_REMOVE(&pool->waiting, job, next);
		pool->nwaiting--;
	}
	pthread_mutex_unlock(&pool->mutex);
	return job;
}

static void
give_back(struct hash_pool *pool, struct hash_job *job)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&pool->mutex);
	TAILQ_INSERT_TAIL(&pool->done, job, next);
	pthread_mutex_unlock(&pool->mutex);
	/* It fails at 2^64 - 2 jobs, and wakes somebody even then. */
	while (write(pool->fd, &one, sizeof(one)) == -1 && errno == EINTR)
		;
}

static void *
thread_main(void *arg)
{
	struct hash_pool *pool = arg;
	struct hash_job *job;

	while ((job = next_job(pool)) != NULL) {
		hash_do(job);
		give_back(pool, job);
	}
	return NULL;
}

/* Signals are the loop's. */
static int
start_threads(struct hash_pool *pool)
{
	sigset_t all, before;
	int error = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (error == 0 && pool->nthreads < HASH_THREADS) {
		error = pthread_create(
		    &pool->threads[pool->nthreads], NULL, thread_main, pool);
		if (error == 0)
			pool->nthreads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

struct hash_pool *
hash_pool_new(void)
{
	struct hash_pool *pool = calloc(1, sizeof(*pool));
	int error;

	if (pool == NULL)
		return NULL;
	TAILQ_INIT(&pool->waiting);
	TAILQ_INIT(&pool->done);
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->cond, NULL);
	pool->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = pool->fd == -1 ? errno : start_threads(pool);
	if (error == 0)
		return pool;
	hash_pool_free(pool);
	errno = error;
	return NULL;
}

static void
free_jobs(struct hash_jobs *jobs)
{
	struct hash_job *job;

	while ((job = TAILQ_FIRST(jobs)) != NULL) {
		TAILQ_REMOVE(jobs, job, next);
		hash_job_free(job);
	}
}

void
hash_pool_free(struct hash_pool *pool)
{
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->mutex);
	pool->ending = true;
	pthread_cond_broadcast(&pool->cond);
	pthread_mutex_unlock(&pool->mutex);
	while (pool->nthreads > 0)
		pthread_join(pool->threads[--pool->nthreads], NULL);
	free_jobs(&pool->waiting);
	free_jobs(&pool->done);
	if (pool->fd != -1)
		close(pool->fd);
	pthread_cond_destroy(&pool->cond);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}

int
hash_pool_fd(const struct hash_pool *pool)
{
	return pool->fd;
}

bool
hash_pool_put(struct hash_pool *pool, struct hash_job *job)
{
	bool put;

	pthread_mutex_lock(&pool->mutex);
	put = pool->nwaiting < HASH_QUEUE_MAX;
	if (put) {
		TAILQ_INSERT_TAIL(&pool->waiting, job, next);
		pool->nwaiting++;
		pthread_cond_signal(&pool->cond);
	}
	pthread_mutex_unlock(&pool->mutex);
	return put;
}

struct hash_job *
hash_pool_take(struct hash_pool *pool)
{
	struct hash_job *job;
	uint64_t n;

	pthread_mutex_lock(&pool->mutex);
	job = TAILQ_FIRST(&pool->done);
	if (job != NULL)
		TAILQ_REMOVE(&pool->done, job, next);
	else
		(void)!read(pool->fd, &n, sizeof(n));
	pthread_mutex_unlock(&pool->mutex);
	return job;
}

unsigned
hash_pool_waiting(struct hash_pool *pool)
{
	unsigned n;

	pthread_mutex_lock(&pool->mutex);
	n = pool->nwaiting;
	pthread_mutex_unlock(&pool->mutex);
	return n;
}
