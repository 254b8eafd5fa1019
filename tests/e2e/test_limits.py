#!/usr/bin/env python3
"""Each limit at its edge, and what one reads beyond it."""

import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time

from banter import wait
from banter.address import both_families, reserve_address
from banter.case import Case, main
from banter.client import settle
from banter.daemon import Daemon
from banter.files import read, scratch_path
from banter.host import needs_ipv6, needs_network
from banter.line import NOT_ALLOWED, rx
from banter.wait import eventually

FULL = "! The server is full; try again later."
TOO_MANY = "! Too many connections from your address."


class MaxClients(Case):

    def test_edge(self):
        daemon = self.daemon("max-clients 3")
        people = [daemon.guest("p%d" % i) for i in range(3)]
        for _ in range(3):
            daemon.connect("one more").ends_with(FULL)
        people[0].sync()
        people[0].silence()
        people[1].hang_up()
        people[0].expect("[#lobby] -- %s left" % people[1].nick)
        daemon.guest("the next")
        daemon.connect("one more").ends_with(FULL)

    def test_one(self):
        daemon = self.daemon("max-clients 1")
        alice = daemon.client("alice")
        daemon.connect("one more").ends_with(FULL)
        alice.silence()

    def test_who_talks_at_once_reads_it_too(self):
        daemon = self.daemon("max-clients 1")
        daemon.guest("alice").sync()
        daemon.freeze()
        late = daemon.connect("late")
        late.send("/nick late", "hello", "/quit")
        daemon.thaw()
        lines = late.rest(reset=True)
        self.assertEqual(lines, [FULL])

    def test_lowered_to_the_descriptors(self):
        """Fewer descriptors than max-clients: told, and never exceeded."""
        daemon = Daemon(
            "max-clients 1000\nmax-per-host 1000",
            before_exec=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (128, 128)))
        self.addCleanup(daemon.stop)
        lowered = int(daemon.wait_log(
            r"warning: max-clients 1000 lowered to (\d+),")[1])
        inside = []
        while True:
            one = daemon.connect("p%d" % len(inside))
            line = one.next()
            if line == FULL:
                one.ends_with()
                break
            self.assertEqual(line, "* Welcome to banter on box.")
            inside.append(one)
            self.assertLess(len(inside), 128)
        self.assertGreater(len(inside), 20)
        self.assertEqual(len(inside), lowered)
        inside[0].ask("hello")
        inside[1].until(rx(r"\[#lobby\] guest\d+: hello"))

    def test_full_with_many_listeners(self):
        """Listeners have descriptors of their own: a full server can be
        reloaded, and opens its log again."""
        log = scratch_path("log")
        config = "max-clients 60\nmax-per-host 100\nlog-target %s\n" % log
        daemon = self.daemon(
            config, ready=False,
            listen=[reserve_address() for _ in range(24)],
            before_exec=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (64, 4096)))
        eventually(lambda: os.path.exists(log) and
                   read(log).count("listening on") == 24, "it is there")
        daemon.addresses = daemon.listen
        inside = [daemon.connect("p%d" % i) for i in range(60)]
        for one in inside:
            one.until(rx(r"\* You are guest\d+ in #lobby .*"))
        for times in range(1, 6):
            full = [daemon.connect("q%d" % i) for i in range(40)]
            full[-1].expect(FULL)	# and the others are closing, too
            daemon.signal(signal.SIGUSR2)
            eventually(lambda n=times: read(log).count("again") == n,
                       "the log is opened again")
            for one in full[:-1]:
                one.ends_with(FULL)
        daemon.reload(config + "history 3\n")
        eventually(lambda: "reloaded" in read(log), "it is reloaded")
        inside[0].ask("/who")

    def test_others_come_in_their_place(self):
        """All at once: whose descriptors are still open when the newcomers
        come, but will not be for long, keep nobody out."""
        daemon = Daemon(
            "max-clients 80\nmax-per-host 200\ndefault-room none",
            before_exec=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (124, 124)))
        self.addCleanup(daemon.stop)
        inside = [daemon.guest("old%d" % i) for i in range(80)]
        # libevent looks at 32 at once, and at twice as many each time that
        # there were so many
        for _ in range(2):
            daemon.freeze()
            for one in inside:
                one.send("/back")
            daemon.thaw()
            settle(*inside)
        daemon.freeze()
        for one in inside:
            one.close()
        others = [daemon.connect("new%d" % i) for i in range(80)]
        daemon.thaw()
        for one in others:
            one.greeted()
        self.assertNotIn("cannot accept", "\n".join(daemon.log))

    def test_the_soft_limit_is_raised(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 1100:
            self.skipTest("the hard limit of descriptors is %d" % hard)
        daemon = Daemon(
            "max-clients 100", before_exec=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (32, hard)))
        self.addCleanup(daemon.stop)
        people = [daemon.guest("p%d" % i) for i in range(40)]
        people[0].ask("hello")
        people[39].until(rx(r"\[#lobby\] guest\d+: hello"))


