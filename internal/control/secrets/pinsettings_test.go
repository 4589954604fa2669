package secrets

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
)

// TestSettingsArePinned holds that the settings of a gateway refer to kept secrets as
// APIs do: pinned, so that a rotation makes other settings, listed as uses, and without
// changing what they were copied from.
func TestSettingsArePinned(t *testing.T) {
	settings := revision.Settings{
		SharedStorage: revision.SharedStorage{
			Address: "${secret:store/address}", Username: "u", Password: "${secret:store/redis}", SentinelPassword: "${secret:store/watch}",
			SentinelAddresses: []string{"a:1", "${secret:store/b}"}, TLS: json.RawMessage(`{"certificate":{"key":"${secret:store/key.key}"}}`),
		},
		Tracing: revision.Tracing{Address: "${secret:spans/address}", Headers: map[string]string{"x-key": "${secret:spans/key}", "x-team": "orders"}},
	}
	rev := revision.Revision{Settings: settings}
	version := 7
	pin := func(ref secret.Stored) (secret.Stored, error) {
		ref.Pins = []int{version}
		return ref, nil
	}
	if err := PinRevision(&rev, pin); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(rev.Settings)
	if err != nil || strings.Count(string(text), "@7}") != 7 || strings.Count(string(text), "${secret:") != 7 {
		t.Errorf("%s, %v: want seven references, all pinned", text, err)
	}
	if settings.Tracing.Headers["x-key"] != "${secret:spans/key}" || settings.SharedStorage.SentinelAddresses[1] != "${secret:store/b}" {
		t.Error("what the revision was copied from has changed")
	}
	version = 8
	if err := PinRevision(&rev, pin); err != nil || rev.Settings.SharedStorage.Password != "${secret:store/redis@8}" || rev.Settings.Tracing.Headers["x-key"] != "${secret:spans/key@8}" {
		t.Errorf("after a rotation: %+v, %v", rev.Settings, err)
	}
	var uses []string
	for _, use := range UsesOf(&rev, func(string) map[string]any { return nil }) {
		uses = append(uses, use.Resource+" "+use.Setting+" "+use.Reference)
	}
	for _, want := range []string{"shared storage password ${secret:store/redis}", "shared storage sentinelPassword ${secret:store/watch}", "tracing header x-key ${secret:spans/key}", "tracing address ${secret:spans/address}"} {
		if !strings.Contains(strings.Join(uses, "\n"), want) {
			t.Errorf("%q is not among the uses %q", want, uses)
		}
	}
	broken := errors.New("there is no such secret")
	for _, one := range []revision.Settings{{SharedStorage: revision.SharedStorage{Password: "${secret:store/none}"}}, {Tracing: revision.Tracing{Headers: map[string]string{"k": "${secret:store/none}"}}}} {
		rev := revision.Revision{Settings: one}
		if err := PinRevision(&rev, func(ref secret.Stored) (secret.Stored, error) { return ref, broken }); !errors.Is(err, broken) {
			t.Errorf("%+v: %v", one, err)
		}
	}
}
