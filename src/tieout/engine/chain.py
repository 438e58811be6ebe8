"""The hash chain: each event's hash covers its whole content and the hash before it, partition by partition.

Changing, removing, adding or reordering a single byte of the log breaks every later hash of its partition.
"""

from hashlib import sha256

from tieout.engine.stores.rows import EventRow

GENESIS = b"\x00" * 32


def event_hash(previous: bytes, row: EventRow) -> bytes:
    """SHA-256 over the previous hash and every column of the event except its own hash.

    Columns are joined with the ASCII unit separator after the lengths of the free texts, so no two different
    events have the same bytes.
    """
    texts = (
        row.type,
        row.subject,
        row.entity,
        row.correlation,
        row.causation,
        row.actor,
        row.policy,
        row.source or "",
        row.key or "",
        row.fingerprint or "",
    )
    head = "\x1f".join(
        (
            f"{row.partition}.{row.position}.{row.version}.{row.occurred_at}.{row.recorded_at}",
            ".".join([str(len(text)) for text in texts]),
            *texts,
        )
    )
    return sha256(previous + head.encode() + b"\x1f" + row.data).digest()
