#!/usr/bin/env python3
"""Crashes: who is told what, who is gone, and when it is given up."""

import os
import re
import resource
import select
import signal
import socket

from banter import process, wait
from banter.case import main
from banter.client import settle
from banter.host import AS_NOBODY, MemoryGroup, needs_root, raise_nofile
from banter.line import CAME_BACK, GOING_DOWN, LOST_TRACK, rx
from banter.manager import KeptCase
from banter.wait import eventually

LOST = "[#lobby] -- %s left (connection lost)"


class Notices(KeptCase):

    def test_each_signal(self):
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT,
                       signal.SIGBUS, signal.SIGQUIT):
            with self.subTest(number):
                daemon = self.kept(faults=True)
                people = daemon.people("alice", "bob", rooms=("#dev",))
                carol = daemon.client("carol", telnet=True)
                settle(carol, *people)
                daemon.crash(number)
                daemon.wait_log("took over 3 clients")
                for one in people + [carol]:
                    one.expect(CAME_BACK)
                settle(carol, *people)
                for one in people + [carol]:
                    one.silence()
                people[0].send("/who")
                people[0].expect("* #dev (2): @alice, bob")
                people[0].send("still here?")
                people[1].expect("[#dev] alice: still here?")

    def test_watchdog(self):
        """A daemon that hangs is ended by the service manager."""
        daemon = self.kept(watchdog=0.4, faults=True)
        alice, bob = daemon.people("alice", "bob")
        daemon.freeze()
        daemon.drain()
        daemon.told.clear()
        alice.send("one", "two")
        daemon.crash(signal.SIGABRT)
        bob.expect(CAME_BACK, "[#lobby] alice: one", "[#lobby] alice: two")
        alice.expect(CAME_BACK)
        daemon.wait_told(lambda: "WATCHDOG=1" in daemon.told, "it is fed")

    def test_out_of_memory(self):
        """The kernel ends it because the machine has no memory left."""
        group = MemoryGroup()
        if not group.path:
            self.skipTest("no memory cgroup can be made here")
        self.addCleanup(group.remove)
        daemon = self.kept("history 10000\n")
        alice, bob = daemon.people("alice", "bob")
        alice.join("#dev")
        settle(alice, bob)
        group.add(daemon.pid, 4 << 20)
        while daemon.process.poll() is None:
            alice.send(*["x" * 900] * 20)   # which is kept
            select.select([], [], [], 0.002)
        self.assertEqual(daemon.broke(), signal.SIGKILL)
        self.assertEqual(group.kills(), 1)
        daemon.begin()
        self.assertIn(CAME_BACK, alice.sync())
        bob.expect(CAME_BACK)
        settle(alice, bob)
        bob.silence()
        alice.send("/who")
        alice.expect("* #dev (1): @alice")

    def test_ten_in_a_row(self):
        """Of a daemon that does its work in between."""
        daemon = self.kept()
        people = daemon.people("alice", "bob")
        for i in range(10):
            people[0].ask(*["line"] * 100)
            people[1].sync()
            daemon.crash()
            for one in people:
                one.expect(CAME_BACK)
                one.silence()
        self.assertNotIn("lost track", daemon.log_text())

    def test_the_first_turn(self):
        """Somebody who came a moment before is kept as well."""
        daemon = self.kept("default-room none\n")
        alice = daemon.client("alice")
        for i in range(5):
            alice.ask(*["/back"] * 100)
            one = daemon.newcomer("one")
            daemon.crash()
            for other in (alice, one):
                other.expect(CAME_BACK)
                other.silence()

    def test_to_whoever_comes_later_nothing(self):
        daemon = self.kept()
        alice = daemon.client("alice")
        daemon.break_down()
        bob = daemon.connect("bob")
        daemon.begin()
        bob.greeted()
        bob.silence()
        alice.expect(CAME_BACK)
        alice.silence()

    def test_a_crash_and_a_restart(self):
        """What was told is not told again."""
        daemon = self.kept()
        people = daemon.people("alice", "bob")
        daemon.crash()
        for one in people:
            one.expect(CAME_BACK)
        for _ in range(2):
            daemon.restart()
            for one in people:
                one.silence()
        daemon.crash()
        for one in people:
            one.expect(CAME_BACK)
            one.silence()

    def test_while_no_daemon_runs(self):
        """What happens meanwhile is known by the next life."""
        daemon = self.kept("max-per-host 100\n")
        alice, bob, carol, dave = daemon.people("alice", "bob", "carol",
                                                "dave")
        daemon.break_down()
        alice.send("one", "two")
        bob.close()
        carol.half_close()
        dave.send("/quit good night")
        late = daemon.connect("late")
        daemon.begin()
        alice.expect(CAME_BACK)
        lines = [alice.next() for _ in range(3)]
        self.assertEqual(sorted(lines), sorted([
            "[#lobby] -- bob left", "[#lobby] -- carol left",
            "[#lobby] -- dave left (good night)"]))
        carol.rest()
        late.greeted()
        alice.send("/who")
        alice.expect(rx(r"\* #lobby \(2\): alice, guest\d+"))

    def test_while_the_next_one_starts(self):
        """It dies before it is ready, and the one after it is as good."""
        daemon = self.kept()
        alice, bob = daemon.people("alice", "bob")
        alice.ask(*["line"] * 100)
        bob.sync()
        daemon.hand_over()
        for _ in range(2):
            daemon.begin(ready=False)
            daemon.break_down()
        daemon.begin()
        for one in (alice, bob):
            lines = one.sync()
            self.assertLessEqual(len(lines), 2, lines)
            self.assertEqual(set(lines) - {CAME_BACK}, set())
        alice.send("/who")
        alice.expect("* #lobby (2): alice, bob")

    def test_in_the_middle_of_a_hand_over(self):
        """Killed while it hands over: nobody is lost, nothing comes twice."""
        daemon = self.kept("history 1000\n")
        alice, bob = daemon.people("alice", "bob")
        for i in range(12):
            alice.ask(*["n%d" % n for n in range(i * 100, i * 100 + 100)])
            daemon.signal(signal.SIGTERM)
            select.select([], [], [], i * 0.001)
            if daemon.process.poll() is None:
                daemon.process.kill()
            status = daemon.process.wait(wait.DEADLINE)
            self.assertIn(status, (0, -signal.SIGKILL))
            daemon._killed_by = -status if status else None
            daemon.ended(status)
            daemon.begin()
        alice.sync()
        said = [line for line in bob.sync() if line != CAME_BACK]
        self.assertEqual(said, ["[#lobby] alice: n%d" % n
                                for n in range(1200)])


