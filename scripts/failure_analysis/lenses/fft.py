"""The fft lens (input space): how prompts are spelled in tokens, which rhythms that has, and
whether spelling goes with failure.

It can say that spelling differs and that it goes with failure; never that a model cannot represent
something."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from failure_analysis import files
from failure_analysis.lenses import dataset, findings, spectra, spelling, tokens
from failure_analysis.lenses.dataset import CORRECT, Group, Table
from failure_analysis.lenses.findings import estimate, gate, insufficient
from failure_analysis.statistics import rounded

NAME = "fft"
PROMPTS, LENGTH, PAIRS, OUTCOMES = 30, 64, 20, 30
MOST_PROMPTS = 200  # prompts of a spectrum
PLACES = ("inside", "appended")  # values of the confounder parameter
# A rhythm that grows with length is the layout of a task, no fault: it leads only where nothing
# was said of failures.
_ORDER = ("spectral_peak_collapse", "clean", "no_artifact_detected", "band_limited_gain")


class Prompts(NamedTuple):
    """The distinct prompts of a table: which one each sample has, their texts' classes, features,
    tokens, and what the tokens are. `raw` keeps the ids for the original's spectrum."""

    of_sample: np.ndarray
    classes: list[np.ndarray]
    features: np.ndarray
    raw: list[np.ndarray]
    units: tuple[str, ...]
    tokens_known: bool


def read(table: Table) -> Prompts:
    """Tokenises each distinct prompt of each eval once."""
    encoders = [tokens.encoder(system, table.config.path) for system in table.evals]
    of_sample = np.full(len(table), -1)
    seen: dict[tuple, int] = {}
    encoded: list[tuple[str, tokens.Tokens]] = []
    owner: list[int] = []
    units: dict[str, None] = {}
    for at, text in dataset.texts(table):
        if not text.prompt:
            continue
        key = (int(table.eval[at]), text.prompt)
        if key not in seen:
            seen[key] = len(encoded)
            encode, unit = encoders[key[0]]
            if text.prompt_ids and text.offsets:
                text_tokens, unit = _recorded(text, table.ident[at]), tokens.RECORDED
            else:
                text_tokens = encode(text.prompt)
            units[unit] = None
            encoded.append((text.prompt, text_tokens))
            owner.append(key[0])
        of_sample[at] = seen[key]
    classes = [np.array(tokens.classes(text, made.offsets), int) for text, made in encoded]
    names: dict[Any, int] = {}
    raw = [np.array([token if isinstance(token, int) else names.setdefault(token, len(names))
                     for token in made.ids], float) for _, made in encoded]
    features = np.full((len(encoded), len(spelling.NAMES)), np.nan)
    tokens_known = set(units) != {tokens.FALLBACK}
    for system in sorted(set(owner)) if tokens_known else ():
        mine = [at for at, which in enumerate(owner) if which == system]
        features[mine] = spelling.table_of([encoded[at] for at in mine])
    return Prompts(of_sample, classes, features, raw, tuple(units), tokens_known)


def _recorded(text: dataset.Text, ident: str) -> tokens.Tokens:
    """Recorded ids with their places, checked."""
    spans = text.offsets
    if len(spans) != len(text.prompt_ids) or not all(
            isinstance(span, list) and len(span) == 2 and all(isinstance(end, int) for end in span)
            and 0 <= span[0] <= span[1] <= len(text.prompt) for span in spans):
        raise files.Refusal(f"{ident}: token_offsets are not one [start, end] within the prompt "
                            "for each of prompt_token_ids; correct them or leave them out")
    return tokens.Tokens(text.prompt_ids, [tuple(span) for span in spans])


def prompts_of(prompts: Prompts, table: Table, chosen: Table) -> np.ndarray:
    """Which prompt each sample of a part of the table has; -1 where it has none."""
    return prompts.of_sample[np.searchsorted(table.row, chosen.row)]


