#!/usr/bin/env python3
"""Clients that do not read: what they miss is counted, others don't wait."""

import os
import re
import select
import socket
import sys
import time
import unittest

from banter.case import Case, main
from banter.client import settle
from banter.files import scratch_path
from banter.line import rx
from banter.wait import eventually

SKIPPED = re.compile(r"\* (\d+) lines? skipped; /history shows (?:them|it)\.")
STALLED = "[#lobby] -- sleeper left (stalled)"


def text(number):
    """A line of about a thousand bytes that tells its number."""
    return "n%d %s" % (number, "x" * 980)


class Sleeper(Case):

    # small, so that a few megabytes fill all there is
    config = "send-queue %s\nhistory 5\nmax-per-host 100\n"

    def setUp(self):
        super().setUp()
        self.path = scratch_path("sock")

    def begin(self, config="", readers=("reader",), queue="64K"):
        self.server = self.daemon(self.config % queue + config,
                                  listen=["127.0.0.1:0", self.path])
        self.speaker = self.server.client("speaker")
        self.readers = [self.server.client(nick) for nick in readers]
        self.said = 0
        # in a crowd, joins are summed up some time later
        self.crowd = len(readers) > 1
        if self.crowd:
            for one in self.readers + [self.speaker]:
                one.ask("/set quiet on")

    def sleeper(self, nick="sleeper", **how):
        how.setdefault("rcvbuf", 4096)
        sleeper = self.server.client(nick, **how)
        if self.crowd:
            sleeper.ask("/set quiet on")
        settle(self.speaker, sleeper, *self.readers)
        return sleeper

    def say(self, count):
        """The speaker says lines, and each reader gets each in order."""
        batch = 50
        while count:
            now = min(batch, count)
            numbers = range(self.said, self.said + now)
            self.speaker.send(*[text(n) for n in numbers])
            for reader in self.readers:
                for n in numbers:
                    reader.expect("[#lobby] speaker: " + text(n))
            self.said += now
            count -= now
        self.speaker.silence()

    def fill(self, sleeper):
        """Says lines until the sleeper misses some: his queue is full.

        A private line fails then, and its speaker is told so.
        """
        for _ in range(200):
            self.say(100)
            answers = self.speaker.ask("/msg sleeper are you awake?")
            if answers:
                self.assertEqual(len(answers), 1, answers)
                self.assertTrue(answers[0].startswith("! "), answers)
                self.assertIn("sleeper", answers[0])
                return
        sleeper.fail("its queue is never full")

    def wake_up(self, sleeper):
        """What the sleeper got: numbers, with the skipped counted."""
        heard = []
        skipped = 0
        # the answer to the first is older than the account of the rest
        for line in sleeper.sync() + sleeper.sync():
            gap = SKIPPED.fullmatch(line)
            if gap:
                heard.append(-int(gap.group(1)))
                skipped += int(gap.group(1))
                continue
            said = re.fullmatch(r"\[#lobby\] speaker: n(\d+) x{980}", line)
            if said:
                heard.append(int(said.group(1)))
            elif line != "[private] speaker: are you awake?":
                sleeper.fail("an unexpected line %r" % line)
        return heard, skipped

    def check_account(self, sleeper):
        """Heard in order, once, and each gap is as large as it was told."""
        heard, skipped = self.wake_up(sleeper)
        at = 0
        for item in heard:
            if item < 0:
                at += -item
                continue
            if item != at:
                sleeper.fail("expected line %d, got line %d in %r..."
                             % (at, item, heard[:50]))
            at += 1
        self.assertEqual(at, self.said, "missing at the end")
        self.assertGreater(skipped, 0)
        return heard


