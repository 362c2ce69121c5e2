"""The proof of a report: every number against its fact, every quote against its datapoint, every
citation against the ledger, every generated block against the files it is made from."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from failure_analysis import facts, files, manifest
from failure_analysis.comparison import compute
from failure_analysis.datapoint import safe_id
from failure_analysis.markdown import code
from failure_analysis.packet import rows
from failure_analysis.report import blocks, claims, pieces, prose, write
from failure_analysis.report.prose import Unit
from failure_analysis.review import ledger, parts, tally

NAME = "check.json"
LABELS = ("What goes wrong", "Trigger", "Costs")
FEWEST_WORDS = 5
LARGE = 3  # a bucket with so many reviewed datapoints of a model has a section of its own
_MOST_SEARCHED = 2000
_COMMAND = re.compile(r"\s*(?:$|#|uv run |python3? |cd )")
_ITEMS = re.compile(r"\b[Ii]tems? `[^`]+`(?:(?:,| and|, and| or) `[^`]+`)*")


class Finding(NamedTuple):
    """One thing in the report that does not hold: its line (0: the whole), the verdict, the text
    it is about, and what is wrong or to be done."""

    line: int
    verdict: str
    text: str
    why: str


class Result(NamedTuple):
    """What the check found: proved claims by kind, findings by line, the lines with sentences that
    hold judgement, which no script can prove, and how many reviewed failures the reading log does
    not have as shown to their coder."""

    proved: dict[str, int]
    findings: list[Finding]
    judgement: list[int]
    never_shown: int


class Evidence(NamedTuple):
    """Everything that a report is proved against."""

    folder: blocks.Folder
    blocks: dict[str, str]
    facts: dict[str, int | float]
    bound: Counter[str]
    min_cited: int
    names: claims.Names
    texts: dict[str, list[parts.Part]]

    def parts(self, ident: str) -> list[parts.Part]:
        """The parts of a datapoint, kept; none when it cannot be opened."""
        if ident not in self.texts:
            known = self.folder.counted.known
            self.texts[ident] = parts.parts(rows.row(known, ident)) if ident in known.places else []
        return self.texts[ident]


def evidence(path: Path, min_cited: int = 3) -> Evidence:
    """Reads what a report of this analysis folder is proved against."""
    folder = blocks.load(path)
    known = facts.load(path)
    names = claims.names(folder.counted, known, folder.sanity["conservation"]["benchmark"])
    return Evidence(folder, blocks.render(folder), known, write.allowed(path), min_cited, names, {})


def check(path: Path, min_cited: int = 3) -> Result:
    """Proves the report of an analysis folder and writes check.json."""
    report = write.path_of(path)
    if not report.exists():
        raise files.Refusal(f"{report}: not there; run write_report.py first")
    found = evidence(path, min_cited)
    foundations = [*ledger_findings(found), *fact_findings(found)]
    result = prove(write.read(report), found)
    result = result._replace(findings=sorted([*foundations, *result.findings]))
    files.write_json(path / NAME, {
        "report": report.name, "holds": not result.findings, "proved": result.proved,
        "findings": [one._asdict() for one in result.findings],
        "judgement_lines": result.judgement, "never_shown": result.never_shown})
    manifest.record(path, "check_report", {"min_cited": min_cited}, [NAME])
    return result


def prove(text: str, found: Evidence) -> Result:
    """Proves a report's text, claim by claim."""
    text = text.replace("\r\n", "\n")
    units = prose.units(text)
    proved: Counter[str] = Counter()
    findings = [*_block_findings(text, found, proved), *_binding_findings(text, found),
                *_markup_findings(text)]
    judgement: list[int] = []
    for place, unit in enumerate(units):
        after = units[place + 1] if place + 1 < len(units) else None
        if unit.kind == "fence":
            findings += _fence_findings(unit, units[:place], found, proved)
        elif unit.kind == "quote":
            findings += _quote_findings(unit, after, found, proved)
        else:
            findings += _prose_findings(unit, after, found, proved, judgement)
    findings += _structure_findings(units, found, proved)
    return Result(dict(sorted(proved.items())), sorted(set(findings)), sorted(set(judgement)),
                  tally.readings(found.folder.counted)["never"])


