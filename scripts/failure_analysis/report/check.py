"""The proof of a report: every number against its fact, every quote against its datapoint, every
citation against the ledger, every generated block against the files it is made from."""

import re
from collections import Counter
from collections.abc import Callable
from itertools import zip_longest
from os.path import commonprefix
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import facts, files, manifest, steps, store
from failure_analysis.report import (
    bindings,
    blocks,
    causes,
    claims,
    foundation,
    pieces,
    prose,
    relations,
    second_reading,
    sheet,
    spoken,
    structure,
    whereabouts,
    write,
)
from failure_analysis.report.evidence import Evidence, Finding, Findings, gather
from failure_analysis.report.names import foreign
from failure_analysis.report.prose import Sentence, Unit
from failure_analysis.review import counting, parts, standing

NAME = steps.CHECK.writes[0]
_MOST_SEARCHED = 2000
_COMMAND = re.compile(r"\s*(?:$|uv run |python3? |cd )")


class Result(NamedTuple):
    """What the check found: proved claims by kind, findings by line, what the author says, and what
    second readers make of it."""

    proved: dict[str, int]
    findings: list[Finding]
    said: list[spoken.Spoken]
    reading: second_reading.State


def check(analysis_dir: Path, min_cited: int = 3, rerun: bool = False,
          after: Callable[[counting.Counts | None], Any] = lambda _: None) -> Result:
    """Proves the report of an analysis folder, against the manifest or with `rerun` against the
    runs, and writes check.json; `after` writes what else says how it went, from the reviews as they
    were counted here (None where that could not begin)."""
    result, evidence = proved(analysis_dir, min_cited, rerun)
    with store.where_writable(analysis_dir / NAME):
        _write(analysis_dir, (NAME,), {"min_cited": min_cited, "rerun": rerun},
               lambda: store.write_large_json(analysis_dir / NAME, {
                   "report": (report := write.path_of(analysis_dir)).name,
                   "of": standing.digest(write.read(report)), **record(result, rerun)}))
        after(evidence.analysis.counts if evidence else None)
    return result


def second_sheet(analysis_dir: Path, reader: str | None = None
                 ) -> tuple[Path, list[sheet.Entry], int]:
    """Writes the sheet of what nobody has confirmed yet, or of what this reader has not answered;
    returns its path, its lines and how many sentences there are. Refuses where the check could not
    begin."""
    found, evidence = sheet_entries(analysis_dir)
    answers = second_reading.load(analysis_dir)
    confirmed = {found[place].ident for place in second_reading.state(
        [entry.ident for entry in found], answers).confirmed}
    done = {answer.id for answer in answers if answer.reader == reader} if reader else confirmed
    left = [entry for entry in found if entry.ident not in done]
    path = analysis_dir / steps.SHEET
    _write(analysis_dir, (steps.SHEET,), {},
           lambda: store.write_text(path, sheet.page(left, evidence, still_open(analysis_dir))))
    return path, left, len(found)


def sheet_entries(analysis_dir: Path) -> tuple[list[sheet.Entry], Evidence]:
    """The sentences of a report as the second reader has them, and what they rest on."""
    result, evidence = proved(analysis_dir, 3, rerun=False)
    if evidence is None:
        raise files.Refusal(f"{analysis_dir}: {result.findings[0].text}: "
                            f"{result.findings[0].why}")
    return sheet.entries(result.said, evidence), evidence


def still_open(analysis_dir: Path) -> int:
    """How many pieces of the report are still to be written: nobody reads those a second time."""
    return sum(map(prose.is_open, prose.units(write.read(write.path_of(analysis_dir)))))


def _write(analysis_dir: Path, names: tuple[str, ...], settings: dict, make: Callable) -> None:
    manifest.begin(analysis_dir, names)
    make()
    kept = manifest.outputs(analysis_dir, steps.CHECK) or {}
    manifest.record(analysis_dir, steps.CHECK.name,
                    settings or manifest.settings(analysis_dir, steps.CHECK.name),
                    dict.fromkeys((*kept, *names)))


def record(result: Result, rerun: bool) -> dict:
    """A result as check.json has it."""
    reading = result.reading
    return {"holds": not result.findings, "against": "runs" if rerun else "manifest",
            "proved": result.proved,
            "findings": [finding._asdict() for finding in result.findings],
            "sentences": reading.sentences, "confirmed": len(reading.confirmed),
            "declined": len(reading.declined),
            "readers": [list(reader) for reader in reading.readers]}


