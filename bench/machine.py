"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path
from statistics import median

from creditapp.config import ROOT


def header(folder: Path) -> list[str]:
    """Return the lines above the table; `folder` is where the databases lie."""
    return [
        f"cpu         {_cpu()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        f"kernel      {platform.system()} {platform.release()}",
        f"python      {platform.python_version()}",
        f"sqlite      {sqlite3.sqlite_version}, WAL, synchronous=FULL",
        f"fdatasync   {fdatasync_us(folder):.0f} us",
        f"commit      {_commit()}",
    ]


def fdatasync_us(folder: Path, times: int = 200) -> float:
    """Return the median microseconds one durable write of 4 kB takes there."""
    path = folder / "fdatasync"
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            begun = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begun)
    path.unlink()
    return median(took) * 1e6


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    said = [
        subprocess.run([git, *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--", "creditapp", "bench"))
    ]
    return (said[0] or "unknown") + (" with changes" if said[1] else "")
