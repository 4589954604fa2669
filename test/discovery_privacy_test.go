package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/store"
)

// sent is one request with planted values, for the gateway and for a file.
type sent struct {
	method, host, target, media, body string
	header                            map[string]string
}

// plantedCalls are calls that hold the planted values wherever one can stand.
func plantedCalls() (calls []sent, values []string) {
	for at, p := range plantedClasses() {
		var own []string
		for i := range plantedEach {
			own = append(own, p.make(i))
		}
		values = append(values, own...)
		word := strings.ToLower(strings.NewReplacer("-", "").Replace(string(p.class)))
		for i := range 2 * plantedEach {
			// The first ones come often, as the words of a vocabulary do.
			v := own[i%plantedEach]
			if i >= plantedEach {
				v = own[i%2]
			}
			calls = append(calls, plantedCall(p, word, at+i, v))
		}
		calls = append(calls, plantedNames(p, word, own)...)
	}
	return calls, values
}

// plantedCall holds a value where values of its class belong.
func plantedCall(p planted, word string, i int, v string) sent {
	name := p.names[i%len(p.names)]
	line := strings.ReplaceAll(v, "\n", " ")
	s := sent{method: "POST", target: "/api/" + word + "/things", header: map[string]string{
		"X-" + name: line, "Cookie": name + "=" + url.QueryEscape(v),
	}}
	quoted, _ := json.Marshal(v)
	switch i % 6 {
	case 0:
		s.method, s.target = "GET", "/api/"+word+"/things/"+url.PathEscape(v)+"/parts?"+name+"="+url.QueryEscape(v)+"&limit=5"
	case 1:
		s.media = "application/json"
		s.body = fmt.Sprintf(`{"id":%d,%q:%s,"list":[%s,%s],"inner":{%q:%s}}`, i, name, quoted, quoted, quoted, name, quoted)
	case 2:
		s.media, s.body = "application/x-www-form-urlencoded", url.Values{name: {v}, "kind": {"x"}}.Encode()
	case 3:
		s.media = "application/xml"
		s.body = fmt.Sprintf(`<thing><%s>%s</%s><inner %s="%s">ok</inner></thing>`, name, v, name, name, line)
	case 4:
		s.media, s.target = "application/json", "/api/graphql"
		s.body = fmt.Sprintf(`{"query":"query Find($v: String) { %sThings(v: $v) { id } }","operationName":"Find","variables":{%q:%s}}`, word, name, quoted)
	case 5:
		s.media = "application/json"
		s.body = fmt.Sprintf(`{"records":[{%q:%s},{%q:%s}]}`, name, quoted, name, quoted)
	}
	if i%7 == 0 {
		s.header["Authorization"] = "Bearer " + strings.ReplaceAll(line, " ", "")
	}
	return s
}

// plantedNames hold values in the place of names: of members, parameters, fields,
// cookies, hosts, versions, media types and operations.
func plantedNames(p planted, word string, own []string) (calls []sent) {
	if !p.alone {
		return nil
	}
	for i, v := range own[:8] {
		quoted, _ := json.Marshal(v)
		base := "/api/" + word + "/maps"
		calls = append(calls,
			sent{method: "POST", target: base, media: "application/json", body: fmt.Sprintf(`{"balances":{%s:5},%s:true}`, quoted, quoted)},
			sent{method: "GET", target: base + "?" + url.QueryEscape(v) + "=1"},
			sent{method: "POST", target: base, media: "application/x-www-form-urlencoded", body: url.QueryEscape(v) + "=1"},
			sent{method: "POST", target: "/api/rpc", media: "application/json", body: fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%s}`, quoted)},
			sent{method: "POST", target: "/api/mcp", media: "application/json", body: fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%s,"arguments":{"x":%s}}}`, quoted, quoted)},
		)
		if i < 4 && !strings.ContainsAny(v, " \n,:@+") {
			calls = append(calls,
				sent{method: "GET", target: base, header: map[string]string{"Cookie": v + "=1", "Accept": "application/vnd." + field(p, v) + ".v2+json"}},
				sent{method: "GET", target: base, header: map[string]string{"X-" + v: "1"}},
				sent{method: "POST", target: base, media: "text/" + field(p, v), body: "x"},
				sent{method: "GET", target: base, host: strings.ToLower(field(p, v)) + ".shop.example"},
			)
		}
	}
	return append(calls, calls...) // what came once is listed nowhere
}