class Endings(KeptCase):
    """Somebody who is gone is gone, though their socket is kept as well."""

    def quiet(self, daemon, *people):
        """Turns of the loop have passed since."""
        settle(*people)
        settle(*people)
        del daemon

    def gone_at_once(self, daemon, one, *people):
        """Its end comes with no process there to do anything for it."""
        self.quiet(daemon, *people)
        daemon.break_down()
        one.rest(reset=True)
        daemon.begin()
        for other in people:
            other.expect(CAME_BACK)
            other.silence()

    def test_quit(self):
        daemon = self.kept()
        alice, bob = daemon.people("alice", "bob")
        bob.send("/quit good night")
        bob.expect("* Bye.")
        alice.expect("[#lobby] -- bob left (good night)")
        self.gone_at_once(daemon, bob, alice)
        alice.send("/who")
        alice.expect("* #lobby (1): alice")

    def test_half_closed(self):
        daemon = self.kept()
        alice, bob = daemon.people("alice", "bob")
        bob.half_close()
        alice.expect("[#lobby] -- bob left")
        self.gone_at_once(daemon, bob, alice)

    def test_refused(self):
        daemon = self.kept("password hush\nmax-per-host 3\n")
        alice = daemon.connect("alice")
        alice.send("/pass hush")
        alice.greeted()
        one = daemon.connect("one", source="127.9.0.1")
        one.send("/pass a", "/pass b", "/pass c")
        one.until("! Wrong password, the third time; goodbye.")
        self.gone_at_once(daemon, one, alice)

    def test_denied(self):
        daemon = self.kept()
        alice = daemon.client("alice")
        one = daemon.guest("one", source="127.9.0.1")
        alice.sync()
        daemon.reload("deny 127.9.0.0/16\n")
        one.expect("! Your address is not allowed here.")
        alice.expect("[#lobby] -- %s left (not allowed)" % one.nick)
        self.gone_at_once(daemon, one, alice)

    def test_stalled(self):
        daemon = self.kept("stall-timeout 1\nsend-queue 4K\n")
        alice = daemon.client("alice")
        bob = daemon.client("bob", rcvbuf=2048)
        settle(alice, bob)
        while True:
            alice.send(*["x" * 1000] * 50)
            if "[#lobby] -- bob left (stalled)" in alice.sync():
                break
        self.quiet(daemon, alice)
        daemon.break_down()
        bob.rest(reset=True, whole=False)
        daemon.begin()
        alice.expect(CAME_BACK)

    def test_turned_away(self):
        """Who was never let in is not kept."""
        daemon = self.kept("max-clients 1\n")
        alice = daemon.client("alice")
        late = daemon.connect("late")
        late.expect("! The server is full; try again later.")
        self.gone_at_once(daemon, late, alice)

    def test_stop(self):
        daemon = self.kept()
        alice, bob = daemon.people("alice", "bob")
        alice.send("/quit")
        bob.until("[#lobby] -- alice left")
        daemon.signal(signal.SIGINT)
        bob.expect(GOING_DOWN)
        self.assertEqual(daemon.wait_exit(), 0)
        # with the store still there
        self.assertTrue(daemon.store)
        bob.rest(reset=True)
        alice.rest(reset=True)

    def test_quit_while_the_other_end_is_closed(self):
        """Nothing of who is gone comes back, life after life."""
        daemon = self.kept("default-room none\n")
        alice = daemon.client("alice", "#dev")
        for life in range(3):
            people = [daemon.newcomer("p%d" % i) for i in range(12)]
            for i, one in enumerate(people):
                (one.close, one.reset, one.hang_up,
                 lambda one=one: one.send("/quit"))[i % 4]()
            alice.ask(*["/back"] * 100)
            eventually(lambda: daemon.status == "1 client in 1 room",
                       "they are gone")
            daemon.crash()
            daemon.wait_log("took over 1 client in")
            alice.expect(CAME_BACK)
            alice.silence()


