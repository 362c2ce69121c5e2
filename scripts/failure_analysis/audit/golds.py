"""What a question and its gold say, without any answer: the kind of a gold, options, an answer that
stands in the question, a gold that breaks off."""

import hashlib
import json
import re
import string
from fractions import Fraction
from functools import lru_cache
from typing import Any

from failure_analysis.audit import required
from failure_analysis.audit.seen import Seen
from failure_analysis.patterns import re_compile
from failure_analysis.tool_checks import parsed_arguments

# Where an expectation of several parts holds its answer, and what has to be said beside calls.
ANSWERS = ("answer", "final_answer", "target", "gold", "expected_answer", "correct_answer",
           "ground_truth", "label", "solution", "output", "value", "expected", "result")
SAID = ("outputs", "communicate_info", "required_outputs", "must_say", "to_say")
_NUMBER = re_compile(r"[-+−]?[$€£]?\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?(?:e[-+]?\d+)?")
_PLAIN_NUMBER = re_compile(r"[-+]?\d+(?:\.\d+)?")
_UNIT = re_compile(r"\s?(?:%|°[CF]?|[^\W\d]{1,12}(?:[ /][^\W\d]{1,12})?[²³]?\.?)?")
TUPLE = re_compile(r"[(<⟨]\s*[-+−]?[\w./]+(?:\s*,\s*[-+−]?[\w./]+)+\s*[)>⟩]")
LETTER = re_compile(r"\(?([A-J])\)?[.)]?")
_NO_VALUE = frozenset(("none", "no solution", "undefined", "impossible", "infinity", "infinite",
                       "n/a", "na", "-", "unknown", "not possible", "∞", "cannot be determined",
                       "no real solutions", "does not exist", "unanswerable"))
_NUMBER_WORDS = re_compile(
    r"\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|"
    r"thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|dozen|half|quarter|"
    r"third|both|all|many|several|few|once|twice)\b", re.IGNORECASE)
_WANTS_NUMBER = re_compile(r"\bhow (?:many|much)\b|\bwhat is the (?:sum|product|total|number|"
                           r"remainder|difference|average|mean|probability|area|perimeter|volume|"
                           r"median|percentage|distance)\b", re.IGNORECASE)
_OPTION = re_compile(r"(?:^|[\s(])\(?([A-J])[).:]\s+(.+?)(?=\s+\(?[A-J][).:]\s|\s*$)", re.MULTILINE)
_STATED = re_compile(
    r"\b(?:answer|solution|gold|(?:answer )?key(?: (?:for|of) [\w -]{1,30}(?=:))?|response|"
    r"ground truth|correct (?:option|choice|label|value)|"
    r"label(?= ?:)|reference(?: (?:output|result|value))?|target(?: (?:output|value|label))?|"
    r"expected(?: (?:output|result|value|actions?|answer))?)\s*(?:is|:|=)\s*([^\n]{1,2000})",
    re.IGNORECASE)
_AS_EXAMPLE = re_compile(r"\be\.?g\b|\bexamples?\b|\bfor instance\b|\bsuch as\b|\blike\b|\bformat|"
                         r"\bform\b|\b(?:if|when|where)\b(?![^?]*\?)|\bshot\b|\bQ\s*\d*\s*:",
                         re.IGNORECASE)
_ASIDE = re_compile(r"(?:[(\[]|<!--\s*)(?:ans|answer|solution|gold|key|correct|reference|"
                    r"expected|target|truth|a|sol)\.?(?: [a-z]+){0,4}\s*(?:[:=]|\bis\b)\s*"
                    r"([^()\[\]\n]{1,200}?)(?:[)\]]|\s*-->)",
                    re.IGNORECASE)
_BEHIND = re_compile(
    r"\?\W*[(\[](?:so |i\.e\. |namely )?(?:it|this|that|which|the (?:answer|result|output|call|"
    r"program|code|function|sum|total|value))(?: \w+)? (?:prints?|gives|returns?|equals?|yields?|"
    r"makes|shows?|outputs?|evaluates to|comes to|is|are|was|be)[ :=]+([^()\n]{1,80}?)[.!]?"
    r"[)\]]\s*\Z", re.IGNORECASE)
_SENTENCES = re_compile(r"(?<=\w)([.;])\s+(?=[A-Z])")
_AS_THOUGHT = re_compile(r"\b(?:sa(?:ys?|id)|thinks?|thought|claims?|believes?|guess\w*|argues?|"
                         r"suppose\w*|assum\w+|wrong|incorrect|old|student|first|start|same|one) *"
                         r"(?:that )?(?:the |is |an? |his |her |their )?\W*\Z", re.IGNORECASE)
