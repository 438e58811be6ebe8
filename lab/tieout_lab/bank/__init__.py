"""The bank: takes payment files by SFTP, pays, rejects, returns, and sends status reports and statements."""

from tieout_lab.bank.app import build

__all__ = ["build"]
