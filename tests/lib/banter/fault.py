"""Calls that fail in a running daemon, and somebody who lives with it.

The daemon is the one built with tests/faults/fault.c. One who talks to it
cannot wait for each answer as long as it takes: from the moment that a fault
has struck, one waits a little while only, and then goes on.
"""

import mmap
import os
import select
import struct
import time

from banter import files, wait
from banter.connection import CHUNK, Connection

AFTER_FAULT = 0.6		# seconds to wait for what may never come (speakers
				# wait for a reader that does not read for 0.2)
LISTENER_RESTS = 3		# a listener without descriptors rests for one

NAMES = ("alloc", "accept", "read", "write", "epoll_ctl", "epoll_wait",
         "socketpair", "fork", "close_range", "sendmsg", "recvmsg",
         "send", "open", "fdopen", "fstat", "setgroups", "setresgid",
         "setresuid", "prctl", "getpwnam")
KINDS = dict(enumerate(NAMES, 1))
(ALLOC, ACCEPT, READ, WRITE, EPOLL_CTL, EPOLL_WAIT, SOCKETPAIR, FORK,
 CLOSE_RANGE, SENDMSG, RECVMSG, SEND, OPEN, FDOPEN, FSTAT, SETGROUPS,
 SETRESGID, SETRESUID, PRCTL, GETPWNAM) = KINDS


class Control:
    """The file through which a daemon is told what is to fail."""

    LAYOUT = struct.Struct("=IIIiIIqI")

    def __init__(self):
        self.path = files.written("fault", bytes(self.LAYOUT.size), 0o644)
        with open(self.path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), self.LAYOUT.size)

    @property
    def environment(self):
        """What a daemon needs to look at it."""
        return {"FAULT_FILE": self.path}

    def arm(self, kind, at, error, count=1, in_child=False):
        """The at-th call of the kind from now on fails, and count in all;
        in the daemon, or in the process that it starts."""
        offset = self.LAYOUT.unpack(self.map[:])[6]
        self.map[:] = self.LAYOUT.pack(0, at, count, error, 0, 0, offset,
                                       in_child)
        self.map[:4] = struct.pack("=I", kind)

    def disarm(self):
        """Returns how many calls there were, and how many failed."""
        self.map[:4] = struct.pack("=I", 0)
        return self.LAYOUT.unpack(self.map[:])[4:6]

    @property
    def failed(self):
        """How many calls have failed since it was armed."""
        return self.LAYOUT.unpack(self.map[:])[5]

    def shift_clock(self, seconds):
        """Makes the daemon's clock wrong by so much."""
        self.map[24:32] = struct.pack("=q", seconds)


def every_call(kind, error, run, control, limit=20000, step=1, **how):
    """Calls run() with the first, second, ... call failing, to the last;
    or with each step-th of them.  Returns how many calls there are, about."""
    for at in range(1, limit, step):
        control.arm(kind, at, error, **how)
        run("%s %d fails with %s%s" % (
            KINDS[kind], at, os.strerror(error),
            " in the opener" if how.get("in_child") else ""))
        if not control.disarm()[1]:
            return at - 1
    raise AssertionError("the session never comes to an end")


class Sufferer(Connection):
    """A client that a fault may hit, and that says whether one did."""

    def __init__(self, control, address, rcvbuf=None):
        self.control = control
        self.data = b""
        self.ended = False
        self.deaf = False	# a question was never answered
        self.asked = 0
        try:
            super().__init__(address, rcvbuf=rcvbuf)
        except OSError:
            self.sock = None
            self.ended = True

    def wait(self, wanted, patience=AFTER_FAULT):
        """Reads until the bytes come; False if the time or the end did."""
        began = time.monotonic()
        struck = None
        while wanted not in self.data and not self.ended:
            now = time.monotonic()
            if struck is None and self.control.failed:
                struck = now
            if struck is not None and now - struck > patience:
                return False
            if now - began > wait.DEADLINE:
                raise AssertionError("waited in vain for %r; got %r" % (
                    wanted, self.data[-500:]))
            if select.select([self.sock], [], [], 0.02)[0]:
                self.read()
        return wanted in self.data

    def read(self):
        """Reads once; to be called when there is something to read."""
        try:
            data = self.sock.recv(CHUNK)
        except OSError:
            data = b""
        self.data += data
        self.ended = not data

    def send(self, data):
        """Sends bytes, as far as the connection still takes them."""
        if self.sock is None:
            return
        try:
            self.sock.sendall(data)
        except OSError:
            pass

    def say(self, *lines):
        """Sends lines."""
        self.send("".join(line + "\n" for line in lines).encode())

    def ask(self, *lines):
        """Says the lines, and waits until they are carried out.

        That is known by the error for a command that does not exist, or by
        the word that there was no memory for it.
        """
        self.asked += 1
        marker = b"There is no command /z%d;" % self.asked
        self.data = self.data[-2000:]
        self.say(*lines, "/z%d" % self.asked)
        if self.deaf:
            return
        began = self.data.count(b"out of memory")
        if not self.wait(marker) and not self.ended:
            self.deaf = self.data.count(b"out of memory") == began

    def greeted(self):
        """Reads the greeting, which may wait for a listener that rests."""
        self.wait(b", /quit leaves.\r\n", LISTENER_RESTS)

    @property
    def suffered(self):
        """Whether it was hit."""
        return self.ended or self.deaf

    def half_close(self):
        """Sends no more, but reads on."""
        if self.sock is not None and not self.ended:
            try:
                super().half_close()
            except OSError:
                self.ended = True

    def close(self, reset=False):
        """Ends it, if it has begun; in bad order, if wanted."""
        if self.sock is None:
            return
        if reset:
            self.reset()
        else:
            super().close()
        self.sock = None
