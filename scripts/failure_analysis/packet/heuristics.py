"""A provisional error mode for each failing row, and what gave it: the cause that the benchmark's
own file names, else ordered rules in YAML. Provisional: a rule sees words, not causes."""

import json
import operator
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from failure_analysis import clean, facts, files, manifest, steps, store, user_files
from failure_analysis.checks import text_of
from failure_analysis.datapoint import CSV_COLUMNS, FIELDS, is_number
from failure_analysis.markdown import cell, code, table
from failure_analysis.packet import failure_class
from failure_analysis.packet.rows import failing, whole, without_failures
from failure_analysis.packet.rows import load as load_index
from failure_analysis.paths import value_at

NAME, PAGE, RULES = steps.CLUSTER.writes[:3]
DEFAULT_RULES = Path(__file__).resolve().parents[3] / "templates" / "heuristics.yaml"
OTHER, NO_RULE = "other", "no_rule"
SAID = "messages.assistant"
TEXT_TESTS = ("regex", "contains", "starts_with")
_COMPARE = {"at_least": operator.ge, "at_most": operator.le, "above": operator.gt,
            "below": operator.lt}
NUMBER_TESTS = tuple(_COMPARE)
_LABELS = re.compile(rb'"error_mode_candidate": ?(null|"[a-z0-9_]+"), ?'
                     rb'"error_mode_rule": ?(null|"[a-z0-9_]+")(?=}$)')
_BOUNDARY = re.compile(r"\b")
_EXAMPLES = 5
_MOST_MODELS = 4  # of a table for a terminal


class Test(NamedTuple):
    """One condition: the value at `field` meets `kind` for any of `values`; with `signals`, the
    field of a signal of one of these kinds, or that there is one (no field). `blank` says whether
    a text that is empty meets it, as most are."""

    field: str
    kind: str
    values: tuple
    signals: tuple[str, ...] = ()
    blank: bool = False


class Rule(NamedTuple):
    """A row gets `mode` when one of `any`, each of `all` and nothing of `none` holds, its
    benchmark is one of `formats` (if given) and it failed one of `dimensions` (if given)."""

    name: str
    mode: str
    formats: tuple[str, ...]
    dimensions: tuple[str, ...]
    any: tuple[Test, ...]
    all: tuple[Test, ...]
    none: tuple[Test, ...]


def load(path: Path) -> list[Rule]:
    """The rules of a file, checked; refuses with the line and the key that is wrong. Those of the
    bundle are checked by its tests: pydantic's import would take as long as the rest."""
    if files.read_bytes(path) != DEFAULT_RULES.read_bytes():
        from failure_analysis.packet import rule_file

        user_files.load(path, rule_file.RuleFile)
    return [_rule(rule) for rule in user_files.document(path)["rules"]]


def _rule(rule: dict) -> Rule:
    when = rule.get("when") or {}
    tests = (tuple(map(_test, rule.get(key) or ())) for key in ("any", "all", "none"))
    return Rule(rule["name"], rule.get("mode") or rule["name"], _listed(when.get("format")),
                _listed(when.get("dimension")), *tests)


def _test(test: dict) -> Test:
    kind = next((key for key in test if key not in ("field", "signal")), "")
    value = test[kind] if kind else []
    values = tuple(value) if isinstance(value, list) else (value,)  # `equals: null` is a value
    values = tuple(map(searcher, values)) if kind == "regex" else values
    return Test(test.get("field", ""), kind, values, _listed(test.get("signal")),
                kind in TEXT_TESTS and _occurs(kind, values, ""))


def _listed(value: Any) -> tuple:
    return tuple(value) if isinstance(value, list) else () if value is None else (value,)


def searcher(source: str) -> Callable[[str], object]:
    """A search for a pattern. One that begins with a word boundary is looked for without it, and
    what is found is held against it: Python finds what begins with letters three times as fast."""
    whole, bare = re.compile(source), re.sub(r"\\.|\[[^]]*\]", "", source)
    while bare != (bare := re.sub(r"\([^()]*\)", "", bare)):
        pass
    if source.startswith("^") and "|" not in bare:  # a search would try every place of the text
        return whole.match
    if not source.startswith(r"\b") or "|" in bare:  # of alternatives, \b belongs to the first
        return whole.search
    search = re.compile(source[2:]).search

    def occurs(text: str) -> bool:
        match = search(text)
        while match and not _BOUNDARY.match(text, match.start()):
            match = search(text, match.start() + 1)
        return match is not None

    return occurs


def of_benchmark(rules: list[Rule], benchmark: str | None) -> list[Rule]:
    """The rules for the rows of a benchmark."""
    return [rule for rule in rules if not rule.formats or any(
        benchmark == name or (benchmark or "").startswith(f"{name}-") for name in rule.formats)]


