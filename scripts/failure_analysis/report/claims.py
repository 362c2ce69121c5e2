"""What of a sentence a script can decide: that its numbers are their facts, of their wholes, and
beside the names that are theirs; that its citations are of whom it names. What it means, a second
reader decides."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from failure_analysis.markdown import code
from failure_analysis.patterns import re_compile
from failure_analysis.report import amounts, meaning, prose, relations
from failure_analysis.report.names import Names, models_of, subject, told_by
from failure_analysis.report.prose import CITE, CODE, FACT, Sentence, Token, Unit
from failure_analysis.review import ledger, parts

_CLAUSE = re_compile(r"[,;:]| (?:and|while|but|whereas) ")
_OF = re_compile(r"\s*(?:out )?of (?:the |its |all |these |those |their )*\s*")
# A sentence that goes on about whom an earlier one names.
_GOES_ON = re_compile(r"\b(?:it|its|itself|they|them|their|both|neither|either|former|latter"
                      r"|others?|this|these|he|she|his|her)\b", re.I)
_OF_OTHERS = re_compile(r"\b(?:an)?others?\b|\b(?:both|neither|either|each|every|all|two|three"
                        r"|elsewhere)\b|\b\w+er (?:model|agent|one)\b", re.I)


_DIGITS = re_compile(r"\d+")


class Problem(NamedTuple):
    """What does not hold in a sentence: the verdict, the text it is about, and why."""

    verdict: str
    text: str
    why: str


def slug(title: str) -> str:
    """A heading's bucket, without backticks and remarks."""
    return title.replace("(provisional)", "").strip().strip("`").strip()


def problems(unit: Unit, cited: list[str], names: Names, values: Mapping[str, int | float],
             open_parts: Callable[[str], list[parts.Part]]) -> Iterator[tuple[Sentence, Problem]]:
    """What is wrong with the sentences of a unit; `cited` are the citations of the quote that its
    last one introduces, `open_parts` opens a datapoint."""
    earlier: set[str] = set()
    sentences = prose.sentences(unit)
    shown = [open_parts(ident) for ident in dict.fromkeys(
        [token.value for sentence in sentences for token in sentence.all(CITE)] + cited)]
    for sentence in sentences:
        also = cited if sentence.masked.rstrip().endswith(":") else []
        found = [*_bound(sentence, values), *_wholes(sentence, values), *_joined(sentence),
                 *_owners(sentence, unit, also, earlier, names),
                 *_apart(sentence, unit, earlier, names), *_pairs(sentence, unit, names)]
        said = {problem.text for problem in found}
        found += (one for one in _miscopied(sentence, names, shown) if one.text not in said)
        found += (Problem("unbound_number", number, why) for number, why in
                  amounts.unbound(sentence, unit.kind == "heading", names, shown))
        earlier |= set().union(*(told_by(token, names) for token in sentence.tokens))
        yield from ((sentence, problem) for problem in found)


def _bound(sentence: Sentence, values: Mapping[str, int | float]) -> Iterator[Problem]:
    """Bound expressions that do not hold, or print something else than stands there."""
    for token in sentence.all(FACT):
        made = relations.bind(token.value, values)
        if made.wrong:
            yield Problem("wrong_value", token.value, made.wrong)
        elif made.printed != token.number:
            yield Problem("wrong_value", f"{token.number} for {token.value}",
                          f"it is {made.printed}; run write_report.py")


def _wholes(sentence: Sentence, values: Mapping[str, int | float]) -> Iterator[Problem]:
    """`A of B`, bound apart, where A is no part of B."""
    tokens = sentence.tokens
    for share, between, whole in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (share.kind, between.kind, whole.kind) == (FACT, "", FACT) \
                and _OF.fullmatch(between.source) \
                and (why := relations.not_of(share.value, whole.value, values)):
            yield Problem("wrong_whole", f"{share.number} of {whole.number}", why)


def _joined(sentence: Sentence) -> Iterator[Problem]:
    """A percent sign at a count, and digits, signs or words that change a bound number."""
    plain = ["", *("" if token.kind else token.source for token in sentence.tokens), ""]
    for before, token, after in zip(plain, sentence.tokens, plain[2:], strict=False):
        if token.kind != FACT:
            continue
        claim = f"{token.number} is {token.value}"
        if "_pct/" not in token.value and re.match(r"\s*(?:%|percent)", after):
            yield Problem("wrong_words", claim, "it is a count, no percentage")
        if re.search(r"[-\u2212\u00d7\u00b1\d.]$", before) or re.match(
                r"[-\u2212\u00d7\d]|\s*(?:hundred|thousand|million|dozen)", after):
            yield Problem("wrong_words", claim, "something is joined to it")


def _owners(sentence: Sentence, unit: Unit, also: list[str], earlier: set[str], names: Names
            ) -> Iterator[Problem]:
    """Facts and citations of other models than the sentence names. One that names none, or goes on
    with a pronoun, may be about those that the sentences before it name."""
    here = next((name for name in names.models.values() if code(name) == unit.model), None)
    told = set().union(*(told_by(token, names) for token in sentence.tokens))
    about = told | {here, subject(unit, names)} - {None}
    if not told or _GOES_ON.search(sentence.masked):
        about |= earlier
    near = {_DIGITS.sub("0", name): name for token in sentence.all(FACT)
            for name in sorted(_own(token, names) - about)}
    for token in sentence.all(CODE):
        if token.value not in names.spans and (name := near.get(_DIGITS.sub("0", token.value))):
            yield Problem("other_model", token.value,
                          f"nothing has this name; the sentence's facts are {name}'s")
    if not about or (not told and _OF_OTHERS.search(sentence.masked)):
        return
    for token in sentence.all(FACT):
        owners = _own(token, names)
        if len(owners) == 1 and not owners & about:  # what is between two may leave one unnamed
            yield Problem("other_model", token.value, f"the sentence names {_listed(about)}, not "
                          f"{_listed(owners)}")
    for ident in dict.fromkeys([token.value for token in sentence.all(CITE)] + also):
        owner = names.owner.get(ident)
        if owner and owner not in about:
            yield Problem("other_model", ident,
                          f"it is {owner}'s; the sentence names {_listed(about)}")


