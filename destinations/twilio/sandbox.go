package twilio

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/sandbox"
)

// The account of every sandbox.
const (
	sandboxSID   = "AC00000000000000000000000000000000"
	sandboxToken = "sandbox-auth-token-twilio"
)

// The magic numbers of twilio.com/docs/iam/test-credentials, which ask for an error.
var (
	magicTo   = map[string]int{"+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610, "+15005550009": 21614}
	magicFrom = map[string]int{"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
)

// Sandbox returns a local Twilio. Its memory is every message, so that one sent twice shows.
// Members has one entry for each message, by sender: the number; "number (text 2)" for another
// text to the same number; "number (again 2)" for the same text once more. A run in which
// nothing was sent twice leaves no "again".
func (twilio) Sandbox(o destinations.SandboxOptions) destinations.Sandbox {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return sandbox.New(o, &vendor{now: now, state: state{Messages: []message{}}})
}

type vendor struct {
	now   func() time.Time
	state state
}

type state struct {
	Messages []message `json:"messages"`
}

type message struct {
	SID  string    `json:"sid"`
	From string    `json:"from"`
	To   string    `json:"to"`
	Body string    `json:"body"`
	At   time.Time `json:"at"`
}

func (v *vendor) Settings(base string) map[string]any {
	return map[string]any{"base_url": base, "account_sid": sandboxSID, "auth_token": sandboxToken, "api_key": ""}
}

func (v *vendor) State() any { return &v.state }

func (v *vendor) Members() map[string][]string {
	type line struct{ from, to string }
	out, texts := map[string][]string{}, map[line]map[string]int{}
	for _, m := range v.state.Messages {
		l := line{m.From, m.To}
		if texts[l] == nil {
			texts[l] = map[string]int{}
		}
		texts[l][m.Body]++
		name := m.To
		if n := texts[l][m.Body]; n > 1 {
			name = fmt.Sprintf("%s (again %d)", m.To, n)
		} else if n := len(texts[l]); n > 1 {
			name = fmt.Sprintf("%s (text %d)", m.To, n)
		}
		out[m.From] = append(out[m.From], name)
	}
	for from := range out {
		slices.Sort(out[from])
	}
	return out
}

// Rates limits the account. Twilio limits calls in flight, which a sandbox that answers at once
// never has; it stands in with 500 messages a second.
func (v *vendor) Rates(r *http.Request) []destinations.Rate {
	if r.Method != http.MethodPost {
		return nil
	}
	return []destinations.Rate{{N: 500, Per: time.Second, Bucket: "messages"}}
}

// Refuse answers as Twilio does: no Retry-After, but the number of calls in flight.
func (v *vendor) Refuse(w http.ResponseWriter, _ *http.Request, status int, _ time.Duration) {
	if status == http.StatusTooManyRequests {
		w.Header().Set("Twilio-Concurrent-Requests", "100")
		fail(w, status, 20429, "Too Many Requests")
		return
	}
	fail(w, status, 20500, "Internal Server Error")
}

func fail(w http.ResponseWriter, status, code int, text string) {
	sandbox.WriteJSON(w, status, "application/json", map[string]any{
		"code": code, "message": text, "more_info": "https://www.twilio.com/docs/errors/" + strconv.Itoa(code), "status": status})
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, token, _ := r.BasicAuth()
	if user != sandboxSID || subtle.ConstantTimeCompare([]byte(token), []byte(sandboxToken)) != 1 {
		fail(w, http.StatusUnauthorized, 20003, "Authenticate")
		return
	}
	account := "/2010-04-01/Accounts/" + sandboxSID
	switch {
	case r.Method == http.MethodGet && r.URL.Path == account+".json":
		sandbox.WriteJSON(w, http.StatusOK, "application/json", map[string]any{"sid": sandboxSID, "status": "active", "type": "Full", "friendly_name": "Sandbox"})
	case r.Method == http.MethodGet && r.URL.Path == account+"/Messages.json":
		v.list(w)
	case r.Method == http.MethodPost && r.URL.Path == account+"/Messages.json":
		v.send(w, r)
	default:
		fail(w, http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
	}
}

func (v *vendor) list(w http.ResponseWriter) {
	out := []map[string]any{}
	for i := len(v.state.Messages) - 1; i >= 0 && len(out) < 50; i-- {
		out = append(out, v.state.Messages[i].json())
	}
	sandbox.WriteJSON(w, http.StatusOK, "application/json", map[string]any{"messages": out, "page": 0, "page_size": 50})
}

// send takes a message, or says what is wrong with it in the order that Twilio looks.
func (v *vendor) send(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		fail(w, http.StatusBadRequest, 20001, "Invalid parameter")
		return
	}
	f := r.PostForm
	from, to, body := f.Get("From"), f.Get("To"), f.Get("Body")
	if from == "" {
		from = f.Get("MessagingServiceSid")
	}
	code, text := 0, ""
	switch {
	case to == "":
		code, text = 21604, "A 'To' phone number is required."
	case from == "":
		code, text = 21603, "A 'From' phone number is required."
	case body == "":
		code, text = 21602, "Message body is required."
	case utf8.RuneCountInString(body) > maxBody:
		code, text = 21617, "The concatenated message body exceeds the 1600 character limit."
	case magicFrom[from] != 0:
		code, text = magicFrom[from], "The 'From' phone number "+from+" can not be used."
	case magicTo[to] != 0:
		code, text = magicTo[to], "The 'To' number "+to+" can not be used."
	case !isE164(to):
		code, text = 21211, "Invalid 'To' Phone Number: "+to
	case to == from:
		code, text = 21266, "'To' and 'From' number cannot be the same."
	}
	switch code {
	case 0:
	case 21611:
		fail(w, http.StatusTooManyRequests, code, text)
		return
	default:
		fail(w, http.StatusBadRequest, code, text)
		return
	}
	m := message{SID: fmt.Sprintf("SM%032x", len(v.state.Messages)+1), From: from, To: to, Body: body, At: v.now().UTC()}
	v.state.Messages = append(v.state.Messages, m)
	sandbox.WriteJSON(w, http.StatusCreated, "application/json", m.json())
}

func isE164(s string) bool {
	return len(s) >= 8 && len(s) <= 16 && s[0] == '+' && s[1] != '0' && strings.Trim(s[1:], "0123456789") == ""
}

func (m message) json() map[string]any {
	out := map[string]any{"sid": m.SID, "account_sid": sandboxSID, "api_version": "2010-04-01", "to": m.To, "from": m.From, "body": m.Body,
		"status": "queued", "direction": "outbound-api", "num_segments": "1", "num_media": "0", "error_code": nil, "error_message": nil,
		"date_created": m.At.Format(time.RFC1123Z), "uri": "/2010-04-01/Accounts/" + sandboxSID + "/Messages/" + m.SID + ".json"}
	if strings.HasPrefix(m.From, "MG") {
		out["messaging_service_sid"], out["from"], out["status"] = m.From, nil, "accepted"
	}
	return out
}
