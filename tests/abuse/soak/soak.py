#!/usr/bin/env python3
"""A soak: people come, go, stall and rename; nothing that is said is lost.

What can be proved from outside, and how:

- Each room has a witness, who always reads and never speaks. What it hears is
  the order of the room: lines, and people's new names, each with an id.
- Who joins is shown the last lines of the room first. The last of these says
  at which place of that order the join was; from there on, everybody has to
  hear the same, in the same order, without a gap, but for one's own words.
- "N lines skipped" is the only excuse for a gap, and N has to be its size: at
  once for those who sit in one room; for those in several, once they have left.
- Who leaves in good order says one last line to the room before: all up to
  that line was owed.
- Each speaker numbers its lines in each room. The witness must hear the numbers
  in order, without a gap; all of them, if the speaker left in good order or
  half-closed; up to some number, if it was reset.
- Each line carries the name that its speaker has at that point of its own
  commands, which must be the name that the server puts before it.

Who renames sits in one room, so that each new name belongs to one room's order.

usage: soak.py [--seconds N] [--clients N] [--rooms N] [--seed N]
"""

import argparse
import bisect
import collections
import os
import random
import re
import select
import sys
import time

from banter.case import prepare
from banter.connection import Reader
from banter.daemon import Daemon
from banter.files import scratch_path

HISTORY = 12
CONFIG = """default-room none
history %d
send-queue 24K
stall-timeout 3600
max-clients 5000
max-per-host 5000
log-level notice
""" % HISTORY
PAD = "the quick brown fox jumps over the lazy dog " * 12
SETTLE = 90			# seconds for the end of all

SKIPPED = re.compile(r"\* (\d+) lines? skipped; /history shows (them|it)\.")


class Room:
    """The order of one room, as its witness hears it."""

    def __init__(self, name):
        self.name = name
        self.order = []			# ids
        self.place = {}			# of each id in order
        self.lines = []			# places of what was said
        self.heard = collections.Counter()  # last number of each speaker

    def append(self, item):
        if item in self.place:
            raise AssertionError("%s: the witness heard %r twice"
                                 % (self.name, item))
        if ">" not in item:
            tag, number = item.split()
            if int(number) != self.heard[tag] + 1:
                raise AssertionError("%s: %s after number %d" % (
                    self.name, item, self.heard[tag]))
            self.heard[tag] += 1
            self.lines.append(len(self.order))
        self.place[item] = len(self.order)
        self.order.append(item)


def tag_of(item):
    """Whose it is: "c12 7" and "c12_1>c12_2" are c12's."""
    return re.match(r"[a-z]+\d+", item).group(0)


def parse(text):
    """The id of what comes after "[#room] "."""
    if text.startswith("-- "):
        old, new = re.fullmatch(r"-- (\S+) is now (\S+)", text).groups()
        return "%s>%s" % (old, new)
    name, tag, number, said, _ = text.split(" ", 4)
    if name != said + ":":
        raise AssertionError("%r is not who said %r" % (name, text[:60]))
    return tag + " " + number


class Place:
    """One person in one room."""

    def __init__(self, room):
        self.room = room
        self.next = None	# place in the order; None: not settled yet
        self.replay = []	# ids shown at the join
        self.marker = None	# the last line said before leaving
        self.left = False


class Connection(Reader):
    """One of those whom the soak reads, whenever something has come."""

    def __init__(self, soak, address, rcvbuf=None):
        super().__init__(address, rcvbuf=rcvbuf)
        self.soak = soak
        soak.watch(self)

    def send(self, text):
        data = text.encode()
        try:
            sent = self.sock.send(data)
        except BrokenPipeError:
            return
        if sent != len(data):
            raise AssertionError("the server does not take %d bytes"
                                 % len(data))

    def at_end(self):
        self.soak.unwatch(self)
        self.sock.close()


class Witness(Connection):

    def __init__(self, soak, room):
        super().__init__(soak, soak.tcp)
        self.room = room
        self.prefix = "[%s] " % room.name
        self.settled = self.at_end = False
        self.send("/nick witness%s\n/set quiet on\n/join %s\n/begin\n" % (
            room.name[1:], room.name))

    def take(self, line):
        if line.startswith(self.prefix):
            self.room.append(parse(line[len(self.prefix):]))
        elif line.startswith("! There is no command /begin"):
            self.settled = True
        elif line.startswith("! There is no command /end"):
            self.at_end = True
        elif not line.startswith("* ") or "skipped" in line:
            raise AssertionError("witness of %s: %r" % (self.room.name, line))


