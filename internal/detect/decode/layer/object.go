package layer

// How serialised objects begin: .NET's BinaryFormatter (MS-NRBF, section 2.6.1),
// pickles of Python from protocol 2 on, and Marshal of Ruby.
const (
	nrbfMagic  = "\x00\x01\x00\x00\x00\xff\xff\xff\xff"
	pickleMark = 0x80
	rubyMagic  = "\x04\x08"
)

// objectKind tells what kind of serialised object a text may be, "" for none.
func objectKind[T string | []byte](text T) string {
	if len(text) < len(nrbfMagic) {
		return ""
	}
	switch {
	case string(text[:len(nrbfMagic)]) == nrbfMagic:
		return "dotnet"
	case text[0] == pickleMark && text[1] >= 2 && text[1] <= 5 && text[len(text)-1] == '.':
		return "pickle"
	case string(text[:2]) == rubyMagic:
		switch text[2] {
		case 'o', 'I', 'U', '{', 'c', 'e', 'S', 'C', 'u', '[':
			return "ruby"
		}
	}
	return ""
}

// minName is the length of the shortest name in a serialised object.
const minName = 2

// objects hands out the names and strings of a serialised object, one a line, as
// it stands: which of them is a class only the classes tell.
func (o *opener) objects() {
	kind := objectKind(o.text)
	if kind == "" {
		return
	}
	out := o.s.buf[:0]
	for i := len(rubyMagic); i < len(o.text); {
		end := i
		for end < len(o.text) && isPrintable(o.text[end]) {
			end++
		}
		run := o.text[i:end]
		if len(run) > minName && int(run[0]) == len(run)-1 {
			run = run[1:] // the length of what follows
		}
		if len(run) >= minName {
			if len(out) > 0 {
				out = append(out, '\n')
			}
			out = append(out, run...)
		}
		i = end + 1
	}
	o.keep(out)
	if len(out) > 0 {
		o.emitBytes(Objects, kind, out)
	}
}
