"""Whom we trust, and who we are, on encrypted connections."""

import ssl
from pathlib import Path

from tieout.kernel.errors import ConfigError


def client_context(ca_file: str, base: Path) -> ssl.SSLContext:
    """For servers that we call: their certificate and their name are verified, always."""
    try:
        return ssl.create_default_context(cafile=str(base / ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"ca_file {ca_file}: {error}; it must be a PEM file of certificates") from None


def server_context(certificate: str, key: str, base: Path) -> ssl.SSLContext:
    """For those who call us."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(base / certificate, base / key)
    except (OSError, ssl.SSLError) as error:
        reason = f"certificate_file {certificate} with key_file {key}: {error}"
        raise ConfigError(f"{reason}; they must be a PEM certificate and its key") from None
    return context
