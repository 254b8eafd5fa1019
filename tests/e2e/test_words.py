#!/usr/bin/env python3
"""Words that stay: /catchup, /history further back, /find, notes, and what
`keep`, `operators`, `banter-store export` and `erase` do."""

import json
import random
import re
import signal
import sqlite3
import threading
import time

from test_names import NOT_LOGGED_IN, NamesCase, belongs, yours

from banter import wait
from banter.case import main
from banter.client import settle

STAMPED = re.compile(r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d (.*)")
DATED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d (.*)")
SINCE = re.compile(r"\* (\d+) lines? since you left: /catchup shows (it|them)"
                   r"\.")
MORE = re.compile(r"\* (\d+) more: /catchup again\.")
NOTHING_MISSED = "* You have missed nothing."
KEPT_AS_NOTE = "* %s is not here; they will read it when they come."
NOT_NOW = "! Nothing can be kept just now; ask whoever runs this server."
NOT_HERE = "! Nothing is kept on this server."
NOTHING_FOUND = "* Nothing in your rooms has all of these words."
PAGE = 100
DAY = 86400


def told(lines, pattern=STAMPED):
    """The lines that have a time, without it."""
    return [found.group(1) for found in map(pattern.fullmatch, lines) if found]


def wait_kept(server):
    """The outbox is empty, and nothing was lost."""
    def is_kept():
        server.mark()
        server.signal(signal.SIGUSR1)
        return " 0 changes" in server.wait_log(
            "store is .* changes to be kept, 0 lost").string

    wait.eventually(is_kept, "all is kept")


class WordsCase(NamesCase):

    def setUp(self):
        super().setUp()
        self.tell_more("")

    def tell_more(self, more):
        """The daemon's configuration has these lines, too."""
        self.server.mark()
        self.server.reload(self.store.config + self.config
                           + "names-per-host 1000\n" + more)
        self.server.wait_log("reloaded")

    def again(self, more=""):
        """Another daemon in the place of this one."""
        self.server.stop()
        self.server = self.begin("names-per-host 1000\n" + more)

    def owner(self, name, *rooms, password="sesame"):
        """As the other one; whoever else comes may be announced meanwhile."""
        one = self.server.client(name, *rooms)
        one.send("/register " + password)
        one.until(yours(name))
        return one

    def back(self, name):
        """Somebody new who logs in; they, and what they read."""
        one = self.server.newcomer(name)
        one.sync()
        lines = one.ask("/login %s sesame" % name)
        self.assertIn("* You are now %s." % name, lines)
        one.nick = name
        return one, lines

    @staticmethod
    def next_second():
        """Waits until what was said is of another second for sure."""
        now = int(time.time())
        wait.eventually(lambda: time.time() >= now + 2, "the second is over")

    def wait_gone(self, *words):
        """They are in none of the files any more."""
        def is_gone():
            return not any(word.encode() in self.bytes() for word in words)

        wait.eventually(is_gone, "nothing of %s is in a file" % (words,), 40)

    def bytes(self):
        """Of the file and what belongs to it."""
        data = b""
        for end in ("", "-wal"):
            try:
                with open(self.store.file + end, "rb") as file:
                    data += file.read()
            except FileNotFoundError:
                pass
        return data


class Refusals(WordsCase):

    def test_guests(self):
        guest = self.server.guest()
        self.owner("alice").hang_up()
        guest.until("[#lobby] -- alice left")
        for line in ("/catchup", "/catchup #lobby"):
            self.assertEqual(guest.ask_error(line), NOT_LOGGED_IN)
        self.assertEqual(
            guest.ask_error("/msg alice hello"),
            "! alice is not here; who is logged in can leave a note. "
            "Nothing was sent.")
        self.assertEqual(guest.ask_error("/msg nobody hello"),
                         "! Nobody here is called nobody.")

    def test_rooms(self):
        alice, bob = self.owner("alice"), self.server.client("bob", "#dev")
        settle(alice, bob)
        self.assertEqual(alice.ask_error("/catchup nowhere"),
                         "! There is no room #nowhere; /rooms lists them.")
        self.assertEqual(alice.ask_error("/catchup dev"),
                         "! You are not in #dev.")
        self.assertEqual(alice.ask_notice("/catchup"), NOTHING_MISSED)
        self.assertEqual(alice.ask_notice("/catchup lobby"), NOTHING_MISSED)
        settle(bob)
        bob.ask("/leave #dev", "/leave")
        for line in ("/find x", "/history", "/history 2026-11-26"):
            self.assertEqual(
                bob.ask_error(line),
                "! You are in no room; /join ROOM to enter one.")

    def test_words(self):
        bob = self.server.client("bob")
        self.assertEqual(bob.ask_error("/find"),
                         "! /find needs more: /find WORDS")
        self.assertEqual(bob.ask_notice("/find x"), NOTHING_FOUND)
        for word in ("0", "x", "2026-13-01", "2026-02-31", "2026-02-1"):
            self.assertEqual(
                bob.ask_error("/history " + word),
                "! %s is not a number of lines (1 or more)." % word)
        self.assertEqual(bob.ask_notice("/history 1999-01-01"),
                         "* Nothing of that is kept of #lobby.")

    def test_nothing_is_kept(self):
        server = self.daemon("store none\n")
        bob = server.client("bob")
        self.assertEqual(bob.ask_error("/find x"), NOT_HERE)
        self.assertEqual(bob.ask_notice("/history"),
                         "* Nothing has been said in #lobby yet.")
        bob.ask("hello")
        self.assertEqual(told(bob.ask("/history 20")), ["[#lobby] bob: hello"])

    def test_no_store(self):
        """What memory has is shown all the same."""
        alice, bob = self.owner("alice"), self.server.client("bob")
        self.owner("carol").hang_up()
        alice.ask("hello")
        settle(alice, bob)
        self.server.mark()
        self.store.kill()
        self.server.wait_log("no store at")
        self.assertEqual(alice.ask_error("/catchup"), NOT_NOW)
        self.assertEqual(alice.ask_error("/msg carol hello"), NOT_NOW)
        self.assertEqual(bob.ask_error("/find hello"), NOT_NOW)
        self.assertEqual(bob.ask_error("/history 2026-11-26"), NOT_NOW)
        self.assertEqual(told(bob.ask("/history 20")),
                         ["[#lobby] alice: hello"])
        self.store.begin()


class Lines(WordsCase):

    def test_history_outlives_all(self):
        bob = self.server.client("bob", "#dev")
        bob.ask(*["line %d" % i for i in range(70)])
        bob.ask("/me waves")
        self.server.mark()
        self.store.crash()
        self.server.wait_log("found the store")
        self.again()
        carol = self.server.client("carol")
        carol.join("#dev")
        lines = carol.ask("/history 300")
        self.assertEqual(lines[0], "* What was said in #dev:")
        self.assertEqual(
            told(lines), ["[#dev] bob: line %d" % i for i in range(70)]
            + ["[#dev] * bob waves"])
        self.assertEqual(told(carol.ask("/history 3")),
                         ["[#dev] bob: line 68", "[#dev] bob: line 69",
                          "[#dev] * bob waves"])

    def test_said_just_before_the_end(self):
        """Without -k, too: what TERM finds in the outbox is sent."""
        bob = self.server.client("bob")
        for life in range(3):
            bob.ask(*["life %d line %d" % (life, i) for i in range(200)])
            self.server.signal(signal.SIGTERM)
            self.server.wait_exit()
            self.again()
            bob = self.server.client("bob")
        self.assertEqual(
            told(bob.ask("/history 1000")),
            ["[#lobby] bob: life %d line %d" % (life, i)
             for life in range(3) for i in range(200)])

    def test_history_of_a_day(self):
        bob = self.server.client("bob")
        bob.ask("old one", "old two")
        wait_kept(self.server)
        self.store.stop()
        with sqlite3.connect(self.store.file) as db:
            db.execute("UPDATE lines SET at = at - ?", (2 * DAY,))
        db.close()
        self.server.mark()
        self.store.begin()
        self.server.wait_log("found the store")
        bob.ask("new")
        day, today = [time.strftime("%Y-%m-%d", time.localtime(
            time.time() - ago)) for ago in (2 * DAY, 0)]
        lines = bob.ask("/history " + day)
        self.assertEqual(lines[0], "* What was said in #lobby:")
        self.assertEqual(told(lines[1:]),
                         ["[#lobby] bob: old one", "[#lobby] bob: old two"])
        for line in lines[1:]:
            self.assertTrue(line.startswith(day), lines)
        self.assertEqual(told(bob.ask("/history " + today)),
                         ["[#lobby] bob: new"])
        between = time.strftime("%Y-%m-%d",
                                time.localtime(time.time() - DAY))
        self.assertEqual(bob.ask_notice("/history " + between),
                         "* Nothing of that is kept of #lobby.")

    def test_nothing_in_memory(self):
        """With `history 0` it is all of the file."""
        self.again("history 0\n")
        bob = self.server.client("bob")
        bob.ask(*["line %d" % i for i in range(70)])
        for words, first in (("", 20), ("60", 10), ("3", 67)):
            self.assertEqual(told(bob.ask("/history " + words)), [
                "[#lobby] bob: line %d" % i for i in range(first, 70)])

    def test_private_lines_are_not_kept(self):
        alice, bob = self.server.people("alice", "bob")
        alice.ask("/msg bob hush hush", "loud", "/join #never")
        self.tell_more("room #never keep none\n")
        alice.ask("in vain")
        bob.ask("/reply hush back")
        wait_kept(self.server)
        data = self.bytes()
        self.assertIn(b"loud", data)
        self.assertNotIn(b"hush", data)
        self.assertNotIn(b"in vain", data)


class Catchup(WordsCase):
    """Never twice, and nothing left out."""

    PEOPLE = ("alice", "bob", "carol", "dave")
    ROOMS = ("#lobby", "#a", "#b", "#c")

    def setUp(self):
        super().setUp()
        seed = random.randrange(1 << 32)
        print("seed %d" % seed, flush=True)
        self.random = random.Random(seed)
        self.here, self.rooms, self.missed = {}, {}, {}
        self.count = 0

    def say(self, name, room, n=1):
        """Some lines of one who is in that room."""
        texts = ["line %d" % (self.count + i) for i in range(n)]
        self.count += n
        self.here[name].ask(*["/msg %s %s" % (room, text) for text in texts])
        for other, missed in self.missed.items():
            if other not in self.here and room in self.rooms[other]:
                missed += [(room, "[%s] %s: %s" % (room, name, text))
                           for text in texts]

    def come(self, name):
        one, lines = self.back(name)
        self.here[name] = one
        counts = [int(found.group(1)) for found in
                  map(SINCE.fullmatch, lines) if found]
        missed = len(self.missed[name])
        self.assertEqual(counts, [missed] if missed else [], (name, lines))

    def go(self, name):
        self.here.pop(name).hang_up()

    def see(self, name, room=None):
        """/catchup, once."""
        due = [one for one in self.missed[name] if room in (None, one[0])]
        lines = self.here[name].ask("/catchup " + (room or ""))
        self.assertEqual(told(lines), [one[1] for one in due[:PAGE]], name)
        left = [int(found.group(1)) for found in map(MORE.fullmatch, lines)
                if found]
        self.assertEqual(left, [len(due) - PAGE] if len(due) > PAGE else [])
        self.assertEqual(NOTHING_MISSED in lines, not due, lines)
        for one in due[:PAGE]:
            self.missed[name].remove(one)

    def move(self, name, room):
        """Joins it, or leaves it."""
        if room in self.rooms[name]:
            self.here[name].leave(room)
            self.rooms[name].discard(room)
            self.missed[name] = [one for one in self.missed[name]
                                 if one[0] != room]
        else:
            self.here[name].join(room)
            self.rooms[name].add(room)

    def act(self):
        """Something that somebody does who can."""
        name = self.random.choice(self.PEOPLE)
        room = self.random.choice(self.ROOMS)
        if name not in self.here:
            self.come(name)
            return
        kind = self.random.randrange(12)
        if kind == 0:
            self.move(name, room)
        elif kind == 1:
            self.see(name)
        elif kind == 2:
            self.see(name, room if room in self.rooms[name] else None)
        elif kind == 3:
            self.come(name)	# in the place of the one who is here
        elif kind == 4 and len(self.here) > 1:
            self.here.pop(name).ask("/logout")
        elif kind == 5:
            self.here[name].ask("/history 30", "/find line")
        elif kind < 8 and len(self.here) > 1:
            self.go(name)
        elif room in self.rooms[name]:
            self.say(name, room, self.random.choice((1, 2, 5, 60)))

    def people(self):
        for name in self.PEOPLE:
            self.here[name] = self.owner(name)
            self.rooms[name], self.missed[name] = {"#lobby"}, []
        for name in self.PEOPLE:
            for room in self.ROOMS[1:]:
                self.move(name, room)

    def see_all(self):
        for name in self.PEOPLE:
            if name not in self.here:
                self.come(name)
            while self.missed[name]:
                self.see(name)
            self.see(name)

    def test_model(self):
        self.people()
        for _ in range(150):
            self.act()
        self.see_all()
        self.assertEqual(self.store.word("check")[0], 0)

    def test_model_with_restarts(self):
        """All are gone then; who had not seen something has not, yet."""
        self.people()
        for _ in range(8):
            for _ in range(12):
                self.act()
            kind = self.random.randrange(3)
            self.server.mark()
            if kind == 0:
                self.store.crash()
                self.server.wait_log("found the store")
            elif kind == 1:
                self.store.restart()
                self.server.wait_log("found the store")
            else:
                self.again()
                self.here = {}
        self.see_all()
        self.assertEqual(self.store.word("check")[0], 0)

    def test_pages(self):
        self.people()
        self.go("dave")
        self.say("alice", "#a", 120)
        self.say("bob", "#b", 130)
        self.come("dave")
        self.say("carol", "#c", 5)
        for _ in range(4):
            self.see("dave")

    def test_left(self):
        """Who comes back to a room has missed nothing there."""
        self.people()
        self.go("dave")
        self.say("alice", "#a", 3)
        self.say("bob", "#b", 2)
        self.come("dave")
        self.move("dave", "#a")
        self.move("dave", "#a")
        self.see("dave")
        self.see("dave")

    def test_ignored(self):
        self.people()
        self.here["dave"].ask("/ignore bob")
        self.go("dave")
        self.say("alice", "#a", 3)
        self.here["bob"].ask("/msg #a not this")
        self.come("dave")
        self.see("dave")
        self.see("dave")

    def test_not_of_a_guest(self):
        """Who has the name next has missed nothing."""
        self.people()
        self.go("dave")
        self.say("alice", "#lobby", 3)
        self.come("dave")
        self.here["dave"].ask("/unregister sesame", "/register sesame")
        self.missed["dave"] = []
        self.see("dave")


class Notes(WordsCase):

    def test_once_in_order(self):
        self.owner("carol").hang_up()
        alice, bob = self.owner("alice"), self.owner("bob")
        for i in range(5):
            self.assertEqual(alice.ask("/msg carol %d of alice" % i)[-1:],
                             [KEPT_AS_NOTE % "carol"])
        for _ in range(2):
            self.assertEqual(
                alice.ask_error("/msg carol one too many"),
                "! Too many notes wait for carol already; nothing was sent.")
        bob.ask("/msg Carol of bob", "/msg carol /me waves")
        self.server.mark()
        self.store.crash()
        self.server.wait_log("found the store")
        _, lines = self.back("carol")
        self.assertEqual(
            told(lines),
            ["[private] alice: %d of alice" % i for i in range(5)]
            + ["[private] bob: of bob", "[private] * bob waves"])
        more = "* alice had more to say; five notes are kept from each."
        self.assertEqual(lines.count(more), 1)
        self.assertEqual(lines[lines.index(more) - 1][6:],
                         "[private] alice: 4 of alice")
        carol, lines = self.back("carol")
        self.assertEqual(told(lines), [])
        carol.hang_up()
        alice.ask("/msg carol there is space again")
        _, lines = self.back("carol")
        self.assertEqual(told(lines),
                         ["[private] alice: there is space again"])
        wait_kept(self.server)
        self.wait_gone("of alice", "space again")

    def test_fifty_in_all(self):
        self.owner("carol").hang_up()
        for i in range(11):
            one = self.owner("p%d" % i)
            for j in range(5):
                answer = one.ask("/msg carol note %d" % j)[-1]
                self.assertEqual(answer, KEPT_AS_NOTE % "carol" if i < 10 else
                                 "! Too many notes wait for carol already; "
                                 "nothing was sent.")
        _, lines = self.back("carol")
        self.assertEqual(told(lines), [
            "[private] p%d: note %d" % (i, j)
            for i in range(10) for j in range(5)])

    def test_ignored(self):
        alice, carol = self.owner("alice"), self.owner("carol")
        carol.ask("/ignore alice")
        carol.hang_up()
        alice.sync()
        self.assertEqual(alice.ask_notice("/msg carol psst"),
                         KEPT_AS_NOTE % "carol")
        carol, lines = self.back("carol")
        self.assertEqual(told(lines), [])
        wait_kept(self.server)
        self.assertNotIn(b"psst", self.bytes())
        carol.ask("/unignore alice")
        carol.hang_up()
        self.assertEqual(told(self.back("carol")[1]), [])

    def test_whose_name_is_free_again(self):
        self.owner("carol").hang_up()
        alice = self.owner("alice")
        alice.ask("/msg carol for the old one")
        self.assertEqual(self.store.word("forget", "carol")[0], 0)
        self.owner("carol").hang_up()
        self.assertEqual(told(self.back("carol")[1]), [])
        self.wait_gone("for the old one")

    def test_who_is_here_reads_it_at_once(self):
        alice, carol = self.owner("alice"), self.owner("carol")
        settle(alice, carol)
        alice.send("/msg carol hello")
        carol.expect("[private] alice: hello")
        alice.silence()


class Find(WordsCase):

    def find(self, one, words):
        return told(one.ask("/find " + words), DATED)

    def test_words(self):
        bob = self.server.client("bob")
        said = ("the printer is broken", "Printer ink and JAM",
                "release notes", "notes of the release", "100% sure",
                "a_b is no aXb", "Straße frei", "STRASSE zu",
                "\u6771\u4eac\u30bf\u30ef\u30fc", "\u0397 \u039f\u0394\u039f\u03a3",
                "it's \"quoted\"", "caf\u00e9 au lait")
        bob.ask(*said)

        def found(words):
            return [line[len("[#lobby] bob: "):]
                    for line in self.find(bob, words)]

        self.assertEqual(found("printer"), [said[1], said[0]])
        self.assertEqual(found("print jam"), [said[1]])
        self.assertEqual(found("PRINTER broken nothing"), [])
        self.assertEqual(found("release notes"), [said[3], said[2]])
        self.assertEqual(found('"release notes"'), [said[2]])
        self.assertEqual(found("%"), [said[4]])
        self.assertEqual(found("0%"), [said[4]])
        self.assertEqual(found("a_b"), [said[5]])
        self.assertEqual(found("stra\u00dfe"), [said[7], said[6]])
        self.assertEqual(found("STRASSE"), [said[7], said[6]])
        self.assertEqual(found("\u4eac"), [said[8]])
        self.assertEqual(found("\u03bf\u03b4\u03bf\u03c3"), [said[9]])
        self.assertEqual(found("'"), [said[10]])
        self.assertEqual(found("cafe\u0301"), [said[11]])
        self.assertEqual(found("'; DROP TABLE lines; --"), [])
        self.assertEqual(bob.ask("/find nothing at all"), [NOTHING_FOUND])

    def test_by_whom(self):
        alice, bob = self.server.people("alice", "bob")
        alice.ask("strawberry jam")
        bob.ask("traffic jam", "/me has jam")
        settle(alice, bob)
        self.assertEqual(self.find(bob, "from:BOB jam"),
                         ["[#lobby] * bob has jam",
                          "[#lobby] bob: traffic jam"])
        self.assertEqual(self.find(bob, "from:alice"),
                         ["[#lobby] alice: strawberry jam"])
        self.assertEqual(self.find(bob, "from:carol jam"), [])

    def test_rooms(self):
        """Of all that one is in, and of no other."""
        alice = self.server.client("alice", "#dev", "#ops", "#out")
        bob = self.server.client("bob", "#dev", "#ops")
        for room in ("#lobby", "#dev", "#ops", "#out"):
            alice.ask("/msg %s jam in %s" % (room, room[1:]))
        settle(alice, bob)
        self.assertEqual(self.find(bob, "jam"),
                         ["[#ops] alice: jam in ops",
                          "[#dev] alice: jam in dev",
                          "[#lobby] alice: jam in lobby"])
        bob.ask("/leave #dev")
        self.assertEqual(self.find(bob, "jam"),
                         ["[#ops] alice: jam in ops",
                          "[#lobby] alice: jam in lobby"])

    def test_many(self):
        bob = self.server.client("bob")
        bob.ask(*["jam %d" % i for i in range(120)])
        lines = bob.ask("/find jam")
        self.assertEqual(told(lines, DATED), [
            "[#lobby] bob: jam %d" % i for i in range(119, 69, -1)])
        self.assertEqual(lines[-1],
                         "* There are more; another word makes them fewer.")


class Keys(WordsCase):
    """What was said in a room with a key before one came in is not theirs."""

    def reads(self, one, room="#hush"):
        """What they find, by each way there is."""
        one.ask("/join %s key" % room)
        history = told(one.ask("/history 1000"))
        today = told(one.ask("/history " + time.strftime("%Y-%m-%d")))
        found = told(one.ask("/find said"), DATED)
        self.assertEqual(history, found[::-1])
        self.assertEqual(history, today)
        return [line.split(": said ")[1] for line in history]

    def test_registered(self):
        alice = self.server.client("alice")
        alice.ask("/join #hush key", "said before")
        bob = self.owner("bob")
        self.assertNotIn("before", "\n".join(bob.join("#hush", "key")))
        self.assertEqual(self.reads(bob), [])
        alice.ask("said with bob")
        self.assertEqual(self.reads(bob), ["with bob"])
        bob.leave("#hush")
        alice.ask("said between")
        bob.join("#hush", "key")
        alice.ask("said later")
        self.assertEqual(self.reads(bob), ["with bob", "between", "later"])
        bob.hang_up()
        alice.ask("said while away")
        bob = self.back("bob")[0]
        self.assertEqual(self.reads(bob),
                         ["with bob", "between", "later", "while away"])
        self.store.restart()
        self.again()
        alice = self.server.client("alice")
        alice.ask("/join #hush key")
        bob = self.back("bob")[0]
        self.assertEqual(self.reads(bob),
                         ["with bob", "between", "later", "while away"])
        self.assertEqual(self.reads(alice), [])

    def test_guest(self):
        alice, bob = self.server.client("alice"), self.server.client("bob")
        alice.ask("/join #hush key", "said before")
        self.assertNotIn("before", "\n".join(bob.join("#hush", "key")))
        self.next_second()
        alice.ask("said with bob")
        self.assertEqual(self.reads(bob), ["with bob"])
        bob.leave("#hush")
        alice.ask("said between")
        self.next_second()
        self.assertNotIn("between", "\n".join(bob.join("#hush", "key")))
        self.next_second()
        alice.ask("said later")
        self.assertEqual(self.reads(bob), ["later"])

    def test_a_name_that_is_somebody_elses_now(self):
        alice, bob = self.server.client("alice"), self.owner("bob")
        alice.ask("/join #hush key")
        bob.join("#hush", "key")
        alice.ask("said to bob")
        bob.ask("/unregister sesame")
        bob.hang_up()
        bob = self.owner("bob")
        self.assertNotIn("to bob", "\n".join(bob.join("#hush", "key")))
        self.assertEqual(self.reads(bob), [])

    def test_where_the_key_has_changed_meanwhile(self):
        """Who does not come back into a room has missed nothing there."""
        alice, bob = self.owner("alice"), self.server.client("bob")
        bob.join("#hush", "key")
        alice.join("#hush", "key")
        alice.hang_up()
        bob.leave("#hush")
        bob.join("#hush", "other")
        bob.ask("said behind another key")
        alice = self.back("alice")[0]
        self.assertNotIn("#hush", "\n".join(alice.ask("/whois alice")))
        for line in ("/catchup", "/catchup #hush", "/find said"):
            self.assertNotIn("another key", "\n".join(alice.ask(line)))

    def test_a_key_that_is_there_no_more(self):
        """A line keeps what it had when it was said."""
        alice = self.server.client("alice")
        alice.ask("/join #hush key", "said before", "/leave #hush",
                  "/join #hush", "said in the open")
        bob = self.server.client("bob")
        self.assertEqual(self.reads(bob), ["in the open"])


class Keep(WordsCase):

    def test_short(self):
        self.tell_more("keep 2s\nroom #long keep forever\n")
        bob = self.server.client("bob", "#long")
        bob.ask("/msg #lobby evanescent", "/msg #long perennial")
        wait_kept(self.server)
        self.assertIn(b"evanescent", self.bytes())
        self.wait_gone("evanescent")
        self.assertIn(b"perennial", self.bytes())
        self.assertEqual(told(bob.ask("/find e"), DATED),
                         ["[#long] bob: perennial"])

    def test_of_a_room(self):
        self.tell_more("room #brief keep 2s\n")
        bob = self.server.client("bob", "#brief")
        bob.ask("/msg #lobby perennial", "/msg #brief evanescent")
        wait_kept(self.server)
        self.wait_gone("evanescent")
        self.assertIn(b"perennial", self.bytes())

    def test_what_was_kept_before(self):
        """A shorter time holds for all that is there."""
        bob = self.server.client("bob", "#dev")
        bob.ask("/msg #dev evanescent")
        wait_kept(self.server)
        self.tell_more("room #dev keep none\n")
        self.wait_gone("evanescent")


class Admin(WordsCase):

    def test_erase(self):
        alice, bob = self.owner("alice"), self.server.client("bob", "#dev")
        self.owner("carol").hang_up()
        alice.join("#dev")
        alice.ask("/msg carol regretnote")
        for i in range(20):
            alice.ask("/msg #lobby regret %d" % i, "/msg #dev /me regret")
            bob.ask("/msg #dev steady %d" % i)
        status, text = self.store.word("erase", "ALICE")
        self.assertEqual(status, 0, text)
        self.assertNotIn(b"regret", self.bytes())
        self.assertIn(b"steady", self.bytes())
        for room in ("#dev", "#lobby"):
            bob.join(room)
            self.assertNotIn("regret", "\n".join(bob.ask("/history 1000")))
            self.assertNotIn("regret", "\n".join(bob.ask("/history 5")))
        self.assertEqual(bob.ask("/find regret"), [NOTHING_FOUND])
        bob.join("#dev")
        self.assertEqual(told(bob.ask("/history 1000")),
                         ["[#dev] bob: steady %d" % i for i in range(20)])
        # they are still who they are; what is of that second may be late
        self.next_second()
        alice.ask("said later")
        self.assertEqual(told(bob.ask("/find later"), DATED),
                         ["[#dev] alice: said later"])
        self.assertEqual(told(self.back("carol")[1]), [])

    def test_erase_what_is_on_its_way(self):
        """In the outbox, and in the socket to the store."""
        alice, bob = self.owner("alice"), self.server.client("bob")
        wait_kept(self.server)
        self.store.freeze()
        alice.ask(*["regret %d" % i for i in range(300)])
        bob.ask(*["steady %d" % i for i in range(300)])
        word = threading.Thread(
            target=lambda: answer.append(self.store.word("erase", "alice")))
        answer = []
        word.start()
        alice.ask("regret it again")
        self.store.thaw()
        word.join()
        self.assertEqual(answer[0][0], 0, answer)
        self.server.mark()
        self.store.crash()
        self.server.wait_log("found the store")
        wait_kept(self.server)
        self.assertNotIn(b"regret", self.bytes())
        self.assertEqual(told(bob.ask("/history 1000")),
                         ["[#lobby] bob: steady %d" % i for i in range(300)])

    def test_erase_a_guest(self):
        bob = self.server.client("bob")
        bob.ask("regret")
        self.assertEqual(self.store.word("erase", "bob")[0], 0)
        self.assertNotIn(b"regret", self.bytes())
        self.assertEqual(self.store.word("erase", "no name")[0], 1)

    def test_export(self):
        bob = self.server.client("bob", "#dev")
        began = int(time.time())
        texts = ["plain", "a \"quote\" \\ and %", "\u6771\u4eac"]
        bob.ask(*texts)
        bob.ask("/me waves")
        bob.ask("/msg #lobby elsewhere")
        wait_kept(self.server)
        status, out = self.store.word("export", "#dev")
        self.assertEqual(status, 0, out)
        lines = out.splitlines()
        self.assertEqual(
            [line[len("2026-11-26 10:32:01 "):] for line in lines],
            ["[#dev] bob: " + text for text in texts]
            + ["[#dev] * bob waves"])
        status, out = self.store.word("export", "#dev", "--json")
        self.assertEqual(status, 0, out)
        rows = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([row["text"] for row in rows], texts + ["waves"])
        self.assertEqual([row["action"] for row in rows],
                         [False, False, False, True])
        for row in rows:
            self.assertEqual((row["room"], row["from"]), ("#dev", "bob"))
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began))
            self.assertGreaterEqual(row["time"], at)
        tomorrow = time.strftime("%Y-%m-%d",
                                 time.gmtime(time.time() + 2 * DAY))
        self.assertEqual(self.store.word("export", "#dev", "--since",
                                         tomorrow), (0, ""))
        self.assertEqual(self.store.word("export", "#nowhere")[0], 1)


