-- An invented app: 8 workspaces, 48 logins, their actions, and mails to support. Times count back from today.
CREATE SCHEMA app;
CREATE SCHEMA support;

CREATE TABLE app.workspaces (id text PRIMARY KEY, name text NOT NULL, plan text NOT NULL, seats integer NOT NULL, trial_ends_on date);
CREATE TABLE app.users (id text PRIMARY KEY, workspace_id text REFERENCES app.workspaces, email text NOT NULL, name text, updated_at timestamptz NOT NULL);
CREATE TABLE app.actions (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text REFERENCES app.users, what text NOT NULL, done_at timestamptz NOT NULL);
CREATE TABLE app.opt_outs (email text PRIMARY KEY, asked_at timestamptz NOT NULL);
CREATE TABLE support.tickets (id text PRIMARY KEY, from_address text NOT NULL, opened_at timestamptz NOT NULL, closed_at timestamptz);

INSERT INTO app.workspaces VALUES
  ('w1', 'Acorn Supplies',  'business', 40, NULL),
  ('w2', 'Birch & Daughters', 'team',   12, NULL),
  ('w3', 'Cedar Clinic',    'team',      8, NULL),
  ('w4', 'Dogwood Books',   'free',      3, NULL),
  ('w5', 'Elm Street Cafe', 'trial',     5, current_date + 3),
  ('w6', 'Fir Logistics',   'trial',    20, current_date + 5),
  ('w7', 'Gorse Gardens',   'trial',     4, current_date + 20),
  ('w8', 'Hazel Housing',   'trial',     6, current_date - 10);

-- Six people in each workspace.
INSERT INTO app.users
SELECT 'u' || n, 'w' || (n - 1) / 6 + 1, 'person' || n || '@example.com', 'Person ' || n, now() - n * interval '1 day'
FROM generate_series(1, 48) AS n;

-- Three of them were invited to a second workspace and wrote their address in another way.
UPDATE app.users SET email = 'Person1@Example.com ' WHERE id = 'u25';
UPDATE app.users SET email = 'person2@example.com'  WHERE id = 'u31';
UPDATE app.users SET email = 'PERSON20@example.com' WHERE id = 'u37';

-- Who has an even number works every second day; the others stopped a while ago.
INSERT INTO app.actions (user_id, what, done_at)
SELECT 'u' || n, CASE WHEN d = 12 THEN 'plan_created' ELSE 'task_done' END, now() - d * interval '1 day' - interval '1 hour'
FROM generate_series(1, 48) AS n, generate_series(2, 12, 2) AS d
WHERE n % 2 = 0;
INSERT INTO app.actions (user_id, what, done_at)
SELECT 'u' || n, 'plan_created', now() - interval '40 days' FROM generate_series(1, 48) AS n WHERE n % 4 = 1;

INSERT INTO support.tickets VALUES
  ('t1', 'person3@example.com',  now() - interval '5 days',  NULL),
  ('t2', 'Person5@example.com',  now() - interval '30 days', now() - interval '29 days'),
  ('t3', 'stranger@example.com', now() - interval '2 days',  NULL),
  ('t4', 'support@example.com',  now() - interval '1 day',   NULL);

INSERT INTO app.opt_outs VALUES ('person35@example.com', now() - interval '90 days');

ANALYZE;    -- so that weir can tell from the start how much it will scan