class Reset(KeptCase):
    """OpenBSD's nc ends by a reset only, which a socket that is kept by
    somebody else does not send when it is closed."""

    def test_after_quit(self):
        daemon = self.kept()
        daemon.client("client").quit_with_much()

    def test_by_the_next_life(self):
        for how in ("restart", "crash"):
            with self.subTest(how):
                daemon = self.kept()
                client = daemon.client("client")
                client.send("/quit")
                client.expect("* Bye.")
                getattr(daemon, how)()
                client.expect_reset()

    def test_after_a_stop(self):
        for lives in (1, 2):
            with self.subTest(lives):
                daemon = self.kept()
                client = daemon.guest("client")
                if lives > 1:
                    daemon.restart()
                daemon.signal(signal.SIGINT)
                client.expect_reset()
                client.ends_with(GOING_DOWN)
                self.assertEqual(daemon.wait_exit(), 0)


class GivenUp(KeptCase):
    """A state that makes each successor crash does so three times."""

    def lives(self, daemon, count, *people):
        """So many that took over and broke at once."""
        for _ in range(count):
            daemon.crash()
            daemon.wait_log("took over %d client" % len(people))
            for one in people:
                one.expect(CAME_BACK)

    def test_after_three(self):
        daemon = self.kept()
        people = daemon.people("alice", "bob")
        address = daemon.addresses[0]
        self.lives(daemon, 3, *people)
        daemon.crash()
        self.assertFalse([line for line in daemon.this_life
                          if "took over" in line])
        daemon.wait_log("error: cannot go on with what an earlier process "
                        "kept: each process that went on with it ended by a "
                        "fault")
        daemon.wait_log("warning: 2 connections closed that an earlier "
                        "process kept")
        for one in people:
            one.ends_with(LOST_TRACK)
        self.assertEqual(daemon.addresses[0], address)
        # and from then on all is as at the first time
        carol = daemon.client("carol")
        carol.send("/who")
        carol.expect("* #lobby (1): carol")
        carol.ask_notice("/history", "Nothing has been said")
        self.lives(daemon, 3, carol)
        daemon.crash()
        carol.ends_with(LOST_TRACK)

    def test_a_restart_begins_to_count_anew(self):
        daemon = self.kept()
        people = daemon.people("alice", "bob")
        self.lives(daemon, 3, *people)
        for _ in range(2):
            # that took over, too
            daemon.restart()
            self.lives(daemon, 2, *people)
        daemon.restart()
        for one in people:
            one.silence()

    def test_a_hundred_lines_begin_to_count_anew(self):
        daemon = self.kept()
        people = daemon.people("alice", "bob")
        for _ in range(3):
            self.lives(daemon, 2, *people)
            daemon.crash()
            for one in people:
                one.expect(CAME_BACK)
            people[0].ask(*["/back"] * 101)
        for one in people:
            one.silence()

    def test_not_by_who_comes_meanwhile(self):
        """Newcomers are not lost in the life in which it is given up."""
        daemon = self.kept()
        alice = daemon.client("alice")
        self.lives(daemon, 3, alice)
        daemon.break_down()
        bob = daemon.connect("bob")
        daemon.begin()
        alice.ends_with(LOST_TRACK)
        bob.greeted()
        bob.silence()

    def test_nobody_there(self):
        """A daemon that nobody uses is not what this is about."""
        daemon = self.kept()
        for _ in range(6):
            daemon.crash()
        alice = daemon.client("alice")
        alice.silence()


