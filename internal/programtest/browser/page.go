package browser

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Resize makes the window that wide, in pixels, as a phone below 600.
func (b *Browser) Resize(t testing.TB, width int, dark bool) {
	t.Helper()
	must(t, b.Call("Emulation.setDeviceMetricsOverride", Arguments{
		"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600,
	}, nil))
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	must(t, b.Call("Emulation.setEmulatedMedia", Arguments{"features": []Arguments{{"name": "prefers-color-scheme", "value": scheme}}}, nil))
}

// Open opens a page and waits until it has loaded.
func (b *Browser) Open(t testing.TB, url string) {
	t.Helper()
	type navigation struct{ LoaderID, ErrorText string }
	var to navigation
	// A page that is about to lead elsewhere may do so first.
	for range 10 {
		to = navigation{}
		must(t, b.Call("Page.navigate", Arguments{"url": url}, &to))
		if to.ErrorText != "net::ERR_ABORTED" {
			break
		}
	}
	if to.ErrorText != "" {
		t.Fatalf("opening %s: %s", url, to.ErrorText)
	}
	b.arrive(t, func(document string) bool { return document == to.LoaderID })
}

// leave gives what tells another document from the one that is shown, before another is
// asked for.
func (b *Browser) leave() func(document string) bool {
	b.process.mu.Lock()
	defer b.process.mu.Unlock()
	for len(b.loaded) > 0 {
		<-b.loaded
	}
	left := b.current
	return func(document string) bool { return document != left }
}

// arrive waits until a document has loaded that is the right one.
func (b *Browser) arrive(t testing.TB, right func(document string) bool) {
	t.Helper()
	end := time.After(patience)
	for {
		select {
		case document := <-b.loaded:
			if right(document) {
				return
			}
		case <-end:
			t.Fatalf("the page does not load: %s", b.Eval(t, "location.href + ' ' + document.body.innerText"))
		}
	}
}

// place gives where something that can be seen lies, after it was scrolled to, or what
// hinders to click on it.
const place = `(() => {
	const e = document.querySelector(%q);
	if (!e) return {hinders: "is not there"};
	e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
	const r = [...e.getClientRects()].find(r => r.width > 0 && r.height > 0);
	if (!r) return {hinders: "is not shown"};
	const x = r.left + r.width / 2, y = r.top + r.height / 2, top = document.elementFromPoint(x, y);
	if (e.disabled) return {hinders: "can't be used"};
	if (!top || !(e.contains(top) || top.contains(e) || (e.labels && [...e.labels].some(l => l.contains(top)))))
		return {hinders: "is covered by " + (top ? top.outerHTML.slice(0, 120) : "nothing")};
	window.pressing = e;
	e.addEventListener("click", () => delete window.pressing, {once: true, capture: true});
	return {x, y};
})()`

