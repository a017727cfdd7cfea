//go:build cgo && !noduckdb

package app

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/warehouse"
)

// mostStatements bounds the statements of a build that is made from nothing. Each costs a round trip,
// and on some warehouses a second.
const mostStatements = 300

// counting counts the statements that a warehouse is given.
type counting struct {
	warehouse.Warehouse
	n atomic.Int64
}

func (c *counting) Session(ctx context.Context) (warehouse.Session, error) {
	s, err := c.Warehouse.Session(ctx)
	if err != nil {
		return nil, err
	}
	return &countingSession{s, c}, nil
}

type countingSession struct {
	warehouse.Session
	c *counting
}

func (s *countingSession) Exec(ctx context.Context, sql string) (int64, error) {
	s.c.n.Add(1)
	return s.Session.Exec(ctx, sql)
}

func (s *countingSession) Query(ctx context.Context, sql string) iter.Seq2[[]any, error] {
	s.c.n.Add(1)
	return s.Session.Query(ctx, sql)
}

// TestStatementsOfABuild: fifty segments cost as many statements as one, and both few.
func TestStatementsOfABuild(t *testing.T) {
	count := map[int]int64{}
	for _, segments := range []int{1, 50} {
		c := newClub(t)
		var b strings.Builder
		head, rest, _ := strings.Cut(clubYAML, "segments:\n")
		_, tail, _ := strings.Cut(rest, "policies:\n")
		tail, _, _ = strings.Cut(tail, "syncs:\n")
		for i := range segments {
			fmt.Fprintf(&b, "  g%d: {entity: customer, where: {all: [{trait: spent, at_least: %d}, {did: visits, where: {page: news}, times: {at_least: %d}}]}}\n", i, 10*i, 1+i%3)
		}
		c.write(head + "segments:\n" + b.String() + "policies:\n" + tail)
		a := c.load(clubTime)
		w, err := a.warehouse()
		if err != nil {
			t.Fatal(err)
		}
		key, err := a.secretKey()
		if err != nil {
			t.Fatal(err)
		}
		counted := &counting{Warehouse: w}
		a.w, a.led = counted, ledger.New(counted, ledger.Options{Key: key})
		if _, err := a.Build(t.Context()); err != nil {
			t.Fatal(err)
		}
		count[segments] = counted.n.Load()
		t.Logf("%d segments: %d statements", segments, count[segments])
		a.Close()
	}
	if count[1] != count[50] || count[1] > mostStatements {
		t.Errorf("a build makes %d statements for 1 segment and %d for 50; at most %d are meant", count[1], count[50], mostStatements)
	}
}
