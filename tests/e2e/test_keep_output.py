#!/usr/bin/env python3
"""A restart and a crash while somebody does not read, or reads slowly."""

import random
import re
import time

from banter.case import main
from banter.client import settle
from banter.line import CAME_BACK
from banter.manager import KeptCase
from banter.sleeper import SKIPPED, Sleeper, text

SAID = re.compile(r"\[#lobby\] speaker: n(\d+) x{980}")
AWAKE = "[private] speaker: are you awake?"


class KeptSleeper(Sleeper, KeptCase):

    def daemon(self, config="", **how):
        return self.kept(config, **how)

    def places(self):
        """How somebody sleeps: over TCP, and on a UNIX socket."""
        return ({}, {"address": self.path, "rcvbuf": None})

    def reads_all(self, sleeper, first, after):
        """Reads, and sends nothing: these numbers come, in order."""
        for n in range(first, after):
            sleeper.expect("[#lobby] speaker: " + text(n))


class Planned(KeptSleeper):

    def test_counted_exactly(self):
        """What was skipped is told by the next life, and goes on there."""
        for how in ({}, {"address": True, "rcvbuf": None}):
            with self.subTest(how):
                self.begin()
                if "address" in how:
                    how["address"] = self.path
                sleeper = self.sleeper(**how)
                self.fill(sleeper)
                self.say(50)
                self.server.restart()
                self.say(271)
                self.server.restart()
                heard = self.check_account(sleeper)
                self.assertEqual(len([h for h in heard if h < 0]), 1, heard)
                self.say(10)
                self.reads_all(sleeper, self.said - 10, self.said)
                sleeper.silence()

    def test_goes_out_without_input(self):
        """Nobody says anything any more; the queue empties, and what was
        skipped is told."""
        self.begin()
        sleeper = self.sleeper()
        self.fill(sleeper)
        self.server.restart()
        at = 0
        while at < self.said:
            line = sleeper.next()
            said, gap = SAID.fullmatch(line), SKIPPED.fullmatch(line)
            if gap:
                at += int(gap[1])
            elif said and int(said[1]) == at:
                at += 1
            elif line != AWAKE:
                sleeper.fail("unexpected at %d: %r" % (at, line))
        self.assertEqual(at, self.said)

    def test_a_large_queue(self):
        """Nothing is skipped: the same bytes as without a restart."""
        self.begin(queue="32M")
        for how in self.places():
            with self.subTest(how):
                sleeper = self.sleeper(**how)
                first = self.said
                self.say(1500)
                self.server.restart()
                self.say(500)
                self.server.restart()
                self.reads_all(sleeper, first, self.said)
                sleeper.send("/quit")
                sleeper.rest()
                for one in self.readers + [self.speaker]:
                    one.until("[#lobby] -- sleeper left")

    def test_slowly_and_again(self):
        """Somebody reads a little between one restart and the next, in
        pieces that end anywhere."""
        chance = random.Random(8)
        self.begin(queue="4M")
        for how in self.places():
            with self.subTest(how):
                sleeper = self.sleeper(**how)
                got, first = b"", self.said
                for _ in range(10):
                    self.say(100)
                    self.server.restart()
                    for _ in range(chance.randrange(12)):
                        got += sleeper.sock.recv(chance.randrange(1, 9000))
                sleeper._pending = got
                self.reads_all(sleeper, first, self.said)
                sleeper.silence()
                sleeper.send("/quit")
                sleeper.rest()
                for one in self.readers + [self.speaker]:
                    one.until("[#lobby] -- sleeper left")

    def test_while_they_wait_for_a_reader(self):
        """Who speaks to a room waits for whom it presses: a line that was
        taken and not said yet is said by the next life, once."""
        self.begin()
        sleeper = self.sleeper()
        reader = self.readers[0]
        for _ in range(3):
            first = self.said
            self.said += 150
            self.speaker.send(*[text(n) for n in range(first, self.said)])
            for n in range(first, self.said):
                if n % 40 == 7:
                    self.server.restart()
                reader.expect("[#lobby] speaker: " + text(n))
            self.speaker.silence()
        heard, skipped = self.wake_up(sleeper)
        self.assertEqual(len([n for n in heard if n >= 0]) + skipped,
                         self.said)

    def test_stalled(self):
        """The time runs on, and is not begun anew."""
        self.begin("stall-timeout 6\n")
        sleeper = self.sleeper()
        self.fill(sleeper)
        began = time.monotonic()
        self.speaker.read_for(4)
        self.server.restart()
        self.speaker.expect("[#lobby] -- sleeper left (stalled)")
        self.assertLess(time.monotonic() - began, 4 + 6 - 0.5)
        sleeper.rest(reset=True, whole=False)

    def test_who_makes_progress_stays(self):
        self.begin("stall-timeout 2\n")
        sleeper = self.sleeper(address=self.path, rcvbuf=None)
        self.fill(sleeper)
        until = time.monotonic() + 5
        while time.monotonic() < until:
            self.say(50)
            self.server.restart()
            sleeper.sock.recv(100000)
        self.speaker.silence()
        self.readers[0].silence()

    def test_many_sleepers(self):
        """Queues that together are far larger than what a pipe holds."""
        self.begin(queue="8M", readers=["r1", "r2"])
        sleepers = [self.sleeper("s%d" % i) for i in range(10)]
        settle(*sleepers)
        self.say(1500)
        self.server.restart()
        for sleeper in sleepers:
            self.reads_all(sleeper, 0, 1500)


