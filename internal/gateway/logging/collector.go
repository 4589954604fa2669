package logging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// The patience with a collector.
const (
	callTimeout = 10 * time.Second
	// calls are the attempts for one batch; the pause between them begins with
	// firstPause and doubles.
	calls      = 4
	firstPause = 250 * time.Millisecond
	// maxAnswer is how much of an answer is read so that the connection lives on.
	maxAnswer = 16 << 10
)

// collector posts batches of JSON.
type collector struct {
	settings *settings
	client   *http.Client
}

// errForGood is an answer that would be the same again.
var errForGood = errors.New("the collector refuses the lines")

func (c *collector) write(ctx context.Context, lines [][]byte) error {
	var body []byte
	if c.settings.array {
		body = append(append(append(body, '['), bytes.Join(lines, []byte(","))...), ']')
	} else {
		body = append(bytes.Join(lines, []byte("\n")), '\n')
	}
	pause := firstPause
	for call := 1; ; call++ {
		err := c.post(ctx, body)
		if err == nil || call == calls || errors.Is(err, errForGood) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return err
		}
	}
}

func (c *collector) post(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.settings.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("preparing to post lines: %w", err)
	}
	req.Header = c.settings.header.Clone()
	resp, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("posting lines: %w", err)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	_ = resp.Body.Close()
	switch {
	case resp.StatusCode < 300:
		return nil
	case resp.StatusCode < 500 && resp.StatusCode != http.StatusRequestTimeout && resp.StatusCode != http.StatusTooManyRequests:
		return fmt.Errorf("%w: status %d", errForGood, resp.StatusCode)
	}
	return fmt.Errorf("posting lines: status %d", resp.StatusCode)
}

func (*collector) tend() error { return nil }

func (*collector) close() {}
