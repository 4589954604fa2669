package raml

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// use is a trait or resource type that is applied.
type use struct {
	declared
	section string
	// decl is the declaration as it stands in the file.
	decl *tree.Node
	args *tree.Node
	at   *tree.Node
}

func (u use) what() string {
	if u.section == "traits" {
		return "the trait " + clip(u.name)
	}
	return "the resource type " + clip(u.name)
}

// usesOf are the templates that "is" or "type" names.
func (r *reader) usesOf(n *tree.Node, section string) []use {
	var out []use
	add := func(v *tree.Node, name string, args *tree.Node) {
		d, ok := r.scopeOf(v, r.api).find(section, name)
		switch {
		case ok && d.value.Is(tree.Object):
			out = append(out, use{d, section, d.value, args, v})
		case ok:
		case section == "traits":
			r.wrong(v, "raml-unknown-trait", "there is no trait %q; declare it under traits", clip(name))
		default:
			r.wrong(v, "raml-unknown-resource-type", "there is no resource type %q; declare it under resourceTypes", clip(name))
		}
	}
	one := func(v *tree.Node) {
		switch {
		case v.Is(tree.String):
			add(v, v.Text, nil)
		case v.Is(tree.Object) && len(v.Members) == 1:
			m := v.Members[0]
			if !m.Value.Is(tree.Object) && !m.Value.Is(tree.Null) {
				r.wrong(m.Value, "raml-template-argument", "the parameters of %q must be an object", clip(m.Name))
				return
			}
			add(v, m.Name, m.Value)
		default:
			r.wrong(v, "raml-applied", "a name belongs here, or an object with one name and its parameters")
		}
	}
	switch {
	case n == nil || n.Is(tree.Null):
	case section == "resourceTypes":
		one(r.unwrapApplied(n))
	case n.Is(tree.Array):
		for _, v := range n.Items {
			one(v)
		}
	default:
		r.wrong(n, "raml-kind", "is must be a list of traits")
	}
	return out
}

// unwrapApplied is a resource type written as a list of one.
func (r *reader) unwrapApplied(n *tree.Node) *tree.Node {
	if r.old && n.Is(tree.Array) && len(n.Items) == 1 {
		return n.Items[0]
	}
	return n
}

// instance is a template with its arguments and those that come of themselves.
func (r *reader) instance(u use, path, method string) *tree.Node {
	f := &filling{r: r, what: u.what(), place: u.at, args: map[string]*tree.Node{}, used: map[string]bool{}, outer: r.scopeOf(u.at, r.api)}
	for _, m := range u.args.Fields() {
		f.args[m.Name] = m.Value
	}
	f.args["resourcePath"] = tree.NewText(u.at, strings.ReplaceAll(path, "{ext}", ""))
	f.args["resourcePathName"] = tree.NewText(u.at, pathName(path))
	if method != "" {
		f.args["methodName"] = tree.NewText(u.at, method)
	}
	out := f.fill(u.value)
	var known map[string]bool
	for _, m := range u.args.Fields() {
		if f.used[m.Name] {
			continue
		}
		if known == nil {
			// Parameters may stand in methods that the resource has not.
			known = map[string]bool{}
			r.parametersIn(u.decl, known)
		}
		if !known[m.Name] {
			r.wrong(r.at(u.args, m), "raml-unknown-parameter", "%s has no parameter %q", u.what(), clip(m.Name))
		}
	}
	return out
}

// pathName is the last segment of a path that is no parameter.
func pathName(path string) string {
	segments := strings.Split(path, "/")
	for _, s := range slices.Backward(segments) {
		if s != "" && !strings.Contains(s, "{") {
			return s
		}
		if i := strings.Index(s, "{"); i > 0 && strings.HasPrefix(s[i:], "{ext}") {
			return s[:i]
		}
	}
	return ""
}