def proved(analysis_dir: Path, min_cited: int, rerun: bool) -> tuple[Result, Evidence | None]:
    """Proves the files below a report, then its text; the first alone where a file is not what its
    step wrote, as nothing can be proved against it."""
    text = write.read(files.needed(write.path_of(analysis_dir), "write_report.py"))
    changed = [Finding(0, "changed_file", *fault) for fault in manifest.faults(analysis_dir)]
    if any(finding.text != facts.NAME for finding in changed):
        return Result({}, sorted(changed), [], second_reading.state([], [])), None
    evidence = gather(analysis_dir, min_cited)
    below = [*changed, *foundation.findings(evidence),
             *(foundation.rerun(analysis_dir) if rerun else ())]
    result = prove(text, evidence)
    return result._replace(findings=sorted({*below, *result.findings})), evidence


def prove(text: str, evidence: Evidence) -> Result:
    """Proves a report's text: the functions below yield what does not hold, and count what does."""
    text = text.replace("\r\n", "\n")
    units = prose.units(text)
    evidence = evidence._replace(proved=Counter())
    said = list(spoken.spoken(units, evidence))
    reading = sheet.reading(said, evidence)
    evidence.blocks["status"] = blocks.status(evidence.analysis, second_reading.in_words(reading))
    findings = [*_block_findings(text, evidence), *_binding_findings(text, evidence),
                *_markup_findings(text)]
    for place, (unit, after) in enumerate(zip_longest(units, units[1:])):
        if unit.kind == "fence":
            findings += _fence_findings(unit, units[:place], evidence)
        elif unit.kind == "quote":
            findings += _quote_findings(unit, after, evidence)
        else:
            findings += _prose_findings(unit, after, evidence)
    findings += structure.findings(text, units, evidence)
    findings += [Finding(said[place].line, "declined", _short("".join(
        token.number or token.source for token in said[place].tokens)),
        f"{answer.reader} says {answer.answer}: {answer.reason}")
        for place, answer in reading.declined.items()]
    return Result(dict(sorted(evidence.proved.items())), sorted(set(findings)), said, reading)


def _block_findings(text: str, evidence: Evidence) -> Findings:
    """Generated blocks that are missing, unknown, or not what the files say."""
    line, seen = 1, Counter()
    for name, piece in pieces.split(text):
        if name:
            seen[name] += 1
            if name not in evidence.blocks:
                yield Finding(line, "unknown_block", name, "no script generates it; remove it")
            elif piece.rstrip("\n") != evidence.blocks[name].rstrip("\n"):
                same = commonprefix([piece, evidence.blocks[name]]).count("\n")
                yield Finding(line + same, "edited_block", name, "it is not what the files of the "
                              "analysis say (edited, or the files are newer); run write_report.py")
            elif seen[name] > 1:
                yield Finding(line, "edited_block", name, "it stands in the report twice")
            else:
                evidence.proved["generated blocks"] += 1
        line += piece.count("\n")
    for name in evidence.blocks:
        if not seen[name] and not name.startswith(causes.BLOCK):  # of those, their sections tell
            yield Finding(0, "missing_block", name, f"add the lines <!-- generated:{name} --> and "
                          f"<!-- /generated:{name} --> where it belongs and run write_report.py")


def _markup_findings(text: str) -> Findings:
    """Comments and HTML in the author's part: what they hold or hide is not read as it is shown."""
    line = 1
    for name, piece in pieces.split(text):
        for number, (source, own) in enumerate(pieces.own_lines(piece), line):
            if name or not own or source.lstrip().startswith(">") or not re.search("[<>&]", source):
                continue
            plain = "".join(token.source for token in prose.inline(source)
                            if token.kind not in (prose.CODE, prose.CITE))
            plain = re.sub(r"<!--fact:(?:(?!-->).)+-->|\\[<&]", "", plain)
            if hidden := re.search(r"<!--|-->|</?[a-zA-Z][^>]*>|&#?\w+;", plain):
                yield Finding(number, "hidden_text", hidden[0], "no comments, HTML or entities in "
                              "the author's part: they can hide text; write Markdown")
        line += piece.count("\n")


def _binding_findings(text: str, evidence: Evidence) -> Findings:
    for line, key in bindings.hand_bound(text, evidence.bound):
        yield Finding(line, "bound_by_hand", key,
                      f"only write_report.py binds numbers: write {{{{{key}}}}} and run it")
    for line, key in bindings.placeholders(text):
        yield Finding(line, "unfilled", key, relations.bind(key, evidence.facts).wrong
                      or "run write_report.py")


