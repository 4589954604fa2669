package stream

import (
	"io"

	"farrier.dev/farrier/internal/policy"
)

// events is the format of an event stream (WHATWG HTML, server-sent events).
type events struct {
	o  *Options
	at int // looked at up to here
	// line is where the line begins that is looked at, text where the event's
	// first line does that is not empty, -1 before.
	line, text int
	// cr says that the byte before was a carriage return, which a line feed
	// belongs to.
	cr bool
}

// NewEvents reads events, which a blank line ends. One that the end of the
// stream cuts off is judged as it is.
func NewEvents(from io.Reader, o Options) *Reader {
	return newReader(from, &o, &events{o: &o, text: -1})
}

func (e *events) scan(held []byte) (int, error) {
	for e.at < len(held) {
		c := held[e.at]
		e.at++
		switch {
		case c == '\n' && e.cr:
			// The second half of a line's end; behind an event that was given it
			// goes on at once.
			e.cr, e.line = false, e.at
			if e.text < 0 {
				return e.done(), nil
			}
		case c == '\n' || c == '\r':
			e.cr = c == '\r'
			blank, begin := e.line == e.at-1, e.line
			e.line = e.at
			if !blank {
				continue
			}
			if e.text >= 0 {
				if err := e.judge(held[e.text:begin]); err != nil {
					return 0, err
				}
			}
			if e.cr && e.at < len(held) && held[e.at] == '\n' {
				e.at++
				e.cr = false
			}
			return e.done(), nil
		default:
			e.cr = false
			if e.text < 0 {
				e.text = e.line
			}
			if e.at > Largest {
				return 0, tooLarge("an event is larger than the largest allowed")
			}
		}
	}
	return 0, nil
}

func (e *events) done() (n int) {
	n, e.at, e.line, e.text = e.at, 0, 0, -1
	return n
}

func (e *events) judge(text []byte) error {
	n := min(len(text), Inspected)
	m := policy.Message{FromClient: e.o.FromClient, Kind: policy.EventMessage, Data: text[:n:n], Partial: n < len(text)}
	return e.o.Judge(m)
}

func (e *events) end(held []byte) (int, error) {
	if e.text >= 0 {
		if err := e.judge(held[e.text:]); err != nil {
			return 0, err
		}
	}
	e.at = len(held)
	return e.done(), nil
}

func (*events) release() {}
