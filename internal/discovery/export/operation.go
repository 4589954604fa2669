package export

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/discovery"
)

// requiredFrom is the number of calls from which a parameter or body that all had is
// required.
const requiredFrom = 60

// statusText is a status as text.
func statusText(status int) string { return strconv.Itoa(status) }

// operation writes one operation.
func (d *description) operation(u *union) map[string]any {
	out := map[string]any{"operationId": d.id(u), "responses": d.responses(u)}
	if tags := d.tagsOf(u); len(tags) > 0 {
		out["tags"] = tags
	}
	keys := d.security(u, out)
	if parameters := d.parameters(u, keys); len(parameters) > 0 {
		out["parameters"] = parameters
	}
	if body := d.requestBody(u); body != nil {
		out["requestBody"] = body
	}
	d.notes(u, out)
	return out
}

// id makes the name of an operation: its method and the words of its path.
func (d *description) id(u *union) string {
	words := []string{strings.ToLower(u.method)}
	for _, p := range parts(u.route.path) {
		if p.template {
			words = append(words, "by", p.text)
			continue
		}
		words = append(words, p.text)
	}
	base := camel(words)
	id := base
	for n := 2; d.ids[id]; n++ {
		id = base + strconv.Itoa(n)
	}
	d.ids[id] = true
	return id
}

// tagsOf are the business flows of an operation, or the first word of its path.
func (d *description) tagsOf(u *union) []any {
	set := map[string]bool{}
	for _, op := range u.of {
		for _, label := range d.o.Labels[op.Key] {
			set[visible(label)] = true
		}
	}
	if len(set) == 0 {
		for _, word := range u.route.words {
			if !isVersion(word) {
				set[visible(word)] = true
				break
			}
		}
	}
	var out []any
	for _, tag := range slices.Sorted(maps.Keys(set)) {
		d.tags[tag] = true
		out = append(out, tag)
	}
	return out
}

// parameters writes all but those that are credentials.
func (d *description) parameters(u *union, keys map[place]bool) []any {
	var out []any
	for _, name := range u.route.names {
		schema := map[string]any{"type": "string"}
		if v := u.parameters[place{"path", name}]; v != nil {
			schema = v.JSONSchema(d.o.Strictness)
		}
		if schema["type"] == "array" {
			schema = map[string]any{"type": "string"}
		}
		out = append(out, map[string]any{"name": name, "in": "path", "required": true, "schema": schema})
	}
	places := slices.Collect(maps.Keys(u.parameters))
	slices.SortFunc(places, func(a, b place) int {
		return strings.Compare(strconv.Itoa(inOrder(a.in))+a.name, strconv.Itoa(inOrder(b.in))+b.name)
	})
	for _, at := range places {
		if inOrder(at.in) > 0 && at.name != "" && !keys[at] && !ignored(at) {
			out = append(out, d.parameter(u, at))
		}
	}
	return append(out, d.versions(u)...)
}

func inOrder(in string) int { return slices.Index([]string{"path", "query", "header", "cookie"}, in) }

// ignored tells the headers that descriptions do not name.
func ignored(at place) bool {
	if at.in != "header" {
		return false
	}
	return !isToken(at.name) || slices.Contains([]string{"accept", "content-type", "authorization", "cookie"}, at.name)
}

func (d *description) parameter(u *union, at place) map[string]any {
	v := u.parameters[at]
	out := map[string]any{"name": visible(at.name), "in": at.in, "schema": v.JSONSchema(d.o.Strictness)}
	everywhere := v.Count >= u.sampled && u.sampled > 0
	if everywhere && (u.sampled >= requiredFrom || d.o.Strictness == discovery.TightStrictness) && d.o.Strictness != discovery.LooseStrictness {
		out["required"] = true
	} else {
		out["x-farrier-presence"] = share(v.Count, u.sampled)
	}
	if v.Listed() && !v.Repeated() && at.in == "query" {
		out["style"], out["explode"] = "form", false
	}
	return out
}

// versions writes the header by which a version is chosen.
func (d *description) versions(u *union) []any {
	byHeader := map[string][]any{}
	for _, version := range u.some(func(op *discovery.Operation) string { return op.Version }) {
		header, value, ok := strings.Cut(version, ":")
		header = strings.ToLower(strings.TrimSpace(header))
		if ok && isToken(header) && !ignored(place{"header", header}) {
			byHeader[header] = append(byHeader[header], visible(strings.TrimSpace(value)))
		}
	}
	versioned := !slices.ContainsFunc(u.of, func(op *discovery.Operation) bool { return op.Version == "" })
	var out []any
	for _, header := range slices.Sorted(maps.Keys(byHeader)) {
		if _, known := u.parameters[place{"header", header}]; known {
			continue
		}
		schema := map[string]any{"type": "string", "x-farrier-values": byHeader[header]}
		if versioned && d.o.Strictness != discovery.LooseStrictness {
			schema = map[string]any{"type": "string", "enum": byHeader[header]}
		}
		out = append(out, map[string]any{
			"name": header, "in": "header", "description": "chooses the version", "schema": schema,
		})
	}
	return out
}

