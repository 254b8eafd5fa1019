"""Test cases whose daemons end with them and are looked at, and main()."""

import signal
import sys
import unittest

from banter import host, process
from banter.address import reserve_address
from banter.command import no_leaks_where_forbidden
from banter.daemon import Daemon

SKIPPED = 77			# what ctest takes for "skipped"


class Case(unittest.TestCase):
    """A test; daemons made through it end with it and are checked."""

    time_limit = 90		# seconds for one test; None: no limit

    def setUp(self):
        if self.time_limit is not None:
            signal.signal(signal.SIGALRM, self._too_long)
            signal.alarm(self.time_limit)
            self.addCleanup(signal.alarm, 0)

    def _too_long(self, _number, _frame):
        raise AssertionError("the test took more than %d s" % self.time_limit)

    def daemon(self, config="", **how):
        """A daemon that is stopped, and must end well, after the test."""
        daemon = Daemon(config, **how)
        self.addCleanup(daemon.stop)
        return daemon

    def silent_daemon(self, config="", **how):
        """One that does not say on its stderr where it listens."""
        daemon = self.daemon(config, ready=False, listen=[reserve_address()],
                             **how)
        if not daemon.wait_answer():
            self.fail("it has ended; the log:\n" + daemon.log_text())
        return daemon

    def assert_dumps_nothing(self, lines, word):
        """The word is in none of the lines."""
        for line in lines:
            self.assertNotIn(word, line)


class SharedCase(Case):
    """Tests that use one daemon for all of them: tables."""

    config = ""
    shared = None

    @classmethod
    def setUpClass(cls):
        cls.shared = Daemon(cls.config)
        cls.addClassCleanup(cls.shared.stop)

    def visitor(self, nick, **how):
        """Somebody for one test, undisturbed by who else comes and goes."""
        client = self.shared.client(nick, **how)
        client.ask("/set quiet on")
        self.addCleanup(self._say_goodbye, client)
        return client

    @staticmethod
    def _say_goodbye(client):
        client.send("/quit")
        client.rest()


class _LoudResult(unittest.TextTestResult):
    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print("SKIPPED: %s: %s" % (test, reason), file=sys.stderr, flush=True)


def prepare():
    """Gets ready for testing; ends with status 77 where nobody can test."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    reason = host.missing()
    if reason:
        print("SKIPPED: " + reason, file=sys.stderr, flush=True)
        sys.exit(SKIPPED)
    host.raise_nofile(8192)
    no_leaks_where_forbidden()


def main(module="__main__"):
    """Runs the module's tests; exit status 77 when all had to be skipped."""
    prepare()
    program = unittest.main(
        module=module, exit=False, verbosity=2,
        testRunner=unittest.TextTestRunner(verbosity=2,
                                           resultclass=_LoudResult))
    result = program.result
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    if process.forgotten():
        sys.exit("nobody looked at how these ended: %s" % process.forgotten())
    sys.exit(SKIPPED if len(result.skipped) == result.testsRun else 0)
