package meta

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/sandbox"
)

// The credentials and the account of the sandbox.
const (
	sandboxToken   = "EAAsandbox00000000000000000000"
	sandboxSecret  = "00000000000000000000000000000000"
	sandboxAccount = "1234567890"
)

// Sandbox returns Meta's custom audiences in memory. It checks the token, the proof where one is
// given, the version and the shape of calls; counts malformed hashes as invalid entries without
// saying which; and throttles as documented, with status 400 and the wait in minutes inside a
// header.
//
// A member is a row: the whole of its identifiers, whatever their order. The same row twice is
// one member. A removal takes out the same row, or everybody who has all of the identifiers that
// it names. Two rows that share an address but differ in a phone number are two members. Nobody is matched to accounts, and changes show at
// once, where Meta takes up to a day.
func (Destination) Sandbox(o destinations.SandboxOptions) destinations.Sandbox {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	v := &vendor{now: now, mem: &memory{Audiences: map[string]*audience{}}}
	v.mux = http.NewServeMux()
	v.mux.HandleFunc("GET /{version}/{id}", v.getNode)
	v.mux.HandleFunc("GET /{version}/{id}/customaudiences", v.getAudiences)
	v.mux.HandleFunc("POST /{version}/{id}/customaudiences", v.postAudience)
	v.mux.HandleFunc("POST /{version}/{id}/users", v.users)
	v.mux.HandleFunc("DELETE /{version}/{id}/users", v.users)
	v.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusBadRequest, graphError{Message: "Unknown path components", Type: "OAuthException", Code: 2500})
	})
	return sandbox.New(o, v)
}

type vendor struct {
	now func() time.Time
	mux *http.ServeMux
	mem *memory
}

// memory is all that the sandbox knows.
type memory struct {
	Audiences map[string]*audience
	Next      int64
}

type audience struct {
	ID, Name, Source, Description string
	Made                          time.Time
	Members                       map[string]bool
}

// Settings points a destination at base.
func (v *vendor) Settings(base string) map[string]any {
	return map[string]any{"access_token": sandboxToken, "app_secret": sandboxSecret, "ad_account": sandboxAccount, "base_url": base}
}

// State is the whole memory.
func (v *vendor) State() any { return v.mem }

// Members lists each audience's rows: one identifier as it was sent, or several in order of their
// names with a comma between.
func (v *vendor) Members() map[string][]string {
	out := map[string][]string{}
	for _, a := range v.mem.Audiences {
		all := out[a.Name]
		if all == nil {
			all = []string{}
		}
		for m := range a.Members {
			var values []string
			for _, part := range strings.Split(m, "\n") {
				_, value, _ := strings.Cut(part, "=")
				values = append(values, value)
			}
			all = append(all, strings.Join(values, ","))
		}
		slices.Sort(all)
		out[a.Name] = all
	}
	return out
}

// Rates counts changes against the ad account.
func (v *vendor) Rates(r *http.Request) []destinations.Rate {
	if r.Method == http.MethodGet {
		return nil
	}
	return []destinations.Rate{{N: 100, Per: time.Second, Bucket: bucket}, {N: 5000, Per: time.Hour, Bucket: bucket}}
}

// Refuse answers in Meta's shape: no 429, no Retry-After. Short waits are the limit on bursts,
// which names no time.
func (v *vendor) Refuse(w http.ResponseWriter, _ *http.Request, status int, wait time.Duration) {
	switch {
	case status != http.StatusTooManyRequests:
		fail(w, status, graphError{Message: "An unknown error occurred", Type: "OAuthException", Code: 1})
	case wait < 30*time.Second:
		fail(w, http.StatusBadRequest, graphError{Message: "There have been too many calls from this ad-account. Please wait a bit and try again.",
			Type: "OAuthException", Code: 613, Subcode: 1487742})
	default:
		w.Header().Set("X-Business-Use-Case-Usage", fmt.Sprintf(
			`{"%s":[{"type":"custom_audience","call_count":100,"total_cputime":20,"total_time":20,"estimated_time_to_regain_access":%d,"ads_api_access_tier":"development_access"}]}`,
			sandboxAccount, int(math.Ceil(wait.Minutes()))))
		fail(w, http.StatusBadRequest, graphError{Message: "There have been too many calls to this ad-account. Wait a bit and try again.",
			Type: "OAuthException", Code: 80003, Subcode: 2446079})
	}
}