// effective is a resource or resource type with everything that it takes from
// others: its methods first, then the traits of the method, those of the
// resource, and then the resource type, which went the same way before and whose
// traits are for all methods too. methods are those that the resource has so
// far; chain are the templates that led here. The traits are those that are for
// methods of whatever inherits it.
func (r *reader) effective(n *tree.Node, path string, methods map[string]bool, chain []*tree.Node) (*tree.Node, []use) {
	own := tree.NewObject(n)
	traits := r.usesOf(n.Get("is"), "traits")
	for _, m := range n.Fields() {
		switch {
		case m.Name == "is" || m.Name == "type" || strings.HasPrefix(m.Name, "/"):
			continue
		case isMethod(m.Name):
			methods[m.Name] = true
			m.Value = r.withTraits(m.Value, traits, path, m.Name, chain)
		}
		own.Members = append(own.Members, m)
	}
	own.Index()
	for _, u := range r.usesOf(n.Get("type"), "resourceTypes") {
		if slices.Contains(chain, u.decl) || len(chain) >= maxChain {
			r.wrong(u.at, "raml-template-cycle", "%s is made of itself", u.what())
			continue
		}
		u.value = optional(u.value, methods)
		template := r.instance(u, path, "")
		if r.full {
			return own, nil
		}
		above, more := r.effective(template, path, methods, append(chain[:len(chain):len(chain)], u.decl))
		for i, m := range own.Members {
			if isMethod(m.Name) && above.Get(m.Name) == nil {
				own.Members[i].Value = r.withTraits(m.Value, more, path, m.Name, chain)
			}
		}
		own = r.merge(own, r.inherited(own, above, traits, path, chain), "")
		traits = append(traits, more...)
	}
	return own, traits
}

// optional is a resource type without the optional methods that the resource has
// not; those that it has are like others.
func optional(n *tree.Node, methods map[string]bool) *tree.Node {
	out := tree.NewObject(n)
	for _, m := range n.Members {
		if name, ok := strings.CutSuffix(m.Name, "?"); ok && isMethod(name) {
			if !methods[name] {
				continue
			}
			m.Name = name
		}
		out.Members = append(out.Members, m)
	}
	out.Index()
	return out
}

// inherited is what a resource takes from its resource type; its own traits go
// to the methods that it gets.
func (r *reader) inherited(own, above *tree.Node, traits []use, path string, chain []*tree.Node) *tree.Node {
	taken := tree.NewObject(above)
	for _, m := range above.Members {
		switch {
		case m.Name == "usage" || isAnnotation(m.Name):
			continue
		case isMethod(m.Name) && own.Get(m.Name) == nil:
			m.Value = r.withTraits(m.Value, traits, path, m.Name, chain)
		}
		taken.Members = append(taken.Members, m)
	}
	taken.Index()
	return taken
}

// withTraits is a method with its traits and then those of its resource.
func (r *reader) withTraits(n *tree.Node, more []use, path, method string, chain []*tree.Node) *tree.Node {
	if !n.Is(tree.Object) && !n.Is(tree.Null) {
		return n
	}
	own := tree.NewObject(n)
	if n.Is(tree.Object) {
		own = without(n, "is")
	}
	all := append(r.usesOf(n.Get("is"), "traits"), more...)
	for _, u := range all {
		if slices.Contains(chain, u.decl) || len(chain) >= maxChain {
			r.wrong(u.at, "raml-template-cycle", "%s is made of itself", u.what())
			continue
		}
		trait := r.instance(u, path, method)
		if r.full {
			break
		}
		if trait.Get("is") != nil {
			trait = r.withTraits(trait, nil, path, method, append(chain[:len(chain):len(chain)], u.decl))
		}
		trait = without(trait, "usage")
		if r.old {
			trait = without(trait, "displayName")
		}
		trait.Members = slices.DeleteFunc(trait.Members, func(m tree.Member) bool { return isAnnotation(m.Name) })
		trait.Index()
		own = r.merge(own, trait, "")
	}
	return own
}
