#!/usr/bin/env python3
"""What outlives the process is damaged: the daemon says so, serves whoever
comes, keeps them as ever, and never crashes again and again.

SEEDS in the environment says how often bytes are flipped at random (6).
"""

import os
import random
import struct

from banter.case import main
from banter.manager import pieces
from banter.poison import Poisoned

SEEDS = range(int(os.environ.get("SEEDS", "6")))


def in_turn(number):
    """A restart, or a crash."""
    return number % 2 == 0


class Memory(Poisoned):

    name = None			# in the store

    def spoilt(self, change, planned, expected=None):
        """One run, in which the memory was changed."""
        def spoil(daemon):
            [stored] = daemon.stored(self.name)
            daemon.spoil(stored, change)
        self.run_case(planned, spoil, expected)


class State(Memory):

    name = "state"
    time_limit = 60 + 20 * len(SEEDS)

    def test_truncated(self):
        for i, size in enumerate((0, 4095, 4096, 8192, 40000)):
            with self.subTest(size):
                self.spoilt(lambda fd, size=size: os.ftruncate(fd, size),
                            in_turn(i))

    def test_zeroed(self):
        def zero(fd):
            size = os.fstat(fd).st_size
            os.ftruncate(fd, 0)
            os.ftruncate(fd, size)

        self.spoilt(zero, True, {"told"})

    def test_noise(self):
        def noise(fd):
            chance = random.Random(1)
            for start, end in list(pieces(fd)):
                os.pwrite(fd, chance.randbytes(end - start), start)

        self.spoilt(noise, False, {"told"})


class Life(Memory):

    name = "life"

    def test_another_format(self):
        """The state of a version that this one does not know."""
        for i, number in enumerate((0, 99, 0xffffffff)):
            with self.subTest(number):
                self.spoilt(lambda fd, number=number: os.pwrite(
                    fd, struct.pack("=I", number), 8), in_turn(i), {"told"})

    def test_spoilt(self):
        for i, change in enumerate((
                lambda fd: os.ftruncate(fd, 0),
                lambda fd: os.ftruncate(fd, 20),
                lambda fd: os.ftruncate(fd, 65536),
                lambda fd: os.pwrite(fd, b"\xff" * 100, 12))):
            with self.subTest(i):
                self.spoilt(change, in_turn(i))


class Remnant(Memory):
    """What was unfinished is lost, and nobody is."""

    name = "remnant"

    def flip(self, fd):
        """A bit in the first record."""
        was = os.pread(fd, 1, 36)[0]
        os.pwrite(fd, bytes([was ^ 1]), 36)

    def begin(self, **how):
        daemon = super().begin(**how)
        self.people[0].raw(b"half a ")
        self.people[1].sync()
        return daemon

    def test_spoilt(self):
        for i, change in enumerate((
                self.flip, lambda fd: os.ftruncate(fd, 33),
                lambda fd: os.pwrite(fd, b"\xff" * 32, 0),
                lambda fd: os.ftruncate(fd, 1 << 20))):
            with self.subTest(i):
                self.spoilt(change, True, {"kept"})
                self.assertTrue(self.complaints(), self.server.log_text())

    def test_wiped(self):
        """There may be a password in it: it is overwritten at once."""
        daemon = self.kept("password hush\n")
        one = daemon.connect("one")
        one.until("* A password is needed: /pass PASSWORD")
        one.raw(b"/pass hus")
        two = daemon.connect("two", source="127.0.0.2")
        two.send("/pass hush")
        two.greeted()
        daemon.hand_over()
        [remnant] = daemon.stored("remnant")
        self.assertIn(b"/pass hus", self.text(remnant.fd))
        daemon.begin()
        one.raw(b"h\n")
        one.greeted()
        self.assertNotIn(b"/pass", self.text(remnant.fd))
        # nor is it anywhere else, which a kill would show
        daemon.break_down()
        for stored in daemon.store:
            if not stored.name.startswith(("young", "vault")):
                self.assertNotIn(b"/pass hu", self.text(stored.fd))
        daemon.begin()

    @staticmethod
    def text(fd):
        """All that is in it."""
        try:
            return b"".join(os.pread(fd, end - start, start)
                            for start, end in pieces(fd))
        except OSError:		# it is a socket
            return b""


if __name__ == "__main__":
    main()
