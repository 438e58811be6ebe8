"""What the channels of this process have done and what they see waiting, for /metrics. No file is ever a label."""

from prometheus_client import CollectorRegistry, Counter, Gauge

CHANNELS = CollectorRegistry(auto_describe=False)
"""The numbers of the channels. They belong to the process that pulls, and not to the database."""

DOCUMENTS = Counter(
    "tieout_channel_documents", "Documents that were taken in", ["channel", "status"], registry=CHANNELS
)
BYTES = Counter("tieout_channel_bytes", "Bytes of the documents that were taken in", ["channel"], registry=CHANNELS)
SENT = Counter("tieout_channel_sent", "What became of documents to be sent", ["channel", "result"], registry=CHANNELS)
ERRORS = Counter(
    "tieout_channel_errors", "Files that could not be taken, or put away", ["channel", "kind"], registry=CHANNELS
)
WAITING = Gauge("tieout_channel_waiting_files", "Files that lie there and wait", ["channel"], registry=CHANNELS)
OLDEST = Gauge(
    "tieout_channel_oldest_waiting_age_seconds",
    "Age of the oldest file that waits, by its source's clock",
    ["channel"],
    registry=CHANNELS,
)
