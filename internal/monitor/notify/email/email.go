// Package email sends messages by SMTP. The connection is encrypted, with TLS from the
// start or by STARTTLS, unless it stays on this machine.
package email

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"farrier.dev/farrier/internal/monitor/notify"
)

// maxRecipients bounds who is written to at once.
const maxRecipients = 20

// Kind describes the channel.
func Kind() notify.Kind {
	return notify.Kind{
		Name: "email", Title: "E-mail", Help: "By an SMTP server. Without encryption it may only be on this machine.",
		Field: []notify.Field{
			{Name: "host", Label: "Server", Kind: notify.Text, Required: true, Example: "smtp.example.com"},
			{Name: "port", Label: "Port", Kind: notify.Number, Default: "587"},
			{Name: "encryption", Label: "Encryption", Kind: notify.Choice, Default: "starttls", Options: []string{"starttls", "tls", "none"}, Help: "tls is from the start, usually on port 465; none is for this machine only."},
			{Name: "user", Label: "User", Kind: notify.Text, Help: "Empty where the server asks for none."},
			{Name: "password", Label: "Password", Kind: notify.Secret},
			{Name: "from", Label: "From", Kind: notify.Text, Required: true, Example: "Farrier <farrier@example.com>"},
			{Name: "to", Label: "To", Kind: notify.List, Required: true, Example: "team@example.com", Help: "Up to 20 addresses, one a line."},
		},
		Open: open,
	}
}

type channel struct {
	env            notify.Env
	address, host  string
	encryption     string
	user, password string
	from           *mail.Address
	to             []*mail.Address
	loopback       bool
}

func open(s notify.Settings, e notify.Env) (notify.Channel, error) {
	c := &channel{env: e, host: s["host"], address: net.JoinHostPort(s["host"], s["port"]), encryption: s["encryption"], user: s["user"], password: s["password"]}
	c.loopback = notify.Loopback(c.address)
	var err error
	if c.from, err = mail.ParseAddress(s["from"]); err != nil {
		return nil, notify.Permanent(errors.New("from is no e-mail address"))
	}
	for _, text := range s.List("to") {
		to, err := mail.ParseAddress(text)
		if err != nil {
			return nil, notify.Permanent(fmt.Errorf("to: %.80q is no e-mail address", text))
		}
		c.to = append(c.to, to)
	}
	switch {
	case len(c.to) == 0 || len(c.to) > maxRecipients:
		return nil, notify.Permanent(fmt.Errorf("to must name 1 to %d addresses", maxRecipients))
	case c.encryption == "none" && !c.loopback:
		return nil, notify.Permanent(errors.New("without encryption the server must be on this machine"))
	case strings.ContainsAny(c.host, " /@"):
		return nil, notify.Permanent(errors.New("the server must be a host name without scheme or path"))
	}
	return c, nil
}

// Send implements notify.Channel.
func (c *channel) Send(ctx context.Context, m notify.Message) error {
	ctx, cancel := context.WithTimeout(ctx, notify.Patience)
	defer cancel()
	client, err := c.connect(ctx)
	if err != nil {
		return notify.Plain(err)
	}
	defer func() { _ = client.Close() }()
	return c.converse(client, &m)
}

func (c *channel) connect(ctx context.Context) (*smtp.Client, error) {
	dial := func() (net.Conn, error) { return c.env.Dial(ctx, "tcp", c.address) }
	if c.encryption == "tls" {
		dial = func() (net.Conn, error) { return c.env.DialTLS(ctx, c.address) }
	}
	conn, err := dial()
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	client, err := smtp.NewClient(conn, c.host)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return client, nil
}

