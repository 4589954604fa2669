package app

import (
	"context"
	"io"
	"log/slog"
	"time"

	"farrier.dev/farrier/internal/gateway/logging"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/secret"
)

// lastLines is how long the outputs of logs may take for their last lines.
const lastLines = 5 * time.Second

// newLogs makes the outputs that revisions name, and a log that writes to them
// what it writes to the process's own.
func newLogs(own *slog.Logger, out io.Writer) (*logging.Logs, *slog.Logger) {
	logs := logging.New(logging.Options{
		Now: time.Now, HTTP: router.PolicyClient(nil), Stdout: out, Expand: secret.Environ().Expand,
		Log: own.With("component", "logging"),
	})
	return logs, slog.New(logs.Handler(own.Handler()))
}

// closeLogs writes the last lines, also when ctx is done already.
func closeLogs(ctx context.Context, logs *logging.Logs, own *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLines)
	defer cancel()
	if err := logs.Close(ctx); err != nil {
		own.Error("log lines were lost", "error", err)
	}
}