def ledger_findings(found: Evidence) -> Iterator[Finding]:
    """Reviews that do not hold any more, and datapoints on which the coders still disagree."""
    counted = found.folder.counted
    for review in ledger.current(counted.reviews):
        if review.datapoint_id not in counted.known.places:
            continue  # of another packet; the coverage block says how many, and none counts
        if not ledger.is_genuine(review, found.names.squeezed):
            yield Finding(0, "edited_review", review.review_id, "this line of reviews.jsonl is not "
                          "as it was recorded; undo the edit, corrections go through --replaces")
        known = found.parts(review.datapoint_id)
        for quote in review.quotes:
            if parts.where(quote, known) is None:
                yield Finding(0, "fabricated_quote", quote, f"review {review.review_id} quotes "
                              f"what does not occur in {review.datapoint_id}")
        found.texts.pop(review.datapoint_id)  # a large ledger does not stay in memory
    for ident, final in counted.open.items():
        said = ", ".join(f"{review.coder}: {review.bucket}, {review.fault}"
                         for review in final.reviews)
        yield Finding(0, "unsettled", ident, f"the coders disagree ({said}); settle it with "
                                             "record_review.py --settles")


def fact_findings(found: Evidence) -> Iterator[Finding]:
    """Facts that a second count, from outcomes.csv and the ledger, does not confirm."""
    counted = found.folder.counted
    recount = tally.numbers(counted) if counted.reviews else {}
    recount |= claims.recount(counted.known)
    recount["rows_read"] = len(counted.known.outcomes) + found.facts.get("rejected_rows", 0)
    if found.folder.compared:
        recount |= dict(compute.numbers(found.folder.compared))
    for key, value in sorted(recount.items()):
        if found.facts.get(key) != value:
            yield Finding(0, "wrong_fact", key, f"{facts.NAME} says {found.facts.get(key)}, a "
                          f"second count says {value}; run write_report.py, or build_packet.py "
                          "when it is no review/ fact")


def _block_findings(text: str, found: Evidence, proved: Counter) -> Iterator[Finding]:
    """Generated blocks that are missing, unknown, or not what the files say."""
    line, seen = 1, Counter()
    for name, piece in pieces.split(text):
        if name:
            seen[name] += 1
            if name not in found.blocks:
                yield Finding(line, "unknown_block", name, "no script generates it; remove it")
            elif piece.rstrip("\n") != found.blocks[name].rstrip("\n"):
                yield Finding(line + _differs(piece, found.blocks[name]), "edited_block", name,
                              "it is not what the files of the analysis say (edited, or the files "
                              "are newer); run write_report.py")
            elif seen[name] > 1:
                yield Finding(line, "edited_block", name, "it stands in the report twice")
            else:
                proved["generated blocks"] += 1
        line += piece.count("\n")
    for name in found.blocks:
        if not seen[name]:
            yield Finding(0, "missing_block", name, f"add the lines <!-- generated:{name} --> and "
                          f"<!-- /generated:{name} --> where it belongs and run write_report.py")


def _differs(piece: str, true: str) -> int:
    """How many lines below the first the two begin to differ."""
    pairs = zip(piece.split("\n"), true.split("\n"), strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), 0)


def _markup_findings(text: str) -> Iterator[Finding]:
    """Comments and HTML in the author's part: what they hold or hide is not read as it is shown."""
    line = 1
    for name, piece in pieces.split(text):
        for number, (one, own) in enumerate(pieces.own_lines(piece), line):
            if name or not own or one.lstrip().startswith(">"):
                continue
            plain = re.sub(r"(`+).*?\1|<!--fact:[^<>\s]+-->|\\<", "", one)
            found = re.search(r"<!--|-->|</?[a-zA-Z][^>]*>|&#?\w+;", plain)
            if found:
                yield Finding(number, "hidden_text", found[0], "no comments, HTML or entities in "
                              "the author's part: they can hide text; write Markdown")
        line += piece.count("\n")


def _binding_findings(text: str, found: Evidence) -> Iterator[Finding]:
    for line, key in write.hand_bound(text, found.bound):
        yield Finding(line, "bound_by_hand", key, f"only write_report.py binds numbers: write "
                                                  f"{{{{{key}}}}} and run it")
    for line, key in write.placeholders(text):
        yield Finding(line, "unfilled", key, "run write_report.py")


