/*
 * Feeds files, and all files of directories, to a fuzz target: for builds
 * without libFuzzer.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static unsigned fed;

static void
feed_file(const char *path, off_t size)
{
	uint8_t *data;
	FILE *f;
	size_t n;

	/* As large as the input: a sanitizer sees what reads past it. */
	if ((data = malloc(size == 0 ? 1 : (size_t)size)) == NULL)
		err(1, NULL);
	if ((f = fopen(path, "rb")) == NULL)
		err(1, "%s", path);
	n = fread(data, 1, (size_t)size, f);
	if (n != (size_t)size)
		errx(1, "%s: could not be read", path);
	fclose(f);
	/* A crash leaves this as the last line. */
	fprintf(stderr, "%s\n", path);
	(void)LLVMFuzzerTestOneInput(data, n);
	free(data);
	fed++;
}

static void
feed(const char *path)
{
	struct dirent **names;
	struct stat st;
	char *name;
	int i, n;

	if (stat(path, &st) == -1)
		err(1, "%s", path);
	if (!S_ISDIR(st.st_mode)) {
		feed_file(path, st.st_size);
		return;
	}
	if ((n = scandir(path, &names, NULL, alphasort)) == -1)
		err(1, "%s", path);
	for (i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			if (asprintf(&name, "%s/%s", path, names[i]->d_name) ==
			    -1)
				err(1, NULL);
			feed(name);
			free(name);
		}
		free(names[i]);
	}
	free(names);
}

int
main(int argc, char *argv[])
{
	int i;

	(void)LLVMFuzzerInitialize(&argc, &argv);
	for (i = 1; i < argc; i++)
		feed(argv[i]);
	printf("%u inputs\n", fed);
	return fed > 0 ? 0 : 1;
}
