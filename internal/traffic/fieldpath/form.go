package fieldpath

import (
	"net/url"

	"farrier.dev/farrier/internal/encoding/form"
)

// maxPairs is how many parameters a form may have.
const maxPairs = 10_000

func (w *work) form() error {
	root := w.begin()
	pairs := form.Pairs(w.doc, maxPairs)
	for pairs.Next() {
		p := pairs.Pair()
		name, _ := p.Name.Decode()
		at := w.child(root, func(s *segment) bool { return s.any || s.name == string(name) }, nil)
		path := w.matched(at)
		w.leave(root)
		if path < 0 && !w.options.All {
			continue
		}
		text, _ := p.Value.Decode()
		e, err := w.ask(Value{Path: path, Kind: Text, Text: string(text)})
		if err != nil {
			return err
		}
		end := p.Offset + len(p.Name.Raw)
		if p.HasValue {
			end += 1 + len(p.Value.Raw)
		}
		switch e.Do {
		case Keep:
		case SetText, SetNull:
			w.replace(p.Offset+len(p.Name.Raw), end, []byte("="+url.QueryEscape(e.Text)))
		case Remove:
			// Empty pairs are none, so that the "&" may stay where it does no harm.
			if end < len(w.doc) {
				end++
			}
			w.replace(p.Offset, end, nil)
		case SetRaw, Descend:
			return ErrReplacement
		}
	}
	return pairs.Err()
}
