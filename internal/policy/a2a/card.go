package a2a

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed schema.json
var cardSchema []byte

// Card is the entry of the catalogue for a2a-agent-card, which serves the card
// of an agent, or changes the address in the card that the agent serves.
func Card() policy.Policy {
	return policy.Policy{
		Name: "a2a-agent-card", Title: "A2A Agent Card", Category: category,
		Phase: policy.Shape, Schema: cardSchema, Compile: compileCard,
	}
}

// Settings are those of a2a-agent-card. At least one of content, file and
// consumerUrl is needed.
type Settings struct {
	// Content is the card as JSON. It is served in the place of the agent's.
	Content string `json:"content" default:""`
	// File is the absolute path of a file that holds the card, in the place of
	// content. It is read once, when the settings are loaded.
	File string `json:"file" default:"" host:"true"`
	// CardPath is where the card is, below the API's base path.
	CardPath string `json:"cardPath" default:"/.well-known/agent-card.json"`
	// ConsumerURL is the address under which clients reach the agent through the
	// gateway. It takes the place of url in the card, of this policy or of the
	// agent, and of equal addresses among additionalInterfaces; other additional
	// interfaces are left out, for they would lead around the gateway, and so are
	// signatures, which no longer hold. Empty leaves the card as it is.
	ConsumerURL string `json:"consumerUrl" default:""`
}

// maxCard is the length in bytes beyond which a card is refused.
const maxCard = 1 << 20

type card struct {
	path, consumer string
	content        []byte // nil for that of the agent
}

func compileCard(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.DecodeWithDefaults(cardSchema, settings, &s); err != nil {
		return nil, err
	}
	c := &card{path: s.CardPath, consumer: s.ConsumerURL}
	switch {
	case s.Content == "" && s.File == "" && s.ConsumerURL == "":
		return nil, errors.New("content: empty; set content, file or consumerUrl")
	case s.Content != "" && s.File != "":
		return nil, errors.New("file: set either content or file")
	case !strings.HasPrefix(s.CardPath, "/"):
		return nil, errors.New("cardPath: must begin with a slash")
	}
	if u, err := url.Parse(s.ConsumerURL); s.ConsumerURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("consumerUrl: not an address; write http or https with a host")
	}
	text, name := []byte(s.Content), "content"
	if s.File != "" {
		var err error
		if text, err = readCard(s.File); err != nil {
			return nil, fmt.Errorf("file: %w", err)
		}
		name = "file"
	}
	if len(text) == 0 {
		return c, nil
	}
	var err error
	if c.content, err = c.own(text); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

func readCard(file string) ([]byte, error) {
	if !filepath.IsAbs(file) {
		return nil, errors.New("must be an absolute path")
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("looking for the card: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxCard || info.Size() == 0 {
		return nil, errors.New("the card must be a file of at most 1 MiB, and not empty")
	}
	text, err := os.ReadFile(file) //nolint:gosec // the operator's own path
	if err != nil {
		return nil, fmt.Errorf("reading the card: %w", err)
	}
	return text, nil
}

// own is the card as clients read it.
func (c *card) own(text []byte) ([]byte, error) {
	lim := jsontext.DefaultLimits()
	lim.UniqueNames = true
	members, object, err := jsontext.Members(text, lim)
	if err != nil {
		return nil, fmt.Errorf("reading the card: %w", err)
	}
	if !object {
		return nil, errors.New("the card is no object")
	}
	if c.consumer == "" {
		return text, nil
	}
	address := ""
	for _, m := range members {
		if m.Name == "url" {
			address, _ = policy.JSONText(m.Value)
		}
	}
	var out []byte
	add := func(name string, value []byte) {
		if out = append(out, ','); len(out) == 1 {
			out[0] = '{'
		}
		out = append(append(jsontext.AppendQuote(out, name), ':'), value...)
	}
	add("url", jsontext.AppendQuote(nil, c.consumer))
	for _, m := range members {
		switch m.Name {
		case "url", "signatures":
		case "additionalInterfaces":
			add(m.Name, c.interfaces(m.Value, address))
		default:
			add(m.Name, m.Value)
		}
	}
	return append(out, '}'), nil
}

// interfaces are those additional ones that lead to the gateway.
func (c *card) interfaces(list []byte, address string) []byte {
	elements, _, err := jsontext.Elements(list, jsontext.DefaultLimits())
	out := []byte{'['}
	for _, one := range elements {
		found, wrong := policy.RPCMembers(one, "url")
		if at, ok := policy.JSONText(found["url"]); err == nil && wrong == nil && ok && (at == address || at == c.consumer) {
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, jsonrpc.Splice(one, []jsonrpc.Edit{{Part: found["url"], Other: jsontext.AppendQuote(nil, c.consumer)}})...)
		}
	}
	return append(out, ']')
}

// Bind implements policy.Compiled.
func (c *card) Bind(policy.Env) (policy.Step, error) {
	step := policy.Step{Request: c.request}
	if c.content == nil {
		step.Response = c.response
		step.ResponseBody = policy.Need{
			Mode: policy.Buffered, Limit: maxCard,
			When: func(x *traffic.Exchange) bool { return x.Carried(c) != nil && x.Response.Status == http.StatusOK },
		}
	}
	return step, nil
}

func (c *card) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	if x.SubPath != c.path && x.Request.Path != x.BasePath+c.path {
		return policy.Go()
	}
	if x.Request.Method != http.MethodGet && x.Request.Method != http.MethodHead {
		return policy.Go()
	}
	if c.content == nil {
		x.Carry(c, true)
		// The card is to be changed, so it must come whole and is no other than before.
		for _, name := range [...]string{"range", "if-none-match", "if-modified-since", "if-range"} {
			x.Request.Header.Del(name)
		}
		return policy.Go()
	}
	return policy.Reply(policy.Answer{
		Status: http.StatusOK, Body: c.content,
		Header: []traffic.Field{{Name: "content-type", Value: "application/json"}},
	}, "the card of the settings")
}

func (c *card) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	if x.Carried(c) == nil || x.Response.Local || x.Response.Status != http.StatusOK || x.Request.Method == http.MethodHead {
		return policy.Go()
	}
	own, err := c.own(x.Response.Body.Bytes())
	if err == nil {
		err = x.Response.Body.Replace(own)
	}
	if err != nil {
		return policy.Fail(http.StatusBadGateway, "Bad gateway.", "the agent's card: "+err.Error())
	}
	for _, name := range [...]string{"etag", "last-modified"} {
		x.Response.Header.Del(name)
	}
	return policy.Go()
}
