"""What benchmarks call their fields, and which of the fields of a file is which of ours."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from failure_analysis.drafting.survey import Field, is_conversation

# In the order of preference; `a_b` also stands for a field b inside a.
NAMES: dict[str, tuple[str, ...]] = {
    "item_id": (
        "task_id", "question_id", "instance_id", "problem_id", "item_id", "sample_id", "example_id",
        "case_id", "test_case_id", "test_id", "query_id", "prompt_id", "doc_id", "scenario_id",
        "reference_example_id", "puzzle_id", "qid", "custom_id", "unique_id", "test_idx",
        "question_number", "test_name", "task_name", "trace_id", "id", "uid", "uuid", "key", "name",
        "index", "idx", "number", "row_id", "case", "test", "task", "session_id", "no", "nr",
        "fall_id", "frage_id", "aufgabe_id", "aufgaben_id", "nummer", "fall", "aufgabe"),
    "model_name": (
        "model_name", "model", "model_id", "model_name_or_path", "llm", "llm_name", "generator",
        "engine", "model_info_name", "model_info_id", "model_config_name",
        "llm_config_name", "agent_info_llm",
        "modell", "agent_model", "agent_name", "agent", "system", "completion_fns", "deployment",
        "provider_id", "provider", "session_name", "app_name", "app_id", "assistant_name",
        "assistant", "bot", "key", "m"),
    "task": (
        "task", "task_name", "test_category", "category", "subject", "domain", "suite", "subset",
        "topic", "dataset", "dataset_name", "task_type", "question_type", "level", "difficulty",
        "type", "name"),
    "user_text": (
        "question", "user_input", "prompt", "prompt_raw", "original_question", "problem",
        "problem_statement", "question_text", "query", "input", "instruction", "instructions",
        "user_prompt", "task_description", "user_text", "goal", "request", "model_input",
        "prompt_question", "puzzle", "q", "text", "description", "frage"),
    "assistant_text": (
        "response", "full_model_response", "model_response", "original_response",
        "assistant_text", "output", "model_output", "response_output", "actual_output",
        "message_content", "completion", "generation", "generated_text", "model_result_raw",
        "model_answer", "solution", "code", "prediction", "pred", "generated_answer",
        "predicted_answer", "sampled", "resps", "model_patch", "git_patch", "patch", "result",
        "reply", "final_answer", "raw_output", "output_text", "answer", "submission", "out",
        "completed_text", "antwort", "generated", "predicted_text", "text", "content"),
    "reasoning": ("thinking", "reasoning_content", "thoughts", "thought", "chain_of_thought",
                  "reasoning"),
    "expected": (
        "expected", "expected_answer", "expected_output", "gold", "gold_answer", "ground_truth",
        "gt", "gt_answer", "reference", "reference_answer", "correct_answer", "target", "ideal",
        "possible_answer", "canonical_solution", "answer_key", "label", "references", "golds",
        "truth", "solution", "answer"),
    "judge_reasoning": (
        "judge_reasoning", "judge_comment", "judge_reason", "explanation", "rationale", "feedback",
        "remark", "remarks", "justification", "critique", "reason", "grading_result_reason",
        "judge_explanation",
        "comment", "mistake_reason", "grader_output", "grading_notes", "why", "notes", "reasoning",
        "error", "error_message", "kommentar"),
    "termination": ("termination_reason", "finish_reason", "stop_reason", "exit_reason",
                    "termination", "exit_status", "end_reason", "finished_reason", "fr", "status"),
    "prompt_tokens": ("prompt_tokens", "input_tokens", "tokens_prompt", "tokens_input",
                      "input_token_count", "n_prompt_tokens", "num_prompt_tokens", "tokens_in",
                      "total_input_tokens", "token_usage_prompt", "usage_prompt"),
    "completion_tokens": ("completion_tokens", "output_tokens", "tokens_completion",
                          "tokens_output", "output_token_count", "n_completion_tokens",
                          "num_output_tokens", "tokens_out", "total_output_tokens",
                          "generated_tokens", "num_tokens", "token_usage_completion"),
    "latency_ms": ("latency_ms", "duration_ms", "elapsed_ms", "response_time_ms", "total_time_ms",
                   "time_ms", "execution_duration_ms"),
    "cost_usd": ("cost_usd", "cost", "total_cost", "total_cost_usd", "agent_cost", "price_usd"),
}
_LONGEST = 200  # characters of a name that are looked at
TRIAL = ("epoch", "trial", "trial_id", "attempt", "attempt_idx", "sample_idx", "sample_index",
         "completion_id", "seed", "run_idx", "repeat", "repetition", "iteration", "rep",
         "rollout", "rollout_id", "replicate", "try", "k", "generation_idx", "trial_index", "run",
         "run_number", "train_trial_index")
GRADING = ("filter", "judge", "judge_model", "judge_name", "grader", "scorer", "evaluator",
           "annotator", "rater", "metric", "eval_type")
CONDITION = ("prompt_idx", "prompt_label", "prompt_variant", "variant", "condition", "setting",
             "strategy", "temperature", "config", "perturbation", "attack", "mode",
             "prompt_version")
SECONDS = ("latency", "duration", "elapsed", "elapsed_time", "total_time", "time", "response_time",
           "duration_s", "latency_s", "seconds", "execution_time", "working_time")
KIND = ("type", "event", "kind", "event_type", "record_type", "entry_type")
RUN = ("run_id", "run_name", "experiment_id", "experiment", "eval_run_id")
_OTHERS = frozenset(("scores", "judge", "grader", "evaluator", "user", "simulator", "critic",
                     "scorer", "grading", "rater"))
_MODELS = re.compile(
    r"(gpt|claude|gemini|llama|qwen|qwq|mistral|mixtral|deepseek|gemma|phi|command-?r|grok|glm|"
    r"kimi|nova|falcon|yi|olmo|granite|nemotron|sonnet|opus|haiku|codestral|starcoder|vicuna|"
    r"wizard|minimax|jamba|dbrx|solar|internlm|baichuan|o[134](-|$))", re.IGNORECASE)
# Names of fields that name a model in some files and another thing in others.
_PERHAPS_MODELS = frozenset(("key", "system", "provider", "agent", "agent_name", "engine", "m",
                             "deployment", "session_name", "app_name", "app_id", "app",
                             "assistant_name", "assistant", "bot", "id", "name"))
_SURELY_MODELS = frozenset(("model_info_name", "model_info_id", "model_config_name",
                            "llm_config_name"))
_MAKERS = frozenset(("openai", "anthropic", "google", "meta", "mistral", "mistralai", "cohere",
                     "azure", "bedrock", "together", "openrouter", "deepseek", "qwen", "xai",
                     "huggingface", "hf", "vllm", "ollama", "groq", "fireworks", "vertex"))
_PERHAPS_ITEMS = frozenset(("uid", "uuid", "name", "test", "task", "case", "session_id", "row_id"))
_NUMBERED = frozenset(("attempt", "trial", "run", "sample", "try", "epoch", "seed", "repeat", "rep",
                       "rollout", "iteration", "completion", "generation", "answer", "response"))
_FAULTS = frozenset(("error", "errors", "failure", "fail", "mistake", "fault"))
_KINDS = frozenset(("type", "class", "mode", "category", "kind", "code", "source", "subtype",
                    "reason", "label"))


class Roles(NamedTuple):
    """Which field is which of ours."""

    fields: dict[str, Field]
    why: dict[str, str]


def tokens(name: str) -> list[str]:
    """The words of a name: camelCase, snake_case and blanks apart."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name[:_LONGEST])
    return [word.lower() for word in re.split(r"[\W_]+", apart) if word]


