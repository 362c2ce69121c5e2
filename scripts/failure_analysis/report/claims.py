"""What one sentence of a report claims, and whether its facts and citations carry that: whose
number it is, of which whole, and which model a datapoint belongs to."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from failure_analysis import facts
from failure_analysis.markdown import code
from failure_analysis.packet import rows
from failure_analysis.report import prose
from failure_analysis.report.prose import CITE, CODE, FACT, Sentence, Unit
from failure_analysis.review import ledger, tally

_QUANTIFIER = re.compile(
    r"(?<![\w-])(?:all|none|only|every|everyone|everybody|nobody|always|never|most|mostly|majority|both"
    r"|entirely|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    r"|sixteen|seventeen|eighteen|nineteen|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
    r"(?:-\w+)?|hundreds?|thousands?|millions?|dozens?|half|thirds?|quarters?|percent|twice|no one"
    r"|nothing|neither|without exception)(?![\w-])", re.I)
# Headings of the template and of models and buckets say what a section is about.
_TITLE = re.compile(r"## (?:Model (`+).+\1|Items that every model failed)|### (?:`\w+`|Item `.+`)"
                    r"(?: \(provisional\))?")
_NOT_MEANT = re.compile(r"\b(?:at all|after all|not only|first of all|most likely|half way"
                        r"|(?:should|must|may|need) (?:always|never|only))\b", re.I)
_DIGITS = re.compile(r"[^\W_]*\d(?:[\w.,:/]*\w)?")
# Words for more than a single datapoint can bear: they need a fact.
_SMALL = "two|three|four|five|six|seven|eight|nine|ten|half"
_LARGE = ("eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
          "|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-\\w+)?|hundreds?|thousands?|millions?|dozens?|percent|majority|tenfold"
          "|(?:one|two|three)-(?:thirds?|quarters?)")
_COUNTS = re.compile(rf"(?<![\w-])(?:(?:{_SMALL}) (?:out )?(?:of|in)|(?:{_LARGE}))(?![\w-])", re.I)
_ITEM = re.compile(r"(?:\b(?:items?|turns?|tasks?|questions?|trials?|and|or)|,)\s*$", re.I)
# A word that a sentence must hold to use a fact of this kind.
_SAYS = {"failed_rows": "fail", "passed_rows": "pass", "judged_rows": "judged",
         "unjudged_rows": "unjudged|not judged", "rejected_rows": "reject",
         "review/reviewed": "review|read", "review/unread": "unread|not read|nobody|not review",
         "comparison/pass_rate_pct": "pass", "comparison/pass_rate_low_pct": "pass",
         "comparison/pass_rate_high_pct": "pass", "review/pass_rate_low_pct": "pass",
         "review/pass_rate_high_pct": "pass", "comparison/failed_by_all": "fail",
         "comparison/passed_by_all": "pass", "comparison/unique_fail": "fail",
         "comparison/unique_pass": "pass", "rows_read": "row|read", "items": "item",
         "runs": "run", "models": "model"}
_SAMPLE = ("review/bucket", "review/bucket_fault", "review/bucket_dimension", "review/fault",
           "review/might_pass")
_OF_ALL = ("failed_rows", "judged_rows", "rows", "rows_read")
_CLAUSE = re.compile(r"[,;:]| (?:and|while|but|whereas) ")
# "A of B": for a kind of A, the kinds of B that it is a part of.
_WHOLE = {
    "failed_rows": ("judged_rows", "rows", "rows_read"),
    "passed_rows": ("judged_rows", "rows", "rows_read"),
    "unjudged_rows": ("rows", "rows_read"), "rejected_rows": ("rows_read",),
    "judged_rows": ("rows", "rows_read"),
    "run_failed_rows": ("run_judged_rows", "run_rows"), "run_judged_rows": ("run_rows",),
    "dimension": ("dimension_judged", "failed_rows"), "dimension_null": ("rows",),
    "dimension_judged": ("judged_rows", "rows"), "marker": ("rows", "failed_rows"),
    "review/reviewed": ("failed_rows",), "review/unread": ("failed_rows",),
    "review/open": ("review/reviewed",),
    "review/bucket": ("review/reviewed",), "review/fault": ("review/reviewed",),
    "review/might_pass": ("review/reviewed",),
    "review/bucket_dimension": ("review/bucket",), "review/bucket_fault": ("review/bucket",),
    "review/shown_whole": ("review/reviewed",), "review/shown_part": ("review/reviewed",),
    "review/shown_never": ("review/reviewed",),
    "comparison/compared_items": ("comparison/items", "items"),
    **{f"comparison/{kind}": ("comparison/compared_items", "comparison/items")
       for kind in ("failed_by_all", "passed_by_all", "unique_fail", "unique_pass",
                    "different_content")},
}
# Kinds whose key names more than a model: the sentence must name that too.
_NAMED = ("review/bucket", "review/bucket_dimension", "review/bucket_fault", "review/fault",
          "dimension", "dimension_judged", "dimension_null", "marker", "run_rows",
          "run_failed_rows", "run_judged_rows")
# Plain words for a class of fault.
_FAULT_WORDS = {"model_error": "model|its own|their own", "grader_issue": "grader|judge",
                "reference_issue": "reference|expected", "pipeline_issue": "pipeline|harness",
                "user_simulator_issue": "simulat", "undecided": "undecided|not decided"}
_BEYOND_CHANCE = re.compile(r"more than chance|by chance alone|statistically|significant", re.I)
Problem = tuple[str, str, str]


class Names(NamedTuple):
    """The names that sentences use: models by their key in facts, each datapoint's model, the
    buckets of the ledger, dimensions, provisional modes, items."""

    models: dict[str, str]
    owner: dict[str, str]
    buckets: frozenset[str]
    dimensions: frozenset[str]
    squeezed: set[str]
    modes: frozenset[str]
    items: frozenset[str]
    pattern: re.Pattern
    any_name: re.Pattern


def names(counted: tally.Tally, known: Mapping[str, int | float], benchmark: str) -> Names:
    """The names of an analysis folder."""
    outcomes = counted.known.outcomes
    models = {facts.key(name): name for name in counted.judged}
    dimensions = {one.split("/")[-1] for one in known if one.startswith("dimension/")}
    failed = set(rows.dimensions(counted.known))
    runs = {one.run for one in outcomes.values()}
    return Names(
        models, {ident: one.model for ident, one in outcomes.items()},
        frozenset(bucket for bucket, _ in tally.bucket_order(counted)),
        frozenset(failed | dimensions), {ledger.squeezed(name) for name in failed | dimensions},
        frozenset(one.mode for one in counted.known.failing() if one.mode),
        frozenset(one.item for one in outcomes.values()),
        _any_of(counted.judged), _any_of({*counted.judged, *runs, benchmark}))


def _any_of(words: Iterable[str]) -> re.Pattern:
    """Any of these names, the longest first, not as a part of a longer one."""
    alternatives = "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or r"(?!)"
    return re.compile(rf"(?<![\w./-])(?:{alternatives})(?![\w/-]|\.\w)")


def recount(known: rows.Index) -> dict[str, int]:
    """The core facts counted a second time, from outcomes.csv alone."""
    kinds = {"pass": "passed_rows", "fail": "failed_rows", "unjudged": "unjudged_rows"}
    found = Counter({**dict.fromkeys(kinds.values(), 0),
                     "models": len({one.model for one in known.outcomes.values()}),
                     "runs": len({one.run for one in known.outcomes.values()}),
                     "items": len({one.item for one in known.outcomes.values()})})
    for one in known.outcomes.values():
        model = facts.key(one.model)
        found[kinds[one.outcome]] += 1
        for outcome, kind in kinds.items():
            found[f"{kind}/{model}"] += one.outcome == outcome
        found[f"judged_rows/{model}"] += one.outcome != "unjudged"
        found[f"rows/{model}"] += 1
        for name in one.failed:
            found[facts.key("dimension", one.model, name)] += 1
        if one.outcome == "fail" and one.mode:
            found[f"mode/{one.mode}"] += 1
            found[facts.key("mode", one.mode, one.model)] += 1
    return dict(found)


def slug(title: str) -> str:
    """A heading's bucket, without backticks and remarks."""
    return title.replace("(provisional)", "").strip().strip("`").strip()


