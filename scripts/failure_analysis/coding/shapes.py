"""What an LLM coder must answer, as schemas; `mark` proves that it answers this prompt."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


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
