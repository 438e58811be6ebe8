"""What all wire structs have in common, and the kinds of text that appear in several systems."""

from typing import Annotated, dataclass_transform

import msgspec
from msgspec import Meta, Struct

from tieout_lab.amounts import DECIMAL_PATTERN

DecimalText = Annotated[str, Meta(pattern=DECIMAL_PATTERN)]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Period = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}$")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Natural = Annotated[int, Meta(ge=0)]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Wire(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Root of all bodies. Unknown fields are ignored, as products do."""
