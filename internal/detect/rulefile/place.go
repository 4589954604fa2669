package rulefile

import (
	"slices"
	"strings"
)

// Place is a part of a request, as rule files name it.
type Place string

// place says which variables of SecLang hold a place.
type place struct {
	name  Place
	value string
	// names is the variable of the names; empty where there are none.
	names string
}

// places are the parts of a request; file-content is that of uploads. SecLang holds the values of all bodies in
// one collection: form, json and xml say what a rule is made for, and each
// looks at the others too.
var places = [...]place{
	{"query", "ARGS_GET", "ARGS_GET_NAMES"},
	{"form", "ARGS_POST", "ARGS_POST_NAMES"},
	{"json", "ARGS_POST", "ARGS_POST_NAMES"},
	{"xml", "ARGS_POST", "ARGS_POST_NAMES"},
	{"path", "ARGS_PATH", ""},
	{"cookie", "REQUEST_COOKIES", "REQUEST_COOKIES_NAMES"},
	{"header-arguments", "REQUEST_HEADERS", "REQUEST_HEADERS_NAMES"},
	{"header", "REQUEST_HEADERS", "REQUEST_HEADERS_NAMES"},
	{"user-agent", "REQUEST_HEADERS:User-Agent", ""},
	{"filename", "FILES", "FILES_NAMES"},
	{"file-content", "FILES_TMP_CONTENT", ""},
	{"body", "REQUEST_BODY", ""},
	{"url", "REQUEST_URI_RAW", ""},
}

// defaultPlaces are all that an application takes as its arguments.
var defaultPlaces = [...]Place{"query", "form", "json", "xml", "path", "cookie", "header-arguments"}

// transportHeaders are written by browsers, proxies and libraries about the
// connection, and hold URLs and lists that mean no harm; the place
// header-arguments leaves them out. Those that hold an address and nothing else,
// as X-Forwarded-For, stay: clients send them too, and applications log them.
var transportHeaders = [...]string{
	"Cookie", "Destination", "Forwarded", "Host", "Link", "Origin", "Referer", "SOAPAction", "Via",
}

func findPlace(name Place) (place, bool) {
	i := slices.IndexFunc(places[:], func(p place) bool { return p.name == name })
	if i < 0 {
		return place{}, false
	}
	return places[i], true
}

func placeNames() string {
	names := make([]string, len(places))
	for i := range places {
		names[i] = string(places[i].name)
	}
	return strings.Join(names, ", ")
}

// looksAt says whether the rule looks at a value of this place and name.
func (r *Rule) looksAt(at Place, name string) bool {
	p, ok := findPlace(at)
	if !ok {
		return false
	}
	held, fixed, _ := strings.Cut(p.value, ":")
	if fixed != "" {
		name = fixed
	}
	for _, own := range r.Places {
		q, _ := findPlace(own)
		variable, key, _ := strings.Cut(q.value, ":")
		if variable != held || key != "" && !strings.EqualFold(key, name) {
			continue
		}
		if variable != "REQUEST_HEADERS" || key != "" || !r.skipsHeader(name) {
			return true
		}
	}
	return false
}

// skipsHeader says whether a header is left to others: cookies are seen one by
// one.
func (r *Rule) skipsHeader(name string) bool {
	if slices.Contains(r.Places, "header") {
		return strings.EqualFold(name, "Cookie")
	}
	return slices.ContainsFunc(transportHeaders[:], func(h string) bool { return strings.EqualFold(h, name) })
}

// variables writes what the rule looks at as SecLang does.
func (r *Rule) variables() string {
	var list []string
	add := func(v string) {
		if v != "" && !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	for _, name := range r.Places {
		p, _ := findPlace(name)
		if r.Names != NamesOnly {
			add(p.value)
		}
		if r.Names != ValuesOnly {
			add(p.names)
		}
	}
	if slices.Contains(list, "REQUEST_HEADERS") {
		if slices.Contains(r.Places, "header") {
			add("!REQUEST_HEADERS:Cookie")
		} else {
			for _, h := range transportHeaders {
				add("!REQUEST_HEADERS:" + h)
			}
		}
	}
	if r.skip != nil {
		for _, v := range list {
			if variable, key, _ := strings.Cut(v, ":"); key == "" && !strings.HasSuffix(v, "_NAMES") && variable != "REQUEST_BODY" && variable != "REQUEST_URI_RAW" {
				add("!" + v + ":/" + r.skip.expr + "/")
			}
		}
	}
	return strings.Join(list, "|")
}
