package meta

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// session is one ad account with a token. It keeps nothing between calls, so it is safe for
// concurrent use.
type session struct {
	api     *rest.Client
	secret  func(string) (string, error)
	version string
	account string // "act_123"
}

var (
	_ destinations.AudienceManager = (*session)(nil)
	_ destinations.Previewer       = (*session)(nil)
)

var (
	accountRE = regexp.MustCompile(`^(?:act_)?([0-9]{1,20})$`)
	versionRE = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]$`)
	numberRE  = regexp.MustCompile(`^[0-9]{1,25}$`)
)

// Open prepares a session.
func (Destination) Open(_ context.Context, env destinations.Env) (destinations.Session, error) {
	set := func(name, otherwise string) string {
		if v, _ := env.Settings[name].(string); v != "" {
			return v
		}
		return otherwise
	}
	account := accountRE.FindStringSubmatch(set("ad_account", ""))
	if account == nil {
		return nil, &destinations.Fault{Class: destinations.Config, Code: "ad_account", Text: "ad_account must be the number of an ad account"}
	}
	v := set("api_version", version)
	if !versionRE.MatchString(v) {
		return nil, &destinations.Fault{Class: destinations.Config, Code: "api_version", Text: "api_version must be like " + version}
	}
	api, err := rest.New(env, rest.Options{
		Base: set("base_url", baseURL),
		// The token goes into a header: in a query it would end up in the logs of proxies.
		Auth: func(r *http.Request) error {
			token, err := env.Secret("access_token")
			if err != nil {
				return err
			}
			if token == "" {
				return &destinations.Fault{Class: destinations.Config, Code: "access_token", Text: "access_token is empty"}
			}
			r.Header.Set("Authorization", "Bearer "+token)
			return nil
		},
		Fault: graphFault,
	})
	if err != nil {
		return nil, err
	}
	return &session{api: api, secret: env.Secret, version: v, account: "act_" + account[1]}, nil
}

// Close does nothing: connections belong to the engine.
func (s *session) Close(context.Context) error { return nil }

// proof returns the HMAC of the token under the app's secret, or "" without one
// (developers.facebook.com/docs/graph-api/guides/secure-requests). An account that requires the
// proof says so itself.
func (s *session) proof() string {
	secret, err := s.secret("app_secret")
	if err != nil || secret == "" {
		return ""
	}
	token, err := s.secret("access_token")
	if err != nil {
		return "" // and Auth reports it
	}
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(token))
	return hex.EncodeToString(m.Sum(nil))
}

// get reads a node or edge into v.
func (s *session) get(ctx context.Context, path string, q url.Values, v any) error {
	if proof := s.proof(); proof != "" {
		q.Set("appsecret_proof", proof)
	}
	res, err := s.api.Do(ctx, rest.Request{Method: http.MethodGet, Path: s.version + "/" + path, Query: q})
	if err != nil {
		return err
	}
	return res.Decode(v)
}

// Check reads the ad account, which proves the token and its access to the account.
func (s *session) Check(ctx context.Context) error {
	var a struct {
		ID     string
		Status int `json:"account_status"`
	}
	if err := s.get(ctx, s.account, url.Values{"fields": {"id,account_status"}}, &a); err != nil {
		return err
	}
	switch a.Status {
	case 2, 101: // disabled, closed (reference page ad-account)
		return &destinations.Fault{Class: destinations.Refused, Code: "account_status", Text: "the ad account is disabled or closed"}
	}
	return nil
}

// Ensure finds the audience called name or creates it. Of several with one name the one with the
// lowest number, the oldest, is taken, so that the answer does not change.
func (s *session) Ensure(ctx context.Context, object, name string, with map[string]any) (string, error) {
	if object != "audience" || name == "" {
		return "", &destinations.Fault{Class: destinations.Config, Code: "into", Text: "only an audience with a name can be found or made"}
	}
	if id, err := s.find(ctx, name); id != "" || err != nil {
		return id, err
	}
	source, _ := with["customer_file_source"].(string)
	if source == "" {
		source = "USER_PROVIDED_ONLY"
	}
	description, _ := with["description"].(string)
	body, err := rest.Encode(struct {
		Name        string `json:"name"`
		Subtype     string `json:"subtype"`
		Source      string `json:"customer_file_source"`
		Description string `json:"description,omitempty"`
		Proof       string `json:"appsecret_proof,omitempty"`
	}{name, "CUSTOM", source, description, s.proof()})
	if err != nil {
		return "", err
	}
	res, err := s.api.Do(ctx, rest.Request{Method: http.MethodPost, Path: s.version + "/" + s.account + "/customaudiences", Type: "application/json", Body: body})
	if err != nil {
		return "", err
	}
	var made struct{ ID string }
	if err := res.Decode(&made); err != nil {
		return "", err
	}
	if !numberRE.MatchString(made.ID) {
		return "", &destinations.Fault{Class: destinations.Ambiguous, Code: "no_audience", Text: "the answer names no audience"}
	}
	return made.ID, nil
}

// find returns the number of the oldest customer file audience called exactly name, or "".
func (s *session) find(ctx context.Context, name string) (string, error) {
	filter, err := json.Marshal([]map[string]string{{"field": "name", "operator": "EQUAL", "value": name}})
	if err != nil {
		return "", err
	}
	q := url.Values{"fields": {"name,subtype,operation_status"}, "filtering": {string(filter)}, "limit": {"100"}}
	best, flagged := "", false
	for {
		var page struct {
			Data []struct {
				ID, Name, Subtype string
				Status            struct{ Code int } `json:"operation_status"`
			}
			Paging struct {
				Cursors struct{ After string }
				Next    string
			}
		}
		if err := s.get(ctx, s.account+"/customaudiences", q, &page); err != nil {
			return "", err
		}
		for _, a := range page.Data {
			older := best == "" || len(a.ID) < len(best) || len(a.ID) == len(best) && a.ID < best
			if a.Name == name && (a.Subtype == "CUSTOM" || a.Subtype == "") && numberRE.MatchString(a.ID) && older {
				best, flagged = a.ID, a.Status.Code == 471
			}
		}
		after := page.Paging.Cursors.After
		if page.Paging.Next == "" || after == "" || after == q.Get("after") {
			break
		}
		q.Set("after", after)
	}
	if flagged {
		return "", flaggedFault("471")
	}
	return best, nil
}

// rows are the identifiers of a batch as a call takes them.
type rows struct {
	Schema []string   `json:"schema"`
	Data   [][]string `json:"data"`
}

// upload is the body of a call to /users.
type upload struct {
	Payload rows     `json:"payload"`
	Session *uploads `json:"session,omitempty"`
	Proof   string   `json:"appsecret_proof,omitempty"`
}

// uploads groups calls at Meta, for the numbers shown in Ads Manager. Each batch is a group of
// its own, named by its key: a repeated batch is the same call to the byte.
type uploads struct {
	ID    int64 `json:"session_id"`
	Seq   int   `json:"batch_seq"`
	Last  bool  `json:"last_batch_flag"`
	Total int   `json:"estimated_num_total"`
}

// encode makes the call of a batch, and verdicts on the rows that cannot be part of it.
func encode(b destinations.Batch) (rows, map[int]destinations.Result, error) {
	out := rows{Schema: make([]string, len(b.Columns.IDs)), Data: make([][]string, 0, len(b.Rows))}
	who := make([]bool, len(b.Columns.IDs))
	for j, name := range b.Columns.IDs {
		for _, k := range keys {
			if k.id.Name == name {
				out.Schema[j], who[j] = k.schema, k.id.AnyOf != ""
			}
		}
		if out.Schema[j] == "" {
			return out, nil, &destinations.Fault{Class: destinations.Config, Code: "identifier", Text: "an audience has no identifier " + name}
		}
	}
	refused := map[int]destinations.Result{}
	for i, r := range b.Rows {
		data := make([]string, len(r.IDs)) // "" means unknown
		named := false
		for j, v := range r.IDs {
			data[j], _ = v.(string)
			named = named || who[j] && data[j] != ""
		}
		if !named {
			refused[i] = destinations.Result{Status: destinations.Rejected, Code: "missing", Reason: "no email, phone, external_id or madid"}
			continue
		}
		out.Data = append(out.Data, data)
	}
	return out, refused, nil
}

// request makes the request of a batch. It is without a body if no row can be sent.
func (s *session) request(b destinations.Batch, proof string) (rest.Request, int, map[int]destinations.Result, error) {
	r := rest.Request{Method: http.MethodPost, Type: "application/json"}
	switch {
	case b.Object != "audience":
		return r, 0, nil, &destinations.Fault{Class: destinations.Config, Code: "object", Text: "meta_ads has no object " + b.Object}
	case !numberRE.MatchString(b.Target):
		return r, 0, nil, &destinations.Fault{Class: destinations.Config, Code: "target", Text: "an audience is named by its number"}
	case len(b.Rows) > maxRows:
		return r, 0, nil, &destinations.Fault{Class: destinations.TooLarge, Code: "rows", Text: "a call takes 10,000 rows"}
	}
	switch b.Rows[0].Op {
	case destinations.Add:
	case destinations.Remove:
		r.Method = http.MethodDelete
	default:
		return r, 0, nil, &destinations.Fault{Class: destinations.Config, Code: "op", Text: "an audience has no operation " + b.Rows[0].Op.String()}
	}
	data, refused, err := encode(b)
	if err != nil || len(data.Data) == 0 {
		return r, 0, refused, err
	}
	u := upload{Payload: data, Proof: proof}
	if b.ID != "" {
		h := sha256.Sum256([]byte(b.ID))
		// A positive number that every JSON reader keeps exact.
		u.Session = &uploads{ID: int64(binary.BigEndian.Uint64(h[:])>>12 | 1), Seq: 1, Last: true, Total: len(data.Data)}
	}
	r.Path = s.version + "/" + b.Target + "/users"
	r.Body, err = rest.Encode(u)
	return r, len(data.Data), refused, err
}

// Write sends one batch, all rows of one operation.
func (s *session) Write(ctx context.Context, b destinations.Batch) (destinations.Outcome, error) {
	if len(b.Rows) == 0 {
		return destinations.Outcome{}, nil
	}
	r, n, refused, err := s.request(b, s.proof())
	if err != nil {
		return destinations.Outcome{}, err
	}
	out := destinations.Outcome{Rows: refused, Rest: destinations.Result{Status: destinations.Accepted}}
	if r.Body == nil {
		out.Rest = destinations.Result{Status: destinations.Later} // every row has its own verdict
		return out, nil
	}
	res, err := s.api.Do(ctx, r)
	if err != nil {
		return destinations.Outcome{}, err
	}
	// invalid_entry_samples are people's data and are not read.
	var reply struct {
		Audience json.RawMessage `json:"audience_id"`
		Received *int            `json:"num_received"`
		Invalid  int             `json:"num_invalid_entries"`
	}
	if err := res.Decode(&reply); err != nil {
		return destinations.Outcome{}, err
	}
	switch audience := strings.Trim(string(reply.Audience), `"`); {
	case audience != b.Target:
		out.Rest = destinations.Result{Status: destinations.Uncertain, Code: "audience_id", Reason: "the answer is about another audience"}
	case reply.Received == nil || *reply.Received != n:
		out.Rest = destinations.Result{Status: destinations.Uncertain, Code: "num_received", Reason: "Meta received another number of rows than was sent"}
	case reply.Invalid >= n:
		out.Rest = destinations.Result{Status: destinations.Rejected, Code: "invalid_entries", Reason: "Meta calls the identifiers malformed"}
	}
	if reply.Invalid > 0 {
		out.Counts = map[string]int{"invalid_entries": reply.Invalid}
		out.Notes = []string{"Meta calls some rows malformed and does not say which."}
	}
	return out, nil
}

// Preview returns the call of a batch.
func (s *session) Preview(ctx context.Context, b destinations.Batch) ([]*http.Request, error) {
	if len(b.Rows) == 0 {
		return nil, nil
	}
	proof := ""
	if s.proof() != "" {
		proof = "redacted"
	}
	r, _, _, err := s.request(b, proof)
	if err != nil || r.Body == nil {
		return nil, err
	}
	req, err := s.api.Build(ctx, r)
	if err != nil {
		return nil, err
	}
	return []*http.Request{req}, nil
}
