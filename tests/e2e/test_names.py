#!/usr/bin/env python3
"""Names that are somebody's: /register, /login and what comes back."""

import re
import shutil
import subprocess
import termios
import unittest

from banter import wait
from banter.case import Case, main
from banter.client import settle
from banter.line import rx
from banter.names_store import NEEDED, NamesStore
from banter.terminal import Terminal

TELNET = shutil.which("telnet")
NC = shutil.which("nc")

WRONG = "! Wrong password."
THROTTLED = "! Too many wrong passwords; try again in a minute."
NOT_LOGGED_IN = ("! You are not logged in: /login NAME PASSWORD, or "
                 "/register PASSWORD.")
NO_PASSWORD = "! A password is one word of 1 to 128 bytes; nothing was done."
ELSEWHERE = "! You logged in elsewhere."


def belongs(name):
    """What somebody else reads who wants that name."""
    return ("! %s belongs to someone. Is it you? /login %s PASSWORD"
            % (name, name))


def yours(name):
    """What its new owner reads."""
    return "* %s is yours now. Next time: /login %s PASSWORD" % (name, name)


@NEEDED
class NamesCase(Case):
    """A store and a daemon that has found it."""

    config = "log-level info\n"

    def setUp(self):
        super().setUp()
        self.store = NamesStore(self)
        self.server = self.begin()

    def begin(self, more=""):
        server = self.daemon(self.store.config + self.config + more)
        server.wait_log("found the store at ")
        return server

    def owner(self, name, *rooms, password="sesame"):
        """Somebody whose name is theirs since now."""
        one = self.server.client(name, *rooms)
        one.ask_notice("/register " + password, yours(name))
        return one

    def login(self, name, *rest, password="sesame", **how):
        """Somebody new who logs in; all that they read then."""
        one = self.server.newcomer(name, **how)
        one.sync()
        one.send("/login %s %s" % (name, password))
        # in a second with many there may be a sum of those who came before
        one.until("* You are now %s." % name)
        one.expect(*rest)
        one.nick = name
        one.sync()
        return one


class Register(NamesCase):

    def test_yours(self):
        alice, bob = self.owner("alice"), self.server.client("bob")
        bob.ask_error("/nick alice", belongs("alice"))
        bob.ask_error("/nick ALICE", belongs("ALICE"))
        alice.sync()
        self.assertEqual(alice.ask_error("/register x"),
                         "! alice is yours already.")
        self.assertEqual(alice.ask_error("/nick al"),
                         "! You are alice; /logout first.")
        alice.ask_notice("/nick ALICE", "* You are now ALICE.")
        alice.hang_up()
        bob.sync()
        self.assertEqual(bob.ask_error("/nick alice"), belongs("alice"))
        self.server.wait_log("alice at 127.0.0.1 registered")

    def test_not_yours(self):
        guest = self.server.guest()
        self.assertEqual(
            guest.ask_error("/register sesame"),
            "! A guest's name is nobody's: take one first, /nick NAME.")
        guest.rename("carol")
        self.assertEqual(guest.ask_error("/register"),
                         "! /register needs more: /register PASSWORD")
        for word in ("two words", "x" * 129):
            self.assertEqual(guest.ask_error("/register " + word),
                             NO_PASSWORD)
        guest.ask_notice("/register " + "x" * 128, yours("carol"))

    def test_nobody_is_forced(self):
        """Guests and free names stay as they are."""
        self.owner("alice")
        carol = self.server.client("carol")
        self.assertEqual(carol.ask_error("/logout"), NOT_LOGGED_IN)
        for line in ("/passwd a b", "/unregister a"):
            self.assertEqual(carol.ask_error(line), NOT_LOGGED_IN)
        carol.hang_up()
        self.server.client("carol")

    def test_nobody_there(self):
        guest = self.server.guest()
        for name in ("nobody", "1", "#dev"):
            self.assertEqual(guest.ask_error("/login %s x" % name),
                             "! Nobody called %s is registered here." % name)
        self.assertEqual(guest.ask_error("/login nobody"),
                         "! /login needs more: /login NAME PASSWORD")

    def test_names_per_host(self):
        self.server.reload(self.store.config + self.config
                           + "names-per-host 2\n")
        self.server.wait_log("reloaded")
        self.owner("alice")
        self.owner("bob")
        carol = self.server.client("carol")
        self.assertEqual(
            carol.ask_error("/register x"),
            "! Too many names were registered from your address today.")
        other = self.server.client("dave", source="127.0.0.2")
        other.ask_notice("/register x", yours("dave"))
        carol.sync()
        carol.ask_notice("/nick carla", "* You are now carla.")

    def test_registered_by_the_admin(self):
        carol, bob = self.server.people("carol", "bob")
        self.assertEqual(
            self.store.word("register", "Carol", password="hush")[0], 0)
        carol.expect(belongs("Carol"), rx(r"\* You are now guest\d+\."))
        bob.expect(rx(r"\[#lobby\] -- carol is now guest\d+"))
        carol.ask("/login carol hush")
        bob.send("/seen carol")
        bob.until("* Carol is here.")

    def test_forgotten_by_the_admin(self):
        alice, bob = self.owner("alice"), self.server.client("bob")
        alice.sync()
        self.assertEqual(self.store.word("forget", "alice")[0], 0)
        alice.expect("* alice is nobody's any more; you still have it.")
        alice.ask_notice("/nick al", "* You are now al.")
        bob.sync()
        bob.ask_notice("/nick alice", "* You are now alice.")


