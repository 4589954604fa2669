package governance

import (
	"encoding/json"
	"fmt"

	"farrier.dev/farrier/internal/encoding/tree"
)

// Instance is an API as it is served. Rules see it as the object "instance",
// with its fields in camelCase as the tags tell.
type Instance struct {
	// Name is namespace/name.
	Name string `json:"name"`
	// File and Line are where it was written.
	File string `json:"-"`
	Line int    `json:"-"`
	// Address is scheme, host, port and base path.
	Address string `json:"address"`
	// Labels hold layer, exposure, owner, region, dataClass and whatever else.
	Labels map[string]string `json:"labels"`
	// TLS tells how callers connect; MutualTLS that they show certificates.
	TLS       bool `json:"tls"`
	MutualTLS bool `json:"mutualTls"`
	// Policies are the inbound ones in the order in which they run.
	Policies []Policy `json:"policies"`
	// Services are the addresses of its upstreams.
	Services []Service `json:"services"`
	// Contracts is the number of client applications with a contract.
	Contracts int `json:"contracts"`
	// Specification summarises the description; nil where none is known.
	Specification *Summary `json:"specification,omitempty"`
}

// Policy is one binding of a policy.
type Policy struct {
	// Name is that in the catalogue, as "rate-limiting-flex".
	Name  string `json:"name"`
	Order int    `json:"order"`
	// Provides are the things that rules ask for, as "authentication", "oauth",
	// "jwt", "mutual-tls", "limits", "validation", "masking", "tokenization",
	// "csrf", "cors", "attack-protection", "logging".
	Provides  []string `json:"provides"`
	Automated bool     `json:"automated"`
	// Everywhere says that no rule restricts it to some requests.
	Everywhere bool   `json:"everywhere"`
	File       string `json:"-"`
	Line       int    `json:"-"`
}

// Service is one upstream.
type Service struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	TLS     bool   `json:"tls"`
}

// Summary is what instance rules need to know of a description.
type Summary struct {
	Title   string   `json:"title"`
	Version string   `json:"version"`
	Servers []string `json:"servers"`
	// Deprecated and Unsecured are operations, as "GET /orders".
	Operations []string `json:"operations"`
	Deprecated []string `json:"deprecated"`
	Unsecured  []string `json:"unsecured"`
	// Sensitive are fields of responses and requests that hold personal or secret
	// data.
	Sensitive []SensitiveField `json:"sensitive"`
}

// SensitiveField is a field that holds personal or secret data.
type SensitiveField struct {
	Operation string `json:"operation"`
	// Side is request or response.
	Side string `json:"side"`
	// Field leads to it, as "/customer/ssn".
	Field string `json:"field"`
	// Class is what it holds, as classify names it.
	Class string `json:"class"`
}

// tree is the instance as rules see it, each part where it was written.
func (i *Instance) tree() (*tree.Node, error) {
	text, err := json.Marshal(map[string]*Instance{"instance": i})
	if err != nil {
		return nil, fmt.Errorf("writing the instance: %w", err)
	}
	root, err := tree.Read(&tree.Source{Name: i.File, Text: text}, tree.Options{})
	if err != nil {
		return nil, fmt.Errorf("reading the instance: %w", err)
	}
	place(root, &tree.Source{Name: i.File}, i.Line)
	for at, n := range root.At("instance", "policies").List() {
		if p := &i.Policies[at]; p.File != "" {
			place(n, &tree.Source{Name: p.File}, p.Line)
		}
	}
	return root, nil
}

// place says of a value and all below it where they stand.
func place(n *tree.Node, src *tree.Source, line int) {
	n.Source, n.Line, n.Column = src, int32(line), 1 //nolint:gosec // manifests are shorter
	for _, item := range n.Items {
		place(item, src, line)
	}
	for i := range n.Members {
		m := &n.Members[i]
		m.Line, m.Column = n.Line, 1
		place(m.Value, src, line)
	}
}
