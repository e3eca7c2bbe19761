"""`python -m kombo_async`: the same as `kombo-async`."""

from __future__ import annotations

from kombo_async._cli.__main__ import main

if __name__ == "__main__":
    main()
