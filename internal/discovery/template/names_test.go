package template

import "testing"

// TestNamesWithDigits holds names that have digits or capitals in them against codes.
func TestNamesWithDigits(t *testing.T) {
	t.Parallel()
	w := NewWords()
	for _, c := range []struct {
		segment string
		value   bool
	}{
		{"spruce-harbor-8", true},
		{"eagle-reef-07", true},
		{"blue_office_chair_12", true},
		{"annual-report-2021", false},
		{"top-10", false},
		{"covid-19", false},
		{"oauth2", false},
		{"wgs84ToOsgb36", false},
		{"utf8ToAscii", false},
		{"getUser360View", false},
		{"SrcStationToDstStationInfo", false},
		{"jSrcStationToDstStationInfo", false},
		{"AddTVShow", false},
		{"requestgmbaccess", false},
		{"sendsmsbulk", false},
		{"aB3xTo9QzLmn", true},
		{"Xk29fJq81LmP", true},
		{"kQzWvXbTrLpMnDs", true},
		{"qzxkvbwtrplm", true},
		{"order-12345", true},
		{"INV2024001", true},
	} {
		kind, _ := w.Classify(c.segment, 3)
		if kind.Value() != c.value {
			t.Errorf("%s is of kind %d, a value: %v, must be %v", c.segment, kind, kind.Value(), c.value)
		}
	}
	if kind, _ := w.Classify("web-app-2", 0); kind.Value() {
		t.Errorf("web-app-2 is a value at the front of a path")
	}
}
