"""What a run may spend, counted by what was sent and received, whatever an endpoint says."""

from dataclasses import dataclass
from typing import Protocol

from failure_analysis.coding.calls import Usage

EXPECTED_ANSWER = 1500  # tokens, where nothing is known of this model's answers yet


class Request(Protocol):
    """Of a request, about how long its prompt is and where its answer is cut, if anywhere."""

    tokens: int
    cap: int | None


@dataclass
class Budget:
    """What one run may spend: calls, and tokens in and out. For each call under way its prompt is
    reserved, and an answer as long as it may be, or, where that is not limited, as the longest so
    far; the first call goes alone, to learn it. What was `said` are the endpoint's own counts."""

    max_calls: int | None = None
    max_tokens: int | None = None
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    said_prompt_tokens: int = 0
    said_completion_tokens: int = 0
    uncounted: int = 0
    _reserved: int = 0
    _under_way: int = 0
    _longest: int = 0

    def _need(self, request: Request) -> int:
        return request.tokens + (max(request.cap or 0, self._longest) or EXPECTED_ANSWER)

    def room(self, request: Request, waits: bool = True) -> bool | None:
        """Whether a call is within the limits; None when calls under way decide it."""
        if self.max_calls is not None and self.calls >= self.max_calls:
            return False
        if self.max_tokens is None:
            return True
        later = None if waits and self._under_way else False
        if later is None and not (request.cap or self._longest):
            return None
        spent = self.prompt_tokens + self.completion_tokens + self._reserved
        return True if spent + self._need(request) <= self.max_tokens else later

    def take(self, request: Request) -> int:
        """Counts a call as under way; returns what is reserved for it."""
        need = self._need(request)
        self.calls += 1
        self._under_way += 1
        self._reserved += need
        return need

    def give_back(self, need: int) -> None:
        """A call that was refused, or never sent, costs nothing."""
        self.calls -= 1
        self._under_way -= 1
        self._reserved -= need

    def settle(self, need: int, request: Request, usage: Usage, received: int) -> None:
        """Puts what a call did cost in the place of what was reserved for it: what we counted or
        what was said, whichever is more; an answer of which nothing was said, as was reserved."""
        self._under_way -= 1
        self._reserved -= need
        said_in, said_out = usage.prompt_tokens, usage.completion_tokens
        self.uncounted += said_in is None or said_out is None
        answer = max(received, need - request.tokens if said_out is None else said_out)
        self._longest = max(self._longest, answer)
        self.prompt_tokens += max(request.tokens, said_in or 0)
        self.completion_tokens += answer
        self.said_prompt_tokens += said_in or 0
        self.said_completion_tokens += said_out or 0
