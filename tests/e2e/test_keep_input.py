#!/usr/bin/env python3
"""A restart in the middle of what somebody sends: not a byte is lost, said
twice, or taken for something else."""

import re
import time

from test_telnet import AYT, DO, ECHO, EL, SB, SE, TABLE, TM, TTYPE, WILL
from test_telnet import WONT, YES

from banter.case import main
from banter.client import settle
from banter.files import scratch_path
from banter.line import CAME_BACK, FFFD, PASSWORD_NEEDED, STAMP, rx
from banter.manager import Crash, KeptCase, Planned

TOO_LONG = b"! Line too long (limit 1024 bytes); it was not sent.\r\n"
HTTP = "! This is a chat server, not a web server; use telnet or nc."
MARK = b"\xef\xbb\xbf"

# what is sent, and the lines that are said
TEXTS = [
    ("h\u20acllo w\u00f6rld \U0001f600!\n".encode(),
     ["h\u20acllo w\u00f6rld \U0001f600!"]),
    (b"caf\xc3\n\xa9\n", ["caf" + FFFD, FFFD]),
    (b"one\r\ntwo\r\0three\rfour\n\nfive\n",
     ["one", "two", "three", "four", "five"]),
    (b"\r\n\r\n\n\r\0said\r\n", ["said"]),
    (b"/me waves\r\n//slash\n", ["* waves", "/slash"]),
    (b"  /me waves\n", ["* waves"]),
    # keys that edit the line, and one that ends another one's
    (b"helo\x08lo\n", ["hello"]),
    (b"x\xe2\x82\xac\x7fy\n", ["xy"]),
    (b"one two\x17three\n", ["one three"]),
    (b"wrong\x15right\n", ["right"]),
    (b"a\x1b[1;5Ab\x1bOAc\n", ["abc"]),
    (b"a\x04b\n", ["a" + FFFD + "b"]),
]

# on telnet: these, and some that are longer
LONGER = [
    (b"he" + SB + TTYPE + b"0123456789\r\n/quit\n" * 3 + SE + b"llo\n", b"",
     ["hello"]),
    ((DO + ECHO + WILL + TM) * 2 + AYT + b"x\n",
     (WONT + ECHO + b"\xff\xfe" + TM) * 2 + YES, ["x"]),
]


class Cut(KeptCase):
    """Many at once, each cut elsewhere; one restart for all of them.

    Each is in a room of their own, whose history tells what was said.
    """

    config = ("default-room none\nmax-rooms 1000\nmax-clients 1000\n"
              "log-level notice\n")

    def setUp(self):
        super().setUp()
        self.path = scratch_path("sock")
        self.server = self.kept(self.config, listen=["127.0.0.1:0", self.path])
        self.witness = self.server.client("witness", "#witness")
        self.rooms = 0

    def one(self, label, telnet=False):
        """Somebody in a room."""
        one = self.server.newcomer(label, address=self.path, telnet=telnet)
        self.rooms += 1
        one.room = "#r%d" % self.rooms
        one.join(one.room)
        return one

    def read(self):
        """All that was sent so far has been read by the daemon."""
        self.witness.sync()
        self.witness.sync()

    def was_said(self, one, texts):
        """In its room, by its history: these."""
        lines = one.ask("/history")
        if not texts:
            wanted = ["* Nothing has been said in %s yet." % one.room]
        else:
            wanted = ["* The last %d line%s of %s:" % (
                len(texts), "s"[len(texts) == 1:], one.room)]
            for text in texts:
                form = ("[%s] * %s %s" if text.startswith("* ")
                        else "[%s] %s: %s")
                wanted.append(form % (one.room, one.nick,
                                      text[2 * text.startswith("* "):]))
        got = [re.sub("^" + STAMP, "", line) for line in lines]
        if got != wanted:
            one.fail("expected %r, got %r" % (wanted, got))

    def run_rows(self, rows, telnet):
        """Rows: what is sent before and after, the answer, what is said."""
        people = [self.one("%r|%r" % row[:2], telnet) for row in rows]
        for one, (before, _, _, _) in zip(people, rows):
            one.raw(before)
        self.read()
        self.server.restart()
        for one, (_, after, answer, texts) in zip(people, rows):
            one.raw(after)
            one.receive(answer)
            if telnet:
                one.raw(EL)
            self.was_said(one, texts)

    def test_text(self):
        self.run_rows([(given[:cut], given[cut:], b"", texts)
                       for given, texts in TEXTS
                       for cut in range(1, len(given))], False)

    def test_text_on_telnet(self):
        self.run_rows([(WONT + ECHO + given[:cut], given[cut:], b"", texts)
                       for given, texts in TEXTS
                       for cut in range(1, len(given), 3)], True)

    def test_telnet(self):
        self.run_rows([(given[:cut], given[cut:], answer, texts)
                       for given, answer, texts in TABLE + LONGER
                       for cut in range(1, len(given))], True)

    def test_long_lines(self):
        whole, over = b"x" * 1024 + b"\n", b"x" * 1025 + b"\n"
        rows = [(whole[:cut], whole[cut:], b"", ["x" * 1024])
                for cut in (1, 500, 1023, 1024)]
        rows += [(over[:cut], over[cut:] + b"after\n", TOO_LONG, ["after"])
                 for cut in (1, 1024, 1025, 1026)]
        rows += [(b"x" * 9000, b"/me obeys\nafter\n", TOO_LONG, ["after"])]
        self.run_rows(rows, False)

    def test_again_and_again(self):
        """A restart after each byte."""
        given = "h\u20ac".encode() + DO + ECHO + b"y" + SB + b"\n" + SE + b"\r"
        one = self.one("one", telnet=True)
        for at in range(len(given)):
            one.raw(given[at:at + 1])
            self.read()
            self.server.restart()
        one.raw(b"\nend\n")
        one.receive(WONT + ECHO)
        self.was_said(one, ["h\u20acy", "end"])

    def test_how_it_begins(self):
        """A byte order mark, and a browser, cut anywhere."""
        # what is sent, and whether it is a request
        table = [(MARK + b"/join #m%d\nhello\n", False),
                 (WONT + ECHO + MARK + b"/join #m%d\nhello\n", False),
                 (b"GET /%d HTTP/1.1\r\n/me obeys\r\n", True),
                 (MARK + b"GET /%d HTTP/1.1\r\n/me obeys\r\n", True),
                 (b"GET /%d" + b"a" * 1200 + b" HTTP/1.1\r\n", True)]
        rows = []
        for given, refused in table:
            end = min(len(given), given.index(b"\n") + 1)
            cuts = list(range(1, min(end, 20))) + [end - 3, end - 2, end - 1]
            rows += [(given, cut, refused) for cut in cuts]
        people = []
        for number, (given, cut, refused) in enumerate(rows):
            one = self.server.newcomer(repr(given), address=self.path,
                                       telnet=given.startswith(WONT))
            one.room = "#m%d" % number
            one.given = given.replace(b"%d", str(number).encode())
            people.append(one)
            one.raw(one.given[:cut])
        self.read()
        self.server.restart()
        for one, (given, cut, refused) in zip(people, rows):
            one.raw(one.given[cut:])
            if refused:
                one.ends_with(HTTP)
            else:
                one.until(rx(r"\* You are in %s .*" % one.room))
                self.was_said(one, ["hello"])

    def test_the_end_of_the_input(self):
        """Half a line counts, whenever the end comes; Ctrl-D is none."""
        watcher = self.server.client("watcher", address=self.path)
        rows = [(b"last", b"", ["last"]), (b"la", b"st", ["last"]),
                (b"last\x04", b"", ["last"]), (b"\x04", b"", []),
                (b"last\n", b"", ["last"]), (b"last\r", b"", ["last"]),
                (b"last" + SB, b"", ["last"]), (b"\xff", b"", []),
                (b"last" + DO, ECHO, ["last"])]
        people = []
        for row in rows:
            for early in (True, False):
                one = self.one(repr(row), telnet=True)
                watcher.ask("/join " + one.room)
                people.append((one, early) + row)
        for one, early, before, after, texts in people:
            one.raw(before)
        self.read()
        for one, early, before, after, texts in people:
            if early:
                one.raw(after)
                one.half_close()
        self.server.hand_over()
        for one, early, before, after, texts in people:
            if not early:
                one.raw(after)
                one.half_close()
        self.server.begin()
        heard = {one.room: [] for one, _, _, _, _ in people}
        gone = 0
        while gone < len(people):
            line = watcher.next()
            said = re.fullmatch(r"\[(#r\d+)\] (\w+: (.*)|-- \w+ left)", line)
            if said and said[3] is not None:
                heard[said[1]].append(said[3])
            elif said:
                gone += 1
        for one, early, before, after, texts in people:
            self.assertEqual(heard[one.room], texts, (before, after, early))
            one.rest(whole=False)


