#!/usr/bin/env python3
"""Options, exit statuses, and the configuration as -t sees it."""

import os
import re
import signal
import socket
import subprocess

from banter import wait
from banter.address import refused, reserve_address
from banter.case import Case, main
from banter.command import banterd_command, clean_environment, run_banterd
from banter.files import read, scratch_path, write, written
from banter.host import AS_NOBODY, HAS_IPV6


def conf(text, mode=0o600):
    return written("banterd.conf", text, mode)


class Options(Case):

    def test_version(self):
        for option in ("-V", "--version"):
            status, out, err = run_banterd(option)
            self.assertEqual((status, err), (0, ""))
            self.assertRegex(out, r"^banterd \d+\.\d+\.\d+\S*\n$")

    def test_help(self):
        status, out, err = run_banterd("-h")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("usage", out.lower())
        self.assertEqual(run_banterd("--help"), (0, out, ""))
        for option in ("-t", "-v", "-f", "-l", "-V", "-h"):
            with self.subTest(option):
                self.assertRegex(out, r"%s|\[-[a-zA-Z]*%s" % (
                    option, option[1]))

    def test_bad_usage(self):
        for args in (["-x"], ["-f"], ["-l"], ["operand"], ["--nonsense"],
                     ["-t", "operand"]):
            with self.subTest(args):
                status, out, err = run_banterd(*args)
                self.assertEqual((status, out), (2, ""), err)
                self.assertIn("usage", err.lower())

    def test_bad_address(self):
        for address in ("nonsense", "127.0.0.1", "127.0.0.1:99999",
                        "127.0.0.1:", "[::1:5531", "300.1.2.3:5531", ""):
            with self.subTest(address):
                status, out, err = run_banterd("-l", address, "-f", conf(""))
                self.assertIn(status, (1, 2), err)
                self.assertEqual(out, "")
                self.assertIn(address, err)

    def test_no_file(self):
        path = scratch_path("missing.conf")
        for args in (["-t", "-f", path], ["-f", path, "-l", "127.0.0.1:0"]):
            with self.subTest(args):
                status, _, err = run_banterd(*args)
                self.assertEqual(status, 1)
                self.assertIn(path, err)

    def test_address_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = "%s:%d" % other.getsockname()
            for args in (["-l", taken, "-f", conf("")],
                         ["-f", conf("listen %s\n" % taken)]):
                status, _, err = run_banterd(*args)
                self.assertEqual(status, 1)
                self.assertIn(taken, err)

    def test_a_second_daemon_on_the_same_unix_socket(self):
        """It is told so; who is in the first one notices nothing."""
        path = scratch_path("sock")
        daemon = self.daemon(listen=[path])
        one = daemon.guest()
        status, _, err = run_banterd("-l", path, "-f", conf(""))
        self.assertEqual(status, 1)
        self.assertIn(path, err)
        one.silence()

    def test_an_ordinary_file_where_the_socket_should_be(self):
        path = conf("precious")
        status, _, err = run_banterd("-l", path, "-f", conf(""))
        self.assertEqual(status, 1)
        self.assertIn("cannot listen on %s: Socket operation on non-socket"
                      % path, err)
        self.assertEqual(read(path), "precious")

    def test_l_replaces_the_files_listen(self):
        """And may be given as often as wanted."""
        inside = reserve_address()
        path = scratch_path("sock")
        daemon = self.daemon("listen %s\n" % inside,
                             listen=["127.0.0.1:0", "127.0.0.2:0", path])
        self.assertEqual(len(daemon.addresses), 3)
        for address in daemon.addresses:
            daemon.guest(address=address)
        self.assertTrue(refused(inside))

    def test_listen_in_the_file(self):
        addresses = [reserve_address(), scratch_path("sock")]
        if HAS_IPV6:
            addresses.append(reserve_address("::1"))
        daemon = self.daemon("".join("listen %s\n" % a for a in addresses),
                             listen=None, ready=False)
        daemon.wait_listening(len(addresses))
        self.assertEqual(sorted(daemon.addresses), sorted(addresses))
        for address in addresses:
            daemon.guest(address=address)

    def test_verbose(self):
        """-v logs more than the file asks for."""
        quiet = self.daemon("log-level warning", args=["-v"])
        quiet.guest()
        quiet.signal(signal.SIGUSR1)
        quiet.wait_log("(?i)uptime")

    def test_closed_standard_descriptors(self):
        """No socket takes their place."""
        daemon = self.daemon(before_exec=lambda: os.closerange(0, 2))
        for fd in (0, 1):
            # to others but root who may trace, it is closed
            link = subprocess.run(
                ["readlink", "/proc/%d/fd/%d" % (daemon.pid, fd)], check=True,
                stdout=subprocess.PIPE, **AS_NOBODY).stdout
            self.assertNotRegex(link, b"^(socket|anon_inode):")
        daemon.guest("alice")

    def test_t_listens_to_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = "%s:%d" % other.getsockname()
            status, _, err = run_banterd("-t", "-l", taken, "-f", conf(""))
            self.assertEqual(status, 0, err)


