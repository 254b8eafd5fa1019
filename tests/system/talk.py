"""People: each is an nc with somebody who reads what it prints."""

import os
import select
import subprocess
import time

from machine import DEADLINE


class Talk:
    """One nc, run by the given command line."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self.buffer = b""
        self.seen = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def line(self, seconds=DEADLINE):
        """The next line, or None at the end of the connection."""
        end = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            ready = select.select([self.process.stdout], [], [],
                                  max(left, 0))[0]
            if not ready:
                raise AssertionError(f"no line within {seconds} seconds; "
                                     f"seen: {self.seen}")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if piece == b"":
                return None
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        self.seen.append(line.decode().rstrip("\r"))
        return self.seen[-1]

    def expect(self, part):
        """Reads up to a line that contains part, and returns it."""
        while (line := self.line()) is not None:
            if part in line:
                return line
        raise AssertionError(f"the connection ended before {part!r}; "
                             f"seen: {self.seen}")

    def expect_end(self):
        """Reads up to the end of the connection."""
        # nc sees the other side's end, but stays while it has input.
        self.process.stdin.close()
        while self.line() is not None:
            pass

    def is_silent(self):
        """Whether nothing has been said that was not read."""
        return self.buffer == b"" and \
            not select.select([self.process.stdout], [], [], 0)[0]
