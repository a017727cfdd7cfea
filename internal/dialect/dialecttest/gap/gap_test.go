package gap

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("WEIR_GAPS", dir)
	ran := map[string]bool{}
	t.Run("inner", func(t *testing.T) {
		l := New(t, "a stand-in", map[string]string{"fails": "it cannot add", "ends": "it cannot divide", "falls": "it panics", "a/hangs": NotRun + "it sleeps"})
		for name, f := range map[string]func(t testing.TB){
			"fails": func(t testing.TB) { t.Errorf("1 + 1 is 3") },
			"ends":  func(t testing.TB) { t.Fatal("no"); ran["beyond"] = true },
			"falls": func(testing.TB) { panic("at the disco") },
			"works": func(testing.TB) {},
		} {
			l.Run(t, name, func(t testing.TB) { ran[name] = true; f(t) })
		}
		l.RunAs(t, "hangs", "a/hangs", func(testing.TB) { ran["hangs"] = true })
	})
	if !ran["fails"] || !ran["ends"] || !ran["falls"] || !ran["works"] || ran["hangs"] || ran["beyond"] {
		t.Errorf("ran %v", ran)
	}
	b, err := os.ReadFile(filepath.Join(dir, "a_stand-in-TestList_inner.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"gaps of a stand-in in TestList/inner: 4\n", "\n  fails: it cannot add\n", "  a/hangs: not run: it sleeps\n"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%q is missing in\n%s", want, b)
		}
	}
}

// TestAttempt: what fails in an attempt is known there, and only there.
func TestAttempt(t *testing.T) {
	a := &attempt{TB: t}
	a.run(func(t testing.TB) { t.Log("fine") })
	if a.Failed() {
		t.Error("a case that passes failed")
	}
	a.run(func(t testing.TB) { t.FailNow() })
	if !a.Failed() || t.Failed() {
		t.Error("a failure was lost, or not kept")
	}
	var none *List
	none.Run(t, "no list", func(testing.TB) {})
}
