"""Slot ads as SlotViews: a startd once, claims by principal, what predicts, and a collector that has just started."""

from __future__ import annotations

import pytest

from fedsched.condor.learnt import static_attributes
from fedsched.condor.pool import COLLECTOR_YOUNG_S, carried_over
from fedsched.condor.questions import AskSlots, Terms
from fedsched.condor.slots import Ad, Senders, slot_views
from fedsched.config.settings import PrincipalRule
from fedsched.matchmaker.model import Claim, Principal, SlotView
from fedsched.matchmaker.resources import Resources

TERMS = Terms(
    principals=(PrincipalRule(schedd="schedd-b@pool-a", groups=("group_atlas*",)),),
    machine_resources={"Fpga": "xilinx.com/fpga"},
)
QUESTION = AskSlots("a.lab:9618", "a", TERMS, 2000.0)
SENDERS = Senders({"b.lab": "schedd-b@pool-a"}, {"group_atlas.ml.alice@pool-b": "b.lab"})
OURS = {
    "FedschedPlacement": '"p1"',
    "FedschedMember": '"m1"',
    "FedschedNodeGroup": '"big"',
    "FedschedPod": '"fs-p1-x"',
    "FedschedRetireAt": "5000",
    "FedschedEndAt": "6000",
    "DaemonStartTime": "1000",
    "LastHeardFrom": "1990",
}
PARENT = OURS | {
    "Name": '"slot1@p1"',
    "SlotType": '"Partitionable"',
    "State": '"Unclaimed"',
    "Activity": '"Idle"',
    "Cpus": "2",
    "Memory": "1024",
    "Disk": "1048576",
    "GPUs": "0",
    "TotalSlotCpus": "8",
    "TotalSlotMemory": "4096",
    "TotalSlotDisk": "4.194304E+06",
    "TotalSlotGPUs": "2",
    "TotalSlotFpga": "1",
    "EnteredCurrentState": "1001",
    "NumDynamicSlotsTime": "1500",
}
CHILD = OURS | {
    "Name": '"slot1_1@p1"',
    "SlotType": '"Dynamic"',
    "State": '"Claimed"',
    "Cpus": "6",
    "AccountingGroup": '"group_atlas.ml.alice@pool-b"',
    "RemoteOwner": '"alice@pool-b"',
    "RemoteScheddName": '"b.lab"',
    "JobId": '"4.0"',
    "EnteredCurrentState": "1200",
}
LISTS = {
    "ChildName": '{ "slot1_1@p1" }',
    "ChildState": '{ "Claimed" }',
    "ChildCpus": "{ 6 }",
    "ChildAccountingGroup": '{ "group_atlas.ml.alice@pool-b" }',
    "ChildRemoteOwner": '{ "alice@pool-b" }',
    "ChildEnteredCurrentState": "{ 1200 }",
    "ChildActivity": '{ "Busy" }',
}


def only(*ads: Ad) -> SlotView:
    views = slot_views(ads, QUESTION, SENDERS)
    assert len(views) == 1, "a startd is one view"
    return views[0]


def test_a_claim_tells_all_resources_of_its_slot_where_the_slot_does() -> None:
    (claim,) = only(PARENT | LISTS, CHILD | {"Memory": "512", "Disk": "2097152", "GPUs": "1"}).claims
    assert claim.amount == Resources(6000, 512, 2048, 1)
    (rolled_up,) = only(PARENT | LISTS).claims
    assert rolled_up.amount == Resources(), "cores alone say nothing of the rest"


@pytest.mark.parametrize(
    ("more", "used"),
    [
        ({"CPUsUsage": "1.5", "JobStart": "1200"}, 1500),
        ({"CpusUsage": "1.5", "JobStart": "1200"}, 1500),
        ({"CpusUsage": "0.0", "JobStart": "1200"}, 0),
        ({"CpusUsage": "0.0", "JobStart": "1900"}, None),
        ({"CpusUsage": "undefined", "JobStart": "1200"}, None),
        ({"JobStart": "1200"}, None),
    ],
)
def test_a_claim_tells_how_busy_its_job_keeps_its_cores_once_that_is_known(
    more: dict[str, str], used: int | None
) -> None:
    (claim,) = only(PARENT | LISTS, CHILD | more).claims
    assert claim.used_cpu_milli == used


def test_a_partitionable_slot_and_its_dynamic_ones_are_one_startd() -> None:
    view = only(PARENT | LISTS, CHILD)
    assert view.size == Resources(8000, 4096, 4096, 2, 0, (("xilinx.com/fpga", 1),))
    assert view.free == Resources(2000, 1024, 1024)
    assert view.claims == (Claim(Principal("group_atlas.ml", "alice@pool-b"), 6000, 1200.0, "4.0", "b.lab"),)
    assert (view.placement_id, view.member, view.node_group, view.pod) == ("p1", "m1", "big", "fs-p1-x")
    assert (view.seen_at, view.started_at, view.retire_at, view.end_at) == (1990, 1000, 5000, 6000)
    assert view.unclaimed_since is None
    assert not view.leaving


