"""Keeping local tables in step with Kombo's lists: what changed is fetched when Kombo says so, and now and then anyway.

::

    async with Mirror(kombo, "mirror.db", [Table("employees", hris.GetEmployees())]) as mirror:
        await mirror.update("workday:6cRsLsFAo8iMPHGBLqYZdqVH")     # once, now
        receiver.on_any_other(mirror.handle)                        # when a webhook says that something changed
        await mirror.run()                                          # for as long as the app runs

How nothing is missed:

- A pass fetches what changed since the table's mark (`updated_after`, deleted records included). The mark is moved only
  once all of a pass is in the table, to the time at which the pass *began*, by Kombo's own clock, less an overlap:
  a crash anywhere, a change while the pass runs, or one that becomes visible late is met by the next pass.
- Records are written by their IDs, so that fetching one again does no harm.
- When a sync ends, the marks go back to where it began, for changes that it made visible only at its end.
- Now and then, a full pass reads everything anew and removes what is no longer there.
"""

from kombo_async.mirror._fetching import Update
from kombo_async.mirror._mirror import Mirror
from kombo_async.mirror._store import Mark, Store
from kombo_async.mirror._table import Table
from kombo_async.mirror.sqlite import SqliteStore

__all__ = ["Mark", "Mirror", "SqliteStore", "Store", "Table", "Update"]
