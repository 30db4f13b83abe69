"""Lines out of a chunked stream, however the network cuts it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.kube.stream import _lines, _payload


def chunked(parts: list[bytes]) -> bytes:
    """With chunk framing and its end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def cut(data: bytes, at: list[int]) -> Iterator[bytes]:
    """The bytes in pieces."""
    marks = sorted({0, len(data), *(mark % (len(data) + 1) for mark in at)})
    return (data[a:b] for a, b in itertools.pairwise(marks))


def lines(pieces: Iterator[bytes]) -> list[bytes]:
    """All whole lines, without their ends."""
    found, rest = [], b""
    for parts in _payload(pieces):
        some, rest = _lines(parts, rest)
        found += [line.rstrip(b"\n") for line in some]
    return found


texts = st.lists(st.binary(min_size=1, max_size=300).map(lambda b: b.replace(b"\n", b"x")), max_size=8)


@given(texts, st.lists(st.integers(0, 10**6), max_size=6), st.lists(st.integers(0, 10**6), max_size=12))
def test_neither_the_cuts_of_chunks_nor_of_packets_change_a_line(
    wanted: list[bytes], chunks: list[int], packets: list[int]
) -> None:
    body = b"".join(line + b"\n" for line in wanted)
    assert lines(cut(chunked(list(cut(body, chunks))), packets)) == wanted


@given(texts, st.integers(1, 10**6))
def test_a_stream_that_is_cut_off_gives_no_half_line_and_says_so(wanted: list[bytes], at: int) -> None:
    whole = chunked([line + b"\n" for line in wanted])
    seen: list[bytes] = []

    def read() -> None:
        for parts in _payload(iter([whole[: at % (len(whole) - 4)]])):
            seen.extend(line.rstrip(b"\n") for line in _lines(parts, b"")[0])

    with pytest.raises((ConnectionError, ValueError)):
        read()
    assert seen == wanted[: len(seen)]


@pytest.mark.parametrize("data", [b"hello\r\nworld\r\n", b"-5\r\nx", b"ffffffffff\r\n", b"x" * 100, b"\r\n\r\n"])
def test_broken_framing_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        list(_payload(iter([data])))
