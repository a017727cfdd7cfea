package file

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/destinationtest"
)

func TestConformance(t *testing.T) {
	for _, format := range []string{"csv", "jsonl"} {
		t.Run(format, func(t *testing.T) {
			destinationtest.Run(t, files{}, destinationtest.Options{NoNetwork: true,
				With: map[string]map[string]any{"rows": {"format": format}}})
		})
	}
}

// open returns a session in a fresh folder, and the folder of a target.
func open(t *testing.T) (*session, string) {
	t.Helper()
	root := t.TempDir()
	s, err := files{}.Open(t.Context(), destinations.Env{Dir: root, Settings: map[string]any{"path": "out"}})
	if err != nil {
		t.Fatal(err)
	}
	target, err := s.(destinations.AudienceManager).Ensure(t.Context(), "rows", "vip", nil)
	if err != nil || target != "vip" {
		t.Fatalf("Ensure: %q, %v", target, err)
	}
	return s.(*session), filepath.Join(root, "out", "vip")
}

func batch(id string, op destinations.Op, with map[string]any, people ...string) destinations.Batch {
	b := destinations.Batch{ID: id, Object: "rows", Target: "vip", With: with,
		Columns: destinations.Columns{IDs: []string{"email"}, Fields: []string{"name", "ltv", "since", "tags", "gone"}}}
	for _, p := range people {
		b.Rows = append(b.Rows, destinations.Row{Key: p, Op: op, IDs: []any{p + "@example.com"},
			Fields: []any{"=cmd|' /C calc'!A0, \"" + p + "\"\r\nnext", json.Number("12345678901234567890.12"),
				time.Date(2026, 6, 1, 8, 0, 0, 0, time.FixedZone("", 7200)), []any{"a", int64(9007199254740993)}, destinations.Absent}})
	}
	return b
}

func write(t *testing.T, s *session, b destinations.Batch) {
	t.Helper()
	o, err := s.Write(t.Context(), b)
	if err != nil || o.Of(0).Status != destinations.Delivered {
		t.Fatalf("Write: %v, %v", o, err)
	}
}

func TestContent(t *testing.T) {
	cases := []struct {
		name string
		with map[string]any
		want string
	}{
		{"csv", nil, "op,email,name,ltv,since,tags,gone\r\n" +
			"add,eve@example.com,\"=cmd|' /C calc'!A0, \"\"eve\"\"\r\nnext\",12345678901234567890.12,2026-06-01T06:00:00Z,\"[\"\"a\"\",9007199254740993]\",\r\n"},
		{"csv guarded", map[string]any{"formula_guard": true}, "op,email,name,ltv,since,tags,gone\r\n" +
			"add,eve@example.com,\"'=cmd|' /C calc'!A0, \"\"eve\"\"\r\nnext\",12345678901234567890.12,2026-06-01T06:00:00Z,\"[\"\"a\"\",9007199254740993]\",\r\n"},
		{"jsonl", map[string]any{"format": "jsonl"}, `{"op":"add","email":"eve@example.com","name":"=cmd|' /C calc'!A0, \"eve\"\r\nnext",` +
			`"ltv":12345678901234567890.12,"since":"2026-06-01T08:00:00+02:00","tags":["a",9007199254740993]}` + "\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, dir := open(t)
			write(t, s, batch("b1", destinations.Add, c.with, "eve"))
			names, err := parts(dir)
			if err != nil || len(names) != 1 {
				t.Fatalf("files %v, %v", names, err)
			}
			got, err := os.ReadFile(filepath.Join(dir, names[0]))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, string(got)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if info, _ := os.Stat(filepath.Join(dir, names[0])); info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v: others can read personal data", info.Mode())
			}
			if strings.HasSuffix(names[0], ".csv") {
				if _, err := csv.NewReader(strings.NewReader(string(got))).ReadAll(); err != nil {
					t.Errorf("another reader can not read it: %v", err)
				}
			}
		})
	}
}