def _prose_findings(unit: Unit, after: Unit | None, found: Evidence, proved: Counter,
                    judgement: list[int]) -> Iterator[Finding]:
    """What does not hold in a paragraph, list item, table row or heading."""
    introduced = prose.quoted(after)[1] if after is not None and after.kind == "quote" \
        and unit.text.rstrip().endswith(":") else []
    yield from _item_findings(unit, introduced, found)
    words = "".join(one.masked for one in prose.sentences(unit))
    if re.search(r"\b(?:TODO|todo|Todo|TBD|FIXME)", words):
        yield Finding(unit.line, "todo", _short(unit.text), "write it, or take it out")
    for sentence in prose.sentences(unit):
        introduces = after is not None and after.kind == "quote" \
            and sentence.masked.rstrip().endswith(":")
        cited = prose.quoted(after)[1] if introduces else []
        for verdict, text, why in claims.sentence(sentence, unit, cited, found.names, found.facts):
            if verdict == "unbound_number" and _is_recorded(text, sentence, found):
                proved["recorded amounts"] += 1
            else:
                yield Finding(sentence.line, verdict, text, why)
        proved["numbers"] += sum(str(found.facts.get(token.value)) == token.number
                                 for token in sentence.all(prose.FACT))
        yield from _evidence_findings(sentence, unit, found, proved)
        yield from _fault_findings(sentence, found)
        if unit.kind != "heading" and not (sentence.all(prose.FACT) or sentence.all(prose.CITE)
                                           or cited) and re.search(r"[^\W\d_]{2}", sentence.masked):
            judgement.append(sentence.line)


def _is_speech(text: str) -> bool:
    """Whether a code span is long enough to be somebody's words; commands are not."""
    return len(text.split()) >= 4 and ".py" not in text


def _is_recorded(number: str, sentence: prose.Sentence, found: Evidence) -> bool:
    """Whether a number of three digits or more, or one that begins with a letter, stands, as it
    is, in a datapoint that the sentence cites: an amount, a date, a flight, a session; shorter
    ones stand in too many."""
    plain = number.strip(".,")
    return len(re.sub(r"\W", "", plain)) >= (3 if plain[:1].isdecimal() else 2) and any(
        re.search(rf"(?<![\w.,]){re.escape(plain)}(?![\w]|[.,]\d)", part.text)
        for token in sentence.all(prose.CITE) for part in found.parts(token.value))


def _evidence_findings(sentence: prose.Sentence, unit: Unit, found: Evidence,
                       proved: Counter) -> Iterator[Finding]:
    """Citations and quotes of a sentence; a quote needs its citation directly after it."""
    tokens = sentence.tokens
    for place, token in enumerate(tokens):
        if token.kind == prose.CITE:
            yield from _citation_findings(token.value, sentence.line, unit, found, proved)
        if token.kind == prose.CODE and _is_speech(token.value):
            cited = [one.value for one in sentence.all(prose.CITE)]
            if not any(parts.where(token.value, found.parts(ident)) for ident in cited):
                yield Finding(sentence.line, "fabricated_quote", _short(token.value), "so long a "
                              "code span is a quote: it must stand in a datapoint that the "
                              "sentence cites")
        if token.kind != prose.QUOTE:
            continue
        rest = tokens[place + 1:]
        if rest and not rest[0].kind and not re.search(r"[^\s.,;:()*_]", rest[0].source):
            rest = rest[1:]
        if not rest or rest[0].kind != prose.CITE:
            yield Finding(sentence.line, "uncited_quote", _short(token.value), "put its citation "
                          "[dp:…] directly after it; a quote that holds quotation marks goes into "
                          "a blockquote, words that are no quote into italics")
        else:
            yield from _proved_quote(token.value, rest[0].value, sentence.line, found, proved)


def _fault_findings(sentence: prose.Sentence, found: Evidence) -> Iterator[Finding]:
    """A class of fault that a sentence names beside citations is the decided fault of one of
    them."""
    decided = found.folder.counted.decided | found.folder.counted.wrong_pass
    faults = {decided[token.value].fault for token in sentence.all(prose.CITE)
              if token.value in decided}
    for token in sentence.all(prose.CODE):
        if token.value in ledger.FAULTS and faults and token.value not in faults \
                and not sentence.all(prose.FACT):
            yield Finding(sentence.line, "other_fault", token.value, "the ledger has the cited "
                          f"datapoints as {', '.join(sorted(map(str, faults)))}")


