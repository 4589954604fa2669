// Package healthcheck is the policy health-check: once a minute it asks an
// endpoint of the service and logs when the answer is not the expected one. It
// refuses nothing and adds nothing to requests.
package healthcheck

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"farrier.dev/farrier/internal/policy"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// The times of checks.
const (
	interval = time.Minute
	patience = 10 * time.Second
)

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "health-check", Title: "Health Check", Category: "Quality of service",
		Phase: policy.Shape, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// Endpoint is the URL of the service: http or https, with host and port.
	Endpoint string `json:"endpoint" required:"true" minLength:"1"`
	// Path is put behind the endpoint.
	Path string `json:"path" default:"/"`
	// StatusCode is the status of a healthy service.
	StatusCode int `json:"statusCode" default:"200" min:"100" max:"599"`
}

type check struct {
	url  string
	want int
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{Path: "/", StatusCode: http.StatusOK}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("endpoint: must be a URL with http or https and a host, as http://orders:8080")
	}
	if u.User != nil {
		return nil, errors.New("endpoint: must hold no user and no password")
	}
	return &check{url: strings.TrimSuffix(s.Endpoint, "/") + "/" + strings.TrimPrefix(s.Path, "/"), want: s.StatusCode}, nil
}

// Bind implements policy.Compiled.
func (c *check) Bind(env policy.Env) (policy.Step, error) {
	_, ok := env.State("watch", func() any { return c.watch(env.HTTP, env.Log) }).(*watch)
	if !ok {
		return policy.Step{}, fmt.Errorf("what is kept for %s is of another kind", env.Binding)
	}
	return policy.Step{}, nil
}

// watch asks until it is closed.
type watch struct {
	stop context.CancelFunc
	done chan struct{}
}

func (c *check) watch(client *http.Client, log *slog.Logger) *watch {
	ctx, stop := context.WithCancel(context.Background())
	w := &watch{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if why := c.ask(ctx, client); why != "" && ctx.Err() == nil {
					log.Warn("the service is unhealthy", "why", why)
				}
			}
		}
	}()
	return w
}

// Close ends the checks.
func (w *watch) Close() error {
	w.stop()
	<-w.done
	return nil
}

// ask says what is wrong with the service, "" for nothing.
func (c *check) ask(ctx context.Context, client *http.Client) string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, http.NoBody)
	if err != nil {
		return "its URL can't be used"
	}
	resp, err := client.Do(req)
	if err != nil {
		return "it could not be reached"
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	if resp.StatusCode != c.want {
		return fmt.Sprintf("it answered %d instead of %d", resp.StatusCode, c.want)
	}
	return ""
}
