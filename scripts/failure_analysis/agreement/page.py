"""agreement.md: how far coders agree, and what is left to settle."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from failure_analysis.markdown import code, table

MOST_ROWS, MOST_NAMES, MOST_PAIRS = 40, 12, 12
NONE = "–"
_QUESTIONS = ("bucket", "group", "fault")
NAMES_FIRST = (
    "Agreement about bucket names means little before the names are harmonised: two readers who "
    "invent different names for one cause count as disagreeing.")
HOW_TO_READ = (
    "Kappa is 0 where coders agree as often as chance would have them and 1 where they always "
    "agree. It is low, whatever the coders do, where one label is used for nearly everything; AC1 "
    "is not. Where the two part, look at the raw agreement and at how often each label is used. "
    "Intervals are 95 %, from resampling the datapoints (of a share of 0 or 1, Wilson's).")
STEPS = "One apart: the same error is often seen in a message and in the call or answer beside it."
STEP_HEADS = ("same", "share (95 %)", "at most one apart", "share (95 %)")
NO_COMMON_LABEL = "no label in common, so nothing but names is compared"


def page(result: dict, analysis_dir: Path) -> str:
    """The whole page."""
    parts = ["# Agreement", answer(result), NAMES_FIRST + _names_to_check(result),
             "## Coders", *_coders(result)]
    if result["pairs"]:
        parts += ["## Every two coders", *_pairs(result), HOW_TO_READ,
                  "## All readers together", *_together(result)]
    parts += ["## One cause under two names", *_two_names(result),
              "## To settle", *_to_settle(result, analysis_dir)]
    pairs = [pair for pair in result["pairs"] if pair["shared"]]
    for pair in pairs[:MOST_PAIRS]:
        parts += [f"## {code(pair['a'])} and {code(pair['b'])}", *_details(pair)]
    if len(pairs) > MOST_PAIRS:
        parts.append(f"{_count(len(pairs) - MOST_PAIRS, 'more pair')} in agreement.json.")
    return "\n\n".join(parts) + "\n"


def answer(result: dict) -> str:
    """The one paragraph that somebody who reads no further should have read."""
    together = result["together"]["readers"]
    readers, shared = together["coders"], together["bucket"]["shared"]
    if not readers:
        others = {"llm": "LLM coders", "label": "labels from outside"}
        named = " and ".join(words for kind, words in others.items()
                             if any(kind in row["kinds"] for row in result["coders"]))
        return f"No agent or person has reviewed a failing datapoint: only {named} are compared."
    if len(readers) == 1:
        return (f"There is one reader, {code(readers[0])}: how far another reader would agree is "
                f"not known. Have {result['fewest_shared']} or more of the same datapoints read by "
                "a second one (`record_review.py … --coder NAME`).")
    more = f" and {len(readers) - MOST_NAMES} more" if len(readers) > MOST_NAMES else ""
    who = f"{len(readers)} readers ({', '.join(map(code, readers[:MOST_NAMES]))}{more})"
    left = (f"{_count(len(result['disagreements']), 'disagreement')} to settle, "
            f"{result['settled']} settled.")
    if not shared:
        return f"{who} share no failing datapoint, so nothing is known of their agreement. {left}"
    enough = "" if together["bucket"]["status"] == "sufficient" else (
        f" **Insufficient**: {shared} of {result['fewest_shared']} shared datapoints, too few for "
        "more than counts.")
    if len(readers) == 2:
        first = (f"{code(readers[0])} and {code(readers[1])} both read "
                 f"{_count(shared, 'failing datapoint')}. They name")
    else:
        first = (f"{_count(shared, 'failing datapoint')}: read by two or more of the {who}. All "
                 "readers of a datapoint name")
    bucket, fault = together["bucket"], together["fault"]
    group = "" if "group" not in together else \
        f", the same group of buckets for {together['group']['same']} of {shared}" \
        f"{_alpha_in_words(together['group']['alpha'])}"
    return (f"{first} the same bucket for {bucket['same']} of {shared}"
            f"{_alpha_in_words(bucket['alpha'])}{group} and the same fault for {fault['same']} of "
            f"{shared}{_alpha_in_words(fault['alpha'])}.{_located_in_words(together)}{enough} "
            f"{left}")


def _located_in_words(together: dict) -> str:
    """On how many steps and agents the readers agree, where they name any."""
    if "step" not in together:
        return ""
    step, agent = together["step"], together["agent"]
    return (f" Where two or more name a step ({step['shared']}), it is the same for {step['same']} "
            f"and at most one apart for {step['within_one']}, and the agent is the same for "
            f"{agent['same']} of {agent['shared']}.")


def _alpha_in_words(alpha: dict) -> str:
    if alpha["value"] is None:
        return ""
    span = f", 95 % {' to '.join(f'{end:.2f}' for end in alpha['interval'])}" \
        if alpha["interval"] else ""
    return f" (Krippendorff's alpha {alpha['value']:.2f}{span})"


def _names_to_check(result: dict) -> str:
    pairs = sum(len(pair["one_cause_two_names"]) for pair in result["pairs"] if not pair["rules"])
    return f" {_count(pairs, 'pair of names', 'pairs of names')} below may be such a case." if \
        pairs else ""


def _coders(result: dict) -> list[str]:
    rows = [[code(row["coder"]), ", ".join(row["kinds"]), row["datapoints"], row["buckets"],
             row["corrected"]] for row in result["coders"]]
    parts = _bounded(["coder", "kind", "failing datapoints", "buckets used",
                      "corrected or renamed"], rows)
    rules = next((pair["b"] for pair in result["pairs"] if pair["rules"]), None)
    if rules:
        parts.append(f"{code(rules)} are the provisional modes of cluster_failures.py: they see "
                     "words, not causes, and say nothing of fault.")
    if any("label" in row["kinds"] for row in result["coders"]):
        parts.append("Labels are what people outside said, without a quote: they are compared, and "
                     "decide nothing.")
    if result["left_out"]:
        counts = "; ".join(f"{count} {reason}" for reason, count in result["left_out"].items())
        parts.append(f"Reviews left out of the comparison: {counts}.")
    if any(row["corrected"] for row in result["coders"]):
        parts.append("A corrected or renamed review counts as corrected. Corrections made after "
                     "coders had talked make agreement look better than two strangers would have "
                     "it.")
    return parts


def _pairs(result: dict) -> list[str]:
    """Each question, a line for every two coders."""
    parts = []
    for question, title in (("bucket", "Same bucket (primary cause)"),
                            ("group", "Same group of buckets"), ("fault", "Same fault"),
                            ("agent", "Same agent, where both name a step")):
        rows = [[code(pair["a"]), code(pair["b"]), same(pair, question),
                 *[_figure(pair[question][name]) for name in ("share", "kappa", "ac1")],
                 _note(pair[question])] for pair in result["pairs"] if pair.get(question)]
        if rows:
            parts += [f"**{title}**", *_noted(["coder", "coder", "same", "share (95 %)",
                                               "kappa (95 %)", "AC1 (95 %)"], rows)]
    rows = [[code(pair["a"]), code(pair["b"]), *_step_cells(pair["step"])]
            for pair in result["pairs"] if "step" in pair]
    if rows:
        parts += [f"**Same step, where both name one.** {STEPS}", *_noted(
            ["coder", "coder", *STEP_HEADS], rows)]
    return parts


def _step_cells(step: dict) -> list[str]:
    """How often the same step is named, and one at most one apart; the note last."""
    return [f"{step['same']} of {step['shared']}", _figure(step["same_share"]),
            f"{step['within_one']} of {step['shared']}", _figure(step["within_one_share"]),
            step["same_share"]["why"] or ""]


def _together(result: dict) -> list[str]:
    """Alpha over all readers, and with the LLM coders."""
    if not any(group["bucket"]["shared"] for group in result["together"].values()):
        return ["No failing datapoint was read by two of them."]
    words = {"readers": "agents and people", "readers_and_llm": "agents, people and LLM coders"}
    rows = []
    for name, group in result["together"].items():
        for question in filter(group.get, _QUESTIONS):
            compared = group[question]
            rows.append([words[name], len(group["coders"]), question,
                         f"{compared['same']} of {compared['shared']}", _figure(compared["alpha"]),
                         compared["alpha"]["why"] or ""])
    return ["Datapoints with two or more of these coders.",
            *_noted(["coders", "how many", "question", "all say the same",
                     "Krippendorff's alpha (95 %)"], rows), *_steps_together(result, words)]


def _steps_together(result: dict, words: dict[str, str]) -> list[str]:
    """On how many datapoints all who name a step name the same one, where any do."""
    rows = [[words[name], *_step_cells(group["step"])]
            for name, group in result["together"].items() if "step" in group]
    return ["Where two or more of them name a step:", *_noted(["coders", *STEP_HEADS], rows)] \
        if rows else []


def same(pair: dict, question: str) -> str:
    """On how many datapoints two coders say the same, of those on which both said something."""
    compared = pair[question]
    return f"{compared['same']} of {compared.get('shared', pair['shared'])}"


def _note(compared: dict) -> str:
    """What to know of one pair's figures on one question."""
    common = not compared["labels"] or any(row["a"] and row["b"] for row in compared["labels"])
    notes = [*([] if common else [NO_COMMON_LABEL]),
             *(compared[name]["why"] for name in ("kappa", "ac1") if compared[name]["why"])]
    return "; ".join(dict.fromkeys(notes))


