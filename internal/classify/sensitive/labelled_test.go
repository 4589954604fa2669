package sensitive_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// labelled is one value in its place, with the class it has: "" for none.
type labelled struct {
	kind, label, name string
	path, route       []string
	in, value         string
}

// section is a part of a document: the names of the members around it, and what
// may stand in it.
type section struct {
	path   string // alternatives by |, members by /
	fields []field
}

// api is a kind of application. Those that are held play in no development.
type api struct {
	name, routes string
	held         bool
	sections     []section
}

func apis() []api {
	join := func(of ...[]field) []field { return slices.Concat(of...) }
	return []api{
		{"crm", "customers|customers/search|contacts|leads", false, []section{
			{"customer|contact|lead|data/contact", join(person, everyday)},
			{"customer/address|contact/billing address", join(postal, oneLineAddress)},
			{"", join(everyday, bare)},
		}},
		{"payments", "payments|charges|checkout|refunds", false, []section{
			{"payment method/card|card|credit card|source/card", payment},
			{"payer|customer", person},
			{"bank transfer|payout/bank account|creditor account", banking},
			{"", join(everyday, trade, bare)},
		}},
		{"hospital", "patients|encounters|claims|medical records", false, []section{
			{"patient|subject|insured person", join(person, oneLineAddress)},
			{"clinical|encounter|patient/health record", hospital},
			{"", join(everyday, national, bare)},
		}},
		{"hr", "employees|employees/onboarding|candidates|payroll", false, []section{
			{"employee|candidate|emergency contact", join(person, national)},
			{"employee/home address|employee/address", postal},
			{"payroll/bank|salary account", banking},
			{"", everyday},
		}},
		{"shop", "orders|carts|products|returns", false, []section{
			{"order/items|line items|cart/items|product|variant", trade},
			{"order/shipping address|billing address|delivery address", join(postal, person)},
			{"order|", join(trade, everyday)},
			{"order/customer|buyer", person},
		}},
		{"logistics", "shipments|parcels|deliveries|tracking", false, []section{
			{"shipment/recipient|consignee|sender", join(person, oneLineAddress)},
			{"shipment|parcel|", join(trade, everyday)},
			{"driver", join(person, vehicles)},
			{"vehicle|truck", vehicles},
			{"vehicle/position|stop/location", place},
		}},
		{"iot", "devices|telemetry|gateways|sensors", false, []section{
			{"device|gateway|reported", network},
			{"device/location|gps", place},
			{"|device", join(everyday, bare)},
		}},
		{"auth", "oauth/token|login|sessions|api keys|users/password", false, []section{
			{"|credentials|data", secrets},
			{"|headers", secrets},
			{"user|account", join(person, everyday)},
			{"", network},
		}},
		{"banking", "accounts|transfers|loans|beneficiaries", true, []section{
			{"debtor account|beneficiary|account|transfer/creditor", banking},
			{"applicant|borrower|account holder", join(person, national, postal)},
			{"|transaction", join(everyday, trade)},
			{"card", payment},
		}},
		{"telecom", "subscribers|sim cards|usage|calls", true, []section{
			{"subscriber|caller", join(person, national)},
			{"sim|handset|line", network},
			{"|usage", join(everyday, place)},
		}},
		{"government", "citizens|permits|vehicle registrations|tax returns", true, []section{
			{"citizen|applicant|taxpayer|spouse", join(person, national, oneLineAddress)},
			{"vehicle|registration/vehicle", vehicles},
			{"citizen/residence|applicant/postal address", postal},
			{"|permit", join(everyday, bare)},
		}},
		{"travel", "bookings|passengers|hotels|check in", true, []section{
			{"passenger|guest|traveller|booking/passengers", join(person, national)},
			{"hotel|flight", join(place, everyday)},
			{"booking/payment", payment},
			{"|booking", join(everyday, trade, secrets)},
		}},
	}
}

