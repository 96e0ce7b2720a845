"""Writes the kept inputs that are binary, tests/fuzz/corpus/<target>/<name>. Those that are text are kept as they are.

Every input is made by hand to be one thing, which its name says. Run in the root of the tree; needs Python only.
"""
import gzip
import json
import pathlib
import struct

CORPUS = pathlib.Path("tests/fuzz/corpus")


def write(name, content):
    path = CORPUS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def compressed(content):
    return gzip.compress(content, 9, mtime=0)


# ---- IDX ----

def idx(extents, values, code=8):
    return struct.pack(f">BBBB{len(extents)}I", 0, 0, code, len(extents), *extents) + values


def write_idx():
    plain = {
        "bytes": idx([3, 2, 2], bytes(range(12))),
        "floats": idx([2, 2], struct.pack(">4f", 1, 2.5, -3, 4e38 / 2), 13),
        "doubles-nan": idx([2, 1], struct.pack(">2d", 0.5, float("nan")), 14),
        "doubles-denormal": idx([1, 2], struct.pack(">2d", 5e-324, 1e-45), 14),
        "labels": idx([3], b"\1\2\3"),
        "rank-9": idx([1] * 9, b"x"),
        "rank-10": idx([1] * 10, b"x"),
        "rank-255": bytes([0, 0, 8, 255]) + bytes(255),
        "shorts": idx([1, 1], b"xx", 11),
        "signed-bytes": idx([2, 2], b"\x80\xff\0\x7f", 9),
        "ints": idx([2, 2], struct.pack(">4i", -(2**31), 2**24 + 1, 0, 2**31 - 1), 12),
        "type-unknown": idx([1, 1], b"xx", 10),
        "claims-2-to-60": idx([2**15, 2**15, 2**15, 2**15], b"few"),
        "claims-2-to-96": idx([2**32 - 1] * 3, b"few"),
        "claims-one-more": idx([2, 3], b"12345"),
        "claims-one-less": idx([2, 2], b"12345"),
        "dimension-0": idx([2, 0, 3], b""),
        "header-cut": idx([3, 2, 2], b"")[:9],
    }
    for name, content in plain.items():
        write(f"idx/{name}", content)
    for name in ("bytes", "claims-2-to-60", "claims-one-more", "claims-one-less"):
        write(f"idx/{name}.gz", compressed(plain[name]))
    whole = compressed(plain["bytes"])
    write("idx/cut.gz", whole[:-12])
    write("idx/wrong-checksum.gz", whole[:-8] + b"\0\0\0\0" + whole[-4:])
    write("idx/two-members.gz", compressed(plain["bytes"][:10]) + compressed(plain["bytes"][10:]))
    write("idx/rubbish-after.gz", whole + b"rubbish")
    write("idx/zeros-after.gz", whole + bytes(512))
    write("idx/member-after-zeros.gz", whole + bytes(3) + whole)
    write("idx/name-without-end.gz", b"\x1f\x8b\x08\x08" + bytes(6) + b"name" * 20)
    # 3 MB in 3 KB: what it says, more than the limit, and as the surplus of a small array.
    write("idx/bomb-claimed.gz", compressed(idx([3 << 10, 1 << 10], bytes(3 << 20))))
    write("idx/bomb-surplus.gz", compressed(idx([2, 2], bytes(3 << 20))))
    write("idx/empty", b"")
    write("idx/empty.gz", compressed(b""))


# ---- NPY ----

def npy(header, values, version=1, length=None):
    text = header.encode() + b"\n"
    length = len(text) if length is None else length
    return b"\x93NUMPY" + struct.pack("<BBH" if version == 1 else "<BBI", version, 0, length) + text + values


def described(shape, descr="<f4", order="False"):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"


