package twilio

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// rejections are the codes that blame the recipient or the text (twilio.com/docs/api/errors).
// The words are ours, since Twilio's own repeat the number.
var rejections = map[int]struct {
	reason    string
	permanent bool // no retry can mend it
}{
	21211: {"the number is not valid", true},
	21214: {"the number can not be reached", true},
	21217: {"the number does not look valid", true},
	21265: {"the number can not be a short code", true},
	21266: {"recipient and sender are the same number", true},
	21408: {"the account may not send to this country", false},
	21602: {"the message has no text", false},
	21604: {"the message has no recipient", false},
	21605: {"the message is too long", false},
	21608: {"a trial account sends to verified numbers only", false},
	21612: {"there is no route from this sender to the number", false},
	21614: {"the number is not a mobile number", true},
	21617: {"the message is longer than 1,600 characters", false},
	21635: {"the number is a landline", true},
	30003: {"the handset can not be reached", false},
	30004: {"the message is blocked", false},
	30005: {"the number is unknown", true},
	30006: {"the number is a landline or its carrier can not be reached", true},
	30007: {"the carrier filtered the message", false},
	30008: {"the carrier gave no reason", false},
}

// suppressed are the codes that say that the person does not want messages.
var suppressed = map[int]string{
	21610: "the person has opted out at the carrier or with STOP",
}

// configuration are the codes that blame the settings of account or sync, not the row.
var configuration = map[int]bool{
	20404: true, 21212: true, 21603: true, 21606: true, 21618: true, 21659: true, 21660: true, 21703: true,
	21609: true, // the status callback is not a valid URL
}

func permanentCodes() []string {
	var out []string
	for _, code := range slices.Sorted(maps.Keys(rejections)) {
		if rejections[code].permanent {
			out = append(out, strconv.Itoa(code))
		}
	}
	return out
}

// quotaAgain is when a sender that has used up its day is tried again, since Twilio does not say it.
const quotaAgain = time.Hour

// answer is the body of an error, and the part of a message that is of use.
type answer struct {
	Code      int    `json:"code"`
	Message   string `json:"message"`
	SID       string `json:"sid"`
	Status    any    `json:"status"` // a word in a message, a number in an error
	ErrorCode int    `json:"error_code"`
}

// fault classifies answers outside 2xx. What it returns nil for is classified by status.
func fault(r *rest.Response) *destinations.Fault {
	if r.Status < 300 {
		return nil
	}
	var a answer
	_ = r.Decode(&a) // an answer without a code is classified by its status
	f := &destinations.Fault{Code: strconv.Itoa(a.Code), Text: a.Message}
	if a.Code == 0 {
		f.Code, f.Text = strconv.Itoa(r.Status), ""
	}
	switch {
	case a.Code == 63038:
		// More than the account may send in a rolling 24 hours; room comes back as messages age
		// (twilio.com/docs/api/errors/63038).
		f.Class, f.RetryAfter = destinations.Throttled, max(r.RetryAfter(), quotaAgain)
	case a.Code == 20429, a.Code == 21611, r.Status == http.StatusTooManyRequests:
		// 20429: too many calls at once. 21611: the sender has more than its queue holds.
		// Neither was processed.
		f.Class, f.RetryAfter = destinations.Throttled, r.RetryAfter()
	case a.Code == 20003, a.Code == 20005, a.Code == 20008:
		f.Class = destinations.Refused
	case configuration[a.Code]:
		f.Class = destinations.Config
	case r.Status >= 500, r.Status == http.StatusRequestTimeout:
		// Also 503: Twilio does not say that nothing was sent, and a second message harms.
		f.Class = destinations.Ambiguous
	default:
		return nil
	}
	if f.Text == "" {
		f.Text = http.StatusText(r.Status)
	}
	return f
}

// reason reads Twilio's code and words.
func reason(r *rest.Response) (string, string) {
	var a answer
	if r.Decode(&a) != nil || a.Code == 0 {
		return "", ""
	}
	return strconv.Itoa(a.Code), a.Message
}

// verdict is what an error answer means for its one row, if it blames the row.
func verdict(r *rest.Response) (destinations.Result, bool) {
	var a answer
	if r == nil || r.Decode(&a) != nil {
		return destinations.Result{}, false
	}
	code := strconv.Itoa(a.Code)
	if why, ok := suppressed[a.Code]; ok {
		return destinations.Result{Status: destinations.Suppressed, Code: code, Reason: why}, true
	}
	if rej, ok := rejections[a.Code]; ok {
		return destinations.Result{Status: destinations.Rejected, Code: code, Reason: rej.reason}, true
	}
	return destinations.Result{}, false
}
