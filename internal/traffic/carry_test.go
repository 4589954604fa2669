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
