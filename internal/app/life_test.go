//go:build cgo && !noduckdb

package app

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	_ "github.com/weir-data/weir/destinations/meta"
	_ "github.com/weir-data/weir/destinations/twilio"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/syncs"
)

func TestCommonWords(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"external_id is longer than 255 characters", "external_id is longer than N characters"},
		{"ana.b@example.com is suppressed", "…@… is suppressed"},
		{`profile "Ana B" (01ARZ3) does not exist`, "profile “…” (…) does not exist"},
		{"cus_00000017 is merged into cus_00000021", "… is merged into …"},
		{"order 01HZX3K9QA7D-b of c123 at 2026-03-01T10:00:00.5Z and 2026-03-01 10:00+01:00", "order … of … at N and N"},
		{"address1 must be UTF-8, the hash sha256, the date ISO8601 and the phone E164", "address1 must be UTF-N, the hash sha256, the date ISO8601 and the phone E164"},
		{"https://api.example.com/v2/profiles/8fhA2k gave HTTP 422", "https://api.example.com/v2/profiles/… gave HTTP N"},
		{"the value 'x y' of it's field", "the value “…” of it's field"},
		{"No +33 6 39 98 00 11: unreachable,\n  try 06.39.98.00.11", "No N: unreachable, try N"},
		{"import 7f1c5f3e-9a51-4d0c-8f5e-2b8c0c1d2e3f failed", "import … failed"},
		{"hash 9f86d081884c7d659a2feaa0c55ad015 is unknown", "hash … is unknown"},
		{"feedface is a word", "feedface is a word"},
		{"", ""},
	} {
		if got := commonWords(c.in); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.in, got, c.want)
		}
		if again := commonWords(commonWords(c.in)); again != commonWords(c.in) {
			t.Errorf("%q is not stable: %q", c.in, again)
		}
	}
	if n := len([]rune(commonWords(strings.Repeat("word ", 200)))); n != 201 {
		t.Errorf("a long message has %d letters", n)
	}
}

// TestCommonWordsOfAThousand holds that a thousand messages which differ in who they are about are
// one message, and that nothing of it is left that names somebody.
func TestCommonWordsOfAThousand(t *testing.T) {
	for name, say := range map[string]func(i int) string{
		"an id":       func(i int) string { return fmt.Sprintf("profile cus_%08d was merged away", i) },
		"a short id":  func(i int) string { return fmt.Sprintf("c%d is not there", i) },
		"a random id": func(i int) string { return fmt.Sprintf("id %x rejected", sha256.Sum256([]byte{byte(i), byte(i >> 8)})) },
		"an address": func(i int) string {
			return fmt.Sprintf("ana.%d+news@mail%d.example.com is on the list of bounces", i, i%7)
		},
		"a number": func(i int) string {
			return fmt.Sprintf("+33 6 39 98 %02d %02d is a landline (error 21635)", i/100%100, i%100)
		},
		"a quoted value": func(i int) string {
			return fmt.Sprintf(`the value "Ana %d, O'Neil" of 'first name' is too long by %d`, i, i)
		},
		"a time and a sum": func(i int) string {
			return fmt.Sprintf("the row of 2026-03-01T10:%02d:%02dZ is worth %d.%02d", i/60%60, i%60, i, i%100)
		},
	} {
		groups := map[string]int{}
		for i := range 1000 {
			groups[commonWords(say(i))]++
		}
		if len(groups) != 1 {
			t.Errorf("%s: %d groups", name, len(groups))
		}
		for g := range groups {
			if strings.ContainsAny(g, "0123456789") || strings.Contains(g, "example") || strings.Contains(g, "Ana") {
				t.Errorf("%s: %q", name, g)
			}
		}
	}
}

