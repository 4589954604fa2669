package template

import "strings"

// form is how a segment was read: its kind, and where in it values stand.
type form struct {
	kind Kind
	// before and after stand around the value; between parts two of them.
	before, after int
	between       string
	// keys are those of "Orders(id=1,line=2)".
	keys bool
}

func (f form) whole() bool { return f.before == 0 && f.after == 0 && f.between == "" && !f.keys }

// of says whether a shape is that of the form.
func (f form) of(pieces []string, segment string) bool {
	last := len(pieces) - 1
	switch {
	case f.keys:
		return last > 1 || pieces[last] == ")"
	case f.between != "":
		return last == 2 && pieces[1] == f.between
	}
	return last == 1 && pieces[0] == segment[:f.before] && pieces[1] == segment[len(segment)-f.after:]
}

// pieces are what stands around the values of a segment.
func (f form) pieces(segment string) []string {
	switch {
	case f.keys:
		return keyPieces(segment)
	case f.between != "":
		return []string{segment[:f.before], f.between, segment[len(segment)-f.after:]}
	}
	return []string{segment[:f.before], segment[len(segment)-f.after:]}
}

// read tells what a segment is and where its values stand. It allocates nothing.
func (w *Words) read(segment string, place int) form {
	last := segment[len(segment)-min(len(segment), 1):]
	switch {
	case last == ")":
		if open := strings.IndexByte(segment, '('); open >= 0 && open+2 < len(segment) {
			if open > 0 && strings.IndexByte(segment[open:], '=') > 0 {
				return form{kind: Text, keys: true}
			}
			return form{kind: Text, before: open + 1, after: 1}
		}
		return form{kind: Name}
	case segment != "" && (segment[0] == '@' || segment[0] == '~') && len(segment) > 1:
		return form{kind: Text, before: 1}
	}
	if at := strings.Index(segment, ".."); at > 0 {
		dots := len(segment[at:]) - len(strings.TrimLeft(segment[at:], "."))
		if dots <= 3 && at+dots < len(segment) {
			return form{kind: Text, between: segment[at : at+dots]}
		}
	}
	if at := strings.IndexByte(segment, ','); at > 0 && at+1 < len(segment) && isFloat(segment[:at]) && isFloat(segment[at+1:]) {
		if strings.IndexByte(segment, '.') > 0 {
			return form{kind: Float, between: ","}
		}
		return form{kind: Integer, between: ","}
	}
	if at := strings.LastIndexByte(segment, ':'); at > 0 && at+2 < len(segment) && all(segment[at+1:], isLetter) {
		if r := w.Read(segment[at+1:]); r.Words > 0 {
			kind, _ := w.Classify(segment[:at], place)
			return form{kind: kind, after: len(segment) - at}
		}
	}
	if at := strings.LastIndexByte(segment, '.'); at > 0 && isExtension(segment[at+1:]) {
		kind, _ := w.Classify(segment[:at], maxDepth)
		return form{kind: kind, after: len(segment) - at}
	}
	kind, _ := w.Classify(segment, place)
	return form{kind: kind}
}

// strict is the kind of values that stand in a segment with other text: the one that
// says least.
func (w *Words) strict(values []string) Kind {
	worst := Text
	for _, v := range values {
		if k, _ := w.Classify(v, maxDepth); !k.Value() {
			worst = k
		}
	}
	return worst
}

func isLetter(c byte) bool { return isLower(c) || isUpper(c) }

// isExtension tells the endings by which clients choose a form of the answer.
func isExtension(s string) bool {
	switch strings.ToLower(s) {
	case "json", "xml", "yaml", "yml", "csv", "tsv", "txt", "html", "htm", "pdf", "xls", "xlsx", "doc", "docx",
		"zip", "gz", "tar", "rss", "atom", "ics", "vcf", "geojson", "kml", "jsonp", "jsonld", "rdf", "ttl", "js", "md",
		"png", "jpg", "jpeg", "gif", "svg", "webp", "mp3", "mp4", "wav", "pbf", "mvt", "php", "aspx", "asp", "jsp", "do":
		return true
	}
	return false
}

