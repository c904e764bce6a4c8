"""The worker of the backup example: real work on real files.

Every handler may be run twice for the same attempt (a worker may die after the work and before
the answer): so each does the same again, and files appear whole or not at all.

    stretto worker docs/examples/backup/worker.py
"""

import gzip
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from stretto import Context, NonRetryable, Worker

worker = Worker(queue="backup", slots=32)

LEFT_OUT = frozenset({".git", ".venv", ".stretto", ".hypothesis", "node_modules", "__pycache__"})
"""Folders that can be made again."""
CHUNK_BYTES = 1024 * 1024


class File(TypedDict):
    path: str
    bytes: int


class Copy(TypedDict):
    path: str
    bytes: int
    stored_bytes: int
    sha256: str


class TooMuch(NonRetryable):
    """The folder is larger than this run was allowed."""


class NotAFolder(NonRetryable):
    """There is nothing to back up."""


class CopyDamaged(NonRetryable):
    """What was read back is not what was stored."""


@worker.task("backup.list")
def list_files(source: str, target: str, max_files: int, max_bytes: int) -> dict[str, object]:
    """List the regular files below a folder. Links, caches and odd names are left out."""
    root = Path(source)
    if not root.is_dir():
        raise NotAFolder(f"expected {source} to be a folder, but it is not")
    files: list[File] = []
    total = left_out = 0
    for path in _walk(root, Path(target).resolve()):
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode) or not os.access(path, os.R_OK) or not _is_text(path):
            left_out += 1
            continue
        total += facts.st_size
        files.append({"path": path.relative_to(root).as_posix(), "bytes": facts.st_size})
        if len(files) > max_files:
            raise TooMuch(f"expected at most {max_files} files in {source}, but there are more")
        if total > max_bytes:
            raise TooMuch(f"expected at most {max_bytes} bytes in {source}, but there are more")
    return {"files": files, "bytes": total, "left_out": left_out}


def _is_text(path: Path) -> bool:
    """Whether a name is UTF-8: any other one cannot be said in JSON."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _walk(root: Path, target: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if name not in LEFT_OUT
            and not name.endswith("_cache")
            and (here / name).resolve() != target
        )
        yield from (here / name for name in sorted(names))


@worker.task("backup.open")
def open_folder(source: str, target: str, ctx: Context) -> dict[str, str]:
    """Make the folder of this backup; its name is the run's, so twice is once."""
    name = Path(source).resolve().name or "root"
    folder = Path(target) / f"{name}-{ctx.run_id[-12:]}"
    (folder / "files").mkdir(parents=True, exist_ok=True)
    return {"folder": str(folder)}


@worker.task("backup.discard")
def discard(folder: str, target: str) -> None:
    """Take a backup back: remove its folder. For one that is gone there is nothing to do."""
    if Path(folder).parent != Path(target):
        raise NonRetryable(f"expected a folder in {target}, but got {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    if Path(folder).exists():
        raise OSError(f"expected {folder} to be gone, but it is still there")


@worker.task("backup.store")
def store(source: str, folder: str, path: str, damage: str, ctx: Context) -> Copy:
    """Compress a file into the backup, hashing what was read."""
    copy = _copy_path(folder, path)
    copy.parent.mkdir(parents=True, exist_ok=True)
    partial = copy.with_name(f".{copy.name}.{ctx.attempt}.{os.getpid()}")
    digest = hashlib.sha256()
    size = 0
    with (Path(source) / path).open("rb") as original, gzip.open(partial, "wb", 6) as packed:
        while chunk := original.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            packed.write(chunk)
    if path == damage:
        partial.write_bytes(gzip.compress(b"damaged on purpose"))
    partial.replace(copy)
    return {
        "path": path,
        "bytes": size,
        "stored_bytes": copy.stat().st_size,
        "sha256": digest.hexdigest(),
    }


@worker.task("backup.verify")
def verify(folder: str, copy: Copy) -> bool:
    """Read a copy back and compare it with what was stored."""
    digest = hashlib.sha256()
    with gzip.open(_copy_path(folder, copy["path"]), "rb") as packed:
        while chunk := packed.read(CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != copy["sha256"]:
        raise CopyDamaged(f"expected the copy of {copy['path']} to be as the file, but it is not")
    return True


@worker.task("backup.manifest")
def manifest(source: str, folder: str, copies: list[Copy]) -> dict[str, object]:
    """Write down what the backup holds; a backup without a manifest is none."""
    path = Path(folder) / "manifest.json"
    total = sum(copy["bytes"] for copy in copies)
    stored = sum(copy["stored_bytes"] for copy in copies)
    facts = {
        "files": len(copies),
        "bytes": total,
        "stored_bytes": stored,
        "ratio": round(stored / total, 3) if total else 1.0,
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps({"source": source, **facts, "copies": copies}, indent=1))
    partial.replace(path)
    return {**facts, "manifest": str(path)}


def _copy_path(folder: str, path: str) -> Path:
    return Path(folder) / "files" / f"{path}.gz"


if __name__ == "__main__":
    worker.serve()
