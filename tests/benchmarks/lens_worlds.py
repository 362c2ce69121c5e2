# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "numpy>=1.26,<3",
#     "scipy>=1.11,<2",
# ]
# ///
"""Diagnoses worlds that other hands wrote, and counts how often it was right.

WORLDS holds a folder per world (several are counted as one): samples.jsonl (task, model, correct,
parameters, prompt, response, tokens, answer, truncated, repeat) and truth.json (kind, split, and in
the words of WORDS below what must, may and must not be said). Prints for each lens the labels by
kind of world, and for each hypothesis, status and strength how many of what was said is right (in
must, may or labels), wrong (in must_not) or neither, with exact 95 % intervals of the share that is
wrong; the surface label by the true shape; and how often each label and hypothesis was said where
it is wrong (its nulls), and where nothing is there at all (the flat worlds).

Exit codes: 0 measured; 2 usage.

Example: python tests/benchmarks/lens_worlds.py /tmp/worlds --split dev --jobs 2
"""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

BUNDLE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(BUNDLE / "scripts"))
for _threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
LENSES = ("surface", "fft", "compression", "hazard")
# What a lens says that compared levels, and adds that hidden difficulty of items can be all of it:
# right as an association; with --strict wrong in worlds where there is nothing but such difficulty.
LINK, CAUSE = "long_search_as_association_only", "long_search_as_cause"
# What shape a system's accuracy has: of several parameters, the first of these.
SHAPES = ("unknown", "truncation", "cliff", "dip", "gradual", "flat_among_parsed", "healthy",
          "nearly_flat", "flat")
# What a hypothesis or label of ours says in the words of the worlds; one of them has to be true.
WORDS = {
    "tokenization_problem": "fft_artifact", "confounder_interference": "fft_artifact",
    "context_limit_truncation": "truncation truncation_as_cause", "degenerate_loops": "loops",
    "working_memory_limit": "cliff", "overthinking": "overthinking",
    "longer_when_wrong": f"long_search overthinking hazard_rise {LINK}",
    "underthinking": "underthinking", "capability_limit": "gradual cliff",
    "grading_noise_or_instability": "chaotic", "no_failure_in_range": "healthy",
    "answer_format": "unparsed", "prompt_form_problem": "fft_artifact", "fault_of_levels": "dip",
    "fft.form_artifact": "fft_artifact", "fft.form_or_length": "fft_artifact",
    "surface.fall": "gradual cliff",
    "surface.accuracy_cliff": "cliff", "surface.gradual_decline": "gradual",
    "surface.truncation_dominant": "truncation truncation_as_cause", "surface.chaotic": "chaotic",
    "surface.dip": "dip", "surface.healthy": "healthy",
    "fft.tokenization_artifact": "fft_artifact", "compression.broken_loops": "loops",
    "compression.underthink": "underthinking", "compression.early_stop": "underthinking",
    "compression.overthink": "overthinking", "compression.long_search": "long_search",
    "hazard.early": "underthinking", "hazard.delayed": "hazard_rise long_search overthinking",
    "hazard.threshold": "hazard_rise long_search overthinking",
}