def hits(row: dict, rules: list[Rule]) -> list[Rule]:
    """Those of its benchmark's rules that a row meets, in the order of the file; the first one
    labels it."""
    texts: dict[str, str] = {}
    return [rule for rule in rules if _meets(row, rule, texts)]


def _meets(row: dict, rule: Rule, texts: dict[str, str]) -> bool:
    if rule.dimensions:
        failed = row.get("failed_dimensions") or []
        if not any(name in failed for name in rule.dimensions):
            return False
    for test in rule.all:  # loops, as generators would take a third of the time of a short row
        if not _holds(row, test, texts):
            return False
    if rule.any and not _some_hold(row, rule.any, texts):
        return False
    return not _some_hold(row, rule.none, texts)


def _some_hold(row: dict, tests: tuple[Test, ...], texts: dict[str, str]) -> bool:
    for test in tests:  # noqa: SIM110
        if _holds(row, test, texts):
            return True
    return False


def _holds(row: dict, test: Test, texts: dict[str, str]) -> bool:
    field, kind, values, signals, blank = test
    if signals:
        mine = row.get("signals") if isinstance(row.get("signals"), list) else ()
        return any(not kind or _holds(signal, test._replace(signals=()), {})
                   for signal in mine
                   if isinstance(signal, dict) and signal.get("kind") in signals)
    if kind in TEXT_TESTS:
        text = texts.get(field)
        if text is None:
            text = texts[field] = _text(_said(row) if field == SAID else value_at(row, field))
        return _occurs(kind, values, text) if text else blank
    if kind in NUMBER_TESTS:
        number = _number(row, field)
        return number is not None and any(_COMPARE[kind](number, limit) for limit in values)
    value = value_at(row, field)
    return value in values and any(type(value) is type(wanted) and value == wanted
                                   for wanted in values)


def _occurs(kind: str, values: tuple, text: str) -> bool:
    """Whether a text meets a test of texts for any of its values."""
    if kind == "starts_with":
        return text.startswith(values)
    if kind == "contains":
        for word in values:  # noqa: SIM110
            if word in text:
                return True
        return False
    for search in values:  # noqa: SIM110
        if search(text):
            return True
    return False


def _said(row: dict) -> str:
    """What the model itself said in the whole conversation, without prompts and tool results."""
    return "\n".join(str(text_of(message.get("content")) or "")
                     for message in row.get("messages") or []
                     if isinstance(message, dict) and message.get("role") == "assistant")


def _number(row: dict, field: str) -> float | None:
    """The number at a path; `<list>.count` is the length of a list, null if it was not recorded."""
    if field.endswith(".count"):
        value = value_at(row, field.removesuffix(".count"))
        return len(value) if isinstance(value, list) else None
    value = value_at(row, field)
    return value if is_number(value) else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).lower()


def label(analysis_dir: Path, rules_file: Path) -> dict:
    """Labels every failing row (rewriting failure_review_rows.jsonl and .csv) and writes
    clusters.json, clusters.md, the rules themselves and the `mode/` facts; returns what
    clusters.json holds. Refuses, and writes nothing, when a rule tests a field that no row has."""
    from failure_analysis.packet import lines  # with it come the modules of all formats

    rules = load(rules_file)
    source = files.needed(analysis_dir / steps.ROWS, steps.BUILD.script)
    manifest.proved(analysis_dir, (steps.ROWS, steps.TABLE))
    counts = _Counts(rules)
    with store.atomic_together([source, analysis_dir / steps.TABLE]) as (rows, cells):
        cells.write(clean.csv_line(CSV_COLUMNS))
        for row, line in whole(analysis_dir):
            mode, name = counts.add(row) if row["outcome"] == "fail" else (None, None)
            row["error_mode_candidate"], row["error_mode_rule"] = mode, name
            labels = (f'"error_mode_candidate": {json.dumps(mode)}, '
                      f'"error_mode_rule": {json.dumps(name)}').encode()
            relabelled, done = _LABELS.subn(labels, line.rstrip(b"\n"))
            rows.write((relabelled if done else lines.spelled(row)) + b"\n")
            cells.write(lines.table_line(row))
        counts.refuse_unknown_fields(rules_file)
        rows.flush()
        cells.flush()
        manifest.begin(analysis_dir, steps.CLUSTER.writes)
    result = counts.result(rules_file)
    store.write_json(analysis_dir / NAME, result)
    empty = "" if result["failing_rows"] else without_failures(load_index(analysis_dir))
    store.write_text(analysis_dir / PAGE, page(result, empty))
    facts.replace(analysis_dir, steps.CLUSTER, numbers(result))
    with store.atomic(analysis_dir / RULES) as file:  # by which the check labels the rows again
        file.write(files.read_bytes(rules_file))
    rules_name = os.path.relpath(rules_file, DEFAULT_RULES.parents[1]) \
        if rules_file == DEFAULT_RULES else rules_file.as_posix()
    manifest.record(analysis_dir, steps.CLUSTER.name, {"rules": rules_name}, steps.CLUSTER.writes)
    return result