class Login(NamesCase):

    def test_again(self):
        self.owner("alice", "#dev").hang_up()
        guest = self.server.guest()
        self.assertEqual(guest.ask_error("/login alice wrong"), WRONG)
        guest.send("/login ALICE sesame")
        guest.expect("* You are now alice.",
                     "* You are in #dev (1 here: @you).")
        self.assertEqual(guest.ask_error("/login alice sesame"),
                         "! You are alice; /logout first.")
        self.server.wait_log("wrong password of alice from guest")
        self.server.wait_log("alice at .* logged in")

    def test_what_was_typed_is_in_no_log(self):
        self.server.reload("log-level debug\n" + self.store.config)
        self.server.wait_log("reloaded")
        alice = self.owner("alice", password="sesame-1")
        alice.ask("/passwd sesame-1 sesame-2", "/logout",
                  "/login alice sesame-3", "/login alice sesame-2",
                  "/unregister sesame-4", "/unregister sesame-2")
        self.assert_dumps_nothing(self.server.log, "sesame")
        self.assert_dumps_nothing(self.store.log, "sesame")

    def test_from_a_script(self):
        """One line with nc, half-closed: answered in its order."""
        self.owner("bob").hang_up()
        one = self.server.connect("script")
        one.greeted()
        one.raw(b"/login bob sesame\n/join #dev\n/who")
        one.half_close()
        one.ends_with("* You are now bob.", rx(r"\* You are in #lobby .*"),
                      "* You are in #dev (1 here: @you).",
                      "* #dev (1): @bob")

    @unittest.skipUnless(NC, "no nc")
    def test_with_nc(self):
        self.owner("bob", "#dev").hang_up()
        host, port = self.server.addresses[0].rsplit(":", 1)
        done = subprocess.run(
            ["nc", "-N", host, port], stdout=subprocess.PIPE, check=True,
            input=b"/login bob sesame\n/me was here\n/who",
            timeout=wait.DEADLINE)
        lines = done.stdout.decode().split("\r\n")
        at = lines.index("* You are now bob.")
        self.assertTrue(any(line.endswith("* #dev (1): @bob")
                            for line in lines[at:]), lines)

    def test_others_go_on(self):
        """And nobody sees what somebody has asked for."""
        self.owner("alice").hang_up()
        bob, carol = self.server.people("bob", "carol")
        guest = self.server.guest()
        settle(bob, carol)
        guest.send("/login alice wrong", "hello")
        guest.expect(WRONG)
        bob.expect("[#lobby] %s: hello" % guest.nick)
        carol.expect("[#lobby] %s: hello" % guest.nick)

    def test_a_guest_leaves_in_silence(self):
        """Who was never announced was never there."""
        bob = self.server.client("bob")
        self.owner("alice", "#dev").hang_up()
        bob.sync()
        self.server.newcomer().send("/login alice sesame")
        bob.expect("[#lobby] -- alice joined")
        bob.silence()

    def test_logout(self):
        alice, bob = self.owner("alice", "#dev"), self.server.client(
            "bob", "#dev")
        settle(alice, bob)
        alice.send("/logout")
        guest = alice.expect(rx(r"\* You are now guest\d+\.")).split()[4][:-1]
        bob.expect(rx(r"\[#(dev|lobby)\] -- alice is now " + guest))
        bob.silence()
        self.assertEqual(alice.ask_error("/nick alice"), belongs("alice"))
        alice.ask_notice("/nick al", "* You are now al.")
        self.server.wait_log("alice at 127.0.0.1 logged out")

    def test_passwd(self):
        alice = self.owner("alice")
        self.assertEqual(alice.ask_error("/passwd wrong other"), WRONG)
        self.assertEqual(alice.ask_error("/passwd sesame"),
                         "! /passwd needs more: /passwd OLD NEW")
        self.assertEqual(alice.ask_error("/passwd sesame a b"), NO_PASSWORD)
        self.assertEqual(alice.ask_notice("/passwd sesame other"),
                         "* Your password is another one now.")
        alice.hang_up()
        guest = self.server.guest()
        self.assertEqual(guest.ask_error("/login alice sesame"), WRONG)
        self.login("alice", rx(r"\* You are in #lobby .*"), password="other")

    def test_unregister(self):
        alice, bob = self.owner("alice"), self.server.client("bob")
        alice.ask("/set time on", "/set time off", "/set bell on")
        self.assertEqual(alice.ask_error("/unregister wrong"), WRONG)
        self.assertEqual(
            alice.ask_notice("/unregister sesame"),
            "* alice is not yours any more, and what was kept of it is gone.")
        self.assertEqual(alice.ask_error("/logout"), NOT_LOGGED_IN)
        alice.ask_notice("/nick al", "* You are now al.")
        bob.sync()
        self.assertEqual(bob.ask_error("/login alice sesame"),
                         "! Nobody called alice is registered here.")
        # who has it next inherits nothing
        bob.ask_notice("/nick alice", "* You are now alice.")
        bob.ask_notice("/register mine", yours("alice"))
        bob.hang_up()
        again = self.login("alice", rx(r"\* You are in #lobby .*"),
                           password="mine")
        again.ask_notice("/set", "bell off")

    def test_seen(self):
        alice, bob = self.owner("alice"), self.server.client("bob")
        self.assertEqual(bob.ask_notice("/seen ALICE"), "* alice is here.")
        self.assertEqual(bob.ask_error("/seen carol"),
                         "! Nobody called carol is registered here.")
        alice.hang_up()
        bob.until("[#lobby] -- alice left")
        bob.send("/seen alice")
        bob.expect(rx(r"\* alice was last here on "
                      r"\d{4}-\d\d-\d\d \d\d:\d\d\."))
        self.store.word("register", "dave", password="x")
        bob.sync()
        self.assertEqual(bob.ask_notice("/seen dave"),
                         "* dave has not been here yet.")

    def test_throttle(self):
        """After five wrong ones even the right one is not tried."""
        self.owner("alice").hang_up()
        self.owner("bob").hang_up()
        guest = self.server.guest()
        for _ in range(5):
            self.assertEqual(guest.ask_error("/login alice wrong"), WRONG)
        self.assertEqual(guest.ask_error("/login alice sesame"), THROTTLED)
        # another name from there, and the same from elsewhere
        self.login("bob", rx(r"\* You are in #lobby .*"))
        self.login("alice", rx(r"\* You are in #lobby .*"),
                   source="127.0.0.2")


