-- ==== traits: crm ====

-- traits over crm
-- v1: email
-- v2: email, its time
-- v3: email, its key
CREATE TEMP TABLE "weir_b17_customer_traits_t1" AS
SELECT
  "s"."weir_profile" AS "profile_id",
  (array_agg("s"."weir_n1" ORDER BY "s"."changed" DESC NULLS LAST, "s"."id" NULLS LAST, (CAST("s"."weir_n1" AS text) COLLATE "C") NULLS LAST) FILTER (WHERE ("s"."weir_n1") IS NOT NULL))[1] AS "v1",
  MAX(CASE WHEN "s"."weir_n1" IS NOT NULL THEN "s"."changed" END) AS "v2",
  (array_agg("s"."id" ORDER BY "s"."changed" DESC NULLS LAST, "s"."id" NULLS LAST) FILTER (WHERE "s"."weir_n1" IS NOT NULL))[1] AS "v3"
FROM (
  SELECT
    "s"."weir_profile",
    "s"."changed",
    "s"."id",
    CASE WHEN ("s"."weir_n1" COLLATE "C" ~ E'^[^@[:space:],;<>()"]+@[^@[:space:],;<>()".]+(\\.[^@[:space:],;<>()".]+)+$') AND strpos("s"."weir_n1", '@') <= 65 AND octet_length("s"."weir_n1") <= 254 THEN "s"."weir_n1" END AS "weir_n1"
  FROM (
    SELECT
      "s"."weir_profile",
      "s"."changed",
      "s"."id",
      (CASE WHEN (right("s"."weir_n1", length('.')) = '.') THEN substr("s"."weir_n1", 1, length("s"."weir_n1") - 1) ELSE "s"."weir_n1" END COLLATE "C") AS "weir_n1"
    FROM (
      SELECT
        "r"."profile_id" AS "weir_profile",
        "s"."changed",
        "s"."id",
        (lower(btrim("s"."email", E' \t\n\r\f\x0B ') COLLATE "und-x-icu") COLLATE "C") AS "weir_n1"
      FROM "crm"."contacts" AS "s"
      JOIN "weir"."customer_records_b17" AS "r" ON "r"."source" = 'crm' AND "r"."key" = (CAST("s"."id" AS text) COLLATE "C") AND "r"."profile_id" IS NOT NULL
    ) AS "s"
    OFFSET 0
  ) AS "s"
  OFFSET 0
) AS "s"
GROUP BY "s"."weir_profile";

ANALYZE "weir_b17_customer_traits_t1";

-- ==== traits: orders ====

-- traits over orders
-- v1: email
-- v2: email, its time
-- v3: email, its key
-- v4: spent
CREATE TEMP TABLE "weir_b17_customer_traits_t2" AS
SELECT
  "s"."weir_profile" AS "profile_id",
  (array_agg("s"."weir_n1" ORDER BY "s"."ordered_at" DESC NULLS LAST, "s"."id" NULLS LAST, (CAST("s"."weir_n1" AS text) COLLATE "C") NULLS LAST) FILTER (WHERE ("s"."weir_n1") IS NOT NULL))[1] AS "v1",
  MAX(CASE WHEN "s"."weir_n1" IS NOT NULL THEN "s"."ordered_at" END) AS "v2",
  (array_agg("s"."id" ORDER BY "s"."ordered_at" DESC NULLS LAST, "s"."id" NULLS LAST) FILTER (WHERE "s"."weir_n1" IS NOT NULL))[1] AS "v3",
  CAST(SUM(CASE WHEN "s"."status" = 'paid' AND "s"."ordered_at" >= TIMESTAMPTZ '2026-03-03 00:00:00+00' AND "s"."ordered_at" < TIMESTAMPTZ '2026-06-01 00:00:00+00' THEN CAST(substring(CAST("s"."amount" AS text) FROM '^[[:space:]]*([+-]?(?:[0-9]{1,28}(?:[.][0-9]*)?|[.][0-9]+|[0-9](?:[.][0-9]*)?[eE](?:[+]?[01]?[0-9]|[+]?2[0-7]|-[0-9]{1,2})))[[:space:]]*$') AS numeric(38,9)) END) AS numeric(38,9)) AS "v4"
