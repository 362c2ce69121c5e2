"""The finished calls of a coding project, on disk: what was answered is never paid for twice."""

import os
from collections.abc import Callable
from typing import IO

import msgspec

from failure_analysis import files


class Usage(msgspec.Struct, frozen=True):
    """Tokens as the endpoint counted them; null where it did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class Answer(msgspec.Struct, frozen=True):
    """One finished call: how it ended, what was said, what it cost. `text` is the raw answer."""

    key: str
    name: str
    state: str
    reason: str = ""
    text: str = ""
    usage: Usage = Usage()
    model: str = ""
    response_id: str = ""
    seconds: float = 0.0
    finished: str = ""


Get = Callable[[str], Answer | None]  # the answer to the request of a key, if it is there


class CallLog:
    """The finished calls of a project by key: a line each, appended at once. Only the places of
    the lines are held in memory; a later line of a key wins."""

    def __init__(self, file: IO[bytes], forget: Callable[[Answer], bool]) -> None:
        """Reads the places of all answers but those to be forgotten."""
        self._file, self._places = file, {}
        decode = msgspec.json.Decoder(Answer).decode
        start = 0
        for number, line in enumerate(file, 1):
            try:
                answer = decode(line)
            except ValueError as error:
                raise files.Refusal(f"{file.name}:{number}: not a finished call ({error}); "
                                    "remove the line, or use --overwrite") from None
            self._places.pop(answer.key, None)
            if not forget(answer):
                self._places[answer.key] = start
            start += len(line)

    def __len__(self) -> int:
        return len(self._places)

    def get(self, key: str) -> Answer | None:
        """The answer to a request, or None."""
        place = self._places.get(key)
        if place is None:
            return None
        self._file.seek(place)
        return msgspec.json.decode(self._file.readline(), type=Answer)

    def add(self, answer: Answer) -> None:
        """Appends an answer; when this returns, a killed process does not lose it."""
        self._places[answer.key] = self._file.seek(0, os.SEEK_END)
        self._file.write(msgspec.json.encode(answer) + b"\n")
        self._file.flush()
