"""What was seen while the store's file could not be used, written into it once it can be: statements over both.

`main` is what this process saw, `kept` the file. Of a job that both know, the side counts that knows more events of
it or, of as many, looked last. No number that either side has given changes its meaning.
"""

CONFLICT = """
    SELECT 1 FROM main.events AS mine
    JOIN main.jobs AS ours ON ours.key = mine.job
    JOIN kept.jobs AS theirs USING (account, id)
    JOIN kept.events AS other ON other.job = theirs.key AND other.seq = mine.seq
    WHERE mine.kind != other.kind
        OR coalesce(mine.provider_key, mine.digest) != coalesce(other.provider_key, other.digest)
    LIMIT 1
"""
"""Finds a number that means one event here and another one there."""

_BOTH = """
    FROM newer JOIN main.jobs AS ours ON ours.key = newer.key JOIN kept.jobs AS theirs USING (account, id)
"""

STATEMENTS = (
    """
    CREATE TEMP TABLE newer AS
    SELECT ours.key AS key FROM main.jobs AS ours LEFT JOIN kept.jobs AS theirs USING (account, id)
    WHERE theirs.key IS NULL OR (ours.events, ours.checked_at) > (theirs.events, theirs.checked_at)
    """,
    """
    INSERT INTO kept.jobs (
        account, id, locator, snapshot, status, sort_at, revision, events, cursor,
        first_seen_at, changed_at, checked_at, detailed_at, stopped_at
    )
    SELECT
        account, id, locator, snapshot, status, sort_at, revision, events, cursor,
        first_seen_at, changed_at, checked_at, detailed_at, stopped_at
    FROM main.jobs WHERE key IN (SELECT key FROM newer)
    ON CONFLICT (account, id) DO UPDATE SET
        locator = excluded.locator, snapshot = excluded.snapshot, status = excluded.status, sort_at = excluded.sort_at,
        revision = max(revision, excluded.revision) + 1, events = excluded.events, cursor = excluded.cursor,
        changed_at = excluded.changed_at, checked_at = excluded.checked_at, detailed_at = excluded.detailed_at,
        stopped_at = coalesce(excluded.stopped_at, stopped_at)
    """,
    """
    UPDATE kept.jobs SET stopped_at = (
        SELECT stopped_at FROM main.jobs AS ours WHERE ours.account = kept.jobs.account AND ours.id = kept.jobs.id
    ) WHERE (account, id) IN (SELECT account, id FROM main.jobs WHERE stopped_at IS NOT NULL)
    """,
    f"""
    INSERT INTO kept.events (job, seq, at, kind, reported, provider_key, digest)
    SELECT theirs.key, seq, at, kind, reported, provider_key, digest
    {_BOTH} JOIN main.events AS mine ON mine.job = ours.key WHERE true
    ON CONFLICT (job, seq) DO UPDATE SET reported = excluded.reported, digest = excluded.digest
    """,
    f"""
    INSERT INTO kept.results SELECT theirs.key, result
    {_BOTH} JOIN main.results AS mine ON mine.job = ours.key WHERE true
    ON CONFLICT (job) DO UPDATE SET result = excluded.result
    """,
    f"""
    INSERT OR IGNORE INTO kept.links (hash, job, expires_at)
    SELECT hash, theirs.key, expires_at {_BOTH} JOIN main.links AS mine ON mine.job = ours.key
    """,
    """
    INSERT INTO kept.accounts SELECT * FROM main.accounts WHERE true
    ON CONFLICT (name) DO UPDATE SET
        key_state = excluded.key_state, rest_until = excluded.rest_until, strikes = excluded.strikes
        WHERE excluded.rest_until > rest_until
    """,
    """
    INSERT INTO kept.starts SELECT * FROM main.starts WHERE true
    ON CONFLICT (account, key) DO UPDATE SET
        job = excluded.job, asked_at = excluded.asked_at, process = excluded.process
        WHERE job IS NULL AND content = excluded.content
            AND (excluded.job IS NOT NULL OR excluded.asked_at > asked_at)
    """,
    """
    INSERT INTO kept.tasks SELECT * FROM main.tasks WHERE true
    ON CONFLICT (id) DO UPDATE SET changed_at = excluded.changed_at, outcome = excluded.outcome
        WHERE excluded.changed_at > changed_at AND outcome IS NULL
    """,
    """
    INSERT INTO kept.task_answers SELECT mine.* FROM main.task_answers AS mine WHERE true
    ON CONFLICT (task, question) DO UPDATE SET times = excluded.times, quiet_until = excluded.quiet_until
        WHERE excluded.times > times
    """,
    "DROP TABLE newer",
)
"""Run in order, in one transaction."""
