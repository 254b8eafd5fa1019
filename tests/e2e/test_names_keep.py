#!/usr/bin/env python3
"""Names that are somebody's, through restarts and kills of the daemon (-k) and
of the store."""

import random
import shutil
import signal
import termios
import unittest

from test_names import WRONG, belongs, yours

from banter import wait
from banter.case import main
from banter.client import settle
from banter.line import CAME_BACK, rx
from banter.manager import Crash, KeptCase, Planned
from banter.names_store import NEEDED, NamesStore
from banter.terminal import Terminal

TELNET = shutil.which("telnet")
IAC_NOP = b"\xff\xf1"
WILL_ECHO, WONT_ECHO = b"\xff\xfb\x01", b"\xff\xfc\x01"
SETTINGS = ("time", "quiet", "bell")


@NEEDED
class KeptNames(KeptCase):

    def setUp(self):
        super().setUp()
        self.store = NamesStore(self)
        self.server = self.kept(self.store.config + "names-per-host 100\n")
        self.server.wait_log("found the store at ")

    def owner(self, name, *rooms):
        one = self.server.client(name, *rooms)
        one.send("/register sesame")
        one.until(yours(name))
        return one

    def login(self, name):
        """Somebody new who logs in, once what was before is done."""
        one = self.server.newcomer(name)
        one.sync()
        one.send("/login %s sesame" % name)
        one.until(rx(r"(\d\d:\d\d )?\* You are now %s\." % name))
        one.sync()
        return one


