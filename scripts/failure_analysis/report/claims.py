"""What one sentence of a report claims, and whether its facts and citations carry that: whose
number it is, of which whole, and which model a datapoint belongs to."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from failure_analysis import facts
from failure_analysis.datapoint import UNSURE
from failure_analysis.markdown import code, name_in_span
from failure_analysis.packet import rows
from failure_analysis.report import prose
from failure_analysis.report.prose import CITE, CODE, FACT, Sentence, Unit
from failure_analysis.review import counting, ledger

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
_NAMED_SO = re.compile(r"(?:\b(?:items?|turns?|tasks?|questions?|trials?|runs?|and|or)|,)\s*$",
                       re.I)
# A word that a sentence must hold to use a fact of this kind.
_SAYS = {"failed_rows": "fail", "passed_rows": "pass", "judged_rows": "judged",
         "unjudged_rows": "unjudged|not judged", "rejected_rows": "reject",
         "not_counted_rows": "not count|harness",
         "review/label": "label", "review/labelled": "label",
         "review/reviewed": "review|read", "review/unread": "unread|not read|nobody|not review",
         "failed_empty_answers": "empty|blank",
         "comparison/failed_by_all": "fail", "comparison/unique_fail": "fail",
         "comparison/group_unique_fail": "fail", "comparison/failed_by_all_by_chance": "chance",
         "comparison/group_failed_by_all": "fail", "comparison/failed_by_all_who_ran": "fail",
         "comparison/failed_under_every_content": "fail",
         "comparison/task_failed_rows": "fail", "comparison/task_judged_rows": "judged",
         **{f"comparison/{kind}": "pass" for kind in (
             "pass_rate_pct", "pass_rate_low_pct", "pass_rate_high_pct", "passed_by_all",
             "unique_pass", "task_pass_rate_pct", "task_pass_rate_low_pct",
             "task_pass_rate_high_pct")},
         "review/pass_rate_low_pct": "pass", "review/pass_rate_high_pct": "pass",
         "versions": "version", "differing_items": "differ|chang",
         "differing_items_asked": "ask|question", "differing_items_expected": "expect",
         "repaired_elsewhere": "repair", "policies": "polic|told",
         "rows_read": "row|read", "items": "item", "runs": "run", "models": "model"}
_SAMPLE = ("review/bucket", "review/bucket_fault", "review/bucket_dimension", "review/fault",
           "review/might_pass")
_OF_ALL = ("failed_rows", "judged_rows", "rows", "rows_read")
_CLAUSE = re.compile(r"[,;:]| (?:and|while|but|whereas) ")
# "A of B": for a kind of A, the kinds of B that it is a part of.
_WHOLE = {
    "failed_rows": ("judged_rows", "rows", "rows_read"),
    "passed_rows": ("judged_rows", "rows", "rows_read"),
    "unjudged_rows": ("rows", "rows_read"), "rejected_rows": ("rows_read",),
    "not_counted_rows": ("unjudged_rows", "rows", "rows_read"),
    "judged_rows": ("rows", "rows_read"),
    "run_failed_rows": ("run_judged_rows", "run_rows"), "run_judged_rows": ("run_rows",),
    "dimension": ("dimension_judged", "failed_rows"), "dimension_null": ("rows",),
    "failed_empty_answers": ("failed_rows",),
    "dimension_judged": ("judged_rows", "rows"), "marker": ("rows", "failed_rows"),
    "review/label": ("review/labelled", "failed_rows"), "review/labelled": ("failed_rows",),
    "review/reviewed": ("failed_rows",), "review/unread": ("failed_rows",),
    "review/bucket_dimension": ("review/bucket",), "review/bucket_fault": ("review/bucket",),
    **{f"review/{kind}": ("review/reviewed",) for kind in (
        "open", "bucket", "fault", "might_pass")},
    **{f"review/shown_{how}": ("review/reviews",) for how in ("whole", "part", "never")},
    "differing_items": ("comparison/items", "items"), "version_items": ("items",),
    **{f"differing_items_{half}": ("differing_items", "comparison/items", "items")
       for half in ("asked", "expected")}, "repaired_elsewhere": ("differing_items", "items"),
    "version_runs": ("runs",),
    "comparison/compared_items": ("comparison/items", "items"),
    "comparison/compared_units": ("models", "runs"),
    "comparison/group_failed_by_all": ("comparison/group_compared_items",),
    "comparison/group_unique_fail": ("comparison/group_compared_items",),
    "comparison/group_compared_items": ("comparison/items", "items"),
    "comparison/task_failed_rows": ("comparison/task_judged_rows", "failed_rows"),
    "comparison/task_judged_rows": ("judged_rows",),
    **{f"comparison/{kind}": ("comparison/compared_items", "comparison/items")
       for kind in ("failed_by_all", "passed_by_all", "unique_fail", "unique_pass",
                    "different_content", "failed_by_all_who_ran", "failed_under_every_content")},
}
# Kinds whose key names more than a model: the sentence must name that too.
_NAMED = ("review/shown_never", "review/label", "review/labelled", "review/bucket",
          "review/bucket_dimension", "review/bucket_fault", "review/fault", "dimension",
          "dimension_judged", "dimension_null", "marker", "run_rows", "run_failed_rows",
          "run_judged_rows", "run_not_counted_rows",
          *(f"comparison/task_{kind}" for kind in (
              "judged_rows", "failed_rows", "pass_rate_pct", "pass_rate_low_pct",
              "pass_rate_high_pct")))
# Where a model stands in a key, by its kind; else at the beginning.
_NO_MODEL = ("review/label", "review/labelled", "review/shown_never", "review/bucket_fault",
             "version_items", "version_runs",
             *(f"comparison/{kind}" for kind in (
                 "failed_by_all", "passed_by_all", "failed_by_all_by_chance", "group_units",
                 "group_compared_items", "group_failed_by_all")))
_BEHIND_A_WORD = ("mode", "review/fault", "review/bucket", "review/bucket_dimension")
_AT_THE_END = tuple(kind for kind in _NAMED if kind.startswith("comparison/task_"))
_OF_PAIRS = ("comparison/p_holm", *(f"comparison/difference{end}_pct" for end in (
    "", "_low", "_high")))
# Plain words for a class of fault.
_FAULT_WORDS = {"model_error": "model|its own|their own", "grader_issue": "grader|judge",
                "reference_issue": "reference|expected", "pipeline_issue": "pipeline|harness",
                "user_simulator_issue": "simulat", "undecided": "undecided|not decided"}
# Words that sentences of a report are made of, whatever a model is called.
_ORDINARY = frozenset(re.findall(r"\w+", """
    a an and any are as at be both but by can could did do does done each every few first for
    from had has have he her his how if in into is it its just last less many may more most much
    must new no none nor not now of off old on once one only or other our out over own same she
    should so some such than that the their them then there these they this those to too two
    under until up us was we were what when where which while who whose why will with without
    would you your all never always nobody nothing three four five six seven eight nine ten half
    agent agents answer answers bucket case cases cause causes cost costs count data datapoint
    datapoints dimension dimensions error errors fail failed failing fails failure failures
    fault faults grade grader group human item items judge judged judges label labels mode model
    models named notes number part pass passed passes passing question questions rate read
    reader reference result results review reviewed reviews row rows run runs share table task
    tasks test text todo trial trials trigger turn turns unread user value verdict word words
    wrong"""))
_BEYOND_CHANCE = re.compile(r"more than chance|by chance alone|statistically|significant", re.I)


class Problem(NamedTuple):
    """What does not hold in a sentence: the verdict, the text it is about, and why."""

    verdict: str
    text: str
    why: str


class Names(NamedTuple):
    """The names that sentences use: models by their key in facts, each datapoint's model, the
    buckets of the ledger, dimensions (also `squeezed` to letters and digits), items. `spans` are
    names as they stand in code spans, `anywhere` those that may be numbers there without a word
    before them, `shared` those of models that something else has too.
    `pattern` matches a model; `telling` one that is no word or number of its own, `any_name` such a
    model, run or benchmark."""

    models: dict[str, str]
    owner: dict[str, str]
    buckets: frozenset[str]
    dimensions: frozenset[str]
    squeezed: set[str]
    items: frozenset[str]
    spans: frozenset[str]
    anywhere: frozenset[str]
    shared: frozenset[str]
    pattern: re.Pattern
    telling: re.Pattern
    any_name: re.Pattern


def names_of(counts: counting.Counts, values: Mapping[str, int | float], benchmark: str,
             modes: Iterable[str]) -> Names:
    """The names of an analysis folder; `modes` are its provisional ones."""
    outcomes = counts.index.outcomes
    models = {facts.key(name): name for name in counts.judged}
    models |= {facts.whole(key): name for key, name in models.items() if "/" in key}
    failed = rows.dimensions(counts.index).keys()
    dimensions = {key.split("/")[-1] for key in values if key.startswith("dimension/")}
    dimensions |= failed
    runs = {line.run for line in outcomes.values()}
    items = frozenset(line.item for line in outcomes.values())
    buckets = frozenset(bucket for bucket, _ in counting.bucket_order(counts))
    others = {*buckets, *dimensions, *modes, *ledger.FAULTS, *items,
              *(line.task for line in outcomes.values() if line.task),
              *(review.coder for review in counts.reviews)}
    known = {*counts.judged, *runs, benchmark, *others, *outcomes}
    return Names(models, {ident: line.model for ident, line in outcomes.items()},
                 buckets, frozenset(dimensions), {ledger.squeezed(name) for name in dimensions},
                 items, frozenset(map(name_in_span, known)),
                 frozenset(map(name_in_span, {*counts.judged, *failed})),
                 frozenset(counts.judged.keys() & others),
                 _any_of(counts.judged), _any_of(filter(_is_telling, counts.judged)),
                 _any_of(filter(_is_telling, {*counts.judged, *runs, benchmark})))


def _is_telling(name: str) -> bool:
    """Whether a name is one wherever it stands; numbers and words of any sentence are names in
    backticks alone."""
    return bool(re.search(r"[^\W\d_]", name)) and len(name) > 1 and name.lower() not in _ORDINARY


def _any_of(words: Iterable[str]) -> re.Pattern:
    """Any of these names, the longest first, not as a part of a longer one."""
    alternatives = "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or r"(?!)"
    return re.compile(rf"(?<![\w./-])(?:{alternatives})(?![\w/-]|\.\w)")


def recount(index: rows.Index) -> dict[str, int]:
    """The core facts counted a second time, from outcomes.csv alone."""
    kinds = {"pass": "passed_rows", "fail": "failed_rows", "unjudged": "unjudged_rows"}
    lines = index.outcomes.values()
    models = frozenset(facts.key(name) for name in {line.model for line in lines})
    values = Counter({**dict.fromkeys(kinds.values(), 0), **{
        f"{name}s": len({getattr(line, name) for line in lines})
        for name in ("model", "run")},
        "items": len({line.item for line in lines if line.fingerprint != UNSURE})})
    for line in lines:
        model = facts.key(line.model)
        values[kinds[line.outcome]] += 1
        for outcome, kind in kinds.items():
            values[f"{kind}/{model}"] += line.outcome == outcome
        values[f"judged_rows/{model}"] += line.outcome != "unjudged"
        values[f"rows/{model}"] += 1
        if not line.counted:
            values["not_counted_rows"] += 1
            values[f"not_counted_rows/{model}"] += 1
        for name in line.failed:
            values[f"dimension/{facts.joined(model, facts.key(name), models)}"] += 1
        if line.outcome == "fail" and line.mode:
            values[f"mode/{line.mode}"] += 1
            values[facts.key("mode", line.mode, line.model)] += 1
    return dict(values)


def slug(title: str) -> str:
    """A heading's bucket, without backticks and remarks."""
    return title.replace("(provisional)", "").strip().strip("`").strip()


