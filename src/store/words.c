#include <string.h>
#include <time.h>

#include <bsd/string.h>

#include "banterd/base/text.h"
#include "banterd/store/check.h"
#include "banterd/store/file.h"
#include "banterd/store/lines.h"
#include "banterd/store/names.h"
#include "banterd/store/words.h"

#define DATE_SIZE 32

static const struct {
	const char *text;
	int arguments;
	bool password;
} words[WORD_NONE] = {
	[WORD_NAMES] = { "names", 0, false },
	[WORD_FORGET] = { "forget", 1, false },
	[WORD_REGISTER] = { "register", 1, true },
	[WORD_PASSWD] = { "passwd", 1, true },
	[WORD_CHECK] = { "check", 0, false },
	[WORD_BACKUP] = { "backup", 1, false },
	[WORD_RESTORE] = { "restore", 1, false },
	[WORD_EXPORT] = { "export", 1, false },
	[WORD_ERASE] = { "erase", 1, false },
};

enum word
words_find(const char *text)
{
	unsigned i;

	for (i = 0; i < WORD_NONE; i++) {
		if (strcmp(text, words[i].text) == 0)
			break;
	}
	return i;
}

const char *
words_text(enum word word)
{
	return words[word].text;
}

int
words_arguments(enum word word)
{
	return words[word].arguments;
}

bool
words_need_password(enum word word)
{
	return words[word].password;
}

/* ---- names ---- */

static const char *
date_of(uint64_t s, char *buf)
{
	time_t at = (time_t)s;
	struct tm tm;

	if (s == 0)
		return "never";
	if (s > INT32_MAX * 100ULL || gmtime_r(&at, &tm) == NULL ||
	    strftime(buf, DATE_SIZE, "%Y-%m-%d %H:%M", &tm) == 0)
		return "?";
	return buf;
}

static void
print_name(void *arg, const struct name *n)
{
	char registered[DATE_SIZE], seen[DATE_SIZE];
	FILE *out = arg;

	if (!text_is_nick(n->name))
		return; /* check tells it */
	fprintf(out, "%-24s  registered %s  last here %s%s\n", n->name,
	    date_of(n->registered, registered), date_of(n->seen, seen),
	    n->by_admin ? "  by admin" : "");
}

int
words_names(struct file *f, FILE *out)
{
	if (names_each(f, print_name, out))
		return WORDS_DONE;
	fprintf(out, "the file cannot be read\n");
	return WORDS_NOT_DONE;
}

/* ---- check ---- */

static void
print_wrong(void *arg, const char *what)
{
	FILE *out = arg;

	fprintf(out, "%s\n", what);
}

int
words_check(struct file *f, FILE *out)
{
	uint64_t count, lines;

	if (!check_all(f, print_wrong, out) || !names_count(f, &count) ||
	    !lines_count(f, &lines))
		return WORDS_NOT_DONE;
	fprintf(out,
	    "nothing is wrong: %llu name%s, up to %llu line%s, %llu bytes\n",
	    (unsigned long long)count, count == 1 ? "" : "s",
	    (unsigned long long)lines, lines == 1 ? "" : "s",
	    (unsigned long long)file_size(f));
	return WORDS_DONE;
}

/* ---- questions ---- */

bool
words_is_question(enum word word)
{
	return word == WORD_FORGET || words_need_password(word);
}

const char *
words_question(enum word word, const char *name, const char *password,
    struct store_message *m)
{
	memset(m, 0, sizeof(*m));
	m->kind = word == WORD_REGISTER ? STORE_REGISTER :
	    word == WORD_PASSWD         ? STORE_PASSWD :
					  STORE_UNREGISTER;
	if (!text_is_nick(name))
		return "is no name: expected 1 to 24 letters, digits, _, - or ., the first a letter";
	strlcpy(m->name, name, sizeof(m->name));
	if (!words[word].password)
		return NULL;
	if (password == NULL || password[0] == '\0')
		return "gets no empty password";
	if (strlcpy(m->new_password, password, sizeof(m->new_password)) >=
	    sizeof(m->new_password))
		return "gets no password of more than 128 bytes";
	return NULL;
}

int
words_result(
    enum word word, const char *name, enum store_result result, FILE *out)
{
	static const char *const done[] = {
		[WORD_FORGET] = "is forgotten",
		[WORD_REGISTER] = "is registered",
		[WORD_PASSWD] = "has another password",
		[WORD_ERASE] =
		    "is erased: nothing that was said under that name is kept",
	};

	switch (result) {
	case STORE_OK:
		fprintf(out, "%s %s\n", name, done[word]);
		return WORDS_DONE;
	case STORE_UNKNOWN:
		fprintf(out, "%s is not registered\n", name);
		break;
	case STORE_TAKEN:
		fprintf(out, "%s is registered already\n", name);
		break;
	case STORE_FULL:
		fprintf(
		    out, "there are %d names, and no more may be\n", NAMES_MAX);
		break;
	case STORE_THROTTLED: /* see keeper_erase() */
		fprintf(out,
		    "%s is erased from the file, but a banterd has not said that it has done so: erase it again\n",
		    name);
		break;
	case STORE_BUSY:
		fprintf(out, "too much is asked just now; try again\n");
		break;
	default:
		fprintf(out, "the file cannot be written; the log says why\n");
		break;
	}
	return WORDS_NOT_DONE;
}