def analyse(group: Group, prompts: Prompts, of_sample: np.ndarray, seed: int) -> dict[str, Any]:
    """The lens' result for one group; `of_sample` says which prompt each of its samples has."""
    if (of_sample < 0).all():
        return insufficient(NAME, len(group.table), ["the prompts (prompt_text, prompt or "
                                                     "user_text)"])
    table, of_sample = group.table.take(of_sample >= 0), of_sample[of_sample >= 0]
    distinct = np.unique(of_sample)
    long_ones = [at for at in distinct if len(prompts.classes[at]) >= LENGTH]
    gates = [gate(f"prompts of {LENGTH} tokens or more, for spectra", len(long_ones), PROMPTS)]
    common = {"gates": gates, "need": [], "estimates": {}, "tests": [], "evidence": [],
              "caveats": [f"tokens are {', '.join(prompts.units)}"], "seed": seed,
              "tables": {"spectra": [], "bands": [],
                         "features": _feature_rows(table, prompts, of_sample)},
              "compat": _compat(prompts, distinct)}
    labels = []
    if len(long_ones) >= PROMPTS:
        labels += _spectrum([prompts.classes[at] for at in _spread(long_ones)], seed, common)
        if len(long_ones) > MOST_PROMPTS:
            common["caveats"].append(f"spectra are of {MOST_PROMPTS} of {len(long_ones)} prompts, "
                                     "evenly spread over the files")
    labels += _collapse(table, prompts, of_sample, seed, common)
    linked = _linked(table, prompts, of_sample, common)
    for association in linked:
        odds = association.odds
        common["estimates"][f"or_{association.feature}"] = estimate(
            odds["or"], odds["lo"], odds["hi"], "Mantel-Haenszel over levels") \
            if np.isfinite(odds["hi"]) else {"est": None, "method": "no finite odds ratio"}
        common["tests"].append(findings.test(f"{association.feature} with failure", odds["stat"],
                                             odds["p"], association.p_adj))
    artefacts = [association for association in linked if association.artefact]
    common["evidence"][:0] = [
        f"prompts with {artefact.side} {spelling.WORDS[artefact.feature]} than others of their "
        f"level fail {artefact.odds['or']:.1f} times as often (odds), over "
        f"{artefact.odds['strata']} levels" for artefact in artefacts]
    common["caveats"] += [f"the odds ratio of {artefact.feature} differs between levels"
                          for artefact in artefacts if artefact.odds["homogeneity_p"] < 0.01]
    common["need"] += findings.short_of(gates)
    return _labelled(common, labels, artefacts, linked, table, prompts.features[of_sample], seed)


def _linked(table: Table, prompts: Prompts, of_sample: np.ndarray, common: dict
            ) -> list[spelling.Association]:
    """Spelling against failure; adds gates, what is missing and caveats to the result."""
    failed, alike = int((table.outcome != CORRECT).sum()), spelling.alike(table)
    as_worth = ", as runs of one item are worth" if alike > 1 else ""
    gates = [gate("failures" + as_worth, failed / alike, OUTCOMES),
             gate("passes" + as_worth, (len(table) - failed) / alike, OUTCOMES)]
    common["gates"] += gates
    if alike > 1:
        common["caveats"].append(f"runs of one item end alike: {len(table)} samples are worth "
                                 f"{len(table) / alike:.0f} of as many items")
    if not prompts.tokens_known:
        common["need"].append("the model's tokens: a tokenizer file in the dataset config, or "
                              "prompt_token_ids with token_offsets")
        return []
    if findings.short_of(gates):
        return []
    linked = spelling.associations(table, prompts.features[of_sample], alike)
    if not linked:
        common["need"].append("a spelling feature that varies in three levels or more")
    return linked


