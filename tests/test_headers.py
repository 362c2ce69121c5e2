"""pyproject.toml is the one list of versions: script headers, imports, --help and README agree
with it.

A scanner returns how many things it looked at and what is wrong with them. Each is run on the
bundle (where it must find enough to look at) and on a toy bundle with one planted fault.
"""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest
import yaml

Findings = tuple[int, list[str]]
Scanner = Callable[[Path], Findings]

HEADER = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
# Where a package is imported under another name.
DISTRIBUTIONS = {"yaml": "pyyaml", "pydantic_core": "pydantic", "markdown_it": "markdown-it-py",
                 "markupsafe": "jinja2"}
# Runs a script with --help and tells which packages that loaded.
HELP_PROBE = """
import contextlib, io, json, runpy, sys
script, scripts = sys.argv[1], sys.argv[2]
sys.path.insert(0, scripts)
sys.argv = [script, "--help"]
before, text, code = set(sys.modules), io.StringIO(), 0
with contextlib.redirect_stdout(text):
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps([code, text.getvalue(), sorted(loaded - set(sys.stdlib_module_names))]))
"""


def scripts_of(root: Path) -> list[Path]:
    """The command-line scripts of a bundle."""
    return sorted((root / "scripts").glob("*.py"))


def read_pyproject(root: Path) -> dict:
    """pyproject.toml as a dict."""
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


def distribution(requirement: str) -> str:
    """The normalised package name of a requirement: `Foo_bar>=1` is foo-bar."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    return name[0].lower().replace("_", "-") if name else requirement


def read_header(script: Path) -> dict | None:
    """The PEP 723 header of a script, or None."""
    header = HEADER.search(script.read_text("utf-8"))
    if not header:
        return None
    lines = header["content"].splitlines()
    return tomllib.loads("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines))


@lru_cache(1 << 10)  # every script imports most of the library
def imported_names(path: Path, scripts: Path) -> set[str]:
    """Every dotted name that a file imports, inside functions too; relative names made absolute."""
    package = path.relative_to(scripts).parent.parts
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def local_files(name: str, scripts: Path) -> set[Path]:
    """The files below scripts/ that an import of the dotted name runs; none if it is not ours."""
    parts = name.split(".")
    prefixes = [scripts.joinpath(*parts[:end]) for end in range(1, len(parts) + 1)]
    candidates = {path for p in prefixes for path in (p.with_suffix(".py"), p / "__init__.py")}
    return {path for path in candidates if path.is_file()}


def imported_packages(script: Path) -> set[str]:
    """The distributions that a script needs, itself or through our modules that it imports."""
    scripts = script.parent
    seen, queue, packages = {script}, [script], set()
    while queue:
        for name in imported_names(queue.pop(), scripts):
            top = name.partition(".")[0]
            files = local_files(name, scripts)
            if not files and top not in sys.stdlib_module_names:
                packages.add(DISTRIBUTIONS.get(top, distribution(top)))
            queue += files - seen
            seen |= files
    return packages


def scan_headers(root: Path) -> Findings:
    """Each script's header: there, same Python, pyproject's requirements, just what is imported."""
    project = read_pyproject(root)["project"]
    # Extras are imported where they are asked for, and a refusal says how to get them.
    extras = {distribution(r) for group in project.get("optional-dependencies", {}).values()
              for r in group}
    problems = []
    for script in scripts_of(root):
        where = f"scripts/{script.name}:1"
        header = read_header(script)
        if header is None:
            problems.append(f"{where}: no `# /// script` header; copy the one of another script")
            continue
        if header.get("requires-python") != project["requires-python"]:
            problems.append(f"{where}: requires-python must be {project['requires-python']!r}")
        declared = header.get("dependencies", [])
        for requirement in sorted(set(declared) - set(project["dependencies"])):
            problems.append(f"{where}: {requirement!r} is not literally one of pyproject.toml's")
        names = {distribution(r) for r in declared}
        needed = imported_packages(script) - (extras - names)
        for name in sorted(needed - names):
            problems.append(f"{where}: {name} is imported but not in the header; add it")
        for name in sorted(names - needed):
            problems.append(f"{where}: {name} is in the header but not imported; remove it")
        if len(names) != len(declared):
            problems.append(f"{where}: a package is in the header twice")
    return len(scripts_of(root)), problems


def scan_dynamic_imports(root: Path) -> Findings:
    """No import that `scan_headers` cannot see."""
    files, problems = sorted((root / "scripts").rglob("*.py")), []
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "attr", getattr(called, "id", ""))
            if name in ("import_module", "__import__"):
                where = f"{path.relative_to(root)}:{node.lineno}"
                problems.append(f"{where}: {name}() hides a package; write an import statement")
    return len(files), problems


def scan_names(root: Path) -> Findings:
    """No script or shared package hides a module of Python or of an installed package."""
    project = read_pyproject(root)
    taken = sys.stdlib_module_names | {distribution(r) for r in project["project"]["dependencies"]}
    names = {path.stem for path in scripts_of(root)}
    names |= {path.parent.name for path in (root / "scripts").glob("*/__init__.py")}
    hidden = sorted(names & (taken | set(DISTRIBUTIONS)))
    return len(names), [f"scripts/{name}: hides the module {name}; rename it" for name in hidden]


def help_problems(name: str, code: int, text: str, loaded: list[str]) -> list[str]:
    """What is missing in one script's --help."""
    paragraphs = text.split("\n\n")[1:]  # after the usage
    described = bool(paragraphs) and not re.match(r"\w[\w ]*:\n", paragraphs[0] + "\n")
    checks = [
        (code == 0, f"--help exits with {code}, expected 0"),
        (described, "--help has no description; pass description=__doc__"),
        (re.search(r"(?i)\bexit codes?\b.*\b0\b", text, re.S), "--help tells no exit codes"),
        (re.search(rf"(?i)\bexample\b.*\b{re.escape(name)}", text, re.S), "--help has no example"),
        (not loaded, f"--help loads {loaded}; import them in the function that needs them"),
    ]
    return [f"scripts/{name}: {message}" for passed, message in checks if not passed]


