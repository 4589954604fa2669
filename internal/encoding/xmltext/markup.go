package xmltext

import (
	"bytes"
	"hash/maphash"
)

// startTag reads a start tag or an empty-element tag.
func (r *Reader) startTag() (Token, error) {
	start := r.pos + 1
	end, err := r.name(start)
	if err != nil {
		return Token{}, err
	}
	p, err := r.attributes(start, end)
	if err != nil {
		return Token{}, err
	}
	empty := p < len(r.data) && r.data[p] == '/'
	if empty {
		p++
	}
	switch {
	case p == len(r.data):
		return Token{}, r.fault(p, ErrEnd)
	case r.data[p] != '>':
		return Token{}, r.fault(p, ErrMarkup)
	}
	if err := r.countAttributes(start); err != nil {
		return Token{}, err
	}
	if err := r.push(start, end); err != nil {
		return Token{}, err
	}
	t := r.take(StartTag, p+1)
	t.Name, t.Attrs, t.Empty, r.closing = r.data[start:end:end], r.attrs, empty, empty
	return t, nil
}

// attributes reads the attributes from p on, of the tag whose name is at start,
// into r.attrs and gives the place behind them and the white space that follows.
func (r *Reader) attributes(start, p int) (int, error) {
	r.attrs = r.attrs[:0]
	for {
		at := p
		p = r.blanks(p)
		if p == len(r.data) {
			return 0, r.fault(p, ErrEnd)
		}
		switch r.data[p] {
		case '>', '/', '?':
			return p, nil
		}
		if p == at {
			return 0, r.fault(p, ErrMarkup)
		}
		a, next, err := r.attribute(p)
		if err != nil {
			return 0, err
		}
		r.attrs = append(r.attrs, a)
		p = next
		// Where both numbers are limited no more memory is spent than for these.
		if a, n := r.lim.MaxAttributes, r.lim.MaxNamespaces; a >= 0 && n >= 0 && len(r.attrs)-a > n {
			return 0, r.countAttributes(start)
		}
	}
}

// attribute reads the attribute at p and gives the place behind it.
func (r *Reader) attribute(p int) (Attr, int, error) {
	end, err := r.name(p)
	if err != nil {
		return Attr{}, 0, err
	}
	a := Attr{Name: r.data[p:end:end], Offset: p}
	p = r.blanks(end)
	if p == len(r.data) {
		return Attr{}, 0, r.fault(p, ErrEnd)
	}
	if r.data[p] != '=' {
		return Attr{}, 0, r.fault(p, ErrAttribute)
	}
	p = r.blanks(p + 1)
	if p == len(r.data) {
		return Attr{}, 0, r.fault(p, ErrEnd)
	}
	quote := r.data[p]
	if quote != '"' && quote != '\'' {
		return Attr{}, 0, r.fault(p, ErrAttribute)
	}
	p++
	a.ValueOffset = p
	chars := 0
	for {
		if p >= len(r.data) {
			return Attr{}, 0, r.fault(len(r.data), ErrEnd)
		}
		c := r.data[p]
		if c == quote {
			a.Value = r.data[a.ValueOffset:p:p]
			return a, p + 1, nil
		}
		if c == '<' {
			return Attr{}, 0, r.fault(p, ErrCharacter)
		}
		if chars++; r.lim.MaxAttributeLength >= 0 && chars > r.lim.MaxAttributeLength {
			return Attr{}, 0, r.exceeded("MaxAttributeLength", r.lim.MaxAttributeLength, p)
		}
		a.References = a.References || c == '&'
		n, err := r.character(p, true)
		if err != nil {
			return Attr{}, 0, err
		}
		p += n
	}
}

// countAttributes holds the attributes of the tag at start to the limits and to
// being unique.
func (r *Reader) countAttributes(start int) error {
	spaces := 0
	for i := range r.attrs {
		if r.attrs[i].IsNamespace() {
			spaces++
		}
	}
	if most := r.lim.MaxNamespaces; most >= 0 && spaces > most {
		return r.exceeded("MaxNamespaces", most, start-1)
	}
	if most := r.lim.MaxAttributes; most >= 0 && len(r.attrs)-spaces > most {
		return r.exceeded("MaxAttributes", most, start-1)
	}
	if i := r.twin(); i >= 0 {
		return r.fault(r.attrs[i].Offset, ErrDuplicate)
	}
	return nil
}

// few is the number of attributes up to which each is compared with each.
const few = 8

// twin gives the index of an attribute whose name stood before, or -1.
func (r *Reader) twin() int {
	if len(r.attrs) <= few {
		for i := range r.attrs {
			for k := range i {
				if bytes.Equal(r.attrs[i].Name, r.attrs[k].Name) {
					return i
				}
			}
		}
		return -1
	}
	size := 2 * few
	for size < 2*len(r.attrs) {
		size *= 2
	}
	if size > cap(r.seen) {
		r.seen, r.seed = make([]int32, size), maphash.MakeSeed()
	}
	r.seen = r.seen[:size]
	clear(r.seen)
	for i := range r.attrs {
		slot := int(maphash.Bytes(r.seed, r.attrs[i].Name)) & (size - 1) //nolint:gosec // masked
		for ; r.seen[slot] != 0; slot = (slot + 1) & (size - 1) {
			if bytes.Equal(r.attrs[i].Name, r.attrs[r.seen[slot]-1].Name) {
				return i
			}
		}
		r.seen[slot] = int32(i + 1) //nolint:gosec // a document is shorter than 2 GiB
	}
	return -1
}

