package ledger

import (
	"context"
	"fmt"

	"github.com/weir-data/weir/internal/rel"
)

// Temporary tables of one freeze that follow merges of profiles.
var (
	mergedTable = rel.Name{"weir_merged"}      // every merge there ever was: from_id, to_id
	goneTable   = rel.Name{"weir_gone"}        // profiles of the ledger that were merged away, with whom they are part of now
	nextTable   = rel.Name{"weir_gone_so_far"} // goneTable, one merge further
)

// CodeMerged is the code of a row that stays at the destination, since nobody is taken out of it,
// though nobody is sent under its match value: its profile became part of another one. The row is
// kept under that one's name, so that its no to a purpose, or its erasure, takes the row out too.
const CodeMerged = "syncs.merged"

// codeEnded is the code of an emission whose entry has ended.
const codeEnded = "syncs.ended"

// maxMerges bounds how many merges in a row are followed. A survivor is always older than whom it
// took in, so that no chain is longer than the history of merges, and none is a circle.
const maxMerges = 10_000

// follow finds out which profiles of the ledger were merged away, and into whom at the end of all
// merges since the ledger heard of them.
func (f *freeze) follow(ctx context.Context) error {
	if f.b.Rows.Merged == nil {
		return nil
	}
	g := func(c string) rel.Expr { return rel.C("g", c) }
	m := func(c string) rel.Expr { return rel.C("m", c) }
	known := rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: f.held, Alias: "e"}, Where: eq(rel.C("e", "profile"), m("from_id"))}}
	err := f.se.do(ctx,
		rel.DropTable{Name: mergedTable}, rel.CreateTable{Name: mergedTable, Temp: true, As: f.b.Rows.Merged},
		rel.DropTable{Name: goneTable}, rel.CreateTable{Name: goneTable, Temp: true, As: rel.Select{
			Columns: []rel.Column{rel.As("from_id", m("from_id")), rel.As("to_id", m("to_id"))}, From: rel.Table{Name: mergedTable, Alias: "m"}, Where: known,
		}})
	if err != nil {
		return err
	}
	count := rel.As("n", rel.Agg{Fn: rel.CountRows})
	n, err := f.se.number(ctx, rel.Select{Columns: []rel.Column{count}, From: rel.Table{Name: goneTable, Alias: "g"}})
	f.merged = n > 0
	further := rel.Join{Rel: rel.Table{Name: mergedTable, Alias: "m"}, On: eq(m("from_id"), g("to_id"))}
	for round := 0; err == nil && n > 0; round++ {
		if round == maxMerges {
			return fmt.Errorf("the merges of profiles lead back to themselves")
		}
		if n, err = f.se.number(ctx, rel.Select{Columns: []rel.Column{count}, From: rel.Table{Name: goneTable, Alias: "g"}, Joins: []rel.Join{further}}); err != nil || n == 0 {
			break
		}
		on := further
		on.Kind = rel.Left
		err = f.se.do(ctx,
			rel.DropTable{Name: nextTable}, rel.CreateTable{Name: nextTable, Temp: true, As: rel.Select{
				Columns: []rel.Column{rel.As("from_id", g("from_id")), rel.As("to_id", coalesce(m("to_id"), g("to_id")))},
				From:    rel.Table{Name: goneTable, Alias: "g"}, Joins: []rel.Join{on},
			}},
			rel.DropTable{Name: goneTable}, rel.CreateTable{Name: goneTable, Temp: true, As: rel.Select{
				Columns: []rel.Column{rel.As("from_id", g("from_id")), rel.As("to_id", g("to_id"))}, From: rel.Table{Name: nextTable, Alias: "g"},
			}})
	}
	if err != nil {
		return err
	}
	return f.se.do(ctx, rel.DropTable{Name: mergedTable}, rel.DropTable{Name: nextTable})
}

// successor joins to rows of the ledger, under an alias, whom their profile is part of now; nil if
// no profile of the ledger was merged away.
func (f *freeze) successor(of string) []rel.Join {
	if !f.merged {
		return nil
	}
	return []rel.Join{{Kind: rel.Left, Rel: rel.Table{Name: goneTable, Alias: "mg"}, On: eq(rel.C("mg", "from_id"), rel.C(of, "profile"))}}
}

// heir is a profile of the ledger, or whom it is part of now. It needs successor.
func (f *freeze) heir(profile rel.Expr) rel.Expr {
	if !f.merged {
		return profile
	}
	return coalesce(rel.C("mg", "to_id"), profile)
}

// hasMoved is true for a row of the ledger whose profile was merged away. It needs successor.
func (f *freeze) hasMoved() rel.Expr {
	if !f.merged {
		return rel.B(false)
	}
	return notNull(rel.C("mg", "to_id"))
}
