#include <sys/mman.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/base/unicode.h"
#include "fuzz.h"

uint8_t
fuzz_byte(struct fuzz_input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->p++;
}

size_t
fuzz_take(struct fuzz_input *in, size_t want, const uint8_t **p)
{
	size_t n = want < in->left ? want : in->left;

	*p = in->p;
	in->p += n;
	in->left -= n;
	return n;
}

char *
fuzz_string(struct fuzz_input *in)
{
	const uint8_t *p, *end = NULL;
	char *s;
	size_t n;

	if (in->left > 0)
		end = memchr(in->p, 0, in->left);
	n = fuzz_take(in, end == NULL ? in->left : (size_t)(end - in->p), &p);
	(void)fuzz_byte(in);
	if ((s = malloc(n + 1)) == NULL)
		abort();
	if (n > 0)
		memcpy(s, p, n);
	s[n] = '\0';
	return s;
}

int
fuzz_file(const void *data, size_t size, char *path)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd == -1 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

long
fuzz_decode(const uint8_t *s, size_t len, size_t *n)
{
	static const struct {
		uint8_t mask, lead;
		long least;
	} forms[] = { { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 },
		{ 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };
	size_t form, i;
	long point;

	*n = 1;
	for (form = 0; (s[0] & forms[form].mask) != forms[form].lead; form++) {
		if (form == 3)
			return -1;
	}
	if (form + 1 > len)
		return -1;
	point = s[0] & (uint8_t)~forms[form].mask;
	for (i = 1; i <= form; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		point = point << 6 | (s[i] & 0x3f);
	}
	if (point < forms[form].least || point > 0x10ffff ||
	    (point >= 0xd800 && point <= 0xdfff))
		return -1;
	*n = form + 1;
	return point;
}

bool
fuzz_is_forbidden(long point)
{
	return (point < 0x20 && point != '\t') ||
	    (point >= 0x7f && point <= 0x9f) || point == 0x115f ||
	    point == 0x1160 || point == 0x200b ||
	    (point >= 0x2028 && point <= 0x202e) ||
	    (point >= 0x2060 && point <= 0x206f) || point == 0x3164 ||
	    point == 0xfeff || point == 0xffa0 ||
	    (point >= 0xfff9 && point <= 0xffff && point != 0xfffc &&
		point != 0xfffd) ||
	    (point >= 0xe0000 && point <= 0xe007f);
}

bool
fuzz_is_one_too_many(long point, unsigned *marks)
{
	enum unicode_kind kind = unicode_kind((uint32_t)point);

	if (kind == UNICODE_JOINER)
		return false;
	if (kind == UNICODE_MARK)
		return ++*marks > 8;
	*marks = 0;
	return false;
}

bool
fuzz_is_clean(const void *text, size_t len)
{
	const uint8_t *s = text;
	unsigned marks = 0;
	size_t i, n;
	long point;

	for (i = 0; i < len; i += n) {
		point = fuzz_decode(s + i, len - i, &n);
		if (point == -1 || fuzz_is_forbidden(point) ||
		    fuzz_is_one_too_many(point, &marks))
			return false;
	}
	return true;
}

void
fuzz_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}