def spellings(field: Field) -> tuple[str, str]:
    """A field's own name, and with the name of what it is in before it."""
    names = _steps(field)
    return names[-1] if names else "", "_".join(names[-2:])


def pick(fields: Sequence[Field], names: Sequence[str], fits: Callable[[Field], bool],
         exclude: Iterable[Field] = ()) -> Field | None:
    """The field with the most preferred name that fits; of two, the one nearest to the row."""
    taken = {field.expression for field in exclude}
    ranked = []
    for field in fields:
        if field.expression in taken:
            continue
        own, longer = spellings(field)
        place = min((names.index(name) for name in (own, longer) if name in names), default=None)
        if place is not None and fits(field):
            ranked.append((place, -field.depth, len(field.path), len(ranked), field))
    return min(ranked)[-1] if ranked else None


def looks_like_models(values: Iterable[Any]) -> bool:
    """True when most of these texts begin as names of models do, a maker's name before them or
    not."""
    texts = [str(value).split("/")[-1].split(":")[-1] for value in values]
    return bool(texts) and sum(bool(_MODELS.search(text)) for text in texts) * 2 > len(texts)


def is_text(field: Field) -> bool:
    """True for texts, and for what becomes text: lists of texts, messages."""
    return field.are(str) or (field.are(str, list) and any(
        is_conversation(value) or (value and isinstance(value[0], str | list)) for value in
        field.values if isinstance(value, list)))


