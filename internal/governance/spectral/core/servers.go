package core

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

// variables are those in the address of a server or channel.
var variables = regexp.MustCompile(`\{(.+?)\}`)

func variablesOf(text string) []string {
	var out []string
	for _, found := range variables.FindAllStringSubmatch(text, -1) {
		out = append(out, found[1])
	}
	return out
}

const (
	// maxSubstitutions is how many addresses of one server are looked at.
	maxSubstitutions = 2000
	// enoughInvalid is how many invalid ones are told.
	enoughInvalid = 5
)

func serverVariables(options *tree.Node) (spectral.Check, error) {
	needDefault, substitute := options.Get("requireDefault").IsTrue(), options.Get("checkSubstitutions").IsTrue()
	return func(in *spectral.Input) []spectral.Problem {
		if !validServer(in.Value) {
			return []spectral.Problem{below("the server isn't built as its specification says")}
		}
		s := server{address: in.Value.Get("url").Text, variables: in.Value.Get("variables")}
		s.judge(needDefault, substitute)
		return s.out
	}, nil
}

// validServer says whether a server has what is looked at.
func validServer(n *tree.Node) bool {
	list := n.Get("variables")
	if !n.Is(tree.Object) || !n.Get("url").Is(tree.String) || list != nil && !list.Is(tree.Object) {
		return false
	}
	return !slices.ContainsFunc(list.Fields(), func(m tree.Member) bool {
		if !m.Value.Is(tree.Object) {
			return true
		}
		return slices.ContainsFunc(m.Value.Members, func(f tree.Member) bool {
			switch f.Name {
			case "enum":
				return !textsOnly(f.Value)
			case "default", "description", "examples":
				return !f.Value.Is(tree.String)
			}
			return !strings.HasPrefix(f.Name, "x-")
		})
	})
}

// choice is a variable with the values that it may have.
type choice struct {
	name   string
	values []string
}

// server is one that is judged.
type server struct {
	address   string
	variables *tree.Node
	out       []spectral.Problem
}

func (s *server) tell(message string, steps ...string) {
	s.out = append(s.out, below(message, append([]string{"variables"}, steps...)...))
}

func (s *server) judge(needDefault, substitute bool) {
	used := variablesOf(s.address)
	var missing []string
	for _, name := range used {
		if s.variables.Get(name) == nil {
			missing = append(missing, name)
		}
	}
	for _, m := range s.variables.Fields() {
		if !slices.Contains(used, m.Name) {
			s.tell("the address of the server has no such variable", m.Name)
		}
	}
	if len(missing) > 0 {
		s.tell("the address of the server has variables that are not described: " + strings.Join(missing, ", "))
	}
	var values []choice
	for _, m := range s.variables.Fields() {
		if !slices.Contains(used, m.Name) {
			continue
		}
		values = append(values, choice{m.Name, s.variable(&m, needDefault)})
	}
	if substitute && len(values) > 0 {
		s.substitute(values)
	}
}

// variable judges one and gives the values that it may have.
func (s *server) variable(m *tree.Member, needDefault bool) []string {
	enum, fallback := m.Value.Get("enum"), m.Value.Get("default")
	var values []string
	for _, n := range enum.List() {
		values = append(values, n.Text)
	}
	switch {
	case fallback == nil:
		if needDefault {
			s.tell("the variable has no default", m.Name)
		}
	case enum == nil:
		values = []string{fallback.Text}
	case !slices.Contains(values, fallback.Text):
		s.tell("the default isn't among the values of enum", m.Name, "default")
	}
	return values
}

// substitute looks for values of the variables that make no address.
func (s *server) substitute(values []choice) {
	left := maxSubstitutions
	var invalid []string
	var next func(address string, rest []choice)
	next = func(address string, rest []choice) {
		if len(rest) == 0 {
			if left--; !validAddress(address) {
				invalid = append(invalid, address)
			}
			return
		}
		for _, v := range rest[0].values {
			if left <= 0 || len(invalid) == enoughInvalid {
				return
			}
			next(strings.ReplaceAll(address, "{"+rest[0].name+"}", escapeAddress(v)), rest[1:])
		}
	}
	next(s.address, values)
	if len(invalid) > 0 {
		s.tell("values of the variables make addresses that are none: " + strings.Join(invalid, ", "))
	}
}

// escapeAddress escapes what can't stand in an address.
func escapeAddress(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c > 0x20 && c < 0x7f && !strings.ContainsRune("\"<>\\^`{|}%[]", rune(c)) {
			b.WriteByte(c)
		} else {
			_, _ = fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// scheme is the begin of an address with one.
var scheme = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*):`)

// validAddress says whether the URL Standard of WHATWG parses a text without a
// base: a scheme, and for those of the web a host.
func validAddress(text string) bool {
	text = strings.Trim(text, "\x00\t\n\r ")
	found := scheme.FindStringSubmatch(text)
	if found == nil {
		return false
	}
	rest := text[len(found[0]):]
	special := slices.Contains([]string{"http", "https", "ws", "wss", "ftp"}, strings.ToLower(found[1]))
	switch {
	case special:
		rest = strings.TrimLeft(rest, `/\`)
	case strings.HasPrefix(rest, "//"):
		rest = rest[2:]
	default:
		return true
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	host, port := rest, ""
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		host, port = rest[:i], rest[i+1:]
	}
	if _, err := strconv.ParseUint(port, 10, 16); port != "" && err != nil {
		return false
	}
	return validHost(host, special)
}

func validHost(host string, special bool) bool {
	if inner, bracket := strings.CutPrefix(host, "["); bracket {
		address, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return err == nil && address.Is6()
	}
	if !special {
		return !strings.ContainsAny(host, "\x00\t\n\r #/:<>?@[\\]^|")
	}
	host, err := url.PathUnescape(host)
	if err != nil || host == "" || strings.ContainsAny(host, "\x00\t\n\r #/:<>?@[\\]^|%") {
		return false
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if last := labels[len(labels)-1]; last == "" || strings.Trim(last, "0123456789") != "" {
		return true
	}
	return validIPv4(labels)
}

// validIPv4 judges an address whose last part may stand for several bytes.
func validIPv4(parts []string) bool {
	if len(parts) > 4 {
		return false
	}
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		if _, err := strconv.ParseUint(part, 10, bits); err != nil {
			return false
		}
	}
	return true
}
