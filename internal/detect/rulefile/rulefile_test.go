package rulefile

import "testing"

func TestBuiltin(t *testing.T) {
	rules, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, r := range rules {
		if len(r.Bad) < 6 || len(r.Good) < 8 {
			t.Errorf("%s: %d bad and %d good examples, fewer than 6 and 8", r.File, len(r.Bad), len(r.Good))
		}
		played += len(r.Good) + len(r.Bad)
	}
	t.Logf("played %d examples of %d rules", played, len(rules))
	if played < 500 {
		t.Errorf("only %d examples were played", played)
	}
}