// field is a value where fields of a request name versions and media types. Dates and
// addresses of the network say nothing of people in a record of those.
func field(p planted, v string) string {
	if p.class == sensitive.IPAddress || p.class == sensitive.BirthDate {
		return "shop"
	}
	return v
}

// repeating is a service that gives back what it gets.
func repeating(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		media := r.Header.Get("Content-Type")
		if len(body) == 0 {
			answer := map[string]any{"ok": true}
			for name, all := range r.URL.Query() {
				answer[name] = all[0]
				answer["inner"] = map[string]any{name: all[0]}
			}
			body, _ = json.Marshal(answer)
			media = "application/json"
		}
		w.Header().Set("Content-Type", media)
		if c := r.Header.Get("Cookie"); c != "" {
			w.Header().Set("Set-Cookie", c)
		}
		if strings.Contains(r.URL.Path, "/missing/") {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write(body)
	})}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + ln.Addr().String()
}

// TestNothingSensitiveIsKept sends what nobody may keep through a gateway, and looks
// for it in everything that the program wrote and shows.
func TestNothingSensitiveIsKept(t *testing.T) {
	calls, values := plantedCalls()
	basic := "zorvina.basic@quellmark.example"
	find := newSearcher(append(values, basic))
	var mu sync.Mutex
	var told bytes.Buffer
	hook := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(&told, r.Body)
	})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = hook.Serve(ln) }()
	t.Cleanup(func() { _ = hook.Close() })

	address, console, data := freePort(t), freePort(t), t.TempDir()
	settings := filepath.Join(t.TempDir(), "farrier.yaml")
	if err := os.WriteFile(settings, fmt.Appendf(nil, "version: 1\naccess: {secondFactor: optional}\ndiscovery: {enabled: true, acceptRequests: 2, acceptMinutes: 1, webhooks: [%q]}\n", "http://"+ln.Addr().String()), 0o600); err != nil {
		t.Fatal(err)
	}
	upstream := repeating(t)
	t.Setenv("PLANTED_PASSWORD", "plain")
	config := manifests(t, fmt.Sprintf(`apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: shop}
spec:
  address: http://%[1]s/api
  services: {shop: {address: %[2]q}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: basic}
spec:
  address: http://%[1]s/basic
  services: {shop: {address: %[2]q}}
  policies:
  - policyRef: {name: http-basic-authentication-flex}
    config: {username: %[3]q, password: $PLANTED_PASSWORD}
`, address, upstream, basic))
	p := start(t, config, data, address, "--console", console, "--config", settings)
	o := signIn(t, p, console, data)
	good, began := 0, time.Now()
	for i := range calls {
		good += calls[i].send(t, address)
	}
	for range 3 {
		good += (&sent{method: "GET", target: "/basic/things", header: map[string]string{"Authorization": "Basic " + encoded(basic+":plain")}}).send(t, address)
	}
	if good < len(calls)*9/10 {
		t.Fatalf("%d of %d calls were answered well", good, len(calls))
	}
	for i := 0; i < len(values); i += plantedEach { // what is never listed is shown, too
		good += (&sent{method: "GET", target: "/api/missing/" + url.PathEscape(values[i])}).send(t, address)
	}
	sentFor := time.Since(began)
	pages := shownPages(o)
	shownFor := time.Since(began) - sentFor
	p.stop()
	leaks := map[string][]string{"the log": find.find(p.log.String())}
	for name, page := range pages {
		leaks[name] = find.find(page)
	}
	mu.Lock()
	leaks["the webhook"] = find.find(told.String())
	mu.Unlock()
	rows := searchFolder(t, data, find, leaks)
	tellLeaks(t, leaks)
	operations := strings.Count(pages["/inventory"], `href="/inventory/operations/`)
	t.Logf("%d values in %d calls; %d pages, %d rows, %d bytes of the webhook, %d operations; sent in %s, shown in %s", len(values), len(calls), len(pages), rows, told.Len(), operations, sentFor.Round(time.Second), shownFor.Round(time.Second))
	if len(values) < 500 || len(pages) < 30 || rows < 100 {
		t.Error("too little was looked at")
	}
}