def _prose_findings(unit: Unit, after: Unit | None, evidence: Evidence) -> Findings:
    """What does not hold in a paragraph, list item, table row or heading."""
    quoted = prose.quoted(after)[1] if after is not None and after.kind == "quote" else []
    sentences = prose.sentences(unit)
    if prose.is_open(unit):
        yield Finding(unit.line, "todo", _short(unit.text), "write it" if unit.label in
                      structure.LABELS else "write it, or take it out")
        return  # what else is wrong with it is that of what will stand there
    for sentence, problem in claims.problems(unit, quoted, evidence.names, evidence.facts,
                                             evidence.parts):
        yield Finding(sentence.line, *problem)
    yield from whereabouts.findings(unit, after, evidence)
    for sentence in sentences:
        evidence.proved["numbers"] += sum(
            relations.bind(token.value, evidence.facts).printed == token.number
            for token in sentence.all(prose.FACT))
        yield from _sentence_findings(sentence, unit, evidence)


def _sentence_findings(sentence: Sentence, unit: Unit, evidence: Evidence) -> Findings:
    """Citations and quotes of a sentence; a quote needs its citation directly after it."""
    for place, token in enumerate(sentence.tokens):
        if token.kind == prose.CITE:
            if token in [each for each in sentence.tokens[max(0, place - 2):place]
                         if each.kind or each.source.strip()][-1:]:
                yield Finding(sentence.line, "doubled_citation", token.value, "cite it once")
            yield from _citation_findings(token.value, sentence.line, unit, evidence)
        if token.kind == prose.CODE and token.value not in evidence.names.spans:
            yield from _span_findings(token, sentence, evidence)
        if token.kind != prose.QUOTE:
            continue
        rest = sentence.tokens[place + 1:]
        if rest and not rest[0].kind and not re.search(r"[^\s.,;:()*_]", rest[0].source):
            rest = rest[1:]
        if not rest or rest[0].kind != prose.CITE:
            yield Finding(sentence.line, "uncited_quote", _short(token.value), "put its citation "
                          "[dp:…] directly after it; a quote that holds quotation marks goes into "
                          "a blockquote, words that are no quote into italics")
        else:
            yield from _proved_quote(token.value, rest[0].value, sentence.line, evidence)


def _span_findings(token: prose.Token, sentence: Sentence, evidence: Evidence) -> Findings:
    """A code span that is no name: of so many words it is somebody's, unless it is a command."""
    if bindings.PLACEHOLDER.search(token.value) or prose.BOUND.search(token.value):
        yield Finding(sentence.line, "unfilled", _short(token.value),
                      "in backticks no number is bound; take them off and run write_report.py")
    elif len(token.value.split()) >= 4 and ".py" not in token.value \
            and not any(parts.where(token.value, evidence.parts(cited.value))
                        for cited in sentence.all(prose.CITE)):
        yield Finding(sentence.line, "fabricated_quote", _short(token.value), "so long a code "
                      "span is a quote: it must stand in a datapoint that the sentence cites")


def _citation_findings(ident: str, line: int, unit: Unit, evidence: Evidence) -> Findings:
    """A citation must exist and have been read; in a bucket it must belong there."""
    counts = evidence.analysis.counts
    if ident not in counts.index.outcomes:
        yield Finding(line, "unknown_id", ident, "there is no such datapoint")
        return
    outcome = counts.index.outcomes[ident].outcome
    final = counting.final(counts, ident)
    slug = claims.slug(unit.bucket)
    if outcome == "fail" and final is None:
        yield Finding(line, "unread_datapoint", ident,
                      "nobody has reviewed it; record a review first, or cite one that was")
    elif final is None and ident not in counts.shown:
        yield Finding(line, "unread_datapoint", ident, f"it is a {outcome} datapoint that "
                      "was never shown; show_datapoint.py shows it")
    elif (outcome == "fail" or final and final.verdict == "fail") and unit.kind != "heading" \
            and slug in evidence.names.buckets and final.bucket != slug \
            and not (final.bucket and f"`{final.bucket}`" in unit.text):
        yield Finding(line, "other_bucket", ident, f"the ledger has it in "
                      f"{final.bucket or 'no bucket'}; cite it there, or name that bucket here")
    else:
        evidence.proved["citations"] += 1


