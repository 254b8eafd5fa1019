#!/usr/bin/env python3
"""The netcats of this world, and what shells pipe through them."""

import os
import re
import shutil
import signal
import subprocess
import unittest

from banter import wait
from banter.case import Case, main
from banter.files import private_directory, read, scratch_path, write
from banter.line import STAMP, matches, rx
from banter.process import Program, die_with_parent, forget, start
from banter.terminal import Terminal
from banter.wait import eventually

SCRIPT = b"/nick ci\n/join #ops\nbuild 812 is green\n/quit\n"


def flavour(name, *words, asked="-h"):
    """The program's path if what it says of itself has one of the words."""
    path = shutil.which(name)
    if path is None:
        return None
    said = subprocess.run([path, asked], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, timeout=wait.DEADLINE).stdout
    return path if any(word in said for word in words) else None


OPENBSD_NC = flavour("nc.openbsd", b"OpenBSD") or flavour("nc", b"OpenBSD")
TRADITIONAL_NC = flavour("nc.traditional", b"[v1.") or flavour("nc", b"[v1.")
NCAT = flavour("ncat", b"Ncat")
SOCAT = flavour("socat", b"socat")
BUSYBOX = flavour("busybox", b"\ntelnet\n", asked="--list")
BASH = shutil.which("bash")


class Pipes(Case):

    def setUp(self):
        super().setUp()
        self.server = self.daemon()
        self.watcher = self.server.client("watcher", "#ops")
        self.watcher.sync()
        self.address = self.server.addresses[0]
        self.host, self.port = self.address.rsplit(":", 1)

    def pipe(self, command, data, end="\r\n"):
        """Runs it with data as its input until it ends by itself; lines."""
        done = subprocess.run(
            command, input=data, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=wait.DEADLINE,
            preexec_fn=die_with_parent, check=False)
        text = done.stdout.decode("utf-8")
        self.assertEqual(done.stderr, b"", text)
        self.assertEqual(done.returncode, 0, text)
        self.assertTrue(text.endswith(end), repr(text))
        return text[:-len(end)].split(end)

    def check(self, command, data=SCRIPT, end="\r\n"):
        quits = b"/quit" in data
        lines = self.pipe(command, data, end)
        wanted = ["* Welcome to banter on box.",
                  rx(r"\* You are guest\d+ in #lobby \(\d+ here: .*"),
                  "* You are now ci.",
                  rx(r"\* You are in #ops \(2 here: @watcher, you\)\..*")]
        if quits:
            wanted.append("* Bye.")
        self.assertEqual(len(lines), len(wanted), lines)
        for line, one in zip(lines, wanted):
            self.assertTrue(matches(one, line), (one, lines))
        self.watcher.until("[#ops] -- ci joined")
        self.watcher.expect("[#ops] ci: build 812 is green",
                            "[#ops] -- ci left")
        self.watcher.silence()


class Whole:
    """The script in the ways that people write it."""

    def test_quit(self):
        self.check(self.command(), SCRIPT)

    def test_no_quit(self):
        self.check(self.command(), SCRIPT.replace(b"/quit\n", b""))

    def test_no_quit_nor_last_newline(self):
        self.check(self.command(), SCRIPT.replace(b"\n/quit\n", b""))

    def test_no_last_newline(self):
        self.check(self.command(), SCRIPT[:-1])

    def test_crlf(self):
        self.check(self.command(), SCRIPT.replace(b"\n", b"\r\n"))


