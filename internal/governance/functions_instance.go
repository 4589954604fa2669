package governance

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

// condition chooses instances. Its members are:
//
//	labels     names of labels with the values of which the instance has one
//	notLabels  the same, of which it has none
//	provides   things of which one of its policies provides one
//	lacks      things that none provides
//	sensitive  side of which the description has sensitive fields: request, response
type condition struct {
	labels, notLabels []tree.Member
	provides, lacks   []string
	sensitive         string
}

func readCondition(r *optionReader) *condition {
	n := r.get("when")
	w := readOptions(n)
	c := &condition{
		labels: w.object("labels"), notLabels: w.object("notLabels"), provides: w.list("provides"), lacks: w.list("lacks"),
		sensitive: w.get("sensitive").Str(),
	}
	if err := w.done(); err != nil && r.err == nil {
		r.err = err
	}
	return c
}

func labelled(instance *tree.Node, label tree.Member) bool {
	value := strings.ToLower(instance.Get("labels").Get(label.Name).Str())
	return slices.ContainsFunc(append(label.Value.List(), label.Value), func(v *tree.Node) bool {
		return v.Is(tree.String) && value != "" && strings.ToLower(v.Text) == value
	})
}

func (c *condition) holds(instance *tree.Node) bool {
	for _, l := range c.labels {
		if !labelled(instance, l) {
			return false
		}
	}
	if slices.ContainsFunc(c.notLabels, func(l tree.Member) bool { return labelled(instance, l) }) {
		return false
	}
	switch {
	case len(c.provides) > 0 && providerOf(instance, c.provides, false) < 0, providerOf(instance, c.lacks, false) >= 0,
		c.sensitive != "" && len(sensitiveOf(instance, c.sensitive, nil)) == 0:
		return false
	}
	return true
}

// providerOf is the place of the first policy that provides one of the things, -1
// for none. Policies that rules restrict to some requests count unless everywhere.
func providerOf(instance *tree.Node, things []string, everywhere bool) int {
	return slices.IndexFunc(instance.Get("policies").List(), func(p *tree.Node) bool {
		return (!everywhere || p.Get("everywhere").IsTrue()) && provides(p, things)
	})
}

func provides(policy *tree.Node, things []string) bool {
	return slices.ContainsFunc(policy.Get("provides").List(), func(n *tree.Node) bool { return slices.Contains(things, n.Text) })
}

// instanceCheck wraps a check of the instance, "given: $.instance", that when
// chooses.
func instanceCheck(when *condition, check func(*tree.Node, *complaints)) spectral.Check {
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		if when.holds(in.Value) {
			check(in.Value, &out)
		}
		return out.found
	}
}

// instanceAt is the path of a part of the instance.
func instanceAt(steps ...string) []string { return append([]string{"instance"}, steps...) }

// providedFunction is the function "provided": one of the policies of the instance
// must provide one of anyOf; mutual-tls is provided by the port too. With
// everywhere a policy that rules restrict does not count.
func providedFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	when, anyOf, everywhere := readCondition(r), r.list("anyOf"), r.flag("everywhere")
	if err := r.done(); err != nil {
		return nil, err
	}
	return instanceCheck(when, func(instance *tree.Node, out *complaints) {
		if slices.Contains(anyOf, "mutual-tls") && instance.Get("mutualTls").IsTrue() || providerOf(instance, anyOf, everywhere) >= 0 {
			return
		}
		if at := providerOf(instance, anyOf, false); at >= 0 {
			p := instance.Get("policies").Items[at]
			out.add(instanceAt("policies", strconv.Itoa(at)), "%s provides %s for some requests only: rules restrict it", p.Get("name").Str(), strings.Join(anyOf, " or "))
			return
		}
		out.add(instanceAt(), "no policy provides %s", strings.Join(anyOf, " or "))
	}), nil
}

// forbiddenFunction is the function "forbidden": no policy may provide one of the
// things.
func forbiddenFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	when, things := readCondition(r), r.list("things")
	if err := r.done(); err != nil {
		return nil, err
	}
	return instanceCheck(when, func(instance *tree.Node, out *complaints) {
		for i, p := range instance.Get("policies").List() {
			if provides(p, things) {
				out.add(instanceAt("policies", strconv.Itoa(i)), "the policy %s should not be here", p.Get("name").Str())
			}
		}
	}), nil
}

