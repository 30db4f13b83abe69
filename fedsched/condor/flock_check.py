"""Whether a guest is ready to flock: asks HTCondor's tools on its host, opens one connection, changes nothing."""

from __future__ import annotations

import ipaddress
import re
import socket
import subprocess
from collections.abc import Callable, Sequence

import msgspec

from fedsched.condor.flock import LEASE_MINUTES

LIMIT_S = 25.0
CONNECT_S = 5.0
OUTPUT_BYTES = 200_000
LEASE_MOST_S = 1200
SINFUL = re.compile(r"<(\[[0-9a-fA-F:.]+\]|[^:>?]+):(\d{1,5})")
DENIED = re.compile(r'"DENIED" from server for user (\S+) using method (\w+)')
GET_ONE = (
    "ask the pool's admin for a token of schedd-NAME, store it in /etc/condor/tokens.d (root, 0600), condor_reconfig"
)


class Finding(msgspec.Struct, frozen=True):
    """One question and its answer. fix: what to do, "" when ok."""

    what: str
    ok: bool
    seen: str
    fix: str = ""


class Said(msgspec.Struct, frozen=True):
    """What a tool printed, and its exit code; 127 when the tool is not there, 124 when it took too long."""

    code: int
    out: str


Run = Callable[[Sequence[str]], Said]
Connect = Callable[[str, int], str]


def run_here(command: Sequence[str]) -> Said:
    """Runs a tool of this host with a limit; never raises for what a tool does."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed argument lists of HTCondor's tools
            list(command), capture_output=True, check=False, timeout=LIMIT_S, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        return Said(127, f"{command[0]} is not installed here")
    except subprocess.TimeoutExpired:
        return Said(124, f"{command[0]} did not answer within {LIMIT_S:g} s")
    return Said(done.returncode, (done.stdout or done.stderr)[:OUTPUT_BYTES].decode(errors="replace").strip())


def connect_here(host: str, port: int) -> str:
    """Opens and closes a connection; "" when that worked, else why not."""
    try:
        with socket.create_connection((host.strip("[]"), port), CONNECT_S):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def check_guest(target: str, run: Run = run_here, connect: Connect = connect_here) -> tuple[Finding, ...]:
    """All findings for flocking from this host to the pool at `target` ("host:port"), in the order to mend them."""
    return (
        _flock_to(target, run),
        *_rights(target, run),
        _port(target, run, connect),
        _transfer(run),
        _lease(run),
    )


def _value(run: Run, name: str) -> str:
    """A configuration value, "" when it is not defined."""
    said = run(("condor_config_val", name))
    return said.out if said.code == 0 else ""


def _flock_to(target: str, run: Run) -> Finding:
    what = "FLOCK_TO names the pool"
    said = run(("condor_config_val", "FLOCK_TO"))
    if said.code in {124, 127}:
        return Finding(what, ok=False, seen=said.out, fix="run this on the host of the guest's schedd")
    named = [word.strip() for word in re.split(r"[,\s]+", said.out) if word.strip()] if said.code == 0 else []
    host, _, port = target.rpartition(":")
    ok = target in named or (port == "9618" and host in named)
    return Finding(
        what,
        ok=ok,
        seen=", ".join(named) or "not set",
        fix="" if ok else f"set FLOCK_TO = {target}, then condor_reconfig",
    )


def _rights(target: str, run: Run) -> tuple[Finding, Finding]:
    """Token and right are told apart by condor_ping: whom the pool took us for, and whether that one may."""
    said = run(("condor_ping", "-pool", target, "-type", "collector", "-verbose", "ADVERTISE_SCHEDD"))
    denied = DENIED.search(said.out)
    fields = dict(re.findall(r"^([A-Za-z ]+):\s+(\S.*?)\s*$", said.out, re.MULTILINE))
    identity = denied[1] if denied else fields.get("Remote Mapping", "")
    method = denied[2] if denied else fields.get("Authenticated using", "")
    known = bool(identity) and not identity.startswith("unauthenticated")
    allowed = known and denied is None and fields.get("Authorized") == "TRUE"
    token = Finding(
        "a token that the pool accepts",
        ok=known,
        seen=f"{identity} by {method}" if known else _unknown(said, target),
        fix="" if known else GET_ONE,
    )
    mend = f"on the central manager: ALLOW_ADVERTISE_SCHEDD = $(ALLOW_ADVERTISE_SCHEDD:$(ALLOW_DAEMON)) {identity}"
    right = Finding(
        "the right to advertise (ADVERTISE_SCHEDD)",
        ok=allowed,
        seen="allowed" if allowed else ("denied" if known else "not known without a token"),
        fix="" if allowed else (mend if known else "first the token"),
    )
    return token, right


def _unknown(said: Said, target: str) -> str:
    if said.code in {124, 127}:
        return said.out
    return "none was accepted" if "Failed to authenticate" in said.out else f"no connection to {target}"


def _port(target: str, run: Run, connect: Connect) -> Finding:
    what = "the schedd's port, as advertised, can be called from outside"
    said = run(
        (
            "condor_status",
            "-schedd",
            "-autoformat",
            "MyAddress",
            "-constraint",
            f'Machine == "{_value(run, "FULL_HOSTNAME")}"',
        )
    )
    match = SINFUL.search(said.out) if said.code == 0 else None
    if match is None:
        return Finding(
            what,
            ok=False,
            seen="no schedd of this host in its own collector",
            fix="start condor_schedd, look at SchedLog",
        )
    host, port = match[1], int(match[2])
    if why := _inside_only(host, target):
        fix = "set TCP_FORWARDING_HOST to the address that the world sees and open the port: startds call the schedd"
        return Finding(what, ok=False, seen=f"{host}:{port} {why}", fix=fix)
    if why := connect(host, port):
        return Finding(
            what,
            ok=False,
            seen=f"{host}:{port}: {why}",
            fix=f"open TCP port {port} of {host}, or correct NETWORK_INTERFACE",
        )
    return Finding(what, ok=True, seen=f"{host}:{port} answers (seen from here; a firewall further out is not)")


def _inside_only(host: str, target: str) -> str:
    """Why an address cannot be meant for startds that reach the target, "" when nothing speaks against it."""
    try:
        ours = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return ""
    if ours.is_loopback:
        return "is this host's own loopback"
    try:
        theirs = ipaddress.ip_address(target.rpartition(":")[0].strip("[]"))
    except ValueError:
        return ""
    return "is a private address and the pool's is not" if ours.is_private and not theirs.is_private else ""


def _transfer(run: Run) -> Finding:
    what = "jobs transfer their files"
    value = _value(run, "SUBMIT_DEFAULT_SHOULD_TRANSFER_FILES")
    ok = value.upper() not in {"NO", "FALSE"}
    fix = (
        "" if ok else "set SUBMIT_DEFAULT_SHOULD_TRANSFER_FILES = YES: jobs that need a shared file system never match"
    )
    return Finding(what, ok=ok, seen=value or "HTCondor's default (if needed)", fix=fix)


def _lease(run: Run) -> Finding:
    what = "a job whose pod was lost runs again soon"
    value = _value(run, "JOB_DEFAULT_LEASE_DURATION")
    lease = int(value) if value.isdigit() else 2400
    ok = 60 <= lease <= LEASE_MOST_S
    mend = f"set JOB_DEFAULT_LEASE_DURATION = {LEASE_MINUTES * 60}: the job of a pod that vanished hangs that long"
    fix = "" if ok else mend
    return Finding(what, ok=ok, seen=f"lease of {lease / 60:g} min", fix=fix)
