"""Every harness over its corpus and a hundred mutations of it: the same ones each time, new ones are for `make soak`."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from random import Random
from types import ModuleType

import pytest

from tests.fuzz import harnesses
from tests.fuzz.harness import CORPUS, Harness, TooSlow
from tests.fuzz.mutate import mutated
from tests.fuzz.words import house

MUTATIONS = 100
MEMORY_MB = 600  # that the whole of a harness may add to the process at its height
NAMES = sorted(harnesses())


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    if house.cache_info().currsize:
        house().close()


def _height() -> int:
    resource: ModuleType = pytest.importorskip("resource")
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) >> 10


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.timeout(180)
def test_only_our_errors_come_out(name: str) -> None:
    harness, random = harnesses()[name], Random(zlib.crc32(name.encode()))
    assert harness.seeds
    before = _height()
    for data in harness.seeds:
        harness.run(data)
    for _ in range(MUTATIONS):
        harness.run(mutated(harness, random.choice(harness.seeds), random))
    assert _height() - before < MEMORY_MB


def test_a_harness_sees_what_it_must() -> None:
    def broken(data: bytes) -> None:
        raise KeyError(data)

    def slow(_data: bytes) -> None:
        sum(range(3_000_000))

    with pytest.raises(KeyError):
        Harness("broken", broken).run(b"x")
    with pytest.raises(TooSlow):
        Harness("slow", slow, seconds=0.001).run(b"x")


def test_the_corpus_is_small_and_all_of_it_is_used() -> None:
    files = [file for file in CORPUS.rglob("*") if file.is_file()]
    assert set() == {file.parent.name for file in files} - set(NAMES)
    assert sum(file.stat().st_size for file in files) < 1_000_000
