"""The close tool: periods and tasks come in; readiness and proven checkpoints go out.

All writes are PUTs that can be repeated and read back. How to set it up and what it cannot do: ``README.md``.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import structlog

from tieout.connectors.close_tool.client import CloseClient
from tieout.connectors.close_tool.config import CloseConfig, read_config
from tieout.connectors.close_tool.translate import (
    UnreadableError,
    from_checkpoint,
    from_readiness,
    message_of,
    revision_of,
    says_the_same,
)
from tieout.connectors.http import AnswerLostError, BusyError, RefusalError, Values
from tieout.engine.clock import SystemClock
from tieout.engine.secrets import read_secret
from tieout.kernel.clock import Clock
from tieout.kernel.errors import ConfigError, TransientError
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Total
from tieout.model.effects import ReportReadiness
from tieout.model.events import Message
from tieout.ports import (
    Absent,
    Applied,
    Connector,
    Documents,
    Effect,
    Finding,
    Manifest,
    Operation,
    Page,
    Refused,
    Result,
    Retry,
    Scope,
    Unknown,
)

__all__ = ["CloseConfig", "CloseTool", "connect", "manifest_of"]

LOG = structlog.get_logger("tieout.connectors.close_tool")

#: What reading a JSON body of another shape than agreed raises.
_STRANGE = (KeyError, IndexError, TypeError, AttributeError)
#: The tool's way of saying that it holds a later report.
_OVERTAKEN = "stale_report"


def manifest_of(config: CloseConfig, system: str) -> Manifest:
    """The promise. Reports about one entity go one after the other, so that the last one stays."""
    report = Operation(
        name="report_readiness",
        native_key=True,
        lookup=True,
        landing_seconds=config.landing_seconds,
        lane="entity",
    )
    return Manifest(
        system=system,
        title="Close tool",
        operations=(report,),
        pulls=True,
        totals=("open_tasks",),
        timeout_seconds=config.timeout_seconds,
    )


class CloseTool(Connector):
    """The four verbs. Threads may share it."""

    def __init__(
        self,
        config: CloseConfig,
        client_secret: str,
        documents: Documents,
        clock: Clock,
        *,
        system: str = "close",
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._config = config
        self._documents = documents
        self._clock = clock
        self._system = system
        self._manifest = manifest_of(config, system)
        self._client = CloseClient(
            config.url,
            config.client_id,
            client_secret,
            timeout_seconds=config.timeout_seconds,
            transport=transport,
        )

    @property
    def manifest(self) -> Manifest:
        """The promise."""
        return self._manifest

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    # ── pull ────────────────────────────────────────────────────────────────────────────────────────────────────

    def pull(self, cursor: str) -> Page:
        """Periods that were opened and tasks that changed after the cursor."""
        asked_at = self._clock.now()
        try:
            page = self._client.read("/changes", after=cursor or "0", limit=self._config.page_size)
            changes, after, more = page["result"], str(page["cursor"]), bool(page["more"])
        except _STRANGE as error:
            raise TransientError(f"the feed of {self._system} has an unexpected shape: {error!r}") from error
        messages = tuple(self._messages(changes))
        return Page(messages=messages, cursor=after, more=more, observed_at=None if more else asked_at)

    def _messages(self, changes: Sequence[Values]) -> Iterator[Message]:
        config = self._config
        for change in changes:
            try:
                message = message_of(self._system, config.entity_here, config.required_sources, change)
            except UnreadableError as error:
                # One bad row never hides the good ones. It is kept as it came, and a person is told where.
                mark = self._documents.keep(
                    msgspec.json.encode(change),
                    name=f"{change.get('seq')}.json",
                    media_type="application/json",
                    channel=self._system,
                )
                LOG.error("unreadable_event", system=self._system, error=str(error), kept_as=mark)
                continue
            if message is not None:
                yield message

    # ── apply ───────────────────────────────────────────────────────────────────────────────────────────────────

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        """Tell the tool, one after the other."""
        results: list[Result] = []
        for effect in effects:
            try:
                results.append(self._tell(effect))
            except ConfigError as error:
                if not results:
                    raise
                results.append(Retry(reason=str(error), after_seconds=60.0))
        return results

    def _tell(self, effect: Effect) -> Result:
        payload = effect.payload
        if not isinstance(payload, ReportReadiness):
            return _refused(f"the close tool cannot do {effect.operation}")
        try:
            # Checkpoints first: what is applied in the end is that the period itself carries this report.
            self._prove(effect.key, payload)
            held = self._client.write(f"{self._path(payload)}/readiness", from_readiness(payload, effect.key))
            return _applied(held, effect.key)
        except BusyError as error:
            return Retry(reason=str(error), after_seconds=error.after_seconds)
        except TransientError as error:
            return Retry(reason=str(error))
        except AnswerLostError as error:
            return Unknown(reason=str(error))
        except RefusalError as error:
            return Applied(reference=_OVERTAKEN) if error.code == _OVERTAKEN else _refused(str(error))
        except _STRANGE as error:
            return Unknown(reason=f"its answer has an unexpected shape: {error!r}")

    def _prove(self, key: str, payload: ReportReadiness) -> None:
        """Tell each checkpoint of the period whether it is proven, unless it has been told so already."""
        if not self._config.checkpoints:
            return
        entity = self._config.entity_there(payload.entity)
        for task in self._client.read("/tasks", entity=entity, period=payload.period)["result"]:
            patterns = self._config.checkpoints.get(task.get("checkpoint", ""))
            if patterns is None:
                continue
            report = from_checkpoint(payload, key, patterns)
            if not says_the_same(task.get("evidence"), report):
                try:
                    self._client.write(f"/tasks/{task['taskId']}/evidence", report)
                except RefusalError as error:
                    if error.code != _OVERTAKEN:
                        raise

    def _path(self, payload: ReportReadiness) -> str:
        return f"/periods/{self._config.entity_there(payload.entity)}/{payload.period}"

    # ── probe ───────────────────────────────────────────────────────────────────────────────────────────────────

    def probe(self, effect: Effect) -> Finding:
        """Does the period carry this report, or a later one?"""
        payload = effect.payload
        if not isinstance(payload, ReportReadiness):
            return Absent()
        try:
            held = self._client.read(self._path(payload)).get("readiness") or {}
            if held.get("reportId") == effect.key:
                return Applied(reference=effect.key)
            return Applied(reference=_OVERTAKEN) if held.get("asOf", "") > revision_of(effect.key) else Absent()
        except TransientError as error:
            return Unknown(reason=str(error))
        except RefusalError as error:
            return Absent() if error.code == "period_not_found" else Unknown(reason=str(error))
        except _STRANGE as error:
            return Unknown(reason=f"its answer has an unexpected shape: {error!r}")

    # ── totals ──────────────────────────────────────────────────────────────────────────────────────────────────

    def totals(self, scope: Scope) -> Total:
        """``open_tasks``: how many tasks of the period are not done. Tasks have no amount."""
        if scope.name not in self._manifest.totals:
            raise ConfigError(f"the close tool has no total {scope.name!r}; it has open_tasks")
        asked_at = self._clock.now()
        entity = self._config.entity_there(scope.entity)
        try:
            rows = self._client.read("/totals", entity=entity, period=scope.period)["result"]
            count = sum(int(row["open"]) for row in rows)
        except _STRANGE as error:
            raise TransientError(f"the totals of {self._system} have an unexpected shape: {error!r}") from error
        return Total(count=count, sum_minor=0, currency=scope.currency, as_of=asked_at)


def _refused(detail: str) -> Refused:
    return Refused(problems=(Problem(Code.EFFECT_REFUSED, detail=detail),))


def _applied(held: Values, key: str) -> Result:
    """An answer of 200 proves nothing; what it holds does."""
    report = held.get("readiness") or {}
    if report.get("reportId") != key:
        return Unknown(reason=f"it answered, but holds the report {report.get('reportId')!r} instead of {key!r}")
    return Applied(reference=key)


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> CloseTool:
    """The connector out of its table in the configuration. Raises ``ConfigError`` that says what is wrong with it."""
    config = read_config(settings)
    return CloseTool(config, read_secret(config.client_secret, folder), documents, SystemClock(), system=name)