def _noted(headers: list[str], rows: list[list]) -> list[str]:
    """A bounded table whose last column are notes, if there are any."""
    if any(row[-1] for row in rows[:MOST_ROWS]):
        return _bounded([*headers, "note"], rows)
    return _bounded(headers, [row[:-1] for row in rows])


def _two_names(result: dict) -> list[str]:
    rows = [[f"{code(names['a'])} ({code(pair['a'])})", f"{code(names['b'])} ({code(pair['b'])})",
             f"{names['datapoints']} of {names['of_a']} and {names['of_b']}",
             code(names["example"]),
             code(names["command"]) if names["command"] else "none: a provisional mode"]
            for pair in result["pairs"] for names in pair["one_cause_two_names"]]
    if not rows:
        return ["No two labels stand for each other in most of their uses."]
    return ["These labels come together in most of the uses of both. Read the example; rename only "
            "where both mean the same cause. A rename changes every review of the old name.",
            *_bounded(["label", "label", "together, of the uses of each", "example",
                       "to make them one"], rows)]


def _to_settle(result: dict, analysis_dir: Path) -> list[str]:
    disagreements = result["disagreements"]
    if not disagreements:
        return ["Nothing: no disagreement between agents or people is open; "
                f"{result['settled']} settled."]
    lines = []
    for case in disagreements[:MOST_ROWS]:
        views = "; ".join(f"{code(view['coder'])} says {code(view['bucket'])}, "
                          f"{code(view['fault'])} ({code(view['review_id'])})"
                          for view in case["said"])
        lines += [f"- {code(case['datapoint_id'])}, {' and '.join(case['about'])}: {views}",
                  f"  - {code(case['command'])}"]
    return [f"{_count(len(disagreements), 'failing datapoint')} on which agents or people differ "
            "in bucket or fault. Read each (`show_datapoint.py "
            f"{shlex.quote(analysis_dir.as_posix())} ID`), then fill in the command. NAME is who "
            "settles; a coder named in the line adds `--replaces` and the id of that review.",
            "\n".join(lines), *_more(len(disagreements))]


