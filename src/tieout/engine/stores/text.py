"""Text that every store can hold: PostgreSQL keeps no NUL and nothing that is not UTF-8, so neither store takes it."""

from collections.abc import Iterable

from tieout.engine.stores.rows import InboxRow


def refuse_unstorable(rows: Iterable[InboxRow]) -> None:
    """Raise ``ValueError`` for a message with a NUL or half a surrogate in its envelope. ``data`` is free."""
    for row in rows:
        envelope = (
            f"{row.source}{row.key}{row.fingerprint}{row.ref_system}{row.ref_id}{row.subject}{row.type}{row.entity}"
            f"{row.correlation}{row.causation}{row.actor}{row.status}{row.error}"
        )
        if "\0" in envelope or not (envelope.isascii() or _is_unicode(envelope)):
            raise ValueError(
                f"message {row.key!r} from {row.source!r}: its envelope holds a character that cannot be kept"
                " (NUL or half a surrogate pair). Send it again without."
            )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain(text: str) -> str:
    """An error text that can be kept whatever it quotes: what cannot is replaced by a question mark."""
    return text.replace("\0", "?").encode(errors="replace").decode()
