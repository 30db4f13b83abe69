"""Kubeconfig files with everything embedded: no file reference, no command, one context."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def bearer(token: str) -> dict[str, Any]:
    """The user entry of a token."""
    return {"token": token}


def certificate(files: tuple[Path, Path]) -> dict[str, Any]:
    """The user entry of a certificate and its key."""
    encoded = [base64.b64encode(file.read_bytes()).decode() for file in files]
    return {"client-certificate-data": encoded[0], "client-key-data": encoded[1]}


def write(
    file: Path, *, name: str, server: str, ca_pem: bytes, user: dict[str, Any], namespace: str = "default"
) -> Path:
    """Writes a kubeconfig (JSON is YAML) whose only context is called `name`; mode 0600."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [
            {
                "name": name,
                "cluster": {"server": server, "certificate-authority-data": base64.b64encode(ca_pem).decode()},
            }
        ],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
    }
    file.touch(mode=0o600)
    file.write_text(json.dumps(content, indent=1))
    return file
