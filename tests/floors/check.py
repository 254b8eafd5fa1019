#!/usr/bin/env python3
"""Checks that the sources keep to the rules of the floors: which floor may
include which, no circles, who may know libevent, messages that one grep finds.

usage: check.py [--root DIR]                        check everything
       check.py [--root DIR] --picture              print the floors as they are
       check.py [--root DIR] --check-picture PAGE   is PAGE's picture that one?
       check.py [--root DIR] --write-picture PAGE   put it there

The picture stands in PAGE between the lines <!-- floors --> and
<!-- /floors -->.  PAGE is taken as it is, not below DIR.

Exits 1 after printing what is wrong, each as FILE:LINE: what, and what was
expected.
"""

import argparse
import collections
import os
import re
import sys
import textwrap

# The floors, from the top down, and what each may include beside itself.  This
# is stricter than "down": people and rooms (chat) know of no connection.
FLOORS = {
    "store": ("system", "base"),    # a program of its own, banter-store
    "daemon": ("session", "dialect", "chat", "net", "state", "config",
               "system", "base"),
    "session": ("dialect", "chat", "net", "config", "system", "base"),
    "dialect": ("chat", "base"),
    "chat": ("config", "base"),
    "net": ("config", "system", "base"),
    "state": ("system", "base"),
    "config": ("system", "base"),
    "system": ("base",),
    "base": (),
}

# On top of all floors; may include every one of them.
MAIN = "src/main.c"

# Who may include which headers of libevent: files, or folders (with a slash).
# No header is here: they forward-declare what they point to.
LIBEVENT = {
    "src/net/conn.c": ("event2/buffer.h", "event2/bufferevent.h",
                       "event2/event.h"),
    "src/net/listener.c": ("event2/event.h",),
    "src/net/timer.c": ("event2/event.h", "event2/event-config.h"),
    "src/daemon/": ("event2/event.h",),
    "src/store/": ("event2/event.h",),
}

# The one owner of bufferevents, and the header in which it may point to one.
BUFFEREVENT = ("src/net/conn.c", "include/banterd/net/conn.h")

# Who may name struct server.
STRUCT_SERVER = ("src/daemon/", "include/banterd/daemon/", MAIN)

# Functions whose text may go on from one line to the next.
MAY_CONTINUE = ((MAIN, "usage"), ("src/store/main.c", "usage"))

# What writes to the log: which argument is the message.
LOG_CALLS = {"log_error": 0, "log_warning": 0, "log_notice": 0, "log_info": 0,
             "log_debug": 0, "log_burst": 2}

MAX_LINES = 700

SCRIPT = "tests/floors/check.py"
OPENS, CLOSES = "<!-- floors -->", "<!-- /floors -->"

# --- C, as far as needed ----------------------------------------------------

TOKEN = re.compile(r"""
    (?P<comment> /\*.*?\*/ | //[^\n]* )
  | (?P<string> (?:u8|[uUL])? "(?:\\.|[^"\\\n])*" )
  | (?P<char> '(?:\\.|[^'\\\n])*' )
  | (?P<word> [A-Za-z_]\w* )
  | (?P<number> \.?\d[\w.]* )
  | (?P<splice> \\\n )
  | (?P<newline> \n )
  | (?P<space> [ \t\r\f\v]+ )
  | (?P<other> . )
""", re.VERBOSE | re.DOTALL)

INCLUDE = re.compile(r'#[ \t]*include[ \t]*([<"])([^>"\n]*)[>"]')
DIRECTIVE = re.compile(r"#[ \t]*(\w*)")
DEFINE = re.compile(r"#[ \t]*define[ \t]+\w+(\([^)]*\))?")

# Words that may stand beside a string literal without being a macro.
KEYWORDS = {"return", "case", "else", "sizeof", "do"}

Token = collections.namedtuple("Token", "kind text line function")
Include = collections.namedtuple("Include", "bracket name line")


