//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/warehouse"
)

// keep makes a copy of tables on a session of its own, in which the statements are run before.
func keep(ctx context.Context, w warehouse.Warehouse, c warehouse.Copied, before ...string) error {
	s, err := w.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, sql := range before {
		if _, err := s.Exec(ctx, sql); err != nil {
			return err
		}
	}
	k, ok := warehouse.KeeperOf(s)
	if !ok {
		return errors.New("the session keeps no copies")
	}
	return k.Keep(ctx, c)
}

func restore(ctx context.Context, w warehouse.Warehouse, number int) error {
	s, err := w.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	k, _ := warehouse.KeeperOf(s)
	return k.Restore(ctx, number)
}

func copiesOf(t *testing.T, w warehouse.Warehouse) (out []int) {
	s, err := w.Session(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	k, _ := warehouse.KeeperOf(s)
	all, err := k.Copies()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		out = append(out, c.Number)
	}
	return out
}

func rowsOf(t *testing.T, w warehouse.Warehouse, sql string) (out []string) {
	s, err := w.Session(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for row, err := range s.Query(context.Background(), sql) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(row))
	}
	return out
}

// lose takes the file of the warehouse away, with its log.
func lose(t *testing.T, w warehouse.Warehouse, dir string) {
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"shop.duckdb", "shop.duckdb.wal"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func copyFiles(t *testing.T, dir string) []string {
	found, err := filepath.Glob(filepath.Join(dir, "shop.duckdb.ledger-*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range found {
		found[i] = strings.TrimPrefix(filepath.Base(f), "shop.duckdb.ledger-")
	}
	return found
}

// changed is a table of which a stamp in the table said says what it is.
func changed(name, from, to, units string) warehouse.CopiedTable {
	c := warehouse.CopiedTable{Name: name, Stamp: "SELECT stamp FROM weir.said WHERE name = '" + name + "'"}
	if units != "" {
		c.Change = &warehouse.Change{From: from, To: to, Unit: "key", Units: units}
	}
	return c
}

func TestCopiesHaveWhatChanged(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	run(t, w, "CREATE SCHEMA weir")
	run(t, w, "CREATE TABLE weir.told AS SELECT range AS key, hash(range) AS hash, 'it''s ' || range AS value, 1.5 AS d FROM range(100000)")
	run(t, w, `CREATE TABLE weir."other ""table" AS SELECT 1 AS x`)
	run(t, w, "CREATE TABLE weir.said AS SELECT 'told' AS name, 'one' AS stamp")
	c := func(of warehouse.CopiedTable) warehouse.Copied {
		return warehouse.Copied{Note: "n", Tables: []warehouse.CopiedTable{{Name: `other "table`}, of, {Name: "said"}}}
	}
	if err := keep(t.Context(), w, c(changed("told", "", "", ""))); err != nil {
		t.Fatal(err)
	}
	whole, _ := os.Stat(copyName(filepath.Join(dir, "shop.duckdb"), 1))
	run(t, w, "UPDATE weir.told SET value = 'new' WHERE key = 7")
	run(t, w, "DELETE FROM weir.told WHERE key = 8")
	run(t, w, "INSERT INTO weir.told VALUES (-1, 2, 'more', 2.5)")
	run(t, w, "UPDATE weir.said SET stamp = 'two'")
	if err := keep(t.Context(), w, c(changed("told", "one", "two", "SELECT unit FROM touched")), "CREATE TEMP TABLE touched AS SELECT unnest([7, 8, -1, 7, 3]) AS unit"); err != nil {
		t.Fatal(err)
	}
	part, _ := os.Stat(copyName(filepath.Join(dir, "shop.duckdb"), 2))
	if part.Size() >= whole.Size()/2 {
		t.Errorf("four rows of 100,000 weigh %d bytes, all of them %d", part.Size(), whole.Size())
	}
	run(t, w, "DELETE FROM weir.said") // what the copies have is what comes back
	lose(t, w, dir)
	if got := copiesOf(t, w); !slices.Equal(got, []int{2, 1}) {
		t.Fatalf("copies %v", got)
	}
	for range 2 { // it can be repeated
		if err := restore(t.Context(), w, 2); err != nil {
			t.Fatal(err)
		}
	}
	got := rowsOf(t, w, `SELECT count(*), sum(key)::BIGINT, (SELECT string_agg(value ORDER BY key) FROM weir.told WHERE key IN (-1, 3, 7, 8)), (SELECT x FROM weir."other ""table"), (SELECT stamp FROM weir.said) FROM weir.told`)
	if diff := cmp.Diff([]string{"[100000 4999949991 more,it's 3,new 1 two]"}, got); diff != "" {
		t.Errorf("the second copy (-want +got):\n%s", diff)
	}
	if err := restore(t.Context(), w, 1); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"[100000 4999950000]"}, rowsOf(t, w, "SELECT count(*), sum(key)::BIGINT FROM weir.told")); diff != "" {
		t.Errorf("the first copy (-want +got):\n%s", diff)
	}
}

