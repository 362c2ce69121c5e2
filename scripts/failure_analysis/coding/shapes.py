"""What an LLM coder must answer, as schemas; `mark` proves that it answers this prompt."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from failure_analysis.review.ledger import FAULTS


class Evidence(BaseModel):
    """A quote and what it proves."""

    model_config = ConfigDict(extra="forbid")
    quote: str
    shows: str


class OpenCode(BaseModel):
    """The open code of one sample, or of one window of it."""

    model_config = ConfigDict(extra="forbid")
    mark: str
    visibility: Literal["failure_visible", "no_failure_visible"]
    descriptive_summary: str
    failure_point_turn: int | None
    detailed_analysis: str
    issues_identified: list[str]
    observations: str
    recommendations: str
    evidence: list[Evidence]


class Code(BaseModel):
    """A code of a codebook; `continues` names the codes of the earlier codebook that it takes
    over."""

    model_config = ConfigDict(extra="forbid")
    code: str
    definition: str
    indicators: list[str]
    when_to_use: str
    when_not_to_use: str
    continues: list[str]


class Category(BaseModel):
    """A category with its codes."""

    model_config = ConfigDict(extra="forbid")
    name: str
    definition: str
    subcategories: list[Code]


class Codebook(BaseModel):
    """A codebook, or what is added to one."""

    model_config = ConfigDict(extra="forbid")
    mark: str
    primary_categories: list[Category]


class Assignment(BaseModel):
    """The codes of one sample; `quote` names the quote that shows the primary one."""

    model_config = ConfigDict(extra="forbid")
    sample: str
    primary_code: str
    secondary_codes: list[str]
    severity: Literal["critical", "major", "minor"]
    fault: Literal[FAULTS]
    rationale: str
    quote: str | None


class Assignments(BaseModel):
    """The codes of several samples."""

    model_config = ConfigDict(extra="forbid")
    mark: str
    assignments: list[Assignment]


class Taxonomy(BaseModel):
    """A codebook and the codes of all samples, in one answer."""

    model_config = ConfigDict(extra="forbid")
    mark: str
    primary_categories: list[Category]
    assignments: list[Assignment]
