"""Bulk work: any number of requests, sent within Kombo's limits, each done once even if the run is killed.

`AsyncKomboClient.bulk` begins a run. Its journal says of each row, durably, what has become of it:

- A row is *sending* in the journal before its request leaves, and *done*, *refused*, *unsent* or *in doubt* after.
- The next run skips what is done and what was refused, and sends what is unsent or new.
- What is in doubt (its run was killed, or its answer never came, or said that it failed in the middle) is settled by
  looking, by a `Reconciler`, before anything is sent again; what cannot be settled is reported as in doubt.
"""

from kombo_async.bulk._applications import VISIBLE_AFTER, ApplicationReconciler
from kombo_async.bulk._journal import (
    Claim,
    Entry,
    Journal,
    JournalDamaged,
    JournalError,
    JournalLocked,
    JournalMismatch,
    NoJournal,
    RowKey,
    State,
)
from kombo_async.bulk._outcome import Outcome, Result, Row, digest
from kombo_async.bulk._reconcile import Found, NotSure, NotThere, Reconciler, Verdict
from kombo_async.bulk._rows import Settings
from kombo_async.bulk._run import DEFAULT_CONCURRENCY, Bulk
from kombo_async.bulk._source import Requests
from kombo_async.bulk.sqlite import SqliteJournal, journal_of, read_journal

__all__ = [
    # what goes in and comes out
    "Bulk",
    "Outcome",
    "Requests",
    "Result",
    "Row",
    "Settings",
    "DEFAULT_CONCURRENCY",
    # what is kept
    "Claim",
    "Entry",
    "Journal",
    "JournalDamaged",
    "JournalError",
    "JournalLocked",
    "JournalMismatch",
    "NoJournal",
    "RowKey",
    "SqliteJournal",
    "State",
    "digest",
    "journal_of",
    "read_journal",
    # how doubts are settled
    "VISIBLE_AFTER",
    "ApplicationReconciler",
    "Found",
    "NotSure",
    "NotThere",
    "Reconciler",
    "Verdict",
]
