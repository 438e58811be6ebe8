"""From which class to which: the picture of what another policy would have done to the verdicts of the past."""

from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup
from msgspec import Struct

from tieout.engine.what_if import MOVED_TO, Sum, WhatIf
from tieout.kernel.money import Money
from tieout.web import words

#: What a verdict is called that passed by itself.
_PASSED = {"matched": "Agrees", "released": "Agrees after a wait", "valid": "Valid, without an order"}
#: So many moves are drawn, those with most documents; the table has all of them.
DRAWN_MAX = 12
#: Where a ribbon leads: the page, narrowed to the move.
Leads = Callable[..., str]
_WIDTH, _LEFT, _RIGHT, _NODE = 1000, 330, 670, 10
_HEIGHT, _LEAST, _GAP = 220, 3, 22


class Move(Struct, frozen=True):
    """The documents that stood in one place and would stand in another. A place is what a verdict passed as, or the
    classes of its cases."""

    then: str
    now: str
    sum: Sum

    @property
    def kind(self) -> str:
        """What it comes to: it would ``pass``, would be ``stop``ped, or stays stopped for ``other`` reasons."""
        if self.now in _PASSED:
            return "stay" if self.then in _PASSED else "pass"
        return "stop" if self.then in _PASSED else "other"

    @property
    def money(self) -> tuple[Money, ...]:
        """The money in it, by currency."""
        return tuple(Money(minor, currency) for currency, minor in self.sum.money.items())


def moves_of(found: WhatIf) -> tuple[Move, ...]:
    """All moves of a trial, those with most documents first."""
    moves = [Move(*_ends(name), total) for name, total in found.moves.items()]
    return tuple(sorted(moves, key=lambda move: (-move.sum.documents, move.then, move.now)))


def _ends(name: str) -> tuple[str, str]:
    then, _, now = name.partition(MOVED_TO)
    return then, now


def place(name: str) -> str:
    """A place in words."""
    return _PASSED.get(name) or " + ".join(map(words.case_title, name.split("+")))


class _Node(Struct, frozen=True):
    """A place on one side: how many documents, and where it is drawn."""

    name: str
    documents: int
    top: float
    height: float


def picture(moves: Sequence[Move], leads: Leads) -> Markup:
    """Then on the left, now on the right; a ribbon is as thick as there are documents in it, and leads to them."""
    drawn = moves[:DRAWN_MAX]
    whole = sum(move.sum.documents for move in drawn)
    if not whole:
        return Markup("")
    scale = _HEIGHT / whole
    left, right = _nodes([(m.then, m) for m in drawn], scale), _nodes([(m.now, m) for m in drawn], scale)
    height = max(node.top + node.height for node in (*left, *right)) + _GAP
    parts = [_ribbon(move, at, scale, leads) for move, at in _threaded(drawn, left, right, scale)]
    parts += [_label(node, _LEFT, "start") for node in left] + [_label(node, _RIGHT, "end") for node in right]
    return Markup('<svg class="moves" viewBox="0 0 {} {:.0f}" aria-hidden="true">{}</svg>').format(
        _WIDTH, height, Markup("").join(parts)
    )


def _nodes(named: Iterable[tuple[str, Move]], scale: float) -> list[_Node]:
    counts: dict[str, list[Move]] = {}
    for name, move in named:
        counts.setdefault(name, []).append(move)
    nodes, top = [], float(_GAP)
    for name, own in sorted(counts.items(), key=lambda one: (-sum(m.sum.documents for m in one[1]), one[0])):
        height = sum(_thickness(move, scale) for move in own)
        nodes.append(_Node(name, sum(move.sum.documents for move in own), top, height))
        top += height + _GAP
    return nodes


def _thickness(move: Move, scale: float) -> float:
    return max(move.sum.documents * scale, _LEAST)


def _threaded(
    moves: Sequence[Move], left: Sequence[_Node], right: Sequence[_Node], scale: float
) -> Iterable[tuple[Move, tuple[float, float]]]:
    """Each move with where its ribbon begins and ends, one below the other, so that few of them cross."""
    ranks = ({node.name: rank for rank, node in enumerate(left)}, {node.name: rank for rank, node in enumerate(right)})
    begins = {node.name: node.top for node in left}
    ends = {node.name: node.top for node in right}
    starts: dict[tuple[str, str], float] = {}
    for move in sorted(moves, key=lambda move: (ranks[0][move.then], ranks[1][move.now])):
        starts[move.then, move.now] = begins[move.then]
        begins[move.then] += _thickness(move, scale)
    for move in sorted(moves, key=lambda move: (ranks[1][move.now], ranks[0][move.then])):
        yield move, (starts[move.then, move.now], ends[move.now])
        ends[move.now] += _thickness(move, scale)


def _ribbon(move: Move, at: tuple[float, float], scale: float, leads: Leads) -> Markup:
    begin, end = at
    thick, x0, x1 = _thickness(move, scale), _LEFT + _NODE, _RIGHT - _NODE
    middle = (x0 + x1) / 2
    path = (
        f"M{x0},{begin:.1f} C{middle:.0f},{begin:.1f} {middle:.0f},{end:.1f} {x1},{end:.1f} V{end + thick:.1f}"
        f" C{middle:.0f},{end + thick:.1f} {middle:.0f},{begin + thick:.1f} {x0},{begin + thick:.1f} Z"
    )
    title = f"{place(move.then)} → {place(move.now)}: {move.sum.documents:,}"
    return Markup('<a href="{}" tabindex="-1"><path class="move-{}" d="{}"><title>{}</title></path></a>').format(
        leads(then=move.then, now=move.now), move.kind, path, title
    )


def _label(node: _Node, x: int, side: str) -> Markup:
    box = x if side == "start" else x - _NODE
    at, anchor = (x - 8, "end") if side == "start" else (x + 8, "start")
    return Markup(
        '<rect class="place" x="{}" y="{:.1f}" width="{}" height="{:.1f}"/>'
        '<text x="{}" y="{:.1f}" text-anchor="{}"><title>{}</title>{} <tspan>{:,}</tspan></text>'
    ).format(
        box,
        node.top,
        _NODE,
        node.height,
        at,
        node.top + node.height / 2 + 4,
        anchor,
        place(node.name),
        words.short(place(node.name), 46),
        node.documents,
    )