// labelledSet makes n labelled values from a seed. Every field of an
// application is equally likely, and three in ten values are look-alikes taken
// from the whole house. Held applications and names are played only when asked
// for.
func labelledSet(seed uint64, n int, held bool) []labelled {
	d := dice{rand.New(rand.NewPCG(seed, 7)), held}
	kinds := slices.DeleteFunc(apis(), func(a api) bool { return a.held && !held })
	out := make([]labelled, 0, n)
	for len(out) < n {
		a := kinds[d.IntN(len(kinds))]
		lang := d.one("en", "en", "en", "en", "de", "fr", "es", "it", "pt", "nl")
		style := styles[d.IntN(len(styles))]
		s := a.sections[d.IntN(len(a.sections))]
		where := d.one(strings.Split(s.path, "|")...)
		route := strings.Split(d.one(strings.Split(a.routes, "|")...), "/")
		// A document has several members that are named in one style.
		for range 1 + d.IntN(6) {
			f := s.fields[d.IntN(len(s.fields))]
			if d.IntN(10) < 3 {
				for f.label != "" {
					from := d.one("everyday", "trade")
					f = map[string][]field{"everyday": everyday, "trade": trade}[from][d.IntN(16)]
				}
			}
			l := labelled{kind: a.name, label: f.label, name: style(f.name(d, lang)), value: f.value(d), in: d.one("body", "body", "body", "body", "query", "header")}
			if l.in == "body" && where != "" { // Parameters have no members around them.
				for member := range strings.SplitSeq(where, "/") {
					l.path = append(l.path, style(strings.Fields(member)))
				}
			}
			if len(l.path) == 0 && needsMember(f) {
				continue
			}
			for _, r := range route {
				l.route = append(l.route, strings.ReplaceAll(r, " ", "-"))
			}
			out = append(out, l)
		}
	}
	return out[:n]
}

// needsMember tells the places whose name says nothing without the member around
// it: a name, a number, a line of an address.
func needsMember(f field) bool {
	for _, word := range []string{"full name, name", "card number, number", "street, address line", "bank account number"} {
		if strings.Contains(f.names, word) {
			return true
		}
	}
	return false
}

// name draws one of a field's names, in a language if it has one there.
func (f field) name(d dice, lang string) []string {
	var english, mine string
	for part := range strings.SplitSeq(f.names, " / ") {
		switch l, names, _ := strings.Cut(part, ": "); l {
		case lang:
			mine = names
		case "en":
			english = names
		}
	}
	if mine == "" {
		mine = english
	}
	var names []string
	for n := range strings.SplitSeq(mine, ", ") {
		if kept, back := strings.CutPrefix(n, "!"); !back || d.held {
			names = append(names, kept)
		}
	}
	return strings.Fields(d.one(names...))
}

// styles are the ways in which names are written.
var styles = []func([]string) string{
	camel, camel, camel, snake, snake, kebab,
	func(w []string) string { return title(camel(w)) },
	func(w []string) string { return strings.ToUpper(snake(w)) },
	func(w []string) string { return strings.Join(w, "") },
	func(w []string) string { return title(strings.Join(w, "-")) },
}

func snake(w []string) string { return strings.Join(w, "_") }
func kebab(w []string) string { return strings.Join(w, "-") }

func camel(w []string) string {
	out := w[0]
	for _, s := range w[1:] {
		out += title(s)
	}
	return out
}

func title(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// TestLabelledSet holds what the set must be for its figures to mean something.
func TestLabelledSet(t *testing.T) {
	for _, set := range []struct {
		seed uint64
		held bool
	}{{seedA, false}, {seedB, true}, {seedC, true}} {
		all := labelledSet(set.seed, size, set.held)
		if !slices.EqualFunc(all, labelledSet(set.seed, size, set.held), func(a, b labelled) bool {
			return a.name == b.name && a.value == b.value && a.label == b.label
		}) {
			t.Error("the same seed gives two sets")
		}
		classes, different := map[string]int{}, map[string]bool{}
		for _, l := range all {
			classes[l.label]++
			different[l.name+"\x00"+l.value+"\x00"+l.label] = true
		}
		if len(all) < 5000 || len(classes)-1 < 20 || classes[""]*10 < len(all)*4 || len(different)*10 < len(all)*8 {
			t.Errorf("%d values (%d different), %d classes, %d look-alikes", len(all), len(different), len(classes)-1, classes[""])
		}
		for c, n := range classes {
			if n < 10 {
				t.Errorf("only %d values of class %q", n, c)
			}
		}
		t.Logf("seed %d: %d values, %d different, %d look-alikes, classes %v", set.seed, len(all), len(different), classes[""], slices.Sorted(maps.Keys(classes)))
	}
}

// The seeds: A is for development, B and C are for the figures alone.
const (
	seedA, seedB, seedC = 1, 20260101, 31415926
	size                = 12000
)
