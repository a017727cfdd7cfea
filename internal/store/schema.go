package store

// versions are the changes of the file's tables, in order. PRAGMA user_version counts how many
// of them a file has had; a new one is appended and an old one never changed. Times are
// microseconds since 1970, UTC.
var versions = []string{`
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- One row per sync: the fence, and what a person or the schedule left to remember.
CREATE TABLE syncs (
	sync   TEXT PRIMARY KEY,
	epoch  INTEGER NOT NULL DEFAULT 0,
	fired  INTEGER,                    -- when its schedule last fired
	paused INTEGER,                    -- since when it is paused
	reason TEXT                        -- why
) WITHOUT ROWID;

CREATE TABLE runs (
	id      INTEGER PRIMARY KEY,        -- in the order begun
	run     TEXT NOT NULL UNIQUE,
	sync    TEXT NOT NULL,
	epoch   INTEGER NOT NULL,
	plan    TEXT NOT NULL,              -- JSON of syncs.PlanRef
	started INTEGER NOT NULL,
	asked   TEXT NOT NULL,
	settled INTEGER,                    -- when the ledger was known to hold its verdicts
	ended   INTEGER,
	status  TEXT,
	report  TEXT,                       -- JSON of syncs.Report
	rejects TEXT                        -- JSON of []Reject, once its acks are dropped
);
CREATE INDEX runs_sync ON runs (sync, id);
CREATE INDEX runs_unsettled ON runs (sync, id) WHERE settled IS NULL;

-- Attempts and their verdicts in one sequence: a verdict has a rest, an attempt has none.
CREATE TABLE marks (
	id      INTEGER PRIMARY KEY,
	run     INTEGER NOT NULL,           -- runs.id
	attempt INTEGER NOT NULL,
	lo      INTEGER NOT NULL,
	hi      INTEGER NOT NULL,
	rest    INTEGER,                    -- verdict of the rows that are not in rows; NULL for an attempt
	key     TEXT,                       -- idempotency key of an attempt
	rows    BLOB                        -- packed exceptions of a verdict
);
CREATE INDEX marks_run ON marks (run);

CREATE TABLE jobs (
	id      INTEGER PRIMARY KEY,
	run     INTEGER NOT NULL,           -- runs.id
	sync    TEXT NOT NULL,
	mark    INTEGER NOT NULL,           -- the verdict that started it
	lo      INTEGER NOT NULL,
	hi      INTEGER NOT NULL,
	first   INTEGER NOT NULL,           -- index in the batch of row lo
	plan    TEXT NOT NULL,              -- JSON of syncs.PlanRef
	batch   TEXT NOT NULL,
	job     TEXT NOT NULL,              -- JSON of destinations.Job
	started INTEGER NOT NULL,
	closed  INTEGER,
	rows    BLOB                        -- packed final verdicts
);
CREATE INDEX jobs_open ON jobs (sync, id) WHERE closed IS NULL;
CREATE INDEX jobs_mark ON jobs (run) WHERE closed IS NOT NULL;
`, alertsTable, quotaTables, turnsTable}
