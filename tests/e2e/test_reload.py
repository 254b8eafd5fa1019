#!/usr/bin/env python3
"""HUP: a good file is applied at once and whole, a bad one not at all."""

import os
import re
import signal
import socket

from banter.address import refused, reserve_address
from banter.case import Case, main
from banter.client import settle
from banter.files import read, scratch_path, write, written
from banter.line import NOT_ALLOWED, PASSWORD_NEEDED, rx
from banter.wait import eventually


class Reload(Case):
    """Here the file says where to listen, as a reload may change it."""

    rate = "off"

    def begin(self, config="", listeners=1):
        if "listen " not in config:
            self.first = reserve_address()
            self.listen = "listen %s\n" % self.first
        else:
            self.listen = ""
        self.server = self.daemon(self.listen + config, listen=None,
                                  rate=self.rate, ready=False)
        self.server.wait_listening(listeners)
        return self.server

    def reload(self, config):
        self.server.reload(self.listen + config)

    def insider(self, nick, **how):
        """Somebody whom the coming and going of newcomers does not reach."""
        client = self.server.client(nick, "#dev", **how)
        client.leave("#lobby")
        client.sync()
        return client

    def motd_is(self, text, deadline=None, address=None):
        """Newcomers read it: the file of that motd is in force."""
        def shown():
            one = self.server.connect("probe", address=address)
            try:
                one.expect("* Welcome to banter on box.")
                return one.next() == "* " + text
            finally:
                one.hang_up()
        eventually(shown, "the motd is %r" % text, deadline)

    def motd(self, text):
        """A motd line of a configuration."""
        return "motd %s\n" % written("motd", text + "\n")


