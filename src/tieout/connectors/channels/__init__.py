"""Channels: ways on which whole documents come in and go out, whatever they say. A channel knows no business.

Every channel is the same connector (:class:`~tieout.connectors.channels.channel.Channel`) around a client of its own,
which says how to look, fetch, put away, find and place (:mod:`~tieout.connectors.channels.trays`). When a file is
finished, what was taken already, what is tried again and what an answer means is decided here, once for all of them.
"""

from tieout.connectors.channels.channel import Channel, Habits
from tieout.connectors.channels.config import ChannelConfig, PlacesConfig, WatchedConfig, read_settings
from tieout.connectors.channels.spool import Spool, TooLargeError
from tieout.connectors.channels.trays import (
    AnswerLostError,
    Arrival,
    ChannelClient,
    FileError,
    InTray,
    OutTray,
    Placed,
)

__all__ = [
    "AnswerLostError",
    "Arrival",
    "Channel",
    "ChannelClient",
    "ChannelConfig",
    "FileError",
    "Habits",
    "InTray",
    "OutTray",
    "Placed",
    "PlacesConfig",
    "Spool",
    "TooLargeError",
    "WatchedConfig",
    "read_settings",
]
