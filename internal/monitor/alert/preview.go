package alert

import "time"

// Preview plays a rule over the past and counts how often it would have fired, with
// the times of the first ones. readings gives what would have been read at a time.
// Quiet hours do not matter: it is about how often there was a reason.
func Preview(r Rule, from, until time.Time, step time.Duration, readings func(now time.Time) []Reading) (fired int, first []time.Time) {
	const shown = 20
	r.Enabled, r.Quiet = true, nil
	r.RepeatMinutes = 0
	var s State
	for now := from; !now.After(until); now = now.Add(step) {
		var notices []Notice
		s, notices = Evaluate("preview", &r, s, readings(now), now)
		for i := range notices {
			if c := notices[i].Change; c == Fired || c == Happened {
				if fired++; len(first) < shown {
					first = append(first, now)
				}
			}
		}
	}
	return fired, first
}
