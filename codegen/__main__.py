"""Generate the requests, models, resources and webhook events from Kombo's OpenAPI document."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from codegen.write import generate, stale, write

PACKAGE = Path(__file__).parent.parent / "kombo_async"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m codegen", description=__doc__)
    parser.add_argument("document", type=Path, help="the OpenAPI document, as JSON")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the generated files are stale")
    parser.add_argument("--output", type=Path, default=PACKAGE, help="the package to write to (default: kombo_async)")
    options = parser.parse_args(arguments)
    files, warnings = generate(json.loads(options.document.read_text("utf-8")))
    for each in warnings:
        print(f"warning: {each}", file=sys.stderr)
    if options.check:
        names = stale(files, options.output)
        for name in names:
            print(f"stale: {name}", file=sys.stderr)
        return 1 if names else 0
    changed = write(files, options.output)
    print(f"{len(files)} files, {len(changed)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