class Crashed(Cut):
    """What was read of a line is gone; so the rest of it is nobody's.

    It might be the end of something private, and would be public.
    """

    def run_rows(self, rows, telnet):
        people = [self.one("%r|%r" % row[:2], telnet) for row in rows]
        for one, (before, _, _, _) in zip(people, rows):
            one.raw(before)
        self.read()
        self.server.crash()
        for one in people:
            one.until(CAME_BACK)
        for one, (_, after, answer, texts) in zip(people, rows):
            one.raw(after)
            one.receive(answer)
            if telnet:
                one.raw(EL)
            self.was_said(one, texts)

    test_text_on_telnet = test_long_lines = test_again_and_again = None
    test_how_it_begins = test_the_end_of_the_input = None

    def test_text(self):
        """The rest of a line is not said; what comes after it is."""
        rows = [(b"half a ", b"line\nnext\n", b"", ["next"]),
                (b"/msg witness half a ", b"line\nnext\n", b"", ["next"]),
                (b"caf\xc3", b"\xa9\nnext\n", b"", ["next"]),
                (b"x", b"\nnext\n", b"", ["next"]),
                (b"done\r", b"\nnext\n", b"", ["done", "next"]),
                (b"done\n", b"next\n", b"", ["done", "next"]),
                (b"x" * 2000, b"line\nnext\n", b"", ["next"])]
        self.run_rows(rows, False)

    def test_telnet(self):
        """Half a command is no text afterwards."""
        rows = [(b"\xff", b"\xfd" + ECHO + b"hello\n", WONT + ECHO, ["hello"]),
                (DO, ECHO + b"hello\n", WONT + ECHO, ["hello"]),
                (WILL, b"ahello\n", b"\xff\xfea", ["hello"]),
                (SB + TTYPE, b"secret" + SE + b"hello\n", b"", ["hello"]),
                (SB + TTYPE + b"\xff", b"\xf0hello\n", b"", ["hello"]),
                (SB + TTYPE + b"a\r\n", b"b\r\n" + SE + b"hello\n", b"",
                 ["hello"])]
        self.run_rows(rows, True)


