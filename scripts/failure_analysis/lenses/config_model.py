"""What a dataset config may hold (references/lens-dataset.md says what it means)."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from failure_analysis.lenses.fields import NAMES, ROLES


def _paths(value: Any) -> str | list[str]:
    paths = value if isinstance(value, list) else [value]
    if not paths or not all(isinstance(path, str) and path for path in paths):
        raise ValueError(f"a path or a list of paths was expected, got {repr(value)[:40]}")
    return value


# No field may be null: what is not known is left out.
Text = Annotated[str, Field(min_length=1)]
Limit = Annotated[float, Field(gt=0, lt=1e15)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Checked(BaseModel):
    """What users write: nothing that we do not know, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class System(Checked):
    """One system under test: a model under fixed conditions, and where its rows are."""

    model_name: Text
    files: Annotated[Any, AfterValidator(_paths)]
    eval_id: Text = ""
    label: Text = ""
    tokenizer: Text = ""
    where: dict[str, Any] = {}
    token_limit: Limit = None
    template: Text = ""


class Task(Checked):
    """What holds for all items of a task."""

    tier: Text = ""
    guess_rate: Share = None


class DatasetConfig(Checked):
    """A dataset config."""

    evals: Annotated[list[System], Field(min_length=1)]
    name: Text = ""
    tasks: dict[str, Task] = {}
    tiers: dict[str, Annotated[list[str], Field(min_length=1)]] = {}
    params: dict[str, Literal[ROLES]] = {}
    fields: dict[Literal[tuple(NAMES)], str] = {}
    token_limit: Limit = None
    guess_rate: Share = None
