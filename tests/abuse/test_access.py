#!/usr/bin/env python3
"""Who gets in: passwords' files, networks, sockets, names."""

import ipaddress
import os
import pathlib
import pwd
import re
import signal
import socket
import stat
import subprocess
import sys

from banter import wait
from banter.address import both_families
from banter.command import run_banterd
from banter.daemon import Daemon
from banter.files import SOURCE_DIR, read, scratch_path, written
from banter.host import needs_ipv6, needs_network, needs_root
from banter.line import NOT_ALLOWED, PASSWORD_NEEDED, rx
from scenario import Case, main

TOO_MANY = "! Too many connections from your address."


def status_of_connect(path, account):
    """What becomes of another user who connects: 0, or 3 if not allowed."""
    user = pwd.getpwnam(account)
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            socket.socket(socket.AF_UNIX).connect(path)
            os._exit(0)
        except PermissionError:
            os._exit(3)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Files(Case):

    def test_password_that_others_can_read(self):
        """At the start, at -t and at a reload; each mode at its edge."""
        path = written("banterd.conf", "password secret\n")
        for mode, status in ((0o600, 0), (0o640, 0), (0o660, 0), (0o644, 1),
                             (0o604, 1), (0o666, 1), (0o400, 0)):
            os.chmod(path, mode)
            with self.subTest(mode=oct(mode)):
                got, _, err = run_banterd("-t", "-f", path)
                self.assertEqual(got, status, err)
                self.assertNotIn("secret", err)
        os.chmod(path, 0o644)
        got, _, err = run_banterd("-f", path, "-l", "127.0.0.1:0")
        self.assertEqual(got, 1, err)
        self.assertNotIn("listening", err)

    def test_reload_of_a_file_that_became_readable(self):
        self.server("password secret\n")
        os.chmod(self.d.conf, 0o644)
        self.d.signal(signal.SIGHUP)
        self.d.wait_log("can be read by others")
        self.d.wait_log("not reloaded")
        self.assertNotIn("secret", "\n".join(self.d.log))

    def test_modes_of_unix_sockets(self):
        directory = scratch_path("")
        for words, mode in (("", 0o660), (" mode 0600", 0o600),
                            (" mode 0666", 0o666), (" mode 000", 0o000)):
            path = directory + "s%o" % mode
            daemon = self.daemon("listen %s%s\n" % (path, words), listen=None)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), mode)
            daemon.stop()
            self.assertFalse(os.path.exists(path), "its socket is left")

    @needs_root
    def test_unix_socket_keeps_strangers_out(self):
        path = scratch_path("sock")
        self.daemon("listen %s mode 0600\n" % path, listen=None)
        self.assertEqual(status_of_connect(path, "daemon"), 3)


class Networks(Case):

    def first_line(self, address, source=None):
        client = self.d.connect("stranger", address=address, source=source)
        line = client.next()
        client.close()
        return line

    def test_allow_and_deny(self):
        """The first that matches counts; else all are allowed."""
        self.server("allow 127.5.5.5\ndeny 127.5.0.0/16\ndeny 127.6.7.8/32\n"
                    "allow 127.7.0.0/17\ndeny 127.7.0.0/16\n")
        for source, allowed in (
                ("127.5.5.5", True), ("127.5.5.4", False),
                ("127.5.0.0", False), ("127.5.255.255", False),
                ("127.4.255.255", True), ("127.6.0.0", True),
                ("127.6.7.8", False), ("127.6.7.9", True),
                ("127.7.127.255", True), ("127.7.128.0", False)):
            line = self.first_line(self.d.addresses[0], source)
            self.assertEqual(line != NOT_ALLOWED, allowed, source)
        self.assertNotEqual(self.first_line(self.d.addresses[1]), NOT_ALLOWED)

    @needs_ipv6
    def test_each_family_for_itself(self):
        """::/0 is not IPv4, 0.0.0.0/0 is not IPv6, "all" is both; a UNIX
        socket has no address."""
        for rule, v4, v6 in (("deny ::/0", True, False),
                             ("deny 0.0.0.0/0", False, True),
                             ("deny all", False, False),
                             ("deny ::ffff:0:0/96", False, True),
                             ("deny ::ffff:127.0.0.1", False, True),
                             ("deny ::1", True, False),
                             ("deny ::127.0.0.1", True, True)):
            self.server(rule + "\n")
            for address, allowed in zip(self.d.addresses, (v4, v6, True)):
                line = self.first_line(address)
                self.assertEqual(line != NOT_ALLOWED, allowed,
                                 "%s at %s" % (rule, address))

    @needs_ipv6
    def test_mapped_addresses(self):
        """IPv4 through a socket for both is IPv4 all the same."""
        sock = both_families()
        self.addCleanup(sock.close)
        port = sock.getsockname()[1]
        self.d = self.daemon("deny 127.5.0.0/16\nmax-per-host 2\n",
                             listen=None, passed=sock)
        where = "127.0.0.1:%d" % port
        self.assertEqual(self.first_line(where, "127.5.1.1"), NOT_ALLOWED)
        self.assertNotEqual(self.first_line(where, "127.6.1.1"), NOT_ALLOWED)
        clients = [self.d.connect("c", address=where) for _ in range(2)]
        for client in clients:
            client.greeted()
        self.assertEqual(self.first_line(where), TOO_MANY)
        clients.append(self.d.connect("six", address="[::1]:%d" % port))
        clients[-1].greeted()

    def test_denied_at_a_reload(self):
        """Who is in and is denied now goes, and the rooms see why."""
        self.server("")
        alice = self.d.client("alice", source="127.5.0.1")
        bob = self.d.client("bob", source="127.6.0.1")
        self.d.reload("deny 127.5.0.0/16\n")
        self.assertEqual(alice.rest()[-1], NOT_ALLOWED)
        bob.until("[#lobby] -- alice left (not allowed)")


