"""The digest of what we send, by which we know our own object again (FA3)."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from fedsched.matchmaker.model.names import NOTE_DIGEST


def digest(manifest: dict[str, Any]) -> str:
    """sha256 of a manifest in hexadecimal, its own digest annotation left out, keys in order."""
    metadata = dict(manifest["metadata"])
    notes = {key: text for key, text in metadata.get("annotations", {}).items() if key != NOTE_DIGEST}
    content = manifest | {"metadata": metadata | {"annotations": notes}}
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with its digest as an annotation."""
    metadata = manifest["metadata"]
    notes = metadata.get("annotations", {}) | {NOTE_DIGEST: digest(manifest)}
    return manifest | {"metadata": metadata | {"annotations": notes}}
