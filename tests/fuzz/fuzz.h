/*
 * What the fuzz targets share: reading the input as a script, and a check
 * that ends the program.  The targets run under libFuzzer, or under replay.c,
 * which feeds them files.
 */
#ifndef BANTERD_FUZZ_H
#define BANTERD_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The two functions that libFuzzer calls. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input.  Past its end everything reads as 0. */
struct fuzz_input {
	const uint8_t *p;
	size_t left;
};

uint8_t fuzz_byte(struct fuzz_input *in);

/* Takes up to want bytes; returns how many there were, and sets *p to them. */
size_t fuzz_take(struct fuzz_input *in, size_t want, const uint8_t **p);

/* Takes all bytes up to the first zero byte (or the end), and that one too.
 * Returns a string that the caller owes free(). */
char *fuzz_string(struct fuzz_input *in);

/* A file in memory with these bytes; *path (at least 32 bytes) is its name
 * until the returned descriptor is closed. */
int fuzz_file(const void *data, size_t size, char *path);

/* The code point of the UTF-8 sequence that begins at s, whose length is put
 * into *n; or -1 with *n 1 if there is none.  Written without a look at
 * src/base/text.c, which it checks. */
long fuzz_decode(const uint8_t *s, size_t len, size_t *n);

/* Whether it is one of those that text_clean() must not let by. */
bool fuzz_is_forbidden(long point);

/* Whether it is a combining mark after eight on the same character; *marks
 * counts them.  (Which are marks, src/base/unicode.c says;
 * tests/unit/unicode.py looks after that.) */
bool fuzz_is_one_too_many(long point, unsigned *marks);

/* Whether all of it is UTF-8 without such characters. */
bool fuzz_is_clean(const void *text, size_t len);

/* Says what is wrong and ends the program, as a crash. */
void fuzz_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4), __noreturn__));

/* The message says more than the condition. */
#define FUZZ_CHECK(condition, ...)                                  \
	do {                                                        \
		if (!(condition))                                   \
			fuzz_fail(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

#endif
