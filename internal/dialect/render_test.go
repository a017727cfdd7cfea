package dialect_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

var update = flag.Bool("update", false, "rewrite the expected texts")

var as = time.Date(2026, 11, 22, 6, 30, 0, 250000000, time.UTC)

// statements are named in testdata/statements.txtar, which has their text in each dialect.
func statements() map[string]rel.Statement {
	table := rel.Name{"weir", "customer_profiles_b17"}
	fields := []rel.Field{{Name: "id", Type: models.Text, NotNull: true}, {Name: "n", Type: models.Integer}, {Name: "v", Type: models.Number},
		{Name: "b", Type: models.Boolean}, {Name: "d", Type: models.Date}, {Name: "t", Type: models.Timestamp}}
	orders := rel.Table{Name: rel.Name{"shop", "orders"}, Alias: "o"}
	col := func(name string) rel.Expr { return rel.C("o", name) }
	paid := rel.Select{
		Comment: "Money spent in the window.\nOne row per person; -- DROP TABLE x",
		Columns: []rel.Column{rel.As("profile_id", col("profile_id")), rel.As("spent", rel.Agg{Fn: rel.Sum, Arg: col("amount")}),
			rel.As("orders", rel.Agg{Fn: rel.CountRows}), rel.As("one", rel.I(1)), rel.As("name", rel.F(rel.Lower, col("name")))},
		From: orders,
		Where: rel.F(rel.And, rel.F(rel.Eq, col("status"), rel.T("it's paid")),
			rel.F(rel.Or, rel.F(rel.Lt, col("at"), rel.At(as)), rel.F(rel.IsNull, col("at"))),
			rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: rel.Name{"active"}, Alias: "a"},
				Where: rel.F(rel.Eq, rel.C("a", "id"), col("profile_id"))}}),
		GroupBy: []rel.Expr{col("profile_id"), col("name")},
		Having:  rel.F(rel.Gt, rel.Agg{Fn: rel.CountRows}, rel.I(1)),
		OrderBy: []rel.Order{{Expr: col("profile_id")}, {Expr: rel.Cast{Expr: col("name"), Type: models.Text, From: models.Text}, Desc: true}},
		Limit:   10, Offset: 5,
	}
	return map[string]rel.Statement{
		"create columns":   rel.CreateTable{Name: table, IfNotExists: true, Columns: fields, Comment: "Profiles."},
		"create temporary": rel.CreateTable{Name: rel.Name{"tmp"}, Temp: true, As: paid},
		"create from with": rel.CreateTable{Name: table, As: rel.Select{
			With:    []rel.CTE{{Name: "spent", Query: paid}, {Name: "raw", Query: rel.RawQuery{SQL: "SELECT 1 AS x -- one;\n;"}}},
			Columns: []rel.Column{rel.As("x", rel.C("raw", "x"))}, From: rel.Table{Name: rel.Name{"raw"}},
			Joins: []rel.Join{{Kind: rel.Left, Rel: rel.Table{Name: rel.Name{"spent"}, Alias: "s"}, On: rel.F(rel.And, rel.F(rel.Same, rel.C("s", "orders"), rel.C("raw", "x")), rel.B(true))}},
		}},
		"create from raw": rel.CreateTable{Name: table, As: rel.RawQuery{SQL: "select 1 as x"}},
		"drop table":      rel.DropTable{Name: rel.Name{"db", "weir", `a "b"`}},
		"create view":     rel.CreateView{Name: rel.Name{"weir", "v"}, As: rel.Select{Columns: []rel.Column{rel.As("x", rel.T("$weir$ \\"))}}, Comment: "Live."},
		"add column":      rel.AddColumn{Table: table, Column: rel.Field{Name: "status", Type: models.Text}},
		"drop view":       rel.DropView{Name: rel.Name{"weir", "v"}},
		"create schema":   rel.CreateSchema{Name: rel.Name{"weir"}},
		"insert values": rel.Insert{Into: table, Columns: []string{"id", "n", "v", "b", "d", "t"}, From: rel.Values{Columns: fields, Rows: [][]rel.Expr{
			{rel.T("a"), rel.I(1), rel.N("1.50"), rel.B(true), rel.D("2026-11-22"), rel.At(as)},
			{rel.T("b\n"), rel.Null(models.Integer), rel.Null(models.Number), rel.Null(models.Boolean), rel.Null(models.Date), rel.Null(models.Timestamp)}}}},
		"insert union": rel.Insert{Into: table, Columns: []string{"id"}, Comment: "Two.", From: rel.Union{All: true, Queries: []rel.Query{
			rel.Select{Columns: []rel.Column{rel.As("id", rel.T("a"))}},
			rel.Select{Columns: []rel.Column{rel.As("id", rel.C("o", "id"))}, From: orders, Limit: 1}}}},
		"delete":     rel.Delete{From: table, Where: rel.F(rel.Eq, rel.C("t", "id"), rel.T("x")), Comment: "One."},
		"delete all": rel.Delete{From: table},
		"update":     rel.Update{Table: table, Set: []rel.Assign{{Column: "n", Value: rel.I(2)}, {Column: "id", Value: rel.F(rel.Upper, rel.C("t", "id"))}}},
		"update from": rel.Update{Table: table, Set: []rel.Assign{{Column: "n", Value: rel.C("o", "n")}}, From: rel.Sub{Query: paid, Alias: "o"},
			Where: rel.F(rel.And, rel.F(rel.Eq, rel.C("o", "profile_id"), rel.C("t", "id")), rel.F(rel.Distinct, rel.C("o", "n"), rel.C("t", "n")))},
		"analyze": rel.Analyze{Name: table},
		"first": rel.CreateTable{Name: rel.Name{"f"}, As: rel.Select{Columns: []rel.Column{
			rel.As("id", col("id")),
			rel.As("f", rel.Agg{Fn: rel.First, Arg: col("x"), OrderBy: []rel.Order{{Expr: col("at")}}, Is: models.Text}),
			rel.As("paid", rel.F(rel.Coalesce, rel.Agg{Fn: rel.First, Arg: col("amount"), OrderBy: []rel.Order{{Expr: col("at"), Desc: true}}, Where: rel.F(rel.Eq, col("status"), rel.T("paid")), Is: models.Number}, rel.N("0"))),
			rel.As("by", rel.Agg{Fn: rel.First, Arg: col("name"), OrderBy: []rel.Order{{Expr: col("at"), Desc: true}}, Where: rel.F(rel.Eq, col("status"), rel.T("paid")), Is: models.Text}),
			rel.As("n", rel.Agg{Fn: rel.CountRows}),
			rel.As("bits", rel.Agg{Fn: rel.BitXor, Arg: rel.F(rel.HashRow, col("x"), col("at"))}),
		}, From: orders, GroupBy: []rel.Expr{col("id")}, Having: rel.F(rel.Gt, rel.Agg{Fn: rel.Count, Arg: col("x"), Distinct: true}, rel.I(1)), OrderBy: []rel.Order{{Expr: col("id")}}}},
		"delete matched": rel.Delete{From: table, Where: rel.F(rel.And, rel.F(rel.Gt, rel.C("t", "n"), rel.I(1)), rel.F(rel.Not, rel.Exists{Query: rel.Select{
			Columns: []rel.Column{rel.As("one", rel.I(1))}, From: orders, Where: rel.F(rel.Eq, col("id"), rel.C("t", "id"))}}))},
		"window": rel.CreateTable{Name: rel.Name{"w"}, As: rel.Select{Columns: []rel.Column{
			rel.As("n", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{col("id")}, OrderBy: []rel.Order{{Expr: col("at"), Desc: true}, {Expr: rel.I(1)}}}),
			rel.As("before", rel.Over{Agg: &rel.Agg{Fn: rel.Max, Arg: col("at")}, PartitionBy: []rel.Expr{col("id")}, OrderBy: []rel.Order{{Expr: col("at")}}, Frame: rel.Before}),
			rel.As("after", rel.Over{Agg: &rel.Agg{Fn: rel.Min, Arg: col("at")}, OrderBy: []rel.Order{{Expr: col("at")}}, Frame: rel.After}),
			rel.As("s", rel.Over{Agg: &rel.Agg{Fn: rel.Sum, Arg: rel.Cast{Expr: col("x"), Type: models.Number, From: models.Integer}}, PartitionBy: []rel.Expr{col("id")}}),
			rel.As("label", rel.Case{Whens: []rel.When{{If: rel.F(rel.Gt, col("x"), rel.I(1)), Then: rel.T("many")}, {If: rel.F(rel.Not, rel.F(rel.Eq, col("x"), rel.I(0))), Then: rel.T("one")}}, Else: rel.T("none")}),
			rel.As("payload", rel.F(rel.Hash64, rel.F(rel.Concat, rel.F(rel.Coalesce, rel.Cast{Expr: col("x"), Type: models.Text, From: models.Number}, rel.T("")), rel.T(":")))),
			rel.As("unknown", rel.Cast{Expr: col("x"), Type: models.Text}),
		}, From: orders, Joins: []rel.Join{{Kind: rel.Cross, Rel: rel.Sub{Query: rel.RawQuery{SQL: "SELECT 2 -- two"}, Alias: "r"}}}}},
	}
}