class Skip(Sleeper):

    def test_counted_exactly(self):
        self.begin()
        sleeper = self.sleeper()
        self.fill(sleeper)
        self.say(321)
        heard = self.check_account(sleeper)
        self.assertEqual(len([h for h in heard if h < 0]), 1, heard)
        self.say(10)
        for n in range(self.said - 10, self.said):
            sleeper.expect("[#lobby] speaker: " + text(n))
        self.assertIn("n%d " % (self.said - 1), sleeper.ask("/history 1")[-1])

    def test_on_a_unix_socket(self):
        self.begin()
        sleeper = self.sleeper(address=self.path, rcvbuf=None)
        self.fill(sleeper)
        self.say(77)
        self.check_account(sleeper)

    def test_again_and_again(self):
        self.begin()
        sleeper = self.sleeper(address=self.path, rcvbuf=None)
        for _ in range(4):
            self.fill(sleeper)
            self.say(50)
            self.check_account(sleeper)
            self.said = 0

    def test_one_fills_and_many_read(self):
        # so few that no first names are summed up, some time later
        self.begin(readers=["r%d" % i for i in range(15)])
        sleepers = [self.sleeper(nick, address=self.path, rcvbuf=None)
                    for nick in ("sleeper", "second", "third")]
        settle(*sleepers)
        self.fill(sleepers[0])
        for sleeper in sleepers:
            self.check_account(sleeper)

    def test_private_lines_go_again_afterwards(self):
        self.begin()
        sleeper = self.sleeper(address=self.path, rcvbuf=None)
        self.fill(sleeper)
        self.check_account(sleeper)
        self.assertEqual(self.speaker.ask("/msg sleeper awake?"), [])
        sleeper.expect("[private] speaker: awake?")

    def test_leaves_while_asleep(self):
        self.begin()
        sleeper = self.sleeper(address=self.path, rcvbuf=None)
        self.fill(sleeper)
        sleeper.close()
        for one in self.readers + [self.speaker]:
            one.expect(rx(r"\[#lobby\] -- sleeper left.*"))
        self.say(10)

    def test_a_large_queue_skips_nothing(self):
        self.begin(queue="32M")
        sleeper = self.sleeper(address=self.path, rcvbuf=None)
        self.say(3000)
        heard, skipped = self.wake_up(sleeper)
        self.assertEqual(skipped, 0)
        self.assertEqual(heard, list(range(3000)))

    def test_edge(self):
        """Nothing is skipped before send-queue bytes are unsent."""
        self.begin(queue="512K")
        sleeper = self.sleeper(address=self.path, rcvbuf=None)
        self.say(512)
        heard, skipped = self.wake_up(sleeper)
        self.assertEqual(skipped, 0)
        self.assertEqual(heard, list(range(512)))

    def test_the_kernel_has_some_and_the_queue_the_rest(self):
        """No more waits for a sleeper than the kernel's part and send-queue."""
        self.begin()
        sleeper = self.sleeper(address=self.path, rcvbuf=None)
        self.fill(sleeper)
        self.say(1500)
        heard, _ = self.wake_up(sleeper)
        before = next(i for i, item in enumerate(heard) if item < 0)
        # a UNIX socket holds some 200K of which each line has its own cost
        self.assertLess(before, 64 + 1100, "more than the limits allow")


class Stall(Sleeper):

    def test_disconnected_and_told(self):
        self.begin("stall-timeout 1\n")
        sleeper = self.sleeper()
        self.fill(sleeper)
        self.readers[0].expect(STALLED)
        self.speaker.expect(STALLED)
        self.speaker.ask_error("/msg sleeper gone?", "sleeper")
        sleeper.rest(reset=True, whole=False)

    def test_on_a_unix_socket(self):
        self.begin("stall-timeout 1\n")
        sleeper = self.sleeper(address=self.path, rcvbuf=None)
        self.fill(sleeper)
        self.readers[0].expect(STALLED)
        self.speaker.expect(STALLED)
        self.say(20)		# the others chat on

    def test_a_sleeper_whose_queue_is_not_full_may_sleep(self):
        self.begin("stall-timeout 1\n")
        sleeper = self.sleeper(address=self.path, rcvbuf=None)
        idler = self.server.client("idler", "#idle", address=self.path)
        settle(idler, sleeper, self.speaker, *self.readers)
        idler.leave("#lobby")
        for one in self.readers + [self.speaker, sleeper]:
            one.until(rx(r"\[#lobby\] -- idler left"))
        # the sleeper is thrown out; meanwhile idler has some lines unread
        self.server.client("feeder", "#idle").ask("one", "two")
        for one in self.readers + [self.speaker, sleeper]:
            one.sync()
        self.fill(sleeper)
        self.readers[0].until(STALLED)
        self.assertEqual(len([line for line in idler.sync()
                              if "feeder: " in line]), 2)

    def test_who_makes_progress_stays(self):
        """Slow reading is not standing still."""
        self.begin("stall-timeout 3\n")
        sleeper = self.sleeper(address=self.path, rcvbuf=None)
        self.fill(sleeper)
        until = time.monotonic() + 5
        while time.monotonic() < until:
            self.say(100)
            sleeper.sock.recv(100000)
            select.select([], [], [], 0.1)
        self.speaker.silence()		# nobody has left
        self.readers[0].silence()


@unittest.skipUnless(os.path.exists("/proc/net/tcp"), "no /proc/net/tcp")
class Gone(Case):

    def test_keepalive_is_on(self):
        """The kernel asks an idle peer within two minutes."""
        daemon = self.daemon()
        alice = daemon.guest("alice")
        alice.silence()
        here, there = (self.in_hex(at) for at in (
            alice.sock.getpeername(), alice.sock.getsockname()))

        def timer():
            with open("/proc/net/tcp", encoding="ascii") as table:
                for line in table:
                    field = line.split()
                    if field[1:3] == [here, there]:
                        return field[5].split(":")
            return None

        # 02: keepalive; just after output it may still wait for an ACK
        eventually(lambda: timer()[0] == "02", "keepalive is on")
        self.assertLess(int(timer()[1], 16) / os.sysconf("SC_CLK_TCK"), 120)

    @staticmethod
    def in_hex(address):
        """As /proc/net/tcp writes it."""
        raw = int.from_bytes(socket.inet_aton(address[0]), sys.byteorder)
        return "%08X:%04X" % (raw, address[1])


if __name__ == "__main__":
    main()
