"""Which runs have which version of the items: runs that ask and expect the same under the same ids
are of one version, and what the agents were told is held apart from it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import steps, store
from failure_analysis.datapoint import NOTHING_RECORDED, natural_key
from failure_analysis.markdown import listed
from failure_analysis.packet import repaired, version_page, version_texts
from failure_analysis.packet.findings import count
from failure_analysis.packet.tally import RunTally
from failure_analysis.packet.version_texts import RunContents
from failure_analysis.records import Source

NAME, PAGE = steps.VERSIONS, steps.VERSIONS_PAGE
MOST_ITEMS = 500  # items whose texts are read again and compared
MOST_CONTENTS = 6  # of one item, that are looked at
_MOST_FACTS = 100
_NAMED = 3
_MOST_HELD = 30  # versions that are held against each other
_FEWEST_APART = 5  # ids that two sets of other items share
_OWN = .99  # share of contents that stand in one run alone, where each run has items of its own
_HALVES = {"asked": slice(8), "expected": slice(8, 16)}  # of a fingerprint


class Version(NamedTuple):
    """One version of the items: its letter, its runs, and its items with their fingerprints."""

    letter: str
    runs: list[RunContents]
    items: dict[str, str]


class Grouped(NamedTuple):
    """The runs by version, and those that have none of the items that differ."""

    versions: list[Version]
    without: list[str]


class Contents(NamedTuple):
    """How many items there are, and the fingerprints of each that has more than one."""

    items: int
    differing: dict[str, set[str]]


def contents(place: int, source: Source, run: RunTally, shared: dict) -> RunContents:
    """What is kept of a run to tell its version; equal values of several runs are `shared`."""
    items = frozenset(run.items.items())
    inside = frozenset(run.other_content.items())
    policy = source.policy or run.told
    starts, ends = run.times[::2], run.times[1::2]
    return RunContents(run.run_id, run.model_name, place, shared.setdefault(items, items),
                       shared.setdefault(inside, inside),
                       policy if policy is None else shared.setdefault(policy, policy),
                       (min(starts), max(ends)) if starts else None)


def write(analysis_dir: Path, runs: Sequence[RunContents], sources: Sequence[Source]
          ) -> dict[str, Any] | None:
    """Writes item_versions.json and .md where the items or the policies of the runs differ, and
    returns what stands in them; removes earlier ones where nothing does."""
    found = _find(analysis_dir, runs, sources)
    if found is None:
        for name in (NAME, PAGE):
            (analysis_dir / name).unlink(missing_ok=True)
        return None
    store.write_large_json(analysis_dir / NAME, found)
    store.write_text(analysis_dir / PAGE, version_page.page(found))
    return found


def _find(analysis_dir: Path, runs: Sequence[RunContents], sources: Sequence[Source]
          ) -> dict[str, Any] | None:
    """All of item_versions.json; None when neither the items nor the policies differ."""
    contents = _contents(runs)
    differing = sorted(contents.differing, key=natural_key)
    policies = _policies(runs)
    if not differing and not _told_apart(policies):
        return None
    grouped = group(runs, contents)
    if own := _own_items(runs, contents):
        items, more, texts, apart = {}, {}, {}, set()
    else:
        items, more = _contents_of(differing, grouped.versions, runs)
        repaired.count(analysis_dir, items)
        texts = version_texts.read(_wanted(items), runs, sources)
        _compare(items, texts)
        apart = _apart(grouped.versions)
    periods = {version.letter: _period(version.runs) for version in grouped.versions}
    return {
        "versions": [{
            "version": version.letter, "runs": [run.run_id for run in version.runs],
            "models": sorted({run.model for run in version.runs}), "items": len(version.items),
            **dict(zip(("from", "until"), map(_when, periods[version.letter] or ()),
                       strict=False))} for version in grouped.versions],
        "without_differing": grouped.without,
        "changes_inside": [{"run": run.run_id, "items": sorted(
            (item for item, _ in run.inside), key=natural_key)} for run in runs if run.inside],
        "policies": _policy_records(policies, grouped.versions),
        "items": {"all": contents.items, "differing": len(differing), **_changed(contents),
                  "without_texts": len(differing) if own else max(0, len(differing) - MOST_ITEMS)},
        **({"own_items": True} if own else {}),
        "renumbered": [] if own else _renumbered(differing, grouped.versions),
        "apart": [sorted(pair) for pair in sorted(apart, key=sorted)],
        "repaired": repaired.find(analysis_dir, items, texts, periods, apart),
        "differing": [{"item": item, "contents": [_content_record(one) for one in items[item]],
                       **({"more_contents": len(more[item])} if more[item] else {})}
                      if items else {"item": item, "contents": []} for item in differing],
    }


def _contents(runs: Sequence[RunContents]) -> Contents:
    """What the rows of the items have for fingerprints."""
    sets = dict.fromkeys(pairs for run in runs for pairs in (run.items, run.inside) if pairs)
    if len(sets) == 1:  # of one run, or of all alike: no item is in it twice
        return Contents(len(next(iter(sets))), {})
    first: dict[str, str] = {}
    differing: dict[str, set[str]] = {}
    for pairs in sets:
        for item, fingerprint in pairs:
            if first.setdefault(item, fingerprint) != fingerprint:
                differing.setdefault(item, {first[item]}).add(fingerprint)
    return Contents(len(first), differing)


def _own_items(runs: Sequence[RunContents], contents: Contents) -> bool:
    """Whether many runs have each its own items under the ids of the others: these are no versions
    of anything, and nothing is gained by holding each against each."""
    held = sum(len(run.items) + len(run.inside) for run in runs)
    different = contents.items + sum(len(prints) - 1 for prints in contents.differing.values())
    return len(runs) > MOST_CONTENTS and different > _OWN * held


def group(runs: Sequence[RunContents], contents: Contents) -> Grouped:
    """The runs by version: a run joins the version with which it shares most of the differing
    items and contradicts none; those with most of these items come first, as they say most."""
    if _own_items(runs, contents):
        return Grouped(_lettered([run] for run in runs), [])
    wanted = contents.differing.keys()
    alike: dict[frozenset, list[RunContents]] = {}
    signatures: dict[tuple[frozenset, frozenset], frozenset] = {}
    for run in runs:
        key = (run.items, run.inside)
        if key not in signatures:
            changing = {item for item, _ in run.inside}
            signatures[key] = frozenset(pair for pair in run.items
                                        if pair[0] in wanted and pair[0] not in changing)
        alike.setdefault(signatures[key], []).append(run)
    bare = alike.pop(frozenset(), [])
    if not wanted:
        return Grouped(_lettered([bare]), [])
    order = sorted(alike.items(), key=lambda pair: (
        -len(pair[0]), -len(pair[1]), min(natural_key(run.run_id) for run in pair[1])))
    groups = _joined(order)
    return Grouped(_lettered(groups), sorted((run.run_id for run in bare), key=natural_key))


def _joined(order: Sequence[tuple[frozenset, list[RunContents]]]) -> list[list[RunContents]]:
    """The groups of runs that the signatures make, each added to what it fits best."""
    groups: list[list[RunContents]] = []
    known: list[dict[str, str]] = []
    holders: dict[tuple[str, str], list[int]] = {}
    for signature, runs in order:
        shares = Counter(place for pair in signature for place in holders.get(pair, ()))
        fitting = [place for place in shares if all(
            known[place].get(item, fingerprint) == fingerprint
            for item, fingerprint in signature)]
        place = min(fitting, key=lambda place: (-shares[place], place), default=len(groups))
        if place == len(groups):
            groups.append([])
            known.append({})
        for item, fingerprint in signature:
            if item not in known[place]:
                holders.setdefault((item, fingerprint), []).append(place)
        known[place].update(signature)
        groups[place] += runs
    return groups


def _lettered(groups: Iterable[list[RunContents]]) -> list[Version]:
    """The groups as versions: most runs first, then the first run's name."""
    ordered = [sorted(runs, key=lambda run: natural_key(run.run_id)) for runs in groups if runs]
    ordered.sort(key=lambda runs: (-len(runs), natural_key(runs[0].run_id)))
    versions = []
    for place, runs in enumerate(ordered):
        items: dict[str, str] = {}
        for pairs, inside in dict.fromkeys((run.items, run.inside) for run in runs):
            changing = {item for item, _ in inside}
            items.update(pair for pair in pairs if pair[0] not in changing)
        versions.append(Version(letter(place), runs, items))
    return versions


