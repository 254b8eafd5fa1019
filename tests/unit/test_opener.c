/* The process that stays root: what it opens, what it does not, and how it
 * ends.  It works for any user. */
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <linux/sockios.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/config/config.h"
#include "banterd/system/log.h"
#include "banterd/daemon/opener.h"
#include "conf_file.h"
#include "unit.h"

/* ---- calls that fail ---- */

static pid_t process; /* the opener */
static int fork_error, pair_error;
static int sends_fail;    /* so many of the opener's sendmsg(2), */
static int receives_fail; /* and of our recvmsg(2), */
static int fault;         /* with this errno */

pid_t __real_fork(void);
int __real_socketpair(int, int, int, int[2]);
ssize_t __real_sendmsg(int, const struct msghdr *, int);
ssize_t __real_recvmsg(int, struct msghdr *, int);
pid_t __wrap_fork(void);
int __wrap_socketpair(int, int, int, int[2]);
ssize_t __wrap_sendmsg(int, const struct msghdr *, int);
ssize_t __wrap_recvmsg(int, struct msghdr *, int);

pid_t
__wrap_fork(void)
{
	if (fork_error != 0) {
		errno = fork_error;
		return -1;
	}
	return process = __real_fork();
}

int
__wrap_socketpair(int domain, int type, int protocol, int fds[2])
{
	if (pair_error != 0) {
		errno = pair_error;
		return -1;
	}
	return __real_socketpair(domain, type, protocol, fds);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (sends_fail > 0) {
		sends_fail--;
		errno = fault;
		return -1;
	}
	return __real_sendmsg(fd, msg, flags);
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (receives_fail > 0) {
		receives_fail--;
		errno = fault;
		return -1;
	}
	return __real_recvmsg(fd, msg, flags);
}

/* ---- a directory with a configuration, and its opener ---- */

static struct opener opener;
static struct config_listens listens;

/* A log has to be named from / on: its "./" stands for where the test is. */
static const char *
expanded(const char *text)
{
	static const char word[] = "log-target .";
	static char buf[PATH_MAX + 256];
	char cwd[PATH_MAX - 256];
	const char *dot = strstr(text, word);

	if (dot == NULL)
		return text;
	dot += sizeof(word) - 2;
	ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
	snprintf(buf, sizeof(buf), "%.*s%s%s", (int)(dot - text), text, cwd,
	    dot + 1);
	return buf;
}

static void
write_text(const char *name, const char *text)
{
	text = expanded(text);
	conf_write(name, text, strlen(text), 0600);
}

static void
start(void)
{
	opener.fd = -1;
	opener.asked = 0;
	ck_assert(opener_start(&opener, "conf", &listens));
}

static void
setup(void)
{
	conf_setup();
	write_text("conf", "motd ./motd\nlog-target ./log\n");
	write_text("motd", "be kind\n");
	write_text("secret", "root's own\n");
	TAILQ_INIT(&listens);
}

/* Its end is the end of the other end, and is waited for. */
static void
stop(void)
{
	opener_stop(&opener);
	ck_assert_int_eq(kill(process, 0), -1);
	ck_assert_int_eq(errno, ESRCH);
	ck_assert_int_eq(opener.pid, 0);
}

static void
teardown(void)
{
	config_listens_free(&listens);
	conf_teardown();
}

static int
ask(enum file_kind what, const char *path)
{
	const struct files files = opener_files(&opener);
	char absolute[2 * PATH_MAX];

	if (what == FILE_LOG && path[0] == '.' && path[1] == '/') {
		ck_assert_ptr_nonnull(getcwd(absolute, PATH_MAX));
		strcat(absolute, path + 1);
		path = absolute;
	}
	return files_open(&files, what, path);
}

/* It opens the file, and this is in it. */
static void
opens(enum file_kind what, const char *path, const char *want)
{
	char text[256];
	int fd = ask(what, path);
	ssize_t n;

	ck_assert_msg(fd != -1, "%c %s: %s", what, path, strerror(errno));
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	want = expanded(want);
	n = read(fd, text, sizeof(text));
	ck_assert_int_ge(n, 0);
	unit_bytes(path, text, (size_t)n, want, strlen(want));
	close(fd);
}

static void
opens_log(const char *path)
{
	int fd = ask(FILE_LOG, path);

	ck_assert_msg(fd != -1, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(
	    fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND), O_WRONLY | O_APPEND);
	ck_assert_int_eq(write(fd, "line\n", 5), 5);
	close(fd);
}

static void
refuses(enum file_kind what, const char *path, int error)
{
	errno = 0;
	ck_assert_msg(ask(what, path) == -1, "%c %s", what, path);
	ck_assert_msg(errno == error, "%c %s: %s, expected %s", what, path,
	    strerror(errno), strerror(error));
}

