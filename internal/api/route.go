package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/access"
)

// Scoping says in which scope a route needs its permission.
type Scoping uint8

// The scopings. The zero value is the strictest.
const (
	// Organisation needs the permission at the top of the tree.
	Organisation Scoping = iota
	// Group needs it in the business group that {group} names in the path.
	Group
	// Environment needs it in the environment that {environment} names in the path.
	Environment
	// Self is open to everyone who is signed in, for their own things.
	Self
	// Public is open to everyone.
	Public
)

// String is the scoping's name in the document.
func (s Scoping) String() string {
	return [...]string{"organisation", "group", "environment", "self", "public"}[s]
}

// Route is one operation of the API.
type Route struct {
	Method string
	// Path lies below Prefix; its parameters are written as {name}.
	Path string
	// Summary is what the operation does, as a sentence without a full stop.
	Summary string
	// Needs is the permission, empty only with Self and Public.
	Needs access.Permission
	// And are permissions that are needed beside it; Or is enough in its place, for
	// some of the things that the route is about: the service knows which.
	And []access.Permission
	Or  access.Permission
	At  Scoping
	// Fresh asks the operator to have confirmed who they are in the last ten minutes.
	// API tokens can not do that.
	Fresh bool
	// Query are the parameters of the query beside those of pages, with what they mean.
	Query map[string]string
	// Takes and Gives are zero values of what the request's and the answer's body
	// hold; nil for none. A slice given says that the answer is a Page of its items.
	Takes, Gives any
	// Media is the type of a download, "" for JSON.
	Media string
	// Body bounds the request's body in bytes; 0 means 1 MiB.
	Body   int64
	Handle func(ctx context.Context, r *Request) (any, error)
}

// defaultBody bounds the body of a request, in bytes.
const defaultBody = 1 << 20

// check refuses a route that forgot something: no rule, no route.
func (r *Route) check() error {
	place := r.Method + " " + r.Path
	parameters := pathParameters(r.Path)
	open := r.At == Self || r.At == Public
	switch {
	case r.Handle == nil || r.Summary == "" || !strings.HasPrefix(r.Path, "/"):
		return fmt.Errorf("api: route %q needs a path, a summary and a handler", place)
	case !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, r.Method):
		return fmt.Errorf("api: route %q has an unknown method", place)
	case open != (r.Needs == ""):
		return fmt.Errorf("api: route %q must need a permission, unless it is open to all", place)
	case !open && !slices.Contains(access.Permissions(), r.Needs):
		return fmt.Errorf("api: route %q needs %q, which is no permission", place, r.Needs)
	case slices.ContainsFunc(append(slices.Clone(r.And), r.or()...), func(one access.Permission) bool {
		return open || one == r.Needs || !slices.Contains(access.Permissions(), one)
	}):
		return fmt.Errorf("api: route %q needs %q or %q beside %q, which makes no sense", place, r.And, r.Or, r.Needs)
	case (r.At == Group) != slices.Contains(parameters, "group"):
		return fmt.Errorf("api: route %q: {group} stands in the paths of routes of groups, and only there", place)
	case (r.At == Environment) != slices.Contains(parameters, "environment"):
		return fmt.Errorf("api: route %q: {environment} stands in the paths of routes of environments, and only there", place)
	case r.Takes != nil && (r.Method == http.MethodGet || r.Method == http.MethodDelete):
		return fmt.Errorf("api: route %q must not take a body", place)
	case r.At == Public && r.Method != http.MethodGet:
		return fmt.Errorf("api: route %q changes something and is open to everyone", place)
	}
	return nil
}

// or is Or as a list.
func (r *Route) or() []access.Permission {
	if r.Or == "" {
		return nil
	}
	return []access.Permission{r.Or}
}

// pathParameters are the names in braces.
func pathParameters(path string) []string {
	var names []string
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, "{") {
			names = append(names, strings.TrimSuffix(strings.Trim(part, "{}"), "..."))
		}
	}
	return names
}

// Created answers 201 with where the new thing is.
type Created struct {
	// Location is below Prefix.
	Location string
	Value    any
	Version  int64
}

// Versioned answers with the version of what is shown, as its ETag.
type Versioned struct {
	Value   any
	Version int64
}

// Page is one page of a list.
type Page struct {
	// Items is a slice.
	Items any `json:"items"`
	// Next is the after of the next page, empty when this is the last.
	Next string `json:"next,omitempty"`
}

// Download answers with bytes instead of JSON.
type Download struct {
	Name, Media string
	Bytes       []byte
}

// of is the type of a body, nil for none.
func of(value any) reflect.Type {
	if value == nil {
		return nil
	}
	return reflect.TypeOf(value)
}

// inEnvironment is where the paths of an environment begin.
const inEnvironment = "/environments/{environment}"
