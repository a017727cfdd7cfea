//go:build cgo && !noduckdb

package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/syncs"
)

var asks = syncs.Holder{Store: "store-a", Host: "here", PID: os.Getpid()}

// onFile puts a new world into a file of a folder, as after a restart.
func (w *world) onFile(dir string) {
	w.t.Helper()
	w.w = fileIn(w.t, dir)
	w.exec("CREATE SCHEMA IF NOT EXISTS shop", "CREATE TABLE IF NOT EXISTS shop.people (key VARCHAR, email VARCHAR, phone VARCHAR, name VARCHAR, barred VARCHAR, invalid VARCHAR)")
	w.l = New(w.w, Options{Key: w.l.key})
	w.rebind()
}

func fileIn(t *testing.T, dir string) warehouse.Warehouse {
	t.Helper()
	k, _ := warehouse.Lookup("duckdb")
	fresh, err := k.Open(warehouse.Config{Target: "dev", Dir: dir, Settings: map[string]string{"path": "shop.duckdb", "schema": "weir"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fresh.Close() })
	return fresh
}

// copiedTo restores the copies beside a file into a warehouse of their own.
func copiedTo(t *testing.T, from string, key []byte) (*world, *Restored) {
	t.Helper()
	to := t.TempDir()
	found, err := filepath.Glob(filepath.Join(from, "shop.duckdb.ledger-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		text, err := os.ReadFile(f)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(f)), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: t, w: fileIn(t, to)}
	w.l = New(w.w, Options{Key: key})
	r, err := w.l.Restore(ctx, asks, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w, r
}

// what of the ledger a copy has to give back.
var precious = []string{"SELECT * FROM weir.ledger_vip ORDER BY ALL", "SELECT * FROM weir.ledgers ORDER BY ALL", "SELECT * FROM weir.runs ORDER BY ALL", "SELECT * FROM weir.erasures ORDER BY ALL",
	"SELECT sync, epoch, store FROM weir.epochs ORDER BY ALL", "SELECT * FROM weir.definitions WHERE sync = 'vip'", "SELECT name FROM weir.secret ORDER BY ALL"}

// TestCopiesGiveTheLedgerBack runs a sync whose people move their addresses about, with every verdict
// there is, and after each settle restores the newest copy elsewhere: it is the ledger.
func TestCopiesGiveTheLedgerBack(t *testing.T) { // SEMANTICS 36
	seeds, runs := uint64(1), 12
	if casetest.Thorough() {
		seeds = 40
	}
	changes := 0
	for seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 7))
		obj, change := list, func(*Binding) {}
		if seed%4 == 3 {
			obj, change = message, appendWith("on_reentry", syncs.Send)
		}
		w := newWorld(t, obj, change)
		dir := t.TempDir()
		w.onFile(dir)
		for run := range runs {
			var ps []person
			emails, phones := random.Perm(9), random.Perm(9)
			for i := range 7 {
				if random.IntN(4) == 0 {
					continue
				}
				p := person{key: fmt.Sprintf("p%d", i), email: fmt.Sprintf("e%d@example.com", emails[i]), name: fmt.Sprint(random.IntN(2))}
				if random.IntN(3) == 0 && obj.Name == list.Name {
					p.phone = fmt.Sprintf("+3363998000%d", phones[i])
				}
				if random.IntN(9) == 0 {
					p.barred = "policy.x"
				}
				if obj.Name == message.Name {
					p.key += fmt.Sprintf(":%d", random.IntN(3))
				}
				ps = append(ps, p)
			}
			w.want(ps...)
			switch run {
			case 1: // so much that differences are worth while
				w.exec("INSERT INTO weir.definitions (sync, definition) SELECT 'ballast ' || range, hash(range)::VARCHAR FROM range(40000)")
			case 4:
				if err := w.l.Erase(ctx, []Identifier{{"email", "e0@example.com"}}, nil); err != nil {
					t.Fatal(err)
				}
			}
			ref := w.freeze()
			var but []syncs.Exception
			for seq := range ref.Rows {
				if random.IntN(3) == 0 {
					but = append(but, syncs.Exception{Seq: seq, Verdict: syncs.Verdict(random.IntN(int(syncs.Applied) + 1)), Code: "x.y", RemoteID: fmt.Sprint("r", seq)})
				}
			}
			w.settle(ref, syncs.Applied, but...)
			if random.IntN(3) == 0 && obj.Name == list.Name { // what changes a ledger without a settle
				if _, err := w.src.Decide(ctx, w.g, ref.Run, random.IntN(2) == 0, nil); err != nil {
					t.Fatal(err)
				}
				continue
			}
			is, r := copiedTo(t, dir, w.l.key)
			if !r.Newest || r.Copy.Number < 1 || len(r.Started) != 1 {
				t.Errorf("seed %d, run %d: restored %+v", seed, run, r)
			}
			for _, q := range precious {
				if diff := cmp.Diff(w.rows(q), is.rows(q)); diff != "" {
					t.Fatalf("seed %d, run %d: %s (-ledger +copy):\n%s", seed, run, q, diff)
				}
			}
			page, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("shop.duckdb.ledger-%d.json", r.Copy.Number)))
			if err != nil {
				t.Fatal(err)
			}
			changes += bytes.Count(page, []byte(`"kind":"change"`))
			is.w.Close()
		}
	}
	if changes == 0 {
		t.Error("no copy had a difference: nothing was tried")
	}
}

