-- What `dbt build` makes, for a look at weir without dbt: the seeds, two views, three tables.
CREATE SCHEMA IF NOT EXISTS main_raw;
CREATE OR REPLACE TABLE main_raw.patrons AS FROM read_csv('seeds/patrons.csv');
CREATE OR REPLACE TABLE main_raw.box_office AS FROM read_csv('seeds/box_office.csv');
CREATE OR REPLACE TABLE main_raw.shows AS FROM read_csv('seeds/shows.csv');

CREATE OR REPLACE VIEW stg_patrons AS
SELECT patron_no, lower(trim(email_address)) AS email, first_name, CAST(newsletter AS boolean) AS newsletter, CAST(changed_at AS timestamp) AS changed_at
FROM main_raw.patrons;
CREATE OR REPLACE VIEW stg_bookings AS
SELECT booking_no, nullif(patron_no, '') AS patron_no, nullif(email, '') AS email, show_id, seats, CAST(amount AS decimal(10, 2)) AS amount, status, CAST(booked_at AS timestamp) AS booked_at
FROM main_raw.box_office;

CREATE OR REPLACE TABLE dim_patrons AS SELECT patron_no, email, first_name, newsletter, changed_at FROM stg_patrons;
CREATE OR REPLACE TABLE fct_bookings AS SELECT booking_no, patron_no, email, show_id, seats, amount, booked_at FROM stg_bookings WHERE status = 'paid';
CREATE OR REPLACE TABLE dim_shows AS SELECT show_id, title, genre, CAST(plays_on AS date) AS plays_on FROM main_raw.shows;
