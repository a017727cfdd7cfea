package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// Open prepares a session; it makes no request.
func (twilio) Open(_ context.Context, env destinations.Env) (destinations.Session, error) {
	sid, _ := env.Settings["account_sid"].(string)
	user := sid
	if key, _ := env.Settings["api_key"].(string); key != "" {
		user = key
	}
	base, _ := env.Settings["base_url"].(string)
	if base == "" {
		base = baseURL
	}
	client, err := rest.New(env, rest.Options{
		Base:   base,
		Fault:  fault,
		Reason: reason,
		Auth: func(r *http.Request) error {
			token, err := env.Secret("auth_token")
			if err != nil {
				return err
			}
			r.SetBasicAuth(user, token)
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return &session{client: client, account: "2010-04-01/Accounts/" + url.PathEscape(sid)}, nil
}

type session struct {
	client  *rest.Client
	account string // path of the account
}

// Check reads the account, and so proves SID and token.
func (s *session) Check(ctx context.Context) error {
	r, err := s.client.Do(ctx, rest.Request{Method: http.MethodGet, Path: s.account + ".json"})
	if err != nil {
		return err
	}
	var a struct {
		Status string `json:"status"`
	}
	if err := r.Decode(&a); err != nil {
		return err
	}
	if a.Status != "active" {
		return &destinations.Fault{Class: destinations.Refused, Code: "account_" + a.Status, Text: "the account is " + a.Status}
	}
	return nil
}

// Close frees nothing: connections belong to the engine.
func (*session) Close(context.Context) error { return nil }

// Write sends the one message of b.
func (s *session) Write(ctx context.Context, b destinations.Batch) (destinations.Outcome, error) {
	if len(b.Rows) == 0 {
		return destinations.Outcome{Rest: destinations.Result{Status: destinations.Unchanged}}, nil
	}
	if len(b.Rows) > 1 {
		return destinations.Outcome{}, &destinations.Fault{Class: destinations.TooLarge, Code: "rows", Text: "one message in a call"}
	}
	req, bad, err := s.request(b)
	if err != nil {
		return destinations.Outcome{}, err
	}
	if bad != nil {
		return destinations.Outcome{Rest: *bad}, nil
	}
	res, err := s.client.Do(ctx, req)
	if err != nil {
		var f *destinations.Fault
		if errors.As(err, &f) && f.Class != destinations.Ambiguous {
			if v, ok := verdict(res); ok {
				return destinations.Outcome{Rest: v}, nil
			}
		}
		return destinations.Outcome{}, err
	}
	var a answer
	if err := res.Decode(&a); err != nil {
		return destinations.Outcome{}, err
	}
	if a.SID == "" {
		return destinations.Outcome{}, &destinations.Fault{Class: destinations.Ambiguous, Code: "no_sid", Text: "the answer names no message"}
	}
	v := destinations.Result{Status: destinations.Accepted, RemoteID: a.SID}
	if rej, ok := rejections[a.ErrorCode]; ok {
		v = destinations.Result{Status: destinations.Rejected, Code: strconv.Itoa(a.ErrorCode), Reason: rej.reason, RemoteID: a.SID}
	}
	return destinations.Outcome{Rest: v}, nil
}

// Preview builds the request of each row without sending it.
func (s *session) Preview(ctx context.Context, b destinations.Batch) ([]*http.Request, error) {
	var out []*http.Request
	for i := range b.Rows {
		one := b
		one.Rows = b.Rows[i : i+1]
		req, bad, err := s.request(one)
		if err != nil {
			return nil, err
		}
		if bad != nil {
			continue
		}
		r, err := s.client.Build(ctx, req)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// request builds the call for the first row, or says why the row can not be sent.
func (s *session) request(b destinations.Batch) (rest.Request, *destinations.Result, error) {
	form := url.Values{}
	with := func(name string) string { v, _ := b.With[name].(string); return v }
	switch {
	case with("messaging_service_sid") != "":
		form.Set("MessagingServiceSid", with("messaging_service_sid"))
	case with("from") != "":
		form.Set("From", with("from"))
	default:
		return rest.Request{}, nil, &destinations.Fault{Class: destinations.Config, Code: "sender",
			Text: "the sync names no sender: set from or messaging_service_sid under with"}
	}
	if cb := with("status_callback"); cb != "" {
		form.Set("StatusCallback", cb)
	}
	row := b.Rows[0]
	reject := func(code int) (rest.Request, *destinations.Result, error) {
		return rest.Request{}, &destinations.Result{Status: destinations.Rejected, Code: strconv.Itoa(code), Reason: rejections[code].reason}, nil
	}
	for i, name := range b.Columns.IDs {
		if v, ok := row.IDs[i].(string); ok && name == "to" {
			form.Set("To", v)
		}
	}
	for i, name := range b.Columns.Fields {
		if v := row.Fields[i]; name == "body" && v != nil && !destinations.IsAbsent(v) {
			form.Set("Body", fmt.Sprint(v)) // a text, or the one trait that it is
		}
	}
	switch {
	case form.Get("To") == "":
		return reject(21604)
	case form.Get("Body") == "":
		return reject(21602)
	case utf8.RuneCountInString(form.Get("Body")) > maxBody:
		return reject(21617)
	}
	return rest.Request{Method: http.MethodPost, Path: s.account + "/Messages.json",
		Type: "application/x-www-form-urlencoded", Body: []byte(form.Encode())}, nil, nil
}
