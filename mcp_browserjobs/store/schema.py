"""The tables: how the file came to have them, step by step."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE jobs (
        key INTEGER PRIMARY KEY,
        account TEXT NOT NULL,
        id TEXT NOT NULL,
        locator TEXT NOT NULL,
        snapshot TEXT NOT NULL,
        status TEXT NOT NULL,
        sort_at REAL NOT NULL,
        revision INTEGER NOT NULL,
        events INTEGER NOT NULL,
        cursor TEXT,
        first_seen_at REAL NOT NULL,
        changed_at REAL NOT NULL,
        checked_at REAL NOT NULL,
        detailed_at REAL,
        stopped_at REAL,
        UNIQUE (account, id)
    );
    CREATE INDEX jobs_by_id ON jobs (id);
    CREATE INDEX jobs_by_time ON jobs (sort_at DESC, key DESC);
    CREATE TABLE events (
        job INTEGER NOT NULL REFERENCES jobs (key),
        seq INTEGER NOT NULL,
        at REAL NOT NULL,
        kind TEXT NOT NULL,
        reported TEXT NOT NULL,
        provider_key TEXT,
        digest TEXT NOT NULL,
        PRIMARY KEY (job, seq)
    ) WITHOUT ROWID;
    CREATE INDEX events_by_provider_key ON events (job, provider_key);
    CREATE TABLE results (job INTEGER PRIMARY KEY REFERENCES jobs (key), result TEXT NOT NULL);
    CREATE TABLE links (hash TEXT PRIMARY KEY, job INTEGER NOT NULL REFERENCES jobs (key)) WITHOUT ROWID;
    CREATE TABLE accounts (
        name TEXT PRIMARY KEY,
        key_state TEXT NOT NULL,
        rest_until REAL NOT NULL,
        strikes INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE starts (
        account TEXT NOT NULL,
        key TEXT NOT NULL,
        content TEXT NOT NULL,
        asked_at REAL NOT NULL,
        process TEXT NOT NULL,
        job TEXT,
        PRIMARY KEY (account, key)
    ) WITHOUT ROWID;
    CREATE INDEX starts_by_content ON starts (account, content, asked_at);
    CREATE TABLE processes (name TEXT PRIMARY KEY, seen_at REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE leases (job INTEGER PRIMARY KEY REFERENCES jobs (key), process TEXT NOT NULL);
    """,
    """
    CREATE TABLE tasks (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        wanted TEXT NOT NULL,
        made_at REAL NOT NULL,
        changed_at REAL NOT NULL,
        expires_at REAL NOT NULL,
        outcome TEXT
    ) WITHOUT ROWID;
    CREATE INDEX tasks_by_end ON tasks (expires_at);
    CREATE TABLE task_answers (
        task TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
        question TEXT NOT NULL,
        times INTEGER NOT NULL,
        quiet_until REAL NOT NULL,
        PRIMARY KEY (task, question)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE links ADD COLUMN expires_at REAL NOT NULL DEFAULT 0;
    UPDATE links SET expires_at = strftime('%s', 'now') + 2592000;
    CREATE INDEX links_by_end ON links (expires_at);
    CREATE TABLE counts (
        what TEXT NOT NULL,
        account TEXT NOT NULL,
        how TEXT NOT NULL,
        times INTEGER NOT NULL,
        last_at REAL NOT NULL,
        PRIMARY KEY (what, account, how)
    ) WITHOUT ROWID;
    CREATE TABLE open_waits (process TEXT PRIMARY KEY, waits INTEGER NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
    """,
    """
    DROP INDEX jobs_by_time;
    CREATE INDEX jobs_by_time ON jobs (sort_at DESC, key);
    """,
)
"""Each runs once, in order; `PRAGMA user_version` counts those that did."""

KEY_OF = "(SELECT key FROM jobs WHERE account = ? AND id = ?)"
"""The key of the job that an account and an id name."""
