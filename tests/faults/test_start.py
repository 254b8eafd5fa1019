"""Starting up: one allocation fails in each attempt.

Either the daemon says why and ends with status 1, or it serves with all that
its configuration asks for. It never crashes, leaks or hangs.
"""

import errno

from banter import fault
from banter.address import reserve_address
from banter.case import Case, main
from banter.daemon import Daemon
from banter.fault import Control, every_call
from banter.line import NOT_ALLOWED, PASSWORD_NEEDED
from banter.process import kill

CONFIG = """
password "open sesame"
deny 127.0.0.41
room #dev topic "release on friday" key hush
room #ops
"""


class Start(Case):
    time_limit = None

    def attempt(self, what):
        daemon = Daemon(CONFIG, ready=False, listen=[self.address],
                        env=self.control.environment)
        try:
            # What it logs of it may be what there was no memory for.
            if daemon.wait_answer() and self.serves(daemon):
                daemon.stop()
                return
            # 2: there was no memory for what the command line says.
            daemon.stop((1, 2))
            self.assertTrue(daemon.log, "it ends without a word")
            self.ended += 1
        except AssertionError as error:
            raise AssertionError("%s: %s\n%s" % (
                what, error, daemon.log_text())) from None
        finally:
            kill(daemon.process)

    def serves(self, daemon):
        """False if it has ended between the one and the other."""
        self.control.disarm()
        try:
            denied = daemon.connect("denied", source="127.0.0.41")
        except ConnectionRefusedError:
            self.assertEqual(daemon.wait_exit(), 1)
            return False
        try:
            denied.ends_with(NOT_ALLOWED)
        except AssertionError:
            # it listened for a moment, before what it had no memory for
            if daemon.wait_exit() != 1:
                raise
            return False
        client = daemon.connect("visitor")
        client.until(PASSWORD_NEEDED)
        client.send("/pass open sesame")
        client.greeted()
        client.close()
        return True

    def test_each_allocation(self):
        self.control = Control()
        self.address = reserve_address()
        self.ended = 0
        calls = every_call(fault.ALLOC, errno.ENOMEM, self.attempt,
                                  self.control)
        print("start: %d allocations, %d of which it needs" % (
            calls, self.ended))
        self.assertGreater(self.ended, 10)


if __name__ == "__main__":
    main()
