#!/usr/bin/env python3
"""Writes tests/golden/data/ppca.txt: log p(x) of probabilistic PCA (Tipping & Bishop 1999), for ppca_golden_test.c.

Run by hand, from anywhere, when a case is added; needs mpmath (made with 1.4.1). All arithmetic is done with DIGITS
decimal digits on the exact values of the rows, which are float32 values, so that float and double builds read the same
data. The data are such that double arithmetic without care gives wrong answers: columns of very different scales,
columns that nearly or exactly determine each other, constant columns, columns far from zero, outliers.

A file is a list of words. Every case stands alone:

    case "NAME" columns D
    rows N ...                     [N, D]: the fit
    others M ...                   [M, D]: rows that were not fitted; M may be 0
    fit LATENT STANDARDIZE SIGMA_MIN V W    mean log p(x) in nats, of the rows and of the others (0 if there are none)
    end
"""
import math
import os
import random
import struct

import mpmath
from mpmath import mp, mpf

DIGITS = 150
mp.dps = DIGITS
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "ppca.txt")


def to_float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


class Draws:
    """Numbers that do not depend on the version of Python: random() is guaranteed, the rest is made of it."""

    def __init__(self, seed):
        self.source = random.Random(seed)

    def uniform(self, low=0.0, high=1.0):
        return low + (high - low) * self.source.random()

    def normal(self):
        radius = math.sqrt(-2 * math.log(1 - self.source.random()))
        return radius * math.cos(2 * math.pi * self.source.random())


# ---- The answer ----

def column_scales(rows, mean, standardize):
    """Standard deviations; of a column that does not vary 1, or a thousandth of its value where that is more."""
    scales = []
    for j in range(len(mean)):
        variance = mpmath.fsum((row[j] - mean[j]) ** 2 for row in rows) / len(rows)
        constant = max(mpf(1), abs(mean[j]) / 1000)
        scales.append((mpmath.sqrt(variance) if variance > 0 else constant) if standardize else mpf(1))
    return scales


def covariance_of(rows):
    width = len(rows[0])
    return mp.matrix([[mpmath.fsum(row[i] * row[j] for row in rows) / len(rows) for j in range(width)]
                      for i in range(width)])


def log_p(y, values, vectors, latent, noise, scales):
    """log N(x | mean, S (W W^T + noise I) S), y = S^-1 (x - mean)."""
    width = len(y)
    along = [mpmath.fsum(vectors[j, k] * y[j] for j in range(width)) for k in range(width)]
    total = width * mpmath.log(2 * mp.pi) + 2 * mpmath.fsum(mpmath.log(s) for s in scales)
    for k in range(width):
        variance = max(values[k], noise) if k < latent else noise
        total += mpmath.log(variance) + along[k] ** 2 / variance
    return -total / 2


def answers(rows, others, fits):
    """[(latent, standardize, sigma_min, mean log p of rows, of others)]"""
    rows = [[mpf(v) for v in row] for row in rows]
    others = [[mpf(v) for v in row] for row in others]
    width = len(rows[0])
    mean = [mpmath.fsum(row[j] for row in rows) / len(rows) for j in range(width)]
    made = []
    for standardize in sorted({fit[1] for fit in fits}):
        scales = column_scales(rows, mean, standardize)
        turn = lambda row: [(row[j] - mean[j]) / scales[j] for j in range(width)]
        fitted, held_out = [turn(row) for row in rows], [turn(row) for row in others]
        values, vectors = mp.eigsy(covariance_of(fitted))
        order = sorted(range(width), key=lambda k: -values[k])
        values = [max(values[k], mpf(0)) for k in order]
        vectors = mp.matrix([[vectors[j, k] for k in order] for j in range(width)])
        for latent, flag, sigma_min in fits:
            if flag != standardize:
                continue
            noise = max(mpmath.fsum(values[latent:]) / (width - latent), mpf(sigma_min) ** 2)
            mean_of = lambda some: (mpmath.fsum(log_p(y, values, vectors, latent, noise, scales) for y in some)
                                    / len(some)) if some else mpf(0)
            made.append((latent, standardize, sigma_min, mean_of(fitted), mean_of(held_out)))
    return made


# ---- The data ----

