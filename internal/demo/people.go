package demo

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	shopPhone = "+33199000001" // the shop's own number, typed where the customer's was unknown
	nilCookie = "00000000-0000-0000-0000-000000000000"
)

// people yields the N persons of a seed in order. Two neighbours of a household are made
// together; everything else of a person depends on the seed and the person's number alone.
func people(seed uint64, n int) iter.Seq[*person] {
	return func(yield func(*person) bool) {
		book := newPhoneBook()
		book.next("FR") // the shop's own
		book.next("FR")
		keys := &keys{}
		var before *person
		for i := 1; i <= n; i++ {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			p := newPerson(r, i, book)
			if before != nil && before.household != "" && i%2 == 0 {
				p.household, p.landline, p.last = before.household, before.landline, before.last
				p.country = before.country
				p.customer = number(i)
			}
			before = p
			p.shop(r, keys)
			if !yield(p) {
				return
			}
		}
	}
}

// keys numbers the rows of each table over all people.
type keys struct{ contact, order, view, signup, ticket int64 }

func number(n int) string { return fmt.Sprintf("K-%07d", n) }

func newPerson(r *rand.Rand, n int, book *phoneBook) *person {
	p := &person{n: n, first: pick(r, firstNames), last: pick(r, lastNames)}
	p.country = pick(r, strings.Fields("FR FR FR FR FR FR FR FR FR DE DE DE DE AT US US US GB GB BE"))
	if yes(r, 82) {
		p.customer = number(n)
	}
	for k := range 1 + r.IntN(2) + r.IntN(2)*r.IntN(2) {
		p.emails = append(p.emails, address(r, p.first, p.last, n, k))
	}
	if yes(r, 0.4) { // one of our own people
		p.emails[0] = strings.ToLower(plain.Replace(p.first)) + fmt.Sprint(n) + "@shop.example.com"
	}
	if yes(r, 62) {
		from := p.country
		switch from {
		case "AT":
			from = "DE"
		case "BE":
			from = "FR"
		}
		p.phone = book.next(from)
	}
	for range 1 + r.IntN(3) {
		p.cookies = append(p.cookies, uuid(r))
	}
	if n%2 == 1 && yes(r, 2.5) { // with the next person: one address and one landline for two
		p.household = fmt.Sprintf("home.%s.%d@example.com", strings.ToLower(plain.Replace(p.last)), n)
		p.customer = number(n)
		if yes(r, 50) {
			p.landline = book.next("FR")
		}
	}
	p.sms, p.ads, p.news = consent(r, 45, 25), consent(r, 50, 25), consent(r, 65, 20)
	return p
}

// shop makes the rows that mention the person.
func (p *person) shop(r *rand.Rand, k *keys) {
	inCRM := p.household != "" || yes(r, 78)
	if inCRM {
		p.writeContact(r, k, p.emails[0], 400)
		for yes(r, 14) { // entered again by somebody else
			email := pick(r, p.emails)
			if p.household != "" && yes(r, 60) {
				email = p.household
			}
			p.writeContact(r, k, email, 90)
		}
		if p.household != "" {
			p.writeContact(r, k, p.household, 300)
		}
	}
	p.buy(r, k)
	p.browse(r, k)
	if yes(r, 48) {
		k.signup++
		email := p.mail(r)
		if p.household != "" && yes(r, 30) {
			email = p.household
		}
		p.signups = append(p.signups, signup{k.signup, typed(r, email), orNil(p.news), ago(r, r.IntN(500)), []string{"email " + email}})
	}
	if yes(r, 12) {
		p.complain(r, k)
	}
}

func (p *person) writeContact(r *rand.Rand, k *keys, email string, within int) {
	k.contact++
	c := contact{
		key: fmt.Sprintf("crm-%d", k.contact), first: misspelt(r, p.first), last: misspelt(r, p.last),
		country: p.country, sms: orNil(p.sms), ads: orNil(p.ads), ago: ago(r, r.IntN(within)),
	}
	if p.customer != "" && (p.household != "" || yes(r, 96)) {
		c.customer = p.customer
		c.refs = append(c.refs, "customer "+p.customer)
	}
	switch x := r.IntN(100); {
	case p.household == "" && x < 3:
		c.email = pick(r, []string{"n/a", "none", "test@example.com", "noreply@shop.example.com", "-", "unknown"})
	case p.household == "" && x < 8: // left empty
	default:
		c.email = typed(r, email)
		c.refs = append(c.refs, "email "+email)
	}
	switch x := r.IntN(100); {
	case x < 2:
		c.phone = dialled(r, shopPhone)
	case x < 4:
		c.phone = pick(r, []string{"0000000000", "123", "n/a", "00 00 00 00 00"})
	case p.landline != "" && x < 60:
		c.phone = dialled(r, p.landline)
		c.refs = append(c.refs, "phone "+p.landline)
	case p.phone != "" && x < 90:
		c.phone = dialled(r, p.phone)
		c.refs = append(c.refs, "phone "+p.phone)
	}
	p.contacts = append(p.contacts, c)
}

