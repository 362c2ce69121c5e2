"""Words for pass and fail, and names of fields that judge."""

PASS = frozenset(("pass", "passed", "correct", "true", "yes", "y", "success", "successful",
                   "succeeded", "resolved", "ok", "c", "right", "accepted", "valid", "satisfied",
                   "solved", "positive", "good", "1", "richtig", "ja", "reached", "achieved", "met",
                   "completed", "korrekt", "bestanden", "vrai", "correcto"))
FAIL = frozenset(("fail", "failed", "incorrect", "ko", "false", "no", "n", "failure", "unresolved",
                   "wrong", "i", "p", "rejected", "invalid", "unsatisfied", "bad", "timeout",
                   "timed_out", "not_attempted", "partial", "partially_correct", "negative", "0",
                   "falsch", "nein", "incomplete", "not_resolved", "lose", "missed", "unmet",
                   "unsolved", "falsche", "nicht_bestanden", "faux", "incorrecto"))
UNJUDGED = frozenset(("error", "skipped", "skip", "na", "n_a", "unknown", "infra_error",
                       "api_error", "inconclusive", "pending", "not_graded", "ungraded", "errored",
                       "unjudged", "cancelled", "invalid_judge", "judge_error", "system_error",
                       "infrastructure_error", "exception", "none", "null", "nan", "crashed",
                       "k_a", "not_parsable", "unparsable", "parse_error"))
# Of these: whether the model or the harness brought them about cannot be told from the word.
PERHAPS_FAIL = frozenset(("error", "errored", "exception", "unknown", "none", "null", "na", "n_a",
                          "k_a", "not_parsable", "unparsable", "parse_error"))
# Of FAIL: some benchmarks count these apart.
PERHAPS_UNJUDGED = frozenset(("not_attempted", "partial", "partially_correct", "p", "incomplete",
                              "invalid", "rejected"))
# Words of two-word values ("goal_missed") that say it alone.
LAST = frozenset(("reached", "achieved", "met", "missed", "unmet", "crashed", "errored", "failed",
                   "passed", "succeeded", "completed", "solved", "unsolved"))
LETTERS = frozenset(("c", "i", "p", "n"))
# Values that the harness, not the model, brought about.
INFRASTRUCTURE = frozenset(("infra_error", "infrastructure_error", "api_error", "unexpected_error",
                            "harness_error", "connection_error", "rate_limit", "system_error"))
# Words in the names of lists of ids.
PASSING = frozenset(("resolved", "passed", "pass", "correct", "success", "successful", "solved"))
WORDS = PASSING | {"unresolved", "failed", "fail", "incorrect", "ko", "error", "empty", "wrong"}
YES = frozenset((
    "correct", "correctness", "pass", "passed", "passes", "success", "successful", "succeeded",
    "ok", "resolved", "solved", "valid", "met", "accepted", "match", "matched", "right", "win",
    "won", "utility", "satisfied", "achieved", "verdict", "grade", "fulfilled", "score", "reward",
    "acc", "accuracy", "em", "exact", "judgement", "judgment", "solves", "richtig", "korrekt",
    "bestanden", "correcto"))
NO = frozenset(("error", "failed", "fail", "failure", "timeout", "truncated", "cached", "exceeded",
                 "invalid", "incorrect", "ko", "wrong", "refused", "hallucinated", "hallucination",
                 "buggy", "empty", "missing", "none", "timed", "crashed", "skipped", "aborted",
                 "killed", "stuck", "oom", "malformed", "violated", "violation", "violations",
                 "toxic", "unsafe", "harmful", "leaked", "blocked", "flagged", "biased",
                 "incomplete", "unresolved", "rejected", "limit", "loop", "infra"))
SETTINGS = frozenset(("public", "private", "stream", "shuffled", "deleted", "archived", "enabled",
                       "debug", "verbose", "sampled", "has", "streaming", "final", "done"))
STATUS = frozenset(("status", "result", "outcome", "label", "value", "evaluation", "decision",
                     "rating", "state", "key", "base", "plus", "judge"))
MEASURES = frozenset((
    "score", "reward", "accuracy", "acc", "em", "exact", "match", "f1", "bleu", "rouge", "rougel",
    "faithfulness", "relevancy", "relevance", "precision", "recall", "correctness", "rating",
    "grade", "similarity", "quality", "points", "pass", "passed", "correct", "success", "resolved",
    "helpfulness", "groundedness", "factuality", "coherence", "fluency", "bertscore", "s"))
NO_MEASURES = frozenset((
    "token", "tokens", "latency", "time", "cost", "count", "num", "n", "index", "idx", "id", "ids",
    "temperature", "prob", "logprob", "logprobs", "length", "len", "threshold", "max", "min",
    "seed", "step", "weight", "weights", "total_count", "std", "stderr", "version", "best", "mean",
    "average", "avg", "config", "top", "penalty", "named", "tests", "stats"))
NEVER_MEASURES = frozenset(("n", "num", "count", "threshold", "usage", "temperature", "config",
                             "model", "instances", "samples", "examples"))
NOT_JUDGED = frozenset((
    "expected", "target", "gold", "answer", "prediction", "pred", "reference", "truth", "ideal",
    "question", "prompt", "input", "category", "task", "type", "model", "arguments", "response",
    "output", "choices", "metadata", "config", "test_case", "picked", "sampled", "options",
    "filtered", "labels", "usage"))
WRAPPERS = frozenset(("value", "score", "result", "mean", "avg", "status", "verdict", "pass",
                       "passed", "label", "grade", "correct", "success", "key"))
GENERIC = frozenset(("scores", "score", "results", "result", "metrics", "metric", "evaluation",
                      "eval", "grading", "judge", "data", "grades", "evals", "value"))
# Metrics of one answer, of which a benchmark reports one as its figure, in the order of preference.
METRICS = ("correct", "is_correct", "acc", "accuracy", "exact_match", "em",
           "prompt_level_strict_acc", "pass_1", "acc_norm", "exact", "match", "f1")
METRIC_WORDS = frozenset(("acc", "accuracy", "em", "exact", "f1", "bleu", "rouge", "rougel"))
# What holds dimensions that stand side by side.
RUBRICS = frozenset(("scores", "grades", "evals", "metrics", "criteria", "rubric", "rubrics",
                     "dimensions", "checks"))
# Places of which the harness, not the answer, may be the author.
PERHAPS_JUDGED = frozenset(("output", "outputs", "response", "metadata", "answer", "type", "task"))
# Places that say nothing of what is in them.
CONTAINERS = frozenset(("value", "result", "results", "data"))
