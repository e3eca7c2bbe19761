"""A simulation of the adversary: seeded, deterministic histories of bulk runs on virtual time, and what must hold.

    python -m tests.simulation --seeds 200             # seeds 0 to 199
    python -m tests.simulation --replay 17             # one seed, with its whole trace
    python -m tests.simulation --mutate --seeds 1000   # find a seed that notices each rule that is switched off

The real code runs: `AsyncKomboClient.bulk`, the client's chain, `SqliteJournal` on real files, `RedisJournal` with its
own scripts. What is simulated is around it: time and clocks (`scheduler.py`, `clocks.py`), Kombo, the connected system
and the network between (`kombo.py`, `system.py`, `network.py`), Redis (`redis_model.py`), full disks (`files.py`),
processes that are killed and paused, and people who settle rows by hand (`by_hand.py`). `scenario.py` and
`troubles.py` say what happens in a seed, `history.py` plays it, and `invariants.py`, `conduct.py` and `undecided.py`
say what must hold.
"""
