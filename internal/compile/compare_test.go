package compile_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

var (
	liveBuild  = compile.Build{Schema: "weir", ID: "1"}
	freshBuild = compile.Build{Schema: "weir", ID: "2"}
)

// twoBuilds makes the tables of two builds: customer 1 is as it was, 2 was split, 3 and 4 were
// put together, 5 has another id, 6 is gone and 7 is new.
func twoBuilds(t *testing.T, w warehouse.Warehouse) {
	t.Helper()
	for name, data := range map[string]string{
		"weir.customer_identifiers_b1": "type,value,profile_id\nemail,a,p1\nemail,b,p2\nphone,b,p2\nemail,c,p3\nemail,d,p4\nemail,e,p5\nemail,f,p6\n",
		"weir.customer_identifiers_b2": "type,value,profile_id\nemail,a,p1\nemail,b,p2\nphone,b,p8\nemail,c,p3\nemail,d,p3\nemail,e,p9\nemail,g,p7\n",
		"weir.customer_records_b1":     "source,key,profile_id\ncrm,1,p1\ncrm,2,p10\n",
		"weir.customer_records_b2":     "source,key,profile_id\ncrm,1,p1\ncrm,2,p10\n",
		"weir.customer_clusters_b1":    "profile_id\np1\np2\np3\np4\np5\np6\np10\n",
		"weir.customer_clusters_b2":    "profile_id\np1\np2\np3\np7\np8\np9\np10\n",
		"weir.customer_merges_b2": "kind,from_id,to_id,type,value,build\nmerge,p4,p3,email,d,2\nsplit,p2,p8,phone,b,2\nnew,,p7,email,g,2\nnew,,p9,email,e,2\n" +
			"new,,p1,email,a,1\n",
		"weir.customer_dropped_links_b1": "type,value,rule,profile_id,detail\nemail,x,junk,,rows: 1\nemail,x,junk,,rows: 1\nphone,y,invalid,,\n",
		"weir.customer_dropped_links_b2": "type,value,rule,profile_id,detail\nemail,x,junk,,rows: 1\nphone,y,invalid,,\nphone,b,limit,p2,\nphone,z,limit,p2,\n",
		"weir.customer_nodes_b2":         "node:integer,type,value\n1,email,b\n2,email,c\n3,email,d\n4,phone,q\n",
		"weir.customer_tuples_b2":        "source,node_email:integer,node_phone:integer\ncrm,1,\ncrm,2,4\ncrm,3,4\ncrm,3,4\n",
	} {
		with(t, w, func(s warehouse.Session) {
			if err := casetest.Fill(context.Background(), s, name, []byte(data), false); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// with runs f on a session.
func with(t *testing.T, w warehouse.Warehouse, f func(warehouse.Session)) {
	t.Helper()
	s, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f(s)
}

// lines are the rows of a query, cells between bars.
func lines(t *testing.T, w warehouse.Warehouse, q rel.Query) []string {
	t.Helper()
	var out []string
	with(t, w, func(s warehouse.Session) {
		for row, err := range warehouse.Rows(t.Context(), s, w.Kind().Dialect(), q) {
			if err != nil {
				t.Fatal(err)
			}
			var cells []string
			for _, v := range row {
				cells = append(cells, casetest.Cell(v))
			}
			out = append(out, strings.Join(cells, "|"))
		}
	})
	return out
}

func checkCompare(t *testing.T, w warehouse.Warehouse) {
	twoBuilds(t, w)
	e := &models.Entity{Name: "customer", Identity: models.Identity{Identifiers: []models.Identifier{{Type: "email"}, {Type: "phone"}}}}
	links := []string{"type", "value", "rule", "profile_id", "detail"}
	for name, c := range map[string]struct {
		q    rel.Query
		want []string
	}{
		"partition": {compile.Partition("customer", liveBuild, freshBuild), []string{"1|1|8|4|4|1"}},
		"equal":     {compile.Partition("customer", liveBuild, liveBuild), []string{"0|0|9|0|0|0"}},
		"apart": {compile.Apart("customer", liveBuild, freshBuild, 100), []string{
			"p2|p2|1|email|b", "p2|p8|1|phone|b", "p3|p3|1|email|c", "p4|p3|1|email|d", "p5|p9|1|email|e", "p6||1|email|f", "|p7|1|email|g"}},
		"apart, first":    {compile.Apart("customer", liveBuild, freshBuild, 1), []string{"p2|p2|1|email|b"}},
		"apart, equal":    {compile.Apart("customer", liveBuild, liveBuild, 1), nil},
		"surplus":         {compile.Surplus("customer", compile.DroppedLinks, links, liveBuild, freshBuild), []string{"1|2"}},
		"surplus, equal":  {compile.Surplus("customer", compile.DroppedLinks, links, liveBuild, liveBuild), []string{"0|0"}},
		"surplus rows":    {compile.SurplusRows("customer", compile.DroppedLinks, links, liveBuild, freshBuild, 2), []string{"email|x|junk||rows: 1|1", "phone|b|limit|p2||-1"}},
		"sizes":           {compile.ProfileSizes("customer", liveBuild), []string{"0|1", "1|5", "2|1"}},
		"largest":         {compile.LargestProfiles("customer", liveBuild, 2), []string{"p2|2", "p1|1"}},
		"types":           {compile.ProfileTypes("customer", liveBuild, []string{"p2", "p1"}), []string{"p1|email|1", "p2|email|1", "p2|phone|1"}},
		"dropped":         {compile.Dropped("customer", freshBuild), []string{"invalid|phone|1", "junk|email|1", "limit|phone|2"}},
		"causes":          {compile.MergeCauses("customer", freshBuild), []string{"merge|email|1", "new|email|2", "split|phone|1"}},
		"merges":          {compile.MergeRows("customer", freshBuild, 10), []string{"merge|p4|p3|email|d", "split|p2|p8|phone|b"}},
		"gone":            {compile.Gone("customer", liveBuild, freshBuild), []string{"3"}},
		"nobody is large": {compile.Ties(e, freshBuild, []string{"p9"}, 5), nil},
	} {
		if diff := cmp.Diff(c.want, lines(t, w, c.q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	with(t, w, func(s warehouse.Session) {
		data := "type,value,profile_id\nemail,b,p2\nemail,c,p3\nemail,d,p3\nphone,q,p3\n"
		if err := casetest.Fill(t.Context(), s, "weir.customer_identifiers_b2", []byte(data), false); err != nil {
			t.Fatal(err)
		}
	})
	for per, want := range map[int][]string{1: {"p3|phone|q|2"}, 5: {"p3|phone|q|2", "p3|email|c|1", "p3|email|d|1"}} {
		if diff := cmp.Diff(want, lines(t, w, compile.Ties(e, freshBuild, []string{"p2", "p3"}, per))); diff != "" {
			t.Errorf("ties, %d (-want +got):\n%s", per, diff)
		}
	}
}

func TestCompare(t *testing.T) { checkCompare(t, casetest.DuckDB(t)) }

// TestReviews is about the pairs of records of a build, and what people said of them.
func TestReviews(t *testing.T) { checkReviews(t, casetest.DuckDB(t)) }

func checkReviews(t *testing.T, w warehouse.Warehouse) {
	twoBuilds(t, w)
	with(t, w, func(s warehouse.Session) {
		for name, data := range map[string]string{
			"weir.customer_records_b1": "source,key,profile_id\ncrm,1,p1\ncrm,2,p2\ncrm,3,p3\ncrm,4,p3\nshop,1,p4\n",
			"weir.customer_pairs_b2": "source_a,key_a,source_b,key_b,weight:number,probability:number,decision,by,reasons\n" +
				"crm,1,crm,2,9.9,0.9990,join,weight,same\ncrm,1,crm,3,2,0.8,review,weight,near\ncrm,1,crm,4,1.9,0.79,review,weight,near\n" +
				"crm,2,shop,1,2.1,0.81,review,weight,far\ncrm,3,crm,4,2,0.8,review,weight,one\ncrm,4,crm,3,20,1,join,weight,one\ncrm,3,shop,1,1,0.6,join,person,odd\ncrm,4,shop,1,11,0.9999,apart,person,odd\n",
			"raw.crm": "id:integer,name,alias,born:date\n1,Ann,,2000-01-02\n2,,Ben,\n3,Cy,,\n",
		} {
			if err := casetest.Fill(t.Context(), s, name, []byte(data), false); err != nil {
				t.Fatal(err)
			}
		}
		d := w.Kind().Dialect()
		if err := warehouse.Exec(t.Context(), s, d, compile.ReviewsTable("weir", "customer"), compile.ReviewsTable("weir", "customer")); err != nil {
			t.Fatal(err)
		}
		for _, row := range [][]rel.Expr{
			{rel.T("crm"), rel.T("1"), rel.T("crm"), rel.T("4"), rel.B(true)},   // the build does not know
			{rel.T("crm"), rel.T("3"), rel.T("shop"), rel.T("1"), rel.B(true)},  // it does
			{rel.T("crm"), rel.T("4"), rel.T("shop"), rel.T("1"), rel.B(false)}, // it does
			{rel.T("crm"), rel.T("1"), rel.T("crm"), rel.T("9"), rel.B(false)},  // nothing to know
		} {
			q := rel.Select{}
			columns := append(slices.Clone(compile.ReviewColumns), "same", "by", "at")
			for i, e := range append(row, rel.T("ann"), rel.At(casetest.DefaultAsOf)) {
				q.Columns = append(q.Columns, rel.As(columns[i], e))
			}
			if err := warehouse.Exec(t.Context(), s, d, rel.Insert{Into: compile.ReviewsTable("weir", "customer").Name, Columns: columns, From: q}); err != nil {
				t.Fatal(err)
			}
		}
	})
	in := compile.Input{Entity: "customer", Model: &models.Model{
		Sources: []models.Source{{Name: "crm", Table: "raw.crm", Key: "id", UpdatedAt: "born"}},
		Entities: []models.Entity{{Name: "customer", Identity: models.Identity{Fuzzy: &models.Fuzzy{Fields: []models.FuzzyField{
			{Name: "name", From: []string{"crm.name", "crm.alias"}}, {Name: "town", From: []string{"shop.town"}}, {Name: "born", From: []string{"crm.born"}}}}}}},
	}, Columns: map[string][]models.Column{"crm": {{Name: "id", Type: models.Integer}, {Name: "name", Type: models.Text}, {Name: "alias", Type: models.Text}, {Name: "born", Type: models.Date}}}}
	values, problems := compile.FieldValues(in, "crm", []string{"2", "1", "7"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	with(t, w, func(s warehouse.Session) { // the pairs' owners, in the same build
		for name, data := range map[string]string{"weir.customer_records_b2": "source,key,profile_id\ncrm,1,p1\ncrm,3,p3\ncrm,4,p3\ncrm,2,p2\nshop,1,p4\n"} {
			if err := casetest.Fill(t.Context(), s, name, []byte(data), false); err != nil {
				t.Fatal(err)
			}
		}
	})
	for name, c := range map[string]struct {
		q    rel.Query
		want []string
	}{
		"to review": {compile.ToReview("customer", freshBuild, 10), []string{
			"crm|2|shop|1|2.1|0.81|far|p2|p4", "crm|1|crm|3|2|0.8|near|p1|p3"}},
		"first to review": {compile.ToReview("customer", freshBuild, 1), []string{"crm|2|shop|1|2.1|0.81|far|p2|p4"}},
		"review counts":   {compile.ReviewCounts("customer", freshBuild), []string{"2|1"}},
		"bands": {compile.PairBands("customer", freshBuild, liveBuild, []string{"0.8", "0.999"}), []string{
			"-1|join|person|0|1", "-1|review|weight|0|1", "0|review|weight|0|2", "0|review|weight|1|1", "1|apart|person|0|1", "1|join|weight|0|1", "1|join|weight|1|1"}},
		"links":   {compile.ProfileLinks("customer", freshBuild, liveBuild, "0.8"), []string{"p3|p4|1|1|1", "p1|p2|0.999|1|2", "p2|p4|0.81|2|1", "p1|p3|0.8|1|1"}},
		"joining": {compile.JoiningPairs("customer", freshBuild, []string{"p3", "p4"}), []string{"p3|1"}},
		"values":  {values, []string{"1|Ann||2000-01-02", "2|Ben||"}},
		"record":  {compile.HasRecord("customer", liveBuild, "shop", "1"), []string{"1"}},
		"none":    {compile.HasRecord("customer", liveBuild, "shop", "2"), []string{"0"}},
	} {
		if diff := cmp.Diff(c.want, lines(t, w, c.q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