class Good(Reload):

    def test_motd(self):
        self.begin(self.motd("old"))
        alice = self.insider("alice")
        self.motd_is("old")
        self.reload(self.motd("new"))
        self.motd_is("new")
        alice.silence()

    def test_the_text_of_the_motd_is_read_again(self):
        line = self.motd("old")
        self.begin(line)
        self.motd_is("old")
        write(line.split()[1], "new\n")
        self.reload(line)
        self.motd_is("new")

    def test_nobody_is_disturbed(self):
        self.begin(self.motd("old"))
        alice, bob = self.insider("alice"), self.insider("bob")
        alice.ask("/topic tea", "/away", "/set time on")
        settle(alice, bob)
        alice.raw(b"half a ")
        self.reload(self.motd("new"))
        self.motd_is("new")
        alice.raw(b"line\n")
        bob.expect("[#dev] alice: half a line")
        bob.send("/who")
        bob.expect("* #dev (2): @alice (away), bob")
        alice.silence()
        bob.ask("/topic")
        self.assertIn("half a line", bob.ask("/history")[-1])

    def test_denied_people_go(self):
        self.begin("max-per-host 20")
        alice = self.server.client("alice", source="127.0.0.1")
        bob = self.server.client("bob", source="127.9.0.1")
        carol = self.server.client("carol", source="127.9.0.2")
        settle(alice, bob, carol)
        self.reload("allow 127.9.0.2\ndeny 127.9.0.0/16")
        bob.ends_with(NOT_ALLOWED)
        alice.expect("[#lobby] -- bob left (not allowed)")
        carol.expect("[#lobby] -- bob left (not allowed)")
        self.server.connect("again", source="127.9.0.1").ends_with(NOT_ALLOWED)
        self.reload("")
        eventually(
            lambda: self.welcomes("127.9.0.1"), "bob may come again")
        bob = self.server.guest("bob", source="127.9.0.1")
        alice.until("[#lobby] -- %s joined" % bob.nick)

    def welcomes(self, source):
        one = self.server.connect("probe", source=source)
        line = one.next()
        one.close()
        return line.startswith("* Welcome")

    def test_limits(self):
        self.begin("default-room none\nmax-joined 2\nmax-line 100\n"
                   "max-clients 2\n" + self.motd("old"))
        alice = self.server.client("alice", "#a", "#b")
        alice.ask_error("/join #c")
        self.reload("default-room none\nmax-joined 3\nmax-line 200\n"
                    "max-clients 3\n" + self.motd("new"))
        self.motd_is("new")
        alice.join("#c")
        alice.ask_error("/join #d")
        alice.raw(b"x" * 201 + b"\n")
        alice.expect("! Line too long (limit 200 bytes); it was not sent.")
        bob = self.server.client("bob", "#a")
        alice.sync()
        text = "x" * (200 - len("/msg bob "))
        alice.ask("/msg bob " + text)
        bob.expect("[private] alice: " + text)
        self.server.guest("third")
        self.server.connect("fourth").ends_with(
            "! The server is full; try again later.")

    def test_fewer_clients_throws_nobody_out(self):
        self.begin(self.motd("old"))
        alice, bob = self.server.people("alice", "bob")
        self.reload("max-clients 1\n" + self.motd("new"))
        eventually(self.full, "the server is full")
        bob.ask("hello")
        alice.until("[#lobby] bob: hello")

    def full(self):
        one = self.server.connect("probe")
        line = one.next()
        one.close()
        return line == "! The server is full; try again later."

    def test_rate(self):
        self.rate = None
        self.begin("rate 1 1\n")
        alice, bob = self.server.guest("alice"), self.server.guest("bob")
        alice.send(*["line %d" % i for i in range(300)])
        bob.until(rx(r"\[#lobby\] guest\d+: line 0"))
        self.reload("rate off\n")
        bob.until(rx(r"\[#lobby\] guest\d+: line 299"))

    def test_rooms(self):
        self.begin("room #old topic stays\nroom #gone\n" + self.motd("old"))
        alice = self.server.client("alice", "#old")
        self.reload('room #old topic stays\nroom #new topic "fresh paint" '
                    "key hush\n" + self.motd("new"))
        self.motd_is("new")
        alice.sync()
        alice.ask_error("/join #new")
        alice.ask_notice("/join #new hush",
                         "You are in #new (1 here: you). Topic: fresh paint.")
        text = "\n".join(alice.ask("/rooms"))
        self.assertIn("#old", text)
        self.assertIn("#new", text)
        self.assertNotIn("#gone", text)

    def test_server_name(self):
        self.begin()
        self.server.preamble = "rate off\nserver-name cellar\n"
        self.reload("")

        def renamed():
            one = self.server.connect("probe")
            line = one.next()
            one.close()
            return line == "* Welcome to banter on cellar."
        eventually(renamed, "it has the new name")

    def test_password(self):
        self.begin()
        alice = self.insider("alice")
        self.reload("password hush\n")

        def asked():
            one = self.server.connect("probe")
            line = one.expect("* Welcome to banter on box.", rx(".*"))
            one.close()
            return line == PASSWORD_NEEDED
        eventually(asked, "a password is asked for")
        alice.ask_notice("/who #dev", "alice")	# who is in stays in

    def test_default_room(self):
        self.begin(self.motd("old"))
        alice = self.server.client("alice")
        self.reload("default-room #hall\n" + self.motd("new"))

        def hall():
            one = self.server.connect("probe")
            line = one.greeted()[-1]
            one.close()
            return " in #hall (" in line
        eventually(hall, "newcomers enter the new room")
        alice.ask("still in the lobby")
        self.assertIn("#lobby", "\n".join(alice.ask("/whois alice")))

    def test_log_file(self):
        self.begin()
        alice = self.insider("alice")
        log = scratch_path("log")
        self.reload("log-target %s\n" % log)
        eventually(lambda: os.path.exists(log), "the log file")
        self.server.signal(signal.SIGUSR1)
        eventually(lambda: "uptime" in read(log).lower(),
                   "the counters go to the new log")
        self.reload("log-target stderr\n")
        self.server.mark()

        def back():
            self.server.signal(signal.SIGUSR1)
            try:
                return self.server.wait_log("(?i)uptime", 0.3)
            except AssertionError:
                return False
        eventually(back, "the log comes back to stderr")
        alice.silence()

    def test_history_grows_and_shrinks(self):
        self.begin("history 10\n" + self.motd("old"))
        alice = self.insider("alice")
        alice.ask(*["n%d" % i for i in range(10)])
        self.reload("history 3\n" + self.motd("new"))
        self.motd_is("new")
        self.assertEqual([line[-2:] for line in alice.ask("/history")[1:]],
                         ["n7", "n8", "n9"])
        self.reload("history 20\n" + self.motd("newer"))
        self.motd_is("newer")
        alice.ask("n10", "n11")
        self.assertEqual([line.split()[-1] for line
                          in alice.ask("/history")[1:]],
                         ["n7", "n8", "n9", "n10", "n11"])

    def test_again_and_again(self):
        self.begin(self.motd("0"))
        alice, bob = self.insider("alice"), self.insider("bob")
        settle(alice, bob)
        for i in range(30):
            self.reload(self.motd(str(i)))
            alice.send("line %d" % i)
            bob.expect("[#dev] alice: line %d" % i)
        self.motd_is("29")