class Source:
    """A file: its includes; its tokens without comments and directives, one
    list for the code and one for the body of each #define."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8") as f:
            text = f.read()
        self.nlines = text.count("\n")
        self.includes = []
        self.pieces = [[]]
        self._read(text)

    def _read(self, text):
        at, line = 0, 1
        fresh = True    # nothing but space on this line so far
        piece = self.pieces[0]
        skipping = False
        depth, function = 0, None
        while at < len(text):
            if fresh and text[at] == "#":
                fresh = False
                include = INCLUDE.match(text, at)
                if include:
                    self.includes.append(Include(*include.groups(), line))
                define = DEFINE.match(text, at)
                if define:
                    piece = []
                    self.pieces.append(piece)
                skipping = not define
                found = include or define or DIRECTIVE.match(text, at)
                line += found.group().count("\n")
                at = found.end()
                continue
            token = TOKEN.match(text, at)
            kind, what = token.lastgroup, token.group()
            at = token.end()
            if kind == "newline":
                fresh, skipping, piece = True, False, self.pieces[0]
            elif kind not in ("comment", "splice", "space"):
                fresh = False
                if not skipping:
                    if piece is self.pieces[0]:
                        if what == "(" and depth == 0 and not function and \
                                piece and piece[-1].kind == "word":
                            function = piece[-1].text
                        depth += {"{": 1, "}": -1}.get(what, 0)
                        if depth == 0 and what in ";}":
                            function = None
                    piece.append(Token(kind, what, line,
                                       function if depth else None))
            line += what.count("\n")

    def runs(self, piece):
        """The string literals of a piece, each with the literals and macros
        that it is one string with."""
        run = []
        for token in piece + [None]:
            if token and (token.kind == "string" or (
                    token.kind == "word" and token.text not in KEYWORDS)):
                run.append(token)
                continue
            if any(t.kind == "string" for t in run):
                yield run
            run = []

    def log_messages(self):
        """The literals that are messages of calls that log."""
        for piece in self.pieces:
            for i, token in enumerate(piece):
                if token.text in LOG_CALLS and i + 1 < len(piece) and \
                        piece[i + 1].text == "(":
                    yield from self.runs(argument(
                        piece, i + 2, LOG_CALLS[token.text]))


def argument(piece, start, wanted):
    """The tokens of one argument of a call, whose first begins at start."""
    depth, n, tokens = 0, 0, []
    for token in piece[start:]:
        if token.text in ("(", "[", "{"):
            depth += 1
        elif token.text in (")", "]", "}"):
            depth -= 1
            if depth < 0:
                break
        elif token.text == "," and depth == 0:
            n += 1
            continue
        if n == wanted:
            tokens.append(token)
    return tokens


def spelled(run):
    return " ".join(t.text for t in run)


def has_words(run):
    """Whether a message says something beside what is filled in."""
    text = "".join(t.text[1:-1] for t in run if t.kind == "string")
    text = re.sub(r"%[-+ #0-9.*]*(?:hh|h|ll|l|z|j|t)?[a-zA-Z%]|\\.", "", text)
    return re.search(r"[^\W\d_]", text) is not None


# --- the tree ----------------------------------------------------------------

def within(path, places):
    return any(path.startswith(place) if place.endswith("/") else path == place
               for place in places)


def place_of(path):
    """(floor, name) of a file that is where files belong, or None."""
    match = re.fullmatch(
        r"(?:src|include/banterd)/(\w+)/([\w-]+)\.[ch]", path)
    if not match or path.endswith(".h") != path.startswith("include/"):
        return None
    return match.groups()


class Tree:
    def __init__(self, root):
        self.root = root
        self.wrong = []
        self.sources = []
        for top in ("src", "include"):
            for folder, _, names in os.walk(os.path.join(root, top)):
                for name in names:
                    if name.endswith((".c", ".h")) and name[0] != ".":
                        path = os.path.relpath(
                            os.path.join(folder, name), root)
                        self.sources.append(
                            Source(root, path.replace(os.sep, "/")))
        self.sources.sort(key=lambda s: s.path)
        self.paths = {s.path for s in self.sources}
        # unit -> {unit it includes: (file, line)}; main.c is the unit "main.c".
        self.uses = {}
        for source in self.sources:
            unit = self.unit(source.path)
            if not unit:
                continue
            uses = self.uses.setdefault(unit, {})
            for include in source.includes:
                other = place_of("include/" + include.name)
                if other and other != unit:
                    uses.setdefault(other, (source.path, include.line))

    @staticmethod
    def unit(path):
        return ("main.c", "main.c") if path == MAIN else place_of(path)

    def say(self, path, line, what):
        self.wrong.append((path, line, what))

    def check(self):
        if MAIN not in self.paths:
            self.say(MAIN, 1, "there is no such file; expected the sources "
                     "below %s" % self.root)
        for source in self.sources:
            self.check_place(source)
            self.check_includes(source)
            self.check_names(source)
            self.check_messages(source)
            if source.nlines > MAX_LINES:
                self.say(source.path, MAX_LINES + 1,
                         "the file has %d lines; expected at most %d" %
                         (source.nlines, MAX_LINES))
        self.check_repeated()
        self.check_circles()
        self.wrong.sort()

    # Where files are, and what they include.

    def check_place(self, source):
        if source.path == MAIN:
            return
        place = place_of(source.path)
        if not place:
            self.say(source.path, 1, "is on no floor; expected %s, "
                     "src/FLOOR/X.c or include/banterd/FLOOR/X.h" % MAIN)
        elif place[0] not in FLOORS:
            self.say(source.path, 1, "there is no floor %s; expected one of %s "
                     "(a new one: add it to FLOORS in %s)" %
                     (place[0], ", ".join(FLOORS), SCRIPT))

    def check_includes(self, source):
        for include in source.includes:
            if re.match(r"event2/|ev(ent|util|http|dns|rpc)\.h$", include.name):
                self.check_libevent(source, include)
            elif include.bracket == '"' or include.name.startswith("banterd/"):
                self.check_floor(source, include)

    def check_libevent(self, source, include):
        for place, allowed in LIBEVENT.items():
            if within(source.path, (place,)) and include.name in allowed:
                return
        allowed = [p for p, names in LIBEVENT.items() if include.name in names]
        self.say(source.path, include.line, "<%s> may not be included here; "
                 "expected only in %s" %
                 (include.name, ", ".join(allowed) or "no file"))

    def check_floor(self, source, include):
        place = place_of("include/" + include.name)
        if not place or include.bracket != '"':
            self.say(source.path, include.line, 'included as %s; expected '
                     '"banterd/FLOOR/X.h"' % include.name)
            return
        floor = place[0]
        if floor not in FLOORS:
            self.say(source.path, include.line, "there is no floor %s (in %s); "
                     "expected one of %s (a new one: add it to FLOORS in %s)" %
                     (floor, include.name, ", ".join(FLOORS), SCRIPT))
            return
        if "include/" + include.name not in self.paths:
            self.say(source.path, include.line, "there is no include/%s; "
                     "expected a header that is there" % include.name)
        unit = self.unit(source.path)
        here = unit[0] if unit else None
        if here in FLOORS and floor != here and floor not in FLOORS[here]:
            self.say(source.path, include.line, "%s includes %s, of the floor "
                     "%s; expected only %s" %
                     (here, include.name, floor,
                      ", ".join((here,) + FLOORS[here])))

    # Who names what.

    def check_names(self, source):
        for piece in source.pieces:
            for i, token in enumerate(piece):
                if token.kind != "word":
                    continue
                after_struct = i > 0 and piece[i - 1].text == "struct"
                if token.text == "server" and after_struct and \
                        not within(source.path, STRUCT_SERVER):
                    self.say(source.path, token.line, "names struct server; "
                             "expected only in %s" % ", ".join(STRUCT_SERVER))
                if token.text.startswith("bufferevent") and \
                        not within(source.path, BUFFEREVENT):
                    declared = source.path.endswith(".h") and after_struct \
                        and piece[i + 1:i + 2] and piece[i + 1].text == ";"
                    if not declared:
                        self.say(source.path, token.line,
                                 "uses %s; expected only in %s" %
                                 (token.text, BUFFEREVENT[0]))

    # Messages.

    def check_messages(self, source):
        for piece in source.pieces:
            for run in source.runs(piece):
                for one, other in zip(run, run[1:]):
                    if one.line == other.line or \
                            one.text.startswith("PRI") or \
                            other.text.startswith("PRI") or \
                            (source.path, one.function) in MAY_CONTINUE:
                        continue
                    if "string" not in (one.kind, other.kind):
                        continue
                    self.say(source.path, other.line, "goes on with the string "
                             "of line %d; expected all of it on one line" %
                             one.line)
                    break

    def check_repeated(self):
        said, logged = {}, {}
        for source in self.sources:
            for piece in source.pieces:
                for run in source.runs(piece):
                    first = next(t for t in run if t.kind == "string")
                    if re.match(r'"[!*] ', first.text):
                        self.note(said, source, run)
            for run in source.log_messages():
                self.note(logged, source, run)

    def note(self, known, source, run):
        if not has_words(run):
            return
        here = "%s:%d" % (source.path, run[0].line)
        first = known.setdefault(spelled(run), here)
        if first != here:
            self.say(source.path, run[0].line, "%s stands at %s, too; expected "
                     "one definition for both" % (spelled(run), first))

    # Circles.

    def check_circles(self):
        for floor in sorted({unit[0] for unit in self.uses}):
            inside = {
                unit: {u: at for u, at in uses.items() if u[0] == floor}
                for unit, uses in self.uses.items() if unit[0] == floor}
            for group in strong_groups(inside):
                self.say_circle("a circle in %s" % floor,
                                shortest_circle(inside, group))
        for group in strong_groups(self.uses):
            if len({unit[0] for unit in group}) > 1:
                self.say_circle("a circle through floors", shortest_circle(
                    self.uses, group, lambda a, b: a[0] != b[0]))

    def say_circle(self, what, circle):
        steps = list(zip(circle, circle[1:]))
        path, line = self.uses[steps[0][0]][steps[0][1]]
        text = "/".join(circle[0]) + "".join(
            " -> %s (%s:%d)" % ("/".join(b), *self.uses[a][b])
            for a, b in steps)
        self.say(path, line, "%s: %s; expected none" % (what, text))

    # The picture.

    def picture(self):
        """The floors as they are: the units of each, and the floors that these
        include."""
        out = ["```"]
        width = max(len(name) for name in list(FLOORS) + ["main.c"])
        names = collections.defaultdict(set)
        below = collections.defaultdict(set)
        for unit, uses in self.uses.items():
            floor, name = unit
            compiled = "src/%s/%s.c" % (floor, name) in self.paths
            names[floor].add(name if compiled else name + ".h")
            below[floor] |= {u[0] for u in uses if u[0] != floor}
        for floor in ["main.c"] + [f for f in FLOORS if names[f]]:
            heads = [floor.ljust(width)]
            lines = [] if floor == "main.c" else wrap(sorted(names[floor]))
            uses = [f for f in FLOORS if f in below[floor]]
            lines += ["▼ " + "  ".join(uses)] if uses else []
            for i, text in enumerate(lines or [""]):
                head = heads[i] if i == 0 else " " * width
                out.append(("%s │ %s" % (head, text)).rstrip())
            out.append("─" * (width + 1) + "┼" + "─" * 60)
        out[-1] = "```"
        return "\n".join(out) + "\n"


def wrap(words):
    return textwrap.wrap("  ".join(words), 60, break_long_words=False,
                         break_on_hyphens=False)


def strong_groups(graph):
    """The sets of more than one node of which each reaches each (Tarjan)."""
    index, low, stack, groups = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = set(stack[stack.index(node):])
            del stack[stack.index(node):]
            if len(group) > 1:
                groups.append(group)

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return groups


def shortest_circle(graph, group, counts=lambda a, b: True):
    """The shortest way round in a group, over an edge that counts: its nodes,
    the first one again at the end."""
    best = None
    for start in sorted(group):
        for second in sorted(graph[start]):
            if second not in group or not counts(start, second):
                continue
            came = {second: None}
            queue = collections.deque([second])
            while queue and start not in came:
                node = queue.popleft()
                for other in sorted(graph.get(node, ())):
                    if other in group and other not in came:
                        came[other] = node
                        queue.append(other)
            way, node = [], start
            while node is not None:
                way.append(node)
                node = came[node]
            circle = [start] + way[::-1]
            if best is None or len(circle) < len(best):
                best = circle
    return best


# --- the page that holds the picture -----------------------------------------

def between_markers(page):
    """The page's text, and where its picture begins and ends."""
    with open(page, encoding="utf-8") as f:
        text = f.read()
    begin = text.find(OPENS + "\n")
    end = text.find(CLOSES, begin)
    if begin == -1 or end == -1:
        sys.exit("%s:1: has no picture of the floors; expected the lines %s "
                 "and %s" % (page, OPENS, CLOSES))
    return text, begin + len(OPENS) + 1, end


