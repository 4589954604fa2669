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

var (
	versionSegment = regexp.MustCompile(`^v\d+(\.\d+)*([a-z]+\d*)?$|^\d{4}-\d{2}(-\d{2})?$`)
	versionNames   = regexp.MustCompile(`^(x-)?(api-|accept-|.*-)?version$`)
)

// versionsFunction is the function "versions". Its option ask is: named (the
// version stands in the address of a server, in every path or in a header or
// query parameter), mixed (paths of one description have one version), agrees
// (the version of the address is that of info), or both (it does not stand in
// servers and in paths), or deprecated, which asks of operations that are
// deprecated that a header (headers), a member (members) or their text (text)
// tells what follows.
func versionsFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	ask := r.get("ask")
	c := &versionCheck{headers: r.pattern("headers"), text: r.pattern("text"), members: r.list("members")}
	checks := map[string]func(*description, *complaints){
		"named": (*description).versionNamed, "mixed": (*description).versionsMixed, "agrees": (*description).versionAgrees, "both": (*description).versionTwice,
		"deprecated": c.deprecated,
	}
	check := checks[ask.Str()]
	if check == nil {
		r.wrong(ask, "ask must be named, mixed, agrees, both or deprecated")
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		check(resolved(in.Value), &out)
		return out.found
	}, nil
}

// versionsIn are the segments of a path that name a version.
func versionsIn(path string) []string {
	var out []string
	for segment := range strings.SplitSeq(path, "/") {
		if versionSegment.MatchString(strings.ToLower(segment)) {
			out = append(out, strings.ToLower(segment))
		}
	}
	return out
}

// serverVersions are the versions in the addresses of the servers.
func (d *description) serverVersions() []string {
	out := versionsIn(d.root.Get("basePath").Str())
	for _, s := range d.root.Get("servers").List() {
		text := s.Get("url").Str()
		for _, m := range s.Get("variables").Fields() {
			text = strings.ReplaceAll(text, "{"+m.Name+"}", m.Value.Get("default").Str())
		}
		if u, err := url.Parse(text); err == nil {
			out = append(out, versionsIn(u.Path)...)
			for label := range strings.SplitSeq(u.Hostname(), ".") {
				out = append(out, versionsIn(label)...)
			}
		}
	}
	return out
}

func (d *description) versionNamed(out *complaints) {
	operations := d.operations()
	if len(operations) == 0 || len(d.serverVersions()) > 0 {
		return
	}
	for _, o := range operations {
		named := len(versionsIn(o.path)) > 0 || o.webhook
		for _, p := range d.parameters(o) {
			named = named || (p.in == "header" || p.in == "query") && versionNames.MatchString(words(p.name))
		}
		if !named {
			out.add(nil, "callers can't tell which version of the API they call: %s has none in its path, in a header or a parameter, and no server has", o.name())
			return
		}
	}
}

func (d *description) versionsMixed(out *complaints) {
	first := ""
	for _, o := range d.operations() {
		found := versionsIn(o.path)
		if len(found) == 0 || o.node.Get("deprecated").IsTrue() {
			continue
		}
		if first == "" {
			first = found[0]
		}
		if found[0] != first {
			out.add(o.at[:2], "the path %s is of version %s, others are of %s", o.path, found[0], first)
		}
	}
}

func (d *description) versionAgrees(out *complaints) {
	version := d.root.At("info", "version").Str()
	info, ok := major(version)
	for _, v := range d.serverVersions() {
		if n, is := major(v); ok && is && n != info && strings.HasPrefix(v, "v") {
			out.add([]string{"info", "version"}, "the version is %s, and that of the address is %s", version, v)
			return
		}
	}
}

func (d *description) versionTwice(out *complaints) {
	servers := d.serverVersions()
	for _, m := range d.root.Get("paths").Fields() {
		if found := versionsIn(m.Name); len(found) > 0 && len(servers) > 0 {
			out.add([]string{"paths", m.Name}, "the path %s names the version %s, and a server names %s", m.Name, found[0], servers[0])
			return
		}
	}
}

// versionCheck is what is asked of deprecated operations.
type versionCheck struct {
	headers, text *regexp.Regexp
	members       []string
}

func (c *versionCheck) deprecated(d *description, out *complaints) {
	for _, o := range d.operations() {
		if !o.node.Get("deprecated").IsTrue() {
			continue
		}
		text := o.node.Get("description").Str() + " " + o.node.Get("summary").Str()
		told := c.text != nil && c.text.MatchString(text) ||
			slices.ContainsFunc(c.members, func(name string) bool { return o.node.Get(name) != nil }) ||
			c.headers != nil && d.hasHeader(o, c.headers, []string{"1XX", "2XX", "3XX", "4XX", "5XX", "default"})
		if !told {
			out.add(o.at, "%s is deprecated and does not tell what callers should know", o.name())
		}
	}
}

// major is the first number of a version, as 2 of v2.1.
func major(version string) (int, bool) {
	m := firstNumber.FindString(version)
	n, err := strconv.Atoi(m)
	return n, err == nil
}

var firstNumber = regexp.MustCompile(`\d+`)
