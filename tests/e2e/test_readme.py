#!/usr/bin/env python3
"""README's transcripts are what people get who type that, and its settings
are right.

	test_readme.py --write	puts what is said now into README.md
"""

import os
import re
import signal
import sys

from banter.case import Case, main
from banter.connection import Reader
from banter.files import written
from banter.line import STAMP

SOURCE = os.environ.get("SOURCE_DIR") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../..")
README = os.path.join(SOURCE, "README.md")
WRITE = "--write" in sys.argv

PEOPLE = ("alice", "bob", "carol")
# Who comes, or types their next line, in the order of the day.
TURNS = """alice alice alice bob bob bob alice carol carol carol bob alice
    bob carol bob carol carol bob alice carol bob""".split()


class Person(Reader):
    """Somebody's screen: what they read and what they type."""

    def __init__(self, address):
        super().__init__(address)
        self.screen = []

    def take(self, line):
        self.screen.append(line)

    def type(self, line):
        self.screen.append(line)
        self.sock.sendall(line.encode() + b"\n")


def block_after(text, words):
    """(start, end) of the lines of the first code block after some words."""
    start = text.index("```\n", text.index(words)) + 4
    return start, text.index("```\n", start)


def is_typed(line):
    return not re.match(r"[\[*!]|" + STAMP, line)


def without_times(lines):
    return [re.sub("^" + STAMP, "18:45 ", line) for line in lines]


class Readme(Case):

    # The words before each one's transcript.
    BEFORE = {"alice": "Alice was the first:", "bob": "Bob:",
              "carol": "Carol came last"}

    def setUp(self):
        super().setUp()
        with open(README, encoding="utf-8") as f:
            self.text = f.read()

    def block(self, words):
        start, end = block_after(self.text, words)
        return self.text[start:end]

    def settings(self):
        """Those of the chapter Configure, with the motd that is shipped."""
        with open(os.path.join(SOURCE, "contrib/motd"), encoding="utf-8") as f:
            motd = written("motd", f.read())
        return self.block("## Configure").replace("/etc/banterd/motd", motd)

    @staticmethod
    def wait_counters(daemon):
        daemon.mark()
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("uptime")

    def replay(self):
        """Everybody types their lines in their turns; the screens then."""
        daemon = self.daemon(self.settings(), server_name=None)
        people = {}
        typed = {name: [line for line in
                        self.block(self.BEFORE[name]).splitlines()
                        if is_typed(line)]
                 for name in PEOPLE}
        for name in TURNS:
            if name not in people:
                people[name] = Person(daemon.addresses[0])
                self.addCleanup(people[name].close)
            else:
                people[name].type(typed[name].pop(0))
            # Twice: what was carried out in the turn of the first answer
            # has left by the second. (Somebody who asks would be seen.)
            self.wait_counters(daemon)
            self.wait_counters(daemon)
            for person in people.values():
                person.read()
        self.assertEqual(typed, {name: [] for name in PEOPLE})
        return {name: without_times(people[name].screen) for name in PEOPLE}

    def test_transcripts(self):
        screens = self.replay()
        if WRITE:
            self.write(screens)
        for name in PEOPLE:
            self.assertEqual(
                self.block(self.BEFORE[name]).splitlines(),
                screens[name], name)

    def write(self, screens):
        for name in PEOPLE:
            start, end = block_after(self.text, self.BEFORE[name])
            self.text = (self.text[:start] + "\n".join(screens[name]) + "\n" +
                         self.text[end:])
        with open(README, "w", encoding="utf-8") as f:
            f.write(self.text)


if __name__ == "__main__":
    if WRITE:
        sys.argv.remove("--write")
    main()
