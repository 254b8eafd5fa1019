"""Two dozen people who do everything that can be done, with a daemon that is
killed again and again, and a model of what it knows then."""

import collections
import random
import select
import time

from banter import wait
from banter.actor import KEYS, ROOMS, Actor, Command, Fact

PEOPLE = 24


class Storm:
    """All of them, and what is known; seed says which random numbers."""

    def __init__(self, daemon, seed):
        self.daemon = daemon
        self.seed = seed
        self.address = daemon.addresses[0]
        self.chance = random.Random(seed)
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
                self.seed, self.kills, self.restarts, why, "\n".join(logs),
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
        self.daemon.break_down(rests=False)
        tell = self.while_down()
        crashes = 1
        if self.chance.random() < 0.15:
            self.daemon.begin(ready=False)
            select.select([], [], [], self.chance.random() * 0.3)
            self.daemon.break_down(rests=False)
            crashes += 1
        self.kills += crashes
        self.daemon.begin()
        return tell, crashes