// dialects are all of them.
func dialects() []dialect.Dialect {
	var out []dialect.Dialect
	for _, name := range dialect.Names() {
		d, _ := dialect.ByName(name)
		out = append(out, d)
	}
	return out
}

func TestStatementTexts(t *testing.T) {
	path := filepath.Join("testdata", "statements.txtar")
	have := &txtar.Archive{Comment: []byte("The text of every statement of render_test.go in each dialect. go test ./internal/dialect -update rewrites it.\n")}
	all := statements()
	names := slices.Sorted(maps.Keys(all))
	for _, name := range names {
		for _, d := range dialects() {
			text, err := d.Statement(all[name])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if again, err := d.Statement(all[name]); err != nil || again != text {
				t.Errorf("%s: another text the second time", name)
			}
			have.Files = append(have.Files, txtar.File{Name: name + " · " + d.Name(), Data: []byte(strings.TrimRight(text, "\n") + "\n")})
		}
	}
	got := txtar.Format(have)
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestRefused(t *testing.T) {
	x := rel.C("t", "x")
	long := strings.Repeat("é", 32) // 64 bytes
	for _, c := range []struct {
		st       rel.Statement
		want     string
		postgres bool // refused there only
	}{
		{rel.DropTable{}, "one to three parts", false},
		{rel.DropTable{Name: rel.Name{"a", "b", "c", "d"}}, "one to three parts", false},
		{rel.DropTable{Name: rel.Name{""}}, "empty", false},
		{rel.DropTable{Name: rel.Name{"a\x00"}}, "NUL", false},
		{rel.DropTable{Name: rel.Name{"a\xff"}}, "UTF-8", false},
		{rel.DropTable{Name: rel.Name{long}}, "64 bytes; postgres allows 63", true},
		{nil, "no statement", false},
		{rel.CreateTable{Name: rel.Name{"a"}}, "either a query or columns", false},
		{rel.CreateTable{Name: rel.Name{"a"}, Columns: []rel.Field{{Name: "x", Type: "money"}}}, `no column type "money"`, false},
		{rel.Update{Table: rel.Name{"a"}}, "sets nothing", false},
		{set(rel.T("a\x00")), "NUL", false},
		{set(rel.Lit{Type: models.Text, Value: 1}), "another kind", false},
		{set(rel.N("1; DROP TABLE x")), "not a decimal number", false},
		{set(rel.N("1/3")), "not a decimal number", false},
		{set(rel.N("1e99")), "not a decimal number", false},
		{set(rel.N("0x1p4")), "not a decimal number", false},
		{set(rel.N("99999999999999999999999999999")), "28 digits", false},
		{set(rel.D("2024-02-30")), "not a date", false},
		{set(rel.D("2024-01-01'; --")), "not a date", false},
		{set(rel.At(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))), "outside the years", false},
		{set(rel.F("nonsense", x)), "unknown function", false},
		{set(rel.F(rel.Eq, x)), "does not take 1", false},
		{set(rel.F(rel.RegexTest, x, x)), "text literal", false},
		{set(rel.F(rel.RegexTest, x, rel.T("(?=a)"))), "pattern", false},
		{set(rel.F(rel.RegexReplace, x, rel.T("(?=a)"), rel.T("b"))), "pattern", false},
		{set(rel.F(rel.RegexReplace, x, rel.T("a"), rel.T(`\0`))), "the replacement must be", false},
		{set(rel.F(rel.RegexReplace, x, rel.T("a"), x)), "the replacement must be", false},
		{set(rel.F(rel.Instant, x, x)), "text literal", false},
		{set(rel.F(rel.LocalDate, x, x)), "text literal", false},
		{set(rel.InList{Expr: x}), "empty", false},
		{set(rel.Case{}), "no arms", false},
		{set(rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{x}}), "needs an order", false},
		{set(rel.Over{Agg: &rel.Agg{Fn: rel.Max, Arg: x}, Frame: rel.Before}), "a frame goes with an aggregate and an order", false},
		{set(rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: x}}, Frame: rel.After}), "a frame goes with an aggregate and an order", false},
		{set(rel.Over{Agg: &rel.Agg{Fn: rel.Max, Arg: x}, OrderBy: []rel.Order{{Expr: x}}, Frame: "around"}), "a frame goes with", false},
		{set(rel.Agg{Fn: rel.First, Arg: x}), "first needs one", false},
		{set(rel.Agg{Fn: rel.Sum}), "needs an argument", false},
		{set(rel.Agg{Fn: rel.Max, Arg: x, Where: x}), "takes no condition", false},
		{set(rel.RawExpr{SQL: "1) + (2"}), "closed that was not opened", false},
		{set(rel.Cast{Expr: rel.D("2024-01-01"), Type: models.Number}), "cannot become", false},
		{set(nil), "expression is missing", false},
		{rel.Insert{Into: rel.Name{"a"}, Columns: []string{"x"}, From: rel.Select{}}, "no columns", false},
		{rel.Insert{Into: rel.Name{"a"}, Columns: []string{"x"}, From: rel.Select{Columns: []rel.Column{rel.As("x", rel.I(1))}, From: rel.Table{Name: rel.Name{"a"}}, Joins: []rel.Join{{Rel: rel.Table{Name: rel.Name{"b"}}}}}}, "needs a condition", false},
		{rel.Insert{Into: rel.Name{"a"}, Columns: []string{"x"}, From: rel.RawQuery{SQL: "SELECT 1; DROP TABLE a"}}, "more than one statement", false},
	} {
		for _, d := range dialects() {
			text, err := d.Statement(c.st)
			switch {
			case c.postgres && d.Name() != "postgres":
				if err != nil {
					t.Errorf("%s: %v", d.Name(), err)
				}
			case err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), d.Name()):
				t.Errorf("%s: %#v: error is %v, want %q; text %s", d.Name(), c.st, err, c.want, text)
			}
		}
	}
}

