package traffic_test

import (
	"testing"

	"farrier.dev/farrier/internal/traffic"
)

func TestCarriedIsKeptByStep(t *testing.T) {
	var x traffic.Exchange
	one, two := new(int), new(int)
	if got := x.Carried(one); got != nil {
		t.Errorf("nothing was carried, got %v", got)
	}
	x.Carry(one, "first")
	x.Carry(two, "other")
	x.Carry(one, "second")
	if x.Carried(one) != "second" || x.Carried(two) != "other" {
		t.Errorf("carried %v and %v", x.Carried(one), x.Carried(two))
	}
}

// TestLentPropertiesStayAsTheyAre: who adds to them gets a map of its own.
func TestLentPropertiesStayAsTheyAre(t *testing.T) {
	lent := map[string]any{"slaId": "gold"}
	var first, second traffic.Authentication
	first.SetProperties(lent)
	first.SetProperty("sub", "ada")
	second.SetProperty("sub", "bob")
	second.SetProperties(lent)
	second.SetProperty("slaId", "lead")
	if len(lent) != 1 || lent["slaId"] != "gold" {
		t.Errorf("the lent map is %v", lent)
	}
	if first.Properties["slaId"] != "gold" || first.Properties["sub"] != "ada" || second.Properties["slaId"] != "lead" || second.Properties["sub"] != "bob" {
		t.Errorf("%v and %v", first.Properties, second.Properties)
	}
}

// TestManyStepsCarry: of as many steps as there may be each gets its own back,
// values and numbers.
func TestManyStepsCarry(t *testing.T) {
	var x traffic.Exchange
	steps := make([]int64, 64)
	for round := range int64(2) {
		for i := range steps {
			x.Carry(&steps[i], round)
			if i%2 == 0 {
				x.CarryNumbers(&steps[i], [3]int64{int64(i), round, 3})
			}
		}
	}
	for i := range steps {
		numbers, ok := x.CarriedNumbers(&steps[i])
		if x.Carried(&steps[i]) != int64(1) || ok != (i%2 == 0) || ok && numbers != [3]int64{int64(i), 1, 3} {
			t.Errorf("step %d carried %v and %v", i, x.Carried(&steps[i]), numbers)
		}
	}
	if _, ok := x.CarriedNumbers(&x); ok || x.Carried(&x) != nil {
		t.Error("who carried nothing has something")
	}
}