@needs_ipv6
@needs_network
class PrivacyAddresses(Case):
    """In a network of its own, where any address is ours to use."""

    def test_one_host_has_many_addresses(self):
        """However many addresses of its /64 a host takes, it is one host."""
        done = subprocess.run(
            ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"',
             "sh", sys.executable, "-B", __file__, "--privacy"], check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=wait.DEADLINE)
        self.assertEqual(done.returncode, 0, done.stdout.decode())


def privacy():
    """Runs inside the network: addresses of two /64s, and who gets in."""
    first = ipaddress.IPv6Address("2001:db8:1:1::1")
    for n in range(40):
        for net in ("2001:db8:1:1", "2001:db8:1:2"):
            subprocess.run(["ip", "-6", "addr", "add", "%s::%x/128" % (
                net, n * 77777 % 65536 + 1), "dev", "lo", "nodad"],
                check=True)
    daemon = Daemon("max-per-host 10\n",
                    listen=["[%s]:0" % first])
    got = {}
    for net in ("2001:db8:1:1", "2001:db8:1:2"):
        lines = [daemon.connect("c", source="%s::%x" % (
            net, n * 77777 % 65536 + 1)).next() for n in range(40)]
        got[net] = sum(line != TOO_MANY for line in lines)
    daemon.stop()
    if set(got.values()) != {10}:
        raise AssertionError("let in: %s" % got)


