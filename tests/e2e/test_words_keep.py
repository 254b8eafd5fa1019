#!/usr/bin/env python3
"""Words that stay, through restarts and kills of the daemon (-k) and of the
store, at any moment."""

import collections
import json
import random
import re
import select
import time

from test_words import NOTHING_MISSED, STAMPED, wait_kept

from banter import wait
from banter.case import main
from banter.client import settle
from banter.line import rx
from banter.manager import KeptCase
from banter.names_store import NEEDED, NamesStore

TOKEN = re.compile(rb"! There is no command /(zstorm\d+)")


class Talker:
    """Somebody who says words of a number each, and reads what comes, whatever
    else there is between: half lines, too, where a life has ended."""

    def __init__(self, client):
        client.sync()
        self.name = client.nick
        self.sock = client.sock
        self.pending = b""
        self.heard = []		# numbers, in their order
        self.tokens = set()

    def say(self, numbers):
        self.sock.sendall(b"".join(b"word %d\n" % n for n in numbers))

    def read(self):
        """Takes what is there."""
        data = self.sock.recv(1 << 16)
        if not data:
            raise AssertionError("%s was disconnected" % self.name)
        self.pending += data
        end = self.pending.rfind(b"\n") + 1
        whole, self.pending = self.pending[:end], self.pending[end:]
        for line in whole.split(b"\r\n"):
            found = re.search(rb"\[#lobby\] (\w+): word (\d+)$", line)
            if found and not re.match(rb"(.* )?\d\d:\d\d \[", line):
                self.heard.append(int(found.group(2)))
            found = TOKEN.search(line)
            if found:
                self.tokens.add(found.group(1))


def read_all(talkers, seconds):
    """What comes to any of them within so many seconds."""
    until = time.monotonic() + seconds
    socks = {one.sock: one for one in talkers}
    while True:
        left = max(0, until - time.monotonic())
        for sock in select.select(list(socks), [], [], left)[0]:
            socks[sock].read()
        if left == 0:
            return


@NEEDED
class WordsKept(KeptCase):

    config = "names-per-host 100\nhistory 2000\nsend-queue 4M\n"

    def setUp(self):
        super().setUp()
        self.seed = random.randrange(1 << 32)
        print("seed %d" % self.seed, flush=True)
        self.random = random.Random(self.seed)
        self.store = NamesStore(self)
        self.server = self.kept(self.store.config + self.config)
        self.server.wait_log("found the store at ")
        self.serial = 0
        self.rounds = 0

    def owner(self, name, *rooms):
        one = self.server.client(name, *rooms)
        one.send("/register sesame")
        one.until(rx(r"\* %s is yours now.*" % name))
        return one

    def login(self, name):
        one = self.server.newcomer(name)
        one.sync()
        one.send("/login %s sesame" % name)
        one.until("* You are now %s." % name)
        one.nick = name
        one.sync()
        return one

    def exported(self, room="#lobby"):
        """Who said what there, in the order of the file."""
        status, out = self.store.word("export", room, "--json")
        self.assertEqual(status, 0, out)
        rows = [json.loads(line) for line in out.splitlines()]
        return [(row["from"], row["text"]) for row in rows]

    def numbers(self):
        return [int(text.split()[1]) for _, text in self.exported()
                if text.startswith("word ")]

    def wait_a_moment(self):
        """Too short for an answer, or long enough, or in its middle."""
        most = self.random.choice((0.003, 0.03, 0.3))
        select.select([], [], [], self.random.random() * most)

    def settled(self, talkers):
        """All that they have sent is carried out, and they have read it."""
        self.rounds += 1
        token = b"zstorm%d" % self.rounds
        for one in talkers:
            one.sock.sendall(b"/" + token + b"\n")

        def done():
            read_all(talkers, 0.02)
            return all(token in one.tokens for one in talkers)

        wait.eventually(done, "everybody is answered")