def _details(pair: dict) -> list[str]:
    """How often each label was used, and the confusion table cell by cell, most frequent first."""
    parts = []
    for question in filter(pair.get, _QUESTIONS):
        counts = pair[question]
        labels = [[code(row["label"]), f"{row['a']} ({100 * row['a_share']:.0f} %)",
                   f"{row['b']} ({100 * row['b_share']:.0f} %)", row["both"]]
                  for row in counts["labels"]]
        apart = [[code(cell["a"]), code(cell["b"]), cell["datapoints"]]
                 for cell in counts["confusion"] if cell["a"] != cell["b"]]
        parts += [f"**{question.capitalize()}**: the same on {same(pair, question)}.",
                  *_bounded([question, f"{code(pair['a'])} used it", f"{code(pair['b'])} used it",
                             "both, on the same datapoint"], labels)]
        if apart:
            parts += ["Confusion, where they differ:", *_bounded(
                [f"{code(pair['a'])} says", f"{code(pair['b'])} says", "datapoints"], apart)]
    return parts


def _figure(figure: dict) -> str:
    return NONE if figure["value"] is None else ranged(figure["value"], figure["interval"])


def ranged(value: float, interval: Sequence[float] | None, form: str = ".2f") -> str:
    """A value with its interval, if there is one."""
    if not interval:
        return f"{value:{form}}"
    low, high = interval
    return f"{value:{form}} ({low:{form}} to {high:{form}})"


def _count(count: int, singular: str, plural: str | None = None) -> str:
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def _bounded(headers: list[str], rows: list[list]) -> list[str]:
    """A table of the first rows, and what it leaves out."""
    return [table(headers, rows[:MOST_ROWS]), *_more(len(rows))]


def _more(count: int) -> list[str]:
    """A line that says what a bounded list leaves out, if it leaves out something."""
    return [f"{count - MOST_ROWS} more in agreement.json."] if count > MOST_ROWS else []