def _item_findings(unit: Unit, introduced: list[str], found: Evidence) -> Iterator[Finding]:
    """An item that a paragraph names is the item of a datapoint that it, or the quote that it
    introduces, cites."""
    text = unit.text
    if unit.kind == "heading" or not _ITEMS.search(text):
        return
    outcomes = found.folder.counted.known.outcomes
    idents = [token.value for token in prose.inline(text) if token.kind == prose.CITE]
    cited = {outcomes[ident].item for ident in idents + introduced if ident in outcomes}
    for match in _ITEMS.finditer(text):
        for name in re.findall(r"`([^`]+)`", match[0]):
            own = unit.title == f"Item {code(name)}"
            if name in found.names.items and name not in cited and not own:
                yield Finding(unit.line + text.count("\n", 0, match.start()), "uncited_item", name,
                              "the paragraph cites no datapoint of this item")


def _citation_findings(ident: str, line: int, unit: Unit, found: Evidence,
                       proved: Counter) -> Iterator[Finding]:
    """A citation must exist and have been read; in a bucket it must belong there."""
    counted = found.folder.counted
    outcome = counted.known.outcomes.get(ident)
    if outcome is None:
        yield Finding(line, "unknown_id", ident, "there is no such datapoint")
        return
    final = counted.decided.get(ident) or counted.open.get(ident) or counted.wrong_pass.get(ident)
    if outcome.outcome == "fail" and final is None:
        yield Finding(line, "unread_datapoint", ident, "nobody has reviewed it; record a review "
                                                       "first, or cite one that was")
    elif final is None and ident not in counted.shown:
        yield Finding(line, "unread_datapoint", ident, f"it is a {outcome.outcome} datapoint that "
                      "was never shown; show_datapoint.py shows it")
    elif unit.bucket and outcome.outcome == "fail" and unit.kind != "heading":
        slug = claims.slug(unit.bucket)
        named = final.bucket is not None and f"`{final.bucket}`" in unit.text
        if slug in found.names.buckets and final.bucket != slug and not named:
            yield Finding(line, "other_bucket", ident, f"the ledger has it in "
                          f"{final.bucket or 'no bucket'}; cite it there, or name that bucket here")
        else:
            proved["citations"] += 1
    else:
        proved["citations"] += 1


def _proved_quote(quote: str, ident: str, line: int, found: Evidence,
                  proved: Counter) -> Iterator[Finding]:
    """A quote must occur verbatim in the datapoint that is cited for it."""
    known = found.parts(ident)
    plain = next((text for text in (quote, prose.unescaped(quote)) if parts.where(text, known)), "")
    if plain and parts.loses_negation(plain, known):
        yield Finding(line, "fabricated_quote", _short(quote), "a negation stands directly before "
                      "it in the datapoint; quote that too")
    elif plain and not parts.too_short(plain, known):
        proved["quotes"] += 1
    elif plain:
        yield Finding(line, "fabricated_quote", _short(quote), "too short to prove anything; quote "
                      f"at least {parts.SHORTEST_QUOTE} characters or a whole part")
    elif ident in found.folder.counted.known.outcomes:
        owner = _owner(quote, found)
        if owner:
            yield Finding(line, "misattributed_quote", _short(quote), f"it is from {owner}, not "
                                                                      f"from {ident}")
        else:
            near = parts.nearest(quote, known)
            yield Finding(line, "fabricated_quote", _short(quote),
                          f"it does not occur in {ident}; nearest: {near or 'nothing like it'}")


def _owner(quote: str, found: Evidence) -> str | None:
    """Another reviewed datapoint in which a quote occurs."""
    counted = found.folder.counted
    for ident in [*counted.decided, *counted.open, *counted.wrong_pass][:_MOST_SEARCHED]:
        if any(parts.where(text, found.parts(ident)) for text in (quote, prose.unescaped(quote))):
            return ident
    return None


def _quote_findings(unit: Unit, after: Unit | None, found: Evidence,
                    proved: Counter) -> Iterator[Finding]:
    """A blockquote is a quote; its citation is in its last line or begins the next paragraph."""
    text, cited = prose.quoted(unit)
    end = unit.line + unit.text.count("\n") + 1
    if after and after.line == end and after.kind == "paragraph" \
            and not re.fullmatch(r"\[dp:.*\][.,]?", after.text.split("\n")[0]):
        yield Finding(end, "uncited_quote", _short(after.text), "Markdown counts this line to the "
                      "quote above it; leave a blank line between")
    if not cited and after and after.kind == "paragraph" and after.text.startswith("[dp:"):
        cited = [token.value for token in prose.inline(after.text) if token.kind == prose.CITE][:1]
        own = []
    else:
        own = cited
    if len(cited) != 1:
        yield Finding(unit.line, "uncited_quote", _short(text), "a blockquote is one quote with "
                      "one citation [dp:…] in its last line; for other text use a paragraph")
        return
    for ident in own:
        yield from _citation_findings(ident, unit.line, unit, found, proved)
        why = claims.foreign(ident, unit, found.names)
        if why:
            yield Finding(unit.line, "other_model", ident, why)
    yield from _proved_quote(text, cited[0], unit.line, found, proved)