def _labelled(common: dict, labels: list[str], artefacts: list, linked: list, table: Table,
              features: np.ndarray, seed: int) -> dict[str, Any]:
    """The label: an artefact of spelling goes with failure; else what the spectra show; else
    clean, if an odds ratio of 3 would have been seen."""
    powered = all(association.powered for association in linked)
    if linked and not artefacts:
        labels = sorted([*labels, "clean" if powered else "no_artifact_detected"],
                        key=_ORDER.index)
    if artefacts:
        labels = ["tokenization_artifact", *labels]
    if not labels:
        return insufficient(NAME, len(table), common.pop("need") or ["something to test"], **common)
    confidence, kind = None, "by the tests of the spectra alone"
    if linked:
        confidence = _confidence(table, features, bool(artefacts), seed)
        kind = "share of item bootstrap replicates that agree whether spelling goes with failure"
    strong = findings.strength(confidence, bool(artefacts) or powered)
    return findings.finding(NAME, labels[0], len(table), also=labels[1:],
                            confidence=rounded(confidence), confidence_kind=kind, strength=strong,
                            **common)


def _spread(prompts: Sequence[int]) -> list[int]:
    """At most so many as a spectrum takes, evenly spread: files are often sorted by level."""
    at = np.linspace(0, len(prompts) - 1, min(MOST_PROMPTS, len(prompts))).astype(int)
    return [int(prompts[place]) for place in at]


def _confidence(table: Table, features: np.ndarray, artefact: bool, seed: int) -> float:
    rng = np.random.default_rng(seed + 3)
    items, item = np.unique(table.item, return_inverse=True)
    replicates = 50
    worth = spelling.alike(table)  # an item that is drawn twice counts as two
    same = 0
    for _ in range(replicates):
        drawn = np.repeat(np.arange(len(table)), findings.resampled(len(items), rng)[item])
        associations = spelling.associations(table.take(drawn), features[drawn], worth)
        same += any(association.artefact for association in associations) == artefact
    return same / replicates


def _spectrum(codes: list[np.ndarray], seed: int, common: dict) -> list[str]:
    """The labels that envelope and band slopes show; adds what they rest on to the result."""
    number = len(tokens.CLASSES)
    estimates, evidence, labels = common["estimates"], common["evidence"], []
    if len(np.unique(np.concatenate(codes))) < 2:
        evidence.append("all tokens are of one class: no rhythm")
        return []
    envelope = spectra.envelope(codes, seed)
    common["tests"].append(findings.test("spectral envelope against shuffled prompts",
                                         envelope.power[spectra.SKIP:].max(), envelope.p))
    estimates["envelope_limit"] = {"est": rounded(envelope.limit)}
    if envelope.p <= 0.05:
        drives = [tokens.CLASSES[at] for at in np.argsort(-envelope.loadings)[:2]
                  if envelope.loadings[at] > 0.3]
        evidence.append(f"a rhythm of {1 / envelope.peak:.1f} tokens (f = {envelope.peak:.2f}), "
                        f"driven by {' and '.join(drives)}")
        estimates["rhythm_period_tokens"] = {"est": rounded(1 / envelope.peak)}
    slopes = spectra.band_slopes(codes, number)
    control = spectra.band_slopes(spectra.shuffled(codes, seed), number)
    short, long = np.quantile([len(prompt) for prompt in codes], [0.1, 0.9])
    if long >= 1.5 * short and (slopes.low > 0).any() and (slopes.high < 0).any() and not (
            (control.low > 0).any() and (control.high < 0).any()):
        rising = np.flatnonzero(slopes.low > 0)
        labels.append("band_limited_gain")
        evidence.append("longer prompts gain power only at f " + ", ".join(
            f"{slopes.edges[at]:.2f}-{slopes.edges[at + 1]:.2f} (slope {slopes.slope[at]:+.2f})"
            for at in rising) + "; shuffled ones do not")
    voss = spectra.voss([spectra.indicators(prompt, number) for prompt in codes])
    common["tables"]["spectra"] += [
        {**_row("all", at, envelope.power[at]), "limit": rounded(envelope.limit, 6),
         "voss": rounded(voss[at], 6)} for at in range(len(spectra.FREQUENCIES))]
    common["tables"]["bands"] += [
        {"from": rounded(slopes.edges[at]), "to": rounded(slopes.edges[at + 1]), **{
            f"{name}{end}": rounded(getattr(of_bands, key)[at])
            for name, of_bands in (("", slopes), ("shuffled_", control))
            for end, key in (("slope", "slope"), ("lo", "low"), ("hi", "high"))}}
        for at in range(len(slopes.slope))]
    return labels


