package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/manifest"
)

// Platform is an Anypoint Platform, read through a connected app that acts on its own
// behalf and needs to read only.
type Platform struct {
	// Base is its address, as https://anypoint.mulesoft.com; http is for this machine.
	Base, Organization     string
	ClientID, ClientSecret string
	// HTTP asks; it must not follow redirects.
	HTTP *http.Client
	Now  func() time.Time
	// Wait waits, or tells that ctx ended.
	Wait func(ctx context.Context, d time.Duration) error

	token string
	total int
	files []manifest.File
	findings
}

// The bounds of reading: things of a page, pages of a list, tries of a question, the
// longest wait, and bytes of an answer.
const (
	pageSize  = 100
	maxPages  = 500
	maxTries  = 6
	maxWait   = time.Minute
	maxAnswer = 16 << 20
)

// errRefused is an answer that says no: 401, 403 or 404.
var errRefused = errors.New("refused")

// Fetch reads all that Anypoint maps, as if it had been saved to files. What the app may
// not read is a finding.
func (p *Platform) Fetch(ctx context.Context) ([]manifest.File, []Finding, error) {
	base, err := url.Parse(p.Base)
	if err != nil || base.Host == "" || base.Scheme != "https" && (base.Scheme != "http" || !loopback(base.Hostname())) || base.User != nil {
		return nil, nil, errors.New("the address of the platform must be as https://anypoint.mulesoft.com")
	}
	if p.Organization == "" || p.ClientID == "" || p.ClientSecret == "" {
		return nil, nil, errors.New("organization, client id and client secret of a connected app are needed")
	}
	if err := p.signIn(ctx, base); err != nil {
		return nil, nil, err
	}
	org := url.PathEscape(p.Organization)
	environments, err := p.list(ctx, base, "/accounts/api/organizations/"+org+"/environments", "environments.json", nil)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the environments: %w", err)
	}
	for _, one := range []struct{ path, file string }{
		{"/exchange/api/v2/organizations/" + org + "/applications", "applications.json"},
		{"/apimanager/api/v1/organizations/" + org + "/automated-policies", "automated-policies.json"},
	} {
		if _, err := p.optional(ctx, base, one.path, one.file, nil); err != nil {
			return nil, nil, err
		}
	}
	for _, e := range environments {
		if err := p.environment(ctx, base, org, text(e, "id")); err != nil {
			return nil, nil, err
		}
	}
	return p.files, p.sorted(), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// environment reads the APIs and servers of an environment.
func (p *Platform) environment(ctx context.Context, base *url.URL, org, id string) error {
	folder := slug(id)
	if folder == "" {
		return nil
	}
	of := "/apimanager/api/v1/organizations/" + org + "/environments/" + url.PathEscape(id)
	apis, err := p.optional(ctx, base, of+"/apis", folder+"/apis.json", nil)
	if err != nil {
		return err
	}
	for _, asset := range apis {
		list := objects(asset, "apis")
		if list == nil {
			list = []map[string]any{asset}
		}
		for _, api := range list {
			if err := p.api(ctx, base, of, folder, text(api, "id")); err != nil {
				return err
			}
		}
	}
	headers := map[string]string{"X-ANYPNT-ORG-ID": p.Organization, "X-ANYPNT-ENV-ID": id}
	_, err = p.optional(ctx, base, "/hybrid/api/v1/servers", folder+"/servers.json", headers)
	return err
}

func (p *Platform) api(ctx context.Context, base *url.URL, of, folder, id string) error {
	if slug(id) != id || id == "" {
		return nil // lists alone tell of it
	}
	path := of + "/apis/" + id
	for _, one := range []string{"", "/upstreams", "/policies", "/outbound-policies", "/tiers", "/contracts", "/alerts"} {
		name := folder + "/" + id + "/" + strings.TrimPrefix(one, "/") + ".json"
		if one == "" {
			name = folder + "/" + id + "/api.json"
		}
		if _, err := p.optional(ctx, base, path+one, name, nil); err != nil {
			return err
		}
	}
	return nil
}

// optional is as list, but a refusal is a finding.
func (p *Platform) optional(ctx context.Context, base *url.URL, path, file string, headers map[string]string) ([]map[string]any, error) {
	list, err := p.list(ctx, base, path, file, headers)
	if errors.Is(err, errRefused) {
		p.add(Finding{Level: Lost, File: file, Path: "$", What: path, Why: err.Error(), Do: "give the connected app the scope to view it, or leave it out"})
		return nil, nil
	}
	return list, err
}