static void
ends_with(const char *name, const char *want)
{
	char text[256];
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	ck_assert_int_ne(fd, -1);
	n = read(fd, text, sizeof(text));
	ck_assert_int_ge(n, 0);
	close(fd);
	unit_bytes(name, text, (size_t)n, want, strlen(want));
}

/* ---- what it opens ---- */

START_TEST(the_three)
{
	struct stat st;

	start();
	opens(FILE_CONFIG, "conf", "motd ./motd\nlog-target ./log\n");
	opens(FILE_MOTD, "./motd", "be kind\n");
	umask(0);
	opens_log("./log");
	opens_log("./log");
	ck_assert_int_eq(stat("log", &st), 0);
	ck_assert_int_eq(st.st_mode & 07777 & ~0640U, 0);
	stop();
	ends_with("log", "line\nline\n");
}
END_TEST

START_TEST(no_others)
{
	static const char *const paths[] = { "secret", "./secret", "", ".", "/",
		"/etc/passwd", "./conf", "motd", ".//motd", "log", "stderr",
		"syslog" };
	static const char kinds[] = "cmlx";
	size_t i, k;

	write_text("conf", "motd ./motd\nlog-target ./log\n");
	start();
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (k = 0; k < strlen(kinds); k++)
			refuses((enum file_kind)kinds[k], paths[i], EACCES);
	}
	/* Each by its own kind only: nobody reads the log, or writes on the
	 * configuration. */
	refuses(FILE_MOTD, "conf", EACCES);
	refuses(FILE_LOG, "conf", EACCES);
	refuses(FILE_CONFIG, "./motd", EACCES);
	refuses(FILE_LOG, "./motd", EACCES);
	refuses(FILE_CONFIG, "./log", EACCES);
	refuses(FILE_MOTD, "./log", EACCES);
	refuses((enum file_kind)'x', "./log", EACCES);
	ck_assert_int_eq(access("log", F_OK), -1);
	ck_assert_int_eq(access("stderr", F_OK), -1);
	stop();
}
END_TEST

/* "log-target stderr" is no file of that name. */
START_TEST(no_file_called_stderr)
{
	write_text("conf", "");
	start();
	refuses(FILE_LOG, "stderr", EACCES);
	write_text("conf", "log-target syslog\n");
	refuses(FILE_LOG, "syslog", EACCES);
	stop();
}
END_TEST

START_TEST(long_paths)
{
	static char path[PATH_MAX + 2];

	start();
	memset(path, 'x', PATH_MAX - 1);
	refuses(FILE_MOTD, path, EACCES);
	refuses(FILE_CONFIG, path, EACCES);
	refuses(FILE_LOG, path, EACCES);
	path[PATH_MAX - 1] = 'x';
	refuses(FILE_MOTD, path, ENAMETOOLONG);
	path[PATH_MAX] = 'x';
	refuses(FILE_MOTD, path, ENAMETOOLONG);
	opens(FILE_MOTD, "./motd", "be kind\n");
	stop();
}
END_TEST

START_TEST(why_not)
{
	start();
	ck_assert_int_eq(unlink("motd"), 0);
	refuses(FILE_MOTD, "./motd", ENOENT);
	ck_assert_int_eq(mkdir("dir", 0700), 0);
	write_text("conf", "motd ./motd\nlog-target ./dir\n");
	refuses(FILE_LOG, "./dir", EISDIR);
	write_text("conf", "motd ./motd\nlog-target ./none/log\n");
	refuses(FILE_LOG, "./none/log", ENOENT);
	ck_assert_int_eq(rmdir("dir"), 0);
	ck_assert_int_eq(unlink("conf"), 0);
	refuses(FILE_CONFIG, "conf", ENOENT);
	stop();
}
END_TEST

/* What the file says now counts, and nothing while it is wrong. */
START_TEST(other_configuration)
{
	start();
	write_text("conf", "motd ./secret\nlog-target ./log2\n");
	opens(FILE_MOTD, "./secret", "root's own\n");
	refuses(FILE_MOTD, "./motd", EACCES);
	refuses(FILE_LOG, "./log", EACCES);
	opens_log("./log2");
	write_text("conf", "motd ./motd\nnonsense\n");
	opens(FILE_CONFIG, "conf", "motd ./motd\nnonsense\n");
	refuses(FILE_MOTD, "./motd", EACCES);
	stop();
}
END_TEST

/*
 * The log in force can be opened again, whatever the configuration names by
 * now: a reload opens another log, something else fails, and it goes back.
 */
