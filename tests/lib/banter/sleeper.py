"""Somebody who does not read, and an account of what reaches them."""

import re

from banter.case import Case
from banter.client import settle
from banter.files import scratch_path

SKIPPED = re.compile(r"\* (\d+) lines? skipped; /history shows (?:them|it)\.")


def text(number):
    """A line of about a thousand bytes that tells its number."""
    return "n%d %s" % (number, "x" * 980)


class Sleeper(Case):

    # small, so that a few megabytes fill all there is
    config = "send-queue %s\nhistory 5\nmax-per-host 100\n"

    def begin(self, config="", readers=("reader",), queue="64K"):
        self.path = scratch_path("sock")
        self.server = self.daemon(self.config % queue + config,
                                  listen=["127.0.0.1:0", self.path])
        self.speaker = self.server.client("speaker")
        self.readers = [self.server.client(nick) for nick in readers]
        self.said = 0
        # in a crowd, joins are summed up some time later
        self.crowd = len(readers) > 1
        if self.crowd:
            for one in self.readers + [self.speaker]:
                one.ask("/set quiet on")

    def sleeper(self, nick="sleeper", **how):
        how.setdefault("rcvbuf", 4096)
        sleeper = self.server.client(nick, **how)
        if self.crowd:
            sleeper.ask("/set quiet on")
        settle(self.speaker, sleeper, *self.readers)
        return sleeper

    def say(self, count):
        """The speaker says lines, and each reader gets each in order."""
        batch = 50
        while count:
            now = min(batch, count)
            numbers = range(self.said, self.said + now)
            self.speaker.send(*[text(n) for n in numbers])
            for reader in self.readers:
                for n in numbers:
                    reader.expect("[#lobby] speaker: " + text(n))
            self.said += now
            count -= now
        self.speaker.silence()

    def fill(self, sleeper):
        """Says lines until the sleeper misses some: his queue is full.

        A private line fails then, and its speaker is told so.
        """
        for _ in range(200):
            self.say(100)
            answers = self.speaker.ask("/msg sleeper are you awake?")
            if answers:
                self.assertEqual(len(answers), 1, answers)
                self.assertTrue(answers[0].startswith("! "), answers)
                self.assertIn("sleeper", answers[0])
                return
        sleeper.fail("its queue is never full")

    def wake_up(self, sleeper):
        """What the sleeper got: numbers, with the skipped counted."""
        heard = []
        skipped = 0
        # the answer to the first is older than the account of the rest
        for line in sleeper.sync() + sleeper.sync():
            gap = SKIPPED.fullmatch(line)
            if gap:
                heard.append(-int(gap.group(1)))
                skipped += int(gap.group(1))
                continue
            said = re.fullmatch(r"\[#lobby\] speaker: n(\d+) x{980}", line)
            if said:
                heard.append(int(said.group(1)))
            elif line != "[private] speaker: are you awake?":
                sleeper.fail("an unexpected line %r" % line)
        return heard, skipped

    def check_account(self, sleeper):
        """Heard in order, once, and each gap is as large as it was told."""
        heard, skipped = self.wake_up(sleeper)
        at = 0
        for item in heard:
            if item < 0:
                at += -item
                continue
            if item != at:
                sleeper.fail("expected line %d, got line %d in %r..."
                             % (at, item, heard[:50]))
            at += 1
        self.assertEqual(at, self.said, "missing at the end")
        self.assertGreater(skipped, 0)
        return heard
