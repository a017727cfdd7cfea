//go:build cgo && !noduckdb && unix

package examples_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the commands print into the READMEs")

// block is a fenced block of a README.
type block struct {
	lang string // sh, text, sql, yaml, …
	body string
	line int    // of its first line, from 1
	skip string // why its commands are not run; "" if they are
	from int    // index of its first line in the lines of the file
}

// notRun is the comment above a block of commands that cannot be run here.
var notRun = regexp.MustCompile(`^<!-- not run by the tests: (.+) -->$`)

// blocks are the fenced blocks of a README, in order.
func blocks(lines []string) []block {
	var out []block
	var b *block
	above := ""
	for i, line := range lines {
		fence := strings.HasPrefix(line, "```")
		switch {
		case fence && b == nil:
			b = &block{lang: strings.TrimPrefix(line, "```"), line: i + 2, from: i + 1}
			if m := notRun.FindStringSubmatch(above); m != nil {
				b.skip = m[1]
			}
		case fence:
			out = append(out, *b)
			b = nil
		case b != nil:
			b.body += line + "\n"
		}
		if strings.TrimSpace(line) != "" {
			above = line
		}
	}
	return out
}

// readme runs the commands of a README in a copy of its folder, as somebody does who follows it from
// top to bottom in one shell, and compares what they print with the block of text below them. env
// stands in place of what the README has its reader set. prepare changes the copy first; nil leaves it.
func readme(t *testing.T, example string, env []string, prepare func(t *testing.T, dir string)) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), example)
	if err := os.CopyFS(dir, os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{".weir", "exports"} { // of somebody who tried it in place
		if err := os.RemoveAll(filepath.Join(dir, p)); err != nil {
			t.Fatal(err)
		}
	}
	if prepare != nil {
		prepare(t, dir)
	}
	text, err := os.ReadFile(filepath.Join(example, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	all := blocks(lines)
	sh := newShell(t, dir, env)
	ran, edits := 0, map[int]string{}
	for i, b := range all {
		if b.lang != "sh" {
			continue
		}
		if b.skip != "" {
			fmt.Printf("examples/%s/README.md:%d: not run: %s\n", example, b.line, b.skip)
			continue
		}
		out, said, err := sh.run(b.body)
		if err != nil {
			t.Fatalf("examples/%s/README.md:%d: %v\n%s%s%s", example, b.line, err, b.body, out, said)
		}
		t.Logf("+ %s%s", strings.ReplaceAll(b.body, "\n", "\n  "), out)
		ran++
		if i+1 == len(all) || all[i+1].lang != "text" {
			if out != "" {
				t.Errorf("examples/%s/README.md:%d: no block of text shows what this prints:\n%s", example, b.line, out)
			}
			continue
		}
		want := all[i+1]
		if *update {
			edits[want.from] = out
		} else if steady(out) != steady(want.body) {
			t.Errorf("examples/%s/README.md:%d: this is not what is printed now (go test ./examples -update writes it):\n%s\nis\n%s", example, want.line, steady(want.body), steady(out))
		}
	}
	if ran < 6 {
		t.Errorf("only %d blocks of commands of examples/%s/README.md ran", ran, example)
	}
	if *update && !t.Failed() {
		write(t, filepath.Join(example, "README.md"), lines, all, edits)
	}
}

// write puts new bodies into the blocks that begin at the given lines.
func write(t *testing.T, path string, lines []string, all []block, edits map[int]string) {
	t.Helper()
	for _, b := range slices.Backward(all) {
		if body, ok := edits[b.from]; ok && steady(body) != steady(b.body) {
			n := strings.Count(b.body, "\n")
			lines = slices.Replace(lines, b.from, b.from+n, strings.Split(strings.TrimSuffix(body, "\n"), "\n")...)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// steady is printed text without what differs from one run to the next: times, durations, ids and
// the blanks that line columns up.
func steady(s string) string {
	for _, c := range changing {
		s = c.what.ReplaceAllString(s, c.by)
	}
	return strings.TrimSpace(s)
}

var changing = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`\b\d{8}_\d{6}_[a-z0-9]{6}\b`), "RUN"},
	{regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?`), "TIME"},
	{regexp.MustCompile(`-?\b\d+(\.\d+)? ?(µs|ms|s|min|m)\b( ago)?`), "DURATION"},
	{regexp.MustCompile(`\b(DURATION|just now|now)\b( ago)?`), "DURATION"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\b[a-z]{3}_\d{8}\b`), "PROFILE"},
	{regexp.MustCompile(`\b(?:[0-9a-f]{16}){1,2}\b`), "ID"},
	{regexp.MustCompile(`\b\d+(\.\d+)? [KMG]?B\b`), "SIZE"},
	{regexp.MustCompile(`[ \t]+`), " "},
	{regexp.MustCompile(` \n`), "\n"},
}

// shell runs pieces of one session: variables and the folder last from one to the next.
type shell struct {
	t     *testing.T
	dir   string // what the session leaves for its next piece
	start string
	env   []string
	plain *strings.Replacer // what is of this machine, as a README has it
}

func newShell(t *testing.T, dir string, env []string) *shell {
	t.Helper()
	plain := []string{dir + "/", "", dir, "."}
	for _, e := range env {
		if host, ok := strings.CutPrefix(e, "PGHOST="); ok {
			plain = append(plain, host, "localhost")
		}
	}
	return &shell{t: t, dir: t.TempDir(), start: dir, plain: strings.NewReplacer(plain...), env: append([]string{
		"PATH=" + tools(t) + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8", "TZ=UTC", "NO_COLOR=1", "CI=true",
	}, env...)}
}

// run runs commands, each of which must end well.
func (s *shell) run(commands string) (out, said string, err error) {
	before, after := filepath.Join(s.dir, "before"), filepath.Join(s.dir, "after")
	script := "set -euo pipefail\n[ ! -f " + before + " ] || . " + before + "\n" + commands + "\n{ export -p; printf 'cd %q\\n' \"$PWD\"; } >" + after + "\n"
	c := exec.CommandContext(s.t.Context(), "bash", "-c", script)
	c.Dir, c.Env = s.start, s.env
	var stdout, stderr strings.Builder
	c.Stdout, c.Stderr = &stdout, &stderr
	err = c.Run()
	if err == nil {
		err = os.Rename(after, before)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("the commands ended with %d", exit.ExitCode())
	}
	return s.plain.Replace(stdout.String()), stderr.String(), err
}

// TestBlocks holds that a comment above a block of commands is read, and that text that differs is seen.
func TestBlocks(t *testing.T) {
	got := blocks(strings.Split("a\n```sh\nls\n```\n\n```text\nb\n```\n\n<!-- not run by the tests: it needs an account -->\n```sh\nrm\n```", "\n"))
	if len(got) != 3 || got[0].body != "ls\n" || got[0].skip != "" || got[1].lang != "text" || got[1].line != 7 || got[2].skip != "it needs an account" {
		t.Errorf("%+v", got)
	}
	if a, b := "✔ x  3 delivered  2.5 s  2026-01-02 03:04", "✔ x 3 delivered 0.1 s 2027-01-02 05:04\n"; steady(a) != steady(b) {
		t.Errorf("%q is not %q", steady(a), steady(b))
	}
	if a, b := "3 delivered in 2 s", "4 delivered in 2 s"; steady(a) == steady(b) {
		t.Errorf("%q is %q", a, b)
	}
}
