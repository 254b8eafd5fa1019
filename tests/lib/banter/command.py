"""The daemon's command line: what starts it, and running it to its end."""

import os
import re
import shlex
import shutil
import subprocess
import sys

from banter import files, process, wait
from banter.host import AS_NOBODY

SANITIZER = re.compile(
    r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:"
    r"|definitely lost: [1-9]|Invalid (read|write) of size")


def check_sanitizer(lines):
    """Fails if one of the lines is a sanitizer's or valgrind's."""
    for number, line in enumerate(lines):
        if SANITIZER.search(line):
            raise AssertionError("a sanitizer speaks:\n"
                                 + "\n".join(lines[number:number + 60]))


def banterd_command():
    """The words that start the daemon, from BANTERD.

    Started as root it would give that up. The tests run it as nobody from
    the first, so that it may read its files again; nobody has a copy of it,
    as the build directory may be closed to others.
    """
    command = shlex.split(os.environ.get("BANTERD", ""))
    if not command:
        sys.exit("set BANTERD to the daemon to test")
    if AS_NOBODY:
        copy = files.shared_path("banterd")
        if not os.path.exists(copy):
            shutil.copy(command[-1], copy)
            os.chmod(copy, 0o755)
        command[-1] = copy
    return command


def clean_environment(more=None):
    """Nothing of the caller's session changes what the daemon does; more is
    added, or with None taken away."""
    env = {k: v for k, v in os.environ.items()
           if k in ("PATH", "HOME", "LANG", "LLVM_PROFILE_FILE",
                    "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS",
                    "ASAN_SYMBOLIZER_PATH")}
    env["TZ"] = "UTC"
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    env.update(more or {})
    return {k: v for k, v in env.items() if v is not None}


def no_leaks_where_forbidden():
    """Does without the search for leaks, aloud, where ptrace(2) is forbidden:
    there the sanitizer would end every daemon with an error."""
    done = subprocess.run(
        banterd_command() + ["-V"], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=clean_environment(), check=False, **AS_NOBODY)
    if b"LeakSanitizer has encountered a fatal error" in done.stderr:
        print("SKIPPED: the search for leaks (ptrace is forbidden here)",
              file=sys.stderr, flush=True)
        os.environ["ASAN_OPTIONS"] = ":".join(
            filter(None, [os.environ.get("ASAN_OPTIONS"), "detect_leaks=0"]))


def run_banterd(*args, env=None, run_as=None):
    """Runs the daemon to its end; its exit status, stdout and stderr."""
    done = subprocess.run(
        banterd_command() + list(args), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=wait.DEADLINE,
        env=clean_environment(env), preexec_fn=process.die_with_parent,
        check=False, **(run_as or AS_NOBODY))
    out = done.stdout.decode("utf-8", "replace")
    err = done.stderr.decode("utf-8", "replace")
    check_sanitizer(err.splitlines())
    if done.returncode not in (0, 1, 2):
        raise AssertionError("exit status %d\n%s" % (done.returncode, err))
    return done.returncode, out, err