@unittest.skipUnless(OPENBSD_NC, "no netcat of OpenBSD's (netcat-openbsd)")
class Openbsd(Whole, Pipes):

    def command(self):
        return [OPENBSD_NC, "-N", self.host, self.port]

    def test_ends_by_quit_without_a_half_close(self):
        self.check([OPENBSD_NC, self.host, self.port])

    def test_telnet_option(self):
        self.check([OPENBSD_NC, "-t", "-N", self.host, self.port])

    def test_one_line(self):
        lines = self.pipe(
            [OPENBSD_NC, "-N", self.host, self.port],
            b"/nick ci\n/msg #ops build 812 is green\n")
        self.assertIn("* You are now ci.", lines)
        self.watcher.expect("[#ops] ci: build 812 is green")
        self.watcher.silence()

    def test_health_check(self):
        watcher = self.server.client("lobbyist")
        subprocess.run([OPENBSD_NC, "-z", self.host, self.port], check=True,
                       timeout=wait.DEADLINE)
        eventually(lambda: watcher.ask("/who #lobby") == [
            "* #lobby (2): watcher, lobbyist"], "it is gone")
        watcher.silence()

    def test_much(self):
        texts = ["line %d" % i for i in range(5000)]
        self.pipe([OPENBSD_NC, "-N", self.host, self.port],
                  "\n".join(["/join #ops"] + texts).encode())
        self.watcher.until(rx(r"\[#ops\] -- guest\d+ joined"))
        for text in texts:
            self.watcher.expect(rx(r"\[#ops\] guest\d+: " + text))

    def test_slowed_by_rate_but_whole(self):
        server = self.daemon(rate="5 50")
        watcher = server.client("watcher")
        host, port = server.addresses[0].rsplit(":", 1)
        texts = ["line %d" % i for i in range(40)]
        self.pipe([OPENBSD_NC, "-N", host, port], "\n".join(texts).encode())
        watcher.until(rx(r"\[#lobby\] -- guest\d+ joined"))
        for text in texts:
            watcher.expect(rx(r"\[#lobby\] guest\d+: " + text))
        watcher.expect(rx(r"\[#lobby\] -- guest\d+ left"))

    def test_unix_socket(self):
        path = os.path.join(self.server.directory, "chat.sock")
        server = self.daemon(listen=[path])
        watcher = server.client("watcher")
        lines = self.pipe([OPENBSD_NC, "-N", "-U", path], b"hello\n")
        self.assertEqual(len(lines), 2)
        watcher.until(rx(r"\[#lobby\] guest\d+: hello"))
        watcher.expect(rx(r"\[#lobby\] -- guest\d+ left"))

    def test_killed(self):
        with Program([OPENBSD_NC, self.host, self.port]) as nc:
            nc.send("/nick ci\n/join #ops")
            self.watcher.until("[#ops] -- ci joined")
        self.watcher.expect(rx(r"\[#ops\] -- ci left.*"))
        self.watcher.silence()


@unittest.skipUnless(NCAT, "no ncat")
class Ncat(Whole, Pipes):

    def command(self):
        return [NCAT, self.host, self.port]

    def test_crlf_option(self):
        self.check([NCAT, "-C", self.host, self.port])

    def test_telnet_option(self):
        self.check([NCAT, "-t", self.host, self.port])


@unittest.skipUnless(SOCAT, "no socat")
class Socat(Whole, Pipes):

    def command(self):
        return [SOCAT, "-t%d" % wait.DEADLINE, "-", "TCP:" + self.address]

    def test_crlf_option(self):
        self.check([SOCAT, "-t%d" % wait.DEADLINE, "-",
                    "TCP:%s,crlf" % self.address], end="\n")


@unittest.skipUnless(BASH, "no bash")
class Bash(Pipes):

    def test_dev_tcp(self):
        """A shell can't half-close; /quit is what ends it."""
        self.check([BASH, "-c", 'exec 3<>"/dev/tcp/$0/$1" && cat >&3 && '
                    "cat <&3", self.host, self.port])


class AtTerminal(Case):
    """Somebody at a terminal, who types no more once the server has ended."""

    def begin(self, config="", address=None):
        self.server = self.daemon(config)
        host, port = self.server.addresses[0].rsplit(":", 1)
        self.terminal = Terminal(self, self.command(host, port))
        self.terminal.sees("* Welcome to banter on box.")

    def quit(self):
        self.begin()
        self.terminal.type("/quit\n")
        self.terminal.sees("* Bye.")
        self.terminal.ends()

    def stop(self):
        self.begin()
        self.server.signal(signal.SIGTERM)
        self.terminal.sees("* The server is going down.")
        self.terminal.ends()
        self.assertEqual(self.server.wait_exit(), 0)


