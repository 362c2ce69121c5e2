"""What each fact means, in words for a second reader, and of which whole it is a part."""

from collections.abc import Collection, Container, Iterable
from typing import NamedTuple

from failure_analysis.markdown import code

_WILSON = "of the 95 % interval of the pass rate (Wilson; repeats count for what they are worth)"
_DIFFERENCE = "end of the 95 % interval of the difference in pass rate, in points (first better)"
_OF_RULES = "that rules gave this provisional label by words; nobody has decided it"
_DIMENSION = "(of the rows that were judged on the dimension)"
_FAULT = "reviewed failures whose decided fault is this one"
_FAULT_LEFT = "if every reviewed failure that is the benchmark's fault, undecided or disputed " \
              "were resolved {} the model; unread and `mixed` ones count as the model's"
_ITEMS = "items on which the compared units are compared"


class Kind(NamedTuple):
    """What a kind of fact counts, and the kinds of which it is a part."""

    words: str
    wholes: tuple[str, ...] = ()


_REVIEWED = ("review/reviewed",)
_STEPPED = ("review/have_steps", *_REVIEWED)
_BROKE = ("review/with_step", *_STEPPED)
_TO_END = "of the steps from the error to the end of the run, over failures whose step is named"
_STEPS_SAID = (("same", "they name the same step"),
               ("within_one", "the steps they name are at most one apart"))
