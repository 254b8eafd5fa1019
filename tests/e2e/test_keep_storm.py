#!/usr/bin/env python3
"""Killed again and again at any moment, while two dozen people do everything
that can be done: what the daemon knows afterwards is what a model of it knows.

KILLS in the environment says how often (40), SEED with which random numbers.
Each failure tells the seed; the moments of the kills are the machine's.

Everybody has one command at a time on its way. What was answered, or seen by
anybody, has to be there after a kill; what was not may be, or not.
"""

import collections
import os
import random
import re
import select
import time

from banter import wait
from banter.case import main
from banter.connection import Reader
from banter.line import CAME_BACK, STAMP
from banter.manager import KeptCase

KILLS = int(os.environ.get("KILLS", "40"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 30)
PEOPLE = 24
PLAIN = ("#a", "#b", "#c", "#d", "#e")
KEYS = {"#k1": "one", "#k2": "two"}
ROOMS = ("#lobby",) + PLAIN + tuple(KEYS)
CONFIG = ("history 2000\nmax-per-host 200\nsend-queue 4M\n"
          + "".join("room %s key %s\n" % item for item in KEYS.items()))

EVENT = re.compile(
    r"\[(#\w+)\] -- (?:(\d+) (?:people|person) (joined|left|took a name)"
    r"|(\w+) (?:(joined)|(left)(?: \(.*\))?|is now (\w+)"
    r"|set the topic: (.*)|kicked (\w+)))")
SPEECH = re.compile(r"\[(#\w+|private)\] (?:\* )?(\w+):? say (\d+) (\d+)")
STAMPED = re.compile(r"(?:\d{4}-\d\d-\d\d )?" + STAMP)
WHOIS = re.compile(r"\* (\w+) is in (.*); idle [^;]*?(?:; away: (.*))?")
ROOM = re.compile(r"\* (#\w+) \((\d+)\)(?:: (.*))?")


class Fact:
    """What may be true: one value, or more while nobody can know."""

    def __init__(self, value):
        self.possible = {value}
        self.open = 0		# commands on their way that concern it
        self.mixed = False	# more than one was at the same time
        self.touched = False	# since the daemon was asked

    def is_sure(self, value):
        """Whether it is that and nothing else."""
        return self.possible == {value}

    def is_settled(self, value):
        """Likewise, and nothing is on its way that changes it."""
        return self.is_sure(value) and self.open == 0

    def is_kept(self, value):
        """Likewise, and nothing was."""
        return self.is_sure(value) and not self.touched

    def observe(self, value):
        """The daemon says what it is."""
        self.__init__(value)


class Command:
    """A line on its way: what it changes, and what tells that it did."""

    def __init__(self, line, effects=(), success=None, event=None, then=None):
        self.line = line
        self.success = success	# begins the answer, if it was done
        self.event = event	# what others read then
        self.then = then	# to be called then
        self.failed = False
        self.open = True
        self.effects = [(fact, value, set(fact.possible))
                        for fact, value in effects]
        for fact, value, _ in self.effects:
            fact.possible.add(value)
            fact.open += 1
            fact.touched = True
            fact.mixed = fact.mixed or fact.open > 1

    def done(self, well):
        """It is known by now whether it was carried out."""
        if not self.open:
            return
        self.open = False
        for fact, value, before in self.effects:
            if not fact.mixed:
                fact.possible = {value} if well else before
            fact.open -= 1
            if fact.open <= 0:
                fact.open, fact.mixed = 0, False
        if well and self.then:
            self.then()


class Actor(Reader):
    """Somebody at a connection: all that is sent to them is looked at."""

    def __init__(self, storm, number):
        super().__init__(storm.address)
        self.storm = storm
        self.number = number
        self.name = None	# a Fact, once it is known
        self.away = Fact("")
        self.member = {room: Fact(False) for room in ROOMS}
        self.current = None	# room, or None: unknown
        self.commands = []	# on their way, with the number of each
        self.asked = 0
        self.answers = []
        self.seen = collections.Counter()	# events
        self.heard = {}		# of each speaker, the last number
        self.got = set()	# room, speaker and number
        self.came_back = 0
        self.was_there = False
        self.has_spoken = False	# in the room it came to: it was announced
        self.closing = False
        self.log = collections.deque(maxlen=40)

    def __str__(self):
        return "actor %d %s" % (self.number, sorted(self.name.possible)
                                if self.name else "(new)")

    @property
    def is_idle(self):
        """Whether it may be given something to do."""
        return self.name and not self.commands and not self.closing

    def say(self, text):
        """Sends it."""
        self.log.append("> " + text.rstrip("\n"))
        try:
            self.sock.sendall(text.encode())
        except OSError as error:
            self.storm.fail("%s cannot send: %s" % (self, error))

    def say_goodbye(self):
        """What it said before may be lost; it may have ended meanwhile."""
        self.log.append("> /quit")
        try:
            self.sock.sendall(b"/quit\n")
        except OSError:
            pass

    def do(self, command):
        """Sends a command, and a question behind it."""
        self.asked += 1
        self.answers = []
        self.commands.append((self.asked, command))
        self.say("%s\n/z%d\n" % (command.line, self.asked))

    def ask(self, *lines):
        """Sends questions that change nothing."""
        self.do(Command("\n".join(lines)))

    def take(self, line):
        self.log.append("< " + line)
        if STAMPED.match(line):
            self.answers.append(line)
        elif line.startswith("["):
            self.overhear(line)
        elif line == CAME_BACK:
            self.came_back += 1
            if not self.name and self.came_back == 1:
                # its greeting was about to leave
                self.say("/nick %s\n" % self.storm.new_name(self))
        else:
            self.answer(line)

    def is_known(self, name):
        """It knows its own name."""
        self.name = Fact(name)
        self.member["#lobby"] = Fact(True)
        self.member["#lobby"].touched = True
        self.current = "#lobby"
        self.storm.names[name] = self
        self.storm.allowed[("joined", "#lobby", self)] += 1

    def answer(self, line):
        """A line of the server's to it alone."""
        known = re.match(r"\* You are (?:(guest\d+) in #lobby \(|now (\w+)\.)",
                         line)
        if known and not self.name:
            self.is_known(known[1] or known[2])
            return
        answered = re.match(r"! There is no command /z(\d+)", line)
        if answered:
            while self.commands and self.commands[0][0] <= int(answered[1]):
                asked, command = self.commands.pop(0)
                if asked == int(answered[1]):
                    command.done(not command.success and not command.failed)
            return
        if re.match(r"! \w+ kicked you from #\w+", line):
            self.current = None
            return
        self.answers.append(line)
        for _, command in self.commands:
            if command.success and line.startswith(command.success):
                command.done(True)
                return
        if self.commands and line.startswith("! "):
            self.commands[0][1].failed = True

    def overhear(self, line):
        """A line that others read, too, or of somebody else."""
        said, event = SPEECH.fullmatch(line), EVENT.fullmatch(line)
        if said:
            self.hear(line, said[1], said[2], int(said[3]), int(said[4]))
        elif not event:
            self.storm.fail("%s read %r" % (self, line))
        elif event[2]:
            self.seen[(event[3], event[1])] += int(event[2])
        else:
            self.see(line, event)

    def hear(self, line, room, name, number, count):
        """In order, once, and of whom it is."""
        if self.heard.get(number, 0) >= count:
            self.storm.fail("%s read %r after %d" % (
                self, line, self.heard[number]))
        self.heard[number] = count
        self.got.add((room, number, count))
        speaker = self.storm.names.get(name)
        if not speaker or speaker.number != number:
            self.storm.fail("%s read %r of somebody else" % (self, line))
        if room != "private":
            self.storm.seen[room].add((number, count))
        self.storm.witnessed(("said", number, count))

    def see(self, line, event):
        """As often as it can have happened."""
        room, who = event[1], self.storm.names.get(event[4])
        if event[7]:
            what = ("is now", event[7])
        elif event[8]:
            what = ("topic", room, event[8])
        elif event[9]:
            what = ("kicked", room, self.storm.names.get(event[9]))
        else:
            what = (event[5] or event[6], room, who)
        self.seen[what] += 1
        if self.seen[what] > self.storm.allowed[what]:
            self.storm.fail("%s read %r, which happened %d times" % (
                self, line, self.storm.allowed[what]))
        self.storm.witnessed(what)

    def at_end(self):
        self.log.append("< (end)")
        if not self.closing and self.name:
            self.storm.fail("%s was disconnected" % self)
        self.sock.close()
        self.storm.forget(self)


class Storm:
    """All of them, and what is known."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.address = daemon.addresses[0]
        self.chance = random.Random(SEED)
        self.kills = 0
        self.restarts = 0
        self.serial = 0
        self.actors = []
        self.gone = []		# closed, and not known to be gone
        self.names = {}
        self.allowed = collections.Counter()	# events
        self.seen = collections.defaultdict(set)
        self.said = set()	# room, speaker and number; it was answered
        self.sent = 0
        self.op = {room: None for room in ROOMS}
        self.given = collections.defaultdict(set)	# by /op
        self.order = {room: [] for room in ROOMS}
        self.topic = {room: Fact("") for room in ROOMS}
        self.banned = set()

    def fail(self, why):
        """Fails the test, and says how to repeat it."""
        logs = ["  %s:\n    %s" % (actor, "\n    ".join(actor.log))
                for actor in self.actors + self.gone if str(actor) in why]
        raise AssertionError(
            "SEED=%d, after %d kills and %d restarts: %s\n%s\nthe log:\n%s" % (
                SEED, self.kills, self.restarts, why, "\n".join(logs),
                self.daemon.log_text()))

    def number(self):
        """One that was not used yet."""
        self.serial += 1
        return self.serial

    def new_name(self, actor):
        """One that nobody had before."""
        name = "n%dx%d" % (actor.number, self.number())
        self.names[name] = actor
        return name

    def witnessed(self, event):
        """Somebody has read it: it was done."""
        for actor in self.actors:
            for _, command in actor.commands:
                if command.event == event:
                    command.done(True)

    # -- coming, going, reading

    def fill(self):
        """New people for those who went."""
        while len(self.actors) < PEOPLE:
            self.actors.append(Actor(self, self.number()))

    def forget(self, actor):
        """Its connection has ended."""
        if actor in self.actors:
            self.actors.remove(actor)
            self.gone.append(actor)

    def read(self, seconds):
        """Reads all that comes within so many seconds."""
        until = time.monotonic() + seconds
        while True:
            left = max(0, until - time.monotonic())
            readers = {actor.sock: actor for actor in self.actors}
            ready = select.select(list(readers), [], [], left)[0]
            for sock in ready:
                readers[sock].read()
            if left == 0 or not readers:
                return

    def read_until(self, condition, what):
        """Reads until that is true."""
        until = time.monotonic() + wait.DEADLINE
        while not condition():
            if time.monotonic() > until:
                self.fail("it never came true: " + what)
            self.read(0.002)

    def close(self, actor, how):
        """Ends it; returns who has to be told, in which room."""
        actor.log.append("> (%s)" % how)
        actor.closing = True
        tell = []
        for room, fact in actor.member.items():
            if fact.is_sure(False):
                continue
            self.allowed[("left", room, actor)] += 1
            if fact.is_settled(True) and (
                    room != "#lobby" or actor.has_spoken):
                tell += [(room, other) for other in self.actors
                         if other is not actor and not other.closing
                         and other.member[room].is_settled(True)]
            fact.touched = True
            fact.possible.add(False)
        if how == "quit":
            actor.say("/quit\n")
        else:
            getattr(actor, how)()
        if how in ("close", "reset"):
            self.forget(actor)
        return tell

    # -- what they do

    def act(self, actor):
        """Has one who is idle do something."""
        kind = self.chance.choices(
            ("talk", "me", "msg", "join", "leave", "nick", "away", "topic",
             "kick", "op", "invite", "guess", "close"),
            (40, 4, 10, 16, 8, 8, 5, 5, 3, 2, 2, 2, 2))[0]
        command = getattr(self, "do_" + kind)(actor)
        if command:
            actor.do(command)

    def here(self, actor):
        """The room in which it speaks, if that is known."""
        room = actor.current
        return room if room and actor.member[room].is_settled(True) else None

    def speech(self, actor, form, room):
        """It says its number and another one."""
        count = self.number()
        self.sent += 1

        def said():
            self.said.add((room, actor.number, count))
            actor.has_spoken = actor.has_spoken or room == "#lobby"

        return Command(form % ("say %d %d" % (actor.number, count)),
                       event=("said", actor.number, count), then=said)

    def do_talk(self, actor, form="%s"):
        room = self.here(actor)
        return self.speech(actor, form, room) if room else self.do_join(actor)

    def do_me(self, actor):
        return self.do_talk(actor, "/me %s")

    def name_of(self, actor):
        """One that it has, or may have."""
        return self.chance.choice(sorted(actor.name.possible))

    def do_msg(self, actor):
        other = self.chance.choice(self.actors)
        if other is actor or not other.name:
            return None
        return self.speech(
            actor, "/msg %s %%s" % self.name_of(other), "private")

    def do_join(self, actor):
        room = self.chance.choice(ROOMS)
        fact = actor.member[room]
        if not fact.is_sure(True):
            self.allowed[("joined", room, actor)] += 1
        actor.current = None

        def joined():
            actor.current = room
            if (room, actor) in self.banned and not fact.mixed:
                self.fail("%s is let into %s" % (actor, room))

        return Command("/join %s %s" % (room, KEYS.get(room, "")),
                       [(fact, True)], "* You are in %s " % room,
                       ("joined", room, actor), joined)

    def do_guess(self, actor):
        """Without the key."""
        room = self.chance.choice(sorted(KEYS))
        if not actor.member[room].is_sure(False):
            return None
        return Command("/join " + room, success="* You are in")

    def do_leave(self, actor):
        room = self.chance.choice(ROOMS)
        fact = actor.member[room]
        if fact.is_sure(False):
            return None
        self.allowed[("left", room, actor)] += 1
        if room == actor.current:
            actor.current = None
        return Command("/leave " + room, [(fact, False)],
                       "* You left %s." % room, ("left", room, actor))

    def do_nick(self, actor):
        name = self.new_name(actor)
        self.allowed[("is now", name)] += 1
        return Command("/nick " + name, [(actor.name, name)],
                       "* You are now %s." % name, ("is now", name))

    def do_away(self, actor):
        if self.chance.random() < 0.4:
            return Command("/back", [(actor.away, "")], "* You ")
        text = "for %d" % self.number()
        return Command("/away " + text, [(actor.away, text)],
                       "* You are away: ")

    def do_topic(self, actor):
        room = self.here(actor)
        if not room:
            return None
        text = "topic %d" % self.number()
        self.allowed[("topic", room, text)] += 1
        return Command("/topic " + text, [(self.topic[room], text)],
                       "* The topic of ", ("topic", room, text))

    def subject(self, actor):
        """The room that it runs and is in, and somebody else there."""
        room = self.here(actor)
        if not room or self.op[room] is not actor:
            return None, None
        others = [other for other in self.actors if other is not actor
                  and not other.closing
                  and other.member[room].is_settled(True)]
        return room, self.chance.choice(others) if others else None

    def do_kick(self, actor):
        room, other = self.subject(actor)
        if not other:
            return None
        fact = other.member[room]
        self.allowed[("kicked", room, other)] += 1
        other.current = None

        def kicked():
            if not fact.mixed:
                self.banned.add((room, other))

        return Command("/kick " + self.name_of(other), [(fact, False)],
                       "* You kicked ", ("kicked", room, other), kicked)

    def do_op(self, actor):
        room, other = self.subject(actor)
        if not other:
            return None
        self.given[room].add(other)
        return Command("/op " + self.name_of(other))

    def do_invite(self, actor):
        room, _ = self.subject(actor)
        out = [other for where, other in self.banned
               if where == room and other in self.actors]
        if not out:
            return None
        other = self.chance.choice(out)
        self.banned.discard((room, other))
        return Command("/invite " + self.name_of(other))

    def do_close(self, actor):
        self.close(actor, self.chance.choice(
            ("close", "reset", "half_close", "quit")))

    # -- a life

    def live(self):
        """Some volleys, in which many do something all at once."""
        for _ in range(self.chance.randrange(2, 7)):
            self.fill()
            for actor in list(self.actors):
                if actor.is_idle and self.chance.random() < 0.7:
                    self.act(actor)
            self.read(self.chance.random() * 0.01)

    def while_down(self):
        """Who goes and who comes while no daemon runs."""
        tell = []
        for actor in self.chance.sample(self.actors, 2):
            if actor.is_idle:
                tell += [(actor, room, other) for room, other in self.close(
                    actor, self.chance.choice(("close", "reset")))]
        self.fill()
        return tell

    def next_life(self):
        """A kill, or two, or a restart; who has to be told what, and how
        many crashes there were."""
        for actor in self.actors:
            actor.was_there = bool(actor.name) and not actor.closing
            actor.came_back = 0
        if self.chance.random() < 0.15:
            self.daemon.hand_over()
            self.restarts += 1
            tell = self.while_down()
            self.daemon.begin()
            return tell, 0
        self.daemon.break_down()
        tell = self.while_down()
        crashes = 1
        if self.chance.random() < 0.15:
            self.daemon.begin(ready=False)
            select.select([], [], [], self.chance.random() * 0.3)
            self.daemon.break_down()
            crashes += 1
        self.kills += crashes
        self.daemon.begin()
        return tell, crashes

    # -- what the daemon knows

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
        """Everything that anybody has read is there, once, in order."""
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
        if (seen or said) and (room not in PLAIN or stayed):
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
        storm = Storm(self.kept(CONFIG))
        storm.fill()
        storm.check()
        while storm.kills < KILLS:
            storm.live()
            storm.check(*storm.next_life())


if __name__ == "__main__":
    main()
