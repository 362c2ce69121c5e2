"""Made-up agent journals of AIDE's and AI-Scientist-v2's shape, small and honest."""

import gzip
import io
import json
import tarfile
from pathlib import Path

UUID = "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"


def node(ident: str, step: int, buggy: bool | None = False, exc: str | None = None, **more) -> dict:
    """One AIDE node; `exc` is its exception, `Type: message`."""
    kind, _, message = (exc or "").partition(": ")
    return {
        "id": ident, "step": step, "plan": f"plan of {ident}", "ctime": 1_755_741_600.0 + step,
        "code": f"print('{ident}')\nmodel.fit(x)\n", "parent": None, "children": [],
        "_term_out": [f"epoch 1 of {ident}", "\n", "Execution time: a moment seconds."],
        "exec_time": 1.5, "exc_type": kind or None,
        "exc_info": {"args": [message]} if exc else None,
        "exc_stack": [["interpreter.py", 144, "_run_session", "exec(code)"],
                      ["runfile.py", 2, "<module>", "model.fit(x)"]] if exc else None,
        "analysis": f"the reviewer on {ident}", "is_buggy": buggy,
        "metric": {"value": None if buggy else 0.5 + step / 100,
                   "maximize": None if buggy else False}, **more,
    }


def write(path: Path, nodes: list, parents: dict[str, str] | None = None, **more) -> Path:
    """Writes a journal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"nodes": nodes, "node2parent": parents or {}, "__version": "2", **more}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def search(size: int = 8) -> tuple[list, dict[str, str]]:
    """A search with a good draft, a chain that recovers (2, 3, 4) and one that does not (5, 6)."""
    nodes = [node("a", 0), node("b", 1, True, "ModuleNotFoundError: No module named 'catboost'"),
             node("c", 2, True, "TypeError: fit() got an unexpected keyword argument 'x'"),
             node("d", 3, True, "KeyError: label"), node("e", 4), node("f", 5, True),
             node("g", 6, True, "TimeoutError: "), node("h", 7)][:size]
    parents = {"d": "c", "e": "d", "f": "a", "g": "f", "h": "a"}
    ids = {made["id"] for made in nodes}
    return nodes, {child: parent for child, parent in parents.items() if child in ids}


def demo_archives(folder: Path) -> None:
    """Writes the archives of tests/fixtures/demo_archives, the same bytes each time."""
    for run, size in (("2031-08-20T16-37-58-GMT_run-group_aide", 8),
                      ("2031-08-21T02-06-57-GMT_run-group_aide", 3)):
        nodes, parents = search(size)
        data = json.dumps({"nodes": nodes, "node2parent": parents, "__version": "2"}).encode()
        info = tarfile.TarInfo(f"{run}/kaggle/house-prices_{UUID}/logs/exp/journal.json")
        info.size = len(data)
        with gzip.GzipFile(folder / f"{run}.tar.gz", "wb", mtime=0) as packed, \
                tarfile.open(fileobj=packed, mode="w") as tar:
            tar.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    demo_archives(Path(__file__).parent / "fixtures" / "demo_archives")
