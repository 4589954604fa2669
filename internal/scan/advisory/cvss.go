package advisory

import (
	"math"
	"strings"

	"farrier.dev/farrier/internal/finding"
)

// baseScore is the base score of a vector of CVSS 3.0 or 3.1, from 0 to 10.
func baseScore(vector string) (float64, bool) {
	metrics := map[string]string{}
	for i, part := range strings.SplitN(vector, "/", 40) {
		name, value, found := strings.Cut(part, ":")
		if !found || i == 0 && name != "CVSS" || i == 0 && value != "3.0" && value != "3.1" {
			return 0, false
		}
		metrics[name] = value
	}
	changed := metrics["S"] == "C"
	privileges := map[string]float64{"N": 0.85, "L": 0.62, "H": 0.27}
	if changed {
		privileges = map[string]float64{"N": 0.85, "L": 0.68, "H": 0.5}
	}
	impact := map[string]float64{"H": 0.56, "L": 0.22, "N": 0}
	weights := map[string]map[string]float64{
		"AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
		"AC": {"L": 0.77, "H": 0.44},
		"PR": privileges,
		"UI": {"N": 0.85, "R": 0.62},
		"C":  impact, "I": impact, "A": impact,
	}
	weight := map[string]float64{}
	for name, values := range weights {
		w, known := values[metrics[name]]
		if !known {
			return 0, false
		}
		weight[name] = w
	}
	if s := metrics["S"]; s != "C" && s != "U" {
		return 0, false
	}
	base := 1 - (1-weight["C"])*(1-weight["I"])*(1-weight["A"])
	exploitability := 8.22 * weight["AV"] * weight["AC"] * weight["PR"] * weight["UI"]
	score := 6.42*base + exploitability
	if changed {
		score = 1.08 * (7.52*(base-0.029) - 3.25*math.Pow(base-0.02, 15) + exploitability)
	}
	if base <= 0 {
		return 0, true
	}
	return roundUp(math.Min(score, 10)), true
}

// roundUp rounds up to one decimal, as appendix A of CVSS 3.1 does.
func roundUp(score float64) float64 {
	n := int(math.Round(score * 100_000))
	if n%10_000 == 0 {
		return float64(n) / 100_000
	}
	return float64(n/10_000+1) / 10
}

// rated is the rating of a score.
func rated(score float64) finding.Severity {
	switch {
	case score >= 9:
		return finding.Critical
	case score >= 7:
		return finding.High
	case score >= 4:
		return finding.Medium
	case score > 0:
		return finding.Low
	}
	return finding.Info
}
