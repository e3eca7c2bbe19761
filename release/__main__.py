"""`python -m release [FOLDER]`: make wheel, sdist, SBOM and their sums, and try the wheel (extra `[release]`)."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from release.trial import try_wheel

ROOT = Path(__file__).parents[1]


def run(*command: object, cwd: Path | None = None, **environment: str) -> str:
    """Run *command* and return what it prints; what it says when it fails is shown."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def checkout(folder: Path) -> str:
    """Put what is committed into *folder*, and nothing else; returns the time of the commit."""
    archive = folder.with_suffix(".tar")
    run("git", "archive", "--output", archive, "HEAD", cwd=ROOT)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return run("git", "log", "-1", "--format=%ct", cwd=ROOT).strip()


def build(kind: str, source: Path, target: Path, epoch: str) -> Path:
    """Build the `wheel` or the `sdist` from *source* into *target*."""
    before = {*target.glob("*")}
    options = ["--no-isolation", f"--{kind}", "--outdir", target]
    run(sys.executable, "-m", "build", *options, source, SOURCE_DATE_EPOCH=epoch)
    (made,) = {*target.glob("*")} - before
    return made


def same(first: Path, second: Path, what: str) -> None:
    """Stop unless both files are the same, byte for byte."""
    if first.read_bytes() != second.read_bytes():
        sys.exit(f"{what}: {first} and {second} differ")
    print(f"{what}: the same, byte for byte")


def main(target: Path) -> None:
    """Make and try everything."""
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        sys.exit(f"{target} is not empty")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        epoch = checkout(work / "source")
        for name in ("again", "from-sdist", "unpacked"):
            (work / name).mkdir()
        wheel = build("wheel", work / "source", target, epoch)
        sdist = build("sdist", work / "source", target, epoch)
        same(wheel, build("wheel", work / "source", work / "again", epoch), "wheel, built twice")
        same(sdist, build("sdist", work / "source", work / "again", epoch), "sdist, built twice")
        with tarfile.open(sdist) as tar:
            tar.extractall(work / "unpacked", filter="data")
        (unpacked,) = (work / "unpacked").iterdir()
        same(wheel, build("wheel", unpacked, work / "from-sdist", epoch), "wheel, built from the sdist")
        run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist)
        print("metadata: as PyPI wants it")
        sbom = target / "sbom.json"
        try_wheel(wheel, work / "trial", sbom)
    files = [wheel, sdist, sbom]
    sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
    (target / "SHA256SUMS").write_text(sums)
    print(sums, end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist")
