"""The kubeconfig gate: nothing that a file names is opened, run or asked, and no secret comes back in an answer."""

from __future__ import annotations

import base64
import http.server
import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import yaml

from fedsched.kube.join.caller import Connection
from fedsched.kube.join.refusal import JoinError
from fedsched.kube.kubeconfig import Access, Allowances, read

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "s3cr3t-canary-0123456789"


def config(cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A kubeconfig with one context; a token unless `user` says otherwise."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": SECRET} if user is None else user}],
        "contexts": [{"name": "k", "context": {"cluster": "c", "user": "u", "namespace": "ns"}}],
        **changes,
    }


def text(**parts: Any) -> str:
    return yaml.safe_dump(config(**parts))


def jwt(**claims: Any) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part(claims)}.{SECRET}"


def exec_user(command: str = "steal", **more: Any) -> dict[str, Any]:
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command, **more}}


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(8)
)

HOSTILE: dict[str, tuple[str | bytes, str]] = {
    "an exec plugin": (
        text(user=exec_user(args=["--client-secret", SECRET, f"--token={SECRET}"])), "--allow-exec steal"
    ),
    "an auth provider": (text(user={"auth-provider": {"name": "g", "config": {"id-token": SECRET}}}), "auth-provider"),
    "a token file": (text(user={"tokenFile": "/etc/passwd"}), "was not opened"),
    "a client key file": (text(user={"client-certificate": "/etc/passwd", "client-key": "/x"}), "was not opened"),
    "a CA file": (text(cluster={"certificate-authority": "/etc/passwd"}), "was not opened"),
    "a user and password": (text(user={"username": "admin", "password": SECRET}), "username"),
    "impersonation": (text(user={"token": SECRET, "as": "system:admin"}), "`as`"),
    "no TLS check": (text(cluster={"insecure-skip-tls-verify": True}), "--allow-insecure-tls"),
    "plain http": (text(cluster={"server": "http://10.0.0.1:8080"}), "--insecure-http"),
    "a metadata address": (text(cluster={"server": "https://169.254.169.254/latest"}), "metadata"),
    "a metadata address as a number": (text(cluster={"server": "https://2852039166/"}), "metadata"),
    "a metadata address in hexadecimal": (text(cluster={"server": "https://0xa9fea9fe/"}), "metadata"),
    "a metadata address mapped into IPv6": (text(cluster={"server": "https://[::ffff:169.254.169.254]/"}), "metadata"),
    "a metadata address through NAT64": (text(cluster={"server": "https://[64:ff9b::a9fe:a9fe]/"}), "metadata"),
    "a metadata address of IPv6": (text(cluster={"server": "https://[fd00:ec2::254]/"}), "metadata"),
    "a link-local address": (text(cluster={"server": "https://[fe80::1%25eth0]:6443"}), "link-local"),
    "a metadata name": (text(cluster={"server": "https://metadata.google.internal/"}), "metadata"),
    "a password in the URL": (text(cluster={"server": f"https://admin:{SECRET}@127.0.0.1:6443"}), "not shown"),
    "another scheme": (text(cluster={"server": "file:///etc/passwd"}), "https"),
    "a server with a port that is none": (text(cluster={"server": "https://h:99999999"}), "not a URL"),
    "a server with a line break": (text(cluster={"server": "https://h\r\nX-Evil: 1"}), "not a URL"),
    "a query in the server": (text(cluster={"server": "https://127.0.0.1/?x="}), "query"),
    "a metadata address as proxy": (text(cluster={"proxy-url": "http://169.254.169.254:80"}), "metadata"),
    "a proxy with a password": (text(cluster={"proxy-url": f"http://u:{SECRET}@127.0.0.1:1"}), "not shown"),
    "no server": (text(cluster={"server": ""}), "no server"),
    "not YAML": (f"token: [{SECRET}\n  : :\n}}", "not YAML"),
    "not text": (b"\xff\xfe\x00\x01" + SECRET.encode(), "not text"),
    "empty": (" \n", "empty"),
    "a list": ("- a\n- b\n", "no kubeconfig"),
    "cyclic": ("contexts: &a [*a]\n", "aliases"),
    "growing without end": (BOMB, "aliases"),
    "nested without end": ("contexts: " + "[" * 5000 + "]" * 5000, "nested"),
    "too many values": ("contexts: [" + "a," * 60_000 + "a]", "values"),
    "huge": ("# " + "x" * (1 << 20) + "\n", "larger"),
    "a tag that makes objects": ("contexts: !!python/object/apply:os.system ['touch /tmp/x']\n", "tag"),
    "two documents": (f"{text()}---\n{text()}", "more than one"),
    "a key twice": (f"contexts: []\ncontexts: []\ntoken: {SECRET}\n", "twice"),
    "two users of one name": (
        yaml.safe_dump(config(users=[{"name": "u", "user": {"token": SECRET}}, {"name": "u", "user": {"token": "b"}}])),
        "which one",
    ),
    "a context without its cluster": (yaml.safe_dump(config(clusters=[])), 'no cluster "c"'),
    "a user that is no mapping": (yaml.safe_dump(config(users=[{"name": "u", "user": [SECRET]}])), "not a mapping"),
    "no credential": (text(user={}), "neither token nor"),
    "a token with a line break": (text(user={"token": f"{SECRET}\r\nX-Evil: 1"}), "characters that no token has"),
    "a token that is over": (text(user={"token": jwt(exp=1_000_000_000)}), "expired at 2001"),
    "a certificate without its key": (
        text(user={"client-certificate-data": base64.b64encode(b"x").decode()}), "without its key"
    ),
    "a certificate that is none": (
        text(
            user={
                "client-certificate-data": base64.b64encode(b"x").decode(),
                "client-key-data": base64.b64encode(SECRET.encode()).decode(),
            }
        ),
        "do not fit together",
    ),
    "a CA that is none": (
        text(cluster={"certificate-authority-data": base64.b64encode(SECRET.encode()).decode()}), "not a certificate"
    ),
    "a CA that is not base64": (text(cluster={"certificate-authority-data": f"%%{SECRET}"}), "not base64"),
    "a private key as CA": (
        text(cluster={"certificate-authority-data": base64.b64encode(b"-----BEGIN PRIVATE KEY-----").decode()}),
        "private key",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_or_broken_kubeconfig_is_refused_with_a_way_out_and_without_its_secrets(
    kind: str, tmp_path: Path
) -> None:
    content, expected = HOSTILE[kind]
    path = tmp_path / "kubeconfig"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    started = time.monotonic()
    with pytest.raises(JoinError) as refused:
        read(path)
    said = str(refused.value)
    assert expected in said
    assert refused.value.way_out
    assert SECRET not in said
    assert SECRET not in repr(refused.value.__cause__)
    assert "\r" not in said
    assert len(said) < 1500
    assert time.monotonic() - started < 5


def test_a_fifo_is_refused_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(JoinError, match="not a regular file"):
        read(tmp_path / "pipe")


def test_a_plain_kubeconfig_is_read_and_its_repr_hides_the_token(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text())
    found = read(path)
    assert (found.server, found.context, found.namespace, found.token) == ("https://127.0.0.1:6443", "k", "ns", SECRET)
    assert SECRET not in repr(found)


def test_which_context_is_never_guessed(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    two = [{"name": n, "context": {"cluster": "c", "user": "u"}} for n in ("east", "west")]
    path.write_text(yaml.safe_dump({**config(contexts=two), "current-context": "west"}))
    with pytest.raises(JoinError, match="east, west"):
        read(path)
    assert read(path, "", "west").context == "west"
    assert read(path, "east").context == "east"


def test_a_named_file_is_opened_only_when_it_is_allowed_by_name(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text(user={"tokenFile": "token"}))
    (tmp_path / "token").write_text(f"{SECRET}\n")
    with pytest.raises(JoinError, match="--allow-file token"):
        read(path, allow=Allowances(files=("other",)))
    assert read(path, allow=Allowances(files=("token",))).token == SECRET


def plugin(folder: Path, body: str) -> str:
    program = folder / "plugin"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return str(program)


def test_a_plugin_runs_only_when_it_is_allowed_by_name_and_once(tmp_path: Path) -> None:
    answer = json.dumps({"status": {"token": SECRET}})
    command = plugin(tmp_path, f"echo run >> {tmp_path}/ran; echo '{answer}'")
    path = tmp_path / "kubeconfig"
    path.write_text(text(user=exec_user(command)))
    with pytest.raises(JoinError, match="never needs the program again"):
        read(path, allow=Allowances(commands=("plugin",)))
    assert not (tmp_path / "ran").exists()
    found = read(path, allow=Allowances(commands=(command,)))
    assert found.token == SECRET
    assert "exec plugin" in found.short_lived
    assert (tmp_path / "ran").read_text() == "run\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"echo {SECRET}", "no ExecCredential"),
        (f"echo {SECRET} >&2; exit 3", "exit code 3"),
        ("echo '{\"status\": []}'", "no ExecCredential"),
        ('echo \'{"status": {"token": "a b"}}\'', "characters that no token has"),
    ],
)
def test_a_plugin_that_answers_wrongly_is_refused_without_its_words(body: str, expected: str, tmp_path: Path) -> None:
    command = plugin(tmp_path, body)
    path = tmp_path / "kubeconfig"
    path.write_text(text(user=exec_user(command)))
    with pytest.raises(JoinError, match=expected) as refused:
        read(path, allow=Allowances(commands=(command,)))
    assert SECRET not in str(refused.value)


def test_an_allowed_plugin_may_not_be_made_to_load_foreign_code(tmp_path: Path) -> None:
    command = plugin(tmp_path, f"touch {tmp_path}/ran")
    path = tmp_path / "kubeconfig"
    path.write_text(text(user=exec_user(command, env=[{"name": "LD_PRELOAD", "value": "/tmp/evil.so"}])))
    with pytest.raises(JoinError, match="LD_PRELOAD"):
        read(path, allow=Allowances(commands=(command,)))
    assert not (tmp_path / "ran").exists()


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Answers as `answer` says, and remembers who asked for what."""

    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"{}")
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Any path."""
        self.asked.append(self.path)
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def elsewhere() -> Iterator[tuple[type[Elsewhere], str]]:
    kind = type("Mine", (Elsewhere,), {"asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield kind, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_redirect_is_never_followed(elsewhere: tuple[type[Elsewhere], str]) -> None:
    kind, server = elsewhere
    kind.answer = (302, {"Location": f"{server}/stolen"}, b"")
    with pytest.raises(JoinError, match="redirects are not followed"):
        Connection(Access(server=server, context="k", token=SECRET)).call("GET", "/version")
    assert kind.asked == ["/version"]


def test_an_endless_answer_is_cut(elsewhere: tuple[type[Elsewhere], str]) -> None:
    kind, server = elsewhere
    kind.answer = (200, {}, b"x" * (33 << 20))
    with pytest.raises(JoinError, match="larger than 32 MiB"):
        Connection(Access(server=server, context="k")).call("GET", "/version")


def test_a_server_that_is_no_api_server_is_told_from_one(elsewhere: tuple[type[Elsewhere], str]) -> None:
    kind, server = elsewhere
    kind.answer = (200, {}, f"<html>{SECRET}</html>".encode())
    answer = Connection(Access(server=server, context="k")).call("GET", "/version")
    assert "not JSON" in answer.message
    assert SECRET not in answer.message