class Back(NamesCase):

    def test_rooms_and_settings(self):
        alice, bob = self.owner("alice"), self.server.client("bob", "#dev")
        bob.join("#hush", "key")
        alice.ask("/join #dev", "/join #own", "/join #hush key", "/join #dev",
                  "/set bell on", "/set quiet on", "/set time on")
        alice.ask("/ignore bob")
        alice.hang_up()
        bob.sync()
        again = self.login("alice",
                           rx(r"(\d\d:\d\d )?\* You are in #dev "
                              r"\(2 here: @bob, you\)\."))
        bob.expect("[#lobby] -- alice joined", "[#dev] -- alice joined",
                   "[#hush] -- alice joined")
        lines = "\n".join(again.ask("/set", "/whois alice"))
        self.assertIn("time on, quiet on, bell on", lines)
        for room in ("#lobby", "#dev", "@#own", "#hush"):
            self.assertIn(room, lines)

    def test_changed_with_the_last_line(self):
        """Also of who is gone at the same moment."""
        self.owner("alice").hang_up()
        one = self.server.newcomer()
        one.sync()
        one.raw(b"/login alice sesame\n/set bell on")
        one.half_close()
        self.assertEqual(one.rest()[-1], "* bell is on now.")
        again = self.login("alice", rx(r"\* You are in #lobby .*"))
        again.ask_notice("/set", "bell on")

    def test_ignores(self):
        """By their names, whenever they come."""
        alice, bob = self.owner("alice"), self.owner("bob")
        alice.ask("/ignore bob")
        alice.hang_up()
        alice = self.login("alice", rx(r"\* You are in #lobby .*"))
        alice.sync()
        bob.ask("not heard")
        alice.silence()
        bob.hang_up()
        bob = self.login("bob", rx(r"\* You are in #lobby .*"))
        bob.ask("not heard either", "/msg alice nor this")
        alice.silence()
        self.assertEqual(alice.ask_notice("/ignore"), "* You ignore: bob")
        alice.ask_notice("/unignore bob", "* You hear bob again.")
        bob.send("heard")
        alice.expect("[#lobby] bob: heard")
        bob.hang_up()
        alice.until("[#lobby] -- bob left")
        bob = self.login("bob", rx(r"\* You are in #lobby .*"))
        bob.ask("still heard")
        alice.until("[#lobby] bob: still heard")

    def test_not_where_the_key_has_changed(self):
        alice, bob = self.owner("alice"), self.server.client("bob")
        bob.join("#hush", "key")
        alice.join("#hush", "key")
        alice.leave("#lobby")
        alice.hang_up()
        bob.leave("#hush")
        bob.join("#hush", "other")
        again = self.login("alice")
        self.assertIn("in no room", again.ask("/whois alice")[0])

    def test_not_made_without_the_key(self):
        """A room that had one does not come back as an open one."""
        alice = self.owner("alice")
        alice.join("#hush", "key")
        alice.leave("#lobby")
        alice.hang_up()
        again = self.login("alice")
        self.assertIn("in no room", again.ask("/whois alice")[0])
        again.ask_error("/who #hush", "There is no room #hush")

    def test_not_where_they_were_put_out(self):
        bob = self.server.client("bob", "#dev")
        alice = self.owner("alice", "#dev")
        alice.hang_up()
        bob.sync()
        bob.ask("/kick alice")
        again = self.login("alice", rx(r"\* You are in #.*"))
        self.assertIn("#dev", again.ask("/whois alice")[0])
        bob.ask("/kick alice")
        again.sync()
        again.hang_up()
        again = self.login("alice", rx(r"\* You are in #lobby .*"))
        self.assertNotIn("#dev", again.ask("/whois alice")[0])

    def test_survives_the_store(self):
        """Stopped or killed: what it said is certain, it has."""
        for end in (self.store.restart, self.store.crash):
            with self.subTest(end.__name__):
                name = "al-" + end.__name__
                one = self.owner(name, "#dev", "#" + end.__name__)
                one.ask("/set bell on")
                one.hang_up()
                self.server.mark()
                end()
                self.server.wait_log("found the store")
                self.server.guest().ask_error("/nick " + name, belongs(name))
                again = self.login(name, rx(r"\* You are in #%s .*"
                                            % end.__name__))
                self.assertIn("bell on", again.ask("/set")[-1])

    def test_survives_the_daemon(self):
        """One without -k: people are gone, names are not."""
        alice = self.owner("alice", "#dev")
        alice.ask("/set bell on")
        self.server.stop()
        self.server = self.begin()
        bob = self.server.client("bob")
        self.assertEqual(bob.ask_error("/nick alice"), belongs("alice"))
        again = self.login("alice", rx(r"\* You are in #dev .*"))
        again.ask_notice("/set", "bell on")

    def test_who_was_there_when_the_daemon_ended(self):
        self.owner("alice")
        self.server.stop()
        self.server = self.begin()
        bob = self.server.client("bob")
        bob.send("/seen alice")
        bob.expect(rx(r"\* alice was last here on .*"))


