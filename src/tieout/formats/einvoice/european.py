"""E-invoices by the European standard, and what is answered to them."""

from tieout.formats.einvoice import cii, response, ubl

EUROPEAN = (*ubl.FORMATS, *cii.FORMATS, *response.FORMATS)