func set(e rel.Expr) rel.Statement {
	return rel.Update{Table: rel.Name{"a"}, Set: []rel.Assign{{Column: "x", Value: e}}}
}

func TestRaw(t *testing.T) {
	for _, c := range []struct{ sql, want, fault string }{
		{" SELECT 1 ; ; \n", "SELECT 1", ""},
		{"SELECT ';--' /* ; ( */ -- ;)\n, \"a;b\"", "SELECT ';--' /* ; ( */ -- ;)\n, \"a;b\"", ""},
		{"SELECT $$;)$$, $t$;$$;$t$, 'it''s', E'it\\'s;'", "SELECT $$;)$$, $t$;$$;$t$, 'it''s', E'it\\'s;'", ""},
		{"SELECT a$b$c FROM x$", "SELECT a$b$c FROM x$", ""},
		{"SELECT 'a\\'", "SELECT 'a\\'", ""},
		{"SELECT 1; SELECT 2", "", "more than one statement"},
		{"SELECT 1; -- two", "", "more than one statement"},
		{"SELECT (1", "", "not closed"},
		{"SELECT 1)", "", "not opened"},
		{"SELECT ')(", "", "not closed"},
		{"SELECT E'a\\'", "", "not closed"},
		{"SELECT \"a", "", "not closed"},
		{"SELECT $x$ a", "", "not closed"},
		{"SELECT 1 /* a", "", "not closed"},
		{"SELECT 1 /* a /* b */ */", "", "inside a comment"},
		{" ;; ", "", "empty"},
		{"SELECT '\x00'", "", "NUL"},
	} {
		got, err := dialect.Raw(c.sql)
		if got != c.want || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%q: got %q, %v", c.sql, got, err)
		}
	}
}