def is_number(field: Field) -> bool:
    """True for numbers, in a table as text."""
    return field.are(int, float)


def is_few(field: Field, most: int = 30) -> bool:
    """True for short names of which there are few."""
    kinds = field.distinct
    return field.are(str, int) and len(kinds) <= most and all(
        len(str(kind)) <= 80 for kind in kinds) and (
        len(kinds) * 2 <= len(field.values) or len(kinds) < 3 or (
            len(kinds) < len(field.values) < 20 and not any(" " in str(kind) for kind in kinds)))


_LONGEST_CODE = 40  # characters of what is an item's name and no text
# Words in longer names ("Final answer, if any"), for the fields that no name of NAMES gave.
_BY_A_WORD = (
    ("assistant_text", ("answer", "response", "output", "completion", "prediction", "reply"),
     "CHECK: is it the answer?"),
    ("user_text", ("prompt", "question", "problem", "instruction", "task"),
     "CHECK: is it what was asked?"),
    ("judge_reasoning", ("comment", "comments", "remark", "explanation", "feedback", "rationale",
                         "says", "justification"), "CHECK: are these the judge's words?"))


def is_item(field: Field) -> bool:
    """True for what can tell items apart."""
    if not field.are(str, int) or field.share < 0.6 or any(
            len(str(value)) > 200 for value in field.distinct[:20]):
        return False
    count = len(field.distinct)
    if is_numbered(field):
        return False
    if field.leaf == "key" and not field.is_own and len(field.path) == 1:
        return not looks_like_models(field.distinct)
    return field.rows == 1 or (count > 1 and len(field.values) / count <= 60)


def is_model(field: Field) -> bool:
    """True for names of models, not those of judges, simulated users or makers of models."""
    if _words(field) & _OTHERS or not field.are(str) or len(field.distinct) > 60 or \
            is_numbered(field):
        return False
    own, longer = spellings(field)
    if longer in _SURELY_MODELS:
        return True
    return own not in _PERHAPS_MODELS or looks_like_models(field.distinct) or \
        len(field.distinct) * (3 if own in ("key", "provider") else 2) <= field.rows


def is_numbered(field: Field) -> bool:
    """True for names of repeats: attempt_1, attempt_2."""
    return bool(field.values) and all(isinstance(value, str) and (words := tokens(value))[:1] and
                                      words[0] in _NUMBERED and "".join(words[1:]).isdigit()
                                      for value in field.distinct)


def _doubts_model(model: Field, item: Field | None) -> str:
    """Why what is taken for the model may be another thing, or nothing."""
    own, longer = spellings(model)
    if looks_like_models(model.distinct) or own not in _PERHAPS_MODELS or longer in _SURELY_MODELS:
        return ""
    if own == "provider" or {str(value).lower() for value in model.distinct} <= _MAKERS:
        return "CHECK: the model, or who offers it?"
    pairs = set(zip(map(str, item.by_row), model.by_row, strict=True)) if item else set()
    if item and len(model.distinct) > 1 and \
            len(pairs) >= 0.9 * len(item.distinct) * len(model.distinct):
        return ""  # each item was given to each of them
    return "CHECK: is it this that names the model?"


def _steps(field: Field) -> list[str]:
    return ["_".join(tokens(step)) for step in field.path if isinstance(step, str)]


