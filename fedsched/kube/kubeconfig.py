"""Reads one context of a kubeconfig without running or opening anything that it names; connects to nothing."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import ssl
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from fedsched.kube.join import exec_plugin, strict_yaml
from fedsched.kube.join.endpoint import check_proxy, check_server
from fedsched.kube.join.refusal import JoinError, shown
from fedsched.kube.join.tls import load_pair

MAX_BYTES = 1 << 20
MAX_NAMED_FILE = 256 << 10
MAX_TOKEN = 64 << 10
FLATTEN = "kubectl config view --raw --minify --flatten --context {context} > plain.kubeconfig; join with that"


class Allowances(msgspec.Struct, frozen=True):
    """What the operator allowed by name: plugin commands, files, TLS without a check (server names), plain http."""

    commands: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()
    http: bool = False


class Access(msgspec.Struct, frozen=True):
    """How to reach a cluster as whoever gave the kubeconfig. Lives in memory only; its repr shows no secret."""

    server: str
    context: str
    namespace: str = ""
    ca_pem: str = ""
    verify: bool = True
    token: str = ""
    certificate_pem: str = ""
    key_pem: str = ""
    tls_server_name: str = ""
    proxy_url: str = ""
    short_lived: str = ""
    """Why this identity will not last ("exec plugin aws"), "" when nothing says so."""

    def __repr__(self) -> str:
        return f"Access(server={self.server!r}, context={self.context!r}, <secrets hidden>)"


def read(path: Path, context: str = "", fallback: str = "", allow: Allowances | None = None) -> Access:
    """One context of the file at `path`: `context`, else the one named `fallback`, else the only one.

    Refused with cause and way out: whatever is not a plain kubeconfig with inline credentials, or goes to an address
    that no API server has. Nothing that the file names is opened or run unless `allow` names it.
    """
    document = strict_yaml.parse(_text(path), str(path))
    if not isinstance(document, dict) or not isinstance(document.get("contexts"), list):
        raise JoinError(f"{path}: no kubeconfig (no list of contexts)", "give the file that kubectl uses")
    return _Gate(path, document, allow or Allowances()).access(context, fallback)


def _text(path: Path) -> str:
    data = _bytes(path, MAX_BYTES, "kubeconfig")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise JoinError(f"{path}: this is not text in UTF-8", "give the file that kubectl uses") from None
    if not text.strip():
        raise JoinError(f"{path}: empty", "kubectl config view --raw --minify --flatten writes one")
    return text


def _bytes(path: Path, limit: int, what: str) -> bytes:
    """At most `limit` bytes of a regular file; a FIFO or device is refused before it can block."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise JoinError(f"{what} {path}: {error.strerror}", "check the path") from None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise JoinError(f"{what} {path}: not a regular file", "check the path")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise JoinError(
            f"{what} {path}: larger than {limit >> 10} KiB", "reduce it: kubectl config view --raw --minify --flatten"
        )
    return data