@unittest.skipUnless(OPENBSD_NC, "no netcat of OpenBSD's (netcat-openbsd)")
class OpenbsdAtTerminal(AtTerminal):
    """It reads our FIN, and ends only by a reset."""

    def command(self, host, port):
        return [OPENBSD_NC, host, port]

    def test_quit(self):
        self.quit()

    def test_stop(self):
        self.stop()

    def test_wrong_password(self):
        self.begin("password x\n")
        for _ in range(3):
            self.terminal.type("/pass y\n")
        self.terminal.sees("! Wrong password, the third time; goodbye.")
        self.terminal.ends()

    def test_paused(self):
        """All is there for somebody who goes on reading after a stop."""
        self.begin()
        self.terminal.sees(", /quit leaves.")
        speaker = self.server.client("speaker")
        # The terminal takes some, nc some more, and its kernel the rest.
        texts = ["line %d %s" % (i, "x" * 200) for i in range(200)]
        self.terminal.type("\x13")	# Ctrl-S, and Ctrl-Q
        speaker.ask(*texts)
        # That they type does not tell that they read.
        self.terminal.type("what was that?\n")
        speaker.until(rx(r"\[#lobby\] guest\d+: what was that\?"))
        self.server.stop()
        self.terminal.type("\x11")
        for text in texts:
            self.terminal.sees("[#lobby] speaker: %s\r" % text)
        self.terminal.sees("* The server is going down.")

    def test_denied_by_a_reload(self):
        self.begin()
        self.server.reload("deny all\n")
        self.terminal.sees("! Your address is not allowed here.")
        self.terminal.ends()


@unittest.skipUnless(TRADITIONAL_NC, "no netcat-traditional")
class TraditionalAtTerminal(AtTerminal):

    def command(self, host, port):
        return [TRADITIONAL_NC, host, port]

    def test_quit(self):
        self.quit()

    def test_stop(self):
        self.stop()


class Reset(Case):
    """What was sent before it is there for whoever has not read it yet."""

    def test_nothing_is_lost(self):
        server = self.daemon()
        server.client("client").quit_with_much()

    def test_nothing_is_lost_by_a_stop(self):
        server = self.daemon()
        client = server.guest("client")
        server.signal(signal.SIGTERM)
        client.expect_reset()
        client.ends_with("* The server is going down.")


def with_nc(pid="/dev/null", **more):
    """An environment whose nc is OpenBSD's, and writes its pid to a file."""
    directory = private_directory()
    path = os.path.join(directory, "nc")
    write(path, '#!/bin/sh\necho $$ >%s\nexec %s "$@"\n' % (pid, OPENBSD_NC),
          mode=0o700, keep=True)
    return dict(os.environ, PATH=directory + ":" + os.environ["PATH"], **more)