class MaxPerHost(Case):

    def test_edge(self):
        daemon = self.daemon("max-per-host 2")
        first = daemon.guest("first", source="127.5.0.1")
        daemon.guest("second", source="127.5.0.1")
        daemon.connect("third", source="127.5.0.1").ends_with(TOO_MANY)
        daemon.guest("other host", source="127.5.0.2")
        watcher = daemon.guest("watcher", source="127.5.0.3")
        first.hang_up()
        watcher.expect("[#lobby] -- %s left" % first.nick)
        daemon.guest("third", source="127.5.0.1")
        daemon.connect("fourth", source="127.5.0.1").ends_with(TOO_MANY)
        self.assertEqual(len(watcher.sync()), 1)

    def test_default_is_fifty(self):
        daemon = self.daemon("default-room none")
        for i in range(50):
            daemon.guest("p%d" % i)
        daemon.connect("51st").ends_with(TOO_MANY)

    @needs_ipv6
    def test_ipv6(self):
        daemon = self.daemon("max-per-host 2", listen=["[::1]:0"])
        daemon.guest("first")
        daemon.guest("second")
        daemon.connect("third").ends_with(TOO_MANY)


class DenyAllow(Case):

    def check(self, daemon, allowed=(), denied=()):
        for source in denied:
            with self.subTest(source):
                daemon.connect(source, source=source).ends_with(NOT_ALLOWED)
        for source in allowed:
            with self.subTest(source):
                one = daemon.guest(source, source=source)
                one.send("/quit")
                one.rest()

    def test_first_match_wins(self):
        daemon = self.daemon("allow 127.9.1.1\ndeny 127.9.1.0/24\n"
                             "allow 127.9.0.0/16\ndeny 127.9.2.2\n"
                             "deny 127.8.0.0/15")
        self.check(daemon,
                   allowed=["127.9.1.1", "127.9.2.2", "127.9.0.255",
                            "127.10.0.1", "127.0.0.1", "127.7.255.254"],
                   denied=["127.9.1.2", "127.9.1.255", "127.8.0.1",
                           "127.8.255.254"])

    def test_the_other_way_round(self):
        daemon = self.daemon("deny 127.9.1.0/24\nallow 127.9.1.1")
        self.check(daemon, allowed=["127.0.0.1", "127.9.2.1"],
                   denied=["127.9.1.1", "127.9.1.2"])

    def test_only_these(self):
        daemon = self.daemon("allow 127.0.0.1\ndeny 0.0.0.0/0")
        self.check(daemon, allowed=["127.0.0.1"],
                   denied=["127.0.0.2", "127.9.1.1"])

    def test_odd_prefixes(self):
        daemon = self.daemon("deny 127.9.1.64/27\ndeny 127.9.1.7/32")
        self.check(daemon, denied=["127.9.1.64", "127.9.1.95", "127.9.1.7"],
                   allowed=["127.9.1.63", "127.9.1.96", "127.9.1.6",
                            "127.9.1.8"])

    @needs_ipv6
    def test_ipv6(self):
        daemon = self.daemon("deny ::1", listen=["[::1]:0", "127.0.0.1:0"])
        daemon.connect("six").ends_with(NOT_ALLOWED)
        daemon.guest("four", address=daemon.addresses[1])
        daemon = self.daemon("deny ::/0", listen=["[::1]:0"])
        daemon.connect("six").ends_with(NOT_ALLOWED)
        daemon = self.daemon("deny 2001:db8::/32", listen=["[::1]:0"])
        daemon.guest("six")

    @needs_ipv6
    def test_mapped(self):
        """IPv4 that comes in through an IPv6 socket is IPv4."""
        with both_families() as sock:
            daemon = self.daemon("deny 127.0.0.1\nmax-per-host 1",
                                 listen=None, passed=sock)
            address = "127.0.0.1:%d" % sock.getsockname()[1]
        daemon.connect("four", address=address).ends_with(NOT_ALLOWED)
        daemon.guest("other", address=address, source="127.0.0.2")
        daemon.connect("again", address=address,
                       source="127.0.0.2").ends_with(TOO_MANY)

    def test_all_but_unix_sockets(self):
        path = scratch_path("sock")
        daemon = self.daemon("deny 0.0.0.0/0\ndeny ::/0",
                             listen=[path, "127.0.0.1:0"])
        daemon.guest("local", address=path)
        daemon.connect("net", address=daemon.addresses[1]).ends_with(
            NOT_ALLOWED)