_IN_DOUBT = re_compile(r"\b(?:correct|right|wrong|true|false|agree|verify|check|mistake|error)\b",
                       re.IGNORECASE)
# The line that ends a worked solution.
_SOLVED = re_compile(r"(?:####|\\boxed\{)\s*([^\n{}#]+?)\s*\}?\$?\.?\s*\Z")
_LAST = re_compile(r"(?:####|^A:)[ \t]*(\S[^\n]*)\s*\Z", re.MULTILINE)


def plain(expected: Any) -> str | None:
    """A gold as text; None for actions, lists and whatever has several fields. Of a worked
    solution that ends in `#### 18` or `A: 18` it is the last part."""
    if isinstance(expected, bool):
        return str(expected).lower()
    if isinstance(expected, int | float):
        return repr(expected)
    if isinstance(expected, dict):
        if (value := inner(expected)) is not None:
            return plain(value)
        only = next(iter(expected.values())) if len(expected) == 1 else None
        value = expected.get("answer", only)
        if isinstance(expected.get("reference"), str) and all(
                name == "reference" or isinstance(one, int | float)
                for name, one in expected.items()):
            value = expected["reference"]  # the rest says how it is compared
        return plain(value) if not isinstance(value, dict | list) else None
    if not isinstance(expected, str):
        return None
    last = _LAST.search(expected) if "####" in expected or "A:" in expected else None
    return (last[1] if last else expected).strip() or None


def inner(expected: dict) -> Any:
    """The one text that is expected to be said where no call is, or the one answer of a state;
    None for anything else."""
    said = [value for name in SAID if isinstance(value := expected.get(name), list) and value]
    if len(said) == 1 and len(said[0]) == 1 and required.required(expected) == []:
        return said[0][0]
    state = next(iter(expected.values())) if len(expected) == 1 else None
    return next(iter(state.values())) if isinstance(state, dict) and len(state) == 1 \
        and set(state) & {*ANSWERS} else None


def nothing_to_say(expected: Any) -> bool:
    """Whether it is written down that nothing has to be said beside the calls."""
    return isinstance(expected, dict) and any(expected.get(name) == [] for name in SAID)


def folded(text: str) -> str:
    """A short text without case, white space, quotes and closing punctuation."""
    return " ".join(text.split()).strip(" .!\"'`“”‘’").casefold()


def number(text: str) -> Fraction | None:
    """The number that a text is, with at most a currency or a per cent sign and commas between
    thousands."""
    bare = re.sub(r"[$€£%\s]|,(?=\d{3}\b)", "", text.replace("−", "-"))
    return Fraction(bare) if _PLAIN_NUMBER.fullmatch(bare) and len(bare) < 100 else None


def kind(gold: str) -> str:
    """What a gold is: number, letter, truth, json, tuple, none or text."""
    bare = gold.strip().strip("\"'`")
    if LETTER.fullmatch(bare):
        return "letter"
    if folded(bare) in ("yes", "no", "true", "false"):
        return "truth"
    if folded(bare) in _NO_VALUE:
        return "none"
    if (found := _NUMBER.match(bare)) and _UNIT.fullmatch(bare, found.end()):
        return "number"
    if bare[:1] in "{[" and is_json(bare):
        return "json"
    if TUPLE.fullmatch(bare):
        return "tuple"
    return "text"


def is_json(text: str) -> bool:
    """Whether a text, in a code fence or not, is JSON."""
    bare = re.sub(r"\A\s*```(?:json)?\s*|\s*```\s*\Z", "", text)
    return parsed_arguments(bare) is not bare


@lru_cache(maxsize=4)
def template(question: str) -> str:
    """What stands for a question whose data are taken out: numbers, names, what is quoted. Blank
    where too little is left of it."""
    text = re.sub(r"\"[^\"\n]*\"|“[^”\n]*”|`[^`\n]*`", "•", question[:5_000])
    text = re.sub(r"[-+−$€£]?\d[\d,.:/%]*", "•", text)
    text = re.sub(r"(?<=[^\n.?!:] )[A-Z]\w*", "•", text)
    words = re.sub(r"(?:•[\s,;]*(?:and\s+)?)+", "• ", text).split()
    if sum(word != "•" for word in words) < 4:
        return ""
    return hashlib.blake2b(" ".join(words).encode("utf-8", "surrogatepass"),
                           digest_size=8).hexdigest()