class Person(Connection):

    def __init__(self, soak, number):
        local = soak.random.random() < 0.5
        super().__init__(soak, soak.unix if local else soak.tcp,
                         None if local else 4096)
        self.tag = "c%d" % number
        self.names = 0
        self.solo = soak.random.random() < 0.5
        self.places = {}		# by room's name
        self.all_places = []
        self.said = collections.Counter()
        self.todo = collections.deque()	# what came, in order
        self.excuse = 0			# skipped, as told, and not found yet
        self.may_gap = False
        self.busy = 0			# answers that are awaited
        self.stalled_until = None
        self.waking = 0			# answers until it has caught up
        self.how = None			# it ends: quit, half-close, reset
        self.done = False
        self.last_place = None
        self.send("/set quiet on\n")
        self.rename()
        self.join()

    # -- what it does

    @property
    def name(self):
        return "%s_%d" % (self.tag, self.names)

    def rename(self):
        self.names += 1
        self.send("/nick %s\n" % self.name)

    def join(self):
        free = [r for r in self.soak.rooms if r.name not in self.places]
        room = self.soak.random.choice(free)
        self.places[room.name] = Place(room)
        self.all_places.append(self.places[room.name])
        self.busy += 1
        self.send("/join %s\n" % room.name)

    def say(self, room, count=1):
        text = ""
        for _ in range(count):
            self.said[room] += 1
            text += "/msg %s %s %d %s %s\n" % (
                room, self.tag, self.said[room], self.name,
                PAD[:self.soak.random.randrange(20, len(PAD))])
        self.soak.said += count
        self.send(text)

    def mark(self, place):
        """The last line before it leaves: up to here all is owed."""
        self.say(place.room.name)
        place.marker = "%s %d" % (self.tag, self.said[place.room.name])

    def leave(self):
        name = self.soak.random.choice(list(self.places))
        self.mark(self.places[name])
        self.busy += 1
        self.send("/leave %s\n" % name)

    def end(self, how):
        self.how = how
        if how == "reset":
            self.soak.unwatch(self)
            self.reset()
            self.ended = True
            return
        for place in self.places.values():
            self.mark(place)
        if how == "quit":
            self.send("/quit\n")
        else:
            self.half_close()

    def act(self, now):
        dice = self.soak.random
        if self.stalled_until is not None:
            if now < self.stalled_until:
                return
            if dice.random() < 0.1:
                self.end("reset")	# it never wakes up
                return
            self.wake_up()
            return
        if self.waking or self.busy or self.how:
            return
        what = dice.random()
        if what < 0.70:
            self.say(dice.choice(list(self.places)), dice.choice((1, 1, 2)))
        elif what < 0.74:
            self.say(dice.choice(list(self.places)), 25)
        elif what < 0.82:
            if self.solo:
                self.rename()
                self.soak.renames += 1
            elif len(self.places) < 3:
                self.join()
        elif what < 0.88:
            if len(self.places) > 1:
                self.leave()
        elif what < 0.95:
            self.soak.unwatch(self)
            self.stalled_until = now + dice.uniform(1, self.soak.longest)
            self.soak.stalls += 1
        else:
            self.end(dice.choice(("quit", "half-close", "reset")))

    def wake_up(self):
        """Reads on, and does nothing else before it has caught up: the first
        answer comes after what was in the queue, the second after the account
        of what was not."""
        self.stalled_until = None
        self.waking = 2
        self.soak.watch(self)
        self.send("/awake\n")

    # -- what it hears

    def take(self, line):
        if line.startswith("[#"):
            room, text = line[1:].split("] ", 1)
            self.todo.append(("item", room, parse(text)))
        elif line[2:3] == ":":
            room, text = line[7:].split("] ", 1)
            self.todo.append(("replay", room, parse(text)))
        elif line.startswith("* You are in #"):
            self.todo.append(("joined", line.split()[4], None))
        elif line.startswith("* You left #"):
            self.todo.append(("left", line.split()[3][:-1], None))
        elif line == "* Bye.":
            self.todo.append(("bye", None, None))
        elif SKIPPED.fullmatch(line):
            self.todo.append(("skipped", None,
                              int(SKIPPED.fullmatch(line).group(1))))
        elif line.startswith("! There is no command /awake"):
            self.waking -= 1
            if self.waking:
                self.send("/awake\n")
        elif not line.startswith("* "):
            self.fail("an unexpected %r" % line)

    def fail(self, why):
        raise AssertionError("%s (%s, rooms %s): %s" % (
            self.tag, self.how, list(self.places), why))

    def check(self):
        """Looks at what came, as far as the witnesses have come."""
        while self.todo and self.check_one(*self.todo[0]):
            self.todo.popleft()
        if self.ended and not self.todo and not self.done:
            self.check_end()

    def check_one(self, kind, room, what):
        """False if a witness has not heard enough yet."""
        if kind == "skipped":
            self.excuse += what
            self.soak.skipped += what
            self.may_gap = True
            return True
        if kind == "bye":
            return all(self.check_last(p) for p in self.places.values())
        place = self.places[room]
        if kind == "joined":
            self.last_place = place
            self.busy -= 1
            return True
        if kind == "replay":
            if place is not self.last_place or place.next is not None:
                self.fail("%r is shown again" % what)
            place.replay.append(what)
            return True
        if kind == "item":
            return self.check_item(place, what)
        if not self.check_last(place):
            return False
        place.left = True
        del self.places[room]
        self.busy -= 1
        if not self.places:
            self.settle_excuse()
        return True

    def is_mine(self, item):
        return tag_of(item) == self.tag

    def settle_place(self, place):
        """Finds out where in the order the join was."""
        room = place.room
        if place.replay:
            last = place.replay[-1]
            if last not in room.place:
                return False
            end = bisect.bisect_right(room.lines, room.place[last])
            lines = [room.order[n]
                     for n in room.lines[max(end - HISTORY, 0):end]]
            if lines != place.replay:
                self.fail("the history of %s: %r, not %r" % (
                    room.name, place.replay, lines))
            place.next = room.place[last] + 1
        else:
            place.next = 0
        # new names are not shown again: those before the join are not owed
        place.is_new = True
        return True

    def check_item(self, place, item):
        room = place.room
        if item not in room.place:
            return False
        if place.next is None and not self.settle_place(place):
            return False
        at = room.place[item]
        if at < place.next:
            self.fail("%r in %s again, or late" % (item, room.name))
        self.pass_over(place, at)
        place.next = at + 1
        self.soak.checked += 1
        return True

    def pass_over(self, place, at):
        """What lies between the last that was heard and the place at."""
        missing = [item for item in place.room.order[place.next:at]
                   if not self.is_mine(item)
                   and not (place.is_new and ">" in item)]
        place.is_new = False
        if not missing:
            return
        if not self.may_gap:
            self.fail("never heard %d lines of %s: %r..." % (
                len(missing), place.room.name, missing[:5]))
        self.excuse -= len(missing)
        if self.excuse < 0:
            self.fail("%d lines of %s are missing that were not counted"
                      % (-self.excuse, place.room.name))
        if self.solo:
            self.settle_excuse()

    def settle_excuse(self):
        if self.excuse != 0:
            self.fail("%d lines were said to be skipped, but were heard"
                      % self.excuse)
        self.may_gap = False

    def check_last(self, place):
        """It left in good order: all before its last words was owed."""
        if place.marker is None:
            self.fail("it was put out of " + place.room.name)
        if place.marker not in place.room.place:
            return False
        if place.next is None and not self.settle_place(place):
            return False
        at = place.room.place[place.marker]
        if at >= place.next:
            self.pass_over(place, at)
            place.next = at + 1
        return True

    def check_end(self):
        if self.how is None:
            self.fail("the connection ended")
        if self.how == "half-close":
            if not all(self.check_last(p) for p in self.places.values()):
                return
        if self.how != "reset":
            self.settle_excuse()
        self.done = True

    def check_said(self):
        """All that it said was heard; if it was reset, the beginning."""
        for name, count in self.said.items():
            heard = self.soak.by_name[name].heard[self.tag]
            if heard != count and (self.how != "reset" or heard > count):
                self.fail("it said %d lines in %s, heard were %d" % (
                    count, name, heard))


