"""The sections that a report must have, and what must stand in them."""

import re
from collections import Counter
from collections.abc import Mapping
from itertools import zip_longest

from failure_analysis.comparison import page
from failure_analysis.datapoint import safe_id
from failure_analysis.markdown import code, listed, name_in_span
from failure_analysis.report import blocks, causes, claims, draft, prose
from failure_analysis.report.evidence import Evidence, Finding, Findings
from failure_analysis.report.prose import Unit
from failure_analysis.review import counting, ledger, plan

SUMMARY = "## Summary"
LABELS = ("What goes wrong", "Trigger", "Costs")
DIFFERS = "What differs"
FEWEST_WORDS = 5


def findings(text: str, units: list[Unit], evidence: Evidence) -> Findings:
    """Sections that a report must have, and what must stand in them."""
    yield from _empty_findings(text, units, evidence)
    counts = evidence.analysis.counts
    described = blocks.described(counts)
    headings = [unit for unit in units if unit.kind == "heading"]
    yield from _cause_findings(text, units, evidence)
    in_causes = {claims.slug(unit.bucket) for unit in headings if unit.bucket and not unit.model}
    sections: dict[str, int] = {}
    for unit in headings:
        if unit.text.startswith("## Model "):
            if unit.model in sections:
                yield Finding(unit.line, "model_section", unit.text, "this model has two sections")
            sections.setdefault(unit.model, unit.line)
    titles = {code(name): name for name in described}
    for title, line in sections.items():
        if title not in titles:
            yield Finding(line, "model_section", f"## Model {title}", "no model with failing rows "
                          f"has this name; names are {', '.join(titles)}")
    for title, name in titles.items():
        if counts.failing[name] and not counts.reviewed[name]:
            yield Finding(0, "unreviewed_model", name,
                          f"none of its {counts.failing[name]} failing datapoints was reviewed")
        elif title not in sections:
            yield Finding(0, "model_section", name, f"there is no section `## Model {title}`")
        else:
            own = [unit for unit in units if unit.model == title]
            yield from _model_findings(name, sections[title], own, in_causes, evidence)
    titles_seen = Counter(unit.text for unit in headings
                          if unit.text.startswith("## ") and not unit.model)
    for title, count in titles_seen.items():
        if count > 1:
            yield Finding(0, "doubled_section", title, f"it stands in the report {count} times")
    yield from _title_findings(headings, units, evidence)
    yield from _shared_findings(evidence)


def _title_findings(headings: list[Unit], units: list[Unit], evidence: Evidence) -> Findings:
    """A title that names another benchmark, and an item's section that cites others alone."""
    title = draft.title(evidence.analysis.sanity["conservation"]["benchmark"])
    outcomes = evidence.analysis.counts.index.outcomes
    for heading in headings:
        if heading.text.startswith(title.partition("`")[0]) and heading.text != title:
            yield Finding(heading.line, "other_title", heading.text, f"the runs are of {title}")
        if heading.model or not heading.title.startswith("Item `"):
            continue
        cited = {name_in_span(outcomes[token.value].item) for unit in units
                 if not unit.model and unit.title == heading.title
                 for token in prose.inline(unit.text)
                 if token.kind == prose.CITE and token.value in outcomes}
        for item in sorted(_spans(heading.title) - cited if cited else ()):
            yield Finding(heading.line, "other_item", item, "nothing below this heading cites it, "
                          f"but {', '.join(sorted(cited))}")


def _spans(text: str) -> set[str]:
    return {token.value for token in prose.inline(text) if token.kind == prose.CODE}


def _empty_findings(text: str, units: list[Unit], evidence: Evidence) -> Findings:
    """A summary that is missing, and headings with nothing below them."""
    headings = [unit for unit in units if unit.kind == "heading"]
    if blocks.described(evidence.analysis.counts) \
            and not any(unit.text == SUMMARY for unit in headings):
        yield Finding(0, "missing_section", SUMMARY, "a report begins with its main causes")
    lines = text.split("\n")
    for heading, after in zip_longest(headings, headings[1:]):
        end = after.line - 1 if after else len(lines)
        deeper = after and _level(after) > _level(heading)
        if not deeper and not any(line.strip() for line in lines[heading.line:end]):
            yield Finding(heading.line, "empty_section", heading.text, "nothing stands below it")


def _level(heading: Unit) -> int:
    return len(heading.text) - len(heading.text.lstrip("#"))