def kind_of(key: str) -> str:
    """The kind of a fact: the first word of its key, the first two of a step's own facts."""
    first, _, rest = key.partition("/")
    return f"{first}/{rest.partition('/')[0]}" if first in ("review", "comparison", "agreement") \
        else first


def models_of(key: str, known: Names) -> set[str]:
    """The models that a fact's key names; the longest name wins where one contains another."""
    rest, found = f"{key.removeprefix(kind_of(key))}/", set()
    for name in sorted(known.models, key=len, reverse=True):
        if f"/{name}/" in rest:
            found.add(known.models[name])
            rest = rest.replace(f"/{name}/", "/")
    return found


def sentence(said: Sentence, unit: Unit, also_cited: list[str], known: Names,
             values: Mapping[str, int | float]) -> Iterator[Problem]:
    """What is wrong with a sentence; `also_cited` are citations of the quote that it introduces.
    A problem is (verdict, text, why)."""
    for token in said.all(FACT):
        if token.value not in values:
            yield "wrong_value", token.value, "there is no such fact"
        elif str(values[token.value]) != token.number:
            yield "wrong_value", f"{token.number} for {token.value}", \
                f"the fact is {values[token.value]}; run write_report.py"
        else:
            yield from _misused(token, said, unit, known)
    yield from _wholes(said)
    yield from _samples(said, unit)
    yield from _apart(said, unit, known)
    heading = unit.kind == "heading"
    yield from _numbers(said, heading, known)
    if not (heading and _TITLE.fullmatch(unit.text)):
        evidence = bool(said.all(FACT) or said.all(CITE) or also_cited)
        words = _NOT_MEANT.sub("", said.masked)
        quantifier, count = _QUANTIFIER.search(words), _COUNTS.search(words)
        if count and not said.all(FACT):
            yield "unsupported_quantifier", count[0].strip(), "a count needs a fact in the same " \
                "sentence; a citation shows a single datapoint"
        elif quantifier and not evidence:
            yield "unsupported_quantifier", quantifier[0], "a fact or citation in the same " \
                "sentence must carry it; say it with one, or say less"
        yield from _models(said, unit, also_cited, known)
        tests = [token for token in said.all(FACT) if token.value.startswith("comparison/p_holm/")]
        if _BEYOND_CHANCE.search(said.masked) and not tests:
            yield "unsupported_claim", _BEYOND_CHANCE.search(said.masked)[0], \
                "give the adjusted p of the pair: {{comparison/p_holm/BETTER/WORSE}}"
        elif any(float(token.number or 1) >= 0.05 for token in tests) \
                and not re.search(r"\b(?:no|not|nothing|neither)\b", said.masked, re.I):
            yield "wrong_words", tests[0].value, "with this p no difference was shown; say so"