class Elsewhere(NamesCase):

    def test_over_a_ghost(self):
        """The rooms see nothing of it: she goes on."""
        alice, bob = self.owner("alice"), self.server.client("bob", "#dev")
        alice.ask("/join #dev", "/join #own", "/set time on", "/away lunch")
        bob.ask("/msg alice there")
        settle(alice, bob)
        again = self.server.newcomer()
        again.send("/login alice sesame")
        again.until(rx(r"(\d\d:\d\d )?\* You are now alice\."))
        again.until(rx(r".*\* You are in #own \(1 here: @you \(away\)\)\."))
        alice.ends_with(rx("(..:.. )?" + re.escape(ELSEWHERE)))
        bob.silence()
        again.send("/msg #dev still here")
        bob.expect("[#dev] alice: still here")
        again.send("/reply got it")
        bob.expect("[private] alice: got it")
        bob.send("/msg alice good")
        again.until(rx(r".*\[private\] bob: good"))
        self.assertIn("@#own", "".join(bob.ask("/whois alice")))

    def test_two_at_once(self):
        """Of two who log in at one moment one is it in the end."""
        self.owner("alice").hang_up()
        both = [self.server.newcomer(), self.server.newcomer()]
        self.store.freeze()
        for one in both:
            one.send("/login alice sesame")
        self.server.client("bob")
        self.store.thaw()
        for one in both:
            one.until("* You are now alice.")
        wait.eventually(lambda: "".join(self.server.log).count(
            "alice at 127.0.0.1 logged in") == 2, "both are logged in")
        closed = []
        for one in both:
            one.send("/zz")
            if one.until(rx("! .*"))[-1] == ELSEWHERE:
                closed.append(one)
        self.assertEqual(len(closed), 1)
        self.assertEqual(closed[0].rest(), [])
        both.remove(closed[0])
        both[0].sync()
        both[0].ask_notice("/seen alice", "* alice is here.")

    def test_again_and_again(self):
        bob, alice = self.server.client("bob"), self.owner("alice")
        settle(bob, alice)
        for _ in range(20):
            again = self.server.newcomer()
            again.send("/login alice sesame")
            again.until("* You are now alice.")
            self.assertEqual(alice.rest()[-1], ELSEWHERE)
            alice = again
        bob.silence()
        alice.send("hello")
        bob.expect("[#lobby] alice: hello")

    def test_the_ghost_does_not_read(self):
        """Whoever has it in a window that is closed gets in all the same."""
        alice = self.owner("alice")
        bob = self.server.client("bob")
        settle(alice, bob)
        for _ in range(60):
            bob.ask(*["x" * 900] * 20)
        again = self.server.newcomer()
        again.send("/login alice sesame")
        again.until("* You are now alice.")
        bob.ask("there?")
        again.until("[#lobby] bob: there?")


