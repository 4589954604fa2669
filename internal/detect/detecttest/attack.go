package detecttest

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
)

// perSeed is how many requests one seed becomes.
const perSeed = 7

// attackTypes names the seed files, attack-NAME.txt.
var attackTypes = []string{
	"sql-injection", "nosql-injection", "cross-site-scripting", "command-injection", "path-traversal", "remote-file",
	"server-side-request", "template-injection", "ldap-injection", "xpath-injection", "xml-external-entity", "server-side-include",
	"header-injection", "mail-header-injection", "log4shell", "java-expression", "dataweave", "deserialisation",
	"prototype-pollution", "graphql-abuse", "php-code", "nodejs-code", "webshell-upload", "scanner",
}

// AttackTypes lists the types of attacks in the corpus. Request smuggling is not
// among them: it is a matter of framing, not of content.
func AttackTypes() []string { return slices.Clone(attackTypes) }

// Attacks yields some 4,000 requests, each of which carries one attack that
// some plausible service would fall for.
func Attacks() iter.Seq[Case] { return attacks(attackTypes) }

// MassAssignments yields requests that set fields clients should not set
// (isAdmin, role ...). Whether one is an attack only the application knows, so
// they are worth a note of low severity and don't count as attacks.
func MassAssignments() iter.Seq[Case] { return attacks([]string{"mass-assignment"}) }

func attacks(kinds []string) iter.Seq[Case] {
	return func(yield func(Case) bool) {
		for _, kind := range kinds {
			used := map[combination]int{}
			for i, s := range readSeeds(kind) {
				for j, c := range choose(kind, i, s, used) {
					if !yield(attack(kind, i, j, s, c)) {
						return
					}
				}
			}
		}
	}
}

// choose takes the combinations that are used least so far, so that all appear
// about equally often; ties are broken by chance.
func choose(kind string, i int, s seed, used map[combination]int) []combination {
	all := combinations(kind, s)
	random(fmt.Sprint(kind, i)).Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
	slices.SortStableFunc(all, func(a, b combination) int { return cmp.Compare(used[a], used[b]) })
	all = all[:min(perSeed, len(all))]
	for _, c := range all {
		used[c]++
	}
	return all
}

func attack(kind string, i, j int, s seed, c combination) Case {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.text)) // never fails
	r := random(fmt.Sprintf("%s %08x %d", kind, h.Sum32(), j))
	carried := carrier{kind, s.shape, c.encoding, s.text, r}
	if s.shape != shapeFile { // the content of a file is encoded apart from its name
		carried.text = encode(c.encoding, kind, s, r)
	}
	var q request
	var protocol string
	if s.shape == shapeAgent {
		q, protocol = scannerRequest(carried)
	} else {
		p, ok := textPlaces[c.place]
		if !ok {
			p = documentPlaces[c.place]
		}
		q, protocol = p.build(carried), p.protocol
	}
	if s.shape == shapeGraphQL && s.group == "Introspection" {
		q.header = append(q.header, "User-Agent: "+pick(r, hunters))
	}
	return Case{
		Name: fmt.Sprintf("%s %d.%d: %s, %s in %s", kind, i+1, j+1, s.group, c.encoding, c.place),
		Type: kind, Encoding: c.encoding, Place: c.place, Protocol: protocol, Payload: s.text, Raw: q.raw(r),
	}
}
