"""Bridges, pod network namespaces and firewall rules of the laboratory.

Each is written down so that it can be undone after a crash.
"""

from __future__ import annotations

import subprocess
import threading
from typing import TYPE_CHECKING

from tests.laboratory import ledger
from tests.laboratory.places import LaboratoryError
from tests.laboratory.sandbox import tool
from tests.laboratory.session import POD_ADDRESSES

if TYPE_CHECKING:
    from tests.laboratory.session import Session

NEW_TCP = ("-p", "tcp", "--syn")  # no connection tracking: works on any kernel


def command(program: str, *arguments: str) -> None:
    """Runs `ip` or `iptables`; LaboratoryError with what it said when it fails."""
    done = subprocess.run(
        [tool(program), *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise LaboratoryError(f"{program} {' '.join(arguments)}: {done.stderr.strip()[-300:]}")


class Bridge:
    """One pod network: a bridge with the subnet 10.254.N.0/24, reachable from this machine only.

    And what is blocked on it.
    """

    def __init__(self, session: Session) -> None:
        self.session, self.number = session, session.block()
        self.name = f"fslab{self.number}"
        self.subnet = f"{POD_ADDRESSES}.{self.number}.0/24"
        self.gateway = f"{POD_ADDRESSES}.{self.number}.1"
        self._rules: dict[str, list[tuple[str, ...]]] = {"inbound": [], "cut": []}
        session.ledger.record("link", name=self.name)
        # A bridge without an address of its own takes the lowest of its ports': it would change as pods come and go,
        # and the others would send to the old one for half a minute.
        hardware = f"02:fe:00:00:{self.number // 256:02x}:{self.number % 256:02x}"
        command("ip", "link", "add", self.name, "address", hardware, "type", "bridge")
        command("ip", "address", "add", f"{self.gateway}/24", "dev", self.name)
        command("ip", "link", "set", self.name, "up")

    def close_inbound(self) -> None:
        """New TCP connections to pods are dropped; those that pods open work."""
        if not self._rules["inbound"]:
            self._block("inbound", "OUTPUT", "-o", self.name, *NEW_TCP)
            self._block("inbound", "FORWARD", "-o", self.name, *NEW_TCP)

    def open_inbound(self) -> None:
        """Takes `close_inbound` back."""
        self._allow("inbound")

    def cut(self, address: str, port: int | None = None, source: str | None = None) -> None:
        """Everything from pods (or one pod address) to an address (or one TCP port of it) is dropped.

        Open connections too.
        """
        what = ["-i", self.name, "-d", address, *(["-s", source] if source else [])]
        if port is not None:
            what += ["-p", "tcp", "--dport", str(port)]
        self._block("cut", "INPUT", *what)
        self._block("cut", "FORWARD", *what)

    def heal(self) -> None:
        """Takes every `cut` back."""
        self._allow("cut")

    def remove(self) -> None:
        """Takes all rules back and removes the bridge."""
        self.open_inbound()
        self.heal()
        ledger.undo({"kind": "link", "name": self.name})

    def _block(self, why: str, chain: str, *what: str) -> None:
        rule = (chain, *what, "-j", "DROP")
        self.session.ledger.record("rule", rule=rule)
        command("iptables", "-w", "-I", *rule)
        self._rules[why].append(rule)

    def _allow(self, why: str) -> None:
        for rule in self._rules[why]:
            ledger.undo({"kind": "rule", "rule": rule})
        self._rules[why] = []


class PodNetwork:
    """Network namespaces on a bridge, for pods without a kubelet."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self._mutex = threading.Lock()
        self._used: set[int] = set()

    def join(self) -> PodAddress:
        """A fresh network namespace with an address of its own."""
        with self._mutex:
            member = next((n for n in range(2, 255) if n not in self._used), None)
            if member is None:
                raise LaboratoryError(f"no free address in {self.bridge.subnet}")
            self._used.add(member)
        return PodAddress(self, member)

    def left(self, member: int) -> None:
        """An address is free again."""
        with self._mutex:
            self._used.discard(member)


class PodAddress:
    """One pod's network namespace; `path` is what nsenter takes."""

    def __init__(self, network: PodNetwork, member: int) -> None:
        bridge = network.bridge
        self.network, self.member = network, member
        self.ip = f"{POD_ADDRESSES}.{bridge.number}.{member}"
        self.name = f"{bridge.name}-{member}"
        self.path = f"/run/netns/{self.name}"
        link = f"{bridge.name}v{member}"
        bridge.session.ledger.record("netns", name=self.name)
        command("ip", "netns", "add", self.name)
        command("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        command("ip", "link", "set", link, "master", bridge.name, "up")
        for words in (
            ("address", "add", f"{self.ip}/24", "dev", "eth0"),
            ("link", "set", "lo", "up"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", bridge.gateway),
        ):
            command("ip", "-n", self.name, *words)

    def leave(self) -> None:
        """Removes the namespace and frees the address."""
        ledger.undo({"kind": "netns", "name": self.name})
        self.network.left(self.member)
