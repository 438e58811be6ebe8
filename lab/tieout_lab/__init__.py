"""Counterpart systems to rehearse against: small real servers with faults on demand.

They are *outside* systems: they share no code with tieout, have ids, field names and habits of their own, and are
reached over the network only. ``lab/README.md`` says what each of them does.
"""
