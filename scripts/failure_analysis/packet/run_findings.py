"""What runs show beside each other: items that some lack, conditions that differ."""

import re

from failure_analysis.datapoint import natural_key
from failure_analysis.markdown import listed as _list
from failure_analysis.packet.findings import count as _count
from failure_analysis.packet.findings import finding
from failure_analysis.packet.overall import Overall
from failure_analysis.records import POLICY

# Settings that follow from the client used, or mean nothing between runs: they count only where
# they change inside a run.
_INSIDE_ONLY = re.compile(r"(agent|user simulator) reply.*|seed of trial .*")


def missing(overall: Overall) -> list[dict]:
    """Items that other runs (or the benchmark's own list) have and a run lacks."""
    everything = frozenset(overall.items)
    perhaps = frozenset().union(*(run.may_be for run in overall.runs))
    findings, unseen = [], sorted(overall.expected - everything - perhaps, key=natural_key)
    if unseen:
        findings.append({"kind": "items_never_run", "text": f"{_count(len(unseen), 'item')} "
                         f"of the benchmark's own list in no run ({_list(unseen)}).",
                         "count": len(unseen), "about": unseen[:200]})
    short: dict[frozenset, list[str]] = {}
    alone = []
    for run in overall.runs:
        # A run of other tasks than all the others lacks nothing but its own list's items.
        is_alone = len(overall.runs) > 1 and \
            all(overall.items[item] == 1 for item in run.covered)
        alone += [run.run_id] if is_alone else []
        wanted = run.listed | (run.covered if is_alone else everything)
        if len(run.covered) < len(wanted) and (lacking := wanted - run.covered - run.may_be):
            short.setdefault(lacking, []).append(run.run_id)
    if alone:
        findings.append({"kind": "nothing_shared", "text": f"{_count(len(alone), 'run')} "
                         f"({_list(alone)}) without any item in common with another run: "
                         "nothing can be compared there.",
                         "count": len(alone), "about": alone[:200]})
    for lacking, runs in short.items():
        items = sorted(lacking, key=natural_key)
        who = f"Run {runs[0]} lacks" if len(runs) == 1 else \
            f"{len(runs)} runs ({_list(runs)}) lack"
        what, early = _count(len(items), "item"), _stopped_early(overall, runs, items)
        findings.append(finding(
            "missing_items", f"{who} {what} that other runs or the benchmark have "
            f"({_list(items, 6)}){early}.", items,
            told=f"{_list(runs, 3)} {what} ({_list(items, 6)}){early}"))
    return findings


def _stopped_early(overall: Overall, run_ids: list[str], lacking: list[str]) -> str:
    """Whether a run ends where its items do not; several that end alike, or a run that has all
    of its own list, were given fewer."""
    run = next(run for run in overall.runs if run.run_id == run_ids[0])
    last = max(run.covered | run.may_be, key=natural_key, default=None)
    if last is None or natural_key(lacking[0]) < natural_key(last):
        return ""
    if run.listed:
        return "" if run.listed <= run.covered | run.may_be else ": it stopped early"
    return "" if len(run_ids) > 1 else ": perhaps it stopped early"


def between(overall: Overall) -> list[dict]:
    """Different content under one id, and conditions that differ between runs."""
    findings = list(overall.versions)
    told = {one["kind"] for one in findings}
    for name, values in sorted(overall.settings.items()):
        one_run = len({run for _, runs in values.values() for run in runs}) < 2
        if _INSIDE_ONLY.fullmatch(name) or len(values) < 2 or one_run \
                or (name == POLICY and "policy_differs" in told):
            continue
        findings.append(finding(
            "settings_differ", f"Not the same in all runs: {name}. {_who_has_what(values)}. A "
            "difference between these runs may come from it.", sorted(values),
            told=f"{name} ({_who_differs(values)})"))
    return [*findings, *_agent_findings(overall)]


def _agent_findings(overall: Overall) -> list[dict]:
    """Runs whose user simulator is the agent's own model, models that several agents ran."""
    findings = []
    if overall.self_simulated:
        runs = [f"{run_id}: {model}" for run_id, model in overall.self_simulated]
        findings.append(finding(
            "self_simulated", f"In {_count(len(runs), 'run')} the user simulator is the "
            f"agent's own model ({_list(runs)}): its slips are shared by both sides.",
            [run_id for run_id, _ in overall.self_simulated]))
    for model, agents in overall.agents.items():
        if len(agents) > 1:
            told = "; ".join(f"{agent} in {_list(runs, 3)}" for agent, runs in agents.items())
            findings.append(finding(
                "one_model_two_agents", f"{model} was run by several agents ({told}), "
                "whose runs count as repeats of one model: --label RUN=NAME tells them apart.",
                [run for runs in agents.values() for run in runs], told=f"{model} ({told})"))
    return findings


def _commonest_first(values: dict[str, list]) -> list[tuple[str, list]]:
    return sorted(values.items(), key=lambda pair: (-pair[1][0], pair[0]))


def _who_has_what(values: dict[str, list]) -> str:
    """Each value of a setting, with its runs."""
    more = f"; and {len(values) - 6} more" if len(values) > 6 else ""
    return "; ".join(f"{value} in {_count(count, 'run')} ({_list(runs, 3, count)})"
                     for value, (count, runs) in _commonest_first(values)[:6]) + more


def _who_differs(values: dict[str, list]) -> str:
    """A setting in short: what most runs have, and the runs that have something else."""
    total = sum(count for count, _ in values.values())
    if len(values) > 3:
        return f"{len(values)} different over {_count(total, 'run')}"
    first, *others = [value if 2 * count > total else f"{value} in {_list(runs, 2, count)}"
                      for value, (count, runs) in _commonest_first(values)]
    return f"{first}, but {', '.join(others)}"
