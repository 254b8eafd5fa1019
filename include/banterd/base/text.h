/*
 * Text: cleaning what people type, and checking names.  Knows nothing else:
 * no sockets, no rooms, no allocation.
 */
#ifndef BANTERD_BASE_TEXT_H
#define BANTERD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NICK_MAX 24 /* characters in a nick */
#define ROOM_MAX 33 /* characters in a room name, '#' included */

/* Bytes that text_clean() may write for a raw line of n bytes: each bad byte
 * grows into the three of U+FFFD, and there is a NUL at the end. */
#define TEXT_CLEANED_SIZE(n) (3 * (n) + 1)

#define TEXT_MARKS_MAX 8 /* combining marks that stay on one character */

/* What Ctrl-D is where it does not end anything. */
#define TEXT_CTRL_D '\x04'

/*
 * Cleans one raw line of len bytes into out, which has space for
 * TEXT_CLEANED_SIZE(len) bytes, and ends it with a NUL.  What comes out is
 * valid UTF-8 (RFC 3629) without characters that unicode.h forbids, and with at
 * most TEXT_MARKS_MAX combining marks on one character; each byte that was not
 * UTF-8, each such character, and each mark more, became U+FFFD.  But before
 * that the keys in it did what text_apply_keys() says.  Returns the length in
 * bytes, without the NUL.
 */
size_t text_clean(const char *raw, size_t len, char *out);

/* How many bytes of a cleaned text are blanks at its beginning: spaces, TABs,
 * and what isn't seen either. */
size_t text_blanks(const char *text);

/*
 * The length in bytes of buf without its last character: a whole UTF-8
 * sequence if one ends there, else one byte.  0 stays 0.
 */
size_t text_erase_last(const char *buf, size_t len);

/*
 * Does in place, and in the order in which they were typed, what the keys in a
 * raw line of len bytes do; its first from bytes are what came of this before.
 * BS and DEL erase the character before them, Ctrl-W the word (spaces and TABs,
 * then all up to those before), Ctrl-U the line.  A whole escape sequence is
 * taken out: CSI (ESC [, parameters, a final character), Linux's ESC [ [ A to
 * E, and SS3 (ESC O and a character).  So is a Ctrl-D at the beginning.  What
 * is begun, a sequence or a character, stays unfinished whatever comes next.
 * Returns the new length, which may be below from.
 */
size_t text_apply_keys(char *raw, size_t from, size_t len);

/* Writes a time of so many ms as people say it, in one unit or two of days,
 * hours, minutes and seconds: "2h 5m"; buf has TEXT_DURATION_SIZE bytes. */
#define TEXT_DURATION_SIZE 32
void text_duration(uint64_t ms, char *buf);

/* Whether name is a nick. */
bool text_is_nick(const char *name);

/* Whether it is one that nobody may take, since the server's lines use it. */
bool text_is_reserved(const char *name);

/* Whether name is a room's name, with its '#'. */
bool text_is_room(const char *name);

/* The first run of characters of names in text, and its length in bytes; NULL:
 * there is none. */
const char *text_next_word(const char *text, size_t *len);

/*
 * Whether guess is the secret, in a time that tells nothing about the secret
 * but perhaps its length.
 */
bool text_same_secret(const char *secret, const char *guess);

/*
 * The longest length not above limit at which the UTF-8 text of len bytes can
 * be cut without cutting a character.
 */
size_t text_cut(const char *text, size_t len, size_t limit);

#endif
