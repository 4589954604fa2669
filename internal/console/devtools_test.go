package console

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// browser is a chromium driven by its DevTools protocol over a pipe: messages
// are JSON, each ended by a NUL.
type browser struct {
	out     *os.File
	session string

	mu      sync.Mutex
	next    int
	waiting map[int]chan message
	loaded  chan struct{}
	// troubles are what the pages complained of: errors, exceptions, refused loads.
	troubles []string
}

type message struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// startBrowser starts chromium with a fresh profile. Without one the test is
// skipped, but for CI, where it fails.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := findBrowser()
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no chromium or chrome is installed, and CI must not skip the tests of the console in a browser")
		}
		t.Skip("no chromium or chrome is installed: the console was NOT tested in a browser")
	}
	theirIn, ourOut, err := os.Pipe()
	must(t, err)
	ourIn, theirOut, err := os.Pipe()
	must(t, err)
	profile, err := os.MkdirTemp("", "farrier-console-test")
	must(t, err)
	cmd := exec.CommandContext(context.Background(), path,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--mute-audio",
		"--hide-scrollbars", "--user-data-dir="+profile, "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, cmd.Start())
	_, _ = theirIn.Close(), theirOut.Close()
	b := &browser{out: ourOut, waiting: map[int]chan message{}, loaded: make(chan struct{}, 1)}
	t.Cleanup(func() {
		_ = ourOut.Close()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // only the group that was started here
		_ = cmd.Wait()
		_ = ourIn.Close()
		_ = os.RemoveAll(profile)
	})
	go b.read(ourIn)
	b.attach(t)
	return b
}

func findBrowser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func (b *browser) read(in *os.File) {
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
		b.mu.Lock()
		switch wait := b.waiting[m.ID]; {
		case m.ID != 0 && wait != nil:
			delete(b.waiting, m.ID)
			wait <- m
		case m.Method == "Page.loadEventFired":
			select {
			case b.loaded <- struct{}{}:
			default:
			}
		default:
			if trouble := troubleOf(m); trouble != "" {
				b.troubles = append(b.troubles, trouble)
			}
		}
		b.mu.Unlock()
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

// call sends one command and waits for its result.
func (b *browser) call(method string, params, result any) error {
	b.mu.Lock()
	b.next++
	id, wait := b.next, make(chan message, 1)
	b.waiting[id] = wait
	text, err := json.Marshal(struct {
		ID        int    `json:"id"`
		Method    string `json:"method"`
		Params    any    `json:"params,omitempty"`
		SessionID string `json:"sessionId,omitempty"`
	}{id, method, params, b.session})
	if err == nil {
		_, err = b.out.Write(append(text, 0))
	}
	b.mu.Unlock()
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
	case <-time.After(30 * time.Second):
		return fmt.Errorf("%s: the browser does not answer", method)
	}
}

type arguments map[string]any

func (b *browser) attach(t *testing.T) {
	t.Helper()
	var target struct{ TargetID string }
	must(t, b.call("Target.createTarget", arguments{"url": "about:blank"}, &target))
	var attached struct{ SessionID string }
	must(t, b.call("Target.attachToTarget", arguments{"targetId": target.TargetID, "flatten": true}, &attached))
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Audits"} {
		must(t, b.call(domain+".enable", nil, nil))
	}
}

// resize makes the window that wide, as a phone below 600 pixels.
func (b *browser) resize(t *testing.T, width int, dark bool) {
	t.Helper()
	must(t, b.call("Emulation.setDeviceMetricsOverride", arguments{
		"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600,
	}, nil))
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	must(t, b.call("Emulation.setEmulatedMedia", arguments{"features": []arguments{{"name": "prefers-color-scheme", "value": scheme}}}, nil))
}

// open opens a page and waits until it has loaded.
func (b *browser) open(t *testing.T, url string) {
	t.Helper()
	b.leave()
	var to struct{ ErrorText string }
	must(t, b.call("Page.navigate", arguments{"url": url}, &to))
	if to.ErrorText != "" {
		t.Fatalf("opening %s: %s", url, to.ErrorText)
	}
	b.arrive(t)
}

// leave forgets that a page has loaded, before the next one is asked for.
func (b *browser) leave() {
	select {
	case <-b.loaded:
	default:
	}
}

func (b *browser) arrive(t *testing.T) {
	t.Helper()
	select {
	case <-b.loaded:
	case <-time.After(30 * time.Second):
		t.Fatal("the page does not load")
	}
}

// click clicks on what a selector finds, which leads to another page.
func (b *browser) click(t *testing.T, selector string) {
	t.Helper()
	b.leave()
	if got := b.eval(t, fmt.Sprintf(`(() => { const e = document.querySelector(%q); if (!e) return "none"; e.click(); return "clicked"; })()`, selector)); got != "clicked" {
		t.Fatalf("there is no %s on %s", selector, b.eval(t, "location.href"))
	}
	b.arrive(t)
}

// fill types into a field.
func (b *browser) fill(t *testing.T, selector, value string) {
	t.Helper()
	if got := b.eval(t, fmt.Sprintf(`(() => { const e = document.querySelector(%q); if (!e) return "none"; e.focus(); e.value = ""; return "focused"; })()`, selector)); got != "focused" {
		t.Fatalf("there is no %s on %s", selector, b.eval(t, "location.href"))
	}
	must(t, b.call("Input.insertText", arguments{"text": value}, nil))
}

// eval runs an expression in the page and gives its value as text.
func (b *browser) eval(t *testing.T, expression string) string {
	t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	must(t, b.call("Runtime.evaluate", arguments{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r))
	if len(r.ExceptionDetails) > 0 {
		t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	return fmt.Sprint(r.Result.Value)
}

// until waits until an expression is true.
func (b *browser) until(t *testing.T, expression string) {
	t.Helper()
	for range 200 {
		if b.eval(t, expression) == "true" {
			return
		}
		b.eval(t, "new Promise(r => setTimeout(r, 25))")
	}
	t.Fatalf("never true on %s: %s", b.eval(t, "location.href"), expression)
}

// complaints are the troubles since the last call.
func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	told := b.troubles
	b.troubles = nil
	return told
}

// screenshot writes a picture of the whole page.
func (b *browser) screenshot(t *testing.T, path string) {
	t.Helper()
	var picture struct{ Data string }
	must(t, b.call("Page.captureScreenshot", arguments{"format": "png", "captureBeyondViewport": true}, &picture))
	data, err := base64.StdEncoding.DecodeString(picture.Data)
	if err == nil && len(data) == 0 {
		err = errors.New("the picture is empty")
	}
	must(t, errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o750)))
	must(t, os.WriteFile(path, data, 0o600))
}
