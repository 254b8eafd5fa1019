"""Starting up: one allocation fails in each attempt.

Either the daemon says why and ends with status 1, or it serves with all that
its configuration asks for. It never crashes, leaks or hangs.
"""

import errno
import signal

import faults
import harness

CONFIG = """
password "open sesame"
deny 127.0.0.41
room #dev topic "release on friday" key hush
room #ops
"""


class Start(harness.Case):
    def setUp(self):
        super().setUp()
        signal.alarm(0)

    def attempt(self, what):
        address = harness.free_address()
        daemon = harness.Daemon(CONFIG, wait=False, listen=[address],
                                env={"FAULT_FILE": self.control.path})
        # What it logs of it may be what there was no memory for.
        daemon.addresses = [address]
        try:
            harness.eventually(
                lambda: daemon.process.poll() is not None or
                not harness.refused(address), "it ends or listens")
            if daemon.process.poll() is None and self.serves(daemon):
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
            if daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait()

    def serves(self, daemon):
        """False if it has ended between the one and the other."""
        self.control.disarm()
        try:
            denied = daemon.connect("denied", source="127.0.0.41")
        except ConnectionRefusedError:
            self.assertEqual(daemon.wait_exit(), 1)
            return False
        denied.ends_with("! Your address is not allowed here.")
        client = daemon.connect("visitor")
        client.until("* A password is needed: /pass PASSWORD")
        client.send("/pass open sesame")
        client.greeted()
        client.close()
        return True

    def test_each_allocation(self):
        self.control = faults.Control()
        self.ended = 0
        calls = faults.every_call(faults.ALLOC, errno.ENOMEM, self.attempt,
                                  self.control)
        print("start: %d allocations, %d of which it needs" % (
            calls, self.ended))
        self.assertGreater(self.ended, 10)


if __name__ == "__main__":
    harness.main()
