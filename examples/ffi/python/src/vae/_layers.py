"""Lists of layers as text, such as "[dense 64, res[dense 64, relu]]"."""

from __future__ import annotations


def split_layers(text: str) -> list[str]:
    """The layers of a list, whose own brackets may be missing. A comma inside of brackets divides nothing here."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:-1]
    layers, depth = [""], 0
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            layers.append("")
        else:
            layers[-1] += letter
    return [layer.strip() for layer in layers if layer.strip()]


def find_list(spec: str, key: str) -> str:
    """The list behind key= in a spec as the library prints it, with its brackets; "[]" if there is none."""
    begin = spec.find(key + "=[")
    if begin < 0:
        return "[]"
    begin += len(key) + 1
    depth = 0
    for end in range(begin, len(spec)):
        depth += (spec[end] == "[") - (spec[end] == "]")
        if depth == 0:
            return spec[begin : end + 1]
    return spec[begin:]
