#!/usr/bin/env python3
"""A daemon that waits: it sleeps, and what came while it was stopped counts."""

import signal
import time

from banter import proc, wait
from banter.case import Case, main
from banter.line import rx

LATE = "! No password came in time; goodbye."
WRONG = "! Wrong password; /pass PASSWORD"
NEEDED = "* A password is needed: /pass PASSWORD"


class Idle(Case):
    """Nobody does anything, and so nothing wakes the daemon."""

    SECOND = 1.0		# that is looked at, and
    FEW = 4			# how often it may wake up in it

    def rests(self, daemon, state):
        """It comes to rest: a second in which it hardly wakes up."""
        def few():
            before = proc.wakeups(daemon.pid)
            time.sleep(self.SECOND)
            return proc.wakeups(daemon.pid) - before <= self.FEW

        with self.subTest(state):
            wait.eventually(few, "a daemon at rest: " + state, 6)

    def test_login(self):
        daemon = self.daemon("password x\nlogin-timeout 60")
        alice = daemon.connect("alice")
        alice.until(NEEDED)
        self.rests(daemon, "no password yet")
        alice.send("/pass wrong")
        alice.expect(WRONG)
        self.rests(daemon, "after a wrong password")
        alice.send("/pass wronger", "/pass x")
        alice.expect(WRONG)
        alice.greeted()
        self.rests(daemon, "in, after wrong passwords")
        bob = daemon.connect("bob")
        bob.until(NEEDED)
        self.rests(daemon, "the pause of a host is over")

    def test_chat(self):
        daemon = self.daemon(rate="20 5")
        alice, bob = daemon.guest("alice"), daemon.guest("bob")
        self.rests(daemon, "in a room")
        alice.raw(b"half a line")
        bob.raw(b"\xff\xfa\x18")
        self.rests(daemon, "unfinished lines")
        alice.raw(b"\n")
        alice.send("/away lunch", *["line %d" % i for i in range(24)])
        bob.until(rx(r"\[#lobby\] .*: line 23"))
        self.rests(daemon, "slowed, with nothing more to say")
        bob.reset()
        alice.send("/join #x k")
        alice.until(rx(r"\* Others need that key .*"))
        carol = daemon.guest("carol")
        carol.send("/join #x wrong")
        carol.until(rx("! #x needs the right key.*"))
        self.rests(daemon, "after a wrong key, and somebody who is lost")

    def test_slowed(self):
        """Each line of whoever waits for the rate wakes it, and no more."""
        daemon = self.daemon(rate="1 5")
        alice, bob = daemon.guest("alice"), daemon.guest("bob")
        alice.send(*["line %d" % i for i in range(200)])
        bob.until(rx(r"\[#lobby\] .*: line 3"))
        before = proc.wakeups(daemon.pid)
        bob.until(rx(r"\[#lobby\] .*: line 13"))
        # the clocks are coarse: the timer may come too early, twice
        self.assertLess(proc.wakeups(daemon.pid) - before, 60)
        alice.reset()

    def test_who_does_not_read(self):
        daemon = self.daemon("send-queue 4K\nstall-timeout 60")
        alice = daemon.guest("alice", rcvbuf=2048)
        bob = daemon.guest("bob")
        line = "x" * 1000
        # more than the kernel takes
        for _ in range(30):
            bob.ask(*[line] * 20)
        self.rests(daemon, "lines are being skipped for somebody")
        alice.send("/quit")
        self.rests(daemon, "closing, and not read")

    def test_ends(self):
        daemon = self.daemon("stall-timeout 60")
        alice, bob = daemon.guest("alice"), daemon.guest("bob")
        alice.send("/quit")
        alice.until("* Bye.")
        self.rests(daemon, "lingering")
        bob.half_close()
        bob.rest()
        self.rests(daemon, "half-closed")


class Stopped(Case):
    """The daemon was stopped (SIGSTOP) past a time-out."""

    def past(self, daemon, seconds):
        """Stays stopped for so long; then it goes on."""
        time.sleep(seconds)
        daemon.thaw()

    def test_password(self):
        daemon = self.daemon("password x\nlogin-timeout 1")
        people = [daemon.connect("p%d" % i) for i in range(40)]
        for one in people:
            one.until(NEEDED)
        daemon.freeze()
        for one in people:
            one.send("/nick a", "/pass x")
        self.past(daemon, 1.5)
        for one in people:
            one.expect("! A password is needed: /pass PASSWORD")
            one.greeted()
            one.send("/quit")
        for one in people:
            one.rest()

    def test_no_password(self):
        daemon = self.daemon("password x\nlogin-timeout 1")
        alice = daemon.connect("alice")
        alice.until(NEEDED)
        daemon.freeze()
        self.past(daemon, 1.5)
        alice.ends_with(LATE)

    def test_password_after_a_wrong_one(self):
        daemon = self.daemon("password x\nlogin-timeout 1")
        alice = daemon.connect("alice")
        alice.until(NEEDED)
        alice.send("/pass wrong")
        alice.expect(WRONG)
        daemon.freeze()
        alice.send("/pass x")
        self.past(daemon, 1.5)
        alice.greeted()

    def test_stalled(self):
        """Who reads while the daemon is stopped has not stalled."""
        daemon = self.daemon("send-queue 4K\nstall-timeout 1")
        alice = daemon.guest("alice", rcvbuf=2048)
        bob = daemon.guest("bob")
        for _ in range(30):
            bob.ask(*["x" * 1000] * 20)
        daemon.freeze()
        alice.read_for(1.5)
        daemon.thaw()
        alice.until(rx(r"\* \d+ lines skipped; .*"))
        alice.sync()

    def test_last_output(self):
        """What is read while the daemon is stopped leaves at its end."""
        daemon = self.daemon("shutdown-grace 1\nsend-queue 1M")
        alice = daemon.guest("alice", rcvbuf=2048)
        bob = daemon.guest("bob")
        for _ in range(7):	# a little more than the kernel holds
            bob.ask(*["x" * 1000] * 20)
        daemon.signal(signal.SIGTERM)
        bob.until("* The server is going down.")
        daemon.freeze()
        alice.read_for(1.5)
        daemon.thaw()
        alice.until("* The server is going down.")
        self.assertEqual(daemon.wait_exit(), 0)


if __name__ == "__main__":
    main()
