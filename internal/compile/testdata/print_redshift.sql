-- ==== traits: crm ====

-- traits over crm
-- v1: email
-- v2: email, its time
-- v3: email, its key
CREATE TEMP TABLE "weir_b17_customer_traits_t1" AS
SELECT
  "weir_rows"."g0" AS "profile_id",
  MAX(CASE WHEN "weir_rows"."n0" = 1 AND "weir_rows"."w0" = 1 THEN CAST("weir_rows"."a0" AS VARCHAR(65535)) END) AS "v1",
  MAX("weir_rows"."a1") AS "v2",
  MAX(CASE WHEN "weir_rows"."n1" = 1 AND "weir_rows"."w1" = 1 THEN CAST("weir_rows"."a2" AS BIGINT) END) AS "v3"
FROM (
  SELECT
    "s"."weir_profile" AS "g0",
    "s"."weir_n1" AS "a0",
    CAST(CASE WHEN "s"."weir_n1" IS NOT NULL THEN 1 ELSE 0 END AS BIGINT) AS "w0",
    ROW_NUMBER() OVER (PARTITION BY "s"."weir_profile" ORDER BY CASE WHEN "s"."weir_n1" IS NOT NULL THEN 1 ELSE 0 END DESC NULLS LAST, "s"."changed" DESC NULLS LAST, "s"."id" NULLS LAST, CAST("s"."weir_n1" AS VARCHAR(65535)) NULLS LAST) AS "n0",
    CASE WHEN "s"."weir_n1" IS NOT NULL THEN "s"."changed" END AS "a1",
    "s"."id" AS "a2",
    CAST(CASE WHEN "s"."weir_n1" IS NOT NULL THEN 1 ELSE 0 END AS BIGINT) AS "w1",
    ROW_NUMBER() OVER (PARTITION BY "s"."weir_profile" ORDER BY CASE WHEN "s"."weir_n1" IS NOT NULL THEN 1 ELSE 0 END DESC NULLS LAST, "s"."changed" DESC NULLS LAST, "s"."id" NULLS LAST) AS "n1"
  FROM (
    SELECT
      "s"."weir_profile",
      "s"."changed",
      "s"."id",
      CASE WHEN (REGEXP_COUNT("s"."weir_n1", '(?s)^[^@[:space:],;<>()"]+@[^@[:space:],;<>()".]+(\\.[^@[:space:],;<>()".]+)+\\z', 1, 'p') > 0) AND strpos("s"."weir_n1", '@') <= 65 AND OCTET_LENGTH("s"."weir_n1") <= 254 THEN "s"."weir_n1" END AS "weir_n1"
    FROM (
      SELECT
        "s"."weir_profile",
        "s"."changed",
        "s"."id",
        CASE WHEN (SUBSTRING("s"."weir_n1", GREATEST(LEN("s"."weir_n1") - LEN('.') + 1, 1), LEN('.')) || '.' = '.' || '.') THEN SUBSTRING("s"."weir_n1", 1, (LEN("s"."weir_n1") - 1)) ELSE "s"."weir_n1" END AS "weir_n1"
      FROM (
        SELECT
          "r"."profile_id" AS "weir_profile",
          "s"."changed",
          "s"."id",
          LOWER(BTRIM("s"."email", '  ' || CHR(9) || CHR(10) || CHR(11) || CHR(12) || CHR(13))) AS "weir_n1"
        FROM "crm"."contacts" AS "s"
        JOIN "weir"."customer_records_b17" AS "r" ON "r"."source" = 'crm' AND "r"."key" = CAST("s"."id" AS VARCHAR(65535)) AND "r"."profile_id" IS NOT NULL
      ) AS "s"
    ) AS "s"
  ) AS "s"
) AS "weir_rows"
GROUP BY "weir_rows"."g0";

ANALYZE "weir_b17_customer_traits_t1";

-- ==== traits: orders ====

-- traits over orders
-- v1: email
-- v2: email, its time
-- v3: email, its key
-- v4: spent
CREATE TEMP TABLE "weir_b17_customer_traits_t2" AS
SELECT
  "weir_rows"."g0" AS "profile_id",
  MAX(CASE WHEN "weir_rows"."n0" = 1 AND "weir_rows"."w0" = 1 THEN CAST("weir_rows"."a0" AS VARCHAR(65535)) END) AS "v1",
  MAX("weir_rows"."a1") AS "v2",
  MAX(CASE WHEN "weir_rows"."n1" = 1 AND "weir_rows"."w1" = 1 THEN CAST("weir_rows"."a2" AS BIGINT) END) AS "v3",
  CAST(SUM(CAST("weir_rows"."a3" AS DECIMAL(38,9))) AS DECIMAL(38,9)) AS "v4"
