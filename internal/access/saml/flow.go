package saml

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"

	"farrier.dev/farrier/internal/secret"
)

// The bounds of what comes back.
const (
	maxCookie = 3 << 10
	maxNext   = 1 << 10
	// maxRelay is the longest RelayState that is handed on.
	maxRelay = 512
)

// Ask is what a sign-in is for.
type Ask struct {
	// Next is carried along: where the browser goes afterwards.
	Next string
	// Bound is carried along: for a confirmation, whose it is. The cookie that holds it
	// is signed, not sealed.
	Bound string
	// Confirm demands that the person signs in anew, even if the provider knows them.
	Confirm bool
}

// Begun is a sign-in under way.
type Begun struct {
	// URL is where the browser goes.
	URL string
	// Cookie is what the browser must bring back, for FlowLife.
	Cookie string
}

// flow is what the cookie says. The ids of messages are made of its id and the key,
// so that none of them is kept anywhere.
type flow struct {
	Provider string `json:"p"`
	ID       string `json:"i"`
	Next     string `json:"n,omitempty"`
	Bound    string `json:"b,omitempty"`
	Confirm  bool   `json:"c,omitempty"`
	// Began and Ends are Unix seconds.
	Began int64 `json:"t"`
	Ends  int64 `json:"x"`
}

