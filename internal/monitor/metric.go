package monitor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Metric names what a series shows: one of the constants; "p" and a percentile, as
// "p95" or "p99.9", in milliseconds; "status." and a class or a code, as
// "status.4xx" or "status.404".
type Metric string

// The metrics that need no argument.
const (
	Requests Metric = "requests"
	Refused  Metric = "refused"
	Errors   Metric = "errors"
	Attacks  Metric = "attacks"
	// ErrorRate and RefusalRate are parts of all requests, from 0 to 1.
	ErrorRate   Metric = "errorRate"
	RefusalRate Metric = "refusalRate"
	// MeanTime is in milliseconds.
	MeanTime Metric = "mean"
	BytesIn  Metric = "bytesIn"
	BytesOut Metric = "bytesOut"
)

// Percentile is the metric of a percentile, as 95.
func Percentile(p float64) Metric { return Metric("p" + strconv.FormatFloat(p, 'f', -1, 64)) }

// StatusCount is the metric of a status class or code, as "5xx" or "404".
func StatusCount(code string) Metric { return Metric("status." + code) }

// Check refuses a metric that there is none of, with ErrQuery.
func (m Metric) Check() error {
	switch m {
	case Requests, Refused, Errors, Attacks, ErrorRate, RefusalRate, MeanTime, BytesIn, BytesOut:
		return nil
	}
	if _, ok := m.percentile(); ok {
		return nil
	}
	if _, _, ok := m.status(); ok {
		return nil
	}
	return fmt.Errorf("%w: there is no metric %.40q", ErrQuery, string(m))
}

func (m Metric) percentile() (float64, bool) {
	text, ok := strings.CutPrefix(string(m), "p")
	if !ok {
		return 0, false
	}
	p, err := strconv.ParseFloat(text, 64)
	return p / 100, err == nil && p > 0 && p < 100
}

// status is the class or, when class is negative, the code that is counted.
func (m Metric) status() (class, code int, ok bool) {
	text, ok := strings.CutPrefix(string(m), "status.")
	if !ok || len(text) != 3 {
		return 0, 0, false
	}
	if text[1:] == "xx" && text[0] >= '1' && text[0] <= '5' {
		return int(text[0] - '0'), 0, true
	}
	n, err := strconv.Atoi(text)
	return -1, n, err == nil && codeIndex(n) >= 0
}

// Of computes the metric of a slot; false says that there is nothing to compute it
// from.
func (m Metric) Of(s *Slot) (float64, bool) {
	some := s.Requests > 0
	switch m {
	case Requests:
		return float64(s.Requests), true
	case Refused:
		return float64(s.Refused), true
	case Errors:
		return float64(s.Errors), true
	case Attacks:
		return float64(s.Attacks), true
	case BytesIn:
		return float64(s.BytesIn), true
	case BytesOut:
		return float64(s.BytesOut), true
	case ErrorRate:
		return float64(s.Errors) / float64(max(s.Requests, 1)), some
	case RefusalRate:
		return float64(s.Refused) / float64(max(s.Requests, 1)), some
	case MeanTime:
		return milliseconds(s.Took) / float64(max(s.Requests, 1)), some
	}
	if p, ok := m.percentile(); ok {
		return milliseconds(s.Quantile(p)), some
	}
	class, code, ok := m.status()
	if ok && class >= 0 {
		return float64(s.Status[class]), true
	}
	n, ok := s.Code(code)
	return float64(n), ok
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
