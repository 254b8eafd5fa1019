"""Somebody who does all that can be done, and what may be true of them: what
was answered, or seen by anybody, is; what is on its way may be, or not."""

import collections
import re

from banter.connection import Reader
from banter.line import CAME_BACK, STAMP

PLAIN = ("#a", "#b", "#c", "#d", "#e")
KEYS = {"#k1": "one", "#k2": "two"}
ROOMS = ("#lobby",) + PLAIN + tuple(KEYS)

EVENT = re.compile(
    r"\[(#\w+)\] -- (?:(\d+) (?:people|person) (joined|left|took a name)"
    r"|(\w+) (?:(joined)|(left)(?: \(.*\))?|is now (\w+)"
    r"|set the topic: (.*)|kicked (\w+)))")
SPEECH = re.compile(r"\[(#\w+|private)\] (?:\* )?(\w+):? say (\d+) (\d+)")
STAMPED = re.compile(r"(?:\d{4}-\d\d-\d\d )?" + STAMP)


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
