package sensitive

import "testing"

// TestForms proves each line of the published table by its example: where the
// place already speaks for the class, the value adds exactly the score.
func TestForms(t *testing.T) {
	for _, f := range Forms() {
		i, ok := indexOf(f.Class)
		if !ok {
			t.Fatalf("no class %q", f.Class)
		}
		var p points
		p[i] = 100
		b := best{points: &p}
		b.value(f.Example)
		if want := 100 + int16(f.Score*100+0.5); b.class != i || b.score != want {
			t.Errorf("%s, %s: %q has %s with %d, want %d", f.Class, f.What, f.Example, classes[b.class].class, b.score-100, want-100)
		}
	}
	t.Logf("proved %d forms", len(Forms()))
}