FROM (
  SELECT
    "s"."weir_profile" AS "g0",
    "s"."weir_n1" AS "a0",
    CAST(CASE WHEN "s"."weir_n1" IS NOT NULL THEN 1 ELSE 0 END AS BIGINT) AS "w0",
    ROW_NUMBER() OVER (PARTITION BY "s"."weir_profile" ORDER BY CASE WHEN "s"."weir_n1" IS NOT NULL THEN 1 ELSE 0 END DESC NULLS LAST, "s"."ordered_at" DESC NULLS LAST, "s"."id" NULLS LAST, CAST("s"."weir_n1" AS VARCHAR(65535)) NULLS LAST) AS "n0",
    CASE WHEN "s"."weir_n1" IS NOT NULL THEN "s"."ordered_at" END AS "a1",
    "s"."id" AS "a2",
    CAST(CASE WHEN "s"."weir_n1" IS NOT NULL THEN 1 ELSE 0 END AS BIGINT) AS "w1",
    ROW_NUMBER() OVER (PARTITION BY "s"."weir_profile" ORDER BY CASE WHEN "s"."weir_n1" IS NOT NULL THEN 1 ELSE 0 END DESC NULLS LAST, "s"."ordered_at" DESC NULLS LAST, "s"."id" NULLS LAST) AS "n1",
    CASE WHEN "s"."status" = 'paid' AND "s"."ordered_at" >= TIMESTAMPTZ '2026-03-03 00:00:00+00' AND "s"."ordered_at" < TIMESTAMPTZ '2026-06-01 00:00:00+00' THEN CASE WHEN STRPOS(LOWER(CAST("s"."amount" AS VARCHAR(400))), 'e') > 0 THEN CAST(CAST(NULLIF(REGEXP_SUBSTR(CAST("s"."amount" AS VARCHAR(400)), '(?s)^[[:space:]]*([+-]?(?:[0-9]{1,28}(?:[.][0-9]*)?|[.][0-9]+|[0-9](?:[.][0-9]*)?[eE](?:[+]?[01]?[0-9]|[+]?2[0-7]|-[0-9]{1,2})))[[:space:]]*\\z', 1, 1, 'ep'), '') AS DOUBLE PRECISION) AS DECIMAL(38,9)) ELSE CAST(NULLIF(REGEXP_SUBSTR(CAST("s"."amount" AS VARCHAR(400)), '(?s)^[[:space:]]*([+-]?(?:[0-9]{1,28}(?:[.][0-9]*)?|[.][0-9]+|[0-9](?:[.][0-9]*)?[eE](?:[+]?[01]?[0-9]|[+]?2[0-7]|-[0-9]{1,2})))[[:space:]]*\\z', 1, 1, 'ep'), '') AS DECIMAL(38,9)) END END AS "a3"
  FROM (
    SELECT
      "s"."weir_profile",
      "s"."amount",
      "s"."id",
      "s"."ordered_at",
      "s"."status",
      CASE WHEN (REGEXP_COUNT("s"."weir_n1", '(?s)^[^@[:space:],;<>()"]+@[^@[:space:],;<>()".]+(\\.[^@[:space:],;<>()".]+)+\\z', 1, 'p') > 0) AND strpos("s"."weir_n1", '@') <= 65 AND OCTET_LENGTH("s"."weir_n1") <= 254 THEN "s"."weir_n1" END AS "weir_n1"
    FROM (
      SELECT
        "s"."weir_profile",
        "s"."amount",
        "s"."id",
        "s"."ordered_at",
        "s"."status",
        CASE WHEN (SUBSTRING("s"."weir_n1", GREATEST(LEN("s"."weir_n1") - LEN('.') + 1, 1), LEN('.')) || '.' = '.' || '.') THEN SUBSTRING("s"."weir_n1", 1, (LEN("s"."weir_n1") - 1)) ELSE "s"."weir_n1" END AS "weir_n1"
      FROM (
        SELECT
          "r"."profile_id" AS "weir_profile",
          "s"."amount",
          "s"."id",
          "s"."ordered_at",
          "s"."status",
          LOWER(BTRIM("s"."email", '  ' || CHR(9) || CHR(10) || CHR(11) || CHR(12) || CHR(13))) AS "weir_n1"
        FROM "shop"."orders" AS "s"
        JOIN "weir"."customer_owners_orders_b17" AS "r" ON "r"."profile_id" IS NOT NULL AND COALESCE("s"."email", '') = "r"."email"
      ) AS "s"
    ) AS "s"
  ) AS "s"
) AS "weir_rows"
GROUP BY "weir_rows"."g0";

