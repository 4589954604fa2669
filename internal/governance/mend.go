package governance

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// Mended is a file with its fixes in it.
type Mended struct {
	Source *tree.Source
	Text   []byte
	// Fixed is how many places were mended; Left how many could not be, for their
	// place is written in a way that is not safe to change.
	Fixed, Left int
}

// Mend puts the fixes of violations into the files that they stand in. Files are
// not written. What it makes is read again and held against what was meant; a
// file in which that differs is left as it is.
func Mend(violations []Violation) []*Mended {
	bySource := map[*tree.Source][]*Fix{}
	var order []*tree.Source
	seen := map[string]bool{}
	for i := range violations {
		v := &violations[i]
		if v.Fix == nil || v.Waived != "" || v.Fix.At.Source == nil {
			continue
		}
		src := v.Fix.At.Source
		if bySource[src] == nil {
			order = append(order, src)
		}
		if key := fmt.Sprintf("%p %d:%d %s", src, v.Fix.At.Line, v.Fix.At.Column, v.Rule); !seen[key] {
			seen[key] = true
			bySource[src] = append(bySource[src], v.Fix)
		}
	}
	var out []*Mended
	for _, src := range order {
		out = append(out, mendSource(src, bySource[src]))
	}
	return out
}

func mendSource(src *tree.Source, fixes []*Fix) *Mended {
	m := &Mended{Source: src, Text: src.Text}
	// From the end to the beginning, so that places stay where they are.
	slices.SortStableFunc(fixes, func(a, b *Fix) int {
		return cmp.Or(cmp.Compare(b.At.Line, a.At.Line), cmp.Compare(b.At.Column, a.At.Column))
	})
	for _, f := range fixes {
		next, err := applied(m.Text, f)
		if err != nil {
			m.Left++
			continue
		}
		m.Text = next
		m.Fixed++
	}
	return m
}

var errUnsafe = errors.New("the place is written in a way that is not safe to change")

// applied is a text with one fix in it.
func applied(text []byte, f *Fix) ([]byte, error) {
	next := text
	// What is inserted comes last, for it stands before the rest of its object.
	for _, inserting := range []bool{false, true} {
		for _, m := range slices.Backward(f.Set.Members) {
			old := f.At.Member(m.Name)
			if inserting != (old == nil) {
				continue
			}
			var err error
			if inserting {
				next, err = inserted(next, f.At, m)
			} else {
				next, err = replaced(next, old, m.Value)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	before, err := tree.Read(&tree.Source{Text: text}, tree.Options{})
	if err != nil {
		return nil, fmt.Errorf("reading what is mended: %w", err)
	}
	after, err := tree.Read(&tree.Source{Text: next}, tree.Options{})
	if err != nil || !meant(before, after, f) {
		return nil, errUnsafe
	}
	return next, nil
}

// meant says whether two trees differ in what the fix sets, and in nothing else.
func meant(before, after *tree.Node, f *Fix) bool {
	if before.Kind != after.Kind || before.Text != after.Text || len(before.Items) != len(after.Items) {
		return false
	}
	for i := range before.Items {
		if !meant(before.Items[i], after.Items[i], f) {
			return false
		}
	}
	here := before.Is(tree.Object) && before.Line == f.At.Line && before.Column == f.At.Column
	for i := range before.Members {
		m := &before.Members[i]
		other := after.Get(m.Name)
		if set := f.Set.Get(m.Name); here && set != nil {
			if other == nil || !equal(set, other) {
				return false
			}
		} else if other == nil || !meant(m.Value, other, f) {
			return false
		}
	}
	added := len(after.Members) - len(before.Members)
	if !here {
		return added == 0
	}
	for i := range f.Set.Members {
		if m := &f.Set.Members[i]; !equal(m.Value, after.Get(m.Name)) {
			return false
		}
	}
	return true
}

func equal(a, b *tree.Node) bool {
	x, err := a.MarshalJSON()
	y, other := b.MarshalJSON()
	return err == nil && other == nil && bytes.Equal(x, y)
}

// offset is where a line and column of a text are.
func offset(text []byte, line, column int32) (int, bool) {
	at := 0
	for range line - 1 {
		i := bytes.IndexByte(text[at:], '\n')
		if i < 0 {
			return 0, false
		}
		at += i + 1
	}
	for range column - 1 {
		if at >= len(text) || text[at] == '\n' {
			return 0, false
		}
		at++
		for at < len(text) && text[at]&0xC0 == 0x80 {
			at++
		}
	}
	return at, at < len(text)
}

// replaced puts a value of one line into the place of another.
func replaced(text []byte, old *tree.Member, value *tree.Node) ([]byte, error) {
	at, ok := offset(text, old.Value.Line, old.Value.Column)
	if !ok || len(old.Value.Items)+len(old.Value.Members) > 0 || len(value.Items)+len(value.Members) > 0 {
		return nil, errUnsafe
	}
	now := []byte(old.Value.Text)
	if quote := text[at]; quote == '"' || quote == '\'' {
		now = slices.Concat([]byte{quote}, now, []byte{quote})
	}
	if !bytes.HasPrefix(text[at:], now) {
		return nil, errUnsafe
	}
	written, err := value.MarshalJSON()
	if err != nil {
		return nil, err
	}
	if value.Is(tree.String) && text[at] != '"' {
		plain, err := value.YAML()
		if err != nil {
			return nil, err
		}
		written = []byte(strings.TrimSpace(plain))
	}
	return slices.Concat(text[:at], written, text[at+len(now):]), nil
}

// inserted puts a member at the beginning of an object.
func inserted(text []byte, at *tree.Node, m tree.Member) ([]byte, error) {
	start, ok := offset(text, at.Line, at.Column)
	if !ok {
		return nil, errUnsafe
	}
	if text[start] == '{' {
		return insertedInBraces(text, start, at, m)
	}
	line := bytes.LastIndexByte(text[:start], '\n') + 1
	lead := text[line:start]
	if strings.Trim(string(lead), " -") != "" {
		return nil, errUnsafe
	}
	indent := strings.Repeat(" ", start-line)
	one := tree.NewObject(nil)
	one.Set(m.Name, m.Value)
	yaml, err := one.YAML()
	if err != nil {
		return nil, err
	}
	block := strings.ReplaceAll(strings.TrimRight(yaml, "\n"), "\n", "\n"+indent)
	return slices.Concat(text[:start], []byte(block+"\n"+indent), text[start:]), nil
}

func insertedInBraces(text []byte, start int, at *tree.Node, m tree.Member) ([]byte, error) {
	one := tree.NewObject(nil)
	one.Set(m.Name, m.Value)
	written, err := one.MarshalJSON()
	if err != nil {
		return nil, err
	}
	member := written[1 : len(written)-1]
	if len(at.Members) == 0 {
		return slices.Concat(text[:start+1], member, text[start+1:]), nil
	}
	// The space behind the brace is repeated, so that the member gets a line of its
	// own where the others have one.
	space := start + 1
	for space < len(text) && strings.IndexByte(" \t\r\n", text[space]) >= 0 {
		space++
	}
	gap := text[start+1 : space]
	if len(gap) == 0 {
		gap = []byte(" ")
		return slices.Concat(text[:start+1], member, []byte(","), gap, text[space:]), nil
	}
	return slices.Concat(text[:start+1], gap, member, []byte(","), gap, text[space:]), nil
}
