package schema

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tell keeps a violation where violations are told. It is always false.
func (r *run) tell(i int32, rule string) bool {
	if r.telling && len(r.found) < r.most {
		r.found = append(r.found, Violation{Pointer: r.d.pointer(i), Rule: rule})
	}
	return false
}

// undescribed tells the members that nothing describes, of objects of which
// something is described. What is inside them is not told again.
func (r *run) undescribed() {
	described := make([]bool, len(r.d.items))
	for _, m := range r.marks {
		described[m] = true
	}
	slices.Sort(r.objects)
	skip := int32(0)
	for _, i := range slices.Compact(r.objects) {
		it := &r.d.items[i]
		for m := i + 1; m < it.next && i >= skip; m = r.d.items[m+1].next {
			if described[m+1] {
				continue
			}
			if len(r.found) >= r.most {
				return
			}
			r.tell(m+1, "not described")
		}
	}
}

// longest is the length in bytes to which a name is shortened; maxSteps is how
// many steps of a place are told.
const (
	longest  = 64
	maxSteps = 32
)

// Shorten makes a name that a client chose fit to be told: at most 64 bytes of
// UTF-8.
func Shorten(name string) string {
	if len(name) <= longest {
		return strings.ToValidUTF8(name, "\uFFFD")
	}
	end := longest
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return strings.ToValidUTF8(name[:end], "\uFFFD") + "…"
}

// pointer leads to an item.
func (d *Document) pointer(to int32) string {
	var b strings.Builder
	at := int32(0)
	for n := 0; at != to; n++ {
		if n == maxSteps {
			b.WriteString("/…")
			break
		}
		it := &d.items[at]
		b.WriteByte('/')
		if it.kind == isArray {
			m, k := at+1, 0
			for ; m < it.next && d.items[m].next <= to; m = d.items[m].next {
				k++
			}
			b.WriteString(strconv.Itoa(k))
			at = m
			continue
		}
		m := at + 1
		for ; m < it.next && d.items[m+1].next <= to; m = d.items[m+1].next {
			continue
		}
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(Shorten(string(d.bytes(&d.items[m])))))
		if at = m + 1; to == m {
			break
		}
	}
	return b.String()
}

// listed tells the first names of a list.
func listed(all []string) string {
	const most = 5
	all = slices.Sorted(slices.Values(all))
	short := make([]string, 0, most+1)
	for i, name := range all {
		if i == most {
			short = append(short, "…")
			break
		}
		short = append(short, Shorten(name))
	}
	return strings.Join(short, ", ")
}