def scan_help(root: Path) -> Findings:
    """Each script's --help: exit 0, description, exit codes, example, no package loaded."""
    problems = []
    for script in scripts_of(root):
        probe = subprocess.run(
            [sys.executable, "-c", HELP_PROBE, script, script.parent],
            capture_output=True,
            encoding="utf-8",
        )
        if probe.returncode:
            problems.append(f"scripts/{script.name}: --help ends in an error\n{probe.stderr}")
            continue
        code, text, modules = json.loads(probe.stdout)
        loaded = [name for name in modules if not local_files(name, script.parent)]
        problems += help_problems(script.name, code, text, loaded)
    return len(scripts_of(root)), problems


def scan_pip_lines(root: Path) -> Findings:
    """README's pip lines take uv, the packages of pyproject.toml, or a group of it; no package is
    named a second time, and none of our code is installed."""
    project = read_pyproject(root)
    readme = (root / "README.md").read_text("utf-8")
    lines = re.findall(r"(?m)^\s*python3? -m pip install ([^&\n#]+)", readme)
    takes = [line.strip() for line in lines]
    known = ["uv", ".", *(f"--group {name}" for name in project["dependency-groups"])]
    problems = [f"README.md: pip install {line}: takes none of {', '.join(known)}"
                for line in takes if line not in known]
    problems += [f"README.md: no line `python3 -m pip install {line}`" for line in known[1:]
                 if line not in takes]
    wheel = project.get("tool", {}).get("hatch", {}).get("build", {}).get("targets", {})
    if not wheel.get("wheel", {}).get("bypass-selection"):
        problems.append("pyproject.toml: the wheel must be empty (bypass-selection = true)")
    return len(lines), problems


def scan_versions(root: Path) -> Findings:
    """The version is the same wherever it is written."""
    skill = yaml.safe_load((root / "SKILL.md").read_text("utf-8").split("---\n")[1])
    lock = tomllib.loads((root / "uv.lock").read_text("utf-8"))
    market = json.loads((root / ".claude-plugin/marketplace.json").read_text("utf-8"))
    plugin = json.loads((root / ".claude-plugin/plugin.json").read_text("utf-8"))
    name = read_pyproject(root)["project"]["name"]
    written = {
        "SKILL.md metadata.version": skill.get("metadata", {}).get("version"),
        "uv.lock": next((p["version"] for p in lock["package"] if p["name"] == name), None),
        ".claude-plugin/plugin.json": plugin.get("version"),
        ".claude-plugin/marketplace.json": market["plugins"][0].get("version"),
    }
    version = read_pyproject(root)["project"]["version"]
    return len(written), [
        f"{where}: version is {found!r}, pyproject.toml has {version!r}"
        for where, found in written.items()
        if found != version
    ]


