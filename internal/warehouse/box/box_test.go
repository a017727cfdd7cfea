package box_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weir-data/weir/internal/warehouse/box"
)

// Whatever comes, in whatever order, is what it would be without a box, and stays so.
func TestBoxedValuesAreTheValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c box.Column
		var got, want []any
		buffer := make([]byte, 0, 2048) // of a driver, which writes over it
		for range rapid.IntRange(0, 400).Draw(t, "values") {
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				n := rapid.Int64().Draw(t, "n")
				got, want = append(got, c.Int(n)), append(want, n)
			case 1:
				f := rapid.Float64().Draw(t, "f")
				got, want = append(got, c.Float(f)), append(want, f)
			case 2:
				at := time.UnixMicro(rapid.Int64Range(-1<<55, 1<<55).Draw(t, "at")).UTC()
				got, want = append(got, c.Time(at)), append(want, at)
			case 3:
				buffer = fmt.Appendf(buffer[:0], "%d.5", rapid.Int64().Draw(t, "digits"))
				got, want = append(got, c.Number(buffer)), append(want, json.Number(buffer))
			default:
				n := rapid.SampledFrom([]int{0, 1, 2, 15, 16, 17, 300, 600, 2000}).Draw(t, "bytes")
				buffer = append(buffer[:0], bytes.Repeat([]byte{byte('a' + rapid.IntRange(0, 5).Draw(t, "letter"))}, n)...)
				got, want = append(got, c.Text(buffer)), append(want, string(buffer))
			}
		}
		clear(buffer[:cap(buffer)])
		runtime.GC()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A million values need a small part of a piece of memory each.
func TestPiecesOfMemory(t *testing.T) {
	const rows = 10_000
	email := []byte("person1234567@example.com")
	pieces := testing.AllocsPerRun(5, func() {
		var ids, texts, times box.Column
		for i := range int64(rows) {
			_, _, _ = ids.Int(1000+i), texts.Text(email), times.Time(time.UnixMicro(i))
		}
	})
	if each := pieces / (3 * rows); each > 0.05 {
		t.Errorf("%.3f pieces of memory for a value", each)
	}
}
