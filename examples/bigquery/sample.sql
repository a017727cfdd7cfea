-- An invented school: 24 students, 8 enquiries, payments, and events of the site. Times count back from now.
CREATE SCHEMA IF NOT EXISTS web;
CREATE SCHEMA IF NOT EXISTS school;
CREATE SCHEMA IF NOT EXISTS billing;

CREATE OR REPLACE TABLE school.students AS
SELECT CONCAT('s', CAST(n AS STRING)) AS student_no, CONCAT('student', CAST(n AS STRING), '@example.com') AS email,
  CONCAT('Student ', CAST(n AS STRING)) AS first_name, MOD(n, 3) != 0 AS mail_ok, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL n DAY) AS updated_at
FROM UNNEST(GENERATE_ARRAY(1, 24)) AS n;

CREATE OR REPLACE TABLE school.enquiries AS
SELECT CONCAT('q', CAST(n AS STRING)) AS id, CONCAT('Student', CAST(n * 4 AS STRING), '@Example.com') AS email,
  CONCAT('k', CAST(n * 4 AS STRING)) AS cookie, TRUE AS mail_ok, TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL n * 5 DAY) AS asked_at
FROM UNNEST(GENERATE_ARRAY(1, 8)) AS n;

CREATE OR REPLACE TABLE billing.payments AS
SELECT CONCAT('p', CAST(n AS STRING)) AS id, CONCAT('s', CAST(n AS STRING)) AS student_no, CAST(120 + n AS NUMERIC) AS amount,
  TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL n * 15 DAY) AS paid_at
FROM UNNEST(GENERATE_ARRAY(1, 24)) AS n
WHERE MOD(n, 2) = 1;

CREATE OR REPLACE TABLE web.events AS
SELECT UNIX_MICROS(TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL n * 9 + v HOUR)) AS event_timestamp,
  CASE v WHEN 0 THEN 'begin_enrol' ELSE 'course_view' END AS event_name, CONCAT('k', CAST(n AS STRING)) AS user_pseudo_id,
  CASE WHEN MOD(n, 2) = 0 THEN CONCAT('s', CAST(n AS STRING)) END AS user_id,
  [STRUCT('course' AS key, STRUCT(CASE MOD(n, 3) WHEN 0 THEN 'Spanish' ELSE 'Basque' END AS string_value, CAST(NULL AS INT64) AS int_value) AS value)] AS event_params
FROM UNNEST(GENERATE_ARRAY(1, 30)) AS n CROSS JOIN UNNEST(GENERATE_ARRAY(0, 3)) AS v;