def test_a_claim_tells_its_jobs_priority_and_none_where_the_startd_does_not() -> None:
    """PR6."""
    (claim,) = only(PARENT | LISTS, CHILD | {"JobPrio": "-7"}).claims
    assert claim.priority == -7
    (claim,) = only(PARENT | LISTS, CHILD | {"JobPrio": "undefined"}).claims
    assert claim.priority == 0


def test_a_claim_counts_from_the_parents_list_before_its_own_ad_has_come() -> None:
    view = only(PARENT | LISTS)
    assert [claim.cpu_milli for claim in view.claims] == [6000]
    assert view.claims[0].since == 1200
    assert view.claims[0].principal == Principal("group_atlas.ml", "alice@pool-b")
    assert view.claims[0].schedd == "b.lab"


def test_an_ad_of_a_dynamic_slot_that_is_gone_is_no_claim() -> None:
    view = only(PARENT, CHILD)
    assert view.claims == ()
    assert view.unclaimed_since == 1500


def test_a_claim_of_a_schedd_nobody_knows_is_a_guests() -> None:
    view = only(PARENT | LISTS, CHILD | {"RemoteScheddName": '"unknown.lab"'})
    assert view.claims[0].principal == Principal("guest.unknown.lab", "alice@pool-b")


@pytest.mark.parametrize(
    "sign",
    [
        {"FedschedLeaving": "true"},
        {"State": '"Drained"'},
        {"Draining": "true"},
        {"Activity": '"Retiring"'},
        {"ChildActivity": '{ "Busy","Retiring" }'},
        {"FedschedRetireAt": "1999"},
    ],
)
def test_what_takes_no_new_work_is_leaving(sign: dict[str, str]) -> None:
    assert only(PARENT | sign).leaving


def test_a_probe_says_yes_no_or_nothing() -> None:
    assert only(PARENT).probe_ok is None
    assert only(PARENT | {"FedschedProbe": "true"}).probe_ok is True
    assert only(PARENT | {"FedschedProbe": "false"}).probe_ok is False


def test_hostile_values_are_neither_evaluated_nor_fatal() -> None:
    odd = {name: text for name in PARENT for text in ['strcat("a", time())'] if name not in {"SlotType", "Name"}}
    view = only(PARENT | odd)
    assert (view.size, view.placement_id, view.claims) == (Resources(), "", ())


def test_what_predicts_is_learnt_and_what_changes_is_not() -> None:
    learnt = dict(
        static_attributes(
            PARENT
            | LISTS
            | {
                "Arch": '"X86_64"',
                "OpSysMajorVer": "13",
                "HasFileTransfer": "true",
                "has_avx2": "true",
                "GPUs_DeviceName": '"A100"',
                "FileSystemDomain": '"pool-a"',
                "SquidReachable": "true",
                "CvmfsAtlas": '"2.11"',
                "CondorVersion": '"$CondorVersion: 23.9.6 $"',
                "LoadAvg": "0.5",
                "TotalLoadAvg": "0.5",
                "MyCurrentTime": "5",
                "KeyboardIdle": "7",
                "ClockMin": "270",
                "Machine": '"x"',
                "UtsnameNodename": '"x"',
                "AssignedGPUs": '"GPU-1"',
                "Start": "TARGET.Owner is undefined",
                "SlotWeight": "Cpus",
                "RecentJobStarts": "4",
                "DetectedCpus": "64",
            }
        )
    )
    assert set(learnt) == {
        *("Arch", "OpSysMajorVer", "HasFileTransfer", "has_avx2", "GPUs_DeviceName", "FileSystemDomain"),
        *("SquidReachable", "CvmfsAtlas", "CondorVersion"),
    }


def test_only_the_youngest_slots_of_a_group_teach() -> None:
    ads = [PARENT | {"Name": f'"s{n}"', "DaemonStartTime": str(n), "Arch": '"X86_64"'} for n in range(10)]
    views = slot_views(ads, QUESTION, SENDERS)
    assert [view.name for view in views if view.attributes] == ["s7", "s8", "s9"]


def test_an_empty_collector_that_has_just_started_is_no_sign_that_startds_are_gone() -> None:
    before = slot_views([PARENT], QUESTION, SENDERS)
    assert carried_over(before, (), 1995.0, 2000.0) == before
    assert carried_over(before, (), 1995.0, 1995.0 + COLLECTOR_YOUNG_S) == ()
    assert carried_over(before, (), 1000.0, 1100.0) == ()
    heard = before[0].seen_at
    assert carried_over(before, (), None, heard + 10) == before, "it does not list itself yet: it has only just begun"
    assert carried_over(before, (), None, heard + COLLECTOR_YOUNG_S) == ()
