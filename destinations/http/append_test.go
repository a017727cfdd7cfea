package http

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-data/weir/destinations"
)

// What is written straight into bytes is what rendering gives, byte by byte.
func TestDirectIsTheSame(t *testing.T) {
	templates := []string{`{}`, `{upsert: {encoding: ndjson}}`, `{upsert: {row: "{{ row.key }}"}}`, `{upsert: {row: ["{{ row.op }}", 5, x, "", [], {}]}}`,
		`{upsert: {row: {a: "{{ row.ids.email }}", z: {y: "{{ row.fields.first }}", x: null}, m: "{{ row.remote_id }}", d: "{{ row.dedup }}"}}}`,
		`{upsert: {row: {f: "{{ row.fields }}"}, body: {all: "{{ rows }}", n: "{{ batch.size }}", t: "{{ batch.target }}", again: "{{ batch.replay }}"}}}`,
		`{upsert: {row: {i: "{{ row.fields.none }}", deep: "{{ row.key.x }}"}, body: ["{{ batch.op }}", "{{ rows }}"]}}`,
		`{upsert: {body: {one: "{{ rows }}", two: ["{{ rows }}"]}}}`}
	plans := map[string]*plan{}
	for _, template := range templates {
		p, flaws := parsePlan(withs(t, template))
		if len(flaws) > 0 {
			t.Fatal(flaws[0])
		}
		plans[template] = p
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[a-z<>&"\\é\x{2028}\x{1F600} ]{0,8}`), rapid.String(), rapid.Just("a\xffb"))
		value := rapid.OneOf(rapid.Map(text, func(s string) any { return s }), rapid.Map(rapid.Int64(), func(n int64) any { return n }),
			rapid.Map(rapid.Float64(), func(f float64) any { return f }), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
			rapid.SampledFrom([]any{nil, destinations.Absent, math.NaN(), 0.0, math.Copysign(0, -1), 1e21, 1e-7, json.Number("1.50"), json.Number("no"), json.RawMessage(`[1,2]`),
				[]any{"<", time.Unix(5, 7)}, map[string]any{"b": 1.0, "a": "&"}, time.Unix(1, 5).In(time.FixedZone("x", 3600))}))
		b := destinations.Batch{ID: text.Draw(t, "id"), Target: text.Draw(t, "target"), Replay: rapid.Bool().Draw(t, "replay"),
			Columns: destinations.Columns{IDs: []string{"email", "a\"b"}, Fields: []string{"first", "é", "last"}}}
		for range rapid.IntRange(1, 4).Draw(t, "rows") {
			b.Rows = append(b.Rows, destinations.Row{Op: destinations.Upsert, Key: text.Draw(t, "key"), RemoteID: text.Draw(t, "remote"), Dedup: text.Draw(t, "dedup"),
				IDs: rapid.SliceOfN(value, 0, 2).Draw(t, "ids"), Fields: rapid.SliceOfN(value, 3, 3).Draw(t, "fields")})
		}
		template := rapid.SampledFrom(templates).Draw(t, "template")
		r := plans[template].requests["upsert"]
		if r.directRow == nil || r.encoding == "json" && r.directBody == nil {
			t.Fatalf("%s is rendered", template)
		}
		s := &session{}
		part := slice{0, len(b.Rows), b.ID}
		got, bad, err := s.build(b, r, part)
		row, body := r.directRow, r.directBody
		r.directRow, r.directBody = nil, nil
		want, wantBad, wantErr := s.build(b, r, part)
		r.directRow, r.directBody = row, body
		if string(got.Body) != string(want.Body) || got.Type != want.Type || (bad == nil) != (wantBad == nil) || (err == nil) != (wantErr == nil) {
			t.Fatalf("%s\n got %s %v %v\nwant %s %v %v", template, got.Body, bad, err, want.Body, wantBad, wantErr)
		}
	})
}

func TestWhatIsRendered(t *testing.T) {
	for _, template := range []string{`{upsert: {row: {a: "x {{ row.key }}"}}}`, `{upsert: {row: {a: "{{ row.key | json }}"}}}`, `{upsert: {row: "{{ row.ids.a.b.c }}"}}`,
		`{upsert: {path: "/{{ row.key }}"}}`} {
		p, flaws := parsePlan(withs(t, template))
		if len(flaws) > 0 {
			t.Fatal(flaws[0])
		}
		if p.requests["upsert"].directRow != nil {
			t.Errorf("%s is not rendered", template)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	p, _ := parsePlan(withs(b, `{}`))
	batch := destinations.Batch{ID: "x", Columns: destinations.Columns{IDs: []string{"email_sha256"}, Fields: []string{"first", "last", "n"}}}
	for range 500 {
		batch.Rows = append(batch.Rows, destinations.Row{Op: destinations.Upsert, IDs: []any{"0123456789012345678901234567890123456789012345678901234567890123"}, Fields: []any{"Ana", "Nobody", int64(7)}})
	}
	s := &session{}
	for b.Loop() {
		if _, bad, err := s.build(batch, p.requests["upsert"], slice{0, 500, "x"}); bad != nil || err != nil {
			b.Fatal(bad, err)
		}
	}
	b.ReportMetric(float64(b.N)*500/b.Elapsed().Seconds(), "rows/s")
}