@unittest.skipUnless(OPENBSD_NC, "OpenBSD's nc is not here")
class Recipes(Case):
    """The command lines of docs/lan.md, word by word."""

    def setUp(self):
        super().setUp()
        self.server = self.daemon()
        self.watcher = self.server.client("watcher", "#ops")
        self.watcher.sync()
        path = os.path.join(os.environ["SOURCE_DIR"], "docs/lan.md")
        with open(path, encoding="utf-8") as f:
            self.page = f.read()

    def recipe(self, words, server=None):
        """The first block of code after some words, for a server."""
        start = self.page.index("```sh\n", self.page.index(words)) + 6
        block = self.page[start:self.page.index("```\n", start)]
        self.assertIn("BOX 5531", block)
        host, port = (server or self.server).addresses[0].rsplit(":", 1)
        return block.replace("BOX 5531", host + " " + port)

    def option(self, pattern):
        """What a word about another program says in the page."""
        return re.search(pattern, self.page).group(1)

    def script(self, recipe):
        done = subprocess.run(
            ["sh", "-c", recipe], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=wait.DEADLINE, preexec_fn=die_with_parent, env=with_nc(),
            check=False)
        return done.returncode, done.stdout.decode()

    def test_a_line_is_said(self):
        recipe = self.recipe("A line into a room")
        self.assertEqual(self.script(recipe), (0, ""))
        self.watcher.expect(rx(r"\[#ops\] ci-\d+: build 812 is green"))

    def test_two_jobs_at_once(self):
        """The name that one shell takes is not another one's."""
        self.server.client("ci").sync()
        recipe = self.recipe("A line into a room")
        jobs = [start(["sh", "-c", recipe], stdin=subprocess.DEVNULL,
                      stdout=subprocess.PIPE, env=with_nc())
                for _ in range(2)]
        for job in jobs:
            self.assertEqual(job.communicate(timeout=wait.DEADLINE)[0], b"")
            self.assertEqual(job.returncode, 0)
            forget(job)
        for _ in jobs:
            self.watcher.until(rx(r"\[#ops\] ci-\d+: build 812 is green"))

    def test_a_taken_name(self):
        """It is an error, and the line is said all the same."""
        recipe = self.recipe("A line into a room").replace("ci-%d", "watcher")
        self.assertEqual(self.script(recipe),
                         (1, "! The name watcher is taken.\r\n"))
        self.watcher.expect(rx(r"\[#ops\] guest\d+: build 812 is green"))

    def test_with_times(self):
        """Why the page says to leave them away."""
        recipe = self.recipe("A line into a room").replace(
            "/nick", "/set time on\\n/nick")
        self.assertEqual(self.script(recipe), (1, ""))
        self.watcher.expect(rx(r"\[#ops\] ci-\d+: build 812 is green"))

    def patient(self, netcat, address="{host} {port}"):
        """One that hangs up some time after its input has ended.

        By the rate the answers come more than a second after that.
        """
        server = self.daemon("room #ops\n", rate="1 1")
        recipe = self.recipe("A line into a room", server)
        self.assertIn("nc -N", recipe)
        host, port = server.addresses[0].rsplit(":", 1)
        recipe = recipe.replace("nc -N %s %s" % (host, port), netcat + " "
                                + address.format(host=host, port=port))
        self.assertNotIn("nc -N", recipe)
        self.assertEqual(self.script(recipe), (0, ""))

    @unittest.skipUnless(TRADITIONAL_NC, "no netcat-traditional")
    def test_traditional(self):
        self.patient("%s %s" % (TRADITIONAL_NC, self.option(
            r"`netcat-traditional` needs `(-q \d+)`")))

    @unittest.skipUnless(SOCAT, "no socat")
    def test_socat(self):
        self.patient("%s %s -" % (SOCAT, self.option(
            r"`socat - TCP:BOX:5531`\s+needs `(-t \d+)`")),
            "TCP:{host}:{port}")

    def test_a_line_is_not_said(self):
        """The room has a key; nobody is told, and the script is."""
        recipe = self.recipe("A line into a room").replace("/msg #ops",
                                                           "/msg #secret")
        self.watcher.ask("/join secret hush")
        status, said = self.script(recipe)
        self.assertEqual(status, 1)
        self.assertRegex(said, "^! .*#secret")

    def test_nobody_is_there(self):
        recipe = self.recipe("A line into a room")
        self.server.stop()
        self.assertEqual(self.script(recipe), (1, ""))

    @unittest.skipUnless(BUSYBOX, "no busybox with telnet")
    def test_the_menu_of_busybox(self):
        self.assertRegex(self.page, r"in busybox's, Ctrl-\] and Enter\s+open "
                                    "a menu, .* `e` and Enter end it")
        host, port = self.server.addresses[0].rsplit(":", 1)
        terminal = Terminal(self, [BUSYBOX, "telnet", host, port])
        terminal.sees(", /quit leaves.")
        terminal.type("\x1d\n")
        terminal.sees(" e\texit telnet")
        terminal.type("e\n")
        self.assertEqual(terminal.ends(), 0)

    def test_a_rooms_talk(self):
        """Each line once, with its day and without a CR, come what may."""
        log = scratch_path("ops.log")
        recipe = self.recipe("A room's talk into a file").replace(
            "ops.log", log)
        self.assertIn("sleep 10\n", recipe)
        recipe = recipe.replace("sleep 10\n", "sleep 0.1\n")
        self.watcher.ask("said before")
        texts = [r"for the \nrecord  ", "2026: once more"]
        pid = scratch_path("pid")
        scribe = start(["sh", "-c", recipe], stdin=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, start_new_session=True,
                       env=with_nc(pid))
        try:
            for text in texts:
                self.watcher.until("[#ops] -- scribe joined")
                self.watcher.send(text)
                eventually(lambda: text in read(log), "it is in the file")
                os.kill(int(read(pid)), signal.SIGKILL)
        finally:
            os.killpg(scribe.pid, signal.SIGKILL)
            scribe.wait()
            forget(scribe)
        with open(log, encoding="utf-8", newline="\n") as file:
            lines = file.read().split("\n")[:-1]
        for line in lines:
            self.assertRegex(line, r"^\d{4}-\d\d-\d\d " + STAMP + r"[\[*!]")
        said = [line[len("2026-11-27 10:32 "):] for line in lines
                if "] watcher: " in line]
        self.assertEqual(said, ["[#ops] watcher: " + text for text in texts])


