//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The targets in the order of each round.
const (
	reverseProxy = "reverseproxy"
	plainFarrier = "farrier"
	withPolicies = "farrier+policies"
	nginx        = "nginx"
)

var targetNames = []string{reverseProxy, plainFarrier, withPolicies, nginx}

// goals are the ratios to the reverse proxy that we want to keep.
var goals = map[string]float64{plainFarrier: 1.25, withPolicies: 1.5}

// target is a running proxy.
type target struct {
	name, address string
	process       *process
	// data is the data folder of a Farrier, empty for others.
	data string
}

// site is all that runs during a measurement.
type site struct {
	*options
	dir, self          string
	service            string
	request, publicKey string
	targets            []*target
	missing            []string
}

// open starts the service and the targets.
func open(ctx context.Context, o *options, dir string) (*site, error) {
	s := &site{options: o, dir: dir, request: filepath.Join(dir, "request")}
	var err error
	if s.self, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	token, key, err := newToken()
	if err != nil {
		return nil, err
	}
	s.publicKey = key
	if err := os.WriteFile(s.request, []byte(newRequest(token)), 0o600); err != nil {
		return nil, fmt.Errorf("writing the request: %w", err)
	}
	if err := s.build(ctx); err != nil {
		return nil, err
	}
	if s.service, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	p, err := start(ctx, "upstream", s.cpu(otherCPU), nil, s.self, "upstream", s.service)
	if err != nil {
		return nil, err
	}
	if err := p.reachable(ctx, s.service); err != nil {
		return nil, err
	}
	for _, name := range o.targets {
		t, err := s.start(ctx, name)
		if errors.Is(err, exec.ErrNotFound) {
			s.missing = append(s.missing, name)
			continue
		}
		if err != nil {
			return nil, err
		}
		s.targets = append(s.targets, t)
	}
	return s, nil
}

func (s *site) cpu(wanted int) int {
	if s.pin {
		return wanted
	}
	return anywhere
}

func (s *site) build(ctx context.Context) error {
	if s.farrier != "" || !slices.ContainsFunc(s.options.targets, func(n string) bool { return strings.HasPrefix(n, plainFarrier) }) {
		return nil
	}
	s.farrier = filepath.Join(s.dir, "farrier")
	out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", s.farrier, "farrier.dev/farrier/cmd/farrier").CombinedOutput()
	if err != nil {
		return fmt.Errorf("building farrier: %w\n%s", err, out)
	}
	return nil
}

func (s *site) start(ctx context.Context, name string) (*target, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	t := &target{name: name, address: address}
	var command []string
	switch name {
	case reverseProxy:
		command = []string{s.self, "reverseproxy", address, s.service}
	case nginx:
		command, err = s.nginx(address)
	default:
		command, err = s.serve(t)
	}
	if err != nil {
		return nil, err
	}
	if t.process, err = start(ctx, name, s.cpu(targetCPU), nil, command[0], command[1:]...); err != nil {
		return nil, err
	}
	return t, t.process.reachable(ctx, address)
}

// serve prepares a Farrier: its manifests and its data folder.
func (s *site) serve(t *target) ([]string, error) {
	manifests := filepath.Join(s.dir, t.name+"-manifests")
	t.data = filepath.Join(s.dir, t.name+"-data")
	text := fmt.Sprintf(apiManifest, t.address, s.service)
	if t.name == withPolicies {
		text += fmt.Sprintf(policiesManifest, s.publicKey, clientID, clientSecret)
	}
	if err := os.Mkdir(manifests, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder for manifests: %w", err)
	}
	if err := os.WriteFile(filepath.Join(manifests, "orders.yaml"), []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("writing manifests: %w", err)
	}
	return []string{s.farrier, "serve", "--console", "off", "--manifests", manifests, "--data", t.data}, nil
}

const apiManifest = `apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata:
  name: orders
  labels: {farrier/public: "true"}
spec:
  address: http://%s/
  services:
    orders: {address: "http://%s"}
`

// policiesManifest is appended to apiManifest.
const policiesManifest = `  policies:
  - policyRef: {name: client-id-enforcement-flex}
    config: {clientSecretExpression: "#[attributes.headers['client_secret']]"}
  - policyRef: {name: rate-limiting-flex}
    config: {rateLimits: [{maximumRequests: 1000000000, timePeriodInMilliseconds: 3600000}]}
  - policyRef: {name: jwt-validation-flex}
    config: {signingMethod: rsa, signingKeyLength: 256, jwtKeyOrigin: text, textKey: %q}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Contract
metadata: {name: bench}
spec: {apiId: orders, client: {id: %q, secret: %q}}
`

// nginx writes a configuration that runs nginx as one process, the one whose
// CPU time is counted.
func (s *site) nginx(address string) ([]string, error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		return nil, fmt.Errorf("looking for nginx: %w", err)
	}
	file := filepath.Join(s.dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, s.dir, s.service, address), 0o600); err != nil {
		return nil, fmt.Errorf("writing the configuration of nginx: %w", err)
	}
	return []string{program, "-p", s.dir, "-e", "stderr", "-c", file}, nil
}

const nginxConfig = `daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path %[1]s;
  proxy_temp_path %[1]s;
  fastcgi_temp_path %[1]s;
  uwsgi_temp_path %[1]s;
  scgi_temp_path %[1]s;
  keepalive_requests 1000000000;
  upstream service { server %[2]s; keepalive 512; keepalive_requests 1000000000; }
  server {
    listen %[3]s;
    location / {
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`

// freeAddress is a port of this machine that nothing listens on.
func freeAddress(ctx context.Context) (string, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}
