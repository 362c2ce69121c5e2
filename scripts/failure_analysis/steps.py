"""The steps of an analysis: the script that runs each and the files that it writes into the
analysis folder. The one list of them; who needs another step's file takes its name from here."""

from typing import NamedTuple

OUTCOMES, ROWS, TABLE = "outcomes.csv", "failure_review_rows.jsonl", "failure_review_rows.csv"
REJECTED, GRADINGS = "rejected_rows.jsonl", "gradings.csv"
LONG = "outcomes_long.jsonl"  # cells of outcomes.csv that no spreadsheet takes, whole
STREAMS = (OUTCOMES, ROWS, TABLE, REJECTED)
SANITY, FACTS = "sanity.json", "facts.json"
# What the second reader is given, and what it answers.
SHEET, ANSWERS = "second_reading.md", "second_reading.jsonl"
# What readers make of the candidates of the audit, and what follows from it for the benchmark.
READINGS, ISSUES = "audit_readings.jsonl", "benchmark_issues.md"
VERSIONS, VERSIONS_PAGE = "item_versions.json", "item_versions.md"


class Step(NamedTuple):
    """One step by its name in the manifest. `facts` begins the keys that are its own in facts.json;
    blank: all that no other step owns; None: it has none."""

    name: str
    script: str
    writes: tuple[str, ...]
    facts: str | None = None


BUILD = Step("build_packet", "build_packet.py",
             (OUTCOMES, LONG, ROWS, TABLE, REJECTED, GRADINGS, VERSIONS, VERSIONS_PAGE, SANITY,
              FACTS), "")
CLUSTER = Step("cluster_failures", "cluster_failures.py",
               ("clusters.json", "clusters.md", "rules.yaml", ROWS, TABLE, FACTS), "mode/")
COMPARE = Step("compare_models", "compare_models.py",
               ("model_comparison.json", "model_comparison.md", "comparison.csv",
                "comparison.png", FACTS), "comparison/")
AUDIT = Step("audit_benchmark", "audit_benchmark.py",
             ("audit.jsonl", "audit.csv", "audit.md", FACTS), "audit/")
CHANGES = Step("compare_runs", "compare_runs.py",
               ("run_changes.json", "run_changes.md", "run_changes.png"))
PLAN = Step("plan_review", "plan_review.py", ("review_plan.jsonl", "review_plan.md",
                                              "contrast_rows.jsonl", "background.md"))
AGREE = Step("measure_agreement", "measure_agreement.py",
             ("agreement.json", "agreement.md", FACTS), "agreement/")
DIAGNOSE = Step("analyze_diagnose", "analyze.py diagnose",
                ("diagnosis.json", "diagnosis.md", "diagnosis.png", "diagnosis.svg", FACTS),
                "diagnosis/")
# The report, the ledger and the reading log are people's work: no step's outputs.
REPORT = Step("report", "write_report.py", (FACTS, ISSUES), "review/")
# The report as a page, beside it under its name: written with it, and again when it is checked.
PAGE = Step("page", "write_report.py", ("deep_error_analysis.html",))
CHECK = Step("check_report", "check_report.py", ("check.json", SHEET))
STEPS = (BUILD, CLUSTER, COMPARE, AUDIT, CHANGES, PLAN, AGREE, DIAGNOSE, REPORT, PAGE, CHECK)
# What nothing is proved against: the check writes it.
UNPROVED = (PAGE, CHECK)
# Made from a packet: wrong beside another one.
DERIVED = tuple(step for step in STEPS if step not in (BUILD, REPORT))
