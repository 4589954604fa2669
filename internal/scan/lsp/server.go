// Package lsp is a language server (Language Server Protocol 3.17) that shows
// findings in editors while their users type, and offers repairs. What is found is
// handed in; it reads no files but those that findings name.
package lsp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"farrier.dev/farrier/internal/finding"
)

// Scanner finds what is wrong in folders. Open are the files that editors hold, by
// their path: their text counts, not what lies on disk. Locations and edits name
// files by their path.
type Scanner func(ctx context.Context, folders []string, open map[string][]byte) ([]finding.Finding, error)

// Options are what a server works with; Scan and Read are required.
type Options struct {
	Scan Scanner
	// Read reads a file that no editor holds.
	Read func(path string) ([]byte, error)
	// Version is that of the program.
	Version string
	// Delay is how long nobody must have typed before a scan begins; 300 ms when 0.
	Delay time.Duration
}

// server is one session.
type server struct {
	o   Options
	out io.Writer

	initialized, stopped bool
	characters           encoding
	folders              []string
	open                 map[string][]byte
	// byFile are the findings of the last scan by path.
	byFile map[string][]finding.Finding
	// shown are the files that the editor shows findings of.
	shown map[string]bool
}

// scanned is the outcome of a scan.
type scanned struct {
	findings []finding.Finding
	err      error
}

