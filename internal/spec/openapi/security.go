package openapi

import (
	"net/url"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// servers reads the addresses of the servers; variables have their defaults.
func (r *reader) servers() error {
	if r.dialect == swagger20 {
		return r.hosts()
	}
	servers := r.root.Get("servers")
	if servers != nil && servers.Kind != tree.Array {
		return tree.Wrong(servers, "servers must be a list")
	}
	for _, s := range servers.List() {
		address := s.Get("url").Str()
		for _, m := range s.Get("variables").Fields() {
			address = strings.ReplaceAll(address, "{"+m.Name+"}", m.Value.Get("default").Str())
			if len(address) > maxAddress {
				return tree.Wrong(s, "the url of the server is longer than %d bytes", maxAddress)
			}
		}
		if err := r.server(s, address); err != nil {
			return err
		}
	}
	return nil
}

// maxAddress is the length of an address of a server in bytes.
const maxAddress = 8 << 10

func (r *reader) server(at *tree.Node, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		if r.strict {
			return tree.Wrong(at, "the url of the server is malformed")
		}
		r.out.Servers = append(r.out.Servers, address)
		return nil
	}
	base := strings.TrimSuffix(u.EscapedPath(), "/")
	if base != "" && base[0] != '/' {
		base = "/" + base
	}
	r.out.BasePaths = append(r.out.BasePaths, base)
	r.out.Servers = append(r.out.Servers, address)
	return nil
}

// hosts are the servers of Swagger 2.0: each scheme with host and base path.
func (r *reader) hosts() error {
	host, base := r.root.Get("host"), r.root.Get("basePath")
	if host == nil && base == nil {
		return nil
	}
	address := base.Str()
	if address != "" && address[0] != '/' {
		address = "/" + address
	}
	schemes := r.root.Get("schemes").List()
	if host == nil {
		return r.server(base, address)
	}
	if len(schemes) == 0 {
		return r.server(host, "//"+host.Text+address)
	}
	for _, scheme := range schemes {
		if err := r.server(scheme, scheme.Str()+"://"+host.Text+address); err != nil {
			return err
		}
	}
	return nil
}

// schemes reads the security schemes.
func (r *reader) schemes() error {
	declared := r.root.At("components", "securitySchemes")
	if r.dialect == swagger20 {
		declared = r.root.Get("securityDefinitions")
	}
	for _, m := range declared.Fields() {
		n, err := r.resolve(m.Value)
		if err != nil {
			return err
		}
		s := spec.SecurityScheme{
			Type: n.Get("type").Str(), Scheme: strings.ToLower(n.Get("scheme").Str()),
			Name: n.Get("name").Str(), In: spec.Place(n.Get("in").Str()), Line: int(n.Line),
		}
		if r.dialect == swagger20 && s.Type == "basic" {
			s.Type, s.Scheme = "http", "basic"
		}
		if r.out.Schemes == nil {
			r.out.Schemes = map[string]spec.SecurityScheme{}
		}
		r.out.Schemes[m.Name] = s
		if s.Type == "apiKey" {
			r.out.Credentials = append(r.out.Credentials, spec.Credential{Name: s.Name, In: s.In})
		}
	}
	return nil
}

// requirements reads the alternatives of a security field. An empty list lets
// anybody in, which is one empty alternative.
func requirements(n *tree.Node) ([][]spec.Requirement, error) {
	if n == nil {
		return nil, nil
	}
	if n.Kind != tree.Array {
		return nil, tree.Wrong(n, "security must be a list of objects")
	}
	if len(n.Items) == 0 {
		return [][]spec.Requirement{{}}, nil
	}
	all := make([][]spec.Requirement, 0, len(n.Items))
	for _, item := range n.Items {
		if item.Kind != tree.Object {
			return nil, tree.Wrong(item, "a security requirement must be an object of schemes and their scopes")
		}
		one := make([]spec.Requirement, 0, len(item.Members))
		for _, m := range item.Members {
			q := spec.Requirement{Scheme: m.Name}
			for _, scope := range m.Value.List() {
				q.Scopes = append(q.Scopes, scope.Str())
			}
			one = append(one, q)
		}
		all = append(all, one)
	}
	return all, nil
}

// roles reads the extension x-required-roles: a role, or a list of roles of which
// a caller needs one. What is neither is an error, for it was meant to keep
// callers out.
func roles(n *tree.Node) ([]string, error) {
	wrong := func(at *tree.Node) ([]string, error) {
		return nil, tree.Wrong(at, "x-required-roles must be a role or a list of roles")
	}
	switch {
	case n == nil:
		return nil, nil
	case n.Is(tree.String) && n.Text != "":
		return []string{n.Text}, nil
	case !n.Is(tree.Array) || len(n.Items) == 0:
		return wrong(n)
	}
	all := make([]string, 0, len(n.Items))
	for _, item := range n.Items {
		if !item.Is(tree.String) || item.Text == "" {
			return wrong(item)
		}
		all = append(all, item.Text)
	}
	return all, nil
}