def foreign(ident: str, unit: Unit, known: Names) -> str:
    """Why a datapoint does not belong into a model's section; empty when it does."""
    title, owner = unit.model, known.owner.get(ident)
    if not title or owner is None or code(owner) == title or code(owner) in unit.text:
        return ""
    return f"it is {owner}'s, in the section of {title}; name that model beside it"


def _misused(token: prose.Token, said: Sentence, unit: Unit, known: Names) -> Iterator[Problem]:
    """A right number in a sentence that says something else."""
    key, kind = token.value, kind_of(token.value)
    text = _plain(said)
    if kind == "mode" and not re.search(r"provisional|\brules?\b", text, re.I):
        yield "provisional_count", key, "a provisional mode's count is no finding: say that " \
            "rules gave the label, or use a bucket"
    if kind in _SAYS and re.search(
            rf"(?:\bnot|\bnever|n['\u2019]t)(?: \w+)? (?:{_SAYS[kind]})", text, re.I):
        yield "wrong_words", f"{token.number} is {key}", "the sentence says not"
    if kind in _SAYS and not re.search(_SAYS[kind], text, re.I):
        yield "wrong_words", f"{token.number} is {key}", \
            f"the sentence does not say so (no word like {_SAYS[kind].split('|')[0]!r})"
    rest = key.removeprefix(kind).strip("/")
    for model in models_of(key, known):
        rest = f"/{rest}/".replace(f"/{facts.key(model)}/", "/").strip("/")
    for name in rest.split("/") if kind in _NAMED and rest else ():
        here = name == slug(unit.bucket) or "~" in name \
            or re.search(_FAULT_WORDS.get(name, r"(?!)"), text, re.I)
        if not here and name.lower() not in text.lower() \
                and name.replace("_", " ").lower() not in text.lower():
            yield "wrong_words", f"{token.number} is {key}", f"the sentence does not name {name}"


