package http

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/sandbox"
)

// The credentials of every sandbox.
const (
	sandboxToken  = "sandbox-bearer-token-http"
	sandboxSecret = "sandbox-signing-secret-http"
)

// Sandbox returns a local endpoint that takes any request with the right token and signature.
// Of bodies in the default form it keeps, by path, who is there after adds and removals; of
// other JSON it keeps each distinct row. A repeated Idempotency-Key changes nothing.
func (webhook) Sandbox(o destinations.SandboxOptions) destinations.Sandbox {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return sandbox.New(o, &vendor{now: now, state: state{Held: map[string]map[string]bool{}, Keys: map[string]bool{}}})
}

type vendor struct {
	now   func() time.Time
	state state
}

type state struct {
	Held map[string]map[string]bool `json:"held"` // path to rows
	Keys map[string]bool            `json:"keys"` // idempotency keys seen
}

func (v *vendor) Settings(base string) map[string]any {
	return map[string]any{"url": base, "bearer_token": sandboxToken, "signing_secret": sandboxSecret,
		"check_path": "/", "allow_private": true}
}

func (v *vendor) State() any { return &v.state }

func (v *vendor) Members() map[string][]string {
	out := map[string][]string{}
	for path, held := range v.state.Held {
		out[path] = slices.Sorted(maps.Keys(held))
	}
	return out
}

func (v *vendor) Rates(*http.Request) []destinations.Rate { return nil }

func (v *vendor) Refuse(w http.ResponseWriter, _ *http.Request, status int, wait time.Duration) {
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	sandbox.WriteJSON(w, status, "application/json", map[string]any{"error": http.StatusText(status)})
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fail := func(status int, why string) {
		sandbox.WriteJSON(w, status, "application/json", map[string]any{"error": why})
	}
	if r.Header.Get("Authorization") != "Bearer "+sandboxToken {
		fail(http.StatusUnauthorized, "the token is wrong")
		return
	}
	if r.Method == http.MethodGet {
		sandbox.WriteJSON(w, http.StatusOK, "application/json", map[string]any{"ok": true})
		return
	}
	body, _ := io.ReadAll(r.Body) // in memory
	if why := v.signed(r.Header.Get("X-Signature"), body); why != "" {
		fail(http.StatusForbidden, why)
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		fail(http.StatusBadRequest, "Idempotency-Key is missing")
		return
	}
	if !v.state.Keys[key] {
		if err := v.apply(r, body); err != nil {
			fail(http.StatusBadRequest, "the body can not be read")
			return
		}
		v.state.Keys[key] = true
	}
	sandbox.WriteJSON(w, http.StatusOK, "application/json", map[string]any{"ok": true})
}

// signed says what is wrong with a signature; receivers in production do the same.
func (v *vendor) signed(header string, body []byte) string {
	stamp, _, _ := strings.Cut(strings.TrimPrefix(header, "t="), ",")
	sec, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return "X-Signature is missing"
	}
	at := time.Unix(sec, 0)
	if d := v.now().Sub(at); d > 5*time.Minute || d < -5*time.Minute {
		return "X-Signature is not recent"
	}
	if !hmac.Equal([]byte(header), []byte(Sign(sandboxSecret, at, body))) {
		return "X-Signature is wrong"
	}
	return ""
}

func (v *vendor) apply(r *http.Request, body []byte) error {
	held := v.state.Held[r.URL.Path]
	if held == nil {
		held = map[string]bool{}
		v.state.Held[r.URL.Path] = held
	}
	if !strings.HasSuffix(r.Header.Get("Content-Type"), "json") {
		held[string(body)] = true
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for {
		var doc any
		if err := d.Decode(&doc); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading the body: %w", err)
		}
		m, _ := doc.(map[string]any)
		rows, ok := m["rows"].([]any)
		if !ok {
			rows = []any{doc}
		}
		leaves := m["op"] == "remove" || m["op"] == "delete"
		for _, row := range rows {
			name := row
			if rm, ok := row.(map[string]any); ok && rm["ids"] != nil {
				name = rm["ids"]
			}
			b, err := json.Marshal(name) // keys in order
			if err != nil {
				return fmt.Errorf("naming a row: %w", err)
			}
			if leaves {
				delete(held, string(b))
			} else {
				held[string(b)] = true
			}
		}
	}
}
