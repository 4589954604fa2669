// Package risk says of one operation how much it matters: a score that adds up
// item by item, the business flows it belongs to, and the policies it lacks. It
// judges what was learned and what it is told; it looks nothing up.
package risk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"

	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/classify/sensitive"
)

// Weights are the points of each item, from 0 to 100, and the bounds of the levels. The
// sum of an operation's items is capped at 100.
type Weights struct {
	// ExposurePublic and ExposurePartner are for operations that are called from outside.
	ExposurePublic  int `yaml:"exposurePublic" json:"exposurePublic"`
	ExposurePartner int `yaml:"exposurePartner" json:"exposurePartner"`
	// NoAuthentication and PartialAuthentication are for good calls without credentials.
	NoAuthentication      int `yaml:"noAuthentication" json:"noAuthentication"`
	PartialAuthentication int `yaml:"partialAuthentication" json:"partialAuthentication"`
	// Sent and Received are for classes of data in requests and answers, by group.
	Sent     Groups `yaml:"sent" json:"sent"`
	Received Groups `yaml:"received" json:"received"`
	// PathID is for identifiers that clients choose.
	PathID int `yaml:"pathId" json:"pathId"`
	// FindingCritical to FindingLow are for each open finding; together they count at most FindingsMost.
	FindingCritical int `yaml:"findingCritical" json:"findingCritical"`
	FindingHigh     int `yaml:"findingHigh" json:"findingHigh"`
	FindingMedium   int `yaml:"findingMedium" json:"findingMedium"`
	FindingLow      int `yaml:"findingLow" json:"findingLow"`
	FindingsMost    int `yaml:"findingsMost" json:"findingsMost"`
	// NoRateLimit, NoValidation and NoDetection are for policies that are not in force.
	NoRateLimit  int `yaml:"noRateLimit" json:"noRateLimit"`
	NoValidation int `yaml:"noValidation" json:"noValidation"`
	NoDetection  int `yaml:"noDetection" json:"noDetection"`
	// Shadow, Zombie and Deprecated are for what traffic and descriptions say together.
	Shadow     int `yaml:"shadow" json:"shadow"`
	Zombie     int `yaml:"zombie" json:"zombie"`
	Deprecated int `yaml:"deprecated" json:"deprecated"`
	// Upload is for files in requests, Writes for methods that change something.
	Upload int `yaml:"upload" json:"upload"`
	Writes int `yaml:"writes" json:"writes"`
	// Parameters is for operations with at least ManyParameters parameters and fields.
	Parameters     int `yaml:"parameters" json:"parameters"`
	ManyParameters int `yaml:"manyParameters" json:"manyParameters"`
	// Medium and High are the scores from which the level is that.
	Medium int `yaml:"medium" json:"medium"`
	High   int `yaml:"high" json:"high"`
}

// Groups are points by group of sensitive data.
type Groups struct {
	Personal   int `yaml:"personal" json:"personal"`
	Payment    int `yaml:"payment" json:"payment"`
	Health     int `yaml:"health" json:"health"`
	Location   int `yaml:"location" json:"location"`
	Credential int `yaml:"credential" json:"credential"`
	Technical  int `yaml:"technical" json:"technical"`
	Own        int `yaml:"own" json:"own"`
}

func (g *Groups) of(group sensitive.Group) int {
	switch group {
	case sensitive.GroupPersonal:
		return g.Personal
	case sensitive.GroupPayment:
		return g.Payment
	case sensitive.GroupHealth:
		return g.Health
	case sensitive.GroupLocation:
		return g.Location
	case sensitive.GroupCredential:
		return g.Credential
	case sensitive.GroupTechnical:
		return g.Technical
	case sensitive.GroupOwn:
	}
	return g.Own
}

// Defaults are the published weights.
func Defaults() Weights {
	return Weights{
		ExposurePublic: 15, ExposurePartner: 6,
		NoAuthentication: 20, PartialAuthentication: 12,
		Sent:     Groups{Personal: 5, Payment: 8, Health: 8, Location: 2, Credential: 4, Technical: 0, Own: 5},
		Received: Groups{Personal: 10, Payment: 15, Health: 15, Location: 4, Credential: 12, Technical: 1, Own: 8},
		PathID:   8, FindingCritical: 25, FindingHigh: 15, FindingMedium: 6, FindingLow: 2, FindingsMost: 35,
		NoRateLimit: 5, NoValidation: 4, NoDetection: 5,
		Shadow: 12, Zombie: 10, Deprecated: 2,
		Upload: 6, Writes: 4, Parameters: 4, ManyParameters: 20,
		Medium: 30, High: 60,
	}
}

// maxWeights is the length of the longest text of weights.
const maxWeights = 64 << 10

// ParseWeights reads weights from YAML or JSON. What is not named keeps its default;
// a name that is none, and points beyond 0 to 100, are errors.
func ParseWeights(text []byte) (Weights, error) {
	w := Defaults()
	if len(text) > maxWeights {
		return w, fmt.Errorf("the weights are longer than %d bytes", maxWeights)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&w); err != nil && !errors.Is(err, io.EOF) {
		return Defaults(), fmt.Errorf("reading the weights: %w", err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return Defaults(), errors.New("reading the weights: one document is expected")
	}
	if err := w.Check(); err != nil {
		return Defaults(), err
	}
	return w, nil
}

// Check says what is wrong with weights.
func (w Weights) Check() error {
	if err := checkPoints("", reflect.ValueOf(w)); err != nil {
		return err
	}
	switch {
	case w.ManyParameters < 1:
		return errors.New("manyParameters must be at least 1")
	case w.Medium < 1 || w.Medium >= w.High:
		return errors.New("medium must be at least 1 and below high")
	}
	return nil
}

func checkPoints(prefix string, v reflect.Value) error {
	for i := range v.NumField() {
		name := prefix + v.Type().Field(i).Tag.Get("json")
		f := v.Field(i)
		if f.Kind() == reflect.Struct {
			if err := checkPoints(name+".", f); err != nil {
				return err
			}
			continue
		}
		if points := f.Int(); points < 0 || points > 100 {
			return fmt.Errorf("%s is %d; it must be from 0 to 100", name, points)
		}
	}
	return nil
}