def write_npy():
    floats = struct.pack("<4f", 1, 2, 3, 4)
    huge = described("(1152921504606846976,)", "|u1")
    inputs = {
        "floats": npy(described("(2, 2)"), floats),
        "doubles-version-2": npy(described("(2,)", "<f8"), struct.pack("<2d", 1, float("inf")), 2),
        "bytes-version-3": npy(described("(2, 3)", "|u1"), b"123456", 3),
        "denormals": npy(described("(1, 2)"), struct.pack("<2I", 1, 0x80000001)),
        "rank-8": npy(described("(1, 1, 1, 1, 1, 1, 1, 1)", "|u1"), b"x"),
        "rank-9": npy(described("(1, 1, 1, 1, 1, 1, 1, 1, 1)", "|u1"), b"x"),
        "fortran": npy(described("(2, 2)", order="True"), floats),
        "big-endian": npy(described("(2, 2)", ">f4"), floats),
        "fortran-rank-3": npy(described("(2, 3, 2)", "|u1", "True"), bytes(range(12))),
        "fortran-ints": npy(described("(2, 2)", ">i4", "True"), struct.pack(">4i", 1, -(2**24) - 1, 2**31 - 1, 0)),
        "fortran-claims-2-to-60": npy(described("(1073741824, 1073741824)", "|i1", "True"), b"few"),
        "signed-bytes": npy(described("(2, 2)", "|i1"), b"\x80\xff\0\x7f"),
        "bools": npy(described("(2, 2)", "|b1"), b"\0\1\2\xff"),
        "halves": npy(described("(2, 3)", "<f2"), struct.pack("<6H", 0x3C00, 1, 0x8000, 0x7BFF, 0xFC00, 0x7E01)),
        "shorts": npy(described("(2, 2)", ">u2"), b"\0\1\xff\xff\x80\0\0\0"),
        "longs": npy(described("(2, 2)", "<i8"), struct.pack("<4q", -(2**63), 2**53 + 1, 2**63 - 1, 0)),
        "unsigned-longs": npy(described("(2, 2)", ">u8"), struct.pack(">4Q", 2**64 - 1, 2**24 + 1, 0, 1)),
        "small-claims-2-to-62": npy(described("(4611686018427387904,)", "|i1"), b"few"),
        "complex": npy(described("(1,)", "<c8"), bytes(8)),
        "dates": npy(described("(1,)", "<M8[ns]"), bytes(8)),
        "records": npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(4)),
        "type-size-2-to-64": npy(described("(1,)", "<f18446744073709551616"), bytes(8)),
        "objects": npy(described("(1,)", "|O"), b"\x80\x03]."),
        "claims-2-to-60": npy(huge, b"few"),
        "claims-2-to-64": npy(described("(4294967296, 4294967296)", "|u1"), b"few"),
        "claims-2-to-64-and-1": npy(described("(18446744073709551617,)", "|u1"), b"x"),
        "negative-dimension": npy(described("(-1, 2)"), floats),
        "dimension-0": npy(described("(0, 4)"), b""),
        "no-dimensions": npy(described("()"), b"1234"),
        "header-longer-than-file": npy(described("(2, 2)"), floats, 1, 65535),
        "header-of-4-gigabytes": npy(described("(2, 2)"), floats, 2, 2**32 - 1),
        "header-empty": npy("", b"", 1, 0),
        "shape-twice": npy("{'descr': '<f4', 'shape': (2,), 'shape': (1,), 'fortran_order': False}", floats[:8]),
        "nested-tuples": npy(described("(" * 1000 + ")" * 1000), b""),
        "version-4": npy(described("(2, 2)"), floats, 4),
        "zeros-in-header": npy(described("(2, 2)") + "\0\0\0", floats),
    }
    for name, content in inputs.items():
        write(f"npy/{name}", content)
    write("npy/floats.gz", compressed(inputs["floats"]))
    write("npy/claims-2-to-60.gz", compressed(inputs["claims-2-to-60"]))
    write("npy/fortran-ints.gz", compressed(inputs["fortran-ints"]))
    write("npy/bomb-fortran.gz", compressed(npy(described("(256, 1024)", "|i1", "True"), bytes(1 << 18))))
    write("npy/bomb-claimed.gz", compressed(npy(described("(3072, 1024)", "|u1"), bytes(3 << 20))))


# ---- CSV: compressed ones, and what is no text of one byte a character ----

def write_csv():
    write("csv/rows.gz", compressed(b"a,b\n1,2\n3,4\n"))
    write("csv/utf-16", "a,b\n1,2\n".encode("utf-16"))
    write("csv/utf-16-without-mark", "1,2\n3,4\n".encode("utf-16-le"))
    write("csv/zip", b"PK\3\4" + bytes(22) + b"\x09\0\0\0arr_0.npy")
    write("csv/zip-name-cut", b"PK\3\4" + bytes(22) + b"\xff\xff\0\0a.npy")
    write("csv/bomb-rows.gz", compressed(b"1\n" * (1 << 20)))
    write("csv/bomb-cell.gz", compressed(b"1" * (3 << 20)))
    write("csv/bomb-columns.gz", compressed(b"1," * (1 << 20)))
    write("csv/bomb-blank.gz", compressed(b"\n" * (3 << 20)))
    write("csv/bomb-quotes.gz", compressed(b'"' * (3 << 20)))


# ---- safetensors ----

