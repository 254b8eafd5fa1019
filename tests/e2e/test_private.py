#!/usr/bin/env python3
"""One to one: /msg, /reply, /away, /ignore."""

from banter.case import Case, main
from banter.client import settle
from banter.line import rx


class Trio(Case):

    def setUp(self):
        super().setUp()
        self.server = self.daemon()
        self.alice, self.bob, self.carol = self.server.people(
            "alice", "bob", "carol")


class Msg(Trio):

    def test_to_one_alone(self):
        self.alice.send("/msg bob hello")
        self.bob.expect("[private] alice: hello")
        for one in (self.alice, self.bob, self.carol):
            one.silence()

    def test_alias_and_case(self):
        self.alice.send("/M BOB Hello  you")
        self.bob.expect("[private] alice: Hello  you")

    def test_strangers(self):
        self.bob.join("#elsewhere")
        self.bob.leave("#lobby")
        self.carol.sync()
        self.alice.ask("/msg bob hello")
        self.bob.expect("[private] alice: hello")

    def test_me(self):
        self.alice.send("/msg bob /me waves")
        self.bob.expect("[private] * alice waves")
        self.bob.send("/reply /me waves back")
        self.alice.expect("[private] * bob waves back")
        self.carol.silence()

    def test_nobody(self):
        self.alice.ask_error("/msg nobody hello", "nobody")
        self.alice.ask_error("/msg")
        self.alice.ask_error("/msg bob")
        self.bob.silence()

    def test_to_a_room(self):
        for one in (self.alice, self.bob):
            one.join("#dev")
            one.join("#ops")
        settle(self.alice, self.bob, self.carol)
        self.alice.ask("/msg #dev hello", "/msg #DEV again")
        self.bob.expect("[#dev] alice: hello", "[#dev] alice: again")
        self.bob.silence()
        self.carol.silence()
        self.alice.ask("the current one is still ops")
        self.bob.expect("[#ops] alice: the current one is still ops")

    def test_to_a_room_one_is_not_in(self):
        self.bob.join("#dev")
        self.carol.join("#key", "sesame")
        self.alice.ask("/msg #dev hello")
        self.bob.expect("[#dev] alice: hello")
        self.alice.ask_error("/msg #nowhere hello", "#nowhere")
        self.alice.ask_error("/msg #key hello", "#key")
        self.bob.silence()
        self.carol.silence()

    def test_is_not_history(self):
        self.alice.ask("/msg bob a secret")
        self.assert_dumps_nothing(self.carol.ask("/history"), "a secret")
        self.assert_dumps_nothing(
            self.server.connect("new").sync(), "a secret")


class Reply(Trio):

    def test_to_whoever_wrote_last(self):
        self.alice.ask("/msg bob one")
        self.bob.send("/reply to alice")
        self.alice.expect("[private] bob: to alice")
        self.carol.ask("/msg bob two")
        self.bob.send("/r to carol")
        self.carol.expect("[private] bob: to carol")
        self.alice.silence()

    def test_to_nobody(self):
        self.bob.ask_error("/reply hello")
        self.alice.ask("/msg bob one")
        self.bob.expect("[private] alice: one")
        self.bob.ask_error("/reply")
        self.alice.silence()

    def test_what_one_sent_does_not_count(self):
        self.alice.ask("/msg bob one")
        self.bob.ask("/msg carol two")
        self.bob.ask("/reply three")
        self.alice.expect("[private] bob: three")

    def test_follows_a_rename(self):
        self.alice.ask("/msg bob one")
        self.alice.rename("ann")
        settle(self.alice, self.bob, self.carol)
        self.bob.ask("/reply hello ann")
        self.alice.expect("[private] bob: hello ann")

    def test_somebody_else_under_the_old_name_does_not_get_it(self):
        self.alice.ask("/msg bob my secret?")
        self.alice.send("/quit")
        self.alice.rest()
        self.carol.sync()
        self.carol.rename("alice")
        settle(self.bob, self.carol)
        self.bob.ask_error("/reply it is 42")
        self.carol.silence()

    def test_gone(self):
        self.alice.ask("/msg bob one")
        self.alice.hang_up()
        self.bob.until("[#lobby] -- alice left")
        self.bob.ask_error("/reply two")


class Away(Trio):

    def test_told_once_to_each(self):
        self.alice.ask_notice("/away out for lunch")
        for one in (self.bob, self.carol):
            one.ask_notice("/msg alice there?", "alice", "out for lunch")
            self.assertEqual(one.ask("/msg alice still there?"), [])
            self.assertEqual(one.ask("/msg alice hm"), [])
        self.assertEqual(len(self.alice.sync()), 6)

    def test_messages_arrive_all_the_same(self):
        self.alice.ask("/away")
        self.bob.ask("/msg alice one", "/msg alice two")
        self.alice.expect("[private] bob: one", "[private] bob: two")

    def test_without_words(self):
        self.alice.ask_notice("/away")
        self.bob.ask_notice("/msg alice there?", "alice", "away")

    def test_chat_in_the_room_tells_nothing(self):
        self.alice.ask("/away lunch")
        self.assertEqual(self.bob.ask("hello alice"), [])

    def test_back(self):
        self.alice.ask("/away lunch")
        self.bob.ask("/msg alice there?")
        self.alice.sync()
        self.alice.ask_notice("/back")
        self.assertEqual(self.bob.ask("/msg alice back?"), [])
        self.alice.sync()
        self.alice.ask("/away dinner")
        self.bob.ask_notice("/msg alice there?", "alice", "dinner")
        self.assertEqual(self.bob.ask("/msg alice there?"), [])

    def test_back_without_away(self):
        self.alice.send("/back")
        self.alice.expect(rx(r"[*!] .+"))
        self.alice.silence()

    def test_shown_by_who_and_whois(self):
        self.alice.ask("/away out for lunch")
        self.carol.send("/who")
        self.carol.expect("* #lobby (3): alice (away), bob, carol")
        self.assertIn("out for lunch", "\n".join(
            self.carol.ask("/whois alice")))
        self.alice.ask("/back")
        self.carol.send("/who")
        self.carol.expect("* #lobby (3): alice, bob, carol")
        self.assertNotIn("out for lunch", "\n".join(
            self.carol.ask("/whois alice")))

    def test_reply_and_me_count_as_writing(self):
        self.alice.ask("/msg bob hi")
        self.bob.sync()
        self.alice.ask("/away lunch")
        self.bob.ask_notice("/reply hi", "alice", "lunch")
        self.carol.ask_notice("/msg alice /me nods", "alice", "lunch")
        self.assertEqual(self.carol.ask("/msg alice hi"), [])


