package models

import "github.com/weir-data/weir/models/scoring"

// Trait is one thing known of a profile. Exactly one of From, SQL, Ratio, Tiles, RFM and Score is
// set. From a column takes Keep; from a source it takes one aggregate, or Predict.
type Trait struct {
	Name        string   `yaml:",key"`
	From        []string `yaml:"from,one" doc:"source.column, several of them in order of preference, or a source to aggregate."`
	Keep        Keep     `yaml:"keep" enum:"latest,earliest,first_found,most_frequent,longest,any_true,all_true" doc:"Which value wins. Defaults to latest." like:"strategy,rule"`
	Together    string   `yaml:"together" doc:"Traits that say the same here take their values from one row: a street and its city." like:"group,with"`
	Aggregate   `yaml:",inline"`
	Where       []ColumnTest `yaml:"where" doc:"Only rows whose columns pass."`
	Within      *Window      `yaml:"within" doc:"Only rows in this window before the run." like:"window,since,last"`
	Between     []Value      `yaml:"between" doc:"Only rows from the first time, included, to the second, not included." like:"range"`
	Predict     *Predict     `yaml:"predict" doc:"What the rows, as purchases, say of the time to come." like:"forecast"`
	Ratio       []string     `yaml:"ratio" doc:"Two traits: the first divided by the second; absent where the second is 0." like:"divide"`
	Tiles       int          `yaml:"tiles" doc:"In how many equal parts those who have a value of by are cut: 10 for deciles. The trait is the number of the part, the highest values in the last." like:"ntile,decile,quantile,buckets"`
	By          string       `yaml:"by" doc:"tiles: the trait that ranks." like:"order_by"`
	RFM         *RFM         `yaml:"rfm" doc:"Recency, frequency and monetary value in parts, as three digits: 555 are the best customers."`
	Score       *Score       `yaml:"score" doc:"The output of a model that was trained elsewhere." like:"model,ml"`
	SQL         string       `yaml:"sql" doc:"An expression over other traits, in the warehouse's own SQL."`
	Type        Type         `yaml:"type" enum:"text,integer,number,boolean,date,timestamp,list" doc:"Type of an sql trait, or to be cast to."`
	PII         string       `yaml:"pii" doc:"What kind of personal data this is: email, phone, name, health, …"`
	Description string       `yaml:"description" doc:"For people."`
}

// Keep is a rule of survivorship.
type Keep string

// The rules of survivorship.
const (
	Latest       Keep = "latest"
	Earliest     Keep = "earliest"
	FirstFound   Keep = "first_found"
	MostFrequent Keep = "most_frequent"
	Longest      Keep = "longest"
	AnyTrue      Keep = "any_true"
	AllTrue      Keep = "all_true"
)

// Aggregate is one number or value over many rows. At most one field is set.
type Aggregate struct {
	Count         bool   `yaml:"count" doc:"Number of rows."`
	CountDistinct string `yaml:"count_distinct" doc:"Number of different values of a column."`
	Sum           string `yaml:"sum" doc:"Sum of a column."`
	Min           string `yaml:"min" doc:"Smallest value of a column."`
	Max           string `yaml:"max" doc:"Largest value of a column."`
	Avg           string `yaml:"avg" doc:"Mean of a column."`
	MostFrequent  string `yaml:"most_frequent" doc:"Most frequent value of a column."`
	First         string `yaml:"first" doc:"A column of the earliest row, absent if it is there." like:"first_value"`
	Last          string `yaml:"last" doc:"A column of the latest row, absent if it is there." like:"last_value"`
	Collect       string `yaml:"collect" doc:"The different values of a column, as a list in order." like:"list,array,values"`
}

// Predict says what is predicted from purchases: by BG/NBD (Fader, Hardie and Lee, "Counting Your
// Customers the Easy Way", 2005) and, for values, Gamma-Gamma (Fader and Hardie, 2013), fitted to
// the rows of all profiles. Days with purchases count, as the papers have it.
type Predict struct {
	What    string   `yaml:"what,scalar,required" enum:"churn,purchases,expected_value" doc:"churn: the probability that there will be no further purchase. purchases: how many are expected in the horizon. expected_value: what they are expected to be worth."`
	Amount  string   `yaml:"amount" doc:"expected_value: the column with the value of a purchase." like:"value,revenue"`
	Horizon Duration `yaml:"horizon" doc:"purchases, expected_value: how far ahead. Defaults to 365d." like:"within,ahead"`
}

// RFM cuts three traits into parts. The trait is a text of their three numbers, such as 541; the
// latest, most and highest are in the last part.
type RFM struct {
	Recency   string `yaml:"recency,required" doc:"The trait with the time of the last purchase."`
	Frequency string `yaml:"frequency,required" doc:"The trait with the number of purchases."`
	Monetary  string `yaml:"monetary,required" doc:"The trait with the value of purchases."`
	Parts     int    `yaml:"parts" doc:"How many parts each is cut into, from 2 to 9. Defaults to 5." like:"tiles"`
}

// Score is a model in a file, computed in the warehouse: a logistic or linear regression, or an
// ensemble of trees as XGBoost and LightGBM write them in JSON.
type Score struct {
	Model    string    `yaml:"model,required" doc:"The file, from the folder of the YAML file." like:"file,path"`
	Features []Feature `yaml:"features" doc:"The model's feature to the trait that it is. Features with the name of a trait need not be named." like:"inputs"`
	Output   string    `yaml:"output" enum:"probability,raw" doc:"raw: before the logistic function. Defaults to probability where the model classifies."`

	// Formula and Sum, the SHA-256 of the file, are there after Load, which whoever reads the
	// project calls. Formula is nil if the file is missing or nothing can be computed by it.
	Formula *scoring.Model `yaml:"-" json:"-"`
	Sum     string         `yaml:"-"`
}

// Feature says which trait a model's feature is.
type Feature struct {
	Name  string `yaml:",key"`
	Trait string `yaml:"trait,scalar,required" doc:"The trait."`
}
