"""What a user must say to have a mailbox read."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from tieout.connectors.channels import ChannelConfig, read_settings
from tieout.connectors.mail.config import AnswersConfig
from tieout.connectors.mail.senders import SenderRules

#: An atom of IMAP, which a keyword has to be, and a plain name of a folder.
_KEYWORD, _FOLDER = re.compile(r"[A-Za-z0-9$_.-]{1,64}"), re.compile(r"[ -~]{1,200}")


class ImapConfig(ChannelConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mailbox, read by IMAP over TLS. ``password`` and ``token`` (XOAUTH2) are references; one is needed.

    ``after``: mails that were taken are moved to the folders ``processed`` and ``refused``, or stay and get these as
    keywords.
    """

    host: str
    user: str
    port: int = 993
    password: str = ""
    token: str = ""
    ca_file: str = ""
    folder: str = "INBOX"
    after: Literal["move", "flag"] = "move"
    processed: str = "Processed"
    refused: str = "Refused"
    senders: SenderRules = SenderRules()
    answers: AnswersConfig | None = None
    bytes_max: int = 64 << 20
    files_per_pull: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.password) == bool(self.token):
            raise ValueError("give a password or a token (as a reference such as env:MAIL_PASSWORD), and not both")
        named = (self.processed, self.refused)
        if self.after == "flag" and not all(map(_KEYWORD.fullmatch, named)):
            raise ValueError("with after = 'flag', processed and refused are keywords: letters, digits and $ _ . -")
        if not all(map(_FOLDER.fullmatch, (self.folder, *named))):
            raise ValueError("names of folders are plain ASCII (IMAP's own spelling, such as &ANw-ber)")
        if len({self.folder, *named}) < 3:
            raise ValueError("folder, processed and refused must differ")


def read_config(settings: Mapping[str, Any]) -> ImapConfig:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    return read_settings("mail_imap", settings, ImapConfig)
