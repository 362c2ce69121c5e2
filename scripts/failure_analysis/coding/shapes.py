"""What an LLM coder must answer, as schemas (docstrings are sent); `mark` proves which prompt."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from failure_analysis.review.ledger import FAULTS

_MOST_QUOTES, _MOST_QUOTED = 100, 50_000  # each quote is looked for in all of a sample
_MOST_CODES = 300  # all are sent with each batch of samples


class _Strict(BaseModel):
    """An object with these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class Evidence(_Strict):
    """A quote and what it proves."""

    quote: str
    shows: str


def _quotable(evidence: list[Evidence]) -> list[Evidence]:
    """The quotes, when they are no more than can be looked for."""
    if len(evidence) > _MOST_QUOTES or sum(len(each.quote) for each in evidence) > _MOST_QUOTED:
        raise ValueError(f"more than {_MOST_QUOTES} quotes, or {_MOST_QUOTED} characters of them")
    return evidence


class OpenCode(_Strict):
    """The open code of one sample, or of one window of it."""

    mark: str
    visibility: Literal["failure_visible", "no_failure_visible"]
    descriptive_summary: str
    failure_point_turn: int | None
    detailed_analysis: str
    issues_identified: list[str]
    observations: str
    recommendations: str
    evidence: Annotated[list[Evidence], AfterValidator(_quotable)]


class Code(_Strict):
    """A code of a codebook; `continues` names the codes of the earlier codebook that it takes
    over."""

    code: str
    definition: str
    indicators: list[str]
    when_to_use: str
    when_not_to_use: str
    continues: list[str]


class Category(_Strict):
    """A category with its codes."""

    name: str
    definition: str
    subcategories: list[Code]


def _readable(categories: list[Category]) -> list[Category]:
    """The categories, when their codes are no more than a coder can be given."""
    if sum(len(category.subcategories) for category in categories) > _MOST_CODES:
        raise ValueError(f"more than {_MOST_CODES} codes")
    return categories


class Codebook(_Strict):
    """A codebook, or what is added to one."""

    mark: str
    primary_categories: Annotated[list[Category], AfterValidator(_readable)]


class Assignment(_Strict):
    """The codes of one sample; `quote` names the quote that shows the primary one."""

    sample: str
    primary_code: str
    secondary_codes: list[str]
    severity: Literal["critical", "major", "minor"]
    fault: Literal[FAULTS]
    rationale: str
    quote: str | None


class Assignments(_Strict):
    """The codes of several samples."""

    mark: str
    assignments: list[Assignment]


class Taxonomy(Codebook):
    """A codebook and the codes of all samples, in one answer."""

    assignments: list[Assignment]
