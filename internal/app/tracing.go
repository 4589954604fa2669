package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/credentials"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/secret"
)

// deliveryTimeout bounds one delivery of spans when the settings do not.
const deliveryTimeout = 10 * time.Second

// spanCollectors are where the spans of all revisions go.
type spanCollectors struct {
	gateway string
	serving func() *router.Table
	log     *slog.Logger
	counts  spanCounts
	// references resolve those of settings.
	references secret.Expander

	mu   sync.Mutex
	open map[string]*openCollector // by settings
}

// openCollector is a connection to a collector; idle says that the revision in
// service did not use it when that was looked at last.
type openCollector struct {
	*sdktrace.TracerProvider
	idle bool
}

// newCollectors makes room for the collectors of this process. serving is the
// table in service, nil before the first.
func newCollectors(gateway string, serving func() *router.Table, log *slog.Logger) *spanCollectors {
	return &spanCollectors{references: secret.Environ(), gateway: gateway, serving: serving, log: log.With("component", "tracing"), open: map[string]*openCollector{}}
}

// provider is what makes the spans of a revision with these settings. Equal
// settings give the same one.
func (c *spanCollectors) provider(settings revision.Tracing) (trace.TracerProvider, error) {
	if settings.Address == "" {
		return nil, nil //nolint:nilnil // nobody collects spans
	}
	key, err := collectorKey(settings)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.open[key]; known != nil {
		known.idle = false
		return known.TracerProvider, nil
	}
	opened, err := c.connect(settings, c.references)
	if err != nil {
		return nil, err
	}
	c.open[key] = &openCollector{TracerProvider: opened}
	return opened, nil
}

// collectorKey is equal for equal settings, wherever they stand.
func collectorKey(settings revision.Tracing) (string, error) {
	settings.Source = revision.Source{}
	key, err := json.Marshal(settings)
	if err != nil {
		return "", fmt.Errorf("comparing settings: %w", err)
	}
	return string(key), nil
}

// connect makes a provider; the connection is opened with the first delivery.
func (c *spanCollectors) connect(settings revision.Tracing, references secret.Expander) (*sdktrace.TracerProvider, error) {
	address, err := references.Expand(settings.Address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	collector, err := policy.ParseOutside(address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	headers := make(map[string]string, len(settings.Headers))
	for name, text := range settings.Headers {
		if headers[name], err = references.Expand(text); err != nil {
			return nil, fmt.Errorf("httpHeaders.%s: %w", name, err)
		}
	}
	timeout := deliveryTimeout
	if settings.TimeoutMilliseconds > 0 {
		timeout = time.Duration(settings.TimeoutMilliseconds) * time.Millisecond
	}
	var client otlptrace.Client
	switch settings.Protocol {
	case "", "grpc":
		if collector.Path != "" {
			return nil, errors.New("address: a gRPC collector has no path; write the scheme, host and port alone")
		}
		client = overGRPC(collector, headers, timeout)
	case "http":
		client = overHTTP(collector, settings.Path, headers, timeout)
	default:
		return nil, fmt.Errorf("serviceType: %q is neither grpc nor http", settings.Protocol)
	}
	queue := newSpanQueue(otlptrace.NewUnstarted(client), timeout, &c.counts, c.log.With("collector", collector.Authority))
	return sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysSample()), // the policy has chosen by then
		sdktrace.WithSpanProcessor(queue),
		sdktrace.WithResource(c.resource(settings)),
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit: 1024, AttributeCountLimit: 128, EventCountLimit: 16, LinkCountLimit: 16,
			AttributePerEventCountLimit: 16, AttributePerLinkCountLimit: 16,
		}),
	), nil
}

