"""The block "Verdicts examined": what the audit found, what readers made of it, and what each
model's rate is when the confirmed faults are resolved."""

from collections import Counter
from collections.abc import Sequence

from failure_analysis import steps
from failure_analysis.audit import given, in_doubt, page
from failure_analysis.audit.candidates import CLASSES, FLAGS
from failure_analysis.markdown import code, listed, table
from failure_analysis.packet import rows
from failure_analysis.review import audit_counts, audit_readings
from failure_analysis.review.audit_counts import Examined, Rate

_MOST_ROWS = 30
_MOST_NAMED = 10
_UNREAD = "A candidate that nobody has read stays `needs_review`; it is no suspicion of anybody."


def block(examined: Examined | None, index: rows.Index) -> str:
    """The text of the block."""
    if examined is None:
        return f"Nobody has examined the verdicts: `{steps.AUDIT.script} ANALYSIS_DIR` looks " \
               "through every datapoint, passing ones too, for verdicts, golds and items that " \
               "may be wrong."
    if not examined.counts and not examined.raised:
        return "\n\n".join(["Every datapoint was looked through, passing ones too; no verdict, "
                            "gold or item stands out.", *_void(examined)])
    sound = audit_counts.confirmed(examined)
    text = [_found(examined, sum(final.candidate.id in examined.finals for final in sound)),
            _classes(examined), _UNREAD, *_raised(examined, sound),
            *filter(None, in_doubt.section(examined.moved)), *_void(examined)]
    if sound:
        text += [*_rates(audit_counts.rates(examined, index), examined),
                 f"What to file with the benchmark: `{steps.ISSUES}`."]
    return "\n\n".join(text)


def _found(examined: Examined, sound: int) -> str:
    """How many candidates there are of each kind, and what became of them."""
    flags = sum(examined.counts[klass] for klass in FLAGS)
    leads = examined.counts.total() - flags
    return (f"Every datapoint was looked through, passing ones too: {_many(flags, 'flag')} over "
            f"{_many(examined.flagged, 'item')}, where something contradicts itself, and "
            f"{_many(leads, 'lead')}, which only order{'s' * (leads == 1)} the reading "
            f"(`{steps.AUDIT.writes[2]}`). Read: {len(examined.finals)} of "
            f"{examined.counts.total()}; confirmed, with a quote: {sound}.")


def _raised(examined: Examined, sound: Sequence[audit_counts.Final]) -> list[str]:
    """What readers found and no rule names, where they found anything."""
    if not examined.raised:
        return []
    by_class = Counter(final.candidate.klass for final in sound
                       if final.candidate.id in examined.raised)
    found = listed([f"{count} {code(klass)}" for klass, count in sorted(by_class.items())],
                   _MOST_NAMED) or "0"
    return [f"Readers raised {len(examined.raised)} more, which no rule of the audit names; "
            f"confirmed, with a quote: {found}."]


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _classes(examined: Examined) -> str:
    """The candidates of each class, and what the readers said of them."""
    read: dict[str, Counter[str]] = {}
    for final in examined.finals.values():
        read.setdefault(final.candidate.klass, Counter())[final.answer or ""] += 1
    lines = []
    for klass in filter(examined.counts.get, CLASSES):
        said = read.get(klass, Counter())
        lines.append([code(klass), "flag" if klass in FLAGS else "lead", examined.counts[klass],
                      said.total(), *(said[answer] for answer in audit_readings.ANSWERS), said[""],
                      page.MEANS[klass]])
    return table(["class", "kind", "candidates", "read", *audit_readings.ANSWERS, "readers differ",
                  "that is"], lines)


def _void(examined: Examined) -> list[str]:
    """The readings that count nowhere, where there are any."""
    if not examined.void:
        return []
    gone = sum(void.verdict == audit_counts.GONE for void in examined.void)
    rest = len(examined.void) - gone
    said = [f"{count} {words}" for count, words in (
        (gone, "of candidates that are not there any more"),
        (rest, "of datapoints that read otherwise now or are not here whole")) if count]
    return [f"Readings that count nowhere: {', '.join(said)}."]


def _rates(rates: dict[str, Rate], examined: Examined) -> list[str]:
    """Each model's rate as judged and resolved, and whose rank changes."""
    before = {model: rate.passed / rate.judged for model, rate in rates.items()}
    after = {model: rate.passed_after / rate.judged_after for model, rate in rates.items()
             if rate.judged_after}
    order = sorted(rates, key=lambda model: (-before[model], model))
    lines = [[code(model), rates[model].judged, f"{100 * before[model]:.1f} %",
              rates[model].judged_after,
              f"{100 * after[model]:.1f} %" if model in after else "none left",
              rates[model].changed] for model in order[:_MOST_ROWS]]
    text = [table(["model", "judged", "pass rate as judged", "judged, faults left out",
                   "pass rate with confirmed faults resolved", "rows changed or left out"], lines)]
    if len(order) > _MOST_ROWS:
        text.append(f"{len(order) - _MOST_ROWS} more models in facts.json.")
    if examined.torn:
        text.append(f"Stay as judged, as confirmed candidates say different things of them: "
                    f"{_many(examined.torn, 'datapoint')}.")
    return [*text, *_moved(before, after, order)]


def _moved(before: dict[str, float], after: dict[str, float], order: list[str]) -> list[str]:
    """Whose rank changes, among the models that have rows left."""
    if len(after) < 2:
        return []
    first = given.ranks({model: before[model] for model in after})
    then = given.ranks(after)
    moved = [f"{code(model)} from {first[model]} to {then[model]}" for model in order
             if model in after and first[model] != then[model]]
    return [f"The rank changes of {listed(moved, _MOST_NAMED)}." if moved else
            "No model's rank changes."]