def wants_number(question: str) -> bool:
    """Whether a question, in its last sentence that asks, asks for a number."""
    asks = [part for part in re.split(r"(?<=[.?!])\s+|\n", question[-2_000:]) if "?" in part]
    return bool(asks) and bool(_WANTS_NUMBER.search(asks[-1])) and " or " not in asks[-1]


def is_any_number(gold: str) -> bool:
    """Whether there is a number in a gold, in figures, words or signs, or that there is none."""
    return bool(re.search(r"[\d√π∞\\]", gold)) or bool(_NUMBER_WORDS.search(gold)) \
        or kind(gold) in ("none", "truth", "letter")


@lru_cache(maxsize=4)
def options(question: str) -> dict[str, str]:
    """The options that a question offers under letters, A, B and so on without a gap; none where
    it offers fewer than two."""
    named: dict[str, str] = {}
    for found in _OPTION.finditer(question):
        if found[1] == string.ascii_uppercase[len(named)]:
            named[found[1]] = found[2].strip()
    return named if len(named) > 1 else {}


_HEADED = re_compile(
    r"(?:^|\n)[ \t]*(?:#+[ \t]*|\*\*|<|\[)?(?:answer|solution|gold|key|answer key|reference|"
    r"reference answer|ground truth|expected(?: output| result| answer)?)(?:\*\*|>|\])?:?(?:\*\*)?"
    r"[ \t]*\n\s*(\S.*?)\s*\Z", re.IGNORECASE | re.DOTALL)


def headed(question: str) -> str:
    """What stands at the end of a question below a heading that calls it the answer; blank where
    nothing does."""
    below = [found[1] for found in _HEADED.finditer(question[-5_000:])]
    return below[-1] if below else ""


@lru_cache(maxsize=4)
def _statements(question: str) -> list[re.Match[str]]:
    return list(_STATED.finditer(question))


def stated(question: str) -> str | None:
    """What a question says is the answer, folded; None where it says nothing or several, or gives
    it as an example."""
    said = _statements(question)
    if len(said) != 1 or _AS_EXAMPLE.search(question[max(0, said[0].start() - 60):said[0].start()]):
        return None
    text = re.sub(r"[\])}>*]+\s*\Z", "", said[0][1].strip())
    return folded(text) or None


def _first_sentence(question: str) -> str:
    """The first sentence of what a question says is the answer, folded; blank where it gives it as
    an example, as what somebody thinks, or asks whether it is."""
    said = list(_STATED.finditer(question))
    if len(said) != 1:
        return ""
    before = question[max(0, said[0].start() - 60):said[0].start()]
    first, stop, rest = [*_SENTENCES.split(said[0][1], maxsplit=1), "", ""][:3]
    if not stop or _AS_EXAMPLE.search(before) or _AS_THOUGHT.search(before) \
            or _IN_DOUBT.search(rest):
        return ""
    return folded(first)


_CALL_SAID = re_compile(r"\b(?:expected|gold|correct|reference|right|required)(?: tool| function)? "
                        r"(?:call|action)s?(?: is)?\W{1,3}([\w.]+)\(([^\n]*)\)", re.IGNORECASE)


def states_json(question: str, expected: dict | list) -> bool:
    """Whether a question says a gold of several values in brackets: all of it, or actions of it."""
    if (said := _CALL_SAID.search(question)) and any(
            call.name == said[1] and all(text in said[2] for text in scalars(call.arguments))
            for call in required.required(expected) or ()):
        return True
    found = re.search(
        r"[\[(]?\b(?:answers?|solution|gold|key|expected|reference|correct|target|label|ground "
        r"truth)(?: (?:answer|output|json|result|value|object|example))*\s*(?:[:=]|is)\s*"
        r"(?=[\[{])", question, re.IGNORECASE)
    below = headed(question)
    if not found and below[:1] not in ("[", "{"):
        return False
    try:
        text, start = (question, found.end()) if found else (below, 0)
        said = json.JSONDecoder().raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return False
    actions = expected.get("actions") if isinstance(expected, dict) else expected
    return said == expected or (bool(said) and isinstance(said, list) and isinstance(actions, list)
                                and all(one in actions for one in said))


