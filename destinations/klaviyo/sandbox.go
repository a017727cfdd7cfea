package klaviyo

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
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

// sandboxKey is the one key that the sandbox accepts.
const sandboxKey = "pk_sandbox_0000000000000000"

// Sandbox returns Klaviyo in memory. It checks the key, the revision header and the content
// type; takes import jobs that are queued, processed and completed in their time; refuses a
// whole job with pointers to its malformed rows; reports rows that fail later as import errors,
// now with a pointer, now with only the payload, since the documentation promises neither; and
// counts requests against the documented windows of each endpoint.
//
// An address in the domain "invalid" passes the first check and fails in the job. There is no
// endpoint for consent, so that a call to one would be seen as an error.
func (Destination) Sandbox(o destinations.SandboxOptions) destinations.Sandbox {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	speed := o.Speed
	if speed <= 0 {
		speed = 1
	}
	v := &vendor{now: now, speed: speed, mem: &memory{People: map[string]*person{}, Lists: map[string]*list{}, Jobs: map[string]*job{}}}
	v.mux = http.NewServeMux()
	v.mux.HandleFunc("GET /api/lists", v.getLists)
	v.mux.HandleFunc("POST /api/lists", v.postList)
	v.mux.HandleFunc("GET /api/lists/{id}", v.getList)
	v.mux.HandleFunc("GET /api/lists/{id}/profiles", v.getListProfiles)
	v.mux.HandleFunc("DELETE /api/lists/{id}/relationships/profiles", v.deleteMembers)
	v.mux.HandleFunc("GET /api/profiles", v.getProfiles)
	v.mux.HandleFunc("PATCH /api/profiles/{id}", v.patchProfile)
	v.mux.HandleFunc("POST /api/profile-bulk-import-jobs", v.postImport)
	v.mux.HandleFunc("GET /api/profile-bulk-import-jobs/{id}", v.getImport)
	v.mux.HandleFunc("GET /api/profile-bulk-import-jobs/{id}/import-errors", v.getImportErrors)
	v.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, wrong{Code: "not_found", Title: "Not found.", Detail: "The path you requested does not exist."})
	})
	return sandbox.New(o, v)
}

type vendor struct {
	now   func() time.Time
	speed float64
	mux   *http.ServeMux
	mem   *memory
}

// Settings points a destination at base.
func (v *vendor) Settings(base string) map[string]any {
	return map[string]any{"api_key": sandboxKey, "base_url": base}
}

// State is the whole memory.
func (v *vendor) State() any { return v.mem }

// Members lists the people of each list by address, or by phone number or external id where
// they have none. People that no list relationship came with are under "profile".
func (v *vendor) Members() map[string][]string {
	v.mem.advance(v.now())
	out := map[string][]string{}
	for _, l := range v.mem.Lists {
		all := []string{}
		for id := range l.Members {
			all = append(all, v.mem.People[id].name())
		}
		slices.Sort(all)
		out[l.Name] = append(out[l.Name], all...)
	}
	for _, p := range v.mem.People {
		if p.Direct {
			out["profile"] = append(out["profile"], p.name())
		}
	}
	slices.Sort(out["profile"])
	if out["profile"] == nil {
		delete(out, "profile")
	}
	return out
}

// tiers are the documented limits by endpoint.
var (
	tierM = [2]int{10, 150}
	tierL = [2]int{75, 700}
)

// Rates gives each endpoint a window of its own, as Klaviyo does.
func (v *vendor) Rates(r *http.Request) []destinations.Rate {
	tier := tierL
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	name := r.Method
	for i, p := range parts {
		if i != 2 { // the id
			name += "/" + p
		}
	}
	switch {
	case strings.Contains(name, "bulk-import"), strings.Contains(name, "relationships"), r.Method == http.MethodPost:
		tier = tierM
	}
	rates := []destinations.Rate{{N: tier[0], Per: time.Second, Bucket: name}, {N: tier[1], Per: time.Minute, Bucket: name}}
	if name == "POST/api/lists" {
		rates = append(rates, destinations.Rate{N: 150, Per: 24 * time.Hour, Bucket: name})
	}
	return rates
}

// Refuse answers in Klaviyo's shape. RateLimit headers are not sent with a 429.
func (v *vendor) Refuse(w http.ResponseWriter, _ *http.Request, status int, wait time.Duration) {
	if status == http.StatusTooManyRequests {
		n := int(math.Ceil(wait.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(n))
		fail(w, status, wrong{Code: "throttled", Title: "Request was throttled.",
			Detail: fmt.Sprintf("Request was throttled. Expected available in %d seconds.", n)})
		return
	}
	fail(w, status, wrong{Code: "error", Title: "A server error occurred.", Detail: "A server error occurred."})
}

var dated = regexp.MustCompile(`^20\d\d-(01|02|04|07|10|12)-\d\d(\.\w+)?$`)

// ServeHTTP checks what every request needs and answers it.
func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mem.advance(v.now())
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Klaviyo-API-Key ")
	rev := r.Header.Get("revision")
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch {
	case !ok || key == "":
		fail(w, http.StatusUnauthorized, wrong{Code: "not_authenticated", Title: "Authentication credentials were not provided.",
			Detail: "Missing or invalid private key."})
	case key != sandboxKey:
		fail(w, http.StatusUnauthorized, wrong{Code: "authentication_failed", Title: "Incorrect authentication credentials.",
			Detail: "Incorrect authentication credentials."})
	case !dated.MatchString(rev):
		fail(w, http.StatusBadRequest, wrong{Code: "invalid", Title: "Invalid input.",
			Detail: "A valid revision header is required.", Source: source{Parameter: "revision"}})
	case r.ContentLength > 0 && media != jsonAPI && media != "application/json":
		fail(w, http.StatusUnsupportedMediaType, wrong{Code: "unsupported_media_type", Title: "Unsupported media type in request.",
			Detail: "Unsupported media type in request."})
	default:
		v.mux.ServeHTTP(w, r)
	}
}

