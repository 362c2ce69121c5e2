"""reviews.jsonl: one judged datapoint per line and coder. Lines are only ever appended, each is
proved against its datapoint first, and any number of writers may append at once."""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from datetime import UTC, datetime
from functools import cache, lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from failure_analysis import clean, files, store
from failure_analysis.packet import rows
from failure_analysis.patterns import re_compile
from failure_analysis.review import bucket_groups, located, parts

NAME = "reviews.jsonl"
FAULTS = ("model_error", "grader_issue", "reference_issue", "pipeline_issue",
          "user_simulator_issue", "mixed", "undecided")
# Why what no grader judged may be left without a verdict by its reader too.
_LEFT_OPEN = ("pipeline_issue", "grader_issue", "undecided")
# Readers decide the buckets of a report; LLM coders and labels are compared with them. A label is
# what somebody outside said without a quote.
READERS = ("agent", "person")
LABEL = "label"
KINDS = (*READERS, "llm", LABEL)
KEYS = ("datapoint_id", "bucket", "fault", "mechanism", "quotes", "secondary", "note", "coder",
        "kind", "replaces", "settles", "verdict", *located.KEYS, "alike", "contested",
        "contested_fault")
VERDICTS = ("pass", "fail")
Look = Callable[[Mapping[str, Any], list[parts.Part]], None]
_OF_FAILURES = ("bucket", "fault", "secondary", *located.KEYS, "alike", "contested",
                "contested_fault")
_FIRST = KEYS.index("verdict")  # of the keys that reviews of the first versions did not have
_CONTESTED = KEYS.index("contested")
_LISTS = ("quotes", "secondary", "also")
ALIASES = {"id": "datapoint_id", "quote": "quotes"}
SLUG = re_compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_CODER = re_compile(r"[\w][\w.@:-]{0,59}")
_FEWEST_WORDS = 4
_VALUES = attrgetter(*KEYS)
_SORTED = json.JSONEncoder(sort_keys=True).encode
_NO_CAUSE = ("other", "misc", "unknown", "todo", "failure", "failed", "error", "wrong", "fail")