class Goes:
    """What is the same after a restart and after a crash."""

    def test_logged_in(self):
        alice, bob = self.owner("alice", "#dev"), self.server.client("bob")
        for _ in range(3):
            work(bob)
            settle(alice, bob)
            self.again(self.server, alice, bob)
            self.assertEqual(alice.ask_error("/nick al"),
                             "! You are alice; /logout first.")
            self.assertEqual(bob.ask_error("/nick alice"), belongs("alice"))
        alice.hang_up()
        work(bob)
        self.again(self.server, bob)
        self.assertEqual(bob.ask_error("/nick alice"), belongs("alice"))

    def test_names_without_the_store(self):
        """They are in the state: nobody else gets one meanwhile."""
        alice, bob = self.owner("alice"), self.server.client("bob")
        settle(alice, bob)
        self.store.kill()
        self.again(self.server, alice, bob)
        self.server.wait_log("no store at .*; nobody can log in")
        self.assertEqual(bob.ask_error("/nick alice"), belongs("alice"))
        self.assertEqual(
            bob.ask_error("/login alice sesame"),
            "! Nothing can be kept just now; ask whoever runs this server.")
        self.assertEqual(alice.ask_error("/register x"),
                         "! alice is yours already.")
        self.store.begin()
        self.server.wait_log("found the store")
        alice.silence()
        bob.silence()
        alice.hang_up()
        self.login("alice")

    def test_changes_without_the_store(self):
        """They arrive later, through several lives of both."""
        alice, bob = self.owner("alice"), self.owner("bob")
        settle(alice, bob)
        self.store.kill()
        alice.ask("/join #one", "/set bell on")
        self.again(self.server, alice, bob)
        alice.ask("/join #two", "/leave #one", "/ignore bob")
        settle(alice, bob)
        self.again(self.server, alice, bob)
        alice.ask("/set bell off", "/set quiet on", "/join #three")
        alice.hang_up()
        self.server.mark()
        self.store.begin()
        self.server.wait_log("found the store")
        again = self.login("alice")
        self.assertEqual(again.ask("/set", "/ignore"),
                         ["* time off, quiet on, bell off",
                          "* You ignore: bob"])
        self.assertEqual(rooms_of(again, "alice"),
                         ["#lobby", "#three", "#two"])
        self.wait_kept()

    def test_changes_that_were_on_their_way(self):
        """Sent, and not kept: they are sent again."""
        alice, bob = self.owner("alice"), self.server.client("bob")
        alice.ask("/join #one")
        self.wait_kept()
        self.store.freeze()
        alice.ask("/set bell on", "/join #two", "/leave #one")
        self.server.mark()
        self.store.kill()
        self.server.wait_log("no store at ")
        settle(alice, bob)
        self.again(self.server, alice, bob)
        self.server.mark()
        self.store.begin()
        self.server.wait_log("found the store")
        self.wait_kept()
        self.server.stop()
        self.server = self.kept(self.store.config)
        self.server.wait_log("found the store")
        again = self.login("alice")
        self.assertEqual(again.ask("/set")[-1],
                         "* time off, quiet off, bell on")
        self.assertEqual(rooms_of(again, "alice"), ["#lobby", "#two"])

    def test_ignores(self):
        """By name, of this life and of the one before."""
        alice, bob, carol = [self.owner(n) for n in ("alice", "bob", "carol")]
        alice.ask("/ignore bob", "/ignore carol")
        settle(alice, bob, carol)
        self.again(self.server, alice, bob, carol)
        alice.ask("/unignore bob")
        settle(alice, bob, carol)
        self.again(self.server, alice, bob, carol)
        alice.hang_up()
        again = self.login("alice")
        self.assertEqual(again.ask("/ignore"), ["* You ignore: carol"])

    def wait_kept(self):
        """The outbox is empty, and nothing was lost."""
        def is_kept():
            self.server.mark()
            self.server.signal(signal.SIGUSR1)
            return " 0 changes" in self.server.wait_log(
                "store is .* changes to be kept, 0 lost").string

        wait.eventually(is_kept, "all is kept")

    def test_while_a_password_is_typed(self):
        """Not by the telnet program: what is sent to it, byte by byte."""
        self.owner("alice").hang_up()
        bob = self.server.client("bob")
        one = self.server.newcomer(telnet=True)
        one.raw(IAC_NOP + b"/login alice\n")
        one.receive(b"* Password:\r\n" + WILL_ECHO)
        settle(bob)
        one.raw(b"ses")
        bob.sync()
        self.again(self.server, bob)
        if self.planned:
            one.raw(b"ame\n")
        else:
            # what was typed of it is lost, and so is its rest
            one.receive((CAME_BACK + "\r\n* Password:\r\n").encode())
            one.raw(b"ame\n")
            one.raw(b"sesame\n")
        one.receive(WONT_ECHO + b"* You are now alice.\r\n")
        one.until("* You are in #lobby (2 here: bob, you).")
        bob.expect("[#lobby] -- alice joined")
        bob.silence()

    def test_while_passwords_are_changed(self):
        """/passwd asks for two; after a kill both are asked for anew."""
        alice, bob = self.owner("alice"), self.server.client("bob")
        alice.telnet = True
        settle(alice, bob)
        alice.raw(IAC_NOP + b"/passwd\n")
        alice.receive(b"* Password:\r\n" + WILL_ECHO)
        alice.raw(b"sesame\n")
        alice.receive(b"* New password:\r\n")
        self.again(self.server, bob)
        if not self.planned:
            alice.receive((CAME_BACK + "\r\n* Password:\r\n").encode())
            alice.raw(b"sesame\n")
            alice.receive(b"* New password:\r\n")
        alice.raw(b"other\n")
        alice.receive(WONT_ECHO + b"* Your password is another one now.\r\n")
        bob.silence()
        guest = self.server.guest()
        self.assertEqual(guest.ask_error("/login alice sesame"), WRONG)

    @unittest.skipUnless(TELNET, "no telnet")
    def test_at_a_terminal(self):
        """Nothing of it becomes chat, nor is on the screen."""
        self.owner("alice").hang_up()
        bob = self.server.client("bob")
        host, port = self.server.addresses[0].rsplit(":", 1)
        terminal = Terminal(self, [TELNET, "--", host, "-" + port])
        terminal.sees(", /quit leaves.")
        terminal.type("/login alice\n")
        terminal.sees("* Password:")
        wait.eventually(
            lambda: not termios.tcgetattr(terminal.master)[3] & termios.ECHO,
            "the echo is off")
        settle(bob)
        self.again(self.server, bob)
        if not self.planned:
            terminal.sees(CAME_BACK)
            terminal.sees("* Password:")
        terminal.type("sesame\n")
        terminal.sees("* You are now alice.")
        self.assertNotIn("sesame", terminal.shown)
        terminal.type("/set visible\n")
        terminal.sees("/set visible")
        terminal.sees("! There is no setting visible")
        bob.expect("[#lobby] -- alice joined")
        bob.silence()


class Restarts(Goes, Planned, KeptNames):

    def test_in_the_middle_of_a_login(self):
        """The line is asked again, and answered once."""
        self.owner("alice", "#dev").hang_up()
        bob = self.server.client("bob", "#dev")
        one = self.server.newcomer()
        one.sync()
        bob.sync()
        self.store.freeze()
        one.send("/login alice sesame", "/seen bob", "hello")
        bob.sync()
        self.server.restart()
        bob.silence()
        self.server.restart()
        self.store.thaw()
        one.expect("* You are now alice.", rx(r"\* You are in #dev .*"),
                   "* bob is here.")
        lines = bob.until("[#dev] alice: hello")
        self.assertEqual(sorted(lines[:-1]),
                         ["[#dev] -- alice joined",
                          "[#lobby] -- alice joined"])
        one.silence()

    def test_in_the_middle_of_others(self):
        """What could be done twice is not asked again."""
        alice, bob = self.server.people("alice", "bob")
        self.store.freeze()
        alice.send("/register sesame", "/seen bob")
        bob.sync()
        self.server.restart()
        self.store.thaw()
        alice.until("! The server was restarted meanwhile; look whether that "
                    "was done, and try again.")
        alice.until("* bob is here.")
        self.server.wait_log("found the store at ")
        # whether it was done or not, it can be had
        alice.send("/register sesame", "/seen bob")
        lines = alice.until("* bob is here.")
        if yours("alice") not in lines:
            self.assertIn(belongs("alice"), lines)
            alice.send("/login alice sesame")
            alice.until("* You are now alice.")

    def test_with_the_store_killed_meanwhile(self):
        self.owner("alice").hang_up()
        bob, one = self.server.client("bob"), self.server.newcomer()
        one.sync()
        self.store.freeze()
        one.send("/login alice sesame")
        bob.sync()
        self.server.restart()
        self.store.kill()
        self.store.begin()
        one.until("* You are now alice.")
        one.until(rx(r"\* You are in #lobby .*"))
        bob.until("[#lobby] -- alice joined")
        one.silence()


