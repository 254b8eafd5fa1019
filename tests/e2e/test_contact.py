#!/usr/bin/env python3
"""First contact: the greeting, guest names, nicks, leaving, the password."""

import os
import signal
import time

from banter.case import Case, main
from banter.client import settle
from banter.command import run_banterd
from banter.files import written
from banter.line import PASSWORD_NEEDED, STAMP, WELCOME_TAIL, rx
from banter.wait import eventually


class Greeting(Case):

    def test_words(self):
        daemon = self.daemon()
        first = daemon.connect()
        first.expect("* Welcome to banter on box.",
                     rx(r"\* You are guest[0-9]+ in #lobby \(1 here: you\)\. "
                        + WELCOME_TAIL))
        first.silence()
        second = daemon.connect()
        second.expect("* Welcome to banter on box.",
                      rx(r"\* You are guest[0-9]+ in #lobby \(2 here: guest\d+, "
                         r"you\)\. "
                         + WELCOME_TAIL))
        second.silence()

    def test_server_name_with_spaces(self):
        daemon = self.daemon('server-name "the box"', server_name=None)
        daemon.connect().expect("* Welcome to banter on the box.")

    def test_server_name_by_default(self):
        daemon = self.daemon(server_name=None)
        daemon.connect().expect(rx(r"\* Welcome to banter on [^ ]+\."))

    def test_motd(self):
        motd = written("motd",
                       "Be kind.\nCoffee is on floor 2 – grüße\nno newline")
        daemon = self.daemon("motd " + motd)
        daemon.connect().expect(
            "* Welcome to banter on box.", "* Be kind.",
            "* Coffee is on floor 2 – grüße", "* no newline",
            rx(r"\* You are guest.*"))

    def test_default_room(self):
        daemon = self.daemon("default-room #hall")
        daemon.connect().expect(
            "* Welcome to banter on box.",
            rx(r"\* You are guest\d+ in #hall \(1 here: you\)\. " + WELCOME_TAIL))

    def test_default_room_none(self):
        daemon = self.daemon("default-room none")
        alice, bob = daemon.connect("alice"), daemon.connect("bob")
        for one in (alice, bob):
            line = one.expect("* Welcome to banter on box.", rx(
                r"\* You are guest\d+\. /join ROOM to begin, /nick NAME "
                r"to be known; /help lists the rest, /quit leaves\."))
            one.nick = line.split()[3].rstrip(".")
        alice.ask_error("does anybody hear me?")
        alice.ask_error("/me waves")
        alice.ask_error("/history")
        bob.silence()
        alice.join("#dev")
        bob.join("#dev")
        bob.send("now I do")
        alice.until("[#dev] %s: now I do" % bob.nick)

    def test_talks_without_a_command(self):
        daemon = self.daemon()
        one, two = daemon.guest("one"), daemon.guest("two")
        one.expect("[#lobby] -- %s joined" % two.nick)
        two.send("hello")
        one.expect("[#lobby] %s: hello" % two.nick)

    def test_history_is_replayed_with_a_stamp(self):
        daemon = self.daemon()
        alice = daemon.client("alice")
        alice.ask("one", "/me waves", "/topic not speech", "three")
        new = daemon.connect("new")
        lines = new.sync()
        self.assertEqual(lines[0], "* Welcome to banter on box.")
        self.assertRegex(lines[1], r"^\* You are guest\d+ in #lobby \(2 here")
        self.assertEqual([line[6:] for line in lines[2:]], [
            "[#lobby] alice: one", "[#lobby] * alice waves",
            "[#lobby] alice: three"])
        for line in lines[2:]:
            self.assertRegex(line, "^" + STAMP)

    def test_the_stamp_is_local_time(self):
        daemon = self.daemon(env={"TZ": "XST-05:30"})
        alice = daemon.client("alice")
        before = time.time()
        alice.ask("tick")
        after = time.time()
        line = daemon.connect("new").sync()[-1]
        self.assertIn(line[:5], [time.strftime("%H:%M", time.gmtime(
            at + 5.5 * 3600)) for at in (before, after)])


class GuestNames(Case):

    def test_differ(self):
        daemon = self.daemon()
        names = [daemon.guest().nick.lower() for _ in range(20)]
        self.assertEqual(len(set(names)), 20)

    def test_a_name_in_use_is_not_given(self):
        daemon = self.daemon()
        first = daemon.guest("first")
        number = int(first.nick[len("guest"):])
        taken = ["GUEST%d" % (number + i) for i in range(1, 5)]
        holders = []
        for name in taken:
            holder = daemon.guest("holder")
            lines = holder.ask("/nick " + name)
            if lines[-1] == "* You are now %s." % name:
                holders.append(name.lower())
            elif not lines[-1].startswith("! "):
                holder.fail("neither taken nor refused")
        for _ in range(10):
            self.assertNotIn(daemon.guest().nick.lower(), holders)


