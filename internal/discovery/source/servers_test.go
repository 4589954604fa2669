package source_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/source"
	"farrier.dev/farrier/internal/programtest"
)

// sent are the requests that are sent to real servers.
var sent = []struct{ method, target, host, agent, want string }{ //nolint:gochecknoglobals // a table
	{"GET", "/orders/7?full=1&q=a%20b", "api.example.com", "curl/8.0", "GET /orders/7 ?full=1&q=a%20b"},
	{"POST", "/orders", "api.example.com", `a "quoted" \ agent`, "POST /orders ?"},
	{"DELETE", "/caf%C3%A9/%7Euser/1", "api.example.com", "", "DELETE /caf%C3%A9/~user/1 ?"},
	{"GET", "/a%2fb", "api.example.com", "x", ""},
	{"PUT", "/orders/7/items/;v=1", "other.example.com", "ü", "PUT /orders/7/items/;v=1 ?"},
	{"HEAD", "/x?a=[1]&b=%22", "other.example.com", "x", "HEAD /x ?a=[1]&b=%22"},
}

// port is one that was free a moment ago.
func port(t *testing.T) int {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of tcp
}

// serve runs a server, sends the requests to it, and ends it so that its logs
// are written.
func serve(t *testing.T, address string, stop os.Signal, program string, arguments ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var output strings.Builder
	command := exec.CommandContext(ctx, program, arguments...)
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for up := false; !up; {
		select {
		case err := <-ended:
			t.Fatalf("%s ended: %v\n%s", program, err, output.String())
		case <-tick.C:
			if c, err := new(net.Dialer).DialContext(ctx, "tcp", address); err == nil {
				_ = c.Close()
				up = true
			}
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, s := range sent {
		request, err := http.NewRequestWithContext(ctx, s.method, "http://"+address+s.target, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = s.host
		request.Header.Set("User-Agent", s.agent)
		request.Header.Set("X-Forwarded-For", "192.0.2.1, 198.51.100.7")
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	if err := command.Process.Signal(stop); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// check holds what is read of a log against what was sent.
func check(t *testing.T, file string, o source.Options, format, from string, hosts bool) {
	t.Helper()
	seen, r, err := all(t, file, o)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	text, _ := os.ReadFile(file)
	var got, want []string
	for _, one := range seen {
		agent := ""
		if one.Request.Header != nil {
			agent = one.Request.Header.Get("user-agent")
		}
		got = append(got, fmt.Sprintf("%s %s ?%s %s %s %q", one.Method, one.Path, one.Query, one.Host, one.Caller.Address, agent))
		if one.Status < 200 || time.Since(one.Time).Abs() > time.Hour {
			t.Errorf("%s: status %d at %v", file, one.Status, one.Time)
		}
	}
	for _, s := range sent {
		if s.want == "" {
			continue
		}
		host := ""
		if hosts {
			host = s.host
		}
		want = append(want, fmt.Sprintf("%s %s %s %q", s.want, host, from, s.agent))
	}
	// Servers with many threads write in any order.
	slices.Sort(got)
	slices.Sort(want)
	if name := r.Counts().Files[0].Format; !slices.Equal(got, want) || name != format || r.Counts().Skipped != 1 {
		t.Errorf("%s read as %s: %q\n got %s\nwant %s\n%s", file, name, r.Problems(), strings.Join(got, "\n     "), strings.Join(want, "\n     "), text)
	}
}

func TestNginx(t *testing.T) {
	program := programtest.Program(t, "nginx")
	dir := t.TempDir()
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer upstream.Close()
	address := "127.0.0.1:" + strconv.Itoa(port(t))
	own := `log_format own '$msec|$scheme://$http_host|$request_method|$request_uri|$status|'
      '"$http_user_agent"|$upstream_addr|$http_x_forwarded_for|$remote_addr';`
	config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http {
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for"';
  log_format json escape=json '{"time":"$time_iso8601","host":"$host","request":"$request","status":$status,"remote_addr":"$remote_addr","http_user_agent":"$http_user_agent"}';
  %[2]s
  access_log %[1]s/combined.log; access_log %[1]s/main.log main; access_log %[1]s/json.log json; access_log %[1]s/own.log own;
  server { listen %[3]s; location / { proxy_pass %[4]s; } }
}`, dir, own, address, upstream.URL)
	write(t, filepath.Join(dir, "nginx.conf"), []byte(config))
	serve(t, address, syscall.SIGQUIT, program, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", filepath.Join(dir, "nginx.conf"))
	check(t, filepath.Join(dir, "combined.log"), source.Options{}, "combined", "127.0.0.1", false)
	check(t, filepath.Join(dir, "main.log"), source.Options{}, "main", "198.51.100.7", false)
	check(t, filepath.Join(dir, "main.log"), source.Options{Forwarded: 2}, "main", "192.0.2.1", false)
	check(t, filepath.Join(dir, "main.log"), source.Options{Forwarded: -1}, "main", "127.0.0.1", false)
	check(t, filepath.Join(dir, "json.log"), source.Options{}, "json", "127.0.0.1", true)
	// Of scheme and host in one column, no format can tell.
	check(t, filepath.Join(dir, "own.log"), source.Options{Format: "nginx:" + own}, "nginx", "198.51.100.7", true)
}

func TestApache(t *testing.T) {
	program := programtest.Program(t, "apache2", "httpd")
	modules := "/usr/lib/apache2/modules"
	if _, err := os.Stat(modules); err != nil {
		t.Skip("the modules of Apache are not where Debian puts them")
	}
	dir := t.TempDir()
	address := "127.0.0.1:" + strconv.Itoa(port(t))
	own := `LogFormat "%V %{X-Forwarded-For}i %{%Y-%m-%dT%H:%M:%S%z}t %m \"%U%q\" %H %>s %B \"%{User-Agent}i\" %D" own`
	var config strings.Builder
	for _, m := range []string{"mpm_event", "authz_core"} {
		if _, err := os.Stat(modules + "/mod_" + m + ".so"); err == nil {
			fmt.Fprintf(&config, "LoadModule %s_module %s/mod_%s.so\n", m, modules, m)
		}
	}
	fmt.Fprintf(&config, `ServerName localhost
Listen %[2]s
ServerRoot %[1]s
PidFile %[1]s/pid
DefaultRuntimeDir %[1]s
ErrorLog %[1]s/error.log
DocumentRoot %[1]s
AllowEncodedSlashes NoDecode
LogFormat "%%h %%l %%u %%t \"%%r\" %%>s %%O \"%%{Referer}i\" \"%%{User-Agent}i\"" combined
LogFormat "%%v:%%p %%h %%l %%u %%t \"%%r\" %%>s %%O \"%%{Referer}i\" \"%%{User-Agent}i\"" vhost
%[3]s
CustomLog %[1]s/combined.log combined
CustomLog %[1]s/vhost.log vhost
CustomLog %[1]s/own.log own
`, dir, address, own)
	if os.Geteuid() == 0 {
		// Apache refuses to serve as root.
		config.WriteString("User nobody\nGroup nogroup\n")
	}
	text := strings.ReplaceAll(config.String(), "%O", "%B")
	write(t, filepath.Join(dir, "apache.conf"), []byte(text))
	serve(t, address, syscall.SIGTERM, program, "-d", dir, "-f", filepath.Join(dir, "apache.conf"), "-DFOREGROUND")
	check(t, filepath.Join(dir, "combined.log"), source.Options{}, "combined", "127.0.0.1", false)
	seen, r, err := all(t, filepath.Join(dir, "vhost.log"), source.Options{})
	if err != nil || len(seen) != len(sent)-1 || r.Counts().Files[0].Format != "vhost_combined" || !strings.HasPrefix(seen[0].Host, "localhost") {
		t.Errorf("%v, %d read as %+v", err, len(seen), r.Counts())
	}
	// Apache writes the path decoded, so the encoded slash can't be seen.
	seen, _, err = all(t, filepath.Join(dir, "own.log"), source.Options{Format: "apache:" + own})
	index := slices.IndexFunc(seen, func(o *discovery.Observation) bool { return o.Query == "full=1&q=a%20b" })
	if err != nil || len(seen) < len(sent)-2 || index < 0 || seen[index].Caller.Address.String() != "198.51.100.7" {
		raw, _ := os.ReadFile(filepath.Join(dir, "own.log"))
		t.Errorf("%v, %d read\n%s", err, len(seen), raw)
	}
}
