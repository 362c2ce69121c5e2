"""What a user calls runs as their models, where files know the LLM and not the agent."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from failure_analysis.datapoint import natural_key
from failure_analysis.files import Refusal
from failure_analysis.records import Source

_MOST = 10


def given(words: Iterable[str]) -> dict[str, str]:
    """Run -> label, of options such as RUN=NAME; refuses what is none, and two for one run."""
    labels: dict[str, str] = {}
    for word in words:
        run_id, _, name = (part.strip() for part in word.rpartition("="))
        if not run_id or not name:
            raise Refusal(f"--label {word}: RUN=NAME is expected, a run and what it is called")
        _add(labels, run_id, name)
    return labels


def put_on(sources: Sequence[Source], labels: Mapping[str, str]) -> list[Source]:
    """The sources with these labels beside those of their mapping; refuses two for one run."""
    both = dict(sources[0].labels)
    for run_id, name in labels.items():
        _add(both, run_id, name)
    return [replace(source, labels=both) for source in sources]


def _add(labels: dict[str, str], run_id: str, name: str) -> None:
    if labels.setdefault(run_id, name) != name:
        raise Refusal(f"two labels for run {run_id}: {labels[run_id]} and {name}; give one")


def refuse_unknown(labels: Iterable[str], run_ids: Collection[str]) -> None:
    """Refuses a label of a run that is not there, with those that are, the most alike first."""
    for run_id in labels:
        if run_id not in run_ids:
            near = difflib.get_close_matches(run_id, sorted(run_ids), n=_MOST)
            rest = sorted(set(run_ids) - set(near), key=natural_key)
            more = f", and {len(run_ids) - _MOST} more" if len(run_ids) > _MOST else ""
            split = " (RUN=NAME is parted at its last =)" if "=" in run_id else ""
            raise Refusal(f"label of run {run_id}: no run is called so{split}; the runs are "
                          f"{', '.join([*near, *rest][:_MOST])}{more}")
