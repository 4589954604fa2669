// Package browser drives a chromium in tests, by its DevTools protocol and as a person
// would: pages are opened, clicked on and typed into, and what they complain of is kept.
// It is imported by tests alone.
package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"farrier.dev/farrier/internal/programtest"
)

// patience is how long anything may take before a test gives up; nothing is judged by it.
const patience = 2 * time.Minute

// Browser is a window of a chromium, with cookies of its own.
type Browser struct {
	process *process
	session string
	frame   string
	// loaded gives the documents that have loaded.
	loaded chan string

	// What follows is guarded by process.mu.
	// current is the document that is shown, whether or not it has loaded.
	current string
	// troubles are what the pages complained of: errors, exceptions, refused loads.
	troubles []string
	answers  []Answer
}

// Answer is the head of a response to a page that was opened, or to the redirects that led
// to it.
type Answer struct {
	URL    string
	Status int
	// Header holds the fields by their names in small letters; Set-Cookie is not among
	// them, see Cookies.
	Header map[string]string
}

// Arguments are those of a command of the protocol.
type Arguments map[string]any

// process is a chromium; messages are JSON over a pipe, each ended by a NUL.
type process struct {
	out *os.File

	mu      sync.Mutex
	next    int
	waiting map[int]chan message
	windows map[string]*Browser
}

