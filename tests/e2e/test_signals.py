#!/usr/bin/env python3
"""USR1, USR2, TERM and INT; what the log says."""

import os
import re
import resource
import signal
import socket
import threading

from banter import proc
from banter.address import dial, refused
from banter.case import Case, main
from banter.client import settle
from banter.files import read, scratch_path, written
from banter.host import needs_root
from banter.line import GOING_DOWN, PASSWORD_NEEDED, STAMP, rx
from banter.wait import DEADLINE, eventually


def flood(address):
    """Says hello until it is cut off."""
    one = dial(address)
    try:
        while True:
            one.sendall(b"hello\n" * 1000)
    except OSError:
        one.close()


class Counters(Case):

    WORDS = ["clients", "rooms", "lines", "bytes", "skipped", "refused",
             "slowed", "uptime", "memory"]

    def test_usr1(self):
        daemon = self.daemon("max-clients 3")
        people = [daemon.client("alice", "#dev"), daemon.client("bob", "#dev"),
                  daemon.client("carol")]
        daemon.connect("late").rest()
        people[0].ask("a line that nobody logs")
        people[1].sync()
        daemon.mark()
        daemon.signal(signal.SIGUSR1)
        for word in self.WORDS:
            daemon.wait_log("(?i)" + word)
        daemon.wait_log(r"#dev\b.*\b2\b")
        daemon.wait_log(r"#lobby\b.*\b3\b")
        daemon.wait_log(r"(?i)clients\D{0,3}3\b|\b3 clients")
        daemon.wait_log(r"(?i)refused\D{0,3}1\b|\b1 refused")
        people[0].silence()
        daemon.signal(signal.SIGUSR1)	# and it can be asked again
        people[0].silence()

    def test_people(self):
        """Each one, with address, rooms and idle time; many, in pieces."""
        daemon = self.daemon("max-clients 600\nmax-per-host 600",
                             before_exec=lambda: resource.setrlimit(
                                 resource.RLIMIT_NOFILE, (1024, 4096)))
        daemon.client("alice", "#dev")
        daemon.client("bob", "#dev", source="127.9.0.1").leave("#lobby")
        crowd = [daemon.connect("p%d" % i) for i in range(500)]
        for one in crowd:
            one.greeted()
        daemon.mark()
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log(r"notice: person alice at 127\.0\.0\.1: "
                        r"#lobby, @#dev; idle \d+s$")
        daemon.wait_log(r"notice: person bob at 127\.9\.0\.1: #dev; idle \d+s$")
        names = {one.nick for one in crowd} | {"alice", "bob"}
        for nick in names:
            daemon.wait_log("notice: person %s at " % nick)
        people = re.findall(r"person (\S+) at", "\n".join(daemon.log))
        self.assertEqual(sorted(people), sorted(names))

    def test_renames(self):
        daemon = self.daemon()
        alice = daemon.client("alice")
        daemon.wait_log(r"info: guest\d+ at 127\.0\.0\.1 is now alice$")
        alice.rename("troublemaker")
        daemon.wait_log(r"info: alice at 127\.0\.0\.1 is now troublemaker$")

    def test_no_chat_in_the_log(self):
        daemon = self.daemon("log-level debug", args=["-v"])
        alice, bob = daemon.people("alice", "bob")
        alice.ask("xyzzy1", "/me xyzzy2", "/msg bob xyzzy3", "/topic xyzzy4",
                  "/away xyzzy5", "/nosuch xyzzy6", "xyzzy8" * 400)
        bob.sync()
        alice.send("/quit xyzzy7")
        alice.rest()
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("(?i)uptime")
        self.assertNotIn("xyzzy", "\n".join(daemon.log))

    def test_form_of_the_log(self):
        daemon = self.daemon("log-level debug")
        daemon.client("alice", "#dev").ask("hello")
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("(?i)uptime")
        for line in list(daemon.log):
            self.assertRegex(line, r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "
                             r"(error|warning|notice|info|debug): .")

    def test_form_under_the_journal(self):
        daemon = self.daemon("log-level debug", journal=True)
        daemon.guest()
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("(?i)uptime")
        for line in list(daemon.log):
            self.assertRegex(line, r"^<[3-7]>[^ ]")
            self.assertNotRegex(line, r"^<[3-7]>\d{4}-\d\d-\d\d ")

    def test_the_journal_of_somebody_else(self):
        """JOURNAL_STREAM that was inherited, but is not our stderr."""
        daemon = self.daemon(env={"JOURNAL_STREAM": "1:1"})
        self.assertRegex(daemon.log[0], r"^\d{4}-\d\d-\d\d ")

    def test_levels(self):
        """A daemon that logs errors only has nothing to say."""
        daemon = self.silent_daemon("log-level error")
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait_exit(), 0)
        self.assertEqual(daemon.log, [])