def _model_findings(model: str, line: int, units: list[Unit], described: set[str],
                    evidence: Evidence) -> Findings:
    """A model's section: each bucket of it that is large enough is described among the causes
    (`described`) or has a section here, and none of anything else has."""
    order = dict(counting.bucket_order(evidence.analysis.counts, model))
    read = counting.read_of(evidence.analysis.counts, model).buckets
    yield from _heading_findings(units, [*{**order, **read}], f"of {model}", evidence)
    sections = _sections(units)
    needed = [slug for slug, count in order.items() if count >= causes.LARGE]
    if not needed and not any(slug in sections or slug in described for slug in order):
        needed = list(order)[:1]
    for slug in needed:
        if slug not in sections and slug not in described:
            yield Finding(line, "missing_bucket", slug, f"{order[slug]} reviewed datapoints of "
                          f"{model} are in it; write a section ### `{slug}` under {prose.CAUSES}")
    for slug, section in sections.items():
        if slug in order or slug in read:
            yield from _bucket_findings(model, slug, section, evidence)


def _cause_findings(text: str, units: list[Unit], evidence: Evidence) -> Findings:
    """The causes: a section for each bucket that is large enough over all models, and none of
    anything else."""
    mine = [unit for unit in units if unit.bucket and not unit.model]
    members = causes.members(evidence.analysis.counts)
    heading = next((unit for unit in units if unit.text.strip() == prose.CAUSES), None)
    if heading is None:
        return  # as in earlier versions, each model's section describes its buckets
    yield from _heading_findings(mine, [*members], "of any model", evidence)
    sections = _sections(mine)
    own = {claims.slug(unit.bucket) for unit in units if unit.model and unit.bucket}
    for slug in causes.large(members):
        if slug not in sections and slug not in own:
            yield Finding(heading.line, "missing_bucket", slug, f"{len(members[slug])} models have "
                          f"a share in it; write a section ### `{slug}`")
    for slug in [slug for slug in sections if slug in members]:
        yield from _section_findings(slug, members[slug], sections[slug], evidence)
        start = sections[slug][0].line
        end = next((unit.line for unit in units if unit.kind == "heading" and unit.line > start),
                   None)
        mark = f"<!-- generated:{causes.BLOCK}{slug} -->"
        if mark not in map(str.strip, text.split("\n")[start:end and end - 1]):
            yield Finding(start, "missing_block", f"{causes.BLOCK}{slug}", f"below this heading "
                          f"add the lines {mark} and {mark.replace('generated', '/generated')} "
                          "and run write_report.py")


def _section_findings(slug: str, by_model: Mapping[str, list[str]], units: list[Unit],
                      evidence: Evidence) -> Findings:
    """A cause's section says what goes wrong, its trigger and, where several models share it, what
    differs; it cites enough, and of each model that has a share."""
    evidence.proved["buckets"] += 1
    if any("TODO" in unit.text for unit in units):
        return  # what else is wrong with it is that of what will stand there
    line = units[0].line
    cited = _cited(units)
    ids = {ident for its in by_model.values() for ident in its}
    needed = min(evidence.min_cited, len(ids))
    if len(cited & ids) < needed:
        yield Finding(line, "few_citations", slug, f"it cites {len(cited & ids)} of its {len(ids)} "
                      f"reviewed datapoints; cite at least {needed}")
    if lacking := [f"{model} ({listed(its, 2)})" for model, its in by_model.items()
                   if not cited.intersection(its)]:
        yield Finding(line, "few_citations", slug, "it cites nothing of models that have a share "
                      f"in it: {listed(lacking)}")
    for label in (*LABELS[:2], *([DIFFERS] if len(by_model) > 1 else [])):
        found, mine = _labelled(slug, label, units)
        yield from found or _description_findings(slug, mine[0])


def _sections(units: list[Unit]) -> dict[str, list[Unit]]:
    """The units of each bucket's section."""
    return {claims.slug(title): [unit for unit in units if unit.bucket == title]
            for title in dict.fromkeys(unit.bucket for unit in units if unit.bucket)
            if "(provisional)" not in title}


def _heading_findings(units: list[Unit], known: list[str], whose: str, evidence: Evidence
                      ) -> Findings:
    """Headings of buckets that are none of the known ones (`whose` they are), or stand twice."""
    seen: set[str] = set()
    for unit in [unit for unit in units if unit.kind == "heading"]:
        if unit.text.startswith("####"):
            yield Finding(unit.line, "unreviewed_bucket", unit.text,
                          "no headings below a bucket; write a paragraph")
        if not unit.bucket or not unit.text.startswith("### "):
            continue
        title, slug = unit.bucket, claims.slug(unit.bucket)
        if "(provisional)" in title:
            yield Finding(unit.line, "provisional_bucket", title, "a rule gave this label; "
                          "name the bucket for what reviewers found")
        elif ledger.names_no_cause(slug, evidence.names.squeezed):
            yield Finding(unit.line, "no_cause", title, "it names a grader dimension, not a cause")
        elif slug not in known and title != "Notes":
            yield Finding(unit.line, "unreviewed_bucket", title, "no review puts a datapoint "
                          f"{whose} into it; its buckets are {', '.join(known)} "
                          "(other remarks go under ### Notes)")
        elif slug in seen:
            yield Finding(unit.line, "unreviewed_bucket", title, "this bucket has two sections")
        seen.add(slug)


