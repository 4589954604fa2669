package console

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/programtest/browser"
)

// upload makes a request carry a form with a file.
func upload(t *testing.T, file, text string, fields ...string) func(*http.Request) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i+1 < len(fields); i += 2 {
		must(t, form.WriteField(fields[i], fields[i+1]))
	}
	if file != "" {
		part, err := form.CreateFormFile("file", file)
		must(t, err)
		_, err = io.WriteString(part, text)
		must(t, err)
	}
	must(t, form.Close())
	return func(r *http.Request) {
		r.Header.Set("Content-Type", form.FormDataContentType())
		r.Body = io.NopCloser(&body)
	}
}

const shopOpenAPI = `openapi: 3.0.3
info: {title: Orders of the shop, version: "1"}
paths:
  /orders:
    get:
      summary: List orders
      responses: {"200": {description: Fine}}
`

// TestDescribeAnAPI attaches a description to an API, replaces it and removes it.
func TestDescribeAnAPI(t *testing.T) {
	h := manageHouse(t)
	cookie := h.signIn(t)
	const api = "/manage/production/apis/default/orders"
	h.ask(t, http.MethodPost, "/manage/production/new", cookie, form("name", "orders", "address", "http://0.0.0.0:8081/orders", "upstream", "http://orders:8080"))
	send := func(status int, want, file, text string, fields ...string) {
		t.Helper()
		a := h.ask(t, http.MethodPost, api+"/description", cookie, upload(t, file, text, fields...))
		if a.StatusCode != status || !strings.Contains(a.body+a.Header.Get("Location"), want) {
			t.Fatalf("%d, want %d, no %q in %s\n%s", a.StatusCode, status, want, a.Header.Get("Location"), main(a.body))
		}
	}
	page := func(want ...string) {
		t.Helper()
		a := h.ask(t, http.MethodGet, api, cookie)
		for _, text := range want {
			if a.StatusCode != http.StatusOK || !strings.Contains(a.body, text) {
				t.Fatalf("%d, no %q in\n%s", a.StatusCode, text, main(a.body))
			}
		}
	}
	page("None is attached", `name="file" type="file" aria-describedby="h-file"`)
	send(422, "It is empty; choose the file", "", "", "version", "0")
	send(422, `aria-describedby="e-file h-file"`, "a.yaml", "hello: world\n", "version", "0")
	send(422, "shop.yaml:5", "shop.yaml", strings.Replace(shopOpenAPI, "    get:", "    get: 7\n    put:", 1), "version", "0")
	send(303, api+"#description", `C:\fakepath\shop.yaml`, shopOpenAPI, "version", "0")
	page("Orders of the shop", "shop.yaml", "openapi-3.0", "Remove the description")
	send(422, "was last changed by admin", "shop.yaml", shopOpenAPI, "version", "0")
	send(303, api, "second.yaml", shopOpenAPI, "version", "1")
	page("second.yaml")
	send(303, api, "", "", "version", "2", "act", "remove")
	page("None is attached")
}

// TestOrderByScript takes the order of a script with the versions that it saw.
func TestOrderByScript(t *testing.T) {
	h, cookie, api := twoPolicies(t)
	var first, second struct {
		Bindings []orderedBinding `json:"bindings"`
	}
	send := func(status int, into any, fields ...string) string {
		t.Helper()
		a := h.ask(t, http.MethodPost, api+"/order", cookie, form(fields...), header("Accept", "application/json"), func(r *http.Request) {
			body, err := io.ReadAll(r.Body)
			must(t, err)
			r.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(string(body), "order2", "order")))
		})
		if a.StatusCode != status {
			t.Fatalf("%d, want %d: %s", a.StatusCode, status, a.body)
		}
		if into != nil {
			must(t, json.Unmarshal([]byte(a.body), into))
		}
		return a.body
	}
	send(200, &first, "up", "default/none")
	if len(first.Bindings) != 2 {
		t.Fatalf("%+v", first)
	}
	one, other := first.Bindings[0].Key, first.Bindings[1].Key
	send(200, &second, "order", other, "order2", one)
	if second.Bindings[0].Key != other || second.Bindings[1].Key != one || second.Bindings[0].Order >= second.Bindings[1].Order {
		t.Errorf("put into order: %+v", second)
	}
	if body := send(409, nil, "order", one, "order2", other, "seen", other+"=1"); !strings.Contains(body, "changed by somebody else") {
		t.Errorf("a policy that was changed since: %s", body)
	}
}

