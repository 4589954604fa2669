package scim

// What a server says of itself (RFC 7643, sections 5 to 7). Base is where SCIM lies.

// ServiceProviderConfig says what the server can do.
func ServiceProviderConfig(base string) map[string]any {
	can := func(it bool) map[string]any { return map[string]any{"supported": it} }
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":   can(true), "changePassword": can(false), "sort": can(false), "etag": can(true),
		"bulk":   map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter": map[string]any{"supported": true, "maxResults": MaxPage},
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "API token", "description": "An API token (frr_…) of an account that manages access, in the header Authorization.", "primary": true,
		}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": base + "/ServiceProviderConfig"},
	}
}

func (s *Schema) resourceType(base string) map[string]any {
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, "id": s.Name, "name": s.Name, "endpoint": s.Endpoint,
		"description": s.about, "schema": s.urn, "meta": map[string]any{"resourceType": "ResourceType", "location": base + "/ResourceTypes/" + s.Name},
	}
}

func (s *Schema) describe(base string) map[string]any {
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"}, "id": s.urn, "name": s.Name, "description": s.about,
		"attributes": describeAll(s.attributes), "meta": map[string]any{"resourceType": "Schema", "location": base + "/Schemas/" + s.urn},
	}
}

// ResourceTypes lists the kinds of resources.
func ResourceTypes(base string) map[string]any {
	return List([]any{users.resourceType(base), groups.resourceType(base)}, 2, 1)
}

// ResourceType is one kind of resource by its name; nil for none.
func ResourceType(base, name string) map[string]any {
	for _, s := range []*Schema{users, groups} {
		if s.Name == name {
			return s.resourceType(base)
		}
	}
	return nil
}

// Schemas lists the schemas.
func Schemas(base string) map[string]any {
	return List([]any{users.describe(base), groups.describe(base)}, 2, 1)
}

// SchemaOf is one schema by its URN; nil for none.
func SchemaOf(base, urn string) map[string]any {
	for _, s := range []*Schema{users, groups} {
		if s.urn == urn {
			return s.describe(base)
		}
	}
	return nil
}

// List is a page of resources, of so many in all, from the one of number start on,
// counted from 1.
func List(page []any, total, start int) map[string]any {
	if page == nil {
		page = []any{}
	}
	return map[string]any{"schemas": []string{listURN}, "totalResults": total, "startIndex": start, "itemsPerPage": len(page), "Resources": page}
}
