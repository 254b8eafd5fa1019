"""Files and directories of a test; all are gone when the program ends."""

import atexit
import os
import shutil
import tempfile

from banter.host import AS_NOBODY

SOURCE_DIR = os.environ.get("SOURCE_DIR", os.path.realpath(
    os.path.join(os.path.dirname(os.path.realpath(__file__)),
                 "..", "..", "..")))

_scratch = tempfile.mkdtemp(prefix="banterd-test-")
os.chmod(_scratch, 0o755)
atexit.register(shutil.rmtree, _scratch, ignore_errors=True)


def scratch_path(name):
    """A path for one file or socket, in a fresh directory of its own."""
    directory = private_directory()
    os.chmod(directory, 0o755)
    give_away(directory)
    return os.path.join(directory, name)


def shared_path(name):
    """A path for what all of this program's tests use."""
    return os.path.join(_scratch, name)


def private_directory():
    """A directory that only who runs the test may enter."""
    return tempfile.mkdtemp(dir=_scratch)


def write(path, text, mode=0o600, keep=False):
    """Puts a file in place at once, as an editor does; the daemon's, or kept.

    The text may be bytes.
    """
    new = path + ".new"
    with open(new, "wb") as out:
        os.fchmod(out.fileno(), mode)
        out.write(text if isinstance(text, bytes) else text.encode())
    if not keep:
        give_away(new)
    os.rename(new, path)


def written(name, text, mode=0o600):
    """The path of a new file with that text; it is the daemon's."""
    path = scratch_path(name)
    write(path, text, mode)
    return path


def read(path):
    """What a file holds; nothing while there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def give_away(path):
    """Makes it the daemon's."""
    if AS_NOBODY:
        os.chown(path, AS_NOBODY["user"], AS_NOBODY["group"])