class Hog:
    """Somebody of the daemon's account who has so many in flight."""

    def __init__(self, count):
        full, ready = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._stay(count, ready)
            finally:
                os._exit(1)
        os.close(ready)
        said = os.read(full, 1)
        os.close(full)
        if not said:
            raise AssertionError("they can't be in flight")

    @staticmethod
    def _stay(count, ready):
        os.setgroups([])
        os.setgid(AS_NOBODY["group"])
        os.setuid(AS_NOBODY["user"])
        process.die_with_parent()
        null = os.open("/dev/null", os.O_RDONLY)
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with one, other:
            one.setblocking(False)
            for _ in range(0, count, 250):
                socket.send_fds(one, [b"."], [null] * 250)
            os.write(ready, b".")
            signal.pause()

    def end(self):
        """They are in flight no longer."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0


@needs_root
class NotKept(KeptCase):
    """Descriptors in flight count for the user: there can be too many.

    The user is one that no other test has.
    """

    LIMIT = 1200

    def setUp(self):
        super().setUp()
        self.addCleanup(AS_NOBODY.update, dict(AS_NOBODY))
        AS_NOBODY["user"] = 60000 + os.getpid() % 4000

    def begin(self):
        if raise_nofile(2 * self.LIMIT) < 2 * self.LIMIT:
            self.skipTest("too few descriptors are allowed here")
        daemon = self.kept(
            "max-clients 50\n", before_exec=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (self.LIMIT, self.LIMIT)))
        alice, bob = daemon.people("alice", "bob")
        self.hog = Hog(self.LIMIT + 250)
        self.addCleanup(self.hog.end)
        daemon.mark()
        return daemon, alice, bob

    def test_lost_by_a_crash(self):
        daemon, alice, bob = self.begin()
        carol = daemon.client("carol")
        daemon.wait_log("warning: .*kept")
        daemon.client("dave")
        settle(alice, bob, carol)
        self.hog.end()
        daemon.break_down()
        carol.rest(reset=True)
        daemon.begin()
        alice.expect(CAME_BACK)
        self.assertEqual(
            {alice.next(), alice.next()}, {LOST % "carol", LOST % "dave"})
        bob.until(LOST % "dave")
        alice.silence()
        alice.send("/who")
        alice.expect("* #lobby (2): alice, bob")
        self.assertEqual(
            len([line for line in daemon.log
                 if re.search("warning: .*kept", line)]), 1)

    def test_kept_later(self):
        """When there is room again."""
        daemon, alice, bob = self.begin()
        carol = daemon.client("carol")
        daemon.wait_log("warning: .*kept")
        self.hog.end()
        carol.read_for(2.5)
        settle(alice, bob, carol)
        daemon.crash()
        for one in (alice, bob, carol):
            one.expect(CAME_BACK)
            one.silence()

    def test_lost_by_a_restart(self):
        """It is told; the others are kept."""
        daemon, alice, bob = self.begin()
        carol = daemon.client("carol")
        settle(alice, bob, carol)
        daemon.hand_over()
        carol.rest(reset=True)
        self.hog.end()
        daemon.begin()
        for one in (alice, bob):
            one.expect(LOST % "carol")
            one.silence()
        self.assertIn("carol at 127.0.0.1 left (connection lost)",
                      daemon.log_text())


if __name__ == "__main__":
    main()
