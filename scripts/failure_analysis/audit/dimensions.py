"""What the dimensions of a verdict are about, as their names tell: the answer, its form, the calls,
the state that the run left, what it said."""

import re
from functools import lru_cache

from failure_analysis.audit.seen import Seen
from failure_analysis.datapoint import is_number
from failure_analysis.patterns import re_compile

SEVERAL = 2
# What a dimension is called that judges whether the answer is right, or the calls are.
_RIGHT = re_compile(r"correct|accura|match|solved|answer|right|score|success|pass|outcome|equal|"
                    r"valid|\bem\b|\bf1\b|resolved|goal|verdict|judg|grade|gold|result|\btests?\b",
                    re.I)
# What else an answer that is the expected one has all of, and what its form alone decides.
_HAS = re_compile(r"complet|content|cover|includ|extract|recall|precis|fact|truth|exact|semantic|"
                  r"faith|\bvalues?\b|knowledge|numeric|substance|\b(?:required|key) ?(?:terms?|"
                  r"words?|phrases?|points?)\b", re.I)
_FORM = re_compile(r"format|schema|structur|syntax|\bjson\b", re.I)
_CALLS = re_compile(r"\bdb\b|database|state|action|tool|call|reward|task|write|done|complet|valid|"
                    r"\bpage\b|\bfiles?\b|record|\benv|world|ledger|inventory", re.I)
_STATE = re_compile(r"(^|[^a-z])(db|database|state|env|environment|world|files?|file_?system|"
                    r"(final|end)_?(page|screen|record|content|url)|page_?state|ledger|inventory)"
                    r"([^a-z]|$)", re.I)
_WORDS = re_compile(r"communicat|confirm|farewell|nl_?assert|(^|[^a-z])"
                    r"(answered|notified|told|tell|inform|informed|said|say|mention|output|response|reply|"
                    r"message|report|summary|sentence|closing|wording|text|radio|speech|utterance|"
                    r"transcript)s?([^a-z]|$)", re.I)
_ANSWER = re_compile(r"(?:final_?)?answer|outputs?|text|values?|info\w*", re.I)
# Dimensions that sum up the whole, and those of how it was done.
WHOLE = re_compile(r"^(?:utility|success\w*|task(?:_\w+)?|pass\w*|correct\w*|reward|overall|"
                   r"resolved|goal\w*|solved|score|result)$", re.I)
VERDICT = re_compile(r"^(?:pass\w*|overall|success\w*|resolved|reward)$", re.I)
_MANNER = re_compile(r"form|styl|polite|tone|concis|brief|length|limit|safe|harm|polic|speed|time|"
                     r"latenc|cost|efficien|step|turn|ground|cit|topic|relev|fluen|gramm|help|clar|"
                     r"plan|reason|quality|complet|cover|fact|faithful|truth|rubric|judg", re.I)
# What else may be wrong of a right answer.
_BESIDE = re_compile(r"expla|justif|rational|\bwork|shows?_|detail|depth|example|insight|creativ|"
                     r"origin|natural|read|sound|persona|friend|hallucin|legal|bias|tool|call|"
                     r"source|evidence|\bran\b|runs?\b|compil|lint|memory|token|size|schema|"
                     r"struct|syntax|json|langu", re.I)
_BEHIND = re_compile(r"_(?:ok|okay|right|correct|met|check|passed|score|good|valid|match)$", re.I)


def of_words(name: str) -> bool:
    """Whether a dimension is about what was said, beside what was done."""
    return bool(_WORDS.search(name))


def of_answer(name: str) -> bool:
    """Whether a dimension is about the answer, as the words beside a state are."""
    return bool(_ANSWER.fullmatch(_BEHIND.sub("", name)))


@lru_cache(1 << 10)
def _of_state(names: tuple[str, ...], acted: bool) -> frozenset[str]:
    """The dimensions that are about the state: those that are called so, else the only one beside
    those of what was said, where something was done."""
    named = frozenset(name for name in names if not name.startswith("action:")
                      and _STATE.search(name))
    if named or not acted:
        return named
    rest = [name for name in names if not of_words(name) and not of_answer(name)
            and not WHOLE.match(name)]
    return frozenset(rest) if len(rest) == 1 < len(names) and not _MANNER.search(rest[0]) \
        and any(of_words(name) or of_answer(name) for name in names) else named


def of_state(row: Seen) -> frozenset[str]:
    """The judged dimensions of a row that are about the state that it left."""
    if not row.scores:
        return frozenset()
    return _of_state(tuple(valued(row)), bool(row.made))


def state(row: Seen) -> bool | None:
    """What the record says of the state that the run left: right, wrong, or None where no check of
    the state is recorded."""
    if row.signals and any(signal.get("kind") == "wrong_database" for signal in row.signals):
        return False
    said = {row.scores[name] for name in of_state(row)}
    if not said or not said <= {0, 1}:
        return None
    return False not in said


def valued(row: Seen) -> list[str]:
    """The dimensions of which anything was said."""
    return [name for name, value in row.scores.items() if value is not None]


def judged(row: Seen) -> list[str]:
    """The dimensions with a verdict or a number."""
    return [name for name, value in row.scores.items() if isinstance(value, bool)
            or is_number(value)]


def about(row: Seen) -> bool:
    """Whether what the row failed is a dimension that the right answer has met, by its name, or its
    only one; where none is called so, one that is not of the manner of the answer."""
    names = judged(row)
    if len(names) < SEVERAL or not row.failed:
        return True
    said = [name for name in row.failed if _RIGHT.search(name.replace("_", " "))
            or _HAS.search(name.replace("_", " "))]
    if not any(map(_RIGHT.search, names)):
        said += [name for name in row.failed if not _MANNER.search(name)
                 and not _BESIDE.search(name)]
    held = [name for name in names if row.scores[name] is True
            and _RIGHT.search(name.replace("_", " "))]
    return bool(said) and not held


def about_words(row: Seen) -> bool:
    """Whether what the row failed is what it says, or its only dimension."""
    return len(judged(row)) < SEVERAL or bool(row.failed) and all(
        of_words(name) or _RIGHT.search(name) for name in row.failed)


def about_form(row: Seen) -> bool:
    """Whether the row failed its form alone."""
    return bool(row.failed) and all(map(_FORM.search, row.failed))


def about_calls(row: Seen) -> bool:
    """Whether all that the row failed is what its calls decide, or its only dimension."""
    return not beside_calls(row)


def beside_calls(row: Seen) -> list[str]:
    """What the row failed beside what its calls decide."""
    if len(valued(row)) < SEVERAL:
        return []
    mine = of_state(row)
    return [name for name in row.failed if name not in mine and not VERDICT.match(name)
            and not _CALLS.search(name.replace("_", " "))]