func fail(w http.ResponseWriter, status int, e graphError) {
	sandbox.WriteJSON(w, status, "application/json; charset=UTF-8", map[string]any{"error": struct {
		graphError
		Trace string `json:"fbtrace_id"`
	}{e, "SandboxTrace"}})
}

func answer(w http.ResponseWriter, data any) {
	sandbox.WriteJSON(w, http.StatusOK, "application/json; charset=UTF-8", data)
}

// ServeHTTP checks what every request needs and answers it.
func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body) // from memory
	r.Body = io.NopCloser(strings.NewReader(string(raw)))
	var body struct {
		Proof string `json:"appsecret_proof"`
	}
	if len(raw) > 0 && json.Unmarshal(raw, &body) != nil {
		fail(w, http.StatusBadRequest, invalid("Invalid JSON in the body"))
		return
	}
	proof := body.Proof
	if proof == "" {
		proof = r.URL.Query().Get("appsecret_proof")
	}
	m := hmac.New(sha256.New, []byte(sandboxSecret))
	m.Write([]byte(sandboxToken))
	ver, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); {
	case !ok || token == "":
		fail(w, http.StatusUnauthorized, graphError{Message: "An access token is required to request this resource.", Type: "OAuthException", Code: 104})
	case token != sandboxToken:
		w.Header().Set("WWW-Authenticate", `OAuth "Facebook Platform" "invalid_token" "Invalid OAuth access token."`)
		fail(w, http.StatusUnauthorized, graphError{Message: "Invalid OAuth access token - Cannot parse access token", Type: "OAuthException", Code: 190})
	case proof != "" && proof != hex.EncodeToString(m.Sum(nil)):
		fail(w, http.StatusBadRequest, graphError{Message: "Invalid appsecret_proof provided in the API argument", Type: "GraphMethodException", Code: 100})
	case !versionRE.MatchString(ver):
		fail(w, http.StatusBadRequest, graphError{Message: "Unknown path components: /" + ver, Type: "OAuthException", Code: 2500})
	default:
		v.mux.ServeHTTP(w, r)
	}
}

func invalid(message string) graphError {
	return graphError{Message: "(#100) " + message, Type: "OAuthException", Code: 100}
}

func nobody(id string) graphError {
	return graphError{Type: "GraphMethodException", Code: 100, Subcode: missing, Message: "Unsupported request. Object with ID '" + id +
		"' does not exist, cannot be loaded due to missing permissions, or does not support this operation."}
}

// account reports whether the path names the sandbox's ad account, and answers if not.
func account(w http.ResponseWriter, r *http.Request) bool {
	if r.PathValue("id") == "act_"+sandboxAccount {
		return true
	}
	fail(w, http.StatusBadRequest, nobody(r.PathValue("id")))
	return false
}

func (v *vendor) getNode(w http.ResponseWriter, r *http.Request) {
	if a := v.mem.Audiences[r.PathValue("id")]; a != nil {
		answer(w, a.node())
		return
	}
	if account(w, r) {
		answer(w, map[string]any{"id": "act_" + sandboxAccount, "account_status": 1})
	}
}

func (a *audience) node() map[string]any {
	size := -1 // small audiences are not told apart
	if len(a.Members) >= 1000 {
		size = len(a.Members) / 100 * 100
	}
	return map[string]any{"id": a.ID, "name": a.Name, "subtype": "CUSTOM", "operation_status": map[string]any{"code": 200, "description": "Normal"},
		"approximate_count_lower_bound": size, "approximate_count_upper_bound": size}
}

func (v *vendor) getAudiences(w http.ResponseWriter, r *http.Request) {
	if !account(w, r) {
		return
	}
	q := r.URL.Query()
	var filters []struct{ Field, Operator, Value string }
	if text := q.Get("filtering"); text != "" && json.Unmarshal([]byte(text), &filters) != nil {
		fail(w, http.StatusBadRequest, invalid("param filtering must be an array"))
		return
	}
	var all []*audience
	for _, a := range v.mem.Audiences {
		ok := true
		for _, f := range filters {
			ok = ok && f.Field == "name" && f.Operator == "EQUAL" && strings.EqualFold(f.Value, a.Name)
		}
		if ok {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *audience) int { return strings.Compare(b.ID, a.ID) }) // newest first
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 {
		limit = 25
	}
	from := 0
	if b, err := base64.URLEncoding.DecodeString(q.Get("after")); err == nil {
		from, _ = strconv.Atoi(string(b))
	}
	from = min(max(from, 0), len(all))
	to := min(from+limit, len(all))
	data := []any{}
	for _, a := range all[from:to] {
		data = append(data, a.node())
	}
	after := base64.URLEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	paging := map[string]any{"cursors": map[string]any{"after": after}}
	if to < len(all) {
		paging["next"] = baseURL + r.URL.Path + "?after=" + url.QueryEscape(after)
	}
	answer(w, map[string]any{"data": data, "paging": paging})
}

