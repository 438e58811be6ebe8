"""Ledgers: journal entries as tables and in audit files (SAF-T)."""

from tieout.formats.ledger import journal_csv, saft

FORMATS = (*saft.FORMATS, *journal_csv.FORMATS)
