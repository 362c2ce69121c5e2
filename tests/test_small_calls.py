"""What a small call leaves out: imports that it does not need, expressions that it does not use."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from failure_analysis import patterns
from make_runs import judged, turn

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
# What is slow to import, and what only reads the runs.
SLOW = {"sqlite3", "numpy", "scipy", "yaml", "jinja2", "pydantic", "zipfile",
        "failure_analysis.reading", "failure_analysis.formats",
        "failure_analysis.audit.items", "failure_analysis.audit.strict",
        "failure_analysis.audit.same_answer"}
REPORT = {"sqlite3", "pydantic", "failure_analysis.audit.run", "failure_analysis.audit.items"}


@pytest.fixture(scope="module")
def folder(analyse, run_script, tmp_path_factory):
    """Two models, three failing datapoints, planned and drafted."""
    runs = tmp_path_factory.mktemp("runs")
    made = analyse("--run-dir", judged(runs / "a", [turn(0, False), turn(1, False), turn(2)]),
                   judged(runs / "b", [turn(0, False, model_name="other",
                                            assistant_text="No idea, sorry."),
                                       *(turn(at, model_name="other") for at in (1, 2))]))
    for script in ("plan_review.py", "write_report.py"):
        assert run_script(script, made).returncode == 0
    return made


def loaded(script: str, *args: object, code: int = 0) -> set[str]:
    """The modules that a script loads, as a process of its own."""
    done = subprocess.run([sys.executable, "-X", "importtime", SCRIPTS / script, *args],
                          capture_output=True, encoding="utf-8")
    assert done.returncode == code, done.stderr[-2000:]
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()
            if line.startswith("import time:")}


@pytest.mark.parametrize("script", ["show_datapoint.py", "record_review.py", "plan_review.py",
                                    "check_report.py"])
def test_help_loads_no_package_and_no_room(script):
    modules = loaded(script, "--help")
    assert "failure_analysis.cli" in modules
    assert not {"msgspec", "failure_analysis.packet", "failure_analysis.review", *SLOW} & modules


def test_showing_and_recording_load_no_reader_of_runs(folder):
    shown = loaded("show_datapoint.py", folder, "--next")
    recorded = loaded("record_review.py", folder, "--id", "a/0", "--bucket", "stops_early",
                      "--fault", "model_error", "--mechanism", "It stops before the end of it.",
                      "--quote", turn(0, False)["assistant_text"])
    assert "failure_analysis.packet.rows" in shown & recorded
    assert not SLOW & (shown | recorded)


def test_planning_reads_the_runs_and_draws_nothing(folder):
    planned = loaded("plan_review.py", folder)
    assert "failure_analysis.reading.ingest" in planned
    assert not {"numpy", "pydantic", "failure_analysis.audit.items"} & planned


def test_a_check_audits_nothing(folder):
    checked = loaded("check_report.py", folder, code=1)
    assert {"numpy", "failure_analysis.comparison.compute"} <= checked
    assert not REPORT & checked


def test_every_expression_compiles():
    for path in sorted((SCRIPTS / "failure_analysis").rglob("*.py")):
        if "import re_compile" not in path.read_text(encoding="utf-8"):
            continue
        name = path.relative_to(SCRIPTS).with_suffix("").as_posix().replace("/", ".")
        held = [one for value in vars(importlib.import_module(name)).values() for one in (
            value if isinstance(value, tuple) else
            value.values() if isinstance(value, dict) else [value])]
        made = [one for one in held if isinstance(one, patterns.re_compile)]
        assert made, name
        for one in made:
            assert one.groups >= 0, name


def test_an_expression_does_what_the_compiled_one_does():
    one = patterns.re_compile(r"(?P<n>\d+)")
    assert (one.pattern, one.search("a 12")["n"], one.sub("x", "1 2")) == (r"(?P<n>\d+)", "12",
                                                                           "x x")
    with pytest.raises(AttributeError):
        _ = one.nothing
