//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// measuring is the line that the load generator prints when the connections
// are warm and counting begins; the next line is the count.
const measuring = "measuring"

// load is what one run of the generator saw.
type load struct {
	Requests int           `json:"requests"`
	Took     time.Duration `json:"took"`
	P50      time.Duration `json:"p50"`
	P99      time.Duration `json:"p99"`
	// Failed counts the answers that were not 2xx; FirstFailure is the status
	// of one of them.
	Failed       int `json:"failed"`
	FirstFailure int `json:"firstFailure,omitempty"`
}

// generator sends one request again and again over each of its connections, as
// soon as the one before is answered.
type generator struct {
	request   []byte
	measuring atomic.Bool
	over      atomic.Bool
}

// tally is what one connection saw while the generator was measuring.
type tally struct {
	took                 []time.Duration
	failed, firstFailure int
}

func generateLoad(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	connections := f.Int("connections", 64, "")
	duration := f.Duration("duration", time.Second, "")
	warmUp := f.Duration("warm-up", time.Second, "")
	request := f.String("request", "", "file that holds the request")
	if err := f.Parse(args); err != nil {
		return err
	}
	text, err := os.ReadFile(*request)
	if err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	g := &generator{request: text}
	tallies := make([]tally, *connections)
	ended := make(chan error, len(tallies))
	for i := range tallies {
		go func() { ended <- g.drive(ctx, f.Arg(0), &tallies[i]) }()
	}
	time.Sleep(*warmUp)
	g.measuring.Store(true)
	began := time.Now()
	if _, err := fmt.Fprintln(out, measuring); err != nil {
		return fmt.Errorf("telling that measuring begins: %w", err)
	}
	time.Sleep(*duration)
	g.over.Store(true)
	took := time.Since(began)
	for range tallies {
		if err := <-ended; err != nil {
			return err
		}
	}
	return json.NewEncoder(out).Encode(sum(tallies, took))
}

func sum(tallies []tally, took time.Duration) load {
	l := load{Took: took}
	var each []time.Duration
	for _, t := range tallies {
		each = append(each, t.took...)
		l.Failed += t.failed
		if l.FirstFailure == 0 {
			l.FirstFailure = t.firstFailure
		}
	}
	if l.Requests = len(each); l.Requests > 0 {
		slices.Sort(each)
		l.P50, l.P99 = each[len(each)/2], each[len(each)*99/100]
	}
	return l
}

// drive sends requests over one connection until the generator's time is over.
// After an answer that is not 2xx it takes another connection, since that one
// may be closed.
func (g *generator) drive(ctx context.Context, address string, t *tally) error {
	t.took = make([]time.Duration, 0, 4096)
	for !g.over.Load() {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
		err = g.converse(c, t)
		_ = c.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *generator) converse(c net.Conn, t *tally) error {
	a := answers{from: c, buf: make([]byte, 8<<10)}
	for !g.over.Load() {
		counts := g.measuring.Load()
		began := time.Now()
		if _, err := c.Write(g.request); err != nil {
			return fmt.Errorf("sending a request: %w", err)
		}
		status, err := a.next()
		if err != nil {
			return fmt.Errorf("reading an answer: %w", err)
		}
		good := status >= 200 && status <= 299
		if counts {
			t.took = append(t.took, time.Since(began))
			if !good {
				t.failed++
				t.firstFailure = status
			}
		}
		if !good {
			return nil
		}
	}
	return nil
}

// answers reads the answers of one connection, as far as their statuses and
// lengths.
type answers struct {
	from io.Reader
	buf  []byte
}

var (
	errAnswer = errors.New("an answer without a Content-Length, or with too long a head")
	lengthOf  = []byte("\r\ncontent-length:")
	headEnd   = []byte("\r\n\r\n")
)

// next is the status of the next answer. Nothing follows it, since the next
// request has not been sent yet.
func (a *answers) next() (status int, err error) {
	held := 0
	for {
		n, err := a.from.Read(a.buf[held:])
		if err != nil {
			return 0, err
		}
		held += n
		head := bytes.Index(a.buf[:held], headEnd)
		if head < 0 {
			if held == len(a.buf) {
				return 0, errAnswer
			}
			continue
		}
		status, length := readHead(a.buf[:head+2])
		if length < 0 {
			return 0, errAnswer
		}
		for left := length - (held - head - len(headEnd)); left > 0; left -= n {
			if n, err = a.from.Read(a.buf[:min(left, len(a.buf))]); err != nil {
				return 0, err
			}
		}
		return status, nil
	}
}

// readHead finds status and Content-Length, -1 without one.
func readHead(head []byte) (status, length int) {
	if len(head) < len("HTTP/1.1 200") {
		return 0, -1
	}
	status, _ = strconv.Atoi(string(head[9:12]))
	for at := 0; at+len(lengthOf) < len(head); {
		next := bytes.Index(head[at:], lengthOf[:2])
		if next < 0 || at+next+len(lengthOf) > len(head) {
			break
		}
		at += next
		if line := head[at : at+len(lengthOf)]; bytes.EqualFold(line, lengthOf) {
			value, _, _ := bytes.Cut(head[at+len(lengthOf):], headEnd[:2])
			if length, err := strconv.Atoi(string(bytes.TrimSpace(value))); err == nil {
				return status, length
			}
			return status, -1
		}
		at += 2
	}
	return status, -1
}