class Storm(WordsKept):

    time_limit = 150

    def rage(self, talkers, kills):
        """They talk, and something is killed, again and again."""
        down = False
        for _ in range(kills):
            for _ in range(self.random.randrange(1, 4)):
                for one in talkers:
                    n = self.random.randrange(1, 6)
                    one.say(range(self.serial, self.serial + n))
                    self.serial += n
                read_all(talkers, self.random.random() * 0.02)
            what = self.random.randrange(5)
            if what < 2:
                self.server.break_down(rests=False)
                if self.random.random() < 0.3 and not down:
                    self.store.kill()
                    down = True
                self.server.begin()
            elif what == 2:
                self.server.restart()
            elif down:
                self.store.begin()
                down = False
            else:
                self.store.kill()
                down = True
                if self.random.random() < 0.5:
                    self.store.begin()
                    down = False
            # what follows on a fault is no fault of these words
            self.settled(talkers)
            talkers[0].sock.sendall(b"/set\n" * 100)
        if down:
            self.store.begin()
        self.settled(talkers)
        wait_kept(self.server)

    def check(self, talkers, kept):
        """What anybody has heard is there once, and in that order."""
        twice = [n for n, count in collections.Counter(kept).items()
                 if count > 1]
        self.assertEqual(twice, [], "kept twice")
        place = {n: at for at, n in enumerate(kept)}
        for one in talkers:
            self.assertEqual(
                [n for n in one.heard if n not in place], [],
                "heard by %s, and not kept" % one.name)
            places = [place[n] for n in one.heard]
            self.assertEqual(places, sorted(set(places)),
                             "the order of %s" % one.name)

    def test_nothing_is_lost_nor_twice(self):
        """And who was away is shown just that."""
        ann, ben = self.owner("ann"), self.owner("ben")
        guest = self.server.client("gus")
        cat = self.owner("cat")
        settle(ann, ben, guest, cat)
        talkers = [Talker(one) for one in (ann, ben, guest)]
        cat.hang_up()
        before = 0
        for kills in (12, 10, 10):
            self.rage(talkers, kills)
            kept = self.numbers()
            self.check(talkers, kept)
            self.assertEqual(self.store.word("check")[0], 0)
            cat = self.login("cat")
            seen = self.catch_up(cat)
            self.assertEqual(seen, kept[before:])
            cat.hang_up()
            before = len(kept)

    def catch_up(self, cat):
        """All pages; the store is killed, the daemon restarted meanwhile."""
        seen = []
        while True:
            cat.send("/catchup")
            self.wait_a_moment()
            what = self.random.randrange(4)
            if what == 0:
                self.server.mark()
                self.store.crash()
                self.server.wait_log("found the store")
            elif what == 1:
                self.server.restart()
                self.server.wait_log("found the store")
            lines = cat.sync()
            said = [found.group(1) for found in map(STAMPED.fullmatch, lines)
                    if found]
            seen += [int(one.split(": word ")[1]) for one in said
                     if ": word " in one]
            if NOTHING_MISSED in lines:
                return seen


class Catchup(WordsKept):

    def setUp(self):
        super().setUp()
        self.ann = self.server.client("ann")
        self.owner("cat").hang_up()
        self.texts = ["word %d %s" % (i, "x" * 300) for i in range(350)]
        self.ann.ask(*self.texts)
        wait_kept(self.server)
        self.cat = self.login("cat")

    def pages(self, disturb):
        """All that is shown, if that happens in the middle of eight pages."""
        shown, more, times = [], True, 8
        while more:
            self.cat.send("/catchup")
            if times > 0:
                self.wait_a_moment()
                disturb()
                times -= 1
            lines = self.cat.sync()
            shown += [found.group(1).split(": ", 1)[1] for found in
                      map(STAMPED.fullmatch, lines)
                      if found and ": word " in found.group(1)]
            more = NOTHING_MISSED not in lines
        return shown

    def test_restarts(self):
        self.assertEqual(self.pages(self.server.restart), self.texts)

    def test_kills_of_the_store(self):
        def disturb():
            self.server.mark()
            self.store.crash()
            self.server.wait_log("found the store")

        self.assertEqual(self.pages(disturb), self.texts)

    def test_crashes(self):
        """What was on its way may be gone; nothing comes twice."""
        def disturb():
            self.server.break_down()
            self.server.begin()
            self.server.wait_log("found the store")
            self.ann.ask(*["/set"] * 100)

        shown = self.pages(disturb)
        self.assertEqual(shown, sorted(set(shown), key=self.texts.index))

    def test_many_restarts_in_one_page(self):
        self.store.freeze()
        self.cat.send("/catchup")
        for _ in range(3):
            self.server.restart()
        self.store.thaw()
        self.assertEqual(self.pages(lambda: None), self.texts)