def _fence_findings(unit: Unit, before: list[Unit], found: Evidence,
                    proved: Counter) -> Iterator[Finding]:
    """A fenced text must come from the datapoint that was cited last before it; commands (bash)
    are no evidence."""
    lines = unit.text.split("\n")
    kind = lines[0].strip("`~").strip()
    commands = kind in ("bash", "sh") and all(_COMMAND.match(line) for line in lines[1:-1])
    if commands:
        return
    if not re.fullmatch(r"(?:text(?: data-[0-9a-f]{12})?|json|bash|sh)?", kind):
        yield Finding(unit.line, "hidden_text", _short(kind), "begin the fence with ```text")
    cited = [token.value for one in before if one.bucket == unit.bucket and one.model == unit.model
             for token in prose.inline(one.text) if token.kind == prose.CITE]
    known = found.parts(cited[-1]) if cited else []
    bad = [line for line in lines[1:-1] if line.strip()
           and not re.fullmatch(r"\[end of data-[0-9a-f]{12}\]|… \(\d+ more of \d+ characters\)",
                                line)
           and parts.where(line, known) is None]
    if bad:
        yield Finding(unit.line, "fabricated_quote", _short(bad[0]), "a fenced text must stand "
                      "word for word in the datapoint cited before it"
                      + (f" ({cited[-1]})" if cited else "; none is cited"))
    else:
        proved["quotes"] += 1


def _structure_findings(units: list[Unit], found: Evidence, proved: Counter) -> Iterator[Finding]:
    """Sections that a report must have, and what must stand in them."""
    counted = found.folder.counted
    failing = [name for name in tally.models(counted) if counted.failing[name]]
    sections: dict[str, int] = {}
    for unit in units:
        if unit.kind == "heading" and unit.text.startswith("## Model "):
            if unit.model in sections:
                yield Finding(unit.line, "model_section", unit.text, "this model has two sections")
            sections.setdefault(unit.model, unit.line)
    titles = {code(name): name for name in failing}
    for title, line in sections.items():
        if title not in titles:
            yield Finding(line, "model_section", f"## Model {title}", "no model with failing rows "
                          f"has this name; names are {', '.join(titles)}")
    for title, name in titles.items():
        if not counted.reviewed[name]:
            yield Finding(0, "unreviewed_model", name, f"none of its {counted.failing[name]} "
                                                       "failing datapoints was reviewed")
        elif title not in sections:
            yield Finding(0, "model_section", name, f"there is no section `## Model {title}`")
        else:
            yield from _model_findings(name, sections[title], [
                unit for unit in units if unit.model == title], found, proved)
    titles_seen = Counter(unit.text for unit in units if unit.kind == "heading"
                          and unit.text.startswith("## ") and not unit.model)
    for title, count in titles_seen.items():
        if count > 1:
            yield Finding(0, "doubled_section", title, f"it stands in the report {count} times")
    yield from _shared_findings(found)


def _model_findings(model: str, line: int, units: list[Unit], found: Evidence,
                    proved: Counter) -> Iterator[Finding]:
    """A model's section: one section per bucket that is large enough, none that is not a
    bucket."""
    counted = found.folder.counted
    order = dict(tally.bucket_order(counted, model))
    written: dict[str, list[Unit]] = {}
    for unit in units:
        if unit.kind == "heading" and unit.text.startswith("####"):
            yield Finding(unit.line, "unreviewed_bucket", unit.text, "no headings below a bucket; "
                                                                    "write a paragraph")
        if unit.kind == "heading" and unit.bucket and unit.text.startswith("### "):
            title = unit.bucket
            slug = claims.slug(title)
            if "(provisional)" in title:
                yield Finding(unit.line, "provisional_bucket", title, "a rule gave this label; "
                              "name the bucket for what reviewers found")
            elif ledger.names_no_cause(slug, found.names.squeezed):
                yield Finding(unit.line, "no_cause", title, "it names a grader dimension, not a "
                                                            "cause")
            elif slug not in order and title != "Notes":
                yield Finding(unit.line, "unreviewed_bucket", title, "no review puts a datapoint "
                              f"of {model} into it; its buckets are {', '.join(order)} (other "
                              "remarks go under ### Notes)")
            elif slug in written:
                yield Finding(unit.line, "unreviewed_bucket", title, "this bucket has two sections")
            else:
                written[slug] = [one for one in units if one.bucket == title]
    needed = [slug for slug, count in order.items() if count >= LARGE] or list(order)[:1]
    for slug in needed:
        if slug not in written:
            yield Finding(line, "missing_bucket", slug, f"{order[slug]} reviewed datapoints of "
                          f"{model} are in it; write a section ### `{slug}`")
    for slug, mine in written.items():
        if slug in order:
            yield from _bucket_findings(model, slug, mine, found, proved)


