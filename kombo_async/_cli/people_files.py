"""Find the files that cells name: in any form of the name, and only inside the allowed folder."""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections import OrderedDict
from errno import ELOOP
from pathlib import Path
from stat import S_ISREG

import attrs

from kombo_async import ats
from kombo_async._cli.shown import shown
from kombo_async._cli.texts import CellFault, clean

_ADDRESS = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]+:)?//|www\.", re.IGNORECASE)
_ELSEWHERE = re.compile(r"[A-Za-z]:[\\/]|\\\\")
MOST_FOLDERS = 8
"""How many folder listings are kept in memory."""
MOST_HINTS, MOST_COMPARED = 50, 2_000
"""How many missing files get a hint, and how many names of a folder are compared for it."""

CONTENT_TYPES = {
    ".pdf": "application/pdf",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".dotx": "application/vnd.openxmlformats-officedocument.wordprocessingml.template",
    ".docm": "application/vnd.ms-word.document.macroenabled.12",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".rtf": "application/rtf",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".pages": "application/vnd.apple.pages",
    ".tex": "application/x-tex",
    ".xps": "application/vnd.ms-xpsdocument",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".csv": "text/csv",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".svg": "image/svg+xml",
    ".eml": "message/rfc822",
    ".msg": "application/vnd.ms-outlook",
    ".zip": "application/zip",
    ".mp4": "video/mp4",
    ".json": "application/json",
    ".xml": "application/xml",
}
"""By suffix: the standard library's table depends on the machine, and slim images do not know Word files."""


@attrs.define
class PeopleFiles:
    """Opens files below a folder, or with *anywhere* any file."""

    folder: Path
    anywhere: bool = False
    own: tuple[Path, ...] = ()
    """Files that the command itself reads and writes: never attached."""
    _lists: OrderedDict[str, dict[str, list[str]]] = attrs.field(factory=OrderedDict[str, dict[str, list[str]]])
    _hints: dict[str, str] = attrs.field(factory=dict[str, str])

    def attachments(self, cell: str, kind: str) -> list[ats.AttachmentInput]:
        """The files that *cell* names, separated by bars. Raises `CellFault`."""
        return [self.attachment(name, kind) for name in re.split(r"[|\n]", clean(cell)) if name.strip()]

    def attachment(self, cell: str, kind: str) -> ats.AttachmentInput:
        """The file that *cell* names. Raises `CellFault` if it is missing or may not be sent."""
        path = self._find(cell.strip(), kind)
        name = path.name if not _has_surrogates(path.name) else re.split(r"[\\/]", cell.strip())[-1]
        name = unicodedata.normalize("NFC", name).strip()
        content_type = CONTENT_TYPES.get(Path(name).suffix.lower(), "application/octet-stream")
        return ats.AttachmentInput.from_path(path, type=kind, name=name, content_type=content_type)

    @property
    def _folder_name(self) -> str:
        name = readable(str(self.folder))
        return "this folder" if name == "." else name

    def _find(self, cell: str, kind: str) -> Path:
        try:
            path = self._existing(cell)
            if path is None:
                raise CellFault(
                    "missing_file", f"there is no file {shown(cell)} in {self._folder_name}{self._near(cell)}"
                )
            self._check_allowed(cell, path)
            status = path.stat()
            if not S_ISREG(status.st_mode):
                raise CellFault("not_a_file", f"{shown(cell)} is not a file")
            if status.st_size == 0:
                raise CellFault("empty_file", f"the file {shown(cell)} is empty")
            with path.open("rb"):
                return path
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            leads_to_itself = getattr(error, "errno", None) == ELOOP
        except RuntimeError:  # `Path.resolve`, before Python 3.13
            why, leads_to_itself = "", True
        if leads_to_itself:
            why = "it is a link that leads to itself"
        raise CellFault("unreadable_file", f"the file {shown(cell)} cannot be read: {why}")

    def _near(self, cell: str) -> str:
        """A hint about what may have been meant, for the first missing files."""
        if cell not in self._hints and len(self._hints) < MOST_HINTS:
            self._hints[cell] = self._hint(cell)
        return self._hints.get(cell, "")

    def _hint(self, cell: str) -> str:
        several = [part.strip() for part in re.split("[,;]", cell)]
        if len(several) > 1 and all(part and self._existing(part) is not None for part in several):
            return "; separate several names with |"
        *above, name = re.split(r"[\\/]+", cell)
        if ".." in above:
            return ""
        names = self._list(self.folder.joinpath(*above))
        same = [each for each in names if each.rpartition(".")[0] == _plain(name)]
        close = same or difflib.get_close_matches(_plain(name), list(names)[:MOST_COMPARED], n=1, cutoff=0.85)
        return f"; did you mean {shown(readable(names[close[0]][0]))}?" if close else ""

    def _existing(self, cell: str) -> Path | None:
        direct = self.folder / cell
        if direct.exists():
            return direct
        if _ADDRESS.match(cell):
            raise CellFault("web_address", f"{shown(cell)} is a web address; download the file and give its name")
        if _ELSEWHERE.match(cell) and os.name != "nt":
            raise CellFault(
                "elsewhere", f"{shown(cell)} is a path on another computer; give names relative to --files-from DIR"
            )
        path = Path("/") if cell.startswith("/") else self.folder
        for part in re.split(r"[\\/]+", cell.strip("\\/")):
            below = self._below(path, part)
            if below is None:
                return None
            path = below
        return path

    def _below(self, folder: Path, part: str) -> Path | None:
        """The entry of *folder* named *part*, in any case or Unicode form."""
        if part in ("", ".", "..") or (folder / part).exists():
            return folder / part
        names = self._list(folder).get(_plain(part), [])
        if len(names) > 1:
            raise CellFault("unclear_file", f"several files are named {shown(part)} in {readable(str(folder))}")
        return folder / names[0] if names else None

    def _list(self, folder: Path) -> dict[str, list[str]]:
        key = str(folder)
        if key not in self._lists:
            names: dict[str, list[str]] = {}
            try:
                for name in os.listdir(folder):
                    for reading in readings(name):
                        names.setdefault(_plain(reading), []).append(name)
            except OSError:
                names = {}
            self._lists[key] = {plain: list(dict.fromkeys(each)) for plain, each in names.items()}
            if len(self._lists) > MOST_FOLDERS:
                self._lists.popitem(last=False)
        return self._lists[key]

    def _check_allowed(self, cell: str, path: Path) -> None:
        real = path.resolve()
        if real in self.own:
            raise CellFault("own_file", f"{shown(cell)} is the input, or a file that this command writes")
        if not self.anywhere and not real.is_relative_to(self.folder.resolve()):
            raise CellFault(
                "forbidden_file",
                f"{shown(cell)} is outside {self._folder_name}; "
                "--files-from DIR names the folder of the files, --allow-any-file allows all",
            )


def _plain(name: str) -> str:
    bare = "".join(char for char in name if unicodedata.category(char) != "Cf")
    return " ".join(unicodedata.normalize("NFC", bare).casefold().split())


def readings(name: str) -> list[str]:
    """What a file name on disk may mean; if it is not UTF-8, it is Latin-1, Mac Roman or DOS."""
    if not _has_surrogates(name):
        return [name]
    raw = os.fsencode(name)
    return [raw.decode(encoding, "replace") for encoding in ("cp1252", "mac_roman", "cp850")]


def readable(name: str) -> str:
    """A name from the disk as text that can be printed and sent."""
    return readings(name)[0]


def _has_surrogates(name: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in name)
