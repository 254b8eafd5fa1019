#!/usr/bin/env python3
"""Speech and rooms: who hears what, and where one is."""

from banter.case import Case, main
from banter.client import settle
from banter.line import STAMP, rx


class Speech(Case):

    def setUp(self):
        super().setUp()
        self.server = self.daemon()
        self.alice, self.bob, self.carol = self.server.people(
            "alice", "bob", "carol")

    def everyone_else_reads(self, line):
        self.alice.silence()
        for one in (self.bob, self.carol):
            one.expect(line)
            one.silence()

    def test_chat(self):
        self.alice.send("hello")
        self.everyone_else_reads("[#lobby] alice: hello")

    def test_blanks_are_kept(self):
        self.alice.send("  two  spaces\tand a tab")
        self.everyone_else_reads("[#lobby] alice:   two  spaces\tand a tab")

    def test_me(self):
        self.alice.send("/me waves")
        self.everyone_else_reads("[#lobby] * alice waves")

    def test_me_in_any_case(self):
        self.alice.send("/ME Waves")
        self.everyone_else_reads("[#lobby] * alice Waves")

    def test_me_says_nothing(self):
        self.alice.ask_error("/me")
        self.bob.silence()

    def test_double_slash(self):
        self.alice.send("//etc/passwd is a file")
        self.everyone_else_reads("[#lobby] alice: /etc/passwd is a file")

    def test_triple_slash(self):
        self.alice.send("///x")
        self.everyone_else_reads("[#lobby] alice: //x")

    def test_a_slash_later_on(self):
        self.alice.send("either/or")
        self.everyone_else_reads("[#lobby] alice: either/or")

    def test_what_looks_like_a_server_line(self):
        self.alice.send("[#lobby] bob: I am a fool")
        self.everyone_else_reads("[#lobby] alice: [#lobby] bob: I am a fool")

    def test_unknown_commands_are_never_chat(self):
        for line in ("/mgs bob secret", "/joinn #x", "/", "/ hello",
                     "/123", "/m\u00e9 waves", "/jo\u0131n #x"):
            with self.subTest(line):
                self.alice.ask_error(line)
                self.bob.silence()

    def test_an_empty_line_does_nothing(self):
        self.alice.raw(b"\n\r\n\n\r\0\n")
        self.alice.silence()
        self.bob.silence()

    def test_utf8(self):
        text = "grüße, 世界 \U0001f600 \u05e9\u05dc\u05d5\u05dd e\u0301"
        self.alice.send(text)
        self.everyone_else_reads("[#lobby] alice: " + text)

    def test_other_rooms_hear_nothing(self):
        self.carol.join("#dev")
        self.alice.send("for the lobby")
        self.bob.expect("[#lobby] alice: for the lobby")
        self.carol.expect("[#lobby] alice: for the lobby")
        self.carol.send("for dev")
        self.carol.silence()
        self.alice.silence()
        self.bob.silence()
        self.carol.leave("#lobby")
        self.bob.expect("[#lobby] -- carol left")
        self.alice.send("now without carol")
        self.bob.expect("[#lobby] alice: now without carol")
        self.carol.silence()

    def test_order_is_the_same_for_all(self):
        dave = self.server.client("dave")
        settle(self.alice, self.bob, self.carol, dave)
        for i in range(100):
            self.alice.send("a%d" % i)
            self.bob.send("b%d" % i, "/me b%d" % i)
        self.alice.sync()
        self.bob.sync()
        heard = self.carol.sync()
        self.assertEqual(heard, dave.sync())
        self.assertEqual([h for h in heard if "alice" in h],
                         ["[#lobby] alice: a%d" % i for i in range(100)])
        self.assertEqual(
            [h for h in heard if "bob" in h],
            [say % i for i in range(100)
             for say in ("[#lobby] bob: b%d", "[#lobby] * bob b%d")])

    def test_replies_come_in_the_order_of_the_commands(self):
        self.alice.send("/nick ann", "/join #z", "/topic on time", "/nosuch1",
                        "hello", "/msg nobody x", "/who", "/leave",
                        "/nosuch2", "/who")
        self.alice.expect(
            "* You are now ann.", rx(r"\* You are in #z \(1 here.*"),
            rx(r"\* .*"), rx("! .*nosuch1.*"), rx("! .*nobody.*"),
            rx(r"\* #z \(1\): @?ann"), rx(r"\* .*"), rx("! .*nosuch2.*"),
            rx(r"\* #lobby \(3\): ann, bob, carol"))
        self.alice.silence()


