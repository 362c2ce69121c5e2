"""The one task of runs whose format says nothing of the benchmark: what their folder is called."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from failure_analysis import files
from failure_analysis.formats import agent_journals
from failure_analysis.reading import mapping
from failure_analysis.reading.mapping import Mapped
from failure_analysis.records import Source

# Formats of tools, which hold any benchmark, and whose mappings find its name as the task.
_TOOLS = frozenset((
    "deepeval", "evalplus", "helm", "inspect", "langfuse", "langfuse-export", "langsmith-runs",
    "lm-eval", "lm-eval-write-out", "mlflow-trace", "openai-evals"))


def folder_name(sources: Sequence[Source]) -> str:
    """What the analysis folder of these runs is called: the benchmark, and the task where the
    first rows of them all say one and the same and their format holds any benchmark."""
    benchmark, task = sources[0].benchmark, ""
    for named in _tasks(sources):
        if not named or (task and named != task):
            return benchmark
        task = named
    return f"{benchmark}-{task}" if task else benchmark


def _tasks(sources: Sequence[Source]) -> Iterator[str]:
    """The task of each journal, or of the first row of each file; blank where there is none."""
    for source in sources:
        if source.format == agent_journals.NAME:
            yield from source.expected_items
        elif source.format not in _TOOLS:
            yield ""
        else:
            for path in source.mapping.paths:
                yield _first_task(replace(source, path=path,
                                          mapping=Mapped(source.mapping.spec, (path,))))


def _first_task(source: Source) -> str:
    try:
        fields = next((line.fields for line in mapping.read(source) if line.fields), {})
    except files.Refusal:
        return ""
    task = fields.get("task")
    return task if isinstance(task, str) else ""
