#!/usr/bin/env python3
"""Pieces of the store are missing, are too many, or are something else."""

import os
import socket

from banter.address import reserve_address
from banter.case import main
from banter.manager import Stored
from banter.poison import Poisoned

NAMES = ("young0", "young1", "vault0", "vault1", "state", "journal", "remnant", "life", "listen1")


class Store(Poisoned):

    time_limit = 150

    def run_case(self, planned, spoil, expected=None, **how):
        # where a listener is lost, its address is the same
        super().run_case(planned, spoil, expected,
                         listen=[reserve_address()], **how)

    def test_the_names(self):
        daemon = self.begin()
        self.assertEqual(set(daemon.names()), set(NAMES))
        daemon.restart()
        self.assertEqual(len(daemon.names()), len(NAMES))

    def test_one_is_missing(self):
        for i, name in enumerate(NAMES):
            def spoil(daemon, name=name):
                daemon.take_out(daemon.stored(name)[0])

            with self.subTest(name):
                self.run_case(i % 2 == 0, spoil,
                              {"kept"} if name == "listen1" else None)

    def test_only_one_is_left(self):
        for name in NAMES[:-1]:
            def spoil(daemon, name=name):
                for stored in list(daemon.store):
                    if stored.name != name:
                        daemon.take_out(stored)

            with self.subTest(name):
                self.run_case(True, spoil, goes_on=False)

    def test_something_else(self):
        """Under a name there is a file of another kind."""
        kinds = (lambda: os.open("/dev/null", os.O_RDWR),
                 lambda: socket.socket(
                     socket.AF_UNIX, socket.SOCK_DGRAM).detach())
        for i, name in enumerate(NAMES):
            def spoil(daemon, name=name, make=kinds[i % 2]):
                daemon.replace(daemon.stored(name)[0], make())

            with self.subTest(name):
                self.run_case(True, spoil, goes_on=False)

    def test_a_name_that_nobody_knows(self):
        """Of a later version: that is no reason not to start."""
        def spoil(daemon):
            daemon.store.append(Stored(
                "screen", os.open("/dev/null", os.O_RDWR)))

        self.run_case(True, spoil, {"kept"})
        self.run_case(False, spoil, {"kept"})

    def test_strange_messages_in_the_vault(self):
        """Nothing of them becomes a client."""
        def spoil_with(put, pair):
            def spoil(daemon):
                with socket.socket(fileno=os.dup(
                        daemon.stored(pair)[0].fd)) as end:
                    end.setblocking(False)
                    put(end)
            return spoil

        for name, put in {
                "text": lambda end: end.send(b"hello" * 100),
                "zero": lambda end: socket.send_fds(end, [b"\0" * 8], [0]),
                "many": lambda end: socket.send_fds(
                    end, [b"\1" * 40], [0] * 200),
                "large": lambda end: end.send(b"\1" * 60000)}.items():
            for pair in ("young0", "vault0"):
                with self.subTest(name, pair=pair):
                    self.run_case(False, spoil_with(put, pair))

    def test_too_small(self):
        """It serves, says that nothing can be kept, and can be stopped."""
        for most in (0, 1, 3):
            with self.subTest(most):
                daemon = self.server = self.kept(
                    store_max=most, listen=[reserve_address()])
                alice, bob = self.people = daemon.people("alice", "bob")
                alice.send("hello")
                bob.expect("[#lobby] alice: hello")
                self.assertTrue(daemon.dropped)
                daemon.break_down()
                self.come_up()
                for one in self.people:
                    self.fate(one)
                daemon.stop()


if __name__ == "__main__":
    main()