def _samples(said: Sentence, unit: Unit) -> Iterator[Problem]:
    """Counts of reviewed datapoints that are not said, in their paragraph, to be of those."""
    kinds = {kind_of(token.value) for token in said.all(FACT)}
    sample = sorted(kinds & set(_SAMPLE))
    if not sample:
        return
    if not re.search(r"\breview(?!/)|\bread\b", unit.text, re.I):
        yield "wrong_whole", sample[0], "say that it is of the reviewed datapoints"
    elif kinds & set(_OF_ALL) and "review/reviewed" not in kinds:
        yield "wrong_whole", sample[0], "it is a count of the reviewed, not of all: give " \
            "{{review/reviewed/…}} beside it"


def _apart(said: Sentence, unit: Unit, known: Names) -> Iterator[Problem]:
    """Facts whose model, bucket or fault is named in another part of the sentence than they are;
    a percent sign where no percentage is, and digits or signs that touch a number."""
    for names, of in ((known.models.values(), lambda key: models_of(key, known)),
                      (known.buckets, lambda key: set(key.split("/")) & known.buckets),
                      (ledger.FAULTS, lambda key: set(key.split("/")) & set(ledger.FAULTS))):
        yield from _swapped(said, set(names), of, slug(unit.bucket))
    plain = ["", *("" if token.kind else token.source for token in said.tokens), ""]
    for before, token, after in zip(plain, said.tokens, plain[2:], strict=False):
        if token.kind != FACT:
            continue
        percentage = "_pct/" in token.value
        if percentage and not re.search("%|percent|points", _plain(said)):
            yield "wrong_words", f"{token.number} is {token.value}", "it is a percentage: say so"
        elif not percentage and re.match(r"\s*(?:%|percent)", after):
            yield "wrong_words", f"{token.number} is {token.value}", "it is a count, no percentage"
        if re.search(r"[-\u2212\u00d7\u00b1\d.]$", before) or re.match(
                r"[-\u2212\u00d7\d]|\s*(?:hundred|thousand|million|dozen)", after):
            yield "wrong_words", f"{token.number} is {token.value}", "something is joined to it"


def _swapped(said: Sentence, names: set[str], of, here: str) -> Iterator[Problem]:
    """Facts whose own name (`of` gives it) does not stand in their clause, where another does; in
    a clause without any such name, it is the last one before."""
    pattern = re.compile("|".join(rf"(?<![\w./-]){re.escape(name)}(?![\w/-])" for name in
                                  sorted(names, key=len, reverse=True)) or r"(?!)")
    last: set[str] = set()
    for clause in _clauses(said):
        named = {name for token in clause if token.kind in ("", CODE)
                 for name in pattern.findall(token.source)}
        for token in clause if named or last else ():
            own = of(token.value) if token.kind == FACT else set()
            if len(own) == 1 and not own & ((named or last) | {here}):
                yield "wrong_words", f"{token.number} is {token.value}", \
                    f"beside it stands {', '.join(sorted(named or last))}, not {', '.join(own)}"
        last = named or last