// A difference from something else than what the copy before has is no difference.
func TestADifferenceFromAnotherMomentIsNotTrusted(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	run(t, w, "CREATE SCHEMA weir")
	run(t, w, "CREATE TABLE weir.told AS SELECT range AS key FROM range(10)")
	run(t, w, "CREATE TABLE weir.ballast AS SELECT hash(range) AS key FROM range(200000)")
	run(t, w, "CREATE TABLE weir.said AS SELECT 'told' AS name, 'one' AS stamp")
	for _, x := range []struct {
		name, from, to string
		before         []string
	}{
		{"first", "", "", nil},
		{"another moment before", "zero", "two", []string{"UPDATE weir.said SET stamp = 'two'", "DELETE FROM weir.told WHERE key < 3"}},
		{"another moment after", "two", "three", []string{"UPDATE weir.said SET stamp = 'four'", "DELETE FROM weir.told WHERE key < 5"}},
		{"other columns", "four", "five", []string{"UPDATE weir.said SET stamp = 'five'", "ALTER TABLE weir.told ADD COLUMN more BIGINT DEFAULT 1"}},
	} {
		for _, sql := range x.before {
			run(t, w, sql)
		}
		want := rowsOf(t, w, "SELECT * FROM weir.told ORDER BY key")
		units := map[bool]string{true: "", false: "SELECT 9"}[x.from == ""]
		c := warehouse.Copied{Tables: []warehouse.CopiedTable{{Name: "ballast"}, changed("told", x.from, x.to, units)}}
		if err := keep(t.Context(), w, c); err != nil {
			t.Fatal(err)
		}
		last := copiesOf(t, w)[0]
		run(t, w, "DELETE FROM weir.told")
		if err := restore(t.Context(), w, last); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, rowsOf(t, w, "SELECT * FROM weir.told ORDER BY key")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, diff)
		}
	}
}

func TestCopiesAreFewAndWhole(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	run(t, w, "CREATE SCHEMA weir")
	run(t, w, "CREATE TABLE weir.told AS SELECT range AS key, hash(range) AS h FROM range(200000)")
	all := warehouse.Copied{Tables: []warehouse.CopiedTable{{Name: "told"}}}
	renewed := all
	renewed.Whole = true
	for _, x := range []struct {
		what string
		c    warehouse.Copied
		want []string
	}{
		{"the first", all, []string{"1.duckdb", "1.json"}},
		{"nothing new", all, []string{"1.duckdb", "1.json", "2.duckdb", "2.json"}},
		{"nothing new", all, []string{"1.duckdb", "1.json", "2.duckdb", "2.json", "3.duckdb", "3.json"}},
		{"somebody was erased", renewed, []string{"1.duckdb", "1.json", "2.duckdb", "2.json", "3.duckdb", "3.json", "4.duckdb", "4.json"}},
		{"the one after", all, []string{"4.duckdb", "4.json", "5.duckdb", "5.json"}},
	} {
		if err := keep(t.Context(), w, x.c); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(x.want, copyFiles(t, dir)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.what, diff)
		}
	}
	// Differences that weigh as much as all of it make the next copy a whole one.
	for range 4 {
		run(t, w, "UPDATE weir.told SET h = hash(h)")
		if err := keep(t.Context(), w, all); err != nil {
			t.Fatal(err)
		}
	}
	if got := copyFiles(t, dir); len(got) > 6 {
		t.Errorf("files are left: %v", got)
	}
	// A copy that cannot be read is none: the next rests on nothing, and takes no name twice.
	last := copiesOf(t, w)[0]
	if err := os.WriteFile(pageName(filepath.Join(dir, "shop.duckdb"), last), []byte("half a pa"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keep(t.Context(), w, all); err != nil {
		t.Fatal(err)
	}
	if got := copiesOf(t, w); got[0] != last+1 || slices.Contains(got, last) {
		t.Errorf("copies %v after %d could not be read", got, last)
	}
	if err := restore(t.Context(), w, last+1); err != nil {
		t.Error(err)
	}
	if err := restore(t.Context(), w, last); err == nil {
		t.Error("a copy that cannot be read was restored")
	}
}

func TestCopyOfWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	run(t, w, "CREATE SCHEMA weir")
	run(t, w, "CREATE TABLE weir.told AS SELECT 1 AS x")
	one := warehouse.Copied{Tables: []warehouse.CopiedTable{{Name: "told"}}}
	var missing *warehouse.MissingError
	if err := keep(t.Context(), w, warehouse.Copied{Tables: []warehouse.CopiedTable{{Name: "told"}, {Name: "nothing"}}}); !errors.As(err, &missing) || missing.Name != "weir.nothing" {
		t.Errorf("error is %v", err)
	}
	if found := copyFiles(t, dir); len(found) != 0 {
		t.Errorf("left behind: %v", found)
	}
	// An unfinished copy of a process that died is no obstacle, nor is the page of one.
	path := filepath.Join(dir, "shop.duckdb")
	for _, name := range []string{copyPath(path), pageName(path, 1)} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := keep(t.Context(), w, one); err != nil {
		t.Error(err)
	}
	if got := copiesOf(t, w); !slices.Equal(got, []int{1}) {
		t.Errorf("copies %v", got)
	}
}

