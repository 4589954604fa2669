package messagelogging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/messagelogging"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) {
	policytest.PlayAll(t, 6, messagelogging.Policy(), messagelogging.Outbound(), messagelogging.SSE())
}

// logged is the message that the policy writes of a header's value.
func logged(t interface{ Fatal(...any) }, value string) string {
	compiled, err := messagelogging.Policy().Compile([]byte(`{"loggingConfiguration": [
		{"itemName": "x", "itemData": {"message": "#[attributes.headers.x]", "level": "INFO", "firstSection": true}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	step, err := compiled.Bind(policy.Env{Now: time.Now, Log: slog.New(slog.NewJSONHandler(&out, nil))})
	if err != nil {
		t.Fatal(err)
	}
	x := &traffic.Exchange{}
	x.Request.Header.Set("x", value)
	if v := step.Request(context.Background(), x); v.Stops() {
		t.Fatal("logging refused")
	}
	var line struct{ Msg string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	return line.Msg
}

// TestLinesAreBounded holds that whatever is logged is one line of printable
// text and at most 8 KiB.
func TestLinesAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := strings.Repeat(rapid.String().Draw(t, "part"), rapid.IntRange(1, 3000).Draw(t, "times"))
		got := logged(t, value)
		if len(got) > 8<<10 {
			t.Fatalf("%d bytes", len(got))
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Fatalf("%q holds something that is not printed", got[i:min(i+10, len(got))])
		}
	})
}

// TestLongSecrets holds that a secret at the end of what is read is not torn
// apart and shown.
func TestLongSecrets(t *testing.T) {
	jwt := "eyJhbGciOiJIUzI1NiJ9." + strings.Repeat("eyJhIjoiYiJ9", 600) + "." + strings.Repeat("c2ln", 20)
	for _, filler := range []int{0, 10, 1 << 10, 7 << 10} {
		value := strings.Repeat("a ", filler) + strings.Repeat(jwt+" ", 12)
		if got := logged(t, value); strings.Contains(got, "eyJ") || !strings.Contains(got, "[jwt]") && filler < 4<<10 {
			t.Errorf("behind %d: %.200q", filler, got)
		}
	}
}
