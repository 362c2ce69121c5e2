"""The fft lens (input space): how prompts are spelled in tokens, which rhythms that has, and
whether spelling goes with failure.

It can say that spelling differs and that it goes with failure; never that a model cannot represent
something."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
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
_ORDER = ("tokenization_artifact", "form_artifact", "form_or_length", "spectral_peak_collapse",
          "negligible", "clean", "no_artifact_detected", "band_limited_gain")


class Prompts(NamedTuple):
    """The distinct prompts of a table: its rows, which prompt each has, their texts' classes,
    features, lengths, tokens, and what the tokens are. `raw` keeps the ids for the original's
    spectrum."""

    row: np.ndarray
    of_row: np.ndarray
    classes: list[np.ndarray]
    features: np.ndarray
    lengths: np.ndarray
    raw: list[np.ndarray]
    units: tuple[str, ...]
    tokens_known: bool

    def of(self, part: Table) -> np.ndarray:
        """Which prompt each sample of a part of the table has; -1 where it has none."""
        return self.of_row[np.searchsorted(self.row, part.row)]


def read(table: Table) -> Prompts:
    """Tokenises each distinct prompt of each eval once."""
    encoders = [tokens.encoder(system, table.config.path) for system in table.evals]
    of_row = np.full(len(table), -1)
    numbers: dict[tuple[int, str], int] = {}
    made: list[tokens.Tokens] = []
    units: dict[str, None] = {}
    for at, text in dataset.texts(table):
        if not text.prompt:
            continue
        system = int(table.eval[at])
        of_row[at] = numbers.setdefault((system, text.prompt), len(made))
        if of_row[at] == len(made):
            encode, unit = encoders[system]
            if text.prompt_ids and text.offsets:
                made.append(_recorded(text, table.ident[at]))
                unit = tokens.RECORDED
            else:
                made.append(encode(text.prompt))
            units[unit] = None
    owner, texts = np.array([system for system, _ in numbers]), [text for _, text in numbers]
    classes = [np.array(tokens.classes(text, own.offsets), int)
               for text, own in zip(texts, made, strict=True)]
    names: dict[Any, int] = {}
    raw = [np.array([token if isinstance(token, int) else names.setdefault(token, len(names))
                     for token in own.ids], float) for own in made]
    features = np.full((len(made), len(spelling.NAMES)), np.nan)
    tokens_known = set(units) != {tokens.FALLBACK}
    for system in np.unique(owner) if tokens_known else ():
        mine = np.flatnonzero(owner == system)
        features[mine] = spelling.table_of([(texts[at], made[at]) for at in mine])
    if not tokens_known:
        features[:, -1] = [spelling.irregularity(text) for text in texts]
    lengths = np.array([spelling.length(text) for text in texts])
    return Prompts(table.row, of_row, classes, features, lengths, raw, tuple(units), tokens_known)


def _recorded(text: dataset.Text, ident: str) -> tokens.Tokens:
    """Recorded ids with their places, checked."""
    spans = text.offsets
    if len(spans) != len(text.prompt_ids) or not all(
            isinstance(span, list) and len(span) == 2 and all(isinstance(end, int) for end in span)
            and 0 <= span[0] <= span[1] <= len(text.prompt) for span in spans):
        raise files.Refusal(f"{ident}: token_offsets are not one [start, end] within the prompt "
                            "for each of prompt_token_ids; correct them or leave them out")
    return tokens.Tokens(text.prompt_ids, [tuple(span) for span in spans])



def analyse(group: Group, prompts: Prompts, seed: int) -> dict[str, Any]:
    """The lens' result for one group."""
    of_sample = prompts.of(group.table)
    if (of_sample < 0).all():
        return insufficient(NAME, len(group.table), ["the prompts (prompt_text, prompt or "
                                                     "user_text)"])
    table, of_sample = group.table.take(of_sample >= 0), of_sample[of_sample >= 0]
    distinct = np.unique(of_sample)
    long_ones = [at for at in distinct if len(prompts.classes[at]) >= LENGTH]
    gates = [gate(f"prompts of {LENGTH} tokens or more, for spectra", len(long_ones), PROMPTS)]
    result = insufficient(
        NAME, len(table), gates=gates, caveats=[f"tokens are {', '.join(prompts.units)}"],
        seed=seed, compat=_compat(prompts, distinct),
        tables={"spectra": [], "bands": [], "features": _feature_rows(table, prompts, of_sample)})
    labels = []
    if len(long_ones) >= PROMPTS:
        labels += _spectrum([prompts.classes[at] for at in _spread(long_ones)], result)
        if len(long_ones) > MOST_PROMPTS:
            result["caveats"].append(f"spectra are of {MOST_PROMPTS} of {len(long_ones)} prompts, "
                                     "evenly spread over the files")
    labels += _collapse(table, prompts, of_sample, result)
    if not prompts.tokens_known:
        result["need"].append("the model's tokens: a tokenizer file in the dataset config, or "
                              "prompt_token_ids with token_offsets; without them the form of the "
                              "text alone is held against failure")
    features, lengths = prompts.features[of_sample], prompts.lengths[of_sample]
    split = spelling.more(table, features, lengths)
    spelled = partial(spelling.associations, table, split,
                      finer=spelling.quarters(table.levels(), lengths, split))
    linked = _linked(table, spelled, result)
    result = _labelled(result, labels, linked, table, spelled)
    if any(each.feature == spelling.FORM and not each.artefact for each in linked):
        result["evidence"] += [
            spelling.only_by_length(each)
            for each in spelling.associations(table, spelling.more(table, features))
            if each.feature == spelling.FORM and each.artefact]
    return result


