"""Container images without a registry: one layer from a folder, written as an OCI archive that containerd imports."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"


def layer_of(folder: Path) -> bytes:
    """A tar of a folder: everything owned by root, times zero, so that the same content gives the same bytes."""
    out = io.BytesIO()

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(fileobj=out, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, str(path.relative_to(folder)), recursive=False, filter=plain)
    return out.getvalue()


def digest(content: bytes) -> str:
    """A content address."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def described(kind: str, content: bytes, **more: Any) -> dict[str, Any]:
    """How one blob is referred to."""
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest(content), "size": len(content), **more}


def write(archive: Path, name: str, folder: Path, command: Sequence[str] = ()) -> None:
    """Writes the archive of an image called `name` (in full) with the content of a folder."""
    layer = layer_of(folder)
    settings: dict[str, Any] = {"Env": [PATH]} | ({"Cmd": list(command)} if command else {})
    platform = {"architecture": "amd64", "os": "linux"}
    config = encoded({**platform, "config": settings, "rootfs": {"type": "layers", "diff_ids": [digest(layer)]}})
    manifest = encoded(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described("config.v1+json", config),
            "layers": [described("layer.v1.tar", layer)],
        }
    )
    names = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
    index = encoded(
        {
            "schemaVersion": 2,
            "manifests": [described("manifest.v1+json", manifest, platform=platform, annotations=names)],
        }
    )
    with tarfile.open(archive, "w") as tar:
        add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        add(tar, "index.json", index)
        for blob in (layer, config, manifest):
            add(tar, f"blobs/sha256/{digest(blob)[7:]}", blob)


def encoded(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """One file of the archive."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
