#!/usr/bin/env python3
"""Who runs a room: the @, /kick, /op, and who comes next."""

from banter.case import Case, main
from banter.client import settle
from banter.line import rx


class Operator(Case):

    def setUp(self):
        super().setUp()
        self.server = self.daemon("room #fixed")
        self.alice, self.bob, self.carol = (
            self.server.client(nick, "#dev")
            for nick in ("alice", "bob", "carol"))
        self.everyone = (self.alice, self.bob, self.carol)
        settle(*self.everyone)

    def who(self, expected, room="#dev"):
        self.carol.sync()
        self.carol.ask_notice("/who " + room, expected)

    def tell(self, client, line):
        """A command of the one who runs it, who reads an answer to it.

        Whether he also reads the room's own line is left open.
        """
        answers = client.ask(line)
        self.assertTrue([a for a in answers if a.startswith("* ")], answers)
        self.assertFalse([a for a in answers if a.startswith("! ")], answers)

    def test_who_made_it_has_it(self):
        self.carol.send("/who #dev")
        self.carol.expect("* #dev (3): @alice, bob, carol")

    def test_rooms_of_the_file_have_none(self):
        for nick in self.everyone:
            nick.join("#fixed")
        settle(*self.everyone)
        self.carol.send("/who #fixed", "/who #lobby")
        self.carol.expect("* #fixed (3): alice, bob, carol",
                          "* #lobby (3): alice, bob, carol")
        self.alice.ask_error("/kick bob")
        self.alice.ask_error("/op bob")
        self.alice.join("#lobby")
        self.alice.ask_error("/kick bob")
        self.alice.ask_error("/op alice")
        self.bob.silence()

    def test_kick(self):
        self.tell(self.alice, "/kick bob that was rude")
        self.bob.expect("! alice kicked you from #dev (that was rude)",
                        "* You are in #lobby now.")
        self.carol.expect("[#dev] -- alice kicked bob (that was rude)")
        self.bob.silence()
        self.carol.silence()
        self.who("#dev (2): @alice, carol")

    def test_kick_without_a_reason(self):
        self.tell(self.alice, "/kick BOB")
        self.bob.expect("! alice kicked you from #dev")
        self.carol.expect("[#dev] -- alice kicked bob")

    def test_who_was_kicked_is_out(self):
        self.tell(self.alice, "/kick bob")
        settle(*self.everyone)
        self.alice.ask("is he gone?")
        self.carol.expect("[#dev] alice: is he gone?")
        self.bob.silence()
        self.bob.ask("am I in the lobby?")
        for one in (self.alice, self.carol):
            one.expect("[#lobby] bob: am I in the lobby?")
        for line in ("/msg #dev hello", "/join #dev"):
            self.bob.ask_error(line, "kicked from #dev")
        self.carol.silence()
        self.alice.ask_notice("/invite bob", "bob may come into #dev.")
        self.bob.expect("* alice lets you into #dev again: /join #dev")
        self.bob.join("#dev")
        self.carol.expect("[#dev] -- bob joined")
        self.who("#dev (3): @alice, carol, bob")

    def test_who_is_outside(self):
        """Who writes from there can be put out; others can't."""
        dave = self.server.client("dave")
        settle(*self.everyone)
        self.alice.ask_error("/kick dave", "dave is not in #dev")
        dave.ask("/msg #dev buy now")
        self.alice.expect("[#dev] dave: buy now")
        self.alice.ask_notice("/kick dave spam")
        dave.expect("! alice kicked you from #dev (spam)")
        self.carol.until("[#dev] -- alice kicked dave (spam)")
        self.server.wait_log(r"info: dave at 127\.0\.0\.1 was kicked from #dev "
                             r"by alice$")
        dave.ask_error("/msg #dev buy now", "kicked from #dev")
        self.carol.silence()

    def test_others_can_not(self):
        for line in ("/kick alice", "/kick carol me first", "/op bob"):
            self.bob.ask_error(line)
        self.alice.silence()
        self.carol.silence()
        self.who("#dev (3): @alice, bob, carol")

    def test_kick_whom(self):
        self.server.client("dave")
        settle(*self.everyone)
        self.alice.ask_error("/kick dave", "dave")
        self.alice.ask_error("/kick nobody", "nobody")
        self.alice.ask_error("/kick")
        self.alice.ask_error("/op dave", "dave")
        self.alice.ask_error("/op nobody", "nobody")
        self.alice.ask_error("/op")
        self.carol.silence()

    def test_op(self):
        self.tell(self.alice, "/op bob")
        settle(*self.everyone)
        self.carol.send("/who #dev")
        self.assertIn("@bob", self.carol.expect(
            rx(r"\* #dev \(3\): @?alice, @bob, carol")))
        self.tell(self.bob, "/kick carol")
        self.carol.expect("! bob kicked you from #dev")

    def test_whoever_has_been_there_longest_is_next(self):
        self.alice.ask("/leave #dev")
        settle(*self.everyone)
        self.carol.send("/who #dev")
        self.carol.expect("* #dev (2): @bob, carol")
        self.alice.join("#dev")
        settle(*self.everyone)
        self.carol.send("/who #dev")
        self.carol.expect("* #dev (3): @bob, carol, alice")
        self.bob.send("/quit")
        self.bob.rest()
        self.who("#dev (2): @carol, alice")
        self.carol.ask("/leave #dev")
        settle(self.alice, self.carol)
        self.alice.send("/who #dev")
        self.alice.expect("* #dev (1): @alice")

    def test_next_after_a_lost_connection(self):
        self.alice.reset()
        self.carol.until("[#dev] -- alice left (connection lost)")
        settle(self.bob, self.carol)
        self.who("#dev (2): @bob, carol")
        self.bob.ask_error("/kick alice", "alice")
        self.tell(self.bob, "/kick carol")

    def test_a_rename_keeps_it(self):
        self.alice.rename("ann")
        settle(*self.everyone)
        self.who("#dev (3): @ann, bob, carol")

    def test_a_room_made_anew_belongs_to_its_maker(self):
        for one in self.everyone:
            one.leave("#dev")
        settle(*self.everyone)
        self.bob.join("#dev")
        self.carol.join("#dev")
        settle(*self.everyone)
        self.who("#dev (2): @bob, carol")


if __name__ == "__main__":
    main()