class RoomLimits(Case):

    def test_max_joined(self):
        daemon = self.daemon("default-room none\nmax-joined 3")
        alice = daemon.client("alice", "#a", "#b", "#c")
        alice.ask_error("/join #d", "3")
        alice.ask_notice("/join #a")
        alice.ask_notice("/leave #b")
        alice.ask_notice("/join #d", "You are in #d (")
        alice.ask_error("/join #b")
        bob = daemon.client("bob")
        bob.ask_error("/who #b", "#b")

    def test_max_joined_counts_the_default_room(self):
        daemon = self.daemon("max-joined 2")
        alice = daemon.client("alice", "#a")
        alice.ask_error("/join #b")

    def test_max_rooms(self):
        daemon = self.daemon("default-room none\nmax-rooms 3")
        alice = daemon.client("alice", "#a", "#b", "#c")
        bob = daemon.client("bob")
        bob.ask_error("/join #d")
        alice.ask_error("/join #d")
        bob.join("#a")
        alice.sync()
        alice.ask_notice("/leave #c")
        bob.ask_notice("/join #d", "You are in #d (")
        alice.ask_error("/join #c")

    def test_rooms_of_one_host(self):
        """Of the rooms there can be, one address makes 25."""
        daemon = self.daemon("default-room none\nmax-joined 30")
        alice, bob = daemon.client("alice"), daemon.client("bob")
        for i in range(24):
            (alice if i % 2 else bob).join("#r%d" % i)
        alice.join("#last")
        for one in (alice, bob):
            self.assertEqual(
                one.ask_error("/join #more"),
                "! Your address has made too many rooms (limit 25); "
                "#more was not made.")
        bob.join("#last")
        bob.ask_error("/who #more", "no room #more")
        carol = daemon.client("carol", source="127.5.0.3")
        carol.join("#more")
        # as long as anybody is there it is one of theirs
        carol.join("#last")
        alice.sync()
        alice.ask("/leave #last")
        bob.ask("/leave #last")
        alice.ask_error("/join #another", "limit 25")
        carol.ask("/leave #last")
        alice.join("#another")
        bob.ask_error("/join #third", "limit 25")
        alice.hang_up()
        bob.sync()
        bob.join("#third")

    def test_rooms_over_a_unix_socket(self):
        """It has no addresses to count by."""
        path = scratch_path("sock")
        daemon = self.daemon("default-room none\nmax-joined 30", listen=[path])
        alice = daemon.client("alice")
        for i in range(28):
            alice.join("#r%d" % i)

    def test_defaults(self):
        daemon = self.daemon("default-room none")
        alice = daemon.client("alice")
        for i in range(20):
            alice.join("#r%d" % i)
        alice.ask_error("/join #r20")


class WrongKeys(Case):
    """They are counted and slowed down as wrong passwords are."""

    CONFIG = "room #ops key hush"
    NEEDED = "! #ops needs the right key: /join #ops KEY"

    def test_slower_and_slower(self):
        daemon = self.daemon(self.CONFIG)
        alice = daemon.client("alice")
        began = time.monotonic()
        alice.send("/join #ops", "/join #ops a", "/join #ops b", "/join #ops c",
                   "/join #ops hush")
        alice.expect(*[self.NEEDED] * 4)
        self.assertGreater(time.monotonic() - began, 0.5 + 1.0 - 0.1)
        alice.until(rx(r"\* You are in #ops .*"))
        self.assertGreater(time.monotonic() - began, 0.5 + 1.0 + 1.5 - 0.1)
        daemon.wait_log("wrong key of #ops from alice at 127.0.0.1")

    def test_coming_again(self):
        daemon = self.daemon(self.CONFIG)
        for _ in range(2):
            one = daemon.guest("guesser")
            one.send("/join #ops guess")
            one.expect(self.NEEDED)
            one.hang_up()
        other = daemon.guest("another host", source="127.5.0.2")
        began = time.monotonic()
        late = daemon.newcomer("guesser")
        other.ask("/set")
        self.assertLess(time.monotonic() - began, 0.9)
        late.ask("/set")
        self.assertGreater(time.monotonic() - began, 1.0 - 0.1)


