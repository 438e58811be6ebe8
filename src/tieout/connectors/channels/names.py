"""The names of files: which say that another one is finished, and under which one is put away. Pure."""

import posixpath
from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from tieout.connectors.channels.trays import Arrival


def by_marker(arrivals: Iterable[Arrival], marker: str) -> Iterator[Arrival]:
    """Files with what their markers say of them: ``invoice.xml`` is finished when ``invoice.xml.done`` lies beside it
    and is not older (an old marker may have been left behind by a crash). Without a marker everything is as it is."""
    if not marker:
        yield from arrivals
        return
    listed = list(arrivals)
    marked = {arrival.place.removesuffix(marker): arrival for arrival in listed if arrival.place.endswith(marker)}
    for arrival in listed:
        if not arrival.place.endswith(marker):
            sign = marked.get(arrival.place)
            yield replace(arrival, finished=sign is not None and sign.modified >= arrival.modified)


def put_away_as(place: str, mark: str, there: Callable[[str], bool]) -> str:
    """The name under which a file is put away: its own; or with its hash in it, when another one has that."""
    if not there(place):
        return place
    folder, name = posixpath.split(place)
    stem, dot, ending = name.partition(".")
    return posixpath.join(folder, f"{stem}-{mark[:12]}{dot}{ending}")
