-- What weir may do: read five tables, and everything in a schema of its own. Run by an administrator.
CREATE ROLE weir_planner LOGIN;    -- then \password weir_planner, or how you have roles sign in
GRANT CONNECT, TEMPORARY ON DATABASE planner TO weir_planner;
CREATE SCHEMA weir AUTHORIZATION weir_planner;
GRANT USAGE ON SCHEMA app, support TO weir_planner;
GRANT SELECT ON app.users, app.workspaces, app.actions, app.opt_outs, support.tickets TO weir_planner;
