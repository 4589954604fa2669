package scan

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/mule"
)

// exampleSecrets are the secrets that the examples of the rules about secrets hold.
const exampleSecrets = `Kt7-vremo2 q8ZkT2mV0xPaL5wRnB3sYd7u orders-Key-77 orders-Store-77 b1ll1ng-pass Wq9!tiger Wh-7741x Tz55-lager Hr_prod_9 3f0c9b1e7d
c2hvcDpUejU1LWxhZ2Vy t0pf-Deckel-99 9f8e7d6c5b4a MuleDemoKey12345 MyM4steR Sixteen-Letters1 vK3-99 hQ8v0Zr2LmP Regen-Schirm Broker_7 Q4WJ7X2 aZ81-kfQ7
2048-77x1 Zm9vYmFyYmF6 changeit Passw0rd 9D0eA7c41f Wolke-2024-x`

// TestNoSecretIsShown: findings of all rules in files that hold secrets show none.
func TestNoSecretIsShown(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	p := newPlan(set, &Options{Experimental: true, Tests: true, Now: exampleTime()}, nil)
	findings, held := 0, map[string]bool{}
	for _, x := range set.all {
		if !strings.HasPrefix(x.ID, "MS-SEC-") {
			continue
		}
		for _, e := range x.bad {
			project, err := mule.ReadFiles("", e.files)
			if err != nil {
				t.Fatal(err)
			}
			var source strings.Builder
			for _, name := range slices.Sorted(maps.Keys(e.files)) {
				source.WriteString(e.files[name])
			}
			for _, f := range p.judged(t.Context(), project).findings() {
				findings++
				told, err := json.Marshal(f)
				if err != nil {
					t.Fatal(err)
				}
				for secret := range strings.FieldsSeq(exampleSecrets) {
					held[secret] = held[secret] || strings.Contains(source.String(), secret)
					if strings.Contains(string(told), secret) {
						t.Errorf("%s shows %s: %s | %s", f.Rule, secret, f.Message, f.Excerpt)
					}
				}
			}
		}
	}
	t.Logf("%d findings in files with %d secrets", findings, len(held))
	if findings < 100 || slices.Contains(slices.Collect(maps.Values(held)), false) {
		t.Errorf("%d findings, secrets in examples: %v", findings, held)
	}
}