def _clauses(said: Sentence) -> list[list[prose.Token]]:
    """The tokens of a sentence, cut at commas, brackets, colons and conjunctions of the text."""
    clauses: list[list[prose.Token]] = [[]]
    for token in said.tokens:
        first, *rest = [token] if token.kind else [
            prose.Token("", piece) for piece in _CLAUSE.split(token.source)]
        clauses[-1].append(first)
        clauses += [[piece] for piece in rest]
    return clauses


def _wholes(said: Sentence) -> Iterator[Problem]:
    """`A of B` where A is no part of B."""
    for one, between, other in zip(said.tokens, said.tokens[1:], said.tokens[2:], strict=False):
        if (one.kind, between.kind, other.kind) != (FACT, "", FACT) or not re.fullmatch(
                r"\s*(?:out )?of (?:the |its |all |these |those |their )*\s*", between.source):
            continue
        kind, whole = kind_of(one.value), kind_of(other.value)
        parts = one.value.removeprefix(kind).strip("/").split("/")
        whole_parts = [part for part in other.value.removeprefix(whole).split("/") if part]
        if (kind in _WHOLE and whole not in _WHOLE[kind]) or not set(whole_parts) <= set(parts):
            yield "wrong_whole", f"{one.number} of {other.number}", \
                f"{one.value} is no part of {other.value}"


def _numbers(said: Sentence, heading: bool, known: Names) -> Iterator[Problem]:
    """Digits that no fact carries: in plain text, and in code spans that hold nothing else."""
    before = ""
    for token in said.tokens:
        if token.kind == CODE:
            alone = re.fullmatch(r"[-+]?\d[\d.,]*\s*%?", token.value)
            item = token.value in known.items and (heading or _ITEM.search(before))
            if alone and not item:
                yield "unbound_number", token.value, "a number in backticks is a number; write " \
                    "{{key}}, or `item` before an item's id"
        elif not token.kind:
            plain = known.any_name.sub("", token.source)
            for char in plain:
                if not char.isdecimal() and unicodedata.numeric(char, None) is not None \
                        and char.isascii() is False and not char.isalpha():
                    yield "unbound_number", char, "write {{key}}"
            for match in _DIGITS.finditer(plain):
                yield "unbound_number", match[0], "write {{key}} and run write_report.py; names " \
                    "that hold digits go into backticks"
        before = (before if token.kind == CODE and not before else "") + token.source \
            if not token.kind else before if token.kind == CODE else ""


def _models(said: Sentence, unit: Unit, also_cited: list[str], known: Names) -> Iterator[Problem]:
    """Every model that a sentence names is carried by a fact or citation of that model, and the
    other way round."""
    here = next((name for name in known.models.values() if code(name) == unit.model), None)
    named = {match[0] for match in known.pattern.finditer(_plain(said))}
    cited = [token.value for token in said.all(CITE)] + also_cited
    carried = {known.owner[ident] for ident in cited if ident in known.owner}
    for token in said.all(FACT):
        carried |= models_of(token.value, known)
    for model in sorted(named - carried - {here}):
        yield "unsupported_claim", model, "the sentence names this model without a fact or " \
            "citation of it"
    allowed = named | {here, _subject(unit, known)}
    if named or here:
        for ident in dict.fromkeys(cited):
            owner = known.owner.get(ident)
            if owner and owner not in allowed:
                yield "other_model", ident, f"it is {owner}'s, whom the sentence does not name"
    for token in said.all(FACT):
        for model in sorted(models_of(token.value, known) - allowed):
            yield "other_model", token.value, f"the sentence does not name {model}"


def _subject(unit: Unit, known: Names) -> str | None:
    """The model that a list item is about: the one that stands bold at its beginning."""
    start = re.match(r"\s*(?:[-*+]|\d+[.)]) \*\*`?", unit.text) if unit.kind == "item" else None
    first = known.pattern.match(unit.text, start.end()) if start else None
    return first[0] if first else None


def _plain(said: Sentence) -> str:
    """The sentence's own words and code spans; no quotes, ids or keys."""
    return "".join(token.source for token in said.tokens if token.kind in ("", CODE))

