package app

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const kindsYAML = `
project: shop
targets: {dev: TARGET}
sources:
  crm: {table: shop.crm, key: id, updated_at: changed_at, identifiers: {customer_id: no, email: email}}
  app: {table: shop.app, key: id, updated_at: changed_at, identifiers: {login: mail, card: card}}
  cards: {table: shop.app, key: id, updated_at: changed_at}
entities:
  customer:
    identity: {identifiers: {customer_id: {}, email: {}, login: {normalize: email}, card: {}}, from: [crm, app]}
    traits:
      email: {from: crm.email}
      no: {from: crm.no}
      either: {from: [crm.no, app.card]}
      code: {from: crm.code}
      made: {sql: "upper(no)"}
segments: {everybody: {entity: customer, where: {trait: email, exists: true}}}
destinations:
  hook: {type: file, path: out, purpose: none}
syncs:
  exact: {segment: everybody, destination: hook, into: "f30.csv", match: {email: email, external_id: no}}
  mixed: {segment: everybody, destination: hook, into: "f31.csv", match: {external_id: either}}
  untold: {segment: everybody, destination: hook, into: "f32.csv", match: {external_id: code}}
  made: {segment: everybody, destination: hook, into: "f33.csv", match: {external_id: made}}
  as_id: {segment: everybody, destination: hook, into: "f34.csv", match: {external_id: email}}
  phones: {segment: everybody, destination: hook, into: "f35.csv", match: {phone: code}}
`

// TestKinds holds as which kinds the mapped identifiers of a sync are compared with erasures and
// suppressions: never too few, so that nobody who said no is sent, and only their own where that
// is known.
func TestKinds(t *testing.T) {
	a := loaded(t, written(t, strings.Replace(kindsYAML, "TARGET", target(t), 1)))
	all := []string{"card", "customer_id", "email", "login", "value"}
	want := map[string]map[string][]string{
		"exact":  {"email": {"email", "login"}, "external_id": {"customer_id"}},
		"mixed":  {"external_id": {"card", "customer_id"}},
		"untold": {"external_id": all},
		"made":   {"external_id": all},
		"as_id":  {"external_id": {"email", "login"}},
		"phones": {"phone": {"phone"}},
	}
	for i := range a.p.Syncs {
		s := &a.p.Syncs[i]
		if diff := cmp.Diff(want[s.Name], a.kinds(s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.Name, diff)
		}
	}
	if got := a.kindsOf("gone", "email"); got != nil {
		t.Errorf("a sync that is not there: %q", got)
	}
}
