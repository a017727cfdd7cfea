package compile

import (
	"github.com/weir-data/weir/internal/rel"
)

// address matches an email: a mailbox, one @, a domain of at least two labels, no blanks.
const address = `^[^@[:space:],;<>()"]+@[^@[:space:],;<>()".]+(\.[^@[:space:],;<>()".]+)+$`

// The providers that say themselves that addresses of different letters are one mailbox.
const (
	// At Google dots do not matter, nor what follows a plus, and googlemail.com is gmail.com:
	// support.google.com/mail/answer/7436150 and /22370. Not so for companies that have their own
	// domain there.
	google = `^[^@]+@(gmail|googlemail)\.com$`
	// What follows a plus does not matter at Fastmail (fastmail.help, "Plus addressing and subdomain
	// addressing") and Proton (proton.me/support/addresses-and-aliases). Others may do the same,
	// but do not say so for the mailboxes of the public, and at some a plus is part of the name.
	tagged = `^[^@+]+\+[^@]*@(fastmail\.(com|fm)|proton\.me|pm\.me|protonmail\.(com|ch))$`
)

// mailbox writes an email in lower case as its provider reads it, for the providers that are known
// to have one mailbox for several addresses.
func mailbox(email rel.Expr) rel.Expr {
	name := rel.F(rel.Replace, rel.F(rel.RegexDrop, email, rel.T(`[+@].*$`)), rel.T("."), rel.T(""))
	return rel.Case{Whens: []rel.When{
		{If: rel.F(rel.RegexTest, email, rel.T(google)), Then: rel.F(rel.Concat, name, rel.T("@gmail.com"))},
		{If: rel.F(rel.RegexTest, email, rel.T(tagged)), Then: rel.F(rel.RegexDrop, email, rel.T(`\+[^@]*`))},
	}, Else: email}
}