_FOUND = ("audit/candidates",)
_UNJUDGED = ("review/unjudged", "unjudged_rows")
_READ = ("review/read_unjudged", *_UNJUDGED)
_COMPARED = ("comparison/compared_items", "comparison/items")
KINDS = {
    "rows_read": Kind("rows that were read from the inputs"),
    "rejected_rows": Kind("rows that could not be used", ("rows_read",)),
    "rows": Kind("rows, judged or not", ("rows_read",)),
    "judged_rows": Kind("rows that were judged pass or fail", ("rows", "rows_read")),
    "failed_rows": Kind("rows that were judged to fail", ("judged_rows", "rows", "rows_read")),
    "passed_rows": Kind("rows that were judged to pass", ("judged_rows", "rows", "rows_read")),
    "unjudged_rows": Kind("rows without a verdict", ("rows", "rows_read")),
    "not_counted_rows": Kind("rows that the harness broke off, which do not count",
                             ("unjudged_rows", "rows", "rows_read")),
    "failed_empty_answers": Kind("failed rows with an empty answer", ("failed_rows",)),
    "failed_ends": Kind("failed rows that ended so (`termination` of the row)", ("failed_rows",)),
    "failed_without_dimension": Kind("failed rows that name no dimension", ("failed_rows",)),
    "items": Kind("different items (tasks, questions), not rows"),
    "runs": Kind("runs"), "models": Kind("models"),
    "run_rows": Kind("rows of one run", ("rows", "rows_read")),
    "run_judged_rows": Kind("judged rows of one run", ("run_rows",)),
    "run_failed_rows": Kind("failed rows of one run", ("run_judged_rows", "run_rows")),
    "run_not_counted_rows": Kind("rows of one run that do not count", ("run_rows",)),
    "dimension": Kind(f"rows that failed this dimension {_DIMENSION}",
                      ("dimension_judged", "failed_rows")),
    "dimension_judged": Kind("rows that were judged on this dimension", ("judged_rows", "rows")),
    "dimension_null": Kind("rows that were not judged on this dimension", ("rows",)),
    "marker": Kind("rows with this marker of the harness in the place of an answer",
                   ("rows", "failed_rows")),
    "marker_failed": Kind("failed rows with this marker in the place of an answer",
                          ("failed_rows", "marker")),
    "mode": Kind(f"failed rows {_OF_RULES}", ("failed_rows",)),
    "versions": Kind("versions of the items among the runs"),
    "version_items": Kind("items of a version", ("items",)),
    "version_runs": Kind("runs of a version", ("runs",)),
    "differing_items": Kind("items whose content differs between runs",
                            ("comparison/items", "items")),
    **{f"differing_items_{half}": Kind(f"items that differ in what is {half}",
                                       ("differing_items", "comparison/items", "items"))
       for half in ("asked", "expected")},
    "repaired_elsewhere": Kind("items that nobody passes in one version and somebody in another",
                               ("differing_items", "items")),
    "policies": Kind("different policies that the runs were told"),
    "review/reviewed": Kind("failed datapoints that somebody judged, having read them or one that "
                            "is alike", ("failed_rows",)),
    "review/alike": Kind("failed datapoints that were recorded as alike to one that was read",
                         (*_REVIEWED, "failed_rows")),
    "review/unread": Kind("failed datapoints that nobody reviewed", ("failed_rows",)),
    "review/open": Kind("reviewed datapoints on which the readers disagree", _REVIEWED),
    "review/wrong_pass": Kind("passing datapoints that a reader says are judged wrongly",
                              ("passed_rows",)),
    "review/coders": Kind("readers who reviewed"), "review/buckets": Kind("buckets in use"),
    "review/reviews": Kind("reviews, of all readers together"),
    "review/shown_whole": Kind("reviews whose datapoint was printed whole for its reader",
                               ("review/reviews",)),
    "review/shown_part": Kind("reviews whose datapoint was printed in part", ("review/reviews",)),
    "review/shown_alike": Kind("reviews whose datapoint was not printed, but the one it was "
                               "recorded as alike to", ("review/reviews",)),
    "review/shown_never": Kind("reviews whose datapoint was never printed", ("review/reviews",)),
    "review/bucket": Kind("reviewed failures in this bucket (a count of what was read, not of all "
                          "failures)", _REVIEWED),
    "review/group": Kind("reviewed failures in the buckets of this group", _REVIEWED),
    "review/bucket_alike": Kind("failures in this bucket that were recorded as alike to one that "
                                "was read", ("review/bucket", "review/alike", *_REVIEWED)),
    "review/bucket_fault": Kind("reviewed failures in this bucket with this fault",
                                ("review/bucket", "review/fault", *_REVIEWED)),
    "review/bucket_dimension": Kind("reviewed failures in this bucket that failed this dimension",
                                    ("review/bucket", *_REVIEWED)),
    "review/fault": Kind(_FAULT, _REVIEWED),
    "review/contested": Kind("reviewed failures that can be read in more than one way: a reader "
                             "says how else, or readers differ", _REVIEWED),
    "review/other_fault": Kind("reviewed failures with this fault if each contested one is read "
                               "the other way, where that names a fault", _REVIEWED),
    "review/other_pass_rate_high_pct": Kind("pass rate in % if every reviewed failure that is the "
                                            "benchmark's fault, contested ones read the other way, "
                                            "were resolved for the model"),
    "review/have_steps": Kind("reviewed failures that have steps (messages)", _REVIEWED),
    "review/with_step": Kind("decided failures of which a reader names the step where it broke, "
                             "and none another", _STEPPED),
    "review/step_open": Kind("decided failures of which the readers name different steps",
                             _STEPPED),
    "review/with_also": Kind("failures whose step is named, and others beside it of which each "
                             "alone would have done", _BROKE),
    "review/by_agent": Kind("failures that broke at a step of this agent", _BROKE),
    "review/by_third": Kind("failures that broke in this third of their run's steps", _BROKE),
    "review/steps_to_end": Kind(f"median {_TO_END}"),
    "review/steps_to_end_low": Kind(f"lower quartile {_TO_END}"),
    "review/steps_to_end_high": Kind(f"upper quartile {_TO_END}"),
    "review/might_pass": Kind("reviewed failures that are the benchmark's fault, undecided or "
                              "disputed (`mixed` ones are not among them)", _REVIEWED),
    "review/pass_rate_low_pct": Kind(f"pass rate in % {_FAULT_LEFT.format('against')}"),
    "review/pass_rate_high_pct": Kind(f"pass rate in % {_FAULT_LEFT.format('for')}"),
    "review/unjudged": Kind("datapoints that no grader judged and that count", ("unjudged_rows",)),
    "review/read_unjudged": Kind("datapoints that no grader judged and that readers judged",
                                 _UNJUDGED),
    **{f"review/read_{verdict}": Kind(f"datapoints that no grader judged and that readers {said}",
                                      _READ)
       for verdict, said in (("pass", "passed"), ("fail", "failed"), ("open", "disagree on"))},
    "review/read_bucket": Kind("datapoints that readers, no grader, failed, in this bucket",
                               ("review/read_fail", *_READ)),
    "review/read_group": Kind("datapoints that readers, no grader, failed, in the buckets of this "
                              "group", ("review/read_fail", *_READ)),
    "review/read_fault": Kind("datapoints that readers, no grader, failed, with this fault",
                              ("review/read_fail", *_READ)),
    "review/label": Kind("failures that somebody outside labelled so (no reading)",
                         ("review/labelled", "failed_rows")),
    "review/labelled": Kind("failures that somebody outside labelled", ("failed_rows",)),
    "review/failed_by_all_decided": Kind("items that all compared units failed of which a failure "
                                         "was read and decided", ("comparison/failed_by_all",)),
    "review/failed_by_all_fault": Kind(
        "items that all compared units failed whose decided failures all have this fault",
        ("review/failed_by_all_decided", "comparison/failed_by_all")),
    "review/audit_read": Kind("candidates of the audit that somebody read", _FOUND),
    **{f"review/audit_{answer}": Kind(f"candidates of the audit that their readers {answer}, with "
                                      "a quote", ("review/audit_read", *_FOUND))
       for answer in ("confirmed", "declined")},
    "review/audit_raised": Kind("faults of the benchmark that readers found and no rule, each "
                                "confirmed with a quote"),
    "review/audit_changed_rows": Kind("judged rows that are judged otherwise or left out by the "
                                      "confirmed faults of the benchmark", ("judged_rows", "rows")),
    "review/audit_pass_rate_pct": Kind("pass rate in % with the confirmed faults of the benchmark "
                                       "resolved, rows that say nothing left out"),
    "audit/rows": Kind("datapoints that the audit looked through", ("rows_read",)),
    "audit/items": Kind("items, each content of one apart, that the audit looked through"),
    "audit/flagged_items": Kind("items with a flag, which nobody need have read", ("audit/items",)),
    "audit/flags": Kind("flags: candidates that contradict themselves, read or not"),
    "audit/candidates": Kind("candidates of a wrong verdict, gold or item, read or not"),
    "audit/in_doubt": Kind("failing datapoints of one model that flags of one class and rule "
                           "doubt, read or not", ("failed_rows", "judged_rows", "rows")),
    "audit/pass_rate_if_passed_pct": Kind("pass rate in % of one model, had all that flags of one "
                                          "class and rule doubt passed, which is no finding until "
                                          "they are read"),
    "audit/answers": Kind("datapoints (gold_differs: items) that the answers of a second source "
                          "contradict, read or not"),
    "audit/known_items": Kind("items that are on the given list of known defects", ("items",)),
    "audit/known_failed_rows": Kind("failures on items of the list of known defects",
                                    ("failed_rows", "judged_rows", "rows")),
    "audit/pass_rate_without_known_pct": Kind("pass rate in % without the items of the list of "
                                              "known defects"),
    "comparison/items": Kind("items in the comparison", ("items",)),
    "comparison/compared_items": Kind(f"{_ITEMS} (same content, judged for all)",
                                      ("comparison/items", "items")),
    "comparison/compared_units": Kind("compared models or runs", ("models", "runs")),
    "comparison/different_content": Kind("items left out as their content differs", _COMPARED[1:]),
    "comparison/pass_rate_pct": Kind("pass rate in %, of judged attempts"),
    "comparison/pass_rate_low_pct": Kind(f"lower end in % {_WILSON}"),
    "comparison/pass_rate_high_pct": Kind(f"upper end in % {_WILSON}"),
    "comparison/failed_by_all": Kind("items that all compared units failed (more than half of "
                                     "their attempts, or as the last word says)", _COMPARED),
    "comparison/passed_by_all": Kind("items that all compared units passed", _COMPARED),
    "comparison/failed_by_all_by_chance": Kind("items that all would fail by chance, were "
                                               "failures independent (expected number)"),
    "comparison/unique_fail": Kind("items that this one alone failed of those compared", _COMPARED),
    "comparison/unique_pass": Kind("items that this one alone passed of those compared", _COMPARED),
    "comparison/failed_by_all_who_ran": Kind("items that all who ran them failed", _COMPARED),
    "comparison/failed_under_every_content": Kind("items that all failed, each under its own "
                                                  "content", _COMPARED),
    "comparison/group_units": Kind("compared units of a group"),
    "comparison/group_compared_items": Kind("compared items of a group", _COMPARED[1:]),
    "comparison/group_failed_by_all": Kind("items that a whole group failed",
                                           ("comparison/group_compared_items",)),
    "comparison/group_unique_fail": Kind("items that this one alone of its group failed",
                                         ("comparison/group_compared_items",)),
    "comparison/task_judged_rows": Kind("judged rows of one task", ("judged_rows",)),
    "comparison/task_failed_rows": Kind("failed rows of one task",
                                        ("comparison/task_judged_rows", "failed_rows")),
    "comparison/task_pass_rate_pct": Kind("pass rate in % on one task"),
    "comparison/task_pass_rate_low_pct": Kind(f"on one task, lower end in % {_WILSON}"),
    "comparison/task_pass_rate_high_pct": Kind(f"on one task, upper end in % {_WILSON}"),
    "comparison/difference_pct": Kind("difference in pass rate, in points (first better)"),
    "comparison/difference_low_pct": Kind(f"lower {_DIFFERENCE}"),
    "comparison/difference_high_pct": Kind(f"upper {_DIFFERENCE}"),
    "comparison/p_holm": Kind("p of the difference between the two, adjusted for all pairs (Holm); "
                              "at 0.05 and more no difference was shown"),
    "comparison/pass_hat_k": Kind("pass^k: probability that k attempts at an item all pass"),
    "comparison/pass_at_k": Kind("pass@k: probability that one of k attempts at an item passes"),
    "comparison/flip_rate": Kind("probability that two attempts at one item end differently"),
    "comparison/always_fail": Kind("items of which each attempt failed", _COMPARED[1:]),
    "comparison/always_pass": Kind("items of which each attempt passed", _COMPARED[1:]),
    "comparison/flaky": Kind("items that passed once and failed once at least", _COMPARED[1:]),
    "agreement/coders": Kind("coders whose agreement was measured"),
    "agreement/readers": Kind("readers among them, who decide", ("agreement/coders",)),
    "agreement/disagreements": Kind("datapoints on which the readers disagree", _REVIEWED),
    "agreement/settled": Kind("disagreements that were settled", _REVIEWED),
    "agreement/shared": Kind("datapoints that both coders judged", _REVIEWED),
    **{f"agreement/{question}_{name}": Kind(f"{words} ({question})", wholes)
       for question in ("bucket", "fault", "group", "agent") for name, words, wholes in (
           ("shared", "datapoints that more than one coder judged", _REVIEWED),
           ("same", "of them judged alike", (f"agreement/{question}_shared", "agreement/shared",
                                             *_REVIEWED)),
           *((f"{figure}{end}", f"{of}{meant}", ()) for figure, of in (
               ("alpha", "Krippendorff's alpha of all readers"), ("kappa", "Cohen's kappa"),
               ("ac1", "Gwet's AC1"), ("share", "share judged alike, 0 to 1"))
             for end, meant in (("", ""), ("_low", ", lower end of its 95 % bootstrap interval"),
                                ("_high", ", upper end of its 95 % bootstrap interval"))))},
    "agreement/step_shared": Kind("datapoints of which more than one coder names the step where it "
                                  "broke", _REVIEWED),
    **{f"agreement/step_{name}": Kind(f"of them those where {words}", ("agreement/step_shared",
                                                                       *_REVIEWED))
       for name, words in _STEPS_SAID},
    **{f"agreement/step_{name}_share{end}": Kind(f"share where {words}, 0 to 1{meant}")
       for name, words in _STEPS_SAID
       for end, meant in (("", ""), ("_low", ", lower end of its 95 % interval"),
                          ("_high", ", upper end of its 95 % interval"))},
    "diagnosis": Kind("a count of the diagnosis of the runs"),
}