func (v *vendor) postAudience(w http.ResponseWriter, r *http.Request) {
	if !account(w, r) {
		return
	}
	var in struct {
		Name, Subtype, Description string
		Source                     string `json:"customer_file_source"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in) // was JSON already
	switch {
	case in.Name == "":
		fail(w, http.StatusBadRequest, invalid("The parameter name is required"))
		return
	case in.Subtype != "CUSTOM" || !strings.Contains(in.Source, "PROVIDED"):
		e := invalid("Invalid parameter")
		e.Subcode, e.UserTitle = 1713098, "Missing customer_file_source"
		fail(w, http.StatusBadRequest, e)
		return
	}
	v.mem.Next++
	a := &audience{ID: fmt.Sprintf("120200%011d", v.mem.Next), Name: in.Name, Source: in.Source, Description: in.Description, Made: v.now(), Members: map[string]bool{}}
	v.mem.Audiences[a.ID] = a
	answer(w, map[string]any{"id": a.ID})
}

var hex64 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// users adds or removes rows.
func (v *vendor) users(w http.ResponseWriter, r *http.Request) {
	a := v.mem.Audiences[r.PathValue("id")]
	if a == nil {
		fail(w, http.StatusBadRequest, nobody(r.PathValue("id")))
		return
	}
	var in upload
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		fail(w, http.StatusBadRequest, invalid("param payload must be an object with schema and data"))
		return
	}
	kinds := make([]key, len(in.Payload.Schema))
	for j, name := range in.Payload.Schema {
		i := slices.IndexFunc(keys, func(k key) bool { return k.schema == name })
		if i < 0 {
			fail(w, http.StatusBadRequest, invalid("param payload[schema] must be one of the known keys"))
			return
		}
		kinds[j] = keys[i]
	}
	if len(in.Payload.Data) == 0 || len(in.Payload.Data) > maxRows {
		fail(w, http.StatusBadRequest, invalid("param payload[data] must have between 1 and 10000 rows"))
		return
	}
	malformed, samples := 0, map[string]string{}
	for i, row := range in.Payload.Data {
		member, ok := identity(kinds, row)
		switch {
		case !ok:
			malformed++
			if len(samples) < 10 {
				samples[strconv.Itoa(i)] = strings.Join(row, ",")
			}
		case r.Method == http.MethodPost:
			a.Members[member] = true
		default:
			a.remove(member)
		}
	}
	out := map[string]any{"audience_id": a.ID, "num_received": len(in.Payload.Data), "num_invalid_entries": malformed, "invalid_entry_samples": samples}
	if in.Session != nil {
		out["session_id"] = strconv.FormatInt(in.Session.ID, 10)
	}
	answer(w, out)
}

// remove takes out the member, or, where a row names only some of the keys that somebody was added
// with, everybody who has all of those.
func (a *audience) remove(member string) {
	if a.Members[member] {
		delete(a.Members, member)
		return
	}
	want := strings.Split(member, "\n")
	for m := range a.Members {
		has := strings.Split(m, "\n")
		if !slices.ContainsFunc(want, func(part string) bool { return !slices.Contains(has, part) }) {
			delete(a.Members, m)
		}
	}
}

// identity names the member that a row is; false if the row is malformed: of another width than
// the schema, with something that is not a hash where one belongs, or empty.
func identity(kinds []key, row []string) (string, bool) {
	if len(row) != len(kinds) {
		return "", false
	}
	var parts []string
	for j, k := range kinds {
		switch {
		case row[j] == "":
		case k.id.Hash != "" && !hex64.MatchString(row[j]):
			return "", false
		default:
			parts = append(parts, k.schema+"="+row[j])
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "\n"), len(parts) > 0
}
