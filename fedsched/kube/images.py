"""Names of container images: brought to one spelling, and looked for among those that a node says it holds."""

from __future__ import annotations

import msgspec

_DOCKER = "docker.io"
_OLD_NAME = "index.docker.io"


class _Held(msgspec.Struct):
    """One image on a node with all its names; a kubelet lists the largest fifty images only."""

    names: list[str] | None = None


_HELD = msgspec.json.Decoder(list[_Held] | None)


def normal(image: str) -> str:
    """The full name: "busybox" is "docker.io/library/busybox:latest"; with a digest the tag says nothing more."""
    name, _, digest = image.strip().partition("@")
    first, slash, rest = name.partition("/")
    if not slash or not (first == "localhost" or "." in first or ":" in first):
        first, rest = _DOCKER, name
    if first == _OLD_NAME:
        first = _DOCKER
    path, _, tag = rest.partition(":")
    if first == _DOCKER and "/" not in path:
        path = f"library/{path}"
    return f"{first}/{path}@{digest}" if digest else f"{first}/{path}:{tag or 'latest'}"


def holds(raw: msgspec.Raw, image: str) -> bool:
    """Whether a node's `status.images` names that image, given in its full name; "" is held by nobody."""
    if not image:
        return False
    ending = image.rpartition("/")[2].partition("@")[0].partition(":")[0].encode()
    if ending not in bytes(raw):
        return False
    try:
        return any(normal(name) == image for held in _HELD.decode(raw) or () for name in held.names or ())
    except msgspec.DecodeError:
        return False