class LogFile(Case):

    def test_usr2_opens_it_again(self):
        log = scratch_path("log")
        old = log + ".1"
        daemon = self.silent_daemon("log-target " + log)
        self.assertIn("listening on " + daemon.addresses[0], read(log))
        alice = daemon.client("alice")
        os.rename(log, old)
        daemon.signal(signal.SIGUSR1)
        eventually(lambda: "uptime" in read(old).lower(),
                   "the old file is used until USR2")
        before = read(old)
        daemon.signal(signal.SIGUSR2)
        eventually(lambda: os.path.exists(log), "a new log appears")
        daemon.signal(signal.SIGUSR1)
        eventually(lambda: "uptime" in read(log).lower(),
                   "the new file is used")
        self.assertNotIn("uptime", read(old)[len(before):].lower())
        alice.silence()
        for line in read(old).splitlines() + read(log).splitlines():
            self.assertRegex(line, r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+: ")

    def test_it_appends(self):
        log = written("log", "what was there before\n")
        self.silent_daemon("log-target " + log)
        eventually(lambda: "listening on" in read(log), "it is logged there")
        self.assertTrue(read(log).startswith("what was there before\n"))

    def test_usr2_on_stderr_does_no_harm(self):
        daemon = self.daemon()
        alice = daemon.client("alice")
        daemon.signal(signal.SIGUSR2)
        alice.silence()
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("(?i)uptime")
        alice.silence()


class Farewell(Case):

    def check(self, number):
        daemon = self.daemon("shutdown-grace 60", listen=[
            "127.0.0.1:0", scratch_path("sock")])
        address, path = daemon.addresses
        alice = daemon.client("alice")
        bob = daemon.client("bob", address=path)
        fresh = daemon.guest("fresh")
        telnet = daemon.client("telnet", telnet=True)
        telnet.raw(b"\xff\xf6")
        telnet.until("* Yes.")
        settle(alice, bob, fresh, telnet)
        daemon.signal(number)
        for one in (alice, bob, fresh, telnet):
            one.ends_with(GOING_DOWN)
        self.assertEqual(daemon.wait_exit(), 0)
        self.assertTrue(refused(address))
        self.assertFalse(os.path.exists(path), "the socket is left behind")

    def test_term(self):
        self.check(signal.SIGTERM)

    def test_int(self):
        self.check(signal.SIGINT)

    def test_nobody_there(self):
        daemon = self.daemon("shutdown-grace 60")
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait_exit(), 0)

    def test_who_has_no_password_yet(self):
        daemon = self.daemon("password hush\nshutdown-grace 60")
        one = daemon.connect("one")
        one.until(PASSWORD_NEEDED)
        daemon.signal(signal.SIGTERM)
        one.ends_with(GOING_DOWN)
        self.assertEqual(daemon.wait_exit(), 0)

    def test_with_time(self):
        daemon = self.daemon()
        alice = daemon.client("alice")
        alice.ask("/set time on")
        daemon.signal(signal.SIGTERM)
        alice.ends_with(rx(STAMP + re.escape(GOING_DOWN)))


class Drain(Case):

    CONFIG = "shutdown-grace %d\nsend-queue 32M\n"

    def setUp(self):
        super().setUp()
        self.path = scratch_path("sock")

    def begin(self, grace):
        """A server that has a lot for bob, who has read nothing of it."""
        self.server = self.daemon(self.CONFIG % grace, listen=[
            "127.0.0.1:0", self.path])
        self.bob = self.server.client("bob", address=self.path)
        self.alice = self.server.client("alice")
        settle(self.alice, self.bob)
        self.texts = ["n%d %s" % (i, "x" * 980) for i in range(3000)]
        self.alice.send(*self.texts)
        self.alice.silence()

    def test_all_that_was_accepted_arrives(self):
        self.begin(60)
        self.server.signal(signal.SIGTERM)
        self.alice.ends_with(GOING_DOWN)	# bob's output waits
        self.assertIsNone(self.server.process.poll())
        self.assertTrue(refused(self.server.addresses[0]))
        self.bob.ends_with(*["[#lobby] alice: " + text
                             for text in self.texts] + [GOING_DOWN])
        self.assertEqual(self.server.wait_exit(), 0)

    def test_no_longer_than_the_grace(self):
        self.begin(1)
        self.server.signal(signal.SIGTERM)
        self.assertEqual(self.server.wait_exit(), 0)

    def test_while_some_send_without_end(self):
        daemon = self.daemon("shutdown-grace 2")
        alice = daemon.client("alice")
        senders = [threading.Thread(target=flood, args=(
            daemon.addresses[0],)) for _ in range(8)]
        for sender in senders:
            sender.start()
        alice.until(rx(r"\[#lobby\] guest\d+: hello"))
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait_exit(), 0)
        for sender in senders:
            sender.join()

    def test_a_second_one_at_once(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM),
                              (signal.SIGINT, signal.SIGINT),
                              (signal.SIGTERM, signal.SIGINT)):
            with self.subTest((first, second)):
                self.path = scratch_path("sock")
                self.begin(80)
                self.server.signal(first)
                self.alice.ends_with(GOING_DOWN)
                self.assertIsNone(self.server.process.poll())
                self.server.signal(second)
                self.assertEqual(self.server.wait_exit(), 0)

    def test_a_hail_of_them(self):
        """It is never killed by one that comes while it ends."""
        for _ in range(5):
            # the leak check at the end does not stand a hail of signals
            daemon = self.daemon(env={"ASAN_OPTIONS": "detect_leaks=0"})
            daemon.guest()
            while daemon.process.poll() is None:
                daemon.signal(signal.SIGTERM)
                daemon.signal(signal.SIGINT)
            self.assertEqual(daemon.wait_exit(), 0)

    def test_speech_after_the_signal(self):
        """Whoever is slow to go may not say anything any more."""
        self.begin(60)
        self.server.signal(signal.SIGTERM)
        self.alice.until(GOING_DOWN)
        try:
            self.alice.send("too late")
        except OSError:
            pass
        lines = self.bob.rest()
        self.assertNotIn("[#lobby] alice: too late", lines)
        self.assertEqual(lines[-1], GOING_DOWN)