FROM (
  SELECT
    "s"."weir_profile",
    "s"."amount",
    "s"."id",
    "s"."ordered_at",
    "s"."status",
    CASE WHEN ("s"."weir_n1" COLLATE "C" ~ E'^[^@[:space:],;<>()"]+@[^@[:space:],;<>()".]+(\\.[^@[:space:],;<>()".]+)+$') AND strpos("s"."weir_n1", '@') <= 65 AND octet_length("s"."weir_n1") <= 254 THEN "s"."weir_n1" END AS "weir_n1"
  FROM (
    SELECT
      "s"."weir_profile",
      "s"."amount",
      "s"."id",
      "s"."ordered_at",
      "s"."status",
      (CASE WHEN (right("s"."weir_n1", length('.')) = '.') THEN substr("s"."weir_n1", 1, length("s"."weir_n1") - 1) ELSE "s"."weir_n1" END COLLATE "C") AS "weir_n1"
    FROM (
      SELECT
        "r"."profile_id" AS "weir_profile",
        "s"."amount",
        "s"."id",
        "s"."ordered_at",
        "s"."status",
        (lower(btrim("s"."email", E' \t\n\r\f\x0B ') COLLATE "und-x-icu") COLLATE "C") AS "weir_n1"
      FROM "shop"."orders" AS "s"
      JOIN "weir"."customer_owners_orders_b17" AS "r" ON "r"."profile_id" IS NOT NULL AND COALESCE("s"."email", '') = "r"."email"
    ) AS "s"
    OFFSET 0
  ) AS "s"
  OFFSET 0
) AS "s"
GROUP BY "s"."weir_profile";

ANALYZE "weir_b17_customer_traits_t2";

-- ==== traits: provenance ====

-- the rows that the traits of customer profiles come from
CREATE TABLE "weir"."customer_provenance_b17" AS
SELECT
  "c"."profile_id",
  (CASE
    WHEN "t1"."v1" IS NOT NULL THEN 'crm'
    WHEN "t2"."v1" IS NOT NULL THEN 'orders'
  END COLLATE "C") AS "email__source",
  (CASE
    WHEN "t1"."v1" IS NOT NULL THEN (CAST("t1"."v3" AS text) COLLATE "C")
    WHEN "t2"."v1" IS NOT NULL THEN (CAST("t2"."v3" AS text) COLLATE "C")
  END COLLATE "C") AS "email__key",
  CASE
    WHEN "t1"."v1" IS NOT NULL THEN "t1"."v2"
    WHEN "t2"."v1" IS NOT NULL THEN "t2"."v2"
  END AS "email__at"
FROM "weir"."customer_clusters_b17" AS "c"
LEFT JOIN "weir_b17_customer_traits_t1" AS "t1" ON "t1"."profile_id" = "c"."profile_id"
LEFT JOIN "weir_b17_customer_traits_t2" AS "t2" ON "t2"."profile_id" = "c"."profile_id"
WHERE "t1"."profile_id" IS NOT NULL OR "t2"."profile_id" IS NOT NULL;

ANALYZE "weir"."customer_provenance_b17";

-- ==== traits: profiles ====

-- customer profiles with their traits
CREATE TABLE "weir"."customer_profiles_b17" AS
SELECT
  "p"."profile_id",
  "p"."anonymous",
  "p"."email",
  "p"."spent",
  "p"."decile"
