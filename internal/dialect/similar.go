package dialect

import (
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// The functions of similarity, which stand apart from the others since not every warehouse has
// them: provided holds what makes one ready on a session.
func init() {
	arity[rel.JaroWinkler], results[rel.JaroWinkler] = [2]int{3, 3}, models.Number
	arity[rel.Levenshtein], results[rel.Levenshtein] = [2]int{3, 3}, models.Integer
	arity[rel.DaysApart], results[rel.DaysApart] = [2]int{2, 2}, models.Integer
	arity[rel.Probability], results[rel.Probability] = [2]int{1, 1}, models.Number

	duckdb.fn[rel.JaroWinkler] = func(a []string) string { return "jaro_winkler_similarity(" + a[0] + ", " + a[1] + ", " + a[2] + ")" }
	duckdb.fn[rel.Levenshtein] = func(a []string) string { return "levenshtein(" + a[0] + ", " + a[1] + ")" }
	duckdb.fn[rel.DaysApart] = func(a []string) string { return "abs(CAST(" + a[0] + " AS DATE) - CAST(" + a[1] + " AS DATE))" }
	duckdb.fn[rel.Probability] = func(a []string) string {
		return "CAST(1 / (1 + pow(2.0, -greatest(-60, least(60, CAST(" + a[0] + " AS DOUBLE))))) AS " + duckNumber + ")"
	}

	postgres.fn[rel.JaroWinkler] = func(a []string) string {
		return "pg_temp.weir_jaro_winkler(" + a[0] + ", " + a[1] + ", CAST(" + a[2] + " AS float8))"
	}
	postgres.fn[rel.Levenshtein] = func(a []string) string {
		return "pg_temp.weir_levenshtein(" + a[0] + ", " + a[1] + ", CAST(" + a[2] + " AS integer))"
	}
	postgres.fn[rel.DaysApart] = func(a []string) string { return "abs(CAST(" + a[0] + " AS date) - CAST(" + a[1] + " AS date))" }
	postgres.fn[rel.Probability] = func(a []string) string {
		return "CAST(1 / (1 + power(2::float8, -greatest(-60, least(60, CAST(" + a[0] + " AS float8))))) AS " + pgNumber + ")"
	}
	postgres.provided = map[rel.Fn]string{rel.JaroWinkler: pgJaroWinkler, rel.Levenshtein: pgLevenshtein}
}

// provide is the text that makes functions ready, "" where they are there.
func (w *writer) provide(fns []rel.Fn) string {
	var body string
	for _, fn := range slices.Sorted(slices.Values(fns)) {
		if _, ok := arity[fn]; !ok {
			return w.fail("unknown function %q", fn)
		}
		body += w.s.provided[fn]
	}
	if body == "" {
		return ""
	}
	// One statement, whatever it makes.
	if w.s.provideMany != nil {
		return w.s.provideMany(body)
	}
	return "DO $weir$\nBEGIN\n" + body + "END\n$weir$"
}

// pgJaroWinkler is Winkler's comparator in the server's own language, which it has unless somebody
// took it away. Letters that one text has and the other has not bound what can be reached, which
// spares most pairs of different people the loops.
const pgJaroWinkler = `CREATE OR REPLACE FUNCTION pg_temp.weir_jaro_winkler(a text, b text, enough float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
DECLARE
  x bytea := convert_to(a, 'UTF8');
  y bytea := convert_to(b, 'UTF8');
  n int := length(x);
  m int := length(y);
  reach int := greatest(n, m) / 2 - 1;
  taken bool[] := array_fill(false, ARRAY[m + 1]);
  found int[] := '{}';
  c int;
  k int := 0;
  moved int := 0;
  alike float8;
  start int := 0;
BEGIN
  IF n = 0 OR m = 0 THEN
    RETURN CASE WHEN n = m THEN 1 ELSE 0 END;
  END IF;
  WHILE start < least(4, n, m) AND get_byte(x, start) = get_byte(y, start) LOOP
    start := start + 1;
  END LOOP;
  IF n = length(a) AND m = length(b) THEN
    k := least(n - length(translate(a, b, '')), m - length(translate(b, a, '')));
    alike := (k::float8 / n + k::float8 / m + 1) / 3;
    IF (alike + CASE WHEN alike > 0.7 THEN start * 0.1::float8 * (1 - alike) ELSE 0 END) < enough THEN
      RETURN 0;
    END IF;
    k := 0;
  END IF;
  reach := greatest(reach, 0);
  FOR i IN 0..n - 1 LOOP
    c := get_byte(x, i);
    FOR j IN greatest(0, i - reach)..least(m - 1, i + reach) LOOP
      IF NOT taken[j + 1] AND get_byte(y, j) = c THEN
        taken[j + 1] := true;
        found := found || c;
        EXIT;
      END IF;
    END LOOP;
  END LOOP;
  IF cardinality(found) = 0 THEN
    RETURN 0;
  END IF;
  FOR j IN 0..m - 1 LOOP
    IF taken[j + 1] THEN
      k := k + 1;
      IF found[k] <> get_byte(y, j) THEN
        moved := moved + 1;
      END IF;
    END IF;
  END LOOP;
  alike := (k::float8 / n + k::float8 / m + (k - moved / 2)::float8 / k) / 3;
  IF alike > 0.7 THEN
    alike := alike + start * 0.1::float8 * (1 - alike);
  END IF;
  RETURN alike;
END
$body$;
`

// pgLevenshtein counts edits in the band around the diagonal that the bound leaves.
const pgLevenshtein = `CREATE OR REPLACE FUNCTION pg_temp.weir_levenshtein(a text, b text, most int) RETURNS int LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
DECLARE
  x bytea := convert_to(a, 'UTF8');
  y bytea := convert_to(b, 'UTF8');
  n int := length(x);
  m int := length(y);
  above int[];
  here int[];
  empty int[] := array_fill(most + 1, ARRAY[m + 2]);
  c int;
  v int;
  best int;
BEGIN
  IF abs(n - m) > most THEN
    RETURN most + 1;
  END IF;
  above := empty;
  FOR j IN 0..least(m, most) LOOP
    above[j + 1] := j;
  END LOOP;
  FOR i IN 1..n LOOP
    here := empty;
    IF i <= most THEN
      here[1] := i;
    END IF;
    best := here[1];
    c := get_byte(x, i - 1);
    FOR j IN greatest(1, i - most)..least(m, i + most) LOOP
      v := above[j];
      IF get_byte(y, j - 1) <> c THEN
        v := least(v, above[j + 1], here[j]) + 1;
      END IF;
      here[j + 1] := v;
      best := least(best, v);
    END LOOP;
    IF best > most THEN
      RETURN most + 1;
    END IF;
    above := here;
  END LOOP;
  RETURN above[m + 1];
END
$body$;
`
