package modeltests

// Result is what came of one test.
type Result struct {
	Name     string    `json:"name"`
	File     string    `json:"file"`
	Line     int       `json:"line"`
	OK       bool      `json:"ok"`
	Seconds  float64   `json:"seconds"`
	Failures []Failure `json:"failures"`
}

// Failure is one expectation that did not come true, or what kept the test from running.
type Failure struct {
	Of      string `json:"of"` // "segment.vip"; "" where the test could not run
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"` // one line
	// Missing are expected rows that did not come out, Unexpected rows that did and were not
	// expected, each as "column: value, …". Missing and Unexpected of one place are shown as a
	// difference.
	Missing    []Difference `json:"missing"`
	Unexpected []string     `json:"unexpected"`
}

// Difference is an expected row that did not come out.
type Difference struct {
	Row  string `json:"row"`
	Line int    `json:"line"`
	// Nearest is what came out and is most like it, with what is different: "country: DE, not FR".
	// It is empty where nothing is alike.
	Nearest string `json:"nearest,omitempty"`
	// Why are the conditions of a segment that keep the person out, one a line, where one is meant.
	Why []string `json:"why,omitempty"`
}