// A batch that is sent again, also after others, keeps its place and its bytes.
func TestRepeatedBatchKeepsItsFile(t *testing.T) {
	s, dir := open(t)
	write(t, s, batch("b1", destinations.Add, nil, "anna", "bob"))
	write(t, s, batch("b2", destinations.Remove, nil, "bob"))
	read := func() map[string]string {
		out := map[string]string{}
		names, _ := parts(dir)
		for _, n := range names {
			b, _ := os.ReadFile(filepath.Join(dir, n))
			out[n] = string(b)
		}
		return out
	}
	before := read()
	write(t, s, batch("b1", destinations.Add, nil, "anna", "bob"))
	if d := cmp.Diff(before, read()); d != "" {
		t.Error(d)
	}
	var held []string
	if err := s.Members(t.Context(), "rows", "vip", destinations.Columns{IDs: []string{"email"}}, func(ids []any) bool {
		held = append(held, ids[0].(string))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"anna@example.com"}, held); d != "" {
		t.Error(d)
	}
}

// full is a disk that takes some bytes and then no more.
type full struct {
	handle
	left int
}

func (f *full) Write(p []byte) (int, error) {
	n := min(f.left, len(p))
	_, _ = f.handle.Write(p[:n])
	f.left -= n
	if n < len(p) {
		return n, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	}
	return n, nil
}

type unsynced struct{ handle }

func (unsynced) Sync() error { return &os.PathError{Op: "sync", Path: "x", Err: syscall.EIO} }

func TestNeverHalfAFile(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(handle) handle
		class destinations.Class
		code  string
	}{
		{"disk full", func(h handle) handle { return &full{h, 20} }, destinations.Config, "disk_full"},
		{"sync fails", func(h handle) handle { return unsynced{h} }, destinations.Transient, "io"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, dir := open(t)
			write(t, s, batch("b1", destinations.Add, nil, "anna"))
			s.create = func(name string) (handle, error) {
				h, err := createFile(name)
				return c.spoil(h), err
			}
			_, err := s.Write(t.Context(), batch("b2", destinations.Add, nil, "bob"))
			f := destinations.AsFault(err)
			if err == nil || f.Class != c.class || f.Code != c.code {
				t.Errorf("got %v, want %v (%s)", err, c.class, c.code)
			}
			entries, _ := os.ReadDir(dir)
			if len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "000001-") {
				t.Errorf("left behind: %v", entries)
			}
			s.create = createFile
			write(t, s, batch("b2", destinations.Add, nil, "bob"))
		})
	}
}

func TestWhereFilesGo(t *testing.T) {
	for path, sound := range map[string]bool{"out": true, "a/b": true, t.TempDir(): true, "../out": false, "a/../../b": false} {
		_, err := files{}.Open(t.Context(), destinations.Env{Dir: t.TempDir(), Settings: map[string]any{"path": path}})
		if (err == nil) != sound {
			t.Errorf("path %q: %v", path, err)
		}
	}
	seen := map[string]string{}
	for _, name := range []string{"vip", "VIP", "VIP lapsed", "vip-lapsed", "../../etc/passwd", "..", "été", "CON:1", strings.Repeat("x", 300)} {
		f := folder(name)
		if f != "" && (!filepath.IsLocal(f) || strings.ContainsAny(f, `/\: `) || strings.HasPrefix(f, ".") || len(f) > 100) {
			t.Errorf("folder(%q) = %q", name, f)
		}
		if was, ok := seen[f]; ok && f != "" {
			t.Errorf("%q and %q share the folder %q", was, name, f)
		}
		seen[f] = name
	}
	if folder("..") != "" || folder("vip") != "vip" {
		t.Errorf("folder: %q, %q", folder(".."), folder("vip"))
	}
}

func TestFaults(t *testing.T) {
	s, dir := open(t)
	b := batch("b1", destinations.Add, nil, "anna")
	b.Columns.Fields[0] = "email"
	if _, err := s.Write(t.Context(), b); destinations.AsFault(err).Code != "doubled_column" {
		t.Errorf("a doubled column: %v", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), batch("b1", destinations.Add, nil, "anna")); destinations.AsFault(err).Class != destinations.Gone {
		t.Errorf("without its folder: %v", err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ensure(t.Context(), "rows", "vip", nil); destinations.AsFault(err).Class != destinations.Config {
		t.Errorf("a file in the way: %v", err)
	}
	var pe *os.PathError
	if errors.As(s.Check(t.Context()), &pe) {
		t.Errorf("Check: %v", pe)
	}
}
