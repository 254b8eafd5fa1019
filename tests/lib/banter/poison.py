"""A store that was spoilt between two lives, and what comes of it."""

import re
import time

from banter import wait
from banter.client import settle
from banter.line import CAME_BACK, LOST_TRACK
from banter.manager import KeptCase

LIVES = 4			# three that break, and one that begins anew


class Poisoned(KeptCase):
    """Two who talk; their daemon ends, and another one finds that."""

    config = "max-per-host 100\nroom #ops key hush\n"

    def begin(self, **how):
        """A state of some size."""
        self.server = self.kept(self.config, faults=True, **how)
        self.people = self.server.people("alice", "bob", rooms=("#dev",))
        self.people[0].ask("/topic tea", "/away lunch", "/join #ops hush",
                           *["line %d" % i for i in range(30)])
        settle(*self.people)
        return self.server

    def end_life(self, planned):
        """In one of two ways."""
        if planned:
            self.server.hand_over()
        else:
            self.server.break_down()

    def come_up(self):
        """Starts it until it serves; how many lives that took."""
        daemon = self.server
        self.from_here = len(daemon.log)
        for life in range(1, LIVES + 1):
            daemon.begin(ready=False)
            if daemon.comes_up() and self.answers():
                return life
            broke = daemon.broke()
            if broke <= 0:
                self.fail("exit status %d; the log:\n%s" % (
                    -broke, daemon.log_text()))
        raise AssertionError("it never comes up; the log:\n"
                             + daemon.log_text())

    def answers(self):
        """Whether it serves somebody who comes."""
        try:
            one = self.server.newcomer("newcomer")
            one.ask("/rooms", "/join #new", "hello")
            one.send("/quit")
            one.rest()
        except (AssertionError, OSError):
            if self.server.process.poll() is None:
                raise
            return False
        return True

    def fate(self, one):
        """What became of somebody who was there: "kept", "told" why not, or
        "closed"; but never nothing at all."""
        try:
            one.send("", "/zfate")
        except OSError:
            pass
        lines = []
        until = time.monotonic() + wait.DEADLINE
        while True:
            while b"\n" in one._pending:
                lines.append(one.next())
                if "/zfate" in lines[-1]:
                    return "kept"
            more = one._fill(until)
            if more is None:
                one.fail("it is neither served nor closed")
            if not more:
                return "told" if LOST_TRACK in lines else "closed"

    def fates(self):
        """Of all; who was not kept is in the log."""
        fates = {self.fate(one) for one in self.people}
        if fates != {"kept"}:
            self.assertTrue(self.complaints(), "%s; the log:\n%s" % (
                fates, self.server.log_text()))
        return fates

    def complaints(self):
        """What was logged of it since."""
        return [line for line in self.server.log[self.from_here:]
                if re.search(r"\b(error|warning): ", line)]

    def goes_on(self):
        """Who comes now is kept as ever."""
        daemon = self.server
        carol = daemon.client("carol-%d" % daemon.lives)
        carol.ask(*["/back"] * 101)
        daemon.restart()
        carol.silence()
        daemon.crash()
        carol.expect(CAME_BACK)
        carol.silence()

    def run_case(self, planned, spoil, expected=None, goes_on=True, **how):
        """All of that; spoil is called with the daemon between two lives."""
        with self.subTest(planned=planned):
            self.begin(**how)
            self.end_life(planned)
            spoil(self.server)
            self.come_up()
            fates = self.fates()
            if expected is not None:
                self.assertEqual(fates, expected, self.server.log_text())
            if goes_on:
                self.goes_on()
            self.server.stop()