TOY_SCRIPT = '''#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = ["pyyaml>=6,<7"]
# ///
"""Counts things.

Exit codes: 0 done; 1 refused; 2 usage.
Example: uv run scripts/count_things.py
"""
import argparse

from failure_analysis.rules import read


def main() -> int:
    """Counts."""
    raw = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=raw).parse_args()
    return read()


if __name__ == "__main__":
    raise SystemExit(main())
'''
TOY = {
    "pyproject.toml": '[project]\nname = "toy"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
    'dependencies = ["pyyaml>=6,<7"]\n[dependency-groups]\ndev = ["pytest>=8"]\n'
    "[tool.hatch.build.targets.wheel]\nbypass-selection = true\n",
    "uv.lock": '[[package]]\nname = "toy"\nversion = "1.0"\n',
    "README.md": "python -m pip install .\npython3 -m pip install --group dev  # the tests\n",
    "SKILL.md": '---\nname: toy\nmetadata:\n  version: "1.0"\n---\n',
    ".claude-plugin/plugin.json": '{"version": "1.0"}',
    ".claude-plugin/marketplace.json": '{"plugins": [{"version": "1.0"}]}',
    "scripts/count_things.py": TOY_SCRIPT,
    "scripts/failure_analysis/__init__.py": "",
    "scripts/failure_analysis/rules.py": "def read():\n    from .deep import loader\n",
    "scripts/failure_analysis/deep.py": "def loader():\n    import yaml\n",
}
FLOORS = {
    scan_headers: 4,
    scan_dynamic_imports: 10,
    scan_names: 5,
    scan_help: 4,
    scan_pip_lines: 3,
    scan_versions: 4,
}


def changed(name: str, old: str, new: str) -> dict[str, str]:
    """The toy bundle with one file changed."""
    assert old in TOY[name]
    return TOY | {name: TOY[name].replace(old, new)}


SCRIPT = "scripts/count_things.py"
PLANTED = {
    "no header": (scan_headers, changed(SCRIPT, "# /// script", "#"), "no `# /// script`"),
    "other python": (scan_headers, changed(SCRIPT, ">=3.11", ">=3.9"), "requires-python must be"),
    "other range": (scan_headers, changed(SCRIPT, "<7", "<9"), "not literally one of"),
    "undeclared": (scan_headers, changed(SCRIPT, '"pyyaml>=6,<7"', ""), "pyyaml is imported but"),
    "undeclared below": (
        scan_headers,
        changed("scripts/failure_analysis/deep.py", "yaml", "numpy.linalg"),
        "numpy is imported but",
    ),
    "unused": (
        scan_headers,
        changed("scripts/failure_analysis/deep.py", "import yaml", "import json"),
        "pyyaml is in the header but",
    ),
    "dynamic": (
        scan_dynamic_imports,
        changed("scripts/failure_analysis/deep.py", "import yaml", "__import__('yaml')"),
        "scripts/failure_analysis/deep.py:2: __import__() hides",
    ),
    "shadows stdlib": (scan_names, TOY | {"scripts/statistics.py": ""}, "the module statistics"),
    "shadows yaml": (scan_names, TOY | {"scripts/yaml/__init__.py": ""}, "the module yaml"),
    "no description": (scan_help, changed(SCRIPT, "description=__doc__, ", ""), "no description"),
    "no exit codes": (scan_help, changed(SCRIPT, "Exit codes", "Codes"), "no exit codes"),
    "no example": (scan_help, changed(SCRIPT, "Example", "Also"), "no example"),
    "help fails": (scan_help, changed(SCRIPT, "import argparse", "import nope"), "ends in an err"),
    "help exits 3": (scan_help, changed(SCRIPT, "main())", "3)"), "exits with 3"),
    "help loads yaml": (
        scan_help,
        changed("scripts/failure_analysis/rules.py", "def", "import yaml\ndef"),
        "'yaml']; import them in the function",
    ),
    "pip line lacks": (scan_pip_lines, changed("README.md", " .", " uv"), "no line `python3 -m"),
    "pip line extra": (scan_pip_lines, changed("README.md", ".", ". six"), ". six: takes none of"),
    "pip line group": (scan_pip_lines, changed("README.md", "dev", "test"), "--group test: takes"),
    "pip takes code": (scan_pip_lines, changed("pyproject.toml", "= true", "= false"), "be empty"),
    "plugin version": (
        scan_versions,
        changed(".claude-plugin/plugin.json", "1.0", "0.9"),
        "plugin.json: version is '0.9'",
    ),
    "skill version": (
        scan_versions,
        changed("SKILL.md", "1.0", "0.9"),
        "SKILL.md metadata.version: version is '0.9'",
    ),
}


@pytest.mark.parametrize("scan", FLOORS, ids=lambda scan: scan.__name__)
def test_bundle_holds(scan: Scanner, bundle: Path) -> None:
    found, problems = scan(bundle)
    assert not problems, "\n".join(problems)
    assert found >= FLOORS[scan], f"{scan.__name__} looked at {found} things only"


@pytest.mark.parametrize("scan", FLOORS, ids=lambda scan: scan.__name__)
def test_sound_toy_bundle_holds(scan: Scanner, plant: Callable[..., Path]) -> None:
    assert scan(plant(TOY))[1] == []


@pytest.mark.parametrize("case", PLANTED)
def test_planted_fault_is_rejected(case: str, plant: Callable[..., Path]) -> None:
    scan, files, expected = PLANTED[case]
    problems = scan(plant(files))[1]
    assert any(expected in problem for problem in problems), problems
