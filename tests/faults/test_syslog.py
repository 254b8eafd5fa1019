"""A syslog daemon that is stuck, restarted, or not there: people chat on, and
what its log has lost is said once it works again."""

import os
import re
import select
import signal
import socket

from banter import wait
from banter.case import Case, main
from banter.files import give_away, scratch_path

FORM = re.compile(r"<(\d+)>[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d "
                  r"banterd\[(\d+)\]: (.*)", re.S)
WARNING = 8 * 3 + 4		# facility daemon


class Syslog(Case):

    def setUp(self):
        super().setUp()
        self.path = scratch_path("log")

    def syslogd(self):
        """A socket that stands for the daemon."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        if os.path.exists(self.path):
            os.unlink(self.path)
        sock.bind(self.path)
        give_away(self.path)
        sock.setblocking(False)
        return sock

    def begin(self):
        self.server = self.silent_daemon(
            "log-target syslog\nlog-level debug\nmax-per-host 500\n",
            env={"FAULT_SYSLOG": self.path})
        self.alice, self.bob = self.server.people("alice", "bob")

    def messages(self, sock):
        """What has come, as pairs of priority and text; waits for the first.

        Counters are logged at the end of the turn that answers people.
        """
        select.select([sock], [], [], wait.DEADLINE)
        said = []
        while True:
            try:
                data = sock.recv(65536).decode()
            except BlockingIOError:
                return said
            priority, pid, text = FORM.fullmatch(data).groups()
            self.assertEqual(int(pid), self.server.pid)
            said.append((int(priority), text))

    def guests(self, n):
        """So many come and go, which is logged; and chat goes on."""
        for i in range(n):
            one = self.server.guest()
            one.send("/quit")
            one.rest()
            self.alice.send("line %d" % i)
            self.bob.until("[#lobby] alice: line %d" % i)

    def counters(self):
        """Has it log some lines, which are never held back."""
        self.server.signal(signal.SIGUSR1)
        self.alice.sync()

    def lost(self, sock):
        """How many lines it says were lost, which it says first."""
        self.counters()
        priority, text = self.messages(sock)[0]
        self.assertEqual(priority, WARNING)
        return int(re.fullmatch("log lines lost before this one: (\\d+)",
                                text)[1])

    def test_what_it_is_told(self):
        sock = self.syslogd()
        self.begin()
        said = self.messages(sock)
        self.assertIn((8 * 3 + 5, "listening on " +
                       self.server.addresses[0]), said)
        self.assertTrue([text for priority, text in said
                         if priority == 8 * 3 + 6 and "connected" in text])
        self.assertEqual(self.server.log, [])

    def test_stuck(self):
        sock = self.syslogd()
        self.begin()
        for _ in range(200):	# more lines than any queue takes
            self.counters()
        self.guests(3)
        before = len(self.messages(sock))
        self.assertGreater(before, 0)
        self.assertGreater(self.lost(sock), 800 - before)

    def test_restarted(self):
        sock = self.syslogd()
        self.begin()
        self.messages(sock)
        sock.close()
        self.guests(3)
        sock = self.syslogd()
        self.assertGreaterEqual(self.lost(sock), 3)
        sock.close()
        sock = self.syslogd()
        self.counters()
        self.assertTrue(self.messages(sock))

    def test_it_comes_later(self):
        self.begin()
        self.assertRegex(
            self.server.log[0], r"warning: no syslog daemon at /dev/log "
            r"\(No such file or directory\); what is logged is lost until")
        sock = self.syslogd()
        self.assertGreater(self.lost(sock), 0)


if __name__ == "__main__":
    main()