class _Gate:
    """One document; every question to it ends in a value or in JoinError."""

    def __init__(self, path: Path, document: Mapping[str, Any], allow: Allowances) -> None:
        self.path, self.document, self.allow = path, document, allow
        self.context = ""

    def access(self, context: str, fallback: str) -> Access:
        self.context = self.choose(context, fallback)
        chosen = self.entry("contexts", "context", self.context)
        cluster_name, user_name = self.word(chosen, "cluster"), self.word(chosen, "user")
        if not cluster_name or not user_name:
            raise self.no("the context names no cluster or no user", "kubectl config get-contexts")
        cluster = self.entry("clusters", "cluster", cluster_name)
        user = self.entry("users", "user", user_name)
        where = self.where(cluster)
        return msgspec.structs.replace(where, namespace=self.word(chosen, "namespace"), **self.who(user))

    def choose(self, context: str, fallback: str) -> str:
        names = [str(e["name"]) for e in self.document["contexts"] if isinstance(e, dict) and e.get("name")]
        if context:
            return context
        if fallback in names:
            return fallback
        if len(names) == 1:
            return names[0]
        listed = ", ".join(shown(name, 60) for name in names[:20]) or "none"
        raise JoinError(f"{self.path}: which context? It has: {listed}", "--cluster-context CONTEXT")

    def entry(self, section: str, field: str, name: str) -> Mapping[str, Any]:
        """The one named entry of a section."""
        entries = self.document.get(section)
        found = (
            [e for e in entries if isinstance(e, dict) and e.get("name") == name] if isinstance(entries, list) else []
        )
        if not found:
            raise self.no(f'no {field} "{shown(name, 60)}" in {section}', "kubectl config get-contexts")
        if len(found) > 1:
            raise self.no(f'{len(found)} entries "{shown(name, 60)}" in {section}: which one?', FLATTEN)
        value = found[0].get(field)
        if not isinstance(value, dict):
            raise self.no(f'the {field} "{shown(name, 60)}" is not a mapping', "kubectl config view")
        return value

    def where(self, cluster: Mapping[str, Any]) -> Access:
        server = self.word(cluster, "server")
        if not server:
            raise self.no("the cluster has no server", "correct `server:`")
        server = check_server(server, insecure_http=self.allow.http)
        proxy = self.word(cluster, "proxy-url")
        ca = self.text(cluster, "certificate-authority")
        verify = not self.unverified(cluster, server)
        if ca:
            _check_authority(ca)
        return Access(
            server=server,
            context=self.context,
            ca_pem=ca,
            verify=verify,
            tls_server_name=self.word(cluster, "tls-server-name"),
            proxy_url=check_proxy(proxy) if proxy else "",
        )

    def unverified(self, cluster: Mapping[str, Any], server: str) -> bool:
        """Whether TLS goes unchecked, which only --allow-insecure-tls SERVER permits."""
        if (cluster.get("insecure-skip-tls-verify") or "false") not in ("true", "True", "yes", "on", "y"):
            return False
        if server in self.allow.insecure:
            return True
        raise self.no(
            "insecure-skip-tls-verify: anybody on the way could read the token and answer as the server",
            f"put the CA into certificate-authority-data, or --allow-insecure-tls {server}",
        )

    def who(self, user: Mapping[str, Any]) -> dict[str, str]:
        """Token or certificate of the user, as fields of Access."""
        self.refuse_users_that_need_more(user)
        found = {
            "token": self.token(user),
            "certificate_pem": self.text(user, "client-certificate"),
            "key_pem": self.text(user, "client-key"),
        }
        if user.get("exec") is not None and not found["token"]:
            found |= self.plugin(user["exec"])
        if bool(found["certificate_pem"]) != bool(found["key_pem"]):
            raise self.no("a client certificate without its key, or the reverse", FLATTEN)
        if found["certificate_pem"]:
            _check_pair(found["certificate_pem"], found["key_pem"])
        if not found["token"] and not found["certificate_pem"]:
            raise self.no(
                "the user has neither token nor client certificate", "kubectl config view --raw --minify --flatten"
            )
        return found

    def refuse_users_that_need_more(self, user: Mapping[str, Any]) -> None:
        for key in ("auth-provider", "username", "password", "as", "as-uid", "as-groups", "as-user-extra"):
            if user.get(key) is not None:
                raise self.no(
                    f"the user has `{key}`, which is not supported",
                    "use a user with a token or client certificate, e.g. kubectl create token",
                )

    def plugin(self, spec: Any) -> dict[str, str]:
        """What an exec plugin answers, when it is allowed by name."""
        if not isinstance(spec, dict) or not isinstance(spec.get("command"), str):
            raise self.no("`exec` is not a mapping with a command", "kubectl config view")
        command = spec["command"]
        if command not in self.allow.commands:
            raise self.no(
                f"the user's credential comes from a program that would be run: {exec_plugin.command_line(spec)}",
                f"--allow-exec {shown(command, 60)} runs it this once; join then takes a service-account token, which "
                "is bound, limited and renewed by fedsched, and never needs the program again",
            )
        status = exec_plugin.run(spec, self.path.parent)
        found = {
            "token": _checked_token(status.get("token", "")),
            "certificate_pem": status.get("clientCertificateData", ""),
            "key_pem": status.get("clientKeyData", ""),
        }
        return {**{k: v for k, v in found.items() if v}, "short_lived": f"exec plugin {shown(command, 60)}"}

    def token(self, user: Mapping[str, Any]) -> str:
        inline = self.word(user, "token")
        path = self.word(user, "tokenFile")
        if inline or not path:
            return _checked_token(inline)
        return _checked_token(self.named_file(path, "tokenFile").strip())

    def text(self, section: Mapping[str, Any], key: str) -> str:
        """The PEM text of `key`: its inline -data, or the file that it names when that is allowed."""
        inline, path = self.word(section, f"{key}-data"), self.word(section, key)
        if inline:
            try:
                return base64.b64decode("".join(inline.split()), validate=True).decode("ascii")
            except (binascii.Error, ValueError):
                raise self.no(f"{key}-data is not base64 of PEM text", FLATTEN) from None
        return self.named_file(path, key) if path else ""

    def named_file(self, path: str, key: str) -> str:
        if path not in self.allow.files:
            raise self.no(
                f"`{key}` names the file {shown(path)}, which was not opened",
                f"{FLATTEN}; or --allow-file {shown(path)}",
            )
        try:
            return _bytes(self.path.parent / path, MAX_NAMED_FILE, key).decode("ascii")
        except UnicodeDecodeError:
            raise self.no(f"the file of `{key}` is not text", FLATTEN) from None

    def word(self, section: Mapping[str, Any], key: str) -> str:
        value = section.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.no(f"`{key}` is not text", "kubectl config view")
        return value

    def no(self, cause: str, way_out: str) -> JoinError:
        where = f'{self.path}, context "{shown(self.context, 60)}"' if self.context else str(self.path)
        return JoinError(f"{where}: {cause}", way_out.replace("{context}", shown(self.context, 60)))


def _checked_token(token: str) -> str:
    if len(token) > MAX_TOKEN or any(c.isspace() or not c.isprintable() or ord(c) > 126 for c in token):
        raise JoinError(
            "the user's token (not shown) holds characters that no token has, or is too long",
            "get a new one: kubectl create token",
        )
    expires_at = _expiry(token)
    if expires_at is not None and expires_at <= time.time():
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(expires_at))
        raise JoinError(f"the user's token expired at {when}", "log in again, or kubectl create token")
    return token


def _expiry(token: str) -> float | None:
    """The `exp` of a JWT in epoch seconds; None for anything else."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError, OverflowError):
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return min(float(claims["exp"]), 2.0**40)
    return None


def _check_authority(pem: str) -> None:
    if "PRIVATE KEY" in pem:
        raise JoinError("certificate-authority holds a private key (not shown)", "put only the CA's certificate there")
    try:
        ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError):
        raise JoinError(
            "certificate-authority is not a certificate in PEM", "correct certificate-authority-data"
        ) from None


def _check_pair(certificate: str, key: str) -> None:
    load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, key)
