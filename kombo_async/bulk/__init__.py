"""Bulk work: any number of requests, sent within Kombo's limits, each done once even if the run is killed.

`AsyncKomboClient.bulk` starts a run. Its journal durably records what became of each row. The rules:

1. A row is one thing to do, whatever its details: an application is its integration, job and person.
2. Done means that Kombo named what was created, or that it was found and is known to be the row's.
3. Found means: for this person and job, with the names that were sent, certainly created no earlier than the first
   attempt, not deleted, and not the proof of another row. Anything less is reported as in doubt.
4. Not found proves nothing by itself: a row in doubt is sent again only on your word (`resend_after`) or on proof
   (`synced_since`), after a complete search.
5. Times are compared by the server's clock between machines, and by the monotonic clock within a process.
6. A row's own fault refuses that row; a machine fault ends the run; an outage concerns its integration only.
7. A row that another run is working on is held. A journal that was replaced, emptied or rolled back is an error.
"""

from kombo_async._chain.server_clock import ServerClock
from kombo_async.bulk._applications import ApplicationReconciler
from kombo_async.bulk._defaults import default_reconcilers
from kombo_async.bulk._identity import Identity, digest
from kombo_async.bulk._journal import (
    Claim,
    Entry,
    Journal,
    JournalDamaged,
    JournalError,
    JournalLocked,
    JournalMismatch,
    Match,
    Proof,
    RowKey,
    State,
    proof_of,
)
from kombo_async.bulk._memory import NoJournal
from kombo_async.bulk._outcome import EXPLANATIONS, Outcome, Result, Row
from kombo_async.bulk._reconcile import Found, Look, NotSure, NotThere, Reconciler, Repeat, Verdict, ids_of
from kombo_async.bulk._run import Bulk
from kombo_async.bulk._settings import DEFAULT_CONCURRENCY, Settings, SyncedSince
from kombo_async.bulk._source import Requests
from kombo_async.bulk.sqlite import SqliteJournal, journal_of, read_journal

__all__ = [
    # what goes in and comes out
    "Bulk",
    "EXPLANATIONS",
    "Outcome",
    "Requests",
    "Result",
    "Row",
    "ServerClock",
    "Settings",
    "SyncedSince",
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
    "Proof",
    "RowKey",
    "SqliteJournal",
    "State",
    "digest",
    "journal_of",
    "proof_of",
    "read_journal",
    # who and what a row is, and how doubts are settled
    "ApplicationReconciler",
    "Found",
    "Identity",
    "Look",
    "Match",
    "NotSure",
    "NotThere",
    "Reconciler",
    "Repeat",
    "Verdict",
    "default_reconcilers",
    "ids_of",
]