// Serve speaks with one editor until it says exit, its stream ends, or ctx does. An
// editor that exits without a shutdown, or does not keep to the protocol, is an
// error.
func Serve(ctx context.Context, in io.Reader, out io.Writer, o Options) error {
	if o.Delay == 0 {
		o.Delay = 300 * time.Millisecond
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{o: o, out: out, open: map[string][]byte{}, shown: map[string]bool{}}
	return s.run(ctx, receive(ctx, in))
}

// received is a message, or why there are no more.
type received struct {
	m   *message
	err error
}

// receive reads messages until the stream ends.
func receive(ctx context.Context, in io.Reader) <-chan received {
	messages := make(chan received)
	go func() {
		defer close(messages)
		r := bufio.NewReader(in)
		for {
			m, err := readMessage(r)
			select {
			case messages <- received{m, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return messages
}

// run is the only place that touches the session. A change cancels the scan that
// runs; one begins when nothing has changed for a while.
func (s *server) run(ctx context.Context, messages <-chan received) error {
	results := make(chan scanned, 1)
	var due <-chan time.Time
	stop := func() {}
	defer func() { stop() }()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case one, more := <-messages:
			if !more || errors.Is(one.err, io.EOF) {
				if s.stopped {
					return nil
				}
				return errors.New("the editor went away without a shutdown")
			}
			if one.err != nil {
				return one.err
			}
			if one.m.Method == "exit" {
				if s.stopped {
					return nil
				}
				return errors.New("the editor said exit before shutdown")
			}
			changed, err := s.handle(one.m)
			if err != nil {
				return err
			}
			if changed {
				due = time.After(s.o.Delay)
			}
		case <-due:
			due = nil
			stop()
			results, stop = s.scan(ctx)
		case r := <-results:
			if err := s.publish(r); err != nil {
				return err
			}
		}
	}
}

// scan begins a scan of the folders and files as they are now.
func (s *server) scan(ctx context.Context) (results chan scanned, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	// The scan that was stopped may still answer: on its own channel, which nobody
	// reads any more.
	results = make(chan scanned, 1)
	folders, open := slices.Clone(s.folders), maps.Clone(s.open)
	go func() {
		found, err := s.o.Scan(ctx, folders, open)
		if ctx.Err() == nil {
			results <- scanned{found, err}
		}
	}()
	return results, cancel
}

// handle does what a message asks for, and says whether there is something new to
// scan.
func (s *server) handle(m *message) (changed bool, err error) {
	switch {
	case m.Error != nil && m.ID == nil && m.Method == "":
		return false, writeMessage(s.out, &message{Version: "2.0", ID: json.RawMessage("null"), Error: m.Error})
	case m.Method == "":
		return false, nil // an answer to nothing that was asked
	case !s.initialized && m.Method != "initialize":
		return false, s.refuse(m, notInitialized, "initialize comes first")
	case s.stopped:
		return false, s.refuse(m, invalidRequest, "shutdown was the last request")
	}
	switch m.Method {
	case "initialize":
		return true, s.initialize(m)
	case "shutdown":
		s.stopped = true
		return false, s.answer(m, nil)
	case "textDocument/codeAction":
		return false, s.codeActions(m)
	case "textDocument/didOpen", "textDocument/didChange", "textDocument/didSave", "textDocument/didClose":
		return true, s.document(m)
	case "workspace/didChangeWorkspaceFolders":
		return true, s.changeFolders(m)
	case "workspace/didChangeWatchedFiles":
		return true, nil
	case "initialized", "$/cancelRequest", "$/setTrace", "workspace/didChangeConfiguration":
		return false, nil
	}
	return false, s.refuse(m, unknownMethod, "the method is not known")
}

func (s *server) answer(m *message, result any) error {
	if m.ID == nil {
		return nil
	}
	return writeMessage(s.out, &answer{"2.0", m.ID, result})
}

// refuse answers a request by an error; a notification has no answer.
func (s *server) refuse(m *message, code int, why string) error {
	if m.ID == nil {
		return nil
	}
	return writeMessage(s.out, &message{Version: "2.0", ID: m.ID, Error: &rpcError{code, why}})
}

func (s *server) notify(method string, params any) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	return writeMessage(s.out, &message{Version: "2.0", Method: method, Params: raw})
}

func (s *server) initialize(m *message) error {
	var p initializeParams
	if err := json.Unmarshal(m.Params, &p); err != nil || s.initialized {
		return s.refuse(m, invalidParams, "initialize is malformed, or comes twice")
	}
	s.initialized = true
	for _, f := range p.WorkspaceFolders {
		s.addFolder(f.URI)
	}
	if len(s.folders) == 0 {
		s.addFolder(p.RootURI)
	}
	name := "utf-16"
	if slices.Contains(p.Capabilities.General.PositionEncodings, "utf-32") {
		name, s.characters = "utf-32", codePoints
	}
	return s.answer(m, map[string]any{
		"serverInfo": map[string]any{"name": "farrier", "version": s.o.Version},
		"capabilities": map[string]any{
			"positionEncoding":   name,
			"textDocumentSync":   map[string]any{"openClose": true, "change": 1, "save": true},
			"codeActionProvider": map[string]any{"codeActionKinds": []string{"quickfix"}},
			"workspace":          map[string]any{"workspaceFolders": map[string]any{"supported": true, "changeNotifications": true}},
		},
	})
}

func (s *server) addFolder(uri string) {
	if path, ok := pathOf(uri); ok && !slices.Contains(s.folders, path) {
		s.folders = append(s.folders, path)
	}
}

func (s *server) changeFolders(m *message) error {
	var p foldersParams
	if err := json.Unmarshal(m.Params, &p); err != nil {
		return s.refuse(m, invalidParams, "the folders are malformed")
	}
	for _, f := range p.Event.Added {
		s.addFolder(f.URI)
	}
	for _, f := range p.Event.Removed {
		if path, ok := pathOf(f.URI); ok {
			s.folders = slices.DeleteFunc(s.folders, func(name string) bool { return name == path })
		}
	}
	return nil
}

func (s *server) document(m *message) error {
	var p documentParams
	if err := json.Unmarshal(m.Params, &p); err != nil {
		return s.refuse(m, invalidParams, "the document is malformed")
	}
	path, ok := pathOf(p.TextDocument.URI)
	switch {
	case !ok:
	case m.Method == "textDocument/didOpen":
		s.open[path] = []byte(p.TextDocument.Text)
	case m.Method == "textDocument/didChange" && len(p.ContentChanges) > 0:
		s.open[path] = []byte(p.ContentChanges[len(p.ContentChanges)-1].Text)
	case m.Method == "textDocument/didClose":
		delete(s.open, path)
	}
	return nil
}