def kind_of(key: str) -> str:
    """The kind of a fact: the first word of its key, the first two of a step's own facts."""
    first, _, rest = key.partition("/")
    return f"{first}/{rest.partition('/')[0]}" if first in ("review", "comparison", "agreement") \
        else first


def models_of(key: str, names: Names) -> set[str]:
    """The models that a fact's key names."""
    return _parsed(key, names)[0]


def _parsed(key: str, names: Names) -> tuple[set[str], str]:
    """The models that a fact's key names, and what else it names; the longest name wins where one
    contains another."""
    kind = kind_of(key)
    before, rest = "", key.removeprefix(kind)[1:]
    if kind in _NO_MODEL or kind.startswith("agreement/"):
        return set(), rest
    if kind.startswith("run_"):  # a run may be called as its model is
        return {names.models[rest]} if rest in names.models else set(), rest
    is_pair = kind in _OF_PAIRS or key.startswith("diagnosis/pair/")
    if kind in _BEHIND_A_WORD or is_pair and kind == "diagnosis":
        before, _, rest = rest.partition("/")
    models = set()
    for _ in range(2 if is_pair else 1):
        name = max((name for name in names.models if (
            rest.endswith(f"/{name}") if kind in _AT_THE_END else f"{rest}/".startswith(
                f"{name}/"))), key=len, default="")
        if name:
            models.add(names.models[name])
            rest = rest[:-len(name) - 1] if kind in _AT_THE_END else rest[len(name) + 1:]
    return models, "/".join(filter(None, (before, rest)))


