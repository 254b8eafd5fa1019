"""Started as root, while one call fails in the daemon or in its opener.

At the start: it says why and ends with status 1, or it serves as somebody who
is not root. At a reload: all of the new configuration holds, or all of the
old one, and chat goes on. Whatever fails, it never serves as root.
"""

import errno
import os
import signal
import tempfile
import unittest

import faults
import harness
import test_reload

ROOT = {"user": 0, "group": 0, "extra_groups": [0]}

# Which calls fail, with what, in the daemon itself and in the opener.
IN_DAEMON = (
    (faults.SOCKETPAIR, errno.EMFILE), (faults.FORK, errno.EAGAIN),
    (faults.SEND, errno.ENOBUFS), (faults.RECVMSG, errno.ENOMEM),
    (faults.RECVMSG, errno.EINTR), (faults.OPEN, errno.EMFILE),
    (faults.FDOPEN, errno.ENOMEM), (faults.FSTAT, errno.EIO),
    (faults.SETGROUPS, errno.EPERM), (faults.SETRESGID, errno.EAGAIN),
    (faults.SETRESUID, errno.EAGAIN), (faults.PRCTL, errno.EINVAL),
    (faults.GETPWNAM, errno.ENOMEM), (faults.ALLOC, errno.ENOMEM))
IN_OPENER = (
    (faults.CLOSE_RANGE, errno.ENOSYS), (faults.READ, errno.ENOMEM),
    (faults.SENDMSG, errno.ENOMEM), (faults.OPEN, errno.EMFILE),
    (faults.FDOPEN, errno.ENOMEM), (faults.FSTAT, errno.EIO),
    (faults.GETPWNAM, errno.ENOMEM), (faults.ALLOC, errno.ENOMEM))
# What a start cannot do without.
VITAL = (faults.SOCKETPAIR, faults.FORK, faults.SETGROUPS, faults.SETRESGID,
         faults.SETRESUID, faults.PRCTL, faults.GETPWNAM)


def users(pid):
    """All that it is and may become; a process that has ended is nobody."""
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        ids = [line.split()[1:] for line in status
               if line.startswith(("Uid:", "Gid:", "Groups:"))]
    return {number for row in ids for number in row}


def closet():
    """A directory that only root may enter."""
    return tempfile.mkdtemp(dir=harness._scratch)


def put(path, text):
    with open(path + ".new", "w", encoding="ascii") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(text)
    os.rename(path + ".new", path)


@unittest.skipUnless(os.geteuid() == 0, "not root")
class Start(harness.Case):
    CONFIG = ("user daemon\nrate off\nserver-name box\nmotd %s\n"
              "log-target %s\npassword hush\nmax-clients 10\n")

    def setUp(self):
        super().setUp()
        signal.alarm(0)
        self.control = faults.Control()
        self.place = closet()
        self.conf = os.path.join(self.place, "conf")
        self.log = os.path.join(self.place, "log")
        motd = os.path.join(self.place, "motd")
        put(motd, "be kind\n")
        put(self.conf, self.CONFIG % (motd, self.log))
        self.ended = 0

    def logged(self, daemon):
        """What it said in its log or, before it had one, on stderr."""
        text = "\n".join(daemon.log)
        if os.path.exists(self.log):
            with open(self.log, encoding="ascii") as log:
                text += log.read()
        return text

    def attempt(self, what):
        if os.path.exists(self.log):
            os.unlink(self.log)
        address = harness.free_address()
        daemon = harness.Daemon(
            "", wait=False, listen=[address], args=["-f", self.conf],
            run_as=ROOT, env={"FAULT_FILE": self.control.path})
        daemon.addresses = [address]
        try:
            harness.eventually(lambda: daemon.process.poll() is not None or
                               not harness.refused(address) and
                               "0" not in users(daemon.pid),
                               "it ends, or listens and is not root")
            self.control.disarm()
            if daemon.process.poll() is None and self.serves(daemon):
                daemon.stop()
                return
            # 2: there was no memory for what the command line says.
            status = daemon.stop((1, 2))
            said = self.logged(daemon)
            self.assertRegex(said, " error: .|out of memory|-l .*: expected")
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
                          "* A password is needed: /pass PASSWORD")
        except (AssertionError, OSError):
            # the kernel had taken it before
            if daemon.process.poll() == 1:
                return False
            raise
        client.send("/pass hush")
        client.greeted()
        client.close()
        return True

    def each(self, kinds, **how):
        for kind, error in kinds:
            before = self.ended
            calls = faults.every_call(kind, error, self.attempt, self.control,
                                      **how)
            print("start%s: %s, %s: %d calls, %d of which it needs" % (
                " (opener)" if how else "", faults.KINDS[kind],
                errno.errorcode[error], calls, self.ended - before))
            if kind in VITAL:
                # libseccomp's own prctl(2) it can do without
                self.assertGreater(self.ended - before, 0)

    def test_in_the_daemon(self):
        self.each(IN_DAEMON)

    def test_in_the_opener(self):
        self.each(IN_OPENER, in_child=True)


@unittest.skipUnless(os.geteuid() == 0, "not root")
class Reload(test_reload.Reload):
    """As for others, but everything lies where only root may look."""

    def setUp(self):
        harness.Case.setUp(self)
        signal.alarm(0)
        place = closet()
        self.motd = os.path.join(place, "motd")
        self.conf = os.path.join(place, "conf")
        put(self.motd, "\n".join(test_reload.MOTD) + "\n")
        self.control = faults.Control()
        self.begin()

    def begin(self):
        put(self.conf, "rate off\n" + self.config("one"))
        self.server = self.daemon("", args=["-f", self.conf], run_as=ROOT,
                                  env={"FAULT_FILE": self.control.path})
        self.server.conf = self.conf
        self.name = "one"

    def config(self, name):
        return "user daemon\n" + super().config(name)

    def reload(self, what):
        super().reload(what)
        self.assertNotIn("0", users(self.server.pid))
        self.assertFalse([line for line in self.server.log
                          if line.endswith("Success")], what)
        # An opener that could not answer at all is no more.
        if any("Broken pipe" in line or "reset by peer" in line
               for line in self.server.log):
            self.server.stop()
            self.begin()

    def each(self, kinds, **how):
        for kind, error in kinds:
            if kind == faults.CLOSE_RANGE or (
                    kind in VITAL and kind != faults.GETPWNAM):
                continue
            calls = faults.every_call(kind, error, self.reload, self.control,
                                      **how)
            print("reload%s: %s, %s: %d calls" % (
                " (opener)" if how else "", faults.KINDS[kind],
                errno.errorcode[error], calls))
            self.assertGreater(calls, 0)

    def test_in_the_daemon(self):
        self.each([one for one in IN_DAEMON if one[0] != faults.ALLOC and
                   one != (faults.OPEN, errno.EMFILE)])

    def test_in_the_opener(self):
        self.each(IN_OPENER, in_child=True)

    def test_two_answers_lost(self):
        """Neither the daemon nor the opener gets over it by itself."""
        self.each([(faults.SENDMSG, errno.ENOMEM)], in_child=True, count=2)


if __name__ == "__main__":
    harness.main()
