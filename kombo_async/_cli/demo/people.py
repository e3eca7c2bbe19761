"""Candidates and CVs to upload: made up, but real files of realistic sizes."""

from __future__ import annotations

import csv
import random
import zlib
from pathlib import Path

_FIRST = (
    "Ada Ben Chen Dara Eva Femi Gita Hugo Ines Jan Kofi Lena Mei Noor Omar Pia Quinn Rosa Sami Tove Uma Vera".split()
)
_LAST = "Abe Bauer Costa Diaz Endo Fischer Garcia Haas Ito Jensen Kim Lang Moreau Novak Okafor Perez Rossi Sato".split()
_WORDS = (
    "built led shipped measured hired taught sold planned repaired designed teams products warehouses software "
    "customers budgets across Europe for three years with care and a sense of humour while learning something new"
).split()

LARGEST_CV = 300_000
"""Size of the largest CV in bytes."""


def make_candidates(folder: Path, count: int, seed: int) -> tuple[Path, int]:
    """Write *count* candidates to `candidates.csv` in *folder*, their CVs beside it.

    Returns the path of the CSV and the total size of the CVs in bytes.
    """
    rand = random.Random(seed)  # noqa: S311 - made-up people, not secrets
    folder.mkdir(parents=True, exist_ok=True)
    table, size_of_all = folder / "candidates.csv", 0
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["first_name", "last_name", "email_address", "cv"])
        for number in range(count):
            first, last = rand.choice(_FIRST), rand.choice(_LAST)
            pdf = rand.random() < 0.5
            cv = folder / f"cv-{number:04}.{'pdf' if pdf else 'txt'}"
            size = int(2_000 * (LARGEST_CV / 2_000) ** (rand.random() ** 3))  # many small ones, a few large ones
            text = _text(rand, f"{first} {last}", size)
            size_of_all += cv.write_bytes(_pdf(text, rand) if pdf else text.encode())
            rows.writerow([first, last, f"{first}.{last}.{number}@example.com".lower(), cv.name])
    return table, size_of_all


def _text(rand: random.Random, name: str, size: int) -> str:
    lines = [f"Curriculum vitae of {name}", ""]
    length = 0
    while length < size:
        lines.append(" ".join(rand.choices(_WORDS, k=14)).capitalize() + ".")
        length += len(lines[-1]) + 1
    return "\n".join(lines)


def _pdf(text: str, rand: random.Random) -> bytes:
    """Render *text* as a one-page PDF; what does not fit goes into an extra stream, as a scan would."""
    shown = [line.replace("(", "").replace(")", "") for line in text.splitlines()[:55]]
    page = "BT /F1 10 Tf 50 800 Td 13 TL " + " ".join(f"({line}) '" for line in shown) + " ET"
    scan = rand.randbytes(len(text) // 2)
    streams = [zlib.compress(page.encode()), scan]
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
        b" /Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(streams[0]), streams[0]),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(streams[1]), streams[1]),
    ]
    out, places = b"%PDF-1.4\n", list[int]()
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer
