"""Nobody is disconnected: restarts, upgrades and crashes of the service."""

import json
import os
import sys
import time

from box import CONF, PORT, STORE, UNIT, BoxTest
from banter.process import Program
from banter.wait import eventually
from machine import BOX4

CROWD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "crowd.py")
SETTINGS = "max-per-host 1000\ndefault-room none\n"
GOING_DOWN = "* The server is going down."
LOST = ("! The server has lost track of this connection; "
        "please connect again.")
BANTERD = "/usr/sbin/banterd"
SOCKET = "banterd.socket"
# Lines that have a life count as one that was of use.
OF_USE = 100
KILLS = 31


class Crowd(Program):
    """People on the laptop, each of whom says a line a second."""

    def __init__(self, box, people=500, rooms=20):
        super().__init__(box.lan.on_laptop(
            sys.executable, "-B", CROWD, BOX4, PORT, str(people),
            str(rooms)))
        self.people = people
        self.told()

    def told(self):
        line = self.line(90)
        if line is None:
            raise AssertionError("the crowd has ended")
        return json.loads(line)

    def ask(self, *words):
        """Waits until that is done; how they are then."""
        self.send(" ".join(str(word) for word in words))
        report = self.told()
        if not report["done"]:
            raise AssertionError(f"{words}: not done in time: {report}")
        return report