class Passed(Case):
    """Sockets that a service manager passes."""

    def test_abstract(self):
        """A name of unix(7) that is no file's is logged, and whole."""
        with socket.socket(socket.AF_UNIX) as sock:
            name = "banter-test-%d" % os.getpid()
            sock.bind("\0" + name)
            sock.listen()
            daemon = self.daemon(listen=None, passed=sock)
        self.assertEqual(daemon.addresses, ["@" + name])

    def test_how_many(self):
        """LISTEN_FDS that is no number of sockets is said, and no start."""
        for value in ("-1", "3000000000", "1025", "two", ""):
            with self.subTest(value):
                done = subprocess.run(
                    ["sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh"]
                    + banterd_command() + ["-f", "/dev/null"],
                    env=clean_environment({"LISTEN_FDS": value}), check=False,
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE, timeout=wait.DEADLINE, **AS_NOBODY)
                self.assertEqual(done.returncode, 1)
                self.assertIn(
                    'error: LISTEN_FDS is "%s", expected a number from 0 to '
                    "1024\n" % value, done.stderr.decode())


class Good(Case):

    # the sample of the manual, every keyword once, and odd forms
    SAMPLE = """\
listen 0.0.0.0:5531            # as often as wanted; [::]:5531, or a path
listen [::]:5531
listen %(dir)s/banter.sock
server-name box
motd %(dir)s/motd
password "open sesame"         # with it, refuse a file that others can read
default-room #lobby            # or none
room #dev topic "release on friday" key hush     # rooms that always exist
history 50                     # lines kept and replayed for each room
deny 10.9.0.0/16
log-target stderr              # or syslog, or a file's path
log-level info                 # error, warning, notice, info, debug
shutdown-grace 5               # seconds that the last output may take
"""
    MORE = """\
# a comment

   # another, after blanks
allow 192.168.0.0/16
allow 2001:db8::/32
deny ::1
max-clients 1000
max-per-host 50
max-rooms 500
max-joined 20
max-line 1024
rate 20 5
send-queue 256K
stall-timeout 60
login-timeout 30
\tserver-name\t"the  box"\t
room #plain
room #topic topic "only a topic"
room #key key hush
"""

    def test_access_in_vain(self):
        """Good, but not what somebody meant: there is a warning."""
        for lines, warning in (
                ("deny all\nallow 127.0.0.1\n", "says nothing"),
                ("allow 127.0.0.1\n", "keep nobody out"),
                ("allow 127.0.0.1\ndeny all\n", None)):
            path = written("banterd.conf", lines)
            status, _, err = run_banterd("-t", "-f", path)
            self.assertEqual(status, 0, err)
            self.assertEqual("warning: " in err, warning is not None, err)
            self.assertIn(warning or "", err)

    def directory(self):
        path = scratch_path("dir")
        os.mkdir(path)
        write(os.path.join(path, "motd"), "hello\n")
        return path

    def test_good_files(self):
        sample = self.SAMPLE % {"dir": self.directory()}
        for text in ("", "\n", sample, self.MORE, "rate off\n",
                     "default-room none", "log-target syslog\n",
                     "send-queue 1M\n", "send-queue 65536\n"):
            with self.subTest(text):
                status, _, err = run_banterd("-t", "-f", conf(text))
                self.assertEqual(status, 0, err)
                self.assertNotRegex(err, r":\d+: ")

    def test_values(self):
        """Quotes and comments, seen in what the daemon then does."""
        daemon = self.daemon(
            'server-name "the  # box"   # is its name\n'
            'room #dev topic "release on \\"friday\\" # really" key a\n'
            "default-room none # nobody meets in the lobby\n",
            server_name=None)
        alice = daemon.connect("alice")
        alice.expect("* Welcome to banter on the  # box.")
        alice.greeted()
        alice.ask_error("/join #dev b")
        lines = alice.ask("/join #dev a")
        self.assertIn(" # really.", lines[0])


