"""Samples for the lenses, as rows."""


def level_rows(per: int = 20, **changes) -> list[dict]:
    """Samples on six levels, every other one correct."""
    return [{"item_id": f"{level}-{at}", "params": {"length": level}, "correct": at % 2 == 0,
             "completion_tokens": 50 + 5 * level + at, **changes}
            for level in range(6) for at in range(per)]
