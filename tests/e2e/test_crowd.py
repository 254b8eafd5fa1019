#!/usr/bin/env python3
"""A thousand in one room: each gets each line, once, in order."""

import selectors
import time

from banter import wait
from banter.case import Case, main
from banter.connection import Reader
from banter.host import raise_nofile

CROWD = 1000
LINES = 100
SPEAKERS = 4


class Member(Reader):
    """One of the crowd: keeps the speech only."""

    def __init__(self, address, number):
        super().__init__(address, "127.70.%d.%d" % (
            number // 100, number % 100 + 1))
        self.number = number
        self.speech = []
        self.noise = 0

    def take(self, line):
        if line.startswith("[#big] s"):
            self.speech.append(line)
        else:
            self.noise += 1

    def at_end(self):
        raise AssertionError("member %d was disconnected" % self.number)


class Crowd(Case):

    def gather(self, selector, condition, what):
        """Reads for all until the condition holds."""
        until = time.monotonic() + 3 * wait.DEADLINE
        while not condition():
            if time.monotonic() > until:
                raise AssertionError("it never came true: " + what)
            for key, _ in selector.select(1):
                key.data.read()

    def test_everybody_gets_everything(self):
        if raise_nofile(CROWD + 500) < CROWD + 100:
            self.skipTest("too few descriptors")
        daemon = self.daemon("max-clients 2000\nmax-per-host 100\n"
                             "default-room none\n")
        speakers = [daemon.client("s%d" % i) for i in range(SPEAKERS)]
        with selectors.DefaultSelector() as selector:
            crowd = []
            for i in range(CROWD):
                member = Member(daemon.addresses[0], i)
                self.addCleanup(member.sock.close)
                crowd.append(member)
                selector.register(member.sock, selectors.EVENT_READ, member)
                member.sock.sendall(b"/join #big\n")
            # whoever has spoken last of all was heard by all who are there
            self.gather(selector, lambda: all(m.noise >= 3 for m in crowd),
                        "everybody has joined")
            for speaker in speakers:
                speaker.join("#big")
            for i in range(LINES // SPEAKERS):
                for speaker in speakers:
                    speaker.send("line %d" % i)
            self.gather(selector, lambda: all(
                len(m.speech) >= LINES for m in crowd),
                "everybody has heard everything")
            for speaker in speakers:
                speaker.send("the end")
            self.gather(selector, lambda: all(
                len(m.speech) >= LINES + SPEAKERS for m in crowd),
                "everybody has heard the end")
        texts = ["line %d" % i for i in range(LINES // SPEAKERS)] + ["the end"]
        first = crowd[0].speech
        for member in crowd:
            self.assertEqual(member.speech, first,
                             "the order differs for %d" % member.number)
        for speaker in speakers:
            start = "[#big] %s: " % speaker.nick
            self.assertEqual(
                [line for line in first if line.startswith(start)],
                [start + text for text in texts])
        self.assertEqual(len(first), SPEAKERS * len(texts))
        # joining cost each of them a few lines, not one for each who came
        worst = max(member.noise for member in crowd)
        self.assertLess(worst, CROWD // 2)


if __name__ == "__main__":
    main()