def _miscopied(sentence: Sentence, names: Names, shown: list[list[parts.Part]]
               ) -> Iterator[Problem]:
    """Names in backticks that no datapoint cited here has, where one has them with other digits."""
    texts = [part.text for row in shown for part in row]
    for token in sentence.all(CODE):
        if token.value in names.spans or not _DIGITS.search(token.value):
            continue
        form = re.compile(rf"(?<!\w){re.sub('[0-9]', '[0-9]', re.escape(token.value))}(?!\w)")
        if not any(token.value in text for text in texts) and (
                other := next(filter(None, map(form.search, texts)), None)):
            yield Problem("unbound_number", token.value,
                          f"no datapoint cited here has it; there stands {other[0]}")


def _own(token: Token, names: Names) -> set[str]:
    """The models that a bound expression is about."""
    return set().union(*(models_of(key, names) for key in relations.keys(token.value)))


def _goes_on(clause: list[Token]) -> bool:
    return any(_GOES_ON.search(token.source) for token in clause if not token.kind)


def _listed(models: set[str]) -> str:
    return ", ".join(sorted(models))


def _apart(sentence: Sentence, unit: Unit, earlier: set[str], names: Names) -> Iterator[Problem]:
    """Facts in a clause that names other models, buckets or faults than theirs, and not theirs."""
    here = {name for name in names.models.values() if code(name) == unit.model}
    yield from _swapped(sentence, lambda token: told_by(token, names),
                        lambda key: models_of(key, names), here, earlier)
    for words in (names.buckets, frozenset(ledger.FAULTS), names.agents):
        yield from _swapped(
            sentence,
            lambda token, words=words: words & {token.value} if token.kind == CODE else set(),
            lambda key, words=words: words & set(meaning.parsed(key, names.models)[1].split("/")),
            {slug(unit.bucket)}, set())


def _swapped(sentence: Sentence, named_in: Callable[[Token], set[str]],
             named_by: Callable[[str], set[str]], here: set[str], earlier: set[str]
             ) -> Iterator[Problem]:
    """Facts whose own name (`named_by` gives it) does not stand in their clause, where another does
    (`named_in` gives those of a piece); in a clause without any, none of those before it may be
    theirs, with those of `earlier` sentences from a pronoun on. What a section is about (`here`)
    need not be named, but for a share in a clause that begins with another name."""
    waiting: set[str] = set()  # named in clauses without a number, which one after them has
    before: set[str] = set()
    for clause in _clauses(sentence):
        named = set().union(*map(named_in, clause))
        before = before | named | (earlier if _goes_on(clause) else set())
        first = next((token for token in clause if token.source.strip()), clause[0])
        leads = named_in(first) and named == named_in(first) and not _goes_on(clause)
        named = named and named | waiting
        waiting = set() if any(token.kind == FACT for token in clause) else waiting | named
        for token in clause:
            keys = relations.keys(token.value) if token.kind == FACT else ()
            own = set().union(*map(named_by, keys))
            # What is between two may leave both unnamed, but not beside a third one.
            allowed = named or before if len(own) == 1 else named
            also = set() if leads and len(keys) == 2 else here
            if own and allowed and not own & (allowed | also):
                yield Problem("wrong_words", f"{token.number} is {token.value}",
                              f"beside it stands {_listed(allowed)}, not {_listed(own)}")


def _pairs(sentence: Sentence, unit: Unit, names: Names) -> Iterator[Problem]:
    """Expressions about two models in a sentence that names others. One model may be left out that
    is in all of them, as whom the sentence is about, but not of one behind two names."""
    told: list[str] = []
    pairs = []  # of each its token, its models, and whether two names stand before it
    for clause in _clauses(sentence, joined=True):
        start = len(told)
        for token in clause:
            told += sorted(told_by(token, names))
            own = _own(token, names) if token.kind == FACT else set()
            if len(own) == 2:
                pairs.append((token, own, len(told) > start + 1, _goes_on(clause)))
    named = {name for name in names.models.values() if name in told or code(name) == unit.model
             or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sentence.masked)}
    left = set().union(*(own for _, own, *_ in pairs)) - named
    implied = len(left) == 1 and all(left <= own for _, own, *_ in pairs)
    for token, own, behind_two, goes_on in pairs:
        if own & left and not goes_on and (behind_two if implied and len(pairs) == 1
                                           else not implied and len(set(told)) + behind_two > 1):
            yield Problem("wrong_words", f"{token.number} is {token.value}",
                          f"beside it stands {_listed(set(told))}, not {_listed(own)}")


def _clauses(sentence: Sentence, joined: bool = False) -> list[list[Token]]:
    """The tokens of a sentence, cut at commas, colons and conjunctions of the text; with `joined`
    not at the `and` between two names."""
    clauses: list[list[Token]] = [[]]
    for token in sentence.tokens:
        first, *rest = [token] if token.kind or (joined and token.source == " and ") else [
            Token("", piece) for piece in _CLAUSE.split(token.source)]
        clauses[-1].append(first)
        clauses += [[piece] for piece in rest]
    return clauses
