"""Files that users write (YAML, JSON), held against a pydantic model: an unknown key or a value
that cannot be meant is refused with file, line, key and the nearest name there is."""

import difflib
import re
import reprlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from failure_analysis import files

if TYPE_CHECKING:
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")
_DEEPEST = 100
_SHOWN = 120  # of a value that is wrong
Place = Sequence[str | int]  # the keys and the places in lists that lead to a value, from the top


def load(path: Path, model: type[Model]) -> Model:
    """The document of a file as `model`, which must forbid unknown keys.

    Raises files.Refusal for the first thing that is wrong, with its line: no YAML or JSON, a key
    that is there twice, an unknown key, a value that the model does not take."""
    from pydantic import ValidationError

    node, document = _parsed(path)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        # A key that is misspelled is missing too: what is there says more.
        fault = min(error.errors(include_url=False), key=lambda fault: fault["type"] == "missing")
        place = [at for at in fault["loc"] if at != "[key]"]
        key = "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in place)
        line = f":{_line(node, place)}" if node else ""
        raise files.Refusal(f"{path}{line}: {key.lstrip('.')[:200] or 'the file'}: "
                            f"{_reason(fault, model)}") from None


def document(path: Path) -> Any:
    """The document of a file, not held against anything."""
    return _parsed(path)[1]


def _parsed(path: Path) -> tuple[Any, Any]:
    """(the nodes, which know their lines; the document). JSON is nearly YAML: what JSON spells is
    read as JSON, and has no lines where YAML cannot read it (an emoji as two \\u escapes)."""
    import yaml

    is_json = files.bare_name(path).endswith(".json")
    document = files.read_json(path) if is_json else None
    try:
        with files.open_bytes(path) as file:
            text = file.read()
        maker = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        if _is_too_deep(text, maker):
            raise ValueError(f"nested more than {_DEEPEST} levels deep")
        loader = maker(text)
        node = loader.get_single_node()
        for line, key in _repeated(node):
            raise files.Refusal(f"{path}:{line}: the key {key} is there twice; keep one")
        return node, document if is_json else loader.construct_document(node) if node else None
    except files.unpacking_errors() as error:
        raise files.Refusal(f"{path}: damaged, or not packed as it is called ({error})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if is_json:
            return None, document
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        raise files.Refusal(f"{path}{f':{mark.line + 1}' if mark else ''}: not valid YAML "
                            f"({reason})") from None


def _is_too_deep(text: bytes, maker: type) -> bool:
    """Whether a text is nested so deeply that the C parser would run out of stack and end the
    process. Its events, which are looked at one by one, cannot."""
    import yaml

    if sum(map(text.count, (b"[", b"{", b"-", b"?"))) <= _DEEPEST:
        return False  # no text without these gets deep before it gets huge
    depth = 0
    for event in yaml.parse(text, maker):
        depth += isinstance(event, yaml.CollectionStartEvent) - \
            isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            return True
    return False


def _repeated(node: Any) -> Iterator[tuple[int, str]]:
    """The keys that a mapping has a second time, with their lines. An alias is followed once."""
    nodes, seen = [node] if node else [], set()
    while nodes:
        node = nodes.pop()
        if id(node) in seen or isinstance(node.value, str):
            continue
        seen.add(id(node))
        keys = set()
        for child in node.value:
            if isinstance(child, tuple):
                name, child = child[0].value, child[1]
                if isinstance(name, str) and name in keys:
                    yield child.start_mark.line + 1, name
                keys.add(str(name))
            nodes.append(child)


def _line(node: Any, place: Place) -> int:
    """The line of what is at a place, or of the nearest thing around it."""
    line = 1
    for part in place:
        children = node.value if node and not isinstance(node.value, str) else []
        if isinstance(part, int) and 0 <= part < len(children) and not isinstance(
                children[0], tuple):
            node = children[part]
            line = node.start_mark.line + 1
        else:
            pairs = [child for child in children if isinstance(child, tuple)]
            mark, node = next(((name.start_mark, value) for name, value in pairs
                               if name.value == str(part)), (None, None))
            line = mark.line + 1 if mark else line
    return line


def _reason(fault: dict[str, Any], model: type) -> str:
    """What is wrong, in a line; for a name that is none, the nearest one and all there are."""
    if fault["type"] == "extra_forbidden":
        return "unknown key; " + nearest(str(fault["loc"][-1]), _keys(model, fault["loc"][:-1]))
    if fault["type"] == "literal_error":
        names = re.findall("'(.*?)'", fault["ctx"]["expected"])
        return f"{str(fault['input'])[:40]!r}: {nearest(str(fault['input']), names)}"
    if fault["type"] == "missing":
        return "it is not there, and is needed"
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    reason = re.sub("dictionary.*", "mapping", fault["msg"])
    try:
        return f"{reason}, got {reprlib.repr(fault['input'])[:_SHOWN]}"
    except ValueError:  # YAML reads hexadecimal numbers of any length, Python prints none of these
        return f"{reason}, got a number with too many digits"


def nearest(name: str, names: Sequence[str]) -> str:
    """`nearest: …; known are …`, for a name that is not among these."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0)
    return f"nearest: {near[0]}; known are {', '.join(names)}" if near else "none is expected here"


def _keys(kind: Any, place: Place) -> list[str]:
    """The keys that a model has at a place; none where there is no model."""
    fields = getattr(kind, "model_fields", None)
    if fields is not None:
        named = {field.alias or name: field for name, field in fields.items()}
        return list(named) if not place else _keys(named[place[0]].annotation, place[1:])
    inner = [part for part in get_args(kind) if part is not type(None) and part is not ...]
    if get_origin(kind) in (dict, list, tuple):
        return _keys(inner[-1], place[1:]) if place else []
    return next((keys for part in inner if (keys := _keys(part, place))), [])
