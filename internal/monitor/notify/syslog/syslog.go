// Package syslog sends events as Common Event Format (CEF) within syslog messages of
// RFC 5424, over TLS (RFC 5425), TCP with octet counting (RFC 6587) or UDP (RFC 5426).
package syslog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/monitor/notify"
)

// Kind describes the channel.
func Kind() notify.Kind {
	return notify.Kind{
		Name: "syslog", Title: "Syslog (CEF)", Help: "Common Event Format in RFC 5424 messages, as SIEM products read it.", Forwards: true,
		Field: []notify.Field{
			{Name: "host", Label: "Server", Kind: notify.Text, Required: true, Example: "siem.example.com"},
			{Name: "port", Label: "Port", Kind: notify.Number, Default: "6514"},
			{Name: "transport", Label: "Transport", Kind: notify.Choice, Default: "tls", Options: []string{"tls", "tcp", "udp"}, Help: "tcp and udp are readable on their way, and udp may lose messages."},
			{Name: "hostname", Label: "Own name", Kind: notify.Text, Default: "farrier", Help: "What stands as the host in messages."},
		},
		Open: func(s notify.Settings, e notify.Env) (notify.Channel, error) {
			if strings.ContainsAny(s["host"], " /@") {
				return nil, notify.Permanent(errors.New("the server must be a host name without scheme or path"))
			}
			return &channel{env: e, address: net.JoinHostPort(s["host"], s["port"]), transport: s["transport"], host: printable(s["hostname"], 255)}, nil
		},
	}
}

type channel struct {
	env                      notify.Env
	address, transport, host string
}

// maxDatagram is the length of the longest message that is sent by UDP.
const maxDatagram = 8 << 10

// Send implements notify.Channel.
func (c *channel) Send(ctx context.Context, m notify.Message) error {
	return c.Forward(ctx, []notify.Event{m.Event()})
}

// Forward implements notify.Forwarder. Each call opens a connection: events are few,
// and a receiver that went away is noticed at once.
func (c *channel) Forward(ctx context.Context, events []notify.Event) (err error) {
	ctx, cancel := context.WithTimeout(ctx, notify.Patience)
	defer cancel()
	var conn net.Conn
	switch c.transport {
	case "udp":
		conn, err = c.env.Dial(ctx, "udp", c.address)
	case "tcp":
		conn, err = c.env.Dial(ctx, "tcp", c.address)
	default:
		conn, err = c.env.DialTLS(ctx, c.address)
	}
	if err != nil {
		return notify.Plain(err)
	}
	defer func() {
		if closing := conn.Close(); err == nil && closing != nil {
			err = notify.Plain(closing)
		}
	}()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	var all []byte
	for i := range events {
		line := c.message(&events[i])
		if c.transport == "udp" {
			if _, err := conn.Write([]byte(notify.Clip(line, maxDatagram))); err != nil {
				return notify.Plain(err)
			}
			continue
		}
		all = append(all, strconv.Itoa(len(line))+" "...)
		all = append(all, line...)
	}
	if len(all) > 0 {
		if _, err := conn.Write(all); err != nil {
			return notify.Plain(err)
		}
	}
	return nil
}

// message is one syslog message: facility 13 (log audit), the severity, and CEF.
func (c *channel) message(e *notify.Event) string {
	const facility = 13
	return fmt.Sprintf("<%d>1 %s %s farrier - %s - %s", facility*8+priority(e.Severity), e.At.UTC().Format("2006-01-02T15:04:05.000Z"),
		c.host, printable(e.Stream, 32), CEF(e))
}

// priority is the severity of syslog for one of CEF.
func priority(severity int) int {
	switch {
	case severity >= 9:
		return 2 // critical
	case severity >= 7:
		return 3 // error
	case severity >= 4:
		return 4 // warning
	}
	return 6 // informational
}

// printable is a text as the fields of a header may hold it.
func printable(text string, limit int) string {
	text = strings.Map(func(c rune) rune {
		if c <= ' ' || c > '~' {
			return '_'
		}
		return c
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), limit)]
}

// CEF writes an event in the Common Event Format, version 0.
func CEF(e *notify.Event) string {
	var b strings.Builder
	b.WriteString("CEF:0|Farrier|Farrier|1")
	for _, part := range []string{e.Name, e.Text} {
		b.WriteString("|" + header(notify.Clip(part, 512)))
	}
	b.WriteString("|" + strconv.Itoa(min(max(e.Severity, 0), 10)) + "|")
	first := true
	add := func(name, value string) {
		if value == "" {
			return
		}
		if !first {
			b.WriteByte(' ')
		}
		first = false
		b.WriteString(name + "=" + extension(notify.Clip(value, 1023)))
	}
	add("externalId", e.ID)
	add("rt", strconv.FormatInt(e.At.UnixMilli(), 10))
	add("cat", e.Stream)
	add("suser", e.Actor)
	add("src", e.Address)
	add("outcome", e.Outcome)
	labelled := func(n int, label, value string) {
		if value != "" {
			add("cs"+strconv.Itoa(n)+"Label", label)
			add("cs"+strconv.Itoa(n), value)
		}
	}
	labelled(1, "environment", e.Environment)
	labelled(2, "object", e.Object)
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		fields = append(fields, name+": "+e.Fields[name])
	}
	add("msg", strings.Join(fields, "; "))
	return b.String()
}

// header escapes what parts the fields of the header; lines can't be broken there.
func header(text string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "\r\n", " ", "\n", " ", "\r", " ").Replace(text)
}

// extension escapes what parts the pairs of the extension.
func extension(text string) string {
	return strings.NewReplacer("\\", "\\\\", "=", "\\=", "\r\n", "\\n", "\n", "\\n", "\r", "\\r").Replace(text)
}