class Names(Case):
    """Nobody speaks with the server's voice, or another's."""

    BAD = ["*", "!", "--", "[#lobby]", "#lobby", "@alice", "alice:", "a b",
           "1alice", ".alice", "-alice", "_alice", "[private]", "you", "You",
           "SERVER", "server", "10:32", "al\tice", "alic\u00e9", "\u0430lice",
           "alice\u200b", "\u202ealice", "a" * 25, "al[ice", "al\x1bice",
           "al\u00a0ice", "\uff41lice", "<5>alice", "a,b", "a(away)", "a\\n"]

    def test_names_that_are_none(self):
        self.server("", rate="off")
        alice = self.d.guest("alice")
        for name in self.BAD:
            with self.subTest(name):
                alice.ask_error("/nick " + name)

    def test_case_is_no_difference(self):
        self.server("", rate="off")
        self.d.client("Alice")
        mallory = self.d.client("mallory")
        for name in ("alice", "ALICE", "aLiCe"):
            mallory.ask_error("/nick " + name, "taken")

    def test_a_line_is_one_line(self):
        """Whatever is said, each line that comes out begins with who it is,
        and holds nothing that moves a cursor or turns text around."""
        self.server("", rate="off")
        alice, mallory = self.d.people("alice", "mallory")
        evil = [b"x\r[#lobby] bob: forged", b"x\x0b[#lobby] bob: forged",
                b"x\x0c* forged", b"x\xc2\x85* forged",
                b"x\xe2\x80\xa8* forged", b"x\xe2\x80\xa9* forged",
                b"\x1b[2J\x1b[1;1H* forged", b"\x9b2J", b"\xe2\x80\xaereverse",
                b"\xe2\x81\xa6isolate", b"\xc0\x8a* overlong newline",
                b"\xe0\x80\x8a* overlong", b"\xed\xa0\x80 surrogate",
                b"\xf4\x90\x80\x80 too high", b"\xff\xff* twice 255",
                b"a\x00b", b"abc\x08\x08\x7f* erased", b"\x07bell",
                b"\x0eshift\x0f", b"abc\x17* erased", b"abc\x15* erased",
                b"\x1b\x1b[D[2J", b"\x1bx\x08[2J", b"\x1b[[A[2J"]
        for what in (b"", b"/me ", b"/msg alice ", b"/msg #lobby ",
                     b"/topic "):
            for text in evil:
                mallory.raw(what + text + b"\r\n")
                mallory.sync()
                lines = alice.sync()
                # what stands behind a CR is a line of its own
                self.assertEqual(len(lines), 1 + (b"\r" in text), text)
                for line in lines:
                    self.assertTrue(re.match(
                        r"\[#lobby\] (mallory: |\* mallory |-- mallory set )"
                        r"|\[private\] mallory: ", line), line)
                    self.assertNotRegex(
                        line, "[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e"
                        "\u2066-\u2069\ud800-\udfff]")

    def test_log_cannot_be_forged(self):
        """Nothing of a client's begins a line of the log, or steers the
        terminal of who reads it."""
        self.server("", rate="off", args=["-v"])
        mallory = self.d.guest("mallory")
        forged = "\\n2026-01-01 00:00:00 error: forged"
        mallory.raw(b"/nick x\r2026-01-01 00:00:00 error: forged\r\n"
                    b"/join #x\x1b[2Jforged\r\n/quit forged\x85forged\r\n")
        mallory.rest()
        self.d.reload("nonsense \x1b[2J\x07" + forged + "\n")
        self.d.wait_log("not reloaded")
        for line in self.d.log:
            self.assertRegex(line, r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "
                             r"(error|warning|notice|info|debug): ")
            self.assertNotRegex(line, "[\x00-\x1f\x7f-\x9f]")
            self.assertNotRegex(line, "^2026-01-01")


class Secret(Case):

    @staticmethod
    def function(file, name):
        """The text of a function of the daemon's."""
        path, = pathlib.Path(SOURCE_DIR, "src").rglob(file)
        return re.search(r"^%s\(.*?^}" % name, read(str(path)),
                         re.M | re.S).group(0)

    def test_comparison_is_constant_time(self):
        """Time can't be asserted; that no comparison stops early can: the
        password's handler calls the one that looks at every byte."""
        handler = self.function("command_user.c", "cmd_pass")
        self.assertIn("text_same_secret(password, args)", handler)
        self.assertNotRegex(handler, r"str(n?case)?cmp|memcmp")
        compare = self.function("text.c", "text_same_secret")
        loop = compare[compare.index("for ("):]
        self.assertNotRegex(loop.split("return")[0], r"\b(break|if|goto)\b")

    def test_nearly_right_is_wrong(self):
        self.server('password "open sesame"\nmax-per-host 1000\n')
        for n, guess in enumerate((
                "open sesam", "open sesame ", "open sesame2", "Open sesame",
                "open  sesame", "pen sesame", "x", "open sesamf")):
            client = self.d.connect("c", source="127.20.0.%d" % (n + 1))
            client.until(PASSWORD_NEEDED)
            client.send("/pass " + guess)
            client.until(rx("! Wrong password.*"))
            client.close()

    def test_before_the_password_nothing_is_told(self):
        """Neither who is here nor what is said, and nothing reaches them."""
        self.server('password "open sesame"\n', rate="off")
        alice = self.d.connect("alice", source="127.20.1.1")
        alice.until(PASSWORD_NEEDED)
        alice.send("/pass open sesame")
        alice.greeted()
        stranger = self.d.connect("stranger")
        stranger.until(PASSWORD_NEEDED)
        stranger.send("hello", "/msg guest1 psst", "/join lobby", "/who",
                      "/rooms", "/whois guest1", "/nick guest1", "/history",
                      "//slash", "/me waves", "/set time on")
        alice.silence()
        stranger.send("/help nick", "/nosuch")
        for line in stranger.until(rx("! There is no command /nosuch.*"))[:-2]:
            self.assertEqual(line, "! A password is needed: /pass PASSWORD")


if __name__ == "__main__":
    if sys.argv[1:] == ["--privacy"]:
        privacy()
    else:
        main()
