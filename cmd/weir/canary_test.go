package main_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a run, and the commands that tell of it, print and keep beside the warehouse shows nothing of
// anybody: not of the rows, not of what the vendor says back of them, and no credential.
func TestF57NothingOfAnybodyIsTold(t *testing.T) {
	t.Setenv("CRM_TOKEN", canaries[4])
	srv := newCRM(t)
	flown := 0
	echo := func(status int) failure {
		return func(_ int, w http.ResponseWriter, r *http.Request) bool {
			flown += strings.Count(r.Header.Get("Authorization"), canaries[4])
			http.Error(w, fmt.Sprintf(`{"error": "canary.person7@example.com, Canarina Person, +33 6 39 98 00 11 and %s are not welcome"}`, r.Header.Get("Authorization")), status)
			return true
		}
	}
	dir := t.TempDir()
	small(t, dir, srv.URL, "1s")
	edit(t, filepath.Join(dir, "weir.yml"), "answer: json", `answer: json, bearer_token: "${env:CRM_TOKEN}"`)
	execute(t, filepath.Join(dir, "small.duckdb"), "delete from contacts where substr(id, 2)::int >= 20",
		"update contacts set email = 'canary.person' || substr(id, 2) || '@example.com', first_name = 'Canarina'")
	told := map[string]string{}
	tell := func(args ...string) {
		c := command(t.Context(), append(args, "--project", dir)...)
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		_ = c.Run() // how it ends is what other tests are about
		if out.Len() == 0 {
			t.Errorf("weir %s says nothing", strings.Join(args, " "))
		}
		told[fmt.Sprint(len(told), ": weir ", strings.Join(args, " "))] = out.String()
	}
	tell("plan")
	tell("plan", "--json")
	for _, status := range []int{400, 401, 403, 404, 422, 429, 500, 503} {
		srv.fail = echo(status)
		tell("run", "--json", "--events")
		tell("status")
	}
	srv.fail = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<p>canary.person7@example.com</p>")
		return true
	}
	tell("run")
	tell("runs", "--json")
	tell("runs", "rejects")
	tell("status", "--json")
	if flown == 0 {
		t.Error("the token never flew")
	}
	store := 0
	err := filepath.WalkDir(filepath.Join(dir, ".weir"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		store += len(b)
		told[path] = string(b)
		return err
	})
	if err != nil || store == 0 {
		t.Errorf("the store has %d bytes: %v", store, err)
	}
	for what, text := range told {
		for _, c := range canaries {
			if i := strings.Index(text, c); i >= 0 {
				t.Errorf("%s holds %q: …%q…", what, c, text[max(0, i-150):min(len(text), i+80)])
			}
		}
	}
}