// wrong is one error of an answer.
type wrong struct {
	ID     string `json:"id"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Source source `json:"source"`
}

type source struct {
	Pointer   string `json:"pointer,omitempty"`
	Parameter string `json:"parameter,omitempty"`
}

func fail(w http.ResponseWriter, status int, all ...wrong) {
	for i := range all {
		all[i].ID, all[i].Status = fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1), status
		if all[i].Source == (source{}) {
			all[i].Source.Pointer = "/data/"
		}
	}
	sandbox.WriteJSON(w, status, jsonAPI, map[string]any{"errors": all})
}

func notFound(w http.ResponseWriter, what, id string) {
	fail(w, http.StatusNotFound, wrong{Code: "not_found", Title: "Not found.", Detail: fmt.Sprintf("A %s with id %s does not exist.", what, id)})
}

func invalid(pointer, detail string) wrong {
	return wrong{Code: "invalid", Title: "Invalid input.", Detail: detail, Source: source{Pointer: pointer}}
}

// resource is an object of JSON:API.
type resource struct {
	Type       string `json:"type"`
	ID         string `json:"id"`
	Attributes any    `json:"attributes"`
}

func answer(w http.ResponseWriter, status int, data any) {
	sandbox.WriteJSON(w, status, jsonAPI, map[string]any{"data": data})
}

// page answers with one page of n resources, made by item. The link to the next page names the
// real host, whoever asks.
func page(w http.ResponseWriter, r *http.Request, size, most, n int, item func(int) resource) {
	q := r.URL.Query()
	if text := q.Get("page[size]"); text != "" {
		k, err := strconv.Atoi(text)
		if err != nil || k < 1 || k > most {
			fail(w, http.StatusBadRequest, wrong{Code: "invalid", Title: "Invalid input.",
				Detail: fmt.Sprintf("Page size must be an integer between 1 and %d.", most), Source: source{Parameter: "page[size]"}})
			return
		}
		size = k
	}
	from := 0
	if cursor := q.Get("page[cursor]"); cursor != "" {
		b, err := base64.URLEncoding.DecodeString(cursor)
		k, err2 := strconv.Atoi(string(b))
		if err != nil || err2 != nil || k < 0 || k > n {
			fail(w, http.StatusBadRequest, wrong{Code: "invalid", Title: "Invalid input.", Detail: "Invalid cursor.", Source: source{Parameter: "page[cursor]"}})
			return
		}
		from = k
	}
	to := min(from+size, n)
	data := []resource{}
	for i := from; i < to; i++ {
		data = append(data, item(i))
	}
	link := func(at int) string {
		p := url.Values{}
		for k, vs := range q {
			p[k] = vs
		}
		p.Set("page[cursor]", base64.URLEncoding.EncodeToString([]byte(strconv.Itoa(at))))
		return baseURL + r.URL.Path + "?" + p.Encode()
	}
	links := map[string]any{"self": baseURL + r.URL.Path, "next": nil, "prev": nil}
	if to < n {
		links["next"] = link(to)
	}
	sandbox.WriteJSON(w, http.StatusOK, jsonAPI, map[string]any{"data": data, "links": links})
}

var filtered = regexp.MustCompile(`^(any|equals)\((\w+),(.*)\)$`)

// filter reads the filter of a request: a field and the values it may have. ok is false if the
// answer has been given.
func filter(w http.ResponseWriter, r *http.Request, allowed ...string) (field string, values []string, ok bool) {
	text := r.URL.Query().Get("filter")
	if text == "" {
		return "", nil, true
	}
	m := filtered.FindStringSubmatch(text)
	if m == nil || !slices.Contains(allowed, m[2]) {
		fail(w, http.StatusBadRequest, wrong{Code: "invalid", Title: "Invalid input.", Detail: "Invalid filter provided.", Source: source{Parameter: "filter"}})
		return "", nil, false
	}
	if m[1] == "equals" {
		m[3] = "[" + m[3] + "]"
	}
	if err := json.Unmarshal([]byte(m[3]), &values); err != nil || len(values) == 0 || len(values) > 100 {
		fail(w, http.StatusBadRequest, wrong{Code: "invalid", Title: "Invalid input.", Detail: "Invalid filter provided.", Source: source{Parameter: "filter"}})
		return "", nil, false
	}
	return m[2], values, true
}
