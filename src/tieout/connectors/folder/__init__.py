"""A watched folder: files that are finished are taken in; documents for a partner are put into another one.

How to set it up and what it cannot do: ``README.md``.
"""

from pathlib import Path
from typing import Any

from tieout.connectors.channels import Channel, Habits
from tieout.connectors.folder.client import FolderClient
from tieout.connectors.folder.config import FolderConfig, read_config
from tieout.engine.clock import SystemClock
from tieout.kernel.clock import Clock
from tieout.ports import Documents

__all__ = ["FolderConfig", "connect", "open_folder"]


def open_folder(name: str, config: FolderConfig, base: Path, documents: Documents, clock: Clock) -> Channel:
    """The channel of these folders; relative ones lie in ``base``."""
    habits = Habits.watched("Folder", config)
    return Channel(config, habits, FolderClient(config, base), documents, clock, system=name)


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> Channel:
    """The connector out of its table in the configuration. Raises ``ConfigError`` that says what is wrong with it."""
    return open_folder(name, read_config(settings), folder, documents, SystemClock())