# Where a model stands in a key, by its kind; else at the beginning.
_NO_MODEL = ("review/label", "review/labelled", "review/shown_never", "review/bucket_fault",
             "review/bucket_alike", "review/by_third",
             "review/failed_by_all_fault", "review/audit_read",
             "review/audit_confirmed", "review/audit_declined", "review/read_fault",
             "audit/candidates", "audit/answers", "version_items", "version_runs",
             *(f"comparison/{kind}" for kind in (
                 "failed_by_all", "passed_by_all", "failed_by_all_by_chance", "group_units",
                 "group_compared_items", "group_failed_by_all")))
_BEHIND_A_WORD = ("mode", "review/fault", "review/bucket", "review/bucket_dimension",
                  "review/read_bucket", "review/group", "review/read_group", "review/by_agent",
                  "review/other_fault", "audit/in_doubt", "audit/pass_rate_if_passed_pct")
_OF_PAIRS = ("comparison/p_holm", *(f"comparison/difference{end}_pct" for end in (
    "", "_low", "_high")))


def kind_of(key: str) -> str:
    """The kind of a fact: the first word of its key, the first two of a step's own facts."""
    first, _, rest = key.partition("/")
    own = ("review", "comparison", "agreement", "audit")
    return f"{first}/{rest.partition('/')[0]}" if first in own else first


