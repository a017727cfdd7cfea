package destinations

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
)

var registry = struct {
	sync.RWMutex
	m map[string]Destination
}{m: map[string]Destination{}}

// Register makes a destination known under Spec().Type. It is for init functions only and
// panics on an unsound spec or a name that is taken.
func Register(d Destination) {
	s := d.Spec()
	if err := s.Validate(); err != nil {
		panic(fmt.Sprintf("destinations: registering %q: %v", s.Type, err))
	}
	registry.Lock()
	defer registry.Unlock()
	if _, taken := registry.m[s.Type]; taken {
		panic(fmt.Sprintf("destinations: %q is registered twice", s.Type))
	}
	registry.m[s.Type] = d
}

// Lookup returns the destination of a type.
func Lookup(typ string) (Destination, bool) {
	registry.RLock()
	defer registry.RUnlock()
	d, ok := registry.m[typ]
	return d, ok
}

// Types returns the registered types, sorted.
func Types() []string {
	registry.RLock()
	defer registry.RUnlock()
	return slices.Sorted(maps.Keys(registry.m))
}

var nameRE = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Validate reports the first thing that makes the spec unsound.
func (s Spec) Validate() error {
	if !nameRE.MatchString(s.Type) {
		return fmt.Errorf("type %q is not snake_case", s.Type)
	}
	if !slices.Contains(Kinds(), s.Kind) {
		return fmt.Errorf("kind %q is unknown", s.Kind)
	}
	if s.Title == "" || len(s.Objects) == 0 {
		return fmt.Errorf("title and objects are required")
	}
	if err := checkSettings(s.Settings); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, o := range s.Objects {
		if !nameRE.MatchString(o.Name) || seen[o.Name] {
			return fmt.Errorf("object %q: name is doubled or not snake_case", o.Name)
		}
		seen[o.Name] = true
		if err := o.validate(); err != nil {
			return fmt.Errorf("object %q: %w", o.Name, err)
		}
	}
	return nil
}

func (o Object) validate() error {
	if len(o.Ops) == 0 || o.Granularity == "" {
		return fmt.Errorf("ops and granularity are required")
	}
	if o.Limits.Rows <= 0 {
		return fmt.Errorf("limits.rows is required")
	}
	if o.Supports(Emit) && o.Idempotent {
		return fmt.Errorf("an object that emits cannot be idempotent")
	}
	names := map[string]bool{}
	for _, id := range o.Identifiers {
		if names[id.Name] || id.Name == "" {
			return fmt.Errorf("identifier %q: name is empty or doubled", id.Name)
		}
		names[id.Name] = true
		if !knownNormaliser(id.Normalise) {
			return fmt.Errorf("identifier %q: unknown normaliser %q", id.Name, id.Normalise)
		}
		if !knownHash(id.Hash) {
			return fmt.Errorf("identifier %q: unknown hash %q", id.Name, id.Hash)
		}
	}
	for _, r := range o.Limits.Rates {
		if r.N <= 0 || r.Per <= 0 || r.Bucket == "" {
			return fmt.Errorf("rate %+v: n, per and bucket are required", r)
		}
	}
	return checkSettings(o.With)
}

func checkSettings(ss []Setting) error {
	seen := map[string]bool{}
	for _, st := range ss {
		switch {
		case !nameRE.MatchString(st.Name) || seen[st.Name]:
			return fmt.Errorf("setting %q: name is doubled or not snake_case", st.Name)
		case st.Doc == "":
			return fmt.Errorf("setting %q: doc is required", st.Name)
		case st.Secret && st.Default != nil:
			return fmt.Errorf("setting %q: a secret has no default", st.Name)
		}
		if _, err := regexp.Compile(st.Pattern); err != nil {
			return fmt.Errorf("setting %q: %w", st.Name, err)
		}
		seen[st.Name] = true
	}
	return nil
}
