"""The fields of a sample, and the names under which rows may carry them."""

# A field, as a dataset config names it -> the names under which a row may carry it, the first that
# is there (references/lens-dataset.md lists them).
NAMES = {
    "eval_id": ("eval_id",), "model_name": ("model_name", "model"),
    "base_task": ("base_task", "task"), "tier": ("tier",), "item_id": ("item_id", "id"),
    "trial": ("trial", "run", "sample"), "params": ("params",), "outcome": ("outcome",),
    "correct": ("correct", "is_correct"), "extracted": ("extracted", "parsed_answer"),
    "finish_reason": ("finish_reason", "termination"), "truncated": ("truncated",),
    "completion_tokens": ("completion_tokens",), "token_limit": ("token_limit", "max_tokens"),
    "guess_rate": ("guess_rate",),
    "prompt_text": ("prompt_text", "prompt", "user_text", "question"),
    "prompt_token_ids": ("prompt_token_ids",), "token_offsets": ("token_offsets",),
    "reasoning_text": ("reasoning_text", "reasoning", "thinking"),
    "response": ("response", "assistant_text", "output", "completion"),
    "reasoning_token_ids": ("reasoning_token_ids",), "datapoint_id": ("datapoint_id",),
}
# Those that are names or texts: no number, whatever they spell.
TEXTS = ("eval_id", "model_name", "base_task", "tier", "item_id", "trial", "extracted",
         "finish_reason", "outcome", "prompt_text", "reasoning_text", "response", "datapoint_id")
# What a parameter may be to the lenses.
ROLES = ("difficulty", "confounder", "pair", "other")