// precedesFunction is the function "precedes": where both are there, the first
// policy that provides one of first must run before each that provides one of
// then.
func precedesFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	when, first, then := readCondition(r), r.list("first"), r.list("then")
	if err := r.done(); err != nil {
		return nil, err
	}
	return instanceCheck(when, func(instance *tree.Node, out *complaints) {
		policies := instance.Get("policies").List()
		begins := providerOf(instance, first, false)
		for i, p := range policies {
			if i < begins && provides(p, then) && !provides(p, first) {
				out.add(instanceAt("policies", strconv.Itoa(i)), "%s runs before %s", p.Get("name").Str(), policies[begins].Get("name").Str())
			}
		}
	}), nil
}

// addressDescribedFunction is the function "addressDescribed": a server of the
// description must be where the instance is served. The host counts unless one of
// them stands for any.
func addressDescribedFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	when := readCondition(r)
	if err := r.done(); err != nil {
		return nil, err
	}
	return instanceCheck(when, func(instance *tree.Node, out *complaints) {
		address, err := url.Parse(instance.Get("address").Str())
		servers := instance.Get("specification").Get("servers")
		if err != nil || servers == nil {
			return
		}
		for _, s := range servers.List() {
			if u, err := url.Parse(s.Text); err == nil && sameServer(u, address) {
				return
			}
		}
		out.add(instanceAt("address"), "no server of the specification is %s", address)
	}), nil
}

func sameServer(described, served *url.URL) bool {
	if strings.TrimSuffix(described.Path, "/") != strings.TrimSuffix(served.Path, "/") {
		return false
	}
	host := served.Hostname()
	return described.Host == "" || wildcardHost.MatchString(host) || strings.EqualFold(described.Hostname(), host)
}

var wildcardHost = regexp.MustCompile(`^(|0\.0\.0\.0|::|\*|127\.0\.0\.1|localhost)$`)

// upstreamsFunction is the function "upstreams": the services of the instance must
// be called by TLS. Those on the machine itself do not count.
func upstreamsFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	when := readCondition(r)
	if err := r.done(); err != nil {
		return nil, err
	}
	return instanceCheck(when, func(instance *tree.Node, out *complaints) {
		for i, s := range instance.Get("services").List() {
			address := s.Get("address").Str()
			if !s.Get("tls").IsTrue() && !strings.HasPrefix(address, "https:") && !loopback.MatchString(address) {
				out.add(instanceAt("services", strconv.Itoa(i)), "the service %s is called at %s without TLS", s.Get("name").Str(), address)
			}
		}
	}), nil
}

// factFunction is the function "fact": the member name of the instance, with
// steps parted by dots, must be true or, when it is a text, a number or a list,
// not empty. With absent it must not.
func factFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	when, name, absent, say := readCondition(r), r.get("name").Str(), r.flag("absent"), r.get("say").Str()
	if err := r.done(); err != nil {
		return nil, err
	}
	return instanceCheck(when, func(instance *tree.Node, out *complaints) {
		n := instance.At(strings.Split(name, ".")...)
		is := n != nil && (n.IsTrue() || n.Is(tree.String) && n.Text != "" || n.Is(tree.Number) && n.Text != "0" || len(n.Items)+len(n.Members) > 0)
		if is == absent {
			out.add(instanceAt(), "%s", say)
		}
	}), nil
}

// sensitiveOf are the sensitive fields of a side and of some classes; all classes
// when there are none.
func sensitiveOf(instance *tree.Node, side string, classes []string) []*tree.Node {
	return slices.DeleteFunc(slices.Clone(instance.Get("specification").Get("sensitive").List()), func(f *tree.Node) bool {
		return side != "" && f.Get("side").Str() != side || !oneOf(classes, f.Get("class").Str())
	})
}

// sensitiveFieldsFunction is the function "sensitiveFields": where the description
// has fields of the side and classes, one of the policies must provide one of
// anyOf. It complains once, of the first fields.
func sensitiveFieldsFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	when, side, classes, anyOf := readCondition(r), r.get("side").Str(), r.list("classes"), r.list("anyOf")
	if err := r.done(); err != nil {
		return nil, err
	}
	return instanceCheck(when, func(instance *tree.Node, out *complaints) {
		found := sensitiveOf(instance, side, classes)
		if len(found) == 0 || providerOf(instance, anyOf, false) >= 0 || slices.Contains(anyOf, "tls") && instance.Get("tls").IsTrue() {
			return
		}
		var named []string
		for _, f := range found[:min(told, len(found))] {
			named = append(named, f.Get("field").Str()+" ("+f.Get("class").Str()+") of "+f.Get("operation").Str())
		}
		more := ""
		if len(found) > told {
			more = " and " + strconv.Itoa(len(found)-told) + " more"
		}
		out.add(instanceAt(), "no policy provides %s for %s%s", strings.Join(anyOf, " or "), strings.Join(named, ", "), more)
	}), nil
}
