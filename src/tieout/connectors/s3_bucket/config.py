"""What a user must say to exchange documents through a bucket."""

from collections.abc import Mapping
from typing import Any

from tieout.connectors.channels import PlacesConfig, read_settings


class BucketConfig(PlacesConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bucket at AWS, or at a store that speaks the same language (``endpoint_url``). Places are prefixes.

    Without ``access_key_id`` the machine's own credentials are used (its role, or the ``AWS_`` environment).
    ``secret_access_key`` and ``session_token`` are references (``env:NAME``, ``file:PATH``). ``conditional_put``:
    the store refuses to write over an object when asked (``If-None-Match``).
    """

    bucket: str
    region: str = "us-east-1"
    endpoint_url: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    ca_file: str = ""
    conditional_put: bool = True
    remember_days: int = 40

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.access_key_id) != bool(self.secret_access_key):
            raise ValueError("give access_key_id together with secret_access_key (a reference), or neither")
        if self.endpoint_url and not self.endpoint_url.startswith(("https://", "http://")):
            raise ValueError(f"endpoint_url must be an http or https address, not {self.endpoint_url!r}")
        if self.inbox and self.after == "move" and not self._done_lies_outside:
            raise ValueError(
                "after = 'move' needs a prefix `done`, outside of the inbox: what is taken would come again"
            )

    @property
    def _done_lies_outside(self) -> bool:
        inbox = f"{self.inbox.strip('/')}/"
        return bool(self.done) and inbox != "/" and not f"{self.done.strip('/')}/".startswith(inbox)


def read_config(settings: Mapping[str, Any]) -> BucketConfig:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    return read_settings("s3_bucket", settings, BucketConfig)
