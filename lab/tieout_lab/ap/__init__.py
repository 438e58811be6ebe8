"""The AP platform: captures invoices, routes them to approvers, and shows what became of them."""

from tieout_lab.ap.app import build

__all__ = ["build"]