ANALYZE "weir_b17_customer_traits_t2";

-- ==== traits: provenance ====

-- the rows that the traits of customer profiles come from
CREATE TABLE "weir"."customer_provenance_b17" AS
SELECT
  "c"."profile_id",
  CASE
    WHEN "t1"."v1" IS NOT NULL THEN 'crm'
    WHEN "t2"."v1" IS NOT NULL THEN 'orders'
  END AS "email__source",
  CASE
    WHEN "t1"."v1" IS NOT NULL THEN CAST("t1"."v3" AS VARCHAR(65535))
    WHEN "t2"."v1" IS NOT NULL THEN CAST("t2"."v3" AS VARCHAR(65535))
  END AS "email__key",
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
    CAST(ROUND(CAST((ntile(10) over (order by spent)) AS DECIMAL(38,9))) AS BIGINT) AS "decile"
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
    COALESCE((SUBSTRING(LOWER("p"."t1"), GREATEST(LEN(LOWER("p"."t1")) - LEN(LOWER('@shop.example.com')) + 1, 1), LEN(LOWER('@shop.example.com'))) || '.' = LOWER('@shop.example.com') || '.'), FALSE) AS "s1"
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
  "profile_id" VARCHAR(65535),
  "segment" VARCHAR(65535),
  "arm" VARCHAR(65535),
  "since" TIMESTAMPTZ,
  "contaminated" BOOLEAN
);

ANALYZE "weir"."customer_assignments_b17";

-- arms of those who have none
INSERT INTO "weir"."customer_assignments_b17" ("profile_id", "segment", "arm", "since", "contaminated")
SELECT
  "d"."profile_id",
  'vip' AS "segment",
  CASE WHEN "d"."held" THEN 'holdout' ELSE 'treatment' END AS "arm",
  TIMESTAMPTZ '2026-06-01 00:00:00+00' AS "since",
  "d"."contaminated"
FROM (
  SELECT
    "m"."profile_id",
    (STRTOL(SUBSTRING(SHA2(('vip:' || "m"."profile_id"), 256), 1, 13), 16) % 10000) < 1000 AS "held",
    FALSE AS "contaminated"
  FROM (
    SELECT
      "p"."profile_id",
      'employees' AS "segment",
      CAST(NULL AS VARCHAR(65535)) AS "arm"
    FROM "weir_b17_customer_flags" AS "p"
    WHERE "p"."s1"
    UNION ALL
    SELECT
      "p"."profile_id",
      'vip' AS "segment",
      CAST(NULL AS VARCHAR(65535)) AS "arm"
    FROM "weir_b17_customer_flags" AS "p"
    WHERE "p"."s2"
    UNION ALL
    SELECT
      "p"."profile_id",
      'lapsed' AS "segment",
      CAST(NULL AS VARCHAR(65535)) AS "arm"
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
  CASE
    WHEN "a"."arm" = 'holdout' AND "m"."segment" IN ('vip') THEN 'holdout'
    WHEN "m"."arm" IS NULL AND "m"."segment" IN ('vip') THEN 'treatment'
    ELSE "m"."arm"
  END AS "arm"
FROM (
  SELECT
    "p"."profile_id",
    'employees' AS "segment",
    CAST(NULL AS VARCHAR(65535)) AS "arm"
  FROM "weir_b17_customer_flags" AS "p"
  WHERE "p"."s1"
  UNION ALL
  SELECT
    "p"."profile_id",
    'vip' AS "segment",
    CAST(NULL AS VARCHAR(65535)) AS "arm"
  FROM "weir_b17_customer_flags" AS "p"
  WHERE "p"."s2"
  UNION ALL
  SELECT
    "p"."profile_id",
    'lapsed' AS "segment",
    CAST(NULL AS VARCHAR(65535)) AS "arm"
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
  CAST(NULL AS TIMESTAMPTZ) AS "left_at"
FROM "weir"."customer_memberships_b17" AS "m";

ANALYZE "weir"."customer_membership_history_b17";

DROP TABLE IF EXISTS "weir_b17_customer_events_e1";

DROP TABLE IF EXISTS "weir_b17_customer_flags";