def every_latent(width, sigma_mins, standardize=(0, 1)):
    return [(latent, flag, sigma_min) for flag in standardize for sigma_min in sigma_mins
            for latent in range(1, width)]


def factors(seed, n, scales, shift=0.0, spread=0.3):
    """Rows with two common factors and noise of each column's own, times the columns' scales."""
    draws = Draws(seed)
    weights = [(draws.uniform(-1, 1), draws.uniform(-1, 1)) for _ in scales]
    rows = []
    for _ in range(n):
        a, b = draws.normal(), draws.normal()
        rows.append([scale * (shift + wa * a + wb * b + spread * draws.normal())
                     for scale, (wa, wb) in zip(scales, weights)])
    return rows


def collinear(seed, n, noises, scale=1.0):
    draws = Draws(seed)
    rows = []
    for _ in range(n):
        x = draws.normal()
        rows.append([scale * x] + [scale * (x + noise * draws.normal()) for noise in noises])
    return rows


def multiples(seed, n, scale):
    """Columns that determine each other up to the rounding of a float."""
    draws = Draws(seed)
    rows = []
    for _ in range(n):
        x = to_float32(scale * draws.normal())
        rows.append([x, 3 * x, x / 7, draws.normal()])
    return rows


def with_outlier(rows, place, column, value):
    rows = [list(row) for row in rows]
    rows[place][column] = value
    return rows


def one_hot(seed, n):
    """Two groups of three, each of which sums to 1, a copy of one column, and two measurements."""
    draws = Draws(seed)
    rows = []
    for _ in range(n):
        first, second = int(draws.uniform(0, 3)), int(draws.uniform(0, 3))
        row = [float(first == i) for i in range(3)] + [float(second == i) for i in range(3)]
        rows.append(row + [row[0], first + draws.normal(), 0.01 * draws.normal()])
    return rows


def copies(seed, n, scale):
    """A column, itself again, twice itself, a sum of it and another: exactly, since all are few multiples of the scale."""
    draws = Draws(seed)
    rows = []
    for _ in range(n):
        a, b = scale * int(draws.uniform(-999, 999)), scale * int(draws.uniform(-999, 999))
        rows.append([a, a, 2 * a, b, a + b, draws.normal()])
    return rows


def few_rows(seed, n):
    """Twelve columns of units up to 1e16 apart: copies of one factor with noise or without, or numbers of their own."""
    units, draws = Draws(29), Draws(seed)
    scales = [10 ** units.uniform(-8, 8) for _ in range(12)]
    rows = []
    for _ in range(n):
        common = draws.normal()
        rows.append([scale * (own if j % 4 == 0 else common + (1e-3, 1e-5, 0)[j % 4 - 1] * own)
                     for j, (scale, own) in enumerate((scale, draws.normal()) for scale in scales)])
    return rows


