#!/usr/bin/env python3
"""What a person and a room are outlives a restart, and a crash."""

import re
import subprocess
import sys
import time

from banter import wait
from banter.case import main
from banter.client import settle
from banter.files import scratch_path
from banter.host import needs_network
from banter.line import CAME_BACK, STAMP, rx
from banter.manager import Crash, KeptCase, Manager, Planned

TOO_MANY = "! Too many connections from your address."


class People:
    """Three in a room of theirs, and what is between them."""

    config = "max-per-host 100\n"

    def setUp(self):
        super().setUp()
        self.server = self.kept(self.config)
        self.alice, self.bob, self.carol = self.everyone = tuple(
            self.server.client(nick, "#dev")
            for nick in ("alice", "bob", "carol"))
        settle(*self.everyone)

    def again_all(self, *more):
        """A restart or a crash, of which each reads what is right."""
        self.again(self.server, *self.everyone, *more)

    # -- private

    def test_away(self):
        """And who was told so is not told again."""
        self.alice.ask("/away out for lunch")
        self.bob.ask_notice("/msg alice there?", "out for lunch")
        self.alice.sync()
        self.again_all()
        self.assertEqual(self.bob.ask("/msg alice still?"), [])
        self.alice.expect("[private] bob: still?")
        self.carol.ask_notice("/msg alice there?", "out for lunch")
        self.alice.sync()
        self.again_all()
        for one in (self.bob, self.carol):
            self.assertEqual(one.ask("/msg alice hm"), [])
        self.carol.send("/who")
        self.carol.expect("* #dev (3): @alice (away), bob, carol")
        self.carol.ask_notice("/whois alice", "away: out for lunch")
        self.assertEqual(len(self.alice.sync()), 2)
        self.alice.ask_notice("/back", "You are back")
        self.again_all()
        self.carol.send("/who")
        self.carol.expect("* #dev (3): @alice, bob, carol")

    def test_ignoring(self):
        """It goes on, follows a rename, and is nobody else's."""
        self.bob.ask("/ignore alice")
        self.again_all()
        self.alice.ask("spam", "/msg bob spam")
        self.bob.silence()
        self.carol.expect("[#dev] alice: spam")
        self.alice.rename("ann")
        settle(*self.everyone)
        self.again_all()
        self.alice.ask("spam", "/msg bob spam")
        self.bob.silence()
        self.bob.ask_notice("/ignore", "You ignore: ann")
        self.carol.sync()
        self.bob.ask("/unignore ann")
        self.again_all()
        self.alice.ask("heard?")
        self.bob.expect("[#dev] ann: heard?")

    def test_ignoring_somebody_who_left(self):
        """Whoever comes later has another id."""
        self.bob.ask("/ignore carol")
        self.carol.hang_up()
        self.alice.until("[#dev] -- carol left")
        self.everyone = (self.alice, self.bob)
        settle(*self.everyone)
        self.again_all()
        dave = self.server.client("carol", "#dev")
        settle(dave, *self.everyone)
        dave.ask("heard?")
        self.bob.expect("[#dev] carol: heard?")

    def test_reply(self):
        self.alice.ask("/msg bob one")
        self.bob.sync()
        self.again_all()
        self.bob.ask("/reply two")
        self.alice.expect("[private] bob: two")
        self.alice.rename("ann")
        settle(*self.everyone)
        self.again_all()
        self.bob.ask("/reply three")
        self.alice.expect("[private] bob: three")
        self.alice.send("/quit")
        self.alice.rest()
        self.everyone = (self.bob, self.carol)
        settle(*self.everyone)
        self.carol.rename("ann")
        settle(*self.everyone)
        self.again_all()
        self.bob.ask_error("/reply secret", "gone")
        self.carol.silence()

    def test_nobody_wrote_yet(self):
        self.again_all()
        self.bob.ask_error("/reply hello", "Nobody has written")

    # -- settings

    def test_settings(self):
        self.bob.ask("/set time on", "/set bell on")
        self.carol.ask("/set quiet on")
        if self.planned:
            self.server.restart()
        else:
            self.server.crash()
            self.bob.expect(rx(STAMP + re.escape(CAME_BACK)))
            for one in (self.alice, self.carol):
                one.expect(CAME_BACK)
        self.bob.send("/set")
        self.bob.expect(rx(STAMP + r"\* time on, quiet off, bell on"))
        self.carol.ask_notice("/set", "time off, quiet on, bell off")
        self.alice.ask_notice("/set", "time off, quiet off, bell off")
        self.alice.ask("hello bob")
        self.bob.expect(rx(STAMP + r"\[#dev\] alice: hello bob\a"))
        self.carol.expect("[#dev] alice: hello bob")
        self.server.client("dave", "#dev").sync()
        self.assertTrue([line for line in self.bob.sync()
                         if line.endswith("[#dev] -- dave joined")])
        self.assertFalse([line for line in self.carol.sync()
                          if " joined" in line])

    def test_hints(self):
        """What is told once is told once."""
        self.alice.ask("quit")
        self.bob.sync()
        self.carol.sync()
        self.again_all()
        self.assertEqual(self.alice.ask("quit"), [])

    def test_idle(self):
        """Idle time is that of the person, not of the process."""
        self.alice.read_for(2.2)
        self.server.restart() if self.planned else self.server.crash()
        self.bob.send("/whois alice")
        idle = self.bob.until(rx(r"\* alice is in .*; idle \d+.*"))[-1]
        self.assertGreaterEqual(int(re.search(r"idle (\d+)", idle)[1]), 2)

    # -- rooms

    def test_order_of_rooms(self):
        """And which one is current, and is after it is left."""
        for room in ("#a", "#b", "#c"):
            self.alice.join(room)
            self.bob.join(room)
        self.alice.join("#b")
        settle(*self.everyone)
        self.again_all()
        self.alice.ask("in b")
        self.bob.expect("[#b] alice: in b")
        self.carol.ask_notice(
            "/whois alice", "is in #lobby, @#dev, @#a, @#b, @#c;")
        self.alice.ask("/leave")
        self.bob.expect("[#b] -- alice left",
                        "* You run #b now: /kick and /op are yours.")
        self.alice.ask("in what was joined before")
        self.bob.expect("[#a] alice: in what was joined before")
        self.bob.send("/who #b")
        self.bob.expect("* #b (1): @bob")

    def test_order_of_members(self):
        """It decides who runs a room next."""
        self.bob.ask("/leave #dev", "/join #dev")
        settle(*self.everyone)
        self.again_all()
        self.carol.send("/who #dev")
        self.carol.expect("* #dev (3): @alice, carol, bob")
        self.alice.ask("/leave #dev")
        settle(*self.everyone)
        self.again_all()
        self.carol.send("/who #dev")
        self.carol.expect("* #dev (2): @carol, bob")

    def test_in_no_room(self):
        for room in ("#dev", "#lobby"):
            self.alice.ask("/leave " + room)
        settle(*self.everyone)
        self.again_all()
        self.alice.ask_error("hello", "room")
        self.alice.join("#lobby")
        self.bob.until("[#lobby] -- alice joined")

    def test_who_runs_it(self):
        self.alice.ask("/op bob")
        settle(*self.everyone)
        self.again_all()
        self.carol.send("/who")
        self.carol.expect("* #dev (3): alice, @bob, carol")
        self.alice.ask_error("/kick carol", "Only bob")
        self.bob.ask("/kick carol")
        self.carol.expect("! bob kicked you from #dev",
                          "* You are in #lobby now.")

    def test_topic(self):
        self.alice.ask("/topic caf\u00e9 at five", "/join #a")
        settle(*self.everyone)
        self.again_all()
        dave = self.server.client("dave")
        self.assertIn("Topic: caf\u00e9 at five.", dave.join("#dev")[0])
        dave.ask_notice("/topic", "The topic of #dev is: caf\u00e9 at five")
        dave.ask("/topic -")
        settle(dave, *self.everyone)
        self.again_all(dave)
        dave.ask_notice("/topic", "#dev has no topic")
        self.alice.ask_notice("/topic", "#a has no topic")

    def test_key(self):
        """A room with a key is as closed as it was."""
        self.alice.join("#safe", "sesame")
        settle(*self.everyone)
        self.again_all()
        for line in ("/join #safe", "/join #safe guess", "/who #safe",
                     "/msg #safe hello"):
            self.bob.ask_error(line, "#safe")
        self.assertNotIn("#safe", "\n".join(self.bob.ask("/rooms")))
        self.bob.ask_notice("/whois alice", "alice is in #lobby, @#dev;")
        self.bob.join("#safe", "sesame")
        self.alice.expect("[#safe] -- bob joined")
        settle(*self.everyone)
        self.again_all()
        self.alice.join("#safe")
        self.alice.ask("hello")
        self.bob.expect("[#safe] alice: hello")

    def test_an_empty_room_is_gone(self):
        """And is made anew by who comes, with nothing of the old one."""
        self.alice.join("#a", "sesame")
        self.alice.ask("/topic old", "old news", "/leave #a")
        settle(*self.everyone)
        self.again_all()
        self.bob.join("#a")
        self.bob.send("/who", "/topic")
        self.bob.expect("* #a (1): @bob",
                        "* #a has no topic; /topic TEXT sets one.")
        self.bob.ask_notice("/history", "Nothing has been said")

    def test_history(self):
        """What was said, by whom and when; and it goes on."""
        texts = ["line %d \u00e9" % i for i in range(60)]
        self.alice.ask(*texts)
        self.alice.ask("/me waves", "/topic tea")
        settle(*self.everyone)
        before = self.bob.ask("/history")
        self.assertEqual(len(before), 51)
        self.again_all()
        self.assertEqual(self.bob.ask("/history"), before)
        self.alice.rename("ann")
        self.alice.ask("more")
        settle(*self.everyone)
        self.again_all()
        after = self.bob.ask("/history")
        self.assertEqual(after[1:50], before[2:51])
        self.assertRegex(after[50], STAMP + r"\[#dev\] ann: more$")
        dave = self.server.client("dave")
        self.assertEqual(dave.join("#dev")[1:], after[1:])

    def test_history_of_many_rooms(self):
        for i in range(12):
            self.bob.join("#r%d" % i)
            self.bob.ask("in %d" % i)
        settle(*self.everyone)
        self.again_all()
        for i in range(12):
            self.carol.join("#r%d" % i)
            self.assertRegex(self.carol.ask("/history")[-1],
                             r"\[#r%d\] bob: in %d$" % (i, i))

    def test_rooms_of_the_file(self):
        daemon = self.kept("room #ops topic runs\nroom #key key hush\n")
        alice, bob = daemon.people("alice", "bob", rooms=("#ops",))
        alice.ask("/topic stopped", "said")
        settle(alice, bob)
        self.again(daemon, alice, bob)
        bob.send("/topic", "/who")
        bob.expect("* The topic of #ops is: stopped",
                   "* #ops (2): alice, bob")
        bob.ask_error("/join #key", "#key")
        self.assertRegex(bob.ask("/history")[-1], r"\[#ops\] alice: said$")
        for one in (alice, bob):
            one.ask("/leave #ops")
        settle(alice, bob)
        self.again(daemon, alice, bob)
        alice.join("#ops")
        alice.ask_notice("/topic", "stopped")
        self.assertIn("said", "\n".join(alice.ask("/history")))

    # -- kicked

    def test_kicked(self):
        self.alice.ask("/kick bob rude")
        settle(*self.everyone)
        self.again_all()
        for line in ("/join #dev", "/msg #dev hello"):
            self.bob.ask_error(line, "kicked from #dev")
        self.carol.silence()
        self.alice.ask_notice("/invite bob", "bob may come into #dev.")
        self.bob.expect("* alice lets you into #dev again: /join #dev")
        self.again_all()
        self.bob.join("#dev")
        self.carol.expect("[#dev] -- bob joined")

    def test_kicked_by_name(self):
        """Whoever comes under it; and who renamed is known."""
        self.alice.ask("/kick bob")
        settle(*self.everyone)
        self.bob.rename("rob")
        settle(*self.everyone)
        self.again_all()
        self.bob.ask_error("/join #dev", "kicked from #dev")
        self.bob.hang_up()
        dave = self.server.client("bob")
        self.everyone = (self.alice, self.carol)
        settle(dave, *self.everyone)
        self.again_all(dave)
        dave.ask_error("/join #dev", "kicked from #dev")
        self.carol.join("#dev")
        self.alice.ask("only they")
        self.carol.expect("[#dev] alice: only they")

    def test_from_outside(self):
        """Who wrote to the room from there can still be put out."""
        self.bob.ask("/leave #dev")
        self.bob.ask("/msg #dev buy now")
        settle(*self.everyone)
        self.again_all()
        self.alice.ask_notice("/kick bob spam")
        self.bob.expect("! alice kicked you from #dev (spam)")
        self.carol.expect("[#dev] -- alice kicked bob (spam)")

    # -- coming

    def test_not_yet_announced(self):
        """They are by what they do, and were never there if they go."""
        one, two, three = (self.server.newcomer("n%d" % i) for i in range(3))
        three.send("/nick three")
        three.until("* You are now three.")
        self.again_all(one, two, three)
        one.send("hello")
        self.alice.expect("[#lobby] -- %s joined" % one.nick,
                          "[#lobby] %s: hello" % one.nick)
        two.hang_up()
        three.send("/quit")
        three.rest()
        self.alice.silence()

    def test_announced_after_a_while(self):
        """When it would have been."""
        one = self.server.newcomer()
        began = time.monotonic()
        self.alice.read_for(2.5)
        self.again_all()
        self.alice.expect("[#lobby] -- %s joined" % one.nick)
        self.assertGreater(time.monotonic() - began, 5 - 0.3)
        self.assertLess(time.monotonic() - began, 2.5 + 5 - 0.3)
        one.sync()

    def test_guests(self):
        """A name that was given once is not given again."""
        one = self.server.guest("one")
        settle(one, *self.everyone)
        self.again_all(one)
        two = self.server.guest("two")
        self.assertNotEqual(one.nick, two.nick)
        two.ask_error("/nick " + one.nick, "taken")
        two.ask_error("/nick ALICE", "taken")
        two.rename("two")
        self.alice.until(rx(r"\[#lobby\] -- guest\d+ is now two"))

    def test_names_keep_their_case(self):
        dave = self.server.client("Dave", "#Big-Room")
        settle(dave, *self.everyone)
        self.again_all(dave)
        self.bob.ask_notice("/whois dAVE", "Dave is in #lobby, @#Big-Room")

    # -- counts

    def test_max_per_host(self):
        daemon = self.kept("max-per-host 2\n")
        first = daemon.guest("first", source="127.5.0.1")
        second = daemon.guest("second", source="127.5.0.1")
        watcher = daemon.guest("watcher", source="127.5.0.2")
        settle(first, second, watcher)
        self.again(daemon, first, second, watcher)
        daemon.connect("third", source="127.5.0.1").ends_with(TOO_MANY)
        first.hang_up()
        watcher.expect("[#lobby] -- %s left" % first.nick)
        daemon.guest("third", source="127.5.0.1").sync()
        daemon.connect("fourth", source="127.5.0.1").ends_with(TOO_MANY)

    def test_max_clients(self):
        daemon = self.kept("max-clients 2\n")
        alice, bob = daemon.people("alice", "bob")
        self.again(daemon, alice, bob)
        full = "! The server is full; try again later."
        daemon.connect("late").ends_with(full)
        bob.hang_up()
        alice.expect("[#lobby] -- bob left")
        daemon.guest("late")
        daemon.connect("later").ends_with(full)

    def test_rooms_of_one_host(self):
        daemon = self.kept("default-room none\nmax-joined 30\n")
        alice = daemon.client("alice")
        for i in range(25):
            alice.join("#r%d" % i)
        self.again(daemon, alice)
        alice.ask_error("/join #more", "limit 25")
        alice.ask("/leave #r3")
        self.again(daemon, alice)
        alice.join("#more")
        alice.ask_error("/join #another", "limit 25")

    def test_wrong_keys(self):
        """The failures of a host slow down who comes after them."""
        daemon = self.kept("room #ops key hush\n")
        one = daemon.guest("guesser")
        one.send("/join #ops a", "/join #ops b", "/back")
        one.until("* You were not away.")
        daemon.restart() if self.planned else daemon.crash()
        began = time.monotonic()
        late = daemon.newcomer("late")
        late.ask("/set")
        self.assertGreater(time.monotonic() - began, 1.0 - 0.1)

    def test_unix_socket(self):
        path = scratch_path("sock")
        daemon = self.kept(listen=["127.0.0.1:0", path])
        alice, bob = (daemon.client(nick, "#dev", address=path)
                      for nick in ("alice", "bob"))
        carol = daemon.client("carol")
        settle(alice, bob, carol)
        for _ in range(2):
            self.again(daemon, alice, bob, carol)
            alice.ask("hello")
            bob.expect("[#dev] alice: hello")
            carol.ask("hello, you two")
            for one in (alice, bob):
                one.expect("[#lobby] carol: hello, you two")

    # -- sums

    def test_tallies(self):
        """Who waits to be told in a sum is told in it, and once."""
        people = [self.server.newcomer("p%d" % i) for i in range(12)]
        for one in self.everyone:
            one.join("#storm")
        settle(*self.everyone)
        self.server.freeze()
        for one in people:
            one.send("/join #storm")
        self.server.thaw()
        for one in people:
            one.until(rx(r"\* You are in #storm .*"))
        self.server.restart() if self.planned else self.server.crash()
        came, told = 0, 0
        while came < 12:
            line = self.alice.next()
            joined = re.fullmatch(r"\[#storm\] -- (?:(\d+) (?:people|person)"
                                  r"|guest\d+) joined", line)
            if joined:
                came += int(joined[1] or 1)
            elif "[#lobby]" not in line:
                self.assertEqual(line, CAME_BACK)
                told += 1
        self.assertEqual(came, 12)
        self.alice.send("/who #storm")
        rest = self.alice.until(rx(r"\* #storm \(15\): .*"))
        self.assertEqual(told + rest.count(CAME_BACK), int(not self.planned))


