package policy_test

import (
	"encoding/json"
	"testing"

	"farrier.dev/farrier/internal/policy"
)

func TestDecodeWithDefaults(t *testing.T) {
	schema := []byte(`{"properties":{
		"name":{"default":"a"}, "count":{"default":3}, "on":{"default":true}, "bare":{},
		"list":{"default":["x"]},
		"parts":{"items":{"properties":{"size":{"default":7},"kind":{}}}}}}`)
	type settings struct {
		Name  string
		Count int64
		On    bool
		Bare  string
		List  []string
		Parts []struct {
			Size int64
			Kind string
		}
	}
	for _, c := range []struct{ given, want string }{
		{`{}`, `{"Name":"a","Count":3,"On":true,"Bare":"","List":["x"],"Parts":null}`},
		{``, `{"Name":"a","Count":3,"On":true,"Bare":"","List":["x"],"Parts":null}`},
		{
			`{"name":"","count":0,"on":false,"list":[],"parts":[{"kind":"k"},{"size":9007199254740993}]}`,
			`{"Name":"","Count":0,"On":false,"Bare":"","List":[],"Parts":[{"Size":7,"Kind":"k"},{"Size":9007199254740993,"Kind":""}]}`,
		},
	} {
		var s settings
		if err := policy.DecodeWithDefaults(schema, json.RawMessage(c.given), &s); err != nil {
			t.Fatalf("%s: %v", c.given, err)
		}
		if got, _ := json.Marshal(s); string(got) != c.want {
			t.Errorf("%s: got %s, want %s", c.given, got, c.want)
		}
	}
	var s settings
	if err := policy.DecodeWithDefaults(schema, json.RawMessage(`{"nme":"x"}`), &s); err == nil {
		t.Error("an unknown setting was accepted")
	}
}