def tried(analysis_dir: Path, rules_file: Path) -> dict:
    """What the rules would do with the rows of the packet; writes nothing. Of each rule that speaks
    of this benchmark: how many rows it meets and labels, the rule of another mode that it shares
    most rows with, and ids that it meets; also those that no rule meets."""
    counts = _Counts(load(rules_file))
    files.needed(analysis_dir / steps.ROWS, steps.BUILD.script)
    manifest.proved(analysis_dir, (steps.ROWS,))
    for row in failing(analysis_dir):
        counts.add(row)
    counts.refuse_unknown_fields(rules_file)
    result = counts.result(rules_file)
    speaking = {rule.name for rule in counts.speaking()}
    return {"failing_rows": result["failing_rows"], "other_share": result["other_share"],
            "by_failure_class": counts.won[failure_class.RULE],
            "rules": [{**rule, "overlaps": _most_shared(result["overlaps"], rule["rule"]),
                       "examples": counts.ids.get(rule["rule"], [])}
                      for rule in result["rules"] if rule["rule"] in speaking],
            "no_rule": {"rows": counts.won[NO_RULE], "examples": counts.ids.get(NO_RULE, [])}}


def _most_shared(overlaps: list[dict], name: str) -> dict | None:
    """The rule that most often stands beside this one, either of them labelling the row."""
    for pair in overlaps:  # the most rows first
        if name in (pair["labelled_by"], pair["also_met"]):
            other = pair["also_met"] if name == pair["labelled_by"] else pair["labelled_by"]
            return {"rule": other, "rows": pair["rows"]}
    return None


def numbers(result: dict) -> dict[str, int]:
    """The facts of a labelling, under keys that begin with `mode/`."""
    return {key: number for mode in result["modes"] for key, number in
            {f"mode/{mode['mode']}": mode["rows"],
             **{facts.key("mode", mode["mode"], model): n
                for model, n in mode["models"].items()}}.items()}


def again(analysis_dir: Path) -> tuple[dict | None, list[str]]:
    """What the rules that were used say of the packet now, as clusters.json holds it, and the rows
    that carry other labels; None where the rules or the packet are gone."""
    if not all((analysis_dir / name).exists() for name in (RULES, steps.ROWS)):
        return None, []
    counts, other = _Counts(load(analysis_dir / RULES)), []
    for row, _ in whole(analysis_dir):
        given = counts.add(row) if row["outcome"] == "fail" else (None, None)
        if given != (row.get("error_mode_candidate"), row.get("error_mode_rule")):
            other.append(row["datapoint_id"])
    return counts.result(analysis_dir / RULES), other


def _unknown(rule: Rule, keys: set[str]) -> str | None:
    """The first field of a row that a rule tests and that begins with none of these keys."""
    fields = [test.field for test in (*rule.any, *rule.all, *rule.none) if not test.signals]
    return next((field for field in fields if field not in keys
                 and re.split(r"[.\[]", field, maxsplit=1)[0] not in keys), None)


