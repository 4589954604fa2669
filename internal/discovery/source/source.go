// Package source opens files in which others wrote down requests and their
// answers - archives of browsers, access logs, captures of packets, exports of
// analytics, collections of Postman - and gives them as observations. It finds
// out what a file is by what stands in it. Files may be of any size: they are
// streamed, and what is held of one is bounded.
package source

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/source/accesslog"
)

// The bounds of what is read at once.
const (
	// MaxLine is the longest line of a log, in bytes; longer ones are skipped.
	MaxLine = 1 << 20
	// MaxEntry is the largest entry of a JSON document (one request of an archive with
	// its bodies), in bytes; larger ones are skipped.
	MaxEntry = 64 << 20
	// MaxFiles is the most files of a folder.
	MaxFiles = 100_000
	// SampleLines is how many lines of a log are looked at to find its format.
	SampleLines = 100
)

// Options say how a path is to be read. The zero value detects everything.
type Options struct {
	// Format is empty to detect it, or one of Formats, or nginx:, apache: or envoy: and
	// the format as the configuration of the server has it.
	Format string
	// Mapping is the YAML text that describes JSON lines or CSV of one's own; see
	// accesslog.Mapping. It goes before Format.
	Mapping []byte
	// Stdin is what "-" reads.
	Stdin io.Reader
	// Host and Scheme are those of observations for which the file names none.
	Host, Scheme string
	// Forwarded says which entry of an X-Forwarded-For column of a log is the client,
	// counted from its end: 1, also when it is 0, is the last, which the nearest proxy
	// wrote; with n proxies of one's own behind each other it is n. -1 takes the peer.
	Forwarded int
	// MaxBody is how many bytes of a body are kept; discovery.MaxBody when it is 0.
	MaxBody int
}

// Formats are the names that Options.Format knows.
func Formats() []string {
	return append([]string{formatHAR, formatPcap, formatAnalytics, formatPostman}, accesslog.Names()...)
}

const (
	formatHAR       = "har"
	formatPcap      = "pcap"
	formatAnalytics = "analytics"
	formatPostman   = "postman"
)

// Reader gives the observations of a path, of its files one behind the other. It
// is not safe for concurrent use.
type Reader interface {
	// Next gives the next observation, and io.EOF behind the last. Every observation is
	// new memory: the caller may hand it to another goroutine. Any other error ends the
	// file at hand; the files behind it are still read when Next is called again.
	Next() (*discovery.Observation, error)
	// Counts tells what was read so far.
	Counts() Counts
	// Problems says in sentences what was skipped and why.
	Problems() []string
	// Close lets go of files. It never fails in a way that matters to a reader.
	Close() error
}

// parser reads one file. A problem with one record is told by skip, not by an
// error.
type parser interface {
	next() (*discovery.Observation, error)
	// place is the line, entry or packet of the last observation.
	place() int64
	format() string
}

// Open opens a file, a folder with all files in it, or "-" for standard input.
// Files may be compressed with gzip, zstd or bzip2. In a folder hidden files and
// symbolic links are left aside, and files that nothing here can read are told
// by Counts instead of an error.
func Open(path string, o Options) (Reader, error) {
	if o.MaxBody == 0 {
		o.MaxBody = discovery.MaxBody
	}
	switch {
	case o.Forwarded == 0:
		o.Forwarded = 1
	case o.Forwarded < 0:
		o.Forwarded = 0
	}
	r := &reader{options: o}
	if err := r.chooseFormat(); err != nil {
		return nil, err
	}
	if err := r.list(path); err != nil {
		return nil, err
	}
	// The first file is opened at once, so that what it is, or is not, is known early.
	if !r.folder {
		if err := r.open(); err != nil {
			_ = r.Close()
			return nil, err
		}
	}
	return r, nil
}

// reader reads one file behind the other.
type reader struct {
	options Options
	chosen  *accesslog.Format
	folder  bool
	files   []opener
	name    string
	closers []io.Closer
	at      parser
	tally   tally
}

func (r *reader) chooseFormat() error {
	var err error
	switch {
	case r.options.Mapping != nil:
		r.chosen, err = accesslog.Mapping(r.options.Mapping)
	case r.options.Format == "" || r.options.Format == formatHAR || r.options.Format == formatPcap ||
		r.options.Format == formatAnalytics || r.options.Format == formatPostman:
	default:
		if r.chosen, err = accesslog.Named(r.options.Format); err != nil {
			err = fmt.Errorf("%w; other formats: %s", err, strings.Join(Formats()[:4], ", "))
		}
	}
	return err
}

// Next gives the next observation of any file.
func (r *reader) Next() (*discovery.Observation, error) {
	for {
		if r.at == nil {
			if len(r.files) == 0 {
				return nil, io.EOF
			}
			if err := r.open(); err != nil {
				return nil, err
			}
			continue
		}
		o, err := r.at.next()
		if err == nil {
			if reason := finish(o, &r.options); reason != "" {
				r.tally.skip(r.at.place(), reason)
				continue
			}
			r.tally.read()
			return o, nil
		}
		name := r.name
		r.closeFile()
		if !errors.Is(err, io.EOF) {
			r.tally.skip(0, "the file could not be read to its end")
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
}

func (r *reader) Counts() Counts { return r.tally.counts() }

func (r *reader) Problems() []string { return r.tally.counts().Problems() }

func (r *reader) Close() error {
	r.files = nil
	r.closeFile()
	return nil
}

func (r *reader) closeFile() {
	for i := len(r.closers) - 1; i >= 0; i-- {
		_ = r.closers[i].Close() // read only
	}
	r.closers, r.at = nil, nil
}
