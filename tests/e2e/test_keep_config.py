#!/usr/bin/env python3
"""A restart on something that has become wrong throws nobody out."""

import os
import re
import shutil

from banter.address import reserve_address
from banter.case import main
from banter.client import settle
from banter.command import run_banterd
from banter.files import read, scratch_path, written
from banter.line import CAME_BACK, NOT_ALLOWED
from banter.manager import KeptCase
from banter.wait import eventually

LAST_GOOD = "error: the last good configuration stays in force"
STATUS = "the configuration is wrong; the last good one is in force: "
ABSENT = "192.0.2.1:5531"	# TEST-NET-1: nobody has it


class Wrong(KeptCase):

    GOOD = "max-line 100\ndeny 127.9.0.0/16\nserver-name box\n"
    BAD = "max-line 200\nnonsense 1\nhistory -3\n"

    def begin(self):
        daemon = self.kept(self.GOOD, server_name=None)
        self.alice, self.bob = daemon.people("alice", "bob")
        return daemon

    def old_is_in_force(self, daemon):
        settle(self.alice, self.bob)
        self.alice.raw(b"x" * 101 + b"\n")
        self.alice.expect("! Line too long (limit 100 bytes); "
                          "it was not sent.")
        self.alice.send("still here")
        self.bob.expect("[#lobby] alice: still here")
        daemon.connect(source="127.9.0.1").ends_with(NOT_ALLOWED)

    def said_so(self, daemon):
        daemon.wait_log(LAST_GOOD)
        daemon.wait_told(lambda: daemon.status.startswith(STATUS),
                         "STATUS says it")

    def test_a_wrong_line(self):
        daemon = self.begin()
        daemon.write_config(self.BAD)
        for _ in range(2):
            daemon.restart()
            # a line of preamble comes first
            for number in (3, 4):
                daemon.wait_log("error: .*%s:%d: ."
                                % (re.escape(daemon.conf), number))
            self.said_so(daemon)
            self.old_is_in_force(daemon)
        status, _, err = run_banterd("-t", "-f", daemon.conf)
        self.assertEqual(status, 1)
        self.assertIn("nonsense", err)

    def test_after_a_crash(self):
        daemon = self.begin()
        daemon.write_config(self.BAD)
        daemon.crash()
        self.said_so(daemon)
        for one in (self.alice, self.bob):
            one.expect(CAME_BACK)
        self.old_is_in_force(daemon)

    def test_a_good_one_afterwards(self):
        """By a reload, and by a restart."""
        daemon = self.begin()
        for how in ("reload", "restart"):
            daemon.write_config(self.BAD)
            daemon.restart()
            self.said_so(daemon)
            self.old_is_in_force(daemon)
            if how == "reload":
                daemon.reload(self.GOOD + "default-room #new\n")
                daemon.wait_log(": reloaded")
            else:
                daemon.write_config(self.GOOD + "default-room #newer\n")
                daemon.restart()
                self.assertNotIn(LAST_GOOD, "\n".join(daemon.this_life))
            eventually(lambda: daemon.status.startswith("2 clients in "),
                       "STATUS is as ever")
            one = daemon.connect("one")
            self.assertIn(" in #new", one.greeted()[-1])
            one.send("/quit")
            one.rest()

    def test_a_file_that_is_gone(self):
        daemon = self.begin()
        os.unlink(daemon.conf)
        daemon.restart()
        self.said_so(daemon)
        self.old_is_in_force(daemon)

    def test_a_file_that_is_being_written(self):
        daemon = self.begin()
        for text in ("", "max-line 200"):
            with self.subTest(text):
                with open(daemon.conf, "w", encoding="utf-8") as file:
                    file.write(text)
                daemon.restart()
                self.said_so(daemon)
                self.old_is_in_force(daemon)

    def test_the_last_good_is_that_of_a_reload(self):
        daemon = self.begin()
        daemon.reload(self.GOOD.replace("100", "90"))
        daemon.wait_log(": reloaded")
        daemon.write_config(self.BAD)
        daemon.restart()
        self.said_so(daemon)
        self.alice.sync()
        self.alice.raw(b"x" * 91 + b"\n")
        self.alice.expect("! Line too long (limit 90 bytes); it was not sent.")

    def test_the_password_stays(self):
        daemon = self.kept("password hush\nroom #ops key hush\n")
        alice = daemon.connect("alice")
        alice.send("/pass hush")
        alice.greeted()
        daemon.write_config("password hush\n")
        os.chmod(daemon.conf, 0o644)
        daemon.restart()
        self.said_so(daemon)
        one = daemon.connect("one")
        one.until("* A password is needed: /pass PASSWORD")
        one.ask_error("/who", "A password is needed")
        one.send("/pass hush")
        one.greeted()
        one.ask_error("/join #ops", "#ops")

    def test_at_a_first_start(self):
        """There is no last good one."""
        status, _, err = run_banterd("-k", "-f", written("conf", self.BAD))
        self.assertEqual(status, 1)
        self.assertIn("nonsense", err)

    def test_motd_that_is_gone(self):
        """As at a start; it may be no reason to keep the old one."""
        path = written("motd", "hello\n")
        daemon = self.kept("motd %s\n" % path)
        alice = daemon.client("alice")
        os.unlink(path)
        daemon.restart()
        alice.silence()
        daemon.guest()


