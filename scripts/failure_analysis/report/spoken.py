"""What the author of a report says, piece by piece: all that is not proved as it stands (generated
blocks, quotes, headings of the template, lines as drafted) goes to a second reader."""

import re
from collections.abc import Iterator
from itertools import groupby, zip_longest
from typing import NamedTuple

from failure_analysis.markdown import code
from failure_analysis.report import draft, old_drafts, prose, relations
from failure_analysis.report.claims import slug
from failure_analysis.report.evidence import Evidence
from failure_analysis.report.prose import CITE, FACT, QUOTE, Token, Unit
from failure_analysis.review import counting

_QUOTED = 300  # of a quote that a sentence introduces, so many characters
_SAYS = re.compile(r"[^\s.,;:()*_]")


class Spoken(NamedTuple):
    """A sentence, a table, a heading or a fence of the author: its line, the section that it is
    in, its pieces, the datapoints cited in it or in the quote that it introduces, that quote, and
    what a list item stands under. The meaning of a sentence is that of its whole unit, too."""

    line: int
    unit: Unit
    section: str
    tokens: tuple[Token, ...]
    cited: tuple[str, ...]
    quote: str
    under: str

    @property
    def bound(self) -> list[Token]:
        """The bound expressions in it."""
        return [token for token in self.tokens if token.kind == FACT]


def spoken(units: list[Unit], evidence: Evidence) -> Iterator[Spoken]:
    """Everything that the author says, in order; what is still to be written says nothing."""
    units = [unit for unit in units if not prose.is_open(unit)]
    drafted = _drafted(evidence)
    under = _under(units)
    pairs = zip_longest(units, units[1:])
    for is_table, group in groupby(pairs, key=lambda pair: pair[0].kind == "row"):
        table = [unit for unit, _ in group] if is_table else []
        if table:
            whole = table[0]._replace(text="\n".join(unit.text for unit in table))
            yield _of(whole.line, whole, prose.inline(whole.text), None, "")
        for unit, after in () if is_table else group:
            if unit.kind == "quote" or _plain(unit) in drafted:
                continue
            if unit.kind == "fence":
                if re.match(r"(?:`+|~+)\s*(?:bash|sh)\b", unit.text):
                    yield _of(unit.line, unit, prose.inline(unit.text), None, "")
                continue
            for sentence in prose.sentences(unit):
                if any(_SAYS.search(token.source) for token in sentence.tokens
                       if token.kind not in (QUOTE, CITE)):
                    yield _of(sentence.line, unit, sentence.tokens, after, under[unit.line])


def _under(units: list[Unit]) -> dict[int, str]:
    """Line of a unit -> what it stands under, if it is a list item: the text before the list, and
    the items above it that are indented less."""
    lead, above, found = "", [], {}
    for unit in units:
        if unit.kind != "item":
            lead, above = unit.text if unit.kind == "paragraph" else "", []
            found[unit.line] = ""
            continue
        depth = len(unit.text) - len(unit.text.lstrip())
        above = [(indent, text) for indent, text in above if indent < depth]
        found[unit.line] = "\n".join(filter(None, (lead, *(text for _, text in above))))
        above.append((depth, unit.text))
    return found


def _of(line: int, unit: Unit, tokens: list[Token] | tuple[Token, ...], after: Unit | None,
        under: str) -> Spoken:
    """What is said in these tokens of a unit."""
    text = "".join(token.source for token in tokens)
    quoted = prose.quoted(after) if after is not None and after.kind == "quote" \
        and text.rstrip().endswith(":") and unit.kind != "heading" else ("", [])
    cited = dict.fromkeys([token.value for token in tokens if token.kind == CITE] + quoted[1])
    section = " > ".join(dict.fromkeys(filter(None, (
        unit.model and f"Model {unit.model}", unit.title, unit.label))))
    return Spoken(line, unit, section, tuple(tokens), tuple(cited), quoted[0][:_QUOTED], under)


def _plain(unit: Unit) -> tuple[str, str, str]:
    """A unit as it is compared with a drafted one."""
    text = "".join(token.number if token.kind == FACT else token.source
                   for token in prose.inline(unit.text))
    return unit.model, slug(unit.bucket), text


def _drafted(evidence: Evidence) -> set[tuple[str, str, str]]:
    """What stands in a report as a script drafts it: headings, and what buckets cost."""
    counts, values = evidence.analysis.counts, evidence.facts
    benchmark = evidence.analysis.sanity["conservation"]["benchmark"]
    known = {("", "", draft.title(benchmark))} | {("", "", text) for text in draft.headings()} \
        | {("", "", f"### Item {code(item)}") for item in evidence.names.items} \
        | {("", bucket, f"### {code(bucket)}") for bucket in evidence.names.buckets}
    for model in dict.fromkeys([*counts.judged, *counting.read_models(counts)]):
        name = code(model)
        known |= {(name, "", f"## Model {name}"), (name, "Notes", "### Notes")}
        for bucket, drafted in old_drafts.costs(counts, model).items():
            known |= {(name, bucket, f"### {code(bucket)}"),
                      (name, bucket, f"**Costs:** {relations.printed(drafted, values)}")}
    return known
