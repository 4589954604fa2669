// Package stream cuts one direction of a WebSocket (RFC 6455, RFC 7692), of a
// gRPC call or of an event stream into messages and has each judged before its
// bytes may be sent on, unchanged. It is bounded and incremental. It makes no
// connection, writes nothing and knows no policy but the shape of a message;
// how a refused stream ends is its caller's to say.
package stream

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// The limits of messages.
const (
	// Inspected is how much of a message is judged, in decompressed bytes; of a
	// longer one it is the beginning, marked as partial.
	Inspected = 128 << 10
	// Largest is the size in bytes of the largest message, as received with its
	// framing, and of a WebSocket message also decompressed.
	Largest = 1 << 20
	// Ratio is how many times its size a message may grow when decompressed.
	Ratio = 100
	// Patience is how long a client may take from the first byte of a message to
	// its last, for what it has sent is held.
	Patience = time.Minute
)

// ErrClosed says that the sender has closed the stream as its protocol says.
var ErrClosed = errors.New("the sender has closed the stream")

// FaultError is why a stream can't go on, other than that a message was refused.
type FaultError struct {
	// Close is the status of a WebSocket's Close frame (RFC 6455 §7.4.1), GRPC
	// the status code of a gRPC call.
	Close uint16
	GRPC  int
	// Reason is one sentence without anything that the peer sent.
	Reason string
}

// Error is the reason.
func (f *FaultError) Error() string { return f.Reason }

func malformed(reason string) error { return &FaultError{Close: 1002, GRPC: 3, Reason: reason} }

func undecodable(reason string) error { return &FaultError{Close: 1007, GRPC: 3, Reason: reason} }

func tooLarge(reason string) error { return &FaultError{Close: 1009, GRPC: 8, Reason: reason} }

func overloaded() error { return &FaultError{Close: 1013, GRPC: 14, Reason: traffic.ErrBudget.Error()} }

// Options are what a reader of any kind needs.
type Options struct {
	FromClient bool
	// Judge is called for each message in order; an error ends the reader, which
	// gives it to its caller as it is. The message is lent for the call.
	Judge func(m policy.Message) error
	// Budget bounds the bytes that the readers of the process hold.
	Budget *traffic.Budget
	// Now is the clock of Patience.
	Now func() time.Time
}

// format knows where messages end.
type format interface {
	// scan looks at what is held and gives how many bytes from its beginning may
	// be sent on, 0 when more must come first. It is called again with the same
	// bytes and more behind them, or without those that it gave.
	scan(held []byte) (int, error)
	// end says what may be sent on of what is held when nothing more comes.
	end(held []byte) (int, error)
	// release gives back what the format holds itself.
	release()
}

// The sizes of the buffer of a reader. One that waits holds the small one.
const (
	smallBuffer = 4 << 10
	keptBuffer  = 64 << 10
	mostBuffer  = Largest + smallBuffer
)

// Reader gives the bytes of one direction, as many as were agreed to. Only one
// goroutine may read; Close may be called by any.
type Reader struct {
	from   io.Reader
	format format
	holder holder
	held   []byte           // what came
	given  int              // how much of the beginning of held the caller has had
	rest   []byte           // what Read has not given yet
	now    func() time.Time // nil for those with whom there is patience
	began  time.Time        // when the message came that waits
	moved  bool             // something was given since the last read
	err    error            // for good
	eof    bool

	mu           sync.Mutex
	busy, closed bool
}

// holder takes bytes from the budget and knows how many it has.
type holder struct {
	budget *traffic.Budget
	taken  int64
}

func (h *holder) take(n int) bool {
	if !h.budget.Take(int64(n)) {
		return false
	}
	h.taken += int64(n)
	return true
}

func (h *holder) give(n int) {
	h.budget.Give(int64(n))
	h.taken -= int64(n)
}

func newReader(from io.Reader, o *Options, f format) *Reader {
	r := &Reader{from: from, format: f, holder: holder{budget: o.Budget}}
	if o.FromClient {
		r.now = o.Now
	}
	return r
}

// Next gives the next bytes that may be sent on, whole messages as they were
// received; they are valid until the next call, and may come with the error that
// ends the reader. It fails with io.EOF at the end, ErrClosed behind a Close
// frame, a *FaultError, what Judge said, or what the source said.
func (r *Reader) Next() ([]byte, error) {
	if !r.enter() {
		return nil, io.ErrClosedPipe
	}
	defer r.leave()
	if r.err != nil {
		return nil, r.err
	}
	piece, err := r.next()
	r.err = err
	return piece, err
}

func (r *Reader) next() ([]byte, error) {
	for {
		waiting := r.held[r.given:]
		n, err := r.scan(waiting)
		if n == 0 && err == nil && r.eof {
			if n, err = r.format.end(waiting); n == 0 && err == nil {
				err = io.EOF
			}
		}
		if n > 0 || err != nil {
			r.given += n
			r.moved = true
			return waiting[:n], err
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// scan takes several short messages together: each piece is a write.
func (r *Reader) scan(waiting []byte) (total int, err error) {
	for total < smallBuffer {
		n, err := r.format.scan(waiting[total:])
		if total += n; n == 0 || err != nil {
			return total, err
		}
	}
	return total, nil
}

// fill reads more. The buffer grows as bytes come, not as a frame announces.
func (r *Reader) fill() error {
	if r.given == len(r.held) {
		r.held, r.given = r.held[:0], 0
		if cap(r.held) > keptBuffer {
			r.holder.give(cap(r.held))
			r.held = nil
		}
	}
	if len(r.held) == cap(r.held) {
		if err := r.makeRoom(); err != nil {
			return err
		}
	}
	first := r.given == len(r.held) || r.moved
	r.moved = false
	n, err := r.from.Read(r.held[len(r.held):cap(r.held)])
	r.held = r.held[:len(r.held)+n]
	if r.now != nil {
		if now := r.now(); first {
			r.began = now
		} else if now.Sub(r.began) > Patience {
			return &FaultError{Close: 1008, GRPC: 4, Reason: "a message comes too slowly"}
		}
	}
	if errors.Is(err, io.EOF) {
		r.eof, err = true, nil
	}
	if err != nil {
		return fmt.Errorf("reading a stream: %w", err)
	}
	return nil
}

func (r *Reader) makeRoom() error {
	if r.given > 0 {
		r.held = r.held[:copy(r.held, r.held[r.given:])]
		r.given = 0
		return nil
	}
	if cap(r.held) >= mostBuffer {
		return tooLarge("a message is larger than the largest allowed")
	}
	size := min(max(smallBuffer, 2*cap(r.held)), mostBuffer)
	if !r.holder.take(size) {
		return overloaded()
	}
	grown := make([]byte, len(r.held), size)
	copy(grown, r.held)
	r.holder.give(cap(r.held))
	r.held = grown
	return nil
}

// Read gives the bytes of Next in pieces.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.rest) == 0 {
		var err error
		if r.rest, err = r.Next(); len(r.rest) == 0 {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *Reader) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = !r.closed
	return r.busy
}

func (r *Reader) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = false
	if r.closed {
		r.release()
	}
}

// Close gives back what the reader holds, at once or when the call of Next
// under way returns. It does not close the source.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed && !r.busy {
		r.release()
	}
	r.closed = true
	return nil
}

func (r *Reader) release() {
	r.format.release()
	r.holder.give(int(r.holder.taken))
	r.err, r.eof = io.ErrClosedPipe, true
}