@unittest.skipUnless(TELNET, "no telnet")
class Unseen(NamesCase):
    """A real telnet, on a terminal."""

    def dial(self, minus="-"):
        """With a minus before the port telnet is spoken from the start."""
        host, port = self.server.addresses[0].rsplit(":", 1)
        terminal = Terminal(self, [TELNET, "--", host, minus + port])
        terminal.sees("Escape character is '^]'.")
        terminal.sees(", /quit leaves.")
        return terminal

    def check_echo(self, terminal, word):
        """What is typed is on the screen again, once."""
        terminal.type("/set %s\n" % word)
        terminal.sees("/set " + word)
        terminal.sees("! There is no setting " + word)

    def test_login(self):
        self.owner("alice").hang_up()
        terminal = self.dial()
        terminal.type("/login alice\n")
        terminal.sees("* Password:")
        wait.eventually(lambda: not echoes(terminal), "the echo is off")
        terminal.type("sesame\n")
        terminal.sees("* You are now alice.")
        self.assertNotIn("sesame", terminal.shown)
        self.check_echo(terminal, "visible")

    def test_without_telnet(self):
        """Who is not known to speak it is not asked, until they are."""
        self.owner("alice").hang_up()
        terminal = self.dial(minus="")
        terminal.type("/login alice\n")
        terminal.sees("! /login needs more: /login NAME PASSWORD")
        terminal.type("\x03/login alice\n")
        terminal.sees("* Password:")
        wait.eventually(lambda: not echoes(terminal), "the echo is off")
        terminal.type("sesame\n")
        terminal.sees("* You are now alice.")
        self.assertNotIn("sesame", terminal.shown)

    def test_wrong_and_nothing(self):
        self.owner("alice").hang_up()
        terminal = self.dial()
        for password, answer in (
                ("nonsense", WRONG), ("two words", NO_PASSWORD),
                ("", "! No password was given; nothing was done."),
                ("/quit", WRONG)):
            terminal.type("/login alice\n")
            terminal.sees("* Password:")
            wait.eventually(lambda: not echoes(terminal), "the echo is off")
            terminal.type(password + "\n")
            terminal.sees(answer)
            wait.eventually(lambda: echoes(terminal), "the echo is on")
            if password:
                self.assertNotIn(password, terminal.shown.split(
                    "leaves.")[-1])
        self.check_echo(terminal, "visible")

    def test_register_passwd_unregister(self):
        terminal = self.dial()
        terminal.type("/nick alice\n")
        terminal.sees("* You are now alice.")
        for line, passwords, answer in (
                ("/register", ["first-1"], yours("alice")),
                ("/passwd", ["first-1", "second-2"],
                 "* Your password is another one now."),
                ("/unregister", ["second-2"], "* alice is not yours any")):
            terminal.type(line + "\n")
            for word, what in zip(passwords,
                                  ("* Password:", "* New password:")):
                terminal.sees(what)
                wait.eventually(lambda: not echoes(terminal), "no echo")
                terminal.type(word + "\n")
            terminal.sees(answer)
            for word in passwords:
                self.assertNotIn(word, terminal.shown)
            wait.eventually(lambda: echoes(terminal), "the echo is on")
        self.check_echo(terminal, "visible")

    def test_nobody_else_hears_it(self):
        self.owner("alice").hang_up()
        bob = self.server.client("bob")
        terminal = self.dial()
        terminal.type("/login alice\n")
        terminal.sees("* Password:")
        wait.eventually(lambda: not echoes(terminal), "the echo is off")
        bob.send("in between")
        terminal.sees("[#lobby] bob: in between")
        terminal.type("sesame\n")
        terminal.sees("* You are now alice.")
        bob.expect("[#lobby] -- alice joined")
        bob.silence()


def echoes(terminal):
    """Whether telnet shows what is typed: it has the terminal do so, or not."""
    return bool(termios.tcgetattr(terminal.master)[3] & termios.ECHO)


class Nothing(Case):
    """Without a store."""

    def check(self, server, answer):
        bob = server.client("bob")
        for line in ("/register x", "/login alice x", "/seen alice"):
            self.assertEqual(bob.ask_error(line), answer)
        bob.ask_notice("/seen bob", "* bob is here.")
        self.assertEqual(bob.ask_error("/logout"), NOT_LOGGED_IN)

    def test_none(self):
        self.check(self.daemon(), "! Nothing is kept on this server.")
        self.check(self.daemon("store none\n"),
                   "! Nothing is kept on this server.")


if __name__ == "__main__":
    main()
