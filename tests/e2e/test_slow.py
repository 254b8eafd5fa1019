#!/usr/bin/env python3
"""Clients that do not read: what they miss is counted, others don't wait."""

import os
import select
import socket
import sys
import time
import unittest

from banter.case import Case, main
from banter.client import settle
from banter.line import rx
from banter.sleeper import Sleeper, text
from banter.wait import eventually

STALLED = "[#lobby] -- sleeper left (stalled)"


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