def _apart(versions: Sequence[Version]) -> set[frozenset[str]]:
    """Pairs of versions that share ids and under none of them the same item: other items, perhaps
    of another benchmark, and no versions of each other."""
    pairs = set()
    for one, other in combinations(versions[:_MOST_HELD], 2):
        shared = one.items.keys() & other.items.keys()
        if len(shared) >= _FEWEST_APART and not one.items.items() & other.items.items():
            pairs.add(frozenset((one.letter, other.letter)))
    return pairs


def letter(place: int) -> str:
    """A, B, … Z, AA, AB, …"""
    text = ""
    while place >= 0:
        text = chr(ord("A") + place % 26) + text
        place = place // 26 - 1
    return text


def _contents_of(differing: Iterable[str], versions: Sequence[Version],
                 runs: Sequence[RunContents]
                 ) -> tuple[dict[str, list[repaired.Content]], dict[str, set[str]]]:
    """Item -> its contents, those of the first versions first, then those inside runs alone; and
    the fingerprints beyond the first few."""
    items: dict[str, dict[str, repaired.Content]] = {item: {} for item in differing}
    more: dict[str, set[str]] = {item: set() for item in items}

    def content(item: str, fingerprint: str) -> repaired.Content | None:
        if fingerprint not in items[item] and len(items[item]) >= MOST_CONTENTS:
            more[item].add(fingerprint)
            return None
        return items[item].setdefault(fingerprint, repaired.Content(item, fingerprint))

    for version in versions:
        for item in items.keys() & version.items.keys():
            if found := content(item, version.items[item]):
                found.versions.append(version.letter)
    for run in runs:
        changing = {item for item, _ in run.inside}
        inside = [pair for pair in run.items if pair[0] in changing] if changing else []
        for item, fingerprint in sorted([*inside, *run.inside]):
            if found := content(item, fingerprint):
                found.inside.append(run.run_id)
    return {item: list(contents.values()) for item, contents in items.items()}, more


