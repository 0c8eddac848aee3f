"""Out-of-fold outputs, small enough to keep for every trial.

One output becomes 16 bits, or 12 of them once a trial has 50,000 (13 where a row has several): at
most 2 bytes an output after compression, the rows' positions and folds included, on tables of that
size; some 3 where they are a twentieth of the rows, as where a part of a table is searched. Nothing
that is read off the outputs later suffers: ROC AUC moves by less than 1e-4, and the labels of
binary data are exactly the same.

Outputs are the model's own, for whatever shares of the classes it learnt; each fold's
``log_prior_shift`` stands beside them.

Layout: ``MAGIC``, a JSON header, a line feed, and three zlib streams with the lengths that the
header gives: the maps, the high bytes of all codes, the low ones. A map tells for each row of the
dataset which fold scored it (0: none); a second map starts where a row is scored again, as by every
further repeat. Codes go fold by fold, rows rising within a fold, classes within a row.

A code is the output's logit (or decision value) on a scale that is even in
``arcsinh((x - centre) / spread)`` between the fold's own lowest and highest, with the median as
centre and the median distance from it as spread. So a few far outliers, or a model that puts every
probability within 0.001 of the prior, cost no resolution: an even scale over +-16 moves the AUC of
the latter by 4e-3.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.scored_rows import CUTS
from evaluators.types import Floats, FoldResult, Ints, Resources, ScoreKind, Split

MAGIC = b"quintain-oof-1\n"

#: Codes of what has no place on the scale: -inf (probability 0), +inf (probability 1), NaN.
LOWEST, HIGHEST, MISSING = 0, 65_534, 65_535

#: Steps of the scale: below ``MANY`` outputs, from there on, and there with several a row, over
#: which the bytes of its position are shared. Numbers always get the fine one: beside the
#: small errors of a good regression the steps of the coarse one would count.
FINE, COARSE, SEVERAL = 65_533, 4_096, 8_192
MANY = 50_000

Codes = NDArray[np.uint16]


def encode(splits: Sequence[Split], folds: Sequence[FoldResult]) -> bytes:
    """The outputs of some or all folds of one trial.

    Raises:
        ValueError: kinds or numbers of outputs differ, or a fold scores one row twice.
    """
    if len({(fold.kind, fold.output.shape[1:]) for fold in folds}) != 1:
        raise ValueError("folds of one trial have one kind of output")
    few = sum(fold.output.size for fold in folds) < MANY
    several = folds[0].output.ndim > 1
    steps = FINE if few or folds[0].kind == "value" else SEVERAL if several else COARSE
    rising = [np.argsort(splits[fold.fold].test) for fold in folds]
    tests = [splits[fold.fold].test[order] for fold, order in zip(folds, rising, strict=True)]
    maps, layers = _maps(tests)
    entries, codes = [], []
    for fold, order, layer in zip(folds, rising, layers, strict=True):
        cut = CUTS.get(fold.kind) if fold.cut is None else fold.cut
        scale, code = _quantise(fold.output[order], fold.kind, steps, cut)
        told = {"fold": int(fold.fold), "rows": len(order), "map": layer, **scale, "cut": cut}
        entries.append({**told, "log_prior_shift": fold.log_prior_shift})
        codes.append(code.ravel())
    every = np.concatenate(codes)
    high, low = (every >> 8).astype(np.uint8), every.astype(np.uint8)
    sparse = int(np.count_nonzero(maps)) < 0.2 * maps.size
    streams = [_deflate(maps.tobytes(), runs=sparse), _deflate(high.tobytes())]
    streams.append(_deflate(low.tobytes()))
    header = {
        "kind": folds[0].kind,
        "outputs": 1 if folds[0].output.ndim == 1 else folds[0].output.shape[1],
        "steps": steps,
        "maps": list(maps.shape),
        "map_type": maps.dtype.str,
        "streams": [len(stream) for stream in streams],
        "folds": entries,
    }
    return b"".join((MAGIC, json.dumps(header).encode(), b"\n", *streams))


def decode(data: bytes) -> tuple[Ints, Ints, Floats]:
    """Row positions, fold numbers and float64 outputs, fold by fold with rows rising.

    Outputs are (rows,) for binary data and numbers, else (rows, classes). Binary outputs
    keep their side of the fold's cut exactly: one half (probabilities) or zero (decision values)
    unless it has its own.

    Raises:
        ValueError: not outputs that ``encode`` wrote, or damaged.
    """
    header, streams = _read(data)
    maps = np.frombuffer(_inflate(streams[0]), header["map_type"]).reshape(header["maps"])
    high, low = (np.frombuffer(_inflate(part), np.uint8) for part in streams[1:])
    codes: Codes = (high.astype(np.uint16) << np.uint16(8) | low).reshape(-1, header["outputs"])
    index, numbers, outputs, start = [], [], [], 0
    for place, entry in enumerate(header["folds"], start=1):
        part = codes[start : start + entry["rows"]]
        start += entry["rows"]
        index.append(np.flatnonzero(maps[entry["map"]] == place))
        numbers.append(np.full(len(part), entry["fold"], dtype=np.int64))
        outputs.append(_restore(part, entry, header["kind"], header["steps"]))
    output = np.concatenate(outputs)
    return (
        np.concatenate(index),
        np.concatenate(numbers),
        output[:, 0] if header["outputs"] == 1 else output,
    )


def read_folds(data: bytes, splits: Sequence[Split]) -> tuple[list[Split], list[FoldResult]]:
    """The folds with their outputs, cuts and shifts, without scores; and ``splits`` in the
    outputs' order, which is that of rising rows.

    Raises:
        ValueError: as ``decode``, or scored under other folds than ``splits``.
    """
    header, _ = _read(data)
    rows, numbers, output = decode(data)
    rising = [Split(split.train, np.sort(split.test), split.repeat) for split in splits]
    folds = []
    for entry in header["folds"]:
        number, mine = entry["fold"], numbers == entry["fold"]
        if number >= len(splits) or not np.array_equal(rows[mine], rising[number].test):
            raise ValueError(f"fold {number} of these outputs has other rows than the split")
        shift = entry.get("log_prior_shift")
        folds.append(
            FoldResult(
                number, {}, (), Resources(), output[mine], header["kind"], entry.get("cut"),
                None if shift is None else tuple(shift),
            )
        )  # fmt: skip
    return rising, folds


def kind_of(data: bytes) -> ScoreKind:
    """How the encoded outputs are to be read.

    Raises:
        ValueError: as ``decode``.
    """
    kind: ScoreKind = _read(data)[0]["kind"]
    return kind


def _read(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """The header and the compressed streams."""
    if not data.startswith(MAGIC):
        raise ValueError(f"not out-of-fold outputs of this version: {data[:16]!r}")
    try:
        head, _, rest = data[len(MAGIC) :].partition(b"\n")
        header = json.loads(head)
    except ValueError as error:
        raise ValueError(f"damaged out-of-fold outputs: {error}") from error
    ends = np.cumsum([0, *header["streams"]])
    return header, [rest[one:other] for one, other in pairwise(ends)]


def _deflate(plain: bytes, runs: bool = False) -> bytes:
    """Huffman codes only: as small here as a search for repeats, which takes 30 times as long.

    ``runs``: of one value are shortened, as quickly; worth it where most is empty.
    """
    packer = zlib.compressobj(strategy=zlib.Z_RLE if runs else zlib.Z_HUFFMAN_ONLY)
    return packer.compress(plain) + packer.flush()


def _inflate(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error as error:
        raise ValueError(f"damaged out-of-fold outputs: {error}") from error


def _maps(tests: Sequence[Ints]) -> tuple[NDArray[np.unsignedinteger[Any]], list[int]]:
    """Which fold (from 1) scored each row, in as few maps as hold them; and each fold's map."""
    rows = 1 + max(int(test[-1]) for test in tests)
    dtype = "<u1" if len(tests) < 256 else "<u2"
    maps: list[NDArray[np.unsignedinteger[Any]]] = []
    places = []
    for number, test in enumerate(tests, start=1):
        if (test[1:] == test[:-1]).any():
            raise ValueError(f"fold {number} of {len(tests)} scores one row twice")
        place = next((i for i, taken in enumerate(maps) if not taken[test].any()), len(maps))
        if place == len(maps):
            maps.append(np.zeros(rows, dtype=dtype))
        maps[place][test] = number
        places.append(place)
    return np.stack(maps), places


