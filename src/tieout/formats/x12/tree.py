"""A transaction set as a tree: each segment in the innermost open loop that has a place for it."""

from collections.abc import Iterable, Iterator

from tieout.formats.segments import Segment
from tieout.formats.x12.tables import Loop


class Node:
    """A segment and, where it begins a loop, what belongs to it."""

    __slots__ = ("inside", "loop", "segment")

    def __init__(self, segment: Segment, loop: Loop | None = None) -> None:
        self.segment = segment
        self.loop = loop
        self.inside: list[Node] = []

    def under(self, tag: str, *qualifiers: str) -> Iterator["Node"]:
        """What stands directly in this loop: all of a tag, or only those whose first element is one of these."""
        for node in self.inside:
            if node.segment.tag == tag and (not qualifiers or node.segment.get(1) in qualifiers):
                yield node

    def find(self, tag: str, *qualifiers: str) -> Segment | None:
        """The first of them; of several qualifiers the one named first that is there."""
        for qualifier in qualifiers or (None,):
            wanted = () if qualifier is None else (qualifier,)
            for node in self.under(tag, *wanted):
                return node.segment
        return None

    def walk(self) -> Iterator["Node"]:
        """This loop and all loops in it, in order."""
        yield self
        for node in self.inside:
            yield from node.walk()


def build(header: Segment, body: Iterable[Segment], loop: Loop) -> tuple[Node, list[Segment]]:
    """The tree, and the segments that have no place in it."""
    root = Node(header, loop)
    open_: list[Node] = [root]
    strangers: list[Segment] = []
    for segment in body:
        depth = next((at for at in range(len(open_) - 1, -1, -1) if _has_place(open_[at], segment.tag)), None)
        if depth is None:
            strangers.append(segment)
            continue
        del open_[depth + 1 :]
        parent = open_[-1]
        inner = parent.loop.loops.get(segment.tag) if parent.loop else None
        node = Node(segment, inner)
        parent.inside.append(node)
        if inner is not None:
            open_.append(node)
    return root, strangers


def _has_place(node: Node, tag: str) -> bool:
    loop = node.loop
    return loop is not None and (tag in loop.segments or tag in loop.loops)
