"""Stores: one port, two small implementations (SQLite, PostgreSQL), one conformance suite."""