class Wrong(Case):

    LINES = [
        "frobnicate 1", "listen", "listen nonsense", "listen 127.0.0.1",
        "listen 127.0.0.1:99999", "listen [::1:5531", "listen 1.2.3:x",
        "listen [::ffff:127.0.0.1]:5531", "listen [fe80::1]:5531",
        "listen /" + "x" * 107,
        "server-name", "motd", "password", "default-room",
        "default-room #a!b", "default-room #" + "x" * 33, "room",
        "room #a!b", "room #dev topic", "room #dev key",
        "room #dev colour red", "history", "history x", "history -1",
        "history 1x", "history 99999999999999999999", "deny", "deny elephant",
        "deny 10.0.0.0/33", "deny ::/129", "deny 10.0.0/8x", "allow",
        "allow 300.0.0.0/8", "allow 10.0.0.0/-1", "log-target",
        "log-target stdout", "log-target Syslog", "log-target banterd.log",
        "log-level loud", "log-level", "shutdown-grace soon",
        "shutdown-grace -1", "max-clients zero", "max-clients 0",
        "max-clients -5", "max-clients 10 20", "max-per-host x",
        "max-per-host 0", "max-rooms x", "max-joined x", "max-joined 0",
        "max-line x", "max-line 0", "rate", "rate 20", "rate x y",
        "rate 0 5", "rate 20 0", "rate on", "rate 20 5 1", "send-queue lots",
        "send-queue 12Q", "send-queue", "stall-timeout never",
        "stall-timeout -1", "login-timeout x", "login-timeout 1 2",
        "user no_such_user_here", "user", "history 50 lines",
        'server-name "unfinished',
    ]

    def test_each(self):
        for line in self.LINES:
            with self.subTest(line):
                path = conf("# first\n\n" + line + "\nroom #fine\n")
                status, _, err = run_banterd("-t", "-f", path)
                self.assertEqual(status, 1, err)
                self.assertRegex(err, r"%s:3: .{8,}" % re.escape(path))
                self.assertEqual(len(re.findall(
                    re.escape(path) + r":\d+: ", err)), 1, err)

    def test_all_at_once(self):
        lines = [line for line in self.LINES if '"' not in line]
        path = conf("\n".join(lines) + "\nroom #fine\n")
        status, _, err = run_banterd("-t", "-f", path)
        self.assertEqual(status, 1)
        told = [int(n) for n in re.findall(
            re.escape(path) + r":(\d+): ", err)]
        self.assertEqual(told, list(range(1, len(lines) + 1)), err)

    def test_an_address_and_all_of_them(self):
        """-t and the start agree, in either order."""
        one, all_of_them = "127.0.0.1:5531", "0.0.0.0:5531"
        for pair in ((one, all_of_them), (all_of_them, one)):
            path = conf("listen %s\nlisten %s\n" % pair)
            for args in (["-t"], []):
                with self.subTest(pair + tuple(args)):
                    status, _, err = run_banterd(*args, "-f", path)
                    self.assertEqual(status, 1, err)
                    self.assertIn('%s:2: listen: "%s" cannot be had'
                                  % (path, pair[1]), err)
            status, _, err = run_banterd("-l", pair[0], "-l", pair[1])
            self.assertEqual(status, 2)
            self.assertIn('-l "%s" cannot be had' % pair[1], err)

    def test_unfinished(self):
        """Good for a start; -t says what a reload would say."""
        for text, word in (("", "is empty"), ("history 3", "without an end")):
            status, _, err = run_banterd("-t", "-f", conf(text))
            self.assertEqual(status, 0, err)
            self.assertIn("warning: the configuration ", err)
            self.assertIn(word, err)
        status, _, err = run_banterd("-t", "-f", "/dev/null")
        self.assertEqual((status, "warning" in err), (0, False), err)

    def test_it_does_not_start(self):
        path = conf("history x\nrate\n")
        status, _, err = run_banterd("-f", path, "-l", "127.0.0.1:0")
        self.assertEqual(status, 1)
        self.assertIn(path + ":1: ", err)
        self.assertIn(path + ":2: ", err)
        self.assertNotIn("listening", err)

    def test_values_are_named(self):
        """What is wrong and what was expected."""
        for line, word in (("log-level loud", "loud"), ("history x", "x"),
                           ("frobnicate 1", "frobnicate"),
                           ("deny elephant", "elephant"),
                           ("log-level loud", "debug"),
                           ("room #dev colour red", "colour")):
            with self.subTest(line):
                _, _, err = run_banterd("-t", "-f", conf(line + "\n"))
                self.assertIn(word, err.split(":1: ", 1)[1])

    def test_a_continued_line(self):
        """A backslash joins lines; errors still tell a line of the file."""
        path = conf("room #dev \\\n topic tea\nhistory x\n")
        status, _, err = run_banterd("-t", "-f", path)
        self.assertEqual(status, 1)
        self.assertIn(path + ":3: ", err)

    def test_password_files(self):
        for mode, wanted in ((0o600, 0), (0o640, 0), (0o644, 1), (0o604, 1)):
            with self.subTest(oct(mode)):
                path = conf("password hush\n", mode)
                status, _, err = run_banterd("-t", "-f", path)
                self.assertEqual(status, wanted, err)
                self.assertNotIn("hush", err)
        self.assertEqual(run_banterd(
            "-t", "-f", conf("history 3\n", 0o644))[0], 0)

    def test_rubbish(self):
        for text in (b"\0\0\0", b"\xff\xfe\n" * 100, b"x" * 100000,
                     b'"' * 1001, b"\\\n" * 100, b"listen \x1b[31m\n"):
            path = conf(text, 0o644)
            status, _, err = run_banterd("-t", "-f", path)
            self.assertIn(status, (0, 1), err)
            self.assertNotRegex(err, r"[^\n -~]")


if __name__ == "__main__":
    main()
