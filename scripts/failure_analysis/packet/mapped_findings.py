"""What the paths of a mapping met over all inputs, and whether what it expects came out."""

from failure_analysis.markdown import listed as _list
from failure_analysis.packet import expected, overall_facts
from failure_analysis.packet.findings import count as _count
from failure_analysis.packet.overall import Overall
from failure_analysis.reading import mapping_faults

_LONGEST_EXPRESSION = 60


def expect(overall: Overall) -> None:
    """Finds where what the mapping expects did not come out."""
    if len(overall.mapped) != 1:
        return
    [(spec, counts)] = overall.mapped.values()
    # A format states what files of all its versions say, and is held against each file alone.
    if spec.expected is not None and not spec.recognise:
        overall.differences += expected.of_all(
            spec.expected, overall_facts.facts(overall), overall.items, overall.models,
            {name for _, name, _ in counts.published})


def of_paths(overall: Overall) -> list[dict]:
    """What the mapping's paths met, and what the outcomes of all rows look like."""
    if not overall.mapped:
        return []
    findings = [finding for spec, counts in overall.mapped.values()
                for finding in mapping_faults.findings(spec, counts)]
    return [_readable(overall, finding) for finding in [*findings, *_one_sided(overall)]]


def _readable(overall: Overall, finding: dict) -> dict:
    """A finding without the long expressions of a format, which its reader did not write."""
    text = finding["text"]
    for spec, counts in overall.mapped.values():
        for path in counts.paths.values() if spec.recognise else ():
            if len(path.text) > _LONGEST_EXPRESSION:
                text = text.replace(path.text, "what the format has for it")
    return {**finding, "text": text}


def _one_sided(overall: Overall) -> list[dict]:
    """Runs without a passing row, and dimensions on which all rows are the same."""
    findings = []
    alone = [run for run in overall.runs if run.failed and not run.passed]
    if alone:
        names = [run.run_id for run in alone]
        findings.append({"kind": "mapping_failures_only", "text":
                         f"Every judged row fails in {_count(len(alone), 'run')} "
                         f"({_list(names)}): if the file holds failures only, a pass rate "
                         "cannot be told from it.", "count": len(alone), "about": names[:200]})
    seen: dict[str, set] = {}
    for patterns in overall.patterns.values():
        for pattern in patterns:
            for name, score in pattern:
                seen.setdefault(name, set()).add(score)
    for name, scores in seen.items():
        if len(scores & {True, False}) == 1 and overall.rows_read > 1:
            does = "passes" if True in scores else "fails"
            path = next((path for _, counts in overall.mapped.values()
                         if (path := counts.paths.get(f"scores.{name}"))), None)
            told = f" ({path.text}: {mapping_faults.told(path)})" if path else ""
            findings.append({"kind": "mapping_one_verdict", "count": 0, "about": [name],
                             "text": f"{name}: every judged row {does}{told}."})
    return findings