def _wanted(items: dict[str, list[repaired.Content]]) -> set[tuple[str, str]]:
    """The contents whose texts are read."""
    return {(item, one.fingerprint) for item, contents in list(items.items())[:MOST_ITEMS]
            for one in contents}


def _halves(one: repaired.Content, other: repaired.Content) -> list[str]:
    """What differs by the fingerprints: what is asked, what is expected."""
    return [name for name, half in _HALVES.items()
            if one.fingerprint[half] != other.fingerprint[half]]


def _changed(contents: Contents) -> dict[str, int]:
    """How many items differ in what is asked, and how many in what is expected."""
    return {name: sum(len({print_[half] for print_ in prints}) > 1
                      for prints in contents.differing.values())
            for name, half in _HALVES.items()}


def _compare(items: dict[str, list[repaired.Content]], texts: version_texts.Texts) -> None:
    """Notes in each further content of an item in what it differs from the first."""
    for item, contents in items.items():
        first = contents[0]
        for other in contents[1:]:
            halves = _halves(first, other)
            other.differs += halves
            pair = [texts.get((item, one.fingerprint)) for one in (first, other)]
            if None not in pair:
                other.changes.update(version_texts.changes(*pair, halves))


def _content_record(content: repaired.Content) -> dict[str, Any]:
    """One content as item_versions.json has it."""
    return {"fingerprint": content.fingerprint, "versions": content.versions,
            **({"inside": content.inside} if content.inside else {}),
            **({"nothing_recorded": True} if content.fingerprint == NOTHING_RECORDED else {}),
            "passed_of_judged": {model: list(content.counts[model])
                                 for model in sorted(content.counts)},
            **({"differs": content.differs} if content.differs else {}), **content.changes}


def _renumbered(differing: Iterable[str], versions: Sequence[Version]) -> list[dict[str, str]]:
    """Items whose content an earlier version has under one other id, and not under this one."""
    often = Counter(fingerprint for version in versions for fingerprint in version.items.values())
    owners: dict[str, dict[str, list[int]]] = {}
    for place, version in enumerate(versions):
        for item, fingerprint in version.items.items():
            if often[fingerprint] > 1:
                owners.setdefault(fingerprint, {}).setdefault(item, []).append(place)
    pairs = []
    for item in differing:
        for place, version in enumerate(versions):
            fingerprint = version.items.get(item, NOTHING_RECORDED)
            if fingerprint == NOTHING_RECORDED or fingerprint not in owners:
                continue
            others = {other: places[0] for other, places in owners[fingerprint].items()
                      if places[0] < place}
            if len(others) == 1 and item not in others:
                [(other, where)] = others.items()
                pairs.append({"item": item, "in": version.letter, "is": other,
                              "of": versions[where].letter})
    return pairs


def _policies(runs: Sequence[RunContents]) -> list[tuple[str, list[RunContents]]]:
    """What agents were told, each with its runs; white space does not make another one."""
    by_text: dict[str, tuple[str, list[RunContents]]] = {}
    folded: dict[str, str] = {}
    for run in runs:
        if run.policy:
            if run.policy not in folded:
                folded[run.policy] = " ".join(run.policy.split())
            by_text.setdefault(folded[run.policy], (run.policy, []))[1].append(run)
    return sorted(by_text.values(), key=lambda pair: (
        -len(pair[1]), min(natural_key(run.run_id) for run in pair[1])))


def _told_apart(policies: Sequence[tuple[str, list[RunContents]]]) -> bool:
    """Whether runs that share an item were told different things; other tasks have other ones."""
    owners: dict[str, int] = {}
    for number, (_, runs) in enumerate(policies):
        for pairs in dict.fromkeys(run.items for run in runs):
            if any(owners.setdefault(item, number) != number for item, _ in pairs):
                return True
    return False


