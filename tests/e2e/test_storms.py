#!/usr/bin/env python3
"""Many who join or leave one room at once are summed up in one line."""

import re

from banter.case import Case, main
from banter.line import rx

EVENT = re.compile(r"\[#storm\] -- (?:(\d+) (?:people|person)|[A-Za-z]\S*) "
                   r"(joined|left)(?: \(.*\))?")


class Storm(Case):

    def setUp(self):
        super().setUp()
        self.server = self.daemon("default-room none\nmax-per-host 400\n"
                                  "max-clients 400\n")
        self.watcher = self.server.client("watcher", "#storm")

    def crowd(self, size):
        return [self.server.client("p%d" % i) for i in range(size)]

    def all_at_once(self, people, *lines):
        """Everybody sends these, and the server reads all in one turn."""
        self.server.freeze()
        for one in people:
            one.send(*lines)
        self.server.thaw()

    def count(self, kind, total):
        """Reads events until they sum up; the lines."""
        lines, seen = [], 0
        while seen < total:
            line = self.watcher.next(what="%d of %d who %s" % (
                seen, total, kind))
            event = EVENT.fullmatch(line)
            if not event or event.group(2) != kind:
                self.watcher.fail("unexpected: %r" % line)
            lines.append(line)
            seen += int(event.group(1) or 1)
        if seen > total:
            self.watcher.fail("%d of %d who %s" % (seen, total, kind))
        return lines

    def test_join(self):
        self.pass_a_second()
        people = self.crowd(60)
        self.all_at_once(people, "/join #storm")
        lines = self.count("joined", 60)
        # five by name and one for the rest of each second that it took
        self.assertLess(len(lines), 30, lines)
        for line in lines[:5]:
            self.assertRegex(line, r"^\[#storm\] -- p\d+ joined$")
        self.assertRegex(lines[5],
                         r"^\[#storm\] -- \d+ (people|person) joined$")
        self.watcher.silence()
        self.watcher.send("/who")
        self.assertIn("#storm (61)", self.watcher.next())

    def test_leave(self):
        people = self.crowd(60)
        self.all_at_once(people, "/join #storm")
        self.count("joined", 60)
        self.all_at_once(people, "/leave")
        lines = self.count("left", 60)
        self.assertLess(len(lines), 30, lines)
        for line in lines[:5]:
            self.assertRegex(line, r"^\[#storm\] -- p\d+ left$")
        self.assertRegex(lines[5], r"^\[#storm\] -- \d+ (people|person) left$")
        self.watcher.silence()

    def test_first_names(self):
        """Guests who take a name; who has one and changes it is told."""
        people = [self.server.guest("p%d" % i) for i in range(30)]
        self.all_at_once(people, "/join #storm")
        self.count("joined", 30)
        self.pass_a_second()
        self.server.freeze()
        for i, one in enumerate(people):
            one.send("/nick q%d" % i, *(["/nick r0"] if i == 0 else []))
        self.server.thaw()
        lines = [self.watcher.next() for _ in range(22)]
        self.assertEqual(lines[-1], "[#storm] -- 10 people took a name")
        self.assertIn("[#storm] -- q0 is now r0", lines)
        for line in lines[:-1]:
            self.assertRegex(line, r"^\[#storm\] -- \w+ is now \w+$")
        self.watcher.silence()

    def test_quit_and_lost(self):
        people = self.crowd(60)
        self.all_at_once(people, "/join #storm")
        self.count("joined", 60)
        self.server.freeze()
        for i, one in enumerate(people):
            if i % 3 == 0:
                one.send("/quit bye")
            elif i % 3 == 1:
                one.close()
            else:
                one.reset()
        self.server.thaw()
        self.count("left", 60)
        self.watcher.silence()

    def test_five_are_not_a_storm(self):
        self.pass_a_second()
        people = self.crowd(5)
        self.all_at_once(people, "/join #storm")
        lines = self.count("joined", 5)
        self.assertEqual(sorted(lines), ["[#storm] -- p%d joined" % i
                                         for i in range(5)])

    def test_six_are(self):
        self.pass_a_second()
        people = self.crowd(6)
        self.all_at_once(people, "/join #storm")
        lines = self.count("joined", 6)
        self.assertEqual(len(lines), 6)
        self.assertEqual(lines[5], "[#storm] -- 1 person joined")

    def test_seven(self):
        self.pass_a_second()
        people = self.crowd(7)
        self.all_at_once(people, "/join #storm")
        lines = self.count("joined", 7)
        self.assertEqual(lines[5:], ["[#storm] -- 2 people joined"])

    def pass_a_second(self):
        """Lets a storm elsewhere pass, which is summed up after its second.

        The watcher has joined a moment ago, and is counted, too.
        """
        other = [self.server.client("o%d" % i, "#other") for i in range(2)]
        late = [self.server.client("l%d" % i) for i in range(6)]
        self.all_at_once(late, "/join #other")
        other[0].until(rx(r"\[#other\] -- \d+ (people|person) joined"))
        for one in other + late:
            one.close()

    def test_each_room_for_itself(self):
        """A storm in one room does not hide who comes to another."""
        people = self.crowd(20)
        self.all_at_once(people, "/join #storm")
        other = self.server.client("other", "#quiet")
        self.server.client("visitor", "#quiet").sync()
        other.expect("[#quiet] -- visitor joined")
        self.count("joined", 20)

    def test_joins_and_leaves_are_counted_apart(self):
        people = self.crowd(20)
        self.all_at_once(people, "/join #storm", "/leave")
        came = gone = 0
        while came < 20 or gone < 20:
            line = self.watcher.next()
            event = EVENT.fullmatch(line)
            if not event:
                self.watcher.fail("unexpected: %r" % line)
            if event.group(2) == "joined":
                came += int(event.group(1) or 1)
            else:
                gone += int(event.group(1) or 1)
        self.assertEqual((came, gone), (20, 20))
        self.watcher.silence()

    def test_quiet_hears_nothing(self):
        quiet = self.server.client("quiet", "#storm")
        quiet.ask("/set quiet on")
        self.watcher.sync()
        people = self.crowd(20)
        self.all_at_once(people, "/join #storm")
        self.count("joined", 20)
        quiet.silence()

    def test_speech_is_never_summed_up(self):
        people = self.crowd(30)
        self.all_at_once(people, "/join #storm", "hello")
        spoken = set()
        joined = 0
        while len(spoken) < 30 or joined < 30:
            line = self.watcher.next()
            event = EVENT.fullmatch(line)
            if event:
                joined += int(event.group(1) or 1)
            else:
                speaker = re.fullmatch(r"\[#storm\] (p\d+): hello", line)
                self.assertTrue(speaker, line)
                self.assertNotIn(speaker.group(1), spoken)
                spoken.add(speaker.group(1))
        self.assertEqual(joined, 30)

    def test_all_that_join_are_told_the_size(self):
        people = self.crowd(30)
        self.all_at_once(people, "/join #storm")
        sizes = []
        for one in people:
            line = one.until(rx(r"\* You are in #storm \(\d+ here: .*"))[-1]
            sizes.append(int(re.search(r"\((\d+) here", line).group(1)))
        self.assertEqual(sorted(sizes), list(range(2, 32)))


if __name__ == "__main__":
    main()