def scaled_column():
    return [[(i % 10 - 4.5) / 3, 1e10 * (i // 10 - 4.5), (i * 7 % 13 - 6) / 4, (i * 5 % 11 - 5) / 3]
            for i in range(100)]


def integers_far_away(seed, n):
    """Integers that a float holds, around numbers far from zero."""
    draws = Draws(seed)
    rows = []
    for _ in range(n):
        a = int(draws.uniform(-40, 40))
        rows.append([1e7 + a, -1.6e7 + a + int(draws.uniform(-3, 3)), draws.normal(), 5e6 + int(draws.uniform(0, 2))])
    return rows


def ball(width):
    """Every direction alike: which of the equal eigenvalues are kept must not matter."""
    return [[side * 2.0 * (i == j) for j in range(width)] for i in range(width) for side in (-1, 1)]


WIDE = [1e-10, 1e-5, 1.0, 1e5, 1e10, 1e15]
FLAT = [1.0, 0.0, 2.0, 0.0, 0.5]


def cases():
    yield "one column of 1e10", scaled_column(), [], every_latent(4, [1e-3])
    yield "two collinear columns", collinear(1, 150, [1e-4]), collinear(2, 10, [1e-4]), every_latent(2, [1e-5, 1e-3])
    yield ("four collinear columns", collinear(3, 60, [1e-2, 1e-4, 1e-6]), collinear(4, 10, [1e-2, 1e-4, 1e-6]),
           every_latent(4, [1e-9, 1e-5]))
    yield ("collinear columns of 1e10", collinear(5, 60, [1e-4, 2e-4, 1e-5], 1e10), [],
           every_latent(4, [1e-3], (0,)) + every_latent(4, [1e-7], (1,)))
    yield ("multiples, rounded to float", multiples(6, 40, 1e10), [],
           every_latent(4, [1e-3], (0,)) + every_latent(4, [1e-7], (1,)))
    yield "scales 1e-10 to 1e15", factors(7, 50, WIDE), factors(8, 10, WIDE), every_latent(6, [1e-3, 1e-13])
    yield ("scales 1e-10 to 1e15, other order", [row[::-1] for row in factors(9, 50, WIDE)], [],
           every_latent(6, [1e-13]))
    yield ("scales 1e15 and 1e14, far from zero", factors(10, 40, [1e15, 1e14, 1e15, 1.0], 3.0), [],
           every_latent(4, [1e-3]))
    yield "integers far from zero", integers_far_away(11, 60), integers_far_away(12, 10), every_latent(4, [1e-3])
    yield ("constant columns", [[r[0], 1e10, r[2], -3.0, r[4]] for r in factors(13, 40, FLAT)],
           [[r[0], 1e10, r[2], -3.0, r[4]] for r in factors(14, 10, FLAT)], every_latent(5, [1e-3]))
    yield ("a constant column that varies elsewhere", [[r[0], 2.0, r[2]] for r in factors(15, 40, [1, 1, 1])],
           factors(16, 10, [1, 1, 1]), every_latent(3, [1e-3]))
    yield "only constant columns", [[7.0, 1e10, -3.0]] * 6, [[7.0, 1e10, -3.0], [7.5, 1e10, -3.0]], every_latent(3, [0.1])
    yield ("outliers in the fit", with_outlier(factors(17, 50, [1, 1, 1, 1]), 20, 1, 1e12),
           factors(18, 10, [1, 1, 1, 1]), every_latent(4, [1e-3]))
    yield ("outliers elsewhere", factors(19, 50, [1, 1, 1, 1]),
           with_outlier(with_outlier(factors(20, 10, [1, 1, 1, 1]), 3, 2, 1e6), 4, 0, -1e15), every_latent(4, [1e-3]))
    yield "sums and copies", one_hot(21, 50), one_hot(22, 10), every_latent(9, [1e-3])
    yield "sums and copies of 1e14", copies(25, 40, 2.0 ** 40), copies(26, 10, 2.0 ** 40), every_latent(6, [1e-3])
    yield "fewer rows than columns", factors(23, 4, [1, 1e3, 1e-2, 1, 1, 5]), [], every_latent(6, [1e-3])
    yield ("few rows of many units", few_rows(27, 6), few_rows(28, 3), [(latent, 0, sigma_min) for latent in
           (1, 3, 5, 7, 11) for sigma_min in (1e-3, 1e-6)] + [(3, 1, 1e-3), (5, 1, 1e-3)])
    yield "one row", [[1.5, -2.0, 1e6]], [[1.5, -2.0, 1e6], [2.5, -2.0, 1e6]], every_latent(3, [0.5])
    yield "a ball", ball(4), [], every_latent(4, [1e-3])
    yield ("largest and smallest floats", factors(24, 40, [1e-35, 1e30, 1e-20, 1.0]), [],
           every_latent(4, [1e-3], (0,)) + every_latent(4, [1e-7], (1,)))


# ---- The file ----

def numbers(rows):
    words = ["%.9g" % value for row in rows for value in row]
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > 118:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return "\n".join(lines)


def main():
    with open(FILE, "w", encoding="ascii") as out:
        for name, rows, others, fits in cases():
            rows = [[to_float32(v) for v in row] for row in rows]
            others = [[to_float32(v) for v in row] for row in others]
            out.write('case "%s" columns %d\nrows %d\n%s\nothers %d\n' %
                      (name, len(rows[0]), len(rows), numbers(rows), len(others)))
            if others:
                out.write(numbers(others) + "\n")
            for latent, standardize, sigma_min, on_rows, on_others in answers(rows, others, fits):
                out.write("fit %d %d %g %s %s\n" % (latent, standardize, sigma_min, mpmath.nstr(on_rows, 17),
                                                    mpmath.nstr(on_others, 17)))
            out.write("end\n")


if __name__ == "__main__":
    main()