def file(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def write_safetensors():
    ab = {"a": tensor(0, 8, [2]), "b": tensor(8, 16, [2, 1])}
    one = b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
    inputs = {
        "two-tensors": file({"__metadata__": {"spec": "x", "": "é\n"}, **ab}, bytes(16)),
        "every-dtype": file({"d": tensor(0, 8, [], "F64"), "u": tensor(8, 16, [1], "U64"), "i": tensor(16, 24, [1], "I64"),
                             "b": tensor(24, 27, [3], "U8"), "none": tensor(27, 27, [0, 3])}, bytes(27)),
        "escapes": file(b'{"__metadata__":{"\\u0001\\u001f\\/\\"\\\\":"\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\x7f"}}'),
        "half-floats": file({"h": tensor(0, 2, [1], "F16")}, bytes(2)),
        "no-tensors": file({}),
        "header-length-2-to-63": file(ab, bytes(16), 2**63),
        "header-length-2-to-64-less-8": file(ab, bytes(16), 2**64 - 8),
        "header-longer-than-file": file(ab, bytes(16), 200),
        "header-length-0": struct.pack("<Q", 0),
        "length-cut": b"\x10\0\0\0",
        "claims-2-to-60": file({"a": tensor(0, 4, [2**30, 2**30])}, bytes(4)),
        "claims-2-to-64": file({"a": tensor(0, 0, [2**32, 2**32])}),
        "offsets-2-to-64": file({"a": tensor(2**64 - 4, 2**64 - 1, [1])}, bytes(4)),
        "offsets-backwards": file({"a": tensor(8, 0, [2])}, bytes(8)),
        "offsets-past-end": file({"a": tensor(0, 8, [2])}, bytes(4)),
        "overlapping-offsets": file({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, bytes(12)),
        "same-offsets": file({"a": tensor(0, 8, [2]), "b": tensor(0, 8, [2])}, bytes(8)),
        "gap": file({"a": tensor(0, 4, [1]), "b": tensor(8, 12, [1])}, bytes(12)),
        "trailing-bytes": file(ab, bytes(17)),
        "rank-9": file({"a": tensor(0, 4, [1] * 9)}, bytes(4)),
        "duplicate-names": file(b'{"a":' + one + b',"a":' + one.replace(b"0,1", b"1,2") + b"}", bytes(2)),
        "duplicate-names-escaped": file(b'{"a":' + one + b',"\\u0061":' + one.replace(b"0,1", b"1,2") + b"}", bytes(2)),
        "duplicate-metadata": file(b'{"__metadata__":{"k":"1","k":"2"}}'),
        "duplicate-metadata-objects": file(b'{"__metadata__":{},"__metadata__":{}}'),
        "duplicate-fields": file(b'{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"),
        "nested-arrays": file(b'{"a":{"shape":' + b"[" * 3000),
        "nested-objects": file(b'{"a":' * 700),
        "nested-metadata": file(b'{"__metadata__":{"a":{"b":{}}}}'),
        "name-with-zero": file(b'{"\\u0000":' + one + b"}", b"x"),
        "name-of-half-a-pair": file(b'{"\\ud800":' + one + b"}", b"x"),
        "name-not-utf8": file(b'{"\xff":' + one + b"}", b"x"),
        "number-with-exponent": file(b'{"a":{"dtype":"U8","shape":[1e60],"data_offsets":[0,1]}}', b"x"),
        "number-negative": file(b'{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}', b"x"),
        "text-without-end": file(b'{"a'),
        "many-tensors": file({f"{i}": tensor(0, 0, [0], "U8") for i in range(60)}),
    }
    for name, content in inputs.items():
        write(f"safetensors/{name}", content)
    write("safetensors/compressed.gz", compressed(inputs["two-tensors"]))


# ---- models ----

SPEC = "input=2 latent=1 likelihood=bernoulli encoder=[dense 2, relu] decoder=[]"
# Name and shape of the parameters of that spec, in the order of computation.
PARAMETERS = [("encoder.0.weight", [2, 2]), ("encoder.0.bias", [2]), ("posterior.weight", [2, 2]),
              ("posterior.bias", [2]), ("likelihood.weight", [2, 1]), ("likelihood.bias", [2])]


def count(shape):
    return shape[0] * (shape[1] if len(shape) > 1 else 1)


def model_file(metadata, values, parameters=PARAMETERS, more=()):
    """values: packed, four bytes each, for the parameters one after the other; more: of the moments."""
    header, at = {"__metadata__": metadata}, 0
    for name, shape in [*parameters, *more]:
        header[name] = tensor(at, at + 4 * count(shape), shape)
        at += 4 * count(shape)
    return file(header, values + bytes(at - len(values)))


def weights(*first):
    """These values, then 0.25 for the rest of the parameters."""
    rest = sum(count(shape) for _, shape in PARAMETERS) - len(first)
    return struct.pack(f"<{len(first) + rest}f", *first, *[0.25] * rest)


def write_models():
    metadata = {"format": "libvae-1", "spec": SPEC}
    largest = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]
    inputs = {
        "small": model_file(metadata, weights()),
        "nan-weight": model_file(metadata, weights(0.5, float("nan"))),
        "infinite-weight": model_file(metadata, weights(float("inf"))),
        "minus-infinite-weight": model_file(metadata, weights(1, 2, float("-inf"))),
        "denormal-weights": model_file(metadata, weights(1e-45, -1e-45, 1e-40, -1e-39)),
        "largest-weights": model_file(metadata, weights(*[largest] * 16)),
        "too-few-values": model_file({**metadata, "spec": "input=16777216 latent=16777216 likelihood=bernoulli"}, weights()),
        "spec-refused": model_file({**metadata, "spec": "input=2 latent=1 likelihood=cauchy"}, weights()),
        "spec-missing": model_file({"format": "libvae-1"}, weights()),
        "other-format": model_file({**metadata, "format": "libvae-99"}, weights()),
        "other-shape": model_file(metadata, weights(), [("encoder.0.weight", [4, 1])] + PARAMETERS[1:]),
        "tensor-missing": model_file(metadata, weights()[:-8], PARAMETERS[:-1]),
        "foreign-metadata": model_file({"author": "é \"x\"\n", **metadata, "": "", "licence": "CC0"}, weights()),
        "foreign-reserved": model_file({**metadata, "dataset": "mnist", "dataset.epoch": "x", "dataset_url": "",
                                        "optimizer.options": "sgd", "optimizer.note": "1"}, weights()),
        "tensor-unknown": model_file(metadata, weights(), more=[("stranger", [1])]),
        "shift": model_file({**metadata, "dataset.shift": "[1700000000, -0.5]"}, weights()),
        "shift-zero": model_file({**metadata, "dataset.shift": "[0, -0]"}, weights()),
        "shift-short": model_file({**metadata, "dataset.shift": "[1]"}, weights()),
        "shift-long": model_file({**metadata, "dataset.shift": "[" + "1, " * 3000 + "1]"}, weights()),
        "shift-nan": model_file({**metadata, "dataset.shift": "[nan, 1]"}, weights()),
        "shift-no-list": model_file({**metadata, "dataset.shift": "columns"}, weights()),
    }
    for name, content in inputs.items():
        write(f"model/{name}", content)


# ---- checkpoints ----

# What the target's data set is described as.
DATASET = ("rows=6 width=2 batch=2 shuffle=1 seed=1 drop_last=0 binarize=none dtype=uint8 offset=0 range=255 "
           "content=CONTENT")


def hash_of(content):
    value = 0xCBF29CE484222325
    for byte in content:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def write_checkpoints():
    dataset = DATASET.replace("CONTENT", hash_of(bytes(range(1, 13))))
    spec = SPEC.replace("bernoulli", "gaussian sigma=1")
    plain = {"format": "libvae-1", "spec": spec, "checkpoint": "1", "optimizer.options": "adam", "optimizer.steps": "3"}
    full = {**plain, "dataset": dataset, "dataset.epoch": "1", "dataset.position": "2"}

    def moments(number):
        return [(f"optimizer.moment{number}.{name}", shape) for name, shape in PARAMETERS]

    adam, sgd = moments(1) + moments(2), moments(1)
    total = len(weights())
    negative = weights() + bytes(total) + struct.pack("<f", -1)
    inputs = {
        "adam": model_file(plain, weights(), more=adam),
        "adam-dataset": model_file(full, weights(), more=adam),
        "sgd-momentum": model_file({**plain, "optimizer.options": "sgd momentum=0.9"}, weights(), more=sgd),
        "moments-none": model_file({**plain, "optimizer.options": "sgd"}, weights()),
        "model-only": model_file({"format": "libvae-1", "spec": spec}, weights()),
        "moments-missing": model_file(plain, weights(), more=sgd),
        "moment-nan": model_file(plain, weights() + struct.pack("<f", float("nan")), more=adam),
        "moment-negative": model_file(plain, negative, more=adam),
        "moment-largest": model_file(plain, weights() + b"\xff\xff\x7f\x7f" * 3, more=adam),
        "steps-2-to-64": model_file({**plain, "optimizer.steps": str(2**64)}, weights(), more=adam),
        "steps-2-to-63": model_file({**plain, "optimizer.steps": str(2**63)}, weights(), more=adam),
        "steps-2-to-62": model_file({**plain, "optimizer.steps": str(2**62)}, weights(), more=adam),
        "options-refused": model_file({**plain, "optimizer.options": "adam lr=nan"}, weights(), more=adam),
        "other-version": model_file({**plain, "checkpoint": "2"}, weights(), more=adam),
        "shift": model_file({**full, "dataset.shift": "[3, 4]"}, weights(), more=adam),
        "shift-alone": model_file({**plain, "dataset.shift": "[3, 4]"}, weights(), more=adam),
        "other-dataset": model_file({**full, "dataset": dataset.replace("width=2", "width=3")}, weights(), more=adam),
        "dataset-description-long": model_file({**full, "dataset": "rows=" + "6" * 1500}, weights(), more=adam),
        "epoch-2-to-64-less-1": model_file({**full, "dataset.epoch": str(2**64 - 1)}, weights(), more=adam),
        "position-past-end": model_file({**full, "dataset.position": "600"}, weights(), more=adam),
        "position-in-batch": model_file({**full, "dataset.position": "1"}, weights(), more=adam),
        "foreign-metadata": model_file({"author": "x", **full, "": "", "optimizer.note": "1", "dataset.shift": "[0, 0]"},
                                       weights(), more=adam),
        "nan-weight": model_file(full, weights(float("nan")), more=adam),
    }
    for name, content in inputs.items():
        write(f"checkpoint/{name}", content)


# ---- rows ----

# The target's models and values, in its order.
MODELS = ("bernoulli", "continuous-bernoulli", "gaussian", "sigma-optimal", "sigma-decoder", "sigma-per-dim", "sigma-small",
          "discretized-logistic", "categorical", "poisson", "poisson-total", "negative-binomial", "negative-binomial-total")
ZERO, ONE, DENORMAL, LARGEST, LEAST, NAN, LARGE = 0, 1, 10, 12, 13, 21, 24


def write_rows():
    for model, name in enumerate(MODELS):
        for values, what in ((bytes([ONE, ZERO, ZERO] * 4 + [ZERO, ONE, ZERO] * 4), "good"),
                             (bytes([LARGEST, LEAST, ZERO] * 6), "largest")):
            write(f"rows/{name}-{what}", bytes([model, 0]) + values)
        write(f"rows/{name}-constant", bytes([model, 4]) + bytes([ONE, ZERO, ZERO, ONE, ZERO, ZERO] * 2))
        write(f"rows/{name}-diverging", bytes([model, 16]) + bytes([ONE, ZERO, ZERO, ZERO, ONE, ZERO] * 4))
    # The ELBO and the gradient are finite, the update is not.
    write("rows/update-overflows", bytes([6, 16]) + bytes([LARGE] * 6 + [ZERO] * 6))
    write("rows/nan-in-last", bytes([2, 0]) + bytes([ONE] * 23 + [NAN]))
    write("rows/nan-scaled", bytes([2, 1]) + bytes([ONE] * 5 + [NAN]))
    write("rows/denormals-scaled", bytes([2, 1]) + bytes([DENORMAL, ZERO] * 6))
    write("rows/largest-scaled", bytes([2, 1]) + bytes([LARGEST, LEAST] * 6))
    write("rows/not-probabilities-drawn", bytes([0, 3]) + bytes([LARGEST] * 6))
    # standardize=1, with sigma=decoder and per_dim; the second byte asks for shift=columns.
    write("rows/shifted", bytes([4, 128]) + bytes([LARGE, ONE, ZERO, 7, 8, 9] * 3 + [ONE, LARGE, 7, ZERO, 9, 8] * 3))
    write("rows/shifted-largest", bytes([5, 128]) + bytes([LARGEST, LEAST, DENORMAL] * 6 + [LEAST, LARGEST, ZERO] * 6))
    write("rows/shifted-nan", bytes([2, 128]) + bytes([NAN] * 6 + [ONE] * 6))
    write("rows/iwae-largest", bytes([2, 8]) + bytes([LARGEST, LEAST] * 6))
    write("rows/iwae-optimal", bytes([3, 8]) + bytes([ONE, ZERO] * 6))
    write("rows/free-bits-largest", bytes([3, 12]) + bytes([LARGEST, LEAST] * 6))


if __name__ == "__main__":
    write_idx()
    write_npy()
    write_csv()
    write_safetensors()
    write_models()
    write_checkpoints()
    write_rows()