FROM (
  SELECT
    "p"."profile_id",
    "p"."anonymous",
    "p"."email",
    "p"."spent",
    CAST((ntile(10) over (order by spent)) AS bigint) AS "decile"
  FROM (
    SELECT
      "c"."profile_id",
      "c"."anonymous",
      COALESCE("t1"."v1", "t2"."v1") AS "email",
      COALESCE("t2"."v4", 0) AS "spent"
    FROM "weir"."customer_clusters_b17" AS "c"
    LEFT JOIN "weir_b17_customer_traits_t1" AS "t1" ON "t1"."profile_id" = "c"."profile_id"
    LEFT JOIN "weir_b17_customer_traits_t2" AS "t2" ON "t2"."profile_id" = "c"."profile_id"
  ) AS "p"
) AS "p";

ANALYZE "weir"."customer_profiles_b17";

DROP TABLE IF EXISTS "weir_b17_customer_traits_t1";

DROP TABLE IF EXISTS "weir_b17_customer_traits_t2";

-- ==== events: orders ====

-- events over orders
-- v1: lapsed
CREATE TEMP TABLE "weir_b17_customer_events_e1" AS
SELECT
  "r"."profile_id",
  COUNT(CASE WHEN "s"."ordered_at" >= TIMESTAMPTZ '2026-05-02 00:00:00+00' AND "s"."ordered_at" < TIMESTAMPTZ '2026-06-01 00:00:00+00' THEN 1 END) AS "v1"
FROM "shop"."orders" AS "s"
JOIN "weir"."customer_owners_orders_b17" AS "r" ON "r"."profile_id" IS NOT NULL AND COALESCE("s"."email", '') = "r"."email"
GROUP BY "r"."profile_id";

ANALYZE "weir_b17_customer_events_e1";

-- ==== segments: who is in ====

-- what segments look at
-- t1: trait email
-- t2: trait spent
-- s1: segment employees
-- s2: segment vip
CREATE TEMP TABLE "weir_b17_customer_flags" AS
SELECT
  "p"."profile_id",
  "p"."t1",
  "p"."t2",
  "p"."e1_v1",
  "p"."s1",
  COALESCE("p"."t2" >= 500 AND NOT COALESCE("p"."s1", FALSE), FALSE) AS "s2"
FROM (
  SELECT
    "p"."profile_id",
    "p"."t1",
    "p"."t2",
    "p"."e1_v1",
    COALESCE((right((lower("p"."t1" COLLATE "und-x-icu") COLLATE "C"), length((lower('@shop.example.com' COLLATE "und-x-icu") COLLATE "C"))) = (lower('@shop.example.com' COLLATE "und-x-icu") COLLATE "C")), FALSE) AS "s1"
  FROM (
    SELECT
      "p"."profile_id",
      "p"."email" AS "t1",
      "p"."spent" AS "t2",
      "e1"."v1" AS "e1_v1"
    FROM "weir"."customer_profiles_b17" AS "p"
    LEFT JOIN "weir_b17_customer_events_e1" AS "e1" ON "e1"."profile_id" = "p"."profile_id"
  ) AS "p"
) AS "p";

ANALYZE "weir_b17_customer_flags";

-- ==== segments: arms ====

-- who was given which arm of a holdout or a split, and when
CREATE TABLE "weir"."customer_assignments_b17" (
  "profile_id" text COLLATE "C",
  "segment" text COLLATE "C",
  "arm" text COLLATE "C",
  "since" timestamptz,
  "contaminated" boolean
);

ANALYZE "weir"."customer_assignments_b17";

-- arms of those who have none
INSERT INTO "weir"."customer_assignments_b17" ("profile_id", "segment", "arm", "since", "contaminated")
SELECT
  "d"."profile_id",
  ('vip' COLLATE "C") AS "segment",
  (CASE WHEN "d"."held" THEN 'holdout' ELSE 'treatment' END COLLATE "C") AS "arm",
  TIMESTAMPTZ '2026-06-01 00:00:00+00' AS "since",
  "d"."contaminated"
