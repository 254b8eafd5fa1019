#!/usr/bin/env python3
"""The check of the floors sees what it is there to see: small trees, each with
one thing wrong."""

import os
import subprocess
import sys
import tempfile
import unittest

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check.py")

# A tree with nothing wrong: every floor, each with what only it may do.
GOOD = {
    "src/main.c": """\
#include <stdio.h>

#include "banterd/base/text.h"
#include "banterd/config/config.h"
#include "banterd/daemon/server.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: banterd [-f FILE]\\n"
	    "  -f FILE  read this, not " CONFIG_PATH "\\n"
	    "  -h       show this\\n");
}

int
main(void)
{
	struct server srv;

	log_error("not started: %s", "no memory");
	usage(stderr);
	return server_run(&srv);
}
""",
    "include/banterd/base/text.h": "size_t text_clean(char *);\n",
    "src/base/text.c": '#include "banterd/base/text.h"\n',
    "include/banterd/system/log.h": '#include "banterd/base/text.h"\n',
    "src/system/log.c": """\
#include "banterd/system/log.h"

/* A "quoted" word in a comment
 * "and on", struct server and bufferevent_new(). */
// struct server, "! twice", "! twice"
#ifdef struct_server /* struct server "! twice" */
#endif
#define LOG_TWO(a, b) \\
	log_debug("%s, %s", \\
	    a, b)
""",
    "include/banterd/config/config.h": """\
#include "banterd/base/text.h"
#include "banterd/system/log.h"
#define CONFIG_PATH \\
	"/etc/banterd.conf"
""",
    "src/config/config.c": """\
#include "banterd/config/config.h"

static const struct unit { const char *name; } units[] = {
	{ "one" },
	{ "two" },
};

const char *
config_word(int n)
{
	log_info("%s: %s", "one", "two");
	log_info("%s: %s", "two", "one");
	log_info("%" PRIu64 " lines of %" PRIu64
		 " in %"
		 PRIu64, a, b, c);
	return n == '"' ? "one" :
	    "two";
}
""",
    "include/banterd/net/conn.h": """\
struct bufferevent;
struct conn {
	struct bufferevent *bev;
};
""",
    "src/net/conn.c": """\
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "banterd/net/conn.h"
#include "banterd/system/log.h"

static void
on_written(struct bufferevent *bev, void *arg)
{
	bufferevent_free(bev);
}
""",
    "include/banterd/net/fanout.h": """\
#include "banterd/net/conn.h"
struct bufferevent;
""",
    "src/net/fanout.c": '#include "banterd/net/fanout.h"\n',
    "src/net/listener.c": """\
#include <event2/event.h>
#include "banterd/net/conn.h"
""",
    "include/banterd/state/vault.h": "",
    "src/state/vault.c": """\
#include "banterd/state/vault.h"
#include "banterd/system/log.h"
""",
    "include/banterd/chat/event.h": '#include "banterd/base/text.h"\n',
    "include/banterd/chat/room.h": """\
#include "banterd/chat/event.h"
#include "banterd/config/config.h"
""",
    "src/chat/room.c": """\
#include "banterd/chat/room.h"

static const char lobby[] = "* %s: %s";
static const char other[] = "* %s: %s";
static const char topic[] = "* The topic of %s: %s";
""",
    "src/chat/user.c": '#include "banterd/chat/room.h"\n',
    "include/banterd/dialect/plain.h": '#include "banterd/chat/event.h"\n',
    "src/dialect/plain.c": '#include "banterd/dialect/plain.h"\n',
    "include/banterd/session/client.h": """\
#include "banterd/chat/room.h"
#include "banterd/net/conn.h"
struct serverless;
""",
    "src/session/client.c": """\
#include "banterd/dialect/plain.h"
#include "banterd/session/client.h"
""",
    "include/banterd/daemon/server.h": """\
#include "banterd/session/client.h"
struct server {
	int server;
};
""",
    "src/daemon/server.c": """\
#include <event2/event.h>

#include "banterd/daemon/server.h"
#include "banterd/net/fanout.h"
""",
}

