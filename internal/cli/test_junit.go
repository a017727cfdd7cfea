package cli

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"

	"github.com/weir-data/weir/internal/app"
)

// junitSuite is the root of a report in the form that build servers read.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit writes the results of tests to a file.
func writeJUnit(path, project string, res *app.Tests) error {
	suite := junitSuite{Name: project, Tests: len(res.Tests), Failures: res.Failed}
	total := 0.0
	for _, t := range res.Tests {
		total += t.Seconds
		c := junitCase{Name: t.Name, Class: project, File: t.File, Line: t.Line, Time: fmt.Sprintf("%.3f", t.Seconds)}
		if !t.OK {
			var lines []string
			for _, f := range t.Failures {
				lines = append(lines, failureLines(f)...)
			}
			c.Failure = &junitFailure{Message: t.Failures[0].Message, Text: strings.Join(lines, "\n")}
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Time = fmt.Sprintf("%.3f", total)
	b, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.WriteFile(path, append([]byte(xml.Header), append(b, '\n')...), 0o644)
}