// Press clicks with the mouse on what a selector finds, and waits for nothing. What moved
// away under the pointer is clicked on again.
func (b *Browser) Press(t testing.TB, selector string) {
	t.Helper()
	hinders := "moves away"
	for range 20 {
		var r struct {
			Result struct {
				Value struct {
					Hinders string
					X, Y    float64
				}
			}
			ExceptionDetails json.RawMessage
		}
		must(t, b.Call("Runtime.evaluate", Arguments{"expression": fmt.Sprintf(place, selector), "returnByValue": true}, &r))
		at := r.Result.Value
		if hinders = at.Hinders + string(r.ExceptionDetails); hinders != "" {
			break
		}
		for _, kind := range []string{"mousePressed", "mouseReleased"} {
			must(t, b.Call("Input.dispatchMouseEvent", Arguments{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil))
		}
		// Another page knows nothing of it.
		var missed struct{ Result struct{ Value bool } }
		if b.Call("Runtime.evaluate", Arguments{"expression": "!!window.pressing", "returnByValue": true}, &missed) != nil || !missed.Result.Value {
			return
		}
		hinders = "moves away"
	}
	t.Fatalf("%s %s on %s\n%s", selector, hinders, b.Eval(t, "location.href"), b.Eval(t, "document.body.innerText"))
}

// Click clicks on what a selector finds, which leads to another page, and waits until
// that has loaded.
func (b *Browser) Click(t testing.TB, selector string) {
	t.Helper()
	another := b.leave()
	b.Press(t, selector)
	b.arrive(t, another)
}

// Fill types into a field, in the place of what it holds.
func (b *Browser) Fill(t testing.TB, selector, value string) {
	t.Helper()
	if got := b.Eval(t, fmt.Sprintf(`(() => { const e = document.querySelector(%q); if (!e) return "none"; e.focus(); e.value = ""; return document.activeElement === e ? "focused" : "hidden"; })()`, selector)); got != "focused" {
		t.Fatalf("there is no %s on %s: %s", selector, b.Eval(t, "location.href"), got)
	}
	must(t, b.Call("Input.insertText", Arguments{"text": value}, nil))
}

// Choose takes the option of a value, or of a text, in a select.
func (b *Browser) Choose(t testing.TB, selector, option string) {
	t.Helper()
	const choose = `(() => {
		const e = document.querySelector(%q);
		if (!e || !e.getClientRects().length) return "is not shown";
		e.focus();
		const o = [...e.options].find(o => o.value === %[2]q || o.textContent.trim() === %[2]q);
		if (!o) return "has no option " + %[2]q + " among " + [...e.options].map(o => o.textContent.trim()).join(", ");
		if (!e.multiple) [...e.options].forEach(o => o.selected = false);
		o.selected = true;
		e.dispatchEvent(new Event("input", {bubbles: true}));
		e.dispatchEvent(new Event("change", {bubbles: true}));
		return "chosen";
	})()`
	if got := b.Eval(t, fmt.Sprintf(choose, selector, option)); got != "chosen" {
		t.Fatalf("%s on %s %s", selector, b.Eval(t, "location.href"), got)
	}
}

// Key presses a key of the name that scripts see, as Enter or Tab.
func (b *Browser) Key(t testing.TB, name string) {
	t.Helper()
	key := Arguments{"type": "keyDown", "key": name, "code": name}
	if code, known := map[string]int{"Enter": 13, "Tab": 9, "Escape": 27}[name]; known {
		key["windowsVirtualKeyCode"] = code
	}
	if text, known := map[string]string{"Enter": "\r"}[name]; known {
		key["text"] = text
	} else if len(name) == 1 {
		key["text"] = name
	}
	must(t, b.Call("Input.dispatchKeyEvent", key, nil))
	key["type"] = "keyUp"
	delete(key, "text")
	must(t, b.Call("Input.dispatchKeyEvent", key, nil))
}

// Enter sends the form of the field that was typed into last, and waits for the page that
// it leads to.
func (b *Browser) Enter(t testing.TB) {
	t.Helper()
	another := b.leave()
	b.Key(t, "Enter")
	b.arrive(t, another)
}

// Eval runs an expression in the page and gives its value as text.
func (b *Browser) Eval(t testing.TB, expression string) string {
	t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	must(t, b.Call("Runtime.evaluate", Arguments{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r))
	if len(r.ExceptionDetails) > 0 {
		t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	return fmt.Sprint(r.Result.Value)
}

// look is how often a page is looked at that something is awaited of.
const look = 25 * time.Millisecond

// Until waits until an expression is true, over any number of pages.
func (b *Browser) Until(t testing.TB, expression string) {
	t.Helper()
	for range patience / look {
		var r struct{ Result struct{ Value any } }
		// A page that is being left has nobody to answer: the next one is asked.
		if b.Call("Runtime.evaluate", Arguments{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r) == nil && r.Result.Value == true {
			return
		}
		wait := fmt.Sprintf("new Promise(r => setTimeout(r, %d))", look.Milliseconds())
		_ = b.Call("Runtime.evaluate", Arguments{"expression": wait, "awaitPromise": true}, nil)
	}
	t.Fatalf("never true on %s: %s\n%s", b.Eval(t, "location.href"), expression, b.Eval(t, "document.body.innerText"))
}

// Arrived waits for the page of an address.
func (b *Browser) Arrived(t testing.TB, address string) {
	t.Helper()
	b.Until(t, fmt.Sprintf(`document.readyState === "complete" && location.href === %q`, address))
}

// Screenshot writes a picture of the whole page.
func (b *Browser) Screenshot(t testing.TB, path string) {
	t.Helper()
	var picture struct{ Data string }
	must(t, b.Call("Page.captureScreenshot", Arguments{"format": "png", "captureBeyondViewport": true}, &picture))
	data, err := base64.StdEncoding.DecodeString(picture.Data)
	if err == nil && len(data) == 0 {
		err = errors.New("the picture is empty")
	}
	must(t, err, os.MkdirAll(filepath.Dir(path), 0o750))
	must(t, os.WriteFile(path, data, 0o600))
}

// Overflow is an expression that names what makes a page scroll sideways, "" for nothing.
const Overflow = `(() => {
	const wide = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth <= wide && document.body.scrollWidth <= wide) return "";
	return [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > wide + 1)
		.slice(0, 5).map(e => e.tagName + "." + e.className).join(" ") || "the page";
})()`

// Upload puts a file into a field for files.
func (b *Browser) Upload(t testing.TB, selector, path string) {
	t.Helper()
	var field struct{ Result struct{ ObjectID string } }
	must(t, b.Call("Runtime.evaluate", Arguments{"expression": fmt.Sprintf("document.querySelector(%q)", selector)}, &field))
	if field.Result.ObjectID == "" {
		t.Fatalf("there is no %s on %s", selector, b.Eval(t, "location.href"))
	}
	must(t, b.Call("DOM.setFileInputFiles", Arguments{"files": []string{path}, "objectId": field.Result.ObjectID}, nil))
}
