#!/usr/bin/env python3
"""Many people who talk, in one process, as seen from their end.

	crowd.py HOST PORT PEOPLE ROOMS

Everybody is in one of the rooms. A word on the standard input says what to do;
when it is done, the standard output has a line of JSON:

	talk		everybody says a numbered line each second, from now on
	carried N	when so many more lines have been carried out
	hush		nobody says anything; when all that was said is answered
	end		when the server has closed all connections
"""

import collections
import json
import os
import selectors
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from banter.connection import Reader

FAULT = ("* The server came back after a fault; "
         "the last lines may be missing (/history shows them).")
PATIENCE = 60


class Person(Reader):
    """One of them; what each of the others in the room has said last."""

    def __init__(self, crowd, number, address, room):
        super().__init__(address)
        self.crowd, self.number = crowd, number
        self.prefix = f"[{room}] "
        self.said = self.faults = self.answers = 0
        self.last = ""
        self.heard = {}
        self.send(f"/set quiet on\n/nick p{number}\n/join {room}\n/set\n")

    def send(self, text):
        self.sock.sendall(text.encode())

    def say(self):
        try:
            self.send(f"{self.said + 1}\n")
            self.said += 1
        except OSError:	# it has ended, or its buffer is full
            pass

    def take(self, line):
        self.last = line
        if line.startswith(self.prefix):
            name, _, text = line[len(self.prefix):].partition(": ")
            if text.isdigit():
                self.hear(int(name[1:]), int(text))
                return
        if line == FAULT:
            self.faults += 1
        elif line.startswith("* time off, quiet "):
            self.answers += 1
        elif not line:
            self.crowd.sums["empty"] += 1
        elif self.crowd.is_settled:
            self.crowd.strange[line] += 1

    def hear(self, who, number):
        before, faults = self.heard.get(who, (0, 0))
        self.heard[who] = number, self.faults
        if number <= before:
            self.crowd.sums["doubled"] += 1
        elif number > before + 1:
            self.crowd.sums["missing"] += number - before - 1
            if faults == self.faults:
                self.crowd.sums["unexplained"] += 1
        self.crowd.was_carried_out(who, number)

    def at_end(self):
        self.crowd.has_ended(self)

    def look_back(self):
        """Counts what others have said last and has not come, lost by a
        fault or not."""
        for other in self.crowd.people:
            if other is self or other.prefix != self.prefix:
                continue
            number, faults = self.heard.get(other.number, (0, 0))
            if number < other.said:
                lost = "missing" if faults < self.faults else "unheard"
                self.crowd.sums[lost] += other.said - number
                self.heard[other.number] = other.said, self.faults


class Crowd:
    def __init__(self, host, port, people, rooms):
        self.strange = collections.Counter()
        self.sums = collections.Counter()
        self.is_settled = self.is_talking = False
        self.newest = {}
        self.carried = 0
        self.ended = 0
        self.last_time, self.pause = None, 0
        self.selector = selectors.DefaultSelector()
        self.people = []
        for i in range(people):
            person = Person(self, i, f"{host}:{port}", f"#r{i % rooms}")
            self.people.append(person)
            self.selector.register(person.sock, selectors.EVENT_READ, person)
        self.turn = 0
        self.settle()

    def settle(self):
        """All are in their rooms, and have read who came to them."""
        self.wait(lambda: self.all_answered(1))
        # The last who came may be told of in a sum, a second later.
        until = time.monotonic() + 1.2
        self.wait(lambda: time.monotonic() > until)
        for person in self.people:
            person.send("/set quiet off\n/set\n")
        self.wait(lambda: self.all_answered(2))
        for person in self.people:
            person.answers = 0
        self.is_settled = True

    def all_answered(self, answers):
        return all(person.answers >= answers or person.ended
                   for person in self.people)

    def was_carried_out(self, who, number):
        now = time.monotonic()
        if self.is_talking and self.last_time:
            self.pause = max(self.pause, now - self.last_time)
        self.last_time = now
        if number > self.newest.get(who, 0):
            self.newest[who] = number
            self.carried += 1

    def has_ended(self, person):
        self.ended += 1
        self.selector.unregister(person.sock)

    def speak(self):
        """Those whose second is over, in turns."""
        due = int((time.monotonic() - self.began) * len(self.people))
        while self.turn < due:
            self.people[self.turn % len(self.people)].say()
            self.turn += 1

    def step(self):
        if self.is_talking:
            self.speak()
        for key, _ in self.selector.select(0.01):
            key.data.read()

    def wait(self, condition):
        """Whether it has come true in time."""
        until = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > until:
                return False
            self.step()
        return True

    def talk(self):
        self.is_talking = True
        self.began, self.turn = time.monotonic(), 0
        self.last_time = None
        return True

    def more(self, lines):
        wanted = self.carried + lines
        return self.wait(lambda: self.carried >= wanted)

    def hush(self):
        self.is_talking = False
        for person in self.people:
            if not person.ended:
                person.answers = 0
                person.send("/set\n")
        if not self.wait(lambda: self.all_answered(1)):
            return False
        for person in self.people:
            person.look_back()
        return True

    def end(self):
        self.is_talking = False
        return self.wait(lambda: self.ended == len(self.people))

    def report(self, is_done):
        faults = [person.faults for person in self.people]
        said = {"done": is_done, "ended": self.ended,
                "faults": [min(faults), max(faults)],
                "carried": self.carried, "pause": round(self.pause, 3),
                "strange": self.strange.most_common(10),
                "last": collections.Counter(
                    p.last for p in self.people).most_common(3)}
        for name in ("missing", "doubled", "unexplained", "unheard", "empty"):
            said[name] = self.sums[name]
        self.pause = 0
        return json.dumps(said)

    def obey(self, words):
        """Does what it is told to."""
        if words[0] == "carried":
            return self.more(int(words[1]))
        return {"talk": self.talk, "hush": self.hush, "end": self.end}[
            words[0]]()

    def serve(self):
        """Goes on until its input ends."""
        buffer = b""
        os.set_blocking(0, False)
        while True:
            self.step()
            try:
                piece = os.read(0, 4096)
            except BlockingIOError:
                continue
            if not piece:
                return
            buffer += piece
            while b"\n" in buffer:
                line, _, buffer = buffer.partition(b"\n")
                print(self.report(self.obey(line.decode().split())),
                      flush=True)


def main():
    host, port, people, rooms = sys.argv[1:]
    crowd = Crowd(host, port, int(people), int(rooms))
    print(crowd.report(True), flush=True)
    crowd.serve()


if __name__ == "__main__":
    main()
