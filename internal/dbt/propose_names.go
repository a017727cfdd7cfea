package dbt

import (
	"regexp"
	"slices"
	"strings"

	"github.com/weir-data/weir/models"
)

// plainName is a column that needs no quotes anywhere.
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// people are the words for those whom a table may have one row each of.
var people = strings.Fields("customer user contact person client member subscriber buyer shopper lead patient guest player student donor consumer passenger patron attendee traveller traveler borrower resident") //nolint:misspell // both spellings name columns

// others are words in the name of a column that make it somebody else's than the row is about.
var others = strings.Fields("by owner parent manager agent admin staff employee sales rep seller vendor supplier support created updated deleted assigned approver referrer referred referring inviter invited merged merge old previous original sender from to author account_manager master company org organization")

// anonymous are identifiers of browsers and devices.
var anonymous = strings.Fields("anonymous_id cookie_id visitor_id")

// early are the layers of a project that others are made from, in prefixes and folders.
var (
	earlyPrefixes = strings.Fields("stg_ staging_ base_ int_ raw_ src_ prep_")
	earlyFolders  = strings.Fields("staging base intermediate raw sources")
)

// early reports whether a node is in a layer that is there to be made something of.
func (n *Node) early() bool {
	return n.Type == "seed" || n.Type == "source" ||
		slices.ContainsFunc(earlyPrefixes, func(p string) bool { return strings.HasPrefix(strings.ToLower(n.Name), p) }) ||
		slices.ContainsFunc(n.Folders, func(f string) bool { return slices.Contains(earlyFolders, strings.ToLower(f)) })
}

// stem is what the rows of a table are, by its name: order of stg_shop__orders.
func stem(name string) string {
	name = strings.ToLower(name)
	if _, after, ok := strings.Cut(name, "__"); ok && after != "" {
		name = after
	}
	for _, p := range append(slices.Clone(earlyPrefixes), "dim_", "fct_", "fact_", "mart_", "rpt_", "d_", "f_") {
		if rest, ok := strings.CutPrefix(name, p); ok && rest != "" {
			name = rest
			break
		}
	}
	return singular(name)
}

func singular(s string) string {
	switch {
	case s == "people" || strings.HasSuffix(s, "_people"):
		return strings.TrimSuffix(s, "people") + "person"
	case strings.HasSuffix(s, "ies") && len(s) > 4:
		return s[:len(s)-3] + "y"
	case strings.HasSuffix(s, "sses") || strings.HasSuffix(s, "xes") || strings.HasSuffix(s, "ches"):
		return s[:len(s)-2]
	case strings.HasSuffix(s, "s") && !strings.HasSuffix(s, "ss") && !strings.HasSuffix(s, "us") && !strings.HasSuffix(s, "is"):
		return s[:len(s)-1]
	}
	return s
}

// peopleOf is the word for the people of whom a table has rows, by the last word of its name.
func peopleOf(table string) string {
	s := stem(table)
	if i := strings.LastIndexByte(s, '_'); i >= 0 {
		if slices.Contains(others, s[:i]) {
			return ""
		}
		s = s[i+1:]
	}
	if slices.Contains(people, s) {
		return s
	}
	return ""
}

var numberRE = regexp.MustCompile(`^(?:([a-z0-9_]+)_)?(` + strings.Join(people, "|") + `)_?(?:id|key|uuid|guid|number|no|nr)$`)

// numberOf is the identifier type that a column holds by its name, if that is the number of a
// person whom the row is about: customer_id, crm_contact_id, not created_by_user_id.
func numberOf(column string) string {
	column = strings.ToLower(column)
	m := numberRE.FindStringSubmatch(column)
	if m == nil || somebodyElse(m[1]) || !validName(column) {
		return ""
	}
	return column
}

// somebodyElse reports whether one of the words before a name makes it that of another person.
func somebodyElse(words string) bool {
	return slices.ContainsFunc(strings.Split(words, "_"), func(w string) bool { return slices.Contains(others, w) })
}

// ofRow are words before email and phone that leave it that of whom the row is about, the plainest
// first.
var ofRow = append([]string{"", "primary", "main", "contact", "personal", "billing", "login", "account", "home", "cell"}, people...)

var (
	emails = []string{"email", "email_address", "e_mail", "emailaddress", "mail_address"}
	phones = []string{"phone", "phone_number", "mobile", "mobile_phone", "mobile_number", "telephone", "cell_phone", "phonenumber", "phone_no", "tel"}
)

// emailRank tells columns with addresses: 0 for none, less for plainer names.
func emailRank(column string) int { return plainness(column, emails) }

// phoneRank tells columns with phone numbers.
func phoneRank(column string) int { return plainness(column, phones) }

func plainness(column string, names []string) int {
	column = strings.ToLower(column)
	for i, w := range ofRow {
		for j, n := range names {
			if w != "" {
				n = w + "_" + n
			}
			if column == n {
				return 1 + i*len(names) + j
			}
		}
	}
	return 0
}

// preference is less for the column that is taken where a source has several for one type.
func preference(typ, column string) int {
	switch {
	case typ == "email":
		return emailRank(column)
	case typ == "phone":
		return phoneRank(column)
	case strings.EqualFold(typ, column):
		return 0
	case strings.EqualFold(column, "id"):
		return 1
	}
	return 2
}

// The ranks of identifier types.
const (
	rankNumber = iota
	rankEmail
	rankPhone
	rankAnonymous
)

// rankOf is less for a stronger type.
func rankOf(typ string) int {
	switch {
	case typ == "email":
		return rankEmail
	case typ == "phone":
		return rankPhone
	case slices.Contains(anonymous, typ):
		return rankAnonymous
	}
	return rankNumber
}

// pii is what kind of personal data a column holds by its name; "" for none that a name tells.
func pii(column string) string {
	column = strings.ToLower(column)
	switch {
	case strings.Contains(column, "email") && !strings.Contains(column, "opt") && !strings.Contains(column, "consent") && !strings.Contains(column, "verified"), emailRank(column) > 0:
		return "email"
	case phoneRank(column) > 0:
		return "phone"
	case slices.Contains(strings.Fields("name first_name last_name full_name given_name family_name middle_name surname firstname lastname nickname salutation"), column),
		slices.ContainsFunc(people, func(w string) bool { return column == w+"_name" }):
		return "name"
	case slices.ContainsFunc(strings.Fields("address street zip postcode postal_code zip_code"), func(w string) bool { return column == w || strings.HasSuffix(column, "_"+w) }):
		return "address"
	case slices.Contains(strings.Fields("birthday birth_date birthdate date_of_birth dob"), column):
		return "birthday"
	case column == "ip" || strings.HasSuffix(column, "ip_address"):
		return "ip"
	}
	return ""
}

// validName reports whether a thing of the project may have this name.
func validName(s string) bool {
	what, _ := models.NameProblem(s)
	return what == "" && !slices.Contains(yamlWords, s)
}

// yamlWords are no texts in YAML, or were none.
var yamlWords = strings.Fields("null true false yes no on off y n")

var unnamed = regexp.MustCompile(`[^a-z0-9]+`)

// snake makes a name of the project out of any.
func snake(s string) string {
	s = strings.Trim(unnamed.ReplaceAllString(strings.ToLower(s), "_"), "_")
	if s == "" || s[0] >= '0' && s[0] <= '9' || slices.Contains(yamlWords, s) {
		s = "t_" + s
	}
	if len(s) > models.MaxName {
		s = strings.TrimRight(s[:models.MaxName], "_")
	}
	return s
}
