"""A simulation of mirrors: seeded, deterministic histories on virtual time, after which every table equals a full read.

    python -m tests.mirror.simulation --seeds 200      # seeds 0 to 199
    python -m tests.mirror.simulation --replay 17      # one seed, with its whole trace

The real code runs: `Mirror.run` and `Mirror.handle`, the client's chain, `SqliteStore` on a real file. What is
simulated is around it: time, clocks and processes (as in `tests.simulation`), Kombo and what changes there
(`system.py`, `kombo.py`). `scenario.py` says what befalls a seed, `history.py` plays it, `checks.py` what must hold.
"""
