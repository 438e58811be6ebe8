"""The people who work with tieout, through its API and with keys of their own."""

from datetime import date
from typing import Any

import httpx2

from tieout.model.documents import BankAccount


class Refused(Exception):
    """tieout said no, and why."""


class Person:
    """One person's hands."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)

    def get(self, path: str, **params: Any) -> Any:
        """Read something."""
        return _answer(self._client.get(path, params=params))

    def tell(self, type_name: str, event_id: str, data: dict[str, Any]) -> Any:
        """Tell one fact as a CloudEvent."""
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": "rehearsal",
            "type": f"org.tieout.{type_name}.v1",
            "data": data,
        }
        return _answer(self._client.post("/v1/events", json=event))

    def hand_in(self, body: bytes, name: str, channel: str) -> Any:
        """Hand in a document. One that is quarantined is an answer, not an error."""
        response = self._client.post(
            "/v1/documents",
            content=body,
            params={"name": name, "channel": channel},
            headers={"Content-Type": "application/xml"},
        )
        return response.json() if response.status_code == 422 else _answer(response)

    def act(self, case_id: str, action: str, **given: str) -> Any:
        """Do something with a case."""
        return _answer(self._client.post(f"/v1/cases/{case_id}/actions", json={"action": action, **given}))

    def propose_run(self, entity: str, due_until: date, execute_on: date) -> Any:
        """Propose to pay what is due."""
        body = {"entity": entity, "due_until": due_until.isoformat(), "execute_on": execute_on.isoformat()}
        return _answer(self._client.post("/v1/payment-runs", json=body))

    def release_run(self, run_id: str) -> Any:
        """Release a run. Raises :class:`Refused` where duties forbid it."""
        return _answer(self._client.post(f"/v1/payment-runs/{run_id}/release", json={}))

    def request_bank_change(self, supplier_id: str, change_id: str, account: BankAccount) -> Any:
        """Say that a supplier is to be paid to another account."""
        data = {
            "change_id": change_id,
            "supplier_id": supplier_id,
            "account": {"iban": account.iban, "holder": account.holder, "currency": account.currency},
            "channel": "letter",
        }
        return self.tell("supplier.bank_change_requested", change_id, data)


def _answer(response: httpx2.Response) -> Any:
    if response.status_code in (401, 403, 409):
        problem = response.json()
        raise Refused(f"{problem.get('title', '')}: {problem.get('detail', '')}")
    if response.status_code >= 400:
        raise RuntimeError(f"{response.request.method} {response.request.url}: {response.status_code} {response.text}")
    return response.json()
