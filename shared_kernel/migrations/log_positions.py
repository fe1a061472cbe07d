"""How PostgreSQL gives entries their positions, as of the revisions that changed it.

As in `kernel_tables`, nothing here changes later. On SQLite none of this is needed: the
insert gives positions.
"""

from alembic import op


def give_positions_after_the_commit() -> None:
    """For concurrent writers: `shared_kernel.events.positions` says why."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for statement in _POSITIONS_AFTER_COMMIT:
        op.execute(statement)


def give_positions_by_the_insert() -> None:
    """As it was before; what is committed gets its position first."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for statement in _POSITIONS_BY_INSERT:
        op.execute(statement)


# `give_positions` should use only indexes, whatever the statistics say: the log is
# long, and only entries at its end have no position.
_GIVE_POSITIONS = """
CREATE FUNCTION give_positions() RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    log oid := CAST('event_log' AS regclass);
    head bigint;
    given bigint;
BEGIN
    IF EXISTS (SELECT FROM event_log WHERE position IS NULL) THEN
        PERFORM pg_advisory_xact_lock(CAST(log AS bigint));
        -- Each statement sees what was committed before it began, and these two begin
        -- when whoever had the lock has committed.
        SELECT coalesce(max(position), 0) INTO head FROM event_log;
        UPDATE event_log SET position = head + number
        FROM (
            SELECT written AS wanted, row_number() OVER (ORDER BY written) AS number
            FROM event_log WHERE position IS NULL
        ) AS unsettled
        WHERE written = wanted;
        GET DIAGNOSTICS given = ROW_COUNT;
        IF given > 0 THEN
            PERFORM pg_notify('storehouse_' || log, CAST(head + given AS text));
        END IF;
        RETURN head + given;
    END IF;
    RETURN (SELECT coalesce(max(position), 0) FROM event_log);
END
$$
"""

_POSITIONS_AFTER_COMMIT = (
    "ALTER TABLE event_log DROP CONSTRAINT event_log_pkey",
    """ALTER TABLE event_log
       ALTER COLUMN position DROP NOT NULL,
       ALTER COLUMN position TYPE bigint,
       ADD COLUMN written bigint""",
    "UPDATE event_log SET written = position",
    "ALTER TABLE event_log ALTER COLUMN written SET NOT NULL",
    """ALTER TABLE event_log
       ALTER COLUMN written ADD GENERATED ALWAYS AS IDENTITY,
       ADD PRIMARY KEY (written)""",
    """SELECT setval(pg_get_serial_sequence('event_log', 'written'),
       coalesce(max(written), 0) + 1, false) FROM event_log""",
    "CREATE UNIQUE INDEX event_log_position ON event_log (position)",
    "CREATE INDEX event_log_unsettled ON event_log (written) WHERE position IS NULL",
    _GIVE_POSITIONS,
)

_POSITIONS_BY_INSERT = (
    "SELECT give_positions()",
    "DROP FUNCTION give_positions()",
    "DROP INDEX event_log_unsettled",
    "DROP INDEX event_log_position",
    "ALTER TABLE event_log DROP COLUMN written",
    """ALTER TABLE event_log
       ALTER COLUMN position TYPE integer,
       ADD PRIMARY KEY (position)""",
)


def look_only_at_what_is_new() -> None:
    """Stays fast while an old snapshot or a long transaction blocks VACUUM."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for statement in _ONLY_WHAT_IS_NEW:
        op.execute(statement)


def look_at_all_there_was() -> None:
    """As it was before; what is committed gets its position first."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for statement in _ALL_THERE_WAS:
        op.execute(statement)