FROM (
  SELECT
    "m"."profile_id",
    (CAST(CAST('x' || substr(encode(sha256(convert_to(('vip:' || "m"."profile_id"), 'UTF8')), 'hex'), 1, 13) AS bit(52)) AS bigint) % 10000) < 1000 AS "held",
    FALSE AS "contaminated"
  FROM (
    SELECT
      "p"."profile_id",
      ('employees' COLLATE "C") AS "segment",
      (CAST(NULL AS text) COLLATE "C") AS "arm"
    FROM "weir_b17_customer_flags" AS "p"
    WHERE "p"."s1"
    UNION ALL
    SELECT
      "p"."profile_id",
      ('vip' COLLATE "C") AS "segment",
      (CAST(NULL AS text) COLLATE "C") AS "arm"
    FROM "weir_b17_customer_flags" AS "p"
    WHERE "p"."s2"
    UNION ALL
    SELECT
      "p"."profile_id",
      ('lapsed' COLLATE "C") AS "segment",
      (CAST(NULL AS text) COLLATE "C") AS "arm"
    FROM "weir_b17_customer_flags" AS "p"
    WHERE "p"."s2"
      AND COALESCE("p"."e1_v1", 0) = 0
  ) AS "m"
  LEFT JOIN "weir"."customer_assignments_b17" AS "a" ON "a"."profile_id" = "m"."profile_id" AND "a"."segment" = "m"."segment"
  WHERE "m"."segment" = 'vip'
    AND "a"."profile_id" IS NULL
) AS "d";

ANALYZE "weir"."customer_assignments_b17";

-- ==== segments: memberships ====

-- who is in which segment, since when, in which arm
CREATE TABLE "weir"."customer_memberships_b17" AS
SELECT
  "m"."profile_id",
  "m"."segment",
  TIMESTAMPTZ '2026-06-01 00:00:00+00' AS "since",
  (CASE
    WHEN "a"."arm" = 'holdout' AND "m"."segment" IN ('vip') THEN 'holdout'
    WHEN "m"."arm" IS NULL AND "m"."segment" IN ('vip') THEN 'treatment'
    ELSE "m"."arm"
  END COLLATE "C") AS "arm"
FROM (
  SELECT
    "p"."profile_id",
    ('employees' COLLATE "C") AS "segment",
    (CAST(NULL AS text) COLLATE "C") AS "arm"
  FROM "weir_b17_customer_flags" AS "p"
  WHERE "p"."s1"
  UNION ALL
  SELECT
    "p"."profile_id",
    ('vip' COLLATE "C") AS "segment",
    (CAST(NULL AS text) COLLATE "C") AS "arm"
  FROM "weir_b17_customer_flags" AS "p"
  WHERE "p"."s2"
  UNION ALL
  SELECT
    "p"."profile_id",
    ('lapsed' COLLATE "C") AS "segment",
    (CAST(NULL AS text) COLLATE "C") AS "arm"
  FROM "weir_b17_customer_flags" AS "p"
  WHERE "p"."s2"
    AND COALESCE("p"."e1_v1", 0) = 0
) AS "m"
LEFT JOIN "weir"."customer_assignments_b17" AS "a" ON "a"."profile_id" = "m"."profile_id" AND "a"."segment" = "m"."segment";

ANALYZE "weir"."customer_memberships_b17";

-- ==== segments: history ====

-- when people entered and left segments
CREATE TABLE "weir"."customer_membership_history_b17" AS
SELECT
  "m"."profile_id",
  "m"."segment",
  "m"."since" AS "entered_at",
  CAST(NULL AS timestamptz) AS "left_at"
FROM "weir"."customer_memberships_b17" AS "m";

ANALYZE "weir"."customer_membership_history_b17";

DROP TABLE IF EXISTS "weir_b17_customer_events_e1";

DROP TABLE IF EXISTS "weir_b17_customer_flags";

