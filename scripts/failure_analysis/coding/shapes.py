"""What an LLM coder must answer, as schemas (docstrings are sent); `mark` proves which prompt."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from failure_analysis.review.ledger import FAULTS


class _Strict(BaseModel):
    """An object with these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class Evidence(_Strict):
    """A quote and what it proves."""

    quote: str
    shows: str


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
    evidence: list[Evidence]


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


class Codebook(_Strict):
    """A codebook, or what is added to one."""

    mark: str
    primary_categories: list[Category]


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