def problems(sentence: Sentence, unit: Unit, also_cited: list[str], names: Names,
             values: Mapping[str, int | float]) -> Iterator[Problem]:
    """What is wrong with a sentence; `also_cited` are citations of the quote that it introduces."""
    for token in sentence.all(FACT):
        if token.value not in values:
            yield Problem("wrong_value", token.value, "there is no such fact")
        elif str(values[token.value]) != token.number:
            yield Problem("wrong_value", f"{token.number} for {token.value}",
                          f"the fact is {values[token.value]}; run write_report.py")
        else:
            yield from _misused(token, sentence, unit, names)
    yield from _wholes(sentence)
    yield from _samples(sentence, unit)
    yield from _apart(sentence, unit, names)
    yield from _signs(sentence)
    heading = unit.kind == "heading"
    yield from _numbers(sentence, heading, names)
    if not (heading and _TITLE.fullmatch(unit.text)):
        carried = sentence.all(FACT) or sentence.all(CITE) or also_cited
        words = _NOT_MEANT.sub("", sentence.masked)
        quantifier, count = _QUANTIFIER.search(words), _COUNTS.search(words)
        if count and not sentence.all(FACT):
            yield Problem("unsupported_quantifier", count[0].strip(), "a count needs a fact in the "
                          "same sentence; a citation shows a single datapoint")
        elif quantifier and not carried:
            yield Problem("unsupported_quantifier", quantifier[0], "a fact or citation in the same "
                          "sentence must carry it; say it with one, or say less")
        yield from _models(sentence, unit, also_cited, names)
        tests = [token for token in sentence.all(FACT)
                 if token.value.startswith("comparison/p_holm/")]
        claim = _BEYOND_CHANCE.search(sentence.masked)
        if claim and not tests:
            yield Problem("unsupported_claim", claim[0],
                          "give the adjusted p of the pair: {{comparison/p_holm/BETTER/WORSE}}")
        elif any(float(token.number or 1) >= 0.05 for token in tests) \
                and not re.search(r"\b(?:no|not|nothing|neither)\b", sentence.masked, re.I):
            yield Problem("wrong_words", tests[0].value,
                          "with this p no difference was shown; say so")


