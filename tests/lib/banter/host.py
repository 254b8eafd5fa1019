"""What this machine allows; a test that needs more says so and is skipped.

Started as root, tests run daemons as nobody from the first, as nobody else
could be told from root. Where root may not do that (a container without the
capabilities) no test can run: missing() says why.
"""

import os
import pwd
import resource
import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path


def _nobody():
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid,
            "extra_groups": []}


AS_NOBODY = _nobody()		# how to start the daemon, if we are root


def missing():
    """Why no daemon can be tested here, or None."""
    if not AS_NOBODY:
        return None
    with tempfile.NamedTemporaryFile() as file:
        try:
            os.chown(file.name, AS_NOBODY["user"], AS_NOBODY["group"])
            subprocess.run(["true"], check=True, **AS_NOBODY)
        except (OSError, subprocess.SubprocessError) as error:
            return "root may not become another user here (%s)" % error
    return None


def _has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _has_networks():
    return os.geteuid() == 0 and bool(shutil.which("ip")) and subprocess.run(
        ["unshare", "--net", "ip", "link", "set", "lo", "up"],
        stderr=subprocess.DEVNULL, check=False).returncode == 0


class MemoryGroup:
    """A cgroup whose processes the kernel ends when they have too much memory
    (cgroups(7); version 1 or 2)."""

    PARENTS = (("/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                "memory.oom_control"),
               ("/sys/fs/cgroup", "memory.max", "memory.events"))

    def __init__(self):
        self.path = None
        for parent, limit, events in self.PARENTS:
            path = Path(parent, "banter-test-%d" % os.getpid())
            try:
                path.mkdir()
            except OSError:
                continue
            if (path / limit).exists():
                self.path, self.limit, self.events = path, limit, events
                return
            path.rmdir()

    def add(self, pid, most):
        """From now on that process may get so many bytes more."""
        (self.path / self.limit).write_text(str(most))
        (self.path / "cgroup.procs").write_text(str(pid))

    def kills(self):
        """How many the kernel has ended."""
        fields = (self.path / self.events).read_text().split()
        return int(fields[fields.index("oom_kill") + 1])

    def remove(self):
        """Of one that nobody is in any more."""
        if self.path:
            self.path.rmdir()


HAS_IPV6 = _has_ipv6()


def needs_root(test):
    """Marks a test or a case that only root can run."""
    return unittest.skipUnless(os.geteuid() == 0, "not root")(test)


def needs_ipv6(test):
    """Marks a test or a case that listens on ::1."""
    return unittest.skipUnless(HAS_IPV6, "no IPv6 here")(test)


def needs_network(test):
    """Marks a test or a case that makes a network of its own."""
    return unittest.skipUnless(
        _has_networks(), "no network of its own can be made (it needs root, "
        "ip, and leave to make namespaces)")(test)


def raise_nofile(wanted):
    """Raises the limit of open files as far as allowed; says what it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE,
                               (wanted, max(wanted, hard)))
        except (ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