START_TEST(log_in_force)
{
	static const char *const tried[] = { "./b", "./c", "./d" };
	char conf[64];
	size_t i;

	start();
	opens_log("./log");
	for (i = 0; i < 3; i++) {
		snprintf(conf, sizeof(conf), "log-target %s\n", tried[i]);
		write_text("conf", conf);
		opens_log(tried[i]);
		opens_log("./log");
	}
	opens_log("./d");
	refuses(FILE_LOG, "./b", EACCES);
	refuses(FILE_LOG, "./c", EACCES);
	stop();
}
END_TEST

/* Who may write in the log's directory could put a link there. */
START_TEST(log_is_a_link)
{
	write_text("conf", "log-target ./link\n");
	ck_assert_int_eq(symlink("secret", "link"), 0);
	start();
	ck_assert_int_eq(chmod(".", 0777), 0);
	refuses(FILE_LOG, "./link", ELOOP);
	ck_assert_int_eq(chmod(".", 0770), 0);
	refuses(FILE_LOG, "./link", ELOOP);
	ck_assert_int_eq(chmod(".", 0700), 0);
	if (geteuid() == 0) {
		opens_log("./link");
		ck_assert_int_eq(chown(".", 1, 0), 0);
	}
	refuses(FILE_LOG, "./link", ELOOP);
	/* Of itself the daemon follows links as anybody does. */
	stop();
	opens_log("./link");
	write_text("secret", "");
}
END_TEST

/* ---- without it ---- */

START_TEST(none_there)
{
	opener.fd = -1;
	opens(FILE_CONFIG, "secret", "root's own\n");
	opens_log("./log");
	refuses(FILE_MOTD, "nothing", ENOENT);
	ck_assert_int_eq(files_open(NULL, FILE_MOTD, "nothing"), -1);
	opener_stop(&opener);
}
END_TEST

START_TEST(it_is_killed)
{
	start();
	opens(FILE_MOTD, "./motd", "be kind\n");
	ck_assert_int_eq(kill(process, SIGKILL), 0);
	ck_assert_int_eq(waitpid(process, NULL, 0), process);
	refuses(FILE_MOTD, "./motd", EPIPE);
	refuses(FILE_CONFIG, "conf", EPIPE);
	opener_stop(&opener);
}
END_TEST

/* Its end is found out without being waited for, and is told once. */
START_TEST(it_is_reaped)
{
	start();
	opener_reap(&opener);
	ck_assert_int_eq(opener.pid, process);
	ck_assert_int_eq(kill(process, SIGKILL), 0);
	while (opener.pid != 0)
		opener_reap(&opener);
	ck_assert_int_eq(kill(process, 0), -1);
	opener_reap(&opener);
	opener_stop(&opener);
}
END_TEST

/* It dies while it is asked. */
START_TEST(it_dies_of_the_question)
{
	int unread = 0, status;

	start();
	ck_assert_int_eq(kill(process, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(process, &status, WUNTRACED), process);
	if (__real_fork() == 0) {
		while (ioctl(opener.fd, SIOCOUTQ, &unread) == 0 && unread == 0)
			sched_yield();
		kill(process, SIGKILL);
		_exit(0);
	}
	refuses(FILE_MOTD, "./motd", ECONNRESET);
	while (wait(NULL) != -1)
		;
	opener_stop(&opener);
}
END_TEST

START_TEST(cannot_start)
{
	int before, after;

	opener.fd = -1;
	before = open("conf", O_RDONLY | O_CLOEXEC);
	close(before);
	pair_error = EMFILE;
	ck_assert(!opener_start(&opener, "conf", &listens));
	ck_assert_int_eq(errno, EMFILE);
	pair_error = 0;
	fork_error = EAGAIN;
	ck_assert(!opener_start(&opener, "conf", &listens));
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(opener.fd, -1);
	after = open("conf", O_RDONLY | O_CLOEXEC);
	close(after);
	ck_assert_int_eq(before, after);
}
END_TEST

/* ---- while something fails ---- */

/* An answer that came too late is not that to the next question. */
START_TEST(answer_not_received)
{
	start();
	fault = ENOMEM;
	receives_fail = 1;
	refuses(FILE_CONFIG, "conf", ENOMEM);
	opens(FILE_MOTD, "./motd", "be kind\n");
	receives_fail = 1;
	refuses(FILE_CONFIG, "conf", ENOMEM);
	receives_fail = 1;
	refuses(FILE_CONFIG, "secret", ENOMEM);
	opens(FILE_MOTD, "./motd", "be kind\n");
	fault = EINTR;
	receives_fail = 3;
	opens(FILE_MOTD, "./motd", "be kind\n");
	stop();
}
END_TEST

START_TEST(answer_not_sent)
{
	fault = ENOMEM;
	sends_fail = 1;
	start();
	refuses(FILE_CONFIG, "conf", ENOMEM);
	opens(FILE_MOTD, "./motd", "be kind\n");
	stop();
}
END_TEST

/* Not even why: then nobody waits for it. */
START_TEST(no_answer_at_all)
{
	fault = ENOBUFS;
	sends_fail = 2;
	start();
	refuses(FILE_CONFIG, "conf", EPIPE);
	refuses(FILE_CONFIG, "conf", EPIPE);
	stop();
}
END_TEST

/* The descriptor is lost on the way, as there is no number for it. */
START_TEST(no_descriptor_left)
{
	struct rlimit limit = { 64, 64 };
	int fds[64], n = 0;

	start();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while ((fds[n] = open("conf", O_RDONLY | O_CLOEXEC)) != -1)
		n++;
	refuses(FILE_CONFIG, "conf", EMFILE);
	while (n > 0)
		close(fds[--n]);
	opens(FILE_MOTD, "./motd", "be kind\n");
	stop();
}
END_TEST

/* A question that is none ends it. */
START_TEST(not_a_question)
{
	static char noise[PATH_MAX + 8];

	start();
	memset(noise, 'c', sizeof(noise));
	ck_assert_int_ne(send(opener.fd, noise, sizeof(noise), 0), -1);
	ck_assert_int_eq(read(opener.fd, noise, 1), 0);
	stop();
}
END_TEST

/* ---- the process itself ---- */

START_TEST(survives_signals)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM, SIGUSR1,
		SIGUSR2 };
	size_t i;

	start();
	opens(FILE_MOTD, "./motd", "be kind\n");
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		ck_assert_int_eq(kill(process, signals[i]), 0);
		opens(FILE_MOTD, "./motd", "be kind\n");
	}
	stop();
}
END_TEST