PICTURE = """\
```
main.c  │ ▼ daemon  config  base
────────┼────────────────────────────────────────────────────────────
daemon  │ server
        │ ▼ session  net
────────┼────────────────────────────────────────────────────────────
session │ client
        │ ▼ dialect  chat  net
────────┼────────────────────────────────────────────────────────────
dialect │ plain
        │ ▼ chat
────────┼────────────────────────────────────────────────────────────
chat    │ event.h  room  user
        │ ▼ config  base
────────┼────────────────────────────────────────────────────────────
net     │ conn  fanout  listener
        │ ▼ system
────────┼────────────────────────────────────────────────────────────
state   │ vault
        │ ▼ system
────────┼────────────────────────────────────────────────────────────
config  │ config
        │ ▼ system  base
────────┼────────────────────────────────────────────────────────────
system  │ log
        │ ▼ base
────────┼────────────────────────────────────────────────────────────
base    │ text
```
"""


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        for path, text in GOOD.items():
            self.write(path, text)

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def append(self, path, text):
        """Adds lines to a file; returns the number of the first of them."""
        before = GOOD.get(path, "")
        self.write(path, before + text)
        return before.count("\n") + 1

    def run_check(self, *arguments):
        done = subprocess.run(
            [sys.executable, "-B", CHECK, "--root", self.root, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8")
        return done.returncode, done.stdout

    def wrong(self, *expected):
        """It fails, saying exactly these lines (their beginnings)."""
        status, output = self.run_check()
        lines = output.splitlines()
        self.assertEqual(status, 1, output)
        self.assertEqual(len(lines), len(expected), output)
        for line, begin in zip(lines, expected):
            self.assertEqual(line[:len(begin)], begin)
            self.assertIn("expected", line)

    def good(self):
        status, output = self.run_check()
        self.assertEqual(status, 0, output)
        self.assertEqual(output.count("\n"), 1, output)


class Floors(Case):
    def test_a_good_tree(self):
        self.good()

    def includes(self, path, name):
        return self.append(path, '#include "banterd/%s"\n' % name)

    def test_up(self):
        n = self.includes("src/net/listener.c", "session/client.h")
        self.wrong("src/net/listener.c:%d: net includes "
                   "banterd/session/client.h, of the floor session; expected "
                   "only net, config, system, base" % n)

    def test_up_from_a_header(self):
        n = self.includes("include/banterd/base/text.h", "system/notify.h")
        self.write("include/banterd/system/notify.h", "")
        self.wrong("include/banterd/base/text.h:%d: base includes" % n)

    def test_down_but_not_allowed(self):
        for path, name in (("src/chat/room.c", "net/conn.h"),
                           ("src/chat/room.c", "system/log.h"),
                           ("src/state/vault.c", "net/conn.h"),
                           ("src/dialect/plain.c", "net/conn.h"),
                           ("src/dialect/plain.c", "config/config.h")):
            with self.subTest(path=path, name=name):
                n = self.includes(path, name)
                self.wrong("%s:%d: %s includes banterd/%s" %
                           (path, n, path.split("/")[1], name))
                self.write(path, GOOD[path])

    def test_what_is_commented_out(self):
        self.append("src/net/listener.c",
                    '/*\n#include "banterd/session/client.h"\n*/\n')
        self.good()

    def test_unknown_floor(self):
        self.write("src/cellar/wine.c", "")
        self.write("include/banterd/cellar/wine.h", "")
        n = self.includes("src/net/listener.c", "cellar/wine.h")
        self.wrong("include/banterd/cellar/wine.h:1: there is no floor cellar",
                   "src/cellar/wine.c:1: there is no floor cellar; expected "
                   "one of store, daemon, session, dialect, chat, net, state, "
                   "config, system, base (a new one: add it to FLOORS in",
                   "src/net/listener.c:%d: there is no floor cellar" % n)

    def test_on_no_floor(self):
        for path in ("src/room.c", "include/banterd/room.h", "include/room.h",
                     "src/chat/deep/room.c", "src/chat/room.h"):
            with self.subTest(path=path):
                self.write(path, "")
                self.wrong("%s:1: is on no floor" % path)
                os.remove(os.path.join(self.root, path))

    def test_not_by_the_floor(self):
        for name in ('"room.h"', '"banterd/room.h"', '"../chat/room.h"',
                     "<banterd/chat/room.h>"):
            with self.subTest(name=name):
                n = self.append("src/chat/user.c", "#include %s\n" % name)
                self.wrong("src/chat/user.c:%d: included as" % n)

    def test_header_that_is_not_there(self):
        n = self.includes("src/chat/user.c", "chat/nothing.h")
        self.wrong("src/chat/user.c:%d: there is no include/banterd/chat/"
                   "nothing.h" % n)

    def test_no_sources(self):
        os.remove(os.path.join(self.root, "src/main.c"))
        self.wrong("src/main.c:1: there is no such file")

    def test_too_long(self):
        n = self.append("src/base/text.c", "int x;\n" * 699)
        self.assertEqual(n, 2)
        self.good()
        self.append("src/base/text.c", "int x;\n" * 700)
        self.wrong("src/base/text.c:701: the file has 701 lines; expected at "
                   "most 700")


class Circles(Case):
    def test_of_two(self):
        self.append("include/banterd/net/conn.h",
                    '#include "banterd/net/fanout.h"\n')
        self.wrong("include/banterd/net/conn.h:5: a circle in net: net/conn -> "
                   "net/fanout (include/banterd/net/conn.h:5) -> net/conn "
                   "(include/banterd/net/fanout.h:1); expected none")

    def test_through_the_c_file(self):
        """X.c and X.h are one unit: the compiler would not mind this."""
        n = self.append("src/net/conn.c", '#include "banterd/net/fanout.h"\n')
        self.wrong("src/net/conn.c:%d: a circle in net: net/conn -> net/fanout "
                   "(src/net/conn.c:%d) -> net/conn" % (n, n))

    def test_of_three(self):
        self.write("include/banterd/net/host.h",
                   '#include "banterd/net/fanout.h"\n')
        n = self.append("src/net/conn.c", '#include "banterd/net/host.h"\n')
        self.wrong("src/net/conn.c:%d: a circle in net: net/conn -> net/host "
                   "(src/net/conn.c:%d) -> net/fanout "
                   "(include/banterd/net/host.h:1) -> net/conn "
                   "(include/banterd/net/fanout.h:1); expected none" % (n, n))

    def test_of_headers_only(self):
        self.write("include/banterd/chat/event.h",
                   '#include "banterd/chat/kind.h"\n')
        self.write("include/banterd/chat/kind.h",
                   '#include "banterd/chat/event.h"\n')
        self.wrong("include/banterd/chat/event.h:1: a circle in chat: "
                   "chat/event -> chat/kind")

    def test_through_floors(self):
        """Beside the include that points up, the way round is told."""
        n = self.append("src/system/log.c",
                        '#include "banterd/config/config.h"\n')
        self.wrong("include/banterd/config/config.h:2: a circle through "
                   "floors: config/config -> system/log "
                   "(include/banterd/config/config.h:2) -> config/config "
                   "(src/system/log.c:%d)" % n,
                   "src/system/log.c:%d: system includes" % n)


class Names(Case):
    def test_libevent(self):
        for path, name in (("src/chat/room.c", "event2/event.h"),
                           ("src/net/fanout.c", "event2/buffer.h"),
                           ("src/net/listener.c", "event2/bufferevent.h"),
                           ("src/daemon/server.c", "event2/bufferevent.h"),
                           ("src/base/text.c", "event.h"),
                           ("include/banterd/net/conn.h", "event2/util.h"),
                           ("include/banterd/daemon/server.h",
                            "event2/event.h")):
            with self.subTest(path=path, name=name):
                n = self.append(path, "#include <%s>\n" % name)
                self.wrong("%s:%d: <%s> may not be included" % (path, n, name))
                self.write(path, GOOD[path])

    def test_bufferevent(self):
        for path, text in (
                ("src/net/fanout.c", "struct bufferevent *bev;\n"),
                ("src/net/fanout.c", "struct bufferevent;\n"),
                ("src/session/client.c",
                 "void f(void) { bufferevent_free(x); }\n"),
                ("include/banterd/net/fanout.h",
                 "struct bufferevent *bev;\n")):
            with self.subTest(path=path, text=text):
                n = self.append(path, text)
                self.wrong("%s:%d: uses bufferevent" % (path, n))
                self.write(path, GOOD[path])

    def test_struct_server(self):
        for path, text in (
                ("src/session/client.c", "struct\nserver *srv;\n"),
                ("src/net/listener.c", "\nstruct server *srv;\n"),
                ("include/banterd/net/conn.h", "\nstruct server;\n"),
                ("src/base/text.c", "\n#define SERVER struct server\n")):
            with self.subTest(path=path, text=text):
                n = self.append(path, text) + 1
                self.wrong("%s:%d: names struct server" % (path, n))
                self.write(path, GOOD[path])


class Messages(Case):
    def test_broken(self):
        for text in ('const char *s = "You are in no room; "\n'
                     '    "join one.";\n',
                     'const char *s = "No file " /* why */\n    CONFIG_PATH;\n',
                     'const char *s = CONFIG_PATH\n    " is not there";\n',
                     '#define S "You are " \\\n\t"here"\n',
                     'void usage(void) { puts("a "\n"b"); }\n',
                     'void f(void) { puts(x ? "a" : "b "\n"c"); }\n'):
            with self.subTest(text=text):
                n = self.append("src/chat/room.c", text)
                self.wrong("src/chat/room.c:%d: goes on with the string of "
                           "line %d" % (n + 1, n))

    def test_broken_in_main_but_not_in_usage(self):
        n = self.append("src/main.c", 'void f(void)\n{\n\tputs("a "\n'
                        '"b");\n}\n')
        self.wrong("src/main.c:%d: goes on" % (n + 3))

    def test_whole(self):
        self.append("src/chat/room.c", """\
const char *a[] = { "one", "two",
    "three" };
const char *b = "No " CONFIG_PATH ".";
const char *c(int n) {
	f(
	    "one", "two");
	return n ? "one"
		 : "two";
	return
	    "three";
}
""")
        self.good()

    def test_twice(self):
        for mark in "!*":
            text = 'static const char a[] = "%s You are gone.";\n' % mark
            with self.subTest(text=text):
                self.append("src/chat/room.c", text)
                n = self.append("src/session/client.c", "\n" + text) + 1
                self.wrong('src/session/client.c:%d: "%s You are gone." stands '
                           "at src/chat/room.c:6, too" % (n, mark))

    def test_twice_in_one_file_and_in_a_header(self):
        self.append("include/banterd/chat/room.h",
                    '#define ROOM_GONE "! Gone."\n')
        n = self.append("src/chat/room.c", 'f(x ? "! Gone." : "! Gone.");\n')
        self.wrong("src/chat/room.c:%d: " % n, "src/chat/room.c:%d: " % n)

    def test_logged_twice(self):
        for call in ("log_error(", "log_warning(", "log_notice(", "log_info(",
                     "log_debug(", "log_burst(&b, now(x, y), "):
            with self.subTest(call=call):
                n = self.append("src/net/listener.c", """\
void f(void)
{
	log_info("cannot listen on %%s: %%s", name, "why");
	%s"cannot listen on %%s: %%s", name, "why");
}
""" % call)
                self.wrong("src/net/listener.c:%d: " % (n + 3) +
                           '"cannot listen on %s: %s" stands at '
                           "src/net/listener.c:" + str(n + 2))


class Picture(Case):
    def page(self, picture):
        self.write("page.md", "# Page\n\n<!-- floors -->\n%s"
                   "<!-- /floors -->\nend\n" % picture)
        return os.path.join(self.root, "page.md")

    def test_of_a_good_tree(self):
        self.assertEqual(self.run_check("--picture"), (0, PICTURE))

    def test_page(self):
        status, output = self.run_check("--check-picture", self.page(PICTURE))
        self.assertEqual(status, 0, output)

    def test_page_of_yesterday(self):
        page = self.page(PICTURE)
        self.append("src/chat/user.c", '#include "banterd/base/text.h"\n')
        self.assertEqual(self.run_check("--check-picture", page)[0], 0)
        self.write("src/chat/tally.c", "")
        status, output = self.run_check("--check-picture", page)
        self.assertEqual(status, 1)
        self.assertIn("page.md:16: the picture says 'chat    │ event.h  room  "
                      "user'; expected 'chat    │ event.h  room  tally  user'",
                      output)

    def test_page_that_ends_early(self):
        page = self.page(PICTURE[:-4])
        status, output = self.run_check("--check-picture", page)
        self.assertEqual(status, 1, output)

    def test_written(self):
        page = self.page("old\n")
        self.assertEqual(self.run_check("--write-picture", page), (0, ""))
        with open(page, encoding="utf-8") as f:
            self.assertEqual(f.read(), "# Page\n\n<!-- floors -->\n" + PICTURE +
                             "<!-- /floors -->\nend\n")

    def test_page_without_markers(self):
        self.write("page.md", "# Page\n")
        status, output = self.run_check(
            "--check-picture", os.path.join(self.root, "page.md"))
        self.assertEqual(status, 1)
        self.assertIn("page.md:1: has no picture", output)


if __name__ == "__main__":
    unittest.main()