class Crashes(Goes, Crash, KeptNames):

    def test_in_the_middle_of_a_login(self):
        """It is lost, as what was not carried out; nobody is two."""
        self.owner("alice").hang_up()
        bob, one = self.server.client("bob"), self.server.newcomer()
        one.sync()
        self.store.freeze()
        one.send("/login alice sesame")
        bob.sync()
        self.server.crash()
        self.store.thaw()
        one.until(CAME_BACK)
        bob.expect(CAME_BACK)
        self.server.wait_log("found the store")
        one.sync()
        self.assertEqual(bob.ask_error("/nick alice"), belongs("alice"))
        if one.ask("/logout") == [rx("")]:
            return
        again = self.login("alice")
        again.ask_notice("/seen alice", "* alice is here.")


class Storm(KeptNames):
    """Kills at any moment; what comes back is what was seen last."""

    time_limit = 150
    PEOPLE = ("ann", "ben", "cat")
    ROOMS = ["#r%d" % i for i in range(6)]

    def setUp(self):
        super().setUp()
        self.seed = random.randrange(1 << 32)
        self.random = random.Random(self.seed)
        print("seed %d" % self.seed, flush=True)
        self.people = {}
        self.model = {}

    def act(self, name):
        """One change that is answered, so that it is certain."""
        one, model = self.people[name], self.model[name]
        room = self.random.choice(self.ROOMS)
        setting = self.random.choice(SETTINGS)
        other = self.random.choice([n for n in self.PEOPLE if n != name])
        kind = self.random.randrange(5)
        if kind == 0:
            one.ask("/join " + room)
            model["rooms"].add(room)
        elif kind == 1:
            one.ask("/leave " + room)
            model["rooms"].discard(room)
        elif kind == 2:
            on = self.random.choice(("on", "off"))
            one.ask("/set %s %s" % (setting, on))
            model["set"][setting] = on
        elif kind == 3:
            one.ask("/ignore " + other)
            model["ignored"].add(other)
        else:
            one.ask("/unignore " + other)
            model["ignored"].discard(other)

    def check(self, name):
        one, model = self.people[name], self.model[name]
        self.assertEqual(set(rooms_of(one, name)), model["rooms"], name)
        lines = plain(one.ask("/set", "/ignore"))
        self.assertIn("* " + ", ".join(
            "%s %s" % (what, model["set"][what]) for what in SETTINGS), lines)
        ignored = [line for line in lines if line.startswith("* You ignore")]
        words = ignored[-1].replace("* You ignore nobody.", "").replace(
            "* You ignore: ", "")
        self.assertEqual(set(filter(None, words.split(", "))),
                         model["ignored"], name)

    def test_storm(self):
        for name in self.PEOPLE:
            self.people[name] = self.owner(name)
            self.model[name] = {"rooms": {"#lobby"}, "ignored": set(),
                                "set": dict.fromkeys(SETTINGS, "off")}
        down = False
        for _ in range(30):
            for _ in range(self.random.randrange(1, 6)):
                self.act(self.random.choice(self.PEOPLE))
            what = self.random.randrange(4)
            if what == 0:
                work(self.people["ann"])
                self.server.crash()
            elif what == 1:
                self.server.restart()
            elif down:
                self.store.begin()
                down = False
            elif what == 2:
                self.store.kill()
                down = True
            else:
                self.store.crash()
        if down:
            self.store.begin()
        Goes.wait_kept(self)
        for name in self.PEOPLE:
            self.check(name)
        for name in self.PEOPLE:
            self.people[name].hang_up()
        for name in self.PEOPLE:
            self.people[name] = self.login(name)
        for name in self.PEOPLE:
            self.check(name)
        self.assertEqual(self.store.word("check")[0], 0)


def work(client):
    """So much that a life that ends after it does not count as a fault."""
    client.ask(*["/set"] * 100)


def plain(lines):
    """Without their times."""
    return [line[6:] if line[2:3] == ":" else line for line in lines]


def rooms_of(client, name):
    """The rooms that /whois tells."""
    line = [one for one in plain(client.ask("/whois " + name))
            if one.startswith("* %s is in " % name)][-1]
    words = line.split(" is in ")[1].split("; ")[0]
    return sorted(word.lstrip("@") for word in words.split(", ")
                  if word != "no room")


if __name__ == "__main__":
    main()
