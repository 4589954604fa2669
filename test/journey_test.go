package test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/programtest/browser"
)

var pictures = flag.String("pictures", "", "a folder for pictures of what the journeys lead to")

// person is somebody with a browser of their own, on a journey through a console.
type person struct {
	// t is the journey that they are on, whole what it is part of.
	t, whole *testing.T
	b        *browser.Browser
	// at is the console, as http://localhost:9080.
	at string
	// password, secret and last are what they sign in with: the secret of their
	// authenticator, and the newest step of time whose code was used up.
	password, secret string
	last             int64

	steps     int
	began     time.Time
	tolerated []string
}

// travel begins a journey of a person; at its end the browser must not have complained,
// and every page must have come with the headers and cookies that protect it.
func (p *person) travel(t *testing.T) {
	t.Helper()
	p.t, p.steps, p.began, p.tolerated = t, 0, time.Now(), nil
	t.Cleanup(func() {
		p.inspect(t)
		t.Logf("%d steps in %s", p.steps, time.Since(p.began).Round(10*time.Millisecond))
	})
}

// newPerson gives somebody with a browser of their own.
func newPerson(t *testing.T, b *browser.Browser, at string) *person {
	t.Helper()
	b.Resize(t, 1280, false)
	return &person{t: t, whole: t, b: b, at: at}
}

// open goes to an address of the console.
func (p *person) open(path string) {
	p.t.Helper()
	p.steps++
	if !strings.HasPrefix(path, "http") {
		path = p.at + path
	}
	p.b.Open(p.t, path)
}

// click clicks on each, which leads to another page.
func (p *person) click(selectors ...string) {
	p.t.Helper()
	for _, selector := range selectors {
		p.steps++
		p.b.Click(p.t, selector)
	}
}

// press clicks on something that leads nowhere, or over several pages.
func (p *person) press(selector string) {
	p.t.Helper()
	p.steps++
	p.b.Press(p.t, selector)
}

// named finds a link or button by its text, within main.
func (p *person) named(text string) string {
	p.t.Helper()
	return p.found(fmt.Sprintf("text === %q", text))
}

// found finds a link or button by what is true of its text.
func (p *person) found(is string) string {
	p.t.Helper()
	const find = `(() => {
		const found = [...document.querySelectorAll("main a, main button, main summary, header nav a")].find(e => {
			const text = e.textContent.replace(/\s+/g, " ").trim();
			return e.getClientRects().length && (%s);
		});
		if (!found) return "";
		window.marked = (window.marked || 0) + 1;
		found.setAttribute("data-journey", window.marked);
		return "[data-journey='" + window.marked + "']";
	})()`
	selector := p.b.Eval(p.t, fmt.Sprintf(find, is))
	if selector == "" {
		p.t.Fatalf("there is no link or button with %s on %s:\n%s", is, p.b.Eval(p.t, "location.href"), p.text())
	}
	return selector
}

// follow clicks on links and buttons of these names, each of which leads to another page.
func (p *person) follow(names ...string) {
	p.t.Helper()
	for _, name := range names {
		p.click(p.named(name))
	}
}

// fill types into a field.
func (p *person) fill(selector, value string) {
	p.t.Helper()
	p.steps++
	p.b.Fill(p.t, selector, value)
}

// choose takes an option.
func (p *person) choose(selector, option string) {
	p.t.Helper()
	p.steps++
	p.b.Choose(p.t, selector, option)
}

func (p *person) text() string {
	p.t.Helper()
	return p.b.Eval(p.t, "document.body.innerText")
}

// reads waits until the page says all of it.
func (p *person) reads(wants ...string) {
	p.t.Helper()
	for _, want := range wants {
		p.b.Until(p.t, fmt.Sprintf(`document.readyState === "complete" && document.body.innerText.replace(/\s+/g, " ").includes(%q)`, want))
	}
}

// readsNot holds that the page, which has loaded, says none of it.
func (p *person) readsNot(wants ...string) {
	p.t.Helper()
	text := p.text()
	for _, want := range wants {
		if strings.Contains(text, want) {
			p.t.Errorf("%s says %q", p.b.Eval(p.t, "location.href"), want)
		}
	}
}

// of is the text of what a selector finds.
func (p *person) of(selector string) string {
	p.t.Helper()
	return strings.TrimSpace(p.b.Eval(p.t, fmt.Sprintf(`(document.querySelector(%q) || {textContent: ""}).textContent`, selector)))
}

