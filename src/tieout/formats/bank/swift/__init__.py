"""SWIFT MT messages that banks send to companies: statements, interim reports and confirmations."""

from tieout.formats.bank.swift.reader import NAME, read_swift, recognises

__all__ = ["NAME", "read_swift", "recognises"]
