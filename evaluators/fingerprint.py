"""What a table contains, as numbers: one hash per row, one digest for the whole.

Laws, each held by a test:

- A row's hash is a function of its column names, its values and its label; not of the order of
  rows or columns, of the file format, or of how wide the numbers were stored.
- A number is its value: integers, and whatever float32 cannot hold, to 53 bits; other numbers to
  the 24 bits of float32, so that 0.1 stored narrow and 0.1 stored wide are one content.
- The hashes are the same in every process, on every machine and in every version of this file:
  hold-out ledgers and caches on disk rest on them. ``VERSION`` says so, and is in the digest.

Mixing is SplitMix64's finaliser (Steele, Lea and Flood 2014); text goes through BLAKE2b. Neither
is a secret: the hashes tell contents apart, they do not hide them.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.types import Dataset

Hashes = NDArray[np.uint64]

VERSION = 1

#: Stands for a missing value: a NaN payload that no arithmetic makes.
_MISSING = np.uint64(0x7FF8_5155_494E_5441)
_TARGET = "\0target"
#: How every number begins that ``number_text`` writes.
_NUMBERS_BEGIN = ("-", *"0123456789")
_CELLS_AT_ONCE = 1 << 20


def text_hash(text: str) -> np.uint64:
    """64 bits of BLAKE2b of the text."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def mixed(state: Hashes) -> Hashes:
    """SplitMix64's finaliser: a bijection on 64 bits in which every input bit reaches all."""
    state = state ^ (state >> np.uint64(30))
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state


def keyed(hashes: Hashes, purpose: str, seed: int = 0) -> Hashes:
    """The hashes under another key: independent of those for any other purpose or seed."""
    return mixed(hashes ^ text_hash(f"{purpose}\0{seed}"))


def uniform(hashes: Hashes) -> NDArray[np.float64]:
    """The hashes as numbers in [0, 1), from their upper 53 bits."""
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def number_text(number: float) -> str:
    """The one way a number is written as a label: 1.0 is "1"."""
    if number.is_integer() and abs(number) < 2**53:
        return str(int(number))
    return repr(number)


def value_hashes(values: NDArray[Any], levels: Sequence[str] | None = None) -> Hashes:
    """One hash per value; of the level's text where ``values`` are codes into ``levels``.

    A level that reads as a number ("12", but not "012") hashes as that number.
    """
    if levels is None:
        return _number_bits(values)
    table = np.append(_level_bits(levels), _MISSING)
    missing = np.isnan(values)
    return table[np.where(missing, len(levels), values).astype(np.intp)]


def row_hashes(dataset: Dataset) -> Hashes:
    """(rows,) one hash per row over the feature columns and the label.

    Groups, time and weight do not take part. Identical rows have identical hashes; different
    ones collide with probability 2**-64 a pair.
    """
    keys = np.array([text_hash(column.name) for column in dataset.columns], np.uint64)
    numeric = np.array([column.levels is None for column in dataset.columns], bool)
    tables = {
        place: np.append(_level_bits(column.levels), _MISSING)
        for place, column in enumerate(dataset.columns)
        if column.levels is not None
    }
    hashes = _target_hashes(dataset)
    step = max(1, _CELLS_AT_ONCE // max(1, len(keys)))
    for start in range(0, dataset.rows, step):
        block = dataset.values[start : start + step]
        bits = np.empty(block.shape, np.uint64)
        bits[:, numeric] = _number_bits(block[:, numeric])
        for place, table in tables.items():
            codes = block[:, place]
            bits[:, place] = table[np.where(np.isnan(codes), len(table) - 1, codes).astype(np.intp)]
        bits += keys
        hashes[start : start + step] += mixed(bits).sum(axis=1, dtype=np.uint64)
    return mixed(hashes)


def fingerprint(dataset: Dataset, hashes: Hashes | None = None) -> str:
    """32 hex digits: the rows in any order, column names and kinds, labels, groups, time, weight.

    Tables on which a configuration could score differently differ in it: also when only a weight
    changed, or when numbers were turned into text. ``hashes`` saves work where the row hashes
    are known.
    """
    rows = row_hashes(dataset) if hashes is None else hashes
    for name in ("groups", "time", "weight"):
        part = getattr(dataset, name)
        if part is not None:
            bits = part.astype(np.int64).view(np.uint64) if name == "groups" else _number_bits(part)
            rows = mixed(rows + mixed(bits + text_hash("\0" + name)))
    columns = sorted((column.name, column.levels is None) for column in dataset.columns)
    head = json.dumps([VERSION, dataset.rows, columns, sorted(dataset.classes)])
    digest = hashlib.blake2b(head.encode(), digest_size=16)
    digest.update(np.sort(rows).astype("<u8").tobytes())
    return digest.hexdigest()


def _target_hashes(dataset: Dataset) -> Hashes:
    """(rows,) of the labels, or of the numbers in regression; a new array."""
    if dataset.regression:
        return mixed(_number_bits(dataset.target) + text_hash(_TARGET))
    labels = mixed(_level_bits(dataset.classes) + text_hash(_TARGET))
    hashes: Hashes = labels[dataset.target]
    return hashes


def _number_bits(values: NDArray[Any]) -> Hashes:
    """The bits of each number in its one agreed form; see the laws above."""
    numbers = values.astype(np.float64)  # always a copy: it is changed below
    if values.dtype == np.float64:
        size = np.abs(numbers)
        narrow = (size < 2.0**23) & (size >= 2.0**-126) & (numbers != np.rint(numbers))
        numbers[narrow] = numbers[narrow].astype(np.float32)
    numbers += 0.0  # -0.0 becomes 0.0
    bits = numbers.view(np.uint64)
    bits[np.isnan(numbers)] = _MISSING
    return bits


def _level_bits(levels: Sequence[str]) -> Hashes:
    return np.array([_text_bits(level) for level in levels], np.uint64)


def _text_bits(text: str) -> np.uint64:
    if not text.startswith(_NUMBERS_BEGIN):  # half the time where millions of texts differ
        return text_hash(text)
    try:
        number = float(text)
    except ValueError:
        return text_hash(text)
    if not np.isfinite(number) or number_text(number) != text:
        return text_hash(text)
    return np.uint64(_number_bits(np.array([number]))[0])
