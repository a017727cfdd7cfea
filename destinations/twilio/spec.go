// Package twilio sends SMS through Twilio's Messages resource.
//
// A message that was sent twice was sent twice: Twilio has no idempotency key. So there is one
// message in a call, every call without a clear answer is Ambiguous, and the engine sends it
// again only when a person says so.
//
// Built from twilio.com/docs/messaging/api/message-resource, twilio.com/docs/api/errors and
// twilio.com/docs/iam/test-credentials.
package twilio

import (
	"time"

	"github.com/weir-data/weir/destinations"
)

func init() { destinations.Register(twilio{}) }

type twilio struct{}

const baseURL = "https://api.twilio.com"

// maxBody is the longest message that Twilio takes, in characters (error 21617).
const maxBody = 1600

// Spec describes Twilio.
func (twilio) Spec() destinations.Spec {
	return destinations.Spec{
		Type:       "twilio",
		Kind:       destinations.SMS,
		Title:      "Twilio",
		Docs:       "https://www.twilio.com/docs/messaging/api/message-resource",
		APIVersion: "2010-04-01",
		Proof:      "sandbox",
		Hosts:      []string{"api.twilio.com"},
		Settings: []destinations.Setting{
			{Name: "account_sid", Type: destinations.String, Doc: "Account SID: AC and 32 hexadecimal digits, from the console.",
				Required: true, Account: true, Pattern: `AC[0-9a-fA-F]{32}`},
			{Name: "auth_token", Type: destinations.String, Doc: "Auth token of the account, or the secret of the API key.",
				Required: true, Secret: true},
			{Name: "api_key", Type: destinations.String, Doc: "SID of an API key, whose secret is then the auth_token.", Pattern: `SK[0-9a-fA-F]{32}`},
			{Name: "base_url", Type: destinations.String, Doc: "Where the API is, such as a regional host.", Default: baseURL, Host: true},
		},
		Objects: []destinations.Object{{
			Name:  "message",
			Title: "SMS message",
			Ops:   []destinations.Op{destinations.Emit},
			Identifiers: []destinations.Identifier{{Name: "to", Normalise: "phone.e164", Required: true,
				Doc: "Mobile number with country code."}},
			Fields: []destinations.Field{{Name: "body", Type: destinations.String, Required: true,
				Doc: "Text of the message, at most 1,600 characters."}},
			With: []destinations.Setting{
				{Name: "from", Type: destinations.String, Doc: "Number in E.164, short code or sender name that messages come from.",
					Pattern: `\+[1-9][0-9]{6,14}|[0-9]{3,8}|[A-Za-z0-9 ]{1,11}`},
				{Name: "messaging_service_sid", Type: destinations.String, Doc: "Messaging service that chooses the sender; instead of from.",
					Pattern: `MG[0-9a-fA-F]{32}`},
				{Name: "status_callback", Type: destinations.String, Doc: "URL that Twilio reports the delivery of each message to."},
			},
			// One message in a call. Twilio limits calls in flight without publishing a number,
			// answers 20429 above it, and queues what a sender can not send at once.
			Limits:      destinations.Limits{Rows: 1, Concurrency: 8, Timeout: 30 * time.Second},
			GroupBy:     destinations.ByOp,
			Granularity: destinations.PerRow,
			Queued:      true,
			Permanent:   permanentCodes(),
		}},
	}
}