func (s *sent) send(t *testing.T, address string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), s.method, "http://"+address+s.target, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range s.header {
		req.Header.Set(name, value)
	}
	if s.media != "" {
		req.Header.Set("Content-Type", s.media)
	}
	if s.host != "" {
		req.Host = s.host
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", s.method, s.target, err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode == http.StatusOK {
		return 1
	}
	return 0
}

var operationLink = regexp.MustCompile(`/inventory/operations/[0-9a-f]{32}`)

// shownPages are the pages and files of the inventory.
func shownPages(o *operator) map[string]string {
	pages := map[string]string{}
	// The calls to this one came last.
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if last := o.page("/inventory?q=api%3Adefault%2Fbasic", nil); strings.Contains(last, `href="/inventory/operations/`) {
			break
		}
	}
	pages["/inventory"] = o.page("/inventory", nil)
	for _, path := range []string{"/inventory/changes", "/inventory/map", "/inventory/data", "/inventory/notes", "/inventory/why", "/metrics", "/inventory?q=api%3Adefault%2Fbasic"} {
		pages[path] = o.page(path, nil)
	}
	for _, format := range []string{"csv", "json", "html", "openapi.yaml", "openapi.json"} {
		path := "/inventory/export?format=" + format
		pages[path] = o.page(path, nil)
	}
	for _, link := range operationLink.FindAllString(pages["/inventory"]+pages["/inventory?q=api%3Adefault%2Fbasic"], -1) {
		if pages[link] == "" && len(pages) < 150 {
			pages[link] = o.page(link, nil)
		}
	}
	return pages
}

func encoded(text string) string {
	r, _ := http.NewRequest(http.MethodGet, "http://x", http.NoBody)
	name, password, _ := strings.Cut(text, ":")
	r.SetBasicAuth(name, password)
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
}

