"""Which server addresses joining may talk to; opens no connection, only asks the resolver."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from fedsched.kube.join.refusal import JoinError, shown

NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local, where most clouds serve instance metadata
        "100.100.100.200/32",  # the same of Alibaba
        "192.0.0.192/32",  # of Oracle
        "168.63.129.16/32",  # of Azure
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::/32",  # of Amazon
        "fd20:ce::254/128",  # of Google
    )
)
NEVER_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_server(url: str, *, insecure_http: bool, resolve: bool = True) -> str:
    """The URL without a trailing slash when joining may talk to it.

    Refused: a scheme other than https (http only with --insecure-http), userinfo, query or fragment, addresses of
    metadata services, link-local, multicast and unspecified ones, however they are written or resolved.
    """
    parts = _split(url, "server")
    if parts.scheme == "http" and not insecure_http:
        raise JoinError(
            f"server {host_of(parts)}: plain http would send the token in the clear",
            "use its https address; for a test on this machine only: --insecure-http",
        )
    if parts.scheme not in {"https", "http"}:
        raise JoinError(f"server: the scheme {shown(parts.scheme or 'none', 20)!r} is not https", "correct `server:`")
    if parts.query or parts.fragment:
        raise JoinError(
            f"server {host_of(parts)}: an API server's URL has no query and no fragment", "correct `server:`"
        )
    check_host(parts, resolve=resolve)
    return url.rstrip("/")


def check_proxy(url: str) -> str:
    """A proxy's URL: http or https, under the same rules; user and password in it are refused."""
    parts = _split(url, "proxy-url")
    if parts.scheme not in {"http", "https"}:
        raise JoinError(
            f"proxy-url: the scheme {shown(parts.scheme, 20)!r} is not http or https", "correct `proxy-url:`"
        )
    check_host(parts, resolve=True)
    return url.rstrip("/")


def _split(url: str, what: str) -> SplitResult:
    if len(url) > 2000 or any(c.isspace() or not c.isprintable() for c in url):
        raise JoinError(f"{what}: not a URL", f"correct `{what}:`")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise JoinError(f"{what}: not a URL", f"correct `{what}:`") from None
    if "@" in parts.netloc:
        raise JoinError(
            f"{what}: user or password inside the URL (not shown) are refused", f"remove them from `{what}:`"
        )
    if not parts.hostname:
        raise JoinError(f"{what}: no host in the URL", f"correct `{what}:`; it looks like https://host:6443")
    return parts


def host_of(parts: SplitResult) -> str:
    """Host and port for a message."""
    return shown(parts.netloc, 100)


def check_host(parts: SplitResult, *, resolve: bool) -> None:
    """Refuses hosts that no API server has; a name that does not resolve is left to the connection's own error."""
    host = (parts.hostname or "").rstrip(".").lower()
    if host in NEVER_NAMES:
        raise _metadata(host, host)
    for address in _addresses(host, parts.port or 443, resolve=resolve):
        plain = _unwrapped(address)
        if any(plain in network for network in NEVER if network.version == plain.version):
            raise _metadata(host, str(plain))


def _metadata(host: str, address: str) -> JoinError:
    return JoinError(
        f"server {shown(host, 100)} is {address}: link-local, metadata and multicast addresses are no API servers",
        "correct `server:`; nothing was sent there",
    )


def _addresses(host: str, port: int, *, resolve: bool) -> list[Address]:
    try:
        return [ipaddress.ip_address(host.partition("%")[0])]
    except ValueError:
        pass
    # "2852039166" and "0xa9fea9fe" are addresses to the resolver although they are none to ipaddress.
    flags = 0 if resolve else socket.AI_NUMERICHOST
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def addresses(host: str) -> list[str]:
    """What a host's name stands for here, as text; [] when it does not resolve."""
    return sorted({str(address) for address in _addresses(host.strip("[]"), 443, resolve=True)})


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, 6to4, NAT64), else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
