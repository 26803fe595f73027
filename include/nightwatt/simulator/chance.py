"""Randomness that depends on what is asked, never on the order of asking.

Here: counter-based hashes keyed by (seed, purpose, period) and a customer number, and id numbering that looks
random but never collides. Every draw stands alone, so chunks, parts and nights can be made in any order with the
same result.
Not here: what the draws mean (`world`, `load`, `read_events`, `bills`).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Bytes2D = NDArray[np.uint8]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11, _S52 = (np.uint64(n) for n in (30, 27, 31, 11, 52))

# Normal draws come from a table: only exact arithmetic then touches a value, so every machine makes the same bytes.
_NORMAL = np.array([NormalDist().inv_cdf((k + 0.5) / 4096) for k in range(4096)])


@lru_cache(maxsize=65536)
def key_of(seed: int, purpose: str, period: int) -> int:
    """Return the 64-bit key of one stream of draws."""
    digest = hashlib.blake2b(f"{seed}|{purpose}|{period}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def mix(values: U64) -> U64:
    """Scramble 64-bit numbers in place (splitmix64 finaliser) and return them."""
    values ^= values >> _S30
    values *= _MIX_1
    values ^= values >> _S27
    values *= _MIX_2
    values ^= values >> _S31
    return values


def draw(seed: int, purpose: str, period: int, numbers: U64) -> U64:
    """Return one 64-bit draw for each number in the stream (seed, purpose, period)."""
    return mix(numbers * _GOLDEN + np.uint64(key_of(seed, purpose, period)))


def uniform(bits: U64) -> F64:
    """Turn draws into numbers in [0, 1)."""
    return (bits >> _S11).astype(np.float64) * (1.0 / (1 << 53))


def below(bits: U64, bound: int) -> I64:
    """Turn draws into whole numbers 0 .. bound-1."""
    return (bits % np.uint64(bound)).astype(np.int64)


def normal(bits: U64) -> F64:
    """Turn draws into standard normal numbers (4,096 steps, so never wilder than 3.5 deviations)."""
    return _NORMAL[(bits >> _S52).astype(np.int64)]


def lanes16(seed: int, purpose: str, period: int, numbers: U64, count: int) -> NDArray[np.uint16]:
    """Return `count` 16-bit draws per number, four of them from each 64-bit hash: the cheap noise for reads."""
    words = (count + 3) // 4
    keys = draw(seed, purpose, period, numbers)
    steps = np.arange(1, words + 1, dtype=np.uint64) * _GOLDEN
    lanes = mix(keys[:, None] + steps[None, :]).astype("<u8", copy=False).view("<u2")
    return lanes[:, :count]


def scalar_uniform(seed: int, purpose: str, period: int) -> float:
    """Return one number in [0, 1) for the utility as a whole."""
    return (key_of(seed, purpose, period) >> 11) / (1 << 53)


def scalar_normal(seed: int, purpose: str, period: int) -> float:
    """Return one standard normal number for the utility as a whole."""
    return float(_NORMAL[key_of(seed, purpose, period) >> 52])


def scattered(seed: int, kind: str, numbers: U64, digits: int = 10) -> U64:
    """Map numbers to random-looking ids of `digits` decimal digits, one to one within a kind.

    A Feistel network over two decimal halves: a bijection on 0 .. 10**digits - 1, so ids never collide.
    """
    half = np.uint64(10 ** (digits // 2))
    left, right = numbers // half, numbers % half
    for turn in range(4):
        left, right = right, (left + draw(seed, f"id:{kind}", turn, right) % half) % half
    return left * half + right


@lru_cache(maxsize=8)
def digit_table(width: int) -> Bytes2D:
    """Return the zero-padded ASCII digits of every number below 10**width, one row each."""
    numbers = np.arange(10**width)
    columns = [(numbers // 10**p) % 10 + ord("0") for p in range(width - 1, -1, -1)]
    return np.stack(columns, axis=1).astype(np.uint8)


def id_bytes(ids: U64, digits: int = 10) -> Bytes2D:
    """Return ids as rows of ASCII digits with their leading zeros."""
    width = digits // 2
    table, half = digit_table(width), np.uint64(10**width)
    return np.concatenate([table[(ids // half).astype(np.int64)], table[(ids % half).astype(np.int64)]], axis=1)