class Soak:

    def __init__(self, options):
        self.random = random.Random(options.seed)
        self.longest = min(30, 3 + options.seconds / 4)
        self.options = options
        self.epoll = select.epoll()
        self.by_fd = {}
        unix = scratch_path("sock")
        rooms = ["#r%d" % n for n in range(options.rooms)]
        self.daemon = Daemon(
            CONFIG + "".join("room %s\n" % r for r in rooms), rate="off",
            listen=["127.0.0.1:0", unix])
        self.tcp, self.unix = self.daemon.addresses
        self.rooms = [Room(name) for name in rooms]
        self.by_name = {room.name: room for room in self.rooms}
        self.people, self.past = [], []
        self.said = self.checked = self.skipped = 0
        self.stalls = self.renames = self.number = 0
        self.next_act = []

    def watch(self, connection):
        self.by_fd[connection.sock.fileno()] = connection
        self.epoll.register(connection.sock.fileno(), select.EPOLLIN)

    def unwatch(self, connection):
        fd = connection.sock.fileno()
        if self.by_fd.pop(fd, None):
            self.epoll.unregister(fd)

    def turn(self):
        """Reads what there is, and checks it."""
        for fd, _ in self.epoll.poll(0.02):
            if fd in self.by_fd:
                self.by_fd[fd].read()
        for person in self.people:
            person.check()
        gone = [p for p in self.people if p.done]
        if gone:
            self.people = [p for p in self.people if not p.done]
            self.past += gone

    def until(self, condition, what):
        limit = time.monotonic() + SETTLE
        while not condition():
            if time.monotonic() > limit:
                raise AssertionError("it never came true: " + what + "".join(
                    "\n%s %s stalled=%s todo=%r" % (
                        p.tag, p.how, p.stalled_until, list(p.todo)[:3])
                    for p in self.people[:10]))
            self.turn()

    def come(self):
        self.number += 1
        self.people.append(Person(self, self.number))

    def run(self):
        witnesses = [Witness(self, room) for room in self.rooms]
        self.until(lambda: all(w.settled for w in witnesses),
                   "the witnesses sit in their rooms")
        began = now = time.monotonic()
        told = began
        while now - began < self.options.seconds:
            live = [p for p in self.people if not p.how]
            for _ in range(min(10, self.options.clients - len(live))):
                self.come()
            # each does something about three times in two seconds
            for person in self.random.sample(live, len(live) // 20):
                person.act(now)
            self.turn()
            now = time.monotonic()
            if now - told > 30:
                told = now
                self.report(int(now - began))
        for person in self.people:
            if person.stalled_until is not None and not person.how:
                person.wake_up()
        self.until(lambda: not any(p.busy or p.waking for p in self.people
                                   if not p.how), "all answers have come")
        for person in self.people:
            if not person.how:
                person.end(self.random.choice(("quit", "half-close")))
        for witness in witnesses:
            self.until(lambda: not any(p.how != "reset" and not p.ended
                                       for p in self.people),
                       "all have left")
            witness.send("/end\n")
        self.until(lambda: all(w.at_end for w in witnesses),
                   "the witnesses have heard all")
        # of those who were reset, what they heard last can't be known
        for person in self.people:
            if person.how == "reset":
                person.check()
                person.done = True
        self.until(lambda: not self.people, "all is checked")
        for person in self.past:
            person.check_said()
        for witness in witnesses:
            witness.sock.close()
        self.report(self.options.seconds)
        self.daemon.stop()
        if self.options.seconds >= 20 and self.skipped == 0:
            raise AssertionError("nobody missed a line: nothing was tried")

    def report(self, seconds):
        print("%d s: %d people, %d lines said, %d heard and checked, "
              "%d skipped and counted, %d stalls, %d new names" % (
                  seconds, self.number, self.said, self.checked,
                  self.skipped, self.stalls, self.renames), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--rooms", type=int, default=8)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.randrange(1 << 30)
    print("seed %d" % options.seed, flush=True)
    prepare()
    os.nice(5)
    Soak(options).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
