package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/weir-data/weir/internal/app"
)

// confirm asks a person at a terminal. yes is that they said so beforehand; with neither, or a no,
// it is a refusal, and nothing was done.
func (s *session) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	in, ok := s.stdin.(*os.File)
	if s.json || !ok || !term.IsTerminal(int(in.Fd())) {
		return &app.Error{Kind: app.Refused, Code: "cli.unconfirmed", Message: "nothing was done: this needs a yes", Fix: "read what it would do, then add --yes"}
	}
	return s.ask(in, question)
}

// ask takes y or yes for a yes and everything else for a no.
func (s *session) ask(in io.Reader, question string) error {
	s.ui.close()
	fmt.Fprintf(s.stderr, "%s [y/N] ", question)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && line == "" {
		fmt.Fprintln(s.stderr)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return &app.Error{Kind: app.Refused, Code: "cli.unconfirmed", Message: "nothing was done"}
}
