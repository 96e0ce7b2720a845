"""Texts of specs and options from strings and keyword arguments."""

from __future__ import annotations

from typing import Any

from ._errors import TextError

_LISTS = {"encoder", "decoder", "columns", "where", "milestones", "shift"}


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (list, tuple)):
        if key == "input":
            return "x".join(str(extent) for extent in value)
        return "[%s]" % ", ".join(str(item) for item in value)
    text = str(value)
    if text[:1] in ("[", '"'):
        return text
    if key in _LISTS and (key != "shift" or text not in ("none", "columns")):
        return "[%s]" % text
    return '"%s"' % text if not text or any(c in text for c in " \t\n#,") else text


def _sets(given: str, key: str) -> bool:
    lines = (line.split("#")[0] for line in given.splitlines())
    return any(word.split("=")[0] == key for line in lines for word in line.split())


def text(given: str | None, values: dict[str, Any], own: str = "") -> bytes:
    """ "a=1", {"b": 2} -> b"a=1\\nb=2": on lines of their own, so that a comment in `given` hides nothing. A value of
    None leaves the key out. `own` comes first: keys that are not for the caller to set."""
    if given is not None and not isinstance(given, str):
        raise TypeError("expected the options as text, found %s" % type(given).__name__)
    words = [own] if own else []
    words += [given] if given else []
    words += ["%s=%s" % (key, _value(key, value)) for key, value in values.items() if value is not None]
    made = "\n".join(words)
    for key in (word.split("=")[0] for word in own.split()):
        if key in values or given and _sets(given, key):
            raise TextError("'%s=' is not for you to set: it follows from the array" % key)
    if "\0" in made:
        raise TextError("a text holds a zero byte")
    return made.encode()
