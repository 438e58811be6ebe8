"""Who is who: the group-level id of a supplier is derived from its tax registration, so it needs no look-up."""

import unicodedata

from tieout.kernel.ids import derive


def normal_tax_id(text: str) -> str:
    """A tax or registration number as people mean it: capital letters and digits, without blanks, dots and dashes."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).upper() if sign.isalnum())


def supplier_id_of(tax_id: str) -> str:
    """The supplier with this tax registration, for the whole group. ``DE 811.115.368`` and ``de811115368`` are one."""
    return derive("sup", normal_tax_id(tax_id))