class Rate(Case):
    """Tokens slow a client down. Nothing here is faster than they allow,
    which is the one thing about time that can't fail on a busy machine."""

    def test_pushed_back_not_lost(self):
        daemon = self.daemon(rate="10 40")
        alice, bob = daemon.guest("alice"), daemon.guest("bob")
        texts = ["line %d" % i for i in range(70)]
        began = time.monotonic()
        alice.send(*texts)
        for text in texts:
            bob.until("[#lobby] %s: %s" % (alice.nick, text))
        self.assertGreater(time.monotonic() - began, (70 - 10) / 40 - 0.2)
        alice.sync()
        daemon.signal(signal.SIGUSR1)
        self.assertRegex(daemon.wait_log(r"(?i).*slowed.*").group(), "[1-9]")

    def test_a_burst_passes(self):
        """As many lines as there are tokens, and not one more."""
        daemon = self.daemon(rate="10 1")
        bob, alice = daemon.guest("bob"), daemon.guest("alice")
        bob.until("[#lobby] -- %s joined" % alice.nick)
        began = time.monotonic()
        alice.send(*["line %d" % i for i in range(13)])
        for i in range(10):
            bob.expect("[#lobby] %s: line %d" % (alice.nick, i))
        for i in range(10, 13):
            bob.expect("[#lobby] %s: line %d" % (alice.nick, i))
        self.assertGreater(time.monotonic() - began, 2.0)

    def test_every_line_costs(self):
        """Empty ones, wrong ones and commands too."""
        daemon = self.daemon(rate="10 20")
        for line in (b"\n", b"/nosuch\n", b"/who\n", b"x" * 2000 + b"\n"):
            with self.subTest(line[:10]):
                alice = daemon.guest("alice")
                began = time.monotonic()
                alice.raw(line * 40 + b"/quit\n")
                alice.rest()
                self.assertGreater(time.monotonic() - began,
                                   (41 - 10) / 20 - 0.2)

    def check_push_back(self, chunk):
        """A slowed client can't make the server take more and more."""
        alice = self.daemon(rate="5 1").guest("alice")
        alice.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        alice.sock.setblocking(False)
        sent = blocked = 0
        while blocked < 20:
            try:
                sent += alice.sock.send(chunk)
                blocked = 0
            except BlockingIOError:
                blocked += 1
                select.select([], [alice.sock], [], 0.05)
            self.assertLess(sent, 64 << 20, "the server reads on and on")
        alice.reset()

    def test_tcp_pushes_back(self):
        self.check_push_back(b"a line to slow down\n" * 3000)

    def test_what_makes_no_line_costs(self):
        """Nor can one who never ends a line, or speaks only telnet."""
        for flood in (b"no end ", b"a\xff\xf1", b"a\xff\xf7",
                      b"half a line\xff\xf4", b"\xff\xfc\x01",
                      b"\xff\xfb\x01\xff\xfd\x03",
                      b"\xff\xfa\x1f" + b"x" * 1000):
            with self.subTest(flood[:12]):
                self.check_push_back(flood * (60000 // len(flood)))

    def test_a_long_answer_costs(self):
        """One more for each 8 KB."""
        daemon = self.daemon("history 45", rate="20 8")
        bob = daemon.guest("bob", source="127.0.0.2")
        bob.send(*["x" * 1000] * 45)
        alice = daemon.newcomer("alice")
        for _ in range(45):
            alice.until(rx(r".* %s: x{1000}" % bob.nick))
        began = time.monotonic()
        alice.send(*["/history"] * 5 + ["/quit"])
        alice.rest()
        self.assertGreater(time.monotonic() - began, (5 * 6 + 1 - 20) / 8
                           - 0.2)

    def test_who_comes_after(self):
        """Who leaves with a spent burst leaves the debt to the address; people
        on a UNIX socket owe nothing for each other."""
        path = scratch_path("sock")
        daemon = self.daemon(rate="10 1", listen=["127.0.0.1:0", path])
        for address, least in ((daemon.addresses[0], 2), (path, 0)):
            with self.subTest(address):
                spender = daemon.guest("spender", address=address)
                spender.ask(*["/set"] * 9)
                spender.hang_up()
                began = time.monotonic()
                daemon.guest("next", address=address).ask(*["/set"] * 4)
                took = time.monotonic() - began
                if least:
                    self.assertGreater(took, least)
                else:	# it would be five seconds
                    self.assertLess(took, 2)

    def test_others_are_not_slowed(self):
        daemon = self.daemon(rate="20 20")
        alice, bob, carol = (daemon.guest("alice"), daemon.guest("bob"),
                             daemon.guest("carol"))
        alice.send(*["flood %d" % i for i in range(150)])
        bob.send("quick")
        lines = carol.until("[#lobby] %s: quick" % bob.nick)
        self.assertNotIn("[#lobby] %s: flood 149" % alice.nick, lines)
        # who is slowed still hears the others
        alice.until("[#lobby] %s: quick" % bob.nick)
        carol.until("[#lobby] %s: flood 149" % alice.nick)

    def test_off(self):
        daemon = self.daemon(rate="off")
        alice, bob = daemon.guest("alice"), daemon.guest("bob")
        texts = ["line %d" % i for i in range(3000)]
        alice.send(*texts)
        for text in texts:
            bob.until("[#lobby] %s: %s" % (alice.nick, text))

    def test_half_closed_and_slowed(self):
        daemon = self.daemon(rate="5 40")
        alice, bob = daemon.guest("alice"), daemon.guest("bob")
        texts = ["line %d" % i for i in range(45)]
        alice.raw("\n".join(texts).encode())
        alice.half_close()
        for text in texts:
            bob.until("[#lobby] %s: %s" % (alice.nick, text))
        bob.expect("[#lobby] -- %s left" % alice.nick)


@needs_ipv6
class Ipv6(Case):

    def test_both_families_meet(self):
        daemon = self.daemon(listen=["[::1]:0", "127.0.0.1:0"])
        six = daemon.client("six")
        four = daemon.client("four", address=daemon.addresses[1])
        settle(six, four)
        six.ask("hello")
        four.expect("[#lobby] six: hello")


@needs_network
class LinkLocal(Case):
    """In a network of its own, with two links."""

    def test_links(self):
        done = subprocess.run(
            ["unshare", "--net", sys.executable, "-B", __file__,
             "--link-local"], check=False, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=3 * wait.DEADLINE)
        self.assertEqual(done.returncode, 0, done.stdout.decode())


def link_local():
    """Runs inside the network: each address counts by itself, on its link."""
    for command in ("link set lo up", "link add wan0 type bridge",
                    "link set wan0 up", "-6 addr add fe80::1/64 dev lo nodad",
                    "-6 addr add fe80::2/64 dev lo nodad",
                    "-6 addr add fe80::1/64 dev wan0 nodad"):
        subprocess.run(["ip"] + command.split(), check=True)
    daemon = Daemon("max-per-host 2\ndeny fe80::2%wan0\ndeny fe80::%no/10",
                    listen=["[::]:0"])
    port = daemon.addresses[0].rsplit(":", 1)[1]

    def connect(source):
        return daemon.connect(source, address="[%s]:%s" % (source, port),
                              source=source)

    for source in ("fe80::1%lo", "fe80::2%lo", "fe80::1%wan0"):
        for _ in range(2):
            connect(source).greeted()
        connect(source).ends_with(TOO_MANY)
        daemon.wait_log("guest[0-9]+ at %s connected" % source)
        daemon.wait_log("%s turned away: Too many" % source)
    daemon.reload("max-per-host 9\ndeny fe80::%lo/64")
    daemon.wait_log("reloaded")
    connect("fe80::1%lo").ends_with(NOT_ALLOWED)
    connect("fe80::1%wan0").greeted()
    daemon.stop()


if __name__ == "__main__":
    if sys.argv[1:] == ["--link-local"]:
        link_local()
    else:
        main()