class Ignore(Trio):

    def say_all(self, speaker, text):
        speaker.ask(text, "/me " + text, "/msg bob " + text)

    def test_hides(self):
        self.bob.ask_notice("/ignore alice", "alice")
        self.say_all(self.alice, "spam")
        self.bob.silence()
        self.assertEqual(len(self.carol.sync()), 2)
        self.say_all(self.carol, "ham")
        self.bob.expect("[#lobby] carol: ham", "[#lobby] * carol ham",
                        "[private] carol: ham")

    def test_follows_a_rename(self):
        self.bob.ask_notice("/ignore ALICE")
        self.alice.rename("nobody-you-know")
        self.alice.sync()
        self.bob.sync()
        self.say_all(self.alice, "spam")
        self.bob.silence()

    def test_who_is_ignored_cannot_tell(self):
        """They read what others read, to the last line."""
        self.bob.ask("/ignore alice", "/away lunch")
        for line in ("/msg bob there?", "/msg bob there?", "/msg bob /me waves",
                     "/who", "/rooms", "/names #lobby"):
            with self.subTest(line):
                self.assertEqual(self.alice.ask(line), self.carol.ask(line))
        self.bob.ask("/back")
        self.bob.ask("/away dinner")
        told = self.alice.ask("/msg bob there?")
        self.assertEqual(told, ["* bob is away: dinner"])
        self.assertEqual(self.alice.ask("/msg bob hm"), [])
        self.bob.silence()

    def test_who_does_not_read_is_told_to_all(self):
        daemon = self.daemon("send-queue 4K")
        bob = daemon.client("bob", rcvbuf=2048)
        alice, carol = daemon.people("alice", "carol")
        bob.ask("/ignore alice")
        full = "! bob is not reading; your message was not sent."
        for _ in range(60):
            carol.ask(*["x" * 1000] * 20)
            if full in carol.ask("/msg bob hello"):
                break
        alice.sync()
        self.assertEqual(carol.ask("/msg bob hello"), [full])
        self.assertEqual(alice.ask("/msg bob hello"), [full])

    def test_somebody_else_under_the_old_name_is_heard(self):
        self.bob.ask_notice("/ignore alice")
        self.alice.rename("ann")
        self.carol.rename("alice")
        settle(self.alice, self.bob, self.carol)
        self.say_all(self.carol, "ham")
        self.bob.expect("[#lobby] alice: ham", "[#lobby] * alice ham",
                        "[private] alice: ham")

    def test_unignore(self):
        self.bob.ask_notice("/ignore alice")
        self.alice.ask("one")
        self.bob.ask_notice("/unignore Alice")
        self.alice.ask("two")
        self.bob.expect("[#lobby] alice: two")

    def test_unignore_after_a_rename(self):
        self.bob.ask_notice("/ignore alice")
        self.alice.rename("ann")
        self.alice.sync()
        self.bob.sync()
        self.bob.ask_notice("/unignore ann")
        self.alice.ask("heard?")
        self.bob.expect("[#lobby] ann: heard?")

    def test_the_list(self):
        self.bob.ask_notice("/ignore")
        self.bob.ask("/ignore alice", "/ignore carol")
        listed = "\n".join(self.bob.ask("/ignore"))
        self.assertIn("alice", listed)
        self.assertIn("carol", listed)
        self.alice.rename("ann")
        settle(self.alice, self.bob)
        self.assertIn("ann", "\n".join(self.bob.ask("/ignore")))

    def test_whom(self):
        self.bob.ask_error("/ignore nobody", "nobody")
        self.bob.ask_error("/unignore nobody", "nobody")
        self.bob.ask_error("/unignore alice", "alice")
        self.bob.ask_error("/unignore")

    def test_is_not_the_last_to_write(self):
        self.alice.ask("/msg bob one")
        self.bob.sync()
        self.bob.ask("/ignore carol")
        self.carol.ask("/msg bob two")
        self.bob.ask("/reply three")
        self.alice.expect("[private] bob: three")
        self.carol.silence()

    def test_is_one_way(self):
        self.bob.ask("/ignore alice")
        self.bob.ask("I do not hear you")
        self.alice.expect("[#lobby] bob: I do not hear you")

    def test_of_somebody_who_left(self):
        self.bob.ask("/ignore alice")
        self.alice.send("/quit")
        self.alice.rest()
        self.carol.sync()
        new = self.server.client("alice")
        settle(self.bob, self.carol, new)
        new.ask("/msg bob I am new here")
        self.bob.expect("[private] alice: I am new here")


if __name__ == "__main__":
    main()
