#!/usr/bin/env python3
"""Killed again and again at any moment, while two dozen people do everything
that can be done: what the daemon knows afterwards is what a model of it knows.

KILLS in the environment says how often (40), SEED with which random numbers.
Each failure tells the seed; the moments of the kills are the machine's.

Everybody has one command at a time on its way. What was answered, or seen by
anybody, has to be there after a kill; what was not may be, or not.
"""

import os
import random
import re
import time

from banter import wait
from banter.actor import KEYS, PLAIN, ROOMS, SPEECH, Fact
from banter.case import main
from banter.manager import KeptCase
from banter.storm import Storm

KILLS = int(os.environ.get("KILLS", "40"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 30)
CONFIG = ("history 2000\nmax-per-host 200\nsend-queue 4M\n"
          + "".join("room %s key %s\n" % item for item in KEYS.items()))

WHOIS = re.compile(r"\* (\w+) is in (.*); idle [^;]*?(?:; away: (.*))?")
ROOM = re.compile(r"\* (#\w+) \((\d+)\)(?:: (.*))?")


class Checked(Storm):
    """One that looks at all that the daemon knows."""

    def answered(self, actors):
        """Waits until all questions are answered."""
        self.read_until(lambda: not any(actor.commands for actor in actors),
                        "all are answered")

    def settle(self, crashes):
        """Everybody's last command is answered, or never will be."""
        self.read_until(
            lambda: all(actor.name or actor.closing for actor in self.actors),
            "all know their name")
        here = [actor for actor in self.actors if not actor.closing]
        for actor in here:
            actor.last = [command for _, command in actor.commands]
            actor.ask("")
        self.answered(here)
        for actor in here:
            if not crashes and any(one.open for one in actor.last):
                self.fail("%s was not answered %r" % (
                    actor, actor.last[0].line))
        for actor in self.actors:
            if actor.closing and crashes:
                actor.say_goodbye()
        for actor in [actor for actor in self.actors if actor.closing]:
            self.read_until(lambda actor=actor: actor not in self.actors,
                            "%s is gone" % actor)

    def check_notices(self, crashes):
        """Told of a crash once, by each life at the most."""
        for actor in self.actors:
            least = min(crashes, 1) if actor.was_there else 0
            if not least <= actor.came_back <= crashes:
                self.fail("%s read %d times of %d crashes" % (
                    actor, actor.came_back, crashes))

    def check_told(self, tell):
        """Who closed while no daemon ran was announced to all the rest."""
        for actor, room, other in tell:
            if other in self.actors:
                self.read_until(
                    lambda what=("left", room, actor), other=other:
                    other.seen[what] or other.seen[what[:2]],
                    "%s reads that %s left %s" % (other, actor, room))

    def check_gone(self):
        """Whoever has closed is nowhere."""
        asked = self.actors[0]
        for actor in self.gone:
            for name in actor.name.possible if actor.name else ():
                until = time.monotonic() + wait.DEADLINE
                while True:
                    asked.ask("/whois " + name)
                    self.answered([asked])
                    if asked.answers[0].startswith("! "):
                        break
                    if time.monotonic() > until:
                        self.fail("%s is still there" % actor)
        self.gone = []

    def ask_all(self):
        """Who everybody is and where; what they see of the rooms."""
        for actor in self.actors:
            actor.ask(*["/whois " + name for name in
                        sorted(actor.name.possible)], "/who", "/rooms")
        self.answered(self.actors)

    def check_person(self, actor):
        """Its name, away, rooms and current room; returns the rooms."""
        who = [found for found in map(WHOIS.fullmatch, actor.answers)
               if found and found[1] in actor.name.possible]
        if len(who) != 1:
            self.fail("%s is known as: %s" % (actor, actor.answers))
        actor.name.observe(who[0][1])
        away = who[0][3] or ""
        if away not in actor.away.possible:
            self.fail("%s is away: %r, expected one of %s" % (
                actor, away, actor.away.possible))
        actor.away.observe(away)
        rooms = ([] if who[0][2] == "no room" else
                 [room.lstrip("@") for room in who[0][2].split(", ")])
        for room, fact in actor.member.items():
            if (room in rooms) not in fact.possible:
                self.fail("%s is in %s, but %s: %s" % (
                    actor, rooms, room, fact.possible))
        here = ROOM.fullmatch(actor.answers[-1 - next(
            i for i, line in enumerate(reversed(actor.answers))
            if line.startswith("* There ")) - 1])
        here = here[1] if here else None
        sure = self.here(actor)
        if (here not in rooms) if rooms else here:
            self.fail("%s speaks in %s, is in %s" % (actor, here, rooms))
        if sure and actor.member[sure].is_kept(True) and here != sure:
            self.fail("%s speaks in %s, expected %s" % (actor, here, sure))
        actor.current = here
        return rooms

    def stayed(self, room):
        """Who has been there all the time."""
        return [actor for actor in self.order[room]
                if actor in self.actors and actor.member[room].is_kept(True)]

    def check_lists(self, inside):
        """What everybody sees of the rooms: sizes, topics, and none with a
        key from outside."""
        for actor in self.actors:
            lines = actor.answers
            begin = [line.startswith("* There ") for line in lines].index(True)
            listed = {found[1]: (int(found[2]), found[3] or "") for found in
                      map(ROOM.fullmatch, lines[begin + 1:]) if found}
            wanted = {"#lobby": len(inside["#lobby"])}
            wanted.update((room, len(inside[room])) for room in ROOMS
                          if actor in inside[room]
                          or inside[room] and room in PLAIN)
            if {room: size for room, (size, _) in listed.items()} != wanted:
                self.fail("%s sees %s, expected %s" % (actor, listed, wanted))
            for room, (_, topic) in listed.items():
                fact = self.topic[room]
                if topic not in fact.possible and (
                        topic or room not in PLAIN or self.stayed(room)):
                    self.fail("the topic of %s is %r, expected one of %s" % (
                        room, topic, fact.possible))
                fact.observe(topic)
        for room in PLAIN:
            if not inside[room]:
                self.topic[room] = Fact("")

    def check_room(self, room, members):
        """Who is there in which order, and who runs it."""
        asked = (members or self.actors)[0]
        asked.ask("/who " + room)
        self.answered([asked])
        found = ROOM.fullmatch(asked.answers[0])
        size = int(found[2]) if found else 0
        names = (re.sub(r" \(away\)", "", found[3]).split(", ")
                 if size else [])
        order = [self.names.get(name.lstrip("@")) for name in names]
        ops = [self.names.get(name[1:]) for name in names if name[0] == "@"]
        if len(order) != size or set(order) != set(members):
            self.fail("%s, expected %s" % (
                asked.answers, [str(one) for one in members]))
        stayed = self.stayed(room)
        if [one for one in order if one in stayed] != stayed:
            self.fail("%s, expected the order %s" % (
                asked.answers, [str(one) for one in stayed]))
        may = set(order[:1]) | {self.op[room]} | self.given[room]
        if self.op[room] in stayed and not self.given[room]:
            may = {self.op[room]}
        if len(ops) != (room in PLAIN and size > 0) or not set(ops) <= may:
            self.fail("%s, expected one of %s to run it" % (
                asked.answers, [str(one) for one in may]))
        self.order[room], self.op[room] = order, ops[0] if ops else None

    def check_history(self, room, members):
        """Everything that anybody has read is there, once, in order; behind a
        key whoever asks reads only what was said since they came."""
        asked = members[0]
        asked.ask("/join " + room, "/history %d" % (self.sent + 50))
        asked.current = room
        self.answered([asked])
        begin = [line.startswith(("* The last ", "* Nothing has been said"))
                 for line in asked.answers].index(True)
        kept = [(int(said[3]), int(said[4])) for said in
                map(SPEECH.search, asked.answers[begin:]) if said]
        if len(set(kept)) != len(kept):
            self.fail("%s has twice: %s" % (room, sorted(
                one for one in set(kept) if kept.count(one) > 1)))
        # who was put out has spoken elsewhere
        stayed = {actor.number for actor in self.stayed(room)}
        said = {(number, count) for where, number, count in self.said
                if where == room and number in stayed}
        seen, said = self.seen[room] - set(kept), said - set(kept)
        if (seen or said) and room not in KEYS and (
                room not in PLAIN or stayed):
            self.fail("the history of %s lacks %s, which was read; and %s, "
                      "which was answered" % (
                          room, sorted(seen), sorted(said)))
        last = {}
        for number, count in kept:
            if last.get(number, 0) > count:
                self.fail("the history of %s has %d after %d of %d" % (
                    room, count, last[number], number))
            last[number] = count

    def check_heard(self):
        """Without a crash everybody has read everything."""
        for room, number, count in self.said:
            for actor in self.actors:
                if room in actor.member and actor.number != number and (
                        actor.member[room].is_kept(True)) and (
                            room, number, count) not in actor.got:
                    self.fail("%s missed %d of %d in %s" % (
                        actor, count, number, room))

    def check(self, tell=(), crashes=0):
        """All of it."""
        self.settle(crashes)
        self.check_notices(crashes)
        self.check_told(tell)
        if not crashes:
            self.check_heard()
        self.check_gone()
        self.ask_all()
        inside = {room: [] for room in ROOMS}
        for actor in self.actors:
            for room in self.check_person(actor):
                inside[room].append(actor)
        self.check_lists(inside)
        for room in ROOMS:
            self.check_room(room, inside[room])
            if inside[room]:
                self.check_history(room, inside[room])
        for actor in self.actors:
            for room, fact in actor.member.items():
                fact.observe(actor in inside[room])
            actor.got.clear()
        self.seen.clear()
        self.said.clear()
        self.given.clear()
        self.sent = 0


class Test(KeptCase):

    time_limit = 60 + 3 * KILLS

    def test_storm(self):
        storm = Checked(self.kept(CONFIG), SEED)
        storm.fill()
        storm.check()
        while storm.kills < KILLS:
            storm.live()
            storm.check(*storm.next_life())


if __name__ == "__main__":
    main()
