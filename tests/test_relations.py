"""What an author binds: shares, relations and majorities are computed, and false ones refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_analysis.report import meaning, prose, relations

VALUES = {"failed_rows/a": 41, "judged_rows/a": 48, "failed_rows": 61, "failed_rows/b": 20,
          "review/reviewed/a": 12, "review/bucket/x/a": 7, "review/bucket/x": 7,
          "review/fault/mixed": 0, "review/reviewed": 12, "comparison/pass_rate_pct/a": 14.6,
          "comparison/p_holm/b/a": 0.00042, "comparison/p_holm/c/a": 4.2e-05,
          "failed_rows/c": 5, "review/reviewed/c": 5, "review/bucket/x/c": 5,
          "comparison/flip_rate/a": 1e-05}


@pytest.mark.parametrize(("expression", "printed"), [
    ("failed_rows/a", "41"), ("failed_rows/a of judged_rows/a", "41 of 48"),
    ("most failed_rows/a of judged_rows/a", "41 of 48"),
    ("all review/bucket/x/a of review/bucket/x", "7 of 7"),
    ("none review/fault/mixed of review/reviewed", "0 of 12"), ("none review/fault/mixed", "0"),
    ("failed_rows/a > failed_rows/b", "41 > 20"), ("failed_rows/b <= 20", "20 ≤ 20"),
    ("failed_rows/a > 2x failed_rows/b", "41 > 2 × 20"),  # noqa: RUF001
    ("failed_rows/a ~ 2x failed_rows/b", "41 ≈ 2 × 20"),  # noqa: RUF001
    ("failed_rows/a != failed_rows/b", "41 ≠ 20"), ("comparison/p_holm/b/a", "0.0004"),
    ("comparison/p_holm/b/a < 0.05", "0.0004 < 0.05"), ("comparison/p_holm/c/a", "< 0.0001"),
    ("comparison/p_holm/c/a < 0.05", "< 0.0001"), ("comparison/pass_rate_pct/a < 15", "14.6 < 15"),
    ("review/bucket/x/c of failed_rows/c", "5 of 5"),  # all that failed was reviewed
    ("comparison/flip_rate/a", "0.0000")])
def test_what_holds_is_printed_and_found_again(expression, printed):
    made = relations.bind(expression, VALUES)
    assert (made.printed, made.wrong) == (printed, "")
    text = f"It is {printed}<!--fact:{expression}--> here."
    (token,) = [token for token in prose.inline(text) if token.kind == prose.FACT]
    assert (token.number, token.value) == (printed, expression)
    assert set(relations.keys(expression)) == set(made.keys)


@pytest.mark.parametrize(("expression", "why"), [
    ("failed_rows/d", "there is no fact failed_rows/d"),
    ("most review/bucket/x/a of review/reviewed/d", "there is no fact review/reviewed/d"),
    ("all failed_rows/a of judged_rows/a", "41 of 48 is not all of them"),
    ("none failed_rows/a of judged_rows/a", "41 of 48 is not none"),
    ("none failed_rows/a", "failed_rows/a is 41, not 0"),
    ("most failed_rows/b of failed_rows", "20 of 61 is not more than half"),
    ("review/bucket/x/a of failed_rows/a", "review/bucket/x/a is not counted among failed_rows/a"),
    ("failed_rows/a of judged_rows/b", "there is no fact judged_rows/b"),
    ("failed_rows/b of judged_rows/a", "failed_rows/b is not counted among judged_rows/a"),
    ("failed_rows/a < failed_rows/b", "41 < 20 does not hold"),
    ("failed_rows/a = 2x failed_rows/b", "41 = 2 × 20 does not hold"),  # noqa: RUF001
    ("comparison/p_holm/b/a >= 0.05", "0.00042 >= 0.05 does not hold"),
    ("failed_rows/a beats failed_rows/b", "no number can be bound so; write {{A}}, {{A of B}}"),
    ("some failed_rows/a of judged_rows/a", "no number can be bound so"), ("", "no number can be")])
def test_what_does_not_hold_is_refused_with_the_reason(expression, why):
    assert relations.bind(expression, VALUES).wrong.startswith(why)


@given(st.integers(0, 500), st.integers(0, 500), st.sampled_from(sorted(relations._COMPARED)))
def test_a_relation_holds_exactly_when_it_does(left, right, sign):
    made = relations.bind(f"rows/a {sign} rows/b", {"rows/a": left, "rows/b": right})
    holds = {">": left > right, "<": left < right, ">=": left >= right, "<=": left <= right,
             "=": left == right, "!=": left != right, "~": 10 * abs(left - right) <= right}[sign]
    assert (made.wrong == "") is holds


def test_wholes_name_kinds_that_there_are():
    for kind, of in meaning.KINDS.items():
        assert set(of.wholes) <= meaning.KINDS.keys(), kind
