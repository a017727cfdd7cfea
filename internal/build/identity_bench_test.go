//go:build unix

package build_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// benchRecords is the size of the benchmark's world.
const benchRecords = 1_000_000

// BenchmarkIdentity builds the identity of a million records from raw strings, and in the same run
// streams the same strings through a union-find in this process. It prints CPU seconds of both,
// and their ratio. One iteration is enough: go test -run - -bench Identity -benchtime 1x.
func BenchmarkIdentity(b *testing.B) {
	ctx := context.Background()
	w := casetest.DuckDB(b)
	s, err := w.Session(ctx)
	if err != nil {
		b.Fatal(err)
	}
	world(ctx, b, s, benchRecords)
	b.ResetTimer()
	for b.Loop() {
		began, cpu := time.Now(), cpuSeconds(b)
		sets := unionFind(ctx, b, s)
		plain := cpuSeconds(b) - cpu
		b.Logf("union-find over strings: %d sets, %.2f CPU seconds, %.2f on the clock", sets, plain, time.Since(began).Seconds())
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		in := compile.Input{Model: benchModel(), Entity: "customer", Timezone: time.UTC}
		var last string
		var lastCPU float64
		spent := map[string]float64{}
		var order []string
		builder := &build.Builder{W: w, Progress: func(step string, i, n int) {
			now := cpuSeconds(b)
			if last != "" {
				spent[last] += now - lastCPU
			}
			order = append(order, step)
			last, lastCPU = step, now
		}}
		began, cpu = time.Now(), cpuSeconds(b)
		res, err := builder.Build(ctx, in, build.Options{AsOf: casetest.DefaultAsOf})
		if err != nil {
			b.Fatal(err)
		}
		ours := cpuSeconds(b) - cpu
		b.Logf("build: %d profiles, largest %d, %.2f CPU seconds, %.2f on the clock, ratio %.2f", res.Stats["profiles"], res.Stats[compile.StatLargest], ours, time.Since(began).Seconds(), ours/plain)
		var parts []string
		graph := 0.0 // from raw strings to the map of identifiers, which is what union-find makes
		for i, step := range order {
			if i <= slices.Index(order, "identity: clusters") {
				graph += spent[step]
			}
			parts = append(parts, fmt.Sprintf("%s %.2f", strings.TrimPrefix(step, "identity: "), spent[step]))
		}
		b.Log(strings.Join(parts, ", "))
		b.Logf("strings to map: %.2f CPU seconds, ratio %.2f", graph, graph/plain)
		b.ReportMetric(ours, "cpu-s")
		b.ReportMetric(ours/plain, "ratio")
		b.ReportMetric(graph/plain, "map-ratio")
		if s, err = w.Session(ctx); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

func benchModel() *models.Model {
	return &models.Model{
		Sources: []models.Source{{Name: "rows", Table: "raw.rows", Key: "key", Time: "seen_at", Identifiers: []models.SourceIdentifier{
			{Type: "user_id", Column: "user_id"}, {Type: "email", Column: "email"}, {Type: "phone", Column: "phone"}, {Type: "device", Column: "device"}}}},
		Entities: []models.Entity{{Name: "customer", Identity: models.Identity{
			Identifiers: []models.Identifier{{Type: "user_id"}, {Type: "email", Normalize: "lower"}, {Type: "phone", Normalize: "trim"}, {Type: "device"}},
			From:        []string{"rows"}, Guard: models.IdentityGuard{MaxProfileSize: 1 << 30}}}},
	}
}

// world makes rows of 0.4 n people, each with one to four identifiers: few people with many rows,
// one-off devices, shared household phones, chains of up to 2,000 rows, and a few junk values that
// hold thousands together.
func world(ctx context.Context, b *testing.B, s warehouse.Session, n int) {
	b.Helper()
	for _, q := range []string{"CREATE SCHEMA raw", "CREATE TABLE raw.rows (key VARCHAR, seen_at TIMESTAMPTZ, user_id VARCHAR, email VARCHAR, phone VARCHAR, device VARCHAR)"} {
		if _, err := s.Exec(ctx, q); err != nil {
			b.Fatal(err)
		}
	}
	rng := rand.New(rand.NewSource(1))
	people := n * 2 / 5
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rows := func(yield func([]any, error) bool) {
		row := make([]any, 6)
		chain, link := 0, 0
		for i := range n {
			row[0], row[1] = fmt.Sprintf("r%d", i), start.Add(time.Duration(rng.Intn(150*86400))*time.Second)
			row[2], row[3], row[4], row[5] = nil, nil, nil, nil
			switch {
			case i < n/50: // chains: each row shares one value with the next
				if link == 0 {
					chain, link = chain+1, rng.Intn(2000)
				}
				row[3], row[5] = fmt.Sprintf("chain%d-%d@example.com", chain, link/2), fmt.Sprintf("chain-%d-%d", chain, (link+1)/2)
				link--
			default:
				f := rng.Float64()
				p := int(f * f * f * float64(people)) // few people have many rows
				if rng.Float64() < 0.25 {
					row[5] = fmt.Sprintf("device-%d-%d", p, rng.Intn(1<<30))
				} else if rng.Float64() < 0.4 {
					row[5] = fmt.Sprintf("device-%d-%d", p, rng.Intn(3))
				}
				if rng.Float64() < 0.35 {
					row[2] = fmt.Sprintf("u%d", p)
				}
				if rng.Float64() < 0.3 {
					row[3] = fmt.Sprintf("Person%d.%d@example.com", p, rng.Intn(2))
				}
				if rng.Float64() < 0.12 {
					household := p
					if p%33 == 0 {
						household = p + 1
					}
					row[4] = fmt.Sprintf("+1 202 555 %07d", household)
				}
				if rng.Float64() < 0.001 {
					row[4] = "+1 202 555 0000000"
				}
				if row[2] == nil && row[3] == nil && row[4] == nil && row[5] == nil {
					row[2] = fmt.Sprintf("u%d", p)
				}
			}
			if !yield(row, nil) {
				return
			}
		}
	}
	if _, err := s.Load(ctx, []string{"raw", "rows"}, []string{"key", "seen_at", "user_id", "email", "phone", "device"}, iter.Seq2[[]any, error](rows)); err != nil {
		b.Fatal(err)
	}
}

// unionFind streams the strings and joins them in this process, then writes the map back.
func unionFind(ctx context.Context, b *testing.B, s warehouse.Session) int {
	b.Helper()
	index := map[string]int32{}
	var parent []int32
	var values []string
	find := func(x int32) int32 {
		for parent[x] != x {
			parent[x] = parent[parent[x]]
			x = parent[x]
		}
		return x
	}
	for lo := 0; lo < benchRecords; lo += 100_000 {
		for row, err := range s.Query(ctx, fmt.Sprintf("SELECT user_id, email, phone, device FROM raw.rows WHERE rowid >= %d AND rowid < %d", lo, lo+100_000)) {
			if err != nil {
				b.Fatal(err)
			}
			first := int32(-1)
			for t, v := range row {
				value, ok := v.(string)
				if !ok {
					continue
				}
				if t == 1 {
					value = strings.ToLower(value)
				}
				k := string(rune('0'+t)) + strings.TrimSpace(value)
				id, ok := index[k]
				if !ok {
					id = int32(len(parent))
					index[k] = id
					parent = append(parent, id)
					values = append(values, k)
				}
				if first < 0 {
					first = id
				} else if a, c := find(first), find(id); a < c {
					parent[c] = a
				} else if c < a {
					parent[a] = c
				}
			}
		}
	}
	if _, err := s.Exec(ctx, "CREATE TABLE raw.plain_map (value VARCHAR, cluster BIGINT)"); err != nil {
		b.Fatal(err)
	}
	sets := 0
	back := func(yield func([]any, error) bool) {
		row := make([]any, 2)
		for i, v := range values {
			root := find(int32(i))
			if root == int32(i) {
				sets++
			}
			row[0], row[1] = v, int64(root)
			if !yield(row, nil) {
				return
			}
		}
	}
	if _, err := s.Load(ctx, []string{"raw", "plain_map"}, []string{"value", "cluster"}, back); err != nil {
		b.Fatal(err)
	}
	if _, err := s.Exec(ctx, "DROP TABLE raw.plain_map"); err != nil {
		b.Fatal(err)
	}
	return sets
}

// cpuSeconds is what this process has used of all cores.
func cpuSeconds(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
