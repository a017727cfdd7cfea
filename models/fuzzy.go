package models

import "strings"

// Fuzzy says which records may be one person though no identifier says so: what is compared, which
// pairs are worth comparing, and from which probability on a pair joins. The method is that of
// Fellegi and Sunter, "A Theory for Record Linkage", 1969.
type Fuzzy struct {
	Fields    []FuzzyField   `yaml:"fields,required" doc:"Name to the columns that hold it: what is compared."`
	Block     []FuzzyBlock   `yaml:"block,one,required" doc:"Pairs are compared only if they agree on every field of one of these." like:"blocking,blocks"`
	Compare   []FuzzyCompare `yaml:"compare,required" doc:"Field to its levels of agreement, from best to worst: a pair is at the first that holds." like:"comparisons,comparison"`
	Weights   FuzzyWeights   `yaml:"weights" doc:"learned from the data, or given. Defaults to learned."`
	Threshold float64        `yaml:"threshold" doc:"Probability from which a pair joins, more than 0 and less than 1. Defaults to 0.99."`
	Review    float64        `yaml:"review" doc:"Probability from which a person is asked about a pair below the threshold. Defaults to 0.5."`
	MaxBlock  int            `yaml:"max_block" doc:"Most records that may agree on a block; more are not compared with each other by it. Defaults to 500."`
}

// FuzzyField is a value of a record that is compared with that of other records.
type FuzzyField struct {
	Name      string   `yaml:",key"`
	From      []string `yaml:"from,one,scalar,list,required" doc:"source.column of sources with updated_at; of several columns of one source the first that has a value." like:"column,columns"`
	Normalize string   `yaml:"normalize" enum:"none,trim,lower,name,address,date,email,phone" doc:"How values are made comparable. Defaults to lower for text, to what it is for anything else."`
	Country   string   `yaml:"country" doc:"ISO 3166 country of phone numbers without one."`
	DateOrder string   `yaml:"date_order" enum:"day_first,month_first" doc:"Dates: how to read 31/01/2026. Without it such dates are absent."`
	First     int      `yaml:"first" doc:"Keeps this many characters from the start, for blocks." like:"prefix,left"`
}

// FuzzyBlock is a list of fields on which two records must agree to be compared.
type FuzzyBlock struct {
	Fields []string `yaml:",one,scalar,list"`
}

// FuzzyCompare says how far the values of a field may be apart.
type FuzzyCompare struct {
	Field     string       `yaml:",key"`
	Levels    []FuzzyLevel `yaml:"levels,one,scalar,list,required" doc:"From best to worst; after the last, values differ."`
	Frequency bool         `yaml:"frequency" doc:"Agreeing exactly on a value that many records have says less: for names."`
}

// FuzzyLevel is one level of agreement. Exactly one field is set.
type FuzzyLevel struct {
	Is          string  `yaml:"is,scalar" doc:"exact: the values are equal."`
	JaroWinkler float64 `yaml:"jaro_winkler" doc:"Jaro-Winkler similarity of at least this, from 0 to 1." like:"jw,jaro,similarity"`
	Levenshtein int     `yaml:"levenshtein" doc:"At most this many characters inserted, deleted or replaced." like:"edit_distance,distance,typos"`
	Days        int     `yaml:"days" doc:"Dates at most this many days apart."`
	First       int     `yaml:"first" doc:"The first characters are equal, this many." like:"prefix"`
	Swapped     string  `yaml:"swapped" doc:"Equal, if this field and the other were mixed up in one of the records."`
}

// FuzzyWeights says where weights come from. The zero value is learned.
type FuzzyWeights struct {
	Learned string       `yaml:",scalar" enum:"learned"`
	Given   []FuzzyGiven `yaml:"given" doc:"Field to its weights; fields without are learned."`
}

// FuzzyGiven are the weights of one field: log2 of how many times likelier each level is for two
// records of one person than for two of different ones.
type FuzzyGiven struct {
	Field  string    `yaml:",key"`
	Levels []float64 `yaml:",list" doc:"One for each level, then one for values that differ."`
}

// The defaults of Fuzzy.
const (
	DefaultThreshold = 0.99
	DefaultReview    = 0.5
	DefaultMaxBlock  = 500
)

// JoinFrom is the probability from which a pair joins.
func (f *Fuzzy) JoinFrom() float64 { return or(f.Threshold, DefaultThreshold) }

// ReviewFrom is the probability from which a person is asked; the threshold if that is lower than
// the default.
func (f *Fuzzy) ReviewFrom() float64 {
	if f.Review == 0 {
		return min(DefaultReview, f.JoinFrom())
	}
	return f.Review
}

// BlockLimit is how many records may agree on a block.
func (f *Fuzzy) BlockLimit() int { return or(f.MaxBlock, DefaultMaxBlock) }

// Field returns the field called name and its place, or nil and -1.
func (f *Fuzzy) Field(name string) (*FuzzyField, int) {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return &f.Fields[i], i
		}
	}
	return nil, -1
}

// FieldNames lists the fields in the order written.
func (f *Fuzzy) FieldNames() []string {
	return names(f.Fields, func(x *FuzzyField) string { return x.Name })
}

// Columns are the columns of a field in the order written. What names no column has an empty one.
func (f *FuzzyField) Columns() []SourceColumn {
	out := make([]SourceColumn, len(f.From))
	for i, from := range f.From {
		out[i].Source, out[i].Column, _ = strings.Cut(from, ".")
	}
	return out
}

// Sources lists the sources whose records are compared, in the order in which fields name them.
func (f *Fuzzy) Sources() []string {
	var out []string
	seen := map[string]bool{}
	for i := range f.Fields {
		for _, c := range f.Fields[i].Columns() {
			if !seen[c.Source] {
				seen[c.Source] = true
				out = append(out, c.Source)
			}
		}
	}
	return out
}

// kinds lists the keys that are set.
func (l *FuzzyLevel) kinds() []string {
	var out []string
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"is", l.Is != ""}, {"jaro_winkler", l.JaroWinkler != 0}, {"levenshtein", l.Levenshtein != 0},
		{"days", l.Days != 0}, {"first", l.First != 0}, {"swapped", l.Swapped != ""},
	} {
		if k.set {
			out = append(out, k.name)
		}
	}
	return out
}
