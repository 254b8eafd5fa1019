#!/usr/bin/env python3
"""/set: a time before each line, no joined and left lines, a bell."""

from banter.case import Case, main
from banter.client import settle
from banter.line import STAMP, rx


class Pair(Case):

    def setUp(self):
        super().setUp()
        self.server = self.daemon()
        self.alice, self.bob = self.server.people("alice", "bob")


class Time(Pair):

    def test_on_and_off(self):
        self.alice.send("/set time on")
        self.alice.expect(rx("(%s)?" % STAMP + r"\* .*time.*"))
        self.bob.ask("hello", "/me waves", "/msg alice psst", "/topic tea")
        for line in (r"\[#lobby\] bob: hello", r"\[#lobby\] \* bob waves",
                     r"\[private\] bob: psst",
                     r"\[#lobby\] -- bob set the topic: tea"):
            self.alice.expect(rx(STAMP + line))
        self.alice.send("/who", "/nosuch")
        self.alice.expect(rx(STAMP + r"\* #lobby \(2\): alice, bob"),
                          rx(STAMP + r"! .*nosuch.*"))
        self.alice.send("/set time off")
        self.alice.expect(rx("(%s)?" % STAMP + r"\* .*time.*"))
        self.bob.ask("hello")
        self.alice.expect("[#lobby] bob: hello")
        self.bob.silence()

    def test_replayed_lines_have_one_stamp(self):
        self.bob.ask("hello")
        self.alice.ask("/set time on")
        lines = self.alice.ask("/history 1")
        self.assertRegex(lines[-1], "^" + STAMP + r"\[#lobby\] bob: hello$")

    def test_joining_and_the_farewell(self):
        self.alice.ask("/set time on")
        self.alice.send("/join #dev", "/quit")
        self.alice.ends_with(rx(STAMP + r"\* You are in #dev .*"),
                             rx(STAMP + r"\* Bye\."))


class Quiet(Pair):

    def test_on_and_off(self):
        self.alice.ask_notice("/set quiet on", "quiet")
        carol = self.server.client("carol")
        carol.ask("hello")
        self.assertEqual([line for line in self.alice.sync()
                          if "is now" not in line],
                         ["[#lobby] carol: hello"])
        carol.send("/quit")
        carol.rest()
        self.alice.silence()
        self.bob.sync()
        self.alice.ask_notice("/set quiet off", "quiet")
        dave = self.server.guest("dave")
        self.alice.expect("[#lobby] -- %s joined" % dave.nick)
        dave.hang_up()
        self.alice.expect("[#lobby] -- %s left" % dave.nick)

    def test_every_way_of_leaving(self):
        others = [self.server.client("p%d" % i) for i in range(4)]
        self.alice.sync()
        self.alice.ask("/set quiet on")
        others[0].reset()
        others[1].close()
        others[2].send("/leave")
        others[3].send("/quit bye")
        others[3].rest()
        others[2].sync()
        seen = []
        while len([line for line in seen if " left" in line]) < 4:
            seen.append(self.bob.next())
        self.alice.silence()

    def test_topics_and_kicks_are_still_told(self):
        carol = self.server.client("carol", "#dev")
        self.alice.ask("/set quiet on", "/join #dev")
        self.bob.join("#dev")
        carol.ask("/topic tea", "/kick bob")
        self.alice.expect("[#dev] -- carol set the topic: tea",
                          "[#dev] -- carol kicked bob")


class Bell(Pair):

    def setUp(self):
        super().setUp()
        self.alice.ask_notice("/set bell on", "bell")

    def test_private(self):
        self.bob.ask("/msg alice psst", "/msg alice /me nods")
        self.alice.expect("[private] bob: psst\a", "[private] * bob nods\a")

    def test_ones_name(self):
        for text in ("alice?", "well, alice: no", "alice", "ask Alice.",
                     "(ALICE)"):
            self.bob.ask(text)
            self.alice.expect("[#lobby] bob: %s\a" % text)
        self.bob.ask("/me looks at alice")
        self.alice.expect("[#lobby] * bob looks at alice\a")

    def test_nothing_else(self):
        for text in ("hello", "malice", "alices", "al ice"):
            self.bob.ask(text)
            self.alice.expect("[#lobby] bob: " + text)
        self.bob.ask("/topic alice")
        self.alice.expect(rx(r"\[#lobby\] -- bob set the topic: alice\a?"))
        self.alice.ask_notice("/set bell off", "bell")
        self.bob.ask("alice", "/msg alice psst")
        self.alice.expect("[#lobby] bob: alice", "[private] bob: psst")

    def test_with_time(self):
        self.alice.ask("/set time on")
        self.bob.ask("/msg alice psst")
        self.alice.expect(rx(STAMP + r"\[private\] bob: psst\a"))

    def test_after_a_rename(self):
        self.alice.rename("ann")
        self.bob.sync()
        self.bob.ask("alice", "ann")
        self.alice.expect("[#lobby] bob: alice", "[#lobby] bob: ann\a")

    def test_others_hear_none(self):
        carol = self.server.client("carol")
        settle(self.alice, self.bob, carol)
        self.bob.ask("alice")
        carol.expect("[#lobby] bob: alice")


class Set(Pair):

    def test_shows_all(self):
        self.alice.ask("/set bell on")
        text = "\n".join(self.alice.ask("/set"))
        for word in ("time", "quiet", "bell", "on", "off"):
            self.assertIn(word, text)
        self.assertNotIn("! ", text)

    def test_wrong(self):
        for line in ("/set colour on", "/set time maybe", "/set on"):
            with self.subTest(line):
                self.alice.ask_error(line)

    def test_any_case(self):
        self.alice.ask("/SET Time ON")
        self.bob.ask("hello")
        self.alice.expect(rx(STAMP + r"\[#lobby\] bob: hello"))

    def test_of_one_person_only(self):
        self.alice.ask("/set time on", "/set bell on", "/set quiet on")
        self.alice.ask("bob")
        self.bob.expect("[#lobby] alice: bob")


if __name__ == "__main__":
    main()