def foreign(ident: str, unit: Unit, names: Names) -> str:
    """Why a datapoint does not belong into a model's section; empty when it does."""
    title, owner = unit.model, names.owner.get(ident)
    if not title or owner is None or code(owner) == title or code(owner) in unit.text:
        return ""
    return f"it is {owner}'s, in the section of {title}; name that model beside it"


def _misused(token: prose.Token, sentence: Sentence, unit: Unit, names: Names) -> Iterator[Problem]:
    """A right number in a sentence that says something else."""
    key, kind = token.value, kind_of(token.value)
    text = _plain(sentence)
    if kind == "mode" and not re.search(r"provisional|\brules?\b", text, re.I):
        yield Problem("provisional_count", key, "a provisional mode's count is no finding: say "
                      "that rules gave the label, or use a bucket")
    if kind in _SAYS and re.search(
            rf"(?:\bnot|\bnever|n['\u2019]t)(?: \w+)? (?:{_SAYS[kind]})", text, re.I):
        yield Problem("wrong_words", f"{token.number} is {key}", "the sentence says not")
    if kind in _SAYS and not re.search(_SAYS[kind], text, re.I):
        yield Problem("wrong_words", f"{token.number} is {key}",
                      f"the sentence does not say so (no word like {_SAYS[kind].split('|')[0]!r})")
    rest = _parsed(key, names)[1]
    text = text.replace("\\|", "|")  # as a name stands in a table
    one = any(facts.key(name) == rest for name in names.dimensions)
    for name in ([rest] if one else rest.split("/")) if kind in _NAMED and rest else ():
        here = name == slug(unit.bucket) or "~" in name \
            or re.search(_FAULT_WORDS.get(name, r"(?!)"), text, re.I)
        if not here and name.lower() not in text.lower() \
                and name.replace("_", " ").lower() not in text.lower():
            yield Problem("wrong_words", f"{token.number} is {key}",
                          f"the sentence does not name {name}")