def in_words(key: str, models: Iterable[str]) -> str:
    """What a fact counts, and of whom; `models` are those that its key names."""
    kind = kind_of(key)
    words = KINDS[kind].words if kind in KINDS else kind
    rest = key.removeprefix(kind).strip("/")
    named = ", ".join(map(code, models))
    return f"{words}; {code(rest)}" + (f" (of {named})" if named and named != code(rest) else "") \
        if rest else f"{words}; all models together"


def parsed(key: str, models: Container[str]) -> tuple[list[str], str]:
    """The models (as they stand in keys) that a fact's key names, and what else it names. The place
    of a model is that of the kind, whatever else is called so; the longest name wins."""
    kind = kind_of(key)
    before, rest, named = "", key.removeprefix(kind)[1:], []
    at_the_end = kind.startswith("comparison/task_")
    if kind in _NO_MODEL or kind.startswith("agreement/"):
        return [], rest
    if kind.startswith("run_"):  # a run may be called as its model is
        return [rest] if rest in models else [], rest
    is_pair = kind in _OF_PAIRS or key.startswith("diagnosis/pair/")
    if kind in _BEHIND_A_WORD or (is_pair and kind == "diagnosis"):
        before, _, rest = rest.partition("/")
    for _ in range(2 if is_pair else 1):
        words = rest.split("/")
        tails = ["/".join(words[-n:] if at_the_end else words[:n])
                 for n in range(len(words) - at_the_end, 0, -1)]
        name = next((tail for tail in tails if tail in models), "")
        if name:
            named.append(name)
            rest = rest[:-len(name) - 1] if at_the_end else rest[len(name) + 1:]
    return named, "/".join(filter(None, (before, rest)))


def is_part(share: str, whole: str) -> bool:
    """Whether what one fact counts is among what the other counts, by their kinds and names; a kind
    without wholes is part of none, one that is not known of any."""
    kind, whole_kind = kind_of(share), kind_of(whole)
    names = _names(share, kind)
    return (kind not in KINDS or whole_kind in (*KINDS[kind].wholes, kind)) \
        and _names(whole, whole_kind) <= names


def _names(key: str, kind: str) -> Collection[str]:
    return set(filter(None, key.removeprefix(kind).split("/")))