// twoPolicies has an API with two policies of its own and the pages to order them.
func twoPolicies(t *testing.T) (h *house, cookie, api string) {
	t.Helper()
	h = manageHouse(t)
	cookie, api = h.signIn(t), "/manage/production/apis/default/orders"
	for path, fields := range map[string][]string{"/manage/production/new": {"name", "orders", "address", "http://0.0.0.0:8081/orders", "upstream", "http://orders:8080"}} {
		h.ask(t, http.MethodPost, path, cookie, form(fields...))
	}
	for _, policy := range []string{"cors", "http-basic-authentication-flex"} {
		fields := []string{}
		if policy != "cors" {
			fields = []string{"username", "u", "password", hidden}
		}
		if a := h.ask(t, http.MethodPost, api+"/add/"+policy, cookie, form(fields...)); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %d\n%s", policy, a.StatusCode, main(a.body))
		}
	}
	return h, cookie, api
}

// TestBrowserReorder puts policies into another order by keyboard and by pointer.
func TestBrowserReorder(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the order of policies was NOT tested in a browser")
	}
	b := browser.Start(t)
	h, cookie, api := twoPolicies(t)
	at := serveHouse(t, h)
	name, value, _ := strings.Cut(cookie, "=")
	must(t, b.Call("Network.setCookie", map[string]any{"name": name, "value": value, "url": at, "httpOnly": true, "sameSite": "Strict"}, nil))
	b.Resize(t, 1280, false)
	b.Open(t, at+api)
	order := func() string {
		return b.Eval(t, `[...document.querySelectorAll("ol[data-reorder] > li strong")].map((s) => s.textContent).join(" ")`)
	}
	before := order()
	names := strings.Fields(before)
	if len(names) != 2 {
		t.Fatalf("the policies are %q", before)
	}
	after := names[1] + " " + names[0]
	press := func(keys string) {
		t.Helper()
		b.Eval(t, `(() => { const grip = document.querySelector("ol[data-reorder] > li .grip"); grip.focus(); for (const key of `+keys+`) document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true})); })()`)
	}
	press(`[" ", "ArrowDown", "Escape"]`)
	if got := order(); got != before || !strings.Contains(b.Eval(t, `document.querySelector("[aria-live=assertive]").textContent`), "not moved") {
		t.Errorf("escape leaves %q", got)
	}
	press(`[" ", "ArrowDown", " "]`)
	b.Until(t, `document.querySelector("[aria-live=assertive]").textContent.includes("Saved in the draft")`)
	if got := order(); got != after {
		t.Errorf("by keyboard the order is %q", got)
	}
	b.Open(t, at+api)
	if got := order(); got != after {
		t.Errorf("the order is not kept: %q", got)
	}
	var from, to struct{ X, Y float64 }
	place := func(into any, selector string) {
		t.Helper()
		must(t, json.Unmarshal([]byte(b.Eval(t, `(() => { const box = document.querySelector("`+selector+`").getBoundingClientRect(); return JSON.stringify({X: box.x + box.width / 2, Y: box.y + box.height / 2}); })()`)), into))
	}
	place(&from, "ol[data-reorder] > li:nth-child(2) .grip")
	place(&to, "ol[data-reorder] > li:nth-child(1) .grip")
	for _, one := range []struct {
		kind string
		x, y float64
	}{{"mousePressed", from.X, from.Y}, {"mouseMoved", from.X, (from.Y + to.Y) / 2}, {"mouseMoved", to.X, to.Y - 12}, {"mouseReleased", to.X, to.Y - 12}} {
		must(t, b.Call("Input.dispatchMouseEvent", map[string]any{"type": one.kind, "x": one.x, "y": one.y, "button": "left", "buttons": 1, "clickCount": 1}, nil))
	}
	b.Until(t, `document.querySelector("[aria-live=assertive]").textContent.includes("Saved in the draft")`)
	b.Open(t, at+api)
	if got := order(); got != before {
		t.Errorf("by pointer the order is %q", got)
	}
	if told := b.Complaints(); len(told) > 0 {
		t.Error(strings.Join(told, "\n"))
	}
}
