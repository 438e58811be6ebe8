"""A message as the tree of its segment groups, by the tables of ``groups.toml``.

Each segment goes to the innermost open group that has a place for it. The order *within* a group is not insisted on,
since senders do not keep it; which group a segment belongs to is never guessed.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from tomllib import loads

from msgspec import Struct

from tieout.formats.segments import Segment

_LINE = re.compile(r"( *)([A-Z]{3}):(.*)")
_MEMBER = re.compile(r"([A-Z]{3})(?:\(([^)]*)\))?")
#: The segment that parts the summary of a message from its lines (``UNS+S``), and what opens the lines (``UNS+D``).
SECTION, DETAIL = "UNS", "D"
#: Segments that a message has once, at its very beginning.
_ONCE = frozenset(("BGM", "UCI"))


class Group(Struct, frozen=True):
    """What may stand in a segment group: segments (with the qualifiers they must have) and groups inside it."""

    tag: str
    members: dict[str, frozenset[str]]
    groups: dict[str, "Group"]


class Node:
    """A segment group of one message: the segment that opened it, the other segments, and the groups inside."""

    __slots__ = ("groups", "rule", "segment", "segments")

    def __init__(self, rule: Group, segment: Segment) -> None:
        self.rule = rule
        self.segment = segment
        self.segments: list[Segment] = []
        self.groups: list[Node] = []

    def every(self, tag: str, *qualifiers: str) -> Iterator[Segment]:
        """The segments of the group itself, in order; with one of these qualifiers if any is given."""
        return (found for found in self.segments if found.tag == tag and _has(found, qualifiers))

    def first(self, tag: str, *qualifiers: str) -> Segment | None:
        """The first one of :meth:`every`, the qualifiers given being tried in their order."""
        if not qualifiers:
            return next(self.every(tag), None)
        return next((found for one in qualifiers for found in self.every(tag, one)), None)

    def under(self, tag: str, *qualifiers: str) -> Iterator["Node"]:
        """The groups inside that are opened by such a segment."""
        return (node for node in self.groups if node.segment.tag == tag and _has(node.segment, qualifiers))

    def one(self, tag: str, *qualifiers: str) -> "Node | None":
        """The first one of :meth:`under`, the qualifiers given being tried in their order."""
        if not qualifiers:
            return next(self.under(tag), None)
        return next((node for one in qualifiers for node in self.under(tag, one)), None)

    def walk(self, tag: str) -> Iterator["Node"]:
        """All groups of this kind at any depth, in the order of the message."""
        for node in self.groups:
            if node.segment.tag == tag:
                yield node
            yield from node.walk(tag)


def qualifier(segment: Segment) -> str:
    """The first component of the first element, which says what a segment is about."""
    first = segment.parts(1)
    return first[0] if first else ""


def _has(segment: Segment, qualifiers: tuple[str, ...]) -> bool:
    return not qualifiers or qualifier(segment) in qualifiers


def build(rule: Group, segments: list[Segment]) -> tuple[Node, list[Segment]]:
    """The tree of a message (from ``UNH`` on, without ``UNT``), and the segments that have no place in it."""
    root = Node(rule, segments[0])
    path, strays = [root], []
    for segment in segments[1:]:
        if segment.tag == SECTION and qualifier(segment) == DETAIL:
            continue
        if not _place(path, segment):
            strays.append(segment)
    return root, strays


def _place(path: list[Node], segment: Segment) -> bool:
    """Put a segment where it belongs and leave ``path`` at that group. The summary is never left again."""
    tag = segment.tag
    for depth in range(len(path) - 1, -1, -1):
        node = path[depth]
        wanted = node.rule.members.get(tag)
        if wanted is not None and (not wanted or qualifier(segment) in wanted):
            if tag in _ONCE and node.first(tag):
                return False
            del path[depth + 1 :]
            node.segments.append(segment)
            return True
        if rule := node.rule.groups.get(tag):
            del path[depth + 1 :]
            opened = Node(rule, segment)
            node.groups.append(opened)
            path.append(opened)
            return True
        if node.rule.tag == SECTION:
            return False
    return False


@cache
def rules() -> dict[str, Group]:
    """The group tables by type of message."""
    tables = loads((files("tieout.formats.edifact") / "groups.toml").read_text("utf-8"))
    return {
        name: _parsed(table["groups"]) for first, table in tables.items() for name in (first, *table.get("also", ()))
    }


def _parsed(text: str) -> Group:
    """One table out of its indented lines."""
    path: list[Group] = []
    for line in text.strip().splitlines():
        match = _LINE.fullmatch(line)
        assert match, f"not a line of a group table: {line!r}"
        depth = len(match[1]) // 2
        members = {tag: frozenset(qualifiers.split()) for tag, qualifiers in _MEMBER.findall(match[3])}
        group = Group(match[2], members, {})
        del path[depth:]
        if path:
            path[-1].groups[group.tag] = group
        path.append(group)
    return path[0]