@unittest.skipUnless(OPENBSD_NC, "no OpenBSD netcat")
class Bot(Case):
    """The one of docs/banter.7, word by word."""

    def script(self):
        path = os.path.join(os.environ["SOURCE_DIR"], "docs/banter.7")
        with open(path, encoding="utf-8") as f:
            page = f.read()
        start = page.index("#!/bin/sh\n# hourbot")
        text = page[start:page.index(".Ed\n", start)]
        for written, meant in (("\\(aq", "'"), ("\\-", "-"), ("\\e", "\\")):
            text = text.replace(written, meant)
        return text

    def setUp(self):
        super().setUp()
        self.server = self.daemon()
        self.alice = self.server.client("alice", "#dev")
        self.alice.sync()
        self.place = private_directory()
        self.nc_pid = scratch_path("pid")

    def bot(self, **how):
        """The bot, in a group of its own."""
        bot = start(["sh", "-c", self.script(), "hourbot"]
                    + self.server.addresses[0].rsplit(":", 1),
                    stdin=subprocess.DEVNULL, start_new_session=True,
                    env=with_nc(self.nc_pid, TMPDIR=self.place), **how)
        self.addCleanup(forget, bot)
        return bot

    def leaves_nothing_behind(self):
        nc = int(read(self.nc_pid))
        eventually(lambda: not os.path.exists("/proc/%d" % nc), "nc is gone")
        self.assertEqual(os.listdir(self.place), [])

    def answers(self):
        self.alice.until("[#dev] -- hourbot joined")
        self.alice.send("hourbot: time")
        self.alice.until(rx(r"\[#dev\] hourbot: it is \d\d:\d\d"))

    def test_it_answers_and_is_interrupted(self):
        """By Ctrl-C, which all of it gets."""
        bot = self.bot()
        self.answers()
        os.killpg(bot.pid, signal.SIGINT)
        self.assertEqual(bot.wait(wait.DEADLINE), -signal.SIGINT)
        self.alice.until(rx(r"\[#dev\] -- hourbot left.*"))
        self.leaves_nothing_behind()

    def test_it_is_killed(self):
        """Just the shell is, by its pid, whatever the signal."""
        for number in signal.SIGTERM, signal.SIGKILL:
            with self.subTest(number):
                bot = self.bot()
                self.answers()
                os.kill(bot.pid, number)
                self.assertEqual(bot.wait(wait.DEADLINE), -number)
                self.alice.until(rx(r"\[#dev\] -- hourbot left.*"))
                self.leaves_nothing_behind()

    def test_its_name_is_taken(self):
        self.server.client("hourbot").sync()
        bot = self.bot(stderr=subprocess.PIPE)
        _, said = bot.communicate(timeout=wait.DEADLINE)
        self.assertEqual(said, b"! The name hourbot is taken.\n")
        self.assertEqual(bot.returncode, 1)
        self.leaves_nothing_behind()

    def test_the_server_stops(self):
        bot = self.bot(stderr=subprocess.PIPE)
        self.answers()
        self.server.stop()
        _, said = bot.communicate(timeout=wait.DEADLINE)
        self.assertEqual((bot.returncode, said), (0, b""))
        self.leaves_nothing_behind()

    def test_nobody_is_there(self):
        self.server.stop()
        bot = self.bot(stderr=subprocess.PIPE)
        bot.communicate(timeout=wait.DEADLINE)
        self.assertNotEqual(bot.returncode, 0)
        self.leaves_nothing_behind()


if __name__ == "__main__":
    main()
