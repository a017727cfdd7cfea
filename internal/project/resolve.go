package project

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Secret is a resolved value. However it is printed or encoded it says "redacted"; only Reveal
// gives the value.
type Secret struct{ text string }

const redacted = "redacted"

// Reveal returns the value, for the one call that needs it.
func (s Secret) Reveal() string { return s.text }

// String returns "redacted".
func (Secret) String() string { return redacted }

// GoString returns "redacted".
func (Secret) GoString() string { return redacted }

// Format prints "redacted" for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText gives "redacted", also for JSON and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue logs "redacted".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// ReferenceError says that a reference leads to nothing. It holds no value.
type ReferenceError struct {
	Ref  string // ${env:NAME}, without its default
	What string
	Fix  string
}

// Error names the reference.
func (e *ReferenceError) Error() string { return e.Ref + ": " + e.What }

// referenceRE finds ${env:NAME}, ${env:NAME:-default} and ${file:path}.
var referenceRE = regexp.MustCompile(`\$\{([^}]*)\}`)

var envRE = regexp.MustCompile(`^env:([A-Za-z_][A-Za-z0-9_]*)(:-(.*))?$`)

// maxSecretFile bounds the file of a ${file:…} reference: it holds a key, not data.
const maxSecretFile = 1 << 20

// Resolve replaces the references in a text by what they lead to. A file is read relative to the
// project folder and may lie outside of it only if its path is absolute; a line end at the end of
// it is not part of the value. An unset variable without a default is a *ReferenceError; one
// that is set and empty is empty.
func (p *Project) Resolve(text string) (Secret, error) {
	var out strings.Builder
	last := 0
	for _, m := range referenceRE.FindAllStringSubmatchIndex(text, -1) {
		out.WriteString(text[last:m[0]])
		v, err := p.resolve(text[m[2]:m[3]])
		if err != nil {
			return Secret{}, err
		}
		out.WriteString(v)
		last = m[1]
	}
	out.WriteString(text[last:])
	return Secret{out.String()}, nil
}

func (p *Project) resolve(ref string) (string, error) {
	if name, ok := strings.CutPrefix(ref, "file:"); ok {
		return p.resolveFile(name)
	}
	m := envRE.FindStringSubmatch(ref)
	if m == nil {
		what, fix := referenceProblem("${" + ref + "}")
		return "", &ReferenceError{Ref: "a reference", What: what, Fix: fix}
	}
	if v, ok := os.LookupEnv(m[1]); ok && (v != "" || m[2] == "") {
		return v, nil
	}
	if m[2] == "" {
		return "", &ReferenceError{Ref: "${env:" + m[1] + "}", What: "the environment variable " + m[1] + " is not set",
			Fix: "set " + m[1]}
	}
	return m[3], nil
}

func (p *Project) resolveFile(name string) (string, error) {
	fail := func(what string) error {
		return &ReferenceError{Ref: "${file:" + name + "}", What: what, Fix: "put the value into that file, readable by you alone"}
	}
	var f *os.File
	var err error
	if filepath.IsAbs(name) {
		f, err = os.Open(name)
	} else {
		var root *os.Root
		if root, err = os.OpenRoot(p.Dir); err == nil {
			defer root.Close()
			f, err = root.Open(filepath.FromSlash(name))
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fail("there is no such file")
	case err != nil:
		return "", fail("the file can not be read: " + reason(err).Error())
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return "", fail("the file can not be read")
	case !st.Mode().IsRegular():
		return "", fail("this is not a file")
	case st.Size() > maxSecretFile:
		return "", fail("the file has more than a megabyte: that is no secret")
	}
	b := make([]byte, st.Size())
	n, err := f.ReadAt(b, 0)
	if err != nil && n < len(b) {
		return "", fail("the file can not be read")
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b[:n]), "\n"), "\r"), nil
}

// referenceProblem says what is wrong with the references in a text, or "".
func referenceProblem(text string) (what, fix string) {
	const forms = "write ${env:NAME}, ${env:NAME:-default} or ${file:path}"
	rest := referenceRE.ReplaceAllString(text, "")
	if strings.Contains(rest, "${") {
		return "a reference is not closed", forms
	}
	for _, m := range referenceRE.FindAllStringSubmatch(text, -1) {
		name, isFile := strings.CutPrefix(m[1], "file:")
		switch {
		case isFile && name == "":
			return "a reference names no file", forms
		case isFile && !filepath.IsAbs(name) && !filepath.IsLocal(filepath.FromSlash(name)):
			return "a reference leaves the project", "write a path inside the project, or an absolute one"
		case !isFile && !envRE.MatchString(m[1]):
			return "this is not a reference that weir knows", forms
		}
	}
	return "", ""
}

// wholeReference reports whether a text is one reference and nothing else.
func wholeReference(text string) bool {
	m := referenceRE.FindStringIndex(text)
	return m != nil && m[0] == 0 && m[1] == len(text)
}

// safeReference reports whether a text gives no secret away: it has a reference, and none has a
// default with something in it.
func safeReference(text string) bool {
	ms := referenceRE.FindAllStringSubmatch(text, -1)
	for _, m := range ms {
		if _, def, ok := strings.Cut(m[1], ":-"); ok && def != "" {
			return false
		}
	}
	return len(ms) > 0
}
