#!/usr/bin/env python3
"""Sockets that the daemon shares a place with: those that a service manager
passed, and files that somebody else removes or makes."""

import os
import re
import signal
import socket

from banter.address import both_families, refused
from banter.case import Case, main
from banter.files import scratch_path

MPTCP = getattr(socket, "IPPROTO_MPTCP", 262)
REPLACED = "warning: listen %s does nothing: the service manager passes"


class Files(Case):

    def test_a_new_daemon_has_the_path(self):
        """The old one, when it ends, leaves the new one's socket alone."""
        path = scratch_path("sock")
        old = self.daemon(listen=[path])
        os.unlink(path)
        new = self.daemon(listen=[path])
        alice = new.client("alice")
        old.stop()
        self.assertTrue(os.path.exists(path))
        bob = new.client("bob")
        bob.send("still reached")
        alice.until("[#lobby] bob: still reached")
        new.stop()
        self.assertFalse(os.path.exists(path))

    def test_swept_away(self):
        """HUP makes it again; who is in notices nothing."""
        path = scratch_path("sock")
        daemon = self.daemon(listen=[path])
        alice = daemon.client("alice")
        os.unlink(path)
        daemon.mark()
        daemon.signal(signal.SIGHUP)
        daemon.wait_log("warning: the socket %s is not there any more"
                        % re.escape(path))
        daemon.wait_log("notice: listening on " + re.escape(path))
        bob = daemon.client("bob")
        bob.send("here again")
        alice.until("[#lobby] bob: here again")

    def test_taken_meanwhile(self):
        """By another daemon: the reload says so, and both go on."""
        path = scratch_path("sock")
        old = self.daemon(listen=["127.0.0.1:0", path])
        os.unlink(path)
        new = self.daemon(listen=[path])
        old.mark()
        old.signal(signal.SIGHUP)
        old.wait_log("error: cannot listen on %s: Address already in use"
                     % re.escape(path))
        old.wait_log("not reloaded; the old configuration stays")
        old.client("alice", address=old.addresses[0])
        new.client("bob")


class Passed(Case):

    def passed(self, sock, config=""):
        with sock:
            return self.daemon(config, listen=None, passed=sock)

    def test_a_listen_line_does_nothing(self):
        sock = socket.create_server(("127.0.0.1", 0))
        address = "%s:%d" % sock.getsockname()
        line = "listen %s\n" % address
        daemon = self.passed(sock, line + "listen 127.0.0.1:1\n")
        daemon.wait_log(REPLACED % "127.0.0.1:1")
        daemon.wait_log("add ListenStream=127.0.0.1:1 to its socket unit")
        daemon.mark()
        daemon.reload(line + "listen [::1]:2\nlisten /run/none\n")
        daemon.wait_log(re.escape(REPLACED % "[::1]:2"))
        daemon.wait_log(REPLACED % "/run/none")
        daemon.wait_log("reloaded")
        self.assertTrue(refused("127.0.0.1:1"))
        self.assertFalse([text for text in daemon.log
                          if "listen %s does" % address in text])

    def test_what_is_served_is_no_news(self):
        """The lines of the file that is shipped, and banterd.socket."""
        try:
            sock = both_families()
        except OSError as error:
            self.skipTest("no IPv6: %s" % error)
        port = sock.getsockname()[1]
        daemon = self.passed(sock, "listen 0.0.0.0:%d\nlisten [::]:%d\n"
                             % (port, port))
        daemon.guest(address="127.0.0.1:%d" % port)
        self.assertNotIn("does nothing", "\n".join(daemon.log))

    def test_mptcp(self):
        """It lacks options, and is as good."""
        try:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
        except OSError as error:
            self.skipTest("no MPTCP: %s" % error)
        sock.bind(("127.0.0.1", 0))
        sock.listen(10)
        daemon = self.passed(sock, "log-level debug\n")
        alice, bob = daemon.people("alice", "bob")
        alice.send("hello")
        bob.until("[#lobby] alice: hello")


if __name__ == "__main__":
    main()
