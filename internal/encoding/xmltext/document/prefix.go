package document

import "regexp"

var declarationForm = regexp.MustCompile(`\sxmlns(?::([^\s=:"'<>/]+))?\s*=\s*(?:"([^"]*)"|'([^']*)')`)

// PrefixFor is the prefix by which elements inside of this one may be named that are
// of a namespace: empty where it is the default one. It says false where no prefix in
// scope stands for it. The tags are read again.
func (e *Element) PrefixFor(space string) (prefix string, ok bool) {
	shadowed := map[string]bool{}
	for ; e != nil; e = e.Parent {
		for _, m := range declarationForm.FindAllSubmatch(e.declarations(), -1) {
			name := string(m[1])
			if shadowed[name] {
				continue
			}
			shadowed[name] = true
			if string(m[2])+string(m[3]) == space && (!ok || prefix == "") {
				prefix, ok = name, true
			}
		}
		if ok {
			return prefix, true
		}
	}
	return "", false
}

// declarations is the start tag without its attributes.
func (e *Element) declarations() []byte {
	var out []byte
	at := e.Tag.Start
	for i := range e.Attrs {
		whole := e.Attrs[i].Whole
		out = append(out, e.Document.Text[at:whole.Start]...)
		at = whole.End
	}
	return append(out, e.Document.Text[at:e.Tag.End]...)
}
