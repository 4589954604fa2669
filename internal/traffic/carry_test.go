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
