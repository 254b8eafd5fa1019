#!/usr/bin/env python3
"""The log: nobody waits for it, its lines are whole, errors are said where
one looks, and a reload takes a new time zone."""

import ctypes
import fcntl
import os
import re
import resource
import signal
import struct
import subprocess
import threading

from banter.address import dial
from banter.case import Case, main
from banter.command import run_banterd
from banter.files import give_away, read, scratch_path, write, written
from banter.host import AS_NOBODY, needs_root
from banter.line import rx
from banter.wait import eventually

NOBODY_READS = "a FIFO that nobody reads, or a socket"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "
                  r"(error|warning|notice|info|debug): \S.*")
ROOT = {"user": 0, "group": 0, "extra_groups": [0]}


def fifo(name):
    """The path of a new one."""
    path = scratch_path(name)
    os.mkfifo(path, 0o600)
    give_away(path)
    return path


class LogCase(Case):

    def talk(self, alice, bob):
        """Chat goes on."""
        alice.send("still here?")
        bob.until("[#lobby] alice: still here?")
        bob.send("yes")
        alice.until("[#lobby] bob: yes")


class Waiting(LogCase):
    """What would wait fails instead; the daemon serves meanwhile."""

    def test_fifo_at_the_start(self):
        log = fifo("log")
        path = written("banterd.conf", "log-target %s\n" % log)
        status, _, err = run_banterd("-f", path, "-l", "127.0.0.1:0")
        self.assertEqual(status, 1)
        self.assertIn("error: cannot log to %s: %s\n" % (log, NOBODY_READS),
                      err)
        self.assertIn("error: not started\n", err)

    def test_fifo_at_a_reload(self):
        daemon = self.daemon()
        alice, bob = daemon.people("alice", "bob")
        log = fifo("log")
        daemon.reload("log-target %s\n" % log)
        daemon.wait_log("error: cannot log to %s: %s" % (
            re.escape(log), NOBODY_READS))
        daemon.wait_log("error: not reloaded")
        self.talk(alice, bob)

    def test_fifo_when_opened_again(self):
        log = scratch_path("log")
        daemon = self.silent_daemon("log-target %s\n" % log)
        alice, bob = daemon.people("alice", "bob")
        os.rename(log, log + ".1")
        os.rename(fifo("log"), log)
        daemon.signal(signal.SIGUSR2)
        daemon.wait_log("error: cannot open the log file again: "
                        + NOBODY_READS)
        self.assertIn("cannot open the log file again", read(log + ".1"))
        self.talk(alice, bob)

    def test_fifo_with_a_reader(self):
        """Who reads it now and then gets what there is, and what is lost."""
        log = fifo("log")
        reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
        daemon = self.silent_daemon("log-target %s\nlog-level debug\n" % log)
        alice, bob = daemon.people("alice", "bob")
        self.assertIn(b"connected", os.read(reader, 65536))
        os.close(reader)
        daemon.client("carol").close()
        bob.until(rx(r"\[#lobby\] -- carol left.*"))
        self.talk(alice, bob)
        reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        daemon.client("dave")
        alice.until(rx(r"\[#lobby\] -- guest\d+ is now dave"))
        self.assertRegex(
            os.read(reader, 65536).decode(),
            r"\A\S+ \S+ warning: log lines lost before this one: [1-9]")

    def test_standard_error_that_nobody_reads(self):
        """Not even for a line of more than what is left of a page."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, 1031, 8192)		# F_SETPIPE_SZ
        daemon = self.silent_daemon(
            before_exec=lambda: os.dup2(writer, 2))
        os.close(writer)
        alice, bob = daemon.people("alice", "bob")
        for _ in range(5):
            daemon.reload("\1" * 1000 + " 1\n")
            self.talk(alice, bob)

    def test_configuration_is_a_fifo(self):
        """A reload would have to wait for its other end."""
        daemon = self.daemon()
        alice, bob = daemon.people("alice", "bob")
        os.rename(fifo("conf"), daemon.conf)
        for _ in range(2):
            daemon.mark()
            daemon.signal(signal.SIGHUP)
            daemon.wait_log(r"error: %s: is a pipe, which cannot be read "
                            "again; expected a file" % re.escape(daemon.conf))
            daemon.wait_log("error: not reloaded")
            self.talk(alice, bob)

    def test_configuration_comes_through_a_fifo(self):
        """At the start it is waited for, and read as it comes."""
        path = fifo("conf")

        def say():
            with open(path, "w", encoding="ascii") as out:
                for line in ("history 3\n", "nonsense\n"):
                    out.write(line)
                    out.flush()

        speaker = threading.Thread(target=say)
        speaker.start()
        status, _, err = run_banterd("-t", "-f", path)
        speaker.join()
        self.assertEqual(status, 1)
        self.assertIn(path + ":2: ", err)

    def test_account_of_a_new_user(self):
        """It is not looked for: the name server may be stuck, and a restart
        is needed anyway."""
        daemon = self.daemon()
        daemon.mark()
        daemon.reload("user no-such-user-here\n")
        daemon.wait_log("warning: user is another one now, which takes a "
                        "restart")
        daemon.wait_log("notice: reloaded ")
        daemon.mark()
        daemon.reload("user no-such-user-here\nhistory 3\n")
        daemon.wait_log("notice: reloaded ")
        self.assertEqual(
            sum("takes a restart" in line for line in daemon.log), 1)


class Whole(LogCase):
    """A file at its limit, as a disk that is full."""

    def limited(self, limit):
        self.log = scratch_path("log")
        self.server = self.silent_daemon(
            "log-target %s\nlog-level debug\n" % self.log,
            before_exec=lambda: resource.setrlimit(
                resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)))
        self.alice, self.bob = self.server.people("alice", "bob")

    def guests(self, n):
        for _ in range(n):
            dial(self.server.addresses[0]).close()
        self.talk(self.alice, self.bob)

    def test_lines_are_whole(self):
        """Wherever the limit is; and what is lost is said."""
        for limit in (700, 717, 734):
            with self.subTest(limit):
                self.limited(limit)
                self.guests(20)
                text = read(self.log)
                self.assertLessEqual(len(text), limit)
                self.assertGreater(len(text), limit - 200)
                subprocess.run(
                    ["prlimit", "--pid", str(self.server.pid),
                     "--fsize=unlimited:"], check=True, **AS_NOBODY)
                self.guests(5)
                lines = eventually(
                    lambda: "lost before" in read(self.log) and
                    read(self.log), "it goes on").splitlines()
                for line in lines:
                    self.assertRegex(line, LINE)
                self.assertRegex(
                    "\n".join(lines),
                    r"(?m)warning: log lines lost before this one: [1-9]\d*$")
                self.assertTrue(read(self.log).startswith(text))


class Errors(LogCase):
    """They are on stderr, and so in the journal, wherever the log goes."""

    TARGETS = ("file", "syslog")

    def target(self, kind):
        return "log-target %s\n" % (
            scratch_path("log") if kind == "file" else kind)

    def test_a_start_that_fails(self):
        for kind in self.TARGETS:
            with self.subTest(kind):
                path = written("banterd.conf", self.target(kind) +
                               "listen 192.0.2.1:1\n")
                status, _, err = run_banterd("-f", path)
                self.assertEqual(status, 1)
                self.assertIn("error: cannot listen on 192.0.2.1:1", err)
                self.assertTrue(err.endswith("error: not started\n"), err)

    def test_a_reload_that_fails(self):
        for kind in self.TARGETS:
            with self.subTest(kind):
                target = self.target(kind)
                daemon = self.silent_daemon(target)
                daemon.reload(target + "nonsense\n")
                daemon.wait_log(r"error: %s:4: " % re.escape(daemon.conf))
                daemon.wait_log("error: not reloaded; the old configuration "
                                "stays in force")
                self.assertNotIn("info:", daemon.log_text())


def zone_file(hours):
    """A time zone so many hours east of UTC (RFC 8536)."""
    return (struct.pack(">4s16x6l", b"TZif", 0, 0, 0, 0, 1, 4) +
            struct.pack(">lbb", hours * 3600, 0, 0) + b"XYZ\0")


class Zone(LogCase):

    def hour(self, client):
        """The one in the time before a line."""
        client.send("/who")
        return int(client.until(rx(r"\d\d:\d\d \* #lobby .*"))[-1][:2])

    def moves(self, daemon, move):
        """The time before lines is two hours on, once move() was called; all
        within a minute, as the stamp of a minute is kept."""
        alice = daemon.client("alice")
        alice.ask("/set time on")
        before = self.hour(alice)
        move()
        daemon.mark()
        daemon.reload(daemon.zone_config)
        daemon.wait_log(" notice: reloaded ")
        self.assertIn((self.hour(alice) - before) % 24, (2, 3))
        hour = int(re.search(r" (\d\d):", daemon.log[-1])[1])
        self.assertIn((hour - before) % 24, (2, 3))

    def test_file_that_tz_names(self):
        zone = written("zone", zone_file(5), 0o644)
        daemon = self.daemon(env={"TZ": ":" + zone})
        daemon.zone_config = ""
        self.moves(daemon, lambda: write(zone, zone_file(7), 0o644))

    @needs_root
    def test_system_zone(self):
        """/etc/localtime, in a file system of the daemon's own."""
        if not os.path.exists("/etc/localtime"):
            self.skipTest("no /etc/localtime here")
        zone = written("zone", zone_file(5), 0o644)
        libc = ctypes.CDLL(None, use_errno=True)

        def mount():
            if (libc.unshare(0x20000) != 0 or	# CLONE_NEWNS
                    libc.mount(b"none", b"/", None, 1 << 14 | 1 << 18,
                               None) != 0 or	# MS_REC | MS_PRIVATE
                    libc.mount(zone.encode(), b"/etc/localtime", None, 1 << 12,
                               None) != 0):	# MS_BIND
                os._exit(77)

        try:
            daemon = self.daemon(run_as=ROOT, env={"TZ": None},
                                 before_exec=mount)
        except AssertionError as error:
            if "exit status 77" in str(error):
                self.skipTest("no file system of its own can be made")
            raise

        daemon.zone_config = ""

        def move():
            with open(zone, "r+b") as out:
                out.write(zone_file(7))
            os.utime(zone, (1, 1))

        self.moves(daemon, move)


if __name__ == "__main__":
    main()
