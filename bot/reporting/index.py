"""A context made quick to ask: compiled wording, brands by word, by domain and by look. Made once for the same content."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache

from bot.reporting.context import Brand, Context
from bot.reporting.domains import label, registered, to_unicode
from bot.reporting.folding import fold, near, skeleton
from bot.reporting.phrases import Matcher, words


class Index:
    """Questions about one context."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.wording = Matcher(context.phrases)
        self.ideas = Matcher(context.ideas)
        self.brands = {brand.name: brand for brand in context.partners + context.brands}
        self._names = Matcher(
            {name: [" ".join(words(item)) for item in brand.names] for name, brand in self.brands.items()}
        )
        self._platforms = frozenset(context.hosts.free_hosting)
        self._by_domain: dict[str, set[str]] = defaultdict(set)
        self._by_label: dict[str, set[str]] = defaultdict(set)
        self._glued: list[tuple[str, Brand]] = []
        self._looks: list[tuple[str, str, Brand]] = []  # key, its skeleton
        for brand in self.brands.values():
            self._add(brand)
        self.owners = lru_cache(maxsize=4096)(self._owners)
        self.look = lru_cache(maxsize=2048)(self._look)

    def _add(self, brand: Brand) -> None:
        for domain in brand.domains:
            self._by_domain[domain].add(brand.name)
            if len(label(domain)) > 3:
                self._by_label[label(domain)].add(brand.name)
        if not brand.word:
            keys = (skeleton("".join(words(name))) for name in brand.names)
            self._glued.extend((key, brand) for key in keys if len(key) > 5)
        names = {re.sub(r"[^a-z0-9]", "", fold(name)) for name in brand.names} | {
            label(item) for item in brand.domains[:1]
        }
        self._looks.extend(
            (name, skeleton(name), brand) for name in sorted(names) if len(name) > (8 if brand.word else 2)
        )

    def _owners(self, host: str) -> frozenset[str]:
        """Names of the brands a host belongs to: listed, below a listed one, or the brand's label under a country's ending."""
        parts = host.lower().strip(".").split(".")
        found: set[str] = set()
        for start in range(len(parts)):
            found |= self._by_domain.get(".".join(parts[start:]), set())
        if not found and len(parts[-1]) == 2:
            found |= self._by_label.get(label(host), set())
        return frozenset(found)

    def owns(self, brand: Brand, host: str) -> bool:
        """Whether a host is the brand's."""
        return brand.name in self.owners(host)

    def mentioned(self, tokens: list[str]) -> tuple[Brand, ...]:
        """Brands named in words, without those whose name is an everyday word."""
        return tuple(self.brands[name] for name in self._names.find(tokens) if not self.brands[name].word)

    def named(self, name: str) -> tuple[Brand, ...]:
        """Brands a display name claims: by words, or run together and disguised (`PaypaIServiceTeam`)."""
        tokens = words(name)
        result: dict[str, Brand] = {}
        for hit, texts in self._names.find(tokens).items():
            brand = self.brands[hit]
            rest = [token for token in tokens if token not in " ".join(texts).split()]
            if not brand.word or all(token in self.context.fillers for token in rest):
                result[hit] = brand
        result.update((brand.name, brand) for brand in self.glued(skeleton("".join(tokens))))
        return tuple(result.values())

    def glued(self, shape: str) -> list[Brand]:
        """Brands whose long names stand anywhere in a skeleton."""
        return [brand for key, brand in self._glued if key in shape]

    def _look(self, host: str) -> Brand | None:
        """The brand a host carries the name of, or is a slip or a look-alike letter away from, without being the brand's."""
        if self.owners(host):
            return None
        plain = fold(to_unicode(self._own_part(host)))
        mine = registered(plain).partition(".")[0]
        parts = {part for piece in plain.split(".")[:-1] for part in (piece, *re.split(r"[-_]", piece))}
        shape = skeleton(mine)
        for key, outline, brand in self._looks:
            if key in parts or (len(key) > 6 and key in mine) or (len(key) == 6 and mine.startswith(key)):
                return brand
            if len(key) > 5 and (shape == outline or (len(key) > 6 and mine[:1] == key[0] and near(mine, key))):
                return brand
        return None

    def _own_part(self, host: str) -> str:
        """A host without the platform it is rented on, which may carry a brand's name by right (`shop.onmicrosoft.com`)."""
        labels = host.split(".")
        for start in range(1, len(labels)):
            if ".".join(labels[start:]) in self._platforms:
                return ".".join([*labels[:start], "platform"])
        return host


_MADE_OF = ("phrases", "ideas", "fillers", "brands", "partners", "hosts")  # the fields that an index reads
_made: list[Index] = []


def index(context: Context) -> Index:
    """The index of a context; the last few are kept (compared by identity, since contexts are large).

    A context with another history, which each mail brings, has the same one.
    """
    for known in _made:
        if all(getattr(known.context, name) is getattr(context, name) for name in _MADE_OF):
            return known
    _made.append(Index(context))
    del _made[:-4]
    return _made[-1]
