"""A booted machine (systemd-nspawn) and a LAN with one other host on it.

Everything lives in network namespaces of its own: nothing that happens here
is on the host's network.
"""

import os
import shutil
import subprocess
from unittest import SkipTest

from banter import wait
from banter.process import end, forget, start
from banter.wait import eventually

BOX4, LAPTOP4 = "192.0.2.1", "192.0.2.2"
BOX6, LAPTOP6 = "2001:db8:5531::1", "2001:db8:5531::2"
wait.DEADLINE = max(wait.DEADLINE, 30)	# a machine takes its time


def ip(*args):
    subprocess.run(["ip", *args], check=True, stdin=subprocess.DEVNULL)


class Lan:
    """Two hosts and a cable: the box that is booted, and a laptop."""

    def __init__(self):
        if shutil.which("ip") is None:
            raise SkipTest("ip (iproute2) is not installed")
        self.box = f"banterd-box-{os.getpid()}"
        self.laptop = f"banterd-laptop-{os.getpid()}"
        self.made = []
        try:
            for name in (self.box, self.laptop):
                ip("netns", "add", name)
                self.made.append(name)
            ip("-n", self.box, "link", "add", "lan0", "type", "veth", "peer",
               "name", "lan0", "netns", self.laptop)
            self.connect(self.box, BOX4, BOX6)
            self.connect(self.laptop, LAPTOP4, LAPTOP6)
        except subprocess.CalledProcessError as error:
            self.close()
            raise SkipTest("networks cannot be made here "
                           f"({error})") from error

    @staticmethod
    def connect(name, v4, v6):
        """Gives a host its addresses on the LAN."""
        ip("-n", name, "addr", "add", v4 + "/24", "dev", "lan0")
        ip("-n", name, "addr", "add", v6 + "/64", "dev", "lan0", "nodad")
        ip("-n", name, "link", "set", "lan0", "up")
        ip("-n", name, "link", "set", "lo", "up")

    def box_path(self):
        return "/run/netns/" + self.box

    def on_laptop(self, *command):
        """The command line that runs command on the other host."""
        return ["ip", "netns", "exec", self.laptop, *command]

    def close(self):
        for name in self.made:
            subprocess.run(["ip", "netns", "del", name], check=False)
        self.made = []


class Cgroup:
    """A control group for the machine, where no systemd makes one for it."""

    def __init__(self):
        self.path = None
        if os.path.isdir("/run/systemd/system"):
            return
        top = "/sys/fs/cgroup"
        if os.path.isdir(top + "/unified"):
            top += "/unified"
        with open("/proc/self/cgroup", encoding="ascii") as f:
            own = [line.strip()[3:] for line in f if line.startswith("0::")]
        if not own or not os.path.exists(top + own[0] + "/cgroup.procs"):
            raise SkipTest("there is no cgroup2 file system")
        self.path = f"{top}{own[0].rstrip('/')}/banterd-test-{os.getpid()}"
        try:
            os.mkdir(self.path)
        except OSError as error:
            raise SkipTest(f"no control group can be made ({error})") \
                from error

    def enter(self):
        """Called in the child, before it becomes the machine."""
        if self.path is not None:
            with open(self.path + "/cgroup.procs", "w",
                      encoding="ascii") as f:
                f.write("0")

    def close(self):
        if self.path is None:
            return
        for directory, _, _ in os.walk(self.path, topdown=False):
            eventually(lambda d=directory: self.remove(d),
                       f"{directory} is empty")

    @staticmethod
    def remove(directory):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True


class Machine:
    """The root, booted: changes go to memory, and are gone when it stops."""

    def __init__(self, root, lan, packages, log_path):
        if shutil.which("systemd-nspawn") is None:
            raise SkipTest("systemd-nspawn (systemd-container) is not "
                           "installed")
        self.root, self.lan = root, lan
        self.cgroup = Cgroup()
        self.nspawn = None
        self.leader = None
        self.command = ["systemd-nspawn", "--quiet",
                        f"--machine=banterd-test-{os.getpid()}",
                        "--directory=" + root, "--volatile=overlay",
                        "--register=no", "--console=pipe",
                        "--bind-ro=" + packages + ":/packages",
                        "--network-namespace-path=" + lan.box_path()]
        if self.cgroup.path is not None:
            self.command.append("--keep-unit")
        self.environment = dict(os.environ, LC_ALL="C.UTF-8",
                                SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1")
        self.log_path = log_path

    def start(self):
        self.probe()
        with open(self.log_path, "wb") as log:
            self.nspawn = start(
                self.command + ["--boot"], self.cgroup.enter,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment)
        self.leader = eventually(self.find_leader,
                                 "the machine's first process runs")
        eventually(self.is_up, "the machine has booted", 120)

    def probe(self):
        """Whether any program runs in such a machine at all."""
        done = subprocess.run(
            self.command + ["/bin/true"], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, env=self.environment,
            preexec_fn=self.cgroup.enter, check=False)
        if done.returncode != 0:
            raise SkipTest("systemd-nspawn cannot run a program here: " +
                           " ".join((done.stdout + done.stderr).split()))

    def find_leader(self):
        """The child of nspawn that is process 1 of a namespace of its own."""
        if self.nspawn.poll() is not None:
            with open(self.log_path, encoding="utf-8",
                      errors="replace") as log:
                raise AssertionError("systemd-nspawn ended: " + log.read())
        path = f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children"
        with open(path, encoding="ascii") as f:
            for pid in f.read().split():
                numbers = self.numbers_of(pid)
                if len(numbers) > 1 and numbers[-1] == "1":
                    return pid
        return None

    @staticmethod
    def numbers_of(pid):
        """Its number in each of its namespaces; none if it has ended: nspawn
        has other children, for a moment."""
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as status:
                return next((line.split()[1:] for line in status
                             if line.startswith("NSpid:")), [])
        except (FileNotFoundError, ProcessLookupError):
            return []

    def is_up(self):
        state = self.run("systemctl", "is-system-running", check=False)
        return state.stdout.strip() in ("running", "degraded")

    def inside(self, *command):
        """The command line that runs command in the machine, as root."""
        return ["nsenter", "--target", self.leader, "--mount", "--uts",
                "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd",
                "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", *command]

    def run(self, *command, check=True, stdin=None, timeout=180):
        done = subprocess.run(
            self.inside(*command), capture_output=True, text=True,
            timeout=timeout, check=False,
            **({"input": stdin} if stdin is not None
               else {"stdin": subprocess.DEVNULL}))
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} failed with status "
                                 f"{done.returncode}:\n{done.stdout}"
                                 f"{done.stderr}")
        return done

    def read(self, path):
        return self.run("cat", path).stdout

    def write(self, path, text):
        self.run("sh", "-c", 'mkdir -p "${1%/*}" && cat >"$1"', "sh", path,
                 stdin=text)

    def wait_end(self):
        """It has been told to shut down."""
        self.nspawn.wait(wait.DEADLINE)

    def close(self):
        if self.nspawn is not None:
            end(self.nspawn, wait.DEADLINE)
            forget(self.nspawn)
        self.cgroup.close()
