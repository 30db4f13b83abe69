"""One cycle's bytes as what differs from those of the cycle before; which follow each other is not said here."""

from __future__ import annotations

import zstandard

LARGEST = 1 << 30
"""Bytes of one cycle that are believed; what claims more is no record of ours."""
_WINDOW = range(10, 28)
_HASH = range(12, 23)


class DeltaError(Exception):
    """Packed bytes that are broken, or that belong to other bytes before them."""


def pack(body: bytes, before: bytes = b"") -> bytes:
    """`body` as a difference to `before`; by itself when that is empty. Equal arguments give equal bytes."""
    # The window must reach over all of `before`, and the table of places must be large enough for all of it: else
    # what comes late in a cycle no longer finds its like. Sixteen bytes a place are found to be enough.
    bits = max(1, len(body) + len(before)).bit_length()
    settings = zstandard.ZstdCompressionParameters.from_level(
        3,
        source_size=len(body),
        dict_size=len(before),
        window_log=_within(bits, _WINDOW),
        hash_log=_within(bits - 4, _HASH),
        write_checksum=True,
    )
    return zstandard.ZstdCompressor(dict_data=_raw(before), compression_params=settings).compress(body)


def unpack(packed: bytes, before: bytes = b"") -> bytes:
    """What was packed. Raises DeltaError for broken bytes or another `before`: every record has a checksum."""
    try:
        size = zstandard.frame_content_size(packed)
        if not 0 <= size <= LARGEST:
            raise DeltaError(f"it claims to be {size} bytes long")
        reader = zstandard.ZstdDecompressor(dict_data=_raw(before), max_window_size=1 << _WINDOW[-1])
        return reader.decompress(packed, max_output_size=LARGEST)
    except zstandard.ZstdError as error:
        raise DeltaError(str(error)) from None


def _raw(before: bytes) -> zstandard.ZstdCompressionDict | None:
    return zstandard.ZstdCompressionDict(before, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if before else None


def _within(value: int, bounds: range) -> int:
    return max(bounds[0], min(bounds[-1], value))