class Operators(WordsCase):

    def test_run_every_room(self):
        self.tell_more("operators alice Bob\nroom #listed\n")
        alice = self.server.client("alice")
        self.assertEqual(
            alice.ask_error("/register sesame"),
            "! alice is registered by whoever runs this server only.")
        carol = self.server.client("carol", "#listed", "#own")
        alice.join("#own")
        self.assertEqual(alice.ask_error("/kick carol"),
                         "! Only carol, who runs #own, can do that.")
        self.assertEqual(
            self.store.word("register", "alice", password="sesame")[0], 0)
        alice.until(belongs("alice"))
        alice.ask("/login alice sesame")
        settle(alice, carol)
        for room in ("#listed", "#own", "#lobby"):
            alice.join(room)
            lines = alice.ask("/kick carol")
            self.assertIn("* You kicked carol from %s." % room, lines)
        alice.ask_notice("/invite carol",
                         "* carol may come into #lobby.")
        # no longer
        self.tell_more("room #listed\n")
        carol.ask("/join #lobby")
        self.assertEqual(alice.ask("/kick carol")[-1],
                         "! Nobody runs #lobby.")

    def test_not_by_the_name_alone(self):
        """Who had it before it was an operator's is none."""
        alice, carol = self.server.client("alice"), self.server.client("carol")
        alice.ask("/me is here")
        self.tell_more("operators alice\n")
        carol.sync()
        self.assertEqual(alice.ask("/kick carol")[-1],
                         "! Nobody runs #lobby.")
        bob = self.owner("bob")
        bob.ask_error("/kick carol", "Nobody runs #lobby")


if __name__ == "__main__":
    main()
