"""Completion: what a shell is offered, as its script asks for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Fedsched


def _words(fedsched: Fedsched, *typed: str) -> list[str]:
    said = fedsched("completion", "words", "--", *typed)
    assert (said.code, said.err) == (0, "")
    return said.out.split()


def test_verbs_options_and_names_are_offered_where_they_may_stand(fedsched: Fedsched) -> None:
    assert _words(fedsched, "cl") == ["clusters"]
    assert "explain" in _words(fedsched)
    assert _words(fedsched, "q", "--s") == ["--search", "--server"]
    assert _words(fedsched, "clusters", "") == ["alps", "campus", "coast"]
    assert _words(fedsched, "drain", "c") == ["campus", "coast"]
    assert _words(fedsched, "explain", "cluster", "a") == ["alps"]
    assert _words(fedsched, "share", "bio") == ["biology/eve@biology.example"]
    key = fedsched("q", "-o", "json").json()["classes"][0]["demand"]["key"]
    assert _words(fedsched, "explain", key[:5]) == [key]
    assert "group" in _words(fedsched, "explain", "")
    assert _words(fedsched, "nothing", "") == []


def test_where_nobody_can_be_asked_nothing_is_offered_and_nothing_said(fedsched: Fedsched, federation: Path) -> None:
    (federation / "fedsched.toml").write_text("nonsense", encoding="utf-8")
    assert _words(fedsched, "clusters", "") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_offers_what_its_script_is_told(federation: Path) -> None:
    script = 'eval "$(fedsched completion bash)"; COMP_WORDS=(fedsched clusters c); COMP_CWORD=2; _fedsched; '
    environment = {"FEDSCHED_CONFIG": str(federation / "fedsched.toml"), "PATH": f"{Path(sys.executable).parent}:/bin"}
    said = subprocess.run(
        ["bash", "-c", f'{script} echo "${{COMPREPLY[@]}}"'],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said.stdout == "campus coast\n"
    for shell in ("zsh", "fish"):
        found = shutil.which(shell)
        if found:
            text = subprocess.run(
                [Path(sys.executable).parent / "fedsched", "completion", shell],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            subprocess.run([found, "-n", "-c", text], check=True, timeout=60)
