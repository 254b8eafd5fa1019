#!/usr/bin/env python3
"""A person at a terminal with telnet."""

import re
import select
import shutil
import socket
import termios
import threading
import unittest

from banter import wait
from banter.address import dial
from banter.case import Case, main
from banter.terminal import Terminal

TELNET = shutil.which("telnet")
ESCAPE = "\x1d"			# Ctrl-]
FLUSH = "\x04"			# Ctrl-D sends the unfinished line as it is,
				# or itself if there is none


class TelnetTerminal(Terminal):
    """One with telnet on it."""

    def __init__(self, test, address):
        super().__init__(test, [TELNET] + address.rsplit(":", 1))
        self.sees("Escape character is '^]'.")

    def command(self, line):
        """Gives a command to telnet itself."""
        self.type(ESCAPE)
        self.sees("telnet> ")
        self.type(line + "\n")
        self.sees(line)

    def edit_nothing(self):
        """As where the keys are others than the tty takes them for."""
        mode = termios.tcgetattr(self.master)
        for key in termios.VERASE, termios.VWERASE, termios.VKILL:
            mode[6][key] = b"\0"
        termios.tcsetattr(self.master, termios.TCSANOW, mode)


@unittest.skipUnless(TELNET, "no telnet")
class Telnet(Case):

    def setUp(self):
        super().setUp()
        self.server = self.daemon()
        self.bob = self.server.client("bob")
        self.terminal = self.dial(self.server.addresses[0])

    def dial(self, address):
        terminal = TelnetTerminal(self, address)
        terminal.sees("* Welcome to banter on box.")
        terminal.sees(", /quit leaves.")
        terminal.type("/nick alice\n")
        terminal.sees("* You are now alice.")
        terminal.type("/leave\n/join lobby\n")	# and so is announced
        terminal.sees("* You are in #lobby ")
        self.bob.sync()
        return terminal

    def flushed(self, text):
        """Types part of a line and makes the server have it."""
        self.terminal.type(text)
        self.terminal.sees(text)
        self.terminal.type(FLUSH)

    def test_talk(self):
        self.terminal.type("hello\n")
        self.bob.expect("[#lobby] alice: hello")
        self.bob.send("hello yourself")
        self.terminal.sees("[#lobby] bob: hello yourself")
        self.terminal.type("/join #dev\n")
        self.terminal.sees("* You are in #dev (1 here: @you).")
        self.terminal.type("/quit gone home\n")
        self.terminal.sees("* Bye.")
        self.terminal.sees("Connection closed by foreign host.")
        self.terminal.ends()
        self.bob.expect("[#lobby] -- alice left (gone home)")

    def test_lines_begin_on_the_left(self):
        self.bob.send("one", "two")
        self.terminal.sees("\r\n[#lobby] bob: one\r\n[#lobby] bob: two\r\n")

    def test_unfinished_line(self):
        self.flushed("hel")
        self.terminal.type("lo\n")
        self.bob.expect("[#lobby] alice: hello")

    def test_editing_in_the_terminal(self):
        self.terminal.type("helo\x7flo\n")
        self.bob.expect("[#lobby] alice: hello")

    def test_character_mode_sends_cr_nul(self):
        self.terminal.command("mode character")
        self.terminal.type("hello\r")
        self.bob.expect("[#lobby] alice: hello")
        self.terminal.type("helo\x7flo\r")
        self.bob.expect("[#lobby] alice: hello")
        self.terminal.type("helo\x08lo\r")
        self.bob.expect("[#lobby] alice: hello")
        self.bob.send("still there?")
        self.terminal.sees("[#lobby] bob: still there?")

    def test_arrow_and_function_keys(self):
        self.terminal.type("he\x1b[D\x1b[Cll\x1bOA\x1b[15~\x1b[[Ao\n")
        self.bob.expect("[#lobby] alice: hello")
        self.terminal.edit_nothing()
        self.terminal.type("hellp\x1b[D\x7fo\n")
        self.bob.expect("[#lobby] alice: hello")

    def test_ctrl_w_and_ctrl_u(self):
        self.terminal.edit_nothing()
        self.terminal.type("hello wrold \x17world\n")
        self.bob.expect("[#lobby] alice: hello world")
        self.terminal.type("/quit oops\x15hello\n")
        self.bob.expect("[#lobby] alice: hello")

    def ctrl_d(self):
        """Types it on an empty line, and makes the server have it."""
        self.terminal.type(FLUSH)
        self.terminal.command("send ayt")
        self.terminal.sees("* Yes.")

    def test_ctrl_d_and_more(self):
        self.ctrl_d()
        self.terminal.type("\n")
        self.ctrl_d()
        self.terminal.type("/msg bob still here\n")
        self.bob.expect("[private] alice: still here")

    def test_ctrl_d_and_quit(self):
        self.ctrl_d()
        self.terminal.command("quit")
        self.bob.expect("[#lobby] -- alice left")

    def test_ctrl_d_and_a_closed_window(self):
        self.ctrl_d()
        self.terminal.close_window()
        self.bob.expect("[#lobby] -- alice left")

    def test_ctrl_d_after_words_and_a_closed_window(self):
        self.flushed("hello")
        self.ctrl_d()
        self.terminal.close_window()
        self.bob.expect("[#lobby] alice: hello", "[#lobby] -- alice left")

    def test_a_closed_window(self):
        self.terminal.close_window()
        self.bob.expect("[#lobby] -- alice left")

    def test_crlf_toggled(self):
        self.terminal.command("toggle crlf")
        self.terminal.type("hello\n")
        self.bob.expect("[#lobby] alice: hello")

    def test_ctrl_c(self):
        self.flushed("never said")
        self.terminal.type("\x03")
        self.terminal.type("hello?\n")
        self.bob.expect("[#lobby] alice: hello?")
        # output comes back only if the timing mark was answered
        self.bob.send("can you read me?")
        self.terminal.sees("[#lobby] bob: can you read me?")

    def test_ctrl_c_again_and_again(self):
        for i in range(5):
            self.terminal.type("\x03")
            self.terminal.type("interrupt %d\n" % i)
            self.bob.expect("[#lobby] alice: interrupt %d" % i)
            self.bob.send("line %d" % i)
            self.terminal.sees("[#lobby] bob: line %d" % i)

    def test_ayt(self):
        self.terminal.command("send ayt")
        self.terminal.sees("* Yes.\r\n")

    def test_ec(self):
        self.flushed("helo")
        self.terminal.command("send ec")
        self.terminal.type("lo\n")
        self.bob.expect("[#lobby] alice: hello")

    def test_el(self):
        self.flushed("/quit oops")
        self.terminal.command("send el")
        self.terminal.type("hello\n")
        self.bob.expect("[#lobby] alice: hello")

    def test_ip(self):
        self.flushed("never said")
        self.terminal.command("send ip")
        self.terminal.type("hello\n")
        self.bob.expect("[#lobby] alice: hello")

    def test_other_requests(self):
        for what in ("nop", "ga", "brk", "eor", "synch", "do echo", "do 6",
                     "will 31", "dont 1", "wont 31"):
            self.terminal.command("send " + what)
            self.terminal.type("after %s\n" % what)
            self.bob.expect("[#lobby] alice: after " + what)
        self.bob.send("still there?")
        self.terminal.sees("[#lobby] bob: still there?")

    def test_leaving_by_telnet(self):
        self.terminal.command("quit")
        self.terminal.sees("Connection closed.")
        self.bob.expect("[#lobby] -- alice left")

    def test_the_terminal_is_safe(self):
        self.bob.raw(b"\x1b[31mred \xc2\x9b5m\x07\n")
        self.terminal.sees("red")
        self.bob.send("end")
        self.terminal.sees("end\r\n")
        self.assertIsNone(re.search("[\x00-\x06\x07\x0b\x0c\x0e-\x1f\x80-\x9f]",
                                    self.terminal.shown.replace(ESCAPE, "")))


