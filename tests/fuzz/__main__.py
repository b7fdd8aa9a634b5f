"""`python -m tests.fuzz`: every harness for some time, two at once, in processes of their own; guided by coverage with atheris.

    --seconds 600    for each      --only mail.eml,mail.msg      --jobs 2      --plain      without atheris

An input that breaks a harness is written to `tests/fuzz/corpus/NAME/`, so that `make test` fails with it until it is mended.
Each process may have `MEMORY_MB`; with coverage everything takes longer, which `SLACK` allows for.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
MEMORY_MB, SLACK = 2048, 8.0
LATE = 600.0  # seconds over its time after which a process hangs; on a busy machine the imports alone take minutes
FOUND = 77  # exit code


def main() -> int:
    """0 if nothing broke."""
    parser = argparse.ArgumentParser(description="Fuzz every parser and endpoint.")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        return _plain(given.one, given.seconds) if given.plain else _guided(given.one, given.seconds)
    plain = given.plain or find_spec("atheris") is None
    from tests.fuzz import harnesses

    names = [name for name in sorted(harnesses()) if not given.only or name in given.only.split(",")]
    print(
        f"{len(names)} harnesses, {given.seconds} s each, {'mutations only' if plain else 'guided by coverage (atheris)'}",
        flush=True,
    )
    with ThreadPoolExecutor(given.jobs) as pool:
        broken = [
            name
            for name, good in zip(names, pool.map(lambda name: _run(name, given.seconds, plain), names), strict=True)
            if not good
        ]
    print(f"broken: {', '.join(broken)}" if broken else "nothing broke")
    return 1 if broken else 0


def _run(name: str, seconds: int, plain: bool) -> bool:
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        "--one",
        name,
        "--seconds",
        str(seconds),
        *(["--plain"] if plain else []),
    ]
    started = time.monotonic()
    try:
        done = subprocess.run(
            command, check=False, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=seconds + LATE
        )
        code, said = done.returncode, (done.stdout + done.stderr).splitlines()
    except subprocess.TimeoutExpired:
        code, said = -1, [f"still running {LATE:.0f} s after its time"]
    counted = [line for line in said if line.startswith("inputs: ") or "Done" in line]
    print(
        f"{name:22} {'ok' if code == 0 else 'BROKEN'} after {time.monotonic() - started:.0f} s  {counted[-1] if counted else ''}",
        flush=True,
    )
    if code:
        print("\n".join(f"    {line[:200]}" for line in said[-30:]), flush=True)
    return code == 0


def _plain(name: str, seconds: int) -> int:
    """Mutations of the corpus, drawn anew each time."""
    from tests.fuzz import harnesses
    from tests.fuzz.mutate import mutated

    _limit()
    harness, random, count, until = harnesses()[name], Random(), 0, time.monotonic() + seconds
    while time.monotonic() < until:
        data = mutated(harness, random.choice(harness.seeds), random)
        count += 1
        try:
            harness.run(data, 2.0)
        except Exception:
            print(f"kept as {_keep(name, data)}")
            raise
    print(f"inputs: {count}")
    return 0


def _guided(name: str, seconds: int) -> int:
    """libFuzzer, with our own mutations of JSON beside its own."""
    import atheris

    with atheris.instrument_imports(include=["bot", "adapters", "email", "csv", "tarfile", "zipfile"]):
        from tests.fuzz import harnesses
        from tests.fuzz.mutate import mutated

        harness = harnesses()[name]  # which imports what it reads with
        harness.run(harness.seeds[0], SLACK)  # and what that imports only when it is needed

    def check(data: bytes) -> None:
        try:
            harness.run(data, SLACK)
        except Exception:
            print(f"kept as {_keep(name, data)}", flush=True)
            raise

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        blind = 0.1 if harness.kind == "json" else 0.5  # bytes that are no JSON end at the first line
        return atheris.Mutate(data, most) if random.random() < blind else mutated(harness, data, random)[:most]

    with TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(harness.seeds):
            (corpus / str(number)).write_bytes(seed)
        words = Path(folder) / "words"
        words.write_text("".join(_word(piece) for piece in (*harness.pieces, b"SEC-1") if piece))
        options = [
            f"-max_total_time={seconds}",
            f"-rss_limit_mb={MEMORY_MB}",
            "-timeout=60",
            "-max_len=50000",
            "-print_final_stats=0",
            f"-artifact_prefix={folder}/",
            f"-dict={words}",
        ]
        atheris.Setup([sys.argv[0], *options, str(corpus)], check, custom_mutator=mutate)
        atheris.Fuzz()  # which ends the process
    return 0


def _word(piece: bytes) -> str:
    """A line of libFuzzer's dictionary."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in piece[:60]) + '"\n'


def _keep(name: str, data: bytes) -> Path:
    folder = ROOT / "tests" / "fuzz" / "corpus" / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"broke-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path.relative_to(ROOT)


def _limit() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (4 * MEMORY_MB << 20, 4 * MEMORY_MB << 20))


if __name__ == "__main__":
    raise SystemExit(main())
