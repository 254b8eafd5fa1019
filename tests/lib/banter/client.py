"""Somebody who talks to a daemon, and what must come back.

Each failure shows what was said on the connection and what the daemon logged.
"""

import re
import select
import socket
import time

from banter import wait
from banter.connection import CHUNK, Connection
from banter.line import STAMP, matches, rx


class Client(Connection):
    """One connection, read line by line."""

    def __init__(self, daemon, label, address=None, source=None, rcvbuf=None,
                 telnet=False):
        super().__init__(address or daemon.addresses[0], source, rcvbuf)
        self.daemon = daemon
        self.label = label
        self.nick = label
        self.telnet = telnet
        self.transcript = []
        self._pending = b""
        self._began = time.monotonic()
        self._tokens = 0
        self._ended = None

    # -- what was said so far

    def _note(self, direction, data):
        if len(data) > 160:
            data = data[:160] + b"... (%d bytes)" % len(data)
        self.transcript.append("    %7.3f %s %s" % (
            time.monotonic() - self._began, direction, repr(data)[2:-1]))
        del self.transcript[:-400]

    def fail(self, why):
        """Fails the test, and shows what was said and logged."""
        raise AssertionError("%s: %s\nits transcript:\n%s\nthe log:\n%s" % (
            self.label, why, "\n".join(self.transcript[-50:]),
            self.daemon.log_text()))

    # -- sending

    def send(self, *lines):
        """Sends lines, each with a newline, in one go."""
        self.raw(b"".join(
            (line if isinstance(line, bytes) else line.encode()) + b"\n"
            for line in lines))

    def raw(self, data):
        """Sends bytes as they are."""
        self._note(">", data)
        self.sock.settimeout(wait.DEADLINE)
        try:
            self.sock.sendall(data)
        except socket.timeout:
            self.fail("could not send within %g s" % wait.DEADLINE)

    def pieces(self, data, witness, size=1):
        """Sends bytes in pieces that the server reads one after another.

        The witness, somebody else, gets an answer after each piece, and
        the server has looked at its sockets by then.
        """
        for start in range(0, len(data), size):
            self.raw(data[start:start + size])
            witness.sync()

    # -- receiving

    def _fill(self, until):
        """Reads once; False at the end of all, None when time is up."""
        if self._ended is not None:
            return False
        left = until - time.monotonic()
        if left <= 0:
            return None
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(CHUNK)
        except socket.timeout:
            return None
        except ConnectionResetError:
            self._ended = "reset"
            self._note("<", b"(reset)")
            return False
        if not data:
            self._ended = "closed"
            self._note("<", b"(end)")
            return False
        if not self.telnet and b"\xff" in data:
            self._note("<", data)
            self.fail("an IAC on a plain connection")
        self._pending += data
        return True

    def read_for(self, seconds):
        """Takes what comes within so many seconds; it is looked at later."""
        until = time.monotonic() + seconds
        while self._fill(until):
            pass

    def next(self, deadline=None, what="a line"):
        """The next line, without its CR LF."""
        until = time.monotonic() + (deadline or wait.DEADLINE)
        while b"\n" not in self._pending:
            more = self._fill(until)
            if more is None:
                self.fail("waited in vain for %s; unfinished: %r"
                          % (what, self._pending))
            if not more:
                self.fail("the connection was %s while waiting for %s"
                          % (self._ended, what))
        line, self._pending = self._pending.split(b"\n", 1)
        self._note("<", line + b"\n")
        if not line.endswith(b"\r"):
            self.fail("a line that does not end with CR LF: %r" % line)
        if b"\r" in line[:-1]:
            self.fail("a CR within a line: %r" % line)
        text = line[:-1].decode("utf-8", "surrogateescape")
        if any("\udc80" <= char <= "\udcff" for char in text):
            self.fail("a line that is not UTF-8: %r" % line)
        return text

    def expect(self, *wanted):
        """The next lines are these, one by one; the last line read."""
        line = None
        for one in wanted:
            line = self.next(what=repr(one))
            if not matches(one, line):
                self.fail("expected %r, got %r" % (one, line))
        return line

    def until(self, wanted, deadline=None):
        """Reads on until the line comes; all lines read, that one last."""
        lines = []
        end = time.monotonic() + (deadline or wait.DEADLINE)
        while True:
            line = self.next(max(end - time.monotonic(), 0.001),
                             what=repr(wanted))
            lines.append(line)
            if matches(wanted, line):
                return lines

    def error(self, *facts):
        """The next line is an error that speaks of these facts."""
        return self._kind("! ", facts)

    def notice(self, *facts):
        """The next line is an answer that speaks of these facts."""
        return self._kind("* ", facts)

    def _kind(self, start, facts):
        line = self.next(what="%r with %s" % (start, facts))
        if not line.startswith(start) or len(line) == len(start):
            self.fail("expected a line that begins with %r, got %r"
                      % (start, line))
        for fact in facts:
            if fact.lower() not in line.lower():
                self.fail("expected %r in %r" % (fact, line))
        return line

    def ask(self, *lines):
        """Sends lines; everything received until they are carried out."""
        self.send(*lines)
        return self.sync()

    def ask_error(self, line, *facts):
        """Sends a line of which nothing comes but one error."""
        self.send(line)
        answer = self.error(*facts)
        self.silence()
        return answer

    def ask_notice(self, line, *facts):
        """Sends a line of which nothing comes but one answer."""
        self.send(line)
        answer = self.notice(*facts)
        self.silence()
        return answer

    def sync(self):
        """Waits until the server did all it was asked; lines until then.

        A command that does not exist is answered with an error, in its turn.
        """
        self._tokens += 1
        token = "zsync%d" % self._tokens
        self.send("/" + token)
        return self.until(rx(r"(%s)?! .*\b%s\b.*" % (STAMP, token)))[:-1]

    def silence(self):
        """Nothing was sent to this client since it was last read."""
        lines = self.sync()
        if lines:
            self.fail("expected nothing, got %r" % lines)

    def receive(self, wanted):
        """Bytes as they come until `wanted`, which is all that comes."""
        until = time.monotonic() + wait.DEADLINE
        while len(self._pending) < len(wanted):
            if not self._fill(until):
                break
        got, self._pending = (self._pending[:len(wanted)],
                              self._pending[len(wanted):])
        self._note("<", got)
        if got != wanted:
            self.fail("expected %r, got %r" % (wanted, got))

    def rest(self, reset=False, whole=True):
        """All lines until the server closes the connection.

        A reset and an unfinished line at the end are failures, unless the
        test knows better.
        """
        lines = []
        until = time.monotonic() + wait.DEADLINE
        more = True
        while more:
            more = self._fill(until)
        if more is None:
            self.fail("the connection was not closed; pending %r"
                      % self._pending[-2000:])
        if self._ended != "closed" and not reset:
            self.fail("the connection was reset, not closed")
        while b"\n" in self._pending:
            lines.append(self.next())
        if self._pending and whole:
            self.fail("an unfinished line at the end: %r" % self._pending)
        return lines

    def ends_with(self, *wanted):
        """Exactly these lines come, then the end of the connection."""
        lines = self.rest()
        if len(lines) != len(wanted) or not all(
                matches(one, line) for one, line in zip(wanted, lines)):
            self.fail("expected %r and the end, got %r" % (wanted, lines))

    def expect_reset(self):
        """The connection is reset; what was sent before can still be read."""
        poll = select.poll()
        poll.register(self.sock, 0)
        ready = poll.poll(1000 * wait.DEADLINE)
        if not ready or not ready[0][1] & select.POLLERR:
            self.fail("the connection was not reset: %s" % ready)

    # -- common steps

    def greeted(self):
        """Reads up to the line that tells one's name."""
        lines = self.until(rx(r"\* You are \S+ in #\S+ \(\d+ here[:)].*"
                              r"|\* You are [^ ]+\. /join ROOM .*"))
        self.nick = lines[-1].split()[3].rstrip(".")
        return lines

    def appear(self):
        """Is announced where it is; not when it says something, nor later."""
        lines = self.greeted()
        words = lines[-1].split()
        if words[4:5] == ["in"]:
            self.send("/leave")
            self.join(words[5])
        return lines

    def rename(self, nick):
        """Takes another name, and waits for it."""
        self.send("/nick " + nick)
        self.until("* You are now %s." % nick)
        self.nick = nick

    def join(self, room, key=""):
        """Enters a room; the answer and what was replayed."""
        self.send(("/join %s %s" % (room, key)).strip())
        start = "* You are in %s%s " % ("" if room[0] == "#" else "#", room)
        lines = self.until(rx(re.escape(start) + ".*"))
        return lines[-1:] + self.sync()

    def leave(self, *words):
        """Leaves a room; the lines up to the answer."""
        self.send(" ".join(("/leave",) + words))
        return self.until(rx(r"\* .*"))

    # -- ending

    def half_close(self):
        """Sends no more, but reads on."""
        super().half_close()
        self._note(">", b"(half-close)")

    def quit_with_much(self):
        """Quits while much is on its way to it: all of that comes, and a
        reset, for which nc waits."""
        texts = ["line %d" % i for i in range(50)]
        self.ask(*texts)
        self.send("/history 50", "/quit")
        self.expect_reset()
        said = self.nick + ": "
        *lines, last = self.rest()
        lines = [line.split(said)[1] for line in lines if said in line]
        if lines != texts or last != "* Bye.":
            self.fail("expected %s and Bye, got %s, %r" % (texts, lines, last))

    def hang_up(self):
        """Ends it in good order: all is read, nobody sees a reset."""
        self.half_close()
        self.rest()
        self.sock.close()


def settle(*clients):
    """All that was asked so far is done, and its noise is read and gone."""
    for client in clients:
        client.sync()
    for client in clients:
        client.sync()