def _bucket_findings(model: str, slug: str, units: list[Unit], found: Evidence,
                     proved: Counter) -> Iterator[Finding]:
    """A bucket's section says what goes wrong, what triggers it and which dimensions it costs, and
    cites enough reviewed datapoints."""
    counted = found.folder.counted
    line = units[0].line
    members = set(tally.members(counted, slug, model))
    cited = {token.value for unit in units for token in prose.inline(unit.text)
             if token.kind == prose.CITE} & members
    needed = min(found.min_cited, len(members))
    if len(cited) < needed:
        yield Finding(line, "few_citations", slug, f"it cites {len(cited)} of its "
                      f"{len(members)} reviewed datapoints of {model}; cite at least {needed}")
    labels = {unit.label: unit for unit in reversed(units) if unit.label}
    for label, count in Counter(unit.label for unit in units if unit.label in LABELS).items():
        if count > 1:
            yield Finding(line, "no_description", slug, f"**{label}:** stands there {count} times")
    for label in LABELS:
        if label not in labels:
            yield Finding(line, "no_description", slug, f"there is no paragraph **{label}:**")
        elif label == "Costs":
            yield from _cost_findings(model, slug, labels[label], found)
        else:
            yield from _description_findings(slug, labels[label])
    proved["buckets"] += 1


def _description_findings(slug: str, unit: Unit) -> Iterator[Finding]:
    """A description is in the author's words, and cites a datapoint that shows it."""
    masked = "".join(sentence.masked for sentence in prose.sentences(unit)).partition(":**")[2]
    if len(re.findall(r"[^\W\d_]{2,}", masked)) < FEWEST_WORDS:
        yield Finding(unit.line, "no_description", slug, f"**{unit.label}:** says nothing in words")
    elif prose.CITE not in masked:
        yield Finding(unit.line, "unsupported_claim", slug, f"**{unit.label}:** cites no datapoint "
                                                            "that shows it")


def _cost_findings(model: str, slug: str, unit: Unit, found: Evidence) -> Iterator[Finding]:
    """The dimensions that a bucket is said to cost are those that its datapoints failed."""
    real = tally.costs(found.folder.counted, slug, model)
    named = {token.value for token in prose.inline(unit.text) if token.kind == prose.CODE}
    wrong = sorted((named & found.names.dimensions) - set(real))
    if wrong:
        yield Finding(unit.line, "wrong_costs", ", ".join(wrong), f"no reviewed datapoint of "
                      f"{model} in {slug} failed it")
    size = len(tally.members(found.folder.counted, slug, model))
    missing = sorted(name for name, count in real.items() if 2 * count > size and name not in named)
    if missing or (real and not named & set(real)):
        yield Finding(unit.line, "no_description", slug, "**Costs:** leaves out what most of its "
                      f"datapoints fail: {', '.join(map(code, missing or sorted(real)))}")


def _shared_findings(found: Evidence) -> Iterator[Finding]:
    """Items that every model failed and whose fault nobody has decided."""
    compared, counted = found.folder.compared, found.folder.counted
    if not compared or len(compared["units"]) < 2:
        return
    decided = {counted.known.outcomes[ident].item for ident, final in counted.decided.items()
               if final.fault != "undecided"}
    for item in compared["sets"]["failed_by_all"]:
        if item not in decided:
            yield Finding(0, "undecided_item", safe_id(item), "every model failed it and nobody "
                          "has decided whose fault that is; review one of its datapoints")


def _short(text: str) -> str:
    """The beginning of a text, on one line."""
    plain = " ".join(text.split())
    return plain if len(plain) <= 120 else f"{plain[:117]}..."
