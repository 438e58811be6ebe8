"""The pages and the API of one company, assembled."""

from collections.abc import Callable, Mapping, Sequence

from litestar import Litestar

from tieout.cli.company import Company
from tieout.cli.door import door_of
from tieout.connectors.as2 import As2
from tieout.engine.secrets import read_secret
from tieout.http.door import Webhook, WebhookReader
from tieout.model.events import Message
from tieout.web.app import create_site


def build_site(company: Company) -> Litestar:
    """The application that ``tieout up`` serves."""
    door = door_of(company, webhooks=_webhooks(company), policy_desk=company.policy_desk)
    partners = {name: one for name, one in company.connectors.items() if isinstance(one, As2)}
    return create_site(door, partners)


def _webhooks(company: Company) -> dict[str, Webhook]:
    """Every configured system that has a webhook secret and a connector that can read its calls."""
    found = {}
    for name, table in company.settings.config.connectors.items():
        reader = getattr(company.connectors[name], "read_webhook", None)
        if reader is not None and table.get("webhook_secret"):
            secret = read_secret(str(table["webhook_secret"]), company.settings.folder)
            found[name] = Webhook(secret=secret, reader=_reader(reader))
    return found


def _reader(read_webhook: Callable[[Mapping[str, str], bytes], Sequence[Message]]) -> WebhookReader:
    """Fits a connector's ``read_webhook(headers, body)`` to what the door calls."""
    return lambda system, headers, body: read_webhook(headers, body)