def _policy_records(policies: Sequence[tuple[str, list[RunContents]]],
                    versions: Sequence[Version]) -> list[dict[str, Any]]:
    """The policies as item_versions.json has them, each further one held against the first."""
    records = []
    for number, (text, runs) in enumerate(policies, 1):
        names = {run.run_id for run in runs}
        records.append({
            "policy": number, "characters": len(text),
            "versions": [version.letter for version in versions
                         if any(run.run_id in names for run in version.runs)],
            "runs": sorted(names, key=natural_key),
            **({"changes": version_texts.text_changes(policies[0][0], text)}
               if 1 < number <= MOST_CONTENTS else {})})
    return records


def _period(runs: Iterable[RunContents]) -> tuple[float, float] | None:
    """When these runs began and ended, where all of them record it."""
    times = [run.times for run in runs]
    if None in times:
        return None
    return min(start for start, _ in times), max(end for _, end in times)


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M")


def findings(found: dict[str, Any] | None) -> Iterator[dict]:
    """What sanity.json says of the versions, shortly."""
    if found is None:
        return
    items = found["items"]
    if items["differing"]:
        yield {"kind": "content_differs", "text": " ".join(_sentences(found)),
               "count": items["differing"],
               "about": [entry["item"] for entry in found["differing"][:200]]}
    if len(found["policies"]) > 1:
        told = listed([
            f"policy {record['policy']} in {_runs(record['runs'], not place)}"
            for place, record in enumerate(found["policies"])], 6)
        yield {"kind": "policy_differs", "text": "What the agents were told is not the same in "
               f"all runs: {told}; see {PAGE}.", "count": len(found["policies"]),
               "about": [name for record in found["policies"] for name in record["runs"]][:200]}


def _sentences(found: dict[str, Any]) -> Iterator[str]:
    """The finding on items with one id and different content, sentence by sentence."""
    items, versions = found["items"], found["versions"]
    ids = listed([entry["item"] for entry in found["differing"]], 6)
    who = "; ".join(f"{version['version']} in {_runs(version['runs'], not place)}"
                    for place, version in enumerate(versions[:MOST_CONTENTS]))
    more = f"; and {len(versions) - MOST_CONTENTS} more" if len(versions) > MOST_CONTENTS else ""
    if len(versions) > 1 and not found.get("own_items"):
        yield f"{len(versions)} versions of the items: {who}{more}."
    yield (f"{items['differing']} of {count(items['all'], 'item')} have one id and "
           f"different content ({ids}): {items['asked']} differ in what is asked, "
           f"{items['expected']} in what is expected; see {PAGE}.")
    if found.get("own_items"):
        yield (f"Hardly any content stands in two of the {len(versions)} runs: each has items of "
               "its own under the ids of the others, and none is compared.")
    if pairs := found["apart"]:
        named = listed([" and ".join(pair) for pair in pairs], 3)
        yield (f"Not one item of {named} is the same: they are other items under the same ids, "
               "perhaps of another benchmark; analyse them apart.")
    yield "Runs are compared only where the content is the same."
    if moved := found["renumbered"]:
        pairs = [f"{pair['item']} in {pair['in']} is {pair['is']} in {pair['of']}"
                 for pair in moved]
        yield f"Perhaps renumbered: {listed(pairs, 10)}."


def _runs(names: Sequence[str], most: bool) -> str:
    """How many runs, and the first of them; those of the commonest version need no names."""
    runs = count(len(names), "run")
    return runs if most and len(names) > 1 else f"{runs} ({listed(names, _NAMED)})"


def grouped_again(fingerprints: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, Any]:
    """What `facts` needs of the versions, from the fingerprints that each run's rows of an item
    have, in their order."""
    runs = []
    for run, items in fingerprints.items():
        inside = {item: other for item, (first, *rest) in items.items()
                  for other in rest if other != first}
        runs.append(RunContents(run, "", 0, frozenset((item, each[0]) for item, each in
                                                      items.items()), frozenset(inside.items()),
                                None, None))
    contents = _contents(runs)
    versions = group(runs, contents).versions
    return {"items": {"differing": len(contents.differing), **_changed(contents)},
            "versions": [{"version": version.letter, "items": len(version.items),
                          "runs": [run.run_id for run in version.runs]} for version in versions]}


def facts(found: dict[str, Any] | None) -> dict[str, int]:
    """The numbers of the versions that a report may state."""
    if found is None:
        return {}
    items = found["items"]
    values = {"versions": len(found["versions"]), "differing_items": items["differing"],
              "differing_items_asked": items["asked"],
              "differing_items_expected": items["expected"],
              "repaired_elsewhere": len({entry["item"] for entry in found["repaired"]}),
              "policies": len(found["policies"])}
    for version in found["versions"][:_MOST_FACTS]:
        values |= {f"version_items/{version['version']}": version["items"],
                   f"version_runs/{version['version']}": len(version["runs"])}
    return values