class Nicks(Case):

    GOOD = ["a", "Z", "a1", "A-._9", "x" * 24, "bob-", "b.o_b"]
    BAD = ["x" * 25, "9a", "_a", "-a", ".a", "#a", "@a", "a!b", "a,b", "a:b",
           "a/b", "ålice", "al\u00ad", "a\x1bb", "a\u202eb", "*", "a'b", "[a]"]

    def test_table(self):
        daemon = self.daemon()
        one, other = daemon.guest("one"), daemon.guest("other")
        one.sync()
        for name in self.GOOD:
            before = one.nick
            self.assertEqual(one.ask("/nick " + name),
                             ["* You are now %s." % name])
            other.until("[#lobby] -- %s is now %s" % (before, name))
            one.nick = name
        for name in self.BAD:
            with self.subTest(name):
                one.ask_error("/nick " + name)
                other.silence()
        one.ask_error("/nick")
        one.ask_error("/nick ")

    def test_taken(self):
        daemon = self.daemon()
        alice, bob = daemon.people("alice", "bob")
        bob.ask_error("/nick alice", "alice")
        bob.ask_error("/nick ALICE", "alice")
        alice.silence()
        bob.send("still bob")
        alice.expect("[#lobby] bob: still bob")

    def test_other_case_of_ones_own(self):
        daemon = self.daemon()
        alice, bob = daemon.people("alice", "bob")
        alice.ask_notice("/nick Alice", "You are now Alice.")
        bob.expect("[#lobby] -- alice is now Alice")
        bob.send("/msg aLiCe psst")
        alice.expect("[private] bob: psst")

    def test_an_old_name_is_free(self):
        daemon = self.daemon()
        alice, bob, carol = daemon.people("alice", "bob", "carol")
        alice.rename("ann")
        bob.rename("alice")
        settle(alice, bob, carol)
        carol.ask("/msg alice to the new one")
        bob.expect("[private] carol: to the new one")
        alice.silence()
        bob.hang_up()
        carol.expect("[#lobby] -- alice left")
        carol.rename("alice")

    def test_rename_is_seen_once(self):
        daemon = self.daemon("default-room none")
        bob, alice, carol = (daemon.client("bob", "#a", "#b", "#c"),
                             daemon.client("alice", "#a", "#b", "#c"),
                             daemon.client("carol", "#x"))
        settle(alice, bob, carol)
        alice.ask_notice("/nick ann", "You are now ann.")
        lines = bob.sync()
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], r"^\[#[abc]\] -- alice is now ann$")
        carol.silence()
        alice.hang_up()
        lines = [bob.next(), bob.next(), bob.next()]
        self.assertEqual(sorted(lines), ["[#%s] -- ann left" % room
                                         for room in "abc"])
        bob.silence()
        carol.silence()


class Leaving(Case):

    def setUp(self):
        super().setUp()
        self.server = self.daemon()
        self.alice, self.bob = self.server.people("alice", "bob")

    def test_end_of_file(self):
        self.alice.close()	# it has read all
        self.bob.expect("[#lobby] -- alice left")
        self.bob.silence()

    def test_half_close(self):
        self.alice.half_close()
        self.alice.ends_with()
        self.bob.expect("[#lobby] -- alice left")

    def test_reset(self):
        self.alice.reset()
        self.bob.expect("[#lobby] -- alice left (connection lost)")

    def test_quit(self):
        self.alice.send("/quit")
        self.alice.ends_with("* Bye.")
        self.bob.expect("[#lobby] -- alice left")

    def test_quit_with_reason(self):
        self.alice.send("/QUIT gone home, see you")
        self.alice.ends_with("* Bye.")
        self.bob.expect("[#lobby] -- alice left (gone home, see you)")

    def test_alias(self):
        self.alice.send("/q off")
        self.alice.ends_with("* Bye.")
        self.bob.expect("[#lobby] -- alice left (off)")

    def test_nothing_after_quit_is_said(self):
        self.alice.send("before", "/quit", "after")
        self.bob.expect("[#lobby] alice: before", "[#lobby] -- alice left")
        self.bob.silence()

    def test_somebody_else_lost_in_the_middle_of_a_line(self):
        self.alice.raw(b"unfinished")
        self.alice.reset()
        self.bob.expect("[#lobby] -- alice left (connection lost)")
        self.bob.silence()


class Arrival(Case):
    """Who connects is announced when they do something, or after a while."""

    def setUp(self):
        super().setUp()
        self.server = self.daemon()
        self.alice = self.server.client("alice")

    def test_who_says_something(self):
        bob = self.server.newcomer("bob")
        bob.rename("bob")
        bob.ask("/who", "/rooms", "/msg alice psst")
        self.alice.expect("[private] bob: psst")
        self.alice.silence()
        bob.send("hello")
        self.alice.expect("[#lobby] -- bob joined", "[#lobby] bob: hello")
        bob.rename("robert")
        self.alice.expect("[#lobby] -- bob is now robert")

    def test_who_stays(self):
        began = time.monotonic()
        self.server.newcomer("bob").rename("bob")
        self.alice.expect("[#lobby] -- bob joined")
        self.assertGreater(time.monotonic() - began, 4.9)

    def test_who_is_gone_before(self):
        self.server.connect("a health check").close()
        self.server.connect("another one").reset()
        self.server.newcomer("bob").hang_up()
        carol = self.server.newcomer("carol")
        carol.send("/quit so long")
        carol.ends_with("* Bye.")
        eventually(lambda: self.alice.ask("/who") == ["* #lobby (1): alice"],
                   "they are gone")
        self.alice.silence()