def _quantise(
    output: Floats, kind: ScoreKind, steps: int, cut: float | None
) -> tuple[dict[str, Any], Codes]:
    """The scale of one fold's outputs, and their codes on it: 1 to ``steps``."""
    output = output.astype(np.float64)
    values = _logit(output) if kind == "proba" else output
    plain = np.isfinite(values)
    scale = _scale_of(values[plain])
    place = _places(values[plain], scale, steps)
    if output.ndim == 1 and cut is not None:
        positive = output[plain] > cut
        at = _logit(np.array([cut])) if kind == "proba" else np.array([cut])
        first = 1 + float(_places(at, scale, steps)[0])
        lowest, highest = (1 if positive.all() else 2), (steps if positive.any() else steps + 1)
        scale["above"] = above = int(np.clip(first, lowest, highest))
        place = np.where(positive, np.maximum(place, above), np.minimum(place, above - 1))
    codes = np.full(output.shape, MISSING, dtype=np.uint16)
    codes[plain] = place
    codes[values == -np.inf] = LOWEST
    codes[values == np.inf] = HIGHEST
    return scale, codes


def _scale_of(values: Floats) -> dict[str, Any]:
    """Centre, spread, and the bent values' ends; ``above`` is the first code beyond the cut."""
    if not values.size:
        return {"centre": 0.0, "spread": 1.0, "low": 0.0, "high": 0.0, "above": None}
    centre = float(np.median(values))
    away = np.abs(values - centre)
    # Where over half the outputs are equal the median distance is 0: the farthest one serves.
    spread = max(float(np.median(away)), 1e-6 * float(away.max())) or 1.0
    low, high = (float(np.arcsinh((end - centre) / spread)) for end in (values.min(), values.max()))
    return {"centre": centre, "spread": spread, "low": low, "high": high, "above": None}