def check_picture(tree, page):
    text, begin, end = between_markers(page)
    here, there = text[begin:end].splitlines(), tree.picture().splitlines()
    if here == there:
        print("%s: the picture is what the includes say" % page)
        return 0
    n = 0
    while n < min(len(here), len(there)) and here[n] == there[n]:
        n += 1
    print("%s:%d: the picture says '%s'; expected '%s' (%s --write-picture %s)"
          % (page, text[:begin].count("\n") + 1 + n,
             here[n] if n < len(here) else "",
             there[n] if n < len(there) else "", SCRIPT, page))
    return 1


def write_picture(tree, page):
    text, begin, end = between_markers(page)
    with open(page, "w", encoding="utf-8") as f:
        f.write(text[:begin] + tree.picture() + text[end:])
    return 0


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0])
    parser.add_argument("--root", metavar="DIR",
                        default=os.path.dirname(os.path.dirname(here)))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--picture", action="store_true")
    what.add_argument("--check-picture", metavar="PAGE")
    what.add_argument("--write-picture", metavar="PAGE")
    options = parser.parse_args()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    tree = Tree(options.root)
    if options.picture:
        sys.stdout.write(tree.picture())
        return 0
    if options.check_picture:
        return check_picture(tree, options.check_picture)
    if options.write_picture:
        return write_picture(tree, options.write_picture)
    tree.check()
    for path, line, text in tree.wrong:
        print("%s:%d: %s" % (path, line, text))
    if tree.wrong:
        return 1
    print("%d files, %d units: the floors are kept" %
          (len(tree.sources), len(tree.uses)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