class Password(Case):

    def test_first_contact(self):
        motd = written("motd", "for members\n")
        daemon = self.daemon('password "open sesame"\nmotd ' + motd)
        alice = daemon.connect("alice")
        alice.expect("* Welcome to banter on box.", "* for members",
                     PASSWORD_NEEDED)
        alice.send("/pass open sesame")
        alice.until(rx(r"\* You are guest\d+ in #lobby \(1 here: you\)\. "
                       + WELCOME_TAIL))
        alice.silence()
        bob = daemon.connect("bob")
        bob.expect("* Welcome to banter on box.", "* for members",
                   PASSWORD_NEEDED)
        alice.silence()
        for line in ("hello?", "/nick bob", "/join #dev", "/who", "/me waves",
                     "/msg alice psst", "/rooms", "/history"):
            bob.send(line)
            bob.error()
        alice.silence()
        bob.send("/pass open sesame")
        bob.until(rx(r"\* You are guest\d+ in #lobby \(2 here: guest\d+, "
                     r"you\)\. .*"))
        alice.silence()
        bob.send("at last")
        alice.expect(rx(r"\[#lobby\] -- guest\d+ joined"),
                     rx(r"\[#lobby\] guest\d+: at last"))

    def test_history_comes_after_the_password(self):
        daemon = self.daemon("password hush")
        alice = daemon.connect("alice")
        alice.send("/pass hush")
        alice.greeted()
        alice.ask("for members only")
        bob = daemon.connect("bob")
        bob.expect("* Welcome to banter on box.", PASSWORD_NEEDED)
        bob.send("/pass hush")
        bob.greeted()
        bob.expect(rx(STAMP + r"\[#lobby\] guest\d+: for members only"))

    def test_default_room_none(self):
        daemon = self.daemon("password hush\ndefault-room none")
        alice = daemon.connect("alice")
        alice.expect("* Welcome to banter on box.", PASSWORD_NEEDED)
        alice.send("/pass hush")
        alice.until(rx(r"\* You are guest\d+\. /join ROOM to begin, .*"))

    def test_two_wrong_tries_are_forgiven(self):
        daemon = self.daemon("password hush")
        alice = daemon.connect("alice")
        alice.expect("* Welcome to banter on box.", PASSWORD_NEEDED)
        for wrong in ("/pass nope", "/pass HUSH"):
            alice.send(wrong)
            alice.error()
        alice.send("/pass hush")
        alice.greeted()

    def test_three_wrong_tries_end_it(self):
        daemon = self.daemon("password hush")
        alice = daemon.connect("alice")
        alice.expect("* Welcome to banter on box.", PASSWORD_NEEDED)
        for wrong in ("/pass nope", "/pass hus", "/pass hushh"):
            alice.send(wrong)
            alice.error()
        self.assert_only_errors(alice.rest())

    def test_tries_are_counted_when_sent_at_once(self):
        daemon = self.daemon("password hush")
        alice = daemon.connect("alice")
        alice.expect("* Welcome to banter on box.", PASSWORD_NEEDED)
        alice.send("/pass a", "/pass b", "/pass c", "/pass hush", "hello")
        lines = alice.rest(reset=True)
        self.assertGreaterEqual(len(lines), 3)
        self.assert_only_errors(lines)

    def assert_only_errors(self, lines):
        for line in lines:
            self.assertTrue(line.startswith("! "), lines)

    def test_login_timeout(self):
        daemon = self.daemon("password hush\nlogin-timeout 1")
        late = daemon.connect("late")
        intime = daemon.connect("in time")
        late.expect("* Welcome to banter on box.", PASSWORD_NEEDED)
        intime.send("/pass hush")
        intime.greeted()
        lines = late.rest()
        self.assertEqual(len(lines), 1)
        self.assertTrue(lines[0].startswith("! "))
        other = daemon.connect("other")
        other.rest()		# a second timeout has passed for "in time"
        intime.silence()

    def test_none_set(self):
        daemon = self.daemon()
        alice = daemon.guest("alice")
        alice.send("/pass whatever")
        alice.expect(rx(r"[*!] .+"))
        alice.silence()

    def test_never_logged(self):
        daemon = self.daemon("password sesame77\nlog-level debug",
                             args=["-v"])
        alice = daemon.connect("alice")
        alice.send("/pass wrong99", "/pass sesame77")
        alice.greeted()
        alice.send("/quit")
        alice.rest()
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("uptime")
        for secret in ("sesame77", "wrong99"):
            self.assertNotIn(secret, "\n".join(daemon.log))

    def test_a_file_that_others_can_read_is_refused(self):
        conf = written("open.conf", "password hush\n")
        for mode in (0o644, 0o604):
            os.chmod(conf, mode)
            status, _, err = run_banterd("-f", conf,
                                         "-l", "127.0.0.1:0")
            self.assertEqual(status, 1, err)
            self.assertIn(conf, err)


if __name__ == "__main__":
    main()