def _places(values: Floats, scale: Mapping[str, Any], steps: int) -> Floats:
    """Where values lie on a scale, 1 to ``steps``; what is off the scale lies beyond."""
    bent = np.arcsinh((values - scale["centre"]) / scale["spread"])
    places: Floats = np.rint(
        (bent - scale["low"]) / ((scale["high"] - scale["low"]) or 1.0) * (steps - 1)
    )
    return 1 + places


def _restore(codes: Codes, entry: Mapping[str, Any], kind: ScoreKind, steps: int) -> Floats:
    """The middle of each code's step, on the side of the cut that the output was on."""
    # float64 first: uint16 times a small whole number would wrap round.
    along = (codes.astype(np.float64) - 1) / (steps - 1)
    bent = entry["low"] + (entry["high"] - entry["low"]) * along
    special = (codes == LOWEST) | (codes > steps)
    values = entry["centre"] + entry["spread"] * np.sinh(np.where(special, 0.0, bent))
    values[codes == LOWEST] = -np.inf
    values[codes == HIGHEST] = np.inf
    values[codes == MISSING] = np.nan
    output: Floats = _expit(values) if kind == "proba" else values
    if entry["above"] is None:
        return output
    cut: float = entry.get("cut", CUTS[kind])  # files of before had the default only
    positive = np.maximum(output, np.nextafter(cut, np.inf))
    return np.where(codes >= entry["above"], positive, np.minimum(output, cut))


def _logit(probability: Floats) -> Floats:
    """ln(p / (1 - p)), to full precision at both ends; infinite at 0 and 1."""
    inside = np.clip(probability, 0.0, 1.0)  # a float32 model may pass 1 by a rounding error
    with np.errstate(divide="ignore"):
        return np.log(inside) - np.log1p(-inside)


def _expit(logit: Floats) -> Floats:
    """1 / (1 + exp(-x)) without overflow."""
    small = np.exp(-np.abs(logit))
    return np.where(logit >= 0, 1.0, small) / (1.0 + small)
