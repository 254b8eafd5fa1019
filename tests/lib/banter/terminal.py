"""A person at a terminal: what is typed, and what is shown."""

import fcntl
import os
import pty
import select
import subprocess
import termios
import time

from banter import wait
from banter.process import die_with_parent


class Terminal:
    """A program on a pseudo-terminal of its own."""

    def __init__(self, test, command):
        self.shown = ""
        self._unread = 0
        master, slave = pty.openpty()
        self.master = master

        def take_terminal():
            die_with_parent()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                 "TERM": "dumb", "HOME": "/nonexistent", "LANG": "C.UTF-8"},
            start_new_session=True, preexec_fn=take_terminal)
        os.close(slave)
        test.addCleanup(self.close)

    def type(self, text):
        """Types it; a line with its end."""
        os.write(self.master, text.encode())

    def _read(self, until, what):
        left = until - time.monotonic()
        if left <= 0 or not select.select([self.master], [], [], left)[0]:
            raise AssertionError("the terminal never showed %r, but\n%s"
                                 % (what, self.shown))
        try:
            data = os.read(self.master, 65536)
        except OSError:		# how Linux tells the end of a pty
            data = b""
        if not data:
            raise AssertionError("it ended without showing %r, but\n%s"
                                 % (what, self.shown))
        self.shown += data.decode("utf-8", "replace")

    def sees(self, text):
        """Waits until the terminal shows it, after what was seen before."""
        until = time.monotonic() + wait.DEADLINE
        while text not in self.shown[self._unread:]:
            self._read(until, text)
        at = self.shown.index(text, self._unread)
        before = self.shown[self._unread:at]
        self._unread = at + len(text)
        return before

    def ends(self):
        """Waits until it ends by itself; its exit status."""
        return self.process.wait(wait.DEADLINE)

    def close_window(self):
        """The terminal is gone, and with it what runs there."""
        os.close(self.master)
        self.master = None
        self.process.wait(wait.DEADLINE)

    def close(self):
        """Kills it, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.master is not None:
            os.close(self.master)
