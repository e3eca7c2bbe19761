"""Keep local tables in sync with Kombo's lists, in SQLite or PostgreSQL, for any number of customers.

::

    async with Mirror(kombo, "mirror.db", [Table("employees", hris.GetEmployees())]) as mirror:
        await mirror.update("workday:6cRsLsFAo8iMPHGBLqYZdqVH")     # once, now
        receiver.on_any_other(mirror.handle)                        # when a webhook says that something changed
        await mirror.run()                                          # for as long as the app runs

How nothing is missed:

- A sync fetches what changed since the table's watermark (`updated_after`, deleted records included). The watermark
  moves only once the whole sync is in the table: to the time at which the sync *began*, by Kombo's own clock, minus an
  overlap. After a crash, a change during the sync, or a change that becomes visible late, the next sync catches up.
- Changes that `updated_after` does not catch (a renamed stage in applications, for example) are found by watching the
  lists of nested records: records that nest a changed one are read again by their IDs.
- One process at a time works on an integration, under a lease with a fencing token: writes by a process that has lost
  its lease are refused.
- When one of Kombo's own syncs ends, watermarks go back to its start, for changes that became visible only at its end.
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
    StoreUnavailable,
    TablesDiffer,
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
    "TablesDiffer",
    "StoreUnavailable",
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
