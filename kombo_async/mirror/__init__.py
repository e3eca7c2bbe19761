"""Keeping local tables in step with Kombo's lists, in SQLite or PostgreSQL, for any number of customers.

::

    async with Mirror(kombo, "mirror.db", [Table("employees", hris.GetEmployees())]) as mirror:
        await mirror.update("workday:6cRsLsFAo8iMPHGBLqYZdqVH")     # once, now
        receiver.on_any_other(mirror.handle)                        # when a webhook says that something changed
        await mirror.run()                                          # for as long as the app runs

How nothing is missed:

- A sync fetches what changed since the table's watermark (`updated_after`, deleted records included). The watermark is
  moved only once all of a sync is in the table, to the time at which the sync *began*, by Kombo's own clock, less an
  overlap: a crash anywhere, a change while the sync runs, or one that becomes visible late is met by the next sync.
- What `updated_after` does not see (a renamed stage in applications, say) is found by watching the lists of what is
  nested: the records which hold a changed one are read again by their IDs.
- Each integration is worked on by one process at a time, by a lease with a fence: what a process writes that lost its
  lease is refused.
- When a sync of Kombo's ends, watermarks go back to where it began, for changes that it made visible only at its end.
- About weekly, a full sync reads everything again and removes what is no longer there.
"""

from kombo_async.mirror._columns import Column, ColumnType
from kombo_async.mirror._mirror import Mirror
from kombo_async.mirror._records import Record
from kombo_async.mirror._status import IntegrationHealth, MirrorStatus
from kombo_async.mirror._store import (
    BlindSpot,
    Change,
    Ending,
    Lane,
    LeaseLost,
    Stale,
    Store,
    StoredIntegration,
    Turn,
    Watermark,
    Written,
)
from kombo_async.mirror._subscription import Subscription
from kombo_async.mirror._sync import Update
from kombo_async.mirror._table import Nested, Table
from kombo_async.mirror.sqlite import SqliteStore

__all__ = [
    "Mirror",
    "Table",
    "Nested",
    "Update",
    "SqliteStore",
    "LeaseLost",
    # health and changes
    "MirrorStatus",
    "IntegrationHealth",
    "Change",
    "Subscription",
    # for stores
    "Store",
    "Watermark",
    "Turn",
    "Lane",
    "Ending",
    "Written",
    "Record",
    "Column",
    "ColumnType",
    "BlindSpot",
    "Stale",
    "StoredIntegration",
]