class Inherited(Case):
    """Who starts it may have blocked or ignored any signal."""

    @staticmethod
    def bad_parent():
        everything = signal.valid_signals()
        signal.pthread_sigmask(signal.SIG_BLOCK, everything)
        for number in everything - {signal.SIGKILL, signal.SIGSTOP}:
            try:
                signal.signal(number, signal.SIG_IGN)
            except OSError:
                pass		# one of the C library's own

    def check(self, daemon):
        alice = daemon.client("alice")
        daemon.mark()
        daemon.signal(signal.SIGHUP)
        daemon.wait_log(": reloaded ")
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("uptime")
        daemon.signal(signal.SIGUSR2)
        daemon.wait_log("log file opened again")
        for pid in [daemon.pid] + proc.children(daemon.pid):
            said = proc.status(pid)
            self.assertEqual(int(said["SigBlk"], 16), 0)
            self.assertFalse(int(said["SigIgn"], 16) &
                             1 << signal.SIGCHLD - 1)
            self.assertTrue(int(said["SigIgn"], 16) &
                            1 << signal.SIGXFSZ - 1)
        alice.silence()
        daemon.signal(signal.SIGTERM)
        alice.ends_with(GOING_DOWN)
        self.assertEqual(daemon.wait_exit(), 0)

    def test_everything_blocked_and_ignored(self):
        self.check(self.daemon(before_exec=self.bad_parent))

    @needs_root
    def test_started_as_root(self):
        """The process that opens files, too."""
        daemon = self.daemon(before_exec=self.bad_parent, run_as={
            "user": 0, "group": 0, "extra_groups": [0]})
        daemon.wait_log("running as user")
        self.assertEqual(len(proc.children(daemon.pid)), 1)
        self.check(daemon)


class Startup(Case):

    def test_many_starts_and_stops(self):
        """A UNIX socket that a killed daemon left behind is no obstacle."""
        path = scratch_path("sock")
        daemon = self.daemon(listen=[path])
        daemon.guest()
        daemon.kill()
        self.assertTrue(os.path.exists(path))
        second = self.daemon(listen=[path])
        second.guest()

    def test_term_right_after_the_start(self):
        for _ in range(5):
            daemon = self.daemon(ready=False)
            daemon.wait_log("listening on")
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.wait_exit(), 0)


class Manager(Case):
    """What the service manager is told."""

    def test_the_status_is_there_from_the_start(self):
        """Before anybody has come, as "systemctl status" shows it."""
        name = "banter-manager-%d" % os.getpid()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind("\0" + name)
            daemon = self.daemon("room #dev\n",
                                 env={"NOTIFY_SOCKET": "@" + name})
            manager.settimeout(DEADLINE)
            told = [manager.recv(128), manager.recv(128)]
            self.assertEqual(told, [b"STATUS=0 clients in 2 rooms",
                                    b"READY=1"])
            daemon.client("alice")
            self.assertEqual(manager.recv(128),
                             b"STATUS=1 client in 2 rooms")

    @staticmethod
    def fill(name):
        """Fills the manager's queue; it is busy."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            other.connect("\0" + name)
            try:
                while True:
                    other.send(b"other")
            except BlockingIOError:
                pass

    @staticmethod
    def told(manager, wanted):
        """Waits until it has been told all that."""
        wanted = set(wanted)
        while wanted:
            wanted.discard(manager.recv(128))

    def test_it_is_busy(self):
        """What it could not be told is told later."""
        name = "banter-manager-%d" % os.getpid()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind("\0" + name)
            manager.settimeout(DEADLINE)
            self.fill(name)
            daemon = self.daemon("room #dev\n",
                                 env={"NOTIFY_SOCKET": "@" + name})
            daemon.guest()
            self.told(manager, [b"READY=1", b"STATUS=1 client in 2 rooms"])
            self.fill(name)
            daemon.reload("room #dev\n")
            daemon.wait_log("reloaded")
            self.told(manager, [b"READY=1"])


if __name__ == "__main__":
    main()