class Rooms(Case):

    def test_join_answers(self):
        daemon = self.daemon("default-room none")
        alice, bob = daemon.client("alice"), daemon.client("bob")
        self.assertRegex(alice.join("#dev")[0],
                         r"^\* You are in #dev \(1 here: @?you\)\.")
        alice.ask_notice("/topic release on friday")
        bob.join("#dev")
        alice.expect("[#dev] -- bob joined")
        you = daemon.client("carol")
        you.send("/join #dev")
        you.expect("* You are in #dev (3 here: @alice, bob, you). "
                   "Topic: release on friday.")
        you.silence()
        for one in (alice, bob):
            one.expect("[#dev] -- carol joined")
            one.silence()

    def test_history_follows_the_answer(self):
        daemon = self.daemon("default-room none")
        alice = daemon.client("alice", "#dev")
        alice.ask("first", "/me second")
        bob = daemon.client("bob")
        bob.send("/j #dev")
        bob.expect(rx(r"\* You are in #dev \(2 here: @alice, you\)\..*"),
                   rx(STAMP + r"\[#dev\] alice: first"),
                   rx(STAMP + r"\[#dev\] \* alice second"))
        bob.silence()

    def test_without_the_hash(self):
        daemon = self.daemon("default-room none")
        alice = daemon.client("alice")
        alice.ask_notice("/join dev", "You are in #dev (")
        alice.ask_notice("/who dev", "#dev (1)")
        alice.ask_notice("/leave dev", "#dev")
        alice.ask_error("hello?")

    def test_names_compare_without_case(self):
        daemon = self.daemon("default-room none")
        alice = daemon.client("alice", "#Dev")
        bob = daemon.client("bob")
        bob.send("/join #dEV")
        bob.expect(rx(r"\* You are in #Dev \(2 here: @alice, you\).*"))
        bob.send("hello")
        alice.expect("[#Dev] -- bob joined", "[#Dev] bob: hello")
        bob.ask_notice("/who dev", "#Dev (2)")

    def test_room_names(self):
        daemon = self.daemon("default-room none")
        alice = daemon.client("alice")
        for name in ("a", "Z", "a-b_c.d9", "x" * 32):
            with self.subTest(name):
                alice.ask_notice("/join #" + name,
                                 "You are in #%s (" % name)
        for name in ("#", "#" + "x" * 33, "x" * 33, "##a", "#a!b", "#a,b",
                     "#ä", "#a/b", "#a:b", "#a@b", "#a#b"):
            with self.subTest(name):
                alice.ask_error("/join " + name)
        alice.ask_error("/join")

    def test_joining_again_only_makes_it_current(self):
        daemon = self.daemon("default-room none")
        alice = daemon.client("alice", "#a", "#b")
        bob = daemon.client("bob", "#a", "#b")
        settle(alice, bob)
        alice.ask("in b")
        bob.expect("[#b] alice: in b")
        alice.send("/join #a")
        alice.expect(rx(r"\* .*#a.*"))
        alice.silence()
        bob.silence()
        alice.ask("in a")
        bob.expect("[#a] alice: in a")
        bob.silence()

    def test_several_at_once(self):
        daemon = self.daemon("default-room none")
        alice = daemon.client("alice", "#a", "#b", "#c")
        bob = daemon.client("bob", "#a")
        carol = daemon.client("carol", "#c")
        settle(alice, bob, carol)
        carol.ask("from c")
        bob.ask("from a")
        alice.expect("[#c] carol: from c", "[#a] bob: from a")
        alice.ask("to c, the current one")
        carol.expect("[#c] alice: to c, the current one")
        bob.silence()


