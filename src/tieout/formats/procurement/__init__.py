"""Documents of procurement: orders and what answers them, goods on their way and goods that came (UBL, cXML)."""

from tieout.formats.procurement import cxml, ubl

FORMATS = (*ubl.FORMATS, *cxml.FORMATS)