class Listeners(Reload):

    def test_opened_closed_untouched(self):
        stays, goes, comes = (reserve_address() for _ in range(3))
        self.begin("listen %s\nlisten %s\n" % (stays, goes), 2)
        alice = self.server.client("alice", address=stays)
        bob = self.server.client("bob", address=goes)
        settle(alice, bob)
        self.server.mark()
        self.reload("listen %s\nlisten %s\n" % (comes, stays))
        self.server.wait_log("listening on " + re.escape(comes))
        carol = self.server.client("carol", address=comes)
        eventually(lambda: refused(goes), "it is closed")
        alice.until(rx(r"\[#lobby\] -- guest\d+ is now carol"))
        bob.until(rx(r"\[#lobby\] -- guest\d+ is now carol"))
        # who came in through the closed one stays
        bob.ask("still here")
        alice.expect("[#lobby] bob: still here")
        carol.until("[#lobby] bob: still here")
        self.server.guest("dave", address=stays)

    def test_the_untouched_one_refuses_nobody_for_a_moment(self):
        stays = reserve_address()
        self.begin("listen %s\n" % stays)
        for i in range(20):
            other = "listen %s\n" % reserve_address() if i % 2 else ""
            self.reload("listen %s\n%s" % (stays, other))
            one = self.server.guest("p%d" % i, address=stays)
            one.close()

    def test_unix_socket(self):
        stays, path = reserve_address(), scratch_path("sock")
        self.begin("listen %s\n" % stays)
        alice = self.server.client("alice")
        self.reload("listen %s\nlisten %s\n" % (stays, path))
        eventually(lambda: os.path.exists(path)
                   and not refused(path), "it listens")
        bob = self.server.client("bob", address=path)
        alice.sync()
        self.reload("listen %s\n" % stays)
        eventually(lambda: not os.path.exists(path), "it is gone")
        bob.ask("still here")
        alice.until("[#lobby] bob: still here")

    def test_mode_of_a_unix_socket(self):
        """It changes, and the socket stays what it was."""
        path = scratch_path("sock")
        self.begin("listen %s mode 0600\n" % path)
        before = os.stat(path)
        self.reload("listen %s mode 0666\n" % path)
        eventually(lambda: os.stat(path).st_mode & 0o777 == 0o666,
                   "anybody may connect")
        self.assertEqual(os.stat(path).st_ino, before.st_ino)

    def test_one_that_can_not_be_had(self):
        """Then nothing of the new file is applied."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = "%s:%d" % other.getsockname()
            self.begin(self.motd("old"))
            alice = self.insider("alice")
            self.server.mark()
            self.reload("listen %s\n" % taken + self.motd("new"))
            self.server.wait_log(r"error: .*" + re.escape(taken))
            self.server.wait_log("not reloaded")
            self.motd_is("old")
            alice.silence()

    def test_command_line_wins_on_reload_too(self):
        other = reserve_address()
        daemon = self.daemon(self.motd("old"))
        daemon.reload("listen %s\n" % other + self.motd("new"))
        self.server = daemon
        self.motd_is("new")
        self.assertTrue(refused(other))


class Bad(Reload):

    def test_changes_nothing_and_says_so(self):
        self.begin("max-line 100\n" + self.motd("old"))
        alice = self.insider("alice", source="127.9.0.1")
        self.server.mark()
        self.reload(self.motd("new") + "deny 127.9.0.0/16\nmax-line 200\n"
                    "nonsense 1\nmax-clients lots\nhistory -3\n")
        # two lines of preamble, one of listen, the motd's and two good ones
        for number in (7, 8, 9):
            self.server.wait_log(r"error: .*%s:%d: ."
                                 % (re.escape(self.server.conf), number))
        self.motd_is("old")
        alice.silence()
        alice.raw(b"x" * 101 + b"\n")
        alice.expect("! Line too long (limit 100 bytes); it was not sent.")

    def test_a_file_that_is_gone(self):
        self.begin(self.motd("old"))
        alice = self.insider("alice")
        self.server.mark()
        os.unlink(self.server.conf)
        self.server.signal(signal.SIGHUP)
        self.server.wait_log("error: .*" + re.escape(self.server.conf))
        self.motd_is("old")
        alice.silence()

    def test_a_file_that_is_being_written(self):
        """Empty, or cut: the password and what is denied stay in force."""
        whole = self.motd("old") + "deny 127.9.0.0/16\n"
        self.begin(whole)
        for text, word in (("", "is empty"),
                           ("\ufeff", "is empty"),
                           (self.listen + "max-line 200\n# to be",
                            "has a last line without an end"),
                           (self.listen + "max-line 200",
                            "has a last line without an end")):
            with self.subTest(text):
                self.server.mark()
                write(self.server.conf, text)
                self.server.signal(signal.SIGHUP)
                self.server.wait_log(
                    "error: %s: %s, expected a whole file"
                    % (re.escape(self.server.conf), word))
                self.server.wait_log("not reloaded; the old configuration")
                self.motd_is("old")
                self.server.connect(source="127.9.0.1").ends_with(NOT_ALLOWED)
        self.reload(self.motd("new"))
        self.motd_is("new")

    def test_as_another_editor_writes_it(self):
        """With a byte order mark, and CR LF."""
        self.begin(self.motd("old"))
        text = self.server.preamble + self.listen + self.motd("new")
        write(self.server.conf, "\ufeff" + text.replace("\n", "\r\n"))
        self.server.signal(signal.SIGHUP)
        self.motd_is("new")

    def test_an_address_and_all_of_them(self):
        self.begin(self.motd("old"))
        port = self.first.rsplit(":", 1)[1]
        self.server.mark()
        self.reload("listen 0.0.0.0:%s\n" % port + self.motd("new"))
        self.server.wait_log(r"error: .*:\d+: listen: \"0\.0\.0\.0:%s\" "
                             "cannot be had" % port)
        self.motd_is("old")

    def test_a_password_that_others_can_read(self):
        self.begin(self.motd("old"))
        self.server.mark()
        self.server.write_config(self.listen + "password hush\n"
                                 + self.motd("new"))
        os.chmod(self.server.conf, 0o644)
        self.server.signal(signal.SIGHUP)
        self.server.wait_log("error: .*" + re.escape(self.server.conf))
        self.motd_is("old")

    def test_a_good_one_afterwards(self):
        self.begin(self.motd("old"))
        self.server.mark()
        self.reload("nonsense\n")
        self.server.wait_log("error: .*nonsense")
        self.motd_is("old")
        self.reload(self.motd("new"))
        self.motd_is("new")


if __name__ == "__main__":
    main()