class KeepTest(BoxTest):
    """What these checks share; crowd is the class's own."""

    crowd = None

    @classmethod
    def gather(cls, people=500, rooms=20):
        cls.crowd = Crowd(cls.box, people, rooms)
        cls.addClassCleanup(cls.crowd.close)

    def setUp(self):
        self.box.wait_active()
        self.box.systemctl("reset-failed")
        self.before = self.box.cursor()

    def faults(self):
        """How often they have been told of a fault until now."""
        return self.crowd.ask("hush")["faults"]

    def assert_all_there(self, report, faults=0):
        """Nobody left or was told more than of so many faults, and what was
        missed was told of before."""
        for name, value in {"ended": 0, "doubled": 0, "unexplained": 0,
                            "unheard": 0, "strange": [],
                            "faults": [faults] * 2}.items():
            self.assertEqual(report[name], value, (name, report))
        # One at most was being sent something at each fault.
        self.assertLessEqual(report["empty"], faults, report)

    def assert_nothing_lost(self, report):
        self.assert_all_there(report)
        self.assertEqual(report["missing"], 0, report)

    def assert_counted(self, people):
        """The daemon knows of as many as there are."""
        eventually(lambda: self.box.show("StatusText").startswith(
            f"{people} clients in "), f"STATUS has {people} clients", 10)

    def another_runs(self, pid):
        """Waits until another process serves; its number."""
        eventually(lambda: self.box.show("MainPID") not in ("0", pid),
                   "another process runs")
        self.box.wait_active()
        return self.box.main_pid()

    def manager_time(self):
        """Seconds of CPU that the service manager has used."""
        with open(f"/proc/{self.box.machine.leader}/stat",
                  encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return sum(int(field) for field in fields[11:13]) / \
            os.sysconf("SC_CLK_TCK")

    def kill_again_and_again(self, kills):
        """Each as soon as the life has been of use."""
        box, crowd = self.box, self.crowd
        faults, pauses = self.faults()[0], []
        pid, used = box.main_pid(), self.manager_time()
        crowd.ask("talk")
        for _ in range(kills):
            pauses.append(crowd.ask("carried", OF_USE + 20)["pause"])
            box.kill("KILL", pid)
            pid = self.another_runs(pid)
        used = self.manager_time() - used
        crowd.ask("carried", OF_USE)
        report = crowd.ask("hush")
        self.assert_all_there(report, faults + kills)
        print(f"{kills} kills: pauses {min(pauses[1:])} to {max(pauses)} s, "
              f"{used / kills:.3f} s of the manager's CPU each, "
              f"{report['missing']} times a line missed", flush=True)


class Keep(KeepTest):
    """The service listens by itself, as installed."""

    @classmethod
    def setUpClass(cls):
        cls.box.configure(SETTINGS)
        cls.box.systemctl("restart", UNIT)
        cls.gather()

    @classmethod
    def tearDownClass(cls):
        cls.box.configure("")
        cls.box.systemctl("restart", UNIT)

    def test_01_restart(self):
        """Nobody notices, and no line is lost."""
        box, crowd = self.box, self.crowd
        crowd.ask("talk")
        used = self.manager_time()
        for how in ("restart", "try-restart", "restart", "try-restart",
                    "reload-or-restart"):
            pid = box.main_pid()
            crowd.ask("carried", OF_USE)
            box.systemctl(how, UNIT)
            if how != "reload-or-restart":
                self.assertNotEqual(box.main_pid(), pid)
            report = crowd.ask("carried", OF_USE)
            self.assertLess(report["pause"], 5)
            print(f"{how}: a pause of {report['pause']} s", flush=True)
        print(f"{self.manager_time() - used:.2f} s of the manager's CPU")
        self.assert_nothing_lost(crowd.ask("hush"))
        self.assert_counted(crowd.people)
        self.assertEqual(box.trouble(self.before), [])

    def test_02_manager_anew(self):
        """systemd itself is replaced, and then the service."""
        box, crowd = self.box, self.crowd
        kept = box.show("NFileDescriptorStore")
        crowd.ask("talk")
        box.systemctl("daemon-reexec")
        self.assertEqual(box.show("NFileDescriptorStore"), kept)
        box.systemctl("restart", UNIT)
        crowd.ask("carried", OF_USE)
        self.assert_nothing_lost(crowd.ask("hush"))

    def test_03_package(self):
        """An upgrade, the same package again, and back."""
        box, crowd = self.box, self.crowd
        self.addCleanup(box.configure, SETTINGS)
        crowd.ask("talk")
        apt = "apt-get", "install", "--yes"
        for command in ((*apt, box.later), (*apt, "--reinstall", box.later),
                        ("dpkg", "--install", box.deb)):
            pid = box.main_pid()
            box.run(*command, stdin="\n")
            self.assertNotEqual(box.main_pid(), pid)
            crowd.ask("carried", OF_USE)
        self.assert_nothing_lost(crowd.ask("hush"))
        self.assert_counted(crowd.people)
        self.assertEqual(box.trouble(self.before), [])

    def test_04_crash(self):
        """Everybody is told once, and what is missing is missed after it."""
        box, crowd = self.box, self.crowd
        crowd.ask("talk")
        for name in ("KILL", "SEGV", "ABRT"):
            pid = box.main_pid()
            faults = crowd.ask("carried", OF_USE + 20)["faults"][1]
            box.kill(name, pid)
            self.another_runs(pid)
            report = crowd.ask("carried", OF_USE)
            self.assertEqual(report["faults"], [faults + 1] * 2)
        self.assert_all_there(crowd.ask("hush"), faults + 1)
        self.assert_counted(crowd.people)

    def test_05_thirty_kills(self):
        """And one more; systemd does not give up, nor does the daemon."""
        self.kill_again_and_again(KILLS)
        self.assert_counted(self.crowd.people)
        self.assertGreaterEqual(int(self.box.show("NRestarts")), KILLS)

    def test_06_program_that_fails(self):
        """People hang on while it is mended."""
        box, crowd = self.box, self.crowd
        before = crowd.ask("hush")
        crowd.ask("talk")
        crowd.ask("carried", OF_USE)
        box.run("mv", BANTERD, BANTERD + ".good")
        box.write(BANTERD, "#!/bin/sh\nexit 1\n")
        box.run("chmod", "755", BANTERD)
        done = box.systemctl("restart", UNIT, check=False)
        self.assertNotEqual(done.returncode, 0)
        eventually(lambda: int(box.show("NRestarts")) >= 10,
                   "systemd has tried ten times")
        box.run("mv", BANTERD + ".good", BANTERD)
        box.systemctl("restart", UNIT)
        report = crowd.ask("carried", 2 * OF_USE)
        print(f"a pause of {report['pause']} s", flush=True)
        report = crowd.ask("hush")
        self.assert_all_there(report, before["faults"][0])
        self.assertEqual(report["missing"], before["missing"])
        self.assert_counted(crowd.people)

    def test_07_wrong_configuration(self):
        """The last good one stays in force, and everything says so."""
        box, crowd = self.box, self.crowd
        self.addCleanup(box.configure, SETTINGS)
        faults = self.faults()[0]
        box.configure(SETTINGS + "server-name wrong\nhistroy 10\n")
        wrong = len((box.shipped_conf + SETTINGS).splitlines()) + 2
        pid = box.main_pid()
        before = crowd.ask("talk")
        box.systemctl("restart", UNIT)
        self.assertNotEqual(box.main_pid(), pid)
        crowd.ask("carried", OF_USE)
        self.assertEqual(box.greeting(), "* Welcome to banter on box.")
        eventually(lambda: box.show("StatusText").startswith(
            "the configuration is wrong; the last good one is in force"),
            "STATUS says so")
        priority, _ = box.wait_journal(self.before,
                                       rf"banterd\.conf:{wrong}: ")
        self.assertEqual(priority, 3)
        done = box.run("banterd", "-t", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{CONF}:{wrong}: ", done.stderr)
        # A crash does not change that, nor does a broken reload.
        pid = box.main_pid()
        box.kill("KILL", pid)
        self.another_runs(pid)
        crowd.ask("carried", OF_USE)
        self.assertEqual(box.greeting(), "* Welcome to banter on box.")
        self.assertNotEqual(
            box.systemctl("reload", UNIT, check=False).returncode, 0)
        box.configure(SETTINGS + "server-name mended\n")
        box.systemctl("reload", UNIT)
        self.assertEqual(box.greeting(), "* Welcome to banter on mended.")
        report = crowd.ask("hush")
        self.assert_all_there(report, faults + 1)
        self.assertGreater(report["carried"], before["carried"])
        self.assert_counted(crowd.people)

    def test_08_no_configuration(self):
        """Nobody is thrown out for a file that is away for a moment."""
        box, crowd = self.box, self.crowd
        faults = self.faults()[0]
        box.run("mv", CONF, CONF + ".away")
        self.addCleanup(box.run, "sh", "-c",
                        f"[ -e {CONF} ] || mv {CONF}.away {CONF}")
        box.systemctl("restart", UNIT)
        eventually(lambda: box.show("StatusText").endswith(
            f": {crowd.people} clients in 20 rooms"), "STATUS counts them")
        box.run("mv", CONF + ".away", CONF)
        box.systemctl("restart", UNIT)
        self.assert_counted(crowd.people)
        self.assert_all_there(crowd.ask("hush"), faults)

    def test_09_three_lives_of_no_use(self):
        """The next one begins without them, tells them, and is well."""
        box, crowd = self.box, self.crowd
        pid = box.main_pid()
        crowd.ask("hush")
        for _ in range(4):
            box.kill("KILL", pid)
            pid = self.another_runs(pid)
        report = crowd.ask("end")
        self.assertEqual(report["last"], [[LOST, crowd.people]])
        self.assertTrue([message for priority, message in
                         box.trouble(self.before) if priority == 3])
        self.assert_counted(0)
        with box.laptop_nc() as a, box.nc("127.0.0.1", PORT) as b:
            for somebody in (a, b):
                somebody.send("/join dev")
                somebody.expect("in #dev")
            a.send("we are back")
            b.expect("we are back")
            box.systemctl("restart", UNIT)
            b.send("so am I")
            a.expect("so am I")

    def test_10_stop(self):
        """All are told, and nothing is kept."""
        box = self.box
        self.gather(200)
        self.crowd.ask("talk")
        self.crowd.ask("carried", OF_USE)
        box.systemctl("stop", UNIT)
        self.assertEqual(self.crowd.ask("end")["last"],
                         [[GOING_DOWN, self.crowd.people]])
        self.assertEqual(box.show("NFileDescriptorStore"), "0")
        self.assertEqual(box.show("Result"), "success")
        self.assertEqual(box.trouble(self.before), [])
        box.systemctl("start", UNIT)
        self.assert_counted(0)

    def test_11_interrupt(self):
        """SIGINT from elsewhere: a true end; then it runs again, empty."""
        box = self.box
        pid = box.main_pid()
        with box.laptop_nc() as somebody:
            somebody.expect("You are")
            somebody.send("/join dev")
            somebody.expect("in #dev")
            box.kill("INT", pid)
            somebody.expect(GOING_DOWN)
            somebody.expect_end()
        pid = self.another_runs(pid)
        self.assert_counted(0)
        with box.laptop_nc() as somebody:
            somebody.send("/join dev")
            somebody.expect("in #dev (1 here")
            box.kill("TERM", pid)
            self.another_runs(pid)
            somebody.send("/who")
            somebody.expect("#dev (1)")


class KeepSocket(KeepTest):
    """systemd holds the port."""

    @classmethod
    def setUpClass(cls):
        box = cls.box
        box.configure(SETTINGS)
        box.systemctl("stop", UNIT)
        box.systemctl("enable", "--now", SOCKET)
        box.systemctl("start", UNIT)
        cls.gather(300)

    @classmethod
    def tearDownClass(cls):
        cls.box.configure("")
        cls.box.systemctl("restart", UNIT)

    def test_01_restart(self):
        box, crowd = self.box, self.crowd
        crowd.ask("talk")
        for _ in range(3):
            crowd.ask("carried", OF_USE)
            box.systemctl("restart", UNIT)
            with box.laptop_nc() as somebody:
                somebody.expect("Welcome")
        crowd.ask("carried", OF_USE)
        self.assert_nothing_lost(crowd.ask("hush"))
        self.assert_counted(crowd.people)
        self.assertEqual(box.trouble(self.before), [])

    def test_02_thirty_kills(self):
        self.kill_again_and_again(KILLS)
        self.assert_counted(self.crowd.people)
        self.assertTrue(self.box.is_active(SOCKET))

    def test_03_switched_off(self):
        """As docs/lan.md says: the file's lines count again, people stay."""
        box, crowd = self.box, self.crowd
        faults = self.faults()[0]
        box.systemctl("disable", "--now", SOCKET)
        box.systemctl("restart", UNIT)
        self.assertIn(f"0.0.0.0:{PORT}", box.run("ss", "-Hltn").stdout)
        crowd.ask("talk")
        crowd.ask("carried", OF_USE)
        self.assert_all_there(crowd.ask("hush"), faults)

    def test_04_stop(self):
        self.box.systemctl("stop", UNIT)
        self.assertEqual(self.crowd.ask("end")["last"],
                         [[GOING_DOWN, self.crowd.people]])
        self.box.systemctl("start", UNIT)


class Poweroff(BoxTest):
    """The last of all checks: the machine is shut down."""

    def test_everybody_reads_why(self):
        """And the store ends last, so that it learns when they were here."""
        box = self.box
        box.wait_active()
        eventually(lambda: box.is_active(STORE), "the store is active")
        store = box.main_pid(STORE)
        box.drop_in("[Service]\nExecStopPost=/bin/sleep 3\n")
        with box.laptop_nc() as a, box.laptop_nc("2001:db8:5531::1") as b:
            for somebody in (a, b):
                somebody.expect("in #lobby")
            box.systemctl("poweroff", "--no-block")
            began = time.monotonic()
            for somebody in (a, b):
                somebody.expect(GOING_DOWN)
                somebody.expect_end()
            print(f"told after {time.monotonic() - began:.1f} s")
        box.run("sh", "-c", f"sleep 1; kill -0 {store}")
        box.machine.wait_end()