// A copy that an earlier weir made has no page, and is whole.
func TestCopiesOfAnEarlierWeir(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	run(t, w, "CREATE SCHEMA weir")
	run(t, w, "CREATE TABLE weir.told AS SELECT 5 AS x")
	one := warehouse.Copied{Tables: []warehouse.CopiedTable{{Name: "told"}}}
	if err := keep(t.Context(), w, one); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(pageName(filepath.Join(dir, "shop.duckdb"), 1)); err != nil {
		t.Fatal(err)
	}
	run(t, w, "DELETE FROM weir.told")
	lose(t, w, dir)
	if err := restore(t.Context(), w, 1); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, w, "SELECT x FROM weir.told"); !slices.Equal(got, []string{"[5]"}) {
		t.Errorf("got %v", got)
	}
	if err := keep(t.Context(), w, one); err != nil {
		t.Fatal(err)
	}
	if got := copyFiles(t, dir); !slices.Equal(got, []string{"1.duckdb", "2.duckdb", "2.json"}) {
		t.Errorf("files %v", got)
	}
}

// Whatever changes between copies, the last one and the one before give what there was.
func TestCopiesGiveWhatThereWas(t *testing.T) {
	seeds := uint64(4)
	if os.Getenv("WEIR_THOROUGH") != "" {
		seeds = 200
	}
	for seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 1))
		draw := func(lo, hi int) int { return lo + random.IntN(hi-lo+1) }
		dir := t.TempDir()
		w, err := kind{}.Open(warehouse.Config{Dir: dir, Settings: map[string]string{"path": "shop.duckdb"}})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		const content = "SELECT 'told', key, value FROM weir.told UNION ALL SELECT 'few', x, NULL FROM weir.few ORDER BY ALL"
		s, err := w.Session(ctx)
		must(err)
		exec := func(sql string) {
			_, err := s.Exec(ctx, sql)
			must(err)
		}
		exec("CREATE SCHEMA weir")
		exec("CREATE TABLE weir.told AS SELECT range AS key, 'v' AS value FROM range(40)")
		exec("CREATE TABLE weir.few AS SELECT 1 AS x")
		exec("CREATE TABLE weir.ballast AS SELECT hash(range) AS h FROM range(60000)")
		exec("CREATE TABLE weir.said AS SELECT 'told' AS name, '0' AS stamp")
		exec("CREATE TEMP TABLE touched (unit BIGINT)")
		k, _ := warehouse.KeeperOf(s)
		var was [][]string
		version := 0
		for range draw(2, 6) {
			exec("DELETE FROM touched")
			from := fmt.Sprint(version)
			for range draw(0, 3) {
				key := draw(0, 60)
				exec(fmt.Sprintf("INSERT INTO touched VALUES (%d)", key))
				switch draw(0, 2) {
				case 0:
					exec(fmt.Sprintf("DELETE FROM weir.told WHERE key = %d", key))
				case 1:
					exec(fmt.Sprintf("INSERT INTO weir.told VALUES (%d, 'n%d')", key, version))
				default:
					exec(fmt.Sprintf("UPDATE weir.told SET value = 'u%d' WHERE key = %d", version, key))
				}
				version++
			}
			if draw(0, 1) == 0 {
				exec("UPDATE weir.few SET x = x + 1")
			}
			// Now and then something changes the table of which no copy is told.
			if draw(0, 4) == 0 {
				exec("DELETE FROM weir.told WHERE key % 7 = 1")
				version++
				from = "lost"
			}
			exec(fmt.Sprintf("UPDATE weir.said SET stamp = '%d'", version))
			must(k.Keep(ctx, warehouse.Copied{Whole: draw(0, 5) == 0,
				Tables: []warehouse.CopiedTable{{Name: "ballast"}, changed("told", from, fmt.Sprint(version), "SELECT unit FROM touched"), {Name: "few"}, {Name: "said"}}}))
			was = append(was, rowsOf(t, w, content))
		}
		must(s.Close())
		lose(t, w, dir)
		have := copiesOf(t, w)
		for i, number := range have[:min(2, len(have))] {
			must(restore(ctx, w, number))
			if diff := cmp.Diff(was[len(was)-1-i], rowsOf(t, w, content)); diff != "" {
				t.Fatalf("seed %d, copy %d (-want +got):\n%s", seed, number, diff)
			}
		}
		must(w.Close())
	}
}
