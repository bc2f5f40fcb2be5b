"""The ledger's tables and the migrations that lead to them. Called when a ledger is opened.

Money and quantities are TEXT: the decimal digits exactly as they were. Times are UTC
milliseconds; `bar_open_time` on the market's clock, `*_at` on this machine's.
"""

import sqlite3

from tradinglab.errors import HaltTrading

VERSION_1 = """
CREATE TABLE decisions (
  bar_open_time INTEGER PRIMARY KEY,
  decided_at    INTEGER NOT NULL,
  open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL,
  volume        REAL NOT NULL,
  reason        TEXT NOT NULL,
  explanation   TEXT NOT NULL,
  forecast      TEXT,
  inputs        TEXT NOT NULL,
  digest        TEXT NOT NULL,
  behind        INTEGER NOT NULL CHECK (behind IN (0, 1))
) STRICT;

CREATE TABLE equity (
  bar_open_time INTEGER PRIMARY KEY REFERENCES decisions (bar_open_time),
  equity        TEXT NOT NULL,
  quote         TEXT NOT NULL,
  base          TEXT NOT NULL,
  peak_equity   TEXT NOT NULL
) STRICT;

CREATE TABLE intents (
  id            INTEGER PRIMARY KEY,
  bar_open_time INTEGER NOT NULL REFERENCES decisions (bar_open_time),
  sequence      INTEGER NOT NULL,
  kind          TEXT NOT NULL CHECK (kind IN ('enter', 'protect', 'exit', 'cancel')),
  body          TEXT NOT NULL,
  status        TEXT NOT NULL
                CHECK (status IN ('written', 'accepted', 'rejected', 'not_accepted', 'dropped')),
  written_at    INTEGER NOT NULL,
  answered_at   INTEGER,
  answer        TEXT,
  UNIQUE (bar_open_time, sequence)
) STRICT;
CREATE INDEX intents_unanswered ON intents (id) WHERE status = 'written';

CREATE TABLE orders (
  client_id         TEXT PRIMARY KEY,
  intent_id         INTEGER NOT NULL REFERENCES intents (id),
  leg               TEXT NOT NULL CHECK (leg IN ('e', 't', 's', 'x')),
  exchange_id       INTEGER NOT NULL UNIQUE,
  list_client_id    TEXT,
  side              TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
  type              TEXT NOT NULL,
  status            TEXT NOT NULL,
  quantity          TEXT NOT NULL,
  executed_quantity TEXT NOT NULL,
  price             TEXT NOT NULL,
  stop_price        TEXT,
  is_live           INTEGER NOT NULL CHECK (is_live IN (0, 1)),
  updated_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_live ON orders (client_id) WHERE is_live = 1;

CREATE TABLE fills (
  trade_id          INTEGER PRIMARY KEY,
  client_id         TEXT REFERENCES orders (client_id),
  exchange_order_id INTEGER NOT NULL,
  side              TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
  price             TEXT NOT NULL,
  quantity          TEXT NOT NULL,
  commission        TEXT NOT NULL,
  commission_asset  TEXT NOT NULL,
  time              INTEGER NOT NULL,
  is_maker          INTEGER NOT NULL CHECK (is_maker IN (0, 1))
) STRICT;
CREATE INDEX fills_of_order ON fills (client_id);

CREATE TABLE trades (
  id             INTEGER PRIMARY KEY,
  closing_fill   INTEGER NOT NULL UNIQUE REFERENCES fills (trade_id),
  opened_bar     INTEGER NOT NULL,
  closed_time    INTEGER NOT NULL,
  quantity       TEXT NOT NULL,
  entry_price    TEXT NOT NULL,
  exit_price     TEXT NOT NULL,
  cost_quote     TEXT NOT NULL,
  proceeds_quote TEXT NOT NULL,
  profit         TEXT NOT NULL,
  exit_leg       TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (
  id         INTEGER PRIMARY KEY,
  kind       TEXT NOT NULL,
  text       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  sent_at    INTEGER,
  attempts   INTEGER NOT NULL DEFAULT 0,
  error      TEXT
) STRICT;
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;

CREATE TABLE state (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
"""

# `standardised`: the return over the forecast's horizon, over σ̂√H; `class` in Direction's order.
VERSION_2 = """
CREATE TABLE outcomes (
  bar_open_time INTEGER PRIMARY KEY REFERENCES decisions (bar_open_time),
  standardised  REAL NOT NULL,
  class         INTEGER NOT NULL CHECK (class BETWEEN 0 AND 3)
) STRICT;

CREATE TABLE drift (
  bar_open_time INTEGER PRIMARY KEY,
  digest        TEXT NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('insufficient', 'steady', 'drifted')),
  body          TEXT NOT NULL
) STRICT;

CREATE TABLE training_requests (
  digest   TEXT PRIMARY KEY,
  reason   TEXT NOT NULL,
  taken_at INTEGER NOT NULL
) STRICT;
"""

# One more kind of intent; SQLite changes a CHECK only with its table.
VERSION_3 = """
CREATE TABLE intents_3 (
  id            INTEGER PRIMARY KEY,
  bar_open_time INTEGER NOT NULL REFERENCES decisions (bar_open_time),
  sequence      INTEGER NOT NULL,
  kind          TEXT NOT NULL CHECK (kind IN ('enter', 'protect', 'stop', 'exit', 'cancel')),
  body          TEXT NOT NULL,
  status        TEXT NOT NULL
                CHECK (status IN ('written', 'accepted', 'rejected', 'not_accepted', 'dropped')),
  written_at    INTEGER NOT NULL,
  answered_at   INTEGER,
  answer        TEXT,
  UNIQUE (bar_open_time, sequence)
) STRICT;
INSERT INTO intents_3 SELECT * FROM intents;
DROP TABLE intents;
ALTER TABLE intents_3 RENAME TO intents;
CREATE INDEX intents_unanswered ON intents (id) WHERE status = 'written';
"""

# What a fee was worth in quote when it was booked; NULL when the exchange had no price for it.
VERSION_4 = """
ALTER TABLE fills ADD COLUMN commission_quote TEXT;
"""

MIGRATIONS = (VERSION_1, VERSION_2, VERSION_3, VERSION_4)


def migrate(connection: sqlite3.Connection) -> None:
    """Brings the tables to the newest version, each migration in its own transaction; to be called
    before foreign keys are enforced, because a table that others refer to may be made anew.

    Raises HaltTrading for a ledger written by a newer program.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise HaltTrading(
            f"the ledger has schema version {version}, this program knows up to {len(MIGRATIONS)}"
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")