// picture keeps how the page looks in both views, where that is asked for.
func (p *person) picture(name string) {
	p.t.Helper()
	if got := p.b.Eval(p.t, browser.Overflow); got != "" {
		p.t.Errorf("%s is wider than its window: %s", name, got)
	}
	if *pictures == "" {
		return
	}
	p.b.Screenshot(p.t, filepath.Join(*pictures, name+"-1280.png"))
	p.b.Resize(p.t, 390, true)
	if got := p.b.Eval(p.t, browser.Overflow); got != "" {
		p.t.Errorf("%s is wider than a telephone: %s", name, got)
	}
	p.b.Screenshot(p.t, filepath.Join(*pictures, name+"-390-dark.png"))
	p.b.Resize(p.t, 1280, false)
}

// code is what their authenticator shows; each is good once.
func (p *person) code() string {
	p.t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(strings.ReplaceAll(p.secret, " ", "")))
	if err != nil {
		p.t.Fatalf("the secret %q is none: %v", p.secret, err)
	}
	// The code after the one that is shown is taken, too.
	step := max(time.Now().Unix()/30, p.last+1)
	eventually(p.t, "the next code is due", func() bool { return time.Now().Unix()/30 >= step-1 }, func() string { return "" })
	p.last = step
	h := hmac.New(sha1.New, key)
	_ = binary.Write(h, binary.BigEndian, step) // it never fails
	sum := h.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}

// enter comes in by a one-time link, sets a password and an authenticator up.
func (p *person) enter(link string) {
	p.t.Helper()
	p.password = "vexed otter hums low"
	p.open(link)
	p.click("form[action='/login/link'] button")
	p.fill("#password", p.password)
	p.fill("#again", p.password)
	p.click("form[action='/password'] button")
	p.reads("Set up a second factor")
	p.secret = p.of("dl.settings code")
	p.fill("#code", p.code())
	p.b.Enter(p.t)
	p.reads("Recovery codes")
	p.follow("I have kept them")
}

// answer is what a caller of an API gets.
func answer(t *testing.T, method, address string, header ...string) (status int, id string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header.Get("X-Correlation-Id")
}

// answers waits until a caller gets a status: a change is taken within a moment.
func (p *person) answers(want int, address string, header ...string) {
	p.t.Helper()
	got := 0
	eventually(p.t, fmt.Sprintf("%s answers %d", address, want), func() bool {
		got, _ = answer(p.t, http.MethodGet, address, header...)
		return got == want
	}, func() string { return fmt.Sprintf("it answers %d", got) })
}

// tolerates says that the browser may complain of something, as of a page with status 422.
func (p *person) tolerates(what string) { p.tolerated = append(p.tolerated, what) }

// inspect holds what every page of a journey must have had.
func (p *person) inspect(t *testing.T) {
	t.Helper()
	for _, told := range p.b.Complaints() {
		ok := false
		for _, one := range p.tolerated {
			ok = ok || strings.Contains(told, one)
		}
		if !ok {
			t.Errorf("the browser complains: %s", told)
		}
	}
	pages := 0
	for _, a := range p.b.Answers() {
		if !strings.HasPrefix(a.URL, p.at+"/") {
			continue
		}
		pages++
		for name, want := range map[string]string{
			"content-security-policy": "default-src 'none'", "x-content-type-options": "nosniff", "referrer-policy": "",
			"cache-control": "no-store", "cross-origin-opener-policy": "same-origin", "x-frame-options": "DENY",
		} {
			if got, there := a.Header[name]; !there || !strings.Contains(got, want) {
				t.Errorf("%s came with %s: %q, without %q", a.URL, name, got, want)
			}
		}
		if strings.Contains(a.Header["content-security-policy"], "unsafe") || a.Header["server"] != "" {
			t.Errorf("%s came with %q and Server %q", a.URL, a.Header["content-security-policy"], a.Header["server"])
		}
	}
	if pages == 0 {
		t.Error("no page was looked at")
	}
	for _, c := range p.b.Cookies(t) {
		if c.Domain == hostOf(t, p.at) && strings.Contains(c.Name, "farrier") && (!c.HTTPOnly || c.SameSite == "" || c.Path == "") {
			t.Errorf("the cookie %s is kept as %+v", c.Name, c)
		}
	}
	t.Logf("%d pages looked at", pages)
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Hostname()
}

var printedLink = regexp.MustCompile(`(https?://\S+)/login\?token=\S+`)

// serve starts farrier serve as a person would, on a console port of its own, and gives
// the address of the console and the link that it printed.
func serve(t *testing.T, settings string, flags ...string) (p *fleetProcess, at, link string) {
	t.Helper()
	dir := t.TempDir()
	args := append([]string{"serve", "--data", filepath.Join(dir, "data")}, flags...)
	if settings != "" {
		file := filepath.Join(dir, "farrier.yaml")
		if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", file)
	}
	p = &fleetProcess{name: "farrier serve", args: args, up: "farrier is up"}
	p.start(t)
	eventually(t, "the link is printed", func() bool { return printedLink.MatchString(p.log.String()) }, p.log.String)
	found := printedLink.FindStringSubmatch(p.log.String())
	return p, found[1], found[0]
}