func (p *person) buy(r *rand.Rand, k *keys) {
	if !yes(r, 66) {
		return
	}
	loyal := yes(r, 22) // spends much
	quiet := yes(r, 45) // has not bought for long
	favourite := pick(r, categories)
	n := 1 + r.IntN(3)
	if loyal {
		n += 2 + r.IntN(5)
	}
	for range n {
		k.order++
		o := order{key: k.order, country: p.country, category: pick(r, categories), status: "paid", cents: int64(900 + r.IntN(9000))}
		if yes(r, 50) {
			o.category = favourite
		}
		if loyal {
			o.cents += int64(r.IntN(15000))
		}
		if yes(r, 9) {
			o.status = pick(r, []string{"refunded", "cancelled"})
		}
		if quiet {
			o.ago = ago(r, 90+r.IntN(500))
		} else {
			o.ago = ago(r, r.IntN(400))
		}
		if p.customer != "" && yes(r, 75) {
			o.customer = p.customer
			o.refs = append(o.refs, "customer "+p.customer)
		}
		if o.customer == nil || yes(r, 80) {
			email := p.mail(r)
			o.email = typed(r, email)
			o.refs = append(o.refs, "email "+email)
		}
		p.orders = append(p.orders, o)
	}
}

func (p *person) browse(r *rand.Rand, k *keys) {
	if !yes(r, 85) {
		return
	}
	reader := yes(r, 10)
	for _, cookie := range p.cookies {
		login := yes(r, 55) // on this device, sooner or later
		visits := 1 + r.IntN(5)
		for v := range visits {
			k.view++
			w := view{key: k.view, cookie: cookie, page: pick(r, pages), ago: ago(r, r.IntN(r.IntN(120)+1))}
			if reader && yes(r, 70) {
				w.page, w.ago = "newsletter", ago(r, r.IntN(28))
			}
			if yes(r, 0.5) { // blocked cookies all look the same
				w.cookie = nilCookie
			} else {
				w.refs = append(w.refs, "cookie "+cookie)
			}
			if login && v == visits-1 {
				email := p.mail(r)
				w.email = typed(r, email)
				w.refs = append(w.refs, "email "+email)
			}
			p.views = append(p.views, w)
		}
	}
}

func (p *person) complain(r *rand.Rand, k *keys) {
	k.ticket++
	t := ticket{key: k.ticket, subject: pick(r, subjects), status: pick(r, []string{"open", "closed", "closed", "closed"}), ago: ago(r, r.IntN(200))}
	if p.customer != "" && yes(r, 40) {
		t.customer = p.customer
		t.refs = append(t.refs, "customer "+p.customer)
	}
	if yes(r, 80) {
		email := p.mail(r)
		t.email = typed(r, email)
		t.refs = append(t.refs, "email "+email)
	}
	if p.phone != "" && yes(r, 40) {
		t.phone = dialled(r, p.phone)
		t.refs = append(t.refs, "phone "+p.phone)
	}
	p.tickets = append(p.tickets, t)
}

// mail is the address that the person uses this time: nearly always the same one.
func (p *person) mail(r *rand.Rand) string {
	if yes(r, 7) {
		return pick(r, p.emails)
	}
	return p.emails[0]
}

// chains joins the person's rows by the identifiers they share and returns, for each row in the
// order of rows, the number of its chain. Rows of one chain can be known to be one person from
// the data alone; rows of two chains cannot.
func (p *person) chains(rows [][]string) []int {
	parent := make([]int, len(rows))
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	seen := map[string]int{}
	for i, refs := range rows {
		for _, ref := range refs {
			if j, ok := seen[ref]; ok {
				parent[root(i)] = root(j)
			} else {
				seen[ref] = i
			}
		}
	}
	out := make([]int, len(rows))
	for i := range rows {
		out[i] = root(i)
	}
	return out
}

// at is the instant a distance before now, in whole seconds.
func at(now time.Time, d time.Duration) time.Time { return now.Add(-d).Truncate(time.Second) }