class Crash(KeptSleeper):

    def came_back(self, sleeper, times=1):
        """What it got up to the notice: numbers in order, the last of them
        perhaps torn; then that line's end, and the notice.

        A notice that did not leave before the next crash is torn, too.
        """
        at = torn = 0
        *lines, last, _ = sleeper.until(CAME_BACK)
        for line in lines + [last]:
            said = "[#lobby] speaker: " + text(at)
            gap = SKIPPED.fullmatch(line)
            if gap:
                at += int(gap[1])
            elif line == said:
                at += 1
            elif line != AWAKE:
                torn += 1
                self.assertTrue(any(one.startswith(line) for one in (
                    said, AWAKE, CAME_BACK)), (at, line))
        # that may have happened where a line ended
        self.assertTrue(1 <= torn <= times, lines[-3:] + [last])
        return at

    def test_the_line_ends_first(self):
        """Half a line never runs together with the next."""
        for how in ({}, {"address": True, "rcvbuf": None}):
            with self.subTest(how):
                self.begin()
                if "address" in how:
                    how["address"] = self.path
                sleeper = self.sleeper(**how)
                self.fill(sleeper)
                first = self.said
                self.server.crash()
                for one in self.readers + [self.speaker]:
                    one.expect(CAME_BACK)
                self.say(5)
                self.assertGreater(self.came_back(sleeper), 10)
                # what the crash took is told as skipped, or is not told;
                # what was said after it arrives
                lines = sleeper.sync()
                self.assertEqual(
                    [int(said[1]) for said in map(SAID.fullmatch, lines)
                     if said], list(range(first, first + 5)))
                sleeper.silence()

    def test_nobody_else_gets_one(self):
        """Who had read everything sees no empty line."""
        self.begin()
        self.sleeper()
        self.say(100)
        self.server.crash()
        for one in self.readers + [self.speaker]:
            one.expect(CAME_BACK)
            one.silence()

    def test_twice(self):
        """Two crashes, and nothing was read in between."""
        self.begin()
        sleeper = self.sleeper()
        self.fill(sleeper)
        for _ in range(2):
            self.server.crash()
            for one in self.readers + [self.speaker]:
                one.expect(CAME_BACK)
        self.came_back(sleeper, times=2)
        self.assertIn([line for line in sleeper.sync()
                       if not SKIPPED.fullmatch(line)],
                      ([], [CAME_BACK], ["", CAME_BACK]))

    def test_then_a_restart(self):
        self.begin()
        sleeper = self.sleeper()
        self.fill(sleeper)
        self.server.crash()
        for one in self.readers + [self.speaker]:
            one.expect(CAME_BACK)
        self.server.restart()
        self.came_back(sleeper)
        told = [gap[1] for gap in map(SKIPPED.fullmatch, sleeper.sync())]
        self.assertLessEqual(len(told), 1)
        self.say(1)
        sleeper.expect("[#lobby] speaker: " + text(self.said - 1))

    def test_who_reads_all_the_time(self):
        """Crash after crash: each number at most once, in order, and what
        was seen is in the history."""
        self.config = self.config.replace("history 5", "history 2000")
        self.begin(queue="4M")
        reader = self.readers[0]
        heard = []
        for _ in range(8):
            self.speaker.send(*[text(n) for n in
                                range(self.said, self.said + 100)])
            self.said += 100
            reader.read_for(0.01)
            self.server.crash()
            for line in reader.until(CAME_BACK)[:-1]:
                said = SAID.fullmatch(line)
                if said:
                    heard.append(int(said[1]))
                elif not any(("[#lobby] speaker: " + text(n)).startswith(line)
                             for n in range(self.said)):
                    reader.fail("unexpected: %r" % line)
            self.speaker.until(CAME_BACK)
            self.speaker.sync()
            for line in reader.sync():
                if not SAID.fullmatch(line):
                    reader.fail("unexpected: %r" % line)
                heard.append(int(SAID.fullmatch(line)[1]))
        self.assertEqual(heard, sorted(set(heard)))
        kept = [int(said[1]) for said in
                (re.search(r"speaker: n(\d+) ", line)
                 for line in reader.ask("/history 2000")) if said]
        self.assertEqual(kept, sorted(set(kept)))
        self.assertLessEqual(set(heard), set(kept))

    def test_skipped_before_is_told_after(self):
        """The count of what was skipped outlives the crash."""
        self.begin()
        sleeper = self.sleeper()
        self.fill(sleeper)
        self.say(123)
        self.server.crash()
        for one in self.readers + [self.speaker]:
            one.expect(CAME_BACK)
        at = self.came_back(sleeper)
        told = [int(gap[1]) for gap in map(SKIPPED.fullmatch, sleeper.sync()
                                           + sleeper.sync()) if gap]
        self.assertEqual(len(told), 1, told)
        self.assertGreaterEqual(told[0], 123)
        self.assertLessEqual(at + told[0], self.said)


if __name__ == "__main__":
    main()