def _samples(sentence: Sentence, unit: Unit) -> Iterator[Problem]:
    """Counts of reviewed datapoints that are not said, in their paragraph, to be of those."""
    kinds = {kind_of(token.value) for token in sentence.all(FACT)}
    sample = sorted(kinds & set(_SAMPLE))
    if not sample:
        return
    if not re.search(r"\breview(?!/)|\bread\b", unit.text, re.I):
        yield Problem("wrong_whole", sample[0], "say that it is of the reviewed datapoints")
    elif kinds & set(_OF_ALL) and "review/reviewed" not in kinds:
        yield Problem("wrong_whole", sample[0], "it is a count of the reviewed, not of all: give "
                      "{{review/reviewed/…}} beside it")


def _apart(sentence: Sentence, unit: Unit, names: Names) -> Iterator[Problem]:
    """Facts whose model, bucket or fault is named in another part of the sentence than they are."""
    here = slug(unit.bucket)
    yield from _swapped(sentence, lambda token: _told(token, names),
                        lambda key: models_of(key, names), here)
    for words in (names.buckets, frozenset(ledger.FAULTS)):
        pattern = _any_of(words)
        yield from _swapped(sentence, lambda token, words=words, pattern=pattern: {
            name for name in pattern.findall(token.source) if _is_telling(name)},
            lambda key, words=words: words & set(_parsed(key, names)[1].split("/")), here)


def _signs(sentence: Sentence) -> Iterator[Problem]:
    """A percent sign where no percentage is, and digits, signs or words that change a number."""
    plain = ["", *("" if token.kind else token.source for token in sentence.tokens), ""]
    for before, token, after in zip(plain, sentence.tokens, plain[2:], strict=False):
        if token.kind != FACT:
            continue
        percentage, claim = "_pct/" in token.value, f"{token.number} is {token.value}"
        if percentage and not re.search("%|percent|points", _plain(sentence)):
            yield Problem("wrong_words", claim, "it is a percentage: say so")
        elif not percentage and re.match(r"\s*(?:%|percent)", after):
            yield Problem("wrong_words", claim, "it is a count, no percentage")
        if re.search(r"[-\u2212\u00d7\u00b1\d.]$", before) or re.match(
                r"[-\u2212\u00d7\d]|\s*(?:hundred|thousand|million|dozen)", after):
            yield Problem("wrong_words", claim, "something is joined to it")


def _told(token: prose.Token, names: Names) -> set[str]:
    """The models that a piece of a sentence names beyond doubt."""
    if token.kind == CODE and token.value in names.spans:
        return {token.value} & set(names.models.values()) - names.shared
    return set(names.telling.findall(token.source)) if token.kind in ("", CODE) else set()


def _swapped(sentence: Sentence, names_in: Callable[[prose.Token], set[str]], named_by, here: str
             ) -> Iterator[Problem]:
    """Facts whose own name (`named_by` gives it) does not stand in their clause, where another
    does (`names_in` gives those of a piece); in a clause without any such name, it is the last one
    before."""
    last: set[str] = set()
    for clause in _clauses(sentence):
        named = {name for token in clause if token.kind in ("", CODE) for name in names_in(token)}
        for token in clause if named or last else ():
            own = named_by(token.value) if token.kind == FACT else set()
            if len(own) == 1 and not own & ((named or last) | {here}):
                yield Problem("wrong_words", f"{token.number} is {token.value}",
                              f"beside it stands {', '.join(sorted(named or last))}, "
                              f"not {', '.join(own)}")
        last = named or last


