"""The close: a board of entities and periods, each with what must hold, whether it does, and what stands in the way."""

from datetime import datetime, timedelta
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from msgspec import Struct
from sqlalchemy import Connection

from tieout.engine.queries import close as q
from tieout.engine.queries.database import Reach
from tieout.engine.queries.find import own
from tieout.http.callers import Req, caller_of
from tieout.kernel.clock import from_micros
from tieout.kernel.money import Money
from tieout.model.standings import STANDINGS
from tieout.web import words
from tieout.web.site import Site

SHOWN = 10


class Item(Struct, frozen=True):
    """One blocking document, by the name people know it by."""

    item: str
    title: str
    amount: Money
    since: datetime


class Predicate(Struct, frozen=True, kw_only=True):
    """One thing that must hold: a light with its word, what is said about it, and the documents in the way."""

    name: str
    title: str
    light: str
    word: str
    detail: str = ""
    items: tuple[Item, ...] = ()
    more: int = 0


class Board(Struct, frozen=True, kw_only=True):
    """One period of one entity."""

    period: q.Readiness
    groups: tuple[tuple[str, tuple[Predicate, ...]], ...]

    def worst(self, group: str) -> Predicate:
        """The predicate of a group that says most about it."""
        found = next(predicates for name, predicates in self.groups if name == group)
        red = [predicate for predicate in found if predicate.light != "good"]
        return red[0] if red else Predicate(name=group, title=group, light="good", word="holds")

    def failing(self, group: str) -> int:
        """How many predicates of a group do not hold."""
        found = next(predicates for name, predicates in self.groups if name == group)
        return sum(predicate.light != "good" for predicate in found)


GROUPS = ("Sources heard of", "Documents", "Writes", "Bank", "Tie-out", "Tasks")
_GROUP_OF = {
    "unposted": "Documents",
    "unaccrued": "Documents",
    "unknown_effect": "Writes",
    "unsynced": "Writes",
    "statement_gap": "Bank",
    "unmatched_entry": "Bank",
}


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET /close and GET /close/{entity}/{period}/{standing}."""
    door = site.door

    @get("/close", include_in_schema=False)
    async def show(request: Req) -> Response[Any]:
        caller = caller_of(request)
        patience = timedelta(minutes=door.policy().signal_age_minutes_max)
        boards = await door.read(_boards, caller.person.reach, door.now(), patience)
        return site.render(request, "close.html", boards=boards, groups=GROUPS, shown=SHOWN)

    @get("/close/{entity:str}/{period:str}/{name:str}", include_in_schema=False)
    async def show_standing(
        request: Req,
        entity: FromPath[str],
        period: FromPath[str],
        name: FromPath[str],
        after: FromQuery[str] = "",
    ) -> Response[Any]:
        caller = caller_of(request)
        items, following = await door.read(_items, name, entity, period, caller.person.reach, after, 100)
        return site.render(
            request,
            "standing.html",
            items=items,
            next=following,
            entity=entity,
            period=period,
            name=name,
            title=q.title(name),
        )

    return [show, show_standing]


def _boards(sql: Connection, reach: Reach, now: datetime, patience: timedelta) -> tuple[Board, ...]:
    return tuple(_board(sql, period, reach, now, patience) for period in q.readiness(sql, reach))


def _board(sql: Connection, period: q.Readiness, reach: Reach, now: datetime, patience: timedelta) -> Board:
    groups: dict[str, list[Predicate]] = {name: [] for name in GROUPS}
    groups["Sources heard of"] = [
        _source(name, heard, now, patience, period.blockers) for name, heard in sorted(period.signals.items())
    ]
    for name, kind in STANDINGS.items():
        if kind.blocks_close:
            groups[_GROUP_OF.get(name, "Documents")].append(_standing(sql, period, name, reach))
    for name in sorted(period.blockers):
        if name.startswith("earlier."):
            groups["Documents"].append(_plain(name, period.blockers[name]))
    groups["Tie-out"] = [_tie_out(pair, held) for pair, held in sorted(period.tie_outs.items())]
    groups["Tasks"] = [_task(name, task) for name, task in sorted(period.tasks.items())]
    return Board(period=period, groups=tuple((name, tuple(groups[name])) for name in GROUPS))


def _source(name: str, heard: object, now: datetime, patience: timedelta, blockers: dict[str, int]) -> Predicate:
    moment = from_micros(heard) if isinstance(heard, int) else None
    stale = f"stale.{name}" in blockers or moment is None or now - moment > patience
    said = f"read up to {words.age(moment, now)} ago" if moment else "never heard of"
    return Predicate(
        name=f"stale.{name}",
        title=name,
        light="bad" if stale else "good",
        word="stale" if stale else "fresh",
        detail=said,
    )


def _standing(sql: Connection, period: q.Readiness, name: str, reach: Reach) -> Predicate:
    count = sum(one.count for one in period.standings if one.name == name)
    if not count:
        return Predicate(name=name, title=q.title(name), light="good", word="none")
    items, following = _items(sql, name, period.entity, period.period, reach, "", SHOWN)
    sums = ", ".join(
        f"{words.amount(one.amount)} {one.amount.currency}"
        for one in period.standings
        if one.name == name and one.amount.currency != words.NO_CURRENCY and one.amount
    )
    return Predicate(
        name=name,
        title=q.title(name),
        light="bad",
        word=f"{count:,}",
        detail=sums,
        items=items,
        more=count - len(items) if following else 0,
    )


def _items(
    sql: Connection, name: str, entity: str, period: str, reach: Reach, after: str, limit: int
) -> tuple[tuple[Item, ...], str]:
    """Blocking documents by the names people know, and where the next page begins."""
    found = q.blocking_documents(sql, name, entity, period, reach, after=after, limit=limit)
    items = []
    for one in found.items:
        hit = next(own(sql, one.item, reach), None)
        items.append(Item(one.item, hit.title if hit else one.item, one.amount, one.since))
    return tuple(items), found.next


def _plain(name: str, count: int) -> Predicate:
    return Predicate(name=name, title=words.blocker(name), light="bad", word=f"{count:,}")


def _tie_out(pair: str, held: Any) -> Predicate:
    agrees = bool(held.get("agrees"))
    left, right = held.get("left", {}), held.get("right", {})
    detail = f"{_total(left)} against {_total(right)}" if not agrees else _total(left)
    return Predicate(
        name=f"tie_out.{pair}",
        title=pair.replace("-", " ↔ "),
        light="good" if agrees else "bad",
        word="agree" if agrees else "differ",
        detail=detail,
    )


def _total(total: Any) -> str:
    currency = str(total.get("currency", "EUR")) or "EUR"
    money = Money(int(total.get("sum_minor", 0)), currency)
    return f"{total.get('count', 0):,} items, {words.amount(money)} {currency}"


def _task(name: str, task: Any) -> Predicate:
    done = bool(task.get("done"))
    return Predicate(
        name=f"task.{name}",
        title=str(task.get("name") or name),
        light="good" if done else "warn",
        word="done" if done else "not done",
    )
