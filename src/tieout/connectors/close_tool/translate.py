"""The close tool's shapes to ours and back. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from tieout.model.documents import CloseTask
from tieout.model.effects import ReportReadiness
from tieout.model.events import Message
from tieout.model.facts import PeriodOpened, TaskChanged

Values = dict[str, Any]
#: Our legal entity for one of theirs.
EntityName = Callable[[str], str]


class UnreadableError(ValueError):
    """The tool told us something that we cannot read. Says what, and where it stands."""


def message_of(
    system: str, entity_here: EntityName, required_sources: tuple[str, ...], change: Mapping[str, Any]
) -> Message | None:
    """What an event of the feed states; ``None`` when it is nothing new to us. Raises :class:`UnreadableError`."""
    try:
        document, key = change["document"], f"event/{change['seq']}"
        at = datetime.fromisoformat(change["at"])
        kind = str(change["type"])
        if kind in ("period.opened", "period.reopened"):
            entity = entity_here(document["entityCode"])
            opened = PeriodOpened(entity=entity, period=document["periodName"], required_sources=required_sources)
            return Message(source=system, key=key, data=opened, entity=entity, actor=f"system:{system}", occurred_at=at)
        if kind.startswith("task."):
            task = to_task(document, entity_here)
            by = document.get("completedBy", "")
            actor = f"{system}:{by}" if by else f"system:{system}"
            return Message(
                source=system, key=key, data=TaskChanged(task=task), entity=task.entity, actor=actor, occurred_at=at
            )
    except (KeyError, TypeError, ValueError) as error:
        missing = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise UnreadableError(f"{change.get('type')} {change.get('seq')}: {missing}") from error
    return None


def to_task(document: Values, entity_here: EntityName) -> CloseTask:
    """A task of theirs. A status that we do not know is not done: a period must not look ready by a new word."""
    return CloseTask(
        task_id=document["taskId"],
        entity=entity_here(document["entityCode"]),
        period=document["periodName"],
        name=document["name"],
        done=document["status"] == "DONE",
        owner=document.get("owner", ""),
    )


def revision_of(key: str) -> str:
    """What orders the reports about a period: the revision at the end of the key, made comparable as text."""
    number = key.rpartition("/")[2]
    return number.zfill(12) if number.isascii() and number.isdigit() else ""


def from_readiness(payload: ReportReadiness, key: str) -> Values:
    """Whether the period is ready. ``asOf`` keeps a report that arrives late from replacing a newer one."""
    return {
        "reportId": key,
        "ready": payload.ready,
        "blockers": list(payload.blockers),
        "asOf": revision_of(key),
    }


def from_checkpoint(payload: ReportReadiness, key: str, patterns: Sequence[str]) -> Values:
    """Whether a checkpoint is proven: nothing that blocks the period matches its patterns."""
    standing = [blocker for blocker in payload.blockers if _matches(blocker, patterns)]
    return {
        "reportId": key,
        "verdict": "broken" if standing else "proven",
        "parameters": {"entity": payload.entity, "period": payload.period, "blockers": str(len(standing))},
        "message": "; ".join(standing),
        "asOf": revision_of(key),
    }


def _matches(blocker: str, patterns: Sequence[str]) -> bool:
    """Blockers are told as ``name: count``."""
    name = blocker.partition(":")[0]
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def says_the_same(held: Values | None, report: Values) -> bool:
    """Whether a task's evidence already says this, whenever it was reported."""
    return held is not None and all(held.get(name, "") == report[name] for name in ("verdict", "message"))
