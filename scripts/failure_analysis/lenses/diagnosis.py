"""What the lenses say together: hypotheses weighed by rules that are data, each with what speaks
for and against it and with the experiment that would tell. Scores are ordinal; a cause is named
only after its experiment, until then failures are "consistent with" it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from failure_analysis import statistics, user_files
from failure_analysis.lenses import findings
from failure_analysis.lenses.dataset import CORRECT, NO_ANSWER, TRUNCATED, Table, hashed
from failure_analysis.lenses.findings import NEED
from failure_analysis.statistics import rounded

if TYPE_CHECKING:
    from failure_analysis.lenses.rules_model import Rules

RULES = Path(__file__).resolve().parents[3] / "templates" / "diagnosis_rules.yaml"
SUPPORTED, TENTATIVE, CONTRADICTED, NOT_ASSESSED = ("supported", "tentative", "contradicted",
                                                    "not_assessed")
STATUSES = (SUPPORTED, TENTATIVE, NOT_ASSESSED, CONTRADICTED)
LEADING = (SUPPORTED, TENTATIVE)
COLUMNS = ("surface", "fft", "compression", "hazard", "other")
TO_READ = 10
LEVEL = 10  # samples, as they are worth, of a level whose upper bound says something
LEVELS_WITHOUT = 20  # samples at levels that are not cut off, from which their accuracy is taken


def load_rules(path: Path | None) -> "Rules":
    """The checked rules, those of the templates where no file is given; refuses by line and key."""
    from failure_analysis.lenses.rules_model import Rules

    return user_files.load(path or RULES, Rules)


def observed(results: dict[str, dict], table: Table) -> dict[str, str]:
    """The findings of one system on one task: name -> the sentence behind it."""
    sentences: dict[str, str] = {}
    for lens, result in results.items():
        sentence = "; ".join(result["evidence"][:3]) or "; ".join(result["need"][:2])
        # A surface's further label is the shape that chaos or truncation stands in front of: it
        # speaks for nothing and against nothing; neither does what a lens without enough data saw.
        alone = lens == "surface" or result["pattern"] == NEED
        for label in (result["pattern"], *(() if alone else result["also"])):
            sentences[f"{lens}.{label}"] = sentence
        if lens == "surface" and result["pattern"] not in ("healthy", NEED):
            sentences["surface.any_failure"] = sentence
            sentences |= _of_the_best(result["tables"])
    flips = flip_rate(table)
    if flips and flips[1] >= 0.2:
        sentences["runs.flip_rate_high"] = f"repeated runs of an item flip with {flips[0]:.2f}"
    return sentences | _of_format(table)


def _of_the_best(tables: dict[str, list[dict]]) -> dict[str, str]:
    """Whether the system was good anywhere: not where no level of ten samples is right half of the
    time (upper bound) and no cell is shown to be (lower bound). What was never held is not lost at
    a cliff."""
    best = max((row for row in tables.get("profile", []) if row["n"] >= LEVEL),
               key=lambda row: row["high"], default=None)
    if best is None or best["high"] >= 0.5 or any(row["low"] >= 0.5 for row in
                                                   tables.get("cells", [])):
        return {}
    return {"surface.never_good": f"no level reaches an accuracy of .5: {best['accuracy']:.2f} "
                                  f"({best['low']:.2f} to {best['high']:.2f}) at "
                                  f"{best['parameter']} = {best['level']:g}"}


def _of_format(table: Table) -> dict[str, str]:
    """The findings about answers that were not given, not readable or cut off."""
    sentences: dict[str, str] = {}
    n, counts = len(table), np.bincount(table.outcome, minlength=4)
    silent, cut, failed = counts[NO_ANSWER], counts[TRUNCATED], n - counts[CORRECT]
    if findings.wilson(silent, n - cut)[0] >= 0.05:
        sentence = f"{silent} of {n - cut} finished ones have no answer"
        rest = _without(table.take(table.outcome != TRUNCATED), NO_ANSWER)
        if rest:
            sentence += f"; {rest.right} of {rest.n} with one, at their levels, are right"
        sentences["format.no_answer_high"] = sentence
        if findings.wilson(silent, failed)[0] >= 0.5 and not (rest and rest.would_fail):
            sentences["format.no_answer_leads"] = f"{sentence}; {failed} failures in all"
    least = findings.wilson(cut, n)[0]
    if least >= 0.2:
        sentences["format.truncation_common"] = f"{cut} of {n} truncated"
    if least >= 0.5:
        sentences["format.truncation_high"] = f"{cut} of {n} truncated"
    if cut / n < 0.05:
        sentences["format.truncation_rare"] = f"{cut} of {n} truncated"
    else:
        sentences |= _of_the_cut(table)
    return sentences


class _Rest(NamedTuple):
    """What has another outcome at the levels where one is lost: how many, how many right; how many
    are lost there; their share of right, weighted as the lost ones lie, and what it would take."""

    n: int
    right: int
    lost: int
    share: findings.Interval
    needed: float

    @property
    def would_fail(self) -> bool:
        """Whether too few are right, even for half of what would be needed."""
        return self.share.high < min(1.0, self.needed) / 2


def _without(table: Table, lost: int) -> _Rest | None:
    """Whether an outcome explains the loss at the levels where it stands (5 % or more): how often
    the others there are right, and how often the lost ones would have to be for accuracy to be
    that of the levels without it (all right, without such levels). None where nothing tells."""
    level = table.levels()
    n, right, gone = (np.bincount(level[chosen], minlength=level.max() + 1) for chosen in (
        slice(None), table.outcome == CORRECT, table.outcome == lost))
    left, hit = n - gone, (gone > 0) & (gone >= 0.05 * n)
    here = hit & (left > 0)
    if not here.any():
        return None
    others = n[~hit].sum()
    best = right[~hit].sum() / others if others >= LEVELS_WITHOUT else 1.0
    needed = (best * n[hit].sum() - right[hit].sum()) / gone[hit].sum()
    weight = gone[here] / gone[here].sum()
    rate, worth = (weight * right[here] / left[here]).sum(), 1 / (weight**2 / left[here]).sum()
    low, high = findings.wilson(rate * worth, worth)
    return _Rest(int(left[here].sum()), int(right[here].sum()), int(gone[hit].sum()),
                 findings.Interval(float(rate), float(low), float(high)), float(needed))


def _of_the_cut(table: Table) -> dict[str, str]:
    """Whether the limit explains the loss at the levels where it cuts answers off: what finishes
    there is right half as often or more (lower bound), or less than half as often (upper bound),
    as the cut ones would have to be."""
    rest = _without(table, TRUNCATED)
    if not rest:
        return {}
    sentence = (f"{rest.right} of {rest.n} that finished at the levels of the "
                f"{rest.lost} truncated ones are right ({rest.share.value:.0%}, weighted as those "
                f"lie); it would take {min(1.0, rest.needed):.0%} to explain the loss there")
    if rest.would_fail:
        return {"format.cut_would_fail": sentence}
    return {"format.cut_would_pass": sentence} if rest.share.low >= rest.needed / 2 > 0 else {}


def flip_rate(table: Table) -> tuple[float, float] | None:
    """(mean chance that two runs of an item differ, its lower bound); None below 20 such items."""
    tries = np.bincount(table.item)
    right = np.bincount(table.item[table.outcome == CORRECT], minlength=len(tries))
    tries, right = tries[tries > 1], right[tries > 1]
    if len(tries) < 20:
        return None
    flips = 2 * right * (tries - right) / (tries * (tries - 1))
    return float(flips.mean()), float(flips.mean() - findings.Z * flips.std(ddof=1)
                                      / np.sqrt(len(flips)))


def weigh(observed: dict[str, str], rules: "Rules", assessed: set[str], scope: str = "one"
          ) -> list[dict[str, Any]]:
    """Every hypothesis of a scope with its score and status, the likeliest first."""
    weighed = []
    for name, rule in rules.hypotheses.items():
        if rule.scope != scope:
            continue
        speaks = _voices({finding: weight for finding, weight in rule.speaks.items()
                          if finding in observed}, rules.one_voice)
        against = [finding for finding in rule.veto if finding in observed]
        missing = [lens for lens in rule.needs if lens not in assessed]
        weighed.append({
            "hypothesis": name, "says": rule.says, "score": rounded(sum(speaks.values()), 2),
            "lenses": len({finding.split(".")[0] for finding in speaks}),
            "for": [{"finding": finding, "weight": weight, "because": observed[finding]}
                    for finding, weight in speaks.items()],
            "against": [{"finding": finding, "because": observed[finding]} for finding in against],
            "missing": missing, "next": rule.next, "falsified_by": rule.falsified_by})
    scores = sorted((hypothesis["score"] for hypothesis in weighed if not hypothesis["against"]),
                    reverse=True)
    for hypothesis in weighed:
        hypothesis["status"] = _status(hypothesis, scores, rules)
    return sorted(weighed, key=lambda hypothesis: (STATUSES.index(hypothesis["status"]),
                                                   -hypothesis["score"]))


def _voices(speaks: dict[str, float], same: list[list[str]]) -> dict[str, float]:
    """The findings that speak; of those that rest on the `same` number, the weightiest."""
    silent = {finding for names in same for finding in sorted(
        set(names) & set(speaks), key=lambda finding: (-speaks[finding], finding))[1:]}
    return {finding: weight for finding, weight in speaks.items() if finding not in silent}


def _status(hypothesis: dict, scores: list[float], rules: "Rules") -> str:
    """The status by the bars of the rules; `scores`: those with nothing against, highest first."""
    score, bar, tentative = hypothesis["score"], rules.supported, rules.tentative.score
    if hypothesis["missing"] and score < tentative:
        return NOT_ASSESSED
    if hypothesis["against"]:
        return CONTRADICTED
    rivals = list(scores)
    rivals.remove(score)
    lead = score - (rivals[0] if rivals else 0)
    lenses = rules.hypotheses[hypothesis["hypothesis"]].lenses or bar.lenses
    if score >= bar.score and hypothesis["lenses"] >= lenses and lead >= bar.lead:
        return SUPPORTED
    return TENTATIVE if score >= tentative else NOT_ASSESSED


def strength_of(hypothesis: dict[str, Any], results: dict[str, dict]) -> str:
    """How far a hypothesis may be leaned on: high only when supported, and by no weak lens."""
    if hypothesis["status"] != SUPPORTED:
        return "low"
    weak = [results[lens]["strength"] == "low" for lens in
            {reason["finding"].split(".")[0] for reason in hypothesis["for"]} if lens in results]
    return "medium" if any(weak) else "high"


def red_flags(observed: dict[str, str], rules: "Rules") -> list[dict[str, str]]:
    """What the user is told before anything else: the finding, its sentence, what to do."""
    return [{"finding": finding, "because": observed[finding], "do": advice}
            for finding, advice in rules.red_flags.items() if finding in observed]


def conclusion(weighed: list[dict[str, Any]]) -> list[str]:
    """The hypotheses that lead: the supported one, else the tentative ones that tie; none when
    nothing reaches a tentative score."""
    leading = [hypothesis for hypothesis in weighed if hypothesis["status"] in LEADING]
    return [hypothesis["hypothesis"] for hypothesis in leading
            if hypothesis["status"] == leading[0]["status"]
            and hypothesis["score"] >= leading[0]["score"] - 0.5]


def holm_of(results: dict[str, dict]) -> list[dict[str, Any]]:
    """All tests of one diagnosis, adjusted together (Holm 1979)."""
    tests = [{"lens": lens, "name": test["name"], "p": test["p"]}
             for lens, result in results.items() for test in result["tests"]]
    adjusted = statistics.holm([test["p"] for test in tests])
    return [{**test, "p_adj": rounded(p, 6)} for test, p in zip(tests, adjusted, strict=True)]


def to_read(hypothesis: str, results: dict[str, dict], table: Table, seed: int) -> list[str]:
    """The failing datapoints that would show a hypothesis best, else a fixed random choice."""
    traces = {row["datapoint"]: row for row in results["compression"]["tables"].get("traces", [])}
    failed = {str(ident): code for ident, code in zip(table.ident, table.outcome, strict=True)
              if code != CORRECT}
    chosen = sorted(failed, key=lambda ident: hashed(f"{seed}/{ident}"))
    if hypothesis == "context_limit_truncation":
        chosen = [ident for ident in chosen if failed[ident] == TRUNCATED]
    elif hypothesis == "answer_format":
        chosen = [ident for ident in chosen if failed[ident] == NO_ANSWER]
    elif hypothesis == "degenerate_loops":
        chosen = [ident for ident in chosen if traces.get(ident, {}).get("loop")]
    elif hypothesis in ("working_memory_limit", "fault_of_levels"):
        there = _where_it_fails(hypothesis, results["surface"], table)
        chosen.sort(key=lambda ident: ident not in there)
    elif hypothesis in ("overthinking", "longer_when_wrong", "underthinking"):
        sign = 1 if hypothesis == "underthinking" else -1
        length = _lengths(traces, table)
        chosen.sort(key=lambda ident: sign * length[ident] if ident in length else np.inf)
    elif hypothesis == "tokenization_problem":
        rows = [row for row in results["fft"]["tables"].get("features", [])
                if row["outcome"] != "correct" and row["inconsistency"] is not None]
        rows.sort(key=lambda row: (-row["inconsistency"], row["datapoint"]))
        chosen = [row["datapoint"] for row in rows]
    return chosen[:TO_READ]


def _where_it_fails(hypothesis: str, surface: dict, table: Table) -> set[str]:
    """The samples at the levels that a hypothesis is about: beyond the cliff, or in the dip."""
    estimates, profile = surface["estimates"], surface["tables"].get("profile")
    name = {"working_memory_limit": "cliff_at", "fault_of_levels": "dip_depth"}[hypothesis]
    if name not in estimates or not profile:
        return set()
    values = table.params[profile[0]["parameter"]]
    if name == "cliff_at":
        there = values >= estimates[name]["est"]
    else:  # merged levels have the value of one of theirs
        levels = np.array([row["level"] for row in profile])
        nearest = levels[np.abs(values[:, None] - levels).argmin(1)]
        there = ~np.isnan(values) & np.isin(nearest, estimates[name]["levels"])
    return set(map(str, table.ident[there]))


def _lengths(traces: dict[str, dict], table: Table) -> dict[str, float]:
    """How long each trace is against the others of its level."""
    names = [str(ident) for ident in table.ident]
    tokens = np.array([traces[name]["tokens"] if name in traces else np.nan for name in names])
    level, seen = table.levels(), ~np.isnan(tokens)
    middle = {at: max(1.0, float(np.median(tokens[seen & (level == at)])))
              for at in np.unique(level[seen])}
    return {name: float(size / middle[at]) for name, size, at, there
            in zip(names, tokens, level, seen, strict=True) if there}


def between(pairs: dict[str, dict], of_a: dict[str, str], of_b: dict[str, str]) -> dict[str, str]:
    """The findings of system b against system a: `pairs` are the comparisons by lens, `of_a`
    and `of_b` the findings of each alone."""
    sentences = {name: sentence for name, sentence in of_b.items()
                 if name.startswith(("fft.", "format."))}

    def end(lens: str, name: str, which: str) -> float:
        """An end of an interval; NaN, which is neither above nor below anything, without one."""
        value = pairs.get(lens, {}).get("estimates", {}).get(name, {}).get(which)
        return np.nan if value is None else value

    evidence = {lens: "; ".join(pair["evidence"]) for lens, pair in pairs.items()}
    low, high = (end("surface", "accuracy_b_minus_a", which) for which in ("lo", "hi"))
    if high < 0:
        sentences["compare.accuracy_lower"] = evidence["surface"]
    if low > -0.1 and low + high >= 0:
        sentences["compare.accuracy_not_lower"] = evidence["surface"]
    if ("compression.underthink" in of_b and "compression.underthink" not in of_a) or \
            end("compression", "log_tokens_b_minus_a", "hi") < np.log(0.8):
        sentences["compare.underthink_appeared"] = evidence.get("compression", "")
    if end("compression", "loop_share_b_minus_a", "lo") > 0:
        sentences["compare.loops_appeared"] = evidence["compression"]
    right = end("hazard", "hazard_ratio_correct_b_over_a", "hi")
    # Not only faster altogether.
    if end("hazard", "hazard_ratio_wrong_b_over_a", "lo") > np.fmax(1, right):
        sentences["compare.errors_faster"] = evidence["hazard"]
    spelled = pairs.get("fft", {})
    shifted = any(test["p_adj"] <= 0.01 for test in spelled.get("tests", []))
    if shifted and spelled["same_model"] and len(set(spelled["templates"])) > 1 \
            and (low > 0 or high < 0):
        sentences["compare.template_shift"] = f"{evidence['fft']}; {evidence['surface']}"
    if "changed" in spelled and spelled["known"]:
        name = "spelling_changed" if spelled["changed"] else "spelling_unchanged"
        sentences[f"compare.{name}"] = evidence["fft"]
    return sentences