func TestMaskedKey(t *testing.T) {
	for in, want := range map[string]string{"ana@example.com": "a…@e….com", "customer-4711": "•••11", "4711": "•••", "": "•••"} {
		if got := maskedKey(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestRejectsAreGrouped(t *testing.T) {
	a := loaded(t, written(t, strings.NewReplacer("send: live", "send: sandbox").Replace(guardedYAML)))
	exec(t, a, guardedSQL...)
	if list, err := a.Rejects(t.Context(), "", false); err != nil || len(list) != 0 {
		t.Fatalf("before anything ran: %+v, %v", list, err)
	}
	if _, err := a.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, sync := range []string{"by_segment", "by_source"} {
		var values []string
		for i, text := range []string{"no box 'a' here", "no box 'b' here", "full", "full"} {
			values = append(values, "('id-00000"+string(rune('1'+i))+"', 'g', 'absent', "+[]string{"1", "2", "1", "4"}[i]+", "+
				map[bool]string{true: "timestamptz '9999-01-01 00:00:00+00'", false: "timestamptz '2026-03-01 10:00:00+00'"}[i == 3]+", '"+[]string{"box", "box", "full", "full"}[i]+"', '"+strings.ReplaceAll(text, "'", "''")+"')")
		}
		exec(t, a, "insert into weir.ledger_"+sync+" (key, grp, state, attempts, next_try, code, reason) values "+strings.Join(values, ", "),
			"insert into weir.deliveries (run, sync, key, op, state, code, \"at\") values ('r1', '"+sync+"', 'id-000001', 'add', 'rejected', 'box', timestamptz '2026-02-01 00:00:00+00'), ('r2', '"+sync+"', 'id-000002', 'add', 'rejected', 'box', timestamptz '2026-02-03 00:00:00+00'), ('r3', '"+sync+"', 'id-000002', 'add', 'delivered', 'box', timestamptz '2026-02-04 00:00:00+00')")
	}
	at := func(text string) *time.Time {
		x, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return &x
	}
	const by, people = ": tried again by itself with a run from 2026-03-01 10:00 UTC on; now: weir runs retry ", " (see one: weir profile get id-00000"
	const mend, itself = "correct what the destination refuses, in the sources or in the mapping of ", ": a changed row is sent by itself; where nothing changes on this side: weir runs retry "
	group := func(sync string, keys ...string) []Rejects {
		see := func(n string) string {
			if sync == "by_segment" {
				return people + n + ")"
			}
			return ""
		}
		return []Rejects{
			{Sync: sync, Code: "box", Message: "no box “…” here", Rows: 2, First: at("2026-02-01T00:00:00Z"), Last: at("2026-02-03T00:00:00Z"), Next: at("2026-03-01T10:00:00Z"), Keys: keys[:len(keys)-2], Fix: mend + sync + see("1") + by + sync},
			{Sync: sync, Code: "full", Message: "full", Rows: 1, Next: at("2026-03-01T10:00:00Z"), Keys: keys[len(keys)-2 : len(keys)-1], Fix: mend + sync + see("3") + by + sync},
			{Sync: sync, Code: "full", Message: "full", Quarantined: true, Rows: 1, Keys: keys[len(keys)-1:], Fix: mend + sync + see("4") + itself + sync},
		}
	}
	for _, c := range []struct {
		name   string
		reveal bool
		want   []Rejects
	}{
		{"by_segment", false, group("by_segment", "id-000001", "id-000002", "id-000003", "id-000004")},
		{"by_source", true, group("by_source", "id-000001", "id-000002", "id-000003", "id-000004")},
		{"by_source", false, group("by_source", "•••01", "•••02", "•••03", "•••04")},
	} {
		got, err := a.Rejects(t.Context(), c.name, c.reveal)
		if err != nil {
			t.Fatal(err)
		}
		// Several raw messages come in no order.
		for i := range got {
			if len(got[i].Keys) == 2 && got[i].Keys[0] > got[i].Keys[1] {
				got[i].Keys[0], got[i].Keys[1] = got[i].Keys[1], got[i].Keys[0]
				got[i].Fix = strings.Replace(got[i].Fix, "id-000002", "id-000001", 1)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s, reveal %v (-want +got):\n%s", c.name, c.reveal, diff)
		}
	}
	if list, err := a.Rejects(t.Context(), "", false); err != nil || len(list) != 6 {
		t.Errorf("of all syncs: %d groups, %v", len(list), err)
	}
	w, err := a.RetryRejects(t.Context(), "by_segment")
	if err != nil || !w.Done || w.Rows != 4 {
		t.Fatalf("retry: %+v, %v", w, err)
	}
	if list, err := a.Rejects(t.Context(), "by_segment", false); err != nil || len(list) != 0 {
		t.Errorf("after a retry: %+v, %v", list, err)
	}
}

// written makes a project's folder.
func written(t *testing.T, yaml string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

const forgetYAML = `
project: forgetting
targets: {dev: TARGET}
sources:
  crm: {table: shop.crm, key: id, updated_at: changed_at, identifiers: {email: email}}
entities:
  customer:
    identity: {identifiers: {email: {}}, from: crm}
    traits:
      email:   {from: crm.email}
      country: {from: crm.country}
      phone:   {from: crm.phone}
segments:
  everybody: {entity: customer, where: {trait: email, exists: true}}
policies:
  asked: {entity: customer, purpose: ads, require: {trait: email, exists: true}}
  sms:   {entity: customer, purpose: sms, require: {trait: email, exists: true}}
destinations:
  meta: {type: meta_ads, ad_account: "1234567890", access_token: "${env:WEIR_TEST_KEY:-}", purpose: ads}
  sms:  {type: twilio, account_sid: "AC00000000000000000000000000000001", auth_token: "${env:WEIR_TEST_KEY:-}", purpose: sms}
syncs:
  ads: {segment: everybody, destination: meta, into: All, match: {email: email, country: country}}
  hello: {segment: everybody, destination: sms, first_run: send, match: {to: phone}, fields: {body: {text: "Hello"}}, with: {from: "+12025550100"}}
`

// TestForgetBarsNobodyElse holds that of the values by which somebody was sent only those bar that
// name a person: a country is many people's.
func TestForgetBarsNobodyElse(t *testing.T) {
	a := loaded(t, written(t, strings.Replace(forgetYAML, "TARGET", target(t), 1)))
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, country varchar, phone varchar, changed_at timestamptz)",
		"insert into shop.crm select 'k' || i, 'p' || i || '@example.com', 'FR', '+3363998000' || i, timestamptz '2026-01-01 00:00:00+00' from generate_series(0, 3) t(i)")
	run := func(sync string) syncs.Counts {
		t.Helper()
		res, err := a.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range res.Runs {
			if r.Sync == sync {
				return r.Counts
			}
		}
		t.Fatalf("%s did not run", sync)
		return syncs.Counts{}
	}
	if c := run("ads"); c.Added != 4 {
		t.Fatalf("first run: %+v", c)
	}
	f, err := a.Forget(t.Context(), "email=P2@example.com", false)
	if err != nil || f.Done || f.Already {
		t.Fatalf("telling: %+v, %v", f, err)
	}
	if f, err = a.Forget(t.Context(), f.ProfileID, true); err != nil {
		t.Fatal(err)
	}
	want := &Forgotten{Entity: "customer", ProfileID: f.ProfileID, Identifiers: map[string]int64{"email": 1}, Done: true, Notes: []string{},
		Told: []ForgetPlace{
			{Sync: "ads", Destination: "meta", Object: "audience", Into: "All", Rows: 1, Does: "remove"},
			{Sync: "hello", Destination: "sms", Object: "message", Rows: 1, Does: "nothing"},
		}, Remains: []SourceRows{{"crm", 1}}}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if c := run("ads"); c.Removed != 1 || c.Added != 0 || c.Unchanged != 3 || c.Suppressed != 1 {
		t.Errorf("after it: %+v", c)
	}
	if f, err = a.Forget(t.Context(), f.ProfileID, true); err != nil || !f.Already {
		t.Errorf("again: %+v, %v", f, err)
	}
	var e *Error
	if _, err := a.Forget(t.Context(), "email=nobody@example.com", true); !errors.As(err, &e) || e.Kind != Refused || strings.Contains(e.Message+e.Fix, "@") {
		t.Errorf("nobody: %v", err)
	}
}

func TestALifeIsRefused(t *testing.T) {
	a := loaded(t, written(t, strings.Replace(forgetYAML, "TARGET", target(t), 1)))
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, country varchar, phone varchar, changed_at timestamptz)")
	for name, c := range map[string]struct {
		err  func() error
		code string
		kind Code
	}{
		"messages are not sent again": {func() error { _, err := a.FullSync(t.Context(), "hello"); return err }, "syncs.full_append", Refused},
		"a sync that is not there":    {func() error { _, err := a.PauseSync(t.Context(), "adds", "eve", ""); return err }, "syncs.unknown", Refused},
		"somebody runs it": {func() error {
			if _, err := a.led.Acquire(t.Context(), "ads", syncs.Holder{Store: "s", Host: "elsewhere", PID: 7}, time.Hour); err != nil {
				t.Fatal(err)
			}
			if err := a.led.AdoptStore(t.Context(), must(a.holder(t.Context()))); err != nil {
				t.Fatal(err)
			}
			_, err := a.ResetSync(t.Context(), "ads", false)
			return err
		}, "syncs.busy", Unavailable},
	} {
		var e *Error
		if err := c.err(); !errors.As(err, &e) || e.Code != c.code || e.Kind != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	for adopt, want := range map[bool]string{false: "AGAIN", true: "sends nothing to anybody who is in by then"} {
		w, err := a.ResetWords(t.Context(), "hello", adopt)
		if err != nil || w.Done || !strings.Contains(strings.Join(w.Then, "\n"), want) {
			t.Errorf("adopt %v: %+v, %v; want %q", adopt, w, err, want)
		}
	}
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

func TestDoctorTellsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Examination)
		kind   Code
	}{
		"a note":              {func(x *Examination) { x.add("a", note, "", "n") }, ""},
		"something to change": {func(x *Examination) { x.add("a", note, "", "n"); x.add("b", bad, "", "b") }, Refused},
		"something away":      {func(x *Examination) { x.add("b", bad, "", "b"); x.add("c", away, "", "a") }, Unavailable},
	} {
		x := &Examination{}
		x.add("w", fine, "", "f")
		c.change(x)
		var e *Error
		if err := x.verdict(); errors.As(err, &e) != (c.kind != "") || e != nil && e.Kind != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	// On a target that sends nothing no destination is asked, and nothing is wrong with that.
	a := loaded(t, written(t, strings.Replace(forgetYAML, "TARGET", strings.Replace(target(t), "send: sandbox", "send: none", 1), 1)))
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, country varchar, phone varchar, changed_at timestamptz)")
	x, err := a.Doctor(t.Context(), false)
	if err != nil {
		t.Fatalf("%+v, %v", x, err)
	}
	states := map[string]string{}
	for _, d := range x.Checks {
		states[d.Name] = d.State
	}
	want := map[string]string{"warehouse": fine, "clock": fine, "rights": fine, "schema": fine, "source crm": fine, "models": fine, "store": fine, "destination meta": note, "destination sms": note}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// Another project's secret recognises nobody who was erased.
	if err := a.led.Erase(t.Context(), []ledger.Identifier{{Kind: "email", Value: "x@example.com"}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.p.Dir, ".weir", "secret.key"), []byte(strings.Repeat("ab", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	x, err = loaded(t, a.p.Dir).Doctor(t.Context(), false)
	var e *Error
	if !errors.As(err, &e) || e.Kind != Refused {
		t.Fatalf("%v", err)
	}
	for _, d := range x.Checks {
		if key := d.Name == "secret key"; (d.State == bad) != key || key && d.Fix != new(ledger.KeyError).Fix() {
			t.Errorf("%+v", d)
		}
	}
}
