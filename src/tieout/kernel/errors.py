"""Errors are about the machinery. The class of an error says what the engine does next.

What is wrong with somebody's *data* is a :class:`~tieout.kernel.problem.Problem`, a value, and is never raised.
"""


class TieoutError(Exception):
    """Root of all errors that tieout raises on purpose. The message names the thing, the value and the next step."""


class TransientError(TieoutError):
    """Certain not to have taken effect; worth trying again with the same key (a refused connection, 429, 503)."""


class PermanentError(TieoutError):
    """Will fail the same way again. The message or effect is set aside as a dead letter for a person."""


class ConfigError(TieoutError):
    """The set-up is wrong (a credential, an address, a missing account). The lane stops and an operator is called."""
