package app

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/syncs"
)

// coded is an error that knows its own code and what to do.
type coded interface {
	error
	Code() string
	Fix() string
}

// worldly says what an error from below means for people: the world is not there, somebody else
// is at work, the models do not fit. What it does not know stays as it is.
func (a *App) worldly(err error) error {
	var known *Error
	var locked *warehouse.LockedError
	var away *warehouse.UnreachableError
	var missing *warehouse.MissingError
	var denied *warehouse.DeniedError
	var storeLocked *store.LockedError
	var newer *store.NewerError
	var storeAway *store.UnreachableError
	var busy *build.BusyError
	var held *build.HeldError
	var problems *build.ProblemsError
	var holder *syncs.HeldError
	var stale *syncs.StaleError
	var own coded
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.As(err, &locked):
		return &Error{Kind: Unavailable, Code: "warehouse.locked", Message: locked.Error(), Fix: "end that process, or wait for it", Err: err}
	case errors.As(err, &storeLocked):
		return &Error{Kind: Unavailable, Code: "store.locked", Message: storeLocked.Error(), Fix: "end that process, or wait for it", Err: err}
	case errors.As(err, &storeAway):
		return &Error{Kind: Unavailable, Code: "store.unreachable", Message: firstLine(storeAway), Fix: "check that the store of the target leads to it, that it runs, and that this user may use it", Err: err}
	case errors.As(err, &newer):
		return &Error{Kind: Unavailable, Code: "store.newer", Message: newer.Error(), Fix: "use the newer weir that wrote it", Err: err}
	case errors.Is(err, warehouse.ErrNoSpace), errors.Is(err, store.ErrNoSpace), errors.Is(err, syscall.ENOSPC):
		return &Error{Kind: Unavailable, Code: "disk.full", Message: "the disk is full: " + firstLine(err), Fix: "make room and run the same command again; nothing was lost", Err: err}
	case errors.As(err, &away):
		return &Error{Kind: Unavailable, Code: "warehouse.unreachable", Message: firstLine(away), Fix: "check that the target's settings lead to it, that it runs if it is a server, and that this user may use it", Err: err}
	case errors.As(err, &busy):
		return &Error{Kind: Unavailable, Code: "build.busy", Message: "building " + busy.Entity + ": " + busy.Error(), Fix: "wait for it", Err: err}
	case errors.As(err, &held):
		return &Error{Kind: Refused, Code: held.Code, Message: "the build is held: " + held.What, Fix: a.heldFix(held), Err: err}
	case errors.As(err, &problems):
		return &Error{Kind: Refused, Code: mismatched, Message: "the models do not fit the warehouse", Findings: a.p.Findings(problems.Problems), Err: err}
	case errors.As(err, &holder):
		return &Error{Kind: Unavailable, Code: "syncs.busy", Message: holder.Error(), Fix: "wait for it", Err: err}
	case errors.As(err, &stale):
		return &Error{Kind: Refused, Code: "syncs.stale_plan", Message: stale.Error(), Fix: "make a new plan", Err: err}
	case errors.As(err, &missing):
		fix := "see what there is: weir columns"
		if len(missing.Nearest) > 0 {
			fix = "did you mean " + strings.Join(missing.Nearest, " or ") + "?"
		}
		return &Error{Kind: Refused, Code: "warehouse.missing_" + missing.What, Message: missing.Error(), Fix: fix, Err: err}
	case errors.As(err, &denied):
		fix := "have somebody with that right give it to weir's user; what weir needs: weir doctor"
		if denied.Grant != "" {
			fix = "have somebody run: " + denied.Grant
		}
		return &Error{Kind: Refused, Code: "warehouse.denied", Message: denied.Error(), Fix: fix, Err: err}
	case errors.As(err, &own):
		return &Error{Kind: Refused, Code: own.Code(), Message: own.Error(), Fix: own.Fix(), Err: err}
	case errors.Is(err, fs.ErrPermission):
		return &Error{Kind: Unavailable, Code: "file.permission", Message: firstLine(err), Fix: "give this user the right to read and write it", Err: err}
	}
	return err
}

// heldFix says what to look at and how to go on where a guard holds a build. A target that sends
// nothing has no runs.
func (a *App) heldFix(h *build.HeldError) string {
	look := map[string]string{
		build.CodeProfileSize: "see what holds it together: weir identity plan --select %s --values; then ignore that value, or give its type max_links or a limit",
		build.CodeMerged:      "see what joins them: weir identity plan --select %s --values; look for a value that many rows now share",
	}[h.Code]
	if look == "" {
		look = h.Fix
	} else {
		look = fmt.Sprintf(look, h.Entity)
	}
	command := "run"
	if a.sends() != nil {
		command = "build"
	}
	return look + "; or let it through once: weir " + command + " --approve " + h.Code
}

// refused is an error about what the project says.
func (a *App) refused(code string, err error) error {
	e := &Error{Kind: Refused, Code: code, Message: err.Error(), Err: err}
	var ref *project.ReferenceError
	if errors.As(err, &ref) {
		e.Fix = ref.Fix
	}
	return e
}

// firstLine is an error's text up to its first line end: drivers add pages.
func firstLine(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}

// ownKey reads the secret of a project without one of its own, and makes it if it is not there.
// Two processes that make it at once agree on one.
func ownKey(path string) ([]byte, error) {
	for range 2 {
		b, err := os.ReadFile(path)
		if err == nil {
			key, err := hex.DecodeString(strings.TrimSpace(string(b)))
			if err != nil || len(key) < 16 {
				return nil, &Error{Kind: Refused, Code: "project.secret_key", Message: path + " does not hold a key", Fix: "copy it from where it was made; a new one forgets everybody who was erased or suppressed"}
			}
			return key, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("reading the secret key: %w", err)
		}
		if err := makeKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("making the secret key: %w", err)
		}
	}
	return nil, fmt.Errorf("reading the secret key: %s comes and goes", path)
}

func makeKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s.%d.%d", path, os.Getpid(), time.Now().UnixNano())
	if err := os.WriteFile(tmp, []byte(hex.EncodeToString(key)+"\n"), 0o600); err != nil {
		return err
	}
	defer os.Remove(tmp)
	return os.Link(tmp, path) // fails if it is there, and is never seen half written
}
