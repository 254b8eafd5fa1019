/*
 * The daemon's own fence: a filter that refuses it every system call that it
 * has no use for once it listens.  It comes on top of the service manager's.
 */
#ifndef BANTERD_SYSTEM_SANDBOX_H
#define BANTERD_SYSTEM_SANDBOX_H

/*
 * Puts up the filter, for good.  Where the kernel or the build has none, the
 * daemon goes on without; the log says which of the two it is.
 */
void sandbox_enter(void);

#endif
