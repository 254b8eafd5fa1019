/*
 * A copy of the file that is open, in slices, so that others can go on between
 * them.
 */
#ifndef BANTERD_STORE_BACKUP_H
#define BANTERD_STORE_BACKUP_H

struct backup;
struct file;

/* Begins one to an empty file that is there.  Returns NULL with *error set to a
 * constant text. */
struct backup *backup_begin(struct file *f, const char *to, const char **error);

/* The next slice, outside of transactions.  Returns 1 if there are more, 0 when
 * the copy is whole and on the disk, -1 with *error set.  In the latter two
 * cases it is freed. */
int backup_step(struct backup *b, const char **error);
void backup_cancel(struct backup *b);

#endif