// keyPieces cuts "Orders(id=1,line='a')" around its values.
func keyPieces(segment string) []string {
	open := strings.IndexByte(segment, '(')
	inner := segment[open+1 : len(segment)-1]
	text := segment[:open+1]
	var pieces []string
	for part := range strings.SplitSeq(inner, ",") {
		name, value, ok := strings.Cut(part, "=")
		if !ok || value == "" || len(pieces) >= 4 {
			return []string{segment[:open+1], ")"}
		}
		pieces = append(pieces, text+name+"=")
		text = ","
	}
	return append(pieces, ")")
}

// names makes names for the values of a form below a node.
func (t *Tree) names(n *Node, f form, pieces []string) []string {
	switch {
	case f.between == "," && f.kind == Float:
		return n.unique([]string{"latitude", "longitude"})
	case f.between == ",":
		base := n.noun(f)
		return n.unique([]string{base, base})
	case f.between != "":
		return n.unique([]string{"from", "to"})
	}
	all := make([]string, len(pieces)-1)
	for i := range all {
		if key := strings.LastIndexAny(pieces[i], "(,"); f.keys && key >= 0 {
			all[i] = camel(strings.TrimSuffix(pieces[i][key+1:], "="))
		}
		if all[i] == "" {
			all[i] = n.noun(f)
			if f.before > 1 {
				// Orders(123): what it is stands before the bracket.
				all[i] = singular(camel(pieces[0])) + "Id"
			}
		}
	}
	return n.unique(all)
}

// noun is the name of a value below a node, by the segment before it and its kind.
func (n *Node) noun(f form) string {
	switch f.kind {
	case Date, Day:
		return "date"
	case DateTime:
		return "time"
	case Email:
		return "email"
	case Locale:
		if n.parent == nil || n.isShape() {
			return "locale"
		}
	case Domain:
		return "domain"
	case Address:
		return "ip"
	default:
	}
	text := ""
	for at := n; at != nil && at.parent != nil; at = at.parent {
		if !at.isShape() {
			text = at.text
			break
		}
	}
	if n.isShape() {
		// A value behind a value is of no kind that the path names.
		return "id"
	}
	base := camel(text)
	if base == "" {
		return "id"
	}
	return singular(base) + "Id"
}

// camel writes a segment as one name: "line-items" as "lineItems".
func camel(segment string) string {
	var b strings.Builder
	up := false
	for i := 0; i < len(segment) && b.Len() < 40; i++ {
		c := segment[i]
		switch {
		case isLetter(c):
			switch {
			case b.Len() == 0 && isUpper(c):
				c |= 0x20
			case up && isLower(c):
				c &^= 0x20
			}
			b.WriteByte(c)
			up = false
		case isDigit(c):
			if b.Len() > 0 {
				b.WriteByte(c)
			}
		default:
			up = b.Len() > 0
		}
	}
	return b.String()
}

// singular takes the plural's ending off.
func singular(word string) string {
	switch {
	case len(word) > 4 && strings.HasSuffix(word, "ies"):
		return word[:len(word)-3] + "y"
	case len(word) > 4 && (strings.HasSuffix(word, "sses") || strings.HasSuffix(word, "xes") || strings.HasSuffix(word, "ches") || strings.HasSuffix(word, "shes")):
		return word[:len(word)-2]
	case len(word) > 3 && strings.HasSuffix(word, "s") && !strings.HasSuffix(word, "ss") && !strings.HasSuffix(word, "us") && !strings.HasSuffix(word, "is"):
		return word[:len(word)-1]
	}
	return word
}

// unique numbers names that the path above has already.
func (n *Node) unique(names []string) []string {
	used := make(map[string]bool)
	for at := n; at != nil; at = at.parent {
		for _, name := range at.names {
			used[name] = true
		}
	}
	for i, name := range names {
		free := name
		for k := 2; used[free]; k++ {
			free = name + digits(k)
		}
		used[free] = true
		names[i] = free
	}
	return names
}

func digits(k int) string {
	if k < 10 {
		return string(rune('0' + k))
	}
	return digits(k/10) + digits(k%10)
}