def _proved_quote(quote: str, ident: str, line: int, evidence: Evidence) -> Findings:
    """A quote must occur verbatim in the datapoint that is cited for it."""
    row_parts = evidence.parts(ident)
    plain = next((text for text in (quote, prose.unescaped(quote))
                  if parts.where(text, row_parts)), "")
    if plain and parts.loses_negation(plain, row_parts):
        yield Finding(line, "fabricated_quote", _short(quote), "a negation stands directly before "
                      "it in the datapoint; quote that too")
    elif plain and not parts.too_short(plain, row_parts):
        evidence.proved["quotes"] += 1
    elif plain:
        yield Finding(line, "fabricated_quote", _short(quote), "too short to prove anything; quote "
                      f"at least {parts.SHORTEST_QUOTE} characters, a whole part or a whole value "
                      "in quotes")
    elif ident in evidence.analysis.counts.index.outcomes:
        if owner := _owner(quote, evidence):
            yield Finding(line, "misattributed_quote", _short(quote),
                          f"it is from {owner}, not from {ident}")
        else:
            near = parts.nearest(quote, row_parts)
            yield Finding(line, "fabricated_quote", _short(quote),
                          f"it does not occur in {ident}; nearest: {near or 'nothing like it'}")


def _owner(quote: str, evidence: Evidence) -> str | None:
    """Another reviewed datapoint in which a quote occurs."""
    counts = evidence.analysis.counts
    for ident in [*counts.decided, *counts.open, *counts.wrong_pass, *counts.read][:_MOST_SEARCHED]:
        row_parts = evidence.parts(ident)
        if parts.where(quote, row_parts) or parts.where(prose.unescaped(quote), row_parts):
            return ident
    return None


def _quote_findings(unit: Unit, after: Unit | None, evidence: Evidence) -> Findings:
    """A blockquote is a quote; its citation is in its last line or begins the next paragraph."""
    text, own = prose.quoted(unit)
    cited, end = own, unit.line + unit.text.count("\n") + 1
    if after and after.line == end and after.kind == "paragraph" \
            and not re.fullmatch(r"\[dp:.*\][.,]?", after.text.split("\n")[0]):
        yield Finding(end, "uncited_quote", _short(after.text), "Markdown counts this line to the "
                      "quote above it; leave a blank line between")
    if not own and after and after.kind == "paragraph" and after.text.startswith("[dp:"):
        cited = [token.value for token in prose.inline(after.text) if token.kind == prose.CITE][:1]
    if len(cited) != 1:
        yield Finding(unit.line, "uncited_quote", _short(text), "a blockquote is one quote with "
                      "one citation [dp:…] in its last line; for other text use a paragraph")
        return
    for ident in own:
        yield from _citation_findings(ident, unit.line, unit, evidence)
        if why := foreign(ident, unit, evidence.names):
            yield Finding(unit.line, "other_model", ident, why)
    yield from _proved_quote(text, cited[0], unit.line, evidence)


def _fence_findings(unit: Unit, before: list[Unit], evidence: Evidence) -> Findings:
    """A fenced text comes from the datapoint cited last before it; commands are no evidence."""
    lines = unit.text.split("\n")
    kind = lines[0].strip("`~").strip()
    if kind in ("bash", "sh") and all(_COMMAND.match(line) for line in lines[1:-1]):
        return
    if not re.fullmatch(r"(?:text(?: data-[0-9a-f]{12})?|json|bash|sh)?", kind):
        yield Finding(unit.line, "hidden_text", _short(kind), "begin the fence with ```text")
    cited = [token.value for earlier in before
             if (earlier.model, earlier.bucket) == (unit.model, unit.bucket)
             for token in prose.inline(earlier.text) if token.kind == prose.CITE]
    if any(unit.text in evidence.drafted(ident) for ident in cited):
        evidence.proved["quotes"] += 1
        return
    row_parts = evidence.parts(cited[-1]) if cited else []
    bad = [line for line in lines[1:-1] if line.strip()
           and not re.fullmatch(r"\[end of data-[0-9a-f]{12}\]|… \(\d+ more of \d+ characters\)",
                                line) and parts.where(line, row_parts) is None]
    if bad:
        yield Finding(unit.line, "fabricated_quote", _short(bad[0]), "a fenced text must stand "
                      "word for word in the datapoint cited before it"
                      + (f" ({cited[-1]})" if cited else "; none is cited"))
    else:
        evidence.proved["quotes"] += 1


def _short(text: str) -> str:
    """The beginning of a text, on one line."""
    plain = " ".join(text.split())
    return plain if len(plain) <= 120 else f"{plain[:117]}..."
