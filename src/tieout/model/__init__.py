"""Canonical documents, facts and effects: frozen values that every system's shapes are translated to and from."""
