package resource

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/manifest"
)

// The ways in which a resource changes.
const (
	Added   = "added"
	Changed = "changed"
	Removed = "removed"
)

// Change is what becomes of one resource.
type Change struct {
	Resource Key    `json:"resource"`
	Change   string `json:"change"`
	// Fields are those that differ; of what is added or removed, all.
	Fields []FieldChange `json:"fields"`
	// Author and At tell of the last change in the draft; not known of what is removed.
	Author string    `json:"author,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// FieldChange is one value that differs. A value that is not there is empty; what is
// there is JSON, secrets masked.
type FieldChange struct {
	Field  string `json:"field"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// longestValue bounds a value in a difference, in bytes.
const longestValue = 2000

// value is one value of a resource, and as it is shown.
type value struct {
	path, real, shown string
}

// values lists everything that a resource says.
func (s *Service) values(d *manifest.Document) []value {
	if d == nil {
		return nil
	}
	out := []value{{"apiVersion", d.APIVersion, d.APIVersion}}
	for _, name := range slices.Sorted(maps.Keys(d.Labels)) {
		out = append(out, value{"metadata.labels." + name, d.Labels[name], d.Labels[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(d.Annotations)) {
		out = append(out, value{"metadata.annotations." + name, d.Annotations[name], d.Annotations[name]})
	}
	fields, err := d.Fields()
	if err != nil {
		return out
	}
	secrets := s.secrets(d)
	for _, f := range fields {
		v := value{f.Path, f.Value, classify.Redact(f.Value)}
		if secrets[f.Path] {
			v.shown = Mask
		}
		if len(v.shown) > longestValue {
			v.shown = strings.ToValidUTF8(v.shown[:longestValue], "") + "…"
		}
		out = append(out, v)
	}
	return out
}

// fieldChanges are the values that differ between two states of a resource; either
// may be nil.
func (s *Service) fieldChanges(before, after *manifest.Document) []FieldChange {
	old, next := s.values(before), s.values(after)
	have := make(map[string]value, len(old))
	for _, v := range old {
		have[v.path] = v
	}
	out := []FieldChange{}
	for _, v := range next {
		was, there := have[v.path]
		delete(have, v.path)
		if !there || was.real != v.real {
			out = append(out, FieldChange{Field: v.path, Before: was.shown, After: v.shown})
		}
	}
	for _, v := range old {
		if _, gone := have[v.path]; gone {
			out = append(out, FieldChange{Field: v.path, Before: v.shown})
		}
	}
	if len(out) == 0 && before != nil && after != nil && string(before.Spec) != string(after.Spec) {
		out = append(out, FieldChange{Field: "spec.services", Before: "(another order)", After: "(another order)"})
	}
	return out
}

// changes compares two lists of resources, those of before and those of after.
func (s *Service) changes(before, after []Resource) []Change {
	old := make(map[Key]*Resource, len(before))
	for i := range before {
		old[before[i].Key()] = &before[i]
	}
	out := []Change{}
	for i := range after {
		next := &after[i]
		was := old[next.Key()]
		delete(old, next.Key())
		c := Change{Resource: next.Key(), Change: Added, Author: next.Author, At: next.At}
		if was != nil {
			c.Change = Changed
			if c.Fields = s.fieldChanges(&was.Document, &next.Document); len(c.Fields) == 0 {
				continue
			}
		} else {
			c.Fields = s.fieldChanges(nil, &next.Document)
		}
		out = append(out, c)
	}
	for key, was := range old {
		out = append(out, Change{Resource: key, Change: Removed, Fields: s.fieldChanges(&was.Document, nil)})
	}
	slices.SortFunc(out, func(a, b Change) int { return compareKeys(a.Resource, b.Resource) })
	return out
}

func compareKeys(a, b Key) int {
	return cmp.Or(slices.Index(Kinds(), a.Kind)-slices.Index(Kinds(), b.Kind), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

// apart leaves out the rows that two lists share: what is equal need not be opened.
func apart(before, after []row) (old, next []row) {
	same := map[Key]string{}
	for _, r := range before {
		same[r.Key] = r.digest
	}
	equal := map[Key]bool{}
	for _, r := range after {
		if same[r.Key] == r.digest {
			equal[r.Key] = true
			continue
		}
		next = append(next, r)
	}
	for _, r := range before {
		if !equal[r.Key] {
			old = append(old, r)
		}
	}
	return old, next
}
