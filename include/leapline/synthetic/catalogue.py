"""The catalogue of the shop: items in categories, with prices and popularity."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from leapline.synthetic.spec import GeneratorSpec

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ZIPF_EXPONENT: Final = 1.05
"""Views of the r-th most popular item are proportional to r^-1.05: few items take most views, with a long tail."""

_WORDS = json.loads(Path(__file__).with_name("words.json").read_text())
SEARCH_TERMS: Final = tuple(f"{a} {b}" for a in _WORDS["search_adjectives"] for b in _WORDS["search_nouns"])


@dataclass(frozen=True)
class Catalogue:
    """Items sorted by category; an item's number is its position in every array."""

    category: Ints
    price_cents: Ints
    median_cents: Floats
    """Median price of each category."""
    cumulative: Floats
    """Cumulative popularity, including each item; the last is 1."""
    bounds: Floats
    """Cumulative popularity before each category's first item; one entry more than categories."""
    category_names: list[str]
    skus: list[str]
    names: list[str]

    def draw(self, rng: np.random.Generator, category: Ints) -> Ints:
        """Draw one item per entry by popularity, within the given category, or from the whole shop where it is -1."""
        anywhere = category < 0
        low = np.where(anywhere, 0.0, self.bounds[category])
        high = np.where(anywhere, 1.0, self.bounds[category + 1])
        place = low + rng.random(len(category)) * (high - low)
        return np.asarray(np.minimum(np.searchsorted(self.cumulative, place, side="right"), len(self.cumulative) - 1))

    def draw_category(self, rng: np.random.Generator, n: int) -> Ints:
        """Draw `n` categories by the popularity of their items."""
        categories = np.searchsorted(self.bounds, rng.random(n), side="right") - 1
        return np.minimum(categories, len(self.category_names) - 1)


@lru_cache(maxsize=4)
def make_catalogue(spec: GeneratorSpec) -> Catalogue:
    """Return the catalogue of a spec; it is the same on all days."""
    rng = spec.rng("catalogue")
    sizes = 1 / np.arange(1, spec.categories + 1) ** 0.6
    every_category = np.arange(min(spec.categories, spec.items))
    random_categories = rng.choice(spec.categories, size=spec.items - len(every_category), p=sizes / sizes.sum())
    category = np.sort(np.concatenate([every_category, random_categories]))
    popularity = 1 / (rng.permutation(spec.items) + 1.0) ** ZIPF_EXPONENT
    popularity /= popularity.sum()
    cumulative = np.cumsum(popularity)
    base = np.exp(rng.normal(3.4, 0.9, spec.categories))
    euros = np.maximum(1, np.round(base[category] * np.exp(rng.normal(0, 0.5, spec.items))))
    cents = (euros * 100 - rng.choice([1, 5, 51], spec.items)).astype(np.int64)
    starts = np.searchsorted(category, np.arange(spec.categories + 1))
    before = np.concatenate([[0.0], cumulative])[starts]
    nouns, adjectives = _WORDS["nouns"], _WORDS["adjectives"]
    names = [
        nouns[c % len(nouns)] + (f"-{c // len(nouns) + 1}" if c >= len(nouns) else "") for c in range(spec.categories)
    ]
    return Catalogue(
        category=category,
        price_cents=cents,
        median_cents=np.array([np.median(part) if len(part) else 0.0 for part in np.split(cents, starts[1:-1])]),
        cumulative=cumulative / cumulative[-1],
        bounds=before / cumulative[-1],
        category_names=names,
        skus=[f"{names[c][:2].upper()}{i + 10000}" for i, c in enumerate(category)],
        names=[f"{adjectives[i % len(adjectives)]} {names[c]} {i}" for i, c in enumerate(category)],
    )
