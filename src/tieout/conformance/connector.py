"""What every connector must keep: inherit, say how to make one, and pytest collects on the promises of its manifest.

    class TestAcmeErp(ConnectorConformance):
        secrets = ("hunter2",)

        def make(self) -> Connector:
            return AcmeErp(sandbox_config(), transport=Recorded("acme_erp/samples"))

        def effects(self, operation: str, count: int) -> Sequence[Effect]:
            return [...]  # so many writes that the target takes, each with a key of its own

Override what your target can show: how to refuse a write (:meth:`refused`), how to make it misbehave
(:meth:`misbehaving`), how many documents it holds (:meth:`held`). What is not overridden is skipped, and says so. A
promise that the manifest does not make is not collected on.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Literal
from unittest import SkipTest

import msgspec
from structlog.testing import capture_logs

from tieout.kernel.errors import ConfigError, TransientError
from tieout.model.documents import Total
from tieout.model.effects import PAYLOADS
from tieout.model.facts import encode_fact
from tieout.ports import (
    Absent,
    Applied,
    Connector,
    Effect,
    Finding,
    Operation,
    Page,
    Refused,
    Result,
    Retry,
    Scope,
    Unknown,
)
from tieout.processes.address import address

Misbehaviour = Literal["answer lost before the work", "answer lost after the work", "unavailable", "nonsense"]
MISBEHAVIOURS: tuple[Misbehaviour, ...] = (
    "answer lost before the work",
    "answer lost after the work",
    "unavailable",
    "nonsense",
)
"""How a target may go wrong on one call. A connector answers each with a value; it raises only what the port allows."""

PAGES_MAX = 200
"""A feed that has not come to an end after so many pages does not come to an end."""


class ConnectorConformance:
    """Inherit in a test module. Each check makes a connector of its own."""

    secrets: tuple[str, ...] = ()
    """Texts that must appear in nothing the connector shows or says: passwords, tokens, keys."""

    # ── what a connector's test says ────────────────────────────────────────────────────────────────────────────

    def make(self) -> Connector:
        """A connector to a target (a sandbox, a recording, a lab server) that holds none of :meth:`effects` yet."""
        raise NotImplementedError("say how to make the connector")

    def effects(self, operation: str, count: int) -> Sequence[Effect]:
        """So many writes of one operation that the target takes, each with another key; the same on every call."""
        raise SkipTest(f"no effects are given for {operation}")

    def prepare(self, connector: Connector, effects: Sequence[Effect]) -> None:
        """Make the target ready to take these (the supplier of an invoice, the invoice of a payment)."""

    def refused(self, operation: str) -> Effect:
        """A write that the target refuses for a reason of the business."""
        raise SkipTest(f"no refused effect is given for {operation}")

    def misbehaving(self, connector: Connector, how: Misbehaviour) -> AbstractContextManager[None]:
        """While this lasts, the target goes wrong in this way on every write."""
        raise SkipTest("nothing is given to make the target misbehave")

    def held(self, connector: Connector, effect: Effect) -> int:
        """How many documents the target holds for this write, counted without the connector if that can be done."""
        raise SkipTest("nothing is given to count what the target holds")

    def wait(self, seconds: float) -> None:
        """Let a landing window pass. Move your clock; if the target is real and has none, this may sleep."""

    def totals_of(self, effects: Sequence[Effect]) -> dict[Scope, Total]:
        """What each control total should be when the target holds exactly these."""
        raise SkipTest("no expected control totals are given")

    # ── the manifest ────────────────────────────────────────────────────────────────────────────────────────────

    def test_the_manifest_promises_what_the_engine_knows(self) -> None:
        manifest = self.make().manifest
        names = [operation.name for operation in manifest.operations]
        unknown = set(names) - PAYLOADS.keys()
        assert not unknown, f"no such operations: {sorted(unknown)}; see tieout.model.effects"
        assert len(names) == len(set(names)), "an operation is promised twice"
        assert manifest.system, "the manifest names no system"
        assert manifest.title, "people see the title"
        assert manifest.system.isascii(), "the name of a system is part of keys and lanes"
        assert "/" not in manifest.system, "the name of a system is part of keys and lanes"
        for operation in manifest.operations:
            assert operation.batch_size >= 1, f"{operation.name}: a batch has at least one item"
            assert operation.landing_seconds >= 0, f"{operation.name}: a landing window cannot be negative"
            assert manifest.operation(operation.name) == operation
        assert manifest.timeout_seconds > 0, "a call without an end holds its lane for ever"
        assert manifest.calls_per_second > 0
        assert manifest.retry_seconds == tuple(sorted(manifest.retry_seconds)), "a retry ladder goes up"
        assert manifest.retry_seconds, "a retry ladder has rungs"

    def test_the_manifest_is_the_same_every_time(self) -> None:
        connector = self.make()
        assert connector.manifest == connector.manifest == self.make().manifest

    # ── apply ───────────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_write_is_applied_and_read_back(self) -> None:
        for operation in self._operations():
            connector, (effect,) = self._ready(operation, 1)
            (result,) = connector.apply([effect])
            assert isinstance(result, Applied), f"{operation.name}: {result}"
            assert result.reference, f"{operation.name}: the target's own id is the proof, and it is missing"

    def test_results_come_in_order_and_count(self) -> None:
        for operation in self._operations():
            connector, effects = self._ready(operation, min(operation.batch_size, 5))
            results = connector.apply(effects)
            assert len(results) == len(effects), f"{operation.name}: {len(results)} results for {len(effects)} effects"
            for effect, result in zip(effects, results, strict=True):
                assert isinstance(result, Applied), f"{operation.name} {effect.key}: {result}"
                if operation.lookup:
                    found = self._probe(connector, operation, effect)
                    assert found == result, f"{operation.name}: the result of {effect.key} belongs to another effect"

    def test_nothing_to_do_is_done(self) -> None:
        assert list(self.make().apply([])) == []

    def test_the_same_key_acts_once(self) -> None:
        """Where the manifest promises a native key or a unique number: the second call answers as the first."""
        for operation in self._operations():
            if not (operation.native_key or operation.unique_number):
                continue
            connector, (effect,) = self._ready(operation, 1)
            first, second = connector.apply([effect])[0], connector.apply([_again(effect)])[0]
            assert isinstance(first, Applied), first
            assert isinstance(second, Applied), f"{operation.name}: the second call said {second}"
            assert second.reference == first.reference, f"{operation.name}: two references for one key"
            self._count(connector, effect, 1)

    def test_one_bad_row_never_hides_the_good_ones(self) -> None:
        for operation, bad in self._refusals():
            if operation.batch_size < 3:
                continue
            connector, (first, last) = self._ready(operation, 2)
            results = connector.apply([first, bad, last])
            kinds = [type(result) for result in results]
            assert kinds == [Applied, Refused, Applied], f"{operation.name}: {results}"

    def test_a_refusal_says_why_and_leaves_nothing(self) -> None:
        for operation, bad in self._refusals():
            connector, _ = self._ready(operation, 1)
            (result,) = connector.apply([bad])
            assert isinstance(result, Refused), f"{operation.name}: {result}"
            assert result.problems, f"{operation.name}: a refusal without a reason helps nobody"
            self._count(connector, bad, 0)

    # ── probe ───────────────────────────────────────────────────────────────────────────────────────────────────

    def test_what_was_never_sent_is_proved_absent(self) -> None:
        for operation in self._lookups():
            connector, (effect,) = self._ready(operation, 1)
            found = connector.probe(effect)
            assert isinstance(found, Absent), f"{operation.name}: {found}"

    def test_what_was_sent_is_found_as_it_was_read_back(self) -> None:
        for operation in self._lookups():
            connector, (effect, other) = self._ready(operation, 2)
            (applied,) = connector.apply([effect])
            assert self._probe(connector, operation, effect) == applied
            assert isinstance(self._probe(connector, operation, other), Absent), "one key is found for another"

    # ── misbehaviour ────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_lost_answer_is_unknown_and_then_found(self) -> None:
        """The hardest question of this field: the work was done and nobody heard of it."""
        for operation in self._operations():
            connector, (effect,) = self._ready(operation, 1)
            with self.misbehaving(connector, "answer lost after the work"):
                (result,) = connector.apply([effect])
            assert isinstance(result, Unknown), f"{operation.name}: {result}; a time-out is not a failure"
            if operation.lookup:
                found = self._probe(connector, operation, effect)
                assert isinstance(found, Applied), f"{operation.name}: {found}"
            elif operation.native_key or operation.unique_number:
                (again,) = connector.apply([_again(effect)])
                assert isinstance(again, Applied), f"{operation.name}: {again}"
            self._count(connector, effect, 1)

    def test_a_call_that_never_arrived_is_not_taken_for_done(self) -> None:
        for operation in self._operations():
            connector, (effect,) = self._ready(operation, 1)
            with self.misbehaving(connector, "answer lost before the work"):
                result = _tried(connector, effect)
            assert isinstance(result, Unknown | Retry), f"{operation.name}: {result}"
            if operation.lookup:
                found = self._probe(connector, operation, effect)
                assert isinstance(found, Absent), f"{operation.name}: {found}"
            self._count(connector, effect, 0)

    def test_a_target_that_is_not_there_is_certain_not_to_have_it(self) -> None:
        for operation in self._operations():
            connector, (effect,) = self._ready(operation, 1)
            with self.misbehaving(connector, "unavailable"):
                result = _tried(connector, effect)
            assert isinstance(result, Retry), f"{operation.name}: {result}"
            self._count(connector, effect, 0)

    def test_apply_and_probe_never_raise_for_what_the_target_does(self) -> None:
        for operation in self._operations():
            for how in MISBEHAVIOURS:
                connector, (effect,) = self._ready(operation, 1)
                with self.misbehaving(connector, how):
                    result = _tried(connector, effect)
                    found = _probed(connector, effect) if operation.lookup else Unknown(reason="")
                assert not isinstance(result, Applied), f"{operation.name}, {how}: nobody could know that it landed"
                assert isinstance(found, Applied | Absent | Unknown), f"{operation.name}, {how}: {found}"

    # ── pull ────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_the_same_cursor_gives_the_same_page(self) -> None:
        connector = self._puller()
        first, second = connector.pull(""), connector.pull("")
        shorter = min(len(first.messages), len(second.messages))
        assert first.messages[:shorter] == second.messages[:shorter], "what was told once is told again as it was"

    def test_a_feed_comes_to_its_end(self) -> None:
        connector = self._puller()
        pages = list(_pages(connector))
        assert not connector.pull(pages[-1].cursor).messages, "the last cursor is the end of the feed"

    def test_every_message_has_a_key_of_its_own_and_an_address(self) -> None:
        seen: dict[tuple[str, str], bytes] = {}
        for page in _pages(self._puller()):
            for message in page.messages:
                body = encode_fact(message.data)
                assert message.source, "a message says where it comes from"
                assert message.key, "a message without a key would come twice"
                same = seen.setdefault((message.source, message.key), body)
                assert same == body, f"the key {message.key!r} stands for two different bodies"
                known = message.home or message.ref or address(message.data)
                assert known, f"nothing says what {message.key!r} is about"

    # ── totals ──────────────────────────────────────────────────────────────────────────────────────────────────

    def test_totals_equal_what_was_applied(self) -> None:
        for operation in self._operations():
            connector, effects = self._ready(operation, 2)
            expected = self.totals_of(effects)
            for effect in effects:
                assert isinstance(connector.apply([effect])[0], Applied)
            for scope, total in expected.items():
                told = connector.totals(scope)
                assert (told.count, told.sum_minor, told.currency) == (total.count, total.sum_minor, total.currency)
                assert total.set_hash in (0, told.set_hash), "equal sets of items have equal digests"

    # ── secrets ─────────────────────────────────────────────────────────────────────────────────────────────────

    def test_secrets_are_in_nothing_that_is_shown_or_said(self) -> None:
        if not self.secrets:
            raise SkipTest("this connector has no secrets")
        connector = self.make()
        said = [repr(connector), str(connector), repr(connector.manifest)]
        with capture_logs() as logs:
            for operation in self._operations():
                said += self._provoked(operation)
        text = " ".join([*said, repr(logs)])
        for secret in self.secrets:
            assert secret not in text, "a secret is shown; keep it out of repr, errors and logs"

    def _provoked(self, operation: Operation) -> Iterator[str]:
        for how in MISBEHAVIOURS:
            connector, (effect,) = self._ready(operation, 1)
            with self.misbehaving(connector, how):
                try:
                    yield repr(connector.apply([effect]))
                    yield repr(connector.probe(effect))
                except (ConfigError, TransientError) as error:
                    yield f"{error!r} {error.__cause__!r} {error.__context__!r}"

    # ── helpers ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _operations(self) -> Sequence[Operation]:
        """The operations for which the test gives effects."""
        found, reason = [], "this connector writes nothing"
        for operation in self.make().manifest.operations:
            try:
                self.effects(operation.name, 1)
            except SkipTest as skipped:
                reason = str(skipped)
            else:
                found.append(operation)
        if not found:
            raise SkipTest(reason)
        return found

    def _refusals(self) -> Sequence[tuple[Operation, Effect]]:
        """The operations for which the test gives a write that is refused."""
        found, reason = [], ""
        for operation in self._operations():
            try:
                found.append((operation, self.refused(operation.name)))
            except SkipTest as skipped:
                reason = str(skipped)
        if not found:
            raise SkipTest(reason)
        return found

    def _lookups(self) -> Iterator[Operation]:
        return (operation for operation in self._operations() if operation.lookup)

    def _ready(self, operation: Operation, count: int) -> tuple[Connector, Sequence[Effect]]:
        connector, effects = self.make(), self.effects(operation.name, count)
        assert len({effect.key for effect in effects}) == count == len(effects), "give each effect a key of its own"
        self.prepare(connector, effects)
        return connector, effects

    def _probe(self, connector: Connector, operation: Operation, effect: Effect) -> Finding:
        self.wait(operation.landing_seconds)
        return connector.probe(effect)

    def _count(self, connector: Connector, effect: Effect, expected: int) -> None:
        try:
            held = self.held(connector, effect)
        except SkipTest:
            return
        assert held == expected, f"the target holds {held} documents for {effect.operation} {effect.key}"

    def _puller(self) -> Connector:
        connector = self.make()
        if not connector.manifest.pulls:
            raise SkipTest("this connector pulls nothing")
        return connector


def _again(effect: Effect) -> Effect:
    return msgspec.structs.replace(effect, attempt=effect.attempt + 1)


def _tried(connector: Connector, effect: Effect) -> Result:
    """Apply, with the one error that means "nothing was sent" as the value it stands for."""
    try:
        (result,) = connector.apply([effect])
    except TransientError as error:
        return Retry(reason=str(error))
    return result


def _probed(connector: Connector, effect: Effect) -> Finding:
    try:
        return connector.probe(effect)
    except TransientError as error:
        return Unknown(reason=str(error))


def _pages(connector: Connector) -> Iterator[Page]:
    cursor = ""
    for _ in range(PAGES_MAX):
        page = connector.pull(cursor)
        yield page
        if not page.more:
            return
        assert page.cursor != cursor, "a page that is not the last moves the cursor on"
        cursor = page.cursor
    raise AssertionError(f"the feed did not end within {PAGES_MAX} pages")
