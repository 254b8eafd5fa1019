"""Started as root, while one call fails in the daemon or in its opener.

At the start: it says why and ends with status 1, or it serves as somebody who
is not root. At a reload: all of the new configuration holds, or all of the
old one, and chat goes on. Whatever fails, it never serves as root.
"""

import errno
import os
import subprocess

from banter import fault, proc
from banter.address import reserve_address
from banter.case import Case, main
from banter.daemon import Daemon
from banter.fault import Control, every_call
from banter.files import private_directory, read, write
from banter.host import needs_root
from banter.line import PASSWORD_NEEDED
from banter.wait import eventually
import test_reload

ROOT = {"user": 0, "group": 0, "extra_groups": [0]}

# Which calls fail, with what, in the daemon itself and in the opener.
IN_DAEMON = (
    (fault.SOCKETPAIR, errno.EMFILE), (fault.FORK, errno.EAGAIN),
    (fault.SEND, errno.ENOBUFS), (fault.RECVMSG, errno.ENOMEM),
    (fault.RECVMSG, errno.EINTR), (fault.OPEN, errno.EMFILE),
    (fault.FDOPEN, errno.ENOMEM), (fault.FSTAT, errno.EIO),
    (fault.SETGROUPS, errno.EPERM), (fault.SETRESGID, errno.EAGAIN),
    (fault.SETRESUID, errno.EAGAIN), (fault.PRCTL, errno.EINVAL),
    (fault.GETPWNAM, errno.ENOMEM), (fault.ALLOC, errno.ENOMEM))
IN_OPENER = (
    (fault.CLOSE_RANGE, errno.ENOSYS), (fault.READ, errno.ENOMEM),
    (fault.SENDMSG, errno.ENOMEM), (fault.OPEN, errno.EMFILE),
    (fault.FDOPEN, errno.ENOMEM), (fault.FSTAT, errno.EIO),
    (fault.ALLOC, errno.ENOMEM))
# What a start cannot do without.
VITAL = (fault.SOCKETPAIR, fault.FORK, fault.SETGROUPS, fault.SETRESGID,
         fault.SETRESUID, fault.PRCTL, fault.GETPWNAM)


@needs_root
class Start(Case):
    time_limit = None
    CONFIG = ("user daemon\nrate off\nserver-name box\nmotd %s\n"
              "log-target %s\npassword hush\nmax-clients 10\n")

    def setUp(self):
        super().setUp()
        self.control = Control()
        self.place = private_directory()
        self.conf = os.path.join(self.place, "conf")
        self.log = os.path.join(self.place, "log")
        motd = os.path.join(self.place, "motd")
        write(motd, "be kind\n", keep=True)
        write(self.conf, self.CONFIG % (motd, self.log), keep=True)
        self.address = reserve_address()
        self.ended = 0

    def logged(self, daemon):
        """What it said in its log or, before it had one, on stderr."""
        text = "\n".join(daemon.log)
        return text + read(self.log)

    def attempt(self, what):
        if os.path.exists(self.log):
            os.unlink(self.log)
        daemon = Daemon(
            ready=False, listen=[self.address], args=["-f", self.conf],
            run_as=ROOT, env=self.control.environment)
        try:
            daemon.wait_answer()
            eventually(lambda: daemon.process.poll() is not None or
                       "0" not in proc.identities(daemon.pid),
                       "it ends, or is not root")
            self.control.disarm()
            if daemon.process.poll() is None and self.serves(daemon):
                daemon.stop()
                return
            # It ends by itself: a signal now could be its end instead.
            daemon.wait_exit()
            # 2: there was no memory for what the command line says.
            status = daemon.stop((1, 2))
            said = self.logged(daemon)
            self.assertRegex(said, " error: .|out of memory|-l .* does not fit")
            if status == 1:
                self.assertRegex(said, "not started|out of memory")
            self.assertNotRegex(said, "Success")
            self.ended += 1
        except AssertionError as error:
            raise AssertionError("%s: %s\n%s" % (
                what, error, self.logged(daemon))) from None

    @staticmethod
    def serves(daemon):
        """False if it has ended between the one and the other."""
        try:
            client = daemon.connect("visitor")
        except ConnectionRefusedError:
            return False
        try:
            client.expect("* Welcome to banter on box.", "* be kind",
                          PASSWORD_NEEDED)
        except (AssertionError, OSError):
            # the kernel had taken it before, and it is about to end
            try:
                if daemon.process.wait(5) == 1:
                    return False
            except subprocess.TimeoutExpired:
                pass
            raise
        client.send("/pass hush")
        client.greeted()
        client.close()
        return True

    def each(self, kinds, **how):
        for kind, error in kinds:
            before = self.ended
            calls = every_call(kind, error, self.attempt, self.control, **how)
            print("start%s: %s, %s: %d calls, %d of which it needs" % (
                " (opener)" if how else "", fault.KINDS[kind],
                errno.errorcode[error], calls, self.ended - before))
            if kind in VITAL:
                # libseccomp's own prctl(2) it can do without
                self.assertGreater(self.ended - before, 0)

    def test_in_the_daemon(self):
        self.each(IN_DAEMON)

    def test_in_the_opener(self):
        self.each(IN_OPENER, in_child=True)


@needs_root
class Reload(test_reload.Reload):
    """As for others, but everything lies where only root may look."""

    def setUp(self):
        Case.setUp(self)
        place = private_directory()
        self.motd = os.path.join(place, "motd")
        self.conf = os.path.join(place, "conf")
        write(self.motd, "\n".join(test_reload.MOTD) + "\n", keep=True)
        self.control = Control()
        self.begin()

    def begin(self):
        write(self.conf, "rate off\n" + self.config("one"), keep=True)
        self.server = self.daemon("", args=["-f", self.conf], run_as=ROOT,
                                  env=self.control.environment)
        self.server.conf = self.conf
        self.name = "one"

    def config(self, name):
        return "user daemon\n" + super().config(name)

    def reload(self, what):
        super().reload(what)
        self.assertNotIn("0", proc.identities(self.server.pid))
        self.assertFalse([line for line in self.server.log
                          if line.endswith("Success")], what)
        # An opener that could not answer at all is no more.
        if any("Broken pipe" in line or "reset by peer" in line
               for line in self.server.log):
            self.server.stop()
            self.begin()

    def each(self, kinds, **how):
        for kind, error in kinds:
            # Nor is any account looked up: that could take its time.
            if kind in VITAL + (fault.CLOSE_RANGE,):
                continue
            calls = every_call(kind, error, self.reload, self.control, **how)
            print("reload%s: %s, %s: %d calls" % (
                " (opener)" if how else "", fault.KINDS[kind],
                errno.errorcode[error], calls))
            self.assertGreater(calls, 0)

    def test_in_the_daemon(self):
        self.each([one for one in IN_DAEMON if one[0] != fault.ALLOC and
                   one != (fault.OPEN, errno.EMFILE)])

    def test_in_the_opener(self):
        self.each(IN_OPENER, in_child=True)

    def test_two_answers_lost(self):
        """Neither the daemon nor the opener gets over it by itself."""
        self.each([(fault.SENDMSG, errno.ENOMEM)], in_child=True, count=2)


if __name__ == "__main__":
    main()