// list reads all pages of a list, keeps each as a file, and gives its items.
func (p *Platform) list(ctx context.Context, base *url.URL, path, file string, headers map[string]string) ([]map[string]any, error) {
	var all []map[string]any
	var before []byte
	stem, ending, _ := strings.Cut(file, ".")
	for page := range maxPages {
		to := base.JoinPath(path)
		if strings.HasSuffix(file, "/api.json") {
			to.RawQuery = ""
		} else {
			to.RawQuery = url.Values{"limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(len(all))}}.Encode()
		}
		raw, err := p.ask(ctx, to, headers)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		value, err := decode(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if p.total += len(raw); p.total > MaxTotal {
			return nil, fmt.Errorf("the platform answered more than %d MiB in all", MaxTotal>>20)
		}
		items, total := itemsOf(value)
		if page > 0 && (len(items) == 0 || bytes.Equal(raw, before)) {
			return all, nil // the end, or an interface that knows no pages
		}
		before = raw
		name := file
		if page > 0 {
			name = stem + "-page" + strconv.Itoa(page+1) + "." + ending
		}
		p.files = append(p.files, manifest.File{Name: name, Text: raw})
		all = append(all, items...)
		if to.RawQuery == "" || len(items) < pageSize && (total == 0 || int64(len(all)) >= total) || len(items) == 0 || total > 0 && int64(len(all)) >= total {
			return all, nil
		}
	}
	return nil, fmt.Errorf("%s: more than %d pages", path, maxPages)
}

// itemsOf are the items of an answer, which is a list or holds one, and how many there
// are in all, 0 where that is not told.
func itemsOf(value any) ([]map[string]any, int64) {
	if list, ok := value.([]any); ok {
		return objects(map[string]any{"list": list}, "list"), 0
	}
	m, _ := value.(map[string]any)
	for _, key := range []string{"data", "assets", "instances", "apis", "applications", "automatedPolicies", "policies", "tiers", "contracts", "alerts", "upstreams", "items"} {
		if _, ok := m[key].([]any); ok {
			return objects(m, key), number(m, "total")
		}
	}
	return nil, 0
}

// signIn gets an access token by client credentials.
func (p *Platform) signIn(ctx context.Context, base *url.URL) error {
	body, err := json.Marshal(map[string]string{"grant_type": "client_credentials", "client_id": p.ClientID, "client_secret": p.ClientSecret})
	if err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	raw, err := p.send(ctx, http.MethodPost, base.JoinPath("/accounts/api/v2/oauth2/token"), nil, body)
	if errors.Is(err, errRefused) {
		return errors.New("the platform refused client id or secret; the connected app must act on its own behalf (client credentials)")
	}
	if err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal(raw, &answer) != nil || answer.Token == "" {
		return errors.New("signing in: the platform gave no access token")
	}
	p.token = answer.Token
	return nil
}

func (p *Platform) ask(ctx context.Context, to *url.URL, headers map[string]string) ([]byte, error) {
	return p.send(ctx, http.MethodGet, to, headers, nil)
}

// send asks, and asks again after 429, 502, 503 and 504.
func (p *Platform) send(ctx context.Context, method string, to *url.URL, headers map[string]string, body []byte) ([]byte, error) {
	var last error
	for try := range maxTries {
		raw, pause, err := p.once(ctx, method, to, headers, body)
		if err == nil || pause < 0 {
			return raw, err
		}
		last = err
		if pause == 0 {
			pause = time.Second << try
		}
		if try == maxTries-1 {
			break
		}
		if err := p.Wait(ctx, min(pause, maxWait)); err != nil {
			return nil, fmt.Errorf("waiting to ask again: %w", err)
		}
	}
	return nil, last
}

// once asks once. The pause is negative when asking again is no use, and 0 when the
// platform named none.
func (p *Platform) once(ctx context.Context, method string, to *url.URL, headers map[string]string, body []byte) ([]byte, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, -1, fmt.Errorf("asking the platform: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer, err := p.HTTP.Do(request)
	if err != nil {
		return nil, -1, fmt.Errorf("asking the platform: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return nil, -1, fmt.Errorf("%w: the platform answered %d", errRefused, answer.StatusCode)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return nil, p.after(answer.Header.Get("Retry-After")), fmt.Errorf("the platform answered %d again and again", answer.StatusCode)
	default:
		return nil, -1, fmt.Errorf("the platform answered %d", answer.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, -1, fmt.Errorf("reading the answer: %w", err)
	}
	if len(raw) > maxAnswer {
		return nil, -1, fmt.Errorf("an answer larger than %d MiB", maxAnswer>>20)
	}
	return raw, 0, nil
}

// after reads Retry-After: seconds or a moment.
func (p *Platform) after(text string) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 3600)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(p.Now()))
	}
	return 0
}
