/* A reload of a file that somebody is still writing, or is replacing. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "banterd/daemon/reload.h"
#include "daemon.h"
#include "unit.h"

static void
setup(void)
{
	daemon_start("password secret\nhistory 7\n");
}

/* Has that file be read again. */
static bool
reload_file(const char *text)
{
	size_t len = strlen(text);

	ck_assert_int_eq(ftruncate(rig.conf_fd, 0), 0);
	ck_assert_int_eq(pwrite(rig.conf_fd, text, len, 0), (ssize_t)len);
	return reload(&rig.srv);
}

static void
old_one_is_in_force(void)
{
	ck_assert_ptr_nonnull(rig.srv.conf->password);
	ck_assert_uint_eq(rig.srv.conf->history, 7);
}

START_TEST(unfinished)
{
	static const char *const texts[] = { "", "\xef\xbb\xbf", "history 8",
		"history 8\n#", "history 8\nrate off" };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_msg(!reload_file(texts[i]), "%s", texts[i]);
		old_one_is_in_force();
	}
	ck_assert(reload_file("history 8\n"));
	ck_assert_ptr_null(rig.srv.conf->password);
	ck_assert_uint_eq(rig.srv.conf->history, 8);
}
END_TEST

/* The file need not be there at the start; one that was there must be. */
START_TEST(gone)
{
	rig.srv.conf_optional = true;
	rig.srv.conf_path = "/not/there";
	ck_assert(!reload(&rig.srv));
	old_one_is_in_force();
	rig.srv.conf->no_file = true; /* as if it had not been there */
	ck_assert(reload(&rig.srv));
	ck_assert_uint_eq(rig.srv.conf->history, 50);
	ck_assert(reload(&rig.srv));
	rig.srv.conf_path = rig.conf_path;
	ck_assert(reload_file("history 9\n"));
	ck_assert_uint_eq(rig.srv.conf->history, 9);
	rig.srv.conf_path = "/not/there";
	ck_assert(!reload(&rig.srv));
	ck_assert_uint_eq(rig.srv.conf->history, 9);
}
END_TEST

/* Nobody writes a line of it. */
START_TEST(no_regular_file)
{
	rig.srv.conf_path = "/dev/null";
	ck_assert(reload(&rig.srv));
}
END_TEST

UNIT_MAIN("reload", setup, daemon_stop, unfinished, gone, no_regular_file)