// endTag reads an end tag, which must match the innermost open element.
func (r *Reader) endTag() (Token, error) {
	start := r.pos + 2
	end, err := r.name(start)
	if err != nil {
		return Token{}, err
	}
	p := r.blanks(end)
	switch {
	case p == len(r.data):
		return Token{}, r.fault(p, ErrEnd)
	case r.data[p] != '>':
		return Token{}, r.fault(p, ErrMarkup)
	case r.depth == 0:
		return Token{}, r.fault(r.pos, ErrBalance)
	}
	e := r.element(r.depth - 1)
	if !bytes.Equal(r.data[start:end], r.data[e.nameStart:e.nameEnd]) {
		return Token{}, r.fault(r.pos, ErrBalance)
	}
	r.pop()
	t := r.take(EndTag, p+1)
	t.Name = r.data[start:end:end]
	return t, nil
}

// procInst reads a processing instruction or the XML declaration.
func (r *Reader) procInst() (Token, error) {
	start := r.pos + 2
	end, err := r.name(start)
	if err != nil {
		return Token{}, err
	}
	target := r.data[start:end:end]
	if bytes.EqualFold(target, []byte("xml")) {
		begin := r.pos == 0 || r.pos == 3 && r.data[0] == 0xef
		if !begin || string(target) != "xml" {
			return Token{}, r.fault(r.pos, ErrDeclaration)
		}
		return r.declaration(target, end)
	}
	if bytes.IndexByte(target, ':') >= 0 {
		return Token{}, r.fault(start, ErrName)
	}
	body := r.blanks(end)
	stop, err := r.section(body, "?>", "MaxCommentLength", r.lim.MaxCommentLength)
	if err != nil {
		return Token{}, err
	}
	if body == end && stop > body {
		return Token{}, r.fault(end, ErrMarkup)
	}
	t := r.take(ProcInst, stop+2)
	t.Name = target
	t.within(r.data, body, stop)
	return t, nil
}

// declaration reads the rest of the XML declaration: a version, and perhaps an
// encoding and whether the document stands alone, in this order.
func (r *Reader) declaration(target []byte, p int) (Token, error) {
	p, err := r.attributes(p, p)
	if err != nil {
		return Token{}, err
	}
	if !hasPrefix(r.data[p:], "?>") {
		return Token{}, r.fault(p, ErrDeclaration)
	}
	want := []string{"version", "encoding", "standalone"}
	for i := range r.attrs {
		a := &r.attrs[i]
		for i > 0 && len(want) > 0 && want[0] != string(a.Name) {
			want = want[1:]
		}
		if len(want) == 0 || want[0] != string(a.Name) || a.References {
			return Token{}, r.fault(a.Offset, ErrDeclaration)
		}
		want = want[1:]
		switch value := string(a.Value); {
		case len(want) == 2 && value != "1.0":
			return Token{}, r.fault(a.ValueOffset, ErrVersion)
		case len(want) == 1 && !bytes.EqualFold(a.Value, []byte("utf-8")):
			return Token{}, r.fault(a.ValueOffset, ErrEncoding)
		case len(want) == 0 && value != "yes" && value != "no":
			return Token{}, r.fault(a.ValueOffset, ErrDeclaration)
		}
	}
	if len(r.attrs) == 0 {
		return Token{}, r.fault(p, ErrDeclaration)
	}
	t := r.take(Declaration, p+2)
	t.Name, t.Attrs = target, r.attrs
	return t, nil
}

func (r *Reader) comment() (Token, error) {
	start := r.pos + len("<!--")
	stop, err := r.section(start, "--", "MaxCommentLength", r.lim.MaxCommentLength)
	if err != nil {
		return Token{}, err
	}
	switch {
	case stop+2 == len(r.data):
		return Token{}, r.fault(stop+2, ErrEnd)
	case r.data[stop+2] != '>':
		return Token{}, r.fault(stop, ErrCharacter)
	}
	t := r.take(Comment, stop+3)
	t.within(r.data, start, stop)
	return t, nil
}

func (r *Reader) cdata() (Token, error) {
	if r.depth == 0 {
		return Token{}, r.fault(r.pos, ErrRoot)
	}
	start := r.pos + len("<![CDATA[")
	stop, err := r.section(start, "]]>", "MaxTextLength", r.lim.MaxTextLength)
	if err != nil {
		return Token{}, err
	}
	t := r.take(CDATA, stop+3)
	t.within(r.data, start, stop)
	return t, nil
}

// section gives the place of the first stop at or behind p; before it stand
// legal characters, at most most of them.
func (r *Reader) section(p int, stop, limit string, most int) (int, error) {
	for chars := 0; p < len(r.data); {
		if r.data[p] == stop[0] && hasPrefix(r.data[p:], stop) {
			return p, nil
		}
		if chars++; most >= 0 && chars > most {
			return 0, r.exceeded(limit, most, p)
		}
		n, err := r.character(p, false)
		if err != nil {
			return 0, err
		}
		p += n
	}
	return 0, r.fault(len(r.data), ErrEnd)
}

// text reads character data up to the next markup.
func (r *Reader) text() (Token, error) {
	p, chars, references := r.pos, 0, false
	for p < len(r.data) && r.data[p] != '<' {
		c := r.data[p]
		switch {
		case r.depth == 0 && !isBlank(c):
			return Token{}, r.fault(p, ErrRoot)
		case c == ']' && hasPrefix(r.data[p:], "]]>"):
			return Token{}, r.fault(p, ErrCharacter)
		}
		if chars++; r.lim.MaxTextLength >= 0 && chars > r.lim.MaxTextLength {
			return Token{}, r.exceeded("MaxTextLength", r.lim.MaxTextLength, p)
		}
		references = references || c == '&'
		n, err := r.character(p, true)
		if err != nil {
			return Token{}, err
		}
		p += n
	}
	t := r.take(Text, p)
	t.References = references
	t.within(r.data, t.Offset, p)
	return t, nil
}
