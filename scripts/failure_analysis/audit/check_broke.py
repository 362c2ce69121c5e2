"""Checks that could not run, as their few words say."""

import re

from failure_analysis.audit import broken, checked, look_ups, wording
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Seen
from failure_analysis.audit.whole import Whole

# Words of a check that are its machine's, or may be of the answer, and what they name.
_CHECKER = re.compile(r"\W*(?:checker|grader|evaluator|verifier|harness|runner)\b[^\n]{0,80}\b(?:"
                      r"not found|no such|cannot|unable|could not|failed to|refused|timed out)\b",
                      re.I)
_OF_ANSWER = re.compile(r"\b(?:expected|got|assert\w*|answer|output|solution|wrong|incorrect|"
                        r"mismatch|undefined|NameError|\w*SyntaxError|IndentationError|missing)\b",
                        re.I)
_NAMES = re.compile(r"(?:named|network|host|file|volume|image|command) ['\"]?([\w./-]{3,})|"
                    r"([\w./-]{3,}): (?:command )?not found")
_LONGEST = 500


def unchecked(row: Seen, item: Item, whole: Whole) -> bool:
    """A failure of which the check says that it could not run."""
    if row.outcome != "fail":
        return False
    json_asked = "json" in item.question.lower()
    return (checked.graded(row) and broken.starved(checked.last_log(row))
            or bool(row.judge) and _machine_spoke(row, item)
            or broken.unchecked(row.judge, bool(row.made), json_asked)
            or checked.not_begun(row)
            or 0 < len(row.judge) < _LONGEST and (not row.made or _same_log(row, item))
            and _never_ran(row, item)
            or broken.uncollected(row.judge, json_asked)
            and all(one.judge in row.judge or broken.uncollected(one.judge, json_asked)
                    for one in item.rows if one.judge)
            and len({one.model for one in item.rows}) > 1)


def _machine_spoke(row: Seen, item: Item) -> bool:
    """Whether the words of a check are of its machine: it was called wrongly or was not ready, the
    same words stand for all rows of two models whatever they answered and name nothing of it, or
    they stand where another was right with just that."""
    log = row.judge
    if not 0 < len(log) < _LONGEST // 2 or checked.outcome(log) is not None:
        return False
    if broken.not_begun(log):
        return True
    if _OF_ANSWER.search(log) or not (":" in log and broken.technical(log) or _CHECKER.match(log)):
        return False
    texts = {one.ident: f"{one.answer.strip().casefold()} {[*map(look_ups.key, one.made)]}"
             for one in item.rows}
    if all(one.judge == log and one.outcome == "fail" for one in item.rows):
        named = {name for pair in _NAMES.findall(log) for name in pair if name}
        return len(set(texts.values())) > 1 < len({one.model for one in item.rows}) and not any(
            name in text for name in named for text in (*texts.values(), item.question))
    return bool(row.answer.strip() or row.made) and any(
        one.outcome == "pass" and texts[one.ident] == texts[row.ident] for one in item.rows)


def _same_log(row: Seen, item: Item) -> bool:
    """Whether one log stands for all rows of two models, so that what they did is not its cause."""
    return all(one.judge == row.judge for one in item.rows) \
        and len({one.model for one in item.rows}) > 1


def _never_ran(row: Seen, item: Item) -> bool:
    """Whether the few words of a check say that a program is not there which the answer does not
    call, that what it builds of could not be fetched, or that its machine was full for all."""
    if ": " in row.judge and broken.lacks(row.judge, row.answer):
        return True
    return wording.has_any(row.judge, broken.BROKE_SIGNS) and (
        broken.not_built(row.judge) or broken.starved(row.judge) and all(
            broken.starved(one.judge) for one in item.rows if one.outcome == "fail")) \
        and checked.outcome(row.judge) is None