/* How many descriptors it has beyond the standard ones. */
static int
count_descriptors(void)
{
	const struct dirent *entry;
	char path[64];
	DIR *dir;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)process);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.' && atoi(entry->d_name) > 2;
	closedir(dir);
	return n;
}

/* Of what was open before it has the standard descriptors, and its socket. */
START_TEST(keeps_no_descriptors)
{
	int low = open("conf", O_RDONLY), high = fcntl(low, F_DUPFD, 200);

	start();
	opens(FILE_MOTD, "./motd", "be kind\n");
	/* It may be about to close what it has just sent. */
	while (count_descriptors() != 1)
		sched_yield();
	close(low);
	close(high);
	stop();
}
END_TEST

/* A socket that listens; its daemon may be gone. */
static int
make_socket(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	ck_assert_int_eq(
	    bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

/* At its end: those of -l and of each configuration, if nobody answers. */
START_TEST(removes_dead_sockets)
{
	char conf[3 * PATH_MAX + 64], cwd[PATH_MAX], path[PATH_MAX + 8];
	int alive;

	ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
	snprintf(path, sizeof(path), "%s/fixed", cwd);
	ck_assert_ptr_null(config_listen_add(&listens, path, 0600));
	ck_assert_ptr_null(config_listen_add(&listens, "127.0.0.1:1", 0600));
	snprintf(conf, sizeof(conf),
	    "listen %s/dead\nlisten %s/alive\nlisten %s/secret\n", cwd, cwd,
	    cwd);
	start();
	write_text("conf", conf);
	opens(FILE_CONFIG, "conf", conf);
	write_text("conf", "history 1\n"); /* dead is no longer wanted */
	close(make_socket("fixed"));
	close(make_socket("dead"));
	close(make_socket("strange"));
	alive = make_socket("alive");
	stop();
	ck_assert_int_eq(access("fixed", F_OK), -1);
	ck_assert_int_eq(access("dead", F_OK), -1);
	ck_assert_int_eq(access("strange", F_OK), 0);
	ck_assert_int_eq(access("alive", F_OK), 0);
	ck_assert_int_eq(access("secret", F_OK), 0);
	close(alive);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("opener");
	TCase *tc = unit_case(suite, "files", setup, teardown);

	UNIT_TESTS(tc, the_three, no_others, no_file_called_stderr, long_paths,
	    why_not, other_configuration, log_in_force, log_is_a_link);

	tc = unit_case(suite, "faults", setup, teardown);
	UNIT_TESTS(tc, none_there, it_is_killed, it_is_reaped,
	    it_dies_of_the_question, cannot_start, answer_not_received,
	    answer_not_sent, no_answer_at_all, no_descriptor_left,
	    not_a_question);

	tc = unit_case(suite, "process", setup, teardown);
	UNIT_TESTS(
	    tc, survives_signals, keeps_no_descriptors, removes_dead_sockets);
	return unit_run(suite);
}
