package postgres

import "testing"

func TestList(t *testing.T) {
	for _, c := range []struct {
		item     uint32
		in, want string
	}{
		{oidText, `{}`, `[]`},
		{oidText, `{a,"b c",NULL,"NULL","q\"\\"}`, `["a","b c",null,"NULL","q\"\\"]`},
		{oidInt4, `[2:3]={7,8}`, `[7,8]`},
		{oidInt4, `{{1,2},{3,4}}`, `[1,2,3,4]`},
		{oidNumeric, `{1.50,100}`, `[1.5,100]`},
		{oidBool, `{t,f}`, `[true,false]`},
		{oidText, `{"a=b","{c}"}`, `["a=b","{c}"]`},
	} {
		if got, err := list(c.item, c.in); err != nil || got != c.want {
			t.Errorf("%s: got %v, %v, want %s", c.in, got, err, c.want)
		}
	}
	for _, bad := range []string{`{"a`, `{a`, `{x}`} {
		if got, err := list(oidInt4, bad); err == nil {
			t.Errorf("%s: got %v", bad, got)
		}
	}
}
