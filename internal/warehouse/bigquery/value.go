package bigquery

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	bq "cloud.google.com/go/bigquery"
	"cloud.google.com/go/civil"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// value brings a value of a column into the form that a session gives.
func value(v bq.Value, f *bq.FieldSchema) (any, error) {
	switch v := v.(type) {
	case nil, string, bool, int64, float64:
		return v, nil
	case time.Time:
		return v.UTC().Truncate(time.Microsecond), nil
	case civil.Date:
		return v.In(time.UTC), nil
	case civil.DateTime: // has no zone, and is taken for UTC
		return v.In(time.UTC), nil
	case civil.Time:
		return v.String(), nil
	case *big.Rat:
		return decimal(v, f.Type), nil
	case []byte:
		return base64.StdEncoding.EncodeToString(v), nil
	case []bq.Value, map[string]bq.Value, *bq.IntervalValue, *bq.RangeValue:
		tree, err := nested(v, f)
		if err != nil {
			return nil, err
		}
		return warehouse.JSON(tree)
	}
	return nil, fmt.Errorf("a %T is none of the values that are known", v)
}

// nested is what JSON is made of: a list, a struct as an object, or a value in one of them.
func nested(v bq.Value, f *bq.FieldSchema) (any, error) {
	switch v := v.(type) {
	case []bq.Value:
		if f.Repeated {
			one := *f
			one.Repeated = false
			out := make([]any, len(v))
			for i := range v {
				var err error
				if out[i], err = nested(v[i], &one); err != nil {
					return nil, err
				}
			}
			return out, nil
		}
		out := map[string]any{}
		for i := range v {
			if i >= len(f.Schema) {
				return nil, fmt.Errorf("a struct has %d values for %d fields", len(v), len(f.Schema))
			}
			var err error
			if out[f.Schema[i].Name], err = nested(v[i], f.Schema[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]bq.Value:
		out := map[string]any{}
		for _, field := range f.Schema {
			var err error
			if out[field.Name], err = nested(v[field.Name], field); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *bq.IntervalValue:
		return v.String(), nil
	case *bq.RangeValue:
		start, err := nested(v.Start, &bq.FieldSchema{})
		if err != nil {
			return nil, err
		}
		end, err := nested(v.End, &bq.FieldSchema{})
		return map[string]any{"start": start, "end": end}, err
	}
	one, err := value(v, f)
	if t, ok := one.(time.Time); ok {
		return t.Format("2006-01-02T15:04:05.999999Z"), err
	}
	return one, err
}

// decimal is a NUMERIC or BIGNUMERIC without zeros at the end of its fraction.
func decimal(r *big.Rat, t bq.FieldType) json.Number {
	digits := bq.NumericScaleDigits
	if t == bq.BigNumericFieldType {
		digits = bq.BigNumericScaleDigits
	}
	text := r.FloatString(digits)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		text = "0"
	}
	return json.Number(text)
}

// columns are the columns of a schema.
func columns(schema bq.Schema) []warehouse.Column {
	out := make([]warehouse.Column, len(schema))
	for i, f := range schema {
		typ, naive := typeOf(f)
		out[i] = warehouse.Column{Name: f.Name, Type: typ, Native: nativeOf(f), Naive: naive}
	}
	return out
}

// typeOf is the model type of a field, and whether it is a timestamp without a zone.
func typeOf(f *bq.FieldSchema) (models.Type, bool) {
	if f.Repeated {
		if f.Type == bq.RecordFieldType {
			return models.Unknown, false
		}
		return models.List, false
	}
	switch f.Type {
	case bq.StringFieldType:
		return models.Text, false
	case bq.IntegerFieldType:
		return models.Integer, false
	case bq.FloatFieldType, bq.NumericFieldType, bq.BigNumericFieldType:
		return models.Number, false
	case bq.BooleanFieldType:
		return models.Boolean, false
	case bq.DateFieldType:
		return models.Date, false
	case bq.TimestampFieldType:
		return models.Timestamp, false
	case bq.DateTimeFieldType:
		return models.Timestamp, true
	}
	return models.Unknown, false
}

// sqlTypes are the types that the API has older names for than SQL.
var sqlTypes = map[bq.FieldType]string{
	bq.IntegerFieldType: "INT64", bq.FloatFieldType: "FLOAT64", bq.BooleanFieldType: "BOOL", bq.RecordFieldType: "STRUCT",
}

// nativeOf is a type as SQL has it.
func nativeOf(f *bq.FieldSchema) string {
	name, ok := sqlTypes[f.Type]
	if !ok {
		name = string(f.Type)
	}
	if f.Repeated {
		return "ARRAY<" + name + ">"
	}
	return name
}
