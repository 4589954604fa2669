// Package repair makes and applies edits of files by byte spans, so that whatever
// stands outside of them stays as it is, byte for byte, and proves that what comes
// out can still be read. It does not know what is wrong with a file.
package repair

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/xmltext"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// Edit puts Text in the place of the bytes Start to End, End excluded, of a file.
type Edit struct {
	Start, End int
	Text       string
}

// Set is edits that belong together: all are made or none.
type Set []Edit

// ErrOverlap reports edits of which one changes what another changes, too.
var ErrOverlap = errors.New("edits overlap")

// errOutside reports an edit of what is not there.
var errOutside = errors.New("an edit is outside of the file")

// Apply makes the edits of a set.
func Apply(text []byte, edits Set) ([]byte, error) {
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, func(a, b Edit) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	var out []byte
	at := 0
	for _, e := range sorted {
		if e.Start < 0 || e.End < e.Start || e.End > len(text) {
			return nil, errOutside
		}
		if e.Start < at {
			return nil, ErrOverlap
		}
		out = append(append(out, text[at:e.Start]...), e.Text...)
		at = e.End
	}
	return append(out, text[at:]...), nil
}

// Overlap says whether edits of two sets for a file of a name touch the same bytes.
// The same edit may be in both. Several may insert at one place; in JSON only those
// that go on with a list, for others would have to know which is the first.
func Overlap(name string, a, b Set) bool {
	isJSON := strings.ToLower(path.Ext(name)) == ".json"
	for _, x := range a {
		for _, y := range b {
			switch inserts := x.Start == x.End && y.Start == y.End; {
			case x == y, inserts && (!isJSON || strings.HasPrefix(x.Text, ",") && strings.HasPrefix(y.Text, ",")):
			case x.Start < y.End && y.Start < x.End, x.Start == y.Start, x.Start == x.End && x.Start > y.Start && x.Start < y.End:
				return true
			}
		}
	}
	return false
}

// Merge adds edits to a set that does not overlap with them: those that it has
// already are made once.
func Merge(to, more Set) Set {
	for _, e := range more {
		if !slices.Contains(to, e) {
			to = append(to, e)
		}
	}
	return to
}

// Readable says what is wrong with a file of a name after edits, if before it was
// right: XML, JSON, YAML, DataWeave and properties are read.
func Readable(name string, before, after []byte) error {
	read := reader(name)
	if read == nil {
		return nil
	}
	err := read(name, after)
	if err == nil || read(name, before) != nil {
		return nil //nolint:nilerr // what was broken before may stay so
	}
	return fmt.Errorf("what the edits make can't be read: %w", err)
}

// reader reads the kind of file that a name ends with, nil for others.
func reader(name string) func(name string, text []byte) error {
	switch strings.ToLower(path.Ext(name)) {
	case ".xml":
		return readXML
	case ".json", ".yaml", ".yml":
		return func(name string, text []byte) error {
			_, err := tree.Read(&tree.Source{Name: name, Text: text}, tree.Options{})
			return err
		}
	case ".dwl":
		return readScript
	}
	return nil
}

func readXML(name string, text []byte) error {
	limits := xmltext.DefaultLimits()
	limits.MaxTextLength, limits.MaxTokens = 4<<20, 4_000_000
	_, err := document.Read(name, text, limits)
	return err
}

func readScript(_ string, text []byte) error {
	if s := syntax.Parse(string(text)); len(s.Problems) > 0 {
		return errors.New(s.Problems[0].Message)
	}
	return nil
}
