package traffic

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// ErrBudget says that the process-wide limit on buffered bytes is reached; the
// client is told 503.
var ErrBudget = errors.New("the limit on buffered bytes of this process is reached")

// ErrRead says that the content could not be read to its end, so that nothing
// behind it can be trusted.
var ErrRead = errors.New("reading the body")

// ErrTooLong says that a body is longer than Bound allows.
var ErrTooLong = errors.New("the body is longer than allowed")

// Budget bounds the bytes that all bodies of the process hold at one time. The
// zero value allows nothing; a nil Budget allows everything (tests).
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget allows limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used is the number of bytes taken now.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

// Take takes n bytes and says whether there were as many.
func (b *Budget) Take(n int64) bool {
	if b == nil || n == 0 {
		return true
	}
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

// Give gives n bytes back that were taken.
func (b *Budget) Give(n int64) {
	if b != nil {
		b.used.Add(-n)
	}
}

// Body is the content of a request or response: a stream until Load reads it
// into memory, once. Its bytes go on unchanged unless a step replaces them.
// The zero value is an empty body.
type Body struct {
	source  io.Reader
	length  int64
	raw     []byte
	view    []byte
	loaded  bool
	limit   int64 // of the last Load
	partial bool
	changed bool
	coded   bool // the view may need its content coding opened
	budget  *Budget
	taken   int64
}

// SetSource says where the content comes from and its length in bytes, -1 when
// unknown. A nil source is an empty body.
func (b *Body) SetSource(source io.Reader, length int64) {
	*b = Body{source: source, length: length}
	if source == nil {
		b.length = 0
	}
}

// Bound makes reading more than limit bytes, as they were sent, fail with
// ErrTooLong.
func (b *Body) Bound(limit int64) {
	if b.source != nil {
		b.source = &bounded{from: b.source, left: limit - int64(len(b.raw))}
	}
}

type bounded struct {
	from io.Reader
	left int64
}

func (r *bounded) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return 0, ErrTooLong
	}
	return n, err
}

// Empty says that there is no content at all.
func (b *Body) Empty() bool { return b.source == nil && len(b.raw) == 0 && !b.changed }

// Loaded says whether Bytes may be called.
func (b *Body) Loaded() bool { return b.loaded }

// Partial says that the content is longer than what Bytes shows.
func (b *Body) Partial() bool { return b.partial }

// Coded says that Bytes shows the content in the coding that the header names, as
// a copy of what streamed by does.
func (b *Body) Coded() bool { return b.coded }

// Changed says that a step replaced the content.
func (b *Body) Changed() bool { return b.changed }

// Length is the declared length in bytes, -1 when unknown.
func (b *Body) Length() int64 { return b.length }

// Decoder opens the content coding of a body: it returns at most limit bytes
// and whether there would be more.
type Decoder func(coded []byte, limit int64) (decoded []byte, more bool, err error)

// Load reads the first limit bytes and keeps them, counted against the budget.
// A longer body becomes partial; the rest stays in the stream. decode, when not
// nil, makes the view that Bytes shows; the bytes as received are what is
// forwarded. A partial body may be loaded again with a higher limit; otherwise
// Load does nothing when the body is loaded already.
func (b *Body) Load(limit int64, budget *Budget, decode Decoder) error {
	if b.loaded && (!b.partial || limit <= b.limit) {
		return nil
	}
	b.partial = false
	if b.source != nil {
		if err := b.read(limit, budget); err != nil {
			return err
		}
	}
	b.loaded, b.limit, b.coded = true, limit, false
	b.view = b.raw
	if int64(len(b.view)) > limit {
		b.view, b.partial = b.view[:limit], true
	}
	if decode == nil || len(b.raw) == 0 {
		return nil
	}
	view, more, err := decode(b.raw, limit)
	b.coded = err != nil
	if err != nil {
		return fmt.Errorf("decoding the body: %w", err)
	}
	if !budget.Take(int64(len(view))) {
		return ErrBudget
	}
	b.taken += int64(len(view))
	b.view, b.partial = view, b.partial || more
	return nil
}

// read takes up to limit+1 bytes from the source: the one byte more tells a
// body that just fits from one that does not.
func (b *Body) read(limit int64, budget *Budget) error {
	b.budget = budget
	buf := b.raw
	const step = 16 << 10
	for int64(len(buf)) <= limit {
		if len(buf) == cap(buf) {
			grow := int64(max(step, cap(buf)))
			if b.length >= 0 && len(buf) == 0 {
				grow = min(b.length, limit) + 1
			}
			grow = min(grow, limit+1-int64(len(buf)))
			if !budget.Take(grow) {
				return ErrBudget
			}
			b.taken += grow
			next := make([]byte, len(buf), int64(len(buf))+grow)
			copy(next, buf)
			buf = next
		}
		n, err := b.source.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			b.raw, b.source = buf, nil
			b.length = int64(len(buf))
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRead, err)
		}
	}
	b.raw, b.partial = buf, true
	return nil
}

// Bytes is the decoded content, cut at the limit of Load when Partial. It must
// not be changed.
func (b *Body) Bytes() []byte { return b.view }

// Replace puts other content in the place of the whole body. The caller has
// seen all of it: replacing a partial body is a programming error and refused.
func (b *Body) Replace(content []byte) error {
	if b.partial {
		return errors.New("replacing a body that was only partly read")
	}
	b.raw, b.view, b.source = content, content, nil
	b.length = int64(len(content))
	b.loaded, b.changed, b.coded = true, true, false
	return nil
}

// Put makes content in memory the whole body, as it is to be sent: in the coding
// that the header names, for Load to open. It counts against no budget.
func (b *Body) Put(content []byte) {
	*b = Body{raw: content, view: content, length: int64(len(content)), coded: true}
}

// Forward is the content to send on and its length, -1 when unknown: what was
// read, then what is still in the stream.
func (b *Body) Forward() (io.Reader, int64) {
	switch {
	case b.source == nil && len(b.raw) == 0:
		return nil, 0
	case b.source == nil:
		return bytes.NewReader(b.raw), int64(len(b.raw))
	case len(b.raw) == 0:
		return b.source, b.length
	}
	return io.MultiReader(bytes.NewReader(b.raw), b.source), b.length
}

// Release gives the buffered bytes back to the budget. The body is empty
// afterwards.
func (b *Body) Release() {
	if b.taken > 0 {
		b.budget.Give(b.taken)
	}
	*b = Body{}
}

// ShowCopy makes Bytes show a copy of the first part of a body that has
// streamed by, for the end hooks. Its bytes were taken from the budget; Release
// gives them back.
func (b *Body) ShowCopy(copied []byte, more bool, budget *Budget) {
	b.taken += int64(len(copied))
	b.budget = budget
	if b.loaded {
		return
	}
	b.view, b.partial, b.loaded, b.coded = copied, more, true, true
}
