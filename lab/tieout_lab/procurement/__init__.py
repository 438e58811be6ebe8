"""The procurement system: vendors, purchase orders, goods receipts."""

from tieout_lab.procurement.app import build

__all__ = ["build"]