def main() -> int:
    """Parses the options, diagnoses, prints."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worlds", type=Path, nargs="+", metavar="WORLDS")
    parser.add_argument("--split", metavar="NAME", help="only worlds of this split")
    parser.add_argument("--kind", nargs="+", metavar="KIND", help="only worlds of these kinds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--strict", action="store_true",
                        help="longer when wrong is no finding where only items differ")
    parser.add_argument("--wrong", action="store_true", help="name the worlds of each wrong word")
    args = parser.parse_args()
    if args.strict:
        WORDS["longer_when_wrong"] = WORDS["longer_when_wrong"].replace(LINK, CAUSE)
    worlds = []
    for path in (path for folder in args.worlds for path in sorted(folder.glob("*/truth.json"))):
        truth = json.loads(path.read_text())
        if args.split in (None, truth["split"]) and (not args.kind or truth["kind"] in args.kind):
            worlds.append((path.parent, truth))
    if not worlds:
        parser.error("no world of this choice")
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(args.jobs) as pool:
        found = list(pool.map(partial(diagnosed, scratch=Path(scratch)),
                              [folder for folder, _ in worlds]))
    report([(f"{folder.parent.name}/{folder.name}", truth, systems)
            for (folder, truth), systems in zip(worlds, found, strict=True)], args.wrong)
    return 0


def diagnosed(folder: Path, scratch: Path) -> list[dict]:
    """The systems of a world's diagnosis."""
    from failure_analysis.lenses import diagnose, diagnosis, one_lens

    path = scratch / f"{folder.parent.name}-{folder.name}.jsonl"
    with path.open("w") as out:
        for line in (folder / "samples.jsonl").open():
            out.write(json.dumps(sample(json.loads(line))) + "\n")
    request = one_lens.Request(path, {}, cache=scratch / path.stem)
    loaded = one_lens.load(request)
    documents = {lens: one_lens.document(lens, loaded, request) for lens in LENSES}
    return diagnose.summary_of(documents, loaded, request, diagnosis.load_rules(None))["systems"]


def sample(row: dict) -> dict:
    """A row of a world as a sample: prompts are items, what finished unjudged is unreadable."""
    outcome = "truncated" if row["truncated"] else "no_answer" if row["correct"] is None else \
        "correct" if row["correct"] else "wrong"
    return {"model_name": row["model"], "base_task": row["task"], "item_id": row["prompt"],
            "trial": row["repeat"], "params": row["parameters"], "outcome": outcome,
            "prompt": row["prompt"], "response": row["response"],
            "completion_tokens": row["tokens"], "token_limit": row.get("token_limit")}


def verdict(words: str, truth: dict) -> str:
    """Whether something that is said is right, wrong or neither in a world. `label@parameter`, of
    one parameter alone, is read as the label."""
    plain = {name: {word.split("@")[0] for word in truth[name]} for name in ("may", "labels")}
    good = plain["may"] | plain["labels"] | {word.split("@")[0] for group in truth["must"]
                                             for word in group}
    asked, never = set(words.split()), {word for word in truth["must_not"] if "@" not in word}
    return "right" if asked & (good - never) else "wrong" if asked & never else "neither"


def said(system: dict) -> Iterator[tuple[str, str, str]]:
    """(list, entry, its words) of all that a system is told."""
    for lens, result in system["lenses"].items():
        for label in (result["pattern"], *(() if lens == "surface" else result["also"])):
            if words := WORDS.get(f"{lens}.{label}"):
                if "hidden item difficulty" in " ".join(result["caveats"]) and "long" in words:
                    words += f" {LINK if LINK in WORDS['longer_when_wrong'] else CAUSE}"
                yield "label", f"{lens}.{label}", words
                yield "lens strength", f"{lens} {result['strength']}", words
    for hypothesis in system["hypotheses"]:
        name, status = hypothesis["hypothesis"], hypothesis["status"]
        if status in ("supported", "tentative") and (words := WORDS.get(name)):
            yield "hypothesis", f"{name} {status}", words
            yield "status", status, words
            yield "strength", hypothesis["strength"], words
            if name in system["conclusion"]:
                yield "conclusion", f"{status}, {hypothesis['strength']}", words


