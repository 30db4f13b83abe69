"""TLS contexts from PEM text; a key touches the disk only for the moment in which OpenSSL reads it."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from fedsched.kube.join.refusal import JoinError


def load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Loads a client certificate; JoinError when the two do not belong together or the key wants a passphrase.

    OpenSSL takes files only: they lie in a folder of mode 0700 and are gone when this returns.
    """
    with tempfile.TemporaryDirectory(prefix="fedsched-") as folder:
        path = Path(folder) / "pair"
        path.touch(mode=0o600)
        path.write_text(f"{certificate}\n{key}\n", encoding="ascii")
        try:
            context.load_cert_chain(path, password=_no_passphrase)
        except (ssl.SSLError, ValueError, OSError):
            raise JoinError(
                "the client certificate and key (not shown) do not fit together, or the key has a passphrase",
                "use a user with a token, e.g. kubectl create token",
            ) from None


def _no_passphrase() -> str:
    """Without this OpenSSL would ask at the terminal."""
    return ""


def context(ca_pem: str, *, verify: bool) -> ssl.SSLContext:
    """A client context that trusts `ca_pem` alone, or the machine's authorities when it is empty."""
    made = ssl.create_default_context(cadata=ca_pem or None)
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made
