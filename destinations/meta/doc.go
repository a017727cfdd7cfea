// Package meta keeps customer file custom audiences of Meta Ads.
//
// People enter and leave an audience by rows of hashed identifiers, 10,000 a call. Meta answers
// with numbers only: how many rows it received and how many are malformed. Who was matched to an
// account, and so who is a member, can never be read back:
//
//	Ensure ─► GET act_…/customaudiences by name ─► there │ POST: made
//	Write(add)    ─► POST   /{audience}/users ─► num_received as sent ─► Accepted, not confirmed
//	Write(remove) ─► DELETE /{audience}/users ─┘   per row; malformed rows are counted
//
// A person leaves by the same identifiers as she entered by. That is why the plain match values
// stay in the ledger, and why a changed address is a removal and an addition.
package meta

import "github.com/weir-data/weir/destinations"

func init() { destinations.Register(Destination{}) }