class Addresses(KeptCase):

    def begin(self, config):
        self.stays = reserve_address()
        daemon = self.kept("listen %s\n" % self.stays + config, listen=None,
                           ready=False)
        daemon.wait_listening(1)
        daemon.wait_ready()
        daemon.addresses = [self.stays]
        return daemon

    def test_not_there_yet(self):
        """It is bound all the same, and told."""
        daemon = self.begin("listen %s\n" % ABSENT)
        daemon.wait_log("warning: .*" + re.escape(ABSENT))
        alice = daemon.client("alice")
        for _ in range(2):
            daemon.restart()
            alice.silence()
            daemon.guest().hang_up()
            alice.sync()

    def test_by_a_restart(self):
        daemon = self.begin("")
        alice = daemon.client("alice")
        daemon.write_config("listen %s\nlisten %s\n" % (self.stays, ABSENT))
        daemon.restart()
        daemon.wait_log("warning: .*" + re.escape(ABSENT))
        alice.silence()

    def test_not_without_k(self):
        status, _, err = run_banterd("-f", written(
            "conf", "listen %s\n" % ABSENT))
        self.assertEqual(status, 1)
        self.assertIn(ABSENT, err)

    def test_taken_by_somebody_else(self):
        """A new address that cannot be had: the old ones stay."""
        daemon = self.begin("")
        alice = daemon.client("alice")
        other = self.daemon()
        taken = other.addresses[0]
        daemon.write_config("listen %s\nlisten %s\n" % (self.stays, taken))
        daemon.restart()
        daemon.wait_log("error: .*" + re.escape(taken))
        alice.silence()
        daemon.guest().hang_up()
        eventually(lambda: daemon.status ==
                   "not listening as configured, the log says why: "
                   "1 client in 1 room", "the status says so")
        other.stop()
        daemon.reload("listen %s\nlisten %s\n" % (self.stays, taken))
        daemon.wait_log("listening on " + re.escape(taken))
        daemon.guest(address=taken).hang_up()
        eventually(lambda: daemon.status == "1 client in 1 room",
                   "the status is as ever")

    def test_a_directory_that_is_gone(self):
        """That of a UNIX socket."""
        path = scratch_path("sock")
        daemon = self.begin("listen %s\n" % path)
        alice = daemon.client("alice", address=path)
        shutil.rmtree(os.path.dirname(path))
        daemon.restart()
        daemon.wait_log("(error|warning): .*" + re.escape(path))
        alice.silence()
        daemon.guest()


class Log(KeptCase):

    def begin(self):
        path = scratch_path("log")
        address = reserve_address()
        daemon = self.kept("log-target %s\n" % path, listen=[address],
                           ready=False)
        daemon.addresses = [address]
        daemon.wait_ready()
        # what it does is in the file
        daemon.wait_log = lambda pattern, deadline=None: eventually(
            lambda: re.search(pattern, read(path) + daemon.log_text()),
            "it logs " + pattern)
        return daemon, path

    def test_it_goes_on(self):
        daemon, path = self.begin()
        alice = daemon.client("alice")
        daemon.restart()
        alice.silence()
        daemon.wait_log("took over 1 client")
        self.assertIn("handing over", read(path))

    def test_its_directory_is_gone(self):
        daemon, path = self.begin()
        alice, bob = daemon.people("alice", "bob")
        shutil.rmtree(os.path.dirname(path))
        daemon.wait_log = lambda pattern, deadline=None: None
        for crash in (False, True):
            if crash:
                daemon.crash()
                for one in (alice, bob):
                    one.expect(CAME_BACK)
            else:
                daemon.restart()
            settle(alice, bob)
            alice.send("still here")
            bob.expect("[#lobby] alice: still here")
            self.assertIn(path, daemon.log_text())


if __name__ == "__main__":
    main()
