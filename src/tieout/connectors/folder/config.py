"""What a user must say to have a folder watched, or documents put into one."""

from collections.abc import Mapping
from typing import Any

from tieout.connectors.channels import WatchedConfig, read_settings


class FolderConfig(WatchedConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Folders of this machine (or mounted on it). Paths are relative to the configuration's folder."""


def read_config(settings: Mapping[str, Any]) -> FolderConfig:
    """The configuration from a table of settings. Raises ``ConfigError`` that names what is wrong."""
    return read_settings("folder", settings, FolderConfig)