def _words(field: Field) -> set[str]:
    return {word for step in field.path for word in tokens(str(step))}


def _one_question_each(item: Field, asked: Field | None) -> bool:
    """True unless most items would have several questions: then they are no items."""
    if asked is None or asked.depth > item.depth:
        return True
    questions: dict[str, set[str]] = {}
    for name, question in zip(item.by_row, asked.by_row, strict=True):
        questions.setdefault(str(name), set()).add(str(question))
    return sum(len(texts) > 1 for texts in questions.values()) * 3 <= len(questions)


def is_failure_class(field: Field) -> bool:
    """True for few short names of what went wrong."""
    own, longer = spellings(field)
    words = set(own.split("_")) or set(longer.split("_"))
    return bool(words & _FAULTS and words & _KINDS) and field.are(str) and \
        len(field.distinct) <= 40 and all(len(text) <= 60 for text in field.distinct)


def roles(fields: list[Field], verdicts: Sequence[Field]) -> Roles:
    """Which field is which of ours; verdicts and their like are no texts."""
    picked: dict[str, Field] = {}
    why: dict[str, str] = {}
    judged = list(verdicts)

    def take(name: str, fits: Callable[[Field], bool], pool: Sequence[Field] = fields) -> None:
        field = pick(pool, NAMES[name], fits, [*judged, *picked.values()])
        if field is not None:
            picked[name] = field

    keys = [field for field in fields if field.leaf == "key" and len(field.path) == 1]
    take("model_name", lambda field: is_model(field) and (
        field not in keys or looks_like_models(field.distinct)))
    entries = {value for field in keys for value in field.distinct if isinstance(value, str)}
    own = [field for field in fields if field.leaf != "key" and field.path[0] not in entries]
    take("user_text", is_text, own)
    asked = picked.get("user_text")
    take("item_id", lambda field: is_item(field) and _one_question_each(field, asked))
    take("expected", lambda field: spellings(field)[0] not in ("answer", "solution", "label") and
         field.are(str, int, float, list, dict, bool) and any(field.values), own)
    take("assistant_text", lambda field: not _words(field) & _OTHERS and (is_text(field) or (
        field.are(str, dict, int, float) and not field.are(dict))), own)
    for name, words, check in _BY_A_WORD:
        field = None if name in picked else _longer_name(own, words, [*judged, *picked.values()])
        if field is not None:
            picked[name], why[name] = field, check
    if "expected" not in picked:
        taken = [field.path for field in picked.values()]
        take("expected", lambda field: field.are(str, int, float, list) and any(field.values) and
             not _words(field) & {"provider", "prompt", "tags"} and not any(
                 field.path[:len(path)] == path for path in taken), own)
    take("termination", lambda field: is_few(field, 15) and len(field.path) < 6, own)
    classes = [field for field in fields if is_failure_class(field) and field not in judged]
    if classes:
        picked["failure_class"] = min(classes, key=lambda field: -field.depth)
    take("judge_reasoning", lambda field: field.are(str, list) and not (
        field.are(list) and not is_text(field)) and not field.depth < _deepest(fields) - 1, own)
    take("reasoning", is_text, own)
    take("task", lambda field: is_few(field, 60) and len(field.path) < 4 and (
        len(field.distinct) > 1 or spellings(field)[0] not in ("type", "name", "level")), own)
    for name in ("prompt_tokens", "completion_tokens", "latency_ms", "cost_usd"):
        take(name, is_number, own)
    _settle_item(picked, why, fields, judged)
    if "model_name" in picked and (doubt := _doubts_model(picked["model_name"],
                                                          picked.get("item_id"))):
        why["model_name"] = doubt
    for name in ("item_id", "model_name"):
        if name in picked and name not in why and picked[name].share < 1:
            rest = picked[name].rows - len(picked[name].values)
            why[name] = f"CHECK: {rest} rows have none"
    entry = next((field for field in keys if field.is_own), None)
    if entry and "model_name" not in picked and picked.get("item_id") not in (None, entry) and \
            len(entry.distinct) * 3 <= entry.rows:
        picked["model_name"], why["model_name"] = entry, "CHECK: is it this that names the model?"
    return Roles(picked, why)