def _cited(units: list[Unit]) -> set[str]:
    return {token.value for unit in units for token in prose.inline(unit.text)
            if token.kind == prose.CITE}


def _bucket_findings(model: str, slug: str, units: list[Unit], evidence: Evidence) -> Findings:
    """A bucket's section says what goes wrong, its trigger and costs, and cites enough."""
    line = units[0].line
    counts = evidence.analysis.counts
    members = {*counting.members(counts, slug, model),
               *counting.read_members(counts, slug, model)}
    cited = _cited(units) & members
    needed = min(evidence.min_cited, len(members))
    if len(cited) < needed:
        yield Finding(line, "few_citations", slug, f"it cites {len(cited)} of its "
                      f"{len(members)} reviewed datapoints of {model}; cite at least {needed}")
    for label in LABELS:
        found, mine = _labelled(slug, label, units)
        yield from found or (_cost_findings(model, slug, mine[0], evidence) if label == "Costs"
                             else _description_findings(slug, mine[0]))
    evidence.proved["buckets"] += 1


def _labelled(slug: str, label: str, units: list[Unit]) -> tuple[list[Finding], list[Unit]]:
    """The paragraphs of a section with this label, of which there must be one."""
    mine = [unit for unit in units if unit.label == label]
    if len(mine) == 1:
        return [], mine
    why = f"**{label}:** stands there {len(mine)} times" if mine else \
        f"there is no paragraph **{label}:**"
    return [Finding(units[0].line, "no_description", slug, why)], mine


def _description_findings(slug: str, unit: Unit) -> Findings:
    """A description is in the author's words, and cites a datapoint that shows it."""
    masked = "".join(sentence.masked for sentence in prose.sentences(unit)).partition(":**")[2]
    if len(re.findall(r"[^\W\d_]{2,}", masked)) < FEWEST_WORDS:
        yield Finding(unit.line, "no_description", slug, f"**{unit.label}:** says nothing in words")
    elif prose.CITE not in masked:
        yield Finding(unit.line, "unsupported_claim", slug,
                      f"**{unit.label}:** cites no datapoint that shows it")


def _cost_findings(model: str, slug: str, unit: Unit, evidence: Evidence) -> Findings:
    """The dimensions that a bucket is said to cost are those that its datapoints failed."""
    cost = counting.costs(evidence.analysis.counts, slug, model)
    named = _spans(unit.text)
    if wrong := sorted((named & evidence.names.dimensions) - set(cost)):
        yield Finding(unit.line, "wrong_costs", ", ".join(wrong),
                      f"no reviewed datapoint of {model} in {slug} failed it")
    size = len(counting.members(evidence.analysis.counts, slug, model))
    missing = sorted(name for name, count in cost.items() if 2 * count > size and name not in named)
    if missing or (cost and not named & set(cost)):
        yield Finding(unit.line, "no_description", slug, "**Costs:** leaves out what most of its "
                      f"datapoints fail: {', '.join(map(code, missing or sorted(cost)))}")


def _shared_findings(evidence: Evidence) -> Findings:
    """Items that every model failed and whose fault nobody has decided; where the reading was
    planned, those of the plan, which says what it leaves out. That nothing decides it is an answer
    once all that was planned of the item was read, or two failures of it without a plan."""
    compared, counts = evidence.analysis.compared, evidence.analysis.counts
    if not compared or len(compared["units"]) < 2:
        return
    finals: dict[str, list[str]] = {}
    for ident, final in counts.decided.items():
        finals.setdefault(counts.index.outcomes[ident].item, []).append(final.fault)
    failing = Counter(line.item for line in counts.index.failing())
    analysis_dir = evidence.analysis.analysis_dir
    planned = Counter(line.item_id for line in plan.load(analysis_dir)
                      if line.datapoint_id in counts.index.outcomes
                      and counts.index.outcomes[line.datapoint_id].outcome == "fail") \
        if (analysis_dir / plan.NAME).exists() else None
    who = "every model" if page.all_compared(compared) else "every model of a group"
    for item in page.failed_by_all(compared):
        read, due = finals.get(item, []), min(2, failing[item]) if planned is None \
            else planned[item]
        if len(read) < due and set(read) <= {"undecided"}:
            yield Finding(0, "undecided_item", safe_id(item), f"{who} failed it and nobody has "
                          "decided whose fault that is; review "
                          + (f"{due} of its datapoints (so far {len(read)}, undecided)" if read
                             else "one of its datapoints"))
