"""A configuration is in force whole or not at all, whatever fails meanwhile.

The daemon goes back and forth between two configurations by SIGHUP, and in
each reload one more allocation fails. If the log says "reloaded", all of the
new file holds, above all what keeps people out; else all of the old one.
"""

import errno
import signal

from banter import fault
from banter.case import Case, main
from banter.fault import Control, every_call
from banter.files import written
from banter.line import NOT_ALLOWED, PASSWORD_NEEDED

MOTD = ("Be kind.", "The cake is on the third floor.", "Ask the box for more.")

TABLE = """
server-name {name}
motd {motd}
max-per-host 1000
room #{name} topic "all about {name}" key {name}key
room #{name}2
deny {denied}
deny 10.0.0.0/8
password "{name} sesame"
"""
DENIED = {"one": "127.0.0.41", "two": "127.0.0.42"}


class Reload(Case):
    time_limit = None

    def setUp(self):
        super().setUp()
        self.motd = written("motd", "\n".join(MOTD) + "\n", 0o644)
        self.control = Control()
        self.server = self.daemon(
            self.config("one"), server_name=None,
            env=self.control.environment)
        self.name = "one"

    def config(self, name):
        return TABLE.format(name=name, motd=self.motd, denied=DENIED[name])

    def reload(self, what):
        """Wants the other configuration; finds out which one it got."""
        other = "two" if self.name == "one" else "one"
        self.server.mark()
        before = len(self.server.log)
        self.server.reload(self.config(other))
        # What was to be logged may be what there was no memory for.
        self.server.wait_log(r"reloaded[ ;]|out of memory|lost|: $")
        self.control.disarm()
        # all that it has logged of it is read
        self.server.mark()
        self.server.signal(signal.SIGUSR1)
        self.server.wait_log("uptime")
        probe = self.server.connect("probe")
        name = probe.next().split()[-1].rstrip(".")
        probe.close()
        log = self.server.log[before:]
        if any(": reloaded " in line for line in log):
            self.assertEqual(name, other, what)
        if any("not reloaded" in line for line in log):
            self.assertEqual(name, self.name, what)
        self.assertIn(name, DENIED)
        self.name = name
        self.check(what, any("could not be set up" in line for line in log))

    def check(self, what, partly):
        try:
            self.check_doors()
            self.check_inside(partly)
        except AssertionError as error:
            raise AssertionError("%s, %s ought to be in force: %s" % (
                what, self.name, error)) from None

    def check_doors(self):
        for name, denied in DENIED.items():
            client = self.server.connect("denied", source=denied)
            if name == self.name:
                client.ends_with(NOT_ALLOWED)
            else:
                client.until(PASSWORD_NEEDED)
                client.close()

    def check_inside(self, partly):
        client = self.server.connect("visitor")
        client.expect("* Welcome to banter on %s." % self.name,
                      *["* " + line for line in MOTD])
        client.expect(PASSWORD_NEEDED)
        client.send("/pass %s sesame" % self.name)
        client.greeted()
        if not partly:
            rooms = client.ask("/rooms")
            self.assertTrue(
                any("#%s2 (" % self.name in line for line in rooms), rooms)
            client.ask_error("/join #%s" % self.name, "key")
            client.join("#" + self.name, self.name + "key")
        client.send("/quit")
        client.rest()

    def test_each_allocation(self):
        self.reload("nothing fails")
        calls = every_call(fault.ALLOC, errno.ENOMEM, self.reload,
                                  self.control)
        print("reload: %d allocations" % calls)
        self.assertGreater(calls, 50)


if __name__ == "__main__":
    main()
