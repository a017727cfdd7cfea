package meta

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// graphError is the body of a failure
// (developers.facebook.com/docs/graph-api/guides/error-handling).
type graphError struct {
	Message   string `json:"message"`
	Type      string `json:"type"`
	Code      int    `json:"code"`
	Subcode   int    `json:"error_subcode"`
	UserTitle string `json:"error_user_title"`
	UserText  string `json:"error_user_msg"`
	Transient bool   `json:"is_transient"`
}

// graphFault classifies an answer by the code in its body: the status of most failures is 400,
// that of a rate limit among them.
func graphFault(r *rest.Response) *destinations.Fault {
	var body struct {
		Error *graphError `json:"error"`
	}
	if json.Unmarshal(r.Body, &body) != nil || body.Error == nil {
		return nil //nolint:nilerr // without a code in the body the status decides
	}
	e := *body.Error
	f := &destinations.Fault{Class: e.class(r.Status), Code: fmt.Sprint(e.Code), Text: e.Message}
	if e.Subcode != 0 {
		f.Code = fmt.Sprintf("%d/%d", e.Code, e.Subcode)
	}
	switch {
	case e.Code == 100 && e.Subcode == flagged:
		return flaggedFault(f.Code)
	case e.Code == 200 && e.Subcode == terms, e.Code == 2655, e.Code == 2663:
		f.Text = "the custom audience terms are not accepted for this ad account; accept them in Ads Manager"
	case f.Class == destinations.Throttled:
		f.RetryAfter, f.Bucket = regain(r.Header), bucket
	case f.Class == destinations.BadBatch:
		// The message may repeat what was sent.
		f.Text = "a parameter is invalid"
		if general.MatchString(e.UserTitle) {
			f.Text = e.UserTitle
		}
	case f.Class == destinations.Config && e.Code == 100:
		f.Text = "app_secret is missing or is not the secret of the app that access_token is for"
	case e.UserText != "":
		f.Text = e.UserText
	}
	if f.Class == destinations.Ambiguous && !r.Write {
		f.Class = destinations.Transient
	}
	return f
}

var (
	// general is what a title looks like that is about no person in particular.
	general = regexp.MustCompile(`^[A-Za-z][A-Za-z ,._'-]{0,79}$`)
	// proofRE is how Meta says that a proof is wrong or lacking.
	proofRE = regexp.MustCompile(`^(\(#100\) )?(Invalid appsecret_proof|API calls from the server require an appsecret_proof)`)
)

// Subcodes with a meaning of their own.
const (
	missing = 33      // of 100: the object does not exist or may not be seen
	flagged = 1713230 // of 100: audience under an integrity restriction
	terms   = 1870090 // of 200: custom audience terms not accepted
	busy    = 1870145 // of 2650: another update of the audience is under way
)

func flaggedFault(code string) *destinations.Fault {
	return &destinations.Fault{Class: destinations.Refused, Code: code,
		Text: "Meta has restricted this audience; appeal in Audience Manager or use a new audience"}
}

// class says what an error means for the call. The codes are those of
// developers.facebook.com/docs/graph-api/guides/error-handling, …/overview/rate-limiting and
// developers.facebook.com/docs/marketing-api/error-reference.
func (e graphError) class(status int) destinations.Class {
	switch c := e.Code; {
	case c == 4, c == 17, c == 32, c == 613, c >= 80000 && c <= 80014:
		return destinations.Throttled
	case e.Transient, c == 2, c == 2650 && e.Subcode == busy:
		return destinations.Transient
	case c == 190, c == 102, c == 463, c == 467, c == 10, c == 3, c == 368, c == 294, c == 2655, c == 2663, c >= 200 && c <= 299:
		return destinations.Refused
	case c == 100 && e.Subcode == flagged:
		return destinations.Refused
	case c == 100 && e.Subcode == missing, c == 803:
		return destinations.Gone
	case c == 104, c == 2635, c == 101, c == 12, c == 100 && proofRE.MatchString(e.Message):
		return destinations.Config
	case status == http.StatusRequestEntityTooLarge:
		return destinations.TooLarge
	case c == 1, status >= 500:
		return destinations.Ambiguous
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return destinations.Refused
	case status == http.StatusNotFound:
		return destinations.Gone
	case status == http.StatusTooManyRequests:
		return destinations.Throttled
	}
	return destinations.BadBatch
}

// regain reads how long a throttled account has to wait. Meta says it in minutes inside
// X-Business-Use-Case-Usage, in seconds inside X-Ad-Account-Usage, or not at all.
func regain(h http.Header) time.Duration {
	const most = 24 * time.Hour
	var wait time.Duration
	var uses map[string][]struct {
		Minutes float64 `json:"estimated_time_to_regain_access"`
	}
	if json.Unmarshal([]byte(h.Get("X-Business-Use-Case-Usage")), &uses) == nil {
		for _, list := range uses {
			for _, u := range list {
				wait = max(wait, time.Duration(min(max(u.Minutes, 0), most.Minutes())*float64(time.Minute)))
			}
		}
	}
	var account struct {
		Used    float64 `json:"acc_id_util_pct"`
		Seconds float64 `json:"reset_time_duration"`
	}
	if json.Unmarshal([]byte(h.Get("X-Ad-Account-Usage")), &account) == nil && account.Used >= 100 {
		wait = max(wait, time.Duration(min(max(account.Seconds, 0), most.Seconds())*float64(time.Second)))
	}
	return wait
}
