package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// person is one invented human with all the rows that mention them. Times are distances before
// the moment of generation, so that windows such as "90 days" always cut the data at the same
// place.
type person struct {
	n         int // 1 to N: the truth
	first     string
	last      string
	country   string
	customer  string   // customer number, or ""
	emails    []string // canonical; the first is the one they use most
	household string   // canonical address shared with the neighbour, or ""
	phone     string   // E.164, or ""
	landline  string   // E.164, shared with the neighbour, or ""
	cookies   []string
	sms, ads  *bool
	news      *bool

	contacts []contact
	orders   []order
	views    []view
	signups  []signup
	tickets  []ticket
}

type contact struct {
	key                                 string
	customer, first, last, email, phone any
	country                             string
	sms, ads                            any
	ago                                 time.Duration
	refs                                []string // the person's own identifiers in it, canonical
}

type order struct {
	key             int64
	customer, email any
	country         string
	category        string
	cents           int64
	status          string
	ago             time.Duration
	refs            []string
}

type view struct {
	key    int64
	cookie string
	email  any
	page   string
	ago    time.Duration
	refs   []string
}

type signup struct {
	key   int64
	email string
	opted any
	ago   time.Duration
	refs  []string
}

type ticket struct {
	key                    int64
	customer, email, phone any
	subject                string
	status                 string
	ago                    time.Duration
	refs                   []string
}

var (
	firstNames = strings.Fields(`Ada Alma Anna Anton Arthur Aya Bella Ben Björn Carla Célia Chloé Clara Daan Dario David Elif Elio Ella Emil Emma
		Enzo Eva Fatou Felix Finn Flora Frida Gabriel Gina Greta Hanna Hugo Ida Ines Isak Ivan Jana Jean Jonas Jules Julia Kai Karim Kira Lara Lea
		Lena Leo Liam Lina Louis Lucas Luna Mads Maja Malik Mara Marie Mateo Max Mia Mila Milan Nadia Nico Nina Noah Nora Olga Omar Oscar Otto Paul
		Pia Quentin Rafael Rita Rosa Sami Sara Selma Simon Sofia Stella Tara Théo Tim Tom Ugo Uma Vera Victor Wanda Yara Yusuf Zoe`)
	lastNames = strings.Fields(`Adler Albrecht Andersson Arnaud Bach Bailly Baker Barbier Bauer Becker Benoit Berger Bernard Bianchi Blanc Bonnet
		Brandt Brun Carpentier Chevalier Clark Colin Collins Costa Dias Dubois Dumont Durand Egger Evans Fabre Ferrari Fischer Fontaine Fournier
		Frank Garcia Garnier Gauthier Gerard Girard Gruber Guerin Haas Hansen Hofer Huber Hughes Jansen Jensen Joly Kaiser Keller Klein Koch Kovacs
		Lacroix Lambert Lang Leclerc Lefevre Legrand Lopez Maier Marchand Martin Masson Mayer Meunier Meyer Moreau Moretti Morris Muller Nielsen
		Noel Novak Olsen Parker Pereira Perrin Petit Pichler Renard Richter Rivera Robin Rossi Roussel Roux Sanchez Schmid Schulz Silva Simon Steiner
		Taylor Thomas Turner Vidal Vogel Wagner Walker Weber Winkler Wolf Wright Zimmermann`)
	categories = strings.Fields(`books garden kitchen outdoor toys music bags lamps`)
	pages      = strings.Fields(`home home search search product product product cart newsletter account help`)
	subjects   = []string{"Where is my parcel?", "Wrong size", "Refund", "Invoice", "Change of address", "Login does not work"}
)

const day = 24 * time.Hour

// ago draws a distance of d whole days and some hours, well away from the full day, so that a
// run an hour later sees the same windows.
func ago(r *rand.Rand, days int) time.Duration {
	return time.Duration(days)*day + 3*time.Hour + time.Duration(r.IntN(18*3600))*time.Second
}

func yes(r *rand.Rand, percent float64) bool { return r.Float64()*100 < percent }

func pick[T any](r *rand.Rand, xs []T) T { return xs[r.IntN(len(xs))] }

// consent is yes, no or never asked.
func consent(r *rand.Rand, yesShare, noShare float64) *bool {
	x := r.Float64() * 100
	t := x < yesShare
	if x >= yesShare+noShare {
		return nil
	}
	return &t
}

func orNil(b *bool) any {
	if b == nil {
		return nil
	}
	return *b
}

// uuid renders 128 random bits in the usual groups.
func uuid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}

var plain = strings.NewReplacer("ö", "oe", "é", "e", "è", "e", "ü", "ue", "ä", "ae")

// address makes a canonical address that nobody else has, in the domains reserved for examples.
func address(r *rand.Rand, first, last string, n, k int) string {
	domain := pick(r, []string{"example.com", "example.com", "example.org", "example.net"})
	f, l := strings.ToLower(plain.Replace(first)), strings.ToLower(plain.Replace(last))
	switch k {
	case 0:
		return fmt.Sprintf("%s.%s.%d@%s", f, l, n, domain)
	case 1:
		return fmt.Sprintf("%s%d@%s", f[:1]+l, n, domain)
	default:
		return fmt.Sprintf("%s_%d_%d@%s", l, n, k, domain)
	}
}

// typed is an address as people type it: other case, blanks around it.
func typed(r *rand.Rand, email string) string {
	switch r.IntN(10) {
	case 0:
		return strings.ToUpper(email)
	case 1:
		return " " + email
	case 2:
		return email + "  "
	case 3:
		return strings.ToUpper(email[:1]) + email[1:]
	default:
		return email
	}
}

// misspelt is a name with one typing error.
func misspelt(r *rand.Rand, name string) string {
	x := []rune(name)
	if len(x) < 4 || !yes(r, 12) {
		return name
	}
	i := 1 + r.IntN(len(x)-2)
	switch r.IntN(3) {
	case 0:
		x[i], x[i+1] = x[i+1], x[i]
	case 1:
		x = append(x[:i], x[i+1:]...)
	default:
		x = append(x[:i+1], x[i:]...)
	}
	return string(x)
}