class _Counts:
    """What the rules did, counted while the rows pass."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules
        self.of_benchmark: dict[str | None, list[Rule]] = {}
        self.rows = 0
        self.modes: dict[str, Counter] = defaultdict(Counter)
        self.models: dict[str, Counter] = defaultdict(Counter)
        self.examples: dict[str, dict[str, list[str]]] = {}
        self.hit: Counter = Counter()
        self.won: Counter = Counter()
        self.overlaps: Counter = Counter()
        self.ids: dict[str, list[str]] = {}
        self.keys: set[str] = set(FIELDS)
        self.foreign = any(_unknown(rule, self.keys) for rule in rules)

    def add(self, row: dict) -> tuple[str, str]:
        """Counts one row; returns its mode and what gives it."""
        benchmark = row.get("benchmark")
        if benchmark not in self.of_benchmark:
            self.of_benchmark[benchmark] = of_benchmark(self.rules, benchmark)
        met = hits(row, self.of_benchmark[benchmark])
        named = failure_class.mode_of(row.get("failure_class"))
        mode, name = (named, failure_class.RULE) if named else \
            (met[0].mode, met[0].name) if met else (OTHER, NO_RULE)
        self.rows += 1
        model = row.get("model_name") or ""
        self.modes[mode][name] += 1
        self.models[mode][model] += 1
        kept = self.examples.setdefault(mode, {}).setdefault(model, [])
        if len(kept) < _EXAMPLES:
            kept.append(row["datapoint_id"])
        self.won[name] += 1
        if self.foreign:
            self.keys |= row.keys()
        for given in [rule.name for rule in met] or [name]:
            if len(ids := self.ids.setdefault(given, [])) < _EXAMPLES:
                ids.append(row["datapoint_id"])
        for rule in met:
            self.hit[rule.name] += 1
            if rule.mode != mode:
                self.overlaps[name, rule.name] += 1
        return mode, name

    def speaking(self) -> list[Rule]:
        """The rules for a benchmark that some row is of."""
        return [rule for rule in self.rules
                if any(rule in rules for rules in self.of_benchmark.values())]

    def refuse_unknown_fields(self, rules_file: Path) -> None:
        """Refuses a rule whose field neither the schema nor any row that passed has: it could
        never be met. Judged rows may bring keys of their own, so only now can it be told."""
        for rule in self.speaking():
            field = _unknown(rule, self.keys)
            if field is not None:
                near = user_files.nearest(field, [*FIELDS, *sorted(self.keys.difference(FIELDS))])
                raise files.Refusal(f"{rules_file}: rule {rule.name}: no row of this packet has a "
                                    f"field {field}; {near}")

    def result(self, rules_file: Path) -> dict:
        """The content of clusters.json; `other` stands first."""
        order = sorted(self.modes, key=lambda mode: (mode != OTHER, -self.modes[mode].total(),
                                                     mode))
        return {
            "provisional": True,
            "rules_sha256": files.sha256(rules_file),
            "failing_rows": self.rows,
            "other_share": round(self.models.get(OTHER, Counter()).total() / self.rows, 4)
            if self.rows else None,
            "modes": [{
                "mode": mode, "rows": self.modes[mode].total(),
                "models": dict(sorted(self.models[mode].items())),
                "rules": dict(self.modes[mode].most_common()),
                "examples": {model: ids for model, ids in sorted(self.examples[mode].items())},
            } for mode in order],
            "rules": [{"rule": rule.name, "mode": rule.mode, "met": self.hit[rule.name],
                       "labelled": self.won[rule.name]} for rule in self.rules],
            "overlaps": [{"labelled_by": labelling, "also_met": met, "rows": count}
                         for (labelling, met), count in sorted(
                             self.overlaps.items(), key=lambda pair: (-pair[1], pair[0]))],
            "never_met": [rule.name for rule in self.rules if not self.hit[rule.name]],
        }


def page(result: dict, empty: str) -> str:
    """clusters.md: what a reader should know before reading rows; `empty` is why there is none."""
    rows = result["failing_rows"]
    lines = ["# Provisional clusters", "",
             "**Provisional.** Rules put these labels on by words and shapes. They say where to "
             "read first, not why the model failed; no final table may use them.", ""]
    if not rows:
        return "\n".join([*lines, f"{empty[0].upper()}{empty[1:]}.", ""])
    share = f"{100 * result['other_share']:.1f} %"
    lines += [f"{rows} failing rows; {share} of them stay in `other`.", ""]
    failing = Counter()
    for mode in result["modes"]:
        failing.update(mode["models"])
    models = sorted(failing, key=lambda model: (-failing[model], model))
    shown = models[:8]
    lines += [table(["mode", "rows", *map(cell, shown)],
                    [[code(mode["mode"]), mode["rows"],
                      *[mode["models"].get(model, 0) for model in shown]]
                     for mode in result["modes"]]), ""]
    if len(models) > len(shown):
        lines += [f"The {len(shown)} with most failing rows; {len(models) - len(shown)} more in "
                  f"{NAME}.", ""]
    for mode in result["modes"]:
        rules = ", ".join(f"{code(name)} ({count})" for name, count in mode["rules"].items())
        lines += [f"## {mode['mode']}", "", f"{mode['rows']} rows, by {rules}. Read first:", ""]
        examples = [ids[0] for ids in mode["examples"].values()]
        lines += [f"- {code(ident)}" for ident in examples[:_EXAMPLES]] + [""]
    lines += ["## The rules themselves", ""]
    if result["overlaps"]:
        lines += ["Rows that met rules of two modes (the first in the file labels them):", "",
                  table(["labelled by", "also met", "rows"],
                        [[code(pair["labelled_by"]), code(pair["also_met"]), pair["rows"]]
                         for pair in result["overlaps"][:15]]), ""]
    if result["never_met"]:
        lines += ["Never met: " + ", ".join(map(code, result["never_met"])) + ".", ""]
    return "\n".join(lines)


def summary(result: dict) -> tuple[list[str], list[list]]:
    """The modes as a table, for a terminal: failing rows of each model, and in all."""
    models = sorted({name for mode in result["modes"] for name in mode["models"]})
    shown = models if 1 < len(models) <= _MOST_MODELS else []
    return ["provisional mode", "failing rows", *shown], [
        [mode["mode"], mode["rows"], *(mode["models"].get(name, 0) for name in shown)]
        for mode in result["modes"]]