// The person who was erased is in no copy after the next one.
func TestCopiesForgetWhoWasErased(t *testing.T) {
	w := newWorld(t, list, nil)
	dir := t.TempDir()
	w.onFile(dir)
	w.want(ann, bob)
	w.settle(w.freeze(), syncs.Applied)
	w.exec("INSERT INTO weir.definitions (sync, definition) SELECT 'ballast ' || range, hash(range)::VARCHAR FROM range(40000)")
	w.want(ann.named("other"), bob)
	w.settle(w.freeze(), syncs.Applied)
	if err := w.l.Erase(ctx, []Identifier{{"email", ann.email}}, nil); err != nil {
		t.Fatal(err)
	}
	w.want(ann, bob)
	w.settle(w.freeze(), syncs.Applied) // takes ann out
	w.want(ann, bob.named("other"))
	w.settle(w.freeze(), syncs.Applied)
	found, err := filepath.Glob(filepath.Join(dir, "shop.duckdb.ledger-*.duckdb"))
	if err != nil || len(found) < 2 {
		t.Fatal(found, err)
	}
	for _, f := range found {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(ann.email)) {
			t.Errorf("%s still has who was erased", filepath.Base(f))
		}
	}
}

// A warehouse that was lost goes on from the copy: nothing is sent again.
func TestF49ALostLedgerIsRestored(t *testing.T) {
	w := newWorld(t, list, nil)
	dir := t.TempDir()
	w.onFile(dir)
	w.want(ann, bob)
	w.settle(w.freeze(), syncs.Applied)
	w.want(ann.named("other"), bob)
	w.settle(w.freeze(), syncs.Applied)
	if err := w.src.Release(ctx, w.g, true); err != nil {
		t.Fatal(err)
	}
	seen := w.g.Epoch + 3 // of runs that had nothing to do
	w.w.Close()
	if err := os.Remove(filepath.Join(dir, "shop.duckdb")); err != nil {
		t.Fatal(err)
	}
	w.onFile(dir)
	w.b.Epoch, w.g = seen, syncs.Grant{}
	w.rebind()
	_, err := w.src.Acquire(ctx, asks, time.Minute)
	var lost *RestoredError
	if !errors.As(err, &lost) || !strings.Contains(lost.Fix(), "weir doctor --restore-ledger") {
		t.Fatalf("a lost ledger is taken for a new one: %v", err)
	}
	// What the newest copy says cannot be read: the one before is not the last word.
	newest := filepath.Join(dir, "shop.duckdb.ledger-2.duckdb")
	good, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(newest, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := w.l.Restore(ctx, asks, map[string]int64{"vip": seen})
	if err != nil || r.Newest || r.Copy.Number != 1 || len(r.Broken) != 1 || r.Epochs["vip"] >= seen {
		t.Fatalf("restored %+v, %v", r, err)
	}
	if err := os.WriteFile(newest, good, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err = w.l.Restore(ctx, asks, map[string]int64{"vip": seen})
	if err != nil || !r.Newest || r.Copy.Number != 2 || r.Epochs["vip"] != seen {
		t.Fatalf("restored %+v, %v", r, err)
	}
	older := map[string][]byte{}
	beside := func() []string {
		found, err := filepath.Glob(filepath.Join(dir, "shop.duckdb.ledger-*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for _, f := range beside() {
		if older[f], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	w.rebind()
	w.want(ann.named("other"), bob).sends()
	w.want(bob).sends("remove p1 email=ann@example.com")
	// Now the warehouse knows more than any copy before.
	for _, f := range beside() {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	for f, text := range older {
		if err := os.WriteFile(f, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.src.Release(ctx, w.g, true); err != nil {
		t.Fatal(err)
	}
	var none *NoCopyError
	if _, err := w.l.Restore(ctx, asks, nil); !errors.As(err, &none) || !strings.Contains(none.Error(), "since the copy") {
		t.Errorf("a newer ledger was given up: %v", err)
	}
}

func TestNothingToRestore(t *testing.T) {
	w := newWorld(t, list, nil)
	w.w = fileIn(t, t.TempDir())
	var none *NoCopyError
	if _, err := New(w.w, Options{}).Restore(ctx, asks, nil); !errors.As(err, &none) || none.Fix() == "" || none.Code() != "ledger.no_copy" {
		t.Errorf("got %v", err)
	}
}