// derived is a value for one use.
func (p *Provider) derived(use, id string) string {
	mac := hmac.New(sha256.New, p.o.Key)
	_, _ = mac.Write([]byte("saml sign-in at " + p.Name() + "\x00" + use + "\x00" + id)) // a hash never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// request is the id of the message that a flow began with.
func (p *Provider) request(f flow) string { return "_" + p.derived("request", f.ID) }

// Begin starts a sign-in. The refusal is ErrUnreachable.
func (p *Provider) Begin(ctx context.Context, ask Ask) (Begun, error) {
	of, err := p.peer(ctx)
	if err != nil {
		return Begun{}, err
	}
	now := p.o.Now()
	id, _ := secret.NewToken()
	if len(ask.Next) > maxNext {
		ask.Next = ""
	}
	f := flow{Provider: p.Name(), ID: id, Next: ask.Next, Bound: ask.Bound, Confirm: ask.Confirm, Began: now.Unix(), Ends: now.Add(FlowLife).Unix()}
	text, err := json.Marshal(f)
	if err != nil {
		return Begun{}, err
	}
	body := base64.RawURLEncoding.EncodeToString(text)
	to, err := p.signedQuery(of.signOn, "SAMLRequest", p.authnRequest(of, f, now), p.derived("state", id))
	if err != nil {
		return Begun{}, err
	}
	return Begun{URL: to, Cookie: body + "." + p.derived("cookie", body)}, nil
}

// authnRequest asks for a sign-in.
func (p *Provider) authnRequest(of peer, f flow, now time.Time) *etree.Element {
	yes, format := true, p.o.Settings.format()
	r := saml.AuthnRequest{
		ID: p.request(f), Version: "2.0", IssueInstant: now.UTC(), Destination: of.signOn,
		Issuer:       &saml.Issuer{Value: p.entity()},
		NameIDPolicy: &saml.NameIDPolicy{Format: &format, AllowCreate: &yes},
		// The answer comes by POST: it is too long for an address.
		ProtocolBinding: saml.HTTPPostBinding, AssertionConsumerServiceURL: p.acs(),
	}
	if f.Confirm {
		r.ForceAuthn = &yes
	}
	classes := p.o.Settings.Classes
	if len(classes) == 0 {
		return r.Element()
	}
	r.RequestedAuthnContext = &saml.RequestedAuthnContext{Comparison: "exact", AuthnContextClassRef: classes[0]}
	el := r.Element()
	for _, asked := range el.ChildElements() {
		for i := 1; asked.Tag == "RequestedAuthnContext" && i < len(classes); i++ {
			asked.CreateElement("saml:AuthnContextClassRef").SetText(classes[i])
		}
	}
	return el
}

// flow is the flow that a cookie of ours holds.
func (p *Provider) flow(cookie string) (flow, error) {
	body, mac, found := bytes.Cut([]byte(cookie), []byte("."))
	if cookie == "" {
		return flow{}, refuse(ErrFlow, "the browser brought no cookie of it")
	}
	if len(cookie) > maxCookie || !found || !secret.Equal(string(mac), p.derived("cookie", string(body))) {
		return flow{}, refuse(ErrFlow, "the cookie is of another provider, or not ours")
	}
	var f flow
	text, err := base64.RawURLEncoding.DecodeString(string(body))
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	switch {
	case err != nil || f.Provider != p.Name() || f.ID == "":
		return flow{}, refuse(ErrFlow, "the cookie can't be read")
	case p.o.Now().Unix() >= f.Ends:
		return flow{}, refuse(ErrFlow, "it began more than %d minutes ago", int(FlowLife/time.Minute))
	}
	return f, nil
}

// Answered is a sign-in that ended: with a person, or with an error beside what the
// sign-in was for, as far as that is known.
type Answered struct {
	Identity
	Next, Bound string
	Confirm     bool
}

// Finish judges what the browser brought: the form of the provider and the cookie
// of the sign-in. The refusals are ErrFlow, ErrDenied, ErrAnswer, ErrWeak and
// ErrUnreachable.
func (p *Provider) Finish(ctx context.Context, response, relay, cookie string) (Answered, error) {
	var f *flow
	var a Answered
	if cookie != "" || !p.o.Settings.Unasked {
		begun, err := p.flow(cookie)
		if err != nil {
			return Answered{}, err
		}
		f = &begun
		a = Answered{Next: f.Next, Bound: f.Bound, Confirm: f.Confirm}
		if !secret.Equal(relay, p.derived("state", f.ID)) {
			return a, refuse(ErrFlow, "its RelayState is that of another sign-in")
		}
	}
	text, err := decoded(response)
	if err != nil {
		return a, err
	}
	var said answer
	_, err = p.trust(ctx, func(of peer) (err error) {
		said, err = p.open(text, of, f)
		return err
	})
	if err != nil {
		return a, err
	}
	if a.Identity, err = p.person(&said, f); err != nil {
		return a, err
	}
	return a, p.once(ctx, &said, f)
}

// once makes a flow and an assertion count once.
func (p *Provider) once(ctx context.Context, said *answer, f *flow) error {
	if f != nil {
		first, err := p.o.Once(ctx, "saml flow "+p.Name()+" "+f.ID, time.Unix(f.Ends, 0))
		if err != nil {
			return err
		}
		if !first {
			return refuse(ErrFlow, "it was answered before")
		}
	}
	first, err := p.o.Once(ctx, "saml assertion "+p.Name()+" "+said.Assertion.ID, said.until.Add(skew))
	if err != nil {
		return err
	}
	if !first {
		return refuse(ErrAnswer, "its assertion was used before")
	}
	return nil
}

// decoded is a message as forms hold it.
func decoded(text string) ([]byte, error) {
	if len(text) > MaxMessage/3*4+MaxMessage/16 {
		return nil, refuse(ErrAnswer, "its message is longer than %d KiB", MaxMessage>>10)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	switch {
	case text == "" || err != nil:
		return nil, refuse(ErrAnswer, "its message is missing, or no base64")
	case len(raw) > MaxMessage:
		return nil, refuse(ErrAnswer, "its message is longer than %d KiB", MaxMessage>>10)
	}
	return raw, nil
}

// inflated is a message as addresses hold it.
func inflated(text string) ([]byte, error) {
	packed, err := decoded(text)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxInflated+1))
	switch {
	case len(raw) > maxInflated:
		return nil, refuse(ErrAnswer, "its message grows to more than %d KiB", maxInflated>>10)
	case err != nil:
		return nil, refuse(ErrAnswer, "its message can't be inflated")
	}
	return raw, nil
}

func deflated(text []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err == nil {
		_, err = w.Write(text)
	}
	if err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
