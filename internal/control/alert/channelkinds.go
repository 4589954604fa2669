package alert

import (
	"fmt"

	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/monitor/notify/datadog"
	"farrier.dev/farrier/internal/monitor/notify/elastic"
	"farrier.dev/farrier/internal/monitor/notify/email"
	"farrier.dev/farrier/internal/monitor/notify/kafka"
	"farrier.dev/farrier/internal/monitor/notify/otlp"
	"farrier.dev/farrier/internal/monitor/notify/pagerduty"
	"farrier.dev/farrier/internal/monitor/notify/slack"
	"farrier.dev/farrier/internal/monitor/notify/splunk"
	"farrier.dev/farrier/internal/monitor/notify/syslog"
	"farrier.dev/farrier/internal/monitor/notify/teams"
	"farrier.dev/farrier/internal/monitor/notify/webhook"
)

// kinds is the only list of the ways out.
func kinds() []notify.Kind {
	return []notify.Kind{
		email.Kind(), slack.Kind(), teams.Kind(), pagerduty.Kind(), webhook.Kind(), syslog.Kind(),
		splunk.Kind(), datadog.Kind(), otlp.Kind(), elastic.Kind(), kafka.Kind(),
	}
}

// Kinds lists the ways out, with their settings.
func Kinds() []notify.Kind { return kinds() }

func (s *Service) kind(name string) (*notify.Kind, error) {
	for i := range s.kinds {
		if s.kinds[i].Name == name {
			return &s.kinds[i], nil
		}
	}
	return nil, invalid(fmt.Errorf("kind: there is no %.40q", name))
}
