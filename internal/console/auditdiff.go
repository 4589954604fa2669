package console

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxChanges bounds the values that the page of an audit entry shows.
const maxChanges = 500

// change is one value of a thing, before and after.
type change struct {
	Path, Before, After string
	// Was and Is say whether there was one, and is.
	Was, Is bool
}

// Same reports whether nothing happened to the value.
func (c change) Same() bool { return c.Was && c.Is && c.Before == c.After }

// Tone is the colour of the change, Word what it is called.
func (c change) Tone() string {
	switch {
	case c.Same():
		return "calm"
	case !c.Was:
		return "good"
	case !c.Is:
		return "stop"
	}
	return "warn"
}

// Word is what the change is called.
func (c change) Word() string {
	switch {
	case c.Same():
		return "as before"
	case !c.Was:
		return "new"
	case !c.Is:
		return "gone"
	}
	return "changed"
}

// changes lists the values of two JSON objects side by side, those that differ first,
// and says how many it left out.
func changes(before, after json.RawMessage) (list []change, left int) {
	was, is := flat(before), flat(after)
	paths := maps.Clone(was)
	maps.Copy(paths, is)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		c := change{Path: path}
		c.Before, c.Was = was[path]
		c.After, c.Is = is[path]
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b change) int {
		switch {
		case a.Same() == b.Same():
			return 0
		case b.Same():
			return -1
		}
		return 1
	})
	if len(list) > maxChanges {
		return list[:maxChanges], len(list) - maxChanges
	}
	return list, 0
}

// flat lists the values of a JSON object by their paths.
func flat(text json.RawMessage) map[string]string {
	values := map[string]string{}
	if len(text) == 0 {
		return values
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if d.Decode(&value) != nil {
		return values
	}
	flatten(values, "", value)
	return values
}

func flatten(into map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 0 && path != "" {
			into[path] = "{}"
		}
		for name, one := range v {
			flatten(into, strings.TrimPrefix(path+"."+name, "."), one)
		}
	case []any:
		if len(v) == 0 {
			into[path] = "[]"
		}
		for i, one := range v {
			flatten(into, path+"["+strconv.Itoa(i)+"]", one)
		}
	case string:
		if strings.HasPrefix(v, "hashed:") {
			v = "secret " + v[:min(len(v), len("hashed:")+12)] + "…"
		}
		into[path] = v
	case nil:
		into[path] = "null"
	case bool:
		into[path] = strconv.FormatBool(v)
	case json.Number:
		into[path] = v.String()
	}
}