// resource is what all spans of this process have in common.
func (c *spanCollectors) resource(settings revision.Tracing) *resource.Resource {
	name := settings.ServiceName
	if name == "" {
		name = "farrier"
	}
	attributes := []attribute.KeyValue{attribute.String("service.name", name)}
	if c.gateway != "" {
		attributes = append(attributes, attribute.String("service.instance.id", c.gateway))
	}
	for _, key := range slices.Sorted(maps.Keys(settings.Attributes)) {
		attributes = append(attributes, attribute.String(key, settings.Attributes[key]))
	}
	return resource.NewSchemaless(attributes...)
}

// overGRPC delivers by OTLP over gRPC. Every option is given, so that no
// variable of the environment decides unseen.
func overGRPC(to policy.Outside, headers map[string]string, timeout time.Duration) otlptrace.Client {
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpoint(to.Address), otlptracegrpc.WithHeaders(headers), otlptracegrpc.WithTimeout(timeout),
		otlptracegrpc.WithCompressor("gzip"), otlptracegrpc.WithRetry(retrying(timeout)),
	}
	if to.Secure {
		options = append(options, otlptracegrpc.WithTLSCredentials(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})))
	} else {
		options = append(options, otlptracegrpc.WithInsecure())
	}
	return otlptracegrpc.NewClient(options...)
}

// overHTTP delivers by OTLP over HTTP with protobuf.
func overHTTP(to policy.Outside, path string, headers map[string]string, timeout time.Duration) otlptrace.Client {
	if path == "" {
		path = "/v1/traces"
	}
	options := []otlptracehttp.Option{
		otlptracehttp.WithEndpoint(to.Address), otlptracehttp.WithURLPath(to.Path + "/" + strings.TrimPrefix(path, "/")),
		otlptracehttp.WithHeaders(headers), otlptracehttp.WithTimeout(timeout),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression), otlptracehttp.WithRetry(otlptracehttp.RetryConfig(retrying(timeout))),
	}
	if to.Secure {
		options = append(options, otlptracehttp.WithTLSClientConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
	} else {
		options = append(options, otlptracehttp.WithInsecure())
	}
	return otlptracehttp.NewClient(options...)
}

// retrying is how a delivery is tried again while its time lasts.
func retrying(timeout time.Duration) otlptracegrpc.RetryConfig {
	return otlptracegrpc.RetryConfig{
		Enabled: true, InitialInterval: 200 * time.Millisecond, MaxInterval: 2 * time.Second, MaxElapsedTime: timeout,
	}
}

// watch closes the connections that no revision uses any more, and all when ctx
// ends.
func (c *spanCollectors) watch(ctx context.Context) {
	tick := time.NewTicker(sweeping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			c.sweep("", true)
			return
		case <-tick.C:
			if table := c.serving(); table != nil {
				if key, err := collectorKey(table.Revision.Settings.Tracing); err == nil {
					c.sweep(key, false)
				}
			}
		}
	}
}

// sweep closes what was unused twice, or all. What is still queued is delivered.
func (c *spanCollectors) sweep(used string, all bool) {
	var over []*openCollector
	c.mu.Lock()
	for key, one := range c.open {
		switch {
		case key == used && !all:
			one.idle = false
		case one.idle || all:
			over = append(over, one)
			delete(c.open, key)
		default:
			one.idle = true
		}
	}
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), deliveryTimeout)
	defer cancel()
	for _, one := range over {
		if err := one.Shutdown(ctx); err != nil {
			c.log.Warn("a collector was left with spans undelivered")
		}
	}
}

// register publishes what became of the spans.
func (c *spanCollectors) register(metrics prometheus.Registerer) {
	for _, one := range []struct {
		name, help string
		value      func() int64
	}{
		{"delivered", "Spans that a collector took.", c.counts.delivered.Load},
		{"dropped", "Spans that found no room in the queue.", c.counts.dropped.Load},
		{"lost", "Spans that no collector took in time.", c.counts.lost.Load},
	} {
		metrics.MustRegister(prometheus.NewCounterFunc(
			prometheus.CounterOpts{Name: "farrier_tracing_spans_" + one.name + "_total", Help: one.help},
			func() float64 { return float64(one.value()) },
		))
	}
}