class Leave(Case):

    def setUp(self):
        super().setUp()
        self.server = self.daemon("default-room none")
        self.bob = self.server.client("bob", "#a", "#b", "#c")
        self.alice = self.server.client("alice", "#a", "#b", "#c")
        settle(self.alice, self.bob)

    def current(self, room):
        """Alice speaks in that room unless she names another."""
        self.alice.send("where am I?")
        self.bob.expect("[#%s] alice: where am I?" % room)

    def test_falls_back_to_the_room_joined_before(self):
        self.alice.ask_notice("/leave")
        self.bob.expect("[#c] -- alice left")
        self.current("b")
        self.alice.ask_notice("/part")
        self.bob.expect("[#b] -- alice left")
        self.current("a")
        self.alice.ask_notice("/leave")
        self.bob.expect("[#a] -- alice left")
        self.alice.ask_error("where am I?")
        self.alice.ask_error("/leave")
        self.bob.silence()

    def test_another_than_the_current(self):
        self.alice.ask_notice("/leave #a")
        self.bob.expect("[#a] -- alice left")
        self.current("c")
        self.alice.ask_notice("/leave")
        self.bob.expect("[#c] -- alice left")
        self.current("b")

    def test_reason(self):
        self.alice.ask_notice("/leave back to work, friends")
        self.bob.expect("[#c] -- alice left (back to work, friends)")

    def test_room_and_reason(self):
        self.alice.ask_notice("/leave #b too loud")
        self.bob.expect("[#b] -- alice left (too loud)")
        self.alice.ask_notice("/leave A enough")
        self.bob.expect("[#a] -- alice left (enough)")
        self.current("c")

    def test_a_first_word_that_is_no_room_of_mine(self):
        carol = self.server.client("carol", "#away")
        self.alice.ask_error("/leave away for lunch", "not in #away")
        self.bob.silence()
        carol.leave("#away")
        self.alice.ask_notice("/leave away for lunch")
        self.bob.expect("[#c] -- alice left (away for lunch)")

    def test_a_hash_is_always_a_room(self):
        self.server.client("carol", "#away").sync()
        self.alice.ask_error("/leave #away for lunch", "#away")
        self.alice.ask_error("/leave #nowhere", "#nowhere")
        self.bob.silence()
        self.current("c")

    def test_the_room_hears_no_more(self):
        self.alice.ask_notice("/leave #c")
        self.bob.expect("[#c] -- alice left")
        self.bob.ask("all alone")
        self.alice.silence()

    def test_coming_back(self):
        self.alice.ask_notice("/leave #a")
        self.bob.expect("[#a] -- alice left")
        self.alice.ask_notice("/join #a", "You are in #a (2 here: @bob, you)")
        self.bob.expect("[#a] -- alice joined")
        self.alice.ask_notice("/leave")
        self.bob.expect("[#a] -- alice left")
        self.current("c")

    def test_the_end_of_the_connection_is_told_in_each_room(self):
        self.alice.send("/quit bye all")
        self.alice.ends_with("* Bye.")
        lines = [self.bob.next() for _ in range(3)]
        self.assertEqual(sorted(lines), ["[#%s] -- alice left (bye all)" % r
                                         for r in "abc"])
        self.bob.silence()


class Keys(Case):

    def test_a_room_with_a_key(self):
        daemon = self.daemon('room #dev topic "release on friday" key hush')
        alice = daemon.client("alice")
        alice.ask_error("/join #dev", "key")
        alice.ask_error("/join #dev wrong", "key")
        alice.ask_error("/join #dev HUSH", "key")
        alice.send("/msg #dev hello?")
        alice.error()
        alice.ask_notice("/join #dev hush", "You are in #dev (1 here: you). "
                         "Topic: release on friday.")
        alice.ask_notice("/join #dev")

    def test_history_and_names_stay_inside(self):
        daemon = self.daemon("room #dev key hush")
        alice, bob = daemon.client("alice"), daemon.client("bob")
        alice.join("#dev", "hush")
        alice.ask("the secret")
        for line in ("/join #dev", "/history", "/who #dev", "/whois alice"):
            self.assert_dumps_nothing(bob.ask(line),
                                      "the secret")


if __name__ == "__main__":
    main()
