"""The tables in PostgreSQL, as numbered migrations; `database` applies those that are missing, in order.

A migration that was published is never edited: a change is a new one. Each may be applied to a database that an earlier
version still uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import LiteralString

__all__ = ["MIGRATIONS"]

MIGRATIONS: Final[tuple[LiteralString, ...]] = (
    # Keys are compared byte by byte: in UTF-8 that is the order of code points, whatever the database's locale.
    """
    CREATE TABLE {schema}.checkpoint_state (
        name text PRIMARY KEY,
        base_url text NOT NULL,
        client text,
        "user" text,
        versions bigint NOT NULL DEFAULT 0
    );
    CREATE TABLE {schema}.checkpoint (
        name text NOT NULL REFERENCES {schema}.checkpoint_state,
        key text COLLATE "C" NOT NULL,
        version bigint NOT NULL,
        value text NOT NULL,
        PRIMARY KEY (name, key)
    )
    """,
    """
    CREATE TABLE {schema}.lease (
        name text PRIMARY KEY,
        holder text NOT NULL,
        epoch bigint NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE {schema}.token (
        key text PRIMARY KEY,
        token text NOT NULL
    )
    """,
    """
    CREATE TABLE {schema}.delivery (
        key text PRIMARY KEY,
        expires_at timestamptz NOT NULL
    );
    CREATE INDEX delivery_expires_at ON {schema}.delivery (expires_at)
    """,
    """
    CREATE TABLE {schema}.budget (
        name text PRIMARY KEY,
        state text NOT NULL
    )
    """,
    """
    CREATE TABLE {schema}.tenant (
        name text PRIMARY KEY,
        every double precision NOT NULL,
        due_at timestamptz NOT NULL,
        claimed_until timestamptz NOT NULL DEFAULT '-infinity',
        finished_at timestamptz,
        failures integer NOT NULL DEFAULT 0,
        failed_because text,
        stopped_because text
    );
    CREATE INDEX tenant_due_at ON {schema}.tenant (due_at) WHERE stopped_because IS NULL
    """,
    "ALTER TABLE {schema}.budget ADD COLUMN changed_at timestamptz NOT NULL DEFAULT clock_timestamp()",
)