func TestRawOfBigQuery(t *testing.T) {
	for _, c := range []struct{ sql, want, fault string }{
		{`SELECT 'it\'s;', "a\";", r'\';' -- ;`, `SELECT 'it\'s;', "a\";", r'\';' -- ;`, ""},
		{"SELECT 1 # ; it's\n;", "SELECT 1 # ; it's", ""},
		{`SELECT """a"; 'b""", '''c';'''`, `SELECT """a"; 'b""", '''c';'''`, ""},
		{"SELECT `a\\`;b`, '', \"\"", "SELECT `a\\`;b`, '', \"\"", ""},
		{"SELECT 1 AS a$", "SELECT 1 AS a$", ""},
		{"SELECT $$;$$", "", "more than one statement"},
		{`SELECT 'a\'`, "", "not closed"},
		{`SELECT """a""`, "", "not closed"},
	} {
		got, err := dialect.BigQuery().Raw(c.sql)
		if got != c.want || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%q: got %q, %v", c.sql, got, err)
		}
	}
	text, err := dialect.BigQuery().Expr(rel.F(rel.Not, rel.RawExpr{SQL: "a # b"}))
	if err != nil || !strings.Contains(text, "# b\n)") {
		t.Errorf("a comment takes the parenthesis with it: %q, %v", text, err)
	}
}