class PlannedPeople(Planned, People, KeptCase):
    pass


class CrashPeople(Crash, People, KeptCase):
    pass


@needs_network
class Network(KeptCase):
    """In a network of its own, with addresses that are not loopback."""

    def test_addresses(self):
        done = subprocess.run(
            ["unshare", "--net", sys.executable, "-B", __file__,
             "--network"], check=False, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=4 * wait.DEADLINE)
        self.assertEqual(done.returncode, 0, done.stdout.decode())


def network():
    """Runs inside: who was kicked stays out by address, and each host has
    its count, link-local ones on their link."""
    for command in ("link set lo up", "addr add 10.9.9.1/32 dev lo",
                    "addr add 10.9.9.2/32 dev lo",
                    "link add wan0 type bridge", "link set wan0 up",
                    "-6 addr add fe80::1/64 dev lo nodad",
                    "-6 addr add fe80::1/64 dev wan0 nodad"):
        subprocess.run(["ip"] + command.split(), check=True)
    for life in (Manager.restart, Manager.crash):
        daemon = Manager("max-per-host 2\n", listen=["0.0.0.0:0", "[::]:0"])
        port = daemon.addresses[1].rsplit(":", 1)[1]
        alice = daemon.client("alice", "#dev")
        bob = daemon.client("bob", "#dev", source="10.9.9.1")
        alice.ask("/kick bob")
        bob.hang_up()
        links = [daemon.newcomer(link, address="[fe80::1%%%s]:%s" % (
            link, port), source="fe80::1%" + link)
            for link in ("lo", "lo", "wan0")]
        life(daemon)
        eve = daemon.client("eve", source="10.9.9.1")
        eve.ask_error("/join #dev", "kicked from #dev")
        dave = daemon.client("dave", source="10.9.9.2")
        dave.join("#dev")
        for link, count in (("lo", 2), ("wan0", 1)):
            for _ in range(count, 2):
                daemon.newcomer(link, address="[fe80::1%%%s]:%s" % (
                    link, port), source="fe80::1%" + link)
            daemon.connect(link, address="[fe80::1%%%s]:%s" % (
                link, port), source="fe80::1%" + link).ends_with(TOO_MANY)
        settle(*links)
        daemon.stop()


if __name__ == "__main__":
    if sys.argv[1:] == ["--network"]:
        network()
    else:
        main()
