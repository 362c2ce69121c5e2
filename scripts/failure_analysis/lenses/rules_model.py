"""What a file of diagnosis rules may hold (templates/diagnosis_rules.yaml says what it means)."""

from typing import Annotated, Literal

from pydantic import Field

from failure_analysis.lenses.config_model import Checked

# All that a rule can speak of: the labels of the lenses, and what `observed`, `between` and
# `queries` find beside them.
FINDINGS = tuple(f"{lens}.{name}" for lens, names in {
    "surface": "healthy accuracy_cliff gradual_decline truncation_dominant chaotic "
               "uniform_failure flat_mediocre inverted any_failure fall falls_elsewhere dip "
               "flat_high never_good",
    "fft": "tokenization_artifact form_artifact form_or_length negligible clean "
           "no_artifact_detected spectral_peak_collapse band_limited_gain",
    "compression": "broken_loops underthink overthink long_search healthy no_pattern_detected "
                   "more_loops early_stop text_differs negligible undecided",
    "hazard": "early early_breakdown delayed constant threshold no_change_detected negligible "
              "truncation_wall",
    "format": "no_answer_high no_answer_leads truncation_common truncation_high truncation_rare "
              "cut_would_fail cut_would_pass",
    "runs": "flip_rate_high",
    "query": "inside_zone outside_zone",
    "compare": "accuracy_lower accuracy_not_lower underthink_appeared loops_appeared errors_faster "
               "template_shift spelling_changed spelling_unchanged",
}.items() for name in names.split())
Finding = Literal[FINDINGS]
Score = Annotated[float, Field(allow_inf_nan=False)]


class Bar(Checked):
    """What a status takes: a score, from so many lenses, so far ahead of the next hypothesis."""

    score: Score
    lenses: int = 1
    lead: Score = 0


class Rule(Checked):
    """A hypothesis: what it claims, and what speaks for and against it."""

    says: str
    speaks: dict[Finding, Score] = Field(alias="for")
    next: str
    veto: list[Finding] = []
    needs: list[Literal["surface", "fft", "compression", "hazard", "query"]] = []
    falsified_by: str = ""
    scope: Literal["one", "pair"] = "one"
    lenses: int | None = None


class Rules(Checked):
    """A file of rules."""

    hypotheses: dict[str, Rule]
    supported: Bar
    tentative: Bar
    one_voice: list[list[Finding]] = []
    red_flags: dict[Finding, str] = {}
    version: int | None = None