def _row(condition: str, at: int, power: float) -> dict[str, Any]:
    """A line of the table spectra.csv."""
    frequency = spectra.FREQUENCIES[at]
    return {"condition": condition, "frequency": rounded(frequency),
            "period_tokens": rounded(1 / frequency) if frequency else None,
            "envelope": rounded(power, 6)}


def _collapse(table: Table, prompts: Prompts, of_sample: np.ndarray, seed: int, common: dict
              ) -> list[str]:
    """Does a confounder inside a prompt hide its rhythm more than the same words after it? Needs
    the parameters with the roles confounder (inside, appended) and pair. Returns the label if it
    does; adds what that rests on to the result."""
    place, pair = table.role("confounder"), table.role("pair")
    if not place or not pair:
        return []
    number = len(tokens.CLASSES)
    by_pair: dict[Any, dict[str, float]] = defaultdict(dict)
    of_place: dict[str, dict[int, None]] = {where: {} for where in PLACES}
    for at in range(len(table)):
        where, prompt = table.params[place][at], int(of_sample[at])
        if where in PLACES and len(prompts.classes[prompt]) >= LENGTH:
            by_pair[table.params[pair][at]][where] = spectra.prominence(prompts.classes[prompt],
                                                                        number)
            of_place[where][prompt] = None
    both = [values for values in by_pair.values() if len(values) == 2]
    if len(both) < PAIRS:
        common["evidence"].insert(0, f"{len(both)} pairs of a prompt with the confounder inside "
                                  f"and appended; {PAIRS} are needed")
        return []
    d = np.array([values["inside"] - values["appended"] for values in both])
    p = findings.sign_flips(d, seed)
    common["estimates"]["prominence_inside_minus_appended"] = findings.mean(
        d, f"{len(d)} pairs, normal interval")
    common["tests"].append(findings.test("prominence, sign flips", d.mean(), p))
    for where, at_place in of_place.items():
        chosen = [prompts.classes[prompt] for prompt in _spread(list(at_place))]
        common["tables"]["spectra"] += [_row(where, at, power) for at, power in
                                        enumerate(spectra.envelope_power(chosen))]
    common["evidence"].insert(0, "a confounder inside the prompt changes the log prominence of its "
                              f"rhythm by {d.mean():+.2f} beyond the same words appended")
    return ["spectral_peak_collapse"] if p <= 0.01 and d.mean() <= -0.3 else []


def _feature_rows(table: Table, prompts: Prompts, of_sample: np.ndarray) -> list[dict]:
    """The table features.csv: one line per sample."""
    return [{"datapoint": table.ident[at], "outcome": dataset.OUTCOMES[table.outcome[at]],
             "prompt_tokens": len(prompts.classes[of_sample[at]]),
             **dict(zip(spelling.NAMES, map(findings.finite, prompts.features[of_sample[at]]),
                        strict=True))}
            for at in range(len(table))]


def _compat(prompts: Prompts, distinct: np.ndarray) -> dict[str, Any]:
    """The original's spectrum: magnitudes of the ids as if they were numbers."""
    grid = np.linspace(0, 0.5, 33)
    spectra_ = []
    for at in _spread(distinct):
        ids = prompts.raw[at]
        if len(ids) >= 4:
            spectra_.append(np.interp(grid, np.fft.rfftfreq(len(ids)),
                                      abs(np.fft.rfft(ids - ids.mean()))))
    return {"note": "original, not used for the label: ids are names, their spectrum changes with "
                    "the numbering of the vocabulary",
            "raw_id_spectrum": [rounded(value, 2) for value in np.mean(spectra_, axis=0)]
            if spectra_ else []}