def report(worlds: list[tuple[str, dict, list[dict]]], wrong: bool) -> None:
    """Prints all tables."""
    for lens in (*LENSES, "conclusion"):
        print(f"\n{lens}: systems by kind of world")
        by_kind: dict[str, Counter] = {}
        for _, truth, systems in worlds:
            by_kind.setdefault(truth["kind"], Counter()).update(
                " or ".join(system["conclusion"]) if lens == "conclusion" else
                system["lenses"][lens]["pattern"] for system in systems)
        for kind, labels in sorted(by_kind.items()):
            print(f"  {kind:14s} {', '.join(f'{name} {n}' for name, n in labels.most_common())}")
    counts: dict[str, dict[str, Counter]] = {}
    where: dict[str, list[str]] = {}
    for name, truth, systems in worlds:
        for system in systems:
            for kind, entry, words in said(system):
                found = verdict(words, truth)
                counts.setdefault(kind, {}).setdefault(entry, Counter())[found] += 1
                if found == "wrong" and kind in ("label", "hypothesis"):
                    where.setdefault(entry, []).append(f"{name} {truth['kind']}")
    for kind, entries in counts.items():
        print(f"\n{kind:42s} {'right':>6s} {'wrong':>6s} {'neither':>8s}  share wrong")
        for entry, found in sorted(entries.items()):
            print(f"  {entry:40s} {found['right']:6d} {found['wrong']:6d} {found['neither']:8d}  "
                  f"{share(found['wrong'], found.total())}")
            if wrong and kind in ("label", "hypothesis") and entry in where:
                print(f"      {', '.join(where[entry])}")
    confused(worlds)
    false_alarms(worlds)
    missed(worlds)


def confused(worlds: list[tuple[str, dict, list[dict]]]) -> None:
    """Prints the surface label by the shape that is true."""
    print("\nsurface label by true shape: systems")
    by_shape: dict[str, Counter] = {}
    for _, truth, systems in worlds:
        shapes = [entry["shape"] for entry in truth["surface"].values()]
        shape = min(shapes, key=SHAPES.index)
        by_shape.setdefault(shape, Counter()).update(
            system["lenses"]["surface"]["pattern"] for system in systems)
    for shape in filter(by_shape.get, SHAPES):
        print(f"  {shape:18s} " + ", ".join(f"{name} {n}" for name, n in
                                            by_shape[shape].most_common()))


def false_alarms(worlds: list[tuple[str, dict, list[dict]]]) -> None:
    """Prints how often each label and hypothesis was said in systems of which it is wrong, and in
    those without any effect."""
    print(f"\n{'said where it is wrong':42s} of its nulls; of the systems without an effect")
    counts = {entry: [Counter(), Counter()] for entry in WORDS}
    for _, truth, systems in worlds:
        flat = not truth["must"] and truth["kind"] not in ("edge", "negligible")
        for system in systems:
            wrong = {entry.split()[0] for kind, entry, words in said(system)
                     if kind in ("label", "hypothesis") and verdict(words, truth) == "wrong"}
            for entry, words in WORDS.items():
                for column, counted in zip(counts[entry], (
                        verdict(words, truth) == "wrong", flat), strict=True):
                    column[entry in wrong] += counted
    for entry, columns in sorted(counts.items()):
        print(f"  {entry:40s} " + "; ".join(
            f"{column[True]} of {column.total()}, {share(column[True], column.total())}"
            for column in columns if column.total()))


def share(k: int, n: int) -> str:
    """A share with its exact interval (Clopper & Pearson 1934)."""
    from scipy.special import betaincinv

    low = betaincinv(k, n - k + 1, 0.025) if k else 0.0
    high = betaincinv(k + 1, n - k, 0.975) if k < n else 1.0
    return f"{k / n:.3f} ({low:.3f} to {high:.3f})"


def missed(worlds: list[tuple[str, dict, list[dict]]]) -> None:
    """Prints how often what must be said was said, by kind: by some system of the world, as a label
    of a lens or a leading hypothesis."""
    print("\nwhat must be said, by kind of world: said by a lens or a hypothesis; by a conclusion")
    hits: dict[str, list[tuple[bool, bool]]] = {}
    for _, truth, systems in worlds:
        everything = [(kind, word) for system in systems for kind, _, words in said(system)
                      for word in words.split()]
        for group in truth["must"]:
            wanted = {word.split("@")[0] for word in group}
            hits.setdefault(truth["kind"], []).append(
                (any(word in wanted for _, word in everything),
                 any(word in wanted for kind, word in everything if kind == "conclusion")))
    for kind, met in sorted(hits.items()):
        said_by = (sum(column) for column in zip(*met, strict=True))
        print(f"  {kind:14s} " + "; ".join(f"{k} of {len(met)}, {share(k, len(met))}"
                                           for k in said_by))


if __name__ == "__main__":
    sys.exit(main())
