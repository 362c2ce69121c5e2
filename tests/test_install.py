"""The bundle works after it was copied to another place, as its installers copy it."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

# What a clone has not, and what `npx skills` leaves out (older versions leave out more).
NOT_CLONED = (".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "results", "out")
DROPPED = {
    "skills 1.7": ("metadata.json",),
    "skills 1.3": ("metadata.json", "_*", "README.md"),
}


def copy_bundle(source: Path, target: Path, dropped: tuple[str, ...]) -> None:
    """Copies the bundle without the named files."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*NOT_CLONED, *dropped))


def contents(folder: Path) -> Mapping[Path, bytes]:
    """Every file below a folder with its bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("dropped", DROPPED)
def test_demo_runs_from_an_installed_copy(
    dropped: str, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    installed, elsewhere = tmp_path / "agent skills" / "installed", tmp_path / "elsewhere"
    report = tmp_path / "project" / "results" / "deep_error_analysis.md"
    copy_bundle(bundle, installed, DROPPED[dropped])
    elsewhere.mkdir()
    before = contents(installed)
    script = installed / "scripts" / "deep_error_analysis.py"
    comparison = installed / "tests" / "fixtures" / "demo_runs" / "comparison"

    run = subprocess.run(
        [sys.executable, script, "--comparison-dir", comparison, "--output", report],
        cwd=elsewhere,
        capture_output=True,
        encoding="utf-8",
    )

    assert run.returncode == 0, run.stderr
    assert report.stat().st_size > 0
    assert contents(installed) == before, "the demo wrote into the bundle"
    assert not list(elsewhere.iterdir()), "the demo wrote into the working directory"


def test_copy_leaves_out_what_installers_drop(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("metadata.json", "_x.py", "README.md", "x.py"):
        (tmp_path / "a" / name).touch()
    copy_bundle(tmp_path / "a", tmp_path / "b", DROPPED["skills 1.3"])
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["x.py"]


@pytest.mark.slow
def test_pip_takes_the_packages_and_none_of_our_code(bundle: Path, tmp_path: Path) -> None:
    if not shutil.which("uv"):
        pytest.skip("uv, which builds the wheel, is not on the path")
    copy_bundle(bundle, tmp_path / "copy", ("uv.lock",))
    before = contents(tmp_path / "copy")
    built = subprocess.run(["uv", "build", "--wheel", "--out-dir", tmp_path],
                           cwd=tmp_path / "copy", capture_output=True, encoding="utf-8")
    if "Failed to fetch" in built.stderr:
        pytest.skip("no package index: hatchling cannot be had")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert all(".dist-info/" in name for name in archive.namelist())
        (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        metadata = archive.read(name).decode()
    wanted = tomllib.loads((bundle / "pyproject.toml").read_text("utf-8"))["project"]
    needed = [line.removeprefix("Requires-Dist: ") for line in metadata.splitlines()
              if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    assert {re.split("[<>=]", line)[0] for line in needed} == {
        re.split("[<>=]", line)[0] for line in wanted["dependencies"]}
    assert contents(tmp_path / "copy") == before, "pip install leaves files in the bundle"