class Cutter:
    """Passes bytes on to the daemon one by one, each in its own segment."""

    def __init__(self, test, server):
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "%s:%d" % self._listener.getsockname()
        self._witness = server.client("witness", "#witness")
        self._witness.leave("#lobby")
        self.trouble = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        test.addCleanup(self._close)

    def _close(self):
        self._listener.close()
        self._thread.join(wait.DEADLINE)

    def _run(self):
        try:
            near, _ = self._listener.accept()
            far = dial(self._server.addresses[0])
            far.settimeout(None)
            with near, far:
                self._pump(near, far)
        except (OSError, AssertionError) as trouble:
            self.trouble = trouble

    def _pump(self, near, far):
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        while True:
            for sock in select.select([near, far], [], [])[0]:
                data = sock.recv(65536)
                if not data:
                    return
                if sock is far:
                    near.sendall(data)
                    continue
                for byte in data:
                    far.sendall(bytes([byte]))
                    self._witness.sync()	# the server has read it


@unittest.skipUnless(TELNET, "no telnet")
class Cut(Telnet):
    """All of it once more with each negotiation in pieces."""

    def dial(self, address):
        self.cutter = Cutter(self, self.server)
        self.bob.sync()
        return super().dial(self.cutter.address)


if __name__ == "__main__":
    main()
