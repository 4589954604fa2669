package source

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/source/accesslog"
	"farrier.dev/farrier/internal/discovery/source/analytics"
)

var errLongLine = errors.New("a line of more than 1 MiB")

// lines reads lines of bounded length.
type lines struct {
	in *bufio.Reader
	n  int64
}

// next gives a line without its end, valid until the next call, and errLongLine
// for one that was passed over.
func (l *lines) next() ([]byte, error) {
	line, err := l.in.ReadSlice('\n')
	if len(line) > 0 {
		l.n++
	}
	switch {
	case err == nil || errors.Is(err, io.EOF) && len(line) > 0:
		line = bytes.TrimSuffix(line, []byte("\n"))
		return bytes.TrimSuffix(line, []byte("\r")), nil
	case errors.Is(err, bufio.ErrBufferFull):
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = l.in.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, errLongLine
	}
	return nil, err
}

// lineParser reads one request from each line.
type lineParser struct {
	in    lines
	name  string
	parse parseFunc
	skip  func(place int64, reason string)
}

func (p *lineParser) format() string { return p.name }

func (p *lineParser) place() int64 { return p.in.n }

func (p *lineParser) next() (*discovery.Observation, error) {
	o := new(discovery.Observation)
	for {
		line, err := p.in.next()
		if errors.Is(err, errLongLine) {
			p.skip(p.in.n, err.Error())
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			continue
		}
		if err = p.parse(string(line), o); err == nil {
			return o, nil
		}
		if !silent(err) {
			p.skip(p.in.n, err.Error())
		}
		*o = discovery.Observation{}
	}
}

// silent says that a record holds no request and should not: it is a comment or
// a header.
func silent(err error) bool {
	return errors.Is(err, accesslog.ErrComment) || errors.Is(err, accesslog.ErrPart) || errors.Is(err, analytics.ErrHeader)
}
