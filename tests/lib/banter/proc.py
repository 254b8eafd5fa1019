"""What the kernel says of a process."""

import os
import re


def status(pid):
    """/proc/PID/status, by name."""
    with open("/proc/%d/status" % pid, encoding="ascii",
              errors="replace") as file:
        return parse_status(file.read())


def parse_status(text):
    """The text of a /proc/PID/status, by name."""
    return dict(line.split(":\t", 1) for line in text.splitlines()
                if ":\t" in line)


def alive(pid, parent=None):
    """Whether there is such a process, of that parent."""
    try:
        said = status(pid)
    except OSError:
        return False
    return said.get("State", "Z")[0] not in "ZX" and parent in (
        None, int(said["PPid"]))


def children(pid):
    """The processes that a process has started and that have not ended."""
    return [int(entry) for entry in os.listdir("/proc")
            if entry.isdigit() and alive(int(entry), pid)]


def rests(pid):
    """Whether it waits for something, is stopped, or has ended."""
    try:
        return status(pid)["State"][0] != "R"
    except OSError:
        return True


def stopped(pid):
    """Whether a signal has stopped it."""
    return status(pid)["State"][0] == "T"


def identities(pid):
    """Every user and group that it is or may become; none once it ended."""
    said = status(pid)
    return {number for name in ("Uid", "Gid", "Groups")
            for number in said.get(name, "").split()}


def filters(pid):
    """How many system call filters it is under; None if Linux does not say
    (before 5.9) and it is under some."""
    said = status(pid)
    if "Seccomp_filters" in said:
        return int(said["Seccomp_filters"])
    return 0 if said["Seccomp"].strip() == "0" else None


def descriptors(pid):
    """How many descriptors it has open."""
    return len(os.listdir("/proc/%d/fd" % pid))


def own_memory(pid):
    """Its own memory, in bytes."""
    return int(status(pid)["RssAnon"].split()[0]) * 1024


def kernel_memory():
    """What TCP holds in the kernel, for all of the machine, in bytes."""
    with open("/proc/net/sockstat", encoding="ascii") as stat:
        pages = re.search(r"^TCP:.* mem (\d+)", stat.read(), re.M).group(1)
    return int(pages) * os.sysconf("SC_PAGESIZE")


def wakeups(pid):
    """How often it has waited for something, all its threads together."""
    sums = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, task),
                  encoding="ascii", errors="replace") as file:
            sums += int(parse_status(file.read())["voluntary_ctxt_switches"])
    return sums
