#!/usr/bin/env python3
"""Reloads under load, and passwords being guessed."""

import re
import select
import signal
import subprocess
import time

from banter import proc
from banter.host import AS_NOBODY
from banter.line import PASSWORD_NEEDED, rx
from banter.wait import eventually
from scenario import Case, main, size


class Reload(Case):

    CONFIG = ("max-clients 3000\nmax-per-host 3000\nlog-level notice\n"
              "room #dev topic one\n")

    def test_every_ten_milliseconds(self):
        self.server(self.CONFIG)
        path = self.d.conf
        reloads = 0

        def storm(pair):
            nonlocal reloads
            while pair.process.poll() is None:
                reloads += 1
                self.d.write_config(self.CONFIG.replace(
                    "one", "two" if reloads % 2 else "one")
                    + ("nonsense\n" if reloads % 3 == 0 else "")
                    + ("deny 127.0.99.0/24\n" if reloads % 5 == 0 else ""))
                self.d.signal(signal.SIGHUP)
                select.select([], [], [], 0.01)

        # rate is in the preamble of each file, or not: the default's
        self.scenario("a reload every 10 ms under load", self.begin(
            "-n", 100, "-S", 20, "-r", "-e", r"hello there\n"), self.begin(
            "-n", 16, "-S", 20, "-CX", "-p", r"/join dev\nhi\n"),
            clients=400, full=100, rooms=3, meanwhile=storm)
        print("    reloads: %d of %s" % (reloads, path.rsplit("/", 1)[1]))
        self.assertGreater(reloads, 50)


class Password(Case):

    CONFIG = ('password "open sesame"\nlog-level notice\nlogin-timeout 20\n')

    def guesses(self, config, seconds, how):
        """How many wrong passwords are looked at in that time."""
        self.server(self.CONFIG + config)
        self.d.mark()
        attacker = self.attack(*how)
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > seconds,
                   "time passes")
        attacker.stop()
        return sum("wrong password" in line for line in self.d.log)

    def test_guessing(self):
        """By many connections at once, which come again: what bounds them
        is the pause after each wrong password, and max-per-host."""
        seconds = size(4, 60)
        n = self.guesses("", seconds, (
            "-n", 200, "-S", 1, "-CX", "-r", "-p", r"/pass wrong%d\n"))
        print("guesses of one host in %d s: %d" % (seconds, n))
        # 50 at once, each held for a pause that soon is 5 seconds
        self.assertLess(n, 50 * (2 + seconds / 2.5))

    def test_who_knows_it_gets_in_meanwhile(self):
        """From another host, while one guesses with all it may have."""
        self.server(self.CONFIG)
        attacker = self.attack("-n", 50, "-S", 1, "-CX", "-p",
                               r"/pass wrong%d\n")
        for n in range(5):
            client = self.d.connect("honest%d" % n, source="127.0.66.6")
            client.until(PASSWORD_NEEDED)
            client.send("/pass open sesame")
            client.greeted()
        attacker.stop()

    def test_slow_at_the_prompt(self):
        """Who neither knows it nor goes is shown the door in time."""
        self.server(self.CONFIG.replace("login-timeout 20",
                                        "login-timeout 5"))
        self.counters()		# it has begun
        start = proc.descriptors(self.d.pid)
        attacker = self.attack("-n", 50, "-d", 100, "-e", "/pass x")
        eventually(lambda: proc.descriptors(self.d.pid) >= start + 50,
                   "they sit at the prompt")
        eventually(lambda: proc.descriptors(self.d.pid) == start,
                   "they are shown the door")
        attacker.stop()

    def test_neither_passwords_nor_chat_in_the_log(self):
        self.server(self.CONFIG.replace("notice", "debug"), args=["-v"])
        client = self.d.connect("client")
        client.until(PASSWORD_NEEDED)
        client.send("/pass xyzzy-wrong", "/pas plugh-mistyped")
        client.until(rx(r"! There is no command.*"))
        client.send("/pass open sesame")
        client.greeted()
        client.ask("frotz said aloud", "/msg guest1 frotz said alone",
                   "/topic frotz topic", "/away frotz away")
        client.hang_up()
        self.d.wait_log("left")
        log = "\n".join(self.d.log)
        for secret in ("sesame", "xyzzy", "plugh", "frotz"):
            self.assertNotIn(secret, log)
        with open("/proc/%d/cmdline" % self.d.pid, "rb") as cmdline:
            self.assertIsNone(re.search(b"sesame", cmdline.read()))
        # to others but root who may trace, it is closed
        environ = subprocess.run(
            ["cat", "/proc/%d/environ" % self.d.pid], check=True,
            stdout=subprocess.PIPE, **AS_NOBODY).stdout
        self.assertIn(b"PATH=", environ)
        self.assertNotIn(b"sesame", environ)


if __name__ == "__main__":
    main()