func TestRawOfTheOthers(t *testing.T) {
	for _, c := range []struct {
		d                dialect.Dialect
		sql, want, fault string
	}{
		{dialect.Redshift(), `SELECT 'it\'s;', 'it''s', $$;)$$, "a\"`, `SELECT 'it\'s;', 'it''s', $$;)$$, "a\"`, ""},
		{dialect.Redshift(), `SELECT 'a\'`, "", "not closed"},
		{dialect.Redshift(), `SELECT "a\"; DROP TABLE x --"`, "", "more than one statement"},
		{dialect.Snowflake(), `SELECT 'it\'s;', 'it''s', $$;)$$, "a\"`, `SELECT 'it\'s;', 'it''s', $$;)$$, "a\"`, ""},
		{dialect.Snowflake(), "SELECT 1 // it's;\n;", "SELECT 1 // it's;", ""},
		{dialect.Snowflake(), `SELECT '\''; DROP TABLE x --'`, "", "more than one statement"},
		{dialect.Snowflake(), "SELECT 1 // '\n; DROP TABLE x // '", "", "more than one statement"},
		{dialect.Databricks(), `SELECT 'it\'s;', "a\";", r'c:\' -- ;`, `SELECT 'it\'s;', "a\";", r'c:\' -- ;`, ""},
		{dialect.Databricks(), "SELECT `a\\`, `b``;`", "SELECT `a\\`, `b``;`", ""},
		{dialect.Databricks(), `SELECT 'a\'`, "", "not closed"},
		{dialect.Databricks(), `SELECT r'a\'; SELECT 2`, "", "more than one statement"},
		{dialect.Databricks(), "SELECT $$;$$", "", "more than one statement"},
	} {
		got, err := c.d.Raw(c.sql)
		if got != c.want || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %q: got %q, %v", c.d.Name(), c.sql, got, err)
		}
	}
}

// What a warehouse has no way to do is refused with its name.
func TestLacking(t *testing.T) {
	x := rel.C("t", "x")
	for _, c := range []struct {
		d    dialect.Dialect
		e    rel.Expr
		want string
	}{
		{dialect.Redshift(), rel.F(rel.JaroWinkler, x, x, rel.N("0.9")), "redshift has no function jaro_winkler"},
		{dialect.Redshift(), rel.F(rel.Levenshtein, x, x, rel.I(2)), "redshift has no function levenshtein"},
		{dialect.Redshift(), rel.F(rel.TextList, x), "a SUPER cannot be made texts"},
		{dialect.Redshift(), rel.F(rel.RegexReplace, x, rel.T("a"), rel.T("$")), "the replacement has a dollar"},
		{dialect.Redshift(), rel.Agg{Fn: rel.BitXor, Arg: x, Distinct: true}, "not of distinct values"},
		{dialect.Databricks(), rel.Agg{Fn: rel.First, Arg: x, Is: models.Text, OrderBy: []rel.Order{{Expr: x}}}, "it must be a column of a select"},
	} {
		if text, err := c.d.Expr(c.e); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %#v: error is %v, want %q; text %s", c.d.Name(), c.e, err, c.want, text)
		}
	}
	// Grouped rows have no column that is neither grouped by nor aggregated.
	_, err := dialect.Databricks().Query(rel.Select{Columns: []rel.Column{rel.As("x", x), rel.As("f", rel.Agg{Fn: rel.First, Arg: x, Is: models.Text, OrderBy: []rel.Order{{Expr: x}}})},
		From: rel.Table{Name: rel.Name{"t"}}})
	if err == nil || !strings.Contains(err.Error(), "neither grouped by nor aggregated") {
		t.Errorf("error is %v", err)
	}
}

