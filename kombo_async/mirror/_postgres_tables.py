"""The tables of the PostgreSQL store, as SQL: the mirror's own, and those of records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from kombo_async.mirror._columns import Column
from kombo_async.mirror._table import Table

FORMAT = 1
"""The version of the mirror's own tables."""
_LONGEST_NAME = 63

_OWN = """
CREATE TABLE IF NOT EXISTS {schema}.kombo_format (version integer PRIMARY KEY);
INSERT INTO {schema}.kombo_format VALUES ({format}) ON CONFLICT DO NOTHING;
CREATE SEQUENCE IF NOT EXISTS {schema}.kombo_fence;
CREATE TABLE IF NOT EXISTS {schema}.kombo_clock (sole boolean PRIMARY KEY DEFAULT true, time float8 NOT NULL);
INSERT INTO {schema}.kombo_clock (time) VALUES (extract(epoch FROM clock_timestamp())) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS {schema}.kombo_integrations (
    id text PRIMARY KEY, category text, lane text NOT NULL, due_at float8 NOT NULL, told bigint NOT NULL DEFAULT 0,
    told_at float8, models text NOT NULL DEFAULT '[]', looked_at float8, failures integer NOT NULL DEFAULT 0,
    error text, owner text, lease_until float8 NOT NULL DEFAULT 0, fence bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS kombo_integrations_due ON {schema}.kombo_integrations (lane, due_at);
CREATE TABLE IF NOT EXISTS {schema}.kombo_removed (id text PRIMARY KEY);
CREATE TABLE IF NOT EXISTS {schema}.kombo_processes (
    owner text PRIMARY KEY, tables text NOT NULL, lease_until float8 NOT NULL
);
CREATE TABLE IF NOT EXISTS {schema}.kombo_watermarks (
    integration_id text NOT NULL, name text NOT NULL, question text NOT NULL, since timestamptz, rewind timestamptz,
    full_at timestamptz, full_wanted boolean NOT NULL DEFAULT false, missing_at timestamptz,
    compares boolean NOT NULL DEFAULT false, PRIMARY KEY (integration_id, name)
);
CREATE TABLE IF NOT EXISTS {schema}.kombo_layouts (name text PRIMARY KEY, layout text NOT NULL);
CREATE TABLE IF NOT EXISTS {schema}.kombo_seen (
    integration_id text NOT NULL, name text NOT NULL, id text NOT NULL, PRIMARY KEY (integration_id, name, id)
);
CREATE TABLE IF NOT EXISTS {schema}.kombo_stale (
    integration_id text NOT NULL, name text NOT NULL, path text NOT NULL, id text NOT NULL, noted_at timestamptz,
    read boolean NOT NULL DEFAULT false, PRIMARY KEY (integration_id, name, path, id)
);
CREATE TABLE IF NOT EXISTS {schema}.kombo_changes (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL,
    name text NOT NULL, integration_id text NOT NULL, id text NOT NULL, kind text NOT NULL, fields jsonb NOT NULL,
    before jsonb NOT NULL
);
CREATE TABLE IF NOT EXISTS {schema}.kombo_subscribers (
    name text PRIMARY KEY, position bigint NOT NULL, owner text, lease_until float8 NOT NULL
)
"""


def quoted(name: str) -> str:
    """*name* as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def migration(schema: str, tables: Sequence[Table]) -> list[str]:
    """The statements that create whatever is missing; they can be repeated. Indexes are separate."""
    statements = [f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}"]
    statements += [each.strip() for each in _OWN.format(schema=quoted(schema), format=FORMAT).split(";")]
    for name, head, columns in layouts(tables):
        statements.append(f"CREATE TABLE IF NOT EXISTS {quoted(schema)}.{quoted(name)} ({head})")
        statements += [
            f"ALTER TABLE {quoted(schema)}.{quoted(name)} ADD COLUMN IF NOT EXISTS {quoted(each.name)} {each.type}"
            for each in columns
        ]
    return statements


def indexes(schema: str, tables: Sequence[Table]) -> Iterator[str]:
    """The statements that create the indexes on columns."""
    for name, _, columns in layouts(tables):
        for column in columns:
            if column.type != "jsonb":
                index = quoted(index_name(name, column.name))
                yield (f"CREATE INDEX IF NOT EXISTS {index} ON {quoted(schema)}.{quoted(name)} ({quoted(column.name)})")


def layouts(tables: Sequence[Table]) -> Iterator[tuple[str, str, Sequence[Column]]]:
    """Each table of records: its name, the standard columns, and the requested ones."""
    for table in tables:
        head = "integration_id text, id text, data jsonb NOT NULL, kombo_digest bytea NOT NULL"
        yield table.name, f"{head}, PRIMARY KEY (integration_id, id)", table.typed_columns
        for nested, columns in table.typed_nested:
            head = "integration_id text, parent_id text, position integer, data jsonb"
            yield nested.name, f"{head}, PRIMARY KEY (integration_id, parent_id, position)", columns


def index_name(table: str, column: str) -> str:
    """The name of the index on a column, shortened if it is too long for PostgreSQL."""
    name = f"{table}_{column}_idx"
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    digest = hashlib.blake2b(name.encode(), digest_size=6).hexdigest()
    return name.encode()[:44].decode(errors="ignore") + "_" + digest
