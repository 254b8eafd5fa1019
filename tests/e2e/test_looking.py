#!/usr/bin/env python3
"""Looking around: /topic, /history, /who, /whois, /rooms."""

import re

from banter.case import Case, main
from banter.client import settle
from banter.line import STAMP, rx


class Topic(Case):

    def setUp(self):
        super().setUp()
        self.server = self.daemon('room #dev topic "release on friday"')
        self.alice, self.bob = self.server.people("alice", "bob")

    def test_set_and_show(self):
        self.alice.send("/topic coffee & cake")
        answers = self.alice.sync()
        self.assertTrue([a for a in answers if a.startswith("* ")], answers)
        self.bob.expect("[#lobby] -- alice set the topic: coffee & cake")
        self.bob.ask_notice("/topic", "coffee & cake")
        self.alice.silence()

    def test_none_yet(self):
        self.alice.ask_notice("/topic", "#lobby")

    def test_from_the_file(self):
        self.alice.send("/join #dev")
        self.alice.expect("* You are in #dev (1 here: you). "
                          "Topic: release on friday.")
        self.alice.ask_notice("/topic", "release on friday")

    def test_anybody_may(self):
        self.alice.join("#new")
        self.bob.join("#new")
        self.alice.sync()
        self.bob.ask("/topic by bob")
        self.alice.expect("[#new] -- bob set the topic: by bob")

    def test_a_joiner_reads_it(self):
        self.alice.join("#new")
        self.alice.ask("/topic fresh")
        self.bob.send("/join #new")
        self.bob.expect("* You are in #new (2 here: @alice, you). "
                        "Topic: fresh.")

    def test_kept_while_the_file_keeps_the_room(self):
        self.alice.join("#dev")
        self.alice.ask("/topic changed")
        self.alice.leave("#dev")
        self.bob.send("/join #dev")
        self.bob.expect("* You are in #dev (1 here: you). Topic: changed.")

    def test_of_the_current_room_only(self):
        self.alice.join("#new")
        self.bob.sync()
        self.alice.ask("/topic fresh")
        self.bob.silence()


class History(Case):

    def ask_history(self, client, command="/history"):
        """The lines after the header, their stamps checked and taken off."""
        client.send(command)
        client.expect(rx(r"\* .+"))
        lines = client.sync()
        for line in lines:
            self.assertRegex(line, "^" + STAMP)
        return [line[6:] for line in lines]

    def test_lines(self):
        daemon = self.daemon()
        alice, bob = daemon.people("alice", "bob")
        alice.ask("one", "/me two", "/msg bob not this")
        bob.ask("three", "/topic nor this")
        for one in (alice, bob):
            one.sync()
            self.assertEqual(self.ask_history(one), [
                "[#lobby] alice: one", "[#lobby] * alice two",
                "[#lobby] bob: three"])

    def test_count(self):
        daemon = self.daemon()
        alice = daemon.client("alice")
        said = ["[#lobby] alice: %d" % i for i in range(10)]
        alice.ask(*[str(i) for i in range(10)])
        self.assertEqual(self.ask_history(alice, "/history 3"), said[-3:])
        self.assertEqual(self.ask_history(alice, "/history 1"), said[-1:])
        self.assertEqual(self.ask_history(alice, "/history 10"), said)
        self.assertEqual(self.ask_history(alice, "/history 11"), said)
        self.assertEqual(self.ask_history(alice, "/history 9" + 30 * "9"), said)
        for wrong in ("x", "-1", "1x"):
            with self.subTest(wrong):
                alice.ask_error("/history " + wrong)

    def test_of_the_current_room(self):
        daemon = self.daemon()
        alice = daemon.client("alice")
        alice.ask("in the lobby")
        alice.join("#dev")
        alice.ask("in dev")
        self.assertEqual(self.ask_history(alice), ["[#dev] alice: in dev"])
        alice.leave()
        self.assertEqual(self.ask_history(alice),
                         ["[#lobby] alice: in the lobby"])

    def test_limit(self):
        for limit in (1, 5):
            with self.subTest(limit):
                daemon = self.daemon("history %d" % limit)
                alice = daemon.client("alice")
                for upto in (limit - 1, limit, limit + 1, 4 * limit + 3):
                    alice.ask(*["n%d" % i for i in range(upto)])
                    kept = self.ask_history(alice)
                    self.assertLessEqual(len(kept), limit)
                    if upto >= limit:
                        self.assertEqual(kept, [
                            "[#lobby] alice: n%d" % i
                            for i in range(upto - limit, upto)])
                    new = daemon.connect("new")
                    self.assertEqual(
                        [line[6:] for line in new.sync()[2:]], kept)
                    new.hang_up()

    def test_default_is_fifty(self):
        daemon = self.daemon()
        alice = daemon.client("alice")
        alice.ask(*["n%d" % i for i in range(60)])
        self.assertEqual(self.ask_history(alice, "/history 50"),
                         ["[#lobby] alice: n%d" % i for i in range(10, 60)])
        new = daemon.connect("new")
        self.assertEqual(len(new.sync()), 2 + 50)

    def test_none(self):
        daemon = self.daemon("history 0")
        alice = daemon.client("alice")
        alice.ask("forgotten")
        alice.send("/history")
        alice.expect(rx(r"[*!] .+"))
        self.assertEqual(len(daemon.connect("new").sync()), 2)

    def test_empty(self):
        daemon = self.daemon()
        daemon.client("alice").ask_notice("/history")

    def test_joins_and_leaves_are_not_kept(self):
        daemon = self.daemon()
        alice, bob = daemon.people("alice", "bob")
        alice.ask("speech")
        bob.rename("bert")
        bob.send("/quit")
        bob.rest()
        alice.sync()
        self.assertEqual(self.ask_history(alice), ["[#lobby] alice: speech"])

    def test_kept_by_a_room_of_the_file(self):
        daemon = self.daemon("room #dev")
        alice = daemon.client("alice", "#dev")
        alice.ask("anybody?")
        alice.send("/quit")
        alice.rest()
        bob = daemon.client("bob")
        lines = bob.join("#dev")
        self.assertRegex(lines[-1], "^" + STAMP
                         + re.escape("[#dev] alice: anybody?") + "$")


