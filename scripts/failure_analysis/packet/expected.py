"""What a mapping, or the files themselves, say must come out, held against what came out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import TYPE_CHECKING, Any

from failure_analysis import clean

if TYPE_CHECKING:
    from failure_analysis.packet.tally import SourceTally
    from failure_analysis.reading import mapping_file

_COUNTED = {"rows": "rows", "passed": "passed rows", "failed": "failed rows",
            "unjudged": "unjudged rows", "items": "items", "models": "models"}
_OUTCOMES = {"passed": "pass", "failed": "fail", "unjudged": "unjudged"}


def of_files(wanted: "mapping_file.Expected", tally: "SourceTally") -> list[dict]:
    """The differences between what the files of a source say and the rows of those that say it."""
    said: dict[str, list[tuple[str, float]]] = {}
    for path, name, value in tally.counts.published:
        said.setdefault(name, []).append((path, value))
    models = len({run.model_name for run in tally.runs})
    differences = []
    for name, text in wanted:
        if not isinstance(text, str) or name == "items" or name not in said:
            continue
        if name == "pass_rate":
            for path, value in said[name]:
                differences += _rate(value, tally.files.get(path, Counter()), path)
            continue
        for path, value in said[name]:
            outcomes = tally.files.get(path, Counter())
            got = models if name == "models" else \
                outcomes.total() if name == "rows" else outcomes[_OUTCOMES[name]]
            if value != got:
                differences.append(_difference(name, f"{path} says {value:g}, {got} were counted"))
    return differences


def of_all(wanted: "mapping_file.Expected", facts: Mapping[str, Any], items: Iterable[str],
           models: Iterable[str], said: set[str]) -> list[dict]:
    """The differences between the numbers of the mapping and all rows; also that no file says
    what one should (`said`: what some file does)."""
    got = {"rows": facts["rows_read"] - facts["rejected_rows"], "passed": facts["passed_rows"],
           "failed": facts["failed_rows"], "unjudged": facts["unjudged_rows"]}
    differences = []
    for name, value in wanted:
        if isinstance(value, str) and name != "items" and name not in said:
            differences.append(_difference(name, f"no file says it at {value}"))
        elif name in ("items", "models"):
            differences += _names(name, value, set(items if name == "items" else models))
        elif name == "pass_rate" and isinstance(value, int | float):
            differences += _rate(value, Counter({"pass": facts["passed_rows"],
                                                 "fail": facts["failed_rows"]}), "the mapping")
        elif isinstance(value, int | float) and value != got[name]:
            differences.append(_difference(name, f"the mapping says {value:g}, {got[name]} were "
                                           "counted"))
    return differences


def _names(name: str, wanted: Any, got: set[str]) -> Iterator[dict]:
    """Names that are missing or too many; a number is their count, a text a file with a name on
    each line."""
    if wanted is None or (isinstance(wanted, str) and name == "models"):
        return
    if isinstance(wanted, int | float):
        if wanted != len(got):
            yield _difference(name, f"the mapping says {wanted:g}, {len(got)} were counted")
        return
    listed = set(map(str, wanted))
    for what, names in (("missing", listed - got), ("not expected", got - listed)):
        if names:
            yield _difference(name, f"{what} {_few(names)}")


def _few(names: Sized) -> str:
    first = ", ".join(clean.visible(name)[:60] for name in sorted(names)[:5])
    return f"{len(names)} ({first}{', …' if len(names) > 5 else ''})"


def _rate(published: float, outcomes: Counter, where: str) -> Iterator[dict]:
    """The difference of a published rate, as a share or in percent, to as many digits as it has."""
    judged = outcomes["pass"] + outcomes["fail"]
    # A float drops the zeros at its end: a share is held to the hundredth at least, an int exactly.
    digits = len(repr(float(published)).partition(".")[2]) if "e" not in repr(published) else 12
    digits = 0 if type(published) is int and published > 1 else \
        12 if published in (0, 1) else max(digits, 2 if published <= 1 else 1)
    scale = 100 if published > 1 else 1
    rate = scale * outcomes["pass"] / judged if judged else 0.0
    if abs(rate - published) > 0.5 * 10 ** -digits + 1e-9:
        yield _difference("pass_rate", f"{where} says {published:g}, {outcomes['pass']} of "
                          f"{judged} judged rows are {rate:g}")


def _difference(name: str, what: str) -> dict:
    return {"kind": "expected", "text": f"Not as expected: {_COUNTED.get(name, 'pass rate')}: "
            f"{what}.", "count": 1, "about": [name]}
