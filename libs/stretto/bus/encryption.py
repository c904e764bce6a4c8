"""Whom we believe to be the bus, and the certificate that says who we are: TLS."""

from __future__ import annotations

import os
import ssl

from stretto.runtime.errors import PermanentError

CA_VARIABLE = "STRETTO_NATS_CA"
CERT_VARIABLE = "STRETTO_NATS_CERT"
KEY_VARIABLE = "STRETTO_NATS_KEY"

_REFUSED = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "UNKNOWN_CA")
"""How OpenSSL's reasons end when the server does not take our certificate (RFC 8446, 6.2)."""


def tls_context(
    ca: str | None, cert: str | None = None, key: str | None = None
) -> ssl.SSLContext | None:
    """Return what TLS needs to know, None when nothing is given: this machine's authorities then.

    Args:
        ca: path of the authorities that are trusted, PEM; None: those of this machine.
        cert: path of our own certificate, for servers that ask for one, PEM, with those between it
            and its authority.
        key: path of its private key; None: it is in the same file.

    Raises:
        PermanentError: a file cannot be read, or is not what it should be.
    """
    if key is not None and cert is None:
        raise _unusable(f"{CERT_VARIABLE} to be set, as {KEY_VARIABLE} is", "it is not")
    if ca is None and cert is None:
        return None
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:  # ssl.SSLError is one
        raise _unusable(f"{CA_VARIABLE} to name a file of certificates (PEM)", ca, error) from error
    if cert is not None:
        try:
            # Without a password of ours OpenSSL would ask at the terminal for that of the key.
            context.load_cert_chain(cert, key, password=_no_password)
        except (OSError, ValueError) as error:
            raise _unusable(
                f"{CERT_VARIABLE} and {KEY_VARIABLE} to name a certificate and its key (PEM, "
                "without a password)",
                f"{cert}, {key or 'the same file'}",
                error,
            ) from error
    return context


def tls_of_environment() -> ssl.SSLContext | None:
    """Return the same as the environment says it, for clients.

    Raises:
        PermanentError: a file cannot be read, or is not what it should be.
    """
    ca, cert, key = (os.environ.get(name) for name in (CA_VARIABLE, CERT_VARIABLE, KEY_VARIABLE))
    return tls_context(ca or None, cert or None, key or None)


def refusal_of(error: Exception) -> PermanentError | None:
    """Say that one side does not believe the other's certificate, and what to do; None: it is
    something else, which may pass."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return PermanentError(
            "bus.not_trusted",
            "expected the server of the bus to show a certificate that is trusted here, but: "
            f"{error.verify_message}; {CA_VARIABLE} names the file of the authority (PEM) that "
            "issued it, and the URL must name the server as the certificate does",
        )
    if isinstance(error, ssl.SSLError) and (error.reason or "").endswith(_REFUSED):
        return PermanentError(
            "bus.certificate_refused",
            f"expected the server of the bus to take our certificate, but: {error.reason}; "
            f"{CERT_VARIABLE} and {KEY_VARIABLE} name the files (PEM) of one that it trusts",
        )
    return None


def _no_password() -> str:
    return ""


def _unusable(wanted: str, got: str | None, error: Exception | None = None) -> PermanentError:
    reason = "" if error is None else f": {error}"
    return PermanentError("bus.bad_certificate", f"expected {wanted}, but {got}{reason}")
