package meta

import "testing"

func TestRemovalByFewerIdentifiers(t *testing.T) {
	ab, ac := "EMAIL=a\nPHONE=p", "EMAIL=b\nPHONE=p"
	a := &audience{Members: map[string]bool{ab: true, ac: true}}
	a.remove("EMAIL=a\nPHONE=q")
	if len(a.Members) != 2 {
		t.Error("a row with another phone number took somebody out")
	}
	a.remove("EMAIL=a")
	if a.Members[ab] || !a.Members[ac] {
		t.Errorf("left: %v", a.Members)
	}
	a.remove("PHONE=p")
	if len(a.Members) != 0 {
		t.Errorf("left: %v", a.Members)
	}
}
