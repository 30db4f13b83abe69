"""Core-equivalents of requests (FS2)."""

from __future__ import annotations

import pytest

from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.sizes import Sizes
from tests.matchmaker.builders import res

FIXED = ("cpu_milli", "memory_mib", "disk_mib", "gpus", "pods", "example.com/fpga")
WHOLE = Resources(100_000, 400 * 1024, 0, 4, 1000, (("example.com/fpga", 2),))
SIZES = Sizes(WHOLE, FIXED)


@pytest.mark.parametrize(
    ("request_", "size"),
    [
        (res(8, 2), 8_000),  # cores dominate
        (res(1, 40), 10_000),  # a tenth of all memory
        (res(1, 2, gpus=1), 25_000),  # a quarter of all GPUs
        (Resources(1000, other=(("example.com/fpga", 1),)), 50_000),
        (Resources(), 0),
    ],
)
def test_a_request_weighs_its_dominant_share_of_the_reference_cores(request_: Resources, size: int) -> None:
    assert SIZES.of(request_) == size


def test_what_has_no_reference_does_not_count_and_pods_never_do() -> None:
    assert SIZES.of(Resources(1000, 0, 500_000_000, pods=900)) == 1_000
    assert Sizes(WHOLE, ("cpu_milli",)).of(res(1, 400, gpus=4)) == 1_000


def test_with_nothing_to_measure_against_cores_count() -> None:
    """Before the first member was read: what is claimed meanwhile must be charged all the same."""
    assert Sizes(Resources(), FIXED).of(res(3, 64)) == 3_000


def test_sizes_are_rounded_up_so_that_nothing_is_free() -> None:
    assert SIZES.of(Resources(memory_mib=1)) == 1


def test_a_slot_weight_takes_the_place_of_the_dominant_share() -> None:
    """HTCondor's SLOT_WEIGHT, which is Cpus by default."""
    assert Sizes(WHOLE, FIXED, "Cpus").of(res(2, 64, gpus=1)) == 2_000
    assert Sizes(WHOLE, FIXED, "Cpus + 10 * GPUs").of(res(2, 64, gpus=1)) == 12_000
    assert Sizes(WHOLE, FIXED, "Memory / 2048.0").of(res(2, 3)) == 1_500


@pytest.mark.parametrize("weight", ["undefined", "error", "-1", "1e300", "NoSuchAttribute", "1 +", '"text"'])
def test_a_slot_weight_that_gives_no_number_counts_cores(weight: str) -> None:
    assert Sizes(WHOLE, ("cpu_milli",), weight).of(res(3)) == 3_000


def test_capacity_is_counted_in_cores_so_that_more_memory_is_not_more_of_everything() -> None:
    lent = Resources(100_000, 4_000 * 1024, gpus=4)
    assert SIZES.capacity(lent) == 100_000
    assert Sizes(WHOLE, FIXED, "Cpus + 10 * GPUs").capacity(lent) == 140_000
