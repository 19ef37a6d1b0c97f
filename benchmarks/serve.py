"""What the service bears: clients that ask without a pause, on loopback, in one run.

    python benchmarks/serve.py                        8 clients for a minute; prints, and writes docs/results/serve.json
    python benchmarks/serve.py --seconds 10 --dry     shorter, nothing written

`auricle serve` runs in a process of its own over an archive of the examples. Each client posts an example to /listen or words to
/search, as a seeded coin falls, waits for the answer, and asks again. Clients and service share the machine's cores. Measured: errors,
seconds to an answer by endpoint as the clients see them, and the resident memory of the service when it starts to answer, after 20 s
and at the end.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import numpy as np

import auricle
from auricle.archive import sources
from auricle.archive.indexing import index
from auricle.archive.store import Archive
from auricle.bench.results import Figure, fingerprint, write_record
from auricle.core.workers import cpu_count
from auricle.runtime import catalog

ROOT = Path(__file__).resolve().parents[1]
SEED = 0
SETTLED = 20.0  # seconds after which memory should not grow any more
WORDS = ("a dog barking", "rain on a roof", "church bells", "someone laughing", "an engine idling", "glass breaking", "a bird singing")


@contextmanager
def service(archive: Path) -> Iterator[tuple[int, str]]:
    """`auricle serve` over an archive: its process and its address. It has to end well."""
    settings = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}
    settings.pop("AURICLE_TOKEN", None)
    command = [sys.executable, "-m", "auricle", "serve", "--archive", str(archive), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=settings) as running:
        assert running.stderr is not None
        line = running.stderr.readline()
        found = re.search(r"http://\S+", line)
        try:
            assert found, line + running.stderr.read()
            yield running.pid, found[0]
        finally:
            running.send_signal(signal.SIGTERM)
        assert running.wait() == 0


def memory(process: int) -> float:
    """MB that a process holds."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024 / 1e6


def ask(url: str, number: int, end: float) -> list[tuple[str, float, bool]]:
    """One client: endpoint, seconds and whether it went well, of each of its requests until the end (s of the monotonic clock)."""
    rng = np.random.default_rng([SEED, number])
    examples = [path.read_bytes() for path in sorted((ROOT / "examples").glob("*.ogg"))]
    told = []
    with httpx.Client(base_url=url, timeout=60) as client:
        while time.monotonic() < end:
            which = "listen" if rng.random() < 0.5 else "search"
            began = time.perf_counter()
            try:
                if which == "listen":
                    answer = client.post("/listen", content=examples[rng.integers(len(examples))])
                    well = answer.status_code == 200 and answer.json()["coverage"] == 1.0
                else:
                    answer = client.post("/search", json={"text": WORDS[rng.integers(len(WORDS))], "k": 10})
                    well = answer.status_code == 200 and len(answer.json()["hits"]) > 0
            except httpx.HTTPError:
                well = False
            told.append((which, time.perf_counter() - began, well))
    return told


def measure(url: str, process: int, *, clients: int, seconds: float) -> list[Figure]:
    """All clients at once."""
    with httpx.Client(base_url=url) as client:
        assert client.get("/health").json()["status"] == "ok"
    held = [memory(process)]
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(clients) as pool:
        asked = [pool.submit(ask, url, number, end) for number in range(clients)]
        time.sleep(min(SETTLED, seconds / 2))
        held.append(memory(process))
        told = [one for client in asked for one in client.result()]
    held.append(memory(process))
    who = f"{clients} clients for {seconds:g} s, {cpu_count()} cores for them and the service"
    figures: list[Figure] = [
        {"name": "errors", "value": float(sum(not well for _, _, well in told)), "n": len(told), "note": f"of all requests; {who}"},
        {"name": "requests_a_second", "value": len(told) / seconds, "unit": "1/s", "n": len(told)},
    ]
    for which, note in (("listen", "an example of ten seconds, posted and heard"), ("search", "words to ten hits")):
        figures += latencies(which, [taken for endpoint, taken, _ in told if endpoint == which], note)
    for name, value in zip(("start", "settled", "end"), held, strict=True):
        note = {"start": "resident, before the first", "settled": f"after {min(SETTLED, seconds / 2):g} s", "end": "at the end"}[name]
        figures.append({"name": f"memory_{name}", "value": value, "unit": "MB", "n": 1, "note": note})
    return figures


def latencies(which: str, taken: Sequence[float], note: str) -> list[Figure]:
    """Median and 95th percentile, ms."""
    middle, high = np.quantile(taken, [0.5, 0.95]) * 1e3
    return [
        {"name": f"{which}_p50_ms", "value": float(middle), "unit": "ms", "n": len(taken), "note": note},
        {"name": f"{which}_p95_ms", "value": float(high), "unit": "ms", "n": len(taken), "note": note},
    ]


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        listener = auricle.load()
        archive = Archive.create(Path(name) / "archive", listener)
        index(archive, listener, sources.find_recordings([str(ROOT / "examples")]))
        with service(archive.folder) as (process, url):
            figures = measure(url, process, clients=asked.clients, seconds=asked.seconds)
    for figure in figures:
        print(f"{figure['name']:24} {figure['value']:10.3f} {figure.get('unit', ''):8} {figure.get('note', '')}")
    if not asked.dry:
        about = "What the service bears on loopback: errors, seconds to an answer, and memory."
        command, weights = "python benchmarks/serve.py", fingerprint(catalog.find_folder(None))
        where = ROOT / "docs" / "results"
        print(write_record(where, "serve", command=command, seed=SEED, figures=figures, weights=weights, extra={"about": about}))


if __name__ == "__main__":
    main()