def _linked(table: Table, spelled: Callable, result: dict) -> list[spelling.Association]:
    """Spelling against failure; adds to the result all that it rests on."""
    failed, alike = int((table.outcome != CORRECT).sum()), spelling.alike(table)
    as_worth = ", as runs of one item are worth" if alike > 1 else ""
    gates = [gate(f"{name}{as_worth}", number / alike, OUTCOMES)
             for name, number in (("failures", failed), ("passes", len(table) - failed))]
    linked = []
    if not findings.short_of(gates):
        linked = spelled(alike)
        if not linked:
            result["need"].append("a spelling feature that varies in three levels or more")
    result["gates"] += gates
    result["need"] += findings.short_of(result["gates"])
    result["caveats"] += findings.runs_alike(len(table), alike)
    for feature, odds, p_adj, *_ in linked:
        result["estimates"][f"or_{feature}"] = estimate(
            odds["or"], odds["lo"], odds["hi"], "Mantel-Haenszel over levels") \
            if np.isfinite(odds["hi"]) else {"est": None, "method": "no finite odds ratio"}
        result["tests"].append(findings.test(f"{feature} with failure", odds["stat"], odds["p"],
                                             p_adj))
    return linked


def _labelled(result: dict, labels: list[str], linked: list[spelling.Association], table: Table,
              spelled: Callable) -> dict[str, Any]:
    """The label: what the tests of spelling say together, and what the spectra show."""
    label, confidence = spelling.label(linked) if linked else None, None
    kind = "by the tests of the spectra alone"
    result["evidence"][:0] = spelling.sentences(linked)
    result["caveats"] += [f"the odds ratio of {association.feature} differs between levels"
                          for association in linked
                          if association.artefact and association.odds["homogeneity_p"] < 0.01]
    if label:
        labels = sorted([*labels, label], key=_ORDER.index)
        confidence = _confidence(table, spelled, label, result["seed"])
        kind = "share of item bootstrap replicates that say the same of spelling and failure"
    elif linked:
        result["need"].append("more samples: an association of spelling or form with failure is "
                              "neither shown to be an artefact nor to be negligible")
    if not labels:
        return result | {"need": result["need"] or ["something to test"]}
    return result | {"pattern": labels[0], "also": labels[1:], "confidence": rounded(confidence),
                     "confidence_kind": kind, "strength": findings.strength(
                         confidence, label != "no_artifact_detected")}


def _spread(prompts: Sequence[int]) -> list[int]:
    """At most so many as a spectrum takes, evenly spread: files are often sorted by level."""
    at = np.linspace(0, len(prompts) - 1, min(MOST_PROMPTS, len(prompts))).astype(int)
    return [int(prompts[place]) for place in at]


def _confidence(table: Table, spelled: Callable, label: str, seed: int) -> float:
    rng = np.random.default_rng(seed + 3)
    items, item = np.unique(table.item, return_inverse=True)
    worth = spelling.alike(table)  # an item that is drawn twice counts as two
    strata = table.levels()
    return float(np.mean([
        label == spelling.label(spelled(worth, findings.resampled(len(items), rng)[item], strata))
        for _ in range(50)]))


def _spectrum(codes: list[np.ndarray], result: dict) -> list[str]:
    """The labels that envelope and band slopes show; adds what they rest on to the result."""
    number, seed = len(tokens.CLASSES), result["seed"]
    estimates, evidence, labels = result["estimates"], result["evidence"], []
    if len(np.unique(np.concatenate(codes))) < 2:
        evidence.append("all tokens are of one class: no rhythm")
        return []
    envelope = spectra.envelope(codes, seed)
    result["tests"].append(findings.test("spectral envelope against shuffled prompts",
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
    result["tables"]["spectra"] += [
        {**_row("all", at, envelope.power[at]), "limit": rounded(envelope.limit, 6),
         "voss": rounded(voss[at], 6)} for at in range(len(spectra.FREQUENCIES))]
    result["tables"]["bands"] += [
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


def _collapse(table: Table, prompts: Prompts, of_sample: np.ndarray, result: dict) -> list[str]:
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
        result["evidence"].insert(0, f"{len(both)} pairs of a prompt with the confounder inside "
                                  f"and appended; {PAIRS} are needed")
        return []
    d = np.array([values["inside"] - values["appended"] for values in both])
    p = findings.sign_flips(d, result["seed"])
    result["estimates"]["prominence_inside_minus_appended"] = findings.mean(
        d, f"{len(d)} pairs, normal interval")
    result["tests"].append(findings.test("prominence, sign flips", d.mean(), p))
    for where, at_place in of_place.items():
        chosen = [prompts.classes[prompt] for prompt in _spread(list(at_place))]
        result["tables"]["spectra"] += [_row(where, at, power) for at, power in
                                        enumerate(spectra.envelope_power(chosen))]
    result["evidence"].insert(0, "a confounder inside the prompt changes the log prominence of its "
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