class Stuck(WordsKept):

    def people(self):
        ann, ben = self.server.people("ann", "ben")
        settle(ann, ben)
        return ann, ben

    def talk(self, ann, ben, first, n=50):
        """Each line is heard at once."""
        for i in range(first, first + n):
            ann.send("word %d" % i)
            ben.expect("[#lobby] ann: word %d" % i)

    def arrives(self, n):
        wait_kept(self.server)
        self.assertEqual(self.numbers(), list(range(n)))
        self.assertEqual(self.store.word("check")[0], 0)

    def test_frozen(self):
        ann, ben = self.people()
        self.talk(ann, ben, 0)
        self.store.freeze()
        began = time.monotonic()
        self.talk(ann, ben, 50, 200)
        self.assertLess(time.monotonic() - began, 10)
        self.server.restart()
        self.talk(ann, ben, 250)
        self.store.thaw()
        self.arrives(300)

    def test_frozen_and_killed(self):
        ann, ben = self.people()
        self.talk(ann, ben, 0)
        self.store.freeze()
        self.talk(ann, ben, 50)
        self.store.kill()
        self.talk(ann, ben, 100)
        self.store.begin()
        self.arrives(150)

    def test_dead_through_lives_of_the_daemon(self):
        ann, ben = self.people()
        self.talk(ann, ben, 0)
        self.store.kill()
        self.talk(ann, ben, 50)
        self.server.restart()
        self.talk(ann, ben, 100)
        settle(ann, ben)
        self.server.crash()
        for one in (ann, ben):
            one.sync()
        self.talk(ann, ben, 150)
        self.store.begin()
        self.arrives(200)

    def test_a_note_at_a_restart(self):
        """The line that left it is not carried out twice."""
        alice, bob = self.owner("alice"), self.server.client("bob")
        self.owner("cat").hang_up()
        settle(alice, bob)
        self.store.freeze()
        alice.send("/msg cat only once")
        bob.sync()
        self.server.restart()
        alice.expect("! The server was restarted meanwhile; cat may have that "
                     "note, or not.")
        self.server.restart()
        self.store.thaw()
        alice.silence()
        one = self.server.newcomer()
        one.sync()
        lines = one.ask("/login cat sesame")
        self.assertEqual(
            [line for line in lines if "only once" in line][1:], [])

    def test_what_is_erased_is_not_back_after_a_crash(self):
        ann, ben = self.people()
        ann.ask("word 1", "regret")
        ben.ask("word 2", "steady")
        settle(ann, ben)
        self.assertEqual(self.store.word("erase", "ann")[0], 0)
        settle(ann, ben)
        for again in (self.server.crash, self.server.restart):
            again()
            settle(ann, ben)
            # the first four are what memory has
            text = "\n".join(ben.ask(*["/history %d" % n for n in
                                       (1, 2, 3, 4, 1000)]))
            self.assertNotIn("regret", text)
            self.assertIn("steady", text)
        self.assertNotIn(("ann", "regret"), self.exported())


if __name__ == "__main__":
    main()