// An alias of a query within is not the table that rows are deleted from.
func TestDeleteFromRedshift(t *testing.T) {
	inner := rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: rel.Name{"o"}, Alias: "t"}, Where: rel.F(rel.IsNull, rel.C("t", "y"))}
	got, err := dialect.Redshift().Statement(rel.Delete{From: rel.Name{"s", "a"}, Where: rel.F(rel.And, rel.F(rel.Gt, rel.C("t", "x"), rel.I(1)), rel.Exists{Query: inner})})
	want := "DELETE FROM \"s\".\"a\"\nWHERE \"a\".\"x\" > 1\n  AND EXISTS (\n    SELECT CAST(1 AS BIGINT) AS \"one\"\n    FROM \"o\" AS \"t\"\n    WHERE \"t\".\"y\" IS NULL\n  )"
	if err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

// Names of tables and columns have bounds of their own, and a schema may bring its project.
func TestNamesOfBigQuery(t *testing.T) {
	for _, c := range []struct {
		st   rel.Statement
		want string
	}{
		{rel.DropTable{Name: rel.Name{"my-project.weir", "t"}}, "DROP TABLE IF EXISTS `my-project`.`weir`.`t`"},
		{rel.DropTable{Name: rel.Name{"example.com:shop.weir", "t.x"}}, "DROP TABLE IF EXISTS `example.com:shop`.`weir`.`t.x`"},
		{rel.DropTable{Name: rel.Name{"p", "d", "t"}}, "DROP TABLE IF EXISTS `p`.`d`.`t`"},
		{rel.CreateSchema{Name: rel.Name{"p.d"}}, "CREATE SCHEMA IF NOT EXISTS `p`.`d`"},
		{rel.DropTable{Name: rel.Name{"d", "a`b\\c"}}, "DROP TABLE IF EXISTS `d`.`a\\`b\\\\c`"},
		{rel.DropTable{Name: rel.Name{"d", strings.Repeat("é", 512)}}, "DROP TABLE IF EXISTS `d`.`" + strings.Repeat("é", 512) + "`"},
		{rel.DropTable{Name: rel.Name{"d", strings.Repeat("é", 513)}}, ""},
		{rel.AddColumn{Table: rel.Name{"t"}, Column: rel.Field{Name: strings.Repeat("é", 300), Type: models.Text}}, "ALTER TABLE `t` ADD COLUMN IF NOT EXISTS `" + strings.Repeat("é", 300) + "` STRING"},
		{rel.AddColumn{Table: rel.Name{"t"}, Column: rel.Field{Name: strings.Repeat("a", 301), Type: models.Text}}, ""},
	} {
		got, err := dialect.BigQuery().Statement(c.st)
		if c.want == "" && (err == nil || !strings.Contains(err.Error(), "bigquery allows")) || c.want != "" && got != c.want {
			t.Errorf("%v: got %q, %v", c.st, got, err)
		}
	}
}

func TestPattern(t *testing.T) {
	for _, ok := range []string{`[^0-9+]`, `^\d{2,3}[a-z_]*$`, `(?:a|b)+`, `(a)\.\\`, `[[:digit:]x]`, `[]a]`, `[^]a]`, `a{3}`, `a\{`, `é+`, `\S\s`, `[\d\s.]`} {
		if err := dialect.Pattern(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for _, bad := range []string{`(?i)a`, `(?i:a)`, `a*?`, `a{2,3}?`, `\bx`, `\Bx`, `(?=a)`, `(?<n>a)`, `(?P<n>a)`, `\pL`, `\p{Greek}`, `\x41`, `\Qa\E`, `a{`, `a{,3}`, `a{300}`, `[[.a.]]`, `[\D]`, `\z`, `\A`, `\1`, `(`, `[a`, `(?m)^a`, `(?s).`} {
		if err := dialect.Pattern(bad); err == nil {
			t.Errorf("%s passed", bad)
		}
	}
}

// Names and literals of any text come back as they were; nothing gets out of its quotes.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a", `'`, `\'`, `"; DROP TABLE x; --`, "$$", "\n", "é😀", "E'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, d := range dialects() {
			text, err := d.Expr(rel.T(s))
			if err != nil {
				if !strings.ContainsRune(s, 0) && strings.ToValidUTF8(s, "") == s {
					t.Errorf("%s: %v", d.Name(), err)
				}
				continue
			}
			// One piece of SQL, and one line of it.
			if raw, err := d.Raw("x = " + text + " AND y"); err != nil || !strings.HasSuffix(raw, "AND y") || strings.ContainsAny(text, "\n\r") {
				t.Errorf("%s: %q: %v", d.Name(), text, err)
			}
		}
	})
}
