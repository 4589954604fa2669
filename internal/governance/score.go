package governance

import (
	"math"

	"farrier.dev/farrier/internal/finding"
)

// Score is how good an API is, 0 to 100, with its parts.
type Score struct {
	// Total is the weighted sum of the parts, rounded; 0 for an invalid description.
	Total int `json:"total"`
	// Grade is A (90 and more), B (75), C (60), D (40) or F.
	Grade string `json:"grade"`
	// Parts are 0 to 100 each.
	Parts []ScorePart `json:"parts"`
}

// ScorePart is one part of a score.
type ScorePart struct {
	Name string `json:"name"`
	// Weight is how many of the 100 points it gives at most.
	Weight int `json:"weight"`
	Score  int `json:"score"`
}

// The parts of a score. A rule counts to security when it is of OWASP's list,
// but to data when it is about properties, resources or input (API3 and API4 of
// 2023), and to quality otherwise.
const (
	partSecurity = iota
	partData
	partQuality
)

var scoreParts = [...]ScorePart{
	partSecurity: {Name: "security", Weight: 50},
	partData:     {Name: "data validation", Weight: 30},
	partQuality:  {Name: "quality", Weight: 20},
}

// cost is what the first place that violates a rule takes from the 100 of a part.
var cost = [...]float64{finding.Info: 0.5, finding.Low: 2, finding.Medium: 5, finding.High: 12, finding.Critical: 25}

// Further places cost less and less, up to three times the first: a rule that
// is violated everywhere is one mistake made often. What is public weighs more.
const (
	maxTimes     = 3
	publicWeight = 1.5
)

func scoreOf(t *Target, violations []Violation) Score {
	type rule struct {
		part     int
		severity finding.Severity
		places   float64
	}
	rules := map[string]*rule{}
	invalid := false
	for i := range violations {
		v := &violations[i]
		if v.Waived != "" {
			continue
		}
		invalid = invalid || v.Ruleset == RuleInvalid && v.Violates
		key := v.Ruleset + " " + v.Rule
		if rules[key] == nil {
			rules[key] = &rule{part: partOf(v), severity: v.Severity}
		}
		rules[key].places++
	}
	weight := 1.0
	if t.Instance != nil && t.Instance.Labels["exposure"] == "public" {
		weight = publicWeight
	}
	var lost [len(scoreParts)]float64
	for _, r := range rules {
		lost[r.part] += weight * cost[r.severity] * math.Min(maxTimes, 1+math.Log10(r.places))
	}
	s := Score{Parts: make([]ScorePart, len(scoreParts))}
	total := 0.0
	for i, part := range scoreParts {
		left := math.Max(0, 100-lost[i])
		if invalid {
			left = 0
		}
		part.Score = int(math.Round(left))
		total += left * float64(part.Weight) / 100
		s.Parts[i] = part
	}
	s.Total = int(math.Round(total))
	s.Grade = grade(s.Total)
	return s
}

func partOf(v *Violation) int {
	switch v.Taxonomy.OWASP2023 {
	case "API3", "API4":
		return partData
	case "":
		if v.Taxonomy.CWE != 0 {
			return partSecurity
		}
		return partQuality
	}
	return partSecurity
}

func grade(total int) string {
	switch {
	case total >= 90:
		return "A"
	case total >= 75:
		return "B"
	case total >= 60:
		return "C"
	case total >= 40:
		return "D"
	}
	return "F"
}
