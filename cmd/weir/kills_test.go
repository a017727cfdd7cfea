package main_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
)

// crowded is a project of many people: all of them on an email list, every 50th gets a message.
const crowded = `project: crowd
default_target: dev
targets:
  dev: {type: duckdb, path: crowd.duckdb, threads: 1, send: sandbox}
sources:
  people: {table: crm.people, key: id, updated_at: changed_at, identifiers: {customer_id: id}}
entities:
  person:
    identity:
      identifiers: {customer_id: {limit: 1}}
      from: [people]
    traits:
      email: {from: people.email, keep: latest, pii: email}
      phone: {from: people.phone, keep: latest, pii: phone}
      name:  {from: people.name, keep: latest, pii: name}
      may:   {from: people.may, keep: latest}
segments:
  everybody: {entity: person, where: {trait: may, is: true}}
  reachable: {entity: person, where: {all: [{trait: may, is: true}, {trait: phone, exists: true}]}}
policies:
  mail: {entity: person, purpose: mail, require: {trait: may, is: true}}
  text: {entity: person, purpose: text, require: {trait: may, is: true}}
destinations:
  klaviyo: {type: klaviyo, api_key: "${env:KLAVIYO_API_KEY:-}", purpose: mail}
  twilio: {type: twilio, account_sid: "AC00000000000000000000000000000000", auth_token: "${env:TWILIO_AUTH_TOKEN:-}", purpose: text}
syncs:
  mail_everybody:
    segment: everybody
    destination: klaviyo
    object: list
    into: Everybody
    match: {email: email}
    fields: {first_name: name}
    guard: {max_removed: 100%, max_rejected: 100%}
  text_reachable:
    segment: reachable
    destination: twilio
    object: message
    match: {to: phone}
    with: {from: "+15005550006"}
    fields: {body: {text: "Hi {name}, see shop.example.com"}}
    mode: append
    first_run: send
    guard: {max_rejected: 100%}
`

// size reads a number from the environment.
func size(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return usual
}

// TestKillsOfALargeSync kills runs again and again at any instant, while one call in five fails:
// in the end the list is the segment, and nobody has had two messages. WEIR_KILLS and
// WEIR_KILL_ROWS make it large, as .ci/kills does.
func TestKillsOfALargeSync(t *testing.T) {
	if testing.Short() {
		outside.LeaveOut(t, "runs a whole project many times")
	}
	t.Parallel()
	rows, want := size("WEIR_KILL_ROWS", 3000), size("WEIR_KILLS", 3)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(crowded), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "crowd.duckdb")
	execute(t, file, "create schema crm", fmt.Sprintf(`create table crm.people as select
		'c' || i as id, 'c' || i || '@example.com' as email, 'Name ' || i as name, true as may,
		case when i %% 50 = 0 then '+1' || (201 + (i // 5000) %% 700) || '555' || lpad(cast((i // 50) %% 100 + 100 as varchar), 4, '0') end as phone,
		timestamp '2026-01-01' as changed_at from range(%d) r(i)`, rows))
	box := startSandbox(t, dir, "--faults", "20%", "--seed", "5", "--speed", "1000")
	defer box.stop(t)

	r := rand.New(rand.NewPCG(3, 4))
	kills, sending := 0, 0
	for i := 0; kills < want && i < 3*want; i++ { // a run that ends before it is killed is none
		if i > 0 && i%10 == 0 { // something new to do
			execute(t, file, fmt.Sprintf("update crm.people set name = name || 'x', changed_at = changed_at + interval 1 day where hash(id) %% 4 = %d", i/10%4),
				fmt.Sprintf("update crm.people set may = not may, changed_at = changed_at + interval 1 day where hash(id) %% 50 = %d", i/10%50))
		}
		p := begin(t, "run", "--project", dir, "--events")
		if i%3 != 2 { // two in three while a plan is sent
			until(t, "a plan", func() bool { return strings.Contains(p.stderr(), "run.planned") || p.done() })
		}
		most := 2000
		if i%10 == 9 { // let it get somewhere
			most = 20000
		}
		time.Sleep(time.Duration(r.IntN(most)) * time.Millisecond)
		planned, ended := strings.Contains(p.stderr(), "run.planned"), p.done()
		if p.cmd.Process.Kill() == nil && !ended {
			kills++
			if planned {
				sending++
			}
		}
		<-p.gone
	}
	for range 30 {
		out, _ := weir(t, "run", "--json", "--project", dir)
		left, runs := int64(0), decode[struct{ Result struct{ Runs []report } }](t, out).Result.Runs
		for _, x := range runs {
			x.Counts.balanced(t, x.Sync)
			if left += x.Counts.Due; x.Sync == "mail_everybody" {
				left += x.Counts.InDoubt
			}
		}
		if len(runs) == 2 && left == 0 {
			break
		}
	}

	member := query(t, file, "select email from crm.people where may order by 1")
	slices.Sort(member)
	got := box.members(t, "klaviyo")
	equal := cmp.Diff(member, got) == ""
	if !equal {
		t.Errorf("the list has %d people and should have %d others or the same number", len(got), len(member))
	}
	numbers, doubles := map[string]int{}, 0
	for _, m := range box.members(t, "twilio") {
		n := regexp.MustCompile(`\+\d+`).FindString(m)
		if numbers[n]++; numbers[n] == 2 || n == "" {
			doubles++
		}
	}
	if doubles > 0 {
		t.Errorf("%d people have had a message twice", doubles)
	}
	t.Logf("%d rows, %d kills, %d of them while a plan was sent; the list equals the segment: %t (%d people); %d messages, %d sent twice",
		rows, kills, sending, equal, len(got), len(numbers), doubles)
	if sending == 0 {
		t.Error("no run was killed while it was sending")
	}
	if len(numbers) == 0 {
		t.Error("no message was sent")
	}
}

// query reads one column of text.
func query(t *testing.T, file, q string) []string {
	t.Helper()
	db, err := sql.Open("duckdb", file+"?access_mode=read_only")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
