"""Equal answers with opposite verdicts: whoever judges the same words twice differently is wrong
once. And repeats of one model that differ, which says where to look."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from failure_analysis.audit import asks, dimensions, near, normal, same_form, strict
from failure_analysis.audit.candidates import Candidate, Variant, candidate, variant
from failure_analysis.audit.final import final
from failure_analysis.audit.grouped import LONGEST_FINAL, by_answer, called, did, tells_capitals
from failure_analysis.audit.item import Item
from failure_analysis.audit.once import once
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.whole import Whole
from failure_analysis.patterns import re_compile

_MOST_PAIRS = 2_000  # pairs of answers that are held against each other
_MOST_SHOWN = 4
_FEW_WORDS = 60  # characters
_FEWEST_GRADERS = 2
# What a question says of the form with which equal answers, and nearly equal ones, may differ.
_FORM = frozenset(("case", "exact", "bare", "fenced", "marks", "stop", "only", "output"))
_SIGNS = frozenset(("boxed", "tag", "hashes", "json"))  # ways of marking that a prompt asks for
# What a dimension is called that the answer alone does not decide.
_NOT_OF_THE_ANSWER = re_compile(r"latenc|time|speed|fast|slow|cost|token|budget|price|duration|"
                                r"efficien|steps|turns|second|\b\d+ ?m?s\b", re.I)
# What it is called where calls decide it, which a row without any may not have recorded.
_OF_THE_CALLS = re_compile(r"tool|call|action|database|\bdb\b|state|trajector", re.I)
# Endings with which a verdict may be about the ending and not about what was said.
_CUT = re_compile(r"max|limit|length|time|error|cancel|crash|memory|abort|interrupt", re.I)


class Group(NamedTuple):
    """Datapoints of an item with one answer: those that passed, and those that failed."""

    passed: list[Seen]
    failed: list[Seen]


def find(item: Item, whole: Whole) -> Iterator[Candidate]:
    """Equal answers to the item with opposite verdicts, judges who contradict the verdict, and
    repeats that differ."""
    if len(item.rows) > 1:
        alike = by_answer(item)
        opposite = {key: group for key, rows in alike.items() if (group := _opposite(rows))}
        silent = [row for row in item.rows if not (row.answer or row.spoken or row.made)]
        if 1 < len(silent) < len(item.rows) and (group := _opposite(silent)):
            opposite[""] = group
        yield from _equal(item, _in_words(opposite.values(), True))
        yield from _same_calls(item, alike, opposite)
        yield from _same_final(item, alike, opposite)
        yield from _same_form(item, opposite)
        yield from _near(item, alike, opposite)
        yield from _flips(item, [rows for key, rows in alike.items() if key not in opposite])
        yield from _instability(item)
    if item.gradings:
        yield from _judges(item)


def _opposite(rows: Sequence[Seen]) -> Group | None:
    """The sides of a contradiction; None where there is none: one verdict, or it was passed on
    something else than what was said."""
    passed = [row for row in rows if row.outcome == "pass"]
    failed = [row for row in rows if row.outcome == "fail" and not _cut(row)
              and any(_against(row, other) for other in passed)]
    passed = [row for row in passed if any(_against(other, row) for other in failed)]
    return Group(passed, failed) if failed else None


def _cut(row: Seen) -> bool:
    return bool(row.termination and _CUT.search(row.termination))


def _against(failed: Seen, passed: Seen) -> bool:
    """Whether both were judged on the same, and differ in something that the answer decides."""
    judged = _judged(failed)
    if judged.keys() != _judged(passed).keys():
        return any(judged[name] is False and _judged(passed).get(name) is True for name in judged
                   if _decided(name, failed))
    names = [name for name in failed.failed if name in judged]
    names = [name for name in names if not dimensions.VERDICT.match(name)] or names  # sums them up
    return not names or any(_decided(name, failed) for name in names)


def _decided(name: str, row: Seen) -> bool:
    """Whether what is recorded of the answer decides a dimension of this name."""
    words = name.replace("_", " ")
    return not _NOT_OF_THE_ANSWER.search(words) and not (
        not row.made and _OF_THE_CALLS.search(words))


def _judged(row: Seen) -> dict[str, bool]:
    return {name: value for name, value in row.scores.items() if isinstance(value, bool)}


def _in_words(opposite: Iterable[Group], same: bool) -> list[Group]:
    """The groups with those of their failing datapoints alone that said just what a passing one
    did, or with those that said it in another form (a fence, capitals)."""
    found = []
    for group in opposite:
        said = {did(row, "") for row in group.passed}
        failed = [row for row in group.failed if (did(row, "") in said) is same]
        found += [Group(group.passed, failed)] if failed else []
    return found


def _equal(item: Item, opposite: Iterable[Group]) -> Iterator[Candidate]:
    """The groups of equal answers with opposite verdicts."""
    groups = sorted(opposite, key=lambda group: -len(group.passed) - len(group.failed))
    if groups:
        yield _contradiction(item, "equal", groups, "said the same")


def _contradiction(item: Item, rule: str, groups: Sequence[Group], what: str) -> Candidate:
    """A candidate of groups with opposite verdicts, their sides under each other."""
    passed = [row for group in groups for row in group.passed]
    failed = [row for group in groups for row in group.failed]
    shown = [side for group in groups[:_MOST_SHOWN] for side in (
        variant("passed", _text(group.passed[0]), group.passed),
        variant("failed", _text(group.failed[0]), group.failed))]
    rows = passed + failed
    return candidate(
        item, "same_answer_other_verdict", rule,
        f"{len(passed)} passed and {len(failed)} failed though they {what}.", shown, rows,
        passed=len(passed), failed=len(failed), answers=len(groups),
        models=len({row.model for row in rows}), runs=len({row.run for row in rows}))


def _text(row: Seen) -> str:
    """What a datapoint said, and its calls."""
    calls = "\n".join(f"{made.tool} {normal.written(made.arguments)}" for made in row.made)
    return "\n\n".join(part for part in (row.spoken or row.answer, calls) if part)


def _same_calls(item: Item, alike: Mapping[str, list[Seen]], opposite: Mapping[str, Group]
                ) -> Iterator[Candidate]:
    """Conversations with the same calls, results and final answers, whose other words differ,
    judged differently on what the calls decide."""
    acting = [rows for key, rows in alike.items() if key not in opposite and rows[0].made]
    verdicts: dict[str, set[str]] = defaultdict(set)
    for rows in acting:
        verdicts[called(rows[0])].update(row.outcome for row in rows)
    passed = [row for row in item.rows if row.outcome == "pass"]
    by_calls: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    waits = once(lambda: set() if asks.forms(item.question) & _FORM else {
        (called(row), normal.key(row.answer, case=True)) for row in passed if _only_waits(row)})
    for rows in acting:
        if {"pass", "fail"} <= verdicts[called(rows[0])]:
            by_calls[called(rows[0]), normal.key(rows[0].answer)] += [
                row for row in rows if row.outcome == "pass" or row.scores and (
                    rows[0].spoken and dimensions.about_calls(row)
                    or same_form.said_it_all(row, passed)) or _only_waits(row) and (
                        not row.scores
                        or (called(row), normal.key(row.answer, case=True)) in waits())]
    groups = [group for rows in by_calls.values() if (group := _opposite(rows))]
    if groups:
        yield _contradiction(item, "same_calls", groups,
                             "made the same calls, got the same results and ended in the same "
                             "answer")


def _only_waits(row: Seen) -> bool:
    """Whether all that a row said before its answer is a word or two on what it does."""
    before = row.spoken.removesuffix(row.answer)
    return len(before) < _FEW_WORDS and not any(map(str.isdigit, before))


def _same_form(item: Item, opposite: Mapping[str, Group]) -> Iterator[Candidate]:
    """Datapoints that differ in the form of a value or of arguments alone, judged differently."""
    known = {row.ident for group in opposite.values() for row in group.failed}
    groups = _in_words(opposite.values(), False)
    groups += [group for rows in same_form.groups(item) if (group := _opposite(
        [row for row in rows if row.ident not in known]))]
    if groups:
        yield _contradiction(item, "same_form", groups, "differ in form alone")


def _same_final(item: Item, alike: Mapping[str, list[Seen]], opposite: Mapping[str, Group]
                ) -> Iterator[Candidate]:
    """Responses that end in the same final answer, where a final answer is all that is expected
    and the failing one is marked in a way in which others passed, or is the gold itself."""
    wanted = strict.golds(item.expected) if item.expected is not None else []
    both = {"pass", "fail"} <= {row.outcome for row in item.rows}
    short = both and wanted and all(len(final(gold).text or gold) <= LONGEST_FINAL
                           for gold in wanted)
    rows = [rows for key, rows in alike.items()
            if key not in opposite and not rows[0].made and not rows[0].spoken]
    if not short or not any(map(_both, _finals(rows, False).values())) \
            or strict.calls_wanted(item.expected):
        return
    asked = asks.forms(item.question)
    if asked & {"reasons", "exact", "bare", "only", "output"}:
        return
    finals = _finals(rows, bool(asked & {"case"}) or any(
        tells_capitals(gold) or normal.case_matters(gold, gold, item.question, asked)
        for gold in wanted))
    free = {how for rows in finals.values() for how, row in rows if row.outcome == "pass"}
    groups = [group for rows in finals.values() if (group := _opposite([
        row for how, row in rows if row.outcome == "pass" or dimensions.about(row)
        and (how in free or free - _SIGNS and row.answer.strip() in wanted)]))]
    if groups:
        yield _contradiction(item, "same_final", groups, "end in the same final answer")


def _finals(groups: Iterable[Sequence[Seen]], case: bool) -> dict[str, list[tuple[str, Seen]]]:
    """The datapoints of which the final answer is sure, by it, each with how it is marked."""
    finals: dict[str, list[tuple[str, Seen]]] = defaultdict(list)
    for rows in groups:
        text, how = final(rows[0].answer)
        if text:
            finals[normal.key(text, case=case)] += [(how, row) for row in rows]
    return finals


def _both(rows: Iterable[tuple[str, Seen]]) -> bool:
    return {"pass", "fail"} <= {row.outcome for _, row in rows}


def _near(item: Item, alike: Mapping[str, list[Seen]], opposite: Mapping[str, Group]
          ) -> Iterator[Candidate]:
    """Nearly equal answers with opposite verdicts: equal in all numbers, negations and the final
    answer, after the same calls with the same results, and what differs decides nothing."""
    by_calls: dict[tuple, list[list[Seen]]] = defaultdict(list)
    for key, rows in alike.items():
        if key not in opposite and not normal.is_code(rows[0].answer) \
                and rows[0].answer.lstrip()[:1] not in ("{", "[") \
                and not normal.is_formula(rows[0].answer.lstrip()):
            by_calls[tuple((made.tool, made.result_hash) for made in rows[0].made)].append(rows)
    by_final: dict[tuple, list[list[Seen]]] = defaultdict(list)
    for rows in (rows for members in _mixed(by_calls) for rows in members):
        by_final[called(rows[0]), near.marked(rows[0].spoken or rows[0].answer)].append(rows)
    mixed = _mixed(by_final)
    if not mixed or asks.forms(item.question) & _FORM:
        return
    buckets: dict[tuple, list[tuple[Counter, list[Seen]]]] = defaultdict(list)
    for rows in (rows for members in mixed for rows in members):
        print_, words = near.essence(rows[0].spoken or rows[0].answer)
        if near.is_sentence(print_, words):
            buckets[called(rows[0]), print_].append((words, rows))
    groups = [group for (_, print_), members in buckets.items()
              for group in _near_pairs(members, near.ENOUGH[print_[0]])]
    if groups:
        yield _contradiction(item, "near_equal", _disjoint(groups), "said nearly the same")


def _mixed(groups: Mapping[tuple, list[list[Seen]]]) -> list[list[list[Seen]]]:
    """The groups with both verdicts."""
    return [members for members in groups.values()
            if {"pass", "fail"} <= {row.outcome for rows in members for row in rows}]


def _near_pairs(members: Sequence[tuple[Counter, list[Seen]]], enough: float) -> Iterator[Group]:
    """The pairs of nearly equal answers with opposite verdicts; after so many pairs that were held
    against each other the rest is left."""
    pairs = 0
    for place, (words, rows) in enumerate(members):
        for other_words, other_rows in members[place + 1:]:
            pairs += 1
            if pairs > _MOST_PAIRS:
                return
            if normal.shared(words, other_words) >= enough:
                group = _opposite([*rows, *other_rows])
                if group:
                    yield group


def _disjoint(groups: Sequence[Group]) -> list[Group]:
    """The groups without those that share a datapoint with an earlier one."""
    taken: set[str] = set()
    kept = []
    for group in groups:
        idents = {row.ident for row in (*group.passed, *group.failed)}
        if not idents & taken:
            kept.append(group)
            taken |= idents
    return kept


def _flips(item: Item, groups: Iterable[Sequence[Seen]]) -> Iterator[Candidate]:
    """Dimensions that are true and false for one answer, where the verdicts are not opposite."""
    flipping = []
    for rows in groups:
        values: dict[str, set[bool]] = defaultdict(set)
        for row in rows:
            for name, value in _judged(row).items():
                values[name].add(value)
        both = [name for name, sides in values.items() if len(sides) > 1]
        both = [name for name in both if not dimensions.VERDICT.match(name)] or both
        names = sorted(name for name in both if _decided(name, rows[0]))
        if names and not any(map(_cut, rows)):
            flipping.append((names, [row for row in rows if _judged(row).keys() & set(names)]))
    if not flipping:
        return
    shown = [side for names, rows in flipping[:_MOST_SHOWN] for name in names[:_MOST_SHOWN]
             for side in _dimension(name, rows)]
    rows = [row for _, group in flipping for row in group]
    flipped = {name for names, _ in flipping for name in names}
    yield candidate(item, "same_answer_other_verdict", "dimension_flips",
                    f"{len(flipped)} dimension{'s' * (len(flipped) > 1)} judged true and "
                    "false for the same answer.", shown, rows, dimensions=len(flipped),
                    answers=len(flipping), models=len({row.model for row in rows}),
                    runs=len({row.run for row in rows}))


def _dimension(name: str, rows: Sequence[Seen]) -> list[Variant]:
    """The two sides of a dimension."""
    return [variant(label, f"{name}\n\n{_text(side[0])}", side) for label, value in (
        ("judged true", True), ("judged false", False))
        if (side := [row for row in rows if _judged(row).get(name) is value])]


def _judges(item: Item) -> Iterator[Candidate]:
    """Datapoints of which all further graders, two or more, say the opposite of the verdict: a
    lead, as judges of one model share its mildness."""
    opposed = {row.ident: graders for row in item.rows if row.outcome != "unjudged"
               and len(graders := item.gradings.get(row.ident, ())) >= _FEWEST_GRADERS
               and all(outcome not in (row.outcome, "unjudged") for _, outcome in graders)}
    disputed = [row for row in item.rows if row.ident in opposed]
    if not disputed:
        return
    names = dict.fromkeys(grader for graders in opposed.values() for grader, _ in graders)
    shown = [variant(f"verdict {outcome}", _text(side[0]), side) for outcome in ("pass", "fail")
             if (side := [row for row in disputed if row.outcome == outcome])]
    yield candidate(item, "judges_against_verdict", "all_opposite",
                    f"All further graders say the opposite of the verdict on {len(disputed)} of "
                    f"{len(item.gradings)} graded datapoints.",
                    [*shown, variant("further graders, all opposite", "\n".join(names))], disputed,
                    opposite=len(disputed), graded=len(item.gradings), graders=len(names))


def _instability(item: Item) -> Iterator[Candidate]:
    """Models whose repeats of the item differ, in the outcome or in a dimension."""
    by_model: dict[str, list[Seen]] = defaultdict(list)
    for row in item.rows:
        by_model[row.model].append(row)
    repeated = {model: rows for model, rows in by_model.items() if len(rows) > 1}
    for rule, what in (("outcome", "an outcome that changes"),
                       ("dimension", "a dimension that changes though the outcome does not")):
        unstable = {model: rows for model, rows in sorted(repeated.items())
                    if _changes(rows) == rule}
        if not unstable:
            continue
        failing = [row for rows in unstable.values() for row in rows if row.outcome == "fail"]
        same = sum(len({tuple(sorted(row.failed)) for row in rows if row.outcome == "fail"}) == 1
                   for rows in unstable.values())
        yield candidate(
            item, "instability", rule,
            f"{len(unstable)} of {len(repeated)} models with repeats have {what}; in {same} of "
            "them all failing trials fail the same dimensions.",
            [variant("repeats of a model", _pattern(model, rows), rows)
             for model, rows in list(unstable.items())[:12]], failing,
            models=len(unstable), repeated=len(repeated), same_dimensions=same,
            trials=sum(map(len, unstable.values())))


def _changes(rows: Sequence[Seen]) -> str:
    """What differs among repeats: the outcome, else a dimension, else nothing (blank)."""
    if len({row.outcome for row in rows} - {"unjudged"}) > 1:
        return "outcome"
    return "dimension" if _changing(rows) else ""


def _changing(rows: Sequence[Seen]) -> list[str]:
    values: dict[str, set[bool]] = defaultdict(set)
    for row in rows:
        for name, value in _judged(row).items():
            values[name].add(value)
    return sorted(name for name, both in values.items() if len(both) > 1)


def _pattern(model: str, rows: Sequence[Seen]) -> str:
    """The repeats in their order as signs, of the outcome and of each dimension that changes."""
    rows = sorted(rows, key=lambda row: (row.run, row.trial))
    signs = {"pass": "✓", "fail": "✗", True: "✓", False: "✗"}
    return "\n".join([model, f"outcome: {''.join(signs.get(row.outcome, '·') for row in rows)}", *(
        f"{name}: {''.join(signs.get(_judged(row).get(name), '·') for row in rows)}"
        for name in _changing(rows))])
