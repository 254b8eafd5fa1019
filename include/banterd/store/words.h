/*
 * The words that an admin says to banter-store, asked of a running one or of
 * the file itself alike.
 */
#ifndef BANTERD_STORE_WORDS_H
#define BANTERD_STORE_WORDS_H

#include <stdbool.h>
#include <stdio.h>

#include "banterd/base/store_message.h"

struct file;

enum word {
	WORD_NAMES,
	WORD_FORGET,
	WORD_REGISTER,
	WORD_PASSWD,
	WORD_CHECK,
	WORD_BACKUP,
	WORD_RESTORE,
	WORD_EXPORT,
	WORD_ERASE,
	WORD_NONE
};

enum words_status { WORDS_DONE = 0, WORDS_NOT_DONE = 1, WORDS_USAGE = 2 };

enum word words_find(const char *text);
const char *words_text(enum word word);

/* How many arguments it has; whether a password is needed as well. */
int words_arguments(enum word word);
bool words_need_password(enum word word);

/* Writes what the file says to out; these return the exit status. */
int words_names(struct file *f, FILE *out);
int words_check(struct file *f, FILE *out);

/* Whether it is one that asks something of a name. */
bool words_is_question(enum word word);

/* What is to be asked of a name; NULL, or what is wrong with it. */
const char *words_question(enum word word, const char *name,
    const char *password, struct store_message *m);

/* What came of that. */
int words_result(
    enum word word, const char *name, enum store_result result, FILE *out);

#endif
