"""The worker's texts as values: complete, the same for the same arguments, and nothing of ours can be replaced."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fedsched.condor.worker import MAX_BYTES, length_expression, worker_files
from fedsched.config import load_member
from fedsched.kube import overrides

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
SCRIPTS = ("start", "settings", "watch", "probe-run", "alive")


def test_the_files_are_complete_and_the_same_every_time() -> None:
    files = worker_files()
    assert set(SCRIPTS) | {"condor_config"} == set(files)
    assert files == worker_files()
    assert "@" + "JOB_LENGTH@" not in files["condor_config"]


def test_a_probe_is_there_only_when_the_member_has_one() -> None:
    assert worker_files(probe="exit 0\n")["probe"] == "exit 0\n"
    assert "probe" not in worker_files()


def test_the_length_of_a_job_is_the_first_known_attribute_in_seconds() -> None:
    assert length_expression(["A", "WallMins"]) == "((TARGET.A) ?: (TARGET.WallMins * 60) ?: 0)"
    assert length_expression([]) == "(0)"


@pytest.mark.parametrize("name", ["A B", "1x", "A)||(TRUE", ""])
def test_a_length_attribute_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="lengths"):
        worker_files(lengths=[name])


@pytest.mark.parametrize("name", ["start", "probe", "../x", "", "a/b"])
def test_files_of_ours_cannot_be_replaced(name: str) -> None:
    with pytest.raises(ValueError, match="worker file"):
        worker_files(more={name: "x"})


def test_texts_that_do_not_fit_a_configmap_are_refused() -> None:
    with pytest.raises(ValueError, match="shorten"):
        worker_files(probe="#" * MAX_BYTES)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_posix_shell_reads_the_scripts(shell: str, script: str, tmp_path: Path) -> None:
    file = tmp_path / script
    file.write_text(worker_files()[script])
    words = [shell, "sh"] if shell == "busybox" else [shell]
    subprocess.run([*words, "-n", str(file)], check=True)


def test_the_documented_worker_with_cvmfs_is_a_member_file_that_pods_can_be_made_from(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/worker.md").read_text()
    block = page.partition("```toml\n")[2].partition("```")[0].replace("sha256:…", f"sha256:{'a' * 64}")
    head = 'name = "site-a"\nnamespace = "lend"\ncredential = "site-a.json"\nforms = ["startd-job"]\n'
    (tmp_path / "site-a.toml").write_text(head + block)
    member = load_member(tmp_path / "site-a.toml")
    volumes, mounts = overrides.volumes(member.overrides)
    assert (volumes[0]["name"], mounts[0]["mountPath"]) == ("cvmfs", "/cvmfs")
    assert "HasCvmfs" in member.overrides.probe