def _clauses(sentence: Sentence) -> list[list[prose.Token]]:
    """The tokens of a sentence, cut at commas, brackets, colons and conjunctions of the text."""
    clauses: list[list[prose.Token]] = [[]]
    for token in sentence.tokens:
        first, *rest = [token] if token.kind else [
            prose.Token("", piece) for piece in _CLAUSE.split(token.source)]
        clauses[-1].append(first)
        clauses += [[piece] for piece in rest]
    return clauses


def _wholes(sentence: Sentence) -> Iterator[Problem]:
    """`A of B` where A is no part of B."""
    tokens = sentence.tokens
    for share, between, whole in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (share.kind, between.kind, whole.kind) != (FACT, "", FACT) or not re.fullmatch(
                r"\s*(?:out )?of (?:the |its |all |these |those |their )*\s*", between.source):
            continue
        kind, whole_kind = kind_of(share.value), kind_of(whole.value)
        names = share.value.removeprefix(kind).strip("/").split("/")
        whole_names = {name for name in whole.value.removeprefix(whole_kind).split("/") if name}
        if (kind in _WHOLE and whole_kind not in _WHOLE[kind]) or not whole_names <= set(names):
            yield Problem("wrong_whole", f"{share.number} of {whole.number}",
                          f"{share.value} is no part of {whole.value}")


def _numbers(sentence: Sentence, heading: bool, names: Names) -> Iterator[Problem]:
    """Digits that no fact carries: in plain text, and in code spans that hold nothing else."""
    before = ""
    for token in sentence.tokens:
        if token.kind == CODE:
            alone = re.fullmatch(r"[-+]?\d[\d.,]*\s*%?", token.value)
            named = heading or _NAMED_SO.search(before) or token.value in names.anywhere
            if alone and not (token.value in names.spans and named):
                yield Problem("unbound_number", token.value, "a number in backticks is a number; "
                              "write {{key}}, or `item` before an item's id")
        elif not token.kind:
            plain = names.any_name.sub("", token.source)
            for char in plain:
                if unicodedata.numeric(char, None) is not None \
                        and not (char.isdecimal() or char.isascii() or char.isalpha()):
                    yield Problem("unbound_number", char, "write {{key}}")
            for match in _DIGITS.finditer(plain):
                yield Problem("unbound_number", match[0], "write {{key}} and run write_report.py; "
                              "names that hold digits go into backticks")
        before = (before if token.kind == CODE and not before else "") + token.source \
            if not token.kind else before if token.kind == CODE else ""


def _models(sentence: Sentence, unit: Unit, also_cited: list[str], names: Names
            ) -> Iterator[Problem]:
    """Every model that a sentence names has a fact or citation there, and the other way round."""
    here = next((name for name in names.models.values() if code(name) == unit.model), None)
    told = set().union(*(_told(token, names) for token in sentence.tokens))
    named = told | set(names.pattern.findall(_plain(sentence)))
    cited = [token.value for token in sentence.all(CITE)] + also_cited
    carried = {names.owner[ident] for ident in cited if ident in names.owner}
    for token in sentence.all(FACT):
        carried |= models_of(token.value, names)
    for model in sorted(told - carried - {here}):
        yield Problem("unsupported_claim", model, "the sentence names this model without a fact or "
                      "citation of it")
    allowed = named | {here, _subject(unit, names)}
    if told or here:
        for ident in dict.fromkeys(cited):
            owner = names.owner.get(ident)
            if owner and owner not in allowed:
                yield Problem("other_model", ident,
                              f"it is {owner}'s, whom the sentence does not name")
    for token in sentence.all(FACT):
        for model in sorted(models_of(token.value, names) - allowed):
            yield Problem("other_model", token.value, f"the sentence does not name {model}")


def _subject(unit: Unit, names: Names) -> str | None:
    """The model that a list item is about: the one that stands bold at its beginning."""
    start = re.match(r"\s*(?:[-*+]|\d+[.)]) \*\*`?", unit.text) if unit.kind == "item" else None
    first = names.pattern.match(unit.text, start.end()) if start else None
    return first[0] if first else None


def _plain(sentence: Sentence) -> str:
    """The sentence's own words and code spans; no quotes, ids or keys."""
    return "".join(token.source for token in sentence.tokens if token.kind in ("", CODE))

