#!/usr/bin/env python3
"""Started as root: it is somebody else before it reads from the net, and the
opener opens for it what only root may read, and nothing else."""

import os
import pwd
import signal
import stat

from banter import files, proc
from banter.address import reserve_address
from banter.case import Case, main
from banter.client import settle
from banter.command import run_banterd
from banter.files import private_directory, scratch_path, written
from banter.host import needs_root
from banter.line import PASSWORD_NEEDED
from banter.wait import eventually

ROOT = {"user": 0, "group": 0, "extra_groups": [0, 4, 27]}
FILTER = os.environ.get("FILTER", "0") not in ("", "0", "OFF")

PREAMBLE = "rate off\nserver-name box\n"
OWN_FILTERS = proc.filters(os.getpid())	# a container has some already


@needs_root
class RootCase(Case):

    def as_root(self, config="", **how):
        return self.daemon(config, run_as=ROOT, **how)


class Drops(RootCase):

    def check_powerless(self, daemon, account):
        user = pwd.getpwnam(account)
        daemon.wait_log("system call filter")	# the last that it gives up
        status = proc.status(daemon.pid)
        self.assertEqual(status["Uid"].split(), [str(user.pw_uid)] * 4)
        self.assertEqual(status["Gid"].split(), [str(user.pw_gid)] * 4)
        self.assertEqual(status["Groups"].split(), [str(user.pw_gid)])
        # A container may give inheritable ones (CapInh): worth nothing without
        # those of a file, which NoNewPrivs refuses; capabilities(7).
        for kind in ("CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(int(status[kind], 16), 0, kind)
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        self.check_filter(daemon)

    def check_filter(self, daemon):
        """It is on if it was built in; and the log says which of the two."""
        daemon.wait_log("system call filter is on" if FILTER
                        else "no system call filter: ")
        if OWN_FILTERS is None:
            self.skipTest("we are under a filter ourselves, and this Linux "
                          "does not count them")
        self.assertEqual(proc.filters(daemon.pid), OWN_FILTERS + FILTER)

    def test_a_named_user(self):
        daemon = self.as_root("user daemon\n")
        self.check_powerless(daemon, "daemon")
        daemon.guest("alice").hang_up()

    def test_nobody_named(self):
        try:
            account = pwd.getpwnam("banterd").pw_name
        except KeyError:
            account = "nobody"
        daemon = self.as_root()
        self.check_powerless(daemon, account)
        daemon.wait_log("notice: running as user %s$" % account)

    def test_before_a_byte_from_the_net(self):
        """Who connects as early as can be meets one that has dropped: the
        log says so before it says that anybody came."""
        daemon = self.as_root("user daemon\nlog-level debug\n")
        daemon.guest("alice").hang_up()
        daemon.wait_log("guest1 .*left")
        order = [next(n for n, line in enumerate(daemon.log) if word in line)
                 for word in ("running as user daemon", "connected")]
        self.assertLess(*order)

    def test_refuses_root_and_strangers(self):
        for account, why in (
                ("root", '"root" is root, expected '),
                ("no-such-user-here", "no-such-user-here")):
            path = written("banterd.conf", "user %s\n" % account)
            sock = scratch_path("sock")
            status, _, err = run_banterd(
                "-f", path, "-l", "127.0.0.1:0", "-l", sock, run_as=ROOT)
            self.assertEqual(status, 1, err)
            self.assertRegex(err, r" error: .*" + why)
            self.assertRegex(err, r" error: not started\n\Z")
            self.assertFalse(os.path.exists(sock), "its socket is left")

    def test_without_root_too(self):
        """No new privileges, and the filter, hold for everybody."""
        daemon = self.daemon()
        daemon.wait_log("system call filter")
        status = proc.status(daemon.pid)
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        self.check_filter(daemon)
        self.assertEqual(proc.children(daemon.pid), [])


class Closet(RootCase):
    """A directory that only root may enter, with all that is the daemon's."""

    def setUp(self):
        super().setUp()
        self.place = private_directory()
        self.assertEqual(stat.S_IMODE(os.stat(self.place).st_mode), 0o700)
        self.conf = self.path("banterd.conf")

    def path(self, name):
        return os.path.join(self.place, name)

    def write(self, name, text):
        """Puts a file in place, for root only."""
        files.write(self.path(name), text, keep=True)

    def read(self, name):
        return files.read(self.path(name))

    def start(self, config, listen=("127.0.0.1:0",), **how):
        self.write("banterd.conf", PREAMBLE + config)
        # of two -f the last counts
        self.d = self.as_root("", args=["-f", self.conf], listen=listen,
                              **how)
        return self.d

    def reload(self, config, word="reloaded /"):
        self.write("banterd.conf", PREAMBLE + config)
        self.d.mark()
        self.d.signal(signal.SIGHUP)
        self.d.wait_log(word)


class Opener(Closet):

    def lines_of(self, label="newcomer"):
        """What a newcomer reads between the welcome and the last line."""
        newcomer = self.d.connect(label)
        lines = newcomer.greeted()
        newcomer.hang_up()
        return lines[1:-1]

    def test_it_is_root_and_hears_of_nobody(self):
        daemon = self.start("user daemon\n")
        daemon.guest("alice")
        opener, = proc.children(daemon.pid)
        self.assertEqual(proc.status(opener)["Uid"].split(), ["0"] * 4)
        kinds = [os.readlink("/proc/%d/fd/%s" % (opener, fd)).split(":")[0]
                 for fd in os.listdir("/proc/%d/fd" % opener) if int(fd) > 2]
        self.assertEqual(kinds, ["socket"])
        daemon.stop()
        self.assertFalse(proc.alive(opener))

    def test_reload(self):
        """Configuration and motd are read again, though the daemon itself
        may not even look into their directory."""
        self.write("motd", "one\ntwo\n")
        daemon = self.start("user daemon\nmotd %s\n" % self.path("motd"))
        self.assertEqual(self.lines_of(), ["* one", "* two"])
        self.write("motd2", "three\n")
        self.reload("user daemon\nmotd %s\npassword hush\n" %
                    self.path("motd2"))
        client = daemon.connect("client")
        client.expect("* Welcome to banter on box.", "* three",
                      PASSWORD_NEEDED)
        # A motd that is gone is none, a mistake is found.
        os.unlink(self.path("motd2"))
        self.reload("motd %s\n" % self.path("motd2"))
        self.assertEqual(self.lines_of(), [])
        self.reload("histery 3\n", "not reloaded")
        self.assertIn(self.conf + ":3: ", "\n".join(daemon.log))

    def test_log(self):
        """It is opened again for logrotate, and a reload may name another."""
        daemon = self.start(
            "user daemon\nlog-level debug\nlog-target %s\n" %
            self.path("log"), ready=False, listen=[reserve_address()])
        daemon.addresses = daemon.listen
        eventually(lambda: "listening on " in self.read("log"), "it logs")
        os.rename(self.path("log"), self.path("log.1"))
        daemon.signal(signal.SIGUSR2)
        eventually(lambda: "log file opened again" in self.read("log"),
                   "a new log")
        self.assertEqual(os.stat(self.path("log")).st_uid, 0)
        self.write("banterd.conf", "log-target %s\nlog-level debug\n" %
                   self.path("other"))
        daemon.signal(signal.SIGHUP)
        eventually(lambda: "reloaded " in self.read("other"), "another log")
        daemon.guest("alice").hang_up()
        eventually(lambda: "left" in self.read("other"), "it is used")
        self.assertEqual(daemon.log, [])

    def test_log_stays_if_the_rest_fails(self):
        """However many reloads fail, each with another log."""
        daemon = self.start(
            "user daemon\nlisten %s\nlog-target %s\n" % (
                self.path("sock"), self.path("log")),
            ready=False, listen=None)
        eventually(lambda: "system call filter" in self.read("log"),
                   "it logs")
        for n, name in enumerate(("a", "b", "c", "d")):
            self.write("banterd.conf", "log-target %s\nlisten 192.0.2.1:1\n" %
                       self.path(name))
            daemon.signal(signal.SIGHUP)
            eventually(lambda n=n: self.read("log").count("not reloaded") ==
                       n + 1, name + ": the old log stays in force")
            self.assertNotIn("not reloaded", self.read(name))
            self.assertIn("cannot listen on 192.0.2.1:1", self.read(name))

    def test_signals_do_not_end_it(self):
        """What is sent to all of a terminal's or unit's processes."""
        daemon = self.start("user daemon\n")
        opener, = proc.children(daemon.pid)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM,
                       signal.SIGUSR1, signal.SIGUSR2):
            os.kill(opener, number)
            self.reload("user daemon\n")
        self.assertEqual(proc.children(daemon.pid), [opener])

    def test_it_is_killed(self):
        """Then nothing can be read again; chat goes on as it was."""
        self.write("motd", "one\n")
        daemon = self.start("user daemon\nmotd %s\n" % self.path("motd"))
        alice, bob = daemon.people("alice", "bob")
        opener, = proc.children(daemon.pid)
        os.kill(opener, signal.SIGKILL)
        eventually(lambda: proc.children(daemon.pid) == [], "it is gone")
        daemon.wait_log(r"error: the process that opens files for banterd has "
                        r"ended \(signal 9\); nothing can be reloaded")
        # nor is it a zombie
        self.assertFalse(os.path.exists("/proc/%d" % opener))
        for _ in range(2):
            self.reload("motd %s\npassword hush\n" % self.path("motd2"),
                        "error: no answer from the process that opens files")
            daemon.wait_log("not reloaded; the old configuration stays")
            alice.send("still here?")
            bob.until("[#lobby] alice: still here?")
            self.assertEqual(self.lines_of(), ["* one"])
        settle(alice, bob)
        daemon.stop()

    def test_it_is_stuck(self):
        """Nobody waits for it longer than two seconds; what it answers too
        late is not the answer to what is asked later."""
        self.write("motd", "one\n")
        daemon = self.start("user daemon\nmotd %s\n" % self.path("motd"))
        alice, bob = daemon.people("alice", "bob")
        opener, = proc.children(daemon.pid)
        os.kill(opener, signal.SIGSTOP)
        self.addCleanup(os.kill, opener, signal.SIGCONT)
        eventually(lambda: proc.stopped(opener), "it is stopped")
        for _ in range(2):
            self.reload("history 1\n", "error: no answer from the process "
                        "that opens files for banterd: Connection timed out")
            daemon.wait_log("not reloaded; the old configuration stays")
            alice.send("still here?")
            bob.until("[#lobby] alice: still here?")
        os.kill(opener, signal.SIGCONT)
        self.reload("user daemon\nmotd %s\n" % self.path("motd"))
        self.assertEqual(self.lines_of(), ["* one"])

    def test_stuck_at_the_end(self):
        """The daemon ends all the same, after two seconds."""
        daemon = self.start("user daemon\n")
        alice = daemon.client("alice")
        opener, = proc.children(daemon.pid)
        os.kill(opener, signal.SIGSTOP)
        eventually(lambda: proc.stopped(opener), "it is stopped")
        daemon.signal(signal.SIGTERM)
        alice.ends_with("* The server is going down.")
        daemon.wait_log("warning: the process that opens files for banterd "
                        "does not end")
        eventually(lambda: daemon.process.poll() is not None, "it ends")
        os.kill(opener, signal.SIGCONT)
        self.assertEqual(daemon.wait_exit(), 0)

    def test_sockets_are_removed(self):
        """In a directory that is root's the daemon could not; nor can one
        that is killed."""
        for end in ("stop", "kill"):
            with self.subTest(end):
                fixed, named = self.path("fixed"), self.path("named")
                daemon = self.start("user daemon\nlisten %s\n" % named,
                                    listen=[fixed])
                self.assertTrue(os.path.exists(fixed))
                getattr(daemon, end)()
                eventually(lambda p=fixed: not os.path.exists(p),
                           "it is removed")
                daemon = self.start("user daemon\nlisten %s\n" % named,
                                    listen=None)
                self.assertTrue(os.path.exists(named))
                getattr(daemon, end)()
                eventually(lambda p=named: not os.path.exists(p),
                           "it is removed")


if __name__ == "__main__":
    main()