func (d *description) requestBody(u *union) map[string]any {
	media, empty, all := map[string]any{}, uint64(0), uint64(0)
	for at, m := range u.bodies {
		all += m.count
		if at.media == "" {
			empty += m.count
			continue
		}
		media[at.media] = d.media(u, at, m)
	}
	if len(media) == 0 {
		return nil
	}
	d.expect(d.requestMedias, u.mediaSets(false)[0], media)
	out := map[string]any{"content": media}
	if empty == 0 && all >= u.sampled && (all >= requiredFrom || d.o.Strictness == discovery.TightStrictness) && d.o.Strictness != discovery.LooseStrictness {
		out["required"] = true
	}
	return out
}

// expect adds the media types that were seen elsewhere together with those of a set.
func (d *description) expect(m *medias, set map[string]uint64, to map[string]any) {
	if d.o.Strictness != "" && d.o.Strictness != discovery.ObservedStrictness {
		return
	}
	for _, media := range m.expected(set) {
		if to[media] == nil {
			to[media] = map[string]any{}
		}
	}
}

// media writes what contents of one media type have.
func (d *description) media(u *union, at content, m *message) map[string]any {
	out := map[string]any{}
	if !d.o.Plain {
		out["x-farrier-count"] = m.count
	}
	if m.schema == nil || m.read == 0 {
		if strings.HasPrefix(at.media, "text/") {
			out["schema"] = map[string]any{"type": "string"}
		}
		return out
	}
	out["schema"] = m.schema.JSONSchemaWith(d.o.Strictness, &d.priors)
	word := "body"
	for _, w := range u.route.words {
		if !isVersion(w) {
			word = w
		}
	}
	d.shared.hint(out, title(singular(word)))
	return out
}

func (d *description) responses(u *union) map[string]any {
	out := map[string]any{}
	add := func(status int) map[string]any {
		key := statusText(status)
		if known, ok := out[key].(map[string]any); ok {
			return known
		}
		text := http.StatusText(status)
		if text == "" {
			text = "Status " + key
		}
		response := map[string]any{"description": text}
		if n := u.statuses[status]; n > 0 {
			response["x-farrier-requests"] = n
		}
		out[key] = response
		return response
	}
	for status := range u.statuses {
		if status >= 100 && status <= 599 {
			add(status)
		}
	}
	for at, m := range u.answers {
		if at.status < 100 || at.status > 599 {
			continue
		}
		response := add(at.status)
		if at.media == "" {
			continue
		}
		media, _ := response["content"].(map[string]any)
		if media == nil {
			media = map[string]any{}
			response["content"] = media
		}
		media[at.media] = d.media(u, at, m)
	}
	for status, set := range u.mediaSets(true) {
		response := add(status)
		media, _ := response["content"].(map[string]any)
		d.expect(d.answerMedias, set, media)
		if d.o.Strictness != discovery.LikelyStrictness && u.bare(status) {
			// Whoever describes content promises it.
			delete(response, "content")
			response["x-farrier-content"] = media
		}
	}
	if len(out) == 0 || d.o.Strictness != discovery.TightStrictness {
		out["default"] = map[string]any{"description": "Any other answer"}
	}
	return out
}

// bare says whether answers of a status come without content now and then.
func (u *union) bare(status int) bool {
	var empty, all uint64
	for at, m := range u.answers {
		if at.status == status {
			all += m.count
			if at.media == "" {
				empty += m.count
			}
		}
	}
	return empty*1000 > all
}

// notes writes what only we understand, and what is deprecated.
func (d *description) notes(u *union, out map[string]any) {
	states, data, callers := map[string]bool{}, map[string]bool{}, map[string]bool{}
	var operations []any
	for _, op := range u.of {
		for _, s := range d.o.States[op.Key] {
			states[string(s)] = true
			if s == discovery.Deprecated || s == discovery.Zombie {
				out["deprecated"] = true
			}
		}
		for _, class := range classes(op) {
			data[class] = true
		}
		for _, c := range op.Callers {
			callers[c.Kind+" "+c.Name] = true
		}
		if len(u.of) > 1 || op.Name != "" || op.Version != "" {
			operations = append(operations, map[string]any{"name": visible(op.String()), "requests": op.Requests})
		}
	}
	list := func(name string, set map[string]bool) {
		var all []any
		for _, text := range slices.Sorted(maps.Keys(set)) {
			all = append(all, visible(text))
		}
		if len(all) > 0 {
			out["x-farrier-"+name] = all
		}
	}
	list("states", states)
	list("data", data)
	if len(operations) > 0 {
		out["x-farrier-operations"] = operations
	}
	protocols := u.some(func(op *discovery.Operation) string {
		if op.Protocol == discovery.REST {
			return ""
		}
		return string(op.Protocol)
	})
	if len(protocols) > 0 {
		out["x-farrier-protocol"] = protocols[0]
	}
	out["x-farrier-requests"] = u.requests
	if len(callers) > 0 {
		out["x-farrier-callers"] = len(callers)
	}
	if !u.first.IsZero() {
		out["x-farrier-first"], out["x-farrier-last"] = day(u.first), day(u.last)
	}
}