_FIGURES = re_compile(r"\d(?<![\d.]\d)\d*(?:,\d{3})*(?:\.\d+)?(?!\d)")


def numbers(text: str) -> list[str]:
    """The numbers in a text as they are written, without commas between thousands."""
    return [found.replace(",", "") for found in _FIGURES.findall(text)]


def unclosed(gold: str) -> bool:
    """Whether a gold opens a bracket or a quote that it does not close; which bracket closes it is
    not asked: [0, 1) is an interval."""
    if not re.search(r"\w", gold):
        return False
    outside = re.sub(r"\"[^\"\n]*\"|'[()\[\]{}]'", "", gold)
    opened = sum(map(outside.count, "([{")) - sum(map(outside.count, ")]}"))
    return opened > 0 or len(re.findall(r"(?<![\d\\])\"", gold)) % 2 == 1


def unended(gold: str) -> bool:
    """Whether a gold of six words or more has no sign at its end that closes a sentence."""
    return len(gold.split()) > 5 and gold.rstrip()[-1].isalnum()


_SLOT = re_compile(r"\{\{[ \w.|\[\]-]{1,60}\}\}|<%=?[ \w.]{1,60}%>|"
                   r"(?<![\\\w$^_}{])\{[a-z]+(?:_[a-z]+)+\}|"
                   r"<[A-Z]{3,}(?:_[A-Z]+)*>|\[(?:INSERT|YOUR|ENTER|FILL|NAME|DATE|TODO|TBD|"
                   r"PLACEHOLDER)[^\]\n]{0,30}\]|\$\{\w+\}")
_IN_SQUARE = re_compile(r"(?<![\w)\]])\[ ?(\d+) ?\]")


def is_placeholder(gold: str) -> bool:
    """Whether a gold only stands for one."""
    return bool(_SLOT.search(gold)) and not re.search(r"[`'\"=();]", gold) or bool(re.fullmatch(
        r"see (?:the )?(?:explanation|above|below|solution|text|answer)|todo|"
                             r"tbd|fixme|nan|null|#ref!|#n/a|#value!|\?{2,}|placeholder",
                             folded(gold)))


def scalars(expected: Any) -> list[str]:
    """The texts and numbers of a gold, wherever they stand in it."""
    if isinstance(expected, (dict, list)):
        values = expected.values() if isinstance(expected, dict) else expected
        return [text for value in values for text in scalars(value)]
    return [] if expected is None or isinstance(expected, bool) else [str(expected)]


def hangs(gold: str) -> bool:
    """Whether a gold of several words ends where nothing can end."""
    words = gold.split()
    if "\n" in gold or (len(words) > 3 and words[-2] in ("return", "=", "==", "+", "*", "AS")):
        return False  # code, where a letter is a name
    return len(words) > 3 and (gold.rstrip()[-1] in ",(-" or words[-1] in (
        "the", "a", "an", "and", "or", "of")) or gold.rstrip()[-2:-1].isalnum() and gold.rstrip(
        )[-1] == "," or bool(re.search(r"\w(?:…|\.\.\.)\Z", gold))


def states(question: str, gold: str) -> bool:
    """Whether a question says this as its answer: named as such, or alone behind its last question
    mark."""
    after = folded(question.rpartition("?")[2]) if "?" in question else ""
    after = folded(after[1:-1]) if after[:1] + after[-1:] in ("()", "[]") else after
    solved = _SOLVED.search(question[-300:])
    if solved and folded(solved[1]) == folded(gold) \
            and not _AS_EXAMPLE.search(question[-300:][:solved.start()][-60:]):
        return True
    if _hinted(question, gold) or _restated(question, gold):
        return True
    if re.search(r"[=(]", gold) and re.search(
            rf"\b(?:use|type|enter|write|put)\W{{1,3}}{re.escape(gold)}(?![\w(])", question, re.I):
        return True
    if folded(gold) and folded(gold) in map(folded, (*_ASIDE.findall(question), *(
            _BEHIND.findall(question) if "?" in question else ()))):
        return True
    if len(gold) > 1 and gold.isdigit() and _IN_SQUARE.findall(question) == [gold]:
        return True
    if folded(gold) and folded(gold) in (stated(question), after, folded(headed(question)),
                                         _first_sentence(question)):
        return True
    said = _statements(question)
    if len(said) == 1 and gold.rstrip()[-1:] in "])}" and folded(said[0][1]) == folded(gold) \
            and stated(question) is not None:
        return True
    rest = said[0][1] if len(said) == 1 and question[:said[0].start()].endswith("[") else ""
    return rest.casefold().startswith(gold.casefold()) and rest[len(gold):].lstrip()[:1] == "]"