def _longer_name(fields: Sequence[Field], words: Sequence[str], taken: Sequence[Field]
                 ) -> Field | None:
    """A text of the row with one of these words in its name ("Final answer, if any")."""
    return next((field for word in words for field in fields if field.is_own and field not in taken
                 and word in tokens(field.leaf) and is_text(field) and not _words(field) & {
                     "expected", "gold", "correct", "reference", "best", "id", "type"}), None)


def _deepest(fields: Sequence[Field]) -> int:
    return max((field.depth for field in fields), default=0)


def _settle_item(picked: dict[str, Field], why: dict[str, str], fields: list[Field],
                 judged: list[Field]) -> None:
    """A code that goes with one text each is the item, and that text what was asked; else what was
    asked is, where no field has its id."""
    if "item_id" not in picked:
        _pair(picked, why, fields, judged)
    if "item_id" in picked:
        item = picked["item_id"]
        if spellings(item)[0] in _PERHAPS_ITEMS and len(item.distinct) < item.rows:
            why["item_id"] = "CHECK: is this what tells items apart?"
        return
    ids = [field for field in fields if field.are(str, int) and field.share > 0.9 and
           tokens(field.leaf)[-1:] in (["id"], ["nr"], ["number"], ["no"]) and
           len(field.distinct) == field.rows > 1 and field not in judged]
    asked = picked.get("user_text")
    if ids and not (asked and asked.are(str) and len(asked.distinct) * 2 <= asked.rows):
        picked["item_id"] = min(ids, key=lambda field: (-field.depth, len(field.path)))
        why["item_id"] = "CHECK: is this what tells items apart?"
        return
    named = pick(fields, [name for name in NAMES["item_id"] if name.endswith("_id")],
                 lambda field: field.are(str, int) and field.share > 0.9 and field.is_own, judged)
    if named is not None and len(named.distinct) * 60 > named.rows:
        picked["item_id"], why["item_id"] = named, "CHECK: all rows are of one item"
        return
    if asked is not None and asked.are(str):
        picked["item_id"], why["item_id"] = asked, "CHECK: there is no id; the question is the item"
        return
    names = [field for field in fields if field.are(str) and field not in judged
             and field.share >= 0.9 and len(field.distinct) == field.rows]
    if names:
        picked["item_id"] = min(names, key=lambda field: -field.depth)
        why["item_id"] = "CHECK: is this what tells items apart?"


def _pair(picked: dict[str, Field], why: dict[str, str], fields: list[Field],
          judged: list[Field]) -> None:
    """Picks a code and a text that go with each other alone and come back in several rows: other
    models, or trials, of one item. A judge's words would be of one row."""
    taken = [*judged, *(field for name, field in picked.items()
                        if name not in ("user_text", "judge_reasoning"))]
    free = [field for field in fields if field.is_own and field not in taken
            and field.share > 0.9 and 1 < len(field.distinct) <= field.rows / 2]
    asked = picked.get("user_text")
    codes = [field for field in free if field.are(str, int) and all(
        len(str(value)) <= _LONGEST_CODE and " " not in str(value) for value in field.distinct)]
    texts = [field for field in ([asked] if asked else free) if is_text(field)]
    for text in texts:
        for code in codes:
            pairs = len(set(zip(map(str, code.by_row), map(str, text.by_row), strict=True)))
            if code is not text and pairs == len(code.distinct) == len(text.distinct):
                picked |= {"item_id": code, "user_text": text}
                why |= {"item_id": "CHECK: is this what tells items apart?"}
                if picked.get("judge_reasoning") is text:
                    del picked["judge_reasoning"]
                    why["user_text"] = "CHECK: is it what was asked?"
                    why.pop("judge_reasoning", None)
                return


def repeats(fields: Sequence[Field], picked: dict[str, Field]) -> tuple[int, Counter]:
    """(rows that have an item of an earlier row of the same model, how often each pair is)."""
    item, model = picked.get("item_id"), picked.get("model_name")
    if item is None:
        return 0, Counter()
    models = model.by_row if model else [None] * item.rows
    pairs = Counter(zip(map(str, item.by_row), map(str, models), strict=True))
    return sum(pairs.values()) - len(pairs), pairs
