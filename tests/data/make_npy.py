"""Writes tests/data/npy/: arrays as NumPy saves them, one of each type and order, and what the library refuses.

Run in the root of the tree; needs numpy. tests/unit/data/npy_test.c knows the values.
"""
import pathlib

import numpy as np

FOLDER = pathlib.Path("tests/data/npy")
FOLDER.mkdir(exist_ok=True)


def save(name, array):
    np.save(FOLDER / f"{name}.npy", array)


def integers(dtype):
    info = np.iinfo(dtype)
    if info.min:
        return [info.min, -1, 0, 1, 2, info.max]
    return [0, 1, 2, 3, info.max // 2 + 1, info.max]


REALS = {
    "f2": [-65504, 2**-24, 0.1, 1, -(2**-14), 1023 * 2**-24],
    "f4": [-3.4028234663852886e38, 2**-149, 0.1, 1, -(2**-126), 16777215],
    "f8": [-1e300, 2**-1074, 0.1, 1, -(2**-1022), 9007199254740991],
}

# Both byte orders of every type, [2, 3].
for order in "<>":
    side = {"<": "little", ">": "big"}[order]
    for letter, sizes in (("i", "1248"), ("u", "1248"), ("f", "248")):
        for size in sizes:
            kind = letter + size
            values = REALS[kind] if letter == "f" else integers(kind)
            save(f"{kind}-{side}", np.array(values, order + kind).reshape(2, 3))
save("bool", np.array([True, False, False, True, True, True]).reshape(2, 3))

# Fortran order: element [i, j, ..] of an array is its number when the last index runs fastest.
for shape in (3, 2), (40, 5), (2, 3, 4), (17, 2, 1, 3), (1, 6), (6, 1):
    for kind in ">f2", "<i4", "|u1", "<f8":
        if np.prod(shape) > 255 and kind == "|u1":
            continue
        array = np.asfortranarray(np.arange(np.prod(shape)).reshape(shape).astype(kind))
        save(f"fortran-{'x'.join(map(str, shape))}-{kind[1:]}", array)

# Types that are no real numbers.
save("refused-complex", np.array([1 + 2j, 3], "c8"))
save("refused-date", np.array(["2020-01-01", "2021-01-01"], "M8[ns]"))
save("refused-time", np.array([1, 2], "m8[s]"))
save("refused-text", np.array(["1.5", "2"]))
save("refused-bytes", np.array([b"1.5", b"2"]))
save("refused-object", np.array([1, 2.5, None], object))
save("refused-records", np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]))
save("refused-long", np.array([1, 2], "g"))
np.savez(FOLDER / "refused.npz", images=np.zeros((2, 3)))