type message struct {
	ID        int             `json:"id,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// Start starts chromium with a fresh profile and ends it with the test. Without one the
// test is skipped as by programtest.Program.
func Start(t testing.TB) *Browser {
	t.Helper()
	path := programtest.Program(t, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
	theirIn, ourOut, err := os.Pipe()
	must(t, err)
	ourIn, theirOut, err := os.Pipe()
	must(t, err)
	profile, err := os.MkdirTemp("", "farrier-browser-test")
	must(t, err)
	cmd := exec.CommandContext(context.Background(), path, //nolint:gosec // it was found among the programs of the machine
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--mute-audio",
		"--hide-scrollbars", "--user-data-dir="+profile, "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, cmd.Start())
	_, _ = theirIn.Close(), theirOut.Close()
	p := &process{out: ourOut, waiting: map[int]chan message{}, windows: map[string]*Browser{}}
	t.Cleanup(func() {
		_ = ourOut.Close()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // only the group that was started here
		_ = cmd.Wait()
		_ = ourIn.Close()
		_ = os.RemoveAll(profile)
	})
	go p.read(ourIn)
	return p.window(t)
}

// Another gives a second window that shares nothing with the first, as a browser of
// somebody else would.
func (b *Browser) Another(t testing.TB) *Browser {
	t.Helper()
	return b.process.window(t)
}

// window opens a window with cookies of its own.
func (p *process) window(t testing.TB) *Browser {
	t.Helper()
	b := &Browser{process: p, loaded: make(chan string, 64)}
	var own struct{ BrowserContextID string }
	must(t, b.Call("Target.createBrowserContext", nil, &own))
	var target struct{ TargetID string }
	must(t, b.Call("Target.createTarget", Arguments{"url": "about:blank", "browserContextId": own.BrowserContextID}, &target))
	var attached struct{ SessionID string }
	b.frame = target.TargetID // as its main frame is called
	must(t, b.Call("Target.attachToTarget", Arguments{"targetId": target.TargetID, "flatten": true}, &attached))
	p.mu.Lock()
	b.session = attached.SessionID
	p.windows[b.session] = b
	p.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log", "Audits", "Network"} {
		must(t, b.Call(domain+".enable", nil, nil))
	}
	must(t, b.Call("Page.setLifecycleEventsEnabled", Arguments{"enabled": true}, nil))
	return b
}

func (p *process) read(in *os.File) {
	r := bufio.NewReaderSize(in, 1<<20)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		p.mu.Lock()
		if wait := p.waiting[m.ID]; m.ID != 0 && wait != nil {
			delete(p.waiting, m.ID)
			wait <- m
		} else if b := p.windows[m.SessionID]; b != nil {
			b.happened(m)
		}
		p.mu.Unlock()
	}
}

// happened takes note of an event.
func (b *Browser) happened(m message) {
	switch m.Method {
	case "Page.lifecycleEvent":
		b.lived(m.Params)
	case "Network.requestWillBeSent", "Network.responseReceived":
		b.answered(m.Params)
	default:
		if trouble := troubleOf(m); trouble != "" {
			b.troubles = append(b.troubles, trouble)
		}
	}
}

// lived takes note of where a document stands in its life.
func (b *Browser) lived(params json.RawMessage) {
	var p struct{ FrameID, LoaderID, Name string }
	if json.Unmarshal(params, &p) != nil || p.FrameID != b.frame {
		return
	}
	switch p.Name {
	case "init":
		b.current = p.LoaderID
	case "load":
		select {
		case b.loaded <- p.LoaderID:
		default:
		}
	}
}

func (b *Browser) answered(params json.RawMessage) {
	type response struct {
		URL     string
		Status  int
		Headers map[string]string
	}
	var p struct {
		Type                       string
		RedirectResponse, Response *response
	}
	if json.Unmarshal(params, &p) != nil || p.Type != "Document" {
		return
	}
	for _, one := range []*response{p.RedirectResponse, p.Response} {
		if one == nil {
			continue
		}
		header := make(map[string]string, len(one.Headers))
		for name, value := range one.Headers {
			header[strings.ToLower(name)] = value
		}
		b.answers = append(b.answers, Answer{one.URL, one.Status, header})
	}
}

// troubleOf is what a page complains of in an event, "" for nothing.
func troubleOf(m message) string {
	switch m.Method {
	case "Runtime.exceptionThrown":
		return "exception: " + string(m.Params)
	case "Log.entryAdded":
		var p struct {
			Entry struct{ Source, Level, Text, URL string }
		}
		if json.Unmarshal(m.Params, &p) == nil && p.Entry.Level != "verbose" && p.Entry.Level != "info" {
			return fmt.Sprintf("%s %s: %s %s", p.Entry.Source, p.Entry.Level, p.Entry.Text, p.Entry.URL)
		}
	case "Runtime.consoleAPICalled":
		var p struct{ Type string }
		if json.Unmarshal(m.Params, &p) == nil && (p.Type == "error" || p.Type == "warning" || p.Type == "assert") {
			return "console: " + string(m.Params)
		}
	case "Audits.issueAdded":
		if strings.Contains(string(m.Params), "ContentSecurityPolicy") {
			return "content security policy: " + string(m.Params)
		}
	}
	return ""
}

// Call sends one command of the protocol and waits for its result, which is read into
// result unless that is nil.
func (b *Browser) Call(method string, params, result any) error {
	p := b.process
	p.mu.Lock()
	p.next++
	id, wait := p.next, make(chan message, 1)
	p.waiting[id] = wait
	text, err := json.Marshal(struct {
		ID        int    `json:"id"`
		Method    string `json:"method"`
		Params    any    `json:"params,omitempty"`
		SessionID string `json:"sessionId,omitempty"`
	}{id, method, params, b.session})
	if err == nil {
		_, err = p.out.Write(append(text, 0))
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case m := <-wait:
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-time.After(patience):
		return fmt.Errorf("%s: the browser does not answer", method)
	}
}

// Complaints are what pages complained of since the last call: errors, exceptions, loads
// that a policy of the page refused.
func (b *Browser) Complaints() []string {
	b.process.mu.Lock()
	defer b.process.mu.Unlock()
	told := b.troubles
	b.troubles = nil
	return told
}

// Answers are the responses to pages since the last call.
func (b *Browser) Answers() []Answer {
	b.process.mu.Lock()
	defer b.process.mu.Unlock()
	told := b.answers
	b.answers = nil
	return told
}

// Cookie is a cookie that the browser keeps.
type Cookie struct {
	Name, Value, Domain, Path, SameSite string
	HTTPOnly, Secure, Session           bool
}

// Cookies are those that the browser would send to the page that is open.
func (b *Browser) Cookies(t testing.TB) []Cookie {
	t.Helper()
	var kept struct{ Cookies []Cookie }
	must(t, b.Call("Network.getCookies", nil, &kept))
	return kept.Cookies
}

func must(t testing.TB, err ...error) {
	t.Helper()
	if err := errors.Join(err...); err != nil {
		t.Fatal(err)
	}
}
