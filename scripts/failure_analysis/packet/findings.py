"""What a reader must know before believing or comparing the runs: one line per kind of finding,
those that cost the comparison most first."""

from collections.abc import Iterable
from typing import Any

from failure_analysis import steps

MOST_LINES = 15  # in a report, and on the terminal
_MOST_EACH = 200
_MOST_NAMED = 5
_MOST_TEXTS = 3

# From what makes numbers wrong, over what makes runs differ, to what single rows show.
_WRONG = ("expected", "unreadable_file", "empty_run", "no_judged_file", "mapping_nowhere",
          "mapping_one_verdict", "mapping_failures_only", "mapping_no_verdict", "mapping_spelling",
          "mapping_mixed_scales", "mapping_key_twice", "mapping_gaps", "mapping_ties",
          "mapping_join_misses", "mapping_join_unused", "mapping_no_model", "mapping_model_gaps",
          "mapping_no_such_value", "mapping_or_null", "mapping_unread", "side_file")
_ITEMS = ("unjudged_rows", "runs_not_recorded", "nothing_shared", "content_differs",
          "policy_differs", "other_ids", "ambiguous_ids", "missing_items", "items_never_run",
          "content_changes_in_run", "repeated_items", "reruns")
_CONDITIONS = ("other_name", "one_model_two_agents", "settings_differ", "self_simulated",
               "mixed_models", "mixed_graders", "judge_missing", "setting_changes_in_run",
               "time_gap", "equal_times", "labelled")
_ROWS = ("row_note", "rejected_rows", "not_counted_rows", "failed_without_dimension",
         "content_unchecked", "rejected_gradings", "empty_answers", "marker_rows",
         "transcript_not_in_transcript", "transcript_not_judged", "transcript_text_differs",
         "transcript_unreadable_lines")
_LAST = ("mapping_unmapped", "ignored_files")
_PLACES = {kind: place for place, kind in enumerate((*_WRONG, *_ITEMS, *_CONDITIONS, *_ROWS))}
# What the terminal has in a line of its own, or a reader of the terminal can do without.
_SAID_ELSEWHERE = ("expected", "unreadable_file", "rejected_rows", "not_counted_rows", *_LAST)
# What several findings of a kind have in common, in one line with what is told of each.
_TOGETHER = {
    "missing_items": "Runs lack items that other runs or the benchmark have",
    "time_gap": "{n} pauses between the sessions from which runs were put together",
    "reruns": "{n} runs look as if they hold reruns of failures",
    "repeated_items": "{n} runs have more rows of items than their trials tell, kept as further "
                      "attempts",
    "content_changes_in_run": "{n} runs ask different things under one id",
    "mixed_graders": "{n} runs were graded by several graders or versions",
    "setting_changes_in_run": "{n} settings change inside a run, which was put together from more "
                              "than one session",
    "settings_differ": "{n} conditions are not the same in all runs, and a difference between the "
                       "runs may come from them",
    "mixed_models": "{n} files hold rows of several models, each of which is kept as a run",
    "marker_rows": "In the place of answers the harness put markers",
    "empty_run": "{n} runs have no usable row",
    "other_name": "{n} runs are called after another model than they record",
    "equal_times": "In {n} runs all rows carry one time, which tells neither order nor sessions",
    "one_model_two_agents": "{n} models were run by several agents that count as one model",
    "transcript_not_in_transcript": "{n} runs have turns that were judged but are not in their "
                                    "transcript",
    "transcript_not_judged": "{n} runs have turns in their transcript that were never judged",
    "transcript_text_differs": "{n} runs have turns that were judged on another answer than their "
                               "transcript has",
    "transcript_unreadable_lines": "{n} runs have lines in their transcript that cannot be read",
}


def finding(kind: str, text: str, about: list[str], count: int | None = None, told: str = ""
            ) -> dict[str, Any]:
    """One finding: a sentence, and what it is about; `told` is what is said of it where it stands
    in one line with others of its kind."""
    return {"kind": kind, "text": text, "count": len(about) if count is None else count,
            "about": about[:_MOST_EACH], **({"told": told} if told else {})}


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def in_order(findings: Iterable[dict]) -> list[dict]:
    """The findings, those of a kind in one, what costs the comparison most first. Notes of rows are
    counted by what they say already, and stay."""
    alike: dict[tuple[str, str], list[dict]] = {}
    for one in findings:
        of_its_own = one["text"] if one["kind"] == "row_note" else ""
        alike.setdefault((one["kind"], of_its_own), []).append(one)
    return [_one(kind, alike[kind, text]) for kind, text in
            sorted(alike, key=lambda pair: _place(pair[0]))]


def _place(kind: str) -> int:
    last = len(_PLACES) + 1
    return last + _LAST.index(kind) if kind in _LAST else _PLACES.get(kind, last - 1)


def _one(kind: str, alike: list[dict]) -> dict:
    """Several findings of a kind as one; each sentence stands in `each`."""
    if len(alike) == 1:
        return {name: value for name, value in alike[0].items() if name != "told"}
    told = [one["told"] for one in alike if "told" in one]
    if kind in _TOGETHER and len(told) == len(alike):
        rest = f"; and {len(told) - _MOST_NAMED} more in {steps.SANITY}" \
            if len(told) > _MOST_NAMED else ""
        text = f"{_TOGETHER[kind].format(n=len(alike))}: {'; '.join(told[:_MOST_NAMED])}{rest}."
    else:
        more = len(alike) - _MOST_TEXTS
        text = " ".join([one["text"] for one in alike[:_MOST_TEXTS]] + (
            [f"And {more} more of this kind in {steps.SANITY}."] if more > 0 else []))
    about = list(dict.fromkeys(name for one in alike for name in one["about"]))
    return {"kind": kind, "text": text, "count": sum(one["count"] for one in alike),
            "about": about[:_MOST_EACH], "each": [one["text"] for one in alike[:_MOST_EACH]]}


def for_terminal(findings: list[dict]) -> list[str]:
    """What of the ordered findings a reader of the terminal should see."""
    texts = [one["text"] for one in findings if one["kind"] not in _SAID_ELSEWHERE]
    most = len(texts) if len(texts) <= MOST_LINES else MOST_LINES - 1
    more = [f"{len(texts) - most} more in {steps.SANITY}"] if len(texts) > most else []
    return [f"- {text}" for text in [*texts[:most], *more]]
