"""The fields of a sample, and the names under which rows may carry them."""

# Our field -> the names under which a row may carry it, the first that is there.
NAMES = {
    "eval_id": ("eval_id",), "model_name": ("model_name", "model"),
    "base_task": ("base_task", "task"), "tier": ("tier",), "item_id": ("item_id", "id"),
    "trial": ("trial", "run", "sample"), "params": ("params",), "outcome": ("outcome",),
    "correct": ("correct", "is_correct"), "extracted": ("extracted", "parsed_answer"),
    "finish_reason": ("finish_reason", "termination"), "truncated": ("truncated",),
    "tokens": ("completion_tokens",), "token_limit": ("token_limit", "max_tokens"),
    "guess_rate": ("guess_rate",), "prompt": ("prompt_text", "prompt", "user_text", "question"),
    "prompt_ids": ("prompt_token_ids",), "offsets": ("token_offsets",),
    "reasoning": ("reasoning_text", "reasoning", "thinking"),
    "response": ("response", "assistant_text", "output", "completion"),
    "reasoning_ids": ("reasoning_token_ids",), "ident": ("datapoint_id",),
}
# Those that are names or texts: no number, whatever they spell.
TEXTS = ("eval_id", "model_name", "base_task", "tier", "item_id", "trial", "extracted",
         "finish_reason", "outcome", "prompt", "reasoning", "response", "ident")
# What a parameter may be to the lenses.
ROLES = ("difficulty", "confounder", "pair", "other")