# The newest entry with a position records which transactions had ended when it got its
# position: those below `seen_below`, except `seen_open`. Entries of those transactions
# have positions, so only entries of others are searched for. Otherwise each call would
# read all row versions without a position that cannot be vacuumed yet; during a
# `pg_dump` or a slow report these pile up.
# In a database restored from a dump, transactions have other numbers. There the newest
# entry was not written after the transactions that it records (`giver` is the lower
# half of its writer's number), and everything is searched once.
#
# No OR: with that a plan may read the whole index.
_GIVE_POSITIONS_TO_WHAT_IS_NEW = """
CREATE OR REPLACE FUNCTION give_positions() RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    log oid := CAST('event_log' AS regclass);
    head bigint;
    ended bigint;
    not_ended bigint[];
    is_behind boolean;
    given bigint;
BEGIN
    FOR alone IN 0..1 LOOP
        IF alone = 1 THEN
            PERFORM pg_advisory_xact_lock(CAST(log AS bigint));
        END IF;
        -- Each statement sees what was committed before it began, and behind the lock
        -- it begins when whoever had that has committed.
        WITH now AS (
            SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)
                AS next
        ), newest AS (
            SELECT position, seen_below, seen_open,
                CAST(CAST(xmin AS text) AS bigint) AS giver
            FROM event_log WHERE position IS NOT NULL
            ORDER BY position DESC LIMIT 1
        ), settled AS (
            SELECT position, seen_below, seen_open FROM newest, now
            WHERE seen_below <= next - (next - giver) % 4294967296
        )
        SELECT coalesce((SELECT position FROM newest), 0),
            coalesce((SELECT seen_below FROM settled), 0),
            coalesce((SELECT seen_open FROM settled), '{}')
        INTO head, ended, not_ended;
        SELECT EXISTS (
            SELECT FROM event_log WHERE position IS NULL AND transaction >= ended
        ) OR EXISTS (
            SELECT FROM event_log
            WHERE position IS NULL AND transaction = ANY (not_ended)
        ) INTO is_behind;
        IF NOT is_behind THEN
            RETURN (SELECT coalesce(max(position), 0) FROM event_log);
        END IF;
    END LOOP;
    UPDATE event_log SET
        position = head + number,
        seen_below = CASE WHEN number = last THEN
            CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)
        END,
        seen_open = CASE WHEN number = last THEN ARRAY(
            SELECT CAST(CAST(each AS text) AS bigint)
            FROM pg_snapshot_xip(pg_current_snapshot()) AS each
        ) END
    FROM (
        SELECT wanted, row_number() OVER (ORDER BY wanted) AS number,
            count(*) OVER () AS last
        FROM (
            SELECT written AS wanted FROM event_log
            WHERE position IS NULL AND transaction >= ended
            UNION ALL
            SELECT written FROM event_log
            WHERE position IS NULL AND transaction = ANY (not_ended)
        ) AS unsettled
    ) AS numbered
    WHERE written = wanted;
    GET DIAGNOSTICS given = ROW_COUNT;
    PERFORM pg_notify('storehouse_' || log, CAST(head + given AS text));
    RETURN head + given;
END
$$
"""

_ONLY_WHAT_IS_NEW = (
    # So no entry is left whose transaction is unknown.
    "SELECT give_positions()",
    "DROP INDEX event_log_unsettled",
    """ALTER TABLE event_log
       ADD COLUMN transaction bigint,
       ADD COLUMN seen_below bigint,
       ADD COLUMN seen_open bigint[]""",
    """ALTER TABLE event_log ALTER COLUMN transaction
       SET DEFAULT CAST(CAST(pg_current_xact_id() AS text) AS bigint)""",
    """CREATE INDEX event_log_unsettled ON event_log (transaction)
       WHERE position IS NULL""",
    # Without entries that have no position: these would be found here, too.
    "DROP INDEX event_log_position",
    """CREATE UNIQUE INDEX event_log_position ON event_log (position)
       WHERE position IS NOT NULL""",
    _GIVE_POSITIONS_TO_WHAT_IS_NEW,
)

_ALL_THERE_WAS = (
    "SELECT give_positions()",
    "DROP INDEX event_log_unsettled",
    "DROP INDEX event_log_position",
    "CREATE UNIQUE INDEX event_log_position ON event_log (position)",
    """ALTER TABLE event_log
       DROP COLUMN transaction, DROP COLUMN seen_below, DROP COLUMN seen_open""",
    "CREATE INDEX event_log_unsettled ON event_log (written) WHERE position IS NULL",
    "DROP FUNCTION give_positions()",
    _GIVE_POSITIONS,
)
