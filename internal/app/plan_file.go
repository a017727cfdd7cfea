package app

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/syncs"
)

// PlanFile is a saved plan: what its syncs send, and what must not have moved when it is sent. It
// names no person and holds no value of one; the rows are in the warehouse, under Table.
type PlanFile struct {
	Format  int         `json:"weir_plan"` // version of the form of this file
	Plan    string      `json:"plan"`
	Project string      `json:"project"`
	Target  string      `json:"target"`
	AsOf    time.Time   `json:"as_of"`
	Made    time.Time   `json:"made"` // by the warehouse's clock, as all times here
	Expires time.Time   `json:"expires"`
	By      string      `json:"by"`
	Hash    string      `json:"project_hash"`
	Parts   []PlanPart  `json:"parts"` // what the hash is of
	Syncs   []SavedSync `json:"syncs"`
	Sum     string      `json:"sum"` // of the rest of the file
}

// PlanPart is a thing of the project as it was when a plan was made.
type PlanPart struct {
	Name string `json:"name"` // as "segment vip"
	Hash string `json:"hash"`
}

// SavedSync is what a saved plan sends for one sync.
type SavedSync struct {
	Sync        string       `json:"sync"`
	Run         string       `json:"run"` // that will send it
	Table       string       `json:"table"`
	Rows        int64        `json:"rows"`
	Hash        string       `json:"hash"`
	Ledger      string       `json:"ledger_version"`
	Destination string       `json:"destination"` // account, object and list
	Columns     []string     `json:"columns,omitempty"`
	Counts      syncs.Counts `json:"counts"`
	Holds       []syncs.Hold `json:"holds"`
}

// planFormat is the version of PlanFile that this program writes and reads.
const planFormat = 1

// newPlanID names a saved plan.
func newPlanID() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return "plan_" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// sum is the hash over all of the file but itself.
func (f *PlanFile) sum() string {
	c := *f
	c.Sum = ""
	b, err := json.Marshal(c)
	if err != nil {
		panic("app: summing up a plan: " + err.Error()) // every type in it can be encoded
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:16])
}

// ReadPlan reads a file that PlanOptions.Out wrote. Every error is an *Error of kind Refused.
func ReadPlan(path string) (*PlanFile, error) {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{Kind: Refused, Code: "plans.no_file", Message: "there is no file " + path, Fix: "make one: weir plan --out " + path, Err: err}
	case err != nil:
		return nil, &Error{Kind: Refused, Code: "plans.no_file", Message: "reading the plan: " + err.Error(), Fix: "give this user the right to read it", Err: err}
	}
	var head struct {
		Format *int `json:"weir_plan"`
	}
	broken := &Error{Kind: Refused, Code: "plans.damaged", Message: path + " is not a plan as weir writes it", Fix: "make a new one: weir plan --out " + path}
	if json.Unmarshal(b, &head) != nil || head.Format == nil {
		return nil, broken
	}
	if *head.Format != planFormat {
		return nil, &Error{Kind: Refused, Code: "plans.newer", Message: fmt.Sprintf("%s was written by another version of weir (form %d; this one reads form %d)", path, *head.Format, planFormat),
			Fix: "use the weir that wrote it, or make a new plan"}
	}
	f := &PlanFile{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, broken
	}
	if f.Sum != f.sum() {
		broken.Message = path + " was changed or damaged since it was written"
		return nil, broken
	}
	return f, nil
}

// planWriter holds a place for a plan's file, so that a folder that cannot be written to is known
// before anything is computed.
type planWriter struct {
	path string
	tmp  *os.File
}

func newPlanWriter(path string) (*planWriter, error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".weir-plan-*")
	if err != nil {
		return nil, &Error{Kind: Refused, Code: "plans.cannot_write", Message: "the plan cannot be written: " + err.Error(), Fix: "name a file in a folder that this user may write to", Err: err}
	}
	return &planWriter{path, tmp}, nil
}

// drop takes the place back. After write it does nothing.
func (w *planWriter) drop() {
	if w.tmp != nil {
		_ = w.tmp.Close()
		_ = os.Remove(w.tmp.Name())
		w.tmp = nil
	}
}

func (w *planWriter) write(f *PlanFile) error {
	f.Sum = f.sum()
	b, err := json.MarshalIndent(f, "", "  ")
	if err == nil {
		_, err = w.tmp.Write(append(b, '\n'))
	}
	if err == nil {
		err = errors.Join(w.tmp.Chmod(0o644), w.tmp.Close(), os.Rename(w.tmp.Name(), w.path))
	}
	if err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	w.tmp = nil
	return nil
}

// partsOf are the parts of the project as a plan remembers them.
func partsOf(p *project.Project) []PlanPart {
	out := []PlanPart{}
	for _, x := range p.Parts() {
		out = append(out, PlanPart{x.Name, x.Hash})
	}
	return out
}

// changed says in words which parts of the project are not as they were when the plan was made.
func (f *PlanFile) changed(p *project.Project) []string {
	if f.Hash == p.Hash {
		return nil
	}
	was := map[string]string{}
	for _, x := range f.Parts {
		was[x.Name] = x.Hash
	}
	var out []string
	say := func(name, what, file string) {
		if file != "" {
			what += " (" + file + ")"
		}
		out = append(out, name+" "+what)
	}
	for _, x := range p.Parts() {
		hash, there := was[x.Name]
		delete(was, x.Name)
		switch {
		case !there:
			say(x.Name, "is new", x.File)
		case hash != x.Hash:
			say(x.Name, "changed", x.File)
		}
	}
	for _, x := range f.Parts {
		if _, gone := was[x.Name]; gone {
			say(x.Name, "is gone", "")
		}
	}
	if len(out) == 0 {
		out = []string{"the project changed"}
	}
	return out
}
