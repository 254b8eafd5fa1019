"""Child processes; none of them outlives the test program."""

import atexit
import ctypes
import os
import select
import signal
import subprocess
import time

from banter import wait

_libc = ctypes.CDLL(None, use_errno=True)
_running = set()


def die_with_parent():
    """In a child before exec: be killed when the test program goes."""
    PR_SET_PDEATHSIG = 1
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def start(command, before_exec=None, **how):
    """Starts a child that dies with us; forget() it once it was looked at."""
    def child():
        die_with_parent()
        if before_exec:
            before_exec()

    process = subprocess.Popen(command, preexec_fn=child, **how)
    _running.add(process)
    return process


def forget(process):
    """How this one ended was looked at."""
    _running.discard(process)


def forgotten():
    """The command lines of children that nobody has looked at."""
    return [process.args for process in _running]


def kill(process):
    """Ends a child at once, if it has not ended."""
    if process.poll() is None:
        process.kill()
        process.wait()


def end(process, patience=10):
    """Asks a child to end, and kills it if it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            kill(process)


@atexit.register
def _tidy():
    for process in list(_running):
        kill(process)


class Program:
    """One that is talked to over its standard input and output, by lines."""

    def __init__(self, command, nice=0, stderr=None):
        self.command = [str(word) for word in command]
        self.process = start(
            self.command, before_exec=lambda: os.nice(nice),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
        self.buffer = b""
        self.seen = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """Kills it, if it has not ended."""
        kill(self.process)
        self.process.stdin.close()
        self.process.stdout.close()
        forget(self.process)

    def send(self, line):
        """Sends a line."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def line(self, deadline=None):
        """The next line that it writes, or None at the end."""
        deadline = deadline or wait.DEADLINE
        until = time.monotonic() + deadline
        while b"\n" not in self.buffer:
            if not self._readable(max(until - time.monotonic(), 0)):
                raise AssertionError("%s: no line within %g s; seen: %s" % (
                    self.command, deadline, self.seen))
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
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
        raise AssertionError("%s: it ended before %r; seen: %s" % (
            self.command, part, self.seen))

    def expect_end(self):
        """Ends its input, and reads up to the end of what it writes."""
        # nc sees the other side's end, but stays while it has input.
        self.process.stdin.close()
        while self.line() is not None:
            pass

    def is_silent(self):
        """Whether it has written nothing that was not read."""
        return not self.buffer and not self._readable(0)

    def result(self, stop=False):
        """Waits until it ends well, told to or not; all its other output."""
        if stop:
            self.process.stdin.close()
        out = self.buffer + self.process.stdout.read()
        status = self.process.wait()
        self.close()
        if status != 0:
            raise AssertionError("%s: exit status %d, %r" % (
                self.command, status, out))
        return out.decode()

    def _readable(self, seconds):
        return select.select([self.process.stdout], [], [], seconds)[0]