class Rate(KeptCase):
    """Tokens are kept, and so is what waits for them."""

    def test_a_burst(self):
        daemon = self.kept(rate="50 50")
        watcher = daemon.client("watcher", source="127.9.0.1")
        alice = daemon.guest("alice")
        watcher.until("[#lobby] -- %s joined" % alice.nick)
        began = time.monotonic()
        alice.send(*["line %d" % i for i in range(200)])
        for upto in (50, 90, 130):
            watcher.until("[#lobby] %s: line %d" % (alice.nick, upto - 1))
            daemon.restart()
            for i in range(upto, upto + 20):
                watcher.expect("[#lobby] %s: line %d" % (alice.nick, i))
        for i in range(150, 200):
            watcher.expect("[#lobby] %s: line %d" % (alice.nick, i))
        # a new burst at each restart would have been as good as no rate
        self.assertGreater(time.monotonic() - began, (200 - 50) / 50 - 0.3)
        watcher.silence()

    def test_after_a_crash(self):
        """The tokens are those that there were."""
        daemon = self.kept(rate="20 4")
        watcher = daemon.client("watcher", source="127.9.0.1")
        alice = daemon.guest("alice")
        watcher.until("[#lobby] -- %s joined" % alice.nick)
        began = time.monotonic()
        alice.send(*["line %d" % i for i in range(15)])
        watcher.until("[#lobby] %s: line 14" % alice.nick)
        daemon.crash()
        alice.send(*["line %d" % i for i in range(15, 28)])
        watcher.until("[#lobby] %s: line 27" % alice.nick)
        self.assertGreater(time.monotonic() - began, (28 - 20) / 4 - 0.3)

    def test_half_closed(self):
        """nc -N has sent it all, and waits for the end."""
        daemon = self.kept(rate="10 30")
        watcher = daemon.client("watcher", source="127.9.0.1")
        alice = daemon.guest("alice")
        watcher.until("[#lobby] -- %s joined" % alice.nick)
        alice.send(*["line %d" % i for i in range(100)], "/nick ann")
        alice.half_close()
        for upto in (20, 50, 80):
            watcher.until("[#lobby] %s: line %d" % (alice.nick, upto))
            daemon.restart()
        for i in range(81, 100):
            watcher.expect("[#lobby] %s: line %d" % (alice.nick, i))
        watcher.expect("[#lobby] -- %s is now ann" % alice.nick,
                       "[#lobby] -- ann left")
        alice.ends_with("* You are now ann.")

    def test_what_one_host_spent(self):
        """To come again after a restart is no way around it."""
        daemon = self.kept(rate="20 4")
        watcher = daemon.client("watcher", source="127.9.0.1")
        one = daemon.newcomer("one")
        began = time.monotonic()
        one.ask(*["line"] * 18)
        one.hang_up()
        daemon.restart()
        two = daemon.newcomer("two")
        two.ask(*["line"] * 10)
        self.assertGreater(time.monotonic() - began, (18 + 10 - 20) / 4 - 0.5)
        watcher.sync()


