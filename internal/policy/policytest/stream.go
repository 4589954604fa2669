package policytest

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// stream is the last exchange that a service took, for the messages behind it.
type stream struct {
	run policy.Run
	x   *traffic.Exchange
}

// message hands one message of the last stream to the step. Its first line
// tells whose it is and its kind, the rest is the content.
func (c *conversation) message(text string) {
	c.t.Helper()
	if c.stream == nil || c.last != nil {
		c.t.Fatal("a message comes behind the want of a send that passed")
	}
	first, data, _ := strings.Cut(text, "\n")
	who, what, _ := strings.Cut(strings.TrimSpace(first), " ")
	kinds := map[string]policy.MessageKind{
		"text": policy.TextMessage, "binary": policy.BinaryMessage, "gRPC": policy.GRPCMessage, "event": policy.EventMessage,
	}
	if kinds[what] == 0 || who != "client" && who != "service" {
		c.t.Fatalf("message of %q: client or service, and text, binary, gRPC or event", first)
	}
	m := policy.Message{FromClient: who == "client", Kind: kinds[what], Data: []byte(strings.TrimSuffix(data, "\n"))}
	c.last = &result{x: c.stream.x}
	if c.stream.run.Inspects(m.FromClient, m.Kind) {
		c.last.verdict = c.stream.run.Message(context.Background(), c.stream.x, m)
		c.last.status = c.last.verdict.Answer.Status
	}
}

// readTLS makes the handshake of a tls section.
func (c *conversation) readTLS(text string) {
	c.t.Helper()
	rest, verified := strings.CutPrefix(strings.TrimSpace(text), "verified")
	c.tls = &traffic.TLS{Version: 0x0304, ServerName: "api.test", Verified: verified}
	for data := []byte(rest); ; {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return
		}
		peer, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			c.t.Fatal(err)
		}
		c.tls.Peer = append(c.tls.Peer, peer)
	}
}
