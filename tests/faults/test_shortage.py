"""What runs out while people chat: descriptors, the disk under the log, and
the agreement on what time it is."""

import os
import re
import signal
import socket
import subprocess

from banter import proc
from banter.case import Case, main
from banter.fault import Control
from banter.files import read, scratch_path
from banter.host import AS_NOBODY
from banter.line import NOT_ALLOWED, STAMP, rx
from banter.wait import eventually


class Descriptors(Case):
    @staticmethod
    def limit(daemon, number):
        """The soft limit of a running daemon; by a process of its user."""
        subprocess.run(["prlimit", "--pid", str(daemon.pid),
                        "--nofile=%d:" % number], check=True,
                       **AS_NOBODY)

    @staticmethod
    def has(client, word):
        """Whether the word is in what the client has not read yet."""
        try:
            return word in client.sock.recv(
                4096, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False

    def test_newcomers_are_told_or_wait(self):
        daemon = self.daemon("max-per-host 500")
        ann, bob = daemon.people("ann", "bob")
        self.limit(daemon, proc.descriptors(daemon.pid) + 2)
        crowd = [daemon.connect("newcomer%d" % i) for i in range(8)]
        daemon.wait_log("cannot accept")
        # Those who are in are not harmed, and can be left and come back to.
        ann.send("still here?")
        bob.until("[#lobby] ann: still here?")
        bob.send("yes")
        ann.until("[#lobby] bob: yes")
        # The first time that it cannot accept there may be nobody to accept:
        # accept4(2) looks for a descriptor before it looks for a newcomer.
        # The next time, a second later, somebody waits.
        eventually(lambda: any(self.has(client, b"! The server is full")
                               for client in crowd), "one is told")
        self.limit(daemon, 1024)
        told = 0
        for client in crowd:
            lines = client.until(rx(
                r"! The server is full; try again later\."
                r"|\* You are .* in #lobby .*"))
            if lines[-1].startswith("!"):
                self.assertEqual(client.rest(), [])
                told += 1
        self.assertGreater(told, 0)
        self.assertLess(told, len(crowd))
        last = daemon.client("last")
        last.send("recovered")
        ann.until("[#lobby] last: recovered")
        bob.until("[#lobby] last: recovered")

    def test_told_each_time(self):
        daemon = self.daemon("max-per-host 500")
        daemon.client("ann")
        for _ in range(3):
            self.limit(daemon, proc.descriptors(daemon.pid))
            crowd = [daemon.connect("newcomer%d" % i) for i in range(3)]
            # a warning for all three: there is one a minute
            daemon.wait_log("cannot accept")
            eventually(
                lambda: any(self.has(client, b"! The server is full")
                            for client in crowd), "one is told")
            self.limit(daemon, 1024)
            for client in crowd:
                client.until(rx(
                    r"! The server is full; try again later\."
                    r"|\* You are .* in #lobby .*"))

    def test_they_come_and_go(self):
        daemon = self.daemon("max-per-host 500")
        ann, bob = daemon.people("ann", "bob")
        self.limit(daemon, proc.descriptors(daemon.pid) + 3)
        for i in range(30):
            for client in [daemon.connect("c%d" % i) for _ in range(6)]:
                client.close()
            ann.send("line %d" % i)
            bob.until("[#lobby] ann: line %d" % i)
        self.limit(daemon, 1024)
        late = daemon.client("late")
        late.send("hello")
        ann.until("[#lobby] late: hello")
        self.assertEqual(
            [line for line in ann.ask("/who") if line.startswith("* #lobby")],
            ["* #lobby (3): ann, bob, late"])

    def test_a_reload_without_descriptors(self):
        daemon = self.daemon("deny 127.0.0.41\nmax-per-host 500")
        ann = daemon.client("ann")
        self.limit(daemon, proc.descriptors(daemon.pid))
        daemon.mark()
        daemon.reload("max-per-host 500\n")
        daemon.wait_log("not reloaded")
        ann.ask("/who")
        self.limit(daemon, 1024)
        daemon.connect("denied", source="127.0.0.41").ends_with(
            NOT_ALLOWED)


class FullDisk(Case):
    def chat(self, daemon):
        ann, bob = daemon.people("ann", "bob")
        for i in range(100):
            daemon.client("visitor%d" % i).close()
            ann.send("line %d" % i)
            bob.until("[#lobby] ann: line %d" % i)

    def test_no_space_at_all(self):
        self.chat(self.silent_daemon("log-target /dev/full\n"
                                     "log-level debug"))

    def test_the_disk_fills_up(self):
        if os.geteuid() != 0:
            self.skipTest("mounting a small disk needs root")
        place = scratch_path("disk")
        os.mkdir(place)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k,mode=777",
                               "none", place], check=False)
        if done.returncode != 0:
            self.skipTest("a small disk cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", place], check=True)
        log = os.path.join(place, "log")
        daemon = self.silent_daemon(
            "log-target %s\nlog-level debug\nmax-per-host 500" % log)
        with open(os.path.join(place, "ballast"), "wb", buffering=0) as out:
            with self.assertRaises(OSError):
                while True:
                    out.write(bytes(512))
        self.chat(daemon)
        witness = daemon.client("witness")
        for _ in range(50):	# more than the page that the log has
            daemon.signal(signal.SIGUSR1)
            witness.sync()
        os.unlink(os.path.join(place, "ballast"))
        # There is space again, and the log goes on.
        size = os.path.getsize(log)
        eventually(
            lambda: (daemon.client("again").close(),
                     os.path.getsize(log) > size)[1], "the log goes on")
        lines = read(log).split("\n")
        self.assertEqual(lines.pop(), "")
        for line in lines:
            self.assertRegex(line, r"\A\d{4}-\S+ \d\d:\d\d:\d\d [a-z]+: \S")
        self.assertTrue([line for line in lines if re.search(
            "warning: log lines lost before this one: [1-9]", line)])


class Clock(Case):
    def test_it_jumps(self):
        control = Control()
        daemon = self.daemon("login-timeout 3600\nstall-timeout 60\nhistory 5",
                             env=control.environment)
        ann, bob = daemon.people("ann", "bob")
        ann.send("/set time on")
        ann.until(rx(r".*time is on now\."))
        day = 86400
        for offset in (3600, -3600, 366 * day, -40 * 366 * day, 2**33,
                       -2**33, 0):
            control.shift_clock(offset)
            bob.send("it is another time")
            ann.until(rx(STAMP + r"\[#lobby\] bob: it is another time"))
            ann.send("so it is")
            bob.until("[#lobby] ann: so it is")
            bob.ask("/history", "/whois ann")
            guest = daemon.guest()
            guest.send("/quit")
            guest.rest()
        for client in (ann, bob):
            client.sync()


if __name__ == "__main__":
    main()