func (c *channel) converse(client *smtp.Client, m *notify.Message) error {
	if c.encryption == "starttls" {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return notify.Permanent(errors.New("the server offers no encryption (STARTTLS)"))
		}
		if err := client.StartTLS(c.env.ServerName(c.address)); err != nil {
			return fmt.Errorf("agreeing on encryption: %w", notify.Plain(err))
		}
	}
	if c.user != "" {
		if err := client.Auth(&auth{user: c.user, password: c.password, loopback: c.loopback}); err != nil {
			return fmt.Errorf("signing in at the server: %w", told(err))
		}
	}
	if err := client.Mail(c.from.Address); err != nil {
		return fmt.Errorf("the sender: %w", told(err))
	}
	for _, to := range c.to {
		if err := client.Rcpt(to.Address); err != nil {
			return fmt.Errorf("the recipient %s: %w", to.Address, told(err))
		}
	}
	w, err := client.Data()
	if err != nil {
		return fmt.Errorf("sending the text: %w", told(err))
	}
	if _, err := w.Write(c.text(m)); err != nil {
		return fmt.Errorf("sending the text: %w", notify.Plain(err))
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("sending the text: %w", told(err))
	}
	_ = client.Quit() // it was taken already
	return nil
}

// told keeps of what a server says only its code: the rest may repeat what it was sent.
func told(err error) error {
	var answer *textproto.Error
	if !errors.As(err, &answer) {
		return notify.Plain(err)
	}
	out := fmt.Errorf("the server answered %d", answer.Code)
	if answer.Code >= 500 && answer.Code != 530 && answer.Code != 534 && answer.Code != 535 {
		return notify.Permanent(out)
	}
	return out
}

// auth signs in by PLAIN, or by LOGIN where the server has only that. It tells the
// password to nobody in the clear.
type auth struct {
	user, password string
	loopback       bool
	login          bool
}

// Start implements smtp.Auth.
func (a *auth) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS && !a.loopback {
		return "", nil, errors.New("the connection is not encrypted")
	}
	has := func(name string) bool {
		for _, one := range server.Auth {
			if strings.EqualFold(one, name) {
				return true
			}
		}
		return false
	}
	if a.login = !has("PLAIN") && has("LOGIN"); a.login {
		return "LOGIN", nil, nil
	}
	return "PLAIN", []byte("\x00" + a.user + "\x00" + a.password), nil
}

// Next implements smtp.Auth.
func (a *auth) Next(fromServer []byte, more bool) ([]byte, error) {
	switch asked := strings.ToLower(string(fromServer)); {
	case !more:
		return nil, nil
	case a.login && strings.HasPrefix(asked, "user"):
		return []byte(a.user), nil
	case a.login && strings.HasPrefix(asked, "pass"):
		return []byte(a.password), nil
	}
	return nil, errors.New("the server asks for something unexpected")
}

// text is the whole mail. Every value in a header is encoded or made of our own
// characters, so that none can begin another header.
func (c *channel) text(m *notify.Message) []byte {
	var b bytes.Buffer
	header := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	to := make([]string, len(c.to))
	for i := range c.to {
		to[i] = c.to[i].String()
	}
	domain := c.from.Address[strings.LastIndexByte(c.from.Address, '@')+1:]
	header("From", c.from.String())
	header("To", strings.Join(to, ",\r\n\t"))
	header("Subject", mime.QEncoding.Encode("utf-8", "[Farrier] "+notify.Clip(line(m.Title), 200)))
	header("Date", m.At.UTC().Format(time.RFC1123Z))
	header("Message-ID", "<"+id(m.Key)+"@"+domain+">")
	if !strings.HasSuffix(m.Key, "-1") && m.Incident != "" { // later mails of an incident stand below the first
		header("In-Reply-To", "<"+id(m.Incident)+"-1@"+domain+">")
		header("References", "<"+id(m.Incident)+"-1@"+domain+">")
	}
	header("Auto-Submitted", "auto-generated")
	if m.Severity == "Critical" && !m.Resolved {
		header("Importance", "high")
	}
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	q := quotedprintable.NewWriter(&b)
	text := m.Title + "\n\n" + m.Text + "\n\nSeverity: " + m.Severity + "\nEnvironment: " + m.Environment + "\nAt: " + m.At.UTC().Format("2006-01-02 15:04 UTC") + "\n"
	if m.Link != "" {
		text += "\n" + m.Link + "\n"
	}
	_, _ = q.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n"))) // a buffer takes all
	_ = q.Close()
	return b.Bytes()
}

func line(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, text)
}

// id is a key as it may stand in a message id.
func id(key string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			return c
		}
		return '.'
	}, key)
}
