"""Where the run broke and not the model: no answer after an error, an error of the infrastructure
in the place of an answer, a tool that works for nobody, a call executed twice, a check that could
not run, a run cut while it was getting on."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from json import JSONDecoder
from typing import Any

from failure_analysis.audit import (
    broken,
    check_broke,
    checked,
    look_ups,
    lost,
    no_answer,
    other_result,
    required,
    shell,
)
from failure_analysis.audit.candidates import Candidate, Variant, candidate, variant
from failure_analysis.audit.item import Item
from failure_analysis.audit.seen import Made, Seen
from failure_analysis.audit.whole import Whole
from failure_analysis.patterns import re_compile

_TOKENS = re_compile(r"^(?:.*[\W_])?(length|(max_?)?tokens?|max_(output_|new_|completion_)?tokens|"
                     r"token_?limit|context_?(length|limit|window)|truncated)", re.I)
_CLOCKED = re_compile(r"^(?:(?:request|agent|task|episode|global|total|run)_?)?"
                      r"(timeout|timed[_ ]out|deadline)", re.I)
_LIMIT = re_compile(r"^(?!\w*(?:rate|format|quota))(?:.*[\W_])?(length|max_|token_?limit|"
                    r"message_?limit|context_?(length|limit|window)|"
                    r"step_?limit|turn_?limit|time_?limit|budget|truncated|limit|"
                    r"max(imum)?[_ ]?(steps|turns|tokens|iterations|length)|wall_?(clock|time)|"
                    r"episode_?limit|horizon)", re.I)
_ANSWERED = re_compile(r"final answer|answer\s*(is|:|=)|\A\W*(?:the )?(?:result|total|sum|"
                       r"value|"
                       r"solution) (?:is|equals|=)|\\boxed|<answer|\bthe answer\b|"
                       r"^\W*answer\b|therefore,? the (result|value|solution)", re.I | re.M)
_ENDED = re_compile(r"[.!?)\]}>\"'`*|$:;]\s*$|```\s*$")
_UNKNOWN_TOOL = re_compile(r"unknown (tool|function)|no (such )?(tool|function)|(tool|function) "
                           r"\S+ (was )?not found|not a valid tool|invalid tool|does not exist",
                           re.I)
_NO_CALL = "(no call"  # what stands for the call of a result that has none
_THOUGHT = re_compile(r"(think|plan|note|log_thought)", re.I)
_WAITS = re_compile(r"\bwait|elapsed|pending|queued|sleep|uptime|retry|attempt|still running|"
                    r"in progress|time ?stamp|try again|ETA\b", re.I)
_LEFT = re_compile(r"(?<!try )(?<!trie )(?<!attempt )(?<!chance )(?<!guess )"
                   r"\b(?:left|remain\w*|to (?:go|test|do))\b", re.I)
_TESTS = re_compile(r"run_", re.I)  # their results are one while all is well
_COUNTED = re_compile(r"[1-9]\d{0,5} \w+ \w+ed\W*\Z")  # what was done, counted
_NUMBERS = re_compile(r"\d+(?:\.\d+)?")
_DUPLICATE = re_compile(r"\bduplicate|\balready (?:\w+ )?(?:placed|processed|executed|done|sent|"
                        r"submitted|handled|received|created|applied)", re.I)
_LONGEST_STEP, _FEWEST_TOKENS = 500, 50
# Ends that a model, or what it said, may have brought about.
_CHOSEN = re.compile(r"stop|end|eos|complet|finish|done|submit|exit|quit|gave|give|refus|user|"
                     r"agent|format|pars(?:e|ing)|invalid|repeat|loop|polic|success|tool|answer",
                     re.I)
_OWN_END = re.compile(r"stop|end_turn|eos|completed?|finished|done", re.I)
_FEW_CALLS, _NEARLY_ALL, _FEWEST_NEW = 5, 0.9, 2
_NEW_CALLS = _SEVERAL = 3
_MOST_WORDS, _FEWEST_WORDS = 60, 24
# A text that ends in the same few words again and again, the last time perhaps cut.
_GOES_ROUND = re.compile(r"(?:\b((?:[^\W\d]+ ){3,15}?)\1{2,}|\b((?:[^\W\d]+ ){1,2}?)\2{3,})"
                         r"(?:\w+ ?){0,15}$")


def find(item: Item, whole: Whole) -> Iterator[Candidate]:
    """The runs of an item that broke, and its look-ups with two results."""
    acted = [row for row in item.rows if row.made]
    among = {_ALL: item.rows, _OPEN: [row for row in item.rows if row.outcome != "pass"],
             _ACTED: acted, _OPEN_ACTED: [row for row in acted if row.outcome != "pass"]}
    for rule, what, of, test in _RULES:
        if not among[of]:
            continue
        rows = [row for row in among[of] if test(row, item, whole)]
        if rows:
            yield candidate(item, "harness", rule, f"{len(rows)} of {len(item.rows)} datapoints "
                            f"{what}", _sides(rows, rule, item, whole),
                            [row for row in rows if row.outcome != "unjudged"])
    if acted:
        yield from look_ups.results(item)


def _broke(row: Seen, item: Item, whole: Whole) -> bool:
    """An error of the infrastructure ended the run, or stands in the place of the answer."""
    ended = row.termination or ""
    return (broken.ended(ended)
            or any(signal.get("kind") == "harness_error" for signal in row.signals)
            or broken.stands_for_answer(row.answer, item.question, ended)
            or row.tokens == 0 and bool(row.answer.strip()) and not row.made
            and bool(broken.ERROR_END.search(ended))
            or row.outcome != "pass" and broken.ends_in_error(row.answer, ended))


def _empty(row: Seen, item: Item, whole: Whole) -> bool:
    """No answer and no call after an error, or after an end that is none of the model's and of none
    who answered; or no end recorded, or none of a text that was, and several models silent, which
    else answer."""
    if not _says_nothing(row) or _broke(row, item, whole):
        return False
    ended = row.termination or ""
    others = [one for one in item.rows if one.outcome == "pass" and one.answer.strip()]
    if broken.ERROR_END.search(ended) and (_silent(row, whole) or row.outcome != "pass" and others):
        return True
    if row.outcome == "pass":
        return False
    if _ungenerated(row, whole) and (row.tokens == 0 and not ended and any(
            one.termination for one in item.rows) or len(
            {one.model for one in item.rows if _ungenerated(one, whole)}) > 1):
        return True
    if ended:
        return bool(others) and not row.tokens and not row.heard and not _CHOSEN.search(ended) \
            and all(one.termination != ended for one in others)
    return _silent(row, whole) and len({one.model for one in item.rows if not one.termination
                                        and _silent(one, whole)}) >= _SEVERAL


def _ungenerated(row: Seen, whole: Whole) -> bool:
    """Whether not a sign was generated, and none was right; or a text was, to its own end, that is
    not there, though the run else answers."""
    return row.tokens is not None and row.outcome != "pass" and _says_nothing(row) and (
        row.tokens == 0 or row.tokens >= _FEWEST_TOKENS and _silent(row, whole)
        and _OWN_END.fullmatch(row.termination or "") is not None)


def _says_nothing(row: Seen) -> bool:
    return not row.answer.strip() and not row.spoken.strip() and not row.made


def _silent(row: Seen, whole: Whole) -> bool:
    run = whole.runs[row.run]
    return _says_nothing(row) and run.answered >= _NEARLY_ALL * run.rows


def _again(row: Seen, item: Item, whole: Whole) -> bool:
    """A call was executed again under its id, or once and has two results."""
    again = _repeated(row) or _twice(row, item)
    return bool(again) and (any(required.writes(made.tool) and _DUPLICATE.search(made.result)
                                for made in again)
                            or not _ids_restart(item, {made.ident for made in again}))


def _repeated(row: Seen) -> list[Made]:
    """Calls with id, tool and arguments of an earlier one, and second results of one write that say
    something else; none where one id names two calls."""
    first: dict[str, Made] = {}
    again = []
    for made in row.made:
        if not made.ident:
            continue
        earlier = first.setdefault(made.ident, made)
        if earlier is made:
            continue
        if made.tool.startswith(_NO_CALL):
            if required.writes(earlier.tool) and (earlier.result_hash != made.result_hash
                                                  or _COUNTED.match(made.result)):
                again.append(made)
        elif look_ups.key(earlier) != look_ups.key(made):
            return []
        else:
            again.append(made)
    return again


def _twice(row: Seen, item: Item) -> list[Made]:
    """Second results of one write of a failing row that say the same, where others that passed got
    one for this call."""
    if row.outcome != "fail" or not any(made.tool.startswith(_NO_CALL) for made in row.made):
        return []
    first = {made.ident: made for made in reversed(row.made) if made.ident}
    return [made for made in row.made if made.tool.startswith(_NO_CALL) and made.ident in first
            and required.writes((one := first[made.ident]).tool) and not shell.looks(one)
            and one is not made and any(
                other.outcome == "pass" and look_ups.key(one) in map(look_ups.key, other.made)
                and not any(each.tool.startswith(_NO_CALL) for each in other.made)
                for other in item.rows)]


def _ids_restart(item: Item, again: set[str | None]) -> bool:
    """Whether these ids may be counted anew with every turn: they name calls of several datapoints,
    and no other one has two calls under ids of their own, or one has two under one id."""
    others = [[made.ident for made in row.made if made.ident and not made.tool.startswith(_NO_CALL)]
              for row in item.rows if not _repeated(row)]
    if not any(ident in again for idents in others for ident in idents):
        return False
    return any(len(set(idents)) < len(idents) for idents in others) \
        or not any(len(idents) > 1 for idents in others)


def _tool(row: Seen, item: Item, whole: Whole) -> bool:
    """A failure after calls of a tool that works for nobody."""
    return row.outcome != "pass" and any(_failed(made) and _works_for_nobody(made, item, whole)
                                         for made in row.made)


def _failed(made: Made) -> bool:
    return made.failed or broken.failed(made.result)


def _works_for_nobody(made: Made, item: Item, whole: Whole) -> bool:
    """Whether all calls of a tool fail for several models: everywhere, or in this item with an
    error of the technology and no pass, as a refusal of what is asked may well be right, and so may
    be to say that something is down."""
    if _UNKNOWN_TOOL.search(made.result):
        return False
    if any(row.outcome == "pass" and any(one.tool == made.tool for one in row.made)
           for row in item.rows):
        return False  # a way round it is a part of the item
    due = [call for call in required.required(item.expected) or () if call.name == made.tool]
    if due and not broken.technical(made.result) and not any(
            required.fulfils(made_, call) for row in item.rows for made_ in row.made
            for call in due):
        return False  # refused for what was asked of it, and nobody asked what is expected
    tool = whole.tools[made.tool]
    if made.failed and tool.calls >= _FEW_CALLS and len(tool.models) > 1 and not tool.worked_for:
        return True
    if not broken.technical(made.result):
        return False
    calls = [(row, one) for row in item.rows for one in row.made if one.tool == made.tool]
    all_fail = all(row.outcome != "pass" for row in item.rows)
    if all_fail and not all(_failed(one) for _, one in calls):
        if shell.command(made) and not broken.any_command(made.result):
            return False  # of a machine that works a command may fail
        mine = look_ups.key(made)
        calls = [(row, one) for row, one in calls if look_ups.key(one) == mine]  # a page is down
    return (all(_failed(one) and row.outcome != "pass" for row, one in calls)
            and len({row.model for row, _ in calls}) > 1)


def _cut(row: Seen, item: Item, whole: Whole) -> bool:
    """Cut at a limit while still getting on: the last calls are new ones, or the text goes on
    without an answer and without repeating itself."""
    if row.outcome == "pass" or not (_at_limit(row, whole) or _ended_alone(row, item)):
        return False
    if row.made:
        acts = [made for made in row.made if not _THOUGHT.match(made.tool)]
        if _getting_on(acts):
            return True
        if not (_breaks_off(row) and _in_mid_text(row)):
            return False
    if not row.made and _asks_on(row):
        return True
    if not row.answer.strip():
        return not row.made and not row.spoken.strip() and _in_mid_text(row) \
            and bool(row.tokens) and any(other.outcome == "pass" and other.answer.strip()
                                         for other in item.rows)
    return not _ANSWERED.search(row.answer[-1_500:]) and not _repeats_itself(row.answer) \
        and not _has_answered(row.answer, item.expected)


def _asks_on(row: Seen) -> bool:
    """Whether a talk was cut in which each of the last turns asks something new and is told it."""
    asked, told = row.spoken.split("\n\n")[-_NEW_CALLS:], row.heard[-_NEW_CALLS:]
    return len(set(asked)) == len(set(told)) == _NEW_CALLS and all(map(str.strip, told)) \
        and all(one.rstrip()[-1:] in ("?", "？") for one in asked)


def _has_answered(text: str, expected: Any) -> bool:
    """Whether a text that was cut begins with a whole JSON object as one is expected, and no line
    of such."""
    if not isinstance(expected, dict | list) or text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        value, end = JSONDecoder().raw_decode(text.lstrip())
    except ValueError:
        return False
    return isinstance(value, type(expected)) and text.lstrip()[end:].lstrip()[:1] not in ("{", "[")


def _ended_alone(row: Seen, item: Item) -> bool:
    """Whether a run that says nothing in the end was ended as none that passed, by what no model
    brings about."""
    ends = {one.termination for one in item.rows if one.outcome == "pass"} - {None, ""}
    return bool(row.made and row.termination and ends) and row.termination not in ends \
        and not row.answer.strip() and not _CHOSEN.search(row.termination or "")


def _in_mid_text(row: Seen) -> bool:
    """Whether what ended the run ends it in the midst of a text, as a number of steps does not."""
    ended = row.termination or ""
    return bool(_TOKENS.match(ended) or _CLOCKED.match(ended))


def _breaks_off(row: Seen) -> bool:
    """Whether the answer ends in the midst of a sentence."""
    return bool(row.answer.strip()) and (not _ENDED.search(row.answer[-50:])
                                         or row.answer.count("```") % 2 == 1)


def _getting_on(made: Sequence[Made]) -> bool:
    """Whether the last calls are new ones, and what they looked up is; of fewer calls all of them,
    none of which failed."""
    before, last = made[:-_NEW_CALLS], made[-_NEW_CALLS:]
    keys = [look_ups.key(one) for one in last]
    if len(last) == _NEW_CALLS and (_counts_on(made, len(set(keys)) == 1)):
        return True
    read = [one.result_hash for one in last
            if not required.writes(one.tool) and not _TESTS.match(one.tool)]
    return (len(last) >= _FEWEST_NEW and len(set(keys)) == len(last) and not last[-1].failed
            and len(set(read)) == len(read)
            and (len(last) == _NEW_CALLS or not any(map(_failed, last)))
            and not set(keys) & {look_ups.key(one) for one in before}
            and not set(read) & {one.result_hash for one in before})


def _counts_on(made: Sequence[Made], is_one: bool = True) -> bool:
    """Whether the last calls are steps that got further each time: their results are one text in
    which a number grows, or one in which what is left falls, and none speaks of waiting."""
    last = look_ups.key(made[-1])
    steps = [re.sub(r"\([^()]*\)|(?<=\w)s\b", "", one.result).strip() for one in made
             if not is_one or look_ups.key(one) == last][-_FEW_CALLS + (not is_one):]
    if len(steps) <= _NEW_CALLS - 1 or any(_failed(one) or len(one.result) > _LONGEST_STEP
                                           or _WAITS.search(one.result) for one in made[-3:]):
        return False
    texts = {_NUMBERS.sub("#", step) for step in steps}
    rows = [list(map(float, _NUMBERS.findall(step))) for step in steps]
    falls = any(map(_LEFT.search, texts))
    return len(texts) == 1 and any(
        is_one and all(a < b for a, b in pairwise(column))
        or falls and all(a > b for a, b in pairwise(column)) for column in zip(*rows, strict=True))


def _at_limit(row: Seen, whole: Whole) -> bool:
    """Whether a limit ended the run: as it says, or where it does not, by an answer that breaks off
    at the number of tokens at which others of the run do."""
    if row.termination:
        return bool(_LIMIT.match(row.termination)) or (
            bool(_CLOCKED.match(row.termination)) and (_breaks_off(row) or bool(row.made)))
    run = whole.runs[row.run]
    return (row.tokens is not None and row.tokens == run.most_tokens and run.at_most_tokens > 2
            and not row.made and _breaks_off(row))


def _repeats_itself(text: str) -> bool:
    """Whether the end of a text stands in it several times before, or one of its lines does."""
    folded = " ".join(text.split())
    tail = folded[-40:]
    if len(tail) == 40 and folded.count(tail) > 2:
        return True
    words = re.findall(r"\w+", folded.casefold())[-_MOST_WORDS:]
    few = len(words) > _FEWEST_WORDS and len(set(words)) * 3 <= len(words)
    return few and not re.search(r"[\d{}=<>|]", folded[-_MOST_WORDS * 8:]) \
        or _GOES_ROUND.search(" ".join(words)) is not None


# Which rows a rule can be about: all, those that did not pass, those with calls.
_ALL, _OPEN, _ACTED, _OPEN_ACTED = range(4)
_Test = Callable[[Seen, Item, Whole], object]
_RULES: tuple[tuple[str, str, int, _Test], ...] = (
    ("no_answer", "hold what is no answer of the model.", _OPEN, no_answer.is_none),
    ("user_lost", "failed as the simulated user said nothing that a user says.", _OPEN, lost.user),
    ("other_result", "failed after a call that was answered otherwise than to all that passed.",
     _OPEN_ACTED, other_result.of_a_row),
    ("infrastructure", "ended by an error of the infrastructure.", _ALL, _broke),
    ("empty", "are empty, and no end of the model's own is recorded.", _ALL, _empty),
    ("tool_broken", "failed after calls of a tool that works for no model.", _OPEN_ACTED, _tool),
    ("session_lost", "lost the session in which they worked.", _OPEN_ACTED, lost.session),
    ("no_network", "failed in a sandbox without the network that the item needs.", _OPEN_ACTED,
     lost.network),
    ("not_loaded", "failed for what the question names and nobody had.", _OPEN_ACTED,
     lost.not_loaded),
    ("empty_look_ups", "failed after look-ups that are empty or one for all.", _OPEN_ACTED,
     lost.look_ups),
    ("not_given", "failed without the file of which the question speaks, as all did.",
     _OPEN, lost.not_given),
    ("executed_again", "have a call that was executed again under one id.", _ACTED, _again),
    ("not_checked", "failed though the check says that it could not run.", _OPEN,
     check_broke.unchecked),
    ("cut", "were cut at the limit while still getting on.", _OPEN, _cut))


def _sides(rows: Sequence[Seen], rule: str, item: Item, whole: Whole) -> list[Variant]:
    first = rows[0]
    if rule == "not_checked" and not first.judge:
        shown = checked.last_log(first) or first.made[-1].result
    elif rule == "executed_again":
        shown = "\n".join(map(shell.in_words, (_repeated(first) or _twice(first, item))[:5]))
    elif rule == "tool_broken":
        shown = "\n".join(shell.in_words(made) for made in first.made
                          if _failed(made) and _works_for_nobody(made, item, whole))
    elif rule == "not_checked":
        shown = first.judge
    elif rule in ("session_lost", "no_network", "empty_look_ups", "not_loaded"):
        shown = "\n".join(map(shell.in_words, first.made[-_FEW_CALLS:]))
    elif rule == "other_result":
        shown = "\n".join(map(shell.in_words, other_result.of_a_row(first, item, whole)))
    elif rule == "user_lost":
        shown = "\n".join(first.heard)
    elif rule == "cut":
        shown = "\n".join(map(shell.in_words, first.made[-_NEW_CALLS:])) or first.answer[-1_000:]
    else:
        errors = [str(signal.get("text")) for signal in first.signals
                  if signal.get("kind") == "harness_error"]
        shown = "\n".join(errors) or first.answer or "(no answer)"
    return [variant("recorded", shown, rows), variant("ended by", first.termination or
                                                      "(not recorded)")]
