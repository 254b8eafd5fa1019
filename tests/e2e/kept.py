#!/usr/bin/env python3
"""Runs the tests of another theme with a daemon that is restarted all the
time: nobody there notices, so all of them must pass as ever.

    kept.py MODULE [EVERY]

A restart follows each EVERY-th piece (default 7) that anybody sends, at once:
it was read by then, or was not, or in part.
"""

import importlib
import signal
import sys

from banter import case
from banter.client import Client
from banter.manager import Manager


class Speaker(Client):
    """What it sends brings about a restart now and then."""

    def raw(self, data):
        super().raw(data)
        self.daemon.count()


class Restarted(Manager):
    """A daemon that is, and that its test does not know to be one."""

    make_client = Speaker
    every = 7

    def __init__(self, config="", args=(), **how):
        self.sent = 0
        super().__init__(config, args=("-k",) + tuple(args), **how)

    def count(self):
        """One more piece was sent."""
        self.sent += 1
        if self.sent % self.every == 0 and not (
                self._frozen or self._told_to_end
                or self.process.poll() is not None):
            mark = self._mark
            self.restart()
            self._mark = mark

    def signal(self, number):
        """Its test stops it by TERM."""
        super().signal(signal.SIGINT if number == signal.SIGTERM else number)

    def ask_to_hand_over(self):
        super().signal(signal.SIGTERM)


if __name__ == "__main__":
    name = sys.argv.pop(1)
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        Restarted.every = int(sys.argv.pop(1))
    case.Daemon = Restarted
    case.main(importlib.import_module(name))
