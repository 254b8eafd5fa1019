"""The service from day to day: start, reload, trouble, stop."""

import re
import time

from box import CONF, PORT, UNIT, BoxTest
from banter.wait import eventually

FAULT = "* The server came back after a fault"
LISTENERS = "listen 127.0.0.1:5531\n" + "".join(
    f"listen 127.0.1.{i}:5531\n" for i in range(1, 201))


class Service(BoxTest):
    def setUp(self):
        self.box.wait_active()
        self.box.systemctl("reset-failed")
        self.before = self.box.cursor()

    def restore(self):
        """Back to the shipped file and unit, and a daemon that runs."""
        box = self.box
        box.no_drop_in()
        box.configure("")
        box.systemctl("reset-failed", UNIT)
        box.systemctl("restart", UNIT)

    def test_01_ready_means_listening(self):
        """ExecStartPost runs right after READY: the last port is open."""
        box = self.box
        self.addCleanup(self.restore)
        box.run("sh", "-c", f'cat >"{CONF}"', stdin=LISTENERS)
        box.drop_in("[Service]\nExecStartPost=/usr/bin/nc -z 127.0.1.200 "
                    f"{PORT}\n")
        for _ in range(5):
            box.systemctl("restart", UNIT)

    def test_02_no_ready_without_a_port(self):
        """A port that somebody else has: a start that fails, and says so."""
        box = self.box
        self.addCleanup(self.restore)
        box.systemctl("stop", UNIT)
        with box.nc("-l", "-k", "127.0.0.1", "5532"):
            eventually(lambda: "5532" in box.run(
                "ss", "-Hltn", "sport = :5532").stdout, "nc listens")
            box.configure("listen 127.0.0.1:5532\n")
            box.drop_in("[Service]\nRestart=no\n")
            done = box.systemctl("start", UNIT, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(box.show("ActiveState"), "failed")
            self.assertEqual(box.show("ExecMainStatus"), "1")
            priority, _ = box.wait_journal(
                self.before, r"127\.0\.0\.1:5532.*in use")
            self.assertEqual(priority, 3)

    def wait_status(self, pattern):
        eventually(lambda: re.fullmatch(pattern, self.box.show("StatusText")),
                   f"STATUS is {pattern}")

    def test_03_status_text(self):
        box = self.box
        with box.laptop_nc() as a:
            a.expect("in #lobby")
            self.wait_status(r"1 client in \d+ rooms?")
            with box.laptop_nc() as b:
                b.expect("in #lobby")
                self.wait_status(r"2 clients in \d+ rooms?")
        self.wait_status(r"0 clients in \d+ rooms?")

    def test_04_good_reload(self):
        """When systemctl comes back the new configuration is in force."""
        box = self.box
        self.addCleanup(self.restore)
        pid = box.main_pid()
        with box.laptop_nc() as old:
            old.expect("in #lobby")
            for i in range(20):
                box.configure(f"server-name box{i}\n")
                box.systemctl("reload", UNIT)
                self.assertEqual(box.greeting(),
                                 f"* Welcome to banter on box{i}.")
                self.assertTrue(box.is_active())
            old.send("/topic still here")
            old.expect("still here")
        self.assertEqual(box.main_pid(), pid)

    def test_05_broken_reload(self):
        """systemctl fails, and nothing has changed."""
        box = self.box
        self.addCleanup(self.restore)
        pid = box.main_pid()
        with box.laptop_nc() as old:
            old.expect("in #lobby")
            box.configure("server-name other\nhistroy 10\nmax-rooms many\n")
            wrong = len(box.shipped_conf.splitlines()) + 2
            self.assertNotEqual(
                box.systemctl("reload", UNIT, check=False).returncode, 0)
            for line in (wrong, wrong + 1):
                box.wait_journal(self.before, rf"banterd\.conf:{line}: ")
            self.assertTrue(box.is_active())
            self.assertEqual(box.greeting(), "* Welcome to banter on box.")
            old.send("/topic still here")
            old.expect("still here")
        self.assertEqual(box.main_pid(), pid)

    def test_06_reload_that_cannot_be_done(self):
        """The file is right, but somebody else has the port."""
        box = self.box
        self.addCleanup(self.restore)
        pid = box.main_pid()
        with box.nc("-l", "-k", "127.0.0.1", "5539"):
            eventually(lambda: "5539" in box.run(
                "ss", "-Hltn", "sport = :5539").stdout, "nc listens")
            box.configure("server-name other\nlisten 127.0.0.1:5539\n")
            box.run("banterd", "-t")
            self.assertNotEqual(
                box.systemctl("reload", UNIT, check=False).returncode, 0)
        box.wait_journal(self.before, r"127\.0\.0\.1:5539")
        self.assertTrue(box.is_active())
        self.assertEqual(box.greeting(), "* Welcome to banter on box.")
        self.assertEqual(box.main_pid(), pid)

    def test_06_address_that_comes_later(self):
        """A warning, and people can connect as soon as it is there."""
        box = self.box
        self.addCleanup(self.restore)
        box.systemctl("stop", UNIT)
        box.run("sh", "-c", f'cat >"{CONF}"',
                stdin="server-name box\nlisten 192.0.2.99:5531\n")
        box.systemctl("start", UNIT)
        priority, _ = box.wait_journal(self.before, r"192\.0\.2\.99")
        self.assertEqual(priority, 4)
        address = ("addr", "add", "192.0.2.99/24", "dev", "lan0")
        box.run("ip", *address)
        self.addCleanup(box.run, "ip", "addr", "del", *address[2:])
        with box.laptop_nc("192.0.2.99") as somebody:
            self.assertEqual(somebody.line(), "* Welcome to banter on box.")

    def test_07_broken_reload_by_signal(self):
        """Without the check before it: reported by the daemon, refused."""
        box = self.box
        self.addCleanup(self.restore)
        pid = box.main_pid()
        box.configure("server-name other\nhistroy 10\n")
        box.systemctl("kill", "--signal=HUP", UNIT)
        priority, _ = box.wait_journal(self.before, r"banterd\.conf:\d+: ")
        self.assertLessEqual(priority, 4)
        eventually(box.is_active, "the reload is over")
        self.assertEqual(box.greeting(), "* Welcome to banter on box.")
        self.assertEqual(box.main_pid(), pid)

    def test_08_priorities(self):
        """-p warning shows the trouble, and just that."""
        box = self.box
        self.addCleanup(self.restore)
        box.systemctl("restart", UNIT)
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
        box.systemctl("kill", "--signal=USR1", UNIT)
        box.wait_journal(self.before, r"clients")
        everything = box.journal(self.before)
        self.assertIn(5, {priority for priority, _ in everything})
        for _, message in everything:
            self.assertNotRegex(message, r"^(<\d>|\d{4}-\d\d-\d\d )")
        self.assertEqual(box.trouble(self.before), [])
        box.configure("histroy 10\n")
        box.systemctl("kill", "--signal=HUP", UNIT)
        box.wait_journal(self.before, r"histroy")
        shown = box.run("journalctl", "-u", "banterd", "-p", "warning", "-o",
                        "cat").stdout
        self.assertIn("histroy", shown)
        self.assertNotIn("listening on", shown)

    def test_09_counters(self):
        box = self.box
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            box.systemctl("kill", "--signal=USR1", UNIT)
            box.wait_journal(self.before, r"#lobby")
        self.assertTrue(box.is_active())

    def test_10_log_file_and_logrotate(self):
        """The shipped snippet renames the file, and USR2 opens a new one."""
        box = self.box
        self.addCleanup(self.restore)
        log = "/var/log/banterd/banterd.log"
        box.configure(f"log-target {log}\n")
        box.systemctl("reload", UNIT)
        pid = box.main_pid()
        eventually(lambda: box.run(
            "test", "-s", log, check=False).returncode == 0,
            "there is a log file")
        # As banterd.conf(5) says, with the service's umask.
        self.assertEqual(box.run("stat", "-c", "%a", log).stdout.strip(),
                         "600")
        box.run("logrotate", "--force", "/etc/logrotate.d/banterd")
        eventually(lambda: box.run(
            "test", "-e", log, check=False).returncode == 0,
            "there is a new log file")
        box.systemctl("kill", "--signal=USR1", UNIT)
        eventually(lambda: "#lobby" in box.read(log),
                   "the new file is written to")
        self.assertNotIn("#lobby", box.read(log + ".1"))
        self.assertEqual(box.main_pid(), pid)
        box.run("journalctl", "--sync")

    def test_11_killed(self):
        """SIGKILL: systemd starts it again, and people stay."""
        box = self.box
        pid = box.main_pid()
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            box.kill("KILL", pid)
            somebody.expect(FAULT)
            somebody.send("/topic still here")
            somebody.expect("still here")
        eventually(lambda: box.show("MainPID") not in ("0", pid),
                   "another process runs")
        box.wait_active()
        self.assertEqual(box.greeting(), "* Welcome to banter on box.")

    def test_12_watchdog(self):
        """A loop that lives keeps the watchdog calm; one that hangs is shot."""
        box = self.box
        self.assertEqual(box.show("WatchdogUSec"), "30s")
        self.addCleanup(self.restore)
        box.drop_in("[Service]\nWatchdogSec=1\n")
        box.systemctl("restart", UNIT)
        pid = box.main_pid()
        pats = set()
        eventually(lambda: pats.add(box.show("WatchdogTimestampMonotonic"))
                   or len(pats) > 5,
                   "the loop has said five times that it lives")
        self.assertEqual(box.main_pid(), pid)
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            box.kill("STOP", pid)
            somebody.expect(FAULT)
        eventually(lambda: box.show("MainPID") not in ("0", pid),
                   "another process runs")
        box.wait_active()
        box.run("journalctl", "--sync")
        self.assertIn("atchdog timeout", box.run(
            "journalctl", "--after-cursor=" + self.before).stdout)
        self.assertEqual(box.greeting(), "* Welcome to banter on box.")

    def test_13_stays_broken(self):
        """A file that was never good: many tries, then failed, not for ever;
        and in time, at the rate of the first twenty."""
        box = self.box
        self.addCleanup(self.restore)
        box.systemctl("stop", UNIT)
        burst = int(box.show("StartLimitBurst"))
        self.assertGreater(burst, 31)
        self.assertEqual(box.show("StartLimitIntervalUSec"), "2min")
        box.configure("histroy 10\n")
        box.drop_in("[Unit]\nStartLimitBurst=20\n")
        began = time.monotonic()
        self.assertNotEqual(
            box.systemctl("start", UNIT, check=False).returncode, 0)
        eventually(lambda: box.show("ActiveState") == "failed" and
                   box.show("SubState") == "failed",
                   "systemd has given up", 60)
        self.assertEqual(int(box.show("NRestarts")), 20)
        one = (time.monotonic() - began) / 20
        print(f"{one:.2f} s for a try", flush=True)
        self.assertLess(one * burst, 120)

    def test_14_stop(self):
        """People get the farewell line, and the exit status is 0."""
        box = self.box
        with box.laptop_nc() as a, box.nc("::1", PORT) as b:
            a.expect("in #lobby")
            b.expect("in #lobby")
            box.systemctl("stop", UNIT)
            for person in (a, b):
                person.expect("* The server is going down.")
                person.expect_end()
        self.assertEqual(box.show("ActiveState"), "inactive")
        self.assertEqual(box.show("Result"), "success")
        self.assertEqual(box.show("ExecMainStatus"), "0")
        self.assertEqual(box.trouble(self.before), [])
        box.systemctl("start", UNIT)