class Who(Case):

    def test_order_and_marks(self):
        daemon = self.daemon()
        people = [daemon.client(nick, "#dev")
                  for nick in ("alice", "zoe", "bob")]
        people[2].ask("/away")
        settle(*people)
        for one in people:
            for ask in ("/who", "/names", "/who #dev", "/who dev",
                        "/WHO #DEV"):
                one.send(ask)
                one.expect("* #dev (3): @alice, zoe, bob (away)")
                one.silence()

    def test_another_room(self):
        daemon = self.daemon()
        alice = daemon.client("alice")
        daemon.client("bob", "#dev")
        alice.sync()
        alice.send("/who #dev")
        alice.expect("* #dev (1): @bob")
        alice.ask_error("/who #nowhere", "#nowhere")

    def test_no_room(self):
        daemon = self.daemon("default-room none")
        daemon.client("alice").ask_error("/who")

    def test_long_lists_are_cut(self):
        daemon = self.daemon("default-room none\nmax-per-host 300")
        people = [daemon.client("someone-with-a-name-%d" % i)
                  for i in range(150)]
        for one in people:
            one.ask("/set quiet on", "/join #big")
        people[0].send("/who #big")
        line = people[0].expect(rx(r"\* #big \(150\): @someone-with-a-name-0, "
                                   r".* and \d+ more: /who #big 2"))
        names = line.count("someone-with-a-name-")
        more = int(re.search(r"and (\d+) more", line).group(1))
        self.assertEqual(names + more, 150)
        self.assertGreater(more, 0)
        shown = re.findall(r"name-(\d+)", line)
        self.assertEqual(shown, [str(i) for i in range(names)])
        people[0].send("/who #big 2", "/who big 3", "/who big 4")
        people[0].expect(
            rx(r"\* #big \(150\): someone-with-a-name-50, .*-99 and "
               r"50 more: /who #big 3"),
            rx(r"\* #big \(150\): someone-with-a-name-100, .*-149"),
            "! 4 is no page of /who #big: a number from 1 to 3.")


class Whois(Case):

    def test_facts(self):
        daemon = self.daemon()
        alice, bob = daemon.client("alice", "#dev"), daemon.client("bob")
        alice.ask("/away at lunch")
        bob.sync()
        lines = bob.ask("/whois ALICE")
        text = "\n".join(lines)
        for line in lines:
            self.assertTrue(line.startswith("* "), lines)
        for fact in ("alice", "#dev", "#lobby", "idle", "at lunch"):
            self.assertIn(fact, text)
        self.assertNotIn("127.0.0", text)

    def test_oneself(self):
        daemon = self.daemon()
        alice = daemon.client("alice")
        self.assertIn("alice", "\n".join(alice.ask("/whois alice")))

    def test_nobody(self):
        daemon = self.daemon()
        alice = daemon.client("alice")
        alice.ask_error("/whois nobody", "nobody")
        alice.ask_error("/whois")

    def test_never_an_address(self):
        daemon = self.daemon("max-per-host 10")
        alice = daemon.client("alice", source="127.9.8.7")
        bob = daemon.client("bob")
        said = bob.ask("/whois alice", "/who", "/rooms", "/help whois")
        said += alice.ask("/whois alice")
        for line in said:
            self.assertNotIn("127.9.8.7", line)


class Rooms(Case):

    def test_list(self):
        daemon = self.daemon('room #fixed topic "always here"')
        alice, bob, carol = (daemon.client("alice", "#two"),
                             daemon.client("bob", "#two"),
                             daemon.client("carol", "#one"))
        alice.ask("/topic not alone")
        settle(alice, bob, carol)
        for command in ("/rooms", "/list"):
            lines = [line for line in alice.ask(command) if "#" in line]
            for line in lines:
                self.assertTrue(line.startswith("* "), lines)
            self.assertEqual(
                [re.search(r"#\w+", line).group() for line in lines],
                ["#lobby", "#two", "#one", "#fixed"], lines)
            for line, size in zip(lines, "3210"):
                self.assertRegex(line, r"\b%s\b" % size)
            self.assertIn("not alone", lines[1])
            self.assertIn("always here", lines[3])

    def test_an_empty_room_is_forgotten(self):
        daemon = self.daemon()
        alice = daemon.client("alice", "#brief")
        self.assertIn("#brief", "\n".join(alice.ask("/rooms")))
        alice.leave()
        self.assertNotIn("#brief", "\n".join(alice.ask("/rooms")))

    def test_many(self):
        daemon = self.daemon("max-joined 200\ndefault-room none")
        alice = daemon.client("alice")
        for i in range(6):	# of one address there are 25 at most
            one = daemon.guest("p%d" % i, source="127.6.0.%d" % (i + 1))
            one.ask(*["/join #room%d" % n for n in range(20 * i, 20 * i + 20)])
        lines = alice.ask("/rooms")
        text = "\n".join(lines)
        named = len(set(re.findall(r"#room\d+", text)))
        more = re.search(r"(\d+) more", text)
        self.assertEqual(named + (int(more.group(1)) if more else 0), 120)
        for line in lines:
            self.assertLessEqual(len(line.encode()), 1100)


if __name__ == "__main__":
    main()
