// Package known gathers what is written down of APIs: descriptions, the flows of Mule
// projects, and the manifests that say where both are served.
package known

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/spec"
)

// The origins of what is described.
const (
	specification = "specification"
	project       = "project"
)

// Specification is a description by itself: it says where its API is served.
func Specification(doc *spec.Document) discovery.Described {
	d := discovery.Described{Name: doc.File, Origin: specification, Document: doc}
	if doc.Description != nil {
		d.Version = doc.Description.Version
	}
	return d
}

// Instance is the description of an instance. Its base path stands before what the
// description says of the paths; where the servers of the description name that base
// path themselves, it does not stand there twice.
func Instance(api *revision.API, doc *spec.Document) discovery.Described {
	d := Specification(doc)
	d.API = api.Name.String()
	d.BasePaths = Below(api.BasePath, doc)
	return d
}

// Below are the base paths of a description whose API is served below another base path.
func Below(base string, doc *spec.Document) []string {
	out := []string{base}
	if doc == nil || doc.Description == nil {
		return out
	}
	for _, own := range doc.Description.BasePaths {
		switch {
		case own == "" || own == base || strings.HasSuffix(base, own):
			// The servers of the description are this instance.
		case strings.HasPrefix(own, base+"/"):
			out = append(out, own)
		default:
			out = append(out, base+own)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Host is the host that an API is described to be served under: its own, or that of its
// servers when they all name the same; "*" when it is not known.
func Host(d *discovery.Described) string {
	if d.Host != "" {
		return d.Host
	}
	host := ""
	if d.Document != nil && d.Document.Description != nil {
		for _, server := range d.Document.Description.Servers {
			at, err := url.Parse(server)
			if err != nil || at.Host == "" || host != "" && !strings.EqualFold(at.Host, host) {
				return "*"
			}
			host = strings.ToLower(at.Host)
		}
	}
	return cmp.Or(host, "*")
}

// Supersede marks, of descriptions of one API, those of older versions. They are of one
// API when they have the same title and are not known to be different instances. An
// instance that serves a description keeps it in force.
func Supersede(all []discovery.Described) {
	byTitle := map[string][]*discovery.Described{}
	for i := range all {
		d := &all[i]
		if d.Document == nil || d.Document.Description == nil || d.Document.Description.Title == "" {
			continue
		}
		title := strings.ToLower(d.Document.Description.Title) + "\x00" + d.Host
		byTitle[title] = append(byTitle[title], d)
	}
	for _, same := range byTitle {
		newest := slices.MaxFunc(same, func(a, b *discovery.Described) int { return Compare(a.Version, b.Version) })
		for _, d := range same {
			d.Superseded = d.API == "" && Compare(d.Version, newest.Version) < 0
		}
	}
}

// Compare orders versions as people write them: "v2", "1.10.0", "2024-01-31", "1.0.0-beta".
// What has a suffix comes before the same without it.
func Compare(a, b string) int {
	a, preA, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(a)), "v"), "-")
	b, preB, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(b)), "v"), "-")
	if c := compareParts(a, b); c != 0 {
		return c
	}
	switch {
	case preA == preB:
		return 0
	case preA == "":
		return 1
	case preB == "":
		return -1
	}
	return compareParts(preA, preB)
}

func compareParts(a, b string) int {
	split := func(r rune) bool { return r == '.' || r == '-' || r == '_' || r == '+' }
	as, bs := strings.FieldsFunc(a, split), strings.FieldsFunc(b, split)
	for i := range max(len(as), len(bs)) {
		x, y := "0", "0"
		if i < len(as) {
			x = as[i]
		}
		if i < len(bs) {
			y = bs[i]
		}
		n, err1 := strconv.ParseUint(x, 10, 64)
		m, err2 := strconv.ParseUint(y, 10, 64)
		c := cmp.Compare(n, m)
		if err1 != nil || err2 != nil {
			c = strings.Compare(x, y)
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// joined is a path of parts, with one slash between them and none at its end.
func joined(parts ...string) string {
	p := path.Join("/", path.Join(parts...))
	if p == "/" {
		return ""
	}
	return p
}
