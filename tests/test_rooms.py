"""The library's rooms: a module imports only from its own room and those before it, so no circle
can grow between rooms; none grows inside one either."""

import ast
from collections.abc import Iterator
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

LIBRARY = Path(__file__).resolve().parents[1] / "scripts" / "failure_analysis"
GROUND = "ground floor"
ROOMS = (GROUND, "archives", "journals", "formats", "reading", "drafting", "packet", "comparison",
         "audit", "review", "changes", "lenses", "agreement", "coding", "report", "pages", "tables",
         "cli")
# What the ground floor holds; any other module at the root has no room.
GROUND_FLOOR = frozenset((
    "files", "clean", "store", "user_files", "terminal", "datapoint", "paths", "statistics",
    "markdown", "steps", "manifest", "results", "facts", "aside", "records", "checks",
    "tool_calls", "tool_checks", "documents", "spread", "cluster", "remote", "short_names",
    "patterns"))


class Import(NamedTuple):
    """One module of the library that another one imports, anywhere in its text."""

    importer: str
    line: int
    imported: str


def modules(library: Path) -> dict[str, Path]:
    """The library's modules by dotted name; a package goes by its own."""
    found = {}
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            found[name] = path
    return found


@lru_cache
def imports(library: Path) -> tuple[Import, ...]:
    """Every import between modules, also those inside functions and for type checkers."""
    return tuple(_imports(library))


def _imports(library: Path) -> Iterator[Import]:
    known = modules(library)
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path}:{node.lineno}: write imports from the root"
                base = (node.module or "").split(".")
                if base[0] == "failure_analysis":
                    for alias in node.names:
                        whole = ".".join([*base[1:], alias.name])
                        target = whole if whole in known else ".".join(base[1:])
                        if target in known:
                            yield Import(name, node.lineno, target)
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("failure_analysis") for alias in node.names), \
                    f"{path}:{node.lineno}: write `from failure_analysis import …`"


def room_of(module: str) -> str:
    """The room of a module."""
    first = module.split(".")[0]
    return GROUND if first in GROUND_FLOOR else first


def upward(library: Path) -> list[str]:
    """The imports that run against the order of the rooms, with both ends."""
    return [f"{one.importer} (line {one.line}, {room_of(one.importer)}) imports {one.imported} "
            f"({room_of(one.imported)}), which comes later"
            for one in imports(library)
            if ROOMS.index(room_of(one.imported)) > ROOMS.index(room_of(one.importer))]


def circle(library: Path) -> list[str]:
    """Modules that import each other in a circle, or nothing."""
    graph: dict[str, set[str]] = {}
    for one in imports(library):
        # A module of a package imports the package's own names through its door.
        if not one.importer.startswith(f"{one.imported}."):
            graph.setdefault(one.importer, set()).add(one.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_every_module_has_a_room():
    homeless = {name: room_of(name) for name in modules(LIBRARY) if room_of(name) not in ROOMS}
    assert not homeless, f"in no room of {ROOMS}: {sorted(homeless)}"
    assert set(map(room_of, modules(LIBRARY))) == set(ROOMS), "a room is empty"


def test_imports_follow_the_order_of_the_rooms():
    assert not upward(LIBRARY), "\n".join(upward(LIBRARY))


def test_no_module_imports_itself_by_a_detour():
    assert not circle(LIBRARY), " imports ".join(circle(LIBRARY))


@pytest.mark.parametrize("text", [
    "from failure_analysis.report import check\n",
    "def late():\n    from failure_analysis import cli\n",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
    "    from failure_analysis.pages.server import serve\n"])
def test_an_import_against_the_order_is_named_with_both_ends(tmp_path, text):
    for name, body in {"records": text, "report/__init__": "", "report/check": "",
                       "pages/__init__": "", "pages/server": "", "cli": ""}.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(body)
    (message,) = upward(tmp_path)
    assert message.startswith("records (line ") and "comes later" in message


def test_a_circle_inside_a_room_is_found(tmp_path):
    (tmp_path / "lenses").mkdir()
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / "lenses" / f"{name}.py").write_text(
            f"from failure_analysis.lenses import {other}\n")
    assert len(set(circle(tmp_path))) == 3


def test_no_room_but_formats_and_reading_knows_the_name_of_a_format():
    """A source answers what callers ask of it; whoever asks need not know what it is."""
    told = [f"{one.importer} (line {one.line}) imports {one.imported}" for one in imports(LIBRARY)
            if room_of(one.imported) == "formats"
            and room_of(one.importer) not in ("formats", "reading")]
    assert not told, "\n".join(told)
    names = {node.value.value for path in (LIBRARY / "formats").glob("*.py")
             for node in ast.parse(path.read_text(encoding="utf-8")).body
             if isinstance(node, ast.Assign) and node.targets[0].id == "NAME"}
    assert {"judged-runs", "tau2-bench", "agent-journals"} <= names
    for name, path in modules(LIBRARY).items():
        if room_of(name) in ("formats", "reading"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Constant) or node.value not in names, \
                f"{path}:{node.lineno} names the format {node.value}"


def test_nothing_moves_the_working_directory():
    for path in LIBRARY.rglob("*.py"):
        assert "chdir" not in path.read_text(encoding="utf-8"), f"{path}: resolve paths instead"
