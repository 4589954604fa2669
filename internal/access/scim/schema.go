package scim

import (
	"strings"
)

// kind is the type of an attribute's values.
type kind string

const (
	textKind      kind = "string"
	boolKind      kind = "boolean"
	timeKind      kind = "dateTime"
	referenceKind kind = "reference"
	complexKind   kind = "complex"
)

// attribute is one attribute of a schema. The zero values are those of RFC 7643,
// section 2.2.
type attribute struct {
	name  string
	about string
	kind  kind
	multi bool
	subs  []attribute
	// mutability is readWrite when empty.
	mutability string
	exact      bool
	required   bool
	unique     bool
	// dropped says that it is understood, and not kept.
	dropped bool
	// common says that all resources have it, so that no schema lists it.
	common bool
}

const (
	readOnly  = "readOnly"
	immutable = "immutable"
)

// Schema is what one kind of resource looks like.
type Schema struct {
	// Name is User or Group, Endpoint where its resources lie below the base.
	Name, Endpoint string
	urn, about     string
	attributes     []attribute
}

// drop makes attributes that are understood and not kept.
func drop(names ...string) []attribute {
	list := make([]attribute, len(names))
	for i, name := range names {
		list[i] = attribute{name: name, dropped: true}
	}
	return list
}

// common are the attributes of all resources.
func common() []attribute {
	return []attribute{
		{name: "schemas", kind: referenceKind, multi: true, mutability: readOnly, common: true},
		{name: "id", kind: textKind, exact: true, mutability: readOnly, unique: true, common: true},
		{name: "externalId", kind: textKind, exact: true, common: true},
		{name: "meta", kind: complexKind, mutability: readOnly, common: true, subs: []attribute{
			{name: "resourceType", kind: textKind, exact: true},
			{name: "created", kind: timeKind},
			{name: "lastModified", kind: timeKind},
			{name: "location", kind: referenceKind, exact: true},
			{name: "version", kind: textKind, exact: true},
		}},
	}
}

// Users is the schema of users.
func Users() *Schema { return users }

// Groups is the schema of groups.
func Groups() *Schema { return groups }

// The schemas never change.
var users, groups = userSchema(), groupSchema()

func userSchema() *Schema {
	reference := []attribute{
		{name: "value", kind: textKind, exact: true, about: "The id of the group."},
		{name: "$ref", kind: referenceKind, exact: true, about: "Where the group lies."},
		{name: "display", kind: textKind, about: "The name of the group."},
		{name: "type", kind: textKind, about: "Always direct."},
	}
	list := append(common(), []attribute{
		{name: "userName", kind: textKind, required: true, unique: true, mutability: immutable, about: "The name of the account, which the audit log names it by. Kept in lower case."},
		{name: "displayName", kind: textKind, about: "The name to show; made of name when it is left out."},
		{name: "name", kind: complexKind, about: "The parts of the person's name.", subs: append([]attribute{
			{name: "formatted", kind: textKind, about: "The whole name; used where displayName is left out."},
			{name: "familyName", kind: textKind, about: "The family name."},
			{name: "givenName", kind: textKind, about: "The given name."},
		}, drop("middleName", "honorificPrefix", "honorificSuffix")...)},
		{name: "emails", kind: complexKind, multi: true, about: "E-mail addresses, of which one is kept: the primary, else that for work, else the first.", subs: append([]attribute{
			{name: "value", kind: textKind, about: "The address."},
			{name: "type", kind: textKind, about: "What it is for."},
			{name: "primary", kind: boolKind, about: "Whether it is the preferred one."},
		}, drop("display", "$ref")...)},
		{name: "active", kind: boolKind, about: "Whether the account may be used. One that is not has no sessions, and its API tokens do nothing."},
		{name: "groups", kind: complexKind, multi: true, mutability: readOnly, about: "The groups that the user is in.", subs: reference},
	}...)
	list = append(list, drop("nickName", "profileUrl", "title", "userType", "preferredLanguage", "locale", "timezone", "password", "phoneNumbers",
		"ims", "photos", "addresses", "entitlements", "roles", "x509Certificates", enterpriseURN)...)
	return &Schema{Name: "User", Endpoint: "/Users", urn: userURN, about: "A person's account.", attributes: list}
}

func groupSchema() *Schema {
	list := append(common(), []attribute{
		{name: "displayName", kind: textKind, required: true, unique: true, about: "The name of the team."},
		{name: "members", kind: complexKind, multi: true, about: "The users in the team.", subs: []attribute{
			{name: "value", kind: textKind, exact: true, mutability: immutable, about: "The id of the user."},
			{name: "$ref", kind: referenceKind, exact: true, mutability: immutable, about: "Where the user lies."},
			{name: "display", kind: textKind, mutability: immutable, about: "The userName of the user."},
			{name: "type", kind: textKind, mutability: immutable, about: "Always User."},
		}},
	}...)
	return &Schema{Name: "Group", Endpoint: "/Groups", urn: groupURN, about: "A team, whose members are granted things together.", attributes: list}
}

// find is the attribute of a name, in whatever case; nil for none.
func find(list []attribute, name string) *attribute {
	for i := range list {
		if strings.EqualFold(list[i].name, name) {
			return &list[i]
		}
	}
	return nil
}

// resolve finds what a name such as name.familyName means, with or without the
// schema's URN before it. Sub is nil where the name has one part.
func (s *Schema) resolve(name string) (attr, sub *attribute, ok bool) {
	if cut(&name, enterpriseURN) && s.urn == userURN {
		return find(s.attributes, enterpriseURN), nil, true
	}
	if cut(&name, s.urn) {
		name = strings.TrimPrefix(name, ":")
	}
	first, second, two := strings.Cut(name, ".")
	if attr = find(s.attributes, first); attr == nil {
		return nil, nil, false
	}
	if !two || attr.dropped {
		return attr, nil, true
	}
	sub = find(attr.subs, second)
	return attr, sub, sub != nil
}

// cut takes a URN from the beginning of a name, in whatever case.
func cut(name *string, urn string) bool {
	if len(*name) < len(urn) || !strings.EqualFold((*name)[:len(urn)], urn) || len(*name) > len(urn) && (*name)[len(urn)] != ':' {
		return false
	}
	*name = (*name)[len(urn):]
	return true
}

// describe is an attribute as /Schemas shows it.
func (a *attribute) describe() map[string]any {
	out := map[string]any{
		"name": a.name, "type": string(a.kind), "multiValued": a.multi, "description": a.about, "required": a.required, "caseExact": a.exact,
		"mutability": "readWrite", "returned": "default", "uniqueness": "none",
	}
	if a.mutability != "" {
		out["mutability"] = a.mutability
	}
	if a.unique {
		out["uniqueness"] = "server"
	}
	if a.kind == referenceKind {
		out["referenceTypes"] = []string{"User", "Group"}
	}
	if list := describeAll(a.subs); len(list) > 0 {
		out["subAttributes"] = list
	}
	return out
}

func describeAll(attributes []attribute) []any {
	var list []any
	for i := range attributes {
		if !attributes[i].dropped && !attributes[i].common {
			list = append(list, attributes[i].describe())
		}
	}
	return list
}