_HINT = re_compile(
    r"\b(?:hint|tip|spoiler|clue|psst|p\.?s\.?|note (?:to|for) (?:the )?(?:self|(?:grad|annotat|"
    r"judg|review|evaluat|mark|check|label)\w+)|"
    r"(?:grader|annotator|judge|reviewer)['’]?s?[ -]note)\b"
    r"\W{1,3}(?:(?:the )?(?:answer|result|solution|gold|expected|key|target|correct)"
    r"(?: (?:answer|value|output))?(?: is|:| =)? |it is |it's |try |use |think of |accept )?",
    re.IGNORECASE)
_DOES_IT = re_compile(r"[`'\")]*,? (?:does it|does the (?:job|trick)|works|will do|is (?:right|"
                      r"correct|the (?:answer|one|right|correct|solution))|would be "
                      r"(?:right|correct))\b",
                      re.IGNORECASE)
_MARKED = re_compile(r"[`'\")]*\s*(?:[(\[](?:correct|right|true|answer|the answer|key)[)\]]|[✓✔✅]|"
                     r"<-+ ?(?:correct|answer|this|right))", re.IGNORECASE)
_ONE_ASKED = re_compile(r"\b(?:what|who|which)(?: \w+)? (is|are|was|were) ([^?]{4,80})\?\s*\Z",
                        re.IGNORECASE)
_FEW_PLACES = 5
_HINTS = ("hint", "tip", "spoiler", "clue", "psst", "p.s", "ps:", "note", "correct", "does it",
          "does the", "works", "will do", "right", "is the ", "✓", "✔", "✅", "<-", "true)", "key)",
          "answer)")


def _hinted(question: str, gold: str) -> bool:
    """Whether a question gives its answer as a hint, says that it does it, or marks it alone among
    its options as the right one."""
    if gold not in question or not any(map(question.casefold().__contains__, _HINTS)):
        return False
    if LETTER.fullmatch(gold):
        right = [letter for letter, text in options(question).items() if _MARKED.search(text)]
        return right == [gold]
    place = question.find(gold) if len(gold) > 1 else -1
    for _ in range(_FEW_PLACES):
        if place < 0:
            break
        before = question[max(0, place - 60):place]
        after = question[place + len(gold):place + len(gold) + 80]
        place = question.find(gold, place + 1)
        if before[-1:].isalnum() or after[:1].isalnum():
            continue
        if _MARKED.match(after) and len(_MARKED.findall(question)) == 1:
            return True
        hint = list(_HINT.finditer(before))
        if hint and not re.sub(r"[`'\"(\s]", "", before[hint[-1].end():]) \
                and (_DOES_IT.match(after) or re.match(
                    r"[`'\")\]]*\s*[.!)]?\s*(?:\n|\Z)" if "note" not in hint[-1][0].lower()
                    else r"[`'\")\]]*\s*(?:only|alone)?\s*(?:[!;)\n]|[.](?!\d)|\Z)", after)):
            return True
    return False


def _restated(question: str, gold: str) -> bool:
    """Whether a question of two sentences says in the first what it asks in the second: `The
    capital of X is Y. What is the capital of X?`"""
    asked = _ONE_ASKED.search(question) if len(question) < 300 and gold in question else None
    if not asked:
        return False
    before = question[:asked.start()].strip()
    subject = rf"{re.escape(asked[2].strip())} {asked[1]}"
    said = re.match(rf"(?:{subject} {re.escape(gold)}|{re.escape(gold)} {asked[1]} "
                    rf"{re.escape(asked[2].strip())})\W*\Z", before, re.IGNORECASE)
    return said is not None and not _AS_THOUGHT.search(before)


def kind_of(expected: Any) -> str:
    """The kind of any gold."""
    gold = plain(expected)
    if gold is None:
        return "list" if isinstance(expected, list) else "object"
    return kind(gold)


def task_of(rows: list[Seen]) -> str:
    """The task of an item."""
    return next((row.task for row in rows if row.task), "")


def name_key(ident: str) -> str:
    """An item's name without case, white space and the mark of a name that had to be changed."""
    bare = re.sub(r"~[0-9a-f]{8}\Z", "", ident) if "~" in ident else ident
    return "".join(bare.split()).casefold()