// searchFolder looks into every file of a data folder, and into every row of its
// databases with what is compressed opened.
func searchFolder(t *testing.T, data string, find *searcher, leaks map[string][]string) (rows int) {
	t.Helper()
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		leaks["file "+d.Name()] = append(leaks["file "+d.Name()], find.find(string(text))...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	opener, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer opener.Close()
	for _, name := range []string{store.ControlFile, store.TrafficFile} {
		db, err := store.Open(t.Context(), filepath.Join(data, name), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tableNames(t, db) {
			all := tableRows(t, db, table, opener)
			rows += len(all)
			leaks[name+" "+table] = append(leaks[name+" "+table], find.find(strings.Join(all, "\n"))...)
		}
		_ = db.Close()
	}
	return rows
}

func tableNames(t *testing.T, db *store.DB) (names []string) {
	t.Helper()
	rows, err := db.Read().Query(t.Context(), `SELECT name FROM sqlite_master WHERE type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

func tableRows(t *testing.T, db *store.DB, table string, opener *zstd.Decoder) (all []string) {
	t.Helper()
	rows, err := db.Read().Query(t.Context(), `SELECT * FROM "`+table+`"`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		cells, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var row strings.Builder
		for _, cell := range cells {
			if packed, ok := cell.([]byte); ok {
				if plain, err := opener.DecodeAll(packed, nil); err == nil {
					row.Write(plain)
					continue
				}
			}
			fmt.Fprintf(&row, "%s ", cell)
		}
		all = append(all, row.String())
	}
	return all
}

func tellLeaks(t *testing.T, leaks map[string][]string) {
	t.Helper()
	for name, found := range leaks {
		if len(found) > 0 {
			t.Errorf("%s holds %d planted values, as %.700s", name, len(found), strings.Join(found, "\n\t"))
		}
	}
}

// TestNothingSensitiveIsWritten learns the same from a file, and looks for it in all
// that the command writes.
func TestNothingSensitiveIsWritten(t *testing.T) {
	calls, values := plantedCalls()
	find := newSearcher(values)
	dir := t.TempDir()
	har := filepath.Join(dir, "session.har")
	text := plantedHAR(calls)
	if err := os.WriteFile(har, text, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken.har")
	if err := os.WriteFile(broken, text[:len(text)*2/3+7], 0o600); err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(dir, "api.yaml")
	if err := os.WriteFile(spec, []byte("openapi: 3.0.3\ninfo: {title: Shop, version: '1'}\nservers: [{url: http://shop.example/api}]\npaths:\n  /card/things:\n    post: {responses: {'200': {description: ok}}}\n  /email/things/{id}/parts:\n    get: {parameters: [{name: id, in: path, required: true, schema: {type: integer}}], responses: {'200': {description: ok, content: {application/json: {schema: {type: object, properties: {ok: {type: string}}}}}}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	leaks, looked := map[string][]string{}, 0
	run := func(name string, args ...string) {
		out, _ := exec.CommandContext(t.Context(), build(t), append([]string{"discover"}, args...)...).CombinedOutput()
		leaks[name] = append(leaks[name], find.find(string(out))...)
		looked += len(out)
	}
	for _, format := range []string{"text", "json", "csv", "sarif", "junit", "html"} {
		run("--format "+format, har, "--spec", spec, "--format", format)
	}
	learned, patch := filepath.Join(dir, "learned.yaml"), filepath.Join(dir, "drift.patch")
	run("--openapi and --patch", har, "--spec", spec, "--openapi", learned, "--patch", patch)
	run("--why", har, "--why", "GET shop.example/api/card/things/1/parts")
	run("a file that is cut off", broken)
	for _, path := range []string{learned, patch} {
		written, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		looked += len(written)
		leaks[filepath.Base(path)] = find.find(string(written))
	}
	tellLeaks(t, leaks)
	t.Logf("%d values in %d calls, %d bytes of output", len(values), len(calls), looked)
	if looked < 100_000 {
		t.Error("too little was written")
	}
}

// plantedHAR is a recording of the calls.
func plantedHAR(calls []sent) []byte {
	type pair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	var entries []any
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for i := range calls {
		c := &calls[i]
		host := c.host
		if host == "" {
			host = "shop.example"
		}
		headers := []pair{{"Host", host}}
		for name, value := range c.header {
			headers = append(headers, pair{name, value})
		}
		request := map[string]any{"method": c.method, "url": "http://" + host + c.target, "httpVersion": "HTTP/1.1", "headers": headers, "cookies": []any{}, "queryString": []any{}}
		media, answer := c.media, c.body
		if c.body != "" {
			headers = append(headers, pair{"Content-Type", c.media})
			request["headers"] = headers
			request["postData"] = map[string]any{"mimeType": c.media, "text": c.body}
		} else {
			media, answer = "application/json", `{"ok":true}`
		}
		at = at.Add(700 * time.Millisecond)
		entries = append(entries, map[string]any{
			"startedDateTime": at.Format(time.RFC3339Nano), "time": 5, "request": request, "cache": map[string]any{}, "timings": map[string]any{},
			"response": map[string]any{
				"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "headers": []pair{{"Content-Type", media}}, "cookies": []any{},
				"content": map[string]any{"mimeType": media, "size": len(answer), "text": answer}, "redirectURL": "", "headersSize": -1, "bodySize": len(answer),
			},
		})
	}
	out, _ := json.Marshal(map[string]any{"log": map[string]any{"version": "1.2", "creator": map[string]string{"name": "t", "version": "1"}, "entries": entries}})
	return out
}