class Review(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the ledger. `bucket` is the primary cause, `secondary` its consequences, `row`
    the hash of the datapoint as it was read (earlier versions recorded none). `verdict` is that of
    a datapoint that no grader judged; a pass has neither bucket nor fault. `step` is the message
    whose repair alone would have changed the outcome (17, or a call in it: 17.0), `agent` whose it
    is, `second` the next best guess, `also` other steps of which each would have done, `fix` what
    should have been done there. `alike` is the datapoint that was read in the place of this one.
    `contested` is another reading of it that can be held, and why, `contested_fault` whose fault it
    is by that one."""

    review_id: str
    datapoint_id: str
    coder: str
    kind: str
    bucket: str
    fault: str
    mechanism: str
    quotes: list[str]
    secondary: list[str]
    recorded: str
    note: str = ""
    replaces: str | None = None
    settles: bool = False
    row: str | None = None
    verdict: str = ""
    step: str = ""
    agent: str = ""
    second: str = ""
    also: list[str] = []
    fix: str = ""
    alike: str = ""
    contested: str = ""
    contested_fault: str = ""


class Verdict(NamedTuple):
    """What became of one entry: the review it is now, or the reason why it was refused; `said` is
    where it stands."""

    review: Review | None
    reason: str = ""
    already: bool = False
    said: str = ""


class Final(NamedTuple):
    """What the readers say of one datapoint. `bucket`, `fault`, `verdict`, `step` and `agent` are
    None while they disagree; the verdict is blank where a grader judged, the others where nobody
    says one."""

    bucket: str | None
    fault: str | None
    reviews: tuple[Review, ...]
    verdict: str | None = ""
    step: str | None = ""
    agent: str | None = ""


def load(analysis_dir: Path) -> list[Review]:
    """All lines of the ledger, corrected ones too. A line that a crash cut off at the very end was
    never acknowledged and does not count; any other bad line is refused with its number."""
    path = analysis_dir / NAME
    return _parsed(path, files.read_bytes(path)) if path.exists() else []


def _parsed(path: Path, text: bytes) -> list[Review]:
    return store.appended(path, text, Review, "not a review", "reviews are recorded with "
                          "record_review.py, never by hand")


def current(reviews: Iterable[Review]) -> list[Review]:
    """The reviews that no later one replaces."""
    reviews = list(reviews)
    replaced = {review.replaces for review in reviews if review.replaces}
    return [review for review in reviews if review.review_id not in replaced]


def digests(index: rows.Index, idents: Iterable[str], look: Look | None = None) -> dict[str, str]:
    """The hash of each of these datapoints that is here whole, as it reads now; `look` is given
    each row with its parts, so that who needs both opens it once."""
    hashes = {}
    for row in rows.several(index, set(idents)):
        ident, row_parts = row["datapoint_id"], parts.parts(row)
        hashes[ident] = parts.digest(row_parts)
        if look:
            look(row, row_parts)
    return hashes


def changed(index: rows.Index, reviews: Iterable[Review]) -> set[str]:
    """The ids of the reviews whose datapoint reads otherwise now than when it was read."""
    tied = [review for review in reviews if review.row]
    return otherwise(tied, digests(index, (review.datapoint_id for review in tied)))


def otherwise(reviews: Iterable[Review], now: Mapping[str, str]) -> set[str]:
    """The ids of the reviews whose datapoint has another hash `now`."""
    return {review.review_id for review in reviews
            if review.row and now.get(review.datapoint_id, review.row) != review.row}


def finals(reviews: Iterable[Review]) -> dict[str, Final]:
    """What the readers say of each datapoint they reviewed: the latest settling review, else what
    all readers agree on, else no decision."""
    by_datapoint: dict[str, list[Review]] = {}
    for review in current(reviews):
        if review.kind in READERS:
            by_datapoint.setdefault(review.datapoint_id, []).append(review)
    return {ident: _final(tuple(its_reviews)) for ident, its_reviews in by_datapoint.items()}


def _final(reviews: tuple[Review, ...]) -> Final:
    deciding = deciding_of(reviews)
    return Final(_agreed(review.bucket for review in deciding),
                 _agreed(review.fault for review in deciding), reviews,
                 _agreed(review.verdict for review in deciding),
                 _agreed(review.step.partition(".")[0] for review in deciding if review.step),
                 _agreed(review.agent for review in deciding if review.agent))


def deciding_of(reviews: tuple[Review, ...]) -> tuple[Review, ...]:
    """The reviews of one datapoint that decide it: the last one that settles it, else all."""
    return tuple(review for review in reviews if review.settles)[-1:] or reviews


def _agreed(said: Iterable[str]) -> str | None:
    """What all say; None where they differ, blank where nobody says anything."""
    different = set(said)
    return different.pop() if len(different) == 1 else None if different else ""


def append(index: rows.Index, entries: Iterable[Mapping[str, Any]], read: bool = True
           ) -> list[Verdict]:
    """Proves each entry and appends the good ones, in one locked and synced write; returns one
    verdict per entry. When this returns, what it accepted survives a crash. Corrections by
    somebody who has not `read` the datapoint again stay tied to what was read."""
    dimensions = frozenset(map(squeezed, rows.dimensions(index)))
    groups = frozenset(bucket_groups.load(index.analysis_dir).values())
    path = index.analysis_dir / NAME
    with store.locked(path) as file:
        reviews = _parsed(path, file.read())
        by_id = {review.review_id: review for review in reviews}
        by_coder = {(review.datapoint_id, review.coder): review for review in current(reviews)}
        verdicts, new = [], []
        twins_of = twins(index)
        for entry in entries:
            verdict = _judge(index, entry, by_id, by_coder, dimensions, read, twins_of)
            named = {verdict.review.bucket, *verdict.review.secondary} & groups \
                if verdict.review and not verdict.already else ()
            if named:
                verdict = Verdict(None, f"{', '.join(sorted(named))} is the name of a group of "
                                        "buckets; name the bucket for the cause")
            verdicts.append(verdict)
            if verdict.review and not verdict.already:
                new.append(verdict.review)
                by_id[verdict.review.review_id] = verdict.review
                by_coder[verdict.review.datapoint_id, verdict.review.coder] = verdict.review
        file.write(b"".join(msgspec.json.encode(review) + b"\n" for review in new))
    return verdicts


def _judge(index: rows.Index, entry: Mapping[str, Any], by_id: Mapping[str, Review],
           by_coder: Mapping[tuple[str, str], Review], dimensions: frozenset[str], read: bool,
           twins_of: Callable[[str], Collection[str]]) -> Verdict:
    """Whether an entry becomes a review, and why not, beside every review by id and the current
    one by datapoint and coder. A correction takes what it does not say from the review that it
    replaces, but for whether another datapoint was read; nulls say nothing."""
    replaced = by_id.get(str(entry.get("replaces")))
    kept = {} if replaced is None else {name: getattr(replaced, name) for name in KEYS
                                        if name != "alike"}
    if entry.get("step") is not None:  # another step may be another agent's
        kept.pop("agent", None)
    if entry.get("contested") is not None:  # another reading may name another fault
        kept.pop("contested_fault", None)
    if entry.get("fault") not in (None, kept.get("fault")):  # the other reading was of another one
        kept = {name: value for name, value in kept.items() if not name.startswith("contested")}
    if entry.get("verdict") == "pass":  # what a failure was for says nothing of a pass
        kept = {name: value for name, value in kept.items() if name not in _OF_FAILURES}
    entry = normal({**kept, **{ALIASES.get(name, name): value for name, value in entry.items()
                               if value is not None}})
    reasons = _wrong_types(entry) or wrong_form(entry, dimensions) + _wrong_content(index, entry)
    if read and not reasons and entry["alike"]:
        reasons = _wrong_twin(entry, by_coder, twins_of)
    if reasons:
        return Verdict(None, "; ".join(reasons))
    where = ""
    if located.is_located(entry):
        entry, where = located.placed(entry, rows.row(index, entry["datapoint_id"]))
    row = _read(index, entry) if read else replaced and replaced.row
    ident = _review_id(entry, row)
    for known in (ident, _review_id(entry, None)):  # earlier versions tied it to no row
        if known in by_id:
            return Verdict(by_id[known], already=True)
    earlier = by_coder.get((entry["datapoint_id"], entry["coder"]))
    reason = _wrong_place(entry, earlier, by_id)
    if reason:
        return Verdict(None, reason)
    recorded = datetime.now(UTC).isoformat(timespec="seconds")
    return Verdict(Review(review_id=ident, recorded=recorded, row=row, **entry), said=where)


def twins(index: rows.Index) -> Callable[[str], Collection[str]]:
    """What finds the datapoints that are alike to one."""
    @cache
    def groups():
        from failure_analysis.review import alike  # half of a script's time, needed rarely

        return alike.Groups(index)

    return lambda ident: groups().of(ident)


def _wrong_twin(entry: Mapping[str, Any], by_coder: Mapping[tuple[str, str], Review],
                twins_of: Callable[[str], Collection[str]]) -> list[str]:
    """Why a judgement of the datapoint that was read cannot be that of this one too."""
    ident, read = entry["datapoint_id"], entry["alike"]
    if ident not in twins_of(read):
        return [f"{ident} is not alike to {read}; read it itself"]
    earlier = by_coder.get((read, entry["coder"]))
    if earlier is None or earlier.alike:
        return [f"{entry['coder']} has not reviewed {read}, to which {ident} is alike"]
    same = all(getattr(earlier, name) == entry[name] for name in ("bucket", "fault"))
    return [] if same else [f"{read}, to which {ident} is alike, is reviewed as "
                            f"{as_what(earlier)}"]


def _read(index: rows.Index, entry: Mapping[str, Any]) -> str | None:
    """The hash of the datapoint that an entry is of. Of labels it matters where it failed: of the
    others, which may not be here whole, none counts."""
    ident = entry["datapoint_id"]
    if entry["kind"] == LABEL and index.outcomes[ident].outcome != "fail":
        return None
    return digests(index, [ident]).get(ident)


def _wrong_place(entry: Mapping[str, Any], earlier: Review | None,
                 by_id: Mapping[str, Review]) -> str:
    """Why an entry cannot follow its coder's `earlier`, current review of the datapoint; empty when
    it can. A second review says which one it replaces, and that is the current one."""
    replaces = entry["replaces"]
    if replaces is None:
        return "" if earlier is None else \
            f"{entry['coder']} has reviewed it already ({earlier.review_id}: " \
            f"{as_what(earlier)}); to correct that, pass --replaces {earlier.review_id}"
    old = by_id.get(replaces)
    if old is None:
        return f"replaces {replaces}, which is not in the ledger"
    if (old.datapoint_id, old.coder) != (entry["datapoint_id"], entry["coder"]):
        return f"replaces {replaces}, which is {old.coder}'s review of {old.datapoint_id}; a " \
               "correction is by the same coder and of the same datapoint (to overrule " \
               "somebody, pass --settles)"
    if earlier is None or earlier.review_id != replaces:
        now = f"; the current one is {earlier.review_id}" if earlier else ""
        return f"replaces {replaces}, which was replaced before{now}"
    return ""


def normal(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry with every key of a review, and single quotes made lists."""
    filled: dict[str, Any] = {
        "datapoint_id": "", "bucket": "", "fault": "", "mechanism": "", "quotes": [],
        "secondary": [], "note": "", "coder": "agent", "kind": "agent", "replaces": None,
        "settles": False, "verdict": "", "step": "", "agent": "", "second": "", "also": [],
        "fix": "", "alike": "", "contested": "", "contested_fault": "", **entry}
    for name in _LISTS:
        if isinstance(filled[name], str | int):
            filled[name] = [filled[name]]
    for name in ("step", "second"):  # an index in JSON
        filled[name] = str(filled[name]) if type(filled[name]) is int else filled[name]
    if isinstance(filled["also"], list):
        filled["also"] = [str(one) if type(one) is int else one for one in filled["also"]]
    return {name: _visible(value) for name, value in filled.items()}


def _visible(value: Any) -> Any:
    """Texts with control characters spelled out, in lists too."""
    if isinstance(value, list):
        return [_visible(item) for item in value]
    return clean.visible(value) if isinstance(value, str) else value


def _wrong_types(entry: Mapping[str, Any]) -> list[str]:
    """The first key of an entry that is unknown or holds another type than it should."""
    unknown = sorted(set(entry) - set(KEYS))
    if unknown:
        return [f"unknown key {', '.join(map(str, unknown))}; keys are {', '.join(KEYS)}"]
    for name in KEYS:
        kind = list if name in _LISTS else bool if name == "settles" else str
        if not (isinstance(entry[name], kind) or (name == "replaces" and entry[name] is None)):
            return [f"{name} is {type(entry[name]).__name__}, {kind.__name__} was expected"]
    if not all(isinstance(text, str) for name in _LISTS for text in entry[name]):
        return [f"{', '.join(_LISTS)} are lists of texts"]
    return []


def wrong_form(entry: Mapping[str, Any], dimensions: frozenset[str]) -> list[str]:
    """Everything that is wrong with an entry before its datapoint is opened. `dimensions` are their
    names, squeezed: a bucket that is only one of them names no cause."""
    if entry["kind"] == LABEL:
        return _wrong_label(entry)
    if entry["verdict"] == "pass":
        reasons = _wrong_pass(entry)
    else:
        reasons = [*_wrong_words(entry["bucket"], tuple(entry["secondary"]), entry["fault"],
                                 entry["kind"], dimensions)]
    if entry["verdict"] not in ("", *VERDICTS):
        reasons.append(f"verdict {entry['verdict']!r} is none of {', '.join(VERDICTS)}")
    if len(entry["mechanism"].split()) < _FEWEST_WORDS:
        reasons.append("mechanism is empty or too short: say in a sentence what happened and why")
    if reason := wrong_coder(entry["coder"]):
        reasons.append(reason)
    if reason := _wrong_contest(entry):
        reasons.append(reason)
    return reasons


def _wrong_contest(entry: Mapping[str, Any]) -> str:
    """What is wrong with the other reading of an entry; blank where nothing is."""
    other, fault = entry["contested"], entry["contested_fault"]
    if not other:
        return "--contested-fault is beside --contested, the other reading" if fault else ""
    if entry["verdict"] == "pass":
        return "what a reader passes is not contested here; judge it as fail, or note it"
    if len(other.split()) < _FEWEST_WORDS:
        return "contested is too short: say in a sentence how else it can be read, and why"
    return f"contested fault {fault!r} is none of {', '.join(FAULTS)}" \
        if fault and fault not in FAULTS else "" if fault != entry["fault"] else \
        f"contested fault {fault} is the fault itself; leave it out where the cause is contested"


def _wrong_pass(entry: Mapping[str, Any]) -> list[str]:
    """What is wrong with the slugs, the fault and the kind of an entry whose verdict is pass."""
    return [reason for holds, reason in (
        (not (entry["bucket"] or entry["fault"] or entry["secondary"]),
         "a datapoint that a reader passes has neither bucket nor fault nor consequences; say in "
         "the mechanism what shows that it did what was asked"),
        (entry["kind"] in KINDS, f"kind {entry['kind']!r} is none of {', '.join(KINDS)}"),
    ) if not holds]


@lru_cache(1 << 12)  # a ledger of 100,000 reviews has some hundred combinations of these
def _wrong_words(bucket: str, secondary: tuple[str, ...], fault: str, kind: str,
                 dimensions: frozenset[str]) -> tuple[str, ...]:
    """What is wrong with the slugs, the fault and the kind of an entry."""
    reasons = [f"bucket {slug!r} is no snake_case slug of at most 60 characters, such as "
               "confirms_without_calling_the_tool" for slug in (bucket, *secondary)
               if not SLUG.fullmatch(slug) or len(slug) > 60]
    return (*reasons, *(reason for holds, reason in (
        (not names_no_cause(bucket, dimensions), f"bucket {bucket} names no cause: it says that "
         "something (or a dimension) failed, not why; name what was done"),
        (bucket not in secondary, f"{bucket} is both the primary cause and a consequence; keep "
         "them apart"),
        (fault in FAULTS, f"fault {fault!r} is none of {', '.join(FAULTS)}"),
        (kind in KINDS, f"kind {kind!r} is none of {', '.join(KINDS)}")) if not holds))


def wrong_coder(name: str) -> str:
    """Why this is no name of a coder; empty when it is one."""
    return "" if _CODER.fullmatch(name) else \
        f"coder {name!r} is no name of at most 60 letters, digits and . _ @ : -"


def _wrong_label(entry: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with a label, whose bucket is whatever its author called it."""
    return [reason for holds, reason in (
        (not entry["bucket"] or SLUG.fullmatch(entry["bucket"]) and len(entry["bucket"]) <= 60,
         f"bucket {entry['bucket']!r} is no snake_case slug of at most 60 characters"),
        (entry["fault"] in FAULTS, f"fault {entry['fault']!r} is none of {', '.join(FAULTS)}"),
        (not entry["mechanism"] and not entry["quotes"] and not entry["secondary"],
         "a label has neither mechanism nor quote; a reader of the datapoint is no label"),
        (not entry["settles"], "a label settles nothing"),
        (not entry["verdict"], "a label has no verdict"),
        (not located.is_located(entry), "a label names no step"),
        (not entry["alike"], "a label is of its own datapoint alone"),
        (not entry["contested"], "a label is not contested"),
        (not wrong_coder(entry["coder"]), wrong_coder(entry["coder"])),
    ) if not holds]


def _wrong_content(index: rows.Index, entry: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with an entry's datapoint, fault or quotes."""
    ident = entry["datapoint_id"]
    if entry["kind"] == LABEL:  # nothing of it is proved against the text
        return [] if ident in index.outcomes else [rows.missing(index, ident)]
    if not isinstance(ident, str) or ident not in index.places:
        return [rows.missing(index, str(ident))]
    reasons = [*filter(None, [_wrong_verdict(index.outcomes[ident], entry)])]
    outcome = index.outcomes[ident].outcome
    if not (outcome == "fail" or reasons or entry["verdict"]) and entry["fault"] == "model_error":
        reasons.append(f"{ident} did not fail ({outcome}); a review of it says why the verdict is "
                       "wrong, so its fault is the grader's, the reference's, the pipeline's or "
                       "the simulator's")
    row = rows.row(index, ident)
    return [*reasons, *filter(None, [unproved(entry["quotes"], row)
                                     or located.is_located(entry) and located.wrong(entry, row)])]


def _wrong_verdict(line: rows.OutcomeLine, entry: Mapping[str, Any]) -> str:
    """Why a review of this datapoint has a verdict that it must not have, or lacks one."""
    verdict = entry["verdict"]
    if line.outcome != "unjudged":
        return f"{line.datapoint_id} was judged ({line.outcome}), and readers judge what no " \
               "grader did; if the verdict is wrong, leave --verdict out and say whose fault " \
               "that is (--fault)" if verdict else ""
    if not line.counted:
        return f"the harness broke off {line.datapoint_id}, and its benchmark does not count " \
               "it: it has no verdict" if verdict else ""
    return "" if verdict or entry["fault"] in _LEFT_OPEN else \
        f"no grader judged {line.datapoint_id}: say --verdict pass or fail, or whose fault it is " \
        f"that it cannot be judged ({', '.join(_LEFT_OPEN)})"


def unproved(quotes: Iterable[str], row: Mapping[str, Any]) -> str:
    """Why the first bad quote does not prove anything about this datapoint; empty when all do.
    Without a quote nothing is proved, unless nothing at all is recorded."""
    row_parts, quotes = parts.parts(row), list(quotes)
    if row_parts and not quotes:
        return "no quote: every review carries at least one verbatim quote from its datapoint"
    for quote in quotes:
        if parts.where(quote, row_parts) is None:
            if parts.cuts_a_word(quote, row_parts):
                return f"the quote {json.dumps(quote, ensure_ascii=False)} begins or ends inside " \
                       f"a word of {row['datapoint_id']}; a quote has to begin and end with " \
                       "whole words"
            near = parts.nearest(quote, row_parts)
            return f"the quote {json.dumps(quote, ensure_ascii=False)} does not occur in " \
                   f"{row['datapoint_id']}; nearest: {near or 'nothing like it'}"
        if parts.loses_negation(quote, row_parts):
            return f"before the quote {quote!r} stands a negation; quote that too"
        if parts.too_short(quote, row_parts):
            return f"the quote {quote!r} is too short to prove anything; quote at least " \
                   f"{parts.SHORTEST_QUOTE} characters, a whole part or a whole value in quotes"
    return ""


def names_no_cause(bucket: str, dimensions: Set[str]) -> bool:
    """True for a bucket that only repeats that something (or a grader dimension) failed."""
    plain = squeezed(bucket)
    cores = {plain}
    for word in ("failure", "failed", "fails", "fail", "error", "issue", "false", "wrong",
                 "incorrect", "bad", "not", "problem"):
        cores |= {core.removesuffix(word) for core in cores} | \
                 {core.removeprefix(word) for core in cores}
    return plain in _NO_CAUSE or bool(cores & dimensions)


def squeezed(name: str) -> str:
    """A name with nothing left but small letters and digits."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def rename(index: rows.Index, old: str, new: str, coder: str | None, by: str) -> list[Verdict]:
    """Appends a correction to every current review of this coder (None: of everybody) that names
    `old`, as bucket or consequence, and puts `new` there. Each keeps its coder; its note says what
    the bucket was and who renamed it."""
    entries = []
    for review in current(load(index.analysis_dir)):
        if coder not in (None, review.coder) or old not in (review.bucket, *review.secondary):
            continue
        bucket = new if review.bucket == old else review.bucket
        secondary = [new if slug == old else slug for slug in review.secondary]
        note = f"{review.note} ({old} renamed by {by})".strip()
        entries.append({**{name: getattr(review, name) for name in KEYS}, "bucket": bucket,
                        "secondary": [slug for slug in dict.fromkeys(secondary) if slug != bucket],
                        "note": note, "replaces": review.review_id})
    if not entries:
        whose = "no current review" if coder is None else f"no current review of {coder}"
        raise files.Refusal(f"{whose} names {old}"
                            + ("" if coder is None else "; --everyone renames all coders'"))
    verdicts = append(index, entries, read=False)
    groups = bucket_groups.load(index.analysis_dir)
    if old in groups and new not in groups and any(verdict.review for verdict in verdicts):
        bucket_groups.put(index.analysis_dir, groups[old], [new], by)
    return verdicts


def as_what(review: Review) -> str:
    """What a review says of its datapoint, in a few words."""
    return ", ".join(filter(None, (review.verdict, review.bucket, review.fault)))


def contest_of(review: Review) -> str:
    """The other reading that a review gives, with whose fault it is by that; blank without."""
    return ": ".join(filter(None, ("contested", review.contested_fault, review.contested))) \
        if review.contested else ""


def is_genuine(review: Review, dimensions: frozenset[str]) -> bool:
    """Whether a line of the ledger is as it was recorded: its id is made from what it says, and
    what it says would be taken again."""
    entry = dict(zip(KEYS, _VALUES(review), strict=True))
    return _review_id(entry, review.row) == review.review_id and not wrong_form(entry, dimensions)


def _review_id(entry: Mapping[str, Any], row: str | None) -> str:
    """The same judgement of the same row has the same id, so that recording it twice changes
    nothing."""
    # Ids of earlier versions stay as they were.
    given = KEYS if entry["contested"] else KEYS[:_CONTESTED] if entry["alike"] \
        else KEYS[:_CONTESTED - 1] if located.is_located(entry) \
        else KEYS[:_FIRST + bool(entry["verdict"])]
    text = _SORTED([*(entry[name] for name in given), *([row] if row else [])])
    return "r" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
