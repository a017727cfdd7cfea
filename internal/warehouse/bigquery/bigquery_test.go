package bigquery

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	bq "cloud.google.com/go/bigquery"
	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/googleapi"

	"github.com/weir-data/weir/internal/warehouse"
)

func open(t *testing.T, set map[string]string) (*store, error) {
	t.Helper()
	w, err := kind{}.Open(warehouse.Config{Dir: t.TempDir(), Settings: set, Label: "Weir run: Shop!", MaxBytes: 1000})
	s, _ := w.(*store)
	return s, err
}

func TestSettings(t *testing.T) {
	s, err := open(t, map[string]string{
		"project": "shop", "dataset": "tools.weir", "max_bytes_billed": "500", "priority": "batch", "job_timeout": "2h",
		"credentials_json": `{"type":"service_account","client_email":"weir@shop.example.com"}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.homeProject != "tools" || s.dataset != "weir" || s.Schema() != "tools.weir" || s.Identity() != "bigquery:tools/weir" || s.maxBytes != 500 ||
		s.priority != bq.BatchPriority || s.timeout != 2*time.Hour || s.label != "weir-run-shop" || s.member != "serviceAccount:weir@shop.example.com" || !s.storageRead {
		t.Errorf("store is %+v", s)
	}
	for key, bad := range map[string]string{
		"project": "", "dataset": "a b", "priority": "soon", "storage_read": "maybe", "job_timeout": "2", "max_bytes_billed": "-1",
		"endpoint": "127.0.0.1:1", "credentials": "not-there.json", "credentials_json": `{"private_key":"canary"`,
	} {
		set := map[string]string{"project": "shop", key: bad}
		if _, err := open(t, set); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s %q: error is %v", key, bad, err)
		}
	}
}

func TestValues(t *testing.T) {
	rat := func(s string) *big.Rat { r, _ := new(big.Rat).SetString(s); return r }
	for _, c := range []struct {
		in   bq.Value
		f    bq.FieldSchema
		want any
	}{
		{nil, bq.FieldSchema{Type: bq.NumericFieldType}, nil},
		{rat("100"), bq.FieldSchema{Type: bq.NumericFieldType}, json.Number("100")},
		{rat("-0.000000001"), bq.FieldSchema{Type: bq.NumericFieldType}, json.Number("-0.000000001")},
		{rat("1.5"), bq.FieldSchema{Type: bq.BigNumericFieldType}, json.Number("1.5")},
		{civil.Date{Year: 2024, Month: 2, Day: 29}, bq.FieldSchema{Type: bq.DateFieldType}, time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)},
		{[]bq.Value{rat("1.50"), nil}, bq.FieldSchema{Type: bq.NumericFieldType, Repeated: true}, "[1.5,null]"},
		{[]bq.Value{}, bq.FieldSchema{Type: bq.StringFieldType, Repeated: true}, "[]"},
		{[]bq.Value{"a", int64(2)}, bq.FieldSchema{Type: bq.RecordFieldType, Schema: bq.Schema{{Name: "x"}, {Name: "y"}}}, `{"x":"a","y":2}`},
	} {
		got, err := value(c.in, &c.f)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%v: %v %s", c.in, err, diff)
		}
	}
}

func TestErrors(t *testing.T) {
	st, err := open(t, map[string]string{"project": "shop", "credentials_json": `{"type":"service_account","client_email":"weir@shop.example.com"}`})
	if err != nil {
		t.Fatal(err)
	}
	s := &session{store: st, asking: true}
	explain := func(reason, message string) error {
		return s.explain(context.Background(), &googleapi.Error{Code: 400, Message: message, Errors: []googleapi.ErrorItem{{Reason: reason, Message: message}}})
	}
	var missing *warehouse.MissingError
	for message, want := range map[string]string{
		"Not found: Table shop:crm.custmers was not found in location EU":             "table crm.custmers",
		"Not found: Dataset other:crm was not found in location EU":                   "table other.crm",
		"Unrecognized name: emial; Did you mean email? at [1:8]":                      "column emial", //nolint:misspell // their words
		"Name emial not found inside t at [1:8]":                                      "column emial",
		`Table "custmers" must be qualified with a dataset (e.g. dataset.table).`:     "table custmers",
		"failed to analyze: Table not found: crm.custmers; Did you mean x? [at 1:15]": "table crm.custmers",
	} {
		if err := explain("invalidQuery", message); !errors.As(err, &missing) || missing.What+" "+missing.Name != want {
			t.Errorf("%s: %v", message, err)
		}
	}
	var denied *warehouse.DeniedError
	to := ` TO "serviceAccount:weir@shop.example.com";`
	for message, want := range map[string]string{
		"Access Denied: Table shop:crm.orders: User does not have permission to query table shop:crm.orders, or perhaps it does not exist.": "read crm.orders; GRANT `roles/bigquery.dataViewer` ON TABLE `shop`.`crm`.`orders`" + to,
		"Access Denied: Dataset shop:weir: Permission bigquery.tables.create denied on dataset shop:weir (or it may not exist).":            "use and make tables in dataset weir; GRANT `roles/bigquery.dataEditor` ON SCHEMA `shop`.`weir`" + to,
		"Access Denied: Project shop: User does not have bigquery.jobs.create permission in project shop.":                                  "run jobs in project shop; gcloud projects add-iam-policy-binding shop --member='serviceAccount:weir@shop.example.com' --role='roles/bigquery.jobUser'",
	} {
		if err := explain("accessDenied", message); !errors.As(err, &denied) || denied.What+"; "+denied.Grant != want {
			t.Errorf("%s: %v, %+v", message, err, denied)
		}
	}
	for _, message := range []string{"Bad int64 value: canary@example.com", "Invalid date: 'canary'", "Query error: Bad double value: canary at [1:1]",
		"Error while reading data, error message: JSON parsing error in row starting at position 0: Could not parse 'canary' as INT64 for field id"} {
		if err := explain("invalidQuery", message); strings.Contains(err.Error(), "canary") {
			t.Errorf("an error tells a value: %v", err)
		}
	}
	if !passing(&bq.Error{Reason: "invalidQuery", Message: "Transaction is aborted due to concurrent update against table shop:weir.epochs"}) || passing(&bq.Error{Reason: "invalidQuery", Message: "Syntax error"}) {
		t.Error("what passes is not known")
	}
	if err := explain("bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 1000. 10485760 or higher required."); !strings.Contains(err.Error(), "1000 bytes") {
		t.Errorf("error is %v", err)
	}
}