class Login:
    """At the prompt nobody is let in, told more or asked less."""

    def begin(self, config=""):
        self.server = self.kept("password hush\nmax-per-host 20\n" + config)

    def at_prompt(self, label="one", **how):
        one = self.server.connect(label, **how)
        one.expect("* Welcome to banter on box.", PASSWORD_NEEDED)
        return one

    def asked_again(self, *people):
        """After a crash everybody at the prompt is asked once more."""
        self.server.restart() if self.planned else self.server.crash()
        for one in people:
            if not self.planned:
                one.expect(CAME_BACK, PASSWORD_NEEDED)

    def test_asked(self):
        self.begin()
        one, two = self.at_prompt(), self.at_prompt("two")
        alice = self.at_prompt("alice")
        alice.send("/pass hush", "/nick alice")
        alice.until("* You are now alice.")
        one.raw(b"" if not self.planned else b"/pass hu")
        for _ in range(2):
            alice.sync()
            self.asked_again(one, two)
        alice.sync()
        for line in ("hello", "/nick eve", "/who", "/rooms", "/join #dev",
                     "/msg alice hello"):
            two.ask_error(line, "A password is needed")
        alice.silence()
        one.raw(b"sh\n" if self.planned else b"/pass hush\n")
        one.greeted()
        two.send("/pass hush")
        two.greeted()
        alice.send("/who")
        alice.expect("* #lobby (3): alice, %s, %s" % (one.nick, two.nick))

    def test_tries_are_counted(self):
        self.begin()
        one = self.at_prompt()
        one.send("/pass one")
        one.expect("! Wrong password; /pass PASSWORD")
        self.asked_again(one)
        one.send("/pass two")
        one.expect("! Wrong password; /pass PASSWORD")
        self.asked_again(one)
        one.send("/pass three", "/pass hush")
        one.ends_with("! Wrong password, the third time; goodbye.")

    def test_failures_of_the_host_are_counted(self):
        self.begin()
        for _ in range(2):
            one = self.at_prompt()
            one.send("/pass guess")
            one.expect("! Wrong password; /pass PASSWORD")
            one.hang_up()
        other = self.at_prompt("another host", source="127.5.0.2")
        self.asked_again(other)
        began = time.monotonic()
        late = self.at_prompt()
        late.send("/pass hush")
        late.greeted()
        self.assertGreater(time.monotonic() - began, 1.0 - 0.1)

    def test_a_pause_goes_on(self):
        """What is to be carried out after it still is."""
        self.begin()
        one = self.at_prompt()
        began = time.monotonic()
        one.send("/pass one", "/pass two")
        one.expect("! Wrong password; /pass PASSWORD")
        self.asked_again(one)
        if not self.planned:
            one.send("/pass two")
        one.until("! Wrong password; /pass PASSWORD")
        one.send("/pass hush")
        one.greeted()
        self.assertGreater(time.monotonic() - began, 0.5 + 1.0 - 0.1)

    def test_the_time_goes_on(self):
        self.begin("login-timeout 6\n")
        one = self.at_prompt()
        began = time.monotonic()
        one.read_for(4)
        self.asked_again(one)
        one.ends_with("! No password came in time; goodbye.")
        self.assertLess(time.monotonic() - began, 4 + 6 - 0.5)

    def test_a_new_password(self):
        """The file says another one by then."""
        self.begin()
        one = self.at_prompt()
        self.server.write_config("password sesame\n")
        self.asked_again(one)
        one.ask_error("/pass hush", "Wrong password")
        one.send("/pass sesame")
        one.greeted()

    def test_a_password_by_then(self):
        """Who is in stays in."""
        daemon = self.kept("")
        alice = daemon.client("alice")
        daemon.write_config("password hush\n")
        self.again(daemon, alice)
        self.server = daemon
        one = self.at_prompt()
        one.ask_error("/who", "A password is needed")
        alice.silence()


class PlannedLogin(Planned, Login, KeptCase):
    pass


class CrashLogin(Crash, Login, KeptCase):
    pass


class Leaving(KeptCase):

    def test_after_quit(self):
        """Who has not closed yet is waited for by the next, and no longer."""
        daemon = self.kept()
        watcher = daemon.client("watcher")
        people = [daemon.client("p%d" % i) for i in range(4)]
        settle(watcher, *people)
        for one in people:
            one.send("/quit gone")
        self.assertEqual({watcher.next() for _ in people}, {
            "[#lobby] -- %s left (gone)" % one.nick for one in people})
        daemon.restart()
        watcher.silence()
        for one in people:
            one.expect_reset()
            self.assertEqual(one.rest()[-1], "* Bye.")
        watcher.silence()
        daemon.client("p0").send("the name is free")
        watcher.until("[#lobby] p0: the name is free")

    def test_what_it_is_owed(self):
        """/history and /quit of one who reads slowly: all of it arrives."""
        daemon = self.kept("history 300\nsend-queue 1M\n")
        bob = daemon.client("bob")
        bob.ask(*["%d %s" % (i, "x" * 900) for i in range(300)])
        for planned in (True, False):
            with self.subTest(planned):
                alice = daemon.client("alice", rcvbuf=2048)
                alice.send("/history 300", "/history 300", "/quit")
                bob.until("[#lobby] -- alice left")
                if not planned:
                    daemon.crash()
                    alice.rest(whole=False, reset=True)
                    continue
                daemon.restart()
                lines = alice.rest()
                self.assertEqual(lines[-1], "* Bye.")
                self.assertEqual(len(lines), 603)


if __name__ == "__main__":
    main()
